"""Arguments of the commands that measure: analyze, demo, compare, score, export."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from yolact_temporal.arguments.shared import (
    add_destination_options,
    add_output_options,
    add_run_options,
    command,
)

FORMAT_NAMES = "masks, coco, youtube-vis, mots, mots-png or davis"
"""The formats of `yolact_temporal.data.formats.FORMATS`, which is too heavy to import here."""


def add_analyze(commands: Any) -> None:
    """Add `analyze`."""
    parser = command(
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
    add_run_options(parser)


def add_demo(commands: Any) -> None:
    """Add `demo`."""
    parser = command(
        commands,
        "demo",
        "measure on photographs filmed by a known camera; needs no file",
        "Film public-domain photographs with a known camera (hold still, pan, zoom, hand shake) and sensor noise, so "
        "that every object is truly stationary or moves exactly as known: any mask change beyond that is jitter.",
    )
    parser.add_argument(
        "--photographs",
        type=Path,
        metavar="FOLDER",
        help="film these photographs instead, two seconds each, a run each, and compare the models over all",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the noise and the hand shake (default: 0)")
    add_run_options(parser)


def add_compare(commands: Any) -> None:
    """Add `compare`."""
    parser = command(
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
    _add_truth_options(
        parser, "; for several clips a folder with a folder or file for each, named after the clip"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("comparison"),
        metavar="FOLDER",
        help="takes comparison.csv, comparison.md and the picture (default: comparison)",
    )
    add_output_options(parser)


def add_score(commands: Any) -> None:
    """Add `score`."""
    parser = command(
        commands,
        "score",
        "measure how steady somebody's masks are, in place of a model's",
        "Measure masks that are there already: YouTube-VIS or COCO results, MOTS text or PNG, a DAVIS folder, or a "
        "masks.jsonl. Writes the same run folder as analyze. Identities that the masks have are the tracks; without "
        "them instances are matched across frames. Without the clip what needs motion is undefined.",
    )
    parser.add_argument(
        "masks",
        nargs="+",
        type=Path,
        metavar="MASKS",
        help="a file or folder; several are several models of one clip",
    )
    parser.add_argument(
        "--clip", type=Path, metavar="CLIP", help="the clip the masks are of: a video, or images"
    )
    _add_truth_options(parser)
    parser.add_argument(
        "--format",
        metavar="F",
        help=f"of the masks: {FORMAT_NAMES} (default: recognised by name and first bytes)",
    )
    parser.add_argument(
        "--name", action="append", metavar="NAME", help="what to call the masks, once each, in order"
    )
    parser.add_argument(
        "--clip-name", metavar="NAME", help="what to call the clip (default: by --clip, or the masks)"
    )
    parser.add_argument(
        "--classes", metavar="A,B,...", help="names of the classes in order, parted by commas"
    )
    parser.add_argument(
        "--score-threshold", type=float, default=0.0, metavar="S", help="count instances above S (default: 0)"
    )
    parser.add_argument("--fps", type=float, help="frames a second, where neither clip nor masks say so")
    parser.add_argument(
        "--frames", type=int, metavar="N", help="frames of the clip, where neither clip nor masks say so"
    )
    parser.add_argument(
        "--first-frame", type=int, metavar="N", help="the number by which the masks count the first frame"
    )
    parser.add_argument("--video", type=int, metavar="ID", help="which video of YouTube-VIS masks of several")
    add_destination_options(parser, "folder that takes the run folder (default: runs)")


def _add_truth_options(parser: argparse.ArgumentParser, several: str = "") -> None:
    parser.add_argument(
        "--ground-truth",
        type=Path,
        metavar="PATH",
        help=f"true masks with identities, in any of the formats, or COCO or YouTube-VIS annotations{several}",
    )
    parser.add_argument(
        "--ground-truth-format", metavar="F", help=f"of --ground-truth: {FORMAT_NAMES} (default: recognised)"
    )
    parser.add_argument(
        "--ground-truth-first-frame",
        type=int,
        metavar="N",
        help="the number by which it counts the first frame",
    )
    parser.add_argument("--ground-truth-video", type=int, metavar="ID", help="which video of it, of several")


def add_export(commands: Any) -> None:
    """Add `export`."""
    parser = command(
        commands,
        "export",
        "write a run's masks and tracks in an interchange format",
        "Write the instances that count in a finished run, with their tracks as identities, in any format that score "
        "reads. What a format cannot hold is made to fit, and said.",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument("--format", required=True, metavar="F", help=FORMAT_NAMES)
    parser.add_argument("--out", type=Path, required=True, metavar="PATH", help="the file or folder to write")
    parser.add_argument("--model", metavar="NAME", help="whose masks, where the run has several models")
    add_output_options(parser)
