"""`score`: somebody's masks in place of a model's."""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path
from typing import Any

from yolact_temporal.cli.console import at_least_one, progress_bar
from yolact_temporal.cli.options import (
    FORMAT_NAMES,
    add_bound_option,
    add_destination_options,
    add_motion_options,
    add_truth_options,
    command,
    destination,
    motion_options,
    rules,
    truth_options,
)
from yolact_temporal.cli.running import conclude, print_run
from yolact_temporal.errors import UsageError


def add(commands: Any) -> None:
    """Add `score`."""
    parser = command(
        commands,
        "score",
        "measure how steady masks are that you already have",
        "Measure masks that you already have: YouTube-VIS or COCO results, MOTS text or PNG, a DAVIS folder, or a "
        "masks.jsonl. Writes the same run folder as analyze. If the masks say which object is which, "
        "these are the tracks; otherwise instances are matched across frames. "
        "Without the clip, what needs motion is undefined.",
    )
    parser.add_argument(
        "masks",
        nargs="+",
        type=Path,
        metavar="MASKS",
        help="a file or folder of masks; give several to measure several models on one clip",
    )
    parser.add_argument(
        "--clip",
        type=Path,
        metavar="CLIP",
        help="the clip that the masks belong to: a video or a folder of images",
    )
    add_truth_options(parser)
    parser.add_argument(
        "--protocol",
        choices=("davis",),
        help="measure against --ground-truth as DAVIS publishes it, too: all masks of a frame are one object, nothing "
        "is matched",
    )
    parser.add_argument(
        "--format",
        metavar="F",
        help=f"format of the masks: {FORMAT_NAMES} (default: recognised by name and first bytes)",
    )
    parser.add_argument(
        "--name",
        action="append",
        metavar="NAME",
        help="a name for the masks; one for each file or folder, in order",
    )
    parser.add_argument(
        "--clip-name", metavar="NAME", help="what to call the clip (default: by --clip, or the masks)"
    )
    parser.add_argument(
        "--classes", metavar="A,B,...", help="names of the classes in order, separated by commas"
    )
    parser.add_argument(
        "--score-threshold", type=float, default=0.0, metavar="S", help="count instances above S (default: 0)"
    )
    parser.add_argument("--fps", type=float, help="frames a second, where neither clip nor masks say so")
    parser.add_argument(
        "--frames", type=int, metavar="N", help="frames of the clip, where neither clip nor masks say so"
    )
    parser.add_argument(
        "--first-frame", type=int, metavar="N", help="the number by which the masks count the first frame"
    )
    parser.add_argument(
        "--video", type=int, metavar="ID", help="which video, where YouTube-VIS masks hold several"
    )
    add_motion_options(parser)
    add_destination_options(parser, "folder in which the run folder is made (default: runs)")
    add_bound_option(parser)
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Measure somebody's masks."""
    motion = motion_options(args)
    _check(args)

    from yolact_temporal.data.runs.names import clip_name, require_free
    from yolact_temporal.exchanging.scoring import (
        ScoreOptions,
        ScoreRequest,
        run_name,
        score_masks,
    )

    options = ScoreOptions(
        format=args.format,
        truth=truth_options(args),
        rules=rules(args),
        protocol=args.protocol,
        score_threshold=args.score_threshold,
        names=tuple(args.name or ()),
        class_names=None if args.classes is None else _class_names(args.classes),
        first_frame=args.first_frame,
        video=args.video,
        frames=None if args.frames is None else at_least_one("--frames", args.frames),
        fps=None if args.fps is None else Fraction(args.fps).limit_denominator(100_000),
        **motion,
    )
    name = args.clip_name or (clip_name(str(args.clip)) if args.clip else run_name(args.masks))
    require_free(name, "--clip-name")
    with progress_bar(args, name, None) as progress:
        done = score_masks(
            ScoreRequest(
                args.masks,
                destination(args, name, drawing=progress.drawing, going_on=progress.going_on),
                options,
                clip=args.clip,
                truth=args.ground_truth,
            ),
            progress,
        )
    print_run(args, done, notes=True)
    return conclude(args, done)


def _check(args: argparse.Namespace) -> None:
    """Refuse what is wrong with the arguments before anything heavy is loaded."""
    from yolact_temporal.analyzing.chosen_models import require_threshold
    from yolact_temporal.data.formats import format_of
    from yolact_temporal.data.sources import require_clip

    require_threshold(args.score_threshold)
    if args.fps is not None and not 1e-3 <= args.fps <= 1e6:
        raise UsageError(f"expected --fps above 0, got {args.fps:g}: pass the clip's frames a second")
    if args.protocol is not None and args.ground_truth is None:
        raise UsageError("expected --ground-truth beside --protocol, got none: pass the true masks too")
    rules(args)
    for path in args.masks:
        format_of(path, args.format)
    if args.ground_truth is not None:
        format_of(args.ground_truth, args.ground_truth_format, "--ground-truth-format")
    if args.clip is not None:
        require_clip(args.clip)


def _class_names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(name and name.isprintable() for name in names) or len(set(names)) < len(names):
        raise UsageError(
            f"expected different class names separated by commas, got {text!r}: correct --classes"
        )
    return names
