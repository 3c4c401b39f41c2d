"""What PyAV knows of a clip from one pass over its packets, decoding nothing but the first frame."""

from __future__ import annotations

import itertools
from array import array
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import av.container
import av.error
import av.video.stream

from yolact_temporal.data.sources.orientation import Orientation
from yolact_temporal.data.sources.structure import lacks_index, structural_fault
from yolact_temporal.errors import InputError

_NO_VIDEO_FORMATS = {"tty", "hls", "dash", "concat", "sdp", "rtsp", "ffmetadata", "lavfi"}
"""Demuxers that take text for video, or that would read other files than the one given."""

_PACKED_BITSTREAM_MARK = 19
"""MPEG-4 packets up to this size in AVI may stand for no frame of their own (as in FFmpeg's decoder)."""

_LONGEST_HOLE = 1_000
"""Frames missing in a row beyond which a gap in times is a pause rather than a loss."""


@dataclass(frozen=True)
class Probe:
    """What is known of a video file before its frames are decoded.

    Attributes:
        path: the file.
        size: (height, width) of the upright frame.
        orientation: how stored frames are made upright.
        codec, container: FFmpeg's names.
        bit_depth: of the luma.
        interlaced: whether the first frame says so.
        video_streams: how many the file has; the first is read.
        time_base: seconds a tick.
        ticks: display times of the frames in ascending order, in ticks.
        matched: whether a decoded frame's own time is one of `ticks`; otherwise frames and ticks go by order.
        frame_count: displayed frames; None where only decoding can tell.
        hidden: frames hidden by an edit list.
        fps: average displayed frames a second.
        variable_rate: whether the gaps between frames differ.
        fault: how the file is cut short or unreadable from some place on; None if nothing shows it.
        promised: frames the container's header speaks of where `fault` is set and they are more than were found.
    """

    path: Path
    size: tuple[int, int]
    orientation: Orientation
    codec: str
    container: str
    bit_depth: int
    interlaced: bool
    video_streams: int
    time_base: Fraction
    ticks: array[int]
    matched: bool
    frame_count: int | None
    hidden: int
    fps: Fraction
    variable_rate: bool
    fault: str | None
    promised: int | None

    def time_s(self, position: int) -> float:
        """Return when the frame at this place in display order is shown, from the first one on."""
        if position < len(self.ticks):
            return float((self.ticks[position] - self.ticks[0]) * self.time_base)
        if not self.ticks:
            return float(position / self.fps)
        beyond = position - len(self.ticks) + 1
        return self.time_s(len(self.ticks) - 1) + float(beyond / self.fps)


def open_container(path: Path) -> av.container.InputContainer:
    """Open a video file with FFmpeg, and nothing but this file.

    Raises:
        InputError: if it is not a video, or one without an index.
    """
    try:
        # "file:" keeps names such as "a:b.mp4" from being taken for a protocol, the whitelist keeps playlists at home.
        container = av.open(f"file:{path.absolute()}", options={"protocol_whitelist": "file"})
    except (av.error.FFmpegError, ValueError, UnicodeError) as error:
        if lacks_index(path):
            raise InputError(
                f"expected a whole video, but {path} has no index (moov box): it is truncated or its recording never "
                "ended; copy it again or repair it"
            ) from error
        raise _not_a_video(path) from error
    if container.format.name in _NO_VIDEO_FORMATS:
        container.close()
        raise _not_a_video(path)
    return container


def video_stream(container: av.container.InputContainer) -> av.video.stream.VideoStream:
    """Return the stream that is read: the first of moving pictures (a cover picture is none).

    Raises:
        InputError: if the file has none.
    """
    streams = _video_streams(container)
    if not streams:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "no stream"
        path = str(container.name).removeprefix("file:")
        raise InputError(f"expected a video stream in {path}, found only {kinds}: give a file with pictures")
    return streams[0]


def probe_clip(path: Path) -> Probe:
    """Count a clip's displayed frames and their times by reading its packets, and decode its first frame.

    Raises:
        InputError: if it is not a video, has no video stream, or yields no frame at all.
    """
    with open_container(path) as container:
        stream = video_stream(container)
        packets = _Packets()
        packets.read(container, stream)
        fault = structural_fault(path) or packets.fault
        video_streams = len(_video_streams(container))
        average = stream.average_rate or stream.guessed_rate
        ticks = packets.display_ticks(container.format.name)
        # A transport stream has no rate but its own times, and stations and cameras keep it constant.
        if fault is not None or packets.damaged or container.format.name == "mpegts":
            found, ticks = len(ticks), fill_gaps(ticks)
            if fault is None and len(ticks) > found:
                fault = f"{len(ticks) - found} frames are missing from the sequence of times"
        counted = not (
            container.format.name == "avi" and _codec_name(stream) == "mpeg4" and packets.has_marks
        )
        fps, variable = _rate(ticks, stream.time_base or Fraction(1, 1000), average)
        promised = None
        if fault is not None:
            promised = stream.frames - packets.hidden
            if not stream.frames and "matroska" in container.format.name and container.duration:
                promised = round(container.duration * fps / 1_000_000)
        name, codec = container.format.name, _codec_name(stream)
        time_base = stream.time_base or 1 / fps
    frame = _first_frame(path)
    matrix = frame.side_data.get("DISPLAYMATRIX")
    orientation = (
        Orientation() if matrix is None else Orientation.from_display_matrix(bytes(cast(Any, matrix)))
    )
    size = (frame.height, frame.width) if orientation.a else (frame.width, frame.height)
    count = len(ticks) or packets.count
    return Probe(
        path=path,
        size=size,
        orientation=orientation,
        codec=codec,
        container=name,
        bit_depth=frame.format.components[0].bits,
        interlaced=frame.interlaced_frame,
        video_streams=video_streams,
        time_base=time_base,
        ticks=ticks,
        matched=packets.times_are_frames(name),
        frame_count=count if counted else None,
        hidden=packets.hidden,
        fps=fps,
        variable_rate=variable,
        fault=fault,
        promised=promised if promised is not None and promised > count else None,
    )


class _Packets:
    """The packets of one stream, boiled down to what their frames' display times need."""

    def __init__(self) -> None:
        self.count = 0
        self.hidden = 0
        self.has_marks = False
        self.damaged = False
        self.fault: str | None = None
        self._presented = array("q")
        self._decoded = array("q")
        self._first_key: int | None = None

    def read(self, container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> None:
        try:
            for packet in container.demux(stream):
                if not packet.size:
                    continue
                self.damaged |= packet.is_corrupt
                self.has_marks |= packet.size <= _PACKED_BITSTREAM_MARK
                if self._first_key is None and packet.is_keyframe and packet.pts is not None:
                    self._first_key = packet.pts
                if packet.is_discard:
                    self.hidden += 1
                    continue
                self.count += 1
                if packet.pts is not None:
                    self._presented.append(packet.pts)
                if packet.dts is not None:
                    self._decoded.append(packet.dts)
        except av.error.FFmpegError as error:
            self.fault = f"reading stopped early ({error.strerror})"

    def times_are_frames(self, container: str) -> bool:
        """Return whether each packet has the display time of its frame (AVI has none: FFmpeg makes them up)."""
        times = self._presented
        return container != "avi" and len(times) == self.count > 0 and len(set(times)) == self.count

    def display_ticks(self, container: str) -> array[int]:
        """Return the display times in order; empty if there are none.

        Decoding times in order stand in for missing display times. Frames before the first keyframe cannot be
        decoded, so no player shows them.
        """
        if self.times_are_frames(container):
            first = self._first_key
            return array("q", sorted(tick for tick in self._presented if first is None or tick >= first))
        if len(self._decoded) == self.count:
            return array("q", sorted(self._decoded))
        return array("q")


def fill_gaps(ticks: array[int]) -> array[int]:
    """Return display times with those put in that are missing from an otherwise constant rate.

    For damaged files, whose demuxer steps over broken packets in silence: so the lost frames are counted and the
    others keep their places. Times at a variable rate are returned as they are.
    """
    gaps = [later - earlier for earlier, later in itertools.pairwise(ticks)]
    if not gaps:
        return ticks
    usual = sorted(gaps)[len(gaps) // 2]
    slack = max(2, usual // 10)
    if usual <= 0 or sum(abs(gap - usual) <= slack for gap in gaps) < 0.8 * len(gaps):
        return ticks
    filled = array("q", ticks[:1])
    for tick, gap in zip(ticks[1:], gaps, strict=True):
        steps = round(gap / usual)
        if 1 < steps <= _LONGEST_HOLE and abs(gap - steps * usual) <= slack:
            filled.extend(tick - gap + round(step * gap / steps) for step in range(1, steps))
        filled.append(tick)
    return filled


def _video_streams(container: av.container.InputContainer) -> list[av.video.stream.VideoStream]:
    return [
        stream
        for stream in container.streams.video
        if not stream.disposition & av.stream.Disposition.attached_pic
    ]


def _first_frame(path: Path) -> av.VideoFrame:
    with open_container(path) as container:
        stream = video_stream(container)
        reason = "it holds no packet"
        for packet in container.demux(stream):
            try:
                decoded = stream.decode(packet)
            except av.error.FFmpegError as error:
                reason = error.strerror or str(error)
                continue
            for frame in decoded:
                if not frame.is_corrupt:
                    return frame
                reason = "all its frames are damaged"
    raise InputError(
        f"expected at least one frame in {path}, but none can be decoded ({reason}): copy or record it again"
    )


def _rate(ticks: array[int], time_base: Fraction, average: Fraction | None) -> tuple[Fraction, bool]:
    """Return frames a second, and whether the gaps differ by more than rounding to ticks explains."""
    assumed = average if average else Fraction(30)
    if len(ticks) < 2 or ticks[-1] == ticks[0]:
        return assumed, False
    measured = (len(ticks) - 1) / ((ticks[-1] - ticks[0]) * time_base)
    # The header's rate is the exact one where the container rounds times, as Matroska does to milliseconds.
    agree = abs(measured / assumed - 1) < Fraction(1, 200)
    gaps = [later - earlier for earlier, later in itertools.pairwise(ticks)]
    variable = max(gaps) - min(gaps) > max(2, sorted(gaps)[len(gaps) // 2] // 10)
    return (assumed if agree else measured.limit_denominator(100_000)), variable


def _not_a_video(path: Path) -> InputError:
    return InputError(
        f"expected a video file, but {path} is not one that can be read: give a video or a folder of images"
    )


def _codec_name(stream: av.video.stream.VideoStream) -> str:
    """Return the format's name whatever the decoder is called: av1, not libdav1d."""
    codec = stream.codec_context.codec
    return getattr(codec, "canonical_name", None) or codec.name
