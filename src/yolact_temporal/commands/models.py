"""The commands about models: weights, train, evaluate, benchmark."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from yolact_temporal.commands.console import at_least_one, progress_bar, say
from yolact_temporal.errors import InputError


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
        say(args, f"{result.iteration} iterations done{best}: weights are in {args.out}")
    return 0


def evaluate(args: argparse.Namespace) -> int:
    """Report AP on COCO-format data."""
    from yolact_temporal.models import load_model
    from yolact_temporal.yolact.evaluation import evaluate as run_evaluation

    model = load_model(args.model, 0.0, args.device, args.precision, args.weights)
    with progress_bar(args, args.model, None, unit="image") as progress:
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
        say(args, _evaluation_table(figures))
    return 0


def benchmark(args: argparse.Namespace) -> int:
    """Time networks and the whole of analyze, or the metrics."""
    frames = at_least_one("--frames", args.frames)
    if args.metrics:
        return _benchmark_metrics(args, frames)
    from yolact_temporal.benchmark import format_benchmark, run_benchmark

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
    from yolact_temporal.benchmark_metrics import format_metrics_benchmark, run_metrics_benchmark

    figures = run_metrics_benchmark(frames)
    if args.json:
        print(json.dumps(figures, indent=2))
    else:
        say(args, format_metrics_benchmark(figures))
    return 0


def _evaluation_table(figures: dict[str, Any]) -> str:
    def cell(value: float | None) -> str:
        return "undefined" if value is None else f"{value:.4f}"

    lines = []
    for kind, label in (("segm", "mask"), ("bbox", "box")):
        values = figures[kind]
        lines.append(
            f"{label}: " + "  ".join(f"{k} {cell(v)}" for k, v in values.items() if k.startswith("AP"))
        )
        lines += [
            f"  {name}: AP {cell(own['AP'])}  AP50 {cell(own['AP50'])}"
            for name, own in values["per_class"].items()
        ]
        if point := values["operating_point"]:
            lines.append(
                f"  precision and recall are both {point['precision']:.4f} at a score of "
                f"{point['score_threshold']:.4f}"
            )
    return "\n".join(lines)
