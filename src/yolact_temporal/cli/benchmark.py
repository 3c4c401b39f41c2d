"""`benchmark`: milliseconds a frame."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from yolact_temporal.cli.console import at_least_one, say
from yolact_temporal.cli.options import add_device_options, add_output_options, command


def add(commands: Any) -> None:
    """Add `benchmark`."""
    parser = command(
        commands,
        "benchmark",
        "time networks, stages and the whole of analyze in milliseconds a frame, or the metrics, or long clips",
    )
    parser.add_argument(
        "--metrics",
        action="store_true",
        help="time the metrics instead, without any network: jitter and flicker of a synthetic 854x480 scene with 10 "
        "instances, J and F, T, and memory over a long clip",
    )
    parser.add_argument(
        "--long",
        action="store_true",
        help="measure long clips instead, without any network: peak memory, and seconds after the last frame, of "
        "synthetic masks of two models",
    )
    parser.add_argument(
        "--long-frames",
        nargs="+",
        type=int,
        metavar="N",
        help="with --long, frames of the clips (default: 1000 10000 100000, which takes hours)",
    )
    parser.add_argument(
        "--long-tracks",
        nargs="+",
        type=int,
        metavar="N",
        help="with --long, tracks in all of a clip (default: 10 1000 10000)",
    )
    parser.add_argument(
        "--long-truth", action="store_true", help="with --long, measure against true masks, too"
    )
    parser.add_argument("--plot", type=Path, metavar="PNG", help="with --long, draw the figures")
    parser.add_argument(
        "--models",
        nargs="+",
        metavar="NAME",
        help="models to time, named as for --model of analyze (default: both compact models, and YOLACT and Mask R-CNN "
        "on ResNet-50)",
    )
    parser.add_argument("--frames", type=int, default=60, metavar="N", help="frames a round (default: 60)")
    parser.add_argument("--clip", type=Path, metavar="CLIP", help="default: the demo's film at 854x480")
    add_device_options(parser)
    add_output_options(parser)
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Time networks and the whole of analyze, or the metrics, or long clips."""
    frames = at_least_one("--frames", args.frames)
    if args.long:
        return _benchmark_long_clips(args)
    if args.metrics:
        return _benchmark_metrics(args, frames)
    from yolact_temporal.analyzing.chosen_models import require_known

    for name in args.models or ():
        require_known(name)  # a wrong one is told before PyTorch is loaded

    from yolact_temporal.benchmarking.networks import format_benchmark, run_benchmark

    figures = run_benchmark(
        args.models,
        frames=frames,
        clip=args.clip,
        device=args.device,
        precision=args.precision,
    )
    if args.json:
        print(json.dumps(figures, indent=2))
    else:
        say(args, format_benchmark(figures))
    return 0


def _benchmark_metrics(args: argparse.Namespace, frames: int) -> int:
    from yolact_temporal.benchmarking.metrics import format_metrics_benchmark, run_metrics_benchmark

    figures = run_metrics_benchmark(frames)
    if args.json:
        print(json.dumps(figures, indent=2))
    else:
        say(args, format_metrics_benchmark(figures))
    return 0


def _benchmark_long_clips(args: argparse.Namespace) -> int:
    from yolact_temporal.benchmarking.long_clips import (
        FRAMES,
        TRACKS,
        format_long_benchmark,
        plot_long_benchmark,
        run_long_benchmark,
    )

    frames = [at_least_one("--long-frames", number) for number in args.long_frames or FRAMES]
    tracks = [at_least_one("--long-tracks", number) for number in args.long_tracks or TRACKS]
    figures = run_long_benchmark(frames, tracks, args.long_truth)
    if args.plot is not None:
        plot_long_benchmark(figures, args.plot)
    if args.json:
        print(json.dumps(figures, indent=2))
    else:
        say(args, format_long_benchmark(figures))
    return 0
