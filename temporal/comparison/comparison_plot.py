"""One picture of a comparison: each figure's paired difference with its interval, and every clip's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from yolact_temporal.data.runs.answers import Verdict
from yolact_temporal.temporal.comparison.comparing import Difference, ModelComparison
from yolact_temporal.temporal.comparison.questions import IN_PERCENT
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.plot_style import (
    FAINT,
    INK,
    model_color,
    new_figure,
    save_png,
    style_axes,
    write_heading,
    write_note,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_comparison(comparison: ModelComparison, verdict: Verdict, path: Path, title: str = "") -> Path:
    """Draw the differences, first model minus second, a panel each in its own unit; returns the path.

    A dot is a clip, the bar the mean with its 95% interval; there is no bar where clips are too short to say. Which
    side favours which model is written beside the axis.
    """
    shown = [one for one in comparison.differences if _is_shown(one)]
    figure = new_figure(8.6, 0.78 * len(shown) + 1.2)
    panels = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    for axes, difference in zip(panels, shown, strict=True):
        _draw(axes, difference, comparison.models)
    # Two lines: names of models and a verdict with its reserves are wider than the picture.
    heading = f"{comparison.models[0]} minus {comparison.models[1]}\n{verdict.word}"
    return save_png(figure, path, f"{title}: {heading}" if title else heading)


def _is_shown(difference: Difference) -> bool:
    figure = REGISTRY.compared()[difference.metric]
    return figure.headline and difference.support == figure.support


def _draw(axes: Axes, difference: Difference, models: tuple[str, str]) -> None:
    spec = REGISTRY.compared()[difference.metric]
    percent = difference.metric in IN_PERCENT
    unit = " (points)" if percent else "" if spec.unit == "1" else f" ({spec.unit})"
    style_axes(axes, grid="x")
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    write_heading(axes, f"{spec.title}{unit}, {difference.support}")
    values = [value.difference for value in difference.clips if value.difference is not None]
    if difference.difference is None:
        write_note(axes, "undefined")
        return
    if percent:
        axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:g}")
    low, high = difference.interval or (difference.difference, difference.difference)
    reach = 1.15 * max(map(abs, [*values, low, high]), default=0.0) or 1.0
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-1, 1)
    axes.axvline(0, color=INK, linewidth=0.9)
    left, right = (0, 1) if spec.better == "down" else (1, 0)
    for place, model, align in ((0.0, left, "left"), (1.0, right, "right")):
        axes.text(
            place, 0.97, f"{models[model]} better", transform=axes.transAxes, ha=align, va="top", fontsize=7.5,
            color=model_color(model),
        )  # fmt: skip
    if len(values) > 1:
        axes.plot(values, [-0.35] * len(values), "o", color=FAINT, markersize=4, alpha=0.75)
    if difference.interval is not None:
        axes.plot([low, high], [0.1, 0.1], color=INK, linewidth=2.2, solid_capstyle="butt")
    axes.plot([difference.difference], [0.1], "D", color=INK, markersize=6)
