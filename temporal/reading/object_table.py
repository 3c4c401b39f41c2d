"""A row an object, with a column for each figure and model: to be sorted. The terminal has one cell for all models."""

from __future__ import annotations

from collections.abc import Sequence

from yolact_temporal.temporal.documents import Cell, Number, Table
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.reading.first_lines import object_note
from yolact_temporal.temporal.reading.object_rows import ObjectReading


def object_table(objects: Sequence[ObjectReading], models: Sequence[str]) -> Table:
    """Return a row an object, in their order; each figure of every model in a column of its own."""
    figures = REGISTRY.compared()
    b1, b2 = (figures[name].symbol for name in ("boundary_px", "motion_compensated_jitter"))
    whose = [f" of {model}" for model in models] if len(models) > 1 else [""]
    heads = [
        "object",
        "share of the clip",
        "pairs",
        *(f"{b1} (px){own}" for own in whose),
        f"floor of {b1} (px)",
    ]
    heads += [*(f"{b2}{own}" for own in whose), f"floor of {b2}", *(f"blinks{own}" for own in whose), "note"]
    rows = [_row(own, models) for own in objects]
    if not any(row[-1] for row in rows):  # nothing to note
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    return Table(heads, rows)


def _row(own: ObjectReading, models: Sequence[str]) -> list[Cell]:
    made = [own.models[model] for model in models]
    return [
        own.who,
        Number(own.share, ".0%"),
        Number(own.pairs, "d"),
        *(Number(one.boundary_px, ".3g") for one in made),
        Number(own.floor_px, ".3g"),
        *(Number(one.jitter, ".3g") for one in made),
        Number(own.floor_jitter, ".3g"),
        *(Number(one.blinks, "d") for one in made),
        object_note(own, models),
    ]
