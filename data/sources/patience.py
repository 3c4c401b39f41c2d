"""A bound of time for decoders: they work on a thread of their own, and one that hangs is given up.

What FFmpeg or Pillow do in C cannot be broken off from outside, but it can be left: the thread is a daemon that ends
with the process. So nothing is copied from one process to another, and a frame takes no longer than without.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

from yolact_temporal.data.frames import Frame, FrameLoss, FrameSource
from yolact_temporal.errors import InputError, UsageError

DECODE_TIMEOUT_S = 60.0
"""How long a decoder may take for one packet or frame, where nobody says otherwise."""

_Value = TypeVar("_Value")

_Results: TypeAlias = "queue.SimpleQueue[tuple[Any, BaseException | None]]"


class DecoderHangsError(Exception):
    """A decoder has shown no sign of life for longer than it may."""


def sign_of_life() -> None:
    """Tell whoever waits for this thread, if anybody, that its work goes on: a packet, image or block was read."""
    thread = threading.current_thread()
    if isinstance(thread, _Worker):
        thread.alive_at = time.monotonic()


def require_timeout(seconds: float) -> float:
    """Return how long a decoder may take.

    Raises:
        UsageError: unless it is above 0.
    """
    if not 0 < seconds < threading.TIMEOUT_MAX:
        raise UsageError(f"expected --decode-timeout above 0 seconds, got {seconds:g}: give such as 60")
    return seconds


class BoundedSource:
    """A `FrameSource` whose every step is waited for only so long.

    Where a decoder hangs after frames came, they stand, and what is missing is one loss.
    """

    def __init__(self, path: Path, seconds: float, opened: Callable[[], FrameSource]) -> None:
        """Open a source within the bound, which starts anew with each packet or image that is read.

        Raises:
            InputError: if that hangs, or as `opened`.
        """
        self._path, self._seconds = path, seconds
        self._worker = _Worker()
        self._end = weakref.finalize(self, self._worker.end)
        try:
            self._source = self._worker.ask(opened, seconds)
        except DecoderHangsError:
            self._end()
            raise self._hangs("cannot be opened: its decoder hangs") from None
        except BaseException:
            self._end()
            raise
        self.info, self.losses, self.warnings = self._source.info, self._source.losses, self._source.warnings

    def __iter__(self) -> Iterator[Frame]:
        """Yield the source's frames, up to where it hangs.

        Raises:
            InputError: if it hangs before its first frame, or as the source.
            RuntimeError: when iterated a second time, or closed.
        """
        if not self._end.alive:
            raise RuntimeError("expected to be read once and before it is closed: open the clip again")
        frames = self._worker.ask(lambda: iter(self._source), self._seconds)
        following = 0
        try:
            while (frame := self._worker.ask(lambda: next(frames, None), self._seconds)) is not None:
                following = frame.index + 1
                yield frame
        except DecoderHangsError:
            if not following:
                raise self._hangs("gives no frame: its decoder hangs") from None
            self.losses.append(FrameLoss(following, self._given_up(), self._missing(following)))

    def close(self) -> None:
        """Release the decoder, unless it hangs, and the thread."""
        if self._end.alive and not self._worker.hangs:
            with contextlib.suppress(DecoderHangsError):  # nobody needs it any more
                self._worker.ask(self._source.close, self._seconds)
        self._end()

    def _missing(self, following: int) -> int | None:
        count = self.info.frame_count
        return None if count is None or count <= following else count - following

    def _given_up(self) -> str:
        return f"its decoder gave no sign of life for {self._seconds:g} s and was given up"

    def _hangs(self, how: str) -> InputError:
        return InputError(
            f"expected a clip that can be decoded, but {self._path} {how} for {self._seconds:g} s: convert it first, "
            "or give it longer by --decode-timeout"
        )


class _Worker(threading.Thread):
    """A thread that does one thing after the other, each while somebody waits for it."""

    def __init__(self) -> None:
        super().__init__(name="decoder", daemon=True)
        self.alive_at = time.monotonic()
        self.hangs = False
        self._tasks: queue.SimpleQueue[tuple[Callable[[], Any], _Results] | None] = queue.SimpleQueue()
        self.start()

    def ask(self, task: Callable[[], _Value], seconds: float) -> _Value:
        """Return what a task gives.

        Raises:
            DecoderHangsError: if it shows no sign of life for so long; and for whatever is asked later.
        """
        if self.hangs:
            raise DecoderHangsError
        self.alive_at = time.monotonic()
        results: _Results = queue.SimpleQueue()  # of its own: an interrupted wait leaves a result behind
        self._tasks.put((task, results))
        while (left := self.alive_at + seconds - time.monotonic()) > 0:
            try:
                value, error = results.get(timeout=left)
            except queue.Empty:
                continue
            if error is not None:
                raise error
            return cast(_Value, value)
        self.hangs = True
        raise DecoderHangsError

    def end(self) -> None:
        """Let the thread end, as soon as it is done with what it does."""
        self._tasks.put(None)

    def run(self) -> None:
        """Do what is asked."""
        while (asked := self._tasks.get()) is not None:
            task, results = asked
            try:
                results.put((task(), None))
            except BaseException as error:  # who asked is to have it
                results.put((None, error))
            del asked, task, results  # they hold on to the source
