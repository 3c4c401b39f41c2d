"""`analyze`: models over clips, the main job."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from yolact_temporal.cli.console import at_least_one, progress_bar
from yolact_temporal.cli.options import (
    add_run_options,
    add_why_option,
    command,
    destination,
    motion_options,
    rules,
    why_every,
)
from yolact_temporal.cli.running import (
    clip_name,
    load_models,
    require_how_to_run,
    require_models,
    run_all,
)
from yolact_temporal.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from yolact_temporal.analyzing.options import AnalyzeOptions
    from yolact_temporal.analyzing.run_clip import FinishedRun
    from yolact_temporal.data.selection import Position
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
        help="a video file, a folder of numbered images, a folder of clips, or a pattern such as '*.mp4'",
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
    add_run_options(parser)
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

    from yolact_temporal.analyzing.options import AnalyzeOptions
    from yolact_temporal.analyzing.request import RunRequest
    from yolact_temporal.analyzing.run_clip import run_clip
    from yolact_temporal.analyzing.stabilized_masks import with_followers
    from yolact_temporal.comparing.compare_runs import claim_comparison
    from yolact_temporal.data.sources import open_clip

    if len(asked.jobs) > 1:
        claim_comparison(args.out)
    options = AnalyzeOptions(
        start=asked.start,
        end=asked.end,
        stride=args.stride,
        batch=args.batch,
        record_soft=args.record_soft,
        why_every=why_every(args),
        **motion_options(args),
    )
    bounds = rules(args)
    models = load_models(args, cache(partial(_first_pictures, args, list(asked.jobs), options)))

    def run(clip: str, name: str) -> FinishedRun:
        """Open one clip and measure it."""
        source = open_clip(clip, decoder=args.decoder, fps=args.fps)
        expected = _expected_frames(source.info.frame_count, options)
        with closing(source), progress_bar(args, name, expected) as progress:
            return run_clip(
                source,
                with_followers(models, asked.methods, source.info.fps, options),
                RunRequest(destination(args, name, drawing=progress.drawing), options, rules=bounds),
                progress,
            )

    return run_all(args, {clip: partial(run, clip, name) for clip, name in asked.jobs.items()})


class _Asked(NamedTuple):
    """What is asked for: the name of each clip's run by the clip's path, the range of frames, and stabilisers."""

    jobs: dict[str, str]
    start: Position
    end: Position | None
    methods: Sequence[Candidate]


def _checked(args: argparse.Namespace) -> _Asked:
    """Read the arguments, and refuse what is wrong with them before anything heavy is loaded."""
    require_how_to_run(args)
    from yolact_temporal.data.selection import check_range, parse_position

    start = parse_position(args.start, "--start")
    end = None if args.end is None else parse_position(args.end, "--end")
    check_range(start, end, args.stride)
    at_least_one("--batch", args.batch)
    if args.prototypes is not None and args.why is False:
        raise UsageError("expected --prototypes without --no-why, got both: drop one")

    # These load PyAV, which what is wrong above need not wait for.
    from yolact_temporal.data.runs.guard import require_apart
    from yolact_temporal.data.sources import given_clips, require_decoder

    require_decoder(args.decoder)
    motion_options(args)
    rules(args)
    found = given_clips(args.clips)
    jobs = dict(zip(found.paths, _names(found.paths, args.clip_name), strict=True))
    for clip, name in jobs.items():
        require_apart(args.out / name, [Path(clip)])
    require_models(args)
    methods = _methods(args.stabilize) if args.stabilize else []
    needing = [own.name for own in methods if own.spec.needs_soft]
    if needing and not args.record_soft:
        raise UsageError(f"expected --record-soft beside --stabilize {needing[0]}, got none: add it")
    for remark in found.remarks:
        print(f"yolact-temporal: {remark}", file=sys.stderr)
    return _Asked(jobs, start, end, methods)


def _methods(given: Sequence[str]) -> list[Candidate]:
    """Read stabilisers, whose modules load more than a wrong argument elsewhere should wait for."""
    from yolact_temporal.temporal.stabilizing.registry import parse_method, require_causal

    return [require_causal(parse_method(text)) for text in given]


def _names(clips: Sequence[str], given: str | None) -> list[str]:
    """Return what to call clips: as told, else by their files' or folders' names."""
    from yolact_temporal.data.runs.names import require_free, twice_named

    if given is not None and len(clips) > 1:
        raise UsageError(
            f"expected one clip beside --clip-name, got {len(clips)}: analyze them one at a time"
        )
    names = [clip_name(clip) for clip in clips] if given is None else [given]
    twice = twice_named(names)
    if twice is not None:
        raise UsageError(
            f"expected clips of different names, got {twice} more than once: analyze them one at a time, each with "
            f"an --out of its own"
        )
    return [require_free(name, "--clip-name") for name in names]


def _first_pictures(
    args: argparse.Namespace, clips: Sequence[str], options: AnalyzeOptions
) -> list[NDArray[np.uint8]]:
    """Return the first frames that will be measured, of the first clip that can be read; empty where none can."""
    from yolact_temporal.analyzing.checked_precision import CHECKED_FRAMES
    from yolact_temporal.data.sources import open_clip, select_frames

    for clip in clips:
        try:
            with closing(open_clip(clip, decoder=args.decoder, fps=args.fps)) as source:
                selected = select_frames(source, options.start, options.end, options.stride)
                return [frame.rgb for frame in islice(selected, CHECKED_FRAMES)]
        except InputError:
            continue  # it is told when its turn comes
    return []


def _expected_frames(count: int | None, options: Any) -> int | None:
    """Frames that will be measured, where that can be told beforehand."""
    if count is None or isinstance(options.start, float) or isinstance(options.end, float):
        return None
    end = count if options.end is None else min(count, options.end)
    expected: int = max(0, -(-(end - options.start) // options.stride))
    return expected
