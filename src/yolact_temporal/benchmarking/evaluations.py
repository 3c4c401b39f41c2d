"""What `evaluate` found of models: kept as JSON, read again, and AP over the IoU threshold as a table and a picture."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolact_temporal.data.runs.documents import FieldError, Fields, read_whole
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.documents import Number, Paragraph, Section, Table
from yolact_temporal.temporal.plot_style import (
    INK,
    model_color,
    model_marker,
    new_figure,
    save_png,
    style_axes,
    write_heading,
)
from yolact_temporal.temporal.report import Column, CsvTable, Row

KINDS: Mapping[str, str] = {"segm": "mask", "bbox": "box"}
"""What AP is of, by its name in COCO's evaluation."""

PRECISION_COLUMNS = (
    Column("model", "", "The model's name."),
    Column("kind", "", "Whether masks or boxes are compared: mask or box."),
    Column("iou", "1", "A detection is right where it overlaps an object of its class by so much."),
    Column(
        "average_precision", "1", "AP at that overlap, mean over classes. Empty where nothing is annotated."
    ),
)


@dataclass(frozen=True)
class Evaluation:
    """AP of one model.

    Attributes:
        model: its name.
        annotations: SHA-256 of the annotation file; AP on others cannot be laid beside it.
        figures: as `yolact.evaluation.evaluate` returns them.
    """

    model: str
    annotations: str
    figures: Mapping[str, Any]

    def precision(self, kind: str) -> dict[float, float | None]:
        """Return AP by IoU threshold, ascending, of "segm" or "bbox"; fractions of 1, None where undefined."""
        return {float(iou): value for iou, value in self.figures[kind]["AP_by_iou"].items()}

    def as_data(self) -> dict[str, Any]:
        """Return it for `--json`."""
        return {"model": self.model, "annotations_sha256": self.annotations, **self.figures}


def evaluations_data(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """Return evaluations for `--json`: the first one, and those `beside` it; `read_evaluations` reads that again."""
    first, *others = (one.as_data() for one in evaluations)
    return {**first, "beside": others}


def read_evaluations(paths: Sequence[Path], annotations: str | None = None) -> list[Evaluation]:
    """Read what `evaluate --json` printed.

    Args:
        paths: files; each may hold several models, in the order of which they are returned.
        annotations: SHA-256 of the annotations that they must be of; None for those of the first.

    Raises:
        InputError: if a file cannot be read or is no such result, is of other annotations, or repeats a model.
    """
    found: list[Evaluation] = []
    for path in paths:
        for own in _read(path):
            annotations = annotations or own.annotations
            if own.annotations != annotations:
                raise InputError(
                    f"expected evaluations on the same annotations, got others for {own.model} in {path}: "
                    f"AP on other images tells nothing beside it, evaluate all models on one file"
                )
            found.append(own)
    require_distinct_models(found)
    return found


def require_distinct_models(evaluations: Sequence[Evaluation]) -> None:
    """Refuse two evaluations of one name, which a table could not tell apart.

    Raises:
        InputError: naming the model.
    """
    names = [one.model for one in evaluations]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"expected one evaluation a model, got {names.count(name)} of {name}: leave out all but one, or give "
                f'another name as "model" in its file'
            )


def _read(path: Path) -> list[Evaluation]:
    text = read_whole(path, "an evaluation")
    if text is None:
        raise InputError(f"expected an evaluation in {path}, found nothing there: check the path")
    try:
        data = Fields(json.loads(text.decode("utf-8")))
        return [_evaluation(one) for one in (data, *map(Fields, data.items("beside")))]
    except (ValueError, RecursionError) as error:  # a FieldError is a ValueError
        reason = f"{error} is missing or wrong" if isinstance(error, FieldError) else "it is not JSON"
        raise InputError(
            f"expected an evaluation as `evaluate --json` prints it in {path}, but {reason}: "
            f"evaluate the model again and keep what --json prints"
        ) from error


def _evaluation(data: Fields) -> Evaluation:
    for kind in KINDS:
        own = data.fields(kind)
        curve = own.fields("AP_by_iou")
        for iou in curve:
            _require_share(iou)
            _share_or_none(curve, iou)
        for name in ("AP", "AP50", "AP75"):
            _share_or_none(own, name)
    return Evaluation(
        data.text("model"), data.text("annotations_sha256"), {kind: data.all()[kind] for kind in KINDS}
    )


def _share_or_none(fields: Fields, key: str) -> None:
    if fields.has(key):
        fields.number(key, 0.0, 1.0)


def _require_share(text: str) -> None:
    try:
        inside = 0 < float(text) <= 1
    except ValueError:
        inside = False
    if not inside:
        raise FieldError(f"the IoU threshold '{text[:20]}'")


def precision_section(evaluations: Sequence[Evaluation], kind: str) -> Section:
    """Return AP at every IoU threshold: a row a threshold, a column a model, and by how much the first leads.

    Args:
        evaluations: at least one; the lead over each other one is in points, hundredths of 1.
        kind: "segm" or "bbox".
    """
    first, *others = (one.precision(kind) for one in evaluations)
    names = [one.model for one in evaluations]
    leads = [f"over {name}" for name in names[1:]]
    said = [Paragraph(f"Over another model: by how many points {names[0]} leads.")] if leads else []
    rows = [
        [
            Number(iou, ".2f"),
            *(Number(own.get(iou), ".4f") for own in (first, *others)),
            *(Number(_lead(first.get(iou), own.get(iou)), "+.2f") for own in others),
        ]
        for iou in sorted({iou for own in (first, *others) for iou in own})
    ]
    return Section(f"{KINDS[kind]} AP by IoU threshold", [*said, Table(["IoU", *names, *leads], rows)])


def _lead(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else 100 * (first - second)


def write_precision_csv(evaluations: Sequence[Evaluation], path: Path) -> None:
    """Write AP at every IoU threshold, a row a model, kind and threshold."""
    with CsvTable(path, PRECISION_COLUMNS) as table:
        table.write_all(_rows(evaluations))


def _rows(evaluations: Sequence[Evaluation]) -> Iterator[Row]:
    for one in evaluations:
        for kind, word in KINDS.items():
            for iou, value in one.precision(kind).items():
                yield {"model": one.model, "kind": word, "iou": iou, "average_precision": value}


def plot_precision(evaluations: Sequence[Evaluation], path: Path) -> Path:
    """Draw AP over the IoU threshold, a line a model, of masks and of boxes; return the path."""
    figure = new_figure(10, 4.2)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (kind, heading) in zip(panels, (("segm", "masks"), ("bbox", "boxes")), strict=True):
        for number, one in enumerate(evaluations):
            curve = one.precision(kind)
            axes.plot(
                list(curve),
                [math.nan if value is None else 100 * value for value in curve.values()],
                label=one.model,
                color=model_color(number),
                marker=model_marker(number),
                markersize=4,
                linewidth=1.4,
                clip_on=False,
            )
        style_axes(
            axes, "" if axes is not panels[0] else "AP (%)", "IoU that makes a detection right", grid="both"
        )
        write_heading(axes, heading)
    # Of both, once all lines are there: a lower bound alone would keep the upper one as it is.
    panels[0].set_ylim(0, max(panels[0].get_ylim()[1], 1.0))
    handles, labels = figure.axes[0].get_legend_handles_labels()
    legend = figure.legend(handles, labels, loc="outside lower center", fontsize=8.5, frameon=False, ncols=3)
    for text in legend.get_texts():
        text.set_parse_math(False)
        text.set_color(INK)
    return save_png(figure, path, "Average precision by how well a detection must fit")
