"""An AVI file's pictures by their place in the file.

AVI has no times: a picture's time is its number. FFmpeg counts what it reads, so that behind a broken chunk every
picture moves forward without a word. A packet's place in the file still tells which picture it is, by the chain of
chunks and the index, of which one bridges what is broken in the other (Microsoft's RIFF and OpenDML specifications).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

_HEADER = 8
_MOST_ENTRIES = 1 << 24
_LISTS = {b"RIFF", b"LIST"}
_KEPT_LISTS = {b"AVI ", b"AVIX", b"hdrl", b"strl", b"movi", b"rec "}


@dataclass(frozen=True)
class AviPictures:
    """Where the video stream's chunks lie.

    Attributes:
        places: of each picture's content in the file, ascending.
        numbers: each picture's number among the stream's chunks, of which empty ones repeat the last picture.
        promised: pictures the file's headers or index speak of, where these agree on more than were found.
        fault: how the chain of chunks or the index is broken, as a clause; None where both agree.
    """

    places: list[int]
    numbers: list[int]
    promised: int | None
    fault: str | None

    def number_at(self, place: int | None) -> int | None:
        """Return which picture (counted without the empty ones) has its content at this byte; None if none has."""
        if place is None:
            return None
        found = bisect_left(self.places, place)
        return found if found < len(self.places) and self.places[found] == place else None


def avi_pictures(path: Path) -> AviPictures | None:
    """Read the chunks of the first video stream; None where the file is no AVI file or has no such stream."""
    size = path.stat().st_size
    with path.open("rb") as file:
        walk = _Walk(file, size)
        walk.run()
    return walk.pictures()


class _Walk:
    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._size = size
        self._streams: list[tuple[bytes, int]] = []
        self._total = 0
        self._movi = 0
        self._index: dict[int, int] = {}
        self._claims: dict[int, int] = {}
        self._chunks: dict[int, int] = {}
        self._bridged: dict[int, int] = {}
        self._broken_at: int | None = None
        self._names: tuple[bytes, ...] = ()

    def run(self) -> None:
        if self._read(0, 12)[:4] != b"RIFF" or self._read(8, 4) != b"AVI ":
            return
        at = self._headers(12)
        if not self._names or not at:
            return
        self._index = self._entries()
        self._follow(at)

    def pictures(self) -> AviPictures | None:
        if not self._names:
            return None
        sizes = {**self._chunks, **self._bridged}
        starts = sorted(sizes)
        full = [(start + _HEADER, number) for number, start in enumerate(starts) if sizes[start]]
        fault = None
        if self._broken_at is not None:
            fault = f"the file is broken at byte {self._broken_at:,} of {self._size:,}"
        elif self._claims and len(self._claims) > len(self._chunks):
            fault = f"its index speaks of {len(self._claims):,} frames where {len(self._chunks):,} are there"
        length = next((length for kind, length in self._streams if kind == b"vids"), 0)
        agreed = length == self._total or length == len(self._index)
        promised = length if agreed and len(starts) < length < _MOST_ENTRIES else None
        if fault is None and promised is not None and not self._index:
            fault = f"its header speaks of {length:,} frames where {len(starts):,} are there"
        empty = len(starts) - len(full)
        return AviPictures(
            [place for place, _ in full],
            [number for _, number in full],
            None if promised is None or fault is None else promised - empty,
            fault,
        )

    def _read(self, at: int, count: int) -> bytes:
        self._file.seek(at)
        return self._file.read(count)

    def _headers(self, at: int) -> int:
        """Read the headers up to the first chunk of content, and return where that stands; 0 if there is none."""
        while at + _HEADER <= self._size:
            header = self._read(at, 12)
            name, length = header[:4], int.from_bytes(header[4:8], "little")
            if name == b"LIST" and header[8:12] in _KEPT_LISTS:
                at += 12
                if header[8:12] == b"movi":
                    self._movi = at - 4
                    return at
                continue
            if name == b"avih":
                self._total = int.from_bytes(self._read(at + _HEADER + 16, 4), "little")
            elif name == b"strh":
                stream = self._read(at + _HEADER, 36)
                self._streams.append((stream[:4], int.from_bytes(stream[32:36], "little")))
                if stream[:4] == b"vids" and not self._names:
                    digits = b"%02d" % (len(self._streams) - 1)
                    self._names = (digits + b"dc", digits + b"db")
            elif not name.isalnum() and name.strip() != name.strip(b" "):
                break
            at += _HEADER + length + length % 2
        found = self._read(0, min(self._size, 1 << 20)).find(b"movi")
        self._movi = max(found, 0)
        return found + 4 if found > 0 else 0

    def _entries(self) -> dict[int, int]:
        """Return place and size of the video chunks that the index at the end speaks of."""
        at = self._index_at()
        if at is None:
            return {}
        length = min(int.from_bytes(self._read(at + 4, 4), "little"), self._size - at - _HEADER)
        table = np.frombuffer(self._read(at + _HEADER, length // 16 * 16), "<u4").reshape(-1, 4)
        names = np.ascontiguousarray(table[:, 0]).view("S4")
        rows = table[np.isin(names, self._names)].astype(np.int64)
        if not len(rows):
            return {}
        best: dict[int, int] = {}
        for base in (self._movi, 0):  # places count from the list's name, in some writers' files from the file's start
            found = {base + int(row[2]): int(row[3]) for row in rows}
            there = {place: size for place, size in found.items() if self._read(place, 4) in self._names}
            if len(there) > len(best):
                best, self._claims = there, found
        return best

    def _index_at(self) -> int | None:
        length = int.from_bytes(self._read(self._movi - 4, 4), "little") if self._movi >= 4 else 0
        for at in (self._movi + length + length % 2, *self._searched()):
            if self._read(at, 4) == b"idx1":
                return at
        return None

    def _searched(self) -> Iterator[int]:
        start = max(0, self._size - (1 << 22))
        found = self._read(start, 1 << 22).rfind(b"idx1")
        if found >= 0:
            yield start + found

    def _follow(self, at: int) -> None:
        """Walk the chain of chunks; over a broken link, go on at the next place that the index knows."""
        known = sorted(self._index)
        while at + _HEADER <= self._size:
            header = self._read(at, 12)
            name, length = header[:4], int.from_bytes(header[4:8], "little")
            if name in _LISTS and header[8:12] in _KEPT_LISTS:
                at += 12
                continue
            end = at + _HEADER + length
            if name == b"idx1":
                at = end + length % 2
                if self._read(at, 4) != b"RIFF":  # what follows the last list is no part of the file
                    return
                continue
            good = self._is_name(name) and end <= self._size
            if good and at in self._index and self._index[at] != length:
                good = False
            if name in self._names:
                self._chunks[at] = length if good else self._index.get(at, length)
            if good:
                at = end + length % 2
                continue
            if not any(header) and at > max(known, default=0):
                rest = self._read(at, 1 << 16)
                if not rest.strip(b"\0") and at + len(rest) >= self._size:
                    return  # padding at the end
            self._broken_at = at if self._broken_at is None else self._broken_at
            later = bisect_left(known, at + 1)
            resume = known[later] if later < len(known) else self._size
            self._bridged |= {
                place: size for place, size in self._claims.items() if at <= place < resume
            }
            at = resume

    @staticmethod
    def _is_name(name: bytes) -> bool:
        return len(name) == 4 and all(32 <= byte < 127 for byte in name)
