"""The packets of a clip's video stream, boiled down to which picture each one is and when it is shown."""

from __future__ import annotations

import itertools
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import av.container
import av.error
import av.video.stream

from yolact_temporal.data.sources.avi import AviPictures, in_order
from yolact_temporal.data.sources.clock import LONGEST_HOLE, is_even, mend_jumps, mend_outliers
from yolact_temporal.data.sources.mpeg import PictureOrder
from yolact_temporal.data.sources.opening import demuxed

_PACKED_BITSTREAM_MARK = 19
"""MPEG-4 packets up to this size in AVI may stand for no frame of their own (as in FFmpeg's decoder)."""

_NONE = -(1 << 63)


@dataclass(frozen=True)
class Schedule:
    """When the packets' frames are shown. Packets count from 0 in decoding order, as the container gives them.

    Attributes:
        ticks: display times of the frames in ascending order.
        places: for each packet its frame's place in `ticks`, -1 where no frame is shown; None where the packets'
            times are not their frames', so that frames go by the order in which they come.
        least: without `places`, for each packet the least place that its frame can have; None where even that is
            unknown.
    """

    ticks: array[int]
    places: array[int] | None
    least: array[int] | None = None


class Packets:
    """What one pass over a stream's packets tells."""

    def __init__(self) -> None:
        self.count = 0
        self.hidden = 0
        self.marks = 0
        self.damaged = False
        self.fault: str | None = None
        self.first_key: int | None = None
        self.jumps: tuple[tuple[int, int], ...] = ()
        self.mended = 0
        self._presented = array("q")
        self._decoded = array("q")
        self._positions = array("q")
        self._shown = bytearray()
        self._order = PictureOrder()

    def __len__(self) -> int:
        """Return how many packets there are, hidden ones too."""
        return len(self._shown)

    def hides_amid(self) -> bool:
        """Return whether packets are hidden that lie behind others which are shown, as no late start hides."""
        return 0 in self._shown[self._shown.find(1) :] if 1 in self._shown else False

    def lies_behind(self, packet: int, byte: int) -> bool:
        """Return whether a packet is known to lie behind a byte of the file."""
        return packet < len(self._positions) and self._positions[packet] > byte

    def lie_behind(self, byte: int) -> bool:
        """Return whether all packets whose place is known lie behind a byte of the file."""
        known = [position for position in self._positions if position >= 0]
        return bool(known) and known[0] > byte

    def lie_before(self, byte: int) -> bool:
        """Return whether all packets whose place is known lie before a byte of the file."""
        return max(self._positions, default=-1) < byte

    def read(
        self,
        container: av.container.InputContainer,
        stream: av.video.stream.VideoStream,
        pictures: bool = False,
        reveals: bool = False,
    ) -> None:
        """Read all packets.

        Args:
            container, stream: just opened.
            pictures: look into MPEG-1 and MPEG-2 pictures for their order.
            reveals: take none for hidden.
        """
        try:
            for packet in demuxed(container, stream):
                if not packet.size:
                    continue
                self.damaged |= packet.is_corrupt
                self.marks += packet.size <= _PACKED_BITSTREAM_MARK
                if self.first_key is None and packet.is_keyframe and packet.pts is not None:
                    self.first_key = len(self._shown)
                hidden = packet.is_discard and not reveals
                self._shown.append(not hidden)
                self.hidden += hidden
                self.count += not hidden
                self._presented.append(_NONE if packet.pts is None else packet.pts)
                self._decoded.append(_NONE if packet.dts is None else packet.dts)
                self._positions.append(-1 if packet.pos is None else packet.pos)
                if pictures:
                    self._order.add(packet)
        except av.error.FFmpegError as error:
            self.fault = f"reading stopped early ({error.strerror})"

    def schedule(self, reorders: bool, trusts_order: bool = True, first: int | None = None) -> Schedule:
        """Return when frames are shown by the container's times.

        Args:
            reorders: whether the codec shows frames in another order than it decodes them.
            trusts_order: whether display times are to be believed.
            first: the packet of the first frame that a decoder gives, where that is a keyframe.

        Decoding times in order stand in for missing display times. Frames before the first keyframe cannot be
        decoded, so no player shows them.
        """
        presented, decoded = self._presented, self._decoded
        if _NONE not in presented and trusts_order and not self.hidden:
            told, presented = presented, array("q", mend_outliers(presented))
            self.mended = sum(one != other for one, other in zip(told, presented, strict=True))
            if _NONE not in decoded:
                shown, coded, self.jumps = mend_jumps(
                    presented, mend_outliers(decoded), self._in_file_order()
                )
                presented, decoded = (
                    (array("q", mend_outliers(shown)), coded) if self.jumps else (presented, decoded)
                )
        times = [tick for tick, shown in zip(presented, self._shown, strict=True) if shown]
        unique = _NONE not in times and len(set(times)) == len(times) > 0
        # Raw streams that were wrapped without being parsed have their decoding times for display times.
        wrapped = (
            reorders
            and len(times) > 2
            and all(
                pts == dts for pts, dts, shown in zip(presented, decoded, self._shown, strict=True) if shown
            )
        )
        if unique and trusts_order and not wrapped:
            return self._by_times(presented, first)
        ticks = [tick for tick, shown in zip(decoded, self._shown, strict=True) if shown]
        if _NONE in ticks:
            return Schedule(array("q"), None)
        least = array("q", itertools.accumulate(self._shown, initial=0))
        return Schedule(_rising(ticks), None, least)

    def in_file_order(self) -> bool:
        """Return whether the packets came as they lie in the file."""
        return all(earlier <= later for earlier, later in itertools.pairwise(self._positions))

    def _in_file_order(self) -> Sequence[int]:
        """Return the packets as they lie in the file: a demuxer may give those first whose times are less."""
        packets = range(len(self._positions))
        if min(self._positions, default=-1) < 0 or len(set(self._positions)) < len(packets):
            return packets
        return sorted(packets, key=self._positions.__getitem__)

    def even_schedule(self, ticks_a_frame: int) -> Schedule:
        """Return when frames are shown at a constant rate, ordered by the offsets from decoding to display times."""
        times = array(
            "q",
            (
                packet * ticks_a_frame + max(pts - dts, 0)
                for packet, (pts, dts) in enumerate(zip(self._presented, self._decoded, strict=True))
            ),
        )
        schedule = self._by_times(times, None)
        start = schedule.ticks[0] if schedule.ticks else 0
        even = array("q", (start + frame * ticks_a_frame for frame in range(len(schedule.ticks))))
        return Schedule(even, schedule.places)

    def avi_schedule(self, pictures: AviPictures, reorders: bool) -> Schedule | None:
        """Return when an AVI's frames are shown, by their places in the file; None where these are not its packets."""
        found = [pictures.ranks.get(position) for position in self._positions]
        if not in_order(found, 0.9 if pictures.fault is None else 0.5):
            return None
        ticks = array("q", pictures.numbers)
        places = array("q", (-1 if rank is None else rank for rank in found))
        return Schedule(ticks, None, places) if reorders else Schedule(ticks, places)

    def start_by_code(self, schedule: Schedule, rate: float, usual: int) -> int | None:
        """Return when a clip's first frame was shown, by the time code of MPEG-1 or MPEG-2 pictures, in ticks."""
        told = self._order.frames_before(rate)
        if told is None or schedule.places is None or schedule.places[told[0]] < 0:
            return None
        return schedule.ticks[schedule.places[told[0]]] - told[1] * usual

    def mpeg_schedule(self) -> Schedule | None:
        """Return when MPEG-1 or MPEG-2 frames are shown, by the numbers in their pictures; None where they have none.

        A program stream has a time for some pictures only, and FFmpeg counts on from there over what is lost.
        """
        times = self._order.times(self._presented, self._positions, _NONE)
        return None if times is None else self._by_times(times, None)

    def _by_times(self, times: Sequence[int], first: int | None) -> Schedule:
        start = self.first_key
        if start is not None and first is not None:
            start = min(start, first)  # the mark of a keyframe may be what is damaged
        least = None if start is None else times[start]
        shown = [
            bool(flag) and tick != _NONE and (least is None or tick >= least)
            for tick, flag in zip(times, self._shown, strict=True)
        ]
        ticks = array("q", sorted({tick for tick, flag in zip(times, shown, strict=True) if flag}))
        places = array(
            "q", (bisect_left(ticks, tick) if flag else -1 for tick, flag in zip(times, shown, strict=True))
        )
        return Schedule(ticks, places)


def _rising(ticks: Sequence[int]) -> array[int]:
    """Return times in order, each at least a tick behind the one before: damage may have given two frames one."""
    rising = array("q")
    for tick in sorted(ticks):
        rising.append(max(tick, rising[-1] + 1) if rising else tick)
    return rising


def fill_gaps(ticks: array[int], known: int | None = None) -> array[int]:
    """Return display times with those put in that are missing from an otherwise constant rate.

    For damaged files, whose demuxer steps over broken packets in silence: so the lost frames are counted and the
    others keep their places. Times at a variable rate are returned as they are.

    Args:
        ticks: the times.
        known: ticks from one frame to the next where the container tells that they are constant.
    """
    gaps = [later - earlier for earlier, later in itertools.pairwise(ticks)]
    if not gaps:
        return ticks
    usual = known or sorted(gaps)[len(gaps) // 2]
    slack = max(2, usual // 10)
    if usual <= 0 or (not known and not is_even(gaps, usual, slack)):
        return ticks
    filled = array("q", ticks[:1])
    for tick, gap in zip(ticks[1:], gaps, strict=True):
        steps = round(gap / usual)
        if 1 < steps <= LONGEST_HOLE and abs(gap - steps * usual) <= slack:
            filled.extend(tick - gap + round(step * gap / steps) for step in range(1, steps))
        filled.append(tick)
    return filled


def without_beyond(schedule: Schedule, end: int) -> Schedule:
    """Return a schedule without the times from `end` on: what a broken place was taken for, not a frame."""
    kept = bisect_left(schedule.ticks, end)
    if schedule.places is None or kept in (0, len(schedule.ticks)):
        return schedule
    places = array("q", (place if place < kept else -1 for place in schedule.places))
    return Schedule(schedule.ticks[:kept], places)


def with_start(schedule: Schedule, start: int, usual: int) -> Schedule:
    """Return a schedule with the times from `start` on put in before its first, every `usual` ticks."""
    ticks, places = schedule.ticks, schedule.places
    missing = round((ticks[0] - start) / usual) if ticks and usual > 0 else 0
    if places is None or not 0 < missing <= LONGEST_HOLE:
        return schedule
    first = array("q", (ticks[0] - step * usual for step in range(missing, 0, -1)))
    return Schedule(first + ticks, array("q", (place + missing if place >= 0 else -1 for place in places)))


def with_gaps_filled(schedule: Schedule, known: int | None = None) -> Schedule:
    """Return a schedule with the times of lost frames put in, and every packet at its frame's time still."""
    ticks = fill_gaps(schedule.ticks, known)
    if len(ticks) == len(schedule.ticks):
        return schedule
    moved = [bisect_left(ticks, tick) for tick in schedule.ticks]

    def at_new_place(places: array[int] | None) -> array[int] | None:
        """Return places among packets as they are now that gaps are filled."""
        if places is None:
            return None
        return array("q", (moved[place] if 0 <= place < len(moved) else place for place in places))

    return Schedule(ticks, at_new_place(schedule.places), at_new_place(schedule.least))
