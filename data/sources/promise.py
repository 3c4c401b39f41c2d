"""What a container promises of its frames, held against the packets that come out of it.

Each container keeps its own books: MP4 counts its samples in several tables, AVI numbers chunks in a chain and an
index, Matroska tells a length, program streams a time code. Where they disagree with each other or with what FFmpeg's
demuxer gives, something is missing or at the wrong place, and FFmpeg says nothing.
"""

from __future__ import annotations

import itertools
from array import array
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av.container
import av.video.stream

from yolact_temporal.data.sources.avi import avi_pictures
from yolact_temporal.data.sources.clock import odd_gaps
from yolact_temporal.data.sources.fragments import fragments_break
from yolact_temporal.data.sources.mp4 import TrackTables
from yolact_temporal.data.sources.opening import FirstFrame, codec_name
from yolact_temporal.data.sources.packets import (
    Packets,
    Schedule,
    with_gaps_filled,
    with_start,
    without_beyond,
)
from yolact_temporal.data.sources.structure import structural_break

_CONSTANT_RATE = {"mpegts", "mpeg"}
"""Containers without a rate but their times: stations, discs and cameras keep it constant."""


_TELL_LENGTH = ("matroska", "flv", "asf")
"""Containers whose header tells how long they are, but not how many frames they hold."""


_DEBRIS = 2
"""Packets of few bytes that damage may leave behind."""


@dataclass(frozen=True)
class Promise:
    """What is promised and where that is doubtful; the attributes are those of `Probe`.

    Attributes:
        frames: displayed frames that were found, those among them that are known to be missing included.
        packed: whether packets may stand for frames that lie in other packets.
        remarks: what a person should know of the frames' times.
        hides_amid: whether frames are hidden behind others that are shown.
    """

    schedule: Schedule
    frames: int
    hidden: int
    packed: bool
    fault: str | None
    promised: int | None
    doubts: tuple[str, ...]
    open_start: bool
    open_end: bool
    remarks: tuple[str, ...] = ()
    hides_amid: bool = False


def promise_of(
    path: Path,
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    tables: TrackTables | None,
    first: FirstFrame,
    reveals: bool = False,
) -> Promise:
    """Read all packets of a clip's stream and compare them with what its container promises.

    Args:
        path: the file.
        container, stream: just opened; they are read to their end.
        tables: an MP4's.
        first: the first frame that can be decoded.
        reveals: take no frame for hidden.
    """
    books = _Books(path, container, stream, tables)
    books.read(reveals)
    books.count()
    books.place(first)
    books.fill()
    return books.promise()


class _Books:
    """A container's accounts of its frames, while they are compared."""

    def __init__(
        self,
        path: Path,
        container: av.container.InputContainer,
        stream: av.video.stream.VideoStream,
        tables: TrackTables | None,
    ) -> None:
        self._container, self._stream, self._tables = container, stream, tables
        self._name, self._codec = container.format.name, codec_name(stream)
        self._table_fault = None if tables is None else tables.fault
        self._broken = structural_break(path)
        if self._broken is None and tables is None and "mp4" in self._name:
            self._broken = fragments_break(path)
        self._pictures = avi_pictures(path) if self._name == "avi" else None
        self._packets = Packets()
        self._schedule = Schedule(array("q"), None)
        self._length = _told_length(container)
        self._ended: int | None = None
        self._open_start = False
        self._fault: str | None = None

    def read(self, reveals: bool) -> None:
        """Read the packets."""
        numbered = self._name == "mpeg" and self._codec in {"mpeg1video", "mpeg2video"}
        self._packets.read(self._container, self._stream, numbered, reveals)

    def count(self) -> None:
        """Compare the number of packets with what is told of it."""
        reached = len(self._packets)
        if self._broken is not None:
            self._fault = self._broken.reason
        elif self._packets.fault is not None:
            self._fault = self._packets.fault
        elif self._pictures is not None and self._pictures.fault is not None:
            self._fault = self._pictures.fault
        elif self._falls_short() and self._tables is not None:
            self._fault = f"reading ended after {reached} of {self._tables.samples} frames"
        elif self._pictures is not None and reached < len(self._pictures.numbers):
            self._fault = f"only {reached} of {len(self._pictures.numbers)} frames can be reached"

    def _falls_short(self) -> bool:
        tables = self._tables
        return tables is not None and not tables.trimmed and tables.samples > len(self._packets)

    def place(self, first: FirstFrame) -> None:
        """Find out when each packet's frame is shown, and what is missing at the end."""
        schedule = self._scheduled(first)
        if self._broken is not None and self._length is not None and self._stream.time_base:
            schedule = without_beyond(schedule, round(self._length / self._stream.time_base))
        self._schedule = schedule
        self._ended = _missing_at_end(self._length, schedule, self._stream)
        if self._fault is None and self._ended is not None and self._ended > 1:
            self._fault = f"its header promises {self._ended} more frames"

    def _scheduled(self, first: FirstFrame) -> Schedule:
        reorders = bool(self._stream.codec_context.has_b_frames)
        table = self._table_fault
        if self._pictures is not None:
            packed = self._is_packed()
            found = None if packed else self._packets.avi_schedule(self._pictures, reorders)
            if found is None:
                found = self._packets.schedule(reorders, trusts_order=False)
                found = Schedule(found.ticks, None) if packed else found
        elif table is not None and table.even_ticks is not None:
            found = self._packets.even_schedule(table.even_ticks)
        else:
            found = self._packets.mpeg_schedule()
        if found is not None:
            return found
        trusts_order = table is None or not table.distrusts_order
        # Frames before the first keyframe are no part of the clip, unless damage made that keyframe the first one.
        damaged = first.after_damage or (
            self._broken is not None and self._packets.lies_behind(first.packet, self._broken.first)
        )
        start = 0 if damaged else first.packet if first.frame.key_frame else None
        return self._packets.schedule(reorders, trusts_order, start)

    def fill(self) -> None:
        """Put in the times of frames that are missing in the middle and at the start."""
        doubted = self._table_fault is None and (
            self._fault is not None or self._packets.damaged or self._name in _CONSTANT_RATE
        )
        if (doubted or self._falls_short()) and self._name != "avi":
            known = self._tables.gap if self._tables is not None and self._falls_short() else None
            found = len(self._schedule.ticks)
            self._schedule = with_gaps_filled(self._schedule, known)
            missing = len(self._schedule.ticks) - found
            if self._fault is None and missing:
                self._fault = f"{missing} frames are missing from the sequence of times"
        self._open_start = self._broken is not None and self._packets.lie_behind(self._broken.first)
        rate, time_base = self._stream.average_rate, self._stream.time_base
        if self._open_start and rate and time_base and self._schedule.ticks:
            usual = round(1 / (rate * time_base))
            start: int | None = 0
            if self._ended is None:
                start = self._packets.start_by_code(self._schedule, float(rate), usual)
            if start is not None:
                self._schedule, self._open_start = with_start(self._schedule, start, usual), False

    def promise(self) -> Promise:
        """Return the outcome."""
        packets, tables, table = self._packets, self._tables, self._table_fault
        frames = len(self._schedule.ticks) or packets.count
        promised, doubts = None, tuple[str, ...]()
        if table is not None:
            promised = None if table.samples is None else table.samples - packets.hidden
            if promised is not None and promised <= frames and self._fault is None:
                doubts = (table.reason,)
            else:
                self._fault = self._fault or table.reason
        doubts += self._jumps()
        if tables is None and "mp4" in self._name and not packets.in_file_order():
            doubts += ("its fragments do not follow each other in time",)
        if self._fault is not None:
            promised = self._promised(frames) if promised is None else promised
            if tables is not None and not tables.trimmed:
                promised = max(promised or 0, tables.samples)
        counts = tables is not None or self._pictures is not None or self._ended is not None
        counts |= self._stream.frames > 0 and self._name != "gif"  # of which FFmpeg counts what it finds
        return Promise(
            schedule=self._schedule,
            frames=frames,
            hidden=packets.hidden,
            packed=self._is_packed(),
            fault=self._fault,
            promised=promised if promised is not None and promised > frames else None,
            doubts=doubts,
            open_start=self._open_start and not counts,
            open_end=not counts and self._broken is not None and packets.lie_before(self._broken.last),
            remarks=() if doubts or self._fault is not None else self._gaps(),
            hides_amid=packets.hides_amid(),
        )

    def _jumps(self) -> tuple[str, ...]:
        jumps, time_base, mended = self._packets.jumps, self._stream.time_base, self._packets.mended
        if not jumps or not time_base:
            return (
                (f"the times of {mended} frames fit nowhere (they were put between the others)",)
                if mended
                else ()
            )
        packet, ticks = jumps[0]
        places = "at 1 place" if len(jumps) == 1 else f"at {len(jumps)} places, the first"
        return (
            f"its clock jumps by {float(ticks * time_base):+,.2f} s {places} near frame {packet} (times were put right "
            "there, one frame after the other)",
        )

    def _gaps(self) -> tuple[str, ...]:
        odd, ticks, time_base = odd_gaps(self._schedule.ticks), self._schedule.ticks, self._stream.time_base
        if not odd or not time_base:
            return ()
        gap = float((ticks[odd[0]] - ticks[odd[0] - 1]) * time_base)
        return (
            f"frames come evenly but at {len(odd)} places, the first before frame {odd[0]} ({gap:.3f} s behind the one "
            "before): a pause, or times that damage moved",
        )

    def _is_packed(self) -> bool:
        """Return whether some of an AVI's packets stand for frames in others; in a broken file few are debris."""
        if self._pictures is None or self._codec != "mpeg4":
            return False
        return self._packets.marks > (_DEBRIS if self._pictures.fault is not None else 0)

    def _promised(self, frames: int) -> int | None:
        """Return how many frames a damaged file's header speaks of, as far as it does."""
        if self._pictures is not None:
            return self._pictures.promised
        if self._stream.frames:
            return self._stream.frames - self._packets.hidden
        return None if self._ended is None else frames + max(self._ended, 0)


def _told_length(container: av.container.InputContainer) -> Fraction | None:
    """Return how many seconds a container's header tells its pictures last, where no other stream may be longer."""
    told = any(name in container.format.name for name in _TELL_LENGTH)
    alone = len(container.streams) == 1
    return Fraction(container.duration, 1_000_000) if told and alone and container.duration else None


def _missing_at_end(
    length: Fraction | None, schedule: Schedule, stream: av.video.stream.VideoStream
) -> int | None:
    """Return how many frames would fit between the last one and the clip's told end, in seconds.

    None where none is told or the rate varies.
    """
    rate, time_base, ticks = stream.average_rate, stream.time_base, schedule.ticks
    if length is None or not rate or not time_base or not ticks:
        return None
    gaps = [later - earlier for earlier, later in itertools.pairwise(ticks)]
    usual = 1 / (rate * time_base)
    if usual < 2 or sum(abs(gap - usual) <= max(Fraction(2), usual / 10) for gap in gaps) < 0.8 * len(gaps):
        return None
    return round((length - ticks[-1] * time_base) * rate) - 1
