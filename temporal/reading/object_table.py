"""A row an object, with a column for each figure and model: to be sorted. The terminal has one cell for all models."""

from __future__ import annotations

from collections.abc import Sequence

from yolact_temporal.temporal.documents import Cell, Number, Table
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.reading.first_lines import object_note
from yolact_temporal.temporal.reading.object_rows import ObjectReading


def object_table(objects: Sequence[ObjectReading], models: Sequence[str], from_truth: bool = False) -> Table:
    """Return a row an object, in their order; each figure of every model in a column of its own.

    Args:
        objects: those to list.
        models: their names.
        from_truth: whether floors are those of a ground truth: they are then the same for all models.
    """
    figures = REGISTRY.compared()
    b1, b2 = (figures[name].symbol for name in ("boundary_px", "motion_compensated_jitter"))
    whose = [f" of {model}" for model in models] if len(models) > 1 else [""]
    heads = [
        "object",
        "share of the clip",
        "pairs",
        *(f"{b1} (px){own}" for own in whose),
        *_floor_heads(f"{b1} (px)", whose, from_truth),
    ]
    heads += [
        *(f"{b2}{own}" for own in whose),
        *_floor_heads(b2, whose, from_truth),
        *(f"blinks{own}" for own in whose),
        "note",
    ]
    rows = [_row(own, models, from_truth) for own in objects]
    if not any(row[-1] for row in rows):  # nothing to note
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    return Table(heads, rows)


def _floor_heads(what: str, whose: Sequence[str], from_truth: bool) -> list[str]:
    return [f"{what} of the true masks"] if from_truth else [f"floor of {what}{own}" for own in whose]


def _row(own: ObjectReading, models: Sequence[str], from_truth: bool) -> list[Cell]:
    made = [own.models[model] for model in models]
    floors = made[:1] if from_truth else made
    return [
        own.who,
        Number(own.share, ".0%"),
        Number(own.pairs, "d"),
        *(Number(one.boundary_px, ".3g") for one in made),
        *(Number(one.floor_px, ".3g") for one in floors),
        *(Number(one.jitter, ".3g") for one in made),
        *(Number(one.floor_jitter, ".3g") for one in floors),
        *(Number(one.blinks, "d") for one in made),
        object_note(own, models),
    ]
