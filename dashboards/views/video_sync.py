"""One set of controls for several videos: they play, pause and seek together."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import streamlit as st

_HTML = """
<div class="controls">
  <button type="button" class="toggle">Play all</button>
  <button type="button" class="moment">To this moment</button>
  <input type="range" class="seek" min="0" max="1" step="0.001" value="0" aria-label="Position of all videos">
  <span class="clock">0.00 s</span>
</div>
"""

_CSS = """
.controls { display: flex; gap: 0.6rem; align-items: center; font-family: inherit; flex-wrap: wrap; }
.controls button { padding: 0.3rem 0.8rem; border: 1px solid #c4c4c4; border-radius: 0.5rem; background: white;
  cursor: pointer; font: inherit; }
.controls button:hover { border-color: #1f44d6; color: #1f44d6; }
.controls input { flex: 1; min-width: 8rem; accent-color: #1f44d6; }
.clock { min-width: 5rem; text-align: right; font-variant-numeric: tabular-nums; }
"""

# The first video leads: the others follow its time wherever they have drifted by more than a frame or so.
_JS = """
const SLACK_S = 0.06;
export default function (component) {
  const { parentElement, data } = component;
  const root = parentElement.querySelector(".controls");
  if (!root) return;
  const toggle = root.querySelector(".toggle"), moment = root.querySelector(".moment");
  const seek = root.querySelector(".seek"), clock = root.querySelector(".clock");
  const videos = () => Array.from(document.querySelectorAll(data.selector + " video"));
  const each = (act) => videos().forEach(act);
  const to = (time) => each((video) => { video.currentTime = time; });
  toggle.onclick = () => {
    const all = videos();
    if (!all.length) return;
    if (all[0].paused) {
      all.forEach((video) => {
        if (video.ended) video.currentTime = 0;
        video.muted = true;
        video.play().catch(() => {});
      });
    } else {
      all.forEach((video) => video.pause());
    }
  };
  moment.onclick = () => { each((video) => video.pause()); to(data.time); };
  seek.oninput = () => {
    const all = videos();
    if (all.length && all[0].duration) to(Number(seek.value) * all[0].duration);
  };
  const timer = setInterval(() => {
    const all = videos();
    if (!all.length) return;
    const first = all[0];
    toggle.textContent = first.paused ? "Play all" : "Pause all";
    clock.textContent = first.currentTime.toFixed(2) + " s";
    if (first.duration && document.activeElement !== seek) seek.value = first.currentTime / first.duration;
    all.slice(1).forEach((video) => {
      if (Math.abs(video.currentTime - first.currentTime) > SLACK_S && !video.seeking) {
        video.currentTime = first.currentTime;
      }
      if (first.paused !== video.paused && !video.ended && !first.ended) {
        if (first.paused) { video.pause(); } else { video.play().catch(() => {}); }
      }
    });
  }, 100);
  return () => clearInterval(timer);
}
"""


def show_video_controls(selector: str, time_s: float) -> None:
    """Show controls that drive every video on the page under a CSS selector.

    Args:
        selector: of the element that holds the videos.
        time_s: where "To this moment" goes, in seconds of the video.
    """
    _component()(key="video_controls", data={"selector": selector, "time": time_s})


@lru_cache(maxsize=1)
def _component() -> Any:
    return st.components.v2.component("yolact_temporal_video_controls", html=_HTML, css=_CSS, js=_JS)
