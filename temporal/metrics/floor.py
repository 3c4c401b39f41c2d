"""The floor of a clip (METRICS B6): so much of B1 and B2 may be the flow's error and the object's own deformation.

With a ground truth it is what the true masks measure on the same pairs. Without one it is how far a mask comes back
from where it was, carried to the next frame and back: at least so much, since a flow that is consistently wrong brings
the mask back all the same. B1 by a second, independent motion estimate stands beside it.
"""

from __future__ import annotations

import math

from yolact_temporal.temporal.metrics.boundary import boundary_distances, displacement
from yolact_temporal.temporal.metrics.contract import (
    OF_RATE,
    OF_SIZE_AND_RATE,
    Compared,
    MaskPair,
    MetricSpec,
)
from yolact_temporal.temporal.metrics.jitter import motion_compensated_jitter
from yolact_temporal.temporal.metrics.registry import REGISTRY

AT_LEAST = "a lower bound, since a flow that is consistently wrong does not show in it"
"""What must be said of the round trip wherever it is called a floor."""

FLOOR_GROUP = "What the true masks measure, on the pairs that the model sees"

_INPUTS = "the mask at t-1 carried to t by the backward flow and back by the forward flow, the visible pixels of t-1"
_UNDEFINED = "the forward flow is not known, or nothing of the mask that comes back is seen in both frames"

PX_SPEC = MetricSpec(
    name="round_trip_px",
    symbol="B6",
    meaning="Floor of B1: boundary displacement between the mask at t-1 and itself carried to t and back; "
    f"{AT_LEAST}.",
    inputs=_INPUTS,
    unit="px",
    range=(0.0, math.inf),
    direction="down",
    undefined=_UNDEFINED,
    source="forward-backward error of the flow at the mask's boundary, by exact Euclidean distance",
    scope="pair",
    label="floor of B1, at least: round trip of the masks",
    headline=1,
    depends=OF_SIZE_AND_RATE,
    compared=Compared(
        "round_trip_px", "floor of B1, at least: round trip of the masks", "common", "B6", order=1
    ),
)

JITTER_SPEC = MetricSpec(
    name="round_trip_jitter",
    symbol="B6",
    meaning=f"Floor of B2: 1 - IoU of the mask at t-1 and itself carried to t and back; {AT_LEAST}.",
    inputs=_INPUTS,
    unit="1",
    range=(0.0, 1.0),
    direction="down",
    undefined=_UNDEFINED,
    source="forward-backward error of the flow, as one minus an IoU",
    scope="pair",
    label="floor of B2, at least: round trip of the masks",
    headline=4,
    depends=OF_RATE,
    compared=Compared(
        "round_trip_jitter", "floor of B2, at least: round trip of the masks", "common", "B6", order=3
    ),
)


def _of_objects(
    name: str, meaning: str, label: str, unit: str, order: int, group: str = "", second: bool = False
) -> MetricSpec:
    """Return a figure of the table of objects alone, on the pairs that both models see."""
    truth = name.startswith("true")
    undefined = ["there is no ground truth, or it has no mask in one of the frames"] if truth else []
    undefined += ["the pair is not of the sample that has a second motion estimate"] if second else []
    return MetricSpec(
        name=name,
        symbol="B6" if truth else "B1",
        meaning=meaning,
        inputs=f"the {'true ' if truth else ''}masks of an object in both frames, the motion, the visible pixels",
        unit=unit,
        range=(0.0, 1.0 if unit == "1" else math.inf),
        direction="down",
        undefined=", or ".join(undefined),
        source="the same figure of the true masks" if truth else "B1 by another optical flow",
        scope="comparison",
        label=label,
        group=group,
        matched=bool(group),
        compared=Compared(name, label, "common", "B6" if truth else "B1", needs_truth=truth, order=order),
        depends=OF_RATE if unit == "1" else OF_SIZE_AND_RATE,
    )


OBJECT_SPECS = (
    _of_objects(
        "true_boundary_px",
        "Floor of B1 with a ground truth: boundary displacement of the true masks on the same pairs, "
        "the objects' own deformation and the flow's error together.",
        "floor of B1: the true masks",
        "px",
        order=1,
        group=FLOOR_GROUP,
    ),
    _of_objects(
        "second_boundary_px",
        "B1 by the second motion estimate, on a sample of pairs: masks that the first one moved along show here.",
        "by the second motion estimate, on a sample",
        "px",
        order=1,
        second=True,
    ),
    _of_objects(
        "sample_boundary_px",
        "B1 by the main motion estimate, on the sample of pairs that the second one is made of: read the second beside "
        "it, not beside the B1 of all pairs.",
        "by the main motion estimate, on the same sample",
        "px",
        order=1,
        second=True,
    ),
    _of_objects(
        "true_second_boundary_px",
        "Boundary displacement of the true masks by the second motion estimate, on the same sample of pairs.",
        "the true masks by the second motion estimate",
        "px",
        order=1,
        second=True,
    ),
    _of_objects(
        "true_jitter",
        "Floor of B2 with a ground truth: 1 - IoU of the carried and the present true mask, on the same pairs.",
        "floor of B2: the true masks",
        "1",
        order=3,
        group=FLOOR_GROUP,
    ),
)


def pair_round_trip(pair: MaskPair) -> dict[str, float | None]:
    """Return the round trip of a pair by name; None where it is not known.

    Example:
        >>> import numpy as np
        >>> from yolact_temporal.temporal.motion import RoundTrip
        >>> before, back = np.zeros((2, 4, 9), np.uint8)
        >>> before[:, 2:5] = back[:, 3:6] = 1  # it comes back 1 px to the right
        >>> trip = RoundTrip(before, back, np.ones_like(before))
        >>> pair = MaskPair(before, before, np.ones_like(before), 12, (0, 0), (), None, trip)
        >>> pair_round_trip(pair)
        {'round_trip_px': 1.0, 'round_trip_jitter': 0.5}
    """
    trip = pair.round_trip
    if trip is None:
        return {PX_SPEC.name: None, JITTER_SPEC.name: None}
    found = boundary_distances(*trip)
    moved = None if found is None else displacement(found[0].distances, found[1].distances).mean
    return {PX_SPEC.name: moved, JITTER_SPEC.name: motion_compensated_jitter(*trip)}


REGISTRY.register(PX_SPEC, JITTER_SPEC, order=205, pair=pair_round_trip)
REGISTRY.register(*OBJECT_SPECS, order=206)
