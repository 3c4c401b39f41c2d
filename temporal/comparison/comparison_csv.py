"""`comparison.csv`: every compared figure as a row, over all clips and clip by clip."""

from __future__ import annotations

from collections.abc import Iterator

from yolact_temporal.data.runs.answers import Verdict
from yolact_temporal.temporal.comparison.comparing import Difference, ModelComparison
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.report import Column, Row

COMPARISON_COLUMNS: tuple[Column, ...] = (
    Column("clip", "", "The clip's name; empty in rows over all clips."),
    Column("metric", "", "What is compared."),
    Column("unit", "", "Unit of the values; 1 for a pure number."),
    Column(
        "support",
        "",
        "On what: common (pairs that both models see), universe (all pairs), matched_recall_R (common pairs, at score "
        "thresholds at which both cover a share R), truth_iou_0.1 (masks of the truth matched loosely).",
    ),
    Column("model_a", "", "The first model."),
    Column("model_b", "", "The second model."),
    Column(
        "value_a", "", "Mean of the first model over the clips that have both values; empty where undefined."
    ),
    Column("value_b", "", "Mean of the second model likewise."),
    Column(
        "difference", "", "value_a - value_b; negative where lower is better and the first model is better."
    ),
    Column(
        "ci_low",
        "",
        "Lower end of the 95% interval: of the mean over clips (BCa), or over one clip's frames (block bootstrap).",
    ),
    Column("ci_high", "", "Upper end of the 95% interval."),
    Column(
        "p_value",
        "1",
        "Exact two-sided sign-flip p over clips; only of the figures that decide a question (boundary_log_px, "
        "misses_one_sided, coverage, truth_jf), and from 7 clips on.",
    ),
    Column(
        "p_holm",
        "1",
        "The same adjusted by Holm among the questions beside the outline; of boundary_log_px, its own p.",
    ),
    Column("n", "", "Clips that have both values; in a clip's own row, pairs of frames."),
    Column(
        "n_undefined", "", "Clips without; in a clip's own row, pairs left out because a model has no value."
    ),
    Column(
        "verdict",
        "",
        "Of the two models, the same in every row over all clips: who is steadier, whose outlines are, or what keeps "
        "it from being said.",
    ),
)
"""Columns of `comparison.csv`."""


def comparison_rows(comparison: ModelComparison, verdict: Verdict) -> Iterator[Row]:
    """Yield the rows of two models: over all clips where there are several, then clip by clip."""
    single = len(comparison.clips) == 1
    for difference in comparison.differences:
        own = _row(comparison, difference, verdict)
        if not single:
            yield own
        for value in difference.clips:
            yield own | {
                "clip": value.clip,
                "value_a": value.first,
                "value_b": value.second,
                "difference": value.difference,
                "ci_low": own["ci_low"] if single else None,
                "ci_high": own["ci_high"] if single else None,
                "p_value": None,
                "p_holm": None,
                "n": value.n,
                "n_undefined": value.n_undefined,
                "verdict": verdict.word if single else "",
            }


def _row(comparison: ModelComparison, difference: Difference, verdict: Verdict) -> Row:
    interval = difference.interval
    return {
        "clip": "",
        "metric": difference.metric,
        "unit": REGISTRY.compared()[difference.metric].unit,
        "support": difference.support,
        "model_a": comparison.models[0],
        "model_b": comparison.models[1],
        "value_a": difference.first,
        "value_b": difference.second,
        "difference": difference.difference,
        "ci_low": None if interval is None else interval.low,
        "ci_high": None if interval is None else interval.high,
        "p_value": difference.p_value,
        "p_holm": difference.p_holm,
        "n": difference.n,
        "n_undefined": len(difference.clips) - difference.n,
        "verdict": verdict.word,
    }
