"""Which frames of a clip are wanted: from, to, and every how many."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from yolact_temporal.data.frames import Frame, FrameSource
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
) -> Iterator[Frame]:
    """Yield every `stride`-th frame of a range of a clip, and read no further than its end.

    Args:
        source: the clip; it is consumed.
        start: first frame wanted: an index (int) or seconds (float).
        end: first frame no longer wanted; None for the clip's end.
        stride: 1 for every frame. Counted in the clip's own indices, so that a lost frame does not shift the rest.

    Returns:
        Frames with the index and time they have in the clip.

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
    return _selected(source, start, end, stride)


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


def _selected(source: FrameSource, start: Position, end: Position | None, stride: int) -> Iterator[Frame]:
    known = source.info.frame_count
    first: int | None = None
    seen = 0
    last_time = 0.0
    if not (isinstance(start, int) and known is not None and start >= known):
        for frame in source:
            if end is not None and _reached(frame, end):
                break
            seen, last_time = frame.index + 1, frame.time_s
            if first is None:
                if not _reached(frame, start):
                    continue
                first = start if isinstance(start, int) else frame.index
            if (frame.index - first) % stride == 0:
                yield frame
    if first is None:
        length = f"has {known} frames" if known is not None else f"was read for {seen} frames"
        if seen:
            length += f", the last one read at {last_time:.2f} s"
        until = "" if end is None else f" up to {_shown(end)}"
        raise InputError(
            f"expected frames from {_shown(start)} on{until}, found none: the clip {length}; "
            "choose --start and --end within it"
        )


def _reached(frame: Frame, place: Position) -> bool:
    if isinstance(place, int):
        return frame.index >= place
    return frame.time_s >= place - _TOLERANCE_S


def _shown(place: Position) -> str:
    return f"frame {place}" if isinstance(place, int) else f"{place:g}s"
