"""Tracks that are absent for long and may come back: put by in a few bytes, told what they missed when they do."""

from __future__ import annotations

import math
import pickle
from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, NamedTuple, TypeVar

State = TypeVar("State")

AWAKE_FRAMES = 60
"""A track that is absent for longer is put by."""


class PassedFrame(NamedTuple):
    """A frame, as those are told of it that were absent.

    Attributes:
        place: its place, as its teller counts.
        time_s: its time.
        paired: whether its pair with the frame before counts.
        counts: whether it counts by itself.
        seconds: time since the frame before; None where that is not known.
    """

    place: int
    time_s: float
    paired: bool = False
    counts: bool = True
    seconds: float | None = None


class _PassedFrames:
    """Frames in which a track slept, in 26 bytes each."""

    def __init__(self) -> None:
        self._places, self._times, self._seconds = array("q"), array("d"), array("d")
        self._flags = bytearray()

    def __len__(self) -> int:
        return len(self._places)

    def add(self, frame: PassedFrame) -> None:
        """Add the next one."""
        self._places.append(frame.place)
        self._times.append(frame.time_s)
        self._seconds.append(math.nan if frame.seconds is None else frame.seconds)
        self._flags.append(frame.paired | frame.counts << 1)

    def since(self, first: int) -> Iterator[PassedFrame]:
        """Yield the frames from one on."""
        for at in range(first, len(self)):
            seconds, flags = self._seconds[at], self._flags[at]
            yield PassedFrame(
                self._places[at],
                self._times[at],
                bool(flags & 1),
                bool(flags & 2),
                None if math.isnan(seconds) else seconds,
            )


class SleepingTracks(Generic[State]):
    """What is known of tracks that are absent for long.

    A frame costs the same however many tracks sleep; one that wakes is told of every frame since, as if it had been
    told at the time, so that nothing comes out differently.

    Args:
        tell: tells a track of the frames that it missed.

    Example:
        >>> sleeping = SleepingTracks(lambda track, frames: track.extend(frame.place for frame in frames))
        >>> sleeping.put(7, [1, 2])
        >>> for place in (3, 4):
        ...     sleeping.pass_frame(PassedFrame(place, place / 24))
        >>> sleeping.wake(7), sleeping.wake(7)
        ([1, 2, 3, 4], None)
    """

    def __init__(self, tell: Callable[[State, Iterable[PassedFrame]], None]) -> None:
        self._tell = tell
        self._frames = _PassedFrames()
        self._asleep: dict[int, tuple[int, bytes | State]] = {}

    def __contains__(self, key: object) -> bool:
        return key in self._asleep

    def __len__(self) -> int:
        return len(self._asleep)

    def put(self, key: int, state: State) -> None:
        """Put a track by."""
        self._asleep[key] = (len(self._frames), _packed(state))

    def pass_frame(self, frame: PassedFrame) -> None:
        """Take the next frame, in which all that sleep are absent; where none does it need not be kept."""
        if self._asleep:
            self._frames.add(frame)

    def wake(self, key: int) -> State | None:
        """Return a track, told of what it missed, and forget it here; None where it does not sleep."""
        if key not in self._asleep:
            return None
        since, packed = self._asleep.pop(key)
        state = _unpacked(packed)
        self._tell(state, self._frames.since(since))
        return state

    def values(self) -> Iterator[State]:
        """Yield copies of the tracks that sleep, as they were when they were put by."""
        for _, packed in self._asleep.values():
            yield _unpacked(packed)


def _packed(state: State) -> bytes | State:
    try:
        return pickle.dumps(state, pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError):  # somebody's own accumulator cannot be packed
        return state


def _unpacked(packed: bytes | State) -> State:
    return pickle.loads(packed) if isinstance(packed, bytes) else packed
