"""`analyze`: models over clips, the main job."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolact_temporal.cli.clip_measuring import Asked, ClipMeasurer
from yolact_temporal.cli.console import at_least_one
from yolact_temporal.cli.options import add_run_options, add_why_option, command, motion_options, rules
from yolact_temporal.cli.running import conclude, print_run, require_how_to_run, require_models
from yolact_temporal.data.remote import clips_at, is_remote, name_of, require_store
from yolact_temporal.errors import UsageError

if TYPE_CHECKING:
    from yolact_temporal.cli.several import Measure
    from yolact_temporal.temporal.stabilizing.registry import Candidate


def add(commands: Any) -> None:
    """Add `analyze`."""
    parser = command(
        commands,
        "analyze",
        "measure how steady a model's masks are in clips, beside a baseline's",
        "Run YOLACT and a Mask R-CNN frame by frame over each clip, match instances across frames, measure jitter and "
        "flicker, compare the models on the objects that both see, and write tables, plots and overlay videos to a "
        "run folder.",
    )
    parser.add_argument(
        "clips",
        nargs="+",
        metavar="CLIP",
        help="a video file, a folder of numbered images, a folder of clips, a pattern such as '*.mp4', or @FILE, a "
        "text file with one of these a line",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=1,
        metavar="N",
        help="measure N clips at a time, each in a process of its own with its share of the cores (default: 1)",
    )
    parser.add_argument(
        "--runner",
        choices=("local", "ray"),
        default="local",
        help="who measures: processes of this machine, or a Ray cluster (pip install 'yolact-temporal[ray]'), with "
        "which clips and --out may be addresses of a store such as s3://bucket/clips/*.mp4 (default: local)",
    )
    parser.add_argument(
        "--ray-address",
        metavar="A",
        help="of the Ray cluster (default: the one that is there, else one made here)",
    )
    parser.add_argument(
        "--shard",
        metavar="I/N",
        help="of several clips take the I-th of N shares, such as 2/8, so that several machines or jobs of a cluster "
        "can share them out; `compare` joins the shares",
    )
    parser.add_argument(
        "--start",
        default="0",
        metavar="POS",
        help="where to begin: a plain number is the index of a frame, from 0; a time is 2.5s or 1:02.5 (minutes and "
        "seconds) or 1:00:05 (default: 0)",
    )
    parser.add_argument(
        "--end",
        metavar="POS",
        help="where to end, written as --start; the frame at that place is not measured",
    )
    parser.add_argument(
        "--stride", type=int, default=1, metavar="N", help="take every N-th frame (default: 1)"
    )
    parser.add_argument(
        "--decoder",
        default="auto",
        help="auto, decord or pyav (default: auto; run.json says which one was used and why)",
    )
    parser.add_argument(
        "--decode-timeout",
        type=float,
        metavar="SECONDS",
        help="how long a decoder may take for one frame before it is given up (default: 60)",
    )
    parser.add_argument("--fps", type=float, help="frames a second of a folder of images")
    parser.add_argument(
        "--clip-name", metavar="NAME", help="name of the clip and its run folder (default: the name of CLIP)"
    )
    parser.add_argument(
        "--stabilize",
        action="append",
        default=[],
        metavar="NAME[:PARAMETERS]",
        help="stabilise the masks of --model while it runs, as a further model, such as vote:3; may be repeated. "
        "`what-if` tells what each method gains and costs",
    )
    add_run_options(parser, store=True)
    add_why_option(parser)
    parser.add_argument(
        "--prototypes",
        type=int,
        metavar="FRAME",
        help="draw what the mask of the best-scored instance of this frame is assembled from, and what it would be "
        "with each part of the frame before: MODEL/prototypes.png",
    )
    parser.add_argument(
        "--record-soft",
        action="store_true",
        help="keep soft masks too, MODEL/soft.jsonl, about as large as the masks themselves: `what-if` and `stabilize` "
        "can then average them",
    )
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Measure each clip; a clip that fails does not keep the others from being measured."""
    asked = _checked(args)
    if len(asked.clips) == 1 and asked.shard is None and args.runner == "local":
        ((clip, name),) = asked.clips.items()
        done = ClipMeasurer(args, asked)(clip, name)
        print_run(args, done)
        return conclude(args, done)
    args.several = True
    if not asked.clips:
        print(f"yolact-temporal: no clip falls to share {args.shard}: there are fewer", file=sys.stderr)
        return 0

    from yolact_temporal.analyzing.clips_csv import claim_clips
    from yolact_temporal.cli.several import in_turn, in_workers, tell_outcomes
    from yolact_temporal.comparing.compare_runs import claim_comparison

    if not is_remote(args.out):
        claim_clips(args.out, asked.shard)
        if asked.shard is None:
            claim_comparison(args.out)
    ready = partial(_measure_what_is_missing, asked.clips)
    if args.runner == "ray":
        from yolact_temporal.cli.on_ray import on_ray

        outcomes = on_ray(args, asked.clips, ready)
    elif args.jobs > 1:
        outcomes = in_workers(args, asked.clips, ready, args.jobs)
    else:
        outcomes = in_turn(args, asked.clips, ClipMeasurer(args, asked).what_is_missing)
    return tell_outcomes(args, asked.clips, outcomes, asked.shard)


def _measure_what_is_missing(clips: Mapping[str, str], args: argparse.Namespace) -> Measure:
    """Load what it takes to measure clips, which were found before, in a process of its own."""
    return ClipMeasurer(args, _checked(args, clips)).what_is_missing


def _checked(args: argparse.Namespace, found: Mapping[str, str] | None = None) -> Asked:
    """Read the arguments, and refuse what is wrong with them before anything heavy is loaded.

    Args:
        args: of the command.
        found: the clips, with the names of their runs, if they were looked for before.
    """
    require_how_to_run(args)
    from yolact_temporal.data.selection import check_range, parse_position

    start = parse_position(args.start, "--start")
    end = None if args.end is None else parse_position(args.end, "--end")
    check_range(start, end, args.stride)
    at_least_one("--batch", args.batch)
    at_least_one("--jobs", args.jobs)
    shard = None if args.shard is None else _shard(args.shard)
    if args.prototypes is not None and args.why is False:
        raise UsageError("expected --prototypes without --no-why, got both: drop one")

    # These load PyAV, which what is wrong above need not wait for.
    from yolact_temporal.cli.runners import require_runner
    from yolact_temporal.data.runs.guard import require_apart
    from yolact_temporal.data.sources import require_decoder, require_timeout

    require_decoder(args.decoder)
    if args.decode_timeout is not None:
        require_timeout(args.decode_timeout)
    motion_options(args)
    rules(args)
    require_runner(args)
    clips = _clips(args, shard) if found is None else found
    for clip, name in clips.items():
        if not (is_remote(args.out) or is_remote(clip)):
            require_apart(args.out / name, [Path(clip)])
    require_models(args)
    methods = _methods(args.stabilize) if args.stabilize else []
    needing = [own.name for own in methods if own.spec.needs_soft]
    if needing and not args.record_soft:
        raise UsageError(f"expected --record-soft beside --stabilize {needing[0]}, got none: add it")
    return Asked(clips, start, end, methods, shard)


def _clips(args: argparse.Namespace, shard: tuple[int, int] | None) -> dict[str, str]:
    """Return the clips of a share of those given, with the names of their runs; what is passed over is said."""
    from yolact_temporal.data.sources import given_clips

    elsewhere = [given for given in args.clips if args.runner == "ray" and is_remote(given)]
    for given in elsewhere:
        require_store(given)
    found = given_clips([given for given in args.clips if given not in elsewhere])
    paths = [*found.paths, *(clip for given in elsewhere for clip in clips_at(given))]
    for remark in found.remarks:
        print(f"yolact-temporal: {remark}", file=sys.stderr)
    named = list(zip(paths, _names(paths, args.clip_name), strict=True))
    number, of = shard or (1, 1)
    return dict(named[number - 1 :: of])


def _shard(given: str) -> tuple[int, int]:
    """Read which share of the clips is meant, such as 2/8."""
    number, slash, of = given.partition("/")
    if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise UsageError(
            f"expected --shard such as 2/8, the second of eight shares, got {given!r}: count shares from 1"
        )
    return int(number), int(of)


def _methods(given: Sequence[str]) -> list[Candidate]:
    """Read stabilisers, whose modules load more than a wrong argument elsewhere should wait for."""
    from yolact_temporal.temporal.stabilizing.registry import parse_method, require_causal

    return [require_causal(parse_method(text)) for text in given]


def _names(clips: Sequence[str], given: str | None) -> list[str]:
    """Return what to call clips: as told, else by their files' or folders' names."""
    from yolact_temporal.data.runs.names import clip_name, require_free, twice_named

    if given is not None and len(clips) > 1:
        raise UsageError(
            f"expected one clip beside --clip-name, got {len(clips)}: analyze them one at a time"
        )
    named = [name_of(clip) if is_remote(clip) else clip_name(clip) for clip in clips]
    names = named if given is None else [given]
    twice = twice_named(names)
    if twice is not None:
        raise UsageError(
            f"expected clips of different names, got {twice} more than once: analyze them one at a time, each with "
            f"an --out of its own"
        )
    return [require_free(name, "--clip-name") for name in names]
