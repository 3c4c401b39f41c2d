"""What comparing runs, and replaying them through stabilisers, gives: a `Result` of the runs, with one table more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from yolact_temporal.comparing.compare_runs import (
    ComparisonResult,
    claim_comparison,
    comparison_lines,
    comparison_report,
    write_comparison,
)
from yolact_temporal.comparing.comparison_page import write_comparison_page
from yolact_temporal.comparing.what_if import WhatIfResult
from yolact_temporal.comparing.what_if_files import claim_what_if, what_if_report, write_what_if
from yolact_temporal.data.runs.layout import (
    COMPARISON,
    COMPARISON_PICTURE,
    WHAT_IF,
    WHAT_IF_PICTURE,
    RunFolder,
)
from yolact_temporal.errors import UsageError
from yolact_temporal.interface.results import GO_ON, PlotName, Result, picture_of
from yolact_temporal.interface.scratch import Scratch
from yolact_temporal.interface.tables import data_frame
from yolact_temporal.temporal.documents import Paragraph, Section

if TYPE_CHECKING:
    import pandas as pd
    from PIL.Image import Image


class _OverRuns(Result):
    """Something made of several runs, whose own files are written where they are wanted."""

    _write: Callable[[Path], None]
    _claim: Callable[[Path], None]
    _picture: str

    @cached_property
    def _own_files(self) -> Scratch:
        """A temporary folder with the files that `save` writes."""
        scratch = Scratch()
        self._write(scratch.path)
        return scratch

    def save(self, folder: str | Path, overwrite: bool = False) -> Path:
        """Write the tables, the text and the picture into a folder, as the command does; the runs stay where they are.

        Args:
            folder: made where it is missing.
            overwrite: has no meaning here: earlier files of the same kind are always replaced, others never.

        Raises:
            UsageError: if it holds a file of another program, or is a run.
        """
        target = Path(folder)
        self._claim(target)
        self._write(target)
        return target

    def plot(self, kind: PlotName = "comparison") -> Image:
        """Return the picture of it; those of single runs are `load(folder).plot()`."""
        if kind != "comparison":
            raise UsageError(
                f"expected the plot of all runs, comparison, got {kind}: plot a run alone by load(folder)"
            )
        return picture_of(self._own_files.path / self._picture)


class Comparison(_OverRuns):
    """Models compared over runs.

    Args:
        found: the comparison.
        runs: the runs that it is over.

    Attributes:
        found: the comparison as data: for every two models, the figures and the answers.
    """

    _picture = COMPARISON_PICTURE

    def __init__(self, found: ComparisonResult, runs: Sequence[Path], keep: Sequence[Result] = ()) -> None:
        super().__init__(runs)
        self.found = found
        self._keep = tuple(keep)  # whose temporary folders are read here
        self._write = self._written
        self._claim = lambda folder: claim_comparison(folder, runs)

    @cached_property
    def comparison(self) -> pd.DataFrame:
        """A row for each figure and two models: their means, the difference, its interval, and how it reads."""
        return data_frame(self._own_files.path / COMPARISON)

    @property
    def answers(self) -> list[str]:
        """What to conclude, a sentence for every two models."""
        return [pair.verdict.headline for pair in self.found.pairs]

    def _written(self, folder: Path) -> None:
        write_comparison(self.found, folder)
        runs = [RunFolder(path) for path in self.folders]
        first, details = (
            comparison_lines(self.found, brief=False),
            comparison_report(self.found, answered=True),
        )
        write_comparison_page(folder, first, details, runs)

    def _told(self) -> list[Section]:
        return [
            comparison_lines(self.found),
            _next("a data frame .comparison; a picture .plot(); .save(folder)"),
        ]


class WhatIf(_OverRuns):
    """Runs replayed through ways of stabilising masks.

    Args:
        found: what each of them would gain and cost.
        runs: the runs that were replayed.

    Attributes:
        found: the same as data.
    """

    _picture = WHAT_IF_PICTURE

    def __init__(self, found: WhatIfResult, runs: Sequence[Path], keep: Sequence[Result] = ()) -> None:
        super().__init__(runs)
        self.found = found
        self._keep = tuple(keep)
        self._write = lambda folder: write_what_if(found, folder)
        self._claim = lambda folder: claim_what_if(folder, runs)

    @cached_property
    def methods(self) -> pd.DataFrame:
        """A row for each method, model and clip: what it gains, and what it costs."""
        return data_frame(self._own_files.path / WHAT_IF)

    @property
    def recommended(self) -> dict[str, str | None]:
        """By model, the method that works live and gains most within the bounds; None where none does."""
        return {
            model: None if own.causal.best is None else own.causal.best.final.name
            for model, own in self.found.models.items()
        }

    def _told(self) -> list[Section]:
        return [what_if_report(self.found), _next("a data frame .methods; a picture .plot(); .save(folder)")]


def _next(what: str) -> Section:
    return Section(GO_ON, [Paragraph(f"{what} to keep it.")])
