"""`export-model`: a model as a file that other programs run."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from yolact_temporal.cli.console import passing_note, say
from yolact_temporal.cli.options import add_output_options, command
from yolact_temporal.errors import UsageError


def add(commands: Any) -> None:
    """Add `export-model`."""
    parser = command(
        commands,
        "export-model",
        "write a model as a file that other programs run",
        "Write a model with its weights as ONNX (opset 18; the batch is free; normalisations are folded in), with what "
        "the network says before suppression as outputs. Needs the extra onnx: pip install 'yolact-temporal[onnx]'.",
    )
    parser.add_argument("name", metavar="NAME", help="one of YOLACT's models without deformable convolutions")
    parser.add_argument("--format", default="onnx", metavar="F", help="onnx (default: onnx)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the file to write (default: NAME.onnx)")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="take the weights from this file")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    add_output_options(parser)
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Write a model."""
    from yolact_temporal.analyzing.chosen_models import engine_of
    from yolact_temporal.yolact.families import find_model
    from yolact_temporal.yolact.how_to_run import require_installed

    find_model(args.name)  # a wrong name is told before PyTorch is loaded
    if engine_of(args.name, "onnxruntime") != "onnxruntime":
        raise UsageError(
            f"expected a model that can be written as ONNX, got {args.name}: name one of YOLACT's models without "
            f"deformable convolutions"
        )
    require_installed("onnxscript", "onnx", "to write ONNX")
    with passing_note(args, f"writing {args.name} ..."):
        from yolact_temporal.exchanging.model_export import export_model

        done = export_model(
            args.name, args.out or Path(f"{args.name}.onnx"), args.format, args.weights, args.overwrite
        )
    if args.json:
        told = {"path": str(done.path), "bytes": done.size, "weights_sha256": done.weights_sha256}
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return 0
    say(args, f"{args.name}: {done.size / 1e6:.1f} MB in {done.path}, weights {done.weights_sha256[:12]}")
    return 0
