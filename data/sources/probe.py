"""What PyAV knows of a clip from one pass over its packets, decoding nothing but the first frame."""

from __future__ import annotations

import itertools
import struct
from array import array
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import av.video.stream

from yolact_temporal.data.sources.mp4 import TrackTables, track_tables
from yolact_temporal.data.sources.opening import (
    codec_name,
    first_frame,
    open_container,
    video_stream,
    video_streams,
)
from yolact_temporal.data.sources.orientation import Orientation, is_turn
from yolact_temporal.data.sources.packets import Schedule
from yolact_temporal.data.sources.promise import promise_of
from yolact_temporal.errors import InputError

_HIGH_RANGE = {16, 18}
"""Transfer functions, as FFmpeg numbers them: PQ (SMPTE 2084) and HLG (ARIB B67)."""

_UPRIGHT = struct.pack("=9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)

_COARSE = (
    "the container's clock is too coarse for {rate} frames a second: times are counted by that rate, which the "
    "pictures tell"
)


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
        ignores_edits: whether the file is to be read without its edit list, and nothing of it hidden.
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


def probe_clip(path: Path) -> Probe:
    """Count a clip's displayed frames and their times by reading its packets, and decode its first frame.

    Raises:
        InputError: if it is not a video, has no video stream, or yields no frame at all.
    """
    with open_container(path) as container:
        video_stream(container)  # that there is one to decode comes before what is wrong with its tables
    tables = track_tables(path)
    ignores_edits = tables is not None and _misleading(path, tables)
    probe, hides_amid = _probed(path, tables, ignores_edits)
    # Where a fragment's clock is broken, FFmpeg takes its frames for ones to hide.
    return _probed(path, tables, True)[0] if hides_amid and tables is None else probe


def _probed(path: Path, tables: TrackTables | None, ignores_edits: bool) -> tuple[Probe, bool]:
    """Return what is known of a clip, and whether frames are hidden behind others that are shown."""
    first = first_frame(path, ignores_edits)
    with open_container(path, ignores_edits) as container:
        stream = video_stream(container)
        promise = promise_of(path, container, stream, tables, first, ignores_edits)
        time_base = stream.time_base or Fraction(1, 1000)
        clock = _finer_clock(first.rate, promise.schedule.ticks, time_base)
        average = stream.average_rate or stream.guessed_rate
        if clock is not None:
            time_base, average = clock, 1 / clock
        fps, variable = _rate(promise.schedule.ticks, time_base, average)
        frame, orientation = first.frame, _orientation(first.frame)
        probe = Probe(
            path=path,
            size=(frame.height, frame.width) if orientation.a else (frame.width, frame.height),
            orientation=orientation,
            codec=codec_name(stream),
            container=container.format.name,
            bit_depth=frame.format.components[0].bits,
            interlaced=frame.interlaced_frame,
            video_streams=len(video_streams(container)),
            time_base=1 / fps if stream.time_base is None else time_base,
            schedule=promise.schedule,
            frame_count=None if promise.packed else promise.frames,
            hidden=promise.hidden,
            fps=fps,
            variable_rate=variable,
            fault=promise.fault,
            promised=promise.promised,
            doubts=promise.doubts,
            ignores_edits=ignores_edits,
            remarks=(
                *_remarks(stream, frame),
                *promise.remarks,
                *(() if clock is None else (_COARSE.format(rate=1 / clock),)),
            ),
            open_start=promise.open_start,
            open_end=promise.open_end,
        )
        return probe, promise.hides_amid


def _finer_clock(rate: Fraction | None, ticks: array[int], time_base: Fraction) -> Fraction | None:
    """Return how long a frame lasts where the pictures tell of more a second than the container's clock can; else None.

    Only where no two frames are further apart than a tick: what damage makes of a rate is not believed.
    """
    close = all(later - earlier <= 1 for earlier, later in itertools.pairwise(ticks))
    return 1 / rate if rate is not None and rate * time_base > 1 and close else None


def _misleading(path: Path, tables: TrackTables) -> bool:
    """Return whether an MP4's edit list hides frames by mistake: where it is at odds, better too many than too few.

    Raises:
        InputError: if no time in the file can be believed.
    """
    fault = tables.fault
    if fault is not None and fault.unreadable:
        raise InputError(
            f"expected a video whose tables agree, but in {path} {fault.reason}: copy it again or repair it"
        )
    return fault is not None and (
        fault.distrusts_edits or fault.distrusts_order or fault.even_ticks is not None
    )


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
        said.append(
            "the clip is interlaced: moving edges are combed, which is measured as jitter; deinterlace it first"
        )
    if not is_turn(_display_matrix(frame) or _UPRIGHT):
        said.append("the clip's display matrix is no turn: its pictures are shown as they are stored")
    if int(getattr(stream.codec_context, "color_trc", 0) or 0) in _HIGH_RANGE:
        said.append(
            "the clip is of high dynamic range: its pictures are shown flat, as models were not trained on them"
        )
    return tuple(said)


def _orientation(frame: av.VideoFrame) -> Orientation:
    matrix = _display_matrix(frame)
    # PyAV does not know every kind of data that FFmpeg puts beside a frame, and then reads none.
    return (
        Orientation.from_turn(-frame.rotation) if matrix is None else Orientation.from_display_matrix(matrix)
    )


def _display_matrix(frame: av.VideoFrame) -> bytes | None:
    """Return a frame's matrix, the one that turns nothing where it has none; None where it cannot be read."""
    try:
        matrix = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:
        return None
    return _UPRIGHT if matrix is None else bytes(cast(Any, matrix))


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
