"""`train`: a model on COCO-format data."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from yolact_temporal.cli.console import say
from yolact_temporal.cli.options import add_device_options, add_output_options, command


def add(commands: Any) -> None:
    """Add `train`."""
    parser = command(commands, "train", "train a model on COCO-format data")
    parser.add_argument("--model", default="yolact_compact", metavar="NAME", help="the preset to train")
    parser.add_argument("--annotations", type=Path, required=True, metavar="FILE", help="COCO-format json")
    parser.add_argument(
        "--images",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the images that the annotations name",
    )
    parser.add_argument(
        "--val-annotations",
        type=Path,
        metavar="FILE",
        help="annotations by which the best checkpoint is chosen",
    )
    parser.add_argument("--val-images", type=Path, metavar="DIR", help="images of --val-annotations")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="folder for checkpoints, metrics and curve"
    )
    parser.add_argument(
        "--backbone", type=Path, metavar="FILE", help="pretrained backbone weights to start from"
    )
    parser.add_argument(
        "--init", type=Path, metavar="FILE", help="weights of the whole model, or a checkpoint, to start from"
    )
    parser.add_argument("--iterations", type=int, metavar="N", help="default: the model's recipe")
    parser.add_argument("--batch-size", type=int, metavar="N", help="default: the model's recipe")
    parser.add_argument("--learning-rate", type=float, metavar="R", help="default: the model's recipe")
    parser.add_argument(
        "--input-size",
        type=int,
        metavar="PX",
        help="side of the input (default: as in the recipe)",
    )
    parser.add_argument(
        "--max-minutes",
        type=float,
        metavar="M",
        help="stop after M minutes and leave a checkpoint to resume from",
    )
    parser.add_argument(
        "--evaluate-every", type=int, default=1000, metavar="N", help="iterations (default: 1000)"
    )
    parser.add_argument(
        "--checkpoint-every", type=int, default=200, metavar="N", help="iterations (default: 200)"
    )
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="loading processes (default: 2)")
    parser.add_argument("--cache", action="store_true", help="keep the decoded images in memory")
    parser.add_argument("--seed", type=int, default=0)
    add_device_options(parser)
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")
    add_output_options(parser)
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Train a model."""
    from yolact_temporal.yolact.families import recipe_for

    recipe_for(args.model)  # a wrong name is told before PyTorch is loaded

    from tqdm import tqdm

    from yolact_temporal.data.files import results_in
    from yolact_temporal.yolact.training import TrainingOptions
    from yolact_temporal.yolact.training import train as run_training
    from yolact_temporal.yolact.training.memory import keep_freed_memory

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
    keep_freed_memory()
    with results_in(args.out):
        result = run_training(options, None if args.quiet or args.json else tqdm.write)
    if result.interrupted:
        raise KeyboardInterrupt
    if args.json:
        print(json.dumps(asdict(result)))
    else:
        best = "" if result.best is None else f", best AP50 {result.best:.3f}"
        say(args, f"{result.iteration} iterations done{best}: weights are in {args.out}")
    return 0
