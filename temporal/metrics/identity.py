"""HOTA, MOTSA and IDF1 (METRICS D8): which track an object is given, by what the package `trackeval` computes.

What they are is known without that package; their values need it.
"""

from __future__ import annotations

import math

from yolact_temporal.temporal.metrics.contract import MetricSpec
from yolact_temporal.temporal.metrics.registry import REGISTRY

_INPUTS = "which true masks and which masks, by their tracks, overlap by how much in every frame; class plays no part"


def _spec(name: str, symbol: str, meaning: str, least: float, source: str) -> MetricSpec:
    return MetricSpec(
        name=name,
        symbol=symbol,
        meaning=meaning,
        inputs=_INPUTS,
        unit="1",
        range=(least, 1.0),
        direction="up",
        undefined="the truth has no mask",
        source=source,
        scope="identity",
        label=name.upper(),
        group="Identity",
    )


SPECS = (
    _spec(
        "hota",
        "D7 HOTA",
        "Detection and association in one, mean over IoU thresholds.",
        0.0,
        "Luiten et al., IJCV 2021, by trackeval",
    ),
    _spec(
        "motsa",
        "D7 MOTSA",
        "1 - (missed + false + identity switches) / true masks, at IoU 0.5.",
        -math.inf,
        "Voigtlaender et al., CVPR 2019, by trackeval",
    ),
    _spec(
        "idf1",
        "D7 IDF1",
        "F1 of masks under the best one-to-one match of identities, at IoU 0.5.",
        0.0,
        "Ristani et al., ECCV Workshops 2016, by trackeval",
    ),
)
"""What is computed. Class plays no part, as everywhere with tracks here."""

REGISTRY.register(*SPECS, order=590)
