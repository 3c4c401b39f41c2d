"""`Result`: measured runs as data frames, as a few lines for a reader, as pictures, and as a folder to keep."""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from yolact_temporal.data.runs.claim import claimed_run
from yolact_temporal.data.runs.layout import (
    COMPARISON_PICTURE,
    DISPLACEMENT_PLOT,
    FRAMES,
    INSTANCES,
    SUMMARY,
    TIMELINE_PLOT,
    TRACKS,
    TRACKS_PLOT,
)
from yolact_temporal.data.runs.manifest import read_manifest
from yolact_temporal.data.runs.reader import FinishedFolder, open_finished
from yolact_temporal.errors import UsageError, advice_on_name
from yolact_temporal.interface.scratch import Scratch
from yolact_temporal.interface.tables import data_frame, stacked
from yolact_temporal.interface.words import in_python_words
from yolact_temporal.temporal.documents import Block, Paragraph, Section, Table, as_console
from yolact_temporal.temporal.markdown_reading import read_markdown
from yolact_temporal.temporal.page.fragment import as_fragment
from yolact_temporal.temporal.reading.first_lines import WIDTH, first_part

if TYPE_CHECKING:
    import pandas as pd
    from PIL.Image import Image

    from yolact_temporal.analyzing.run_clip import FinishedRun

PlotName = Literal["timeline", "displacement", "tracks", "comparison"]
"""What can be drawn of a run."""

_PLOTS: dict[PlotName, str] = {
    "timeline": TIMELINE_PLOT,
    "displacement": DISPLACEMENT_PLOT,
    "tracks": TRACKS_PLOT,
    "comparison": COMPARISON_PICTURE,
}

_SHOWN_ROWS = 6
"""Rows that a table has in `repr`."""

_SHOWN_RUNS = 3

GO_ON = "Go on with"
"""Heads what can be done with a result."""


class Result:
    """What was measured: one run of one clip, or several.

    Every run is a folder such as the commands write. Its tables are data frames here, with the columns of the CSV
    files (docs/tables.md) behind `clip` and `model`; what is undefined is NaN or NA, never 0. `print(result)` tells
    the essentials.

    Args:
        folders: of the runs.
        scratch: the temporary folder that they lie in; None where they are to stay.
        undrawn: the run, where its pictures are still to be made.

    Raises:
        UsageError: if a folder holds no run.
        InputError: if a run is not finished, or cannot be read.

    Attributes:
        summary: every figure of every model, a row each.
        frames: a row for each frame.
        instances: a row for each instance in each frame.
        tracks: a row for each object as each model saw it.
    """

    def __init__(
        self, folders: Sequence[Path], scratch: Scratch | None = None, undrawn: FinishedRun | None = None
    ) -> None:
        self._runs = [open_finished(Path(folder)) for folder in folders]
        self._scratch = scratch
        self._undrawn = undrawn

    @property
    def folders(self) -> list[Path]:
        """Where the runs lie."""
        return [run.folder.path for run in self._runs]

    @property
    def folder(self) -> Path:
        """Where the run lies; of several runs use `folders`.

        Raises:
            UsageError: if there are several.
        """
        return self._one("folder").folder.path

    @property
    def clips(self) -> list[str]:
        """Names of the clips."""
        return [run.manifest.name for run in self._runs]

    @property
    def models(self) -> list[str]:
        """Names of the models, each once."""
        return list(dict.fromkeys(name for run in self._runs for name in run.manifest.models))

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Every figure, a row each: `clip`, `model`, `metric`, `value`, its interval, and of how many it is."""
        return stacked([data_frame(run.folder.path / SUMMARY) for run in self._runs])

    @cached_property
    def frames(self) -> pd.DataFrame:
        """A row for each frame and model."""
        return self._tables(FRAMES)

    @cached_property
    def instances(self) -> pd.DataFrame:
        """A row for each instance in each frame."""
        return self._tables(INSTANCES)

    @cached_property
    def tracks(self) -> pd.DataFrame:
        """A row for each track: an object as one model saw it."""
        return self._tables(TRACKS)

    def figure(self, metric: str, model: str | None = None, clip: str | None = None) -> float | None:
        """Return one figure of the summary; None where it is undefined.

        Args:
            metric: its name, such as "boundary_px_mean".
            model: whose; may be left out where there is one.
            clip: of which clip; likewise.

        Raises:
            UsageError: if it is not there, or of several models or clips.
        """
        table = self.summary
        rows = table[table["metric"] == metric]
        if rows.empty:
            known = sorted(set(table["metric"]))
            raise UsageError(
                f"expected a metric of the summary, got {metric!r}: "
                f"{advice_on_name(metric, known, 'see .summary for their names')}"
            )
        for column, wanted in (("model", model), ("clip", clip)):
            if wanted is not None:
                rows = rows[rows[column] == wanted]
        if len(rows) != 1:
            told = ", ".join(f"{row.model} in {row.clip}" for row in rows.itertuples()) or "none"
            raise UsageError(f"expected {metric} of one model in one clip, got {told}: name model= and clip=")
        value = float(rows["value"].iloc[0])
        return None if value != value else value  # NaN, the undefined, differs from itself

    def plot(self, kind: PlotName = "timeline") -> Image:
        """Return a picture of the run, which a notebook shows; `.save("plot.png")` and `.show()` are Pillow's.

        Args:
            kind: "timeline" (movement over time, and who is there when), "displacement" (its distribution), "tracks",
                or of several models "comparison".

        Raises:
            UsageError: if there is no such plot, or there are several runs.
        """
        if kind not in get_args(PlotName):
            raise UsageError(
                f"expected a plot out of {', '.join(_PLOTS)}, got {kind!r}: {advice_on_name(kind, _PLOTS)}"
            )
        run = self._one("plot")
        path = run.folder.path / _PLOTS[kind] if kind == "comparison" else run.folder.plots / _PLOTS[kind]
        if not run.there(path):
            self._draw()
        if run.there(path):
            return picture_of(path)
        if kind == "comparison":
            raise UsageError(
                f"expected a run of several models to draw a comparison of, got {', '.join(self.models)}: measure them "
                f"together, or use compare"
            )
        return _drawn(run, kind)

    @in_python_words
    def save(self, folder: str | Path, overwrite: bool = False) -> Path:
        """Keep the run in a folder, as the commands would have written it: with report, plots and all tables.

        Args:
            folder: new or empty; of several runs it takes a folder for each. `yolact-temporal dashboard` opens the
                folder around it.
            overwrite: replace a run that is there.

        Returns:
            The folder.

        Raises:
            UsageError: if the folder is taken.
        """
        self._draw()
        target = Path(folder)
        for run in self._runs:
            own = target if len(self._runs) == 1 else target / run.folder.path.name
            _copy(run, own, overwrite)
        return target

    def __repr__(self) -> str:
        return "\n".join(as_console(section, width=WIDTH, spaced=False) for section in self._told())

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return "".join(map(as_fragment, self._told()))

    def _told(self) -> list[Section]:
        """Return what a reader is told first: the beginning of each run's report."""
        told = [
            _shortened(first_part(read_markdown(run.folder.report.read_text(encoding="utf-8"))))
            for run in self._runs[:_SHOWN_RUNS]
            if run.there(run.folder.report)
        ]
        rest = len(self._runs) - len(told)
        more = [Paragraph(f"{rest} more: {', '.join(self.clips[len(told) :])}.")] if rest else []
        return [*told, Section(GO_ON, [*more, Paragraph(self._next())])]

    def _next(self) -> str:
        """Return what can be done with this, in a sentence."""
        tables = "data frames .summary .frames .instances .tracks; a picture .plot()"
        if self._scratch is not None:
            return f"{tables}; .save(folder) to keep it, since it lies in a temporary folder."
        return f"{tables}. It lies {self._places()}."

    def _places(self) -> str:
        return f"in {self.folders[0]}" if len(self._runs) == 1 else f"in {self.folders[0]} and others"

    def _one(self, what: str) -> FinishedFolder:
        if len(self._runs) != 1:
            raise UsageError(
                f"expected one run for .{what}, got {len(self._runs)} ({', '.join(self.clips[:3])} ...): load one alone"
            )
        return self._runs[0]

    def _tables(self, name: str) -> pd.DataFrame:
        return stacked(
            [
                _without_time(
                    data_frame(run.folder.model(model).path / name, clip=run.manifest.name, model=model), run
                )
                for run in self._runs
                for model in run.manifest.models
            ]
        )

    def _draw(self) -> None:
        """Make the pictures of a run that was measured without any."""
        done, self._undrawn = self._undrawn, None
        if done is None:
            return
        from yolact_temporal.analyzing.run_clip import write_page
        from yolact_temporal.analyzing.run_pictures import RunPictures
        from yolact_temporal.comparing.compare_runs import write_comparison

        if done.comparison.pairs:
            write_comparison(done.comparison, done.folder.path, done.name)
        manifest = read_manifest(done.folder.path)
        assert manifest is not None, "the run is finished"
        write_page(done, manifest, RunPictures.begin(done.folder, done.reading, manifest).finished())


_TIMES = ("time_s", "first_time_s", "last_time_s")


def _without_time(table: pd.DataFrame, run: FinishedFolder) -> pd.DataFrame:
    """Return a table with times undefined where the clip has none: its files have those of an assumed rate."""
    if run.manifest.clip.fps is not None:
        return table
    return table.assign(**{name: float("nan") for name in _TIMES if name in table})


def picture_of(path: Path) -> Image:
    """Return a PNG as a picture of its own, read whole."""
    from PIL import Image as Pictures

    picture = Pictures.open(io.BytesIO(path.read_bytes()))
    picture.load()
    return picture


def _drawn(run: FinishedFolder, kind: PlotName) -> Image:
    """Return a plot of a run that was written without plots, from its tables alone."""
    from yolact_temporal.temporal.plots import PLOTTED_COLUMNS, read_rows, write_plots

    models = {name: run.folder.model(name) for name in run.manifest.models}
    scratch = Scratch()
    write_plots(
        {name: read_rows(own.frames, PLOTTED_COLUMNS) for name, own in models.items()},
        {name: read_rows(own.instances, PLOTTED_COLUMNS) for name, own in models.items()},
        {name: read_rows(own.tracks) for name, own in models.items()},
        scratch.path,
        run.manifest.name,
    )
    return picture_of(scratch.path / _PLOTS[kind])


def _copy(run: FinishedFolder, target: Path, overwrite: bool) -> None:
    """Copy a run's files by name, the manifest last, so that a copy that breaks off is no finished run."""
    models = list(run.manifest.models)
    with claimed_run(target, models, [run.folder.path], overwrite=overwrite) as claimed:
        copied = claimed.folder
        for folder in copied.folders(models):
            folder.mkdir(exist_ok=True)
        pairs = zip(run.folder.files(models), copied.files(models), strict=True)
        for source, file in pairs:
            if run.there(source):
                shutil.copyfile(source, file)
        if not any(copied.plots.iterdir()):
            copied.plots.rmdir()
        shutil.copyfile(run.folder.manifest, copied.manifest)


def _shortened(section: Section) -> Section:
    """Return a section with the first rows of each table; details of answers are left to the report."""
    blocks: list[Block] = []
    for block in section.blocks:
        if isinstance(block, Section):
            blocks.append(_shortened(block))
        elif isinstance(block, Table):
            blocks.append(replace(block, rows=block.rows[:_SHOWN_ROWS]))
            if len(block.rows) > _SHOWN_ROWS:
                blocks.append(Paragraph(f"... {len(block.rows) - _SHOWN_ROWS} more"))
        elif isinstance(block, Paragraph):
            blocks.append(block)
    return Section(section.title, blocks)
