"""One moment of a run: the clip's frame, and what each model saw there, ready to be drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.dashboards.byte_cache import ByteCache
from yolact_temporal.dashboards.colors import ColorKeys, shared_color_keys
from yolact_temporal.dashboards.loader import Run
from yolact_temporal.data.files import open_regular
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.lines import MAX_LINE, open_lines
from yolact_temporal.data.masks_jsonl import frame_of_line, parse_record
from yolact_temporal.data.runs.manifest import ClipDescription
from yolact_temporal.data.viewing import ClipViewer, view_clip
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.replaying import motion_between

_OPEN_CLIPS = 2
_MOTION_LOCK = Lock()
_KEPT_BYTES = 192 << 20
"""Of the motions that are kept."""
_BYTES_A_FRAME = 150
"""What it takes to remember where a frame's line begins."""


@dataclass(frozen=True)
class Sighting:
    """What one model counted in one frame.

    Attributes:
        instances: those above the operating threshold, best first.
        track_ids: of each; 0 where its mask is empty or the tables do not fit the record.
        color_keys: of each, the number by which it is named and coloured.
        labels: class names.
        events: what the tables note of each.
    """

    instances: Instances
    track_ids: tuple[int, ...]
    color_keys: tuple[int, ...]
    labels: tuple[str, ...]
    events: tuple[tuple[str, ...], ...]

    def named(self, at: int) -> tuple[int, Mapping[int, int]]:
        """Return the track of an instance and its number, as `called` takes them."""
        return self.track_ids[at], {self.track_ids[at]: self.color_keys[at]}


def frame_indices(run: Run) -> NDArray[np.int64]:
    """Return the clip's indices of the frames that were measured, int64 (N,), ascending."""
    indices: NDArray[np.int64] = run.table(run.models[0], "frames")["frame"].to_numpy(np.int64)
    return indices


def color_keys(run: Run) -> ColorKeys:
    """Return by what numbers a run's tracks are coloured; see `colors.shared_color_keys`.

    Raises:
        InputError: if a table cannot be read.
    """
    files = [run.file(model, "instances.csv") for model in run.models]
    states = [path.stat().st_mtime_ns for path in files]
    return _color_keys(run.path, tuple(states), _Held(run))


def sighting(run: Run, model: str, frame: int) -> Sighting:
    """Return what a model counted in a frame; nothing where the record has no such frame.

    Raises:
        InputError: if the record or a table cannot be read.
    """
    clip, described = run.manifest.clip, run.manifest.models[model]
    path = run.file(model, "masks.jsonl")
    line = _line(path, frame)
    if line is None:
        return Sighting(Instances.empty((clip.height, clip.width)), (), (), (), ())
    try:
        record = parse_record(line)
    except ValueError as error:
        raise InputError(
            f"expected a record of frame {frame} in {path}, got something else: analyze the clip again with --overwrite"
        ) from error
    counted = record.above(described.score_threshold).instances
    rows = _rows_of_frame(run, model, frame)
    keys = color_keys(run).get(model, {})
    if len(rows) != len(counted):  # another version's record: masks can be shown, but not whose they are
        names = described.class_names
        labels = tuple(names[key] if key < len(names) else str(key) for key in counted.class_ids.tolist())
        zeros = (0,) * len(counted)
        return Sighting(counted, zeros, zeros, labels, ((),) * len(counted))
    ids = tuple(0 if np.isnan(key) else int(key) for key, _, _ in rows)
    return Sighting(
        counted,
        ids,
        tuple(keys.get(key, key) for key in ids),
        tuple(label for _, label, _ in rows),
        tuple(tuple(events.split()) for _, _, events in rows),
    )


def clip_frame(run: Run, frame: int) -> NDArray[np.uint8] | None:
    """Return a frame of the clip, uint8 (H, W, 3), not to be changed; None if it cannot be decoded.

    Raises:
        InputError: if the clip is gone, another one by now, or cannot be read.
    """
    rgb = _viewer(run.manifest.clip).frame(frame)
    clip = run.manifest.clip
    return rgb if rgb is not None and rgb.shape[:2] == (clip.height, clip.width) else None


def motion_to(run: Run, frame: int) -> Motion | None:
    """Return the motion from the measured frame before to this one, as the measurement took it.

    The film's own motion where the clip is one, else flow estimated anew from the same two frames; None at the first
    frame, at a cut of the film, across lost frames, and where a frame cannot be decoded.

    Raises:
        InputError: as `clip_frame`.
    """
    with _MOTION_LOCK:  # several models' pictures of a frame are asked for at once; its flow is taken once
        return _motions.get((run.path, run.manifest.finished, frame), lambda: _motion(run, frame))


def _bytes_of_motion(motion: Motion | None) -> int:
    if motion is None:
        return 0
    return motion.backward.nbytes + motion.visible.nbytes + sum(flow.nbytes for flow in motion.both or ())


_motions: ByteCache[Motion | None] = ByteCache(_KEPT_BYTES, _bytes_of_motion)


def _motion(run: Run, frame: int) -> Motion | None:
    before = frame_before(run, frame)
    if before is None:
        return None
    return motion_between(_viewer(run.manifest.clip), run.manifest.options, before, frame)


def frame_before(run: Run, frame: int) -> int | None:
    """Return the frame that makes a pair with this one; None where it has none (the first, or after lost frames)."""
    before = frame - run.manifest.options.stride
    return before if before in frame_indices(run) else None


class _Held:
    """Hands a run to a cached function without being part of its key."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=16)
def _color_keys(_path: Path, _states: tuple[int, ...], held: _Held) -> ColorKeys:
    run = held.run
    instances = {model: run.table(model, "instances") for model in run.models}
    return shared_color_keys(instances, run.objects())


@lru_cache(maxsize=_OPEN_CLIPS)
def _viewer(clip: ClipDescription) -> ClipViewer:
    return view_clip(clip)


def _rows_of_frame(run: Run, model: str, frame: int) -> list[tuple[float, str, str]]:
    table = run.table(model, "instances")
    frames = table["frame"].to_numpy()
    first, last = np.searchsorted(frames, frame, "left"), np.searchsorted(frames, frame, "right")
    rows = table.iloc[int(first) : int(last)]
    return list(zip(rows["track_id"], rows["class"], rows["events"], strict=True))


def _line(path: Path, frame: int) -> bytes | None:
    """Return the line of a frame in a `masks.jsonl`."""
    try:
        state = path.stat()
        key = (path, state.st_mtime_ns, state.st_size)
        place = _places.get(key, lambda: _line_places(path)).get(frame)
        if place is None:
            return None
        with open_regular(path) as file:
            file.seek(place)
            line = file.readline(MAX_LINE + 1)
    except OSError as error:
        raise InputError(
            f"expected the record of masks at {path}, which cannot be read ({error.strerror}): analyze the clip again"
        ) from error
    if len(line) > MAX_LINE:
        raise InputError(
            f"expected a record of at most {MAX_LINE >> 20} MB of frame {frame} in {path}, got a longer one: "
            f"analyze the clip again with --overwrite"
        )
    return line


_places: ByteCache[Mapping[int, int]] = ByteCache(32 << 20, lambda places: _BYTES_A_FRAME * len(places))


def _line_places(path: Path) -> Mapping[int, int]:
    """Return where each frame's line begins."""
    places: dict[int, int] = {}
    at = 0
    with open_lines(path) as file:
        for line in file:
            frame = frame_of_line(line)
            if frame is not None:
                places[frame] = at
            at += len(line)
    return places
