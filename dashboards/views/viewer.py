"""Viewer: the clip's frame and what each model saw in it, side by side and in step; the overlay videos below."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from yolact_temporal.dashboards.loader import Run
from yolact_temporal.dashboards.moments import frame_indices
from yolact_temporal.dashboards.pictures import View, clip_fault
from yolact_temporal.dashboards.plain_text import plain
from yolact_temporal.dashboards.server import OVERLAY, PICTURE, overlay_query, picture_query
from yolact_temporal.dashboards.views.client import frame_viewer, overlay_videos
from yolact_temporal.dashboards.views.context import MOVE, Context, current_frame, stand_at, time_of
from yolact_temporal.dashboards.views.moment import CLIP_GONE, JITTER_HELP
from yolact_temporal.dashboards.views.overview import show_first_steps
from yolact_temporal.temporal.plot_style import model_color

_UNTIMED_STEP_S = 0.1
"""How long a frame lasts when a clip without a time of its own is played."""


def show(context: Context) -> None:
    """Show the page."""
    run = context.run
    if run is None:
        show_first_steps(context)
        return
    st.title("Viewer", anchor=False)
    # A fragment of its own: only what it shows is made anew when the viewer tells where it stands.
    st.fragment(_show_viewer)(run)


def viewer_data(run: Run, view: View, frame: int, move: int) -> dict[str, Any]:
    """Return what `client.frame_viewer` shows of a run.

    Args:
        run: the run.
        view: how moments are drawn.
        frame: a measured frame, where it stands.
        move: another number when it is to go there.
    """
    table = run.table(run.models[0], "frames")
    frames = frame_indices(run)
    times = table["time_s"].to_numpy(float) if run.timed else None
    clip = run.manifest.clip
    columns = [{"name": "original", "color": "", "query": picture_query(run, None, view)}]
    columns += [
        {"name": model, "color": model_color(at), "query": picture_query(run, model, view)}
        for at, model in enumerate(run.models)
    ]
    steps = np.diff(times) if times is not None and len(times) > 1 else np.array([_UNTIMED_STEP_S])
    return {
        "at": PICTURE,
        "columns": columns,
        "frames": frames.tolist(),
        "times": None if times is None else times.round(6).tolist(),
        "size": [clip.width, clip.height],
        "step": float(np.median(steps)),
        "place": int(np.searchsorted(frames, frame)),
        "move": move,
    }


def _show_viewer(run: Run) -> None:
    if not len(frame_indices(run)):
        st.markdown("No frame was measured.")
        return
    frame = current_frame(run)
    with st.container(horizontal=True):
        jitter = st.toggle("Show the jitter itself", key="show_jitter", help=JITTER_HELP)
        boxes = st.toggle("Boxes", value=True, key="show_boxes")
        labels = st.toggle("Labels", value=True, key="show_labels")
    if fault := clip_fault(run, frame):
        st.info(plain(CLIP_GONE.format(fault)), icon=":material/image:")
    data = viewer_data(run, View(jitter, boxes, labels), frame, st.session_state.get(MOVE, 0))
    frame_viewer(f"viewer_{run.key}", data, partial(stand_at, run))
    st.caption(
        JITTER_HELP
        if jitter
        else "The same object has the same colour in every model; the number is the model's own track id. Arrow keys "
        "step while the slider has the focus."
    )
    _show_videos(run)


def _show_videos(run: Run) -> None:
    st.subheader("Overlay videos, in step", anchor=False)
    there = [model for model in run.models if run.file(model, "overlay.mp4").is_file()]
    for model in run.models:
        if model not in there:
            st.info(plain(f"{model} has no overlay video."))
    if not there:
        return
    first = run.table(run.models[0], "frames")["time_s"]
    start = float(first.iloc[0]) if len(first) else 0.0
    moment = time_of(run, current_frame(run))
    columns = [
        {"name": model, "color": model_color(run.models.index(model)), "query": overlay_query(run, model)}
        for model in there
    ]
    time_s = 0.0 if moment is None else max(0.0, moment - start)
    overlay_videos(f"videos_{run.key}", {"at": OVERLAY, "columns": columns, "time": time_s})
    st.caption("As recorded: each video is coloured by its model's own track ids.")
