"""What all plots share: figures without global state, one look, and cells of tables as numbers."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.files import atomic_write
from yolact_temporal.data.track_colors import track_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row: TypeAlias = Mapping[str, Any]
Table: TypeAlias = Iterable[Row]
"""Rows that can be gone over as often as wanted."""
Tables: TypeAlias = Mapping[str, Table]

INK = "#222222"
FAINT = "#8a8a8a"

JITTER = "boundary_px_mean"
"""The column that jitter is plotted from: mean boundary displacement of a pair, in pixels (B1)."""

JITTER_LABEL = "boundary displacement (px)"
NO_PAIR = "no pair with a defined displacement"

MOST_TRACKS = 18
"""How many tracks a plot shows by name; the ones seen in most frames."""

FLOOR_COLOR = "#e8e2c8"
_FLOOR_OPACITY = 0.16
"""Of the band up to what the motion estimate's own error may make."""

_RULE = "#9a9a9a"
_GRID = "#e4e4e4"
_DPI = 150
_MODEL_COLORS = ("#1f44d6", "#d97900", "#0c7f50", "#b22610", "#8a4f78", "#3c3c3c")
_MODEL_MARKERS = ("o", "s", "^", "D", "v", "P")


def model_color(number: int) -> str:
    """Return the colour of the model at a place in the order of models."""
    return _MODEL_COLORS[number % len(_MODEL_COLORS)]


def model_marker(number: int) -> str:
    """Return the marker of the model at a place in the order of models."""
    return _MODEL_MARKERS[number % len(_MODEL_MARKERS)]


def track_hex(track_id: int) -> str:
    """Return a track's colour, the overlay's, as "#rrggbb"."""
    return "#{:02x}{:02x}{:02x}".format(*track_color(track_id))


def load_drawing() -> None:
    """Load what draws, which takes a while; else it is loaded when the first figure is made."""
    import matplotlib.backends.backend_agg
    import matplotlib.figure

    assert matplotlib.figure


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches."""
    # Imported here to keep start-up instant; a Figure of its own leaves matplotlib's global state alone.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=_DPI, layout="constrained", facecolor="white")


def save_png(figure: Figure, path: str | Path, title: str) -> Path:
    """Give a figure its title and write it, under a temporary name until it is whole; return the path."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    # A clip's name may hold dollar signs, and letters that the font has not: neither is worth an error or a warning.
    figure.suptitle(title, x=0.012, ha="left", fontsize=12, fontweight="bold", color=INK, parse_math=False)
    canvas = FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        layout = figure.get_layout_engine()
        if layout is not None:  # once: `savefig` would go over the whole figure for it first
            layout.execute(figure)
            figure.set_layout_engine("none")
        canvas.print_png(buffer, metadata={"Software": None})  # type: ignore[no-untyped-call]
    path = Path(path)
    with atomic_write(path, "wb") as file:
        file.write(buffer.getvalue())
    return path


def style_axes(axes: Axes, y_label: str = "", x_label: str = "", grid: str = "y") -> None:
    """Give axes the common look; `grid` is "x", "y" or "both"."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_RULE)
    axes.set_axisbelow(True)
    for axis, wanted in ((axes.xaxis, "x"), (axes.yaxis, "y")):
        if grid in (wanted, "both"):
            axis.grid(True, color=_GRID, linewidth=0.8)
    axes.tick_params(labelsize=8.5, color=_RULE, labelcolor=INK)
    axes.set_ylabel(y_label, fontsize=9, color=INK)
    axes.set_xlabel(x_label, fontsize=9, color=INK)


def floor_looks(floors: Mapping[str, float], models: Sequence[str]) -> list[tuple[float, str, float]]:
    """Return what is shaded of the models' floors: how far from 0, in which colour, how opaque.

    One band where all have the same floor, else one in each model's own colour; nothing of a floor of 0.

    Example:
        >>> floor_looks({"a": 0.4}, ["a"])
        [(0.4, '#e8e2c8', 1.0)]
    """
    known = {model: floor for model, floor in floors.items() if floor > 0 and model in models}
    if len(known) == len(models) and len(set(known.values())) == 1:
        return [(next(iter(known.values())), FLOOR_COLOR, 1.0)]
    return [(floor, model_color(models.index(model)), _FLOOR_OPACITY) for model, floor in known.items()]


def shade_floors(span: Callable[..., object], floors: Mapping[str, float], models: Sequence[str]) -> None:
    """Shade what the motion estimate's own error may make of each model's figure, by `axhspan` or `axvspan`."""
    for floor, color, opacity in floor_looks(floors, models):
        span(0, floor, color=color, alpha=opacity, zorder=0, linewidth=0)


def write_heading(axes: Axes, text: str) -> None:
    """Write what axes show above their left corner."""
    axes.set_title(text, loc="left", fontsize=9.5, color=INK, pad=4)


def write_note(axes: Axes, text: str) -> None:
    """Write into the middle of axes why they are empty."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=FAINT, fontsize=10)


Numbers: TypeAlias = Mapping[str, Mapping[int, int]]
"""By model and track, the object of the comparison that it is; a track that is of none is left out."""


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Name the rows of axes, from 0."""
    axes.set_yticks(range(len(names)), list(names), fontsize=8)
    axes.tick_params(axis="y", length=0)
    for text in axes.get_yticklabels():
        text.set_parse_math(False)


def hidden_tracks(count: int) -> str:
    """Return what a heading adds where tracks had no room; "" where all had."""
    return f"   and {count} shorter track{'s' * (count > 1)}" if count else ""


def hidden_objects(count: int) -> str:
    """Return what a heading adds where objects had no room; "" where all had."""
    return f"   and {count} more object{'s' * (count > 1)}" if count else ""


def cell_text(row: Row, column: str) -> str:
    """Return a cell's text; "" where it is missing or None."""
    cell = row.get(column)
    return "" if cell is None else str(cell)


def cell_number(row: Row, column: str) -> float:
    """Return a cell's number; NaN where it is missing, empty, None or not finite."""
    cell = row.get(column)
    value = math.nan if cell is None or cell == "" else float(cell)
    return value if math.isfinite(value) else math.nan


def column_values(rows: Iterable[Row], column: str) -> NDArray[np.float64]:
    """Return a column as float64 (N,), NaN where it is undefined."""
    return np.fromiter((cell_number(row, column) for row in rows), np.float64)


def defined_values(rows: Iterable[Row], column: str) -> NDArray[np.float64]:
    """Return the defined values of a column, float64."""
    values = column_values(rows, column)
    return values[np.isfinite(values)]
