"""Why: what a model's jitter comes from over time, and of a chosen mask what it is assembled from."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from yolact_temporal.dashboards import explaining
from yolact_temporal.dashboards.charts.timeline import whole_span
from yolact_temporal.dashboards.charts.why import (
    CHOSEN,
    Which,
    bar_rows,
    causes_chart,
    measure_of,
    parts_there,
)
from yolact_temporal.dashboards.definitions import definition
from yolact_temporal.dashboards.loader import Run
from yolact_temporal.dashboards.moments import color_keys, frame_before, frame_indices
from yolact_temporal.dashboards.pictures import clip_fault
from yolact_temporal.dashboards.plain_text import plain
from yolact_temporal.dashboards.views.context import (
    FRAME,
    MOVE,
    Context,
    current_frame,
    go_to,
    moment_text,
    time_of,
)
from yolact_temporal.dashboards.views.overview import show_first_steps
from yolact_temporal.dashboards.views.parts import (
    number,
    show_chart,
    show_download,
    show_error,
    show_table,
)
from yolact_temporal.data.overlay import called
from yolact_temporal.data.runs.layout import CAUSES
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.metrics.causes import TOTAL, Measure, short_name
from yolact_temporal.temporal.why.causes_text import FLOOR_WORDS

ALL = 0
"""Stands for all tracks together; a track's id is above it."""

_MEASURES: dict[Which, str] = {"px": "B1, boundary displacement", "1": "B2, 1 - IoU"}
_HELP = plain(
    "A mask is assembled from parts: YOLACT's from prototypes, coefficients and a box that crops it, Mask R-CNN's from "
    "features that are pooled from a box, and a box that the mask is pasted into, FCIS's from score maps and the boxes "
    "that it is read off at. Here the jitter of each pair of frames is shared out among what changed from one frame to "
    "the next, exactly."
)


def show(context: Context) -> None:
    """Show the page."""
    run = context.run
    if run is None:
        show_first_steps(context)
        return
    st.title("Why", anchor=False, help=_HELP)
    with st.container(key="stack_why_choice"):
        first, second, third = st.columns([2, 2, 2], vertical_alignment="bottom")
    model = first.selectbox("Model", run.models, key="why_model")
    causes = run.causes(model)
    if causes is None:
        st.info(plain(_why_nothing(run, model)), icon=":material/info:")
    elif causes.empty:
        st.info("No pair of frames was explained in this clip.", icon=":material/info:")
    else:
        which: Which = second.selectbox(
            "What is shared out", list(_MEASURES), format_func=lambda key: _MEASURES[key], key="why_measure"
        )
        names = _tracks(run, model, causes)
        track = third.selectbox(
            "Whose", list(names), format_func=lambda key: names[key], key=f"why_whose_{model}"
        )
        _start_at_the_worst(causes, measure_of("px"))
        _show_over_time(run, model, causes, measure_of(which), track, names[track])
    if len(frame_indices(run)):
        _show_mask(run, model)


def _why_nothing(run: Run, model: str) -> str:
    """Return why a run does not say what a model's jitter comes from, in one sentence."""
    described = run.manifest.models[model]
    if described.stabilized:
        return f"These masks are those of {described.stabilized}, stabilised: see there what its jitter comes from."
    options: Any = run.manifest.document.get("options")
    if isinstance(options, dict) and not options.get("why_every"):
        return "This run was made without --why: analyze the clip again to see which part of a mask moves it."
    return f"{model} does not say what its masks are assembled from."


def _tracks(run: Run, model: str, causes: pd.DataFrame) -> dict[int, str]:
    """Return what to call the tracks that are explained, those of most pairs first, after all of them together."""
    keys = color_keys(run).get(model, {})
    found = run.table(model, "tracks").set_index("track_id")["class"]
    counts = causes["track_id"].value_counts().index
    return {ALL: "all tracks"} | {
        int(key): f"{called(int(key), keys)} {found.get(key, '')} (track {int(key)})" for key in counts
    }


def _start_at_the_worst(causes: pd.DataFrame, measure: Measure) -> None:
    """Let the page stand where most moves, until somebody goes elsewhere."""
    totals = causes[measure.name(TOTAL)]
    if FRAME not in st.session_state and totals.notna().any():
        st.session_state[FRAME] = int(causes["frame"][totals.idxmax()])


def _show_over_time(
    run: Run, model: str, causes: pd.DataFrame, measure: Measure, track: int, name: str
) -> None:
    own = causes if track == ALL else causes[causes["track_id"] == track]
    frames = run.table(model, "frames")
    times = frames["time_s"] if run.timed else frames["frame"]
    step = float(times.diff().median()) if len(times) > 1 else 1.0
    bars = bar_rows(own, measure, run.timed, step)
    frame = current_frame(run)
    now = time_of(run, frame) if run.timed else float(frame)
    title = f"{model}, {name}: {measure.symbol} by what it comes from"
    parts = parts_there(own, measure)
    chart = causes_chart(bars, parts, measure, title, run.timed, whole_span({model: frames}, run.timed), now)
    chosen = show_chart(chart, f"why_{run.key}_{model}_{measure.stem}_{track}", select=[CHOSEN])
    _take_choice(run, chosen)
    st.caption(
        "A triangle: another anchor won than in the frame before, the darker in the more pairs. Click a bar to go to "
        "its frame."
    )
    if "features" in parts:
        st.caption(
            "This model has no prototypes: its masks are drawn from features that are pooled from a box, and pasted "
            "into it."
        )
    if "score_maps" in parts:
        st.caption(
            "This model has no prototypes: its masks are read off score maps at several boxes, which vote for the mask."
        )
    _show_means(run, model, parts, measure)
    st.caption(plain(f"{FLOOR_WORDS} {_sample(run, own)}"))
    show_download(causes, f"{model}_{CAUSES}", key=f"why_csv_{model}", file=run.file(model, CAUSES))


def _take_choice(run: Run, chosen: Any) -> None:
    """Go to the frame of a bar that was clicked."""
    points = (chosen.get(CHOSEN) or [{}]) if chosen else [{}]
    frame = points[0].get("frame") if isinstance(points, list) and points else None
    if frame is not None and st.session_state.get("why_taken") != (run.key, frame):
        st.session_state["why_taken"] = (run.key, frame)
        go_to(int(frame))
        st.rerun()


def _sample(run: Run, causes: pd.DataFrame) -> str:
    options: Any = run.manifest.document.get("options")
    every = options.get("why_every", 1) if isinstance(options, dict) else 1
    pairs = f"{len(causes)} pairs were explained"
    return f"{pairs}, a sample: one of {every} pairs of frames." if every and every > 1 else f"{pairs}."


def _show_means(run: Run, model: str, parts: list[str], measure: Measure) -> None:
    """Show each part's mean over the clip and its share, with the interval."""
    try:
        summary = run.summary()
    except InputError as error:
        show_error(error)
        return
    own = summary[summary["model"] == model].drop_duplicates("metric").set_index("metric")
    rows = []
    for part in [*parts, TOTAL]:
        name, share = measure.name(part), measure.name(part, share=True)
        if name not in own.index:
            continue
        told = share in own.index
        rows.append(
            {
                "part": "all" if part == TOTAL else short_name(part),
                f"{measure.symbol} ({'px' if measure.unit == 'px' else '1 - IoU'})": own["value"][name],
                "95%": " to ".join(number(own[end][name], 3) for end in ("ci_low", "ci_high")),
                "share": f"{own['value'][share]:.0%}" if told else "",
                "what it is": definition(name),
            }
        )
    if rows:
        st.markdown("**Over the whole clip, all tracks**")
        show_table(pd.DataFrame(rows), f"{model}_why_means.csv", key=f"why_means_{model}_{measure.stem}")


def _show_mask(run: Run, model: str) -> None:
    """Show what one mask of the chosen frame is assembled from, once that is asked for."""
    frame = current_frame(run)
    st.subheader(plain(f"One mask: {moment_text(run, frame)}"), anchor=False)
    tracks = _tracks_in_pair(run, model, frame)
    with st.container(key="stack_why_mask"):
        first, second, third = st.columns([2, 2, 2], vertical_alignment="bottom")
    indices = frame_indices(run)
    # Its key names where the page stands: moved from elsewhere, it is another one.
    wanted = first.number_input(
        "Frame",
        int(indices[0]),
        int(indices[-1]),
        frame,
        run.manifest.options.stride,
        key=f"why_frame_{run.key}_{st.session_state.get(MOVE, 0)}_{frame}",
    )
    if int(wanted) != frame:
        go_to(int(wanted))
        st.rerun()
    if not tracks:
        st.markdown(plain(f"{model} sees no object both in this frame and in the one before it."))
        return
    track = second.selectbox(
        "Instance", list(tracks), format_func=lambda key: tracks[key], key=f"why_track_{model}_{frame}"
    )
    if fault := clip_fault(run, frame):
        st.info(plain(f"The parts cannot be computed again ({fault})."), icon=":material/image:")
        return
    asked = explaining.question(run, model, frame, track)
    if third.button("Show its parts", key="why_ask", type="primary", icon=":material/grid_view:"):
        try:
            explaining.ask(asked)
        except InputError as error:
            show_error(error)
    answer = explaining.answer_to(asked)
    if answer is None:
        st.caption(
            "The parts are not stored: the model runs again on this frame and the one before, in a process of its own. "
            "It takes some seconds."
        )
        return
    st.fragment(_show_answer, run_every=1.0 if answer.state == "running" else None)(asked)


def _tracks_in_pair(run: Run, model: str, frame: int) -> dict[int, str]:
    """Return what to call the tracks seen both in a frame and in the one before, best-scored first."""
    before = frame_before(run, frame)
    table = run.table(model, "instances")
    table = table[table["track_id"].notna()]
    keys = color_keys(run).get(model, {})
    there = set(table.loc[table["frame"] == before, "track_id"]) if before is not None else set()
    own = table[(table["frame"] == frame) & table["track_id"].isin(there)]
    own = own.sort_values("score", ascending=False, kind="stable")
    return {
        int(key): f"{called(int(key), keys)} {name} (track {int(key)}, score {number(score, 2)})"
        for key, name, score in zip(own["track_id"], own["class"], own["score"], strict=True)
    }


def _show_answer(asked: explaining.Question) -> None:
    answer = explaining.answer_to(asked)
    if answer is None:
        return
    if answer.state == "running":
        st.session_state["why_waiting"] = True
        st.markdown("The model runs on this frame and the one before...")
        return
    if st.session_state.pop("why_waiting", False):
        st.rerun()  # no need to look again every second
    if answer.state == "failed":
        st.error(plain(answer.message), icon=":material/error:")
        return
    for sentence in answer.sentences:
        st.markdown(plain(sentence))
    # Wider than a narrow screen, and then moved sideways: smaller, nobody could read it.
    with st.container(key="wide_why_parts"):
        st.image(answer.picture, output_format="PNG")
    st.download_button(
        "Download the picture",
        answer.picture,
        f"{asked.model}_frame_{asked.frame}_track_{asked.track}.png",
        "image/png",
        key="why_png",
        on_click="ignore",
        icon=":material/download:",
        type="tertiary",
    )
