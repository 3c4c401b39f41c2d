"""One moment as pictures, small, beside the timeline: how each model's outlines moved."""

from __future__ import annotations

import streamlit as st

from yolact_temporal.dashboards.loader import Run
from yolact_temporal.dashboards.pictures import View, clip_fault, jpeg, model_picture
from yolact_temporal.dashboards.plain_text import plain
from yolact_temporal.dashboards.views.parts import model_badge

JITTER_HELP = (
    "White: the outline of the frame before, carried here by the motion. Colour: the outline here. Where they part, "
    "the mask moved and the object did not."
)
CLIP_GONE = "The clip's own pictures cannot be shown ({}). The masks are."


def show_moment(run: Run, frame: int) -> None:
    """Show the jitter of every model at a measured frame of a run, one picture above the other."""
    if fault := clip_fault(run, frame):
        st.info(plain(CLIP_GONE.format(fault)), icon=":material/image:")
    for place, model in enumerate(run.models):
        st.markdown(model_badge(model, place))
        st.image(jpeg(model_picture(run, model, frame, View(jitter=True, boxes=False))), width="stretch")
    st.caption(JITTER_HELP)
