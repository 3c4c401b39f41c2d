"""`what-if`: finished runs, replayed through every stabiliser."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from yolact_temporal.cli.console import progress_bar, say
from yolact_temporal.cli.options import (
    add_output_options,
    add_plot_option,
    add_truth_options,
    command,
    truth_options,
)
from yolact_temporal.cli.running import IN_PART
from yolact_temporal.temporal.stabilizing.bounds import CostBounds, bounds_help


def add(commands: Any) -> None:
    """Add `what-if`."""
    parser = command(
        commands,
        "what-if",
        "say which way of stabilising recorded masks gains most, and what it costs; no model is run",
        "Replay finished runs through known ways of stabilising masks, in one pass over each clip, and put gains "
        "beside costs: deviation from the raw masks, lag, ghosts, and with a ground truth J, F, dtSSD and bias.",
    )
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="a run folder, or a folder of run folders"
    )
    parser.add_argument("--models", nargs="+", metavar="NAME", help="whose masks (default: every model's)")
    parser.add_argument(
        "--method",
        action="append",
        metavar="NAME[:PARAMETERS]",
        help="try this method alone, such as median:5; may be repeated (default: all, with several parameters)",
    )
    parser.add_argument(
        "--bound",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"set the most that a recommended method may cost; may be repeated. Bounds: {bounds_help()}",
    )
    add_truth_options(
        parser, "; for several clips a folder with a folder or file for each, named after the clip"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("what_if"),
        metavar="FOLDER",
        help="takes what_if.csv, what_if.md and what_if.png (default: what_if)",
    )
    add_plot_option(parser)
    add_output_options(parser)
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Replay finished runs through stabilisers and write what they gain and cost."""
    bounds = CostBounds().with_set(args.bound)

    import json

    from yolact_temporal.comparing.what_if import what_if
    from yolact_temporal.comparing.what_if_files import (
        claim_what_if,
        what_if_document,
        what_if_report,
        write_what_if,
    )
    from yolact_temporal.temporal.documents import as_console
    from yolact_temporal.temporal.stabilizing.registry import parse_method

    candidates = None if args.method is None else [parse_method(text) for text in args.method]
    claim_what_if(args.out, args.runs, args.ground_truth)
    with progress_bar(args, "what-if", None) as progress:
        result = what_if(
            args.runs,
            args.models,
            candidates,
            bounds,
            args.ground_truth,
            truth_options(args),
            progress=lambda _clip, done: progress(done),
        )
    write_what_if(result, args.out, plot=not args.no_plots)
    say(args, f"\n{as_console(what_if_report(result))}\n\n  Tables: {args.out / 'what_if.csv'}")
    if args.json:
        print(json.dumps(what_if_document(result), indent=2, ensure_ascii=False))
    return IN_PART if result.left_out else 0
