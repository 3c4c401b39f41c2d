"""Instances: every track of a model; a chosen one as crops over time and as curves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from yolact_temporal.dashboards.charts.tracks import track_chart, track_rows
from yolact_temporal.dashboards.colors import key_hex
from yolact_temporal.dashboards.definitions import HEADLINES, definition
from yolact_temporal.dashboards.drawing import crop_around, draw_sighting, encode_jpeg
from yolact_temporal.dashboards.loader import Run
from yolact_temporal.dashboards.moments import clip_frame, color_keys, sighting
from yolact_temporal.dashboards.plain_text import plain
from yolact_temporal.dashboards.views.context import PAGES, Context, go_to
from yolact_temporal.dashboards.views.overview import show_first_steps
from yolact_temporal.dashboards.views.parts import show_chart, show_table
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.report import TRACK_COLUMNS

CROPS = 8
"""How many pictures the crop strip has."""

_SHOWN = (
    "track_id",
    "class",
    "frames_seen",
    "frames_absent",
    "first_frame",
    "last_frame",
    "mean_score",
    "mean_area_px",
    *HEADLINES,
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
    table = kept[[name for name in _SHOWN if name in kept]].reset_index(drop=True)
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
        for name in _SHOWN
    }


def _show_track(run: Run, model: str, track_id: int, name: str) -> None:
    frames, instances = run.table(model, "frames"), run.table(model, "instances")
    own = instances[instances["track_id"] == track_id]
    st.subheader(plain(f"Track #{track_id} of {model}: {name}"), anchor=False)
    if own.empty:
        st.markdown("This track is not in the table of instances.")
        return
    key = color_keys(run).get(model, {}).get(track_id, track_id)
    _show_crops(run, model, own)
    rows = track_rows(frames, instances, track_id, run.timed)
    show_chart(
        track_chart(rows, f"#{track_id} {name} over time", key_hex(key), run.timed),
        f"track_{model}_{track_id}",
    )
    with st.expander("Frame by frame"):
        show_table(
            own.reset_index(drop=True), f"{model}_track_{track_id}.csv", key=f"track_table_{model}_{track_id}"
        )


def _show_crops(run: Run, model: str, own: pd.DataFrame) -> None:
    places = np.unique(np.linspace(0, len(own) - 1, CROPS).round().astype(int))
    columns = st.columns(CROPS)
    page = st.session_state.get(PAGES, {}).get("viewer")
    for column, (_, row) in zip(columns, own.iloc[places].iterrows(), strict=False):
        frame = int(row["frame"])
        box = tuple(float(row[f"box_{edge}_px"]) for edge in ("x1", "y1", "x2", "y2"))
        with column:
            try:
                picture = _crop(run, model, frame, (box[0], box[1], box[2], box[3]))
            except InputError as error:
                st.info(plain(f"No pictures: {error}"))
                return
            st.image(picture, width="stretch")
            if st.button(str(frame), key=f"crop_{model}_{frame}", help="Go to this frame", width="stretch"):
                go_to(frame)
                if page is not None:
                    st.switch_page(page)


def _crop(run: Run, model: str, frame: int, box: tuple[float, float, float, float]) -> bytes:
    """Return one picture of the strip; kept for the session, since decoding far apart frames takes time."""
    kept: dict[tuple[str, str, int, str], bytes] = st.session_state.setdefault("crops", {})
    key = (run.key, model, frame, f"{box}{run.manifest.finished}")
    if key not in kept:
        rgb = clip_frame(run, frame)
        if rgb is None:
            raise InputError(f"frame {frame} of the clip cannot be decoded")
        drawn = draw_sighting(rgb, sighting(run, model, frame), boxes=False, labels=False)
        while len(kept) >= 4 * CROPS:
            kept.pop(next(iter(kept)))
        kept[key] = encode_jpeg(crop_around(drawn, box))
    return kept[key]
