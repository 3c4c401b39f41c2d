"""The commands that run models over clips: analyze and demo."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolact_temporal.commands.comparing import compare_all, comparison_json
from yolact_temporal.commands.console import announce, at_least_one, progress_bar, say
from yolact_temporal.errors import InputError, UsageError, WeightsError, YolactTemporalError

if TYPE_CHECKING:
    from yolact_temporal.clip_run import FinishedRun
    from yolact_temporal.data.photo_film import PhotoFilm
    from yolact_temporal.data.photograph import Photograph

LOSSES = 4
"""Exit code of a run that is whole but for frames lost to corruption."""


def analyze(args: argparse.Namespace) -> int:
    """Measure each clip; a clip that fails does not keep the others from being measured."""
    from yolact_temporal.analyze import AnalyzeOptions
    from yolact_temporal.clip_run import run_clip
    from yolact_temporal.data.selection import check_range, parse_position
    from yolact_temporal.data.sources import expand_clips, open_clip

    clips = expand_clips(args.clips)
    names = [clip_name(clip) for clip in clips]
    _require_distinct(names)
    options = AnalyzeOptions(
        start=parse_position(args.start),
        end=None if args.end is None else parse_position(args.end),
        stride=args.stride,
        batch=at_least_one("--batch", args.batch),
    )
    check_range(options.start, options.end, options.stride)
    models = _models(args)

    def run(clip: str, name: str) -> FinishedRun:
        source = open_clip(clip, decoder=args.decoder, fps=args.fps)
        expected = _expected_frames(source.info.frame_count, options)
        with closing(source), progress_bar(args, name, expected) as progress:
            return run_clip(
                source,
                name,
                models,
                args.out / name,
                options,
                resume=args.resume,
                overwrite=args.overwrite,
                progress=progress,
            )

    return _run_all(args, {clip: partial(run, clip, name) for clip, name in zip(clips, names, strict=True)})


def demo(args: argparse.Namespace) -> int:
    """Measure on the photographs that ship with the package, or on a user's own, one run each."""
    from yolact_temporal.data.photo_film import PhotoFilm
    from yolact_temporal.data.photograph import photographs_in
    from yolact_temporal.demo import compare_motions, run_film

    photographs = None if args.photographs is None else photographs_in(args.photographs)
    batch = at_least_one("--batch", args.batch)
    models = _models(args)

    def run(film: PhotoFilm, name: str) -> FinishedRun:
        with progress_bar(args, name, len(film)) as progress:
            return run_film(
                film,
                name,
                models,
                args.out / name,
                batch=batch,
                resume=args.resume,
                overwrite=args.overwrite,
                progress=progress,
            )

    if photographs is not None:
        jobs = {str(own.path): partial(_filmed, own, args.seed, run) for own in photographs}
        return _run_all(args, jobs)
    film = PhotoFilm(seed=args.seed)
    done = run(film, "demo")
    print_run(args, done)
    say(args, f"\n{compare_motions(film, done, models)}")
    say(args, "\nNow your own clip:  yolact-temporal analyze CLIP.mp4")
    return conclude(args, [done], [])


def _filmed(photograph: Photograph, seed: int, run: Callable[[PhotoFilm, str], FinishedRun]) -> FinishedRun:
    """Make the film of one photograph, no sooner than its turn, and run it."""
    from yolact_temporal.data.photo_film import film_of

    return run(film_of(photograph, seed), photograph.name)


def _run_all(args: argparse.Namespace, jobs: Mapping[str, Callable[[], FinishedRun]]) -> int:
    """Make one run after another, and compare the models over all; a run that fails does not keep others from it.

    Args:
        args: of the command.
        jobs: by what they are of, such as a clip's path.
    """
    runs: list[FinishedRun] = []
    errors: list[YolactTemporalError] = []
    for what, run in jobs.items():
        try:
            done = run()
        except (InputError, UsageError) as error:
            if len(jobs) == 1:
                raise
            print(f"yolact-temporal: {what}: {error}", file=sys.stderr)
            errors.append(error)
            continue
        runs.append(done)
        print_run(args, done)
    if len(runs) > 1 and len(runs[0].result.stability) > 1:
        try:
            compare_all(args, [done.folder.path for done in runs], args.out)
        except InputError as error:  # the runs stand, whether they can be compared or not
            print(f"yolact-temporal: {error}", file=sys.stderr)
    return conclude(args, runs, errors)


def _models(args: argparse.Namespace) -> list[Any]:
    """Load the model and its baselines, and say which they are."""
    from yolact_temporal.models import chosen_models, load_model

    models = []
    for name in chosen_models(args.model, args.baseline, args.no_baseline):
        weights = args.weights if name == args.model else None
        try:
            models.append(load_model(name, args.score_threshold, args.device, args.precision, weights))
        except WeightsError as error:
            if name == args.model or args.baseline:
                raise
            raise WeightsError(f"{error}; or measure {args.model} alone with --no-baseline") from error
        announce(args, name)
    return models


def clip_name(clip: str) -> str:
    """Return the name of a clip's run folder: the file's name without its ending, or the folder's name."""
    path = Path(clip)
    if not path.name or path.name in (".", ".."):
        path = path.resolve()
    return path.name if path.is_dir() else path.stem


def _require_distinct(names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(
            f"expected clips of different names, got {twice[0]} more than once: analyze them one at a time, each with "
            f"an --out of its own"
        )


def _expected_frames(count: int | None, options: Any) -> int | None:
    """Frames that will be measured, where that can be told beforehand."""
    if count is None or isinstance(options.start, float) or isinstance(options.end, float):
        return None
    end = count if options.end is None else min(count, options.end)
    return max(0, -(-(end - options.start) // options.stride))


def print_run(args: argparse.Namespace, done: Any) -> None:
    """Print a run's figures, where they lie, and what was lost."""
    from yolact_temporal.clip_run import loss_sentence
    from yolact_temporal.quality import quality_lines
    from yolact_temporal.summary_text import CAVEAT, INTERVAL_NOTE, console_report
    from yolact_temporal.temporal.comparison.comparison_text import console_comparison

    say(args, console_report(done.name, done.result.stability, done.intervals))
    say(args, f"  {CAVEAT}\n  {INTERVAL_NOTE}")
    for line in quality_lines(done.quality):
        say(args, line)
    for pair in done.comparison.pairs:
        say(args, f"\n{done.name}: {console_comparison(pair.comparison, pair.verdict)}")
    for remark in done.comparison.remarks:
        say(args, f"  {remark}")
    say(args, f"  Results: {done.folder.path}")
    for loss in done.result.losses:
        print(f"yolact-temporal: {done.name}: {loss_sentence(loss)}", file=sys.stderr)
    if not args.quiet:
        for warning in done.result.warnings:
            print(f"yolact-temporal: {done.name}: {warning}", file=sys.stderr)


def conclude(args: argparse.Namespace, runs: list[Any], errors: list[YolactTemporalError]) -> int:
    """Print the machine-readable result where asked for, and return the exit code of all clips together."""
    code = max((error.exit_code for error in errors), default=0)
    if code == 0 and any(done.result.losses for done in runs):
        code = LOSSES
    if args.json:
        result = {
            "exit_code": code,
            "runs": [_run_json(done) for done in runs],
            "errors": [str(error) for error in errors],
        }
        print(json.dumps(result, indent=2, ensure_ascii=False))
    return code


def _run_json(done: Any) -> dict[str, Any]:
    from yolact_temporal.quality import quality_json
    from yolact_temporal.temporal.metrics import METRICS

    result = done.result
    return {
        "clip": done.name,
        "folder": str(done.folder.path),
        "frames": result.frames,
        "losses": [asdict(loss) for loss in result.losses],
        "warnings": list(result.warnings),
        "seconds": result.seconds,
        "models": {
            model: {
                name: {"unit": METRICS[name].unit} | figure._asdict()
                for name, figure in stability.figures.items()
            }
            for model, stability in result.stability.items()
        },
        "comparisons": [comparison_json(pair) for pair in done.comparison.pairs],
        "quality": [quality_json(own) for own in done.quality],
    }
