"""Timeline: when the masks shiver and blink, all models on one time axis; a moment chosen here is the viewer's."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from yolact_temporal.dashboards.charts import timeline as charts
from yolact_temporal.dashboards.definitions import definition
from yolact_temporal.dashboards.loader import Run
from yolact_temporal.dashboards.moments import color_keys
from yolact_temporal.dashboards.plain_text import plain
from yolact_temporal.dashboards.views.context import (
    FRAME,
    PAGES,
    SPAN,
    Context,
    current_frame,
    go_to,
    moment_text,
    time_of,
)
from yolact_temporal.dashboards.views.moment import show_moment
from yolact_temporal.dashboards.views.overview import show_first_steps
from yolact_temporal.dashboards.views.parts import show_chart, show_table
from yolact_temporal.temporal.plot_style import JITTER, MOST_TRACKS

ZOOMS = "zooms"
"""How often the whole clip was asked for again."""

WORST = 12
"""How many of the worst moments are listed."""


def show(context: Context) -> None:
    """Show the page."""
    run = context.run
    if run is None:
        show_first_steps(context)
        return
    st.title("Timeline", anchor=False, help=plain(definition(JITTER)))
    frames = {model: run.table(model, "frames") for model in run.models}
    instances = {model: run.table(model, "instances") for model in run.models}
    rows = charts.jitter_rows(frames, run.timed)
    events = charts.flicker_rows(frames, instances, run.timed)
    _start_at_the_worst(rows)
    with st.container(key="stack_timeline"):
        left, right = st.columns([3, 2], gap="medium")
    with left:
        _show_charts(run, frames, instances, rows, events)
    # The list first, the pictures above it after: they take longest.
    moment = right.container()
    with right:
        _show_worst(run, rows, events)
    with moment:
        _show_moment(run)


def worst_moments(rows: pd.DataFrame, events: pd.DataFrame, count: int = WORST) -> pd.DataFrame:
    """Return the moments of most jitter, and beside them what flickers there.

    Args:
        rows: of `charts.jitter_rows`.
        events: of `charts.flicker_rows`.
        count: at most so many.

    Returns:
        `frame`, `x`, `model`, `value` (of the table), `flicker` (text), most jitter first.
    """
    worst = rows[rows["value"].notna()].nlargest(count, "value", keep="first")
    told = (
        (events["event"] + " #" + events["track"].astype(str))
        .groupby([events["model"], events["frame"]])
        .agg(", ".join)
        if len(events)
        else pd.Series(dtype=str)
    )
    at = list(zip(worst["model"], worst["frame"], strict=True))
    return pd.DataFrame(
        {
            "frame": worst["frame"].astype(int),
            "x": worst["x"],
            "model": worst["model"],
            "value": worst["value"],
            "flicker": [str(told.get(key, "")) if len(told) else "" for key in at],
        }
    ).reset_index(drop=True)


def _start_at_the_worst(rows: pd.DataFrame) -> None:
    """Let the viewer stand at the moment of most jitter until somebody moves it."""
    if FRAME not in st.session_state and rows["value"].notna().any():
        st.session_state[FRAME] = int(rows.loc[rows["value"].idxmax(), "frame"])


def _show_charts(
    run: Run,
    frames: dict[str, pd.DataFrame],
    instances: dict[str, pd.DataFrame],
    rows: pd.DataFrame,
    events: pd.DataFrame,
) -> None:
    zoomed = st.session_state.get(SPAN)
    span = zoomed or charts.whole_span(frames, run.timed)
    frame = current_frame(run)
    now = time_of(run, frame) if run.timed else float(frame)
    chart = charts.jitter_chart(rows, events, run.models, run.timed, span, now)
    chosen = show_chart(
        chart,
        f"jitter_{run.key}_{span}_{st.session_state.get(ZOOMS, 0)}",
        select=[charts.MOMENT, charts.SPAN],
    )
    _take_selection(run, chosen)
    if zoomed is None:
        st.caption("Click a moment to see it; drag to zoom in. A mark below zero: something flickers there.")
    elif st.button("Show the whole clip", key="whole_clip", icon=":material/zoom_out_map:"):
        st.session_state[SPAN] = None
        # Another key is another chart: the old one would still hold the stretch that was dragged over it.
        st.session_state[ZOOMS] = st.session_state.get(ZOOMS, 0) + 1
        st.rerun()
    keys = color_keys(run)
    for model in run.models:
        present = charts.presence_rows(frames[model], instances[model], run.timed)
        tracks = int(instances[model]["track_id"].nunique())
        hidden = max(0, tracks - MOST_TRACKS)
        show_chart(
            charts.presence_chart(present, events, model, keys, run.timed, span, now, hidden),
            f"presence_{model}",
        )
    with st.expander("Frame by frame"):
        for model in run.models:
            st.markdown(f"**{plain(model)}**")
            show_table(
                frames[model],
                f"{model}_frames.csv",
                key=f"frames_{model}",
                file=run.file(model, "frames.csv"),
            )


def _take_selection(run: Run, chosen: Any) -> None:
    """Act on a new selection in the chart: a click moves the viewer, a drag zooms."""
    moment = (chosen.get(charts.MOMENT) or [{}]) if chosen else [{}]
    stretch = ((chosen.get(charts.SPAN) or {}) if chosen else {}).get("x") or []
    if len(stretch) == 2 and stretch[1] > stretch[0]:
        wanted = (float(stretch[0]), float(stretch[1]))
        if wanted != st.session_state.get(SPAN) and _holds_frames(run, wanted):
            st.session_state[SPAN] = wanted
            st.rerun()
    frame = moment[0].get("frame") if isinstance(moment, list) and moment else None
    if frame is not None and st.session_state.get("moment_taken") != (run.key, frame):
        st.session_state["moment_taken"] = (run.key, frame)
        go_to(int(frame))
        st.rerun()


def _holds_frames(run: Run, span: tuple[float, float]) -> bool:
    table = run.table(run.models[0], "frames")
    times = table["time_s"] if run.timed else table["frame"]
    return bool(times.between(*span).sum() >= 2)


def _show_moment(run: Run) -> None:
    frame = current_frame(run)
    st.subheader(plain(moment_text(run, frame)), anchor=False)
    show_moment(run, frame)
    page = st.session_state.get(PAGES, {}).get("viewer")
    if page is not None and st.button("Open in the viewer", key="to_viewer", icon=":material/smart_display:"):
        st.switch_page(page)


def _show_worst(run: Run, rows: pd.DataFrame, events: pd.DataFrame) -> None:
    st.subheader("Worst moments", anchor=False, help="The frames of most jitter; click one to see it.")
    worst = worst_moments(rows, events)
    if worst.empty:
        st.markdown("No pair of frames has a defined displacement.")
        return
    columns = {
        "x": st.column_config.NumberColumn("time (s)" if run.timed else "frame", format="%.3f"),
        "value": st.column_config.NumberColumn(
            "displacement (px)", format="%.4g", help=plain(definition(JITTER))
        ),
    }
    chosen = show_table(
        worst, "worst_moments.csv", key=f"worst_{run.key}", select=True, columns=columns, height=300
    )
    if chosen is not None:
        frame = int(worst["frame"][chosen])
        if st.session_state.get("worst_taken") != (run.key, frame):
            st.session_state["worst_taken"] = (run.key, frame)
            go_to(frame)
            st.rerun()
