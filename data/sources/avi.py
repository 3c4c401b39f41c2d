"""An AVI file's pictures by their place in the file.

AVI has no times: a picture's time is its number. FFmpeg counts what it reads, so that behind a broken chunk every
picture moves forward without a word. A packet's place in the file still tells which picture it is, by the chain of
chunks and the index, of which one bridges what is broken in the other (Microsoft's RIFF and OpenDML specifications).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np

_HEADER = 8
_MOST_ENTRIES = 1 << 24
_SEARCHED = 1 << 22
_LISTS = {b"RIFF", b"LIST"}
_KEPT_LISTS = {b"AVI ", b"AVIX", b"hdrl", b"strl", b"movi", b"rec "}
_COMPARED = 3
"""Chunks whose sizes, one after the other, tell which entries of the index they are."""


@dataclass(frozen=True)
class AviPictures:
    """Where the video stream's chunks lie.

    Attributes:
        numbers: each picture's number among the stream's chunks, of which empty ones repeat the last picture;
            pictures that the index speaks of and that are not found are among them.
        ranks: for the place of a picture's content in the file, which of `numbers` it is.
        promised: pictures the file's headers speak of where these agree on more than `numbers`.
        fault: how the chain of chunks is broken or falls short of the index, as a clause; None where both agree.
    """

    numbers: list[int]
    ranks: dict[int, int]
    promised: int | None
    fault: str | None


def avi_pictures(path: Path) -> AviPictures | None:
    """Read the chunks of the first video stream; None where the file is no AVI file or has no such stream."""
    size = path.stat().st_size
    with path.open("rb") as file:
        walk = _Walk(file, size)
        return walk.pictures() if walk.run() else None


@dataclass
class _Chain:
    """Chunks (place, size) that follow each other unbroken; `open`: the last one's size is not to be trusted."""

    chunks: list[tuple[int, int]] = field(default_factory=list)
    open: bool = False


class _Walk:
    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._size = size
        self._lengths: list[int] = []
        self._total = 0
        self._movi = 0
        self._names: tuple[bytes, ...] = ()
        self._index: list[tuple[int, int]] = []
        self._indexed: dict[int, int] = {}
        self._chains: list[_Chain] = []
        self._broken_at: int | None = None

    def run(self) -> bool:
        """Read headers, index and chain; return whether there is a video stream."""
        if self._read(0, 4) != b"RIFF" or self._read(8, 4) != b"AVI ":
            return False
        at = self._headers(12)
        if not self._names:
            return False
        self._index = self._entries()
        self._indexed = dict(self._index)
        self._follow(at)
        return bool(self._chains)

    def pictures(self) -> AviPictures:
        """Return what was found on the walk: how many pictures there are, and which packet holds which."""
        numbered = self._numbered()
        count = max([len(self._index), *(number + 1 for number, _, _ in numbered)])
        sizes = {number: size for number, (_, size) in enumerate(self._index)}
        for number, _, size in numbered:
            sizes[number] = max(size, sizes.get(number, 0))
        # What is neither found nor in the index is lost; that it was not empty is as much as can be known.
        full = [number for number in range(count) if sizes.get(number, 1)]
        rank = {number: place for place, number in enumerate(full)}
        ranks = {place + _HEADER: rank[number] for number, place, _ in numbered if number in rank}
        promised = self._promised(count)
        missing = len(full) - len(ranks)
        fault = None
        if self._broken_at is not None:
            fault = f"the file is broken at byte {self._broken_at:,} of {self._size:,}"
        elif missing > 0 or promised is not None:
            fault = f"{missing + (promised or count) - count:,} of {promised or count:,} frames are not in their chain"
        return AviPictures(full, ranks, None if promised is None else promised - (count - len(full)), fault)

    def _promised(self, count: int) -> int | None:
        """Return how many chunks two of header, stream header and index agree on, where they are more than `count`."""
        length = self._lengths[0] if self._lengths else 0
        votes = Counter(
            vote for vote in (length, self._total, len(self._index)) if count < vote < _MOST_ENTRIES
        )
        best, agreed = votes.most_common(1)[0] if votes else (0, 0)
        return best if agreed > 1 else None

    def _numbered(self) -> list[tuple[int, int, int]]:
        """Return number, place and size of every chunk that was found."""
        found: list[tuple[int, int, int]] = []
        expected = 0
        left = sum(len(chain.chunks) for chain in self._chains)
        total = len(self._index) or (self._lengths[0] if self._lengths else 0)
        for position, chain in enumerate(self._chains):
            start = self._entry_of(chain, expected)
            if start is None:
                start = expected
                # A single hole lies between what is counted from the start and what is counted from the end.
                if (
                    position
                    and position == len(self._chains) - 1
                    and expected + left <= total < _MOST_ENTRIES
                ):
                    start = total - left
            found += [(start + step, place, size) for step, (place, size) in enumerate(chain.chunks)]
            expected = start + len(chain.chunks)
            left -= len(chain.chunks)
        return found

    def _entry_of(self, chain: _Chain, expected: int) -> int | None:
        """Return which entry of the index a chain begins with, by its place or, in a file cut in two, by its sizes."""
        first = chain.chunks[0][0]
        for number in range(expected, len(self._index)):
            if self._index[number][0] == first:
                return number
        sizes = [size for _, size in (chain.chunks[:-1] if chain.open else chain.chunks)[:_COMPARED]]
        if not sizes:
            return None
        indexed = [size for _, size in self._index]
        for number in range(expected, len(indexed) - len(sizes) + 1):
            if indexed[number : number + len(sizes)] == sizes:
                return number
        return None

    def _read(self, at: int, count: int) -> bytes:
        self._file.seek(at)
        return self._file.read(count)

    def _headers(self, at: int) -> int:
        """Read the headers up to the first chunk of content, and return where that stands."""
        streams = 0
        while at + _HEADER <= self._size:
            header = self._read(at, 12)
            name, length = header[:4], int.from_bytes(header[4:8], "little")
            if name in _LISTS and header[8:12] in _KEPT_LISTS:
                at += 12
                if header[8:12] == b"movi":
                    self._movi = at - 4
                    return at
                continue
            if name == b"avih":
                self._total = int.from_bytes(self._read(at + _HEADER + 16, 4), "little")
            elif name == b"strh":
                stream = self._read(at + _HEADER, 36)
                if stream[:4] == b"vids" and not self._names:
                    self._lengths.append(int.from_bytes(stream[32:36], "little"))
                    digits = b"%02d" % streams
                    self._names = (digits + b"dc", digits + b"db")
                streams += 1
            if not _is_name(name):
                break
            at += _HEADER + length + length % 2
        found = self._read(0, _SEARCHED).find(b"movi")
        if found > 0:
            self._movi = found
            return found + 4
        return self._next_chunk(min(at, self._size)) or self._size

    def _entries(self) -> list[tuple[int, int]]:
        """Return place and size of the video chunks that the index at the end speaks of, in its order."""
        at = self._index_at()
        if at is None:
            return []
        length = min(int.from_bytes(self._read(at + 4, 4), "little"), self._size - at - _HEADER)
        table = np.frombuffer(self._read(at + _HEADER, length // 16 * 16), "<u4").reshape(-1, 4)
        names = np.ascontiguousarray(table[:, 0]).view("S4")
        rows = table[np.isin(names, self._names)].astype(np.int64)
        if not len(rows):
            return []
        first = self._next_chunk(self._movi) or 0
        # Places count from the list's name, in some writers' files from the file's start.
        bases = (self._movi, 0, first - int(rows[0, 2]))
        there = {
            base: sum(
                self._read(base + int(row[2]), 4) in self._names for row in rows[:: max(1, len(rows) // 64)]
            )
            for base in bases
            if base + int(rows[:, 2].min()) >= 0
        }
        base = max(there, key=lambda value: there[value])
        return [(base + int(row[2]), int(row[3])) for row in rows]

    def _index_at(self) -> int | None:
        length = int.from_bytes(self._read(self._movi - 4, 4), "little") if self._movi >= 4 else 0
        for at in (self._movi + length + length % 2, *self._searched()):
            if self._read(at, 4) == b"idx1":
                return at
        return None

    def _searched(self) -> Iterator[int]:
        start = max(0, self._size - _SEARCHED)
        found = self._read(start, _SEARCHED).rfind(b"idx1")
        if found >= 0:
            yield start + found

    def _follow(self, at: int) -> None:
        """Walk the chain of chunks; over a broken link, go on at the next place where one begins."""
        chain = _Chain()
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
                    break
                continue
            good = _is_name(name) and end <= self._size and self._indexed.get(at, length) == length
            if name in self._names or (at in self._indexed and _is_name(name)):
                chain.chunks.append((at, length if good else self._indexed.get(at, length)))
            if good:
                at = end + length % 2
                continue
            self._broken_at = at if self._broken_at is None else self._broken_at
            chain.open = True
            chain = self._kept(chain)
            at = self._next_chunk(at + 1) or self._size
        self._kept(chain)

    def _kept(self, chain: _Chain) -> _Chain:
        if chain.chunks:
            self._chains.append(chain)
        return _Chain()

    def _next_chunk(self, at: int) -> int | None:
        """Return where the next chunk of the stream begins whose size leads to another chunk."""
        while at + _HEADER <= self._size:
            block = self._read(at, _SEARCHED)
            places = [place for name in self._names if (place := block.find(name)) >= 0]
            if not places:
                if len(block) < _SEARCHED:
                    return None
                at += len(block) - 4
                continue
            start = at + min(places)
            length = int.from_bytes(self._read(start + 4, 4), "little")
            behind = start + _HEADER + length + length % 2
            if self._indexed.get(start) == length or behind == self._size or _is_name(self._read(behind, 4)):
                return start
            at = start + 1
        return None


def _is_name(name: Sequence[int]) -> bool:
    return len(name) == 4 and all(32 <= byte < 127 for byte in name)


def in_order(ranks: Sequence[int | None], share: float) -> bool:
    """Return whether pictures are told apart by their places: that share is known, and they follow each other."""
    known = [rank for rank in ranks if rank is not None]
    return bool(known) and len(known) >= share * len(ranks) and all(a <= b for a, b in pairwise(known))
