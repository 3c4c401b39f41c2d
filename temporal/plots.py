"""Plots of a run's tables: what a person would rather look at than columns of figures.

Every function takes the rows of one table by model name, as `csv.DictReader` gives them (or as numbers and None), goes
over them one by one, and writes one PNG. An empty cell is undefined: it is left out and leaves a gap, never a zero.
Models that are given together share their axes. Tracks have the colours that they have in the overlay.
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.lines import open_table
from yolact_temporal.data.overlay import called
from yolact_temporal.data.runs.layout import DISPLACEMENT_PLOT, TIMELINE_PLOT, TRACKS_PLOT
from yolact_temporal.data.text_cells import text_of_cell
from yolact_temporal.temporal.plot_style import (
    FAINT,
    INK,
    JITTER,
    JITTER_LABEL,
    MOST_TRACKS,
    NO_PAIR,
    Numbers,
    Row,
    Tables,
    cell_number,
    cell_text,
    defined_values,
    hidden_tracks,
    model_color,
    model_marker,
    name_rows,
    new_figure,
    save_png,
    shade_floors,
    style_axes,
    track_hex,
    write_heading,
    write_note,
)
from yolact_temporal.temporal.plot_timeline import plot_timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "MOTION_KINDS",
    "CsvRows",
    "plot_camera_moves",
    "plot_displacement",
    "plot_timeline",
    "plot_tracks",
    "plots_to_draw",
    "read_rows",
    "write_plots",
]

MOTION_KINDS = {"exact": "exact motion", "flow": "optical flow"}
"""What the camera-move plot compares, by the cell of its column `motion`."""

_MOVE_ORDER = ("still", "pan", "zoom", "shake")


PLOTTED_COLUMNS = frozenset({"frame", "time_s", "track_id", "class", "events", JITTER})
"""What the plots need of `frames.csv` and `instances.csv`."""

PLOTTED_TRACK_COLUMNS = frozenset({"track_id", "class", "frames_seen", "life_s", "dropout_rate", JITTER})
"""What they need of `tracks.csv`."""

_MOST_STEPS = 20_000
"""Of more pairs, the curve of how many lie above a displacement has so many steps evenly, and all of the last ones."""


class CsvRows:
    """The rows of a CSV table, read anew whenever they are gone over; a long clip's tables would fill the memory.

    Args:
        path: the table.
        columns: which to keep, where it has them; None for all.
    """

    def __init__(self, path: str | Path, columns: Collection[str] | None = None) -> None:
        self._path = Path(path)
        self._columns = columns

    def __iter__(self) -> Iterator[dict[str, str]]:
        """Yield each row by column name; every cell is text, an undefined one empty.

        Raises:
            ValueError: if the file is empty.
        """
        with open_table(self._path) as file:
            rows = csv.reader(file)
            header = next(rows, None)
            if header is None:
                raise ValueError("it is empty")
            kept = [
                (at, name) for at, name in enumerate(header) if self._columns is None or name in self._columns
            ]
            for row in rows:
                yield {name: text_of_cell(row[at]) for at, name in kept}


def read_rows(path: str | Path, columns: Collection[str] | None = None) -> list[dict[str, str]]:
    """Return the rows of a CSV table, by column name; every cell is text, an undefined one empty.

    Args:
        path: the table.
        columns: which to keep, where it has them; None for all.
    """
    return [{name: sys.intern(cell) for name, cell in row.items()} for row in CsvRows(path, columns)]


def write_plots(
    frames: Tables,
    instances: Tables,
    tracks: Tables,
    folder: str | Path,
    title: str,
    sections: Sequence[tuple[float, str]] = (),
    numbers: Numbers | None = None,
    floors: Mapping[str, float] | None = None,
) -> list[Path]:
    """Write every plot of a run into a folder that exists.

    Args:
        frames, instances, tracks: rows of `frames.csv`, `instances.csv` and `tracks.csv`, by model name.
        folder: where to.
        title: the clip's name.
        sections, numbers, floors: as for `plot_timeline`.

    Returns:
        The files written: `timeline.png`, `boundary_displacement.png` and `tracks.png`.
    """
    return [
        draw() for draw in plots_to_draw(frames, instances, tracks, folder, title, sections, numbers, floors)
    ]


def plots_to_draw(
    frames: Tables,
    instances: Tables,
    tracks: Tables,
    folder: str | Path,
    title: str,
    sections: Sequence[tuple[float, str]] = (),
    numbers: Numbers | None = None,
    floors: Mapping[str, float] | None = None,
) -> list[Callable[[], Path]]:
    """Return what draws each plot of a run, with the arguments of `write_plots`; another process can do it too."""
    folder = Path(folder)
    return [
        partial(plot_timeline, frames, instances, folder / TIMELINE_PLOT, title, sections, numbers, floors),
        partial(plot_displacement, instances, folder / DISPLACEMENT_PLOT, title, floors),
        partial(plot_tracks, tracks, folder / TRACKS_PLOT, title, numbers),
    ]


def plot_displacement(
    instances: Tables, path: str | Path, title: str, floors: Mapping[str, float] | None = None
) -> Path:
    """Draw how the boundary displacement is distributed over pairs: a histogram, and the share of pairs above a value.

    The histogram ends at the 99th percentile of all; what lies beyond is counted in its last bin. Dashed: the median;
    dotted: the 95th percentile.

    Args:
        instances: rows of `instances.csv`, by model name.
        path: the PNG to write.
        title: the clip's name.
        floors: by model, what the motion estimate's own error may make, in pixels; shaded.
    """
    figure = new_figure(10, 4.3)
    left, right = figure.subplots(1, 2)
    values = {model: defined_values(rows, JITTER) for model, rows in instances.items()}
    pooled = np.concatenate([*values.values(), np.zeros(0)])
    style_axes(left, "pairs (%)", JITTER_LABEL + ", last bin: all above", grid="y")
    style_axes(right, "pairs above (%)", JITTER_LABEL, grid="both")
    write_heading(left, "how often (dashed: median, dotted: 95th percentile)")
    write_heading(right, "how many pairs lie above a displacement")
    heading = f"{title}: displacement of the boundary from frame to frame"
    if pooled.size == 0:
        for axes in (left, right):
            write_note(axes, NO_PAIR)
        return save_png(figure, path, heading)
    end = max(float(np.percentile(pooled, 99)), 0.1)
    edges = np.linspace(0, end, 41)
    for axes in (left, right):
        shade_floors(axes.axvspan, floors or {}, list(values))
    for number, (model, own) in enumerate(values.items()):
        if own.size:
            _draw_distribution(left, right, own, edges, number, model)
    right.set_yscale("log")
    right.set_ylim(0.7 * 100 / max(len(own) for own in values.values()), 115)
    right.yaxis.set_major_formatter(lambda share, _: f"{share:g}")
    right.set_xlim(left=0)
    left.set_xlim(0, end)
    figure.legend(loc="outside lower center", fontsize=8.5, frameon=False)
    return save_png(figure, path, heading)


def plot_tracks(tracks: Tables, path: str | Path, title: str, numbers: Numbers | None = None) -> Path:
    """Draw each track's life, dropout and mean jitter, of the longest-lived; one block of rows a model.

    Args:
        tracks: rows of `tracks.csv`, by model name.
        path: the PNG to write.
        title: the clip's name.
        numbers: the objects that tracks are, where models are compared; a track of none is grey.
    """
    held = {model: list(rows) for model, rows in tracks.items()}
    shown = {model: _longest_lived(rows) for model, rows in held.items()}
    heights = [0.7 + 0.25 * max(1, len(rows)) for rows in shown.values()] or [1.0]
    figure = new_figure(10, sum(heights) + 1.0)
    timed = any(len(defined_values(rows, "life_s")) for rows in held.values())
    columns = (
        ("life_s", 1.0, "life (s)") if timed else ("frames_seen", 1.0, "frames seen"),
        ("dropout_rate", 100.0, "dropout (% of life)"),
        (JITTER, 1.0, "mean " + JITTER_LABEL),
    )
    grid = figure.subplots(len(heights), 3, sharex="col", squeeze=False, height_ratios=heights)
    for column, (name, factor, label) in enumerate(columns):
        for (model, rows), axes in zip(shown.items(), grid[:, column], strict=False):
            own = None if numbers is None else numbers.get(model, {})
            _draw_track_bars(axes, rows, name, factor, own)
            if column == 0:
                name_rows(
                    axes,
                    [f"{called(_track_id(row), own)} {cell_text(row, 'class')}" for row in rows],
                )
                write_heading(axes, model + hidden_tracks(len(held[model]) - len(rows)))
            if column == 1 and not rows:
                write_note(axes, "no track")
        grid[-1, column].set_xlabel(label, fontsize=9, color=INK)
        longest = [factor * value for rows in shown.values() for value in defined_values(rows, name)]
        # Room for the figure at the end of the longest bar.
        grid[-1, column].set_xlim(0, 1.2 * max([*longest, 1e-3]))
    return save_png(figure, path, f"{title}: tracks")


def plot_camera_moves(pairs: Tables, path: str | Path, title: str = "demo") -> Path:
    """Draw the jitter of each photograph under each camera move, by exact motion and by optical flow beside each other.

    A dot is a pair, a marker the mean of the pairs. Where there is no pair (the object was not found) stands a dash.

    Args:
        pairs: by model name, a row for each instance and pair with the columns `segment` ("photograph/move"), `motion`
            ("exact" or "flow") and `boundary_px_mean`.
        path: the PNG to write.
        title: what was filmed.
    """
    title = f"{title}: jitter by camera move"
    segments = list(dict.fromkeys(cell_text(row, "segment") for rows in pairs.values() for row in rows))
    photographs = list(dict.fromkeys(segment.rpartition("/")[0] for segment in segments)) or [""]
    moves = sorted({segment.rpartition("/")[2] for segment in segments}, key=_move_rank)
    groups = [(number, model, kind) for number, model in enumerate(pairs) for kind in MOTION_KINDS]
    figure = new_figure(max(5.0, 1.2 + 3.2 * len(photographs)), 4.6)
    grid = figure.subplots(1, len(photographs), sharey=True, squeeze=False)[0]
    means: list[float] = []
    for photograph, axes in zip(photographs, grid, strict=True):
        style_axes(axes, "mean " + JITTER_LABEL if axes is grid[0] else "", grid="y")
        for place, move in enumerate(moves):
            for slot, (number, model, kind) in enumerate(groups):
                wanted = (f"{photograph}/{move}", kind)
                own = [row for row in pairs[model] if (row.get("segment"), row.get("motion")) == wanted]
                x = place + (slot - (len(groups) - 1) / 2) * min(0.8 / len(groups), 0.3)
                values = defined_values(own, JITTER)
                _draw_move(axes, x, values, number, kind)
                means += [float(values.mean())] if values.size else []
        axes.set_xticks(range(len(moves)), moves)
        axes.set_xlim(-0.6, max(len(moves), 1) - 0.4)
        axes.set_title(photograph.replace("_", " ").title(), fontsize=10, color=INK)
    everything = np.concatenate([*(defined_values(rows, JITTER) for rows in pairs.values()), np.zeros(0)])
    if everything.size:
        # A few torn masks would press everything else to the floor; every mean stays in sight.
        highest = max(float(np.percentile(everything, 98)), *means)
        top = max(1.25 * highest, 0.1)
        grid[0].set_ylim(0, top)
        above = int((everything > top).sum())
        if above:
            title += f" ({above} of {len(everything)} pairs lie above the axis)"
    else:
        write_note(grid[0], NO_PAIR)
    _move_key(figure, groups)
    return save_png(figure, path, title)


def _draw_distribution(
    left: Axes, right: Axes, values: NDArray[np.float64], edges: NDArray[np.float64], number: int, model: str
) -> None:
    color = model_color(number)
    counts, _ = np.histogram(np.minimum(values, edges[-1]), edges)
    median, p95 = (float(value) for value in np.percentile(values, [50, 95]))
    label = f"{model}: median {median:.3g} px, 95th percentile {p95:.3g} px, {len(values)} pairs"
    left.stairs(100 * counts / len(values), edges, fill=True, color=color, alpha=0.22, zorder=2)
    left.stairs(100 * counts / len(values), edges, color=color, linewidth=1.4, label=label, zorder=3)
    ordered, places = np.sort(values), _steps(len(values))
    right.step(ordered[places], 100 * (1 - places / len(ordered)), color=color, linewidth=1.6, zorder=3)
    for axes in (left, right):
        axes.axvline(median, color=color, linewidth=1, linestyle=(0, (4, 2)), zorder=2)
        axes.axvline(p95, color=color, linewidth=1, linestyle=(0, (1, 2)), zorder=2)


def _steps(count: int) -> NDArray[np.intp]:
    """Return which of so many ordered values are drawn: all, or of very many some, the highest ones all."""
    if count <= _MOST_STEPS:
        return np.arange(count)
    evenly = np.linspace(0, count - 1, _MOST_STEPS // 2).astype(np.intp)
    return np.union1d(evenly, np.arange(count - _MOST_STEPS // 2, count))


def _longest_lived(rows: Iterable[Row]) -> list[Row]:
    """Return the tracks seen in most frames, in order of track id."""
    longest = sorted(rows, key=lambda row: -cell_number(row, "frames_seen"))[:MOST_TRACKS]
    return sorted(longest, key=lambda row: cell_number(row, "track_id"))


def _track_id(row: Row) -> int:
    return int(cell_number(row, "track_id"))


def _draw_track_bars(
    axes: Axes, rows: Sequence[Row], column: str, factor: float, numbers: Mapping[int, int] | None
) -> None:
    style_axes(axes, grid="x")
    for place, row in enumerate(rows):
        value = cell_number(row, column) * factor
        undefined = math.isnan(value)
        if not undefined:
            number = _track_id(row) if numbers is None else numbers.get(_track_id(row), 0)
            axes.barh(place, value, height=0.62, color=track_hex(number), zorder=2)
        axes.annotate(
            "undefined" if undefined else f"{value:.3g}",
            (0 if undefined else value, place),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            color=FAINT if undefined else INK,
        )
    axes.set_ylim(max(len(rows), 1) - 0.4, -0.6)
    axes.set_yticks([])


def _draw_move(axes: Axes, x: float, values: NDArray[np.float64], number: int, kind: str) -> None:
    color = model_color(number)
    if values.size == 0:
        axes.text(x, 0.02, "–", transform=axes.get_xaxis_transform(), ha="center", color=color, fontsize=10)
        return
    # Spread by a fixed low-discrepancy sequence: the same table gives the same picture.
    spread = (np.arange(len(values)) * 0.618034 % 1 - 0.5) * 0.09
    axes.plot(
        x + spread, values, linestyle="none", marker=".", markersize=2.5, color=color, alpha=0.3, zorder=2
    )
    axes.plot(x, values.mean(), **_move_look(number, kind), zorder=4)


def _move_look(number: int, kind: str) -> dict[str, Any]:
    return {
        "linestyle": "none",
        "marker": model_marker(number),
        "markersize": 7.5,
        "markeredgewidth": 1.6,
        "markeredgecolor": model_color(number),
        "markerfacecolor": model_color(number) if kind == "exact" else "white",
    }


def _move_key(figure: Figure, groups: Sequence[tuple[int, str, str]]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], label=f"{model}, {MOTION_KINDS[kind]}", **_move_look(number, kind))
        for number, model, kind in groups
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=9, frameon=False)


def _move_rank(move: str) -> tuple[int, str]:
    return (_MOVE_ORDER.index(move) if move in _MOVE_ORDER else len(_MOVE_ORDER), move)
