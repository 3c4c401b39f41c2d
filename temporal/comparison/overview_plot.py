"""One picture of a comparison, however many models: whose outline is steadier than whose, and what else is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.runs.answers import Answer, Question, Verdict
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.plot_style import (
    FAINT,
    FLOOR_COLOR,
    INK,
    NO_PAIR,
    new_figure,
    save_png,
    style_axes,
    write_heading,
    write_note,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STEADIER, _LESS_STEADY = "#1f6fb4", "#c75d12"
_ALIKE = "#dcdcdc"
_LONGEST_NAME = 26
_FULL_COLOR = math.log(2)
"""The log ratio at which a cell has its full colour: half, or twice."""


def plot_overview(verdicts: Sequence[Verdict], path: Path, title: str = "") -> Path:
    """Draw a table of all models against each other, the steadiest first; returns the path.

    A cell says by how many percent the outline of the row's model moves less or more than that of the column's. It is
    coloured where that is shown, grey where the two are alike, and white where nothing is shown.

    Args:
        verdicts: of every two models.
        path: the PNG to write.
        title: what was compared.
    """
    models = _steadiest_first(verdicts)
    count, side = len(models), 0.34 if len(models) > 9 else 0.5
    guards = _guards_against(verdicts, models)
    widths = [max(side * count, 2.0), 1.5, 1.1, *([1.6] if any(guards) else [])]
    figure = new_figure(sum(widths) + 3.0, side * count + 1.6)
    grid, steadiness, coverage, *rest = figure.subplots(1, len(widths), width_ratios=widths, sharey=True)
    _draw_cells(grid, verdicts, models, 6.5 if side < 0.5 else 8.5)
    floors = _floors(verdicts, models)
    _draw_values(steadiness, _own_values(verdicts, models, "outline"), floors)
    symbol = REGISTRY.compared()["boundary_px"].symbol
    write_heading(steadiness, f"{symbol} (px)" + (", floor" if any(floors) else ""))
    _draw_values(coverage, _own_values(verdicts, models, "coverage"), [])
    write_heading(coverage, "coverage")
    coverage.set_xlim(0, 1.05)
    for axes in rest:
        _write_guards(axes, guards)
    grid.set_ylim(count - 0.5, -0.5)
    figure.supxlabel(
        "A cell: the outline of the row's model against the column's, in %; below 0 the row's moves less.\n"
        "Coloured: shown; grey: alike; white: not shown. A bar spans a model's values against the others.",
        fontsize=8, color=FAINT, x=0.012, ha="left",
    )  # fmt: skip
    return save_png(figure, path, f"{title}: {count} models" if title else f"{count} models")


def _steadiest_first(verdicts: Sequence[Verdict]) -> list[str]:
    """Return the models by their mean log ratio to the others, those without one last."""
    ratios: dict[str, list[float]] = {}
    for verdict in verdicts:
        log_ratio = _log_ratio(verdict.answer("outline"))
        for model, sign in zip(verdict.models, (1, -1), strict=True):
            own = ratios.setdefault(model, [])
            own += [] if log_ratio is None else [sign * log_ratio]
    return sorted(ratios, key=lambda model: float(np.mean(ratios[model])) if ratios[model] else math.inf)


def _log_ratio(answer: Answer | None) -> float | None:
    if answer is None or answer.effect is None or answer.effect <= -1:
        return None
    return math.log1p(answer.effect)


def _draw_cells(axes: Axes, verdicts: Sequence[Verdict], models: Sequence[str], size: float) -> None:
    from matplotlib.patches import Rectangle

    style_axes(axes, grid="")
    rows = {model: at for at, model in enumerate(models)}
    for verdict in verdicts:
        answer = verdict.answer("outline")
        log_ratio = _log_ratio(answer)
        first, second = (rows[model] for model in verdict.models)
        for row, column, sign in ((first, second, 1), (second, first, -1)):
            face, ink = _cell_look(answer, log_ratio, sign)
            axes.add_patch(
                Rectangle((column - 0.47, row - 0.47), 0.94, 0.94, facecolor=face, edgecolor="none")
            )
            text = "?" if log_ratio is None else f"{round(100 * math.expm1(sign * log_ratio)) + 0:+d}"
            axes.text(column, row, text, ha="center", va="center", fontsize=size, color=ink)
    axes.set_xlim(-0.5, len(models) - 0.5)
    axes.set_xticks(range(len(models)), [str(at + 1) for at in range(len(models))])
    axes.set_yticks(range(len(models)), [f"{_short(model)}  {at + 1}" for at, model in enumerate(models)])
    for name in axes.get_yticklabels():
        name.set_parse_math(False)
    axes.tick_params(length=0, labelsize=size + 0.5)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    write_heading(axes, "outline, steadiest first (%)")


def _cell_look(answer: Answer | None, log_ratio: float | None, sign: int) -> tuple[object, str]:
    """Return a cell's colour and its text's."""
    from matplotlib.colors import to_rgb

    if answer is None or log_ratio is None:
        return "white", FAINT
    if answer.outcome == "alike":
        return _ALIKE, INK
    if answer.place is None:
        return "white", FAINT
    strength = 0.25 + 0.75 * min(1.0, abs(log_ratio) / _FULL_COLOR)
    full = np.array(to_rgb(_STEADIER if sign * log_ratio < 0 else _LESS_STEADY))
    return tuple(1 - strength * (1 - full)), "white" if strength > 0.6 else INK


def _own_values(
    verdicts: Sequence[Verdict], models: Sequence[str], question: Question
) -> list[NDArray[np.float64]]:
    """Return each model's own values against the others, those that are defined."""
    values: Mapping[str, list[float]] = {model: [] for model in models}
    for verdict in verdicts:
        answer = verdict.answer(question)
        for model, value in zip(
            verdict.models, (answer.first, answer.second) if answer else (), strict=False
        ):
            values[model].extend([] if value is None else [value])
    return [np.array(values[model], np.float64) for model in models]


def _floors(verdicts: Sequence[Verdict], models: Sequence[str]) -> list[float | None]:
    """Return each model's floor, mean over the comparisons it is in; None where it is not known."""
    found: dict[str, list[float]] = {model: [] for model in models}
    for verdict in verdicts:
        outline = verdict.answer("outline")
        for model, floor in zip(verdict.models, outline.floor if outline else (), strict=False):
            found[model] += [] if floor is None else [floor]
    return [float(np.mean(own)) if own else None for own in found.values()]


def _draw_values(axes: Axes, values: Sequence[NDArray[np.float64]], floors: Sequence[float | None]) -> None:
    style_axes(axes, grid="x")
    axes.tick_params(axis="y", length=0, labelleft=False)
    for row, floor in enumerate(floors):
        axes.barh(row, floor or 0.0, height=0.94, color=FLOOR_COLOR, zorder=0, linewidth=0)
    if not any(own.size for own in values):
        write_note(axes, NO_PAIR)
        return
    for row, own in enumerate(values):
        if own.size:
            axes.plot([own.min(), own.max()], [row, row], color=INK, linewidth=2, solid_capstyle="butt")
            axes.plot([own.mean()], [row], "D", color=INK, markersize=5)
    axes.set_xlim(left=0)


def _guards_against(verdicts: Sequence[Verdict], models: Sequence[str]) -> list[str]:
    """Return what speaks against calling each model steadier; "" where nothing does."""
    found: dict[str, dict[str, None]] = {model: {} for model in models}
    for verdict in verdicts:
        for guard in verdict.speaking:
            for model in guard.against:
                found[model][guard.name.replace("_", " ")] = None
    return [", ".join(names) for names in found.values()]


def _write_guards(axes: Axes, guards: Sequence[str]) -> None:
    axes.set_axis_off()
    write_heading(axes, "what speaks against it")
    for row, text in enumerate(guards):
        axes.text(0, row, text, va="center", fontsize=7.5, color=INK)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
