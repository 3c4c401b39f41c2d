"""docs/metrics.md: every metric, as the registry has it.

`python -m yolact_temporal.metrics_page docs/metrics.md` writes it anew.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import groupby
from pathlib import Path
from types import MappingProxyType

from yolact_temporal.data.files import atomic_write
from yolact_temporal.temporal.catalogue import by_scope
from yolact_temporal.temporal.metrics import REGISTRY, MetricSpec
from yolact_temporal.temporal.metrics.contract import MATCH_IOUS, Scope, at_iou

_HEADINGS: Mapping[str, str] = MappingProxyType(
    {
        "A": "A: who sees what",
        "B": "B: jitter",
        "C": "C: flicker",
        "D": "D: against a ground truth",
        "H": "H: causes of jitter and of absences",
        "J": "J: what decides a question",
    }
)
"""What metrics whose symbols begin with a letter are about."""

_TABLES: Mapping[Scope, str] = MappingProxyType(
    {
        "pair": "frames, instances, tracks, summary",
        "track": "tracks, summary",
        "absence": "summary",
        "truth": "summary",
        "identity": "summary",
        "comparison": "",
        "calibration": "calibration",
        "cause": "why, summary",
    }
)
"""The CSV tables that hold a metric of each scope, comparisons apart."""

_WORTH_A_TABLE = 2
"""So many metrics made from the same things have a table of their own."""
_TABLE_HEAD = ("| metric | unit | range | what it says | undefined where | in |", "|---|---|---|---|---|---|")

_OPENING = """\
# Metrics

Every figure that the tool computes, under the symbol by which this documentation calls it. `yolact-temporal metrics`
lists the same in a terminal. The page is written from the program's register of metrics by `make tables-page`.
[Method and proofs](method.md) tells how the figures are computed, [reading the results](reading-the-results.md) what to
make of them.

A range of 0 to ∞ has no upper end; a unit of 1 is a pure number. Where a figure is undefined its cell is empty, never
0. "In" names the CSV tables that hold it, and what it is called there where that differs. † marks a figure of masks
that are matched with true objects: it is given twice, at a matching IoU of {strict:g}, and at {loose:g} under a name
that ends in `{ending}`.
"""


def metrics_page() -> str:
    """Return docs/metrics.md."""
    strict, loose = MATCH_IOUS
    parts = [_OPENING.format(strict=strict, loose=loose, ending=at_iou("", loose))]
    specs = sorted((spec for each in by_scope().values() for spec in each), key=_section)
    for letter, of_letter in groupby(specs, key=lambda spec: spec.symbol[0]):
        parts.append(f"## {_HEADINGS.get(letter, letter)}\n")
        for section, of_section in groupby(of_letter, key=_section):
            parts.append(f"### {section}\n")
            parts.append(_tables(list(of_section)))
    return "\n".join(parts)


def _section(spec: MetricSpec) -> str:
    """Return the first word of a symbol: "D4" of "D4 E_F"."""
    return spec.symbol.split()[0]


def _tables(specs: Sequence[MetricSpec]) -> str:
    """Return the metrics of one symbol; where many are made from the same, they stand together and it is said once."""
    counts = Counter(map(_origin, specs))
    often = [origin for origin, count in counts.items() if count >= _WORTH_A_TABLE]
    parts = [[f"{origin}\n", *_TABLE_HEAD, *_rows(specs, {origin}, True)] for origin in often]
    others = _rows(specs, counts.keys() - set(often), False)
    if others:
        parts.append([*_TABLE_HEAD, *others])
    return "\n".join(line for part in parts for line in (*part, ""))


def _rows(specs: Iterable[MetricSpec], origins: Set[str], told: bool) -> list[str]:
    return [_row(spec, told) for spec in specs if _origin(spec) in origins]


def _origin(spec: MetricSpec) -> str:
    return f"From {spec.inputs}. Source: {spec.source}."


def _row(spec: MetricSpec, origin_is_told: bool) -> str:
    low, high = spec.range
    bounds = f"{'-∞' if math.isinf(low) else f'{low:g}'} to {'∞' if math.isinf(high) else f'{high:g}'}"
    _, _, short = spec.symbol.partition(" ")
    head = f"**{short}**: " if short else ""
    better = spec.better[0].upper() + spec.better[1:]
    said = [f"{head}{spec.meaning}", f"{better}.", *([] if origin_is_told else [_origin(spec)])]
    said += [spec.dependence] if spec.dependence else []
    name = f"`{spec.name}`{' †' * spec.matched}"
    return f"| {name} | {spec.unit} | {bounds} | {' '.join(said)} | {spec.undefined} | {_where(spec)} |"


def _where(spec: MetricSpec) -> str:
    """Return the tables that hold a metric, with its name in comparisons where it has another."""
    tables = [_TABLES[spec.scope]] if _TABLES[spec.scope] else []
    if spec.name in REGISTRY.against_truth() and spec.scope == "comparison":
        tables.append("summary, with a ground truth")
    named = [name for name, figure in REGISTRY.compared().items() if figure.spec.name == spec.name]
    if named:
        others = ", ".join(f"`{name}`" for name in named if name != spec.name)
        tables.append(f"comparison as {others}" if others else "comparison")
    return "; ".join(tables) or "the text of comparisons"


if __name__ == "__main__":
    with atomic_write(Path(sys.argv[1])) as file:
        file.write(metrics_page())
