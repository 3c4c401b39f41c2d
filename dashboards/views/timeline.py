"""Timeline: when the masks shiver and blink, all models on one time axis; a moment chosen here is the viewer's."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pandas as pd
import streamlit as st

from yolact_temporal.dashboards.charts import timeline as charts
from yolact_temporal.dashboards.definitions import definition
from yolact_temporal.dashboards.loader import Run
from yolact_temporal.dashboards.moments import color_keys
from yolact_temporal.dashboards.objects import clip_floors
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
from yolact_temporal.dashboards.views.parts import show_chart, show_error, show_table
from yolact_temporal.data.runs.layout import MOMENTS
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.plot_style import JITTER, MOST_TRACKS
from yolact_temporal.temporal.reading.moments_csv import read_moments

ZOOMS = "zooms"
"""How often the whole clip was asked for again."""

WORST_HELP = (
    "When a mask changed most though its object did not: the share of the mask that changed, weighed by how large the "
    "object is. Click one to see it."
)


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
    _start_at_the_worst(run)
    with st.container(key="stack_timeline"):
        left, right = st.columns([3, 2], gap="medium")
    with left:
        _show_charts(run, frames, instances, rows, events)
    # The list first, the pictures above it after: they take longest.
    moment = right.container()
    with right:
        _show_worst(run)
    with moment:
        _show_moment(run)


def worst_moments(run: Run) -> pd.DataFrame | None:
    """Return the worst moments as the run has them; None of a run of an older version, which has none.

    Returns:
        `frame`, `x` (time or frame), `model`, `object`, `what` (text), worst first.

    Raises:
        InputError: if the table of moments cannot be read.
    """
    moments = read_moments(run.file(MOMENTS))
    if moments is None:
        return None
    rows = [
        (one.frame, one.time_s if run.timed else float(one.frame), one.model, one.who, one.what)
        for one in moments
    ]
    return pd.DataFrame(rows, columns=["frame", "x", "model", "object", "what"])


def _start_at_the_worst(run: Run) -> None:
    """Let the viewer stand at the worst moment until somebody moves it."""
    if FRAME in st.session_state:
        return
    with suppress(InputError):
        worst = worst_moments(run)
        if worst is not None and not worst.empty:
            st.session_state[FRAME] = int(worst["frame"][0])


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
    chart = charts.jitter_chart(rows, events, run.models, run.timed, span, now, clip_floors(run))
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


def _show_worst(run: Run) -> None:
    st.subheader("Worst moments", anchor=False, help=WORST_HELP)
    try:
        worst = worst_moments(run)
    except InputError as error:
        show_error(error)
        return
    if worst is None:
        st.markdown("An older version made this run and noted no moments: analyze the clip again.")
        return
    if worst.empty:
        st.markdown("No moment stands out: nothing moved that should have stayed still.")
        return
    columns = {
        "x": st.column_config.NumberColumn("time (s)" if run.timed else "frame", format="%.3f"),
        "what": st.column_config.TextColumn("what happened"),
    }
    chosen = show_table(
        worst,
        MOMENTS,
        key=f"worst_{run.key}",
        select=True,
        columns=columns,
        file=run.file(MOMENTS),
        height=300,
    )
    if chosen is not None:
        frame = int(worst["frame"][chosen])
        if st.session_state.get("worst_taken") != (run.key, frame):
            st.session_state["worst_taken"] = (run.key, frame)
            go_to(frame)
            st.rerun()
