"""`evaluate`: box and mask AP."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from yolact_temporal.cli.console import passing_note, progress_bar, say
from yolact_temporal.cli.options import (
    add_model_options,
    add_output_options,
    command,
    segmenter_options,
)


def add(commands: Any) -> None:
    """Add `evaluate`."""
    parser = command(commands, "evaluate", "box and mask AP of a model on COCO-format data")
    add_model_options(parser)
    parser.add_argument("--annotations", type=Path, required=True, metavar="FILE", help="COCO-format json")
    parser.add_argument(
        "--images",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the images that the annotations name",
    )
    parser.add_argument(
        "--results", type=Path, metavar="FILE", help="write the detections as COCO results json"
    )
    add_output_options(parser)
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Report AP on COCO-format data."""
    from yolact_temporal.analyzing.chosen_models import require_known
    from yolact_temporal.yolact.how_to_run import require_device_name, require_precision

    # What is wrong is told before PyTorch is loaded.
    require_known(args.model)
    require_device_name(args.device)
    require_precision(args.precision)

    with passing_note(args, f"loading {args.model} ..."):
        from yolact_temporal.analyzing.models import ModelRequest, load_model
        from yolact_temporal.yolact.evaluation import evaluate as run_evaluation

        model = load_model(
            ModelRequest(
                args.model, 0.0, args.device, args.precision, args.weights, options=segmenter_options(args)
            )
        )
    with progress_bar(args, model.name, None, unit="image") as progress:
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
