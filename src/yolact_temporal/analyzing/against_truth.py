"""How well a run's masks fit a ground truth: shown beside stability, since a wrong mask can be perfectly steady."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from yolact_temporal.analyzing import identity
from yolact_temporal.analyzing.mask_sources import MaskSource
from yolact_temporal.analyzing.recording import MeasuredTruth
from yolact_temporal.data.formats import MaskSequence
from yolact_temporal.data.frames import ClipInfo
from yolact_temporal.data.runs.layout import RunFolder
from yolact_temporal.data.runs.tracked_masks import run_masks
from yolact_temporal.temporal.comparison.clip_objects import Objects
from yolact_temporal.temporal.comparison.figures import compare_clip
from yolact_temporal.temporal.metrics import REGISTRY, region
from yolact_temporal.temporal.metrics.contract import MATCH_IOUS, at_iou
from yolact_temporal.temporal.metrics.truth_contract import TruthFigure
from yolact_temporal.temporal.report import SUMMARY_COLUMNS, Row
from yolact_temporal.temporal.truth.sequences import region_sequences


@dataclass(frozen=True)
class TruthFit:
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


def measure_truth_fit(
    folder: RunFolder,
    mask_sources: Sequence[MaskSource],
    clip: ClipInfo,
    truth: MaskSequence,
    measured: MeasuredTruth,
    table: Objects,
    tracks: Mapping[str, int],
) -> list[TruthFit]:
    """Return each model's figures: those measured frame by frame, and those made from the table of true objects.

    Identity is added where it can be, and where it would not take more memory than all the rest.

    Args:
        folder: of the run.
        mask_sources: the models.
        clip: what was measured.
        truth: the true masks.
        measured: what was measured against them frame by frame.
        table: of true objects.
        tracks: how many each model has.
    """
    objects = len(table.object_ids)
    found = []
    for mask_source in mask_sources:
        figures = dict(measured.figures[mask_source.name])
        for iou in MATCH_IOUS:
            own = _from_table(table, mask_source, clip, iou, measured.frames)
            figures |= {at_iou(name, iou): figure for name, figure in own.items()}
        notes = measured.notes[mask_source.name]
        left_out = identity.too_large(len(measured.frames), objects, tracks[mask_source.name])
        if identity.available() and left_out is not None:
            notes += (left_out,)
        elif identity.available():
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
        found.append(TruthFit(mask_source.name, objects, ordered, notes))
    return found


def _names() -> list[str]:
    specs = REGISTRY.against_truth()
    loose = [at_iou(name, MATCH_IOUS[1]) for name, spec in specs.items() if spec.matched]
    return [*specs, *loose]


def _of_comparison() -> list[str]:
    """Return the figures against a ground truth that are those of a comparison, of the model with itself."""
    return [spec.name for spec in REGISTRY.against_truth().values() if spec.compared is not None]


def _from_table(
    table: Objects, mask_source: MaskSource, clip: ClipInfo, iou: float, frames: Sequence[int]
) -> dict[str, TruthFigure]:
    if not len(table.object_ids):
        names = (*_of_comparison(), *(spec.name for spec in region.SPECS))
        return {name: TruthFigure(None, 0, 0) for name in names}
    level = mask_source.score_threshold
    pairs = compare_clip(
        table, (mask_source.name, mask_source.name), (level, level), iou, clip.fps is not None
    )
    found = {}
    for name in _of_comparison():
        series = pairs.series[name]
        found[name] = TruthFigure(
            series.values()[0], series.n, series.n_undefined, by_object=series.by_object()[0]
        )
    return found | region_sequences(table, mask_source.name, level, iou, frames)


def truth_fit_rows(clip: str, quality: TruthFit) -> list[Row]:
    """Return the rows of `summary.csv` of one model against the ground truth."""
    blank: Row = {column.name: None for column in SUMMARY_COLUMNS}
    blank |= {"clip": clip, "model": quality.model}
    rows: list[Row] = [blank | {"metric": "true_objects", "value": quality.objects, "unit": "count"}]
    for name, figure in quality.figures.items():
        rows.append(
            blank
            | {
                "metric": name,
                "value": figure.value,
                "unit": REGISTRY.known(name).unit,
                "n": figure.n,
                "n_undefined": figure.n_undefined,
                "tracks": figure.objects,
                "tracks_undefined": figure.objects_undefined,
                "value_by_object": figure.by_object,
            }
        )
    return rows


def truth_fit_json(quality: TruthFit) -> dict[str, Any]:
    """Return one model's figures for a machine to read."""
    figures = {
        name: {"unit": REGISTRY.known(name).unit}
        | figure._asdict()
        | ({"undefined": REGISTRY.known(name).undefined} if figure.value is None else {})
        for name, figure in quality.figures.items()
    }
    return {
        "model": quality.model,
        "objects": quality.objects,
        "figures": figures,
        "notes": list(quality.notes),
    }
