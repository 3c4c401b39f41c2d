"""What each command does: arguments in, exit code out; prints the result and leaves the work to libraries."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from yolact_temporal.errors import InputError, UsageError, YolactTemporalError

LOSSES = 4
"""Exit code of a run that is whole but for frames lost to corruption."""


def run(args: argparse.Namespace) -> int:
    """Run the command that was parsed and return the exit code."""
    handlers: dict[str, Callable[[argparse.Namespace], int]] = {
        "analyze": analyze,
        "demo": demo,
        "weights": weights,
        "train": train,
        "evaluate": evaluate,
        "benchmark": benchmark,
    }
    return handlers[args.command](args)


def analyze(args: argparse.Namespace) -> int:
    """Measure each clip; a clip that fails does not keep the others from being measured."""
    from yolact_temporal.analyze import AnalyzeOptions
    from yolact_temporal.clip_run import FinishedRun, run_clip
    from yolact_temporal.data.selection import check_range, parse_position
    from yolact_temporal.data.sources import open_clip
    from yolact_temporal.models import load_model

    names = [clip_name(clip) for clip in args.clips]
    _require_distinct(names)
    options = AnalyzeOptions(
        start=parse_position(args.start),
        end=None if args.end is None else parse_position(args.end),
        stride=args.stride,
        batch=_at_least_one("--batch", args.batch),
    )
    check_range(options.start, options.end, options.stride)
    model = load_model(args.model, args.score_threshold, args.device, args.precision, args.weights)
    _announce(args, model.name)
    runs: list[FinishedRun] = []
    errors: list[YolactTemporalError] = []
    for clip, name in zip(args.clips, names, strict=True):
        try:
            source = open_clip(clip, decoder=args.decoder, fps=args.fps)
            try:
                with _progress(args, name, _expected_frames(source.info.frame_count, options)) as progress:
                    done = run_clip(
                        source,
                        name,
                        [model],
                        args.out / name,
                        options,
                        resume=args.resume,
                        overwrite=args.overwrite,
                        progress=progress,
                    )
            finally:
                source.close()
        except (InputError, UsageError) as error:
            if len(args.clips) == 1:
                raise
            print(f"yolact-temporal: {clip}: {error}", file=sys.stderr)
            errors.append(error)
            continue
        runs.append(done)
        _print_run(args, done)
    return _conclude(args, runs, errors)


def demo(args: argparse.Namespace) -> int:
    """Measure on the photographs that ship with the package."""
    from yolact_temporal.demo import run_demo
    from yolact_temporal.models import load_model

    model = load_model(args.model, args.score_threshold, args.device, args.precision, args.weights)
    _announce(args, model.name)
    with _progress(args, "demo", None) as progress:
        done, moves = run_demo(
            model,
            args.out / "demo",
            seed=args.seed,
            batch=_at_least_one("--batch", args.batch),
            resume=args.resume,
            overwrite=args.overwrite,
            progress=progress,
        )
    _print_run(args, done)
    _say(args, f"\n{moves}\n\nNow your own clip:  yolact-temporal analyze CLIP.mp4")
    return _conclude(args, [done], [])


def weights(args: argparse.Namespace) -> int:
    """List, fetch, import or verify weights."""
    from yolact_temporal.yolact import weights as store

    if args.action == "list":
        rows = store.list_weights()
        if args.json:
            print(json.dumps([asdict(row) for row in rows], indent=2))
            return 0
        for row in rows:
            size = "" if row.size is None else f"{row.size / 1e6:.1f} MB"
            print(
                f"{row.name:<24} {row.state:<11} {size:>9}  {(row.sha256 or '')[:12]:<12}  {row.origin}".rstrip()
            )
        return 0
    if args.action == "fetch":
        with store.progress_bar(args.name, quiet=args.quiet) as progress:
            found = store.fetch(args.name, progress=progress)
        if not args.quiet:
            print(f"{args.name}: sha256 {found.sha256}, in {found.path}")
        return 0
    if args.action == "import":
        found = store.import_file(args.file, args.model)
        print(f"{found.name}: sha256 {found.sha256}, in {found.path}")
        return 0
    report = store.verify(args.file, args.model)
    print(report)
    return 0 if report.ok else InputError.exit_code


def train(args: argparse.Namespace) -> int:
    """Train a model."""
    from yolact_temporal.data.files import space_for
    from yolact_temporal.yolact.training import TrainingOptions
    from yolact_temporal.yolact.training import train as run_training

    options = TrainingOptions(
        model=args.model,
        annotations=args.annotations,
        images=args.images,
        output=args.out,
        iterations=args.iterations,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        max_minutes=args.max_minutes,
        input_size=args.input_size,
        val_annotations=args.val_annotations,
        val_images=args.val_images,
        evaluate_every=args.evaluate_every,
        checkpoint_every=args.checkpoint_every,
        workers=args.workers,
        cache="decoded" if args.cache else "none",
        device=args.device,
        precision=args.precision,
        seed=args.seed,
        resume=args.resume,
        init_backbone=args.backbone,
        init_weights=args.init,
        progress=not (args.quiet or args.json),
    )
    with space_for(args.out):
        result = run_training(options)
    if result.interrupted:
        raise KeyboardInterrupt
    if args.json:
        print(json.dumps(asdict(result)))
    else:
        best = "" if result.best is None else f", best AP50 {result.best:.3f}"
        _say(args, f"{result.iteration} iterations done{best}: weights are in {args.out}")
    return 0


def evaluate(args: argparse.Namespace) -> int:
    """Report AP on COCO-format data."""
    from yolact_temporal.models import load_model
    from yolact_temporal.yolact.evaluation import evaluate as run_evaluation

    model = load_model(args.model, 0.0, args.device, args.precision, args.weights)
    with _progress(args, args.model, None, unit="image") as progress:
        figures = run_evaluation(
            model.segmenter,
            args.annotations,
            args.images,
            args.results,
            progress=lambda done, _total: progress(done),
        )
    if args.json:
        print(json.dumps(figures, indent=2))
    else:
        _say(args, _evaluation_table(figures))
    return 0


def benchmark(args: argparse.Namespace) -> int:
    """Time networks and the whole of analyze."""
    from yolact_temporal.benchmark import format_benchmark, run_benchmark

    figures = run_benchmark(
        args.models,
        frames=_at_least_one("--frames", args.frames),
        clip=args.clip,
        device=args.device,
        precision=args.precision,
    )
    if args.json:
        print(json.dumps(figures, indent=2))
    else:
        _say(args, format_benchmark(figures))
    return 0


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


def _at_least_one(option: str, value: int) -> int:
    if value < 1:
        raise UsageError(f"expected {option} of 1 or more, got {value}: pass a positive whole number")
    return value


def _expected_frames(count: int | None, options: Any) -> int | None:
    """Frames that will be measured, where that can be told beforehand."""
    if count is None or isinstance(options.start, float) or isinstance(options.end, float):
        return None
    end = count if options.end is None else min(count, options.end)
    return max(0, -(-(end - options.start) // options.stride))


@contextmanager
def _progress(
    args: argparse.Namespace, label: str, total: int | None, unit: str = "frame"
) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr, unless that is no terminal or quiet was asked for."""
    with tqdm(
        desc=label, total=total, unit=unit, disable=True if args.quiet else None, dynamic_ncols=True
    ) as bar:

        def show(done: int) -> None:
            bar.update(done - bar.n)

        yield show


def _say(args: argparse.Namespace, text: str) -> None:
    if not (args.quiet or args.json):
        print(text)


def _announce(args: argparse.Namespace, model: str) -> None:
    """Say first which model measures; on stderr where stdout is for machines."""
    from yolact_temporal.models import model_note

    if not args.quiet:
        print(model_note(model), file=sys.stderr if args.json else sys.stdout, flush=True)


def _print_run(args: argparse.Namespace, done: Any) -> None:
    from yolact_temporal.clip_run import loss_sentence
    from yolact_temporal.summary_text import CAVEAT, console_report

    _say(args, console_report(done.name, done.result.stability))
    _say(args, f"  {CAVEAT}\n  Results: {done.folder.path}")
    for loss in done.result.losses:
        print(f"yolact-temporal: {done.name}: {loss_sentence(loss)}", file=sys.stderr)
    if not args.quiet:
        for warning in done.result.warnings:
            print(f"yolact-temporal: {done.name}: {warning}", file=sys.stderr)


def _conclude(args: argparse.Namespace, runs: list[Any], errors: list[YolactTemporalError]) -> int:
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
    }


def _evaluation_table(figures: dict[str, Any]) -> str:
    def cell(value: float | None) -> str:
        return "undefined" if value is None else f"{value:.4f}"

    lines = []
    for kind, label in (("segm", "mask"), ("bbox", "box")):
        values = figures[kind]
        lines.append(
            f"{label}: " + "  ".join(f"{k} {cell(v)}" for k, v in values.items() if k != "per_class")
        )
        lines += [
            f"  {name}: AP {cell(own['AP'])}  AP50 {cell(own['AP50'])}"
            for name, own in values["per_class"].items()
        ]
    return "\n".join(lines)
