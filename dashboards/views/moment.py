"""One moment as pictures: the frame, and beside it what each model saw, or how its outline moved."""

from __future__ import annotations

import streamlit as st

from yolact_temporal.dashboards.drawing import blank_frame, draw_jitter, draw_sighting, encode_jpeg
from yolact_temporal.dashboards.loader import Run
from yolact_temporal.dashboards.moments import clip_frame, frame_before, motion_to, sighting
from yolact_temporal.dashboards.plain_text import plain
from yolact_temporal.dashboards.views.parts import model_badge
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.motion import Motion

JITTER_HELP = (
    "White: the outline of the frame before, carried here by the motion. Colour: the outline here. Where they part, "
    "the mask moved and the object did not."
)


def show_moment(
    run: Run,
    frame: int,
    *,
    jitter: bool = False,
    boxes: bool = True,
    labels: bool = True,
    small: bool = False,
) -> None:
    """Show a frame of a run.

    Args:
        run: the run.
        frame: a measured frame of it.
        jitter: show the carried outline against the new one in place of the masks.
        boxes, labels: whether they are drawn on the masks.
        small: models alone, one above the other, without the original.
    """
    clip = run.manifest.clip
    gone = ""
    try:
        rgb = clip_frame(run, frame)
        if rgb is None:
            gone = "this frame cannot be decoded"
    except InputError as error:
        rgb, gone = None, str(error)
    if gone:
        st.info(
            plain(f"The clip's own pictures cannot be shown ({gone}). The masks are."),
            icon=":material/image:",
        )
    canvas = blank_frame((clip.height, clip.width)) if rgb is None else rgb
    motion = _motion(run, frame) if jitter and rgb is not None else None
    with st.container(key="stack_moment" if small else "pair_moment"):
        columns = st.columns(1 if small else len(run.models) + 1)
    if not small:
        with columns[0]:
            st.markdown("original")
            st.image(encode_jpeg(canvas), width="stretch")
    for place, model in enumerate(run.models):
        with columns[0 if small else place + 1]:
            st.markdown(model_badge(model, place))
            seen = sighting(run, model, frame)
            if motion is not None:
                before = frame_before(run, frame)
                picture = draw_jitter(canvas, sighting(run, model, before or 0), seen, motion)
            else:
                picture = draw_sighting(canvas, seen, boxes=boxes, labels=labels)
            st.image(encode_jpeg(picture), width="stretch")
    if jitter:
        st.caption(JITTER_HELP if motion is not None else "No frame before this one makes a pair with it.")


def _motion(run: Run, frame: int) -> Motion | None:
    try:
        return motion_to(run, frame)
    except InputError:
        return None
