"""One colour for one object across models: each model numbers its own tracks, the table of objects says who is who."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from yolact_temporal.data.track_colors import track_color
from yolact_temporal.temporal.reading.shared_ids import MaskKey, objects_of_tracks

ColorKeys = Mapping[str, Mapping[int, int]]
"""By model and track id, the number whose colour `track_color` gives."""


def shared_color_keys(instances: Mapping[str, pd.DataFrame], objects: pd.DataFrame | None) -> ColorKeys:
    """Return by what number each model's tracks are coloured, so that the same object has the same colour.

    The first model's tracks keep their own numbers, as in its overlay and plots. A track of another model takes the
    number of the first model's track that is seen as the same object in most frames; what the first model does not see
    takes numbers of its own, alike among the others.

    Args:
        instances: rows of `instances.csv`, by model name, the measured one first.
        objects: rows of `objects.csv`; None where there is none, and each model then keeps its own numbers.
    """
    found: dict[str, dict[int, int]] = {}
    numbers: dict[int, int] = {}
    free = 1
    for model, table in instances.items():
        ids = sorted({int(key) for key in table["track_id"].dropna()})
        seen_as = {} if objects is None else _objects_of_tracks(table, objects[objects["model"] == model])
        if not found:
            found[model] = {key: key for key in ids}
            free = max(ids, default=0) + 1
            sightings = table["track_id"].value_counts()
            # The longest track of an object is the one whose colour the other models take.
            for key in sorted(ids, key=lambda key: (-int(sightings.get(key, 0)), key)):
                if key in seen_as:
                    numbers.setdefault(seen_as[key], key)
            continue
        own = {}
        for key in ids:
            if objects is None:
                own[key] = key
            elif key in seen_as:
                if seen_as[key] not in numbers:
                    numbers[seen_as[key]], free = free, free + 1
                own[key] = numbers[seen_as[key]]
            else:
                own[key], free = free, free + 1
        found[model] = own
    return found


def key_hex(key: int) -> str:
    """Return the colour of a number as "#rrggbb"."""
    return "#{:02x}{:02x}{:02x}".format(*track_color(key))


def _objects_of_tracks(instances: pd.DataFrame, objects: pd.DataFrame) -> dict[int, int]:
    """Return the object that each track is in most frames."""
    tracks, seen = instances[instances["track_id"].notna()], objects[objects["score"].notna()]
    return objects_of_tracks(_masks(tracks, "track_id"), _masks(seen, "object_id"))


def _masks(table: pd.DataFrame, owner: str) -> Iterator[MaskKey]:
    columns = [table[name].tolist() for name in ("frame", "area_px", "score", owner)]
    for frame, area, score, key in zip(*columns, strict=True):
        yield MaskKey(int(frame), int(area), float(score), int(key))
