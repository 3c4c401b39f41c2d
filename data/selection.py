"""Which frames of a clip are wanted: from, to, and every how many."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Generator, Iterator
from dataclasses import replace

from yolact_temporal.data.frames import Frame, FrameLoss, FrameSource
from yolact_temporal.errors import InputError, UsageError

Position = int | float
"""A place in a clip: a frame's index (int) or seconds from its first displayed frame (float)."""

_TOLERANCE_S = 1e-6


def parse_position(text: str, option: str = "--start") -> Position:
    """Read a place in a clip.

    A plain whole number is a frame's index, counted from 0; "2.5s" are seconds; "1:02.5" are minutes and seconds;
    "1:00:05" are hours, minutes and seconds.

    Args:
        text: as a person wrote it.
        option: what says so, for the message.

    Returns:
        A frame's index (int) or seconds (float).

    Raises:
        UsageError: if it is neither, or negative.

    Example:
        >>> parse_position("120"), parse_position("2.5s"), parse_position("1:02.5")
        (120, 2.5, 62.5)
    """
    cleaned = text.strip()
    if re.fullmatch(r"\d+", cleaned, re.ASCII):
        return int(cleaned)
    if re.fullmatch(r"(\d+(\.\d*)?|\.\d+)\s*s", cleaned, re.ASCII):
        return float(cleaned[:-1])
    clock = re.fullmatch(r"(?:(\d+):(?=\d\d?:))?(\d+):(\d\d?(?:\.\d*)?)", cleaned, re.ASCII)
    if clock is not None:
        hours, minutes, seconds = int(clock[1] or 0), int(clock[2]), float(clock[3])
        if seconds < 60 and (clock[1] is None or minutes < 60):
            return hours * 3600 + minutes * 60 + seconds
    advice = "write a frame's index as 120, and a time as 2.5s, 1:02.5 or 1:00:05"
    if re.fullmatch(r"\d*[.,]\d+|\d+[.,]", cleaned, re.ASCII):
        advice = f"a plain number is a frame's index; for a time write {cleaned.replace(',', '.')}s"
    raise UsageError(f"expected a frame or a time after {option}, got {text!r}: {advice}")


def select_frames(
    source: FrameSource, start: Position = 0, end: Position | None = None, stride: int = 1
) -> SelectedFrames:
    """Yield every `stride`-th frame of a range of a clip, and read no further than its end.

    Args:
        source: the clip; it is consumed.
        start: first frame wanted: an index (int) or seconds (float).
        end: first frame no longer wanted; None for the clip's end.
        stride: 1 for every frame. Counted in the clip's own indices, so that a lost frame does not shift the rest.

    Returns:
        Frames with the index and time they have in the clip, to be iterated once.

    Raises:
        UsageError: at once, for a negative or reversed range or a stride below 1.
        InputError: while reading, if the clip has no frame in the range.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> from yolact_temporal.data.sources import open_clip
        >>> from yolact_temporal.data.video_writer import VideoWriter
        >>> with TemporaryDirectory() as folder:
        ...     clip = Path(folder) / "clip.mp4"
        ...     with VideoWriter(clip, size=(48, 64), fps=24) as video:
        ...         for index in range(12):
        ...             video.write(np.full((48, 64, 3), 20 * index, np.uint8), index / 24)
        ...     source = open_clip(clip)
        ...     print([frame.index for frame in select_frames(source, start=2, end=0.25, stride=2)])
        ...     source.close()
        [2, 4]
    """
    check_range(start, end, stride)
    return SelectedFrames(source, start, end, stride)


def check_range(start: Position, end: Position | None, stride: int) -> None:
    """Refuse a negative or reversed range or a stride below 1.

    Raises:
        UsageError: naming the option.
    """
    for name, value in (("start", start), ("end", end)):
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise UsageError(f"expected --{name} of 0 or more, got {_shown(value)}")
    if stride < 1:
        raise UsageError(f"expected --stride of 1 or more, got {stride}")
    comparable = end is not None and (isinstance(start, int) == isinstance(end, int) or start == 0)
    if comparable and end is not None and start >= end:
        raise UsageError(f"expected --start before --end, got {_shown(start)} and {_shown(end)}")
    if end == 0:
        raise UsageError("expected --end after the first frame, got 0")


class SelectedFrames(Iterator[Frame]):
    """The frames of a range of a clip, and what was lost of those that were asked for.

    Args:
        source, start, end, stride: as for `select_frames`.

    Attributes:
        losses: of the frames asked for, as far as they were read.
    """

    def __init__(self, source: FrameSource, start: Position, end: Position | None, stride: int) -> None:
        self.losses: list[FrameLoss] = []
        self._source, self._start, self._end, self._stride = source, start, end, stride
        self._first: int | None = start if isinstance(start, int) else None
        self._told = 0
        self._frames = self._selected()

    def __next__(self) -> Frame:
        return next(self._frames)

    def close(self) -> None:
        """Read no further."""
        self._frames.close()

    def _selected(self) -> Generator[Frame, None, None]:
        known = self._source.info.frame_count
        last: Frame | None = None
        found = False
        if not (isinstance(self._start, int) and known is not None and self._start >= known):
            for frame in self._source:
                self._take_losses(last, frame)
                if self._end is not None and _reached(frame, self._end):
                    break
                last = frame
                if not _reached(frame, self._start):
                    continue
                found = True
                if self._first is None:
                    self._first = frame.index
                if (frame.index - self._first) % self._stride == 0:
                    yield frame
            else:
                self._take_losses(last, None)
        if not found:
            self._say_that_there_is_none(last)

    def _say_that_there_is_none(self, last: Frame | None) -> None:
        known, seen = self._source.info.frame_count, 0 if last is None else last.index + 1
        length = f"has {known} frames" if known is not None else f"was read for {seen} frames"
        if last is not None:
            length += f", the last one read at {last.time_s:.2f} s"
        until = "" if self._end is None else f" up to {_shown(self._end)}"
        raise InputError(
            f"expected frames from {_shown(self._start)} on{until}, found none: the clip {length}; "
            "choose --start and --end within it"
        )

    def _take_losses(self, last: Frame | None, frame: Frame | None) -> None:
        """Keep of what the source has lost since the last time what was asked for.

        Args:
            last: the last frame before the loss; None at the beginning.
            frame: the first one after it; None at the clip's end.
        """
        losses = self._source.losses[self._told :]
        self._told += len(losses)
        if losses:
            start, end = (self._index_at(place, last, frame) for place in (self._start, self._end))
            before = 0 if last is None else last.index + 1
            self.losses += [own for loss in losses if (own := self._within(loss, before, frame, start, end))]

    def _within(
        self, loss: FrameLoss, before: int, frame: Frame | None, start: int, end: int
    ) -> FrameLoss | None:
        """Return what of a loss lies from `start` to `end`; None where that is nothing."""
        if loss.count is None:
            # What is noticed at the clip's end may lie anywhere before it.
            first, last = (
                (min(loss.at_index, before), loss.at_index) if frame is None else (before, frame.index)
            )
            return loss if first < end and last >= start else None
        first = before if frame is None else max(loss.at_index - loss.count, before)
        until = min(first + loss.count, end)
        phase = start if self._first is None else self._first
        first = max(first, start)
        first += (phase - first) % self._stride
        wanted = len(range(first, until, self._stride))
        return replace(loss, at_index=min(loss.at_index, end), count=wanted) if wanted else None

    def _index_at(self, place: Position | None, last: Frame | None, frame: Frame | None) -> int:
        """Return the index of the first frame that is not before a place, as if between two frames none were lost."""
        if place is None:
            return sys.maxsize
        if isinstance(place, int):
            return place
        if last is not None and place <= last.time_s + _TOLERANCE_S:
            return last.index
        if last is not None and frame is not None and frame.time_s > last.time_s:
            if place > frame.time_s:
                return sys.maxsize
            rate = (frame.index - last.index) / (frame.time_s - last.time_s)
        elif self._source.info.fps is not None:
            rate = float(self._source.info.fps)
        else:
            return sys.maxsize
        known = last or frame
        index, time_s = (0, 0.0) if known is None else (known.index, known.time_s)
        return max(math.ceil(index + (place - time_s - _TOLERANCE_S) * rate), 0)


def _reached(frame: Frame, place: Position) -> bool:
    if isinstance(place, int):
        return frame.index >= place
    return frame.time_s >= place - _TOLERANCE_S


def _shown(place: Position) -> str:
    return f"frame {place}" if isinstance(place, int) else f"{place:g}s"
