"""Arguments of the commands about models: weights, train, evaluate, benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yolact_temporal.arguments.shared import (
    add_device_options,
    add_model_options,
    add_output_options,
    command,
)


def add_weights(commands: Any) -> None:
    """Add `weights`."""
    parser = command(commands, "weights", "list, fetch, import or verify model weights")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="what there is, and what is here")
    listing.add_argument("--json", action="store_true", help="print one machine-readable result on stdout")
    fetch = actions.add_parser("fetch", help="download a published model's weights")
    fetch.add_argument("name", metavar="NAME")
    fetch.add_argument("--quiet", action="store_true", help="print nothing but errors")
    importing = actions.add_parser("import", help="take a checkpoint file into the cache")
    importing.add_argument("file", type=Path, metavar="FILE")
    importing.add_argument(
        "--model", metavar="NAME", help="whose weights they are (default: found by their shapes)"
    )
    verify = actions.add_parser("verify", help="check a file, or a model's weights, key by key")
    verify.add_argument("file", metavar="FILE", help="a file, or a model's name")
    verify.add_argument("--model", metavar="NAME", help="whose weights they should be")
    for action in (listing, fetch, importing, verify):
        action.add_argument("--debug", action="store_true", help="show the traceback of an error")


def add_train(commands: Any) -> None:
    """Add `train`."""
    parser = command(commands, "train", "train a model on COCO-format data")
    parser.add_argument("--model", default="yolact_compact", metavar="NAME", help="the preset to train")
    parser.add_argument("--annotations", type=Path, required=True, metavar="FILE", help="COCO-format json")
    parser.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="what file_name is relative to"
    )
    parser.add_argument(
        "--val-annotations", type=Path, metavar="FILE", help="to choose the best checkpoint by"
    )
    parser.add_argument("--val-images", type=Path, metavar="DIR", help="images of --val-annotations")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="takes checkpoints and the log"
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
    parser.add_argument("--input-size", type=int, metavar="PX", help="default: the model's")
    parser.add_argument(
        "--max-minutes", type=float, metavar="M", help="stop after so long, with a checkpoint to resume from"
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


def add_evaluate(commands: Any) -> None:
    """Add `evaluate`."""
    parser = command(commands, "evaluate", "box and mask AP of a model on COCO-format data")
    add_model_options(parser)
    parser.add_argument("--annotations", type=Path, required=True, metavar="FILE", help="COCO-format json")
    parser.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="what file_name is relative to"
    )
    parser.add_argument(
        "--results", type=Path, metavar="FILE", help="write the detections as COCO results json"
    )
    add_output_options(parser)


def add_benchmark(commands: Any) -> None:
    """Add `benchmark`."""
    parser = command(
        commands,
        "benchmark",
        "milliseconds a frame: networks, stages, and the whole of analyze, as ratios in one run; or the metrics",
    )
    parser.add_argument(
        "--metrics",
        action="store_true",
        help="time the metrics instead, without any network: jitter and flicker of a synthetic 854x480 scene with 10 "
        "instances, J and F, T, and memory over a long clip",
    )
    parser.add_argument(
        "--models",
        nargs="+",
        metavar="NAME",
        default=["yolact_compact", "mask_rcnn_compact", "yolact_resnet50", "mask_rcnn_resnet50_fpn"],
        help="what to time (default: both compact models, and YOLACT and Mask R-CNN on ResNet-50)",
    )
    parser.add_argument("--frames", type=int, default=60, metavar="N", help="frames a round (default: 60)")
    parser.add_argument("--clip", type=Path, metavar="CLIP", help="default: the demo's film at 854x480")
    add_device_options(parser)
    add_output_options(parser)
