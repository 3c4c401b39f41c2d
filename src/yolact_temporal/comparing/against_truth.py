"""What a comparison against a ground truth tells of each model by itself, beside the differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from yolact_temporal.temporal.documents import Cell, Number, Paragraph, Section, Table
from yolact_temporal.temporal.metrics import REGISTRY, MetricSpec
from yolact_temporal.temporal.metrics.contract import MATCH_IOUS, at_iou, mean_figure
from yolact_temporal.temporal.metrics.truth_contract import TruthFigure

ModelFigures = Mapping[str, Mapping[str, TruthFigure]]
"""Figures of one clip by model and name."""


def model_sections(clips: Mapping[str, ModelFigures]) -> list[Section]:
    """Return the figures as a reader sees them, a section for each heading of the registry: a column a model.

    Args:
        clips: by name; the value of several is the mean over those that have one, each weighing the same.
    """
    models = _models(clips)
    found = []
    for title, specs in REGISTRY.truth_groups().items():
        rows: list[list[Cell]] = [
            [label, *(Number(_mean(clips, model, name)) for model in models)]
            for spec in specs
            for name, label in _rows(spec)
            if any(name in own for one in clips.values() for own in one.values())
        ]
        if rows:
            said = [Paragraph(f"Mean over {len(clips)} clips.")] if len(clips) > 1 else []
            found.append(Section(title, [*said, Table(["figure", *models], rows)]))
    return found


def model_figures_data(clips: Mapping[str, ModelFigures]) -> list[dict[str, Any]]:
    """Return the figures for a machine: a row a clip, model and figure."""
    return [
        {"clip": clip, "model": model, "figure": name, "unit": REGISTRY.known(name).unit}
        | {key: value for key, value in figure._asdict().items() if key != "by_object"}
        for clip, models in clips.items()
        for model, figures in models.items()
        for name, figure in figures.items()
    ]


def _models(clips: Mapping[str, ModelFigures]) -> list[str]:
    return list(dict.fromkeys(model for one in clips.values() for model in one))


def _rows(spec: MetricSpec) -> Iterator[tuple[str, str]]:
    """Yield the names of a figure and what a reader is told each is."""
    if not spec.matched:
        yield spec.name, f"{spec.title} ({spec.better})"
        return
    for iou in MATCH_IOUS:
        yield at_iou(spec.name, iou), f"{spec.title}, matched at IoU {iou:g} ({spec.better})"


def _mean(clips: Mapping[str, ModelFigures], model: str, name: str) -> float | None:
    return mean_figure(one[model][name].value for one in clips.values() if name in one.get(model, {})).value
