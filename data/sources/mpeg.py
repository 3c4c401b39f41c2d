"""MPEG-1 and MPEG-2: the order of pictures by the numbers they carry, and a program stream's chain of packs.

After ISO/IEC 13818-1 and 13818-2 (11172-1 and -2 before them).
"""

from __future__ import annotations

import itertools
import statistics
from array import array
from collections import Counter
from collections.abc import Sequence
from typing import IO

import av

_LOOKED_AT = 512
"""Bytes of a packet in which its picture's header lies."""

_PICTURE, _GROUP, _SEQUENCE = b"\0\0\1\0", b"\0\0\1\xb8", b"\0\0\1\xb3"
_NUMBERS = 1024
_PACK, _SYSTEM, _END = 0xBA, 0xBB, 0xB9


class PictureOrder:
    """Pictures' numbers within their groups: the order in which they are shown, whatever was lost between them."""

    def __init__(self) -> None:
        self._numbers: list[int | None] = []
        self._groups: list[int] = []
        self._group = 0
        self._time_code: tuple[int, int] | None = None
        """Seconds and pictures."""
        self._group_with_code = 0

    def frames_before(self, rate: float) -> tuple[int, int] | None:
        """Return the packet of the first group's first picture and how many frames are shown before that one.

        By the group's time code and the picture's number; None where there is none.
        """
        if self._time_code is None:
            return None
        seconds, pictures = self._time_code
        packet = self._groups.index(self._group_with_code)
        return packet, round(seconds * rate) + pictures + (self._numbers[packet] or 0)

    def add(self, packet: av.Packet[av.VideoStream]) -> None:
        """Look into the next packet of the stream."""
        head = bytes(memoryview(packet)[:_LOOKED_AT])
        at = head.find(_PICTURE)
        starts = min((place for code in (_GROUP, _SEQUENCE) if (place := head.find(code)) >= 0), default=-1)
        if starts >= 0 and (at < 0 or starts < at):
            self._group += 1
            group = head.find(_GROUP)
            if self._time_code is None and 0 <= group < len(head) - 8:
                code = int.from_bytes(head[group + 4 : group + 8], "big") >> 7
                hours, minutes, seconds, pictures = (
                    code >> 19 & 31,
                    code >> 13 & 63,
                    code >> 6 & 63,
                    code & 63,
                )
                self._group_with_code = self._group
                self._time_code = (hours * 60 + minutes) * 60 + seconds, pictures
        self._groups.append(self._group)
        number = None
        if 0 <= at < len(head) - 5:
            number = int.from_bytes(head[at + 4 : at + 6], "big") >> 6
        self._numbers.append(number)

    def times(self, presented: Sequence[int], positions: Sequence[int], unknown: int) -> array[int] | None:
        """Return every packet's display time by its number and the times that its group's packets agree on.

        Args:
            presented: the packets' display times as FFmpeg has them, in ticks.
            positions: where a packet begins in the file; -1 where it shares its header, and time, with another one.
            unknown: stands in `presented` for no time.

        Returns:
            The times, `unknown` for debris that begins no picture; None where pictures have no numbers, or no
            constant rate.
        """
        debris = self._numbers.count(None)
        if debris > len(self._numbers) // 10 or self._group == 0 or unknown in presented:
            return None
        usual = self._usual_gap(presented)
        if usual is None:
            return None
        groups: dict[int, list[tuple[int, int]]] = {}
        for packet, (group, number) in enumerate(zip(self._groups, self._numbers, strict=True)):
            if number is not None:
                groups.setdefault(group, []).append((packet, number))
        times = array("q", [unknown]) * len(presented)
        for members in groups.values():
            starts = Counter(presented[packet] - number * usual for packet, number in members)
            told = Counter(
                presented[packet] - number * usual for packet, number in members if positions[packet] >= 0
            )
            start = (told or starts).most_common(1)[0][0]
            for packet, number in members:
                times[packet] = start + number * usual
        known = [tick for tick in times if tick != unknown]
        return times if len(set(known)) == len(known) else None

    def _usual_gap(self, presented: Sequence[int]) -> int | None:
        ordered = sorted(presented)
        gaps = [later - earlier for earlier, later in itertools.pairwise(ordered)]
        usual = int(statistics.median_low(gaps)) if gaps else 0
        return usual if usual > 0 and gaps.count(usual) >= 0.8 * len(gaps) else None


def is_program_stream(head: bytes) -> bool:
    """Return whether a file that starts with `head` is an MPEG program stream."""
    return head[:4] == b"\0\0\1\xba"


def first_break(file: IO[bytes], size: int) -> int | None:
    """Return the first byte of a program stream at which no pack or packet stands that belongs there, or None."""
    at, ended = 0, False
    while at + 4 <= size:
        file.seek(at)
        header = file.read(14)
        if header[:3] != b"\0\0\1" or header[3] < _END:
            return None if ended and _only_padding(file, at) else at
        code = header[3]
        ended = code == _END
        if ended:
            at += 4
        elif code == _PACK:
            if len(header) < 12:
                return at
            second = header[4] >> 6 == 1
            if not second and header[4] >> 4 != 2:
                return at
            at += 14 + (header[13] & 7) if second and len(header) == 14 else 12
        else:
            length = int.from_bytes(header[4:6], "big")
            if at + 6 + length > size:
                return at
            at += 6 + length
    return None


def _only_padding(file: IO[bytes], at: int) -> bool:
    file.seek(at)
    while block := file.read(1 << 16):
        if block.strip(b"\0"):
            return False
    return True
