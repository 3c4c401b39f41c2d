"""Comparisons on disk: `comparison.csv` for the figures, `comparison.md` for the verdict's own sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from yolact_temporal.dashboards.loader import Run
from yolact_temporal.dashboards.paths import inside
from yolact_temporal.dashboards.tables import read_table
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.metrics import REGISTRY

UNDECIDED = "undecided"
_LARGEST_TEXT = 4 << 20


@dataclass(frozen=True)
class PairVerdict:
    """What a comparison says of two models.

    Attributes:
        models: the two names; differences are first minus second.
        word: the verdict as in the table: "undecided", or who is steadier.
        sentence: the same in one sentence, with what it rests on or why there is none.
        scope: what was compared, what was left out, what the intervals speak of, a sentence each.
    """

    models: tuple[str, str]
    word: str
    sentence: str
    scope: tuple[str, ...]

    @property
    def steadier(self) -> str | None:
        """The steadier model; None where it is undecided."""
        return next((name for name in self.models if self.word == f"{name} is steadier"), None)


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
    verdicts: tuple[PairVerdict, ...]

    @property
    def clips(self) -> list[str]:
        """The clips it speaks of, by name."""
        return [name for name in dict.fromkeys(self.rows["clip"]) if name]

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
    for key in [".", *(name for name in names if not (root / name / "run.json").exists())]:
        if key == "." and (root / "run.json").exists():
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
    file = inside(root, f"{prefix}comparison.csv")
    if not file.is_file():
        return None
    rows = read_table(file)
    told = {pair: (sentence, scope) for pair, sentence, scope in _sections(root, f"{prefix}comparison.md")}
    comparison = Comparison(key, file, rows, ())
    verdicts = []
    for first, second in dict.fromkeys(zip(rows["model_a"], rows["model_b"], strict=True)):
        own = comparison.figures((first, second))
        word = str(own["verdict"].iloc[0]) if len(own) else UNDECIDED
        sentence, scope = told.get((first, second), (f"{word[:1].upper()}{word[1:]}.", ()))
        verdicts.append(PairVerdict((first, second), word, sentence, scope))
    return Comparison(key, file, rows, tuple(verdicts))


def _sections(root: Path, name: str) -> Iterator[tuple[tuple[str, str], str, tuple[str, ...]]]:
    """Yield models, verdict and scope of every section of a `comparison.md`."""
    try:
        path = inside(root, name)
        if path.stat().st_size > _LARGEST_TEXT:
            return
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError, InputError):
        return
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        lines = [line.strip() for line in section.splitlines()]
        first, middle, second = lines[0].partition(" against ")
        bold = [line[2:-2] for line in lines if line.startswith("**") and line.endswith("**")]
        if middle and bold:
            after = lines[lines.index(f"**{bold[0]}**") + 1 :]
            table = next((at for at, line in enumerate(after) if line.startswith("|")), len(after))
            yield (first, second), bold[0], tuple(line for line in after[:table] if line)
