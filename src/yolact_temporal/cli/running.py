"""What the commands that make runs share: loading models, printing a run, comparing runs."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolact_temporal.cli.console import DRAWING, announce, passing_note, progress_bar, say
from yolact_temporal.cli.options import rules, segmenter_options
from yolact_temporal.errors import InputError, WeightsError

if TYPE_CHECKING:
    from yolact_temporal.analyzing.checked_precision import Pictures
    from yolact_temporal.analyzing.run_clip import FinishedRun
    from yolact_temporal.comparing.compare_runs import ComparisonResult
    from yolact_temporal.comparing.true_masks import TruthOptions
    from yolact_temporal.data.runs.manifest import FlowMethod

IN_PART = 4
"""Exit code of what is done but for frames lost to corruption, or for runs that were left out of a comparison."""


def require_how_to_run(args: argparse.Namespace) -> None:
    """Refuse a device, precision or engine that there is not; nothing heavy is loaded for it.

    Raises:
        UsageError: naming what is wrong.
    """
    from yolact_temporal.yolact.how_to_run import (
        AUTO,
        PRECISIONS,
        require_device_name,
        require_engine,
        require_precision,
    )

    require_device_name(args.device)
    require_precision(args.precision, (*PRECISIONS, AUTO))
    require_engine(args.engine, args.device, args.precision)


def require_models(args: argparse.Namespace) -> None:
    """Refuse models that there are not or that cannot run as asked, and thresholds that are none, before PyTorch loads.

    Raises:
        UsageError: naming what is wrong.
    """
    from yolact_temporal.analyzing.chosen_models import (
        chosen_models,
        require_engine_of,
        require_threshold,
    )

    chosen_models(args.model, args.baseline, args.no_baseline, segmenter_options(args))
    require_engine_of(args.model, args.engine)
    require_threshold(args.score_threshold)


def load_models(args: argparse.Namespace, pictures: Pictures) -> list[Any]:
    """Load the model and its baselines, and say which they are.

    Args:
        args: of the command.
        pictures: gives the first frames, by which the precision is chosen where that is asked for.
    """
    from yolact_temporal.analyzing.chosen_models import chosen_models, engine_of, require_distinct
    from yolact_temporal.yolact.families.registry import told_together
    from yolact_temporal.yolact.how_to_run import AUTO

    models = []
    names = chosen_models(args.model, args.baseline, args.no_baseline, segmenter_options(args))
    for name in names:
        weights = args.weights if name == names[0] else None
        try:
            with passing_note(args, f"loading {name} ..."):
                # These load PyTorch.
                from yolact_temporal.analyzing.checked_precision import load_checked
                from yolact_temporal.analyzing.models import ModelRequest, load_model

                engine = engine_of(name, args.engine)
                request = ModelRequest(
                    name, args.score_threshold, args.device, args.precision, weights, engine=engine
                )
                models.append(
                    load_checked(request, pictures) if args.precision == AUTO else load_model(request)
                )
        except WeightsError as error:
            if name == names[0] or args.baseline:
                raise
            raise WeightsError(f"{error}; or measure {args.model} alone with --no-baseline") from error
        if engine != args.engine:
            announce(args, f"{name} is run by {engine}: --engine {args.engine} cannot run it.")
        if (check := models[-1].manifest.get("precision_check")) is not None:
            announce(args, check)
    require_distinct([model.name for model in models])
    for note in told_together({model.name: model.note for model in models}):
        announce(args, note)
    return models


def print_run(
    args: argparse.Namespace, done: FinishedRun, alone: bool = True, spare: int = 0, notes: bool = False
) -> None:
    """Print the first lines of a run, all its figures if asked for, and what was lost.

    Args:
        args: of the command.
        done: the run.
        alone: whether it is the only one; of several, tables tell all together.
        spare: lines that the command has more to say.
        notes: whether to say what each model is, which `load_models` has said of those that it loaded.
    """
    from yolact_temporal.analyzing.run_clip import run_report
    from yolact_temporal.analyzing.truth_text import group_section
    from yolact_temporal.data.frames import loss_sentence
    from yolact_temporal.temporal.documents import as_console
    from yolact_temporal.temporal.metrics.davis_protocol import GROUP as DAVIS_AS_PUBLISHED
    from yolact_temporal.temporal.reading.first_lines import LINES, WIDTH, console_lines

    if (nothing := nothing_to_measure(done)) is not None:
        print(f"yolact-temporal: {done.name}: {nothing}", file=sys.stderr)
    elif args.verbose:
        report = as_console(run_report(done, reading=False, notes=notes))
        say(args, f"\n{report}\n\n  Results: {done.folder.path}")
    elif alone:
        say(args, console_lines(done.reading, _where(args, done), LINES - spare))
        published = group_section(DAVIS_AS_PUBLISHED, done.quality)
        if published is not None:
            say(args, f"\n{as_console(published, width=WIDTH)}")
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


def _where(args: argparse.Namespace, done: FinishedRun) -> list[str]:
    """Return where to look next, a phrase each: the report, the overlays if there are any, the dashboard."""
    folder = done.folder
    overlays = [model for model in done.reading.models if folder.model(model).overlay.is_file()]
    several = (
        "each model's overlay.mp4" if len(overlays) > 1 else f"{overlays[0]}/overlay.mp4" if overlays else ""
    )
    return [", ".join([str(folder.page), *([several] if several else [])]), dashboard_command(args.out)]


def dashboard_command(runs: Path) -> str:
    """Return what is typed to look at runs."""
    return f"yolact-temporal dashboard {shlex.quote(str(runs))}"


def nothing_to_measure(done: Any) -> InputError | None:
    """Return what to say of a run of a single frame, which has no pair of frames; None of any other."""
    if done.result.frames > 1:
        return None
    return InputError(
        f"expected at least two frames, got {done.result.frames}: there is nothing to measure; take a longer clip or "
        f"range, or a smaller --stride (what was seen is kept in {done.folder.path})"
    )


def conclude(args: argparse.Namespace, done: FinishedRun) -> int:
    """Print the machine-readable result of the one run there is, where asked for, and return the exit code."""
    nothing = nothing_to_measure(done)
    code = nothing.exit_code if nothing is not None else IN_PART if done.result.losses else 0
    if args.json:
        result = {
            "exit_code": code,
            "runs": [run_json(done)],
            "errors": [] if nothing is None else [str(nothing)],
        }
        print(json.dumps(result, indent=2, ensure_ascii=False))
    return code


def run_json(done: Any) -> dict[str, Any]:
    """Return what --json holds of one run."""
    from yolact_temporal.analyzing.against_truth import truth_fit_json
    from yolact_temporal.analyzing.run_clip import run_report
    from yolact_temporal.temporal.comparison.comparison_data import comparison_data
    from yolact_temporal.temporal.documents import as_data
    from yolact_temporal.temporal.metrics import REGISTRY
    from yolact_temporal.temporal.reading.clip_reading import reading_data

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
        "reading": reading_data(done.reading),
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
    from yolact_temporal.comparing.comparable_runs import run_folders
    from yolact_temporal.comparing.compare_runs import (
        claim_comparison,
        compare_runs,
        comparison_lines,
        comparison_report,
        write_comparison,
    )
    from yolact_temporal.comparing.comparison_page import write_comparison_page
    from yolact_temporal.data.runs.layout import COMPARISON_TEXT, REPORT_PAGE
    from yolact_temporal.temporal.documents import as_console
    from yolact_temporal.temporal.reading.first_lines import WIDTH

    bounds = rules(args)
    claim_comparison(out, runs, ground_truth)
    with progress_bar(args, "compare", None) as progress:
        result = compare_runs(
            runs,
            models,
            ground_truth,
            truth_options,
            progress=lambda _clip, done: progress(done),
            rules=bounds,
            motion=motion,
        )
    with ExitStack() as notes:
        if not args.no_plots:
            notes.enter_context(passing_note(args, DRAWING))
        write_comparison(result, out, plots=not args.no_plots, pair_plots=args.pair_plots)
        folders, _ = run_folders(runs)
        first, details = comparison_lines(result, brief=False), comparison_report(result, answered=True)
        write_comparison_page(out, first, details, folders, args.command_line)
    told = comparison_report(result) if args.verbose else comparison_lines(result)
    say(
        args,
        f"\n{as_console(told, width=WIDTH)}\n\n  Every figure: {out / REPORT_PAGE}, {out / COMPARISON_TEXT}",
    )
    return result
