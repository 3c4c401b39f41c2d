"""`LiveSource`: the newest frames of a camera, stream, pipe or file, as a `FrameSource`."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.frames import ClipInfo, Frame, FrameLoss
from yolact_temporal.data.live.address import LiveAddress
from yolact_temporal.data.live.latest import Captured, LatestFrames, LiveCounts
from yolact_temporal.data.live.reader import Patience, StreamReader, StreamState
from yolact_temporal.data.sources.pyav_source import RGB_CONVERSION
from yolact_temporal.errors import InputError, UsageError

_JUDGED_FRAMES, _JUDGED_S = 12, 2.0
"""Frames by which a rate is measured that no header tells, and how long is waited for them."""

_LEAVE_S = 2.0
"""How long the end waits for a read that is under way."""

_LOOK_S = 0.2
"""How often is looked whether an end was asked for."""


@dataclass(frozen=True)
class LiveSettings:
    """How a live source is read.

    Attributes:
        fps: frames a second that it captures; None for what it says, or what is measured.
        duration_s: how long it is measured; None until somebody ends it.
        patience: how long is waited for it.
        in_flight: frames that may be on their way through the stages at once: more make it faster, and what is shown
            older.

    Raises:
        UsageError: if one of these is none.
    """

    fps: float | None = None
    duration_s: float | None = None
    patience: Patience = field(default_factory=Patience)
    in_flight: int = 2

    def __post_init__(self) -> None:
        for option, value in (
            ("--fps", self.fps),
            ("--duration", self.duration_s),
            ("--stall", self.patience.stall_s),
        ):
            if value is not None and not 0 < value < threading.TIMEOUT_MAX:
                raise UsageError(
                    f"expected {option} above 0, got {value:g}: pass a positive number, or leave it out"
                )
        if not 0 <= self.patience.wait_s < threading.TIMEOUT_MAX:
            raise UsageError(
                f"expected --wait of at least 0 seconds, got {self.patience.wait_s:g}: pass 0 for one try"
            )


class Standing(NamedTuple):
    """How a live source stands.

    Attributes:
        counts: what became of its frames since measuring began.
        state: whether it plays.
        problem: why it was lost, in a few words; "" where it was not.
        since_frame_s: seconds since its newest frame came.
    """

    counts: LiveCounts
    state: StreamState
    problem: str
    since_frame_s: float


class LiveSource:
    """A `FrameSource` of frames that come by themselves; see `LatestFrames` for which of them are taken.

    Frames have the numbers in which they were captured, without repeated ones: where some were dropped or lost,
    numbers are skipped, and the pair across does not count. Nothing is held but what waits (two frames at most) and
    what is in flight. A stream that was lost is opened again with growing pauses; `is_cut` tells its first frame.

    Args:
        address: of the source.
        settings: how it is read.

    Attributes:
        info, losses, warnings: as of every `FrameSource`.
        ended_by: why it ended; "" before.
        began_at: when measuring began, by `time.monotonic`.

    Raises:
        InputError: if nothing can be read from it.
    """

    def __init__(self, address: LiveAddress, settings: LiveSettings | None = None) -> None:
        self.address = address
        self.settings = settings or LiveSettings()
        self.losses: list[FrameLoss] = []
        self.warnings: list[str] = []
        self._frames = LatestFrames()
        self._stopped = threading.Event()
        self._reader = StreamReader(address, self.settings.patience, self._frames)
        self._in_flight = threading.Semaphore(self.settings.in_flight)
        self._flying: dict[int, float] = {}
        self._cuts: set[int] = set()
        self._newest_at = time.monotonic()
        self._first: Captured | None = None
        self.ended_by = ""
        self.began_at = time.monotonic()
        self._reader.start()
        try:
            self.info = self._opened()
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[Frame]:
        """Yield the newest frames until the source ends, or `stop` is called.

        Raises:
            InputError: if nothing came since measuring began.
        """
        self._frames.begin(kept=not self.address.comes_back)
        self._reader.release()
        self.began_at = began = time.monotonic()
        first: Captured | None = None
        while not self._over(began):
            if not self._in_flight.acquire(timeout=_LOOK_S):
                continue
            captured = None
            while captured is None and not self._over(began) and not self._frames.ended:
                captured = self._frames.take(_LOOK_S)
            if captured is None:
                break
            first = first or captured
            index = captured.index - first.index
            if captured.begins and captured is not first:
                self._cuts.add(index)
            self._flying[index] = self._newest_at = captured.at
            yield Frame(index, captured.time_s - first.time_s, self._picture(captured))
        self._conclude(first)

    def stop(self, why: str = "asked for") -> None:
        """End after the frames that are on their way; a second call does nothing."""
        if not self._stopped.is_set():
            self.ended_by = why
            self._stopped.set()
        self._reader.stop()

    def close(self) -> None:
        """Release the source; a read that hangs is left to its thread, which ends with the process."""
        self._stopped.set()
        self._reader.stop()
        self._reader.join(min(self.settings.patience.stall_s + 1, _LEAVE_S))

    def is_cut(self, index: int) -> bool:
        """Say whether nothing goes on from the frame before this one: the stream was lost in between, or changed."""
        return index in self._cuts

    def finished(self, index: int) -> float:
        """Say that a frame has come through all stages; returns its age, the seconds since it was captured."""
        at = self._flying.pop(index)
        self._cuts.discard(index)
        self._in_flight.release()
        return time.monotonic() - at

    def standing(self) -> Standing:
        """Return how it stands now."""
        reader = self._reader
        return Standing(
            self._frames.counts(), reader.state, reader.problem, time.monotonic() - self._newest_at
        )

    def preview(self) -> list[NDArray[np.uint8]]:
        """Return the newest picture, uint8 (H, W, 3), by which a model may be tried before measuring begins."""
        newest = self._frames.newest() or self._first
        return [] if newest is None else [self._picture(newest)]

    def _opened(self) -> ClipInfo:
        reader = self._reader
        reader.begun.wait()
        if reader.error is not None:
            raise reader.error
        self._first = self._frames.newest()
        assert reader.size is not None, "a frame came"
        height, width = reader.size
        return ClipInfo(
            path="",
            sha256=secrets.token_hex(32),  # of its own, so that no two live runs are taken for the same clip
            width=width,
            height=height,
            fps=self._rate(),
            frame_count=None,
            rotation=0,
            variable_rate=True,
            decoder="pyav",
            decoder_reason=f"PyAV, live from {self.address.shown}.",
        )

    def _rate(self) -> Fraction | None:
        """Return frames a second: as asked for, as the header says, or as they come."""
        if self.settings.fps is not None:
            return Fraction(self.settings.fps).limit_denominator(100_000)
        if self._reader.rate is not None:
            return self._reader.rate
        until = time.monotonic() + _JUDGED_S
        while time.monotonic() < until and self._reader.is_alive():
            if self._reader.clock.steps >= _JUDGED_FRAMES:
                break
            time.sleep(0.01)
        interval = self._reader.clock.interval_s
        return None if not interval else Fraction(1 / interval).limit_denominator(1000)

    def _over(self, began: float) -> bool:
        limit = self.settings.duration_s
        if limit is not None and time.monotonic() - began >= limit:
            self.stop("--duration")
        return self._stopped.is_set()

    def _picture(self, captured: Captured) -> NDArray[np.uint8]:
        size: dict[str, Any] = {"width": self.info.width, "height": self.info.height}
        return np.asarray(captured.picture.to_ndarray(format="rgb24", **size, **RGB_CONVERSION), np.uint8)

    def _conclude(self, first: Captured | None) -> None:
        """Stop reading, and say what became of all frames."""
        self.ended_by = self.ended_by or self._reader.ended_because
        self._reader.stop()
        self._frames.discard()
        if first is None and not self._stopped.is_set():
            raise InputError(
                f"expected a picture from {self.address.shown} after it was opened, got none ({self.ended_by}): check "
                f"that it sends for long enough"
            )
        if first is None:
            raise InputError(
                f"expected a picture from {self.address.shown} before the end that was asked for, got none: let it run "
                f"for longer"
            )
        self.losses += self._reader.losses(first.index)
        if self.ended_by == self._reader.ended_because and self.address.comes_back:
            self.warnings.append(self.ended_by)
        if self.ended_by == self._reader.ended_because and self.settings.duration_s is not None:
            after = self._frames.last_index - first.index + 1
            self.losses.append(FrameLoss(after, f"{self.ended_by} before --duration was over", None))
        if self._reader.resized is not None:
            height, width = self._reader.resized
            self.warnings.append(
                f"the stream's frames changed size, from {self.info.width}x{self.info.height} to {width}x{height}: all "
                f"were scaled to the first one's, and all tracks ended there"
            )
        self.warnings.append(counts_sentence(self._frames.counts(), self.address.shown))


def counts_sentence(counts: LiveCounts, shown: str) -> str:
    """Return what became of a live source's frames, in one sentence.

    Example:
        >>> counts_sentence(LiveCounts(50, 30, 20), "camera 0")[:52]
        'live from camera 0: 50 frames captured, 30 measured,'
    """
    return (
        f"live from {shown}: {counts.captured} frames captured, {counts.processed} measured, {counts.dropped} dropped "
        f"since newer ones had come, {counts.repeated} repeated and left out"
    )
