"""How well a run's masks fit a ground truth: shown beside stability, since a wrong mask can be perfectly steady."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from yolact_temporal.analyzing import identity
from yolact_temporal.analyzing.mask_sources import MaskSource
from yolact_temporal.analyzing.recording import MeasuredTruth
from yolact_temporal.data.formats import MaskSequence
from yolact_temporal.data.frames import ClipInfo
from yolact_temporal.data.runs.layout import RunFolder
from yolact_temporal.exchanging.exporting import run_masks
from yolact_temporal.temporal.catalogue import COMPARISON_SPECS
from yolact_temporal.temporal.comparison.figures import ClipObjects, compare_clip
from yolact_temporal.temporal.comparison.objects_csv import read_objects
from yolact_temporal.temporal.metrics import (
    MetricSpec,
    box_stability,
    panoptic,
    region,
    shape_stability,
    trajectory,
    truth_consistency,
)
from yolact_temporal.temporal.metrics.flicker import FRAGMENTATION_SPEC
from yolact_temporal.temporal.report import SUMMARY_COLUMNS, Column, Row
from yolact_temporal.temporal.truth.sequences import region_sequences
from yolact_temporal.temporal.truth.truth_meter import MATCH_IOUS, TruthFigure, at_iou

_FROM_TABLE = ("truth_j", "truth_f", "coverage", "loss_0", "loss_1")
_UNIVERSE_SPECS = tuple(spec for spec in COMPARISON_SPECS if spec.name in _FROM_TABLE)
_CHANGE_SPECS = (*shape_stability.SPECS, *truth_consistency.SPECS)

GROUPS: tuple[tuple[str, tuple[MetricSpec, ...]], ...] = (
    ("How much they overlap, where the object is there", region.APPEARANCE_SPECS),
    ("The same as DAVIS has it: absent is empty, the first and the last frame left out", region.SPECS),
    ("How steady they are over all true pairs", _UNIVERSE_SPECS),
    ("How they change from frame to frame", _CHANGE_SPECS),
    ("How steady their boxes are (Zhang and Wang)", box_stability.SPECS),
    ("What of their error stays, and what jitters", trajectory.SPECS),
    ("Every pixel of the clip, for a small number of objects", panoptic.SPECS),
    ("Which track an object is given", (FRAGMENTATION_SPEC,)),
    ("Identity", identity.SPECS),
)
"""Figures against the ground truth as a reader is shown them."""

MATCHED = frozenset(
    spec.name
    for specs in (
        region.APPEARANCE_SPECS,
        region.SPECS,
        _UNIVERSE_SPECS,
        _CHANGE_SPECS,
        trajectory.SPECS,
        (FRAGMENTATION_SPEC,),
    )
    for spec in specs
) - {shape_stability.TRUE_SHAPE_STABILITY_SPEC.name}
"""Figures of masks matched with objects; each is given twice.

With masks taken for an object's where they overlap it by half, as in a comparison of models, and, its name ending in
`_at_iou_0.1`, where they overlap it at all to speak of, which shows what the strict one hides.
"""

SPECS: Mapping[str, MetricSpec] = MappingProxyType({spec.name: spec for _, specs in GROUPS for spec in specs})
"""Every figure by name."""

_LABELS = {
    "truth_j": "J, region",
    "truth_f": "F, boundary",
    "region_iou_mean": "J mean",
    "region_iou_recall": "J recall",
    "region_iou_decay": "J decay",
    "boundary_f_mean": "F mean",
    "boundary_f_recall": "F recall",
    "boundary_f_decay": "F decay",
    "coverage": "pairs (object, t-1, t) with a mask in both frames",
    "loss_0": "L(0): one-sided misses and jitter",
    "loss_1": "L(1): the same, missed in both frames counted as well",
    "shape_stability": "T: the outline's change; decides nothing",
    "shape_stability_of_truth": "T of the true masks themselves",
    "dtssd": "dtSSD",
    "video_consistency_8": "VC8",
    "video_consistency_16": "VC16",
    "box_fragment_error": "E_F: matched or not",
    "box_centre_error": "E_C: centre",
    "box_scale_ratio_error": "E_R: scale and ratio",
    "box_error_sum": "E_F + E_C + E_R",
    "fragmentation": "tracks less one, of an object that is seen at all",
    "trajectory_bias_centre_x": "bias of x, in widths",
    "trajectory_bias_centre_y": "bias of y, in heights",
    "trajectory_bias_log_area": "bias of log area",
    "trajectory_bias_log_aspect": "bias of log width/height",
    "trajectory_jitter_centre_x": "jitter of x, in widths",
    "trajectory_jitter_centre_y": "jitter of y, in heights",
    "trajectory_jitter_log_area": "jitter of log area",
    "trajectory_jitter_log_aspect": "jitter of log width/height",
    "segmentation_tracking_quality": "STQ",
    "association_quality": "AQ: its part that is tracks",
    "segmentation_quality": "SQ: its part that is classes",
    "video_panoptic_quality": "VPQ",
    "hota": "HOTA",
    "motsa": "MOTSA",
    "idf1": "IDF1",
}
_BETTER = {"up": "higher is better", "down": "lower is better", "zero": "nearer to 0 is better"}


def documented() -> list[Column]:
    """Return what the documentation says of each figure, in order; those given twice are marked."""
    return [
        Column(
            spec.name,
            spec.unit,
            f"{spec.symbol}{' †' if spec.name in MATCHED else ''}: {spec.meaning} From {spec.inputs}. Empty "
            f"where {spec.undefined}; {_BETTER[spec.direction]}.",
        )
        for spec in SPECS.values()
    ]


@dataclass(frozen=True)
class Quality:
    """One model's figures against the ground truth.

    Attributes:
        model: its name.
        objects: true objects.
        figures: by name, in order; those matched at the looser overlap follow the strict ones.
        notes: how they were made, a sentence each.
    """

    model: str
    objects: int
    figures: Mapping[str, TruthFigure]
    notes: tuple[str, ...] = field(default=())


def measure_quality(
    folder: RunFolder,
    mask_sources: Sequence[MaskSource],
    clip: ClipInfo,
    truth: MaskSequence,
    measured: MeasuredTruth,
) -> list[Quality]:
    """Return each model's figures: those measured frame by frame, and those made from the table of true objects.

    Identity is added where it can be.
    """
    table = ClipObjects.from_rows(read_objects(folder.true_objects))
    objects = len(set(table.object_id.tolist()))
    found = []
    for mask_source in mask_sources:
        figures = dict(measured.figures[mask_source.name])
        for iou in MATCH_IOUS:
            own = _from_table(table, mask_source, clip, iou, measured.frames)
            figures |= {at_iou(name, iou): figure for name, figure in own.items()}
        if identity.available():
            masks = run_masks(
                folder,
                clip.fps,
                mask_source.name,
                mask_source.score_threshold,
                tuple(mask_source.class_names),
            )
            values = identity.identity_figures(truth, masks)
            figures |= {name: TruthFigure(value) for name, value in values.items()}
        ordered = {name: figures[name] for name in _names() if name in figures}
        found.append(Quality(mask_source.name, objects, ordered, measured.notes[mask_source.name]))
    return found


def _names() -> list[str]:
    return [*SPECS, *(at_iou(name, MATCH_IOUS[1]) for name in SPECS if name in MATCHED)]


def _from_table(
    table: ClipObjects, mask_source: MaskSource, clip: ClipInfo, iou: float, frames: Sequence[int]
) -> dict[str, TruthFigure]:
    if not len(table.frame):
        names = (*_FROM_TABLE, *(spec.name for spec in region.SPECS))
        return {name: TruthFigure(None, 0, 0) for name in names}
    level = mask_source.score_threshold
    pairs = compare_clip(
        table, (mask_source.name, mask_source.name), (level, level), iou, clip.fps is not None
    )
    found = {}
    for name in _FROM_TABLE:
        series = pairs.series[name]
        found[name] = TruthFigure(series.values()[0], series.n, series.n_undefined)
    return found | region_sequences(table, mask_source.name, level, iou, frames)


def quality_rows(clip: str, quality: Quality) -> list[Row]:
    """Return the rows of `summary.csv` of one model against the ground truth."""
    blank: Row = {column.name: None for column in SUMMARY_COLUMNS}
    blank |= {"clip": clip, "model": quality.model}
    rows: list[Row] = [blank | {"metric": "true_objects", "value": quality.objects, "unit": "count"}]
    for name, figure in quality.figures.items():
        value, n, n_undefined, objects, objects_undefined = figure
        rows.append(
            blank
            | {
                "metric": name,
                "value": value,
                "unit": _spec_of(name).unit,
                "n": n,
                "n_undefined": n_undefined,
                "tracks": objects,
                "tracks_undefined": objects_undefined,
            }
        )
    return rows


def quality_json(quality: Quality) -> dict[str, Any]:
    """Return one model's figures for a machine to read."""
    figures = {
        name: {"unit": _spec_of(name).unit} | figure._asdict() for name, figure in quality.figures.items()
    }
    return {
        "model": quality.model,
        "objects": quality.objects,
        "figures": figures,
        "notes": list(quality.notes),
    }


def quality_lines(quality: Sequence[Quality]) -> list[str]:
    """Return a table for the terminal."""
    strict, loose = MATCH_IOUS
    lines = []
    for own in quality:
        lines.append(
            f"  {own.model} against the ground truth, {own.objects} objects; masks matched at IoU {strict:g}, and at "
            f"{loose:g}:"
        )
        for title, rows in _grouped([own]):
            lines.append(f"    {title}")
            for name, cells in rows:
                value, at_loose = cells[0]
                lines.append(f"      {value:>9} {at_loose:>9}  {label(name)}{_left_out(own.figures[name])}")
        lines += [f"    {note}" for note in own.notes]
    if quality and not identity.available():
        lines.append(f"  HOTA, MOTSA and IDF1 need one package more: {identity.INSTALL}")
    return lines


def markdown_quality(quality: Sequence[Quality]) -> str:
    """Return a section of `report.md`."""
    strict, loose = MATCH_IOUS
    lines = [
        "## Against the ground truth",
        "",
        f"Masks are matched with the true objects at an IoU of {strict:g}, and, after the stroke, of {loose:g}: the "
        f"strict figure hides what overlaps less. T decides nothing: it is blind to where a mask is.",
        "",
    ]
    for title, rows in _grouped(quality):
        lines += [f"### {title}", "", f"| figure | {' | '.join(own.model for own in quality)} |"]
        lines.append("|---|" + "---|" * len(quality))
        for name, cells in rows:
            shown = " | ".join(f"{value} / {at_loose}" if at_loose else value for value, at_loose in cells)
            lines.append(f"| {label(name)} | {shown} |")
        lines.append("")
    notes = [f"- {own.model}: {note}" for own in quality for note in own.notes]
    return "\n".join([*lines, *notes, ""] if notes else lines)


def _grouped(quality: Sequence[Quality]) -> list[tuple[str, list[tuple[str, list[tuple[str, str]]]]]]:
    """Return the groups that have figures: title, and by name each model's value, strictly and loosely matched."""
    groups = []
    for title, specs in GROUPS:
        rows = []
        for name in (spec.name for spec in specs):
            if any(name in own.figures for own in quality):
                loose = at_iou(name, MATCH_IOUS[1])
                rows.append((name, [(_shown(own, name), _shown(own, loose)) for own in quality]))
        if rows:
            groups.append((title, rows))
    return groups


def label(name: str) -> str:
    """Return what a figure is, for a reader."""
    spec = SPECS[name]
    own = _LABELS.get(name) or spec.symbol.removeprefix("D7 ")
    return f"{own} ({_BETTER[spec.direction]})"


def _spec_of(name: str) -> MetricSpec:
    return SPECS[name.partition("_at_iou_")[0]]


def _left_out(figure: TruthFigure) -> str:
    if not figure.objects_undefined:
        return ""
    return f" [{figure.objects_undefined} objects undefined]"


def _shown(own: Quality, name: str) -> str:
    if name not in own.figures:
        return ""
    value = own.figures[name].value
    return "undefined" if value is None else f"{value:.4g}"
