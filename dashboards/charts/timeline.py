"""The timeline: jitter of all models on one time axis, under it which track is present when, flicker events marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from yolact_temporal.dashboards.charts.style import (
    AROUND_PX,
    AXIS_PX,
    AnyChart,
    finish,
    floor_bands,
    model_dashes,
    model_legend,
    model_scale,
    model_shapes,
    note,
    now_rule,
    time_axis,
)
from yolact_temporal.dashboards.colors import ColorKeys, key_hex
from yolact_temporal.data.overlay import called
from yolact_temporal.temporal.plot_style import INK, JITTER, JITTER_LABEL, MOST_TRACKS, NO_PAIR

MOMENT, SPAN = "moment", "span"
"""The selections of the jitter chart: a point in time (column `frame`), and a stretch of time (column `x`)."""

FLICKER = {"lost": "lost", "return": "back", "class_flip": "class flip", "area_blink": "area blink"}
"""Flicker events by their name in the tables, with what a chart calls them."""

_SHAPES = alt.Scale(domain=list(FLICKER.values()), range=["triangle-down", "triangle-up", "cross", "diamond"])

Tables = Mapping[str, pd.DataFrame]


def jitter_rows(frames: Tables, timed: bool, column: str = JITTER) -> pd.DataFrame:
    """Return a row for each model and frame: `model`, `frame`, `x`, `value` (NaN undefined), `status`, `place`."""
    parts = [
        pd.DataFrame(
            {
                "model": model,
                "frame": table["frame"],
                "x": table["time_s"] if timed else table["frame"],
                "value": table[column],
                "status": table["pair_status"],
            }
        )
        for model, table in frames.items()
    ]
    return (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame(columns=["model", "frame", "x", "value", "status"])
    )


def flicker_rows(frames: Tables, instances: Tables, timed: bool) -> pd.DataFrame:
    """Return a row for each flicker event: `model`, `frame`, `x`, `track` (its id), `event` (values of `FLICKER`)."""
    rows: list[tuple[str, float, int, str]] = []
    for model, table in frames.items():
        for frame, lost in zip(table["frame"], table["lost_tracks"], strict=True):
            rows += [(model, frame, int(key), FLICKER["lost"]) for key in str(lost).split() if key.isdigit()]
        own = instances.get(model)
        if own is None:
            continue
        noted = own[own["track_id"].notna() & own["events"].str.contains("return|class_flip|area_blink")]
        for frame, key, events in zip(noted["frame"], noted["track_id"], noted["events"], strict=True):
            rows += [(model, frame, int(key), FLICKER[event]) for event in events.split() if event in FLICKER]
    found = pd.DataFrame(rows, columns=["model", "frame", "track", "event"])
    found["x"] = _times(frames, timed).reindex(pd.MultiIndex.from_frame(found[["model", "frame"]])).to_numpy()
    return found


def presence_rows(frames: pd.DataFrame, instances: pd.DataFrame, timed: bool) -> pd.DataFrame:
    """Return a row for each stretch in which a track is seen without a gap: `track`, `class`, `x`, `x2`, `frames`.

    A stretch ends where its last frame ends. Tracks that are seen in most frames come whole; of more than
    `MOST_TRACKS` the others are left out.
    """
    columns = ["track", "class", "x", "x2", "frames"]
    seen = instances[instances["track_id"].notna()]
    if seen.empty or frames.empty:
        return pd.DataFrame(columns=columns)
    times = (frames["time_s"] if timed else frames["frame"]).to_numpy(float)
    step = _step(times)
    place = pd.Series(np.arange(len(frames)), index=frames["frame"])
    rows = []
    kept = seen["track_id"].value_counts(sort=True).index[:MOST_TRACKS]
    for key, own in seen[seen["track_id"].isin(kept)].groupby("track_id"):
        at = np.sort(place.reindex(own["frame"]).dropna().to_numpy(int))
        name = own["class"].mode().iloc[0]
        for run in np.split(at, np.flatnonzero(np.diff(at) > 1) + 1):
            if len(run):
                rows.append((int(key), name, times[run[0]], times[run[-1]] + step, len(run)))
    return pd.DataFrame(rows, columns=columns)


def jitter_chart(
    rows: pd.DataFrame,
    events: pd.DataFrame,
    models: Sequence[str],
    timed: bool,
    span: tuple[float, float],
    now: float | None = None,
    floors: Mapping[str, float] | None = None,
) -> AnyChart:
    """Draw jitter over time, a line a model, with a mark under every frame in which something flickers.

    Clicking selects the nearest moment, dragging a stretch of time. The line breaks where a value is undefined.

    Args:
        rows: of `jitter_rows`.
        events: of `flicker_rows`.
        models: in their order, which gives their colours.
        timed: whether `x` is of seconds.
        span: what part of the axis is shown.
        now: where the viewer stands.
        floors: of the clip, by model, shown as bands.
    """
    title = f"mean {JITTER_LABEL}, frame by frame" + ("; shaded: the floor of each model" if floors else "")
    if not len(rows) or not rows["value"].notna().any():
        return finish(note(NO_PAIR).properties(height=200), title)
    rows, events = within(rows, span), within(events, span)
    top = float(rows["value"].max()) if rows["value"].notna().any() else 1.0
    x = time_axis(timed, span)
    color = alt.Color("model:N", scale=model_scale(models), legend=model_legend())
    layers = [
        *floor_bands(floors or {}, models, 1.05 * top),
        _jitter_lines(rows, models, x, color, top),
        alt.Chart(_isolated(rows)).mark_point(filled=True, size=12).encode(x=x, y="value:Q", color=color),
        _event_marks(events, models, x, -0.05 * top),
        _moments_to_choose(rows, x, color, timed),
    ]
    if now is not None:
        layers.insert(0, now_rule(now, x))
    return finish(alt.layer(*layers).properties(height=290), title)


def _jitter_lines(
    rows: pd.DataFrame, models: Sequence[str], x: alt.X, color: alt.Color, top: float
) -> alt.Chart:
    y = alt.Y(
        "value:Q",
        title=None,
        scale=alt.Scale(domain=[-0.08 * top, 1.05 * top], nice=False),
        axis=alt.Axis(minExtent=AXIS_PX, maxExtent=AXIS_PX, values=_ticks(top)),
    )
    dash = alt.StrokeDash("model:N", scale=model_dashes(models), legend=model_legend())
    lines: alt.Chart = (
        alt.Chart(rows).mark_line(strokeWidth=1.4, opacity=0.9).encode(x=x, y=y, color=color, strokeDash=dash)
    )
    return lines


def _moments_to_choose(rows: pd.DataFrame, x: alt.X, color: alt.Color, timed: bool) -> alt.Chart:
    """Return unseen points that say their value, and take a click for a moment and a drag for a stretch of time."""
    tooltip = [
        alt.Tooltip("model:N"),
        alt.Tooltip("frame:Q"),
        alt.Tooltip("x:Q", title="time (s)" if timed else "frame", format=".3f"),
        alt.Tooltip("value:Q", title=JITTER_LABEL, format=".4g"),
    ]
    points: alt.Chart = (
        alt.Chart(rows[rows["value"].notna()])
        .mark_point(filled=True, size=40, opacity=0)
        .encode(x=x, y="value:Q", color=color, tooltip=tooltip)
        .add_params(
            alt.selection_point(name=MOMENT, fields=["frame"], nearest=True, on="click", toggle=False),
            alt.selection_interval(name=SPAN, encodings=["x"]),
        )
    )
    return points


def presence_chart(
    rows: pd.DataFrame,
    events: pd.DataFrame,
    model: str,
    keys: ColorKeys,
    timed: bool,
    span: tuple[float, float],
    now: float | None = None,
    hidden: int = 0,
) -> AnyChart:
    """Draw which track of a model is seen when, and its flicker events; colours are those of the viewer.

    Args:
        rows: of `presence_rows`.
        events: of `flicker_rows`; other models' are left out.
        model: its name.
        keys: by what numbers tracks are coloured.
        timed, span, now: as for `jitter_chart`.
        hidden: how many tracks had no room, told in the title.
    """
    title = f"{model}: when each track is seen" + (f", {hidden} shorter tracks left out" if hidden else "")
    if not len(rows):
        return finish(note("no track").properties(height=60), title)
    order = [int(key) for key in rows.groupby("track")["x"].min().sort_values(kind="stable").index]
    names = rows.groupby("track")["class"].first()
    own = keys.get(model, {})
    # Tracks of one object share a row, called what its first track was.
    label = {key: f"{called(key, own)} {names[key]}" for key in order}
    first: dict[int, str] = {}
    for key in order:
        if own.get(key):
            label[key] = first.setdefault(own[key], label[key])
    names_in_order = list(dict.fromkeys(label.values()))
    colors = {label[key]: key_hex(own.get(key, key)) for key in reversed(order)}
    bars = within(rows, span).assign(label=lambda table: table["track"].map(label))
    marks = within(events[(events["model"] == model) & events["track"].isin(order)], span)
    marks = marks.assign(label=marks["track"].map(label))
    x = time_axis(timed, span)
    y = alt.Y(
        "label:N",
        sort=names_in_order,
        title=None,
        scale=alt.Scale(domain=names_in_order),
        axis=alt.Axis(minExtent=AXIS_PX, maxExtent=AXIS_PX, labelLimit=AXIS_PX - 12, grid=False, ticks=False),
    )
    color = alt.Color(
        "label:N",
        scale=alt.Scale(domain=list(colors), range=list(colors.values())),
        legend=None,
    )
    layers = [_stretches(bars, x, y, color), _signs(marks, x, y)]
    if now is not None:
        layers.insert(0, now_rule(now, x))
    return finish(alt.layer(*layers).properties(height=AROUND_PX + 24 * len(names_in_order)), title)


def _stretches(bars: pd.DataFrame, x: alt.X, y: alt.Y, color: alt.Color) -> alt.Chart:
    tooltip = [
        alt.Tooltip("label:N", title="track"),
        alt.Tooltip("x:Q", title="from", format=".3f"),
        alt.Tooltip("x2:Q", title="to", format=".3f"),
        alt.Tooltip("frames:Q"),
    ]
    stretches: alt.Chart = (
        alt.Chart(bars)
        .mark_bar(height={"band": 0.72}, stroke="#7a7a7a", strokeWidth=0.4, clip=True)
        .encode(x=x, x2="x2:Q", y=y, color=color, tooltip=tooltip)
    )
    return stretches


def _signs(marks: pd.DataFrame, x: alt.X, y: alt.Y) -> alt.Chart:
    shape = alt.Shape("event:N", scale=_SHAPES, legend=alt.Legend(orient="top", title=None))
    tooltip = [alt.Tooltip("label:N", title="track"), alt.Tooltip("event:N"), alt.Tooltip("frame:Q")]
    signs: alt.Chart = (
        alt.Chart(marks)
        .mark_point(size=46, filled=True, fill="white", stroke=INK, strokeWidth=1.1, opacity=1, clip=True)
        .encode(x=x, y=y, shape=shape, tooltip=tooltip)
    )
    return signs


def whole_span(frames: Tables, timed: bool) -> tuple[float, float]:
    """Return the stretch from the first frame's beginning to the last one's end, of all models."""
    ends = []
    for table in frames.values():
        times = (table["time_s"] if timed else table["frame"]).to_numpy(float)
        if len(times):
            ends.append((float(times[0]), float(times[-1]) + _step(times)))
    return (min(start for start, _ in ends), max(end for _, end in ends)) if ends else (0.0, 1.0)


def within(rows: pd.DataFrame, span: tuple[float, float]) -> pd.DataFrame:
    """Return the rows that touch a stretch of time."""
    if not len(rows):
        return rows
    end = rows["x2"] if "x2" in rows else rows["x"]
    return rows[(rows["x"] <= span[1]) & (end >= span[0])]


def _event_marks(events: pd.DataFrame, models: Sequence[str], x: alt.X, height: float) -> alt.Chart:
    columns = ["model", "frame", "x"]
    told = (
        events.assign(what=events["event"] + " #" + events["track"].astype(str))
        .groupby(columns, as_index=False)["what"]
        .agg(", ".join)
        if len(events)
        else pd.DataFrame({name: [] for name in [*columns, "what"]})
    )
    drawn: alt.Chart = (
        alt.Chart(told.assign(height=height))
        .mark_point(size=34, filled=True, opacity=0.85)
        .encode(
            x=x,
            y="height:Q",
            color=alt.Color("model:N", scale=model_scale(models), legend=model_legend()),
            shape=alt.Shape("model:N", scale=model_shapes(models), legend=model_legend()),
            tooltip=["model:N", "frame:Q", alt.Tooltip("what:N", title="flicker")],
        )
    )
    return drawn


def _isolated(rows: pd.DataFrame) -> pd.DataFrame:
    """Return defined values between undefined ones: alone they would make no line."""
    defined = rows["value"].notna()
    same = rows["model"] == rows["model"].shift()
    same_next = rows["model"] == rows["model"].shift(-1)
    before = defined.shift(fill_value=False) & same
    after = defined.shift(-1, fill_value=False) & same_next
    return rows[defined & ~before & ~after]


def _times(frames: Tables, timed: bool) -> pd.Series:
    column = "time_s" if timed else "frame"
    parts = {model: table.set_index("frame")[column] for model, table in frames.items()}
    if not parts:
        return pd.Series([], index=pd.MultiIndex.from_arrays([[], []]), dtype=float)
    return pd.concat(parts)


def _step(times: NDArray[np.float64]) -> float:
    """Return the usual time between frames: how long the last one lasts."""
    return float(np.median(np.diff(times))) if len(times) > 1 else 1.0


def _ticks(top: float) -> list[float]:
    """Return ticks from 0: the axis reaches below it for the marks, where no value is."""
    step = 10 ** np.floor(np.log10(top)) if top > 0 else 1.0
    step = float(step * (0.5 if top / step < 2.5 else 1 if top / step < 5 else 2))
    return [round(at * step, 10) for at in range(int(top / step) + 2) if at * step <= 1.05 * top]
