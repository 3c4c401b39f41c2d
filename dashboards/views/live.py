"""Live: the runs that are being measured from a camera or stream right now, their newest picture and curves."""

from __future__ import annotations

import base64
from pathlib import Path

import streamlit as st

from yolact_temporal.dashboards.charts.live import curve_chart
from yolact_temporal.dashboards.loader import RunEntry, find_runs
from yolact_temporal.dashboards.paths import inside
from yolact_temporal.dashboards.plain_text import plain
from yolact_temporal.dashboards.views.context import Context
from yolact_temporal.data.files import open_regular
from yolact_temporal.data.runs import layout
from yolact_temporal.data.runs.live_status import LiveStatus, read_live_status
from yolact_temporal.data.runs.reader import plain_file
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.reading.live_words import age_words, share_words, state_words
from yolact_temporal.temporal.rolling import FIGURES

_EVERY_S = 1.0
_LARGEST_PICTURE = 2 << 20
_JPEG = b"\xff\xd8\xff"
"""What every JPEG begins with."""


def show(context: Context) -> None:
    """Show the page."""
    st.title("Live", anchor=False)
    st.fragment(_show_now, run_every=_EVERY_S)(context)


def _show_now(context: Context) -> None:
    """Show how every live run stands now."""
    running = [entry for entry in find_runs(context.root) if entry.state == "running" and _is_live(entry)]
    if not running:
        st.markdown(
            "No camera or stream is being measured into this folder. "
            "`yolact-temporal live SOURCE --out FOLDER` starts one."
        )
        return
    keys = [entry.key for entry in running]
    key = st.selectbox("Live run", keys, key="live_run") if len(keys) > 1 else keys[0]
    entry = next((own for own in running if own.key == key), running[0])
    try:
        status = _status(context, entry)
        picture = _picture(context, entry)
    except InputError as error:
        st.error(plain(error))
        return
    if status is None:
        st.markdown("No frame has been measured yet.")
        return
    _show_run(status, picture)


def _show_run(status: LiveStatus, picture: str | None) -> None:
    st.caption(plain(f"{status.source}, {state_words(status)}, {status.seconds:.0f} s"))
    left, right = st.columns([3, 2])
    with left:
        if picture is not None:
            st.html(f'<img src="{picture}" alt="The newest frame with its masks" style="width: 100%">')
        first, second, third, fourth = st.columns(4)
        first.metric("Captured", f"{status.captured_per_s:.1f} /s")
        second.metric("Processed", f"{status.processed_per_s:.1f} /s")
        third.metric("Dropped", share_words(status.dropped_share))
        fourth.metric("Repeated", share_words(status.repeated_share))
        age, slowest = age_words(status.age_median_s), age_words(status.age_p95_s)
        st.caption(f"Age of the shown frame: {age}, 95% below {slowest}.")
    with right:
        labels = [f"{span:g} s" for span in status.spans_s]
        chosen = st.radio("Over", labels, index=min(1, len(labels) - 1), key="live_span", horizontal=True)
        for name in FIGURES:
            st.altair_chart(curve_chart(status, name, labels.index(chosen)), key=f"live_{name}")
        st.caption(
            "Thin lines are the floors: what the error of the motion estimate itself may make, at least. "
            "Where a curve is missing the figure is undefined."
        )


def _is_live(entry: RunEntry) -> bool:
    return entry.manifest is not None and entry.manifest.live is not None


def _status(context: Context, entry: RunEntry) -> LiveStatus | None:
    return read_live_status(_folder(context, entry))


def _folder(context: Context, entry: RunEntry) -> Path:
    return context.root if entry.key == "." else inside(context.root, entry.key)


def _picture(context: Context, entry: RunEntry) -> str | None:
    """Return the newest picture as an address that holds its bytes; None where there is none."""
    folder = _folder(context, entry)
    path = folder / layout.LIVE_PICTURE
    if not plain_file(folder, path):
        return None
    with open_regular(path) as file:
        data = file.read(_LARGEST_PICTURE + 1)
    if len(data) > _LARGEST_PICTURE or not data.startswith(_JPEG):
        raise InputError(
            f"expected a JPEG of at most {_LARGEST_PICTURE >> 20} MiB in {path}, got something else: another program "
            f"wrote it"
        )
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
