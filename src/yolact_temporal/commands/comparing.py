"""The command that compares models on finished runs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolact_temporal.commands.console import progress_bar, say

if TYPE_CHECKING:
    from yolact_temporal.compare import ComparedPair, ComparisonResult
    from yolact_temporal.truth import TruthOptions


def compare(args: argparse.Namespace) -> int:
    """Compare the models of finished runs and write the tables beside them."""
    from yolact_temporal.commands.masks import truth_options

    result = compare_all(args, args.runs, args.out, args.models, args.ground_truth, truth_options(args))
    if args.json:
        found = [comparison_json(pair) for pair in result.pairs]
        print(
            json.dumps({"comparisons": found, "remarks": list(result.remarks)}, indent=2, ensure_ascii=False)
        )
    return 0


def compare_all(
    args: argparse.Namespace,
    runs: Sequence[Path],
    out: Path,
    models: Sequence[str] | None = None,
    ground_truth: Path | None = None,
    truth_options: TruthOptions | None = None,
) -> ComparisonResult:
    """Compare runs over all their clips, write the tables into `out` and print them."""
    from yolact_temporal.compare import compare_runs, write_comparison
    from yolact_temporal.temporal.comparison.comparison_text import console_comparison

    with progress_bar(args, "compare", None) as progress:
        result = compare_runs(
            runs, models, ground_truth, truth_options, progress=lambda _clip, done: progress(done)
        )
    write_comparison(result, out)
    for pair in result.pairs:
        say(args, f"\n{console_comparison(pair.comparison, pair.verdict)}")
    for remark in result.remarks:
        say(args, f"  {remark}")
    say(args, f"  Comparison: {out / 'comparison.csv'}")
    return result


def comparison_json(pair: ComparedPair) -> dict[str, Any]:
    """Return two models' comparison for a machine to read."""
    from yolact_temporal.temporal.comparison.comparison_csv import comparison_rows

    comparison, verdict = pair.comparison, pair.verdict
    return {
        "models": list(comparison.models),
        "pairs": comparison.pairs,
        "common": comparison.common,
        "objects": comparison.objects,
        "steadier": verdict.steadier,
        "reasons": list(verdict.reasons),
        "rows": list(comparison_rows(comparison, verdict)),
    }
