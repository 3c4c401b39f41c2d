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
from av.codec.context import Flags

from yolact_temporal.data.sources.avi import AviPictures, avi_pictures
from yolact_temporal.data.sources.mp4 import TableFault, track_tables
from yolact_temporal.data.sources.orientation import Orientation
from yolact_temporal.data.sources.packets import Packets, Schedule, with_gaps_filled, with_start
from yolact_temporal.data.sources.structure import Break, lacks_index, structural_break
from yolact_temporal.errors import InputError

_NO_VIDEO_FORMATS = {"tty", "hls", "dash", "concat", "sdp", "rtsp", "ffmetadata", "lavfi"}
"""Demuxers that take text for video, or that would read other files than the one given."""

_TELL_LENGTH = ("matroska", "flv", "asf")
"""Containers whose header tells how long they are, but not how many frames they hold."""

_HIGH_RANGE = {16, 18}
"""Transfer functions, as FFmpeg numbers them: PQ (SMPTE 2084) and HLG (ARIB B67)."""

_DEBRIS = 2
"""Packets of few bytes that damage may leave behind."""

_CONSTANT_RATE = {"mpegts", "mpeg"}
"""Containers without a rate but their times: stations, discs and cameras keep it constant."""


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
        schedule: when the packets' frames are shown.
        frame_count: displayed frames; None where only decoding can tell.
        hidden: frames hidden by an edit list.
        fps: average displayed frames a second.
        variable_rate: whether the gaps between frames differ.
        fault: how the file is cut short, broken or at odds with itself; None if nothing shows it.
        promised: frames the container speaks of where `fault` is set and they are more than were found.
        doubts: what of the container is at odds with the rest but costs no frame, as clauses.
        ignores_edits: whether the file is to be read without its edit list.
        remarks: what a person should know of how the pictures are stored, as sentences.
        open_start, open_end: whether frames are missing there in a number that nothing tells.
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
    schedule: Schedule
    frame_count: int | None
    hidden: int
    fps: Fraction
    variable_rate: bool
    fault: str | None
    promised: int | None
    doubts: tuple[str, ...] = ()
    ignores_edits: bool = False
    remarks: tuple[str, ...] = ()
    open_start: bool = False
    open_end: bool = False

    @property
    def ticks(self) -> array[int]:
        """Display times of the frames in ascending order, in ticks."""
        return self.schedule.ticks

    @property
    def matched(self) -> bool:
        """Whether each packet tells its frame's own place; otherwise frames go by the order in which they come."""
        return self.schedule.places is not None

    def time_s(self, position: int) -> float:
        """Return when the frame at this place in display order is shown, from the first one on."""
        if position < len(self.ticks):
            return float((self.ticks[position] - self.ticks[0]) * self.time_base)
        if not self.ticks:
            return float(position / self.fps)
        beyond = position - len(self.ticks) + 1
        return self.time_s(len(self.ticks) - 1) + float(beyond / self.fps)


def open_container(path: Path, ignores_edits: bool = False) -> av.container.InputContainer:
    """Open a video file with FFmpeg, and nothing but this file; `ignores_edits`: show what its edit list hides, too.

    Raises:
        InputError: if it is not a video, or one without an index.
    """
    try:
        # "file:" keeps names such as "a:b.mp4" from being taken for a protocol, the whitelist keeps playlists at home.
        options = {"protocol_whitelist": "file"} | ({"ignore_editlist": "1"} if ignores_edits else {})
        container = av.open(f"file:{path.absolute()}", options=options)
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
        path = container.name.removeprefix("file:")
        raise InputError(f"expected a video stream in {path}, found only {kinds}: give a file with pictures")
    # PyAV leaves the decoder out where FFmpeg has none.
    if cast(Any, streams[0]).codec_context is None:
        raise InputError(
            f"expected video that can be decoded in {container.name.removeprefix('file:')}, but its pictures cannot be "
            "decoded: unknown or encrypted codec; convert it to H.264 first"
        )
    return streams[0]


def probe_clip(path: Path) -> Probe:
    """Count a clip's displayed frames and their times by reading its packets, and decode its first frame.

    Raises:
        InputError: if it is not a video, has no video stream, or yields no frame at all.
    """
    with open_container(path) as container:
        video_stream(container)  # that there is one to decode comes before what is wrong with its tables
    tables = track_tables(path)
    table = None if tables is None else tables.fault
    if table is not None and table.unreadable:
        raise InputError(
            f"expected a video whose tables agree, but in {path} {table.reason}: copy it again or repair it"
        )
    # An edit list hides frames; where it, or the times it goes by, are at odds with the rest, better too many than few.
    ignores_edits = table is not None and (table.distrusts_edits or table.distrusts_order or table.even_ticks is not None)
    first = _first_frame(path, ignores_edits)
    with open_container(path, ignores_edits) as container:
        stream = video_stream(container)
        name, codec = container.format.name, _codec_name(stream)
        packets = Packets()
        packets.read(container, stream, name == "mpeg" and codec in {"mpeg1video", "mpeg2video"})
        pictures = avi_pictures(path) if name == "avi" else None
        broken = structural_break(path)
        fault = (broken and broken.reason) or packets.fault or (pictures and pictures.fault) or None
        if fault is None and tables is not None and not tables.trimmed and tables.samples > len(packets):
            fault = f"reading ended after {len(packets)} of {tables.samples} frames"
        if fault is None and pictures is not None and len(packets) < len(pictures.numbers):
            fault = f"only {len(packets)} of {len(pictures.numbers)} frames can be reached"
        schedule = _schedule(packets, stream, table, pictures, first)
        ended = _missing_at_end(container, schedule, stream)
        if fault is None and ended is not None and ended > 1:
            fault = f"its header speaks of {ended} frames more"
        short = table is not None and (table.samples or 0) - packets.hidden > packets.count
        doubted = table is None and (fault or packets.damaged or name in _CONSTANT_RATE)
        if (doubted or short) and name != "avi":
            found, schedule = len(schedule.ticks), with_gaps_filled(schedule)
            if fault is None and len(schedule.ticks) > found:
                fault = f"{len(schedule.ticks) - found} frames are missing from the sequence of times"
        starts_broken = broken is not None and packets.lie_behind(broken.first)
        if starts_broken and ended is not None and stream.average_rate and stream.time_base:
            schedule = with_start(schedule, 0, round(1 / (stream.average_rate * stream.time_base)))
            starts_broken = False
        count = len(schedule.ticks) or packets.count
        time_base = stream.time_base or Fraction(1, 1000)
        fps, variable = _rate(schedule.ticks, time_base, stream.average_rate or stream.guessed_rate)
        doubts: tuple[str, ...] = ()
        promised = None
        if table is not None and table.samples is not None:
            promised = table.samples - packets.hidden
            if promised <= count and fault is None:
                doubts = (table.reason,)
        if table is not None and not doubts:
            fault = fault or table.reason
        if fault is not None and promised is None:
            promised = _promised(stream, packets, pictures, count, ended)
        if tables is not None and not tables.trimmed and fault is not None:
            promised = max(promised or 0, tables.samples)
        video_streams = len(_video_streams(container))
        counts = tables is not None or pictures is not None or ended is not None or stream.frames > 0
        ends_broken = broken is not None and packets.lie_before(broken.last)
        skips_marks = name == "avi" and _is_packed(packets, codec, pictures)
        time_base = stream.time_base or 1 / fps
        remarks = _remarks(stream, first.frame)
    frame = first.frame
    orientation = _orientation(frame)
    return Probe(
        path=path,
        size=(frame.height, frame.width) if orientation.a else (frame.width, frame.height),
        orientation=orientation,
        codec=codec,
        container=name,
        bit_depth=frame.format.components[0].bits,
        interlaced=frame.interlaced_frame,
        video_streams=video_streams,
        time_base=time_base,
        schedule=schedule,
        frame_count=None if skips_marks else count,
        hidden=packets.hidden,
        fps=fps,
        variable_rate=variable,
        fault=fault,
        promised=promised if promised is not None and promised > count else None,
        doubts=doubts,
        ignores_edits=ignores_edits,
        remarks=remarks,
        open_start=starts_broken and not counts,
        open_end=ends_broken and not counts,
    )


def _schedule(
    packets: Packets,
    stream: av.video.stream.VideoStream,
    table: TableFault | None,
    pictures: AviPictures | None,
    first: _First,
) -> Schedule:
    reorders = bool(stream.codec_context.has_b_frames)
    found: Schedule | None = None
    if pictures is not None:
        packed = _is_packed(packets, _codec_name(stream), pictures)
        found = None if packed else packets.avi_schedule(pictures, reorders)
        if found is None:
            found = packets.schedule(reorders, trusts_order=False)
            found = Schedule(found.ticks, None) if packed else found
    elif table is not None and table.even_ticks is not None:
        found = packets.even_schedule(table.even_ticks)
    else:
        found = packets.mpeg_schedule()
    if found is not None:
        return found
    trusts_order = table is None or not table.distrusts_order
    # Frames before the first keyframe are no part of the clip, unless it is damage that makes the keyframe a later one.
    start = 0 if first.after_damage else first.packet if first.frame.key_frame else None
    return packets.schedule(reorders, trusts_order, start)


def _remarks(stream: av.video.stream.VideoStream, frame: av.VideoFrame) -> tuple[str, ...]:
    """Return what a viewer of a clip would do and a measurement does not."""
    aspect = stream.sample_aspect_ratio
    said = []
    if aspect is not None and aspect > 0 and aspect != 1:
        said.append(
            f"the clip's pixels are not square ({aspect.numerator}:{aspect.denominator}): they are measured as they "
            "are stored"
        )
    if frame.interlaced_frame:
        said.append("the clip is interlaced: moving edges are combed, which is measured as jitter; deinterlace it first")
    if int(getattr(stream.codec_context, "color_trc", 0) or 0) in _HIGH_RANGE:
        said.append("the clip is of high dynamic range: its pictures are shown flat, as models were not trained on them")
    return tuple(said)


def _is_packed(packets: Packets, codec: str, pictures: AviPictures | None) -> bool:
    """Return whether some of an AVI's packets stand for frames that lie in others; in a broken file few are debris."""
    broken = pictures is not None and pictures.fault is not None
    return codec == "mpeg4" and packets.marks > (_DEBRIS if broken else 0)


def _promised(
    stream: av.video.stream.VideoStream,
    packets: Packets,
    pictures: AviPictures | None,
    count: int,
    ended: int | None,
) -> int | None:
    """Return how many frames a damaged file's header speaks of, as far as it does."""
    if pictures is not None:
        return pictures.promised
    if stream.frames:
        return stream.frames - packets.hidden
    return None if ended is None else count + max(ended, 0)


def _missing_at_end(
    container: av.container.InputContainer, schedule: Schedule, stream: av.video.stream.VideoStream
) -> int | None:
    """Return how many frames would fit between the last one and the end that a container's header tells.

    None where the header tells none, where another stream may be the longer one, or where the rate varies.
    """
    told = any(name in container.format.name for name in _TELL_LENGTH)
    rate, time_base, ticks = stream.average_rate, stream.time_base, schedule.ticks
    if not told or not container.duration or len(container.streams) > 1 or not rate or not time_base or not ticks:
        return None
    gaps = [later - earlier for earlier, later in itertools.pairwise(ticks)]
    usual = 1 / (rate * time_base)
    if usual < 2 or sum(abs(gap - usual) <= max(2, usual / 10) for gap in gaps) < 0.8 * len(gaps):
        return None
    return round((Fraction(container.duration, 1_000_000) - ticks[-1] * time_base) * rate) - 1


def _video_streams(container: av.container.InputContainer) -> list[av.video.stream.VideoStream]:
    return [
        stream
        for stream in container.streams.video
        if not stream.disposition & av.stream.Disposition.attached_pic
    ]


@dataclass(frozen=True)
class _First:
    """A clip's first whole frame, which packet it is of, and whether others before it could not be decoded."""

    frame: av.VideoFrame
    packet: int
    after_damage: bool


def _first_frame(path: Path, ignores_edits: bool) -> _First:
    with open_container(path, ignores_edits) as container:
        stream = video_stream(container)
        number_packets(stream)
        reason, sent, damaged = "it holds no packet", 0, False
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                if packet.size:
                    packet.opaque, sent = sent, sent + 1
                decoded = stream.decode(packet)
            except av.error.FFmpegError as error:
                reason, damaged = error.strerror or str(error), True
                continue
            for frame in decoded:
                if not frame.is_corrupt:
                    return _First(frame, frame.opaque if isinstance(frame.opaque, int) else 0, damaged)
                reason = "all its frames are damaged"
    raise InputError(
        f"expected at least one frame in {path}, but none can be decoded ({reason}): copy or record it again"
    )


def number_packets(stream: av.video.stream.VideoStream) -> None:
    """Have the decoder hand each packet's `opaque` on to its frame."""
    stream.codec_context.flags |= Flags.copy_opaque


def _orientation(frame: av.VideoFrame) -> Orientation:
    try:
        matrix = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV does not know every kind of data that FFmpeg puts beside a frame, and then reads none
        return Orientation.from_turn(-frame.rotation)
    return Orientation() if matrix is None else Orientation.from_display_matrix(bytes(cast(Any, matrix)))


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
