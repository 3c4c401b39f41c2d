"""Every metric for a reader: its contract, said once in words and once for a machine."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from yolact_temporal.errors import UsageError, advice_on_name
from yolact_temporal.temporal.metrics import REGISTRY, MetricSpec
from yolact_temporal.temporal.metrics.contract import MATCH_IOUS, Scope

SCOPES: Mapping[Scope, str] = MappingProxyType(
    {
        "pair": "Of a pair of frames of a track, and the mean over its pairs (frames.csv, instances.csv, tracks.csv, "
        "summary.csv)",
        "track": "Of a model's own tracks (tracks.csv, summary.csv)",
        "absence": "Of the absences inside tracks' lives (summary.csv; each is in absences.csv)",
        "cause": "Causes of a model's jitter, of models that say what their masks are assembled from (why.csv, "
        "summary.csv)",
        "truth": "Against ground truth (summary.csv)",
        "identity": "Identities against ground truth, with the extra `identity` installed (summary.csv)",
        "comparison": "Of several models on one universe of objects (comparison.csv)",
        "calibration": "Of the tool's own calibration (calibration.csv)",
    }
)
"""What a metric may be of, and the tables it stands in."""


SUPPORTS: Mapping[str, str] = MappingProxyType(
    {
        "common": "Here over the common support: pairs at which both models see the object in both frames.",
        "universe": "Here over the universe: all pairs of objects that count, whoever sees them.",
    }
)
"""What a compared figure is taken over."""


def by_scope(names: Sequence[str] = ()) -> dict[Scope, tuple[MetricSpec, ...]]:
    """Return metrics by what they are of.

    Args:
        names: those wanted, by name or symbol; all if empty.

    Raises:
        UsageError: if there is no metric of a name.

    Example:
        >>> [spec.name for specs in by_scope(["b1"]).values() for spec in specs][0]
        'boundary_px_mean'
    """
    wanted = _found(names)
    return {
        scope: tuple(spec for spec in REGISTRY.of(scope).values() if not names or spec.name in wanted)
        for scope in SCOPES
    }


def _found(names: Sequence[str]) -> set[str]:
    """Return the names of the metrics that names or symbols stand for."""
    known: dict[str, set[str]] = {}
    for spec in _all_specs():
        for own in (*spec.names, spec.symbol):
            known.setdefault(own.casefold(), set()).add(spec.name)
    wanted: set[str] = set()
    for name in names:
        if name.casefold() not in known:
            advice = advice_on_name(name, known, "`yolact-temporal metrics` lists them")
            raise UsageError(f"expected the name or symbol of a metric, got {name!r}: {advice}")
        wanted |= known[name.casefold()]
    return wanted


def _all_specs() -> list[MetricSpec]:
    return [spec for scope in SCOPES for spec in REGISTRY.of(scope).values()]


def catalogue_rows(names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return one row a metric, ready for JSON: its contract, `range` with None for infinity, other `names` it has.

    Args:
        names: as of `by_scope`.

    Raises:
        UsageError: as `by_scope`.
    """
    return [
        {
            "name": spec.name,
            "symbol": spec.symbol,
            "label": spec.label,
            "scope": spec.scope,
            "meaning": spec.meaning,
            "inputs": spec.inputs,
            "unit": spec.unit,
            "range": [bound if math.isfinite(bound) else None for bound in spec.range],
            "direction": spec.direction,
            "better": spec.better,
            "undefined": spec.undefined,
            "source": spec.source,
            "depends_on": spec.depends or None,
            "headline": spec.headline is not None,
            "matched_at_iou": list(MATCH_IOUS) if spec.matched else None,
            "also_named": list(spec.names[1:]),
        }
        for specs in by_scope(names).values()
        for spec in specs
    ]


def definitions() -> dict[str, str]:
    """Return what the words of a report mean: the contract of a metric by each of its names in texts.

    These are its symbol where that is more than a letter, its label, and both together, as alone and as compared.
    """
    found: dict[str, str] = {}
    for spec in REGISTRY.values():
        for name in (spec.symbol, spec.label, spec.title):
            found.setdefault(name, contract_sentence(spec))
    for figure in REGISTRY.compared().values():
        for name in (figure.symbol, figure.label, figure.title):
            found.setdefault(name, f"{contract_sentence(figure.spec)} {SUPPORTS[figure.support]}")
    return {name: meaning for name, meaning in found.items() if len(name) > 1}


def unit_text(unit: str) -> str:
    """Return a unit for a reader: "" for a pure number."""
    return "" if unit in ("1", "") else unit


def range_text(spec: MetricSpec) -> str:
    """Return the range of a metric and its unit, such as "0..inf px".

    Example:
        >>> range_text(REGISTRY["boundary_px_mean"]), range_text(REGISTRY["dropout_rate"])
        ('0..inf px', '0..1')
    """
    low, high = (f"{bound:.4g}" for bound in spec.range)
    return f"{low}..{high} {unit_text(spec.unit)}".rstrip()


def contract_sentence(spec: MetricSpec) -> str:
    """Return all that a reader of a metric's number must know.

    Example:
        >>> contract_sentence(REGISTRY["coverage"]).split(": ")[0]
        'A2'
    """
    low, high = spec.range
    bounds = "no lower end" if math.isinf(low) else f"{low:g}"
    bounds += ", no upper end" if math.isinf(high) else f" to {high:g}"
    unit = f" In {spec.unit}." if unit_text(spec.unit) else ""
    return (
        f"{spec.symbol}: {spec.meaning}{unit} Range {bounds}; {spec.better}. Undefined where {spec.undefined}. "
        f"From: {spec.inputs}. Source: {spec.source}. {spec.dependence}"
    ).rstrip()
