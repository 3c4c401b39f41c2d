"""What the jitter comes from, over time: the parts of each frame's pairs as stacked bars, anchors' switches marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import altair as alt
import numpy as np
import pandas as pd

from yolact_temporal.dashboards.charts.style import (
    AXIS_PX,
    AnyChart,
    finish,
    note,
    now_rule,
    time_axis,
)
from yolact_temporal.temporal.metrics.causes import (
    FLOOR,
    HALVES,
    MEASURES,
    PARTS,
    SWITCH,
    TOTAL,
    Measure,
    short_name,
)
from yolact_temporal.temporal.plot_style import INK

CHOSEN = "chosen"
"""The selection of the chart: the frame of a bar (column `frame`)."""

MOST_BARS = 240
"""Of more frames, neighbours share a bar: narrower ones can be neither seen nor clicked."""

_COLORS = {
    FLOOR: "#c4c4c4",
    "prototypes": "#1f44d6",
    "features": "#1f44d6",
    "score_maps": "#1f44d6",
    "coefficients": "#0c7f50",
    "box": "#d97900",
    "box_pooled": "#d97900",
    "box_pasted": "#f2b866",
    "class": "#8a4f78",
}

Which = Literal["px", "1"]
"""B1, in pixels, or B2, a share of the mask."""


def measure_of(which: Which) -> Measure:
    """Return the measure that has a unit."""
    return next(measure for measure in MEASURES if measure.unit == which)


def parts_there(causes: pd.DataFrame, measure: Measure) -> list[str]:
    """Return the floor and the parts that a model's masks have, in the order in which they are stacked.

    The halves of a box stand for it where there are any.
    """
    halved = causes[measure.name(HALVES[0])].notna().any()
    parts = [part for part in PARTS if part != "box" or not halved]
    return [part for part in (FLOOR, *parts) if causes[measure.name(part)].notna().any()]


def bar_rows(causes: pd.DataFrame, measure: Measure, timed: bool, step: float) -> pd.DataFrame:
    """Return a row for each bar and part: where it stands, and from where to where it reaches.

    A bar is the mean over the pairs of a frame; of more than `MOST_BARS` frames neighbours share one. What is below 0
    hangs from 0.

    Args:
        causes: rows of `why.csv`, of one track or of all; pairs that have no parts are left out.
        measure: what is shared out.
        timed: whether places are times in seconds; else frames.
        step: from one measured frame to the next, in that unit.

    Returns:
        `frame` (that of the bar whose total is largest), `x`, `x2`, `left`, `right` (the same with half the gaps on
        either side), `part`, `low`, `high`, `value`, `total`, `pairs`, `switches` (pairs in which another anchor won).
    """
    columns = [
        "frame",
        "x",
        "x2",
        "left",
        "right",
        "part",
        "low",
        "high",
        "value",
        "total",
        "pairs",
        "switches",
    ]
    told = causes[causes[measure.name(TOTAL)].notna()]
    parts = parts_there(told, measure) if len(told) else []
    if not parts:
        return pd.DataFrame(columns=columns)
    names = [measure.name(part) for part in parts]
    at = "time_s" if timed else "frame"
    frames = told.groupby("frame", as_index=False).agg(
        x=(at, "first"),
        total=(measure.name(TOTAL), "mean"),
        pairs=("track_id", "size"),
        switches=(SWITCH, "sum"),
        **{name: (name, "sum") for name in names},
    )
    share = max(1, -(-len(frames) // MOST_BARS))
    gap = float(np.median(np.diff(frames["x"]))) if len(frames) > 1 else step
    rows = []
    for start in range(0, len(frames), share):
        own = frames.iloc[start : start + share]
        first, last = float(own["x"].iloc[0]), float(own["x"].iloc[-1])
        pairs = int(own["pairs"].sum())
        low = high = 0.0
        for part, name in zip(parts, names, strict=True):
            value = float(own[name].sum()) / pairs
            reach = (high, high + value) if value >= 0 else (low + value, low)
            low, high = min(low, reach[0]), max(high, reach[1])
            worst = int(own["frame"].iloc[int(own["total"].to_numpy().argmax())])
            total = float((own["total"] * own["pairs"]).sum()) / pairs
            place = (
                worst,
                *(edge for half in (0.4, 0.5) for edge in (first - half * gap, last + half * gap)),
            )
            rows.append((*place, short_name(part), *reach, value, total, pairs, int(own["switches"].sum())))
    return pd.DataFrame(rows, columns=columns)


def causes_chart(
    bars: pd.DataFrame,
    parts: Sequence[str],
    measure: Measure,
    title: str,
    timed: bool,
    span: tuple[float, float],
    now: float | None = None,
) -> AnyChart:
    """Draw the parts over time as stacked bars, a mark under each bar in which an anchor switched.

    Args:
        bars: of `bar_rows`.
        parts: of `parts_there`, which gives their order and colours.
        measure: what is shared out.
        title: above all.
        timed: whether places are times in seconds.
        span: what part of the axis is shown.
        now: the chosen moment.
    """
    if not len(bars):
        return finish(note("no pair of frames was explained").properties(height=120), title)
    x = time_axis(timed, span)
    low, high = float(min(bars["low"].min(), 0.0)), float(max(bars["high"].max(), 0.0))
    under = low - 0.06 * (high - low or 1.0)
    unit = "px" if measure.unit == "px" else "1 - IoU"
    y = alt.Y(
        "low:Q",
        title=f"{measure.symbol} ({unit})",
        scale=alt.Scale(domain=[under - 0.04 * (high - low or 1.0), high], nice=False),
        axis=alt.Axis(minExtent=AXIS_PX / 2, maxExtent=AXIS_PX / 2, tickCount=5),
    )
    color = alt.Color(
        "part:N",
        scale=alt.Scale(domain=[short_name(part) for part in parts], range=[_COLORS[part] for part in parts]),
        legend=alt.Legend(orient="top", title=None),
    )
    stacked = alt.Chart(bars).mark_rect(clip=True).encode(x=x, x2="x2:Q", y=y, y2="high:Q", color=color)
    layers = [stacked, _switch_marks(bars, x, under), _columns_to_choose(bars, x, under, high, unit)]
    layers += [] if now is None else [now_rule(now, x)]
    return finish(alt.layer(*layers).properties(height=300), title)


def _columns_to_choose(bars: pd.DataFrame, x: alt.X, low: float, high: float, unit: str) -> alt.Chart:
    """Return unseen columns as high as the chart that say what a bar shows and take a click for it.

    Bars themselves are often too low to be hit.
    """
    places = ["frame", "left", "right", "total", "pairs", "switches"]
    wide = bars.pivot(index=places, columns="part", values="value").reset_index()
    parts = list(dict.fromkeys(bars["part"]))
    tooltip = [
        alt.Tooltip("frame:Q"),
        alt.Tooltip("total:Q", title=f"all ({unit})", format=".3g"),
        *(alt.Tooltip(f"part_{at}:Q", title=part, format=".3g") for at, part in enumerate(parts)),
        alt.Tooltip("pairs:Q"),
        alt.Tooltip("switches:Q", title="anchors switched"),
    ]
    names = {part: f"part_{at}" for at, part in enumerate(parts)}
    wide = wide.rename(columns={"left": "x", "right": "x2", **names})
    columns: alt.Chart = (
        alt.Chart(wide.assign(low=low, high=high))
        .mark_rect(opacity=0, clip=True)
        .encode(x=x, x2="x2:Q", y="low:Q", y2="high:Q", tooltip=tooltip)
        .add_params(alt.selection_point(name=CHOSEN, fields=["frame"], on="click", toggle=False))
    )
    return columns


def _switch_marks(bars: pd.DataFrame, x: alt.X, height: float) -> alt.Chart:
    switched = bars[bars["switches"] > 0].drop_duplicates("frame")
    marks = pd.DataFrame(
        {
            "x": (switched["x"] + switched["x2"]) / 2,
            "height": height,
            "switches": switched["switches"],
            "pairs": switched["pairs"],
            "share": switched["switches"] / switched["pairs"],
        }
    )
    drawn: alt.Chart = (
        alt.Chart(marks)
        .mark_point(shape="triangle-up", size=36, filled=True, color=INK, clip=True)
        .encode(
            x=x,
            y="height:Q",
            opacity=alt.Opacity("share:Q", scale=alt.Scale(domain=[0, 1], range=[0.15, 1]), legend=None),
            tooltip=[alt.Tooltip("switches:Q", title="anchors switched"), alt.Tooltip("pairs:Q")],
        )
    )
    return drawn
