"""Instances: every track of a model; a chosen one as crops over time and as curves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from yolact_temporal.dashboards.charts.tracks import track_chart, track_rows
from yolact_temporal.dashboards.colors import key_hex
from yolact_temporal.dashboards.definitions import definition, headlines
from yolact_temporal.dashboards.loader import Run
from yolact_temporal.dashboards.moments import color_keys
from yolact_temporal.dashboards.objects import clip_floors
from yolact_temporal.dashboards.pictures import clip_fault
from yolact_temporal.dashboards.plain_text import plain
from yolact_temporal.dashboards.server import CROP, crop_query
from yolact_temporal.dashboards.views.client import pictures
from yolact_temporal.dashboards.views.context import PAGES, Context, go_to
from yolact_temporal.dashboards.views.moment import CLIP_GONE
from yolact_temporal.dashboards.views.overview import show_first_steps
from yolact_temporal.dashboards.views.parts import show_chart, show_table
from yolact_temporal.data.overlay import called
from yolact_temporal.temporal.report import TRACK_COLUMNS

CROPS = 8
"""How many pictures the crop strip has."""

_OF_TRACKS = (
    "track_id",
    "class",
    "frames_seen",
    "frames_absent",
    "first_frame",
    "last_frame",
    "mean_score",
    "mean_area_px",
)


def show(context: Context) -> None:
    """Show the page."""
    run = context.run
    if run is None:
        show_first_steps(context)
        return
    st.title("Instances", anchor=False)
    chosen, wanted, least = st.columns([2, 3, 2], vertical_alignment="bottom")
    model = chosen.selectbox("Model", run.models, key="instances_model")
    tracks = run.table(model, "tracks")
    if tracks.empty:
        st.markdown(f"{plain(model)} has no track in this clip.")
        return
    classes = wanted.multiselect(
        "Classes", sorted(set(tracks["class"])), key=f"classes_{model}", placeholder="all classes"
    )
    longest = int(tracks["frames_seen"].max())
    fewest = least.slider(
        "Seen in at least", 1, max(longest, 2), 1, key=f"fewest_{model}", format="%d frames"
    )
    kept = tracks[tracks["frames_seen"] >= fewest]
    kept = kept[kept["class"].isin(classes)] if classes else kept
    table = kept[[name for name in _shown() if name in kept]].reset_index(drop=True)
    st.caption(f"{len(table)} of {len(tracks)} tracks; choose one by the box at its left.")
    place = show_table(
        table,
        f"{model}_tracks.csv",
        key=f"tracks_{model}",
        select=True,
        columns=_columns(),
        file=run.file(model, "tracks.csv") if len(table) == len(tracks) else None,
        height=min(38 + 35 * max(len(table), 1), 360),
    )
    if table.empty:
        return
    if place is None:
        place = int(table["frames_seen"].to_numpy().argmax())
        st.caption("The track seen in most frames is shown until you choose one.")
    _show_track(run, model, int(table["track_id"][place]), str(table["class"][place]))


def _shown() -> tuple[str, ...]:
    return (*_OF_TRACKS, *headlines())


def _columns() -> dict[str, Any]:
    meanings = {column.name: column.meaning for column in TRACK_COLUMNS}
    whole = {"track_id", "frames_seen", "frames_absent", "first_frame", "last_frame"}
    return {
        name: (
            st.column_config.TextColumn(help=plain(meanings.get(name)))
            if name == "class"
            else st.column_config.NumberColumn(
                format="%d" if name in whole else "%.4g", help=plain(definition(name) or meanings.get(name))
            )
        )
        for name in _shown()
    }


def _show_track(run: Run, model: str, track_id: int, name: str) -> None:
    frames, instances = run.table(model, "frames"), run.table(model, "instances")
    own = instances[instances["track_id"] == track_id]
    numbers = color_keys(run).get(model, {})
    same = f", object {called(track_id, numbers)}" if numbers.get(track_id) else ""
    st.subheader(plain(f"Track {track_id} of {model}{same}: {name}"), anchor=False)
    if own.empty:
        st.markdown("This track is not in the table of instances.")
        return
    key = numbers.get(track_id, track_id)
    _show_crops(run, model, track_id, own)
    rows = track_rows(frames, instances, track_id, run.timed)
    show_chart(
        track_chart(
            rows,
            f"{called(track_id, numbers)} {name} over time",
            key_hex(key),
            run.timed,
            clip_floors(run).get(model),
        ),
        f"track_{model}_{track_id}",
    )
    with st.expander("Frame by frame"):
        show_table(
            own.reset_index(drop=True), f"{model}_track_{track_id}.csv", key=f"track_table_{model}_{track_id}"
        )


def _show_crops(run: Run, model: str, track_id: int, own: pd.DataFrame) -> None:
    places = np.unique(np.linspace(0, len(own) - 1, CROPS).round().astype(int))
    frames = [int(own["frame"].iloc[place]) for place in places]
    if fault := clip_fault(run, frames[0]):
        st.info(plain(CLIP_GONE.format(fault)), icon=":material/image:")
    shown = [
        {
            "name": str(frame),
            "color": "",
            "query": f"{crop_query(run, model, track_id)}&frame={frame}",
            "alt": f"track {track_id} of {model}, frame {frame}",
            "size": [1, 1],
            "frame": frame,
        }
        for frame in frames
    ]
    pictures(f"crops_{model}_{track_id}", {"at": CROP, "least": "6rem", "pictures": shown}, _to_viewer)


def _to_viewer(frame: int) -> None:
    go_to(frame)
    page = st.session_state.get(PAGES, {}).get("viewer")
    if page is not None:
        st.switch_page(page)
