"""One number and colour for one object across models: the object of the comparison that each model's track is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from yolact_temporal.data.track_colors import track_color
from yolact_temporal.temporal.reading.shared_ids import MaskKey, objects_of_tracks

ColorKeys = Mapping[str, Mapping[int, int]]
"""By model and track id, the number that names it and whose colour `track_color` gives; 0 for none, which is grey."""


def shared_color_keys(instances: Mapping[str, pd.DataFrame], objects: pd.DataFrame | None) -> ColorKeys:
    """Return by what number each model's tracks are named and coloured, as in overlays, plots and reports.

    Args:
        instances: rows of `instances.csv`, by model name.
        objects: rows of the table of objects that the models are compared on; a track of none of them has number 0.
            None where there is none: each model then keeps its own numbers.
    """
    found: dict[str, dict[int, int]] = {}
    for model, table in instances.items():
        ids = sorted({int(key) for key in table["track_id"].dropna()})
        if objects is None:
            found[model] = {key: key for key in ids}
            continue
        seen = objects[(objects["model"] == model) & objects["score"].notna()]
        tracks = table[table["track_id"].notna()]
        own = objects_of_tracks(_keys(tracks, "track_id"), _keys(seen, "object_id"))
        found[model] = {key: own.get(key, 0) for key in ids}
    return found


def key_hex(key: int) -> str:
    """Return the colour of a number as "#rrggbb"."""
    return "#{:02x}{:02x}{:02x}".format(*track_color(key))


def _keys(rows: pd.DataFrame, owner: str) -> Iterator[MaskKey]:
    columns = (rows[name].tolist() for name in ("frame", "area_px", "score", owner))
    for frame, area, score, whose in zip(*columns, strict=True):
        yield MaskKey(int(frame), int(area), float(score), int(whose))
