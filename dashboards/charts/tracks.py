"""One track over time: where it is, how large, how sure, how steady, and whether it is there."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from yolact_temporal.dashboards.charts.style import AXIS_PX, AnyChart, finish, floor_bands, note, time_axis
from yolact_temporal.temporal.plot_style import JITTER

CURVES = {
    "centroid_x_px": "centroid x (px)",
    "centroid_y_px": "centroid y (px)",
    "area_px": "area (px)",
    "score": "score",
    JITTER: "displacement (px)",
    "present": "seen",
}
"""What is drawn of a track: a column of `track_rows`, and its axis."""


def track_rows(frames: pd.DataFrame, instances: pd.DataFrame, track_id: int, timed: bool) -> pd.DataFrame:
    """Return a row for each frame of a track's life: `frame`, `x`, `present` (0 or 1), `CURVES`; NaN in absence."""
    own = instances[instances["track_id"] == track_id]
    columns = ["frame", *(name for name in CURVES if name != "present")]
    if own.empty:
        return pd.DataFrame(columns=[*columns, "x", "present"])
    life = frames[frames["frame"].between(own["frame"].min(), own["frame"].max())]
    rows = pd.DataFrame({"frame": life["frame"], "x": life["time_s"] if timed else life["frame"]})
    rows = rows.merge(own[columns], on="frame", how="left")
    return rows.assign(present=rows["score"].notna().astype(float))


def track_chart(
    rows: pd.DataFrame, title: str, color: str, timed: bool, floor: float | None = None
) -> AnyChart:
    """Draw a track's curves one above the other on one time axis; lines break where it is not seen.

    Args:
        rows: of `track_rows`.
        title: above all.
        color: of the lines, "#rrggbb"; they are edged so that a light one is seen too.
        timed: whether `x` is of seconds.
        floor: of the clip's displacement by this model, shown as a band behind it.
    """
    if not len(rows):
        return finish(note("this track is not in the table").properties(height=60), title)
    x = time_axis(timed, (float(rows["x"].min()), max(float(rows["x"].max()), float(rows["x"].min()) + 1e-3)))
    charts = []
    for at, (name, label) in enumerate(CURVES.items()):
        last = at == len(CURVES) - 1
        axis = alt.Axis(
            minExtent=AXIS_PX / 2, maxExtent=AXIS_PX / 2, tickCount=3, titleFontSize=11, titleX=-52
        )
        scale = alt.Scale(domain=[0, 1]) if name in ("present", "score") else alt.Scale(zero=name == JITTER)
        values = rows.assign(shown=rows[name].replace([np.inf, -np.inf], np.nan))
        mark = alt.Chart(values).mark_area if name == "present" else alt.Chart(values).mark_line
        look = (
            {"interpolate": "step-after"}
            if name == "present"
            else {"point": {"size": 8, "color": _deep(color)}}
        )
        curve = mark(color=_deep(color), strokeWidth=1.5, **look).encode(
            x=x if last else x.axis(labels=False, title=None, ticks=False),
            y=alt.Y("shown:Q", title=label, axis=axis, scale=scale),
            tooltip=[alt.Tooltip("frame:Q"), alt.Tooltip("shown:Q", title=label, format=".4g")],
        )
        layers = [*(floor_bands({"": floor}, [""]) if name == JITTER and floor is not None else []), curve]
        charts.append(alt.layer(*layers).properties(height=34 if name == "present" else 74))
    return finish(alt.vconcat(*charts, spacing=6), title)


def _deep(color: str) -> str:
    """Return the colour, darker where it would not be seen on white."""
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    if 0.299 * red + 0.587 * green + 0.114 * blue <= 150:
        return color
    return "#{:02x}{:02x}{:02x}".format(*(round(channel * 0.6) for channel in (red, green, blue)))
