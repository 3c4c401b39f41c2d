"""New analysis: a clip, models and thresholds in; a process of its own that survives reloads; its run out."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from yolact_temporal.dashboards import jobs
from yolact_temporal.dashboards.loader import find_runs
from yolact_temporal.dashboards.paths import VIDEO_SUFFIXES
from yolact_temporal.dashboards.plain_text import plain
from yolact_temporal.dashboards.views.context import PAGES, Context
from yolact_temporal.dashboards.views.parts import show_error
from yolact_temporal.errors import InputError

DEMO, UPLOAD, PICK = "The built-in demo", "Upload a clip", "A clip that is here"
_WANTED = {"demo": DEMO, "upload": UPLOAD}
STANDARD = "the standard one"
"""The model that the command line takes where none is named: small, and ships with the package."""
COUNTERPART = "its counterpart"
"""The baseline that the command line takes where none is named."""
_NO_BASELINE = "none"


def show(context: Context) -> None:
    """Show the page."""
    st.title("New analysis", anchor=False)
    st.fragment(_show_jobs, run_every=1.0 if _any_running(context) else None)(context)
    st.subheader("Start one", anchor=False)
    source = st.radio(
        "What",
        [DEMO, UPLOAD, PICK],
        index=[DEMO, UPLOAD, PICK].index(_WANTED.get(st.session_state.get("wanted_clip", ""), UPLOAD)),
        key="analysis_source",
        horizontal=True,
    )
    clip = _choose_clip(context, source)
    model, baseline, threshold = _choose_models()
    stride = 1 if source == DEMO else st.number_input("Take every N-th frame, N =", 1, 1000, 1, key="stride")
    ready = source == DEMO or clip is not None
    if st.button("Analyze", type="primary", disabled=not ready, key="analyze", icon=":material/play_arrow:"):
        try:
            _start(context, clip, model, baseline, threshold, int(stride))
        except (InputError, OSError) as error:
            st.error(plain(error))
            return
        st.rerun()


def analysis_command(
    root: Path,
    clip: Path | None,
    model: str,
    baseline: str | None,
    threshold: float | None,
    stride: int,
) -> tuple[str, list[str]]:
    """Return what the run is best called, and the command of the command line that writes it, but for its name.

    Args:
        root: the runs folder.
        clip: the clip; None for the built-in demo.
        model: the measured one; `STANDARD` for the command line's own choice.
        baseline: what it is compared with; `COUNTERPART` for the command line's own choice, None for nothing.
        threshold: the score above which an instance counts; None for each model's own.
        stride: 1 for every frame, 2 for every second one, and so on.
    """
    if clip is None:
        wanted, command = "demo", ["demo"]
    else:
        wanted = clip.name if clip.is_dir() else clip.stem
        command = ["analyze", str(clip), "--stride", str(stride)]
    command += ["--out", str(root)]
    command += [] if model == STANDARD else ["--model", model]
    if baseline != COUNTERPART:
        command += ["--no-baseline"] if baseline is None else ["--baseline", baseline]
    command += [] if threshold is None else ["--score-threshold", f"{threshold:g}"]
    return wanted, command


def time_text(seconds: float) -> str:
    """Return a stretch of time for a reader: "40 s", "3 min"."""
    return f"{math.ceil(seconds)} s" if seconds < 90 else f"{math.ceil(seconds / 60)} min"


def _choose_clip(context: Context, source: str) -> Path | None:
    if source == UPLOAD:
        file = st.file_uploader(
            f"A video of at most {jobs.MAX_UPLOAD_MB} MB",
            type=[suffix[1:] for suffix in VIDEO_SUFFIXES],
            key="upload",
            max_upload_size=jobs.MAX_UPLOAD_MB,
        )
        if file is None:
            return None
        try:
            return jobs.store_upload(context.root, file.name, file.getbuffer())
        except InputError as error:
            show_error(error)
            return None
    if source == PICK:
        paths = [entry.manifest.clip.path for entry in context.entries if entry.manifest is not None]
        clips = jobs.known_clips(context.root, paths)
        if not clips:
            st.markdown("No clip is here yet: upload one, or put a video into the runs folder.")
            return None
        return st.selectbox(
            "Clip", clips, format_func=lambda path: f"{path.name} ({path.parent})", key="pick"
        )
    st.caption(
        "Photographs filmed by a known camera: every mask change beyond the camera's motion is jitter."
    )
    return None


def _choose_models() -> tuple[str, str | None, float | None]:
    with st.expander("Models and thresholds"):
        names: list[str] = []
        if st.toggle("Offer every model whose weights are here", key="all_models"):
            try:
                names = [name for name, here in jobs.known_models() if here]
            except (InputError, OSError) as error:
                st.error(plain(error))
        first, second, third = st.columns(3)
        model = first.selectbox("Model", [STANDARD, *names], key="model")
        others = [name for name in names if name != model]
        baseline = second.selectbox("Compared with", [COUNTERPART, *others, _NO_BASELINE], key="baseline")
        own = third.toggle("Each model's own score threshold", value=True, key="own_threshold")
        threshold = (
            None if own else third.slider("Counts above a score of", 0.0, 1.0, 0.3, 0.05, key="threshold")
        )
    return model, None if baseline == _NO_BASELINE else baseline, threshold


def _start(
    context: Context,
    clip: Path | None,
    model: str,
    baseline: str | None,
    threshold: float | None,
    stride: int,
) -> None:
    wanted, command = analysis_command(context.root, clip, model, baseline, threshold, stride)
    jobs.start_analysis(context.root, wanted, command)
    st.session_state.pop("wanted_clip", None)


def _any_running(context: Context) -> bool:
    return any(job.state == "running" for job in jobs.list_jobs(context.root)) or any(
        entry.state == "running" for entry in context.entries
    )


def _show_jobs(context: Context) -> None:
    found = [job for job in jobs.list_jobs(context.root) if job.command[:1] != ("compare",)]
    running = [job for job in found if job.state == "running"]
    for job in running:
        _show_running(context, job)
    _show_others(context, {job.name for job in running})
    watched = st.session_state.get("watched_jobs", set())
    st.session_state["watched_jobs"] = {job.key for job in running}
    ended = [job for job in found if job.key in watched and job.state != "running"]
    if ended:
        if ended[0].state == "done":
            _land_on(context, ended[0])
        st.rerun()
    for job in [job for job in found if job.state != "running"][:5]:
        _show_ended(context, job)


def _show_running(context: Context, job: jobs.Job) -> None:
    with st.container(border=True):
        text, button = st.columns([5, 1], vertical_alignment="center")
        text.markdown(f"**{plain(job.name)}** is being analyzed")
        if button.button("Cancel", key=f"cancel_{job.key}", icon=":material/cancel:"):
            jobs.cancel_job(context.root, job.key)
        share = min(1.0, job.frames / job.total) if job.frames and job.total else 0.0
        left = job.seconds_left()
        told = "getting ready" if job.frames is None else f"{job.frames} of {job.total or 'unknown'} frames"
        st.progress(share, told + ("" if left is None else f", about {time_text(left)} left"))


def _show_others(context: Context, own: set[str]) -> None:
    """Show runs that are written by a process that the dashboard has not started."""
    for entry in context.entries:
        if entry.state != "running" or entry.key in own:
            continue
        if jobs.state_of(context.root, entry.key) != "running":
            st.rerun()
        with st.container(border=True):
            st.markdown(f"**{plain(entry.key)}** is being written by another process")


def _show_ended(context: Context, job: jobs.Job) -> None:
    with st.container(border=True):
        if job.state == "done":
            text, button = st.columns([5, 1], vertical_alignment="center")
            text.markdown(f":green[:material/check_circle:] **{plain(job.name)}** is done")
            if button.button("Show", key=f"show_{job.key}"):
                _land_on(context, job)
            return
        word = "was cancelled" if job.state == "cancelled" else "failed"
        text, button = st.columns([5, 1], vertical_alignment="center")
        text.markdown(f"**{plain(job.name)}** {word}: {plain(job.message)}")
        resumes = not names_code(job.command) and jobs.can_resume(context.root, job)
        if resumes and button.button("Resume", key=f"resume_{job.key}"):
            try:
                jobs.resume_job(context.root, job)
            except (InputError, OSError) as error:
                st.error(plain(error))
                return
            st.rerun()


def names_code(command: Sequence[str]) -> bool:
    """Say whether a command names code to import, `package.module:factory`, which what a file says must never start."""
    return any(re.fullmatch(r"[\w.]+:[\w.]+", part.rpartition("=")[2]) for part in command)


def _land_on(context: Context, job: jobs.Job) -> None:
    """Choose the finished run and go to its overview."""
    keys = [entry.key for entry in find_runs(context.root) if entry.state == "finished"]
    if job.name in keys:
        st.session_state["land_on"] = job.name
    page = st.session_state.get(PAGES, {}).get("overview")
    if page is not None:
        st.switch_page(page)
