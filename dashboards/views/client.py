"""Pieces that run in the browser: the frame viewer, overlay videos under one set of controls, rows of pictures.

What they show they ask the server for by address (`server.routes`). Pictures that a script hands to Streamlit are gone
with the script's next run, and a browser that is late then finds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

_VIEWER = """
<div class="viewer">
  <div class="bar">
    <button type="button" class="previous">Previous</button>
    <button type="button" class="toggle">Play</button>
    <button type="button" class="next">Next</button>
    <input type="range" class="slider" min="0" max="0" step="1" value="0" aria-label="Frame">
    <span class="moment"></span>
  </div>
  <div class="columns"></div>
</div>
"""

_VIDEOS = """
<div class="viewer">
  <div class="bar">
    <button type="button" class="toggle">Play all</button>
    <button type="button" class="to_moment">To this moment</button>
    <input type="range" class="seek" min="0" max="1" step="0.001" value="0" aria-label="Position of all videos">
    <span class="moment">0.00 s</span>
  </div>
  <div class="columns"></div>
</div>
"""


def frame_viewer(key: str, data: Mapping[str, Any], moved: Callable[[int], None]) -> None:
    """Show the frame viewer.

    Args:
        key: of the widget; another one is another viewer.
        data: what it shows. `at` is the pictures' address; `columns` have a `name`, a `color` ("" for none) and a
            `query` each; `frames` are the frames' numbers and `times` their times in seconds, or None; `size` is
            (width, height); `step` is how long a frame lasts in seconds; `place` is where to stand, taken when `move`
            changes.
        moved: called with the number of a frame when the viewer has come to rest there.
    """

    def on_frame() -> None:
        """Pass on the frame that the viewer moved to."""
        frame = st.session_state[key].frame
        if frame is not None:
            moved(int(frame))

    _viewer()(key=key, data=dict(data), on_frame_change=on_frame)


def overlay_videos(key: str, data: Mapping[str, Any]) -> None:
    """Show videos that play, pause and seek together.

    Args:
        key: of the widget.
        data: what it shows. `at` is the videos' address; `columns` have a `name`, a `color` and a `query` each; `time`
            is where "To this moment" goes, in seconds of the video.
    """
    _videos()(key=key, data=dict(data))


def pictures(key: str, data: Mapping[str, Any], chosen: Callable[[int], None] | None = None) -> None:
    """Show pictures side by side.

    Args:
        key: of the widget.
        data: what it shows. `at` is the pictures' address, `least` how wide one is at least (CSS); `pictures` have a
            `name`, a `color` ("" for none), a `query`, an `alt` text, a `size` (width, height), and a `frame` where
            they are a button to it, else None.
        chosen: called with the frame whose picture is pressed.
    """
    found = _pictures()(key=key, data=dict(data), on_frame_change=lambda: None)
    if found.frame is not None and chosen is not None:
        chosen(int(found.frame))


def _text(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _viewer() -> Any:
    return st.components.v2.component(
        "yolact_temporal_viewer", html=_VIEWER, css=_text("viewer.css"), js=_text("viewer.js")
    )


@lru_cache(maxsize=1)
def _pictures() -> Any:
    return st.components.v2.component(
        "yolact_temporal_pictures",
        html='<div class="columns strip"></div>',
        css=_text("viewer.css"),
        js=_text("pictures.js"),
    )


@lru_cache(maxsize=1)
def _videos() -> Any:
    return st.components.v2.component(
        "yolact_temporal_videos", html=_VIDEOS, css=_text("viewer.css"), js=_text("videos.js")
    )
