"""What the commands that make runs share: loading models, one clip after another, printing, comparing at the end."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolact_temporal.cli.console import announce, progress_bar, say
from yolact_temporal.errors import InputError, UsageError, WeightsError, YolactTemporalError

if TYPE_CHECKING:
    from yolact_temporal.analyzing.run_clip import FinishedRun
    from yolact_temporal.comparing.compare_runs import ComparisonResult
    from yolact_temporal.comparing.true_masks import TruthOptions
    from yolact_temporal.data.runs.manifest import FlowMethod

IN_PART = 4
"""Exit code of what is done but for frames lost to corruption, or for runs that were left out of a comparison."""


def run_all(args: argparse.Namespace, jobs: Mapping[str, Callable[[], FinishedRun]]) -> int:
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
        except (InputError, UsageError) as error:  # the runs stand, whether they can be compared or not
            print(f"yolact-temporal: {error}", file=sys.stderr)
    return conclude(args, runs, errors)


def load_models(args: argparse.Namespace) -> list[Any]:
    """Load the model and its baselines, and say which they are."""
    from yolact_temporal.analyzing.models import chosen_models, load_model, require_distinct

    models = []
    for name in chosen_models(args.model, args.baseline, args.no_baseline):
        weights = args.weights if name == args.model else None
        try:
            models.append(load_model(name, args.score_threshold, args.device, args.precision, weights))
        except WeightsError as error:
            if name == args.model or args.baseline:
                raise
            raise WeightsError(f"{error}; or measure {args.model} alone with --no-baseline") from error
        announce(args, models[-1].note)
    require_distinct([model.name for model in models])
    return models


def clip_name(clip: str) -> str:
    """Return the name of a clip's run folder: the file's name without its ending, or the folder's name."""
    path = Path(clip)
    if not path.name or path.name in (".", ".."):
        path = path.resolve()
    return path.name if path.is_dir() else path.stem


def print_run(args: argparse.Namespace, done: Any) -> None:
    """Print a run's figures, where they lie, and what was lost."""
    from yolact_temporal.analyzing.run_clip import run_report
    from yolact_temporal.data.frames import loss_sentence
    from yolact_temporal.temporal.documents import as_console

    say(args, f"\n{as_console(run_report(done, reading=False))}\n\n  Results: {done.folder.path}")
    for path in done.left:
        print(
            f"yolact-temporal: {done.name}: left {done.folder.path / path}, which this tool did not write",
            file=sys.stderr,
        )
    for loss in done.result.losses:
        print(f"yolact-temporal: {done.name}: {loss_sentence(loss)}", file=sys.stderr)
    if not args.quiet:
        for warning in done.result.warnings:
            print(f"yolact-temporal: {done.name}: {warning}", file=sys.stderr)


def conclude(args: argparse.Namespace, runs: list[Any], errors: list[YolactTemporalError]) -> int:
    """Print the machine-readable result where asked for, and return the exit code of all clips together."""
    code = max((error.exit_code for error in errors), default=0)
    if code == 0 and any(done.result.losses for done in runs):
        code = IN_PART
    if args.json:
        result = {
            "exit_code": code,
            "runs": [_run_json(done) for done in runs],
            "errors": [str(error) for error in errors],
        }
        print(json.dumps(result, indent=2, ensure_ascii=False))
    return code


def _run_json(done: Any) -> dict[str, Any]:
    from yolact_temporal.analyzing.against_truth import truth_fit_json
    from yolact_temporal.analyzing.run_clip import run_report
    from yolact_temporal.temporal.comparison.comparison_data import comparison_data
    from yolact_temporal.temporal.documents import as_data
    from yolact_temporal.temporal.metrics import REGISTRY

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
                name: {"unit": REGISTRY[name].unit} | figure._asdict()
                for name, figure in stability.figures.items()
            }
            for model, stability in result.stability.items()
        },
        "comparisons": [comparison_data(pair.comparison, pair.verdict) for pair in done.comparison.pairs],
        "quality": [truth_fit_json(own) for own in done.quality],
        "report": as_data(run_report(done)),
    }


def compare_all(
    args: argparse.Namespace,
    runs: Sequence[Path],
    out: Path,
    models: Sequence[str] | None = None,
    ground_truth: Path | None = None,
    truth_options: TruthOptions | None = None,
    motion: FlowMethod | None = None,
) -> ComparisonResult:
    """Compare runs over all their clips, write the tables into `out` and print them."""
    from yolact_temporal.comparing.compare_runs import (
        claim_comparison,
        compare_runs,
        comparison_report,
        write_comparison,
    )
    from yolact_temporal.temporal.documents import as_console

    claim_comparison(out, runs, ground_truth)
    with progress_bar(args, "compare", None) as progress:
        result = compare_runs(
            runs,
            models,
            ground_truth,
            truth_options,
            progress=lambda _clip, done: progress(done),
            motion=motion,
        )
    write_comparison(result, out, plots=not args.no_plots)
    say(args, f"\n{as_console(comparison_report(result))}\n\n  Comparison: {out / 'comparison.csv'}")
    return result
