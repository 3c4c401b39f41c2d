"""What each figure is, in the words of its own contract."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from yolact_temporal.temporal.catalogue import CATALOGUE
from yolact_temporal.temporal.comparison.comparing import FIGURES
from yolact_temporal.temporal.metrics import METRICS, MetricSpec

SPECS: Mapping[str, MetricSpec] = MappingProxyType(
    {spec.name: spec for group in CATALOGUE.values() for spec in group}
)
"""Every metric's contract by name, of a model's own figures and of those against a ground truth."""

TRUE_OBJECTS = "true_objects"
"""The row of `summary.csv` after which a model's figures against the ground truth stand."""

_LOOSE = "_at_iou_"

HEADLINES = {
    "boundary_px_mean": "boundary displacement, mean",
    "boundary_px_p95": "boundary displacement, 95th percentile",
    "boundary_share_mean": "boundary displacement over sqrt(area)",
    "motion_compensated_jitter": "motion-compensated jitter, 1 - IoU",
    "second_difference_centroid_x_px": "centroid shake, x",
    "second_difference_centroid_y_px": "centroid shake, y",
    "second_difference_log_area": "log area shake",
    "score_jitter": "score jitter (not comparable across models)",
    "presence_flips_per_s": "presence flips",
    "dropout_rate": "dropout: absent within a track's life",
    "class_flip_rate": "class flips per pair",
    "area_blinks_per_s": "area blinks",
}
"""One model's own figures that are shown first, with what the report calls them."""

COMPARED_HEADLINES = (
    "boundary_px",
    "motion_compensated_jitter",
    "presence_flips_per_s",
    "loss_0",
    "loss_1",
    "coverage",
)
"""The compared figures that the verdict rests on, or that it must be read beside."""

QUALITY = ("truth_j", "truth_f")
"""Compared figures that need a ground truth."""

_CONTRACT_OF = {
    "boundary_px": "boundary_px_mean",
    "boundary_share": "boundary_share_mean",
    "motion_compensated_jitter": "motion_compensated_jitter",
    "presence_flips_per_s": "presence_flips_per_s",
}
_SUPPORTS = {
    "common": "Here over the common support: pairs at which both models see the object in both frames.",
    "universe": "Here over the universe: all pairs of objects that count, whoever sees them.",
}
_OF_COMPARISONS = {
    "loss_0": "Share of the pairs of the universe at which a model sees the object in one frame of two, plus 1 - IoU "
    "of the carried and the new mask where it sees it in both.",
    "loss_1": "As L(0), but a pair at which the model misses the object in both frames counts in full: who drops the "
    "hard objects pays for it.",
    "loss_one_sided": "Part of the loss: pairs at which the model sees the object in one frame of two.",
    "loss_missed": "Part of the loss with c = 1: pairs at which it misses the object in both frames.",
    "loss_moved": "Part of the loss: 1 - IoU of the carried and the new mask, where it sees the object in both.",
    "coverage": "Share of the pairs of the universe at which the model sees the object in both frames. A model that "
    "sees less easily looks steadier: read every figure beside this one.",
    "truth_j": "Mean IoU with the ground truth's mask; an object that is not seen counts 0.",
    "truth_f": "Mean boundary F with the ground truth's mask; an object that is not seen counts 0.",
}


_STEADIER = {"down": "lower is steadier", "up": "higher is steadier", "zero": "nearer to 0 is steadier"}
_BETTER = {"down": "lower is better", "up": "higher is better", "zero": "nearer to 0 is better"}


def compared_label(name: str) -> str:
    """Return a compared figure's name for a reader, its symbol first; the name itself if it is unknown."""
    if name not in FIGURES:
        return name
    spec = FIGURES[name]
    return f"{spec.symbol} {spec.label.strip()}".strip()


def unit_text(unit: str) -> str:
    """Return a unit for a reader: "" for a pure number."""
    return "" if unit in ("1", "") else unit


def label(name: str) -> str:
    """Return the name of a figure of `summary.csv` for a reader: its symbol first, at which IoU it was matched last."""
    base, _, iou = name.partition(_LOOSE)
    told = HEADLINES.get(base)
    if told is None:
        told = FIGURES[base].label.strip() if base in FIGURES else base.replace("_", " ")
        told = f"{SPECS[base].symbol} {told}" if base in SPECS else told
    return told + (f", matched at IoU {iou}" if iou else "")


def definition(name: str) -> str:
    """Return what a figure of `summary.csv` is, from its contract: meaning, unit, range, direction, undefined, source.

    "" for a name that no contract knows.
    """
    base = name.partition(_LOOSE)[0]
    if base in SPECS:
        return _contract(SPECS[base])
    return _OF_COMPARISONS.get(base, "")


def compared_definition(name: str) -> str:
    """Return what a compared figure is and over which pairs it is taken; "" for a name that no contract knows."""
    if name not in FIGURES:
        return ""
    spec = FIGURES[name]
    own = METRICS.get(_CONTRACT_OF.get(name, ""))
    body = (
        _contract(own)
        if own is not None
        else f"{_OF_COMPARISONS[name]} Range 0 to 1; {compared_direction(name)}."
    )
    return f"{body} {_SUPPORTS[spec.support]}"


def direction(name: str) -> str:
    """Return which way a figure of `summary.csv` is better; "" for a name that no contract knows."""
    base = name.partition(_LOOSE)[0]
    if base not in SPECS:
        return compared_direction(base)
    if base in METRICS:
        return _STEADIER[SPECS[base].direction]
    return _BETTER[SPECS[base].direction]


def compared_direction(name: str) -> str:
    """Return which way a compared figure is better; "" for a name that no contract knows."""
    if name not in FIGURES:
        return ""
    return "lower is steadier" if FIGURES[name].better == "down" else "higher is better"


def _contract(spec: MetricSpec) -> str:
    low, high = spec.range
    bounds = "no lower end" if math.isinf(low) else f"{low:g}"
    bounds += ", no upper end" if math.isinf(high) else f" to {high:g}"
    unit = f" In {spec.unit}." if unit_text(spec.unit) else ""
    better = direction(spec.name)
    return (
        f"{spec.symbol}: {spec.meaning}{unit} Range {bounds}; {better}. Undefined where {spec.undefined}. "
        f"From: {spec.inputs}. Source: {spec.source}."
    )
