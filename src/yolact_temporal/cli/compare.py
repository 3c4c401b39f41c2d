"""`compare`: the models of finished runs, compared."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from yolact_temporal.cli.options import (
    add_bound_option,
    add_motion_option,
    add_plot_option,
    add_reading_options,
    add_truth_options,
    command,
    motion_option,
    rules,
    truth_options,
)
from yolact_temporal.cli.running import IN_PART, compare_all


def add(commands: Any) -> None:
    """Add `compare`."""
    parser = command(
        commands,
        "compare",
        "say which model is steadier, who blinks less and who sees more, on the same objects",
        "Compare the models of finished runs on the same objects, so that a model which drops the hard ones cannot "
        "win. Each question is answered by itself: whose outlines move less where both see an object, who blinks less, "
        "who sees more, and with a ground truth whose masks are truer. From 7 clips on the answers speak of clips such "
        "as these; with fewer, of these only.",
    )
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="a run folder, or a folder of run folders"
    )
    parser.add_argument(
        "--models", nargs="+", metavar="NAME", help="which models (default: all that every clip was run with)"
    )
    add_truth_options(
        parser, "; for several clips a folder with a folder or file for each, named after the clip"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("comparison"),
        metavar="FOLDER",
        help="folder for comparison.csv, comparison.md, comparison.json and the picture (default: comparison)",
    )
    add_bound_option(parser)
    add_motion_option(
        parser, "estimate the motion again, by one of those of analyze (default: as in the runs)"
    )
    add_plot_option(parser)
    add_reading_options(parser)
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Compare the models of finished runs and write the tables beside them."""
    import json

    from yolact_temporal.comparing.comparable_runs import run_folders

    rules(
        args
    )  # what is wrong with the arguments, and what is no run, is told before anything heavy is loaded
    run_folders(args.runs)

    from yolact_temporal.comparing.compare_runs import comparison_document

    result = compare_all(
        args,
        args.runs,
        args.out,
        args.models,
        args.ground_truth,
        truth_options(args),
        motion_option(args),
    )
    if args.json:
        print(json.dumps(comparison_document(result), indent=2, ensure_ascii=False))
    if args.json or args.quiet:  # else the report says it
        for sentence in result.left_out:
            print(f"yolact-temporal: {sentence}", file=sys.stderr)
    return IN_PART if result.left_out else 0
