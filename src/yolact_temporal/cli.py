"""The command line: parsing, printing and exit codes only."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from yolact_temporal.errors import YolactTemporalError

EXIT_CODES = """exit codes:
  0    done
  1    a fault of ours, or no space for the results
  2    wrong usage: an unknown option or model, a device that is not there, an output that is taken
  3    input that cannot be read or holds no frame, or weights that are missing or do not fit
  4    done in part: frames were lost to corruption, and are named
  130  interrupted; run the same command with --resume to go on
"""

INTERRUPTED = 130


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
        help="count instances whose score is above S, 0 to 1 (default: 0.3)",
    )
    parser.add_argument(
        "--no-baseline", action="store_true", help="measure the model alone (no baseline is built in yet)"
    )
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
        "measure how steady a model's masks are in clips",
        "Run YOLACT frame by frame over each clip, match instances across frames, measure jitter and flicker, and "
        "write tables, plots and an overlay video to a run folder.",
    )
    parser.add_argument(
        "clips", nargs="+", metavar="CLIP", help="a video file, or a folder of numbered images"
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
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="float32", help="float32, float16 or bfloat16")
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
        default=["yolact_compact", "yolact_resnet50"],
        help="what to time",
    )
    parser.add_argument("--frames", type=int, default=60, metavar="N", help="frames a model (default: 60)")
    parser.add_argument("--clip", type=Path, metavar="CLIP", help="default: the demo's film at 854x480")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="float32")
    _add_output_options(parser)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = build_parser()
    args = parser.parse_args(arguments)
    if args.version:
        from yolact_temporal import __version__

        print(f"yolact-temporal {__version__}")
        return 0
    if args.command is None:
        parser.print_help()
        return 2
    # Idle OpenMP threads that spin for long take the cores from decoding and drawing, and threads that sleep at once
    # wake too late for a small network: measured, a spin of some 20,000 rounds loses least. Read when torch loads.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    _limit_memory_arenas()
    _raise_on_termination()
    try:
        from yolact_temporal import commands

        return commands.run(args)
    except YolactTemporalError as error:
        return _fail(args, error, error.exit_code)
    except KeyboardInterrupt as error:
        return _fail(args, error, INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has left; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        return _fail(args, error, 1)


def _limit_memory_arenas() -> None:
    """Let all threads allocate from two arenas.

    By default glibc gives each thread one of its own, and frames and flow fields that pass from stage to stage leave
    holes in all of them: measured, a third more memory, and growth with the clip.
    """
    if sys.platform == "linux":
        import ctypes

        arena_max = -8  # M_ARENA_MAX of malloc.h
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc has it, musl has not
        if mallopt is not None:
            mallopt(arena_max, 2)


def _raise_on_termination() -> None:
    """Let a termination request end the run as Ctrl-C does: files whole, what was done kept."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, interrupt)


def _fail(args: argparse.Namespace, error: BaseException, code: int) -> int:
    """Print an error as one sentence and return its exit code."""
    if getattr(args, "debug", False):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, KeyboardInterrupt):
        resumable = args.command in ("analyze", "demo", "train")
        message = "interrupted" + (": run the same command with --resume to go on" if resumable else "")
    elif isinstance(error, YolactTemporalError):
        message = str(error)
    else:
        message = (
            f"expected no fault of our own, got {type(error).__name__} ({' '.join(str(error).split())}): "
            f"please report it with the output of the same command and --debug"
        )
    print(f"yolact-temporal: {message}", file=sys.stderr)
    if getattr(args, "json", False):
        print(json.dumps({"error": message, "exit_code": code}, ensure_ascii=False))
    return code
