"""One moment as pictures, small, beside the timeline: how each model's outlines moved."""

from __future__ import annotations

import streamlit as st

from yolact_temporal.dashboards.loader import Run
from yolact_temporal.dashboards.pictures import View, clip_fault
from yolact_temporal.dashboards.plain_text import plain
from yolact_temporal.dashboards.server import PICTURE, picture_query
from yolact_temporal.dashboards.views.client import pictures
from yolact_temporal.temporal.plot_style import model_color

JITTER_HELP = (
    "White: the outline of the frame before, carried here by the motion. Colour: the outline here. Where the two "
    "differ, "
    "the mask moved and the object did not."
)
CLIP_GONE = "The clip's own pictures cannot be shown ({}). The masks are."


def show_moment(run: Run, frame: int) -> None:
    """Show the jitter of every model at a measured frame of a run, one picture above the other."""
    if fault := clip_fault(run, frame):
        st.info(plain(CLIP_GONE.format(fault)), icon=":material/image:")
    view, clip = View(jitter=True, boxes=False), run.manifest.clip
    shown = [
        {
            "name": model,
            "color": model_color(place),
            "query": f"{picture_query(run, model, view)}&frame={frame}",
            "alt": f"jitter of {model}, frame {frame}",
            "size": [clip.width, clip.height],
            "frame": None,
        }
        for place, model in enumerate(run.models)
    ]
    pictures(f"moment_{run.key}", {"at": PICTURE, "least": "100%", "pictures": shown})
    st.caption(JITTER_HELP)
