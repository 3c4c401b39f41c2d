"""A training run as a picture: losses and evaluations over image passes."""

from __future__ import annotations

import csv
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from yolact_temporal.yolact.training.checkpoint import write_whole
from yolact_temporal.yolact.training.log import LOSSES

#: Evaluated figures that are drawn: (kind, figure, label).
_FIGURES = (
    ("segm", "AP50", "mask AP50"),
    ("segm", "AP", "mask AP"),
    ("segm", "AP50_large", "mask AP50, large objects"),
    ("bbox", "AP50", "box AP50"),
)


def draw_curve(metrics: Path, evaluations: Path, picture: Path) -> bool:
    """Draw a run's losses and, if there are any, its evaluations as PNG.

    Args:
        metrics: the run's `metrics.csv`.
        evaluations: the run's `evaluations.jsonl`; may be missing.
        picture: the file to write, whole or not at all.

    Returns:
        False where nothing is logged yet: nothing is drawn.
    """
    from matplotlib.figure import Figure

    with metrics.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        return False
    batch = int(rows[-1]["images"]) / int(rows[-1]["iteration"])
    evaluated = read_evaluations(evaluations)
    figure = Figure(figsize=(7, 6 if evaluated else 3.2), layout="constrained")
    axes = figure.subplots(2 if evaluated else 1, sharex=True, squeeze=False)[:, 0]
    _draw_losses(axes[0], rows)
    if evaluated:
        _draw_evaluations(axes[1], evaluated, batch)
    for before, after in pairwise(rows):
        if before["input_size"] != after["input_size"]:
            for axis in axes:
                axis.axvline(int(before["images"]), color="0.6", linewidth=0.8, linestyle=":")
            text = f" from here {after['input_size']} px"
            place = axes[0].get_xaxis_transform()
            axes[0].text(int(before["images"]), 0.02, text, transform=place, fontsize="small")
    axes[-1].set_xlabel("image passes")
    write_whole(picture, lambda temporary: figure.savefig(temporary, format="png", dpi=120))
    return True


def read_evaluations(path: Path) -> list[dict[str, Any]]:
    """Return the evaluations of a run; a last line that was cut off in writing is left out, a missing file is none."""
    evaluations = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            evaluations.append(json.loads(line))
        except ValueError:
            break
    return evaluations


def _draw_losses(axis: Any, rows: list[dict[str, str]]) -> None:
    for name in ("loss", *(f"loss_{part}" for part in LOSSES)):
        points = [(int(row["images"]), float(row[name])) for row in rows if row[name]]
        if points:
            label = "all losses" if name == "loss" else name.removeprefix("loss_").replace("_", " ")
            width = 1.8 if name == "loss" else 1.0
            axis.plot(*zip(*points, strict=True), label=label, linewidth=width)
    axis.set_yscale("log")
    axis.set_ylabel("loss")
    axis.legend(fontsize="small", ncols=2, loc="upper right")


def _draw_evaluations(axis: Any, evaluated: list[dict[str, Any]], batch: float) -> None:
    for kind, name, label in _FIGURES:
        points = [
            (line["iteration"] * batch, line[kind][name])
            for line in evaluated
            if line.get(kind, {}).get(name) is not None
        ]
        if points:
            axis.plot(*zip(*points, strict=True), label=label, marker="o", markersize=3)
    axis.set_ylim(bottom=0)
    axis.set_ylabel("on the validation images")
    axis.legend(fontsize="small", loc="lower right")
