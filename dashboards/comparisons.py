"""Comparisons on disk: `comparison.csv` for the figures, `comparison.json` for what they come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from yolact_temporal.dashboards.loader import Run
from yolact_temporal.dashboards.paths import inside
from yolact_temporal.dashboards.tables import read_table
from yolact_temporal.data.runs import layout
from yolact_temporal.data.runs.comparison import ComparedPair, read_comparison_data
from yolact_temporal.data.runs.reader import plain_file
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.metrics import REGISTRY

UNDECIDED = "undecided"


@dataclass(frozen=True)
class Comparison:
    """A comparison of models, of one run or over the clips of a folder.

    Attributes:
        key: the folder it lies in, relative to the runs folder; "." for that folder itself.
        rows: `comparison.csv`.
        verdicts: one for every two models.
    """

    key: str
    file: Path
    rows: pd.DataFrame
    verdicts: tuple[ComparedPair, ...]

    @property
    def clips(self) -> list[str]:
        """The clips it speaks of, by name."""
        return [name for name in dict.fromkeys(self.rows["clip"]) if name]

    @property
    def floors_px(self) -> dict[str, float]:
        """B6 of B1 in pixels by model, mean over clips and over the models it is compared with; known ones only."""
        floors: dict[str, list[float]] = {}
        for own in (pair.answers for pair in self.verdicts if pair.answers is not None):
            for clip in own.by_clip:
                for model, floor in zip(own.models, clip.floor_px, strict=True):
                    if floor is not None:
                        floors.setdefault(model, []).append(floor)
        return {model: sum(known) / len(known) for model, known in floors.items()}

    @property
    def overall(self) -> pd.DataFrame:
        """The rows over all clips; of a single clip, its own."""
        over = self.rows[self.rows["clip"] == ""]
        return self.rows if over.empty else over

    def figures(self, models: tuple[str, str], rows: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return two models' rows, each figure on its own support only, in the order of the report."""
        table = self.overall if rows is None else rows
        own = table[(table["model_a"] == models[0]) & (table["model_b"] == models[1])]
        supports = own["metric"].map({name: spec.support for name, spec in REGISTRY.compared().items()})
        own = own[own["support"] == supports]
        order = {name: place for place, name in enumerate(REGISTRY.compared())}
        return own.sort_values("metric", key=lambda names: names.map(order), kind="stable")


def favoured(row: Mapping[str, Any], models: tuple[str, str]) -> str | None:
    """Return the model that a row's 95% interval favours; None where it includes 0 or there is none."""
    low, high = row["ci_low"], row["ci_high"]
    if pd.isna(low) or pd.isna(high) or low <= 0 <= high:
        return None
    first_is_less = bool(high < 0)
    return models[0 if first_is_less == (REGISTRY.compared()[row["metric"]].better == "down") else 1]


def run_comparison(run: Run) -> Comparison | None:
    """Return the comparison of one run's models; None where it has none, as with a single model.

    Raises:
        InputError: if the file is there and cannot be read.
    """
    return _read(run.root, run.key)


def folder_comparisons(root: Path) -> list[Comparison]:
    """Return the comparisons over the folder's clips: its own, and those in folders that hold nothing else.

    What cannot be read is left out.
    """
    try:
        names = sorted(path.name for path in root.iterdir() if path.is_dir() and path.name[:1] != ".")
    except OSError:
        return []
    found = []
    for key in [".", *(name for name in names if not (root / name / layout.MANIFEST).exists())]:
        if key == "." and (root / layout.MANIFEST).exists():
            continue
        try:
            comparison = _read(root, key)
        except InputError:
            continue
        if comparison is not None:
            found.append(comparison)
    return found


def _read(root: Path, key: str) -> Comparison | None:
    prefix = "" if key == "." else f"{key}/"
    file = inside(root, f"{prefix}{layout.COMPARISON}")
    if not plain_file(file.parent, file):
        return None
    rows = read_table(file)
    told = read_comparison_data(file.parent)
    comparison = Comparison(key, file, rows, () if told is None else told.pairs)
    if told is not None:
        return comparison
    pairs = dict.fromkeys(zip(rows["model_a"], rows["model_b"], strict=True))
    return replace(comparison, verdicts=tuple(_from_table(comparison, pair) for pair in pairs))


def _from_table(comparison: Comparison, models: tuple[str, str]) -> ComparedPair:
    """Return what the table of an older version, which wrote no data beside it, says of two models."""
    own = comparison.figures(models)
    word = str(own["verdict"].iloc[0]) if len(own) else UNDECIDED
    steadier = next((name for name in models if word == f"{name} is steadier"), None)
    sentence = (
        f"{word[:1].upper()}{word[1:]}; an older version compared them, and its reasons are in comparison.md."
    )
    return ComparedPair(models, steadier, word, sentence, ())
