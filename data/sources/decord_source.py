"""Frames by decord, and what can be said beforehand of whether they can be trusted."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.frames import ClipInfo, Frame, FrameLoss
from yolact_temporal.data.sources import decord_worker
from yolact_temporal.data.sources.patience import DECODE_TIMEOUT_S
from yolact_temporal.data.sources.probe import Probe
from yolact_temporal.data.sources.pyav_source import default_threads
from yolact_temporal.errors import InputError

_CONTAINERS = ("mov", "matroska")
_CODECS = ("h264", "hevc", "vp8", "vp9", "mpeg4")
_TIME_TOLERANCE_S = 0.002
_MOST_AHEAD_BYTES = 64_000_000
"""decord 0.6 decodes ahead without bound: while the network works on a frame, the whole clip ends up in memory."""


def has_decord() -> bool:
    """Return whether decord is installed; it is never loaded into this process."""
    try:
        return importlib.util.find_spec("decord") is not None
    except ValueError:  # somebody put None in its place
        return False


class DecordReader:
    """decord's reader of a file, in a process of its own.

    Measured on two busy cores: 0.35 s for the process to start and import decord, and 2.6 to 3.3 ms to hand over a
    frame of 1280x720 by a pipe, against 7 to 9 ms to decode it. Copying into shared memory and out of it took 1.2 to
    1.4 ms; the pipe was chosen all the same, since it holds decord back, ends with either process, and leaves nothing
    behind.
    """

    def __init__(self, path: Path, threads: int | None, patience_s: float = DECODE_TIMEOUT_S) -> None:
        """Start the worker; the file is not waited for.

        Args:
            path: the file.
            threads: decoding threads.
            patience_s: how long the worker may take for its start or for one frame before it is killed.
        """
        self._path, self._patience_s = path, patience_s
        # As a file and without the package, which takes longer to import; -P keeps the user's folder off the path.
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                decord_worker.__file__,
                str(path.absolute()),
                str(threads or default_threads()),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        self._pipe: BinaryIO = self._process.stdout  # type: ignore[assignment]
        self._times: NDArray[np.float64] | None = None
        self._end = weakref.finalize(self, _end, self._process)

    @property
    def times(self) -> NDArray[np.float64]:
        """Display times in seconds of the frames that decord counts, (N,) float64.

        Raises:
            InputError: if decord cannot read the file, or ended over it.
        """
        if self._times is None:
            try:
                head = json.loads(self._within_patience(self._pipe.readline) or b"{}")
            except ValueError:
                head = {}
            if "times" not in head:
                self.close()
                raise InputError(
                    f"expected a video that decord can read, but it cannot read {self._path}: "
                    "use --decoder pyav or auto"
                )
            self._times = np.array(head["times"], np.float64)
        return self._times

    def next_frame(self) -> NDArray[np.uint8] | None:
        """Return the next frame, uint8 (H, W, 3); None where decord gives no more, or its process has ended."""
        shape = np.frombuffer(self._read(3 * decord_worker.SHAPE.itemsize), decord_worker.SHAPE)
        if len(shape) < 3 or not shape.all():
            return None
        data = self._read(int(np.prod(shape.astype(np.int64))))
        if len(data) < int(np.prod(shape.astype(np.int64))):
            return None
        return np.frombuffer(data, np.uint8).reshape(tuple(int(side) for side in shape))

    def close(self) -> None:
        """End the worker."""
        self._end()

    def _read(self, count: int) -> bytearray:
        buffer = bytearray(count)
        view, filled = memoryview(buffer), 0

        def fill() -> bytes:
            """Read until all bytes are there, or no more come."""
            nonlocal filled
            while filled < count and (got := self._pipe.readinto(view[filled:])):  # type: ignore[attr-defined]
                filled += got
            return b""

        self._within_patience(fill)
        return buffer if filled == count else bytearray()

    def _within_patience(self, read: object) -> bytes:
        watch = threading.Timer(self._patience_s, self._process.kill)
        watch.daemon = True
        watch.start()
        try:
            return read()  # type: ignore[operator, no-any-return]
        finally:
            watch.cancel()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


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
    if probe.fault is not None or probe.doubts or not probe.matched or probe.frame_count is None:
        return "the clip is damaged or has no reliable times, and only PyAV goes on after damage"
    height, width = probe.size
    ahead = probe.frame_count * height * width * 3
    if ahead > _MOST_AHEAD_BYTES:
        return f"decord decodes ahead without bound, and this clip's frames would take {ahead / 1e6:.0f} MB"
    return None


def disagreement(probe: Probe, reader: DecordReader) -> str | None:
    """Return how decord's count and times differ from PyAV's, or None if they agree.

    Raises:
        InputError: if decord cannot read the file.
    """
    times = reader.times
    if len(times) != probe.frame_count:
        return f"decord counts {len(times)} frames where PyAV counts {probe.frame_count}"
    expected = np.array([probe.time_s(position) for position in range(len(times))])
    if not float(np.abs(times - times[0] - expected).max()) <= _TIME_TOLERANCE_S:
        return "decord gives the frames other times than PyAV"
    return None


class DecordSource:
    """A `FrameSource` that decodes with decord: `reader[i]` strictly in order, never a batch, never a seek.

    decord applies rotation by itself. It does not go on after damage, and may repeat frames there: what PyAV found
    damaged and what follows is told as one loss.
    """

    def __init__(
        self, probe: Probe, info: ClipInfo, reader: DecordReader, damaged_at: int | None = None
    ) -> None:
        """Take a probed clip; `damaged_at` is how many frames PyAV decodes before the first fault."""
        self.info = info
        self.losses: list[FrameLoss] = []
        self.warnings: list[str] = list(probe.remarks)
        self._probe = probe
        self._reader = reader
        self._damaged_at = damaged_at
        self._started = False

    def __iter__(self) -> Iterator[Frame]:
        """Yield every frame that decord counts, up to damage.

        Raises:
            RuntimeError: when iterated a second time.
            InputError: if decord turns the frames otherwise than PyAV, or gives none.
        """
        if self._started:
            raise RuntimeError("expected to be read once, got a second iteration: open the clip again")
        self._started = True
        try:
            yield from self._frames()
        finally:
            self.close()

    def _frames(self) -> Iterator[Frame]:
        counted = len(self._reader.times)
        promised = max(counted, self._probe.frame_count or 0, self._probe.promised or 0)
        end = counted if self._damaged_at is None else min(counted, self._damaged_at)
        for index in range(end):
            rgb = self._reader.next_frame()
            if rgb is None:
                end = index
                break
            if rgb.shape[:2] != self._probe.size:
                raise InputError(
                    f"expected frames of {self._probe.size} (height, width) as PyAV shows them, got {rgb.shape[:2]} "
                    "from decord: use --decoder pyav"
                )
            yield Frame(index, self._time_s(index, counted), rgb)
        if not end:
            raise InputError(
                f"expected frames in {self._probe.path}, but decord decodes none: use --decoder pyav"
            )
        if end < promised:
            reason = "decord does not go on after damage (--decoder pyav does)"
            self.losses.append(FrameLoss(end, reason, promised - end))

    def close(self) -> None:
        """End the decoder's process."""
        self._reader.close()

    def _time_s(self, index: int, count: int) -> float:
        if count == self._probe.frame_count:
            return self._probe.time_s(index)
        return float(index / self._probe.fps)
