"""`evaluate`: box and mask AP, at every IoU threshold, of one model or of several side by side."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolact_temporal.cli.console import passing_note, progress_bar, say
from yolact_temporal.cli.options import (
    add_model_options,
    add_output_options,
    command,
    segmenter_options,
)
from yolact_temporal.errors import UsageError

if TYPE_CHECKING:
    from yolact_temporal.benchmarking.evaluations import Evaluation


def add(commands: Any) -> None:
    """Add `evaluate`."""
    parser = command(commands, "evaluate", "box and mask AP of models on COCO-format data")
    add_model_options(parser)
    parser.add_argument(
        "--baseline",
        action="append",
        default=[],
        metavar="NAME",
        help="evaluate this model too, and tell by how much --model leads at each IoU threshold; may be repeated",
    )
    parser.add_argument(
        "--beside",
        nargs="+",
        type=Path,
        default=[],
        metavar="JSON",
        help="earlier evaluations on the same annotations, as --json printed them, to be shown beside it",
    )
    parser.add_argument("--annotations", type=Path, required=True, metavar="FILE", help="COCO-format json")
    parser.add_argument(
        "--images",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the images that the annotations name",
    )
    parser.add_argument(
        "--results", type=Path, metavar="FILE", help="write the detections of --model as COCO results json"
    )
    parser.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="write AP at every IoU threshold, a row a model and threshold",
    )
    parser.add_argument(
        "--plot", type=Path, metavar="PNG", help="draw AP over the IoU threshold, all models in one picture"
    )
    add_output_options(parser)
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Report AP on COCO-format data."""
    from yolact_temporal.analyzing.chosen_models import chosen_models
    from yolact_temporal.yolact.how_to_run import require_device_name, require_precision

    # What is wrong is told before PyTorch is loaded.
    chosen_models(args.model, args.baseline, without=not args.baseline, options=segmenter_options(args))
    require_device_name(args.device)
    require_precision(args.precision)
    for option, path in (("--csv", args.csv), ("--plot", args.plot)):
        _require_place(option, path)

    from yolact_temporal.data.coco import read_annotations

    read_annotations(args.annotations)

    from yolact_temporal.benchmarking.evaluations import (
        evaluations_data,
        plot_precision,
        read_evaluations,
        require_distinct_models,
        write_precision_csv,
    )
    from yolact_temporal.data.sources.structure import sha256_of

    annotations = sha256_of([args.annotations])
    earlier = read_evaluations(args.beside, annotations)
    own = _evaluate(args, args.model, annotations, weights=args.weights, options=segmenter_options(args))
    evaluations = [own, *(_evaluate(args, name, annotations) for name in args.baseline), *earlier]
    require_distinct_models(evaluations)
    if args.csv is not None:
        write_precision_csv(evaluations, args.csv)
    if args.plot is not None:
        plot_precision(evaluations, args.plot)
    if args.json:
        print(json.dumps(evaluations_data(evaluations), indent=2))
    else:
        say(args, _text(evaluations, 1 + len(args.baseline)))
    return 0


def _require_place(option: str, path: Path | None) -> None:
    """Refuse a file that could not be written, before minutes are spent on what is to be in it."""
    from yolact_temporal.data.files import require_replaceable

    if path is None:
        return
    if not path.parent.is_dir():
        raise UsageError(
            f"expected {option} in a folder that is there, got {path}: make {path.parent}, or give another path"
        )
    require_replaceable(path)


def _evaluate(args: argparse.Namespace, name: str, annotations: str, **options: Any) -> Evaluation:
    """Evaluate one model; only that of --model has options of its own, and its detections are written."""
    with passing_note(args, f"loading {name} ..."):
        from yolact_temporal.analyzing.models import ModelRequest, load_model
        from yolact_temporal.benchmarking.evaluations import Evaluation
        from yolact_temporal.yolact.evaluation import evaluate as run_evaluation

        model = load_model(ModelRequest(name, 0.0, args.device, args.precision, **options))
    with progress_bar(args, model.name, None, unit="image") as progress:
        figures = run_evaluation(
            model.segmenter,
            args.annotations,
            args.images,
            args.results if options else None,
            progress=lambda done, _total: progress(done),
        )
    return Evaluation(model.name, annotations, figures)


def _text(evaluations: Sequence[Evaluation], evaluated: int) -> str:
    """Return what a reader is told: each model that was evaluated by itself, then AP by IoU threshold of all."""
    from yolact_temporal.benchmarking.evaluations import KINDS, precision_section
    from yolact_temporal.temporal.documents import as_console

    parts = []
    for one in evaluations[:evaluated]:
        parts += [one.model] if len(evaluations) > 1 else []
        parts.append(_summary(one.figures))
    parts += [as_console(precision_section(evaluations, kind)) for kind in KINDS]
    return "\n".join(parts)


def _summary(figures: Mapping[str, Any]) -> str:
    def cell(value: float | None) -> str:
        return "undefined" if value is None else f"{value:.4f}"

    lines = []
    for kind, label in (("segm", "mask"), ("bbox", "box")):
        values = figures[kind]
        shown = (
            (name, value) for name, value in values.items() if name.startswith("AP") and name != "AP_by_iou"
        )
        lines.append(f"{label}: " + "  ".join(f"{name} {cell(value)}" for name, value in shown))
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
