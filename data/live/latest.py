"""The newest frames of a live source: two at most wait; what nobody took in time is dropped and counted."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class LiveCounts:
    """What became of the frames of a live source.

    Every captured frame is one of processed, dropped and repeated, once the source has ended.

    Attributes:
        captured: frames that were decoded.
        processed: of these, handed on to be measured.
        dropped: of these, left out because a newer one had come before anybody was ready for it.
        repeated: of these, left out because they are pixel for pixel the one before.
        damaged: packets and frames that could not be decoded; they are not among the captured ones.
        missing: frames that the stream's own clock says lie between two that came.
        interruptions: how often the stream was lost and came back.
    """

    captured: int = 0
    processed: int = 0
    dropped: int = 0
    repeated: int = 0
    damaged: int = 0
    missing: int = 0
    interruptions: int = 0


@dataclass(frozen=True)
class Captured:
    """One frame as it came.

    Attributes:
        index: from 0; it skips numbers where frames are missing before it.
        time_s: from the first frame on.
        at: when it was decoded, by `time.monotonic`.
        begins: whether it is the first one after the stream was lost, or changed.
        picture: the decoder's frame.
    """

    index: int
    time_s: float
    at: float
    begins: bool
    picture: Any


class LatestFrames:
    """Takes every frame of a live source from one thread, and hands the newest to another.

    Only pairs of frames captured one after the other are measured, so one frame is not enough: of a camera twice as
    fast as the model none would ever follow the one before. Two frames wait at most: the one right after the frame
    that was taken last, and the newest. The former is taken where the last one has no partner yet, and where it is
    as good as the newest; else it is dropped, and the newest taken.

    Example:
        >>> frames = LatestFrames()
        >>> frames.begin()
        >>> def put(*indices):
        ...     for index in indices:
        ...         frames.put(Captured(index, index / 25, 0.0, False, None))
        >>> put(0)
        >>> taken = [frames.take().index]
        >>> put(1, 2, 3, 4)  # while frame 0 is measured
        >>> taken.append(frames.take().index)  # frame 1, since a pair is wanted
        >>> put(5, 6, 7)
        >>> taken.append(frames.take().index)
        >>> taken, frames.counts().dropped
        ([0, 1, 7], 5)
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[Captured] = []
        self._last: int | None = None
        self._paired = False
        self._ended = False
        self._counting = False
        self._counts = LiveCounts()

    def begin(self, kept: bool = False) -> None:
        """Count from now on, and forget what came before, unless it is kept."""
        with self._changed:
            if not kept:
                self._waiting.clear()
            self._counting = True
            self._counts = LiveCounts(captured=len(self._waiting))

    def count(self, **more: int) -> None:
        """Add to the counts by name."""
        with self._changed:
            self._add(**more)

    def put(self, frame: Captured) -> None:
        """Take a frame that was captured."""
        with self._changed:
            self._add(captured=1)
            if len(self._waiting) == 2 or (self._waiting and not self._follows(self._waiting[0])):
                # What a dropped frame began, the next one begins.
                frame = replace(frame, begins=frame.begins or self._waiting[-1].begins)
                self._drop()
            self._waiting.append(frame)
            self._changed.notify_all()

    def end(self) -> None:
        """Say that no frame will come any more; those that wait are still handed on."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def discard(self) -> None:
        """Drop what waits: nobody will take it."""
        with self._changed:
            while self._waiting:
                self._drop()

    def take(self, timeout: float = 0.5) -> Captured | None:
        """Return the frame to measure next; None where none came for so long, or none will."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not self._waiting:
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    return None
                self._changed.wait(left)
            frame = self._next()
            self._paired = self._follows(frame)
            self._last = frame.index
            self._add(processed=1)
            return frame

    def newest(self) -> Captured | None:
        """Return the newest frame that waits, and leave it there."""
        with self._changed:
            return self._waiting[-1] if self._waiting else None

    @property
    def last_index(self) -> int:
        """Index of the frame that was taken last; -1 before the first."""
        with self._changed:
            return -1 if self._last is None else self._last

    @property
    def ended(self) -> bool:
        """Whether no frame waits and none will come."""
        with self._changed:
            return self._ended and not self._waiting

    def counts(self) -> LiveCounts:
        """Return what became of the frames so far."""
        with self._changed:
            return self._counts

    def _follows(self, frame: Captured) -> bool:
        return self._last is not None and frame.index == self._last + 1 and not frame.begins

    def _next(self) -> Captured:
        first, newest = self._waiting[0], self._waiting[-1]
        wanted = not self._paired or newest.index == first.index + 1
        if len(self._waiting) == 2 and not (self._follows(first) and wanted):
            self._waiting.pop(0)
            self._add(dropped=1)
        return self._waiting.pop(0)

    def _drop(self) -> None:
        self._waiting.pop()
        self._add(dropped=1)

    def _add(self, **more: int) -> None:
        if self._counting:
            self._counts = replace(
                self._counts, **{name: getattr(self._counts, name) + value for name, value in more.items()}
            )
