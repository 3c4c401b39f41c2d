"""Frames by decord, and what can be said beforehand of whether they can be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from yolact_temporal.data.frames import ClipInfo, Frame, FrameLoss
from yolact_temporal.data.sources.probe import Probe
from yolact_temporal.data.sources.pyav_source import default_threads
from yolact_temporal.errors import InputError

_CONTAINERS = ("mov", "matroska")
_CODECS = ("h264", "hevc", "vp8", "vp9", "mpeg4")
_TIME_TOLERANCE_S = 0.002
_MOST_AHEAD_BYTES = 64_000_000
"""decord 0.6 decodes ahead without bound: while the network works on a frame, the whole clip ends up in memory."""


def load_decord() -> ModuleType | None:
    """Import decord, silenced; None where it is not installed or does not load.

    OpenCV comes first: decord's library brings a zlib of its own, and an OpenCV that is loaded beside it takes that
    one and can neither read nor write a PNG.
    """
    import cv2  # noqa: F401

    try:
        import decord  # slow to import, and not there on every machine
    except (ImportError, OSError):
        return None
    decord.logging.set_level(decord.logging.QUIET)
    return decord


def open_reader(decord: ModuleType, path: Path, threads: int | None) -> Any:
    """Open decord's reader of a file.

    Raises:
        InputError: if decord cannot read it.
    """
    try:
        return decord.VideoReader(str(path.absolute()), num_threads=threads or default_threads())
    except _errors() as error:
        raise InputError(
            f"expected a video that decord can read, but it cannot read {path}: use --decoder pyav or auto"
        ) from error


def _errors() -> tuple[type[Exception], ...]:
    decord = load_decord()
    own = () if decord is None else (decord.DECORDError, decord.DECORDLimitReachedError)
    return (*own, RuntimeError, StopIteration, AssertionError)


def known_weakness(probe: Probe) -> str | None:
    """Return why decord must not be trusted with such a clip, or None.

    Each of these was measured on clips whose frames carry their number. decord 0.6 shows the frames after an edit
    list's hidden ones and repeats the last one for as many; loses the first group of pictures of transport streams
    and repeats the last frame instead, count and times agreeing; has no times for AVI, where packets without a frame
    of their own count as frames; dithers deeper pixels differently; cannot open AV1 or GIF; holds all frames of a clip
    that is read slower than it decodes.
    """
    if not any(name in probe.container for name in _CONTAINERS):
        return f"decord is not trusted with {probe.container} files"
    if probe.codec not in _CODECS:
        return f"decord is not trusted with {probe.codec}"
    if probe.hidden:
        return f"the clip hides {probe.hidden} frames by an edit list, which decord miscounts"
    if probe.bit_depth > 8:
        return f"decord shows other pixels of {probe.bit_depth}-bit video"
    if probe.orientation.mirrored or probe.interlaced or probe.video_streams > 1:
        return "decord is not trusted with mirrored or interlaced video or several video streams"
    if probe.fault is not None or not probe.matched or probe.frame_count is None:
        return "the clip is damaged or has no reliable times, and only PyAV goes on after damage"
    height, width = probe.size
    ahead = probe.frame_count * height * width * 3
    if ahead > _MOST_AHEAD_BYTES:
        return f"decord decodes ahead without bound, and this clip's frames would take {ahead / 1e6:.0f} MB"
    return None


def disagreement(probe: Probe, reader: Any) -> str | None:
    """Return how decord's count and times differ from PyAV's, or None if they agree."""
    count = len(reader)
    if count != probe.frame_count:
        return f"decord counts {count} frames where PyAV counts {probe.frame_count}"
    times = reader.get_frame_timestamp(range(count))[:, 0]
    expected = np.array([probe.time_s(position) for position in range(count)])
    worst = float(np.abs(times - times[0] - expected).max())
    if not worst <= _TIME_TOLERANCE_S:
        return "decord gives the frames other times than PyAV"
    return None


class DecordSource:
    """A `FrameSource` that decodes with decord: `reader[i]` strictly in order, never a batch, never a seek.

    decord applies rotation by itself. It does not go on after damage: what follows is told as one loss.
    """

    def __init__(self, probe: Probe, info: ClipInfo, reader: Any) -> None:
        self.info = info
        self.losses: list[FrameLoss] = []
        self.warnings: list[str] = []
        self._probe = probe
        self._reader = reader
        self._started = False

    def __iter__(self) -> Iterator[Frame]:
        """Yield every frame that decord counts.

        Raises:
            RuntimeError: when iterated a second time.
            InputError: if decord turns the frames otherwise than PyAV, or gives none.
        """
        if self._started:
            raise RuntimeError("expected to be read once, got a second iteration: open the clip again")
        self._started = True
        count = len(self._reader)
        for index in range(count):
            try:
                rgb = self._reader[index].asnumpy()
            except _errors() as error:
                if index == 0:
                    raise InputError(
                        f"expected frames in {self._probe.path}, but decord decodes none: use --decoder pyav"
                    ) from error
                self.losses.append(
                    FrameLoss(
                        index, "decord does not go on after damage (--decoder pyav does)", count - index
                    )
                )
                return
            if rgb.shape[:2] != self._probe.size:
                raise InputError(
                    f"expected frames of {self._probe.size} (height, width) as PyAV shows them, got {rgb.shape[:2]} "
                    "from decord: use --decoder pyav"
                )
            yield Frame(index, self._time_s(index, count), rgb)

    def close(self) -> None:
        """Release the decoder."""
        self._reader = None

    def _time_s(self, index: int, count: int) -> float:
        if count == self._probe.frame_count:
            return self._probe.time_s(index)
        return float(index / self._probe.fps)
