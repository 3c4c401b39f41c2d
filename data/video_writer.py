"""Frames into an H.264 video that browsers play."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.error
import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.files import (
    WholeOrNothing,
    create_part,
    finish_part,
    part_path,
    remove_part,
    space_for,
)

_TIME_BASE = Fraction(1, 90_000)
_BT601, _LIMITED_RANGE = 6, 1
"""What OpenCV converts to, in FFmpeg's numbers; written into the file so that players need not guess."""


class VideoWriter(WholeOrNothing):
    """Writes RGB frames as H.264, yuv420p, in an MP4 with its index in front.

    The file appears under its name when it is whole: on `close()`, or at the end of a `with` block that ended well.
    After an error nothing is left of it; without a frame none is made.

    Args:
        path: the MP4; its folder must exist.
        size: (height, width) of the frames. An odd edge is padded by repeating its last row or column, since yuv420p
            has even sides only.
        fps: frames a second, for the encoder's rate control and the last frame's duration; the frames' own
            times are kept.
        preset: x264's; "veryfast" costs about 6 ms of processor time for a 480p frame.
        crf: x264's quality, 0 (lossless) to 51.
        threads: encoding threads; by default half the cores, four at most, since the network needs the others.

    Raises:
        ValueError: for a size or rate that is not positive.
        OutOfSpaceError: when opening, writing or closing, if the disk is full.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     clip = Path(folder) / "clip.mp4"
        ...     with VideoWriter(clip, size=(48, 64), fps=24) as video:
        ...         for index in range(5):
        ...             video.write(np.full((48, 64, 3), 40 * index, np.uint8), index / 24)
        ...     print(clip.stat().st_size > 0)
        True
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: Fraction | float,
        preset: str = "veryfast",
        crf: float = 23,
        threads: int | None = None,
    ) -> None:
        if min(size) < 1 or not fps > 0:
            raise ValueError(f"expected a positive size and rate, got {size} and {fps}")
        self._path = path
        self._size = size
        height, width = size
        self._padded: NDArray[np.uint8] | None = None
        if height % 2 or width % 2:
            self._padded = np.empty((height + height % 2, width + width % 2, 3), np.uint8)
        self._first_time_s = 0.0
        self._last_pts = -1
        self._container: av.container.OutputContainer | None = None
        rate = Fraction(fps).limit_denominator(100_000)
        self._duration = max(1, round(1 / rate / _TIME_BASE))
        with space_for(path):
            os.close(create_part(path))  # the encoder opens it by its name, which is now a plain file's
        with self._removed_on_error():
            self._container = av.open(
                str(part_path(path)), "w", format="mp4", options={"movflags": "faststart"}
            )
            stream = self._container.add_stream(
                "libx264", rate=rate, options={"preset": preset, "crf": str(crf)}
            )
            stream.height, stream.width = height + height % 2, width + width % 2
            stream.pix_fmt = "yuv420p"
            context = stream.codec_context
            context.time_base = stream.time_base = _TIME_BASE
            context.thread_count = threads or min(4, max(1, (os.cpu_count() or 1) // 2))
            context.colorspace, context.color_range = _BT601, _LIMITED_RANGE
            self._stream = stream

    def write(self, rgb: NDArray[np.uint8], time_s: float) -> None:
        """Append a frame, uint8 (H, W, 3), shown `time_s` seconds into the clip.

        The video starts with its first frame, so times count from that one's. A time that is not after the last
        frame's is moved to just after it.

        Raises:
            ValueError: if the frame has another size or type, or the writer is closed.
        """
        if self._container is None:
            raise ValueError(f"expected an open writer, but {self._path} is closed")
        if rgb.shape != (*self._size, 3) or rgb.dtype != np.uint8:
            raise ValueError(
                f"expected uint8 frames of shape {(*self._size, 3)}, got {rgb.dtype} {rgb.shape}"
            )
        if self._last_pts < 0:
            self._first_time_s = time_s
        pts = max(self._last_pts + 1, round((time_s - self._first_time_s) / _TIME_BASE))
        self._last_pts = pts
        planes = np.asarray(cv2.cvtColor(self._even(rgb), cv2.COLOR_RGB2YUV_I420), np.uint8)
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = pts, _TIME_BASE
        frame.duration = self._duration
        frame.colorspace, frame.color_range = _BT601, _LIMITED_RANGE
        with self._removed_on_error():
            self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Write what is left and put the file in its place; does nothing when already closed."""
        if self._container is None:
            return
        if self._last_pts < 0:
            self.abandon()
            return
        with self._removed_on_error():
            self._container.mux(self._stream.encode(None))
            self._container.close()
            self._container = None
            finish_part(self._path)

    def abandon(self) -> None:
        """Give up the file and remove what was written of it."""
        container, self._container = self._container, None
        if container is not None:
            with contextlib.suppress(OSError, av.error.FFmpegError):
                container.close()
        remove_part(self._path)

    @contextlib.contextmanager
    def _removed_on_error(self) -> Iterator[None]:
        try:
            with space_for(self._path):
                yield
        except BaseException as error:
            self.abandon()
            if isinstance(error, FileNotFoundError):  # FFmpeg's does not say which file
                raise FileNotFoundError(error.errno, error.strerror, str(part_path(self._path))) from error
            raise

    def _even(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self._padded is None:
            return rgb
        height, width = self._size
        self._padded[:height, :width] = rgb
        self._padded[height:, :width] = rgb[-1:]
        self._padded[:, width:] = self._padded[:, width - 1 : width]
        return self._padded
