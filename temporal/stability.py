"""What a measurement says: of an instance, a frame, a track and a clip."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.temporal.association import NO_TRACK, AssociationOptions
from yolact_temporal.temporal.metrics import REGISTRY, Figure, mean_figure
from yolact_temporal.temporal.metrics.contract import Term
from yolact_temporal.temporal.pooling import PooledSums

PairStatus = Literal["first", "counted", "repeated", "after_lost_frames", "without_motion"]
"""Why the pair of this frame and the last one counts ("counted") or does not."""

Event = Literal["new", "return", "class_flip", "area_blink", "box_cut", "duplicate", "empty_mask"]
"""What may be noted of an instance: first seen; seen again after a gap; of another class than in the last frame; of
another size by more than half; cut by its moving box; a repetition of another of the same frame; without a pixel."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class InstanceStability:
    """One instance in one frame.

    Attributes:
        index: its place in the frame's `Instances`.
        track_id: from 1; None for an empty mask, and for a duplicate unless it came with an identity of its own.
        class_id, class_name, score, box: as segmented, box in pixels.
        area_px: pixels of the mask.
        centroid: (x, y) in pixels, a pixel's centre at its index + 0.5; None for an empty mask.
        gap_frames: frames of absence that this sighting ends, repeated frames not counted; 0 without a gap.
        events: what is noted of it.
        pair: figures of the pair (t-1, t) by metric name; None where there is no such pair to measure.
        duplicate_of: the track of the instance that it repeats; None where it repeats none.
    """

    index: int
    track_id: int | None
    class_id: int
    class_name: str
    score: float
    box: Box
    area_px: int
    centroid: tuple[float, float] | None
    gap_frames: int
    events: tuple[Event, ...]
    pair: Mapping[str, float | None] | None
    duplicate_of: int | None = None


@dataclass(frozen=True)
class FrameStability:
    """One frame: its instances, and what the pair with the last frame says.

    Attributes:
        frame_index, time_s: as given.
        status: whether the pair with the last frame counts, or why not.
        instances: in the order of the frame's `Instances`.
        lost: tracks seen in the last frame and not in this one, in order.
        added: by metric name, what became known with this frame of the sums that the clip's figures are ratios of; of
            a gap that ends with it, that of the whole gap.
    """

    frame_index: int
    time_s: float
    status: PairStatus
    instances: tuple[InstanceStability, ...]
    lost: tuple[int, ...]
    added: Mapping[str, Term] = field(default_factory=dict, repr=False)

    @property
    def track_ids(self) -> NDArray[np.int64]:
        """One id an instance, int64 (N,), -1 for an empty mask and for a duplicate; what an overlay colours by."""
        ids = [NO_TRACK if item.track_id is None else item.track_id for item in self.instances]
        return np.array(ids, np.int64)

    @property
    def owner_ids(self) -> NDArray[np.int64]:
        """As `track_ids`, but for a duplicate the track of what it repeats: the object that it belongs to."""
        ids = [item.track_id or item.duplicate_of or NO_TRACK for item in self.instances]
        return np.array(ids, np.int64)

    def figure(self, name: str) -> Figure:
        """Return a pair metric's mean over this frame's pairs."""
        return mean_figure(item.pair[name] for item in self.instances if item.pair is not None)

    def count(self, event: Event) -> int:
        """Return how many instances have an event."""
        return sum(event in item.events for item in self.instances)


@dataclass(frozen=True, eq=False)
class TrackStability:
    """One track from its first to its last sighting.

    Attributes:
        track_id: from 1.
        class_name: the class it had most often; the first of them in class order where several tie.
        first_frame, last_frame: of its sightings.
        first_time_s, last_time_s: their times.
        frames_seen, frames_absent: within its life; of the absent, repeated frames are not counted.
        life_s: seconds of its life over pairs that count; None where the clip has no time.
        mean_score, mean_area_px: over the frames in which it is seen.
    """

    track_id: int
    class_name: str
    first_frame: int
    last_frame: int
    first_time_s: float
    last_time_s: float
    frames_seen: int
    frames_absent: int
    life_s: float | None
    mean_score: float
    mean_area_px: float
    _names: tuple[str, ...] = field(repr=False)
    _values: NDArray[np.float64] = field(repr=False)
    _counts: NDArray[np.int32] = field(repr=False)

    @property
    def figures(self) -> Mapping[str, Figure]:
        """Every metric's figure over this track, by name; each is made when it is asked for."""
        return _TrackFigures(self._names, self._values, self._counts)


class _TrackFigures(Mapping[str, Figure]):
    """A track's figures by metric name, kept as numbers."""

    __slots__ = ("_counts", "_names", "_values")

    def __init__(
        self, names: tuple[str, ...], values: NDArray[np.float64], counts: NDArray[np.int32]
    ) -> None:
        self._names, self._values, self._counts = names, values, counts

    def __getitem__(self, name: str) -> Figure:
        try:
            place = self._names.index(name)
        except ValueError:
            raise KeyError(name) from None
        value, (n, undefined) = float(self._values[place]), self._counts[place].tolist()
        return Figure(None if math.isnan(value) else value, n, undefined)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class ClipFigure(NamedTuple):
    """A metric over a clip.

    Attributes:
        value: over all pairs (or frames, or differences) of all tracks together, or the sum over tracks, as the metric
            says; None where no track has one.
        n, n_undefined: pairs, frames or differences measured, and left out for having no value, over all tracks.
        tracks, tracks_undefined: tracks that have a value, and that have none.
        by_track: the mean over the tracks that have a value, each weighing the same: a check on `value`.
    """

    value: float | None
    n: int
    n_undefined: int
    tracks: int
    tracks_undefined: int
    by_track: float | None = None


@dataclass(frozen=True)
class ClipStability:
    """A clip's stability over all pairs, and what was counted and left out.

    Attributes:
        frames: frames given.
        instances: instances given, empty masks included.
        empty_masks: instances whose mask has no pixel.
        frame_pairs: how many pairs of frames there were by `PairStatus`; "first" is not a pair and left out.
        tracks: in order of track id.
        figures: by metric name, all of a model's own tracks.
        association: the options that made the tracks; None where identities were given.
        pictures: whether there were pictures to tell motion from; without them the figures that need it are undefined.
        sums: what the figures are made of that are sums over frames, by metric name.
    """

    frames: int
    instances: int
    empty_masks: int
    frame_pairs: Mapping[str, int]
    tracks: tuple[TrackStability, ...]
    figures: Mapping[str, ClipFigure]
    association: AssociationOptions | None
    pictures: bool = True
    sums: Mapping[str, PooledSums] = field(default_factory=dict, repr=False)


def clip_figures(
    tracks: Sequence[Mapping[str, Figure]], sums: Mapping[str, PooledSums]
) -> dict[str, ClipFigure]:
    """Return every metric over a clip: over all its pairs, so that a track weighs by those it has.

    Args:
        tracks: the figures of each track by metric name, all of `REGISTRY.own()`; none gives undefined figures.
        sums: of the metrics that are sums over frames, over all tracks. Of the others the mean over tracks is taken,
            each weighing by its frames, or the sum of those that say so.

    Example:
        >>> name = "high_frequency_share_log_area"
        >>> tracks = [dict.fromkeys(REGISTRY.own(), Figure(*own, 0)) for own in ((0.1, 30), (0.5, 10))]
        >>> figure = clip_figures(tracks, {})[name]
        >>> round(figure.value, 6), figure.n, figure.tracks, round(figure.by_track, 6)
        (0.2, 40, 2, 0.3)
    """
    figures = {}
    for name, spec in REGISTRY.own().items():
        own = [track[name] for track in tracks]
        mean = mean_figure(figure.value for figure in own)
        defined = [(figure.value, figure.n) for figure in own if figure.value is not None]
        value, by_track = None, mean.value
        if defined and spec.over_tracks == "sum":
            value, by_track = math.fsum(each for each, _ in defined), None
        elif defined and name in sums:
            value = sums[name].value()
        elif defined:
            value = math.fsum(each * n for each, n in defined) / sum(n for _, n in defined)
        n, n_undefined = sum(figure.n for figure in own), sum(figure.n_undefined for figure in own)
        figures[name] = ClipFigure(value, n, n_undefined, mean.n, mean.n_undefined, by_track)
    return figures
