"""A comparison as data: what `comparison.json` and `--json` hold, and what else reads a verdict reads."""

from __future__ import annotations

from typing import Any

from yolact_temporal.data.runs.answers import Verdict, verdict_data
from yolact_temporal.temporal.comparison.comparing import ModelComparison
from yolact_temporal.temporal.comparison.comparison_csv import comparison_rows
from yolact_temporal.temporal.comparison.comparison_text import scope_sentences


def comparison_data(comparison: ModelComparison, verdict: Verdict) -> dict[str, Any]:
    """Return a comparison of two models as data; what is undefined is None.

    Returns:
        The two `models`; how many `pairs` of how many `objects` in which `clips` were compared, how many of the pairs
        are `common` to both models and how many were `left_out` and why; which model is `steadier` without reserve,
        None where none is; the same as the `verdict` of the table and as a `sentence`, the headline; its `scope`, a
        sentence each; the `answers` with the guards (`Verdict`); and the `rows` of `comparison.csv`, unrounded.
    """
    return {
        "models": list(comparison.models),
        "clips": list(comparison.clips),
        "pairs": comparison.pairs,
        "common": comparison.common,
        "objects": comparison.objects,
        "left_out": dict(comparison.left_out),
        "steadier": verdict.steadier,
        "verdict": verdict.word,
        "sentence": verdict.headline,
        "scope": scope_sentences(comparison),
        "answers": verdict_data(verdict),
        "rows": list(comparison_rows(comparison, verdict)),
    }
