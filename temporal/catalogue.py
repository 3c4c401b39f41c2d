"""Every metric by what it needs: a track, the objects' tracks, a ground truth, or two models; with its contract."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from yolact_temporal.temporal.metrics import (
    METRICS,
    box_stability,
    flicker,
    panoptic,
    region,
    shape_stability,
    trajectory,
    truth_consistency,
)
from yolact_temporal.temporal.metrics.contract import MetricSpec

_SUPPORT = "which objects of the universe each model sees in every frame"


def _comparison_spec(
    name: str,
    symbol: str,
    meaning: str,
    inputs: str = _SUPPORT,
    direction: Literal["down", "up"] = "down",
    undefined: str = "the universe has no pair",
) -> MetricSpec:
    source = (
        "penalised loss over a universe of objects"
        if name.startswith("loss")
        else "share of a universe of objects"
    )
    return MetricSpec(name, symbol, meaning, inputs, "1", (0.0, 1.0), direction, undefined, source, "clip")


COMPARISON_SPECS = (
    _comparison_spec(
        "coverage",
        "A2",
        "Pairs of the universe at which the model sees the object in both frames, over all of them.",
        direction="up",
    ),
    _comparison_spec(
        "common_share",
        "A2",
        "Pairs of the universe at which every compared model sees the object in both frames, over all of them.",
        direction="up",
    ),
    *(
        _comparison_spec(
            f"loss_{weight}",
            f"A3 L({weight})",
            f"Penalised loss, c = {weight}: misses in one frame of two, {weight} times misses in both, and 1 - IoU of "
            "the carried mask and the present one where seen in both, over all pairs of the universe.",
            f"{_SUPPORT}, and B2 where it sees it in both",
            undefined="the universe has no pair at which every model has a value",
        )
        for weight in (0, 1)
    ),
    _comparison_spec(
        "loss_one_sided", "A3", "The part of the penalised loss that is misses in one frame of two."
    ),
    _comparison_spec("loss_missed", "A3", "The part of L(1) that is misses in both frames."),
    _comparison_spec(
        "loss_moved",
        "A3",
        "The part of the penalised loss that is 1 - IoU where seen in both frames.",
        f"{_SUPPORT}, and B2 where it sees it in both",
    ),
)
"""What two models are compared by, beside the metrics of tracks on their common support."""

CATALOGUE: Mapping[str, tuple[MetricSpec, ...]] = MappingProxyType(
    {
        "track": tuple(METRICS.values()),
        "objects": (region.CONSECUTIVE_IOU_SPEC, flicker.FRAGMENTATION_SPEC),
        "ground truth": (
            *region.APPEARANCE_SPECS,
            *region.SPECS,
            *shape_stability.SPECS,
            *truth_consistency.SPECS,
            *box_stability.SPECS,
            *trajectory.SPECS,
            *panoptic.SPECS,
        ),
        "comparison": COMPARISON_SPECS,
    }
)
"""All metrics by what they need: a model's own tracks; objects and the tracks that they are given; a ground truth;
several models on one universe of objects."""


def catalogue_rows() -> list[dict[str, Any]]:
    """Return one row a metric, ready for JSON: its contract, what it `needs`, its `range` with None for infinity."""
    return [
        {
            "name": spec.name,
            "symbol": spec.symbol,
            "needs": needs,
            "meaning": spec.meaning,
            "inputs": spec.inputs,
            "unit": spec.unit,
            "range": [bound if math.isfinite(bound) else None for bound in spec.range],
            "direction": spec.direction,
            "undefined": spec.undefined,
            "level": spec.level,
            "source": spec.source,
        }
        for needs, specs in CATALOGUE.items()
        for spec in specs
    ]
