"""The command line's arguments; nothing heavy is imported for them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

EXIT_CODES = """exit codes:
  0    done
  1    a fault of ours, or no space for the results
  2    wrong usage: an unknown option or model, a device that is not there, an output that is taken
  3    input that cannot be read or holds no frame, or weights that are missing or do not fit
  4    done in part: frames were lost to corruption, and are named
  130  interrupted; run the same command with --resume to go on
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; nothing heavy is imported for it."""
    parser = argparse.ArgumentParser(
        prog="yolact-temporal",
        description="Measure how steady instance masks are in video.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_analyze(commands)
    _add_demo(commands)
    _add_compare(commands)
    _add_dashboard(commands)
    _add_weights(commands)
    _add_train(commands)
    _add_evaluate(commands)
    _add_benchmark(commands)
    return parser


def _command(commands: Any, name: str, summary: str, details: str = "") -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=details or summary[0].upper() + summary[1:] + ".",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one machine-readable result on stdout")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        default="yolact_compact",
        metavar="NAME",
        help="the model (default: yolact_compact, small, its weights ship with the package; "
        "the published one is yolact_base)",
    )
    parser.add_argument("--weights", type=Path, metavar="FILE", help="weights for --model from a file")
    _add_device_options(parser)


def _add_device_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto, cuda, cuda:N, mps or cpu (default: auto)")
    parser.add_argument(
        "--precision", default="float32", help="float32, float16 or bfloat16, by autocast (default: float32)"
    )


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    _add_model_options(parser)
    parser.add_argument(
        "--score-threshold",
        type=float,
        default=None,
        metavar="S",
        help="count instances whose score is above S, 0 to 1, for every model (default: each model's own)",
    )
    parser.add_argument(
        "--baseline",
        action="append",
        metavar="NAME",
        help="compare with this model, on the same frames; may be repeated (default: mask_rcnn_compact beside the "
        "compact model, mask_rcnn_resnet50_fpn beside the published ones)",
    )
    parser.add_argument("--no-baseline", action="store_true", help="measure the model alone")
    parser.add_argument(
        "--batch", type=int, default=1, metavar="N", help="frames a forward pass (default: 1)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs"),
        metavar="FOLDER",
        help="folder that takes one run folder a clip (default: runs)",
    )
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier run")
    _add_output_options(parser)


def _add_analyze(commands: Any) -> None:
    parser = _command(
        commands,
        "analyze",
        "measure how steady a model's masks are in clips, beside a baseline's",
        "Run YOLACT and a Mask R-CNN frame by frame over each clip, match instances across frames, measure jitter and "
        "flicker, compare the models on the objects that both see, and write tables, plots and overlay videos to a "
        "run folder.",
    )
    parser.add_argument(
        "clips",
        nargs="+",
        metavar="CLIP",
        help="a video file, a folder of numbered images, or a folder of clips",
    )
    parser.add_argument(
        "--start", default="0", metavar="POS", help="first frame: an index, or seconds as 2.5s (default: 0)"
    )
    parser.add_argument("--end", metavar="POS", help="end, exclusive: an index, or seconds as 2.5s")
    parser.add_argument(
        "--stride", type=int, default=1, metavar="N", help="take every N-th frame (default: 1)"
    )
    parser.add_argument(
        "--decoder",
        default="auto",
        help="auto, decord or pyav (default: auto, which says in run.json which and why)",
    )
    parser.add_argument(
        "--fps", type=float, help="frame rate of a folder of images, which has none of its own"
    )
    _add_run_options(parser)


def _add_demo(commands: Any) -> None:
    parser = _command(
        commands,
        "demo",
        "measure on photographs filmed by a known camera; needs no file",
        "Film public-domain photographs with a known camera (hold still, pan, zoom, hand shake) and sensor noise, so "
        "that every object is truly stationary or moves exactly as known: any mask change beyond that is jitter.",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the noise and the hand shake (default: 0)")
    _add_run_options(parser)


def _add_compare(commands: Any) -> None:
    parser = _command(
        commands,
        "compare",
        "say which model is steadier, on the objects that both see, or that it is undecided",
        "Compare the models of finished runs on the same objects, so that a model which drops the hard ones cannot "
        "win: coverage, common support, penalised losses, intervals and a verdict. Over one clip nothing is decided; "
        "it takes at least 8.",
    )
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="a run folder, or a folder of run folders"
    )
    parser.add_argument(
        "--models", nargs="+", metavar="NAME", help="which models (default: all that every clip was run with)"
    )
    parser.add_argument(
        "--ground-truth",
        type=Path,
        metavar="FOLDER",
        help="PNG masks of the clip, one a frame, values as in DAVIS; for several clips a folder with a folder for "
        "each, named after the clip",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("comparison"),
        metavar="FOLDER",
        help="takes comparison.csv, comparison.md and the picture (default: comparison)",
    )
    _add_output_options(parser)


def _add_dashboard(commands: Any) -> None:
    parser = _command(
        commands,
        "dashboard",
        "look at finished runs in the browser, and start new ones",
        "Serve a page over finished runs: who is steadier and why, when and where masks jitter and flicker, frames and "
        "videos side by side, clips compared, and new analyses. Only this machine can open it, unless --address says "
        "otherwise.",
    )
    parser.add_argument(
        "runs",
        nargs="?",
        type=Path,
        default=Path("runs"),
        metavar="RUNS",
        help="the folder of run folders, made if it is not there (default: runs)",
    )
    parser.add_argument(
        "--port",
        type=int,
        metavar="N",
        help="port to serve at, 0 for any (default: 8501 or the next free one)",
    )
    parser.add_argument(
        "--address",
        default="127.0.0.1",
        metavar="HOST",
        help="address to serve at (default: 127.0.0.1, this machine only); the page asks for no password",
    )


def _add_weights(commands: Any) -> None:
    parser = _command(commands, "weights", "list, fetch, import or verify model weights")
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


def _add_train(commands: Any) -> None:
    parser = _command(commands, "train", "train a model on COCO-format data")
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
    _add_device_options(parser)
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")
    _add_output_options(parser)


def _add_evaluate(commands: Any) -> None:
    parser = _command(commands, "evaluate", "box and mask AP of a model on COCO-format data")
    _add_model_options(parser)
    parser.add_argument("--annotations", type=Path, required=True, metavar="FILE", help="COCO-format json")
    parser.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="what file_name is relative to"
    )
    parser.add_argument(
        "--results", type=Path, metavar="FILE", help="write the detections as COCO results json"
    )
    _add_output_options(parser)


def _add_benchmark(commands: Any) -> None:
    parser = _command(
        commands,
        "benchmark",
        "milliseconds a frame: networks, stages, and the whole of analyze, as ratios in one run",
    )
    parser.add_argument(
        "--models",
        nargs="+",
        metavar="NAME",
        default=["yolact_compact", "mask_rcnn_compact", "yolact_resnet50", "mask_rcnn_resnet50_fpn"],
        help="what to time (default: both compact models, and YOLACT and Mask R-CNN on ResNet-50)",
    )
    parser.add_argument("--frames", type=int, default=60, metavar="N", help="frames a model (default: 60)")
    parser.add_argument("--clip", type=Path, metavar="CLIP", help="default: the demo's film at 854x480")
    _add_device_options(parser)
    _add_output_options(parser)
