"""What all charts share: models' colours, and one look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, TypeVar

import altair as alt
import pandas as pd
from altair.utils.schemapi import disable_debug_mode

from yolact_temporal.temporal.plot_style import FAINT, INK, floor_looks, model_color

AnyChart: TypeAlias = alt.Chart | alt.LayerChart | alt.FacetChart | alt.VConcatChart

_Made = TypeVar("_Made", bound=AnyChart)

AXIS_PX = 120
"""Width kept for the vertical axis, so that charts one above the other share their time axis."""

RULE_COLOR = FAINT

FLOOR_TITLE = "floor: what the motion estimate's own error may make, at least"

AROUND_PX = 96
"""Height that title, key and time axis take of a chart, whose height Streamlit reads as that of all together."""

_FONT = '"Source Sans", "Source Sans Pro", sans-serif'


def model_scale(models: Sequence[str]) -> alt.Scale:
    """Return the scale from models to colours, the same in every chart and in the report's plots."""
    return alt.Scale(domain=list(models), range=[model_color(at) for at in range(len(models))])


def model_shapes(models: Sequence[str]) -> alt.Scale:
    """Return the scale from models to shapes: colour is never the only thing that tells them apart."""
    shapes = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross"]
    return alt.Scale(domain=list(models), range=[shapes[at % len(shapes)] for at in range(len(models))])


def model_dashes(models: Sequence[str]) -> alt.Scale:
    """Return the scale from models to kinds of line."""
    dashes: list[list[int]] = [[1, 0], [6, 2], [2, 2], [8, 2, 2, 2], [4, 4], [1, 3]]
    return alt.Scale(domain=list(models), range=[dashes[at % len(dashes)] for at in range(len(models))])


def model_legend() -> alt.Legend:
    """Return the key of models; colour, line and shape share it, so it must be the same in all of them."""
    return alt.Legend(orient="top", title=None)


def floor_bands(
    floors: Mapping[str, float], models: Sequence[str], top: float | None = None
) -> list[alt.Chart]:
    """Return a band from 0 to each model's floor, behind what is above it: no jitter of its under it is more than none.

    Args:
        floors: by model, in the chart's unit; those that are known.
        models: in their order, which gives their colours.
        top: where the axis ends; the bands go no further.
    """
    charts: list[alt.Chart] = []
    for floor, color, opacity in floor_looks(floors, models):
        band = pd.DataFrame(
            {"low": [0.0], "floor": [floor], "high": [floor if top is None else min(floor, top)]}
        )
        charts.append(
            alt.Chart(band)
            .mark_rect(color=color, opacity=0.75 * opacity)
            .encode(y="low:Q", y2="high:Q", tooltip=[alt.Tooltip("floor:Q", title=FLOOR_TITLE, format=".3g")])
        )
    return charts


def finish(chart: _Made, title: str) -> _Made:
    """Give a chart its title and the common look."""
    finished: _Made = (
        chart.properties(title=alt.TitleParams(title, anchor="start", fontSize=13, color=INK, offset=8))
        .configure(font=_FONT)
        .configure_view(strokeWidth=0)
        .configure_axis(
            labelColor=INK,
            titleColor=INK,
            titleFontWeight="normal",
            gridColor="#e4e4e4",
            domainColor="#9a9a9a",
        )
    )
    return finished


def time_axis(timed: bool, span: tuple[float, float]) -> alt.X:
    """Return the horizontal axis: seconds, or frames where the clip has no time.

    Args:
        timed: whether the column `x` is of seconds.
        span: what part is shown.
    """
    scale = alt.Scale(domain=list(span), nice=False)
    return alt.X("x:Q", title="time (s)" if timed else "frame", scale=scale)


def now_rule(now: float, x: alt.X) -> alt.Chart:
    """Return an upright line at the moment where the viewer stands."""
    rule: alt.Chart = (
        alt.Chart(pd.DataFrame({"x": [now]}))
        .mark_rule(color=RULE_COLOR, strokeWidth=1.5, strokeDash=[3, 3], clip=True)
        .encode(x=x)
    )
    return rule


def trust_charts() -> None:
    """Spare every chart Altair's check against its schema, half the time of drawing one; the tests check them."""
    disable_debug_mode()


def note(text: str) -> alt.Chart:
    """Return an empty chart that says why it is empty."""
    empty: alt.Chart = (
        alt.Chart(pd.DataFrame({"text": [text]})).mark_text(color=FAINT, size=13).encode(text="text:N")
    )
    return empty
