"""Why a mask is absent inside its track's life (METRICS H7): what is told of it; see `temporal.absences`."""

from __future__ import annotations

import math

from yolact_temporal.temporal.metrics.contract import MetricSpec
from yolact_temporal.temporal.metrics.registry import REGISTRY

CAUSES = ("faint", "taken", "left", "unseen")
"""The causes of an absence, in the order in which they are asked: the first that holds is it."""

COVERED_SHARE = 0.5
"""A carried mask is taken, or has left, by so much of its pixels."""

_MEANINGS = {
    "faint": "an instance below the operating threshold lies there, by IoU >= 0.5 with the carried mask",
    "taken": "another track's mask covers at least half of the carried mask",
    "left": "at least half of the mask went out of the frame or behind something",
    "unseen": "nothing of it was recorded",
}
_NEEDS = {
    "faint": "no instance below the operating threshold was recorded, or the clip is empty",
    "taken": "the clip is empty",
    "left": "the motion is not known, or the clip is empty",
    "unseen": "the clip is empty",
}
_SOURCE = "the mask of before the absence, carried frame by frame"


def count_name(cause: str) -> str:
    """Return the name of how many absences have a cause."""
    return f"absences_{cause}"


def share_name(cause: str) -> str:
    """Return the name of the share of absences that have a cause."""
    return f"absence_share_{cause}"


SPECS = tuple(
    MetricSpec(
        name=name,
        symbol="H7",
        meaning=f"{what} inside tracks' lives at which {_MEANINGS[cause]}.",
        inputs="all recorded instances, the tracks, and the motion",
        unit=unit,
        range=(0.0, most),
        direction="down",
        undefined=_NEEDS[cause] + extra,
        source=_SOURCE,
        scope="absence",
        label=label,
    )
    for cause in CAUSES
    for name, what, unit, most, extra, label in (
        (count_name(cause), "Absent frames", "frames", math.inf, "", f"absent frames, {cause}"),
        (
            share_name(cause),
            "Share of the absent frames",
            "1",
            1.0,
            ", or no frame is absent",
            f"share of the absent frames, {cause}",
        ),
    )
)
"""Counts and shares; they add up to the absences."""

REGISTRY.register(*SPECS, order=400)
