"""How well a run's masks fit a ground truth: shown beside stability, since a wrong mask can be perfectly steady."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yolact_temporal import identity
from yolact_temporal.data.formats import MaskSequence
from yolact_temporal.data.frames import ClipInfo
from yolact_temporal.exporting import run_masks
from yolact_temporal.runs import RunFolder
from yolact_temporal.sights import Sight
from yolact_temporal.temporal.comparison.comparing import LOOSE_TRUTH_IOU, TRUTH_IOU
from yolact_temporal.temporal.comparison.figures import ClipObjects, compare_clip
from yolact_temporal.temporal.comparison.objects_csv import read_objects
from yolact_temporal.temporal.report import SUMMARY_COLUMNS, Row

FIGURES: Mapping[str, str] = {
    "truth_j": "J: region IoU with the true mask, mean over objects (higher is better)",
    "truth_f": "F: boundary measure against the true mask, mean over objects (higher is better)",
    "coverage": "true pairs (object, t-1, t) with a mask in both frames (higher is better)",
    "loss_0": "L(0): one-sided misses and jitter over all true pairs (lower is steadier)",
    "loss_1": "L(1): the same, pairs missed in both frames counted as well (lower is steadier)",
}
"""Figures against the ground truth by name, and what they are; all pure numbers.

Each is given twice: with masks taken for an object's where they overlap it by half, as in a comparison of models, and,
its name ending in `_at_iou_0.1`, where they overlap it at all to speak of, which shows what the strict one hides.
"""


@dataclass(frozen=True)
class Quality:
    """One model's figures against the ground truth.

    Attributes:
        model: its name.
        objects: true objects.
        values: by name; None where undefined.
        counts: of how many appearances or pairs each value is.
    """

    model: str
    objects: int
    values: dict[str, float | None]
    counts: dict[str, int] = field(default_factory=dict)


def measure_quality(
    folder: RunFolder, sights: Sequence[Sight], clip: ClipInfo, truth: MaskSequence
) -> list[Quality]:
    """Return each model's figures: from the table of the ground truth's objects, and of identity where that can be."""
    found = _from_table(folder.true_objects, sights, clip)
    if identity.available():
        for sight, quality in zip(sights, found, strict=True):
            masks = run_masks(folder, clip.fps, sight.name, sight.score_threshold, tuple(sight.class_names))
            quality.values.update(identity.identity_figures(truth, masks))
    return found


def _from_table(path: Path, sights: Sequence[Sight], clip: ClipInfo) -> list[Quality]:
    table = ClipObjects.from_rows(read_objects(path))
    if not len(table.frame):
        return [Quality(sight.name, 0, dict.fromkeys(FIGURES)) for sight in sights]
    objects = len(set(table.object_id.tolist()))
    found = []
    for sight in sights:
        levels = (sight.score_threshold, sight.score_threshold)
        quality = Quality(sight.name, objects, {})
        for iou, ending in ((TRUTH_IOU, ""), (LOOSE_TRUTH_IOU, f"_at_iou_{LOOSE_TRUTH_IOU:g}")):
            own = compare_clip(table, (sight.name, sight.name), levels, iou, clip.fps is not None)
            for name in FIGURES:
                quality.values[name + ending] = own.series[name].values()[0]
                quality.counts[name + ending] = own.series[name].n
        found.append(quality)
    return found


def label(name: str) -> str:
    """Return what a figure is, for a reader."""
    base, _, loose = name.partition("_at_iou_")
    return {**FIGURES, **identity.FIGURES}.get(base, name) + (f", matched at IoU {loose}" if loose else "")


def quality_rows(clip: str, quality: Quality) -> list[Row]:
    """Return the rows of `summary.csv` of one model against the ground truth."""
    blank: Row = {column.name: None for column in SUMMARY_COLUMNS}
    blank |= {"clip": clip, "model": quality.model}
    rows: list[Row] = [blank | {"metric": "true_objects", "value": quality.objects, "unit": "count"}]
    for name, value in quality.values.items():
        rows.append(blank | {"metric": name, "value": value, "unit": "1", "n": quality.counts.get(name)})
    return rows


def quality_lines(quality: Sequence[Quality]) -> list[str]:
    """Return a table for the terminal."""
    lines = []
    for own in quality:
        lines.append(f"  {own.model} against the ground truth, {own.objects} objects:")
        lines += [f"    {_shown(value):>9}  {label(name)}" for name, value in own.values.items()]
    if quality and not identity.available():
        lines.append(f"  HOTA, MOTSA and IDF1 need one package more: {identity.EXTRA}")
    return lines


def markdown_quality(quality: Sequence[Quality]) -> str:
    """Return a section of `report.md`."""
    names = list(dict.fromkeys(name for own in quality for name in own.values))
    lines = ["## Against the ground truth", "", f"| figure | {' | '.join(own.model for own in quality)} |"]
    lines.append("|---|" + "---|" * len(quality))
    for name in names:
        cells = " | ".join(_shown(own.values.get(name)) for own in quality)
        lines.append(f"| {label(name)} | {cells} |")
    return "\n".join([*lines, ""])


def _shown(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}"
