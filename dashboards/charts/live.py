"""The curves of a live run: a rolling figure of every model, and its floor."""

from __future__ import annotations

import altair as alt
import pandas as pd

from yolact_temporal.dashboards.charts.style import (
    AXIS_PX,
    AnyChart,
    finish,
    model_dashes,
    model_legend,
    model_scale,
)
from yolact_temporal.data.runs.live_status import LiveStatus
from yolact_temporal.temporal.plot_style import FAINT
from yolact_temporal.temporal.rolling import FLOORS, label_of

HEIGHT_PX = 150


def curve_rows(status: LiveStatus, name: str, span: int) -> pd.DataFrame:
    """Return a row for each model and second of a figure: `model`, `time_s`, `value` (NaN undefined), `floor`.

    Args:
        status: how the run stands.
        name: of the figure.
        span: which of its spans, by place.
    """
    floor = FLOORS.get(name, "")
    parts = []
    for model, figures in status.figures.items():
        curve = figures[name][span] if name in figures else ()
        floors = figures[floor][span] if floor in figures else (None,) * len(curve)
        table = pd.DataFrame({"time_s": list(status.times_s)[: len(curve)], "value": curve, "floor": floors})
        parts.append(table.assign(model=model))
    columns = ["model", "time_s", "value", "floor"]
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return found.astype({"time_s": float, "value": float, "floor": float})


def curve_chart(status: LiveStatus, name: str, span: int) -> AnyChart:
    """Return a rolling figure of every model over time, its floor as a thin line."""
    rows, models = curve_rows(status, name, span), list(status.figures)
    time = alt.X("time_s:Q", title="seconds", scale=alt.Scale(zero=False, nice=False))
    value_axis = alt.Axis(minExtent=AXIS_PX // 2)
    base = alt.Chart(rows)
    curves = base.mark_line().encode(
        x=time,
        y=alt.Y("value:Q", title=None, axis=value_axis),
        color=alt.Color("model:N", scale=model_scale(models), legend=model_legend()),
        strokeDash=alt.StrokeDash("model:N", scale=model_dashes(models), legend=None),
        tooltip=[
            "model:N",
            alt.Tooltip("time_s:Q", title="seconds", format=".0f"),
            alt.Tooltip("value:Q", format=".3g"),
        ],
    )
    floors = base.mark_line(color=FAINT, strokeWidth=1).encode(x=time, y="floor:Q", detail="model:N")
    whole: AnyChart = alt.layer(floors, curves) if name in FLOORS else curves
    return finish(whole.properties(height=HEIGHT_PX), label_of(name))
