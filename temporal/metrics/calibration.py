"""What the tool's own calibration measures beside the metrics of masks (METRICS F)."""

from __future__ import annotations

import math
from typing import Literal

from yolact_temporal.temporal.metrics.contract import MetricSpec
from yolact_temporal.temporal.metrics.registry import REGISTRY

_SOURCE = "calibration on synthetic clips whose truth is known"


def _spec(
    name: str,
    symbol: str,
    meaning: str,
    inputs: str,
    unit: str,
    bounds: tuple[float, float],
    undefined: str,
    direction: Literal["down", "zero"] = "down",
) -> MetricSpec:
    return MetricSpec(
        name, symbol, meaning, inputs, unit, bounds, direction, undefined, _SOURCE, scope="calibration"
    )


SPECS = (
    _spec(
        "centre_bias",
        "D5",
        "Mean error of the box centre's x, in true widths, over the frames in which a mask overlaps the true one "
        "noticeably.",
        "the masks and the true ones, matched by their overlap",
        "1",
        (-math.inf, math.inf),
        "no mask ever overlaps its object's",
        "zero",
    ),
    _spec(
        "boundary_px_difference",
        "B1",
        "Boundary displacement on the common support, less that of the stand-in it is compared with.",
        "the boundary displacements of both on the common support",
        "px",
        (-math.inf, math.inf),
        "the common support has no pair",
    ),
    _spec(
        "hidden_share",
        "B6",
        "Share that the masking leaves out of the pixels that show an object in either frame of a pair.",
        "the true masks, and which pixels are visible in both frames",
        "1",
        (0.0, 1.0),
        "no pixel shows an object",
    ),
    _spec(
        "flow_error_px",
        "B6",
        "Mean length of the flow's error over the objects' pixels that are truly in sight.",
        "the estimated and the exact motion, the true masks",
        "px",
        (0.0, math.inf),
        "no pixel of an object is in sight in both frames",
    ),
)

REGISTRY.register(*SPECS, order=600)
