"""`benchmark`: milliseconds a frame."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from yolact_temporal.analyzing.why_sample import WHY_SAMPLE
from yolact_temporal.cli.console import at_least_one, passing_note, say
from yolact_temporal.cli.options import add_device_options, add_output_options, command
from yolact_temporal.errors import UsageError

MODES = ("metrics", "flow", "long", "precision_noise", "engines", "table")
"""What may be asked for instead of the time of networks and analyze, by the name of the argument."""

Figures = TypeVar("Figures")
"""What a benchmark has found, as it goes into JSON."""


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
        "--flow",
        action="store_true",
        help="time every --motion of analyze instead, without any network, and tell how true each is, on a synthetic "
        "854x480 scene",
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
        "--precision-noise",
        action="store_true",
        help="measure instead how much jitter reduced precision itself adds: float16 and bfloat16 against float32 on "
        "the same frames (default: the models whose weights ship with the package)",
    )
    parser.add_argument(
        "--engines",
        action="store_true",
        help="time instead the forward pass by each engine that is installed, see --engine of analyze, on the CPU "
        "(default: yolact_compact)",
    )
    parser.add_argument(
        "--table",
        action="store_true",
        help="print Table 1 of the YOLACT paper on this machine instead: frames a second of every published preset (or "
        "of --models), by the network alone and by the whole of analyze; an hour or more "
        "on a CPU, less with few --frames and --rounds",
    )
    parser.add_argument(
        "--evaluations",
        nargs="+",
        type=Path,
        default=[],
        metavar="JSON",
        help="with --table, what `evaluate --json` printed of models, for their mask AP",
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
        help="frames of each turn (default: 16), or in all (default with --metrics and --precision-noise: 60)",
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
    """Time networks and the whole of analyze, or the metrics, or long clips."""
    for option, value in (("--frames", args.frames), ("--rounds", args.rounds)):
        if value is not None:
            at_least_one(option, value)
    chosen = [f"--{mode.replace('_', '-')}" for mode in MODES if getattr(args, mode)]
    if len(chosen) > 1:
        raise UsageError(
            f"expected one kind of benchmark, got {' and '.join(chosen)}: ask for one after the other"
        )
    if args.evaluations and not args.table:
        raise UsageError("expected --evaluations with --table, got it alone: pass --table, or leave it out")
    if args.long:
        return _benchmark_long_clips(args)
    if args.metrics:
        return _benchmark_metrics(args)
    if args.flow:
        return _benchmark_flow(args)
    _require(args)
    if args.precision_noise:
        return _precision_noise(args)
    if args.engines:
        return _engines(args)
    if args.table:
        return _table(args)

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
    return _tell(args, figures, partial(format_benchmark, stages=args.stages))


def _require(args: argparse.Namespace) -> None:
    """Refuse what is wrong with the arguments before PyTorch is loaded."""
    from yolact_temporal.yolact.how_to_run import require_device_name, require_precision

    require_device_name(args.device)
    require_precision(args.precision)

    from yolact_temporal.analyzing.chosen_models import require_known

    for name in args.models or ():
        require_known(name)
    if args.clip is not None:
        from yolact_temporal.data.sources import require_clip

        require_clip(args.clip)


def _benchmark_metrics(args: argparse.Namespace) -> int:
    from yolact_temporal.benchmarking.metrics import format_metrics_benchmark, run_metrics_benchmark

    figures = run_metrics_benchmark(**({} if args.frames is None else {"frames": args.frames}))
    return _tell(args, figures, format_metrics_benchmark)


def _benchmark_flow(args: argparse.Namespace) -> int:
    from yolact_temporal.benchmarking.flows import format_flow_benchmark, run_flow_benchmark

    return _tell(args, run_flow_benchmark(), format_flow_benchmark)


def _precision_noise(args: argparse.Namespace) -> int:
    with passing_note(args, "loading PyTorch ..."):
        from yolact_temporal.benchmarking.precision_noise import (
            FRAMES,
            format_precision_noise,
            run_precision_noise,
        )
    from yolact_temporal.yolact.families import model_entries

    bundled = [entry.name for entry in model_entries() if entry.weights.bundled is not None]
    figures = run_precision_noise(args.models or bundled, args.frames or FRAMES, args.clip, args.device)
    return _tell(args, figures, format_precision_noise)


def _engines(args: argparse.Namespace) -> int:
    with passing_note(args, "loading PyTorch ..."):
        from yolact_temporal.benchmarking.engines import format_engine_benchmark, run_engine_benchmark
        from yolact_temporal.benchmarking.networks import FRAMES

    figures = run_engine_benchmark(
        args.models or ["yolact_compact"], args.frames or FRAMES, args.clip, args.rounds
    )
    return _tell(args, figures, format_engine_benchmark)


def _table(args: argparse.Namespace) -> int:
    from yolact_temporal.benchmarking.evaluations import read_evaluations

    evaluations = read_evaluations(args.evaluations)
    with passing_note(args, "loading PyTorch ..."):
        from yolact_temporal.benchmarking.networks import FRAMES, run_benchmark
        from yolact_temporal.benchmarking.paper_table import format_paper_table, paper_table, table_models

    figures = run_benchmark(
        args.models or table_models(),
        frames=args.frames or FRAMES,
        clip=args.clip,
        device=args.device,
        precision=args.precision,
        rounds=args.rounds,
        pairs=False,
    )
    rows = paper_table(figures, evaluations)
    return _tell(
        args,
        {**figures, "table": rows},
        lambda found: format_paper_table(found, found["table"], evaluations),
    )


def _tell(args: argparse.Namespace, figures: Figures, table: Callable[[Figures], str]) -> int:
    """Print figures, for a machine or a person."""
    if args.json:
        print(json.dumps(figures, indent=2))
    else:
        say(args, table(figures))
    return 0


def _benchmark_long_clips(args: argparse.Namespace) -> int:
    from yolact_temporal.benchmarking.long_clips import (
        FRAMES,
        TRACKS,
        format_long_benchmark,
        long_row,
        plot_long_benchmark,
        run_long_benchmark,
    )

    frames = [at_least_one("--long-frames", number) for number in args.long_frames or FRAMES]
    tracks = [at_least_one("--long-tracks", number) for number in args.long_tracks or TRACKS]
    # It takes hours: each is told as it comes.
    figures = run_long_benchmark(
        frames, tracks, args.long_truth, lambda one: print(long_row(one), file=sys.stderr, flush=True)
    )
    if args.plot is not None:
        plot_long_benchmark(figures, args.plot)
    return _tell(args, figures, format_long_benchmark)
