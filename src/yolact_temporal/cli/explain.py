"""`explain`: what one mask of a finished run is assembled from, as a picture."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from yolact_temporal.cli.console import say
from yolact_temporal.cli.options import add_output_options, command
from yolact_temporal.errors import UsageError


def add(commands: Any) -> None:
    """Add `explain`."""
    parser = command(
        commands,
        "explain",
        "draw what one mask of a finished run is assembled from",
        "Run a model of a finished run on one frame and the one before, and draw what a mask is assembled from: "
        "prototypes and coefficients, or features; the mask before and after the crop, and with each part of the frame "
        "before in turn; the box on the grid. Says what the mask's jitter comes from in this pair of frames. The run "
        "stays as it is.",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument("--frame", type=int, required=True, metavar="FRAME", help="the frame, by its index")
    parser.add_argument("--model", metavar="NAME", help="whose mask, where the run has several models")
    parser.add_argument(
        "--track",
        type=int,
        metavar="ID",
        help="of which track, as in instances.csv (default: the best-scored one of the frame)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("explained.png"),
        metavar="PATH",
        help="the PNG (default: %(default)s)",
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="load the model's weights from this file"
    )
    parser.add_argument("--device", default="auto", help="auto, cuda, cuda:N, mps or cpu (default: auto)")
    add_output_options(parser)
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Explain one mask."""
    if args.frame < 0:
        raise UsageError(f"expected --frame of at least 0, got {args.frame}: frames are counted from 0")

    from yolact_temporal.exchanging.explaining import ExplainRequest, explain_mask

    done = explain_mask(
        ExplainRequest(args.run, args.frame, args.out, args.model, args.track, args.weights, args.device)
    )
    if args.json:
        result = {
            "path": str(done.path),
            "model": done.model,
            "frame": done.frame,
            "track_id": done.track,
            "values": dict(done.values),
            "sentences": list(done.sentences),
        }
        print(json.dumps(result, indent=2, ensure_ascii=False))
        return 0
    say(args, f"{done.model}, frame {done.frame}, track {done.track}: {done.path}")
    for sentence in done.sentences:
        say(args, f"  {sentence}")
    return 0
