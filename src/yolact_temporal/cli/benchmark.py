"""`benchmark`: milliseconds a frame."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from yolact_temporal.cli.console import at_least_one, passing_note, say
from yolact_temporal.cli.options import WHY_SAMPLE, add_device_options, add_output_options, command


def add(commands: Any) -> None:
    """Add `benchmark`."""
    parser = command(
        commands,
        "benchmark",
        "time networks, stages and the whole of analyze in milliseconds a frame, or time the metrics",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--metrics",
        action="store_true",
        help="time the metrics instead, without any network: jitter and flicker of a synthetic 854x480 scene with 10 "
        "instances, J and F, T, and memory over a long clip",
    )
    parser.add_argument(
        "--models",
        nargs="+",
        metavar="NAME",
        help="models to time, named as for --model of analyze (default: both compact models, and YOLACT and Mask R-CNN "
        "on ResNet-50)",
    )
    parser.add_argument(
        "--stages",
        action="store_true",
        help="also say what each stage of analyze takes of the processor, and which stage waits for which",
    )
    parser.add_argument(
        "--frames",
        type=int,
        metavar="N",
        help="frames of each turn (default: 16; with --metrics 60)",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        metavar="N",
        help="rounds, in each of which everything that is compared takes a turn (default: 5)",
    )
    parser.add_argument("--clip", type=Path, metavar="CLIP", help="default: the demo's film at 854x480")
    add_device_options(parser)
    add_output_options(parser)
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Time networks and the whole of analyze, or the metrics."""
    for option, value in (("--frames", args.frames), ("--rounds", args.rounds)):
        if value is not None:
            at_least_one(option, value)
    if args.metrics:
        return _benchmark_metrics(args)
    _require(args)

    with passing_note(args, "loading PyTorch ..."):
        from yolact_temporal.benchmarking.network_table import format_benchmark
        from yolact_temporal.benchmarking.networks import FRAMES, run_benchmark

    figures = run_benchmark(
        args.models,
        frames=args.frames or FRAMES,
        clip=args.clip,
        device=args.device,
        precision=args.precision,
        rounds=args.rounds,
        why_every=WHY_SAMPLE,
    )
    if args.json:
        print(json.dumps(figures, indent=2))
    else:
        say(args, format_benchmark(figures, args.stages))
    return 0


def _require(args: argparse.Namespace) -> None:
    """Refuse what is wrong with the arguments before PyTorch is loaded."""
    from yolact_temporal.analyzing.chosen_models import require_known
    from yolact_temporal.yolact.how_to_run import require_device_name, require_precision

    for name in args.models or ():
        require_known(name)
    require_device_name(args.device)
    require_precision(args.precision)
    if args.clip is not None:
        from yolact_temporal.data.sources import require_clip

        require_clip(args.clip)


def _benchmark_metrics(args: argparse.Namespace) -> int:
    from yolact_temporal.benchmarking.metrics import format_metrics_benchmark, run_metrics_benchmark

    figures = run_metrics_benchmark(60 if args.frames is None else args.frames)
    if args.json:
        print(json.dumps(figures, indent=2))
    else:
        say(args, format_metrics_benchmark(figures))
    return 0
