"""The thread that reads a live source: opens it, decodes every frame, opens it again where it is lost."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from yolact_temporal.data.frames import FrameLoss
from yolact_temporal.data.live.address import LiveAddress
from yolact_temporal.data.live.clock import StreamClock
from yolact_temporal.data.live.connection import (
    Connection,
    StreamLostError,
    connected,
    pictures,
    same_picture,
)
from yolact_temporal.data.live.latest import Captured, LatestFrames
from yolact_temporal.errors import InputError

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 8.0
"""Between two tries to open a source: each pause is twice as long as the one before."""

_MOST_LOSSES = 20
"""Losses told one by one; those after them are told together."""

StreamState = Literal["connecting", "playing", "lost", "ended"]


@dataclass(frozen=True)
class Patience:
    """How long is waited for a live source.

    Attributes:
        wait_s: for one that is not there, at first or after it was lost.
        stall_s: for its next frame, before it counts as lost.
    """

    wait_s: float = 30.0
    stall_s: float = 5.0


class StreamReader(threading.Thread):
    """Reads a live source into `LatestFrames` until it is stopped, or the source is gone for good.

    Args:
        address: of the source.
        patience: how long is waited for it.
        frames: takes what comes.

    Attributes:
        clock: places frames in time.
        rate: frames a second as the header says; None where it does not, or nothing came yet.
        size: (height, width) of the first frame; None before it.
        state: how the source stands.
        problem: why it was lost last, in a few words; "" where it was not.
        error: what makes it useless; None where nothing does.
        ended_because: why it ended; "" before.
    """

    def __init__(self, address: LiveAddress, patience: Patience, frames: LatestFrames) -> None:
        super().__init__(name="camera", daemon=True)  # one that hangs in a read is left to the process's end
        self._address, self._patience, self._frames = address, patience, frames
        self._stopped = threading.Event()
        self._losses: list[FrameLoss] = []
        self._further = 0
        self._leap = 0
        self._begins = False
        self._index = -1
        self._last: Any = None
        self._released = threading.Event()
        self.clock = StreamClock()
        self.begun = threading.Event()
        self.rate: Fraction | None = None
        self.size: tuple[int, int] | None = None
        self.state: StreamState = "connecting"
        self.problem = ""
        self.error: InputError | None = None
        self.ended_because = ""
        self.resized: tuple[int, int] | None = None

    def stop(self) -> None:
        """End, as soon as the read that is under way returns."""
        self._stopped.set()
        self._released.set()

    def release(self) -> None:
        """Go on after the first frame, where the source waits for that: a file, or a pipe; forget what others lost."""
        if self._address.comes_back:
            self._losses, self._further = [], 0
        self._released.set()

    def losses(self, first: int) -> list[FrameLoss]:
        """Return what was lost after a frame, with indices counted from that frame on."""
        told = [
            FrameLoss(own.at_index - first, own.reason, own.count)
            for own in self._losses
            if own.at_index > first
        ]
        if self._further and told:
            told.append(FrameLoss(told[-1].at_index, "later ones, not told one by one", self._further))
        return told

    def run(self) -> None:
        """Read until the end."""
        try:
            self._read()
        except InputError as error:
            self.error, self.ended_because = error, str(error)
        except BaseException as error:  # whoever waits for frames is to hear of it
            self.error = InputError(
                f"expected frames from {self._address.shown}, got a fault in its reading ({type(error).__name__})"
            )
            self.ended_because = str(self.error)
        finally:
            self.state = "ended"
            self.begun.set()
            self._frames.end()

    def _read(self) -> None:
        pause, waiting_since = FIRST_PAUSE_S, time.monotonic()
        while not self._stopped.is_set():
            came = self._index
            try:
                with connected(self._address, self._patience.stall_s) as connection:
                    self._play(connection)
                problem = "it ended"
            except StreamLostError as error:
                problem = str(error)
            except InputError:
                if not self.begun.is_set():
                    raise
                problem = "it cannot be opened any more"  # a camera may be plugged in again
            if self._stopped.is_set():
                break
            self.problem = problem
            if not self._address.comes_back:
                self.ended_because = "the end was reached" if self.problem == "it ended" else self.problem
                break
            if self._index > came:
                pause, waiting_since = FIRST_PAUSE_S, time.monotonic()
            self.state = "lost" if self.begun.is_set() else "connecting"
            if time.monotonic() - waiting_since + pause > self._patience.wait_s:
                self.ended_because = f"the stream was lost ({self.problem}) and did not come back"
                break
            self._stopped.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
        if self._index < 0 and not self._stopped.is_set():
            raise InputError(
                f"expected a picture from {self._address.shown}, got none in {self._patience.wait_s:g} s "
                f"({self.problem}): check that it sends, and its address, or wait longer with --wait"
                if self._address.comes_back
                else f"expected a picture from {self._address.shown}, got none ({self.problem}): check what it sends"
            )

    def _play(self, connection: Connection) -> None:
        """Take the frames of one connection."""
        self.rate = self.rate or connection.rate
        self.clock.connect(connection.believed)
        self._last = None
        pace = _Pace(self._stopped) if self._address.kind == "file" else None
        again = self.begun.is_set()
        for picture in pictures(connection, self._address, self._patience.stall_s):
            if self._stopped.is_set():
                return
            if picture is None:
                self._damaged()
                continue
            if pace is not None and picture.time is not None:
                pace.wait_for(picture.time)
            if again:
                self._came_back()
                again = False
            self.state, self.problem = "playing", ""
            self._take(picture)
            if not (self._address.comes_back or self._released.is_set()):
                self._released.wait()
                pace = None if pace is None else _Pace(self._stopped)  # time goes on from here

    def _take(self, picture: Any) -> None:
        """Number and place a frame, and hand it on unless it repeats the last one."""
        at = time.monotonic()
        placed = self.clock.place(picture.time, at)
        last, self._last = self._last, picture
        if placed.missing:
            self._lose("the stream's clock skips them", placed.missing)
            self._frames.count(missing=placed.missing)
            self._leap = max(self._leap, placed.missing)
        if last is not None and (picture.height, picture.width) != (last.height, last.width):
            self.resized = self.resized or (picture.height, picture.width)
            self._begins = True
        self._begins |= placed.begins
        if last is not None and same_picture(last, picture):
            self._frames.count(captured=1, repeated=1)
            return
        begins = self._begins and self._index >= 0
        self._index += 1 + max(self._leap, int(begins))
        self._leap, self._begins = 0, False
        self.size = self.size or (picture.height, picture.width)
        self._frames.put(Captured(self._index, placed.time_s, at, begins, picture))
        self.begun.set()

    def _damaged(self) -> None:
        self._leap = max(self._leap, 1)
        self._frames.count(damaged=1)
        self._lose("damaged on the way", 1)

    def _came_back(self) -> None:
        self._begins = True
        self._frames.count(interruptions=1)
        self._lose("the stream was lost and came back", None)

    def _lose(self, reason: str, count: int | None) -> None:
        at = self._index + 1
        last = self._losses[-1] if self._losses else None
        if last is not None and last.at_index == at and last.reason == reason and last.count and count:
            self._losses[-1] = FrameLoss(at, reason, last.count + count)
        elif len(self._losses) < _MOST_LOSSES:
            self._losses.append(FrameLoss(at, reason, count))
        else:
            self._further += count or 1


class _Pace:
    """Keeps a file from being read faster than its own clock runs."""

    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped
        self._offset: float | None = None

    def wait_for(self, time_s: float) -> None:
        """Wait until it is time for a frame."""
        now = time.monotonic()
        if self._offset is None:
            self._offset = now - time_s
        self._stopped.wait(max(0.0, self._offset + time_s - now))
