"""The commands about anybody's masks: score and export."""

from __future__ import annotations

import argparse
import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from yolact_temporal.commands.console import at_least_one, progress_bar, say
from yolact_temporal.commands.measure import clip_name, conclude, print_run
from yolact_temporal.errors import UsageError

if TYPE_CHECKING:
    from yolact_temporal.truth import TruthOptions


def score(args: argparse.Namespace) -> int:
    """Measure somebody's masks."""
    from yolact_temporal.scoring import ScoreOptions, require_name, run_name, score_masks

    threshold = args.score_threshold
    if not 0 <= threshold <= 1:
        raise UsageError(
            f"expected a score threshold from 0 to 1, got {threshold:g}: pass one to --score-threshold"
        )
    if args.fps is not None and not 1e-3 <= args.fps <= 1e6:
        raise UsageError(f"expected --fps above 0, got {args.fps:g}: pass the clip's frames a second")
    options = ScoreOptions(
        format=args.format,
        truth=truth_options(args),
        score_threshold=threshold,
        names=tuple(args.name or ()),
        class_names=None if args.classes is None else _class_names(args.classes),
        first_frame=args.first_frame,
        video=args.video,
        frames=None if args.frames is None else at_least_one("--frames", args.frames),
        fps=None if args.fps is None else Fraction(args.fps).limit_denominator(100_000),
    )
    name = args.clip_name or (clip_name(str(args.clip)) if args.clip else run_name(args.masks))
    require_name(name, "--clip-name")
    with progress_bar(args, name, None) as progress:
        done = score_masks(
            args.masks,
            name,
            args.out / name,
            options,
            clip=args.clip,
            truth=args.ground_truth,
            resume=args.resume,
            overwrite=args.overwrite,
            progress=progress,
        )
    print_run(args, done)
    return conclude(args, [done], [])


def export(args: argparse.Namespace) -> int:
    """Write a run's masks in an interchange format."""
    from yolact_temporal.exporting import export_run

    done = export_run(args.run, args.format, args.out, args.model)
    if args.json:
        result: dict[str, Any] = {
            "path": str(done.path),
            "format": args.format,
            "model": done.model,
            "frames": done.frames,
            "instances": done.instances,
            "tracks": done.tracks,
            "notes": list(done.notes),
        }
        print(json.dumps(result, indent=2, ensure_ascii=False))
        return 0
    say(
        args,
        f"{done.model}: {done.instances} instances in {done.tracks} tracks over {done.frames} frames: {done.path}",
    )
    for note in done.notes:
        say(args, f"  {note}")
    return 0


def truth_options(args: argparse.Namespace) -> TruthOptions:
    """Return what the arguments say of a ground truth.

    Raises:
        UsageError: if they say something of none.
    """
    from yolact_temporal.truth import TruthOptions

    given = {
        name: value
        for name in ("format", "first_frame", "video")
        if (value := getattr(args, f"ground_truth_{name}")) is not None
    }
    if given and args.ground_truth is None:
        option = f"--ground-truth-{min(given)}".replace("_", "-")
        raise UsageError(f"expected --ground-truth beside {option}, got none: pass the true masks too")
    return TruthOptions(**given)


def _class_names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(name and name.isprintable() for name in names) or len(set(names)) < len(names):
        raise UsageError(f"expected different class names parted by commas, got {text!r}: correct --classes")
    return names
