"""Charts of a comparison: paired differences with their intervals, and coverage against jitter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import altair as alt
import pandas as pd

from yolact_temporal.dashboards.charts.style import (
    AnyChart,
    finish,
    floor_bands,
    model_legend,
    model_scale,
    model_shapes,
    note,
)
from yolact_temporal.dashboards.definitions import compared_label
from yolact_temporal.temporal.catalogue import unit_text
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.plot_style import FAINT, INK


def difference_chart(rows: pd.DataFrame, metric: str, models: tuple[str, str]) -> AnyChart:
    """Draw one figure's difference, first model minus second: the mean with its 95% interval, and every clip's own.

    Args:
        rows: rows of `comparison.csv` of these two models, over all clips and clip by clip.
        metric: which figure, on its own support.
        models: the two names.
    """
    spec = REGISTRY.compared()[metric]
    unit = f", {unit_text(spec.unit)}" if unit_text(spec.unit) else ""
    title = f"{compared_label(metric)}: {models[0]} minus {models[1]}{unit}"
    own = rows[
        (rows["metric"] == metric)
        & (rows["support"] == spec.support)
        & (rows["model_a"] == models[0])
        & (rows["model_b"] == models[1])
        & rows["difference"].notna()
    ]
    if own.empty:
        return finish(note("undefined").properties(height=60), title)
    over = own[own["clip"] == ""]
    mean = over if len(over) else own if len(own) == 1 else own.iloc[:0]
    clips = own[own["clip"] != ""] if len(over) or len(own) > 1 else own.iloc[:0]
    values = pd.concat([own["difference"], own["ci_low"], own["ci_high"], pd.Series([0.0])]).abs()
    reach = float(values.max()) * 1.15 or 1.0
    scale = alt.Scale(domain=[-reach, reach], nice=False)
    x = alt.X("difference:Q", title=None, scale=scale, axis=alt.Axis(tickCount=7))
    row_of = {True: "mean" if len(over) else "this clip", False: "each clip"}
    lanes = [row_of[True]] * bool(len(mean)) + [row_of[False]] * bool(len(clips))
    y = alt.Y(
        "lane:N",
        title=None,
        scale=alt.Scale(domain=lanes),
        axis=alt.Axis(ticks=False, domain=False, minExtent=60, maxExtent=60),
    )
    tooltip = [
        alt.Tooltip("clip:N"),
        alt.Tooltip("value_a:Q", title=models[0], format=".4g"),
        alt.Tooltip("value_b:Q", title=models[1], format=".4g"),
        alt.Tooltip("difference:Q", format="+.4g"),
        alt.Tooltip("ci_low:Q", title="95% from", format="+.4g"),
        alt.Tooltip("ci_high:Q", title="95% to", format="+.4g"),
        alt.Tooltip("n:Q"),
    ]
    zero = alt.Chart(pd.DataFrame({"difference": [0.0]})).mark_rule(color=INK).encode(x=x)
    dots = (
        alt.Chart(clips.assign(lane=row_of[False]))
        .mark_point(filled=True, size=55, color=FAINT, opacity=0.75)
        .encode(x=x, y=y, tooltip=tooltip)
    )
    middle = alt.Chart(mean.assign(lane=row_of[True]))
    bar = middle.mark_rule(strokeWidth=3, color=INK).encode(
        x=alt.X("ci_low:Q", scale=scale), x2="ci_high:Q", y=y
    )
    diamond = middle.mark_point(shape="diamond", filled=True, size=110, color=INK, opacity=1).encode(
        x=x, y=y, tooltip=tooltip
    )
    layers = [zero, dots, bar, diamond, *_sides(metric, models, reach, lanes[0] if lanes else "")]
    return finish(alt.layer(*layers).properties(height=34 * max(1, len(lanes)) + 78), title)


def coverage_scatter(
    rows: pd.DataFrame,
    models: Sequence[str],
    metric: str = "boundary_px",
    floors: Mapping[str, float] | None = None,
) -> AnyChart:
    """Draw coverage of the universe against jitter, a point for each clip and model, a line between the two of a clip.

    A model that is low because it sees less lies low and to the left; one that is truly steadier lies low and no
    further left than the other.

    Args:
        rows: rows of `comparison.csv`; those clip by clip are drawn.
        models: in their order, which gives their colours.
        metric: what stands for jitter, on its own support.
        floors: of it by model, mean over the clips, shown as bands.
    """
    spec = REGISTRY.compared()[metric]
    unit = f" ({unit_text(spec.unit)})" if unit_text(spec.unit) else ""
    title = f"coverage against {spec.label}, a point for each clip and model"
    points = scatter_rows(rows, metric)
    if not len(points):
        return finish(note("no clip has both figures").properties(height=200), title)
    chart = alt.Chart(points)
    x = alt.X(
        "coverage:Q",
        title="coverage of the universe (1 = sees all)",
        scale=alt.Scale(domain=[0, 1.02], nice=False),
    )
    y = alt.Y("value:Q", title=f"{compared_label(metric)}{unit}", scale=alt.Scale(zero=True))
    lines = chart.mark_line(color=FAINT, strokeWidth=1, opacity=0.7).encode(x=x, y=y, detail="pair:N")
    dots = chart.mark_point(filled=True, size=95, opacity=0.9).encode(
        x=x,
        y=y,
        color=alt.Color("model:N", scale=model_scale(models), legend=model_legend()),
        shape=alt.Shape("model:N", scale=model_shapes(models), legend=model_legend()),
        tooltip=[
            "clip:N",
            "model:N",
            alt.Tooltip("coverage:Q", format=".3f"),
            alt.Tooltip("value:Q", title=spec.label, format=".4g"),
        ],
    )
    return finish(alt.layer(*floor_bands(floors or {}, models), lines, dots).properties(height=330), title)


def scatter_rows(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return a row for each clip, two models and each of them: `clip`, `pair`, `model`, `coverage`, `value`."""
    columns = ["clip", "model_a", "model_b"]
    own = rows[rows["clip"] != ""]
    parts = []
    coverage = own[
        (own["metric"] == "coverage") & (own["support"] == REGISTRY.compared()["coverage"].support)
    ]
    values = own[(own["metric"] == metric) & (own["support"] == REGISTRY.compared()[metric].support)]
    both = values.merge(coverage, on=columns, suffixes=("", "_coverage"))
    for side in ("a", "b"):
        parts.append(
            pd.DataFrame(
                {
                    "clip": both["clip"],
                    "pair": both["clip"] + ": " + both["model_a"] + ", " + both["model_b"],
                    "model": both[f"model_{side}"],
                    "coverage": both[f"value_{side}_coverage"],
                    "value": both[f"value_{side}"],
                }
            )
        )
    return pd.concat(parts, ignore_index=True).dropna().drop_duplicates()


def _sides(metric: str, models: tuple[str, str], reach: float, lane: str) -> list[alt.Chart]:
    """Return what is written at either end: whom that side favours."""
    lower_is_better = REGISTRY.compared()[metric].better == "down"
    left, right = models if lower_is_better else models[::-1]
    charts = []
    ends: tuple[tuple[str, float, Literal["left", "right"]], ...]
    ends = ((left, -reach, "left"), (right, reach, "right"))
    for name, at, align in ends:
        charts.append(
            alt.Chart(pd.DataFrame({"difference": [at], "lane": [lane], "text": [f"{name} better"]}))
            .mark_text(align=align, baseline="bottom", dy=-8, color="#5c5c5c", fontSize=11, limit=170)
            .encode(x="difference:Q", y="lane:N", text="text:N")
        )
    return charts
