"""One picture of what stabilisers gain and cost: L(1) against deviation, lag and ghosts marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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
from yolact_temporal.temporal.stabilizing.bounds import CostBounds
from yolact_temporal.temporal.stabilizing.recommending import Clips, Recommendation
from yolact_temporal.temporal.stabilizing.what_if_text import figures_of, mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CAUSAL, _LATER, _TOO_DEAR = model_color(0), model_color(2), model_color(3)


def plot_what_if(
    models: Mapping[str, tuple[Clips, Sequence[Recommendation]]], bounds: CostBounds, path: Path, title: str
) -> Path:
    """Draw a panel a model; returns the path.

    A dot is a method with its parameters, filled where it works live. What lags or has more ghosts than the bound is
    crossed out; a ring is around what is recommended. The line is the raw masks' L(1).
    """
    figure = new_figure(8.6, 4.4 * len(models) + 0.6)
    panels = figure.subplots(len(models), 1, squeeze=False)[:, 0]
    for axes, (model, (clips, recommendations)) in zip(panels, models.items(), strict=True):
        _draw(axes, model, clips, recommendations, bounds)
    return save_png(figure, path, title)


def _draw(
    axes: Axes, model: str, clips: Clips, recommendations: Sequence[Recommendation], bounds: CostBounds
) -> None:
    style_axes(axes)
    write_heading(axes, f"{model}: filled works live, hollow needs frames ahead, a cross lags or has ghosts")
    axes.set_xlabel("deviation from the raw masks (mean 1 - IoU)")
    axes.set_ylabel("L(1), lower is steadier")
    best = [each.best.final for each in recommendations if each.best is not None]
    drawn = 0
    for candidate in [own.candidate for own in next(iter(clips.values()))]:
        own = figures_of(clips, candidate)
        loss, deviation = mean([one.loss.value(c=1) for one in own]), mean([one.deviation for one in own])
        if loss is None or deviation is None:
            continue
        drawn += 1
        if candidate.spec.name == "identity":
            axes.axhline(loss, color=INK, linewidth=0.9, linestyle="--")
            axes.plot([deviation], [loss], "D", color=INK, markersize=6)
        else:
            color = FAINT if candidate.spec.control else _CAUSAL if candidate.causal else _LATER
            face = color if candidate.causal else "white"
            axes.plot([deviation], [loss], "o", color=color, markerfacecolor=face, markersize=7)
        lag, ghost = max(one.lag_frames for one in own), mean([one.ghost for one in own]) or 0.0
        if lag > bounds.lag or ghost > bounds.ghost:
            axes.plot([deviation], [loss], "x", color=_TOO_DEAR, markersize=9, markeredgewidth=1.6)
        if candidate in best:
            axes.plot([deviation], [loss], "o", color=INK, markerfacecolor="none", markersize=14)
        told = "raw" if candidate.spec.name == "identity" else candidate.name
        told += f", lag {lag}" if lag else ""
        axes.annotate(
            told, (deviation, loss), xytext=(6, 4), textcoords="offset points", fontsize=7.5, color=INK
        )
    if not drawn:
        write_note(axes, "L(1) is undefined")
