"""The timeline: jitter over time, and under it which track is present when."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.temporal.plot_style import (
    FAINT,
    INK,
    JITTER,
    JITTER_LABEL,
    MOST_TRACKS,
    NO_PAIR,
    Numbers,
    Row,
    Table,
    Tables,
    cell_number,
    cell_text,
    column_values,
    hidden_objects,
    hidden_tracks,
    model_color,
    name_rows,
    new_figure,
    save_png,
    shade_floors,
    style_axes,
    track_hex,
    write_heading,
    write_note,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


MOST_DRAWN = 2_048
"""Of more frames, neighbours are drawn as one: the picture is 1,500 pixels wide, a line takes memory by its length."""


def plot_timeline(
    frames: Tables,
    instances: Tables,
    path: str | Path,
    title: str,
    sections: Sequence[tuple[float, str]] = (),
    numbers: Numbers | None = None,
    floors: Mapping[str, float] | None = None,
) -> Path:
    """Draw jitter over time, and under it which object is present when, for each model.

    The line breaks where no pair of the frame has a displacement. Under it, a bar a track, or where the models are
    compared a bar an object, the same rows for all of them: thin grey where it is absent within its life, marked where
    its class flips or its area blinks.

    Args:
        frames: rows of `frames.csv`, by model name.
        instances: rows of `instances.csv`, by model name.
        path: the PNG to write.
        title: the clip's name.
        sections: where parts of the clip begin (in seconds, in frames where the clip has no time) and their names.
        numbers: the objects that tracks are, where models are compared.
        floors: by model, what of the displacement the motion estimate's own error may make, in pixels; shaded.
    """
    tables = {model: (frames[model], instances.get(model, ())) for model in frames}
    if numbers is None:
        lanes = {model: _longest(_track_lanes(*own)) for model, own in tables.items()}
    else:
        lanes = _object_lanes(
            {model: _track_lanes(*own, numbers.get(model, {})) for model, own in tables.items()}
        )
    heights = [2.6, *(0.5 + 0.24 * max(1, len(own.shown)) for own in lanes.values())]
    figure = new_figure(10, sum(heights) + 1.1)
    jitter, *presences = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[
        :, 0
    ]
    clock = {model: column_values(rows, "time_s") for model, rows in frames.items()}
    timed = all(np.isfinite(own).all() for own in clock.values())
    times = clock if timed else {model: column_values(rows, "frame") for model, rows in frames.items()}
    values = {model: column_values(rows, JITTER) for model, rows in frames.items()}
    for number, model in enumerate(frames):
        _draw_jitter_line(jitter, *_reduced(times[model], values[model]), number, model)
    style_axes(jitter, "mean " + JITTER_LABEL, grid="y")
    jitter.set_ylim(bottom=0)
    shade_floors(jitter.axhspan, floors or {}, list(frames))
    if not any(np.isfinite(own).any() for own in values.values()):
        write_note(jitter, NO_PAIR)
    elif len(frames) > 1:
        _key_above(jitter)
    for model, presence in zip(frames, presences, strict=True):
        _draw_presence(presence, times[model], lanes[model], model)
    _draw_sections(jitter, presences, sections)
    (presences or [jitter])[-1].set_xlabel("time (s)" if timed else "frame", fontsize=9, color=INK)
    ends = [(own[0], own[-1] + _step(own)) for own in times.values() if len(own)]
    if ends:
        jitter.set_xlim(min(start for start, _ in ends), max(end for _, end in ends))
    if presences:
        _event_key(presences[0])
    return save_png(figure, path, f"{title}: jitter and presence over time")


@dataclass(frozen=True)
class _Lane:
    """One row of the timeline: where in the frames' rows a track or an object is seen, and its events."""

    number: int
    class_name: str
    seen: NDArray[np.intp]
    flips: NDArray[np.intp]
    blinks: NDArray[np.intp]


class _Lanes(NamedTuple):
    """What one model's part of the timeline shows, and what its heading says of the rest."""

    shown: Sequence[_Lane]
    rest: str


def _longest(lanes: Sequence[_Lane]) -> _Lanes:
    """Return the tracks that are seen in most frames, in their order."""
    most_seen = sorted(lanes, key=lambda lane: -len(lane.seen))[:MOST_TRACKS]
    shown = [lane for lane in lanes if lane in most_seen]
    return _Lanes(shown, hidden_tracks(len(lanes) - len(shown)))


def _object_lanes(lanes: Mapping[str, Sequence[_Lane]]) -> dict[str, _Lanes]:
    """Return the same objects for every model, those seen in most frames of all; tracks of none (0) are counted."""
    known = {model: {lane.number: lane for lane in own if lane.number} for model, own in lanes.items()}
    seen = Counter({key: 0 for own in known.values() for key in own})
    for own in known.values():
        seen.update({key: len(lane.seen) for key, lane in own.items()})
    shown = sorted(sorted(seen, key=lambda key: (-seen[key], key))[:MOST_TRACKS])
    names = {
        key: max(
            (own[key] for own in known.values() if key in own), key=lambda lane: len(lane.seen)
        ).class_name
        for key in shown
    }
    nothing = np.zeros(0, np.intp)
    rest = hidden_objects(len(seen) - len(shown))
    found = {}
    for model, own in known.items():
        rows = [own.get(key, _Lane(key, names[key], nothing, nothing, nothing)) for key in shown]
        alone = sum(lane.number == 0 for lane in lanes[model])
        tracks = f"   and {alone} track{'s' * (alone > 1)} of no shared object" if alone else ""
        found[model] = _Lanes(rows, rest + tracks)
    return found


def _track_lanes(frames: Table, instances: Table, numbers: Mapping[int, int] | None = None) -> list[_Lane]:
    """Return the tracks in order of first sighting; those of one object together, those of none by themselves as 0."""
    place = {frame: index for index, frame in enumerate(column_values(frames, "frame").tolist())}
    gathered: dict[tuple[int, int], _Sightings] = {}
    for row in instances:
        track_id, at = cell_number(row, "track_id"), place.get(cell_number(row, "frame"))
        if track_id >= 1 and at is not None:
            number = int(track_id) if numbers is None else numbers.get(int(track_id), 0)
            key = (number, 0 if number else int(track_id))
            if key not in gathered:
                gathered[key] = _Sightings()
            gathered[key].add(at, row)
    lanes = [own.lane(number) for (number, _), own in gathered.items()]
    return sorted(lanes, key=lambda lane: (int(lane.seen[0]), lane.number))


class _Sightings:
    """Where a track or an object is seen, and as what, as rows come; a few bytes each."""

    __slots__ = ("_blinks", "_classes", "_flips", "_seen")

    def __init__(self) -> None:
        self._seen, self._flips, self._blinks = array("l"), array("l"), array("l")
        self._classes: Counter[str] = Counter()

    def add(self, at: int, row: Row) -> None:
        """Take a row of the frame at a place."""
        self._seen.append(at)
        self._classes[cell_text(row, "class")] += 1
        events = cell_text(row, "events").split()
        if "class_flip" in events:
            self._flips.append(at)
        if "area_blink" in events:
            self._blinks.append(at)

    def lane(self, number: int) -> _Lane:
        """Return it as a row of the timeline; of classes that it has equally often it is of the first."""
        return _Lane(
            number,
            self._classes.most_common(1)[0][0],
            np.unique(np.array(self._seen, np.intp)),
            np.sort(np.array(self._flips, np.intp)),
            np.sort(np.array(self._blinks, np.intp)),
        )


def _reduced(
    times: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what of a line is drawn: of a long clip the lowest and the highest of so many neighbours."""
    block = -(-len(values) // MOST_DRAWN)
    if block <= 1:
        return times, values
    count = -(-len(values) // block)
    padded = np.full(count * block, np.nan)
    padded[: len(values)] = values
    rows = padded.reshape(count, block)
    low = np.argmin(np.where(np.isfinite(rows), rows, np.inf), axis=1)
    high = np.argmax(np.where(np.isfinite(rows), rows, -np.inf), axis=1)
    both = np.sort(np.stack([low, high], axis=1), axis=1) + block * np.arange(count)[:, None]
    places = np.minimum(both.ravel(), len(values) - 1)
    return times[places], values[places]


def _draw_jitter_line(
    axes: Axes, times: NDArray[np.float64], values: NDArray[np.float64], number: int, model: str
) -> None:
    look: dict[str, Any] = {"color": model_color(number), "zorder": 3 + number}
    width = 1.4 if len(values) <= 400 else 0.8
    axes.plot(times, values, linewidth=width, label=model, alpha=0.9, **look)
    # A defined value between undefined ones makes no line: without a dot it would not be seen.
    padded = np.pad(np.isfinite(values), 1)
    alone = padded[1:-1] & ~padded[:-2] & ~padded[2:]
    axes.plot(times[alone], values[alone], linestyle="none", marker=".", markersize=4, **look)


def _draw_sections(jitter: Axes, presences: Sequence[Axes], sections: Sequence[tuple[float, str]]) -> None:
    for start, name in sections:
        for axes in (jitter, *presences):
            axes.axvline(start, color=FAINT, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1.5)
        jitter.annotate(
            name,
            (start, 1),
            xycoords=("data", "axes fraction"),
            xytext=(4, -3),
            textcoords="offset points",
            va="top",
            fontsize=7.5,
            color=FAINT,
            bbox={"boxstyle": "square,pad=0.15", "facecolor": "white", "edgecolor": "none"},
        )
    if sections:
        jitter.set_ylim(0, 1.1 * jitter.get_ylim()[1])


def _draw_presence(axes: Axes, times: NDArray[np.float64], lanes: _Lanes, model: str) -> None:
    step = _step(times)
    for row, lane in enumerate(lanes.shown):
        if not len(lane.seen):
            continue
        axes.hlines(
            row, times[lane.seen[0]], times[lane.seen[-1]] + step, color="#c9c9c9", linewidth=1, zorder=2
        )
        # Of a long clip, gaps that nobody could see are not drawn, and of marks in one place one.
        block = max(-(-len(times) // MOST_DRAWN), 1)
        runs = np.split(lane.seen, np.flatnonzero(np.diff(lane.seen) > block) + 1)
        bars = [(times[run[0]], times[run[-1]] - times[run[0]] + step) for run in runs]
        axes.broken_barh(bars, (row - 0.34, 0.68), facecolors=track_hex(lane.number), linewidth=0, zorder=3)
        for marker, marks in (("x", lane.flips), ("d", lane.blinks)):
            at = marks[np.unique(marks // block, return_index=True)[1]]
            axes.plot(times[at] + step / 2, np.full(len(at), row), **_event_look(marker), zorder=4)
    style_axes(axes, grid="x")
    axes.set_ylim(max(len(lanes.shown), 1) - 0.4, -0.6)
    name_rows(axes, [f"#{lane.number} {lane.class_name}" for lane in lanes.shown])
    write_heading(axes, model + lanes.rest)
    if not lanes.shown:
        write_note(axes, "no track")


def _event_look(marker: str) -> dict[str, Any]:
    return {
        "linestyle": "none",
        "marker": marker,
        "markersize": 5,
        "markeredgewidth": 1.4 if marker == "x" else 0.8,
        "markeredgecolor": INK,
        "markerfacecolor": "white",
    }


def _event_key(axes: Axes) -> None:
    from matplotlib.lines import Line2D

    _key_above(
        axes,
        [
            Line2D([], [], label="class flip", **_event_look("x")),
            Line2D([], [], label="area blink", **_event_look("d")),
            Line2D([], [], label="absent", color="#c9c9c9", linewidth=1),
        ],
    )


def _key_above(axes: Axes, handles: Sequence[Any] | None = None) -> None:
    """Put the key above the right corner, where it covers nothing."""
    handles = axes.get_legend_handles_labels()[0] if handles is None else handles
    axes.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=(1, 0.995),
        ncols=len(handles),
        fontsize=8,
        frameon=False,
        borderaxespad=0,
        handletextpad=0.5,
    )


def _step(times: NDArray[np.float64]) -> float:
    """Return the usual time between frames: how long the last one lasts."""
    return float(np.median(np.diff(times))) if len(times) > 1 else 1.0
