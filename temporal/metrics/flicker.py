"""Flicker (METRICS C1 to C4): the mask is there, and then it is not; or it is something else; or another size."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.temporal.metrics.contract import (
    MATCH_IOUS,
    NO_VALUE,
    OF_RATE,
    UNDEFINED,
    Compared,
    Figure,
    FrameSums,
    MaskPair,
    MetricSpec,
    Observation,
    RatioOverFrames,
    Term,
    at_iou,
    mean_figure,
)
from yolact_temporal.temporal.metrics.registry import REGISTRY
from yolact_temporal.temporal.metrics.truth_contract import TruthFigure, TruthFrame

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
    label="presence flips",
    headline=9,
    compared=Compared("presence_flips_per_s", "presence flips", "universe", "C1", headline=True, order=4),
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
    label="dropout: absent within a track's life",
    headline=10,
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
    label="class flips per pair",
    headline=11,
    depends=OF_RATE,
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
    label="area blinks",
    headline=12,
    depends=OF_RATE,
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
    scope="truth",
    label="tracks less one, of an object that is seen at all",
    group="Which track an object is given",
    matched=True,
)

LOG_AREA_RATIO = "log_area_ratio"
"""Name, among a pair's figures, of log(area(M & V) / area(W & V)); what area blinks are told from."""


def gap_bin(length: int) -> int:
    """Return the place in `GAP_BINS` of a gap of so many frames, at least 1.

    Example:
        >>> GAP_BINS[gap_bin(3)], GAP_BINS[gap_bin(40)]
        ((3, 4), (17, None))
    """
    return next(
        place
        for place, (least, most) in enumerate(GAP_BINS)
        if length >= least and (most is None or length <= most)
    )


def presence_change(was_present: bool, present: bool, seconds: float | None) -> Term:
    """Return what a pair of frames adds to the presence flips per second; no value where the clip has no time."""
    return NO_VALUE if seconds is None else Term(float(present != was_present), seconds)


def absence(present: bool) -> Term:
    """Return what a frame of its life adds to a track's dropout rate."""
    return Term(float(not present))


def class_change(previous: Observation | None, current: Observation) -> Term | None:
    """Return whether the class differs, where the track is seen in both frames of a pair."""
    if previous is None or not current.paired or previous.class_id is None or current.class_id is None:
        return None
    return Term(float(current.class_id != previous.class_id))


def area_blink(previous: Observation | None, current: Observation) -> Term | None:
    """Return whether a pair is an area blink, and its seconds; no value if nothing is visible or there is no time."""
    if current.pair is None:
        return None
    ratio = current.pair[LOG_AREA_RATIO]
    if ratio is None or current.seconds is None:
        return NO_VALUE
    return Term(float(is_area_blink(ratio)), current.seconds)


def fragmentation(tracks: Iterable[Iterable[int | None]]) -> Figure:
    """Return how many tracks more than one an object is given, mean over the objects that are seen.

    Args:
        tracks: for each object the track it is matched with, one a frame, None where it is not seen.

    Returns:
        The figure, of n objects; those that are never seen are left out and counted.

    Example:
        >>> fragmentation([[1, 1, 2], [3, None, 3], [None, None, None]])
        Figure(value=0.5, n=2, n_undefined=1)
    """
    given = [{track for track in own if track is not None} for own in tracks]
    return mean_figure(len(own) - 1.0 if own else None for own in given)


def log_area_ratio(
    previous: NDArray[np.uint8], current: NDArray[np.uint8], visible: NDArray[np.uint8]
) -> float | None:
    """Return log(area(M & V) / area(W & V)) of bitmaps (h, w) of 0 and 1; None if either is empty.

    Example:
        >>> previous, current = np.array([[[1, 0, 0, 0]], [[1, 1, 1, 0]]], np.uint8)
        >>> ratio = log_area_ratio(previous, current, np.ones_like(previous))
        >>> round(ratio, 4), is_area_blink(ratio)
        (1.0986, True)
    """
    before, now = int(np.count_nonzero(previous & visible)), int(np.count_nonzero(current & visible))
    return math.log(now / before) if before and now else None


def is_area_blink(ratio: float) -> bool:
    """Tell whether a pair's log area ratio is an area blink.

    Example:
        >>> is_area_blink(math.log(1.4)), is_area_blink(-math.log(1.6))
        (False, True)
    """
    # A hair above, so that 15 to 10 pixels and 10 to 15, which differ in the last bit, are judged alike.
    return abs(ratio) > math.log(BLINK_RATIO) + 1e-12


def pair_area_ratio(pair: MaskPair) -> dict[str, float | None]:
    """Return the log area ratio of a pair by its name."""
    return {LOG_AREA_RATIO: log_area_ratio(pair.previous, pair.current, pair.visible)}


class Presence:
    """Accumulates C1 of one track; what comes after its last sighting does not count until it returns.

    Example:
        >>> presence = Presence()
        >>> for index, seen in enumerate((True, False, True, True)):
        ...     presence.add(Observation(seen, index > 0, True, 0.5 if index else None))
        >>> figures = presence.figures()
        >>> figures["dropout_rate"].value, round(figures["presence_flips_per_s"].value, 4)  # 2 in 1.5 s
        (0.25, 1.3333)
    """

    def __init__(self) -> None:
        self._flips = FrameSums()
        self._absences = FrameSums()
        self._bins = [0] * len(GAP_BINS)
        self._last: bool | None = None
        self._begun = False
        self._timed = True
        self._gap = 0
        self._waiting: list[tuple[FrameSums, int, Term]] = []

    def add(self, observation: Observation) -> None:
        """Take the next frame; the first is one in which the track is seen."""
        if observation.paired and self._last is not None:
            change = presence_change(self._last, observation.present, observation.seconds)
            self._waiting.append((self._flips, observation.frame, change))
            self._timed &= observation.seconds is not None
        self._last = observation.present
        if observation.counts or not self._begun:
            self._waiting.append((self._absences, observation.frame, absence(observation.present)))
            self._gap += not observation.present
        if observation.present:
            self._commit()

    def _commit(self) -> None:
        for sums, frame, term in self._waiting:
            sums.add(frame, term)
        self._waiting = []
        self._begun = True
        if self._gap:
            self._bins[gap_bin(self._gap)] += 1
            self._gap = 0

    @property
    def absent_frames(self) -> int:
        """Frames of the life so far in which the track was absent."""
        return int(self._absences.numerator)

    @property
    def life_s(self) -> float | None:
        """Seconds of the life so far, over pairs that count; None where the clip has no time."""
        return self._flips.denominator if self._timed else None

    def figures(self) -> dict[str, Figure]:
        """Return C1 by metric name; undefined for a life of fewer than two frames."""
        frames = self._absences.n
        if frames < 2:
            return dict.fromkeys(
                (FLIPS_SPEC.name, DROPOUT_SPEC.name, *(s.name for s in GAP_SPECS)), UNDEFINED
            )
        gaps = zip(GAP_SPECS, self._bins, strict=True)
        return {
            FLIPS_SPEC.name: self._flips.figure(),
            DROPOUT_SPEC.name: self._absences.figure(),
            **{spec.name: Figure(float(count), frames, 0) for spec, count in gaps},
        }

    def sums(self) -> dict[str, FrameSums]:
        """Return what flips and dropout are made of, by metric name; nothing for a life of fewer than two frames."""
        if self._absences.n < 2:
            return {}
        return {FLIPS_SPEC.name: self._flips, DROPOUT_SPEC.name: self._absences}


REGISTRY.register(FLIPS_SPEC, DROPOUT_SPEC, *GAP_SPECS, order=400, accumulator=Presence)
REGISTRY.register(CLASS_SPEC, order=410, accumulator=lambda: RatioOverFrames(CLASS_SPEC, class_change))
REGISTRY.register(
    BLINK_SPEC,
    order=420,
    accumulator=lambda: RatioOverFrames(BLINK_SPEC, area_blink),
    pair=pair_area_ratio,
)


class Fragmentation:
    """Accumulates which tracks every true object is given, at every overlap of `MATCH_IOUS`."""

    note = None

    def __init__(self) -> None:
        self._given: dict[float, dict[int, set[int]]] = {iou: {} for iou in MATCH_IOUS}

    def observe(self, frame: TruthFrame) -> None:
        """Take the next frame."""
        for iou, given in self._given.items():
            for key in frame.true.masks:
                tracks = given.setdefault(key, set())
                own = frame.matched.get(key)
                if own is not None and own.iou >= iou:
                    tracks.add(frame.own[own.place].track)

    def figures(self) -> dict[str, TruthFigure]:
        """Return the figure of the frames so far, by metric name and overlap."""
        found = {}
        for iou, given in self._given.items():
            own = fragmentation(given.values())
            found[at_iou(FRAGMENTATION_SPEC.name, iou)] = TruthFigure(
                own.value, None, None, own.n, own.n_undefined
            )
        return found


REGISTRY.register(FRAGMENTATION_SPEC, order=580, clip=lambda setting: Fragmentation())
