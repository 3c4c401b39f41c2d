"""The dashboard's script, run by Streamlit anew at every click: choose a run, then show a page of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import streamlit as st
from PIL import Image

from yolact_temporal.dashboards.loader import Run, RunEntry, find_runs, open_run
from yolact_temporal.dashboards.plain_text import plain
from yolact_temporal.dashboards.views import analysis, clips, instances, live, overview, timeline, viewer, why
from yolact_temporal.dashboards.views.context import FRAME, PAGES, SPAN, Context
from yolact_temporal.dashboards.views.parts import show_error
from yolact_temporal.errors import InputError, YolactTemporalError

RUN = "chosen_run"

# Columns in a container whose key begins with "cards_" stand in threes; on a narrow screen in twos, as those of "pair_"
# do, and those of "stack_" below each other. A picture in one of "wide_" keeps a width at which it can be read.
_NARROW = """
[class*="st-key-cards_"] [data-testid="stHorizontalBlock"] { display: grid; grid-template-columns: repeat(3, 1fr); }
[class*="st-key-cards_"] [data-testid="stColumn"] { width: auto; min-width: 0; }
@media (max-width: 1000px) {
  [class*="st-key-cards_"] [data-testid="stHorizontalBlock"] { grid-template-columns: repeat(2, 1fr); }
  [class*="st-key-stack_"] [data-testid="stColumn"] { min-width: calc(100% - 1.5rem); }
  [class*="st-key-pair_"] [data-testid="stColumn"] { min-width: calc(50% - 1.5rem); max-width: calc(50% - 0.5rem); }
}
[class*="st-key-wide_"] { overflow-x: auto; }
[class*="st-key-wide_"] img { min-width: 900px; max-width: none; }
.stMainBlockContainer { padding: 3.5rem 2rem 4rem; }
"""

_PAGES: tuple[tuple[str, str, str, Callable[[Context], None]], ...] = (
    ("overview", "Overview", ":material/insights:", overview.show),
    ("timeline", "Timeline", ":material/timeline:", timeline.show),
    ("viewer", "Viewer", ":material/smart_display:", viewer.show),
    ("instances", "Instances", ":material/category:", instances.show),
    ("why", "Why", ":material/help:", why.show),
    ("clips", "Compare clips", ":material/compare_arrows:", clips.show),
    ("live", "Live", ":material/videocam:", live.show),
    ("analysis", "New analysis", ":material/add_circle:", analysis.show),
)


def page_addresses() -> list[str]:
    """Return the addresses of all pages, from the server's root."""
    return [key for key, *_ in _PAGES]


def main(root: Path) -> None:
    """Show the dashboard of a runs folder."""
    st.set_page_config("yolact-temporal", page_icon=_page_icon(), layout="wide")
    st.html(f"<style>{_NARROW}</style>")
    entries = find_runs(root)
    _take_address(entries)
    context = Context(root, entries, _chosen_run(root, entries))
    pages = {
        key: st.Page(partial(_show_page, page, context), title=title, icon=icon, url_path=key, default=not at)
        for at, (key, title, icon, page) in enumerate(_PAGES)
    }
    st.session_state[PAGES] = pages
    st.navigation(list(pages.values())).run()


def _page_icon() -> Image.Image:
    """Return the page's sign: two outlines apart. An icon by name would be fetched from elsewhere."""
    icon = np.full((32, 32, 3), 255, np.uint8)
    cv2.circle(icon, (14, 16), 10, (31, 68, 214), 2, cv2.LINE_AA)
    cv2.circle(icon, (18, 16), 10, (217, 121, 0), 2, cv2.LINE_AA)
    return Image.fromarray(icon)


def _show_page(page: Callable[[Context], None], context: Context) -> None:
    """Show a page; a fault in what it reads is told in one sentence, and the rest of the dashboard stays."""
    try:
        page(context)
    except YolactTemporalError as error:
        show_error(error)


def _take_address(entries: list[RunEntry]) -> None:
    """Take run and frame from the address once; what it names is only ever compared with what was found."""
    keys = [entry.key for entry in entries if entry.state == "finished"]
    landed = st.session_state.pop("land_on", None)
    if landed in keys:
        st.session_state[RUN] = landed
        _forget_moment()
    if st.session_state.get("address_taken"):
        return
    st.session_state["address_taken"] = True
    wanted, frame = st.query_params.get("run", ""), st.query_params.get("frame", "")
    if wanted in keys:
        st.session_state[RUN] = wanted
    elif wanted:
        st.session_state["address_fault"] = (
            f"expected one of the runs in this folder, got {wanted[:80]!r} in the address: choose one from the list"
        )
    if frame.isascii() and frame.isdigit() and len(frame) < 10:
        st.session_state[FRAME] = int(frame)


def _chosen_run(root: Path, entries: list[RunEntry]) -> Run | None:
    """Show the list of runs in the sidebar and return the chosen one."""
    finished = [entry for entry in entries if entry.state == "finished"]
    others = [entry for entry in entries if entry.state != "finished"]
    with st.sidebar:
        chosen = None
        if finished:
            keys = [entry.key for entry in finished]
            if st.session_state.get(RUN) not in keys:
                st.session_state[RUN] = keys[0]
            key = st.selectbox("Run", keys, key=RUN, format_func=str, on_change=_forget_moment)
            st.query_params["run"] = key
            try:
                chosen = open_run(root, next(entry for entry in finished if entry.key == key))
            except InputError as error:
                show_error(error)
        if fault := st.session_state.get("address_fault"):
            st.warning(plain(fault))
        if others:
            with st.expander(f"Not shown ({len(others)})"):
                for entry in others:
                    st.markdown(f"**{plain(entry.key)}** ({entry.state})")
                    st.caption(plain(entry.reason))
        st.caption(plain(f"Runs in {root}"))
    return chosen


def _forget_moment() -> None:
    for key in (FRAME, SPAN, "address_fault"):
        st.session_state.pop(key, None)
    st.query_params.pop("frame", None)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs"))
