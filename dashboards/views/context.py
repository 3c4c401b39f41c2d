"""What every page is given, and where the viewer stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from yolact_temporal.dashboards.loader import Run, RunEntry
from yolact_temporal.dashboards.moments import frame_indices

FRAME = "current_frame"
SPAN = "current_span"
MOVE = "moves"
"""How often the viewer was moved from elsewhere: it then follows, and otherwise stands where it is."""
PAGES = "pages"


@dataclass(frozen=True)
class Context:
    """What a page shows.

    Attributes:
        root: the runs folder.
        entries: everything in it.
        run: the chosen run; None where there is none.
    """

    root: Path
    entries: Sequence[RunEntry]
    run: Run | None


def current_frame(run: Run) -> int:
    """Return the frame the viewer stands at: one that was measured, the nearest one before what was asked for."""
    indices = frame_indices(run)
    if not len(indices):
        return 0
    wanted = st.session_state.get(FRAME, int(indices[0]))
    place = int(np.searchsorted(indices, wanted, "right")) - 1
    return int(indices[max(place, 0)])


def go_to(frame: int) -> None:
    """Move the viewer to a frame, and the address with it."""
    st.session_state[MOVE] = st.session_state.get(MOVE, 0) + 1
    _note(frame)


def stand_at(run: Run, frame: int) -> None:
    """Note that the viewer has moved to a frame by itself; what is no frame of the run is nothing."""
    if frame in frame_indices(run):
        _note(frame)


def _note(frame: int) -> None:
    st.session_state[FRAME] = int(frame)
    st.query_params["frame"] = str(int(frame))


def time_of(run: Run, frame: int) -> float | None:
    """Return the time of a measured frame in seconds; None where the clip has no time of its own."""
    if not run.timed:
        return None
    table = run.table(run.models[0], "frames")
    found = table.loc[table["frame"] == frame, "time_s"]
    return float(found.iloc[0]) if len(found) else None


def moment_text(run: Run, frame: int) -> str:
    """Return a moment for a reader: "frame 12, 0.500 s"."""
    time_s = time_of(run, frame)
    return f"frame {frame}" if time_s is None else f"frame {frame}, {time_s:.3f} s"
