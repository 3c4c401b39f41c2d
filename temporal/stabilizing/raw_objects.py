"""The objects and pairs that stabilisers are judged on: those of the raw masks, whatever a stabiliser shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.instances import Instances
from yolact_temporal.temporal.association import NO_TRACK
from yolact_temporal.temporal.comparison.universe import Sighting
from yolact_temporal.temporal.stability import PairStatus
from yolact_temporal.temporal.stabilizing.contract import TrackedFrame


@dataclass(frozen=True, eq=False)
class RawObject:
    """One object in one frame.

    Attributes:
        object_id: from 1.
        track: the raw track that the model has of it, or had last; None where it has had none.
        paired: whether its pair with the last frame is of the universe.
        truth: its true mask; None where there is no ground truth.
    """

    object_id: int
    track: int | None
    paired: bool
    truth: MaskCrop | None = None


class TrackLives:
    """The raw tracks' own lives, from the first sighting that counts to the last: of one model without a ground truth.

    Args:
        tracks: by frame index, the tracks of what counts in it; None and `NO_TRACK` for what is of none.
    """

    def __init__(self, tracks: Mapping[int, Sequence[int | None]]) -> None:
        self._first: dict[int, int] = {}
        self._last: dict[int, int] = {}
        for index in sorted(tracks):
            for key in tracks[index]:
                if key is not None and key != NO_TRACK:
                    self._first.setdefault(key, index)
                    self._last[key] = index

    def at(self, frame: TrackedFrame, status: PairStatus) -> list[RawObject]:
        """Return the tracks that live in a frame."""
        paired = is_of_universe(status)
        return [
            RawObject(key, key, paired and first < frame.index)
            for key, first in self._first.items()
            if first <= frame.index <= self._last[key]
        ]


class BoundTracks:
    """The objects of a universe, and which of one model's tracks each is.

    An object has the track of the instance that counts and is matched with it, and keeps it while the track is absent.

    Args:
        model: its name in the sightings.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._object_of: dict[int, int] = {}
        self._seen: set[int] = set()

    def forget(self) -> None:
        """Forget all, as at a cut."""
        self._object_of = {}
        self._seen = set()

    def at(
        self,
        sightings: Iterable[Sighting],
        instances: Instances,
        frame: TrackedFrame,
        status: PairStatus,
    ) -> list[RawObject]:
        """Return the objects that count in a frame.

        Args:
            sightings: of the universe.
            instances: those of the model that the universe was shown, by whose places it matches.
            frame: the model's tracks.
            status: of the pair of the last frame and this one.
        """
        sightings = [own for own in sightings if own.counts]
        matched: dict[int, int] = {}
        by_mask = {id(own.mask): own.track for own in frame.seen if own.track != NO_TRACK}
        for own in sightings:
            place = own.matches.get(self._model)
            track = None if place is None else by_mask.get(id(instances.crops[place]))
            if track is not None and track in frame.counted:
                matched[track] = own.object_id
        for track in frame.counted:
            self._object_of.pop(track, None)
        self._object_of |= matched
        tracks = {key: track for track, key in self._object_of.items()}
        tracks |= {key: track for track, key in matched.items()}
        found = [
            RawObject(
                own.object_id,
                tracks.get(own.object_id),
                is_of_universe(status) and own.object_id in self._seen,
                own.truth,
            )
            for own in sightings
        ]
        self._seen = {own.object_id for own in sightings}
        return found


def is_of_universe(status: PairStatus) -> bool:
    """Say whether a pair of frames is one of the universe: consecutive ones that differ, as far as anybody knows."""
    return status in ("counted", "without_motion")


def kept_for_universe(instances: Instances, low_threshold: float, score_threshold: float) -> Instances:
    """Return the instances that a universe is shown of a model."""
    low = instances.scores > min(low_threshold, score_threshold)
    return instances if bool(np.all(low)) else instances.select(low)
