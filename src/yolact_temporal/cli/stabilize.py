"""`stabilize`: the masks of a finished run made steadier, as a further model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from yolact_temporal.cli.console import progress_bar
from yolact_temporal.cli.options import (
    add_destination_options,
    add_truth_options,
    command,
    destination,
    truth_options,
)
from yolact_temporal.cli.running import conclude, print_run


def add(commands: Any) -> None:
    """Add `stabilize`."""
    parser = command(
        commands,
        "stabilize",
        "stabilise the recorded masks of a finished run, and measure them beside the raw ones",
        "Stabilise the recorded masks of a finished run, without the model, into a new run folder that holds the raw "
        "masks and the stabilised ones as two models: tables, overlay, and a comparison of the two.",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument(
        "--method",
        action="append",
        required=True,
        metavar="NAME[:PARAMETERS]",
        help="how, such as vote:3 or sdf:alpha=0.5; may be repeated, each is a model of its own. `what-if` tells what "
        "each gains and costs",
    )
    parser.add_argument("--model", metavar="NAME", help="whose masks, where the run has several models")
    add_truth_options(parser)
    add_destination_options(parser, "folder in which the new run folder is made (default: stabilized)")
    parser.set_defaults(handler=run, out=Path("stabilized"))


def run(args: argparse.Namespace) -> int:
    """Stabilise the masks of a run."""
    from yolact_temporal.data.runs.reader import open_finished
    from yolact_temporal.temporal.stabilizing.registry import parse_method

    candidates = [parse_method(text) for text in args.method]
    name = open_finished(args.run).manifest.name

    from yolact_temporal.exchanging.stabilizing import StabilizeRequest, stabilize_run

    with progress_bar(args, name, None) as progress:
        request = StabilizeRequest(
            args.run,
            candidates,
            destination(args, name, drawing=progress.drawing, going_on=progress.going_on),
            args.model,
            args.ground_truth,
            truth_options(args),
        )
        done = stabilize_run(request, progress)
    print_run(args, done)
    return conclude(args, done)
