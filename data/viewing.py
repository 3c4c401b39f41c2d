"""Single frames of a clip by their index, for looking at; measuring reads a clip once, forward.

A seek can land on the wrong frame (edit lists, B-frames, open groups of pictures). Here a sought frame is taken only if
it carries the display time that the frame of this index has, and if decoding began at a key frame before it; wherever
that cannot be checked, the clip is read from its start.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Protocol

import av
import av.container
import av.error
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.frames import Frame, FrameSource
from yolact_temporal.data.photo_film import PhotoFilm
from yolact_temporal.data.runs.clip import locate_clip, require_same
from yolact_temporal.data.runs.manifest import ClipDescription
from yolact_temporal.data.sources import open_clip
from yolact_temporal.data.sources.image_folder import image_paths, read_rgb
from yolact_temporal.data.sources.opening import open_container, video_stream
from yolact_temporal.data.sources.probe import Probe, probe_clip
from yolact_temporal.data.sources.structure import sha256_of
from yolact_temporal.errors import InputError

Rgb = NDArray[np.uint8]

_KEPT_BYTES = 96 << 20
_NEAR = 48
"""Frames ahead that are sooner decoded than sought."""


class _Reader(Protocol):
    """Gives a frame by its index, in any order."""

    def read(self, index: int) -> Rgb | None:
        """Return a frame, uint8 (H, W, 3) RGB; None if it cannot be decoded or is not there."""

    def close(self) -> None:
        """Release what is open; reading opens it again."""


class ClipViewer:
    """Frames of one clip in any order; the last ones are kept, within a fixed amount of memory.

    May be shared by threads. `film` is the synthetic film where the clip is one, else None.
    """

    def __init__(self, reader: _Reader, film: PhotoFilm | None = None) -> None:
        self.film = film
        self._reader = reader
        self._lock = Lock()
        self._kept: OrderedDict[int, Rgb] = OrderedDict()
        self._bytes = 0

    def frame(self, index: int) -> Rgb | None:
        """Return a frame, uint8 (H, W, 3) RGB, not to be changed; None if it cannot be decoded or is not there.

        Raises:
            InputError: if the clip cannot be read any more.
        """
        with self._lock:
            found = self._kept.get(index)
            if found is not None:
                self._kept.move_to_end(index)
                return found
            rgb = self._reader.read(index) if index >= 0 else None
            if rgb is not None:
                rgb.setflags(write=False)
                self._kept[index] = rgb
                self._bytes += rgb.nbytes
                while self._bytes > _KEPT_BYTES and len(self._kept) > 1:
                    self._bytes -= self._kept.popitem(last=False)[1].nbytes
            return rgb

    def close(self) -> None:
        """Release the decoder."""
        with self._lock:
            self._reader.close()


def view_clip(clip: ClipDescription) -> ClipViewer:
    """Open a clip that was analyzed, to look at single frames of it.

    Args:
        clip: as the run's manifest has it.

    Raises:
        InputError: if it is not there, cannot be read, or is another one by now.
    """
    place = locate_clip(clip)
    if place is None and not clip.path:
        raise InputError(
            "expected a clip to look at, got a run of masks whose frames lie in no file: measure them again with "
            "--clip, or from Python with frames_folder"
        )
    if place is None:
        raise InputError(
            f"expected the clip at {clip.path}, found none there: bring it back to look at its frames"
        )
    if isinstance(place, PhotoFilm):
        return ClipViewer(_FilmReader(place), place)
    folder = place.is_dir()
    paths = image_paths(place) if folder else [place]
    require_same(clip, sha256_of(paths, with_names=folder))
    if folder:
        return ClipViewer(_ImageReader(paths))
    probe = probe_clip(place)
    sought = probe.matched and probe.fault is None and len(probe.ticks) > 0
    return ClipViewer(_SeekingReader(probe) if sought else _ForwardReader(place))


class _FilmReader:
    """Renders frames of a synthetic film."""

    def __init__(self, film: PhotoFilm) -> None:
        self._film = film

    def read(self, index: int) -> Rgb | None:
        """Return a frame; None if it is not there."""
        return self._film.render(index) if index < len(self._film) else None

    def close(self) -> None:
        """Do nothing: nothing stays open."""


class _ImageReader:
    """Reads the images of a folder, one a frame."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths

    def read(self, index: int) -> Rgb | None:
        """Return a frame; None if it is not there or its image cannot be read."""
        try:
            return read_rgb(self._paths[index]) if index < len(self._paths) else None
        except (OSError, ValueError, SyntaxError):
            return None

    def close(self) -> None:
        """Do nothing: nothing stays open."""


class _ForwardReader:
    """Reads from the start to the frame asked for, and goes on from there for later ones."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._source: FrameSource | None = None
        self._frames: Iterator[Frame] = iter(())
        self._waiting: Frame | None = None

    def read(self, index: int) -> Rgb | None:
        """Return a frame, reading anew from the start where it lies behind; None if it does not come."""
        if self._source is None or self._waiting is None or self._waiting.index > index:
            self.close()
            self._source = open_clip(self._path, decoder="pyav")
            self._frames = iter(self._source)
            self._waiting = next(self._frames, None)
        while self._waiting is not None and self._waiting.index < index:
            self._waiting = next(self._frames, None)
        found = self._waiting
        return found.rgb if found is not None and found.index == index else None

    def close(self) -> None:
        """Release the decoder."""
        if self._source is not None:
            self._source.close()
        self._source, self._waiting = None, None


class _SeekingReader:
    """Seeks to the key frame before the frame asked for and decodes up to it, told by its display time."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._container: av.container.InputContainer | None = None
        self._decoded: Iterator[av.VideoFrame] = iter(())
        self._next = -1
        self._passed: OrderedDict[int, av.VideoFrame] = OrderedDict()

    def read(self, index: int) -> Rgb | None:
        """Return a frame: of those decoded last, by decoding on, by a seek that can be checked, or from the start."""
        if index >= len(self._probe.ticks):
            return None
        passed = self._passed.get(index)
        if passed is not None:
            return self._upright(passed)
        if 0 <= self._next <= index <= self._next + _NEAR:
            found = self._advance(index)
            if found is not None:
                return self._upright(found)
        for back in (0, 64, 512):
            if self._seek(max(index - back, 0)) and (found := self._advance(index)) is not None:
                return self._upright(found)
            if index <= back:
                break
        self._open()
        found = self._advance(index)
        return None if found is None else self._upright(found)

    def close(self) -> None:
        """Release the decoder and the frames that are kept."""
        if self._container is not None:
            self._container.close()
        self._container, self._next = None, -1
        self._decoded = iter(())
        self._passed.clear()

    def _open(self) -> None:
        self.close()
        self._container = open_container(self._probe.path)
        stream = video_stream(self._container)
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = 2
        self._decoded = self._frames(self._container)
        self._next = 0

    def _frames(self, container: av.container.InputContainer) -> Iterator[av.VideoFrame]:
        stream = video_stream(container)
        try:
            for packet in container.demux(stream):
                try:
                    yield from stream.decode(packet)
                except av.error.FFmpegError:
                    continue
        except av.error.FFmpegError:
            return

    def _seek(self, index: int) -> bool:
        """Go to the key frame before a frame; False if the decoder then begins elsewhere."""
        self._open()
        if index == 0 or self._container is None:
            return True
        stream = video_stream(self._container)
        try:
            self._container.seek(self._probe.ticks[index], stream=stream, backward=True, any_frame=False)
        except av.error.FFmpegError:
            return False
        self._decoded = self._frames(self._container)
        first = next(self._decoded, None)
        if first is None or first.pts is None or not first.key_frame or first.pts > self._probe.ticks[index]:
            return False
        place = self._place(first)
        if place is None:
            return False
        self._keep(place, first)
        self._next = place + 1
        return True

    def _advance(self, index: int) -> av.VideoFrame | None:
        """Decode up to a frame; None if it does not come."""
        if index in self._passed:
            return self._passed[index]
        for frame in self._decoded:
            place = self._place(frame)
            if place is None:
                continue
            self._keep(place, frame)
            self._next = place + 1
            if place == index:
                return frame
            if place > index:
                return None
        return None

    def _place(self, frame: av.VideoFrame) -> int | None:
        ticks = self._probe.ticks
        if frame.pts is None or frame.is_corrupt:
            return None
        place = bisect_left(ticks, frame.pts)
        return place if place < len(ticks) and ticks[place] == frame.pts else None

    def _keep(self, place: int, frame: av.VideoFrame) -> None:
        self._passed[place] = frame
        height, width = self._probe.size
        most = max(4, min(64, _KEPT_BYTES // (height * width * 2)))
        while len(self._passed) > most:
            self._passed.popitem(last=False)

    def _upright(self, frame: av.VideoFrame) -> Rgb:
        turned = not self._probe.orientation.a
        height, width = self._probe.size[::-1] if turned else self._probe.size
        rgb = frame.to_ndarray(format="rgb24", width=width, height=height)
        return np.ascontiguousarray(self._probe.orientation.upright(np.asarray(rgb, np.uint8)))
