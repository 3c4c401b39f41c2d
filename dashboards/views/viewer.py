"""Viewer: the clip's frame and what each model saw in it, side by side and in step; the overlay videos below."""

from __future__ import annotations

import numpy as np
import streamlit as st

from yolact_temporal.dashboards.loader import Run
from yolact_temporal.dashboards.moments import frame_indices
from yolact_temporal.dashboards.plain_text import plain
from yolact_temporal.dashboards.views.context import Context, current_frame, go_to, moment_text, time_of
from yolact_temporal.dashboards.views.moment import JITTER_HELP, show_moment
from yolact_temporal.dashboards.views.overview import show_first_steps
from yolact_temporal.dashboards.views.parts import model_badge
from yolact_temporal.dashboards.views.video_sync import show_video_controls

PLAYING, PLACE = "viewer_playing", "viewer_place"
_TICK_S = 0.5


def show(context: Context) -> None:
    """Show the page."""
    run = context.run
    if run is None:
        show_first_steps(context)
        return
    st.title("Viewer", anchor=False)
    # A fragment of its own: moving the slider draws the pictures anew and leaves the videos alone.
    ticking = st.session_state.get(PLAYING, False)
    st.fragment(_show_frames, run_every=_TICK_S if ticking else None)(run)
    _show_videos(run)


def _show_frames(run: Run) -> None:
    indices = frame_indices(run)
    if not len(indices):
        st.markdown("No frame was measured.")
        return
    place = int(np.searchsorted(indices, current_frame(run)))
    if st.session_state.get(PLAYING):
        if place + 1 < len(indices):
            place += 1
            st.session_state["current_frame"] = int(indices[place])
        else:
            st.session_state[PLAYING] = False
            st.rerun()
    st.session_state[PLACE] = place
    playing = st.session_state.get(PLAYING, False)
    with st.container(horizontal=True, vertical_alignment="bottom", key="viewer_buttons"):
        st.button(
            "Previous",
            key="previous",
            icon=":material/skip_previous:",
            on_click=_step,
            args=(run, -1),
            disabled=place == 0,
        )
        sign = ":material/pause:" if playing else ":material/play_arrow:"
        if st.button("Pause" if playing else "Play", key="play", icon=sign):
            st.session_state[PLAYING] = not playing
            st.rerun()
        st.button(
            "Next",
            key="next",
            icon=":material/skip_next:",
            on_click=_step,
            args=(run, 1),
            disabled=place == len(indices) - 1,
        )
        frame = int(indices[place])
        st.markdown(f"**{plain(moment_text(run, frame))}**", width="content")
    if len(indices) > 1:
        st.slider("Frame", 0, len(indices) - 1, key=PLACE, on_change=_slid, args=(run,))
    with st.container(horizontal=True):
        jitter = st.toggle("Show the jitter itself", key="show_jitter", help=JITTER_HELP)
        boxes = st.toggle("Boxes", value=True, key="show_boxes", disabled=jitter)
        labels = st.toggle("Labels", value=True, key="show_labels", disabled=jitter)
    show_moment(run, frame, jitter=jitter, boxes=boxes, labels=labels)
    st.caption("The same object has the same colour in every model; the number is the model's own track id.")


def _step(run: Run, by: int) -> None:
    indices = frame_indices(run)
    place = int(np.searchsorted(indices, current_frame(run))) + by
    st.session_state[PLAYING] = False
    go_to(int(indices[min(max(place, 0), len(indices) - 1)]))


def _slid(run: Run) -> None:
    indices = frame_indices(run)
    st.session_state[PLAYING] = False
    go_to(int(indices[min(st.session_state[PLACE], len(indices) - 1)]))


def _show_videos(run: Run) -> None:
    st.subheader("Overlay videos, in step", anchor=False)
    videos = [(model, run.file(model, "overlay.mp4")) for model in run.models]
    there = [(model, path) for model, path in videos if path.is_file()]
    for model, path in videos:
        if not path.is_file():
            st.info(plain(f"{model} has no overlay video."))
    if not there:
        return
    first = run.table(run.models[0], "frames")["time_s"]
    start = float(first.iloc[0]) if len(first) else 0.0
    with st.container(key="overlay_videos"):
        for column, (model, path) in zip(st.columns(max(2, len(there))), there, strict=False):
            with column:
                st.markdown(model_badge(model, run.models.index(model)))
                st.video(path.read_bytes(), format="video/mp4", muted=True)
    moment = time_of(run, current_frame(run))
    show_video_controls(".st-key-overlay_videos", 0.0 if moment is None else max(0.0, moment - start))
    st.caption("As recorded: each video is coloured by its model's own track ids.")
