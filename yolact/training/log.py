"""The figures of a training run over its iterations, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from yolact_temporal.yolact.training.checkpoint import write_whole

LOSSES = ("class", "box", "giou", "mask", "semantic", "mask_iou", "objectness", "proposal_box")
COLUMNS = (
    "iteration",
    "images",
    "time_s",
    "input_size",
    "learning_rate",
    "loss",
    *(f"loss_{name}" for name in LOSSES),
    "images_per_s",
)


class TrainingLog:
    """One row for every so many iterations: losses are means over them, and empty where a model has no such part.

    `images` counts image passes from the beginning, `time_s` seconds of training of all sessions, `input_size` is the
    side of the training square in pixels.

    Args:
        path: the CSV file; rows after `iteration`, of a run that went further than its checkpoint, are cut off.
        iteration: how many iterations are done.
    """

    def __init__(self, path: Path, iteration: int) -> None:
        self.path = path
        rows = [list(COLUMNS)]
        if iteration and path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                kept = [row for row in list(csv.reader(file))[1:] if len(row) == len(COLUMNS)]
            rows += [row for row in kept if int(row[0]) <= iteration]
        write_whole(path, lambda temporary: temporary.write_text(_csv(rows), encoding="utf-8"))

    def append(
        self,
        iteration: int,
        images: int,
        time_s: float,
        size: int,
        rate: float,
        losses: Mapping[str, float],
        speed: float,
    ) -> None:
        """Add a row."""
        parts = [f"{losses[name]:.9g}" if name in losses else "" for name in LOSSES]
        row = [
            str(iteration),
            str(images),
            f"{time_s:.1f}",
            str(size),
            f"{rate:.6g}",
            f"{sum(losses.values()):.9g}",
            *parts,
            f"{speed:.1f}",
        ]
        with self.path.open("a", encoding="utf-8", newline="") as file:
            file.write(_csv([row]))


def _csv(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
