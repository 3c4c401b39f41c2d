"""Flicker (METRICS C1 to C4): the mask is there, and then it is not; or it is something else; or another size."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from yolact_temporal.temporal.metrics.contract import Figure, MetricSpec, Observation, mean_figure

BLINK_RATIO = 1.5
"""A pair whose areas differ by more than this factor is an area blink."""

GAP_BINS: tuple[tuple[int, int | None], ...] = ((1, 1), (2, 2), (3, 4), (5, 8), (9, 16), (17, None))
"""Least and greatest gap length, in frames, of each bin of the gap-length histogram."""

_NO_LIFE = "the track lives for one frame only, in which it can have no gap"


def _gap_name(least: int, most: int | None) -> str:
    if most is None:
        return f"gaps_of_{least}_or_more_frames"
    if most > least:
        return f"gaps_of_{least}_to_{most}_frames"
    return f"gaps_of_{least}_frame" + ("s" if least > 1 else "")


FLIPS_SPEC = MetricSpec(
    name="presence_flips_per_s",
    symbol="C1",
    meaning="Changes of presence within the track's life, per second of life.",
    inputs="in which frames of its life the track is seen, the frames' times",
    unit="1/s",
    range=(0.0, math.inf),
    direction="down",
    undefined=f"{_NO_LIFE}, or the clip has no time",
    source="presence changes between first and last sighting",
)

DROPOUT_SPEC = MetricSpec(
    name="dropout_rate",
    symbol="C1",
    meaning="Frames of the track's life in which it is absent, over all frames of its life.",
    inputs="in which frames of its life the track is seen",
    unit="1",
    range=(0.0, 1.0),
    direction="down",
    undefined=_NO_LIFE,
    source="share of missed frames between first and last sighting",
)

GAP_SPECS = tuple(
    MetricSpec(
        name=_gap_name(least, most),
        symbol="C1",
        meaning="Gaps of this many frames within a track's life, summed over tracks: one bin of the histogram.",
        inputs="in which frames of its life the track is seen",
        unit="gaps",
        range=(0.0, math.inf),
        direction="down",
        undefined=_NO_LIFE,
        source="histogram of gap lengths",
        over_tracks="sum",
    )
    for least, most in GAP_BINS
)

CLASS_SPEC = MetricSpec(
    name="class_flip_rate",
    symbol="C3",
    meaning="Pairs whose class differs between the two frames, over all pairs.",
    inputs="the track's classes",
    unit="1",
    range=(0.0, 1.0),
    direction="down",
    undefined="the track is never seen in two consecutive frames",
    source="class changes along class-agnostic tracks",
)

BLINK_SPEC = MetricSpec(
    name="area_blinks_per_s",
    symbol="C4",
    meaning=f"Pairs whose visible areas differ by more than a factor of {BLINK_RATIO:g}, per second.",
    inputs="the areas of the carried previous mask and of this one among the visible pixels, the frames' times",
    unit="1/s",
    range=(0.0, math.inf),
    direction="down",
    undefined="no pair has both masks among the visible pixels, or the clip has no time",
    source="motion-compensated area ratio",
)

FRAGMENTATION_SPEC = MetricSpec(
    name="fragmentation",
    symbol="C2",
    meaning="Tracks that an object is given over its life, less one; mean over the objects that are seen at all.",
    inputs="which track each object of the universe is matched with in every frame",
    unit="tracks",
    range=(0.0, math.inf),
    direction="down",
    undefined="no object is ever seen: coverage tells of those",
    source="track fragmentation",
)

SPECS = (FLIPS_SPEC, DROPOUT_SPEC, *GAP_SPECS, CLASS_SPEC, BLINK_SPEC)

LOG_AREA_RATIO = "log_area_ratio"
"""Name, among a pair's figures, of log(area(M & V) / area(W & V)); what area blinks are told from."""


def _life(present: ArrayLike) -> NDArray[np.bool_]:
    """Cut presence (T,) to the track's life, from the first to the last frame in which it is seen."""
    seen = np.asarray(present, np.bool_)
    where = np.flatnonzero(seen)
    return seen[where[0] : where[-1] + 1] if len(where) else seen[:0]


def presence_flip_rate(present: ArrayLike, frame_s: float) -> Figure:
    """Return changes of presence per second of life.

    Args:
        present: bool (T,), whether the track is seen; frames before its first and after its last sighting do not count.
        frame_s: seconds from frame to frame.

    Returns:
        The figure, of the n pairs of the life; no value for a life of fewer than two frames.
    """
    life = _life(present)
    if len(life) < 2:
        return Figure(None, 0, 0)
    pairs = len(life) - 1
    return Figure(int(np.count_nonzero(life[1:] != life[:-1])) / (pairs * frame_s), pairs, 0)


def dropout_rate(present: ArrayLike) -> Figure:
    """Return the share of the track's life, in frames, in which it is absent; no value for fewer than two frames."""
    life = _life(present)
    if len(life) < 2:
        return Figure(None, 0, len(life))
    return Figure(float(np.count_nonzero(~life)) / len(life), len(life), 0)


def gap_lengths(present: ArrayLike) -> list[int]:
    """Return the length in frames of each gap within the track's life, in order."""
    life = _life(present)
    edges = np.flatnonzero(np.diff(life.astype(np.int8)))
    return [int(end - start) for start, end in edges.reshape(-1, 2)]


def gap_histogram(lengths: ArrayLike) -> tuple[int, ...]:
    """Count gap lengths, in frames, by the bins of `GAP_BINS`."""
    gaps = np.asarray(lengths, np.int64)
    return tuple(
        int(np.count_nonzero((gaps >= least) & (gaps <= (most or np.iinfo(np.int64).max))))
        for least, most in GAP_BINS
    )


def class_flip_rate(class_ids: ArrayLike, present: ArrayLike | None = None) -> Figure:
    """Return the share of pairs whose class differs, of class ids (T,); `present` (T,) says where there is one."""
    classes = np.asarray(class_ids)
    seen = np.ones(len(classes), np.bool_) if present is None else np.asarray(present, np.bool_)
    both = seen[1:] & seen[:-1]
    if not both.any():
        return Figure(None, 0, 0)
    return Figure(float((classes[1:] != classes[:-1])[both].mean()), int(both.sum()), 0)


def fragmentation(tracks: Iterable[Iterable[int | None]]) -> Figure:
    """Return how many tracks more than one an object is given, mean over the objects that are seen.

    Args:
        tracks: for each object the track it is matched with, one a frame, None where it is not seen.

    Returns:
        The figure, of n objects; those that are never seen are left out and counted.
    """
    given = [{track for track in own if track is not None} for own in tracks]
    return mean_figure(len(own) - 1.0 if own else None for own in given)


def log_area_ratio(
    previous: NDArray[np.uint8], current: NDArray[np.uint8], visible: NDArray[np.uint8]
) -> float | None:
    """Return log(area(M & V) / area(W & V)) of bitmaps (h, w) of 0 and 1; None if either is empty."""
    before, now = int(np.count_nonzero(previous & visible)), int(np.count_nonzero(current & visible))
    return math.log(now / before) if before and now else None


def is_area_blink(ratio: float) -> bool:
    """Tell whether a pair's log area ratio is an area blink."""
    # A hair above, so that 15 to 10 pixels and 10 to 15, which differ in the last bit, are judged alike.
    return abs(ratio) > math.log(BLINK_RATIO) + 1e-12


class Presence:
    """Accumulates C1 of one track; what comes after its last sighting does not count until it returns."""

    def __init__(self) -> None:
        self._last: bool | None = None
        self._gap = 0
        self._bins = [0] * len(GAP_BINS)
        self._seconds_known = True
        self._frames = self._absent = self._flips = self._pairs = 0
        self._seconds = 0.0
        self._clear_pending()

    def _clear_pending(self) -> None:
        self._pending_frames = self._pending_absent = self._pending_flips = self._pending_pairs = 0
        self._pending_seconds = 0.0

    def add(self, observation: Observation) -> None:
        """Take the next frame; the first is one in which the track is seen."""
        if observation.paired and self._last is not None:
            self._pending_pairs += 1
            self._pending_flips += observation.present != self._last
            if observation.seconds is None:
                self._seconds_known = False
            else:
                self._pending_seconds += observation.seconds
        self._last = observation.present
        if observation.counts or self._frames == 0:
            self._pending_frames += 1
            self._pending_absent += not observation.present
            self._gap += not observation.present
        if observation.present:
            self._commit()

    def _commit(self) -> None:
        self._frames += self._pending_frames
        self._absent += self._pending_absent
        self._flips += self._pending_flips
        self._pairs += self._pending_pairs
        self._seconds += self._pending_seconds
        self._clear_pending()
        if self._gap:
            for index, (least, most) in enumerate(GAP_BINS):
                self._bins[index] += self._gap >= least and (most is None or self._gap <= most)
            self._gap = 0

    @property
    def absent_frames(self) -> int:
        """Frames of the life so far in which the track was absent."""
        return self._absent

    @property
    def life_s(self) -> float | None:
        """Seconds of the life so far, over pairs that count; None where the clip has no time."""
        return self._seconds if self._seconds_known else None

    def figures(self) -> dict[str, Figure]:
        """Return C1 by metric name."""
        names = [FLIPS_SPEC.name, DROPOUT_SPEC.name, *(spec.name for spec in GAP_SPECS)]
        if self._frames < 2:
            return {name: Figure(None, 0, 0) for name in names}
        timed = self._seconds_known and self._seconds > 0
        flips = Figure(self._flips / self._seconds, self._pairs, 0) if timed else Figure(None, 0, self._pairs)
        rest = [Figure(self._absent / self._frames, self._frames, 0)]
        rest += [Figure(float(count), self._frames, 0) for count in self._bins]
        return dict(zip(names, [flips, *rest], strict=True))


class ClassFlips:
    """Accumulates C3 of one track."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._flips = self._pairs = 0

    def add(self, observation: Observation) -> None:
        """Take the next frame."""
        if observation.paired and observation.class_id is not None and self._last is not None:
            self._pairs += 1
            self._flips += observation.class_id != self._last
        self._last = observation.class_id

    def figures(self) -> dict[str, Figure]:
        """Return C3 by metric name."""
        return {CLASS_SPEC.name: Figure(self._flips / self._pairs if self._pairs else None, self._pairs, 0)}


class AreaBlinks:
    """Accumulates C4 of one track."""

    def __init__(self) -> None:
        self._blinks = self._pairs = self._undefined = 0
        self._seconds = 0.0

    def add(self, observation: Observation) -> None:
        """Take the next frame."""
        if observation.pair is None:
            return
        ratio = observation.pair[LOG_AREA_RATIO]
        if ratio is None or observation.seconds is None:
            self._undefined += 1
            return
        self._blinks += is_area_blink(ratio)
        self._pairs += 1
        self._seconds += observation.seconds

    def figures(self) -> dict[str, Figure]:
        """Return C4 by metric name."""
        value = self._blinks / self._seconds if self._seconds > 0 else None
        return {BLINK_SPEC.name: Figure(value, self._pairs, self._undefined)}
