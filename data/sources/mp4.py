"""What an MP4 or QuickTime file's tables say of its video track, read to see whether they agree with each other.

FFmpeg takes the tables at their word: one flipped bit among the sizes ends the clip early, one among the durations
moves every later frame, both without a word (ISO/IEC 14496-12, section 8).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_LARGEST_INDEX = 1 << 28
_PARENTS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts"}
_FRAMES_OF_DOUBT = 3
"""Lengths that differ by no more than this many frames agree: writers count the delay of B-frames differently."""
_WRONG_RATE = "its table of durations contradicts its length"

_NEEDED = {b"mdhd", b"tkhd", b"stsz", b"stts"}

Table = NDArray[np.int64]


@dataclass(frozen=True)
class TableFault:
    """How a track's tables contradict each other.

    Attributes:
        reason: as a clause.
        samples: how many frames most of the tables speak of; None where that cannot be told.
        even_ticks: ticks between frames by the track's length, where the table of durations is the wrong one and a
            constant rate fits; None otherwise.
        distrusts_order: whether the offsets between decoding and display times are the wrong ones.
        distrusts_edits: whether the edit list is the wrong one.
        unreadable: whether no time in the file can be believed.
    """

    reason: str
    samples: int | None = None
    even_ticks: int | None = None
    distrusts_order: bool = False
    distrusts_edits: bool = False
    unreadable: bool = False


@dataclass(frozen=True)
class TrackTables:
    """What the first video track's tables say.

    Attributes:
        samples: frames, by its table of sizes.
        trimmed: whether an edit list shows only a part of them.
        gap: ticks from one frame to the next; None where they differ.
        fault: the first contradiction among the tables; None where there is none to see.
    """

    samples: int
    trimmed: bool
    gap: int | None
    fault: TableFault | None


def track_tables(path: Path) -> TrackTables | None:
    """Return what the tables of a file's first video track say; None where the file has none.

    Fragmented files keep their samples elsewhere and are not judged.
    """
    size = path.stat().st_size
    moov = _index(path, size)
    if moov is None:
        return None
    boxes = [box for track in _children(moov, b"trak") if (box := _video_track(track)) is not None]
    if boxes and (missing := _NEEDED - boxes[0].keys()):
        names = ", ".join(sorted(name.decode() for name in missing))
        return TrackTables(0, False, None, TableFault(f"its tables lack {names}", unreadable=True))
    if not boxes or any(name == b"mvex" for name, _ in _boxes(moov)):
        return None
    try:
        tables = _Tables(boxes[0], _movie_scale(moov))
        gap = int(tables.durations[0, 1]) if len(tables.durations) == 1 else None
        return TrackTables(tables.count, tables.trimmed(), gap, tables.fault(size))
    except (ValueError, IndexError, KeyError, OverflowError, ZeroDivisionError):
        return TrackTables(0, True, None, TableFault("its tables cannot be read"))


class _Tables:
    def __init__(self, boxes: dict[bytes, bytes], movie_scale: int) -> None:
        long = boxes[b"mdhd"][0] == 1
        numbers = boxes[b"mdhd"][20:32] if long else boxes[b"mdhd"][12:20]
        self.scale = int.from_bytes(numbers[:4], "big")
        self.media_length = _known(numbers[4:])
        self.track_length = self._track_length(boxes[b"tkhd"], movie_scale)
        sizes = boxes.get(b"stsz", b"")
        self.fixed_size = int.from_bytes(sizes[4:8], "big")
        self.count = int.from_bytes(sizes[8:12], "big")
        self.sizes = (
            _numbers(sizes[12:], self.count) if sizes and not self.fixed_size else np.zeros(0, np.int64)
        )
        self.durations = _pairs(boxes.get(b"stts", b""))
        self.offsets = _pairs(boxes.get(b"ctts", b""))
        self.chunks = _triples(boxes.get(b"stsc", b""))
        wide = b"co64" in boxes
        places = boxes.get(b"co64" if wide else b"stco", b"")
        self.places = _numbers(places[8:], int.from_bytes(places[4:8], "big"), 8 if wide else 4)
        edits = boxes.get(b"elst", b"")
        self._has_edits = b"elst" in boxes
        self._lost_edits = len(edits) > 8 and not any(edits[4:8])
        self.edits = _edits(boxes.get(b"elst", b""), movie_scale, self.scale)

    def _track_length(self, header: bytes, movie_scale: int) -> float | None:
        length = _known(header[28:36] if header[0] == 1 else header[20:24])
        scale = self.scale / movie_scale if movie_scale else 0
        return length * scale if length and scale else None

    def trimmed(self) -> bool:
        """Return whether the edit list shows less than all, or tells nothing that can be judged."""
        if not self._has_edits:
            return False
        shown = self._shown_times()
        if self.edits is None or not len(shown):
            return True
        doubt = max(float(np.median(self.durations[:, 1])), 1)
        start, length = self.edits
        return bool(start > shown.min() or start + length < shown.max() + doubt / 2)

    def fault(self, file_size: int) -> TableFault | None:
        """Return the first thing on which the tables do not agree; None where they do."""
        if not self.count:
            return None
        samples = self._most_agreed_count()
        if samples is not None and (samples != self.count or self._counts() != {samples}):
            reason = f"its tables disagree on how many frames it has ({self._counts_as_text()})"
            order = bool(len(self.offsets)) and int(self.offsets[:, 0].sum()) != samples
            if int(self.durations[:, 0].sum()) == samples:
                return TableFault(reason, samples, distrusts_order=order)
            return TableFault(
                reason, samples, self._even_ticks(samples), order, True, unreadable=len(self.durations) != 1
            )
        if self._lost_edits:
            return TableFault("its edit list says that it has no entry", self.count, distrusts_edits=True)
        return self._wrong_place(file_size) or self._wrong_rate() or self._wrong_times()

    def _wrong_rate(self) -> TableFault | None:
        """Judge the one duration that all frames have by the lengths of track and media, where these agree.

        A whole file's track is as long as its frames together; its media may be longer by a frame.
        """
        shown, media = self._shown_length(), self.media_length
        if len(self.durations) != 1 or not shown or not media:
            return None
        step, length = shown / self.count, self.count * int(self.durations[0, 1])
        if abs(shown - media) > 1.5 * step or min(abs(shown - length), abs(media - length)) <= 1.25 * step:
            return None
        return TableFault(_WRONG_RATE, self.count, self._even_ticks(self.count), distrusts_edits=True)

    def _shown_length(self) -> float | None:
        """Return how long the track is shown, in ticks: by its one edit, or else by its own header."""
        return self.edits[1] if self.edits is not None else self.track_length

    def _even_ticks(self, samples: int) -> int | None:
        """Return the ticks between frames at a constant rate, by the track's length or else by the table's one run."""
        length = self._shown_length()
        if length and round(length / samples) > 0:
            return round(length / samples)
        return int(self.durations[0, 1]) if len(self.durations) and self.durations[0, 1] > 0 else None

    def _shown_times(self) -> Table:
        """Return the samples' display times in ticks, in decoding order; empty where the tables do not reach."""
        starts = np.cumsum(np.repeat(self.durations[:, 1], self.durations[:, 0]))
        starts = np.concatenate([[0], starts[:-1]]) if len(starts) else starts
        offsets = np.repeat(self.offsets[:, 1], self.offsets[:, 0].clip(0))
        if not len(self.offsets):
            return starts
        return starts + offsets if len(offsets) == len(starts) else np.zeros(0, np.int64)

    def _counts(self) -> set[int]:
        counts = {self.count, int(self.durations[:, 0].sum()), self._chunked()}
        if len(self.offsets):
            counts.add(int(self.offsets[:, 0].sum()))
        return counts

    def _counts_as_text(self) -> str:
        return ", ".join(f"{count:,}" for count in sorted(self._counts()))

    def _most_agreed_count(self) -> int | None:
        votes = [self.count, int(self.durations[:, 0].sum()), self._chunked()]
        if len(self.offsets):
            votes.append(int(self.offsets[:, 0].sum()))
        return max(votes, key=lambda count: (votes.count(count), count == self.count))

    def _chunked(self) -> int:
        """Return how many samples lie in the chunks."""
        firsts = self.chunks[:, 0]
        if not len(firsts):
            return 0
        lasts = np.append(firsts[1:], len(self.places) + 1)
        return int(((lasts - firsts).clip(0) * self.chunks[:, 1]).sum())

    def _wrong_place(self, file_size: int) -> TableFault | None:
        if self.fixed_size or len(self.sizes) != self.count:
            return None
        if empty := int((self.sizes == 0).sum()):
            return TableFault(f"its table of sizes has {empty} frames without a byte", self.count)
        if self.sizes.sum() > file_size:
            return TableFault(
                f"its table of sizes adds up to {int(self.sizes.sum()):,} bytes, more than the file has",
                self.count,
            )
        if len(self.places) and int(self.places.max()) >= file_size:
            return TableFault("its table of places points past the end of the file", self.count)
        return None

    def _wrong_times(self) -> TableFault | None:
        deltas = np.repeat(self.durations[:, 1], self.durations[:, 0])
        length, usual = int(deltas.sum()), float(np.median(deltas))
        doubt = _FRAMES_OF_DOUBT * max(usual, 1)
        delay = 0
        if len(self.offsets):
            shifts = self.offsets[:, 1]
            delay = int(shifts.max())
            if delay > max(length, doubt) or int(shifts.min()) < -max(length, doubt):
                return TableFault(
                    "its offsets of display times exceed its length", self.count, distrusts_order=True
                )
        edit = self.edits
        known = [value for value in (self._shown_length(), self.media_length) if value]
        told = len(known) == 2 and abs(known[0] - known[1]) <= doubt + delay
        if told and all(abs(value - length) > doubt + delay for value in known):
            one_run = len(self.durations) == 1
            even = self._even_ticks(self.count) if one_run else None
            return TableFault(_WRONG_RATE, self.count, even, distrusts_edits=True, unreadable=not one_run)
        shown = self._shown_times()
        if edit is not None and self.count > 1 and edit[1] < usual:
            return TableFault("its edit list shows less than one frame", self.count, distrusts_edits=True)
        if edit is not None and edit[0] + edit[1] > int(shown.max()) + 2 * usual:
            if self.track_length and edit[1] > length + doubt and abs(self.track_length - edit[1]) <= doubt:
                return TableFault("its time scale contradicts its length", unreadable=True)
            return TableFault("its edit list reaches past its end", self.count, distrusts_edits=True)
        beyond = 0 if edit is None or not edit[0] or delay else edit[0] + edit[1] - length
        if beyond > max(usual / 4, self.scale / 500):  # lengths are told in thousandths of a second at best
            return TableFault("its edit list reaches past its end", self.count, distrusts_edits=True)
        if edit is not None and edit[1] > length - usual / 2 and abs(edit[0] - int(shown.min())) > usual / 2:
            return TableFault(
                "its edit list begins at another place than its frames", self.count, distrusts_edits=True
            )
        if edit is not None and shown.min() < edit[0] < shown.max() and edit[0] not in shown:
            # FFmpeg shows none of that frame, and a player a part of it.
            return TableFault("its edit list begins amid a frame (which is left out)", self.count)
        if len(self.durations) == 1 and len(self.offsets):
            gaps = np.diff(np.sort(shown))
            off = int(((gaps == 0) | (np.mod(gaps, max(int(self.durations[0, 1]), 1)) != 0)).sum())
            if 0 < off <= _FRAMES_OF_DOUBT:
                return TableFault(
                    "one of its offsets of display times is implausible", self.count, distrusts_order=True
                )
        return None


def _index(path: Path, size: int) -> bytes | None:
    """Return the content of the outermost moov box."""
    with path.open("rb") as file:
        at = 0
        while at + 8 <= size:
            file.seek(at)
            header = file.read(16)
            length, body = int.from_bytes(header[:4], "big"), 8
            if length == 1:
                length, body = int.from_bytes(header[8:16], "big"), 16
            if length == 0:
                length = size - at
            if length < body or at + length > size:
                return None
            if header[4:8] == b"moov":
                file.seek(at + body)
                return file.read(length - body) if length <= _LARGEST_INDEX else None
            at += length
    return None


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        length, body = int.from_bytes(data[at : at + 4], "big"), 8
        if length == 1:
            length, body = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        if length == 0:
            length = len(data) - at
        if length < body:
            return
        yield data[at + 4 : at + 8], data[at + body : at + length]
        at += length


def _children(data: bytes, name: bytes) -> list[bytes]:
    return [content for found, content in _boxes(data) if found == name]


def _video_track(track: bytes) -> dict[bytes, bytes] | None:
    """Return a track's boxes that hold no other boxes by name, if it is of video."""
    found: dict[bytes, bytes] = {}

    def collect(data: bytes) -> None:
        """Take the first box of each name, in whatever parent it lies."""
        for name, content in _boxes(data):
            if name in _PARENTS:
                collect(content)
            else:
                found.setdefault(name, content)

    collect(track)
    return found if found.get(b"hdlr", b"")[8:12] == b"vide" else None


def _movie_scale(moov: bytes) -> int:
    header = next(iter(_children(moov, b"mvhd")), b"\0" * 24)
    return int.from_bytes(header[20:24] if header[0] == 1 else header[12:16], "big")


def _known(number: bytes) -> int | None:
    """Return a length, or None where the field says that it is not known."""
    value = int.from_bytes(number, "big")
    return value if value and value != (1 << 8 * len(number)) - 1 else None


def _numbers(data: bytes, count: int, width: int = 4) -> Table:
    there = min(count, len(data) // width)
    return np.frombuffer(data, f">u{width}", there).astype(np.int64)


def _pairs(table: bytes) -> Table:
    """Return (count, value) runs; values are signed, as FFmpeg reads them."""
    runs = min(int.from_bytes(table[4:8], "big"), max(0, len(table) - 8) // 8)
    pairs = np.frombuffer(table, ">u4", 2 * runs, 8).astype(np.int64).reshape(runs, 2) if runs else None
    if pairs is None:
        return np.zeros((0, 2), np.int64)
    pairs[:, 1] -= (pairs[:, 1] >= 1 << 31) * (1 << 32)
    # A run of a thousand million frames is a flipped bit, and must not become an array.
    pairs[:, 0] = pairs[:, 0].clip(0, 1 << 24)
    return pairs


def _triples(table: bytes) -> Table:
    runs = min(int.from_bytes(table[4:8], "big"), max(0, len(table) - 8) // 12)
    if not runs:
        return np.zeros((0, 3), np.int64)
    return np.frombuffer(table, ">u4", 3 * runs, 8).astype(np.int64).reshape(runs, 3)


def _edits(table: bytes, movie_scale: int, scale: int) -> tuple[int, float] | None:
    """Return where the one edit begins and how long it is, in ticks of the track; None for another kind of list."""
    if not table or not movie_scale:
        return None
    long, entries = table[0] == 1, int.from_bytes(table[4:8], "big")
    width = 20 if long else 12
    shown = []
    for entry in range(min(entries, (len(table) - 8) // width)):
        part = table[8 + entry * width :]
        length = int.from_bytes(part[:8] if long else part[:4], "big")
        start = int.from_bytes(part[8:16] if long else part[4:8], "big", signed=True)
        if start >= 0:
            shown.append((start, length * scale / movie_scale))
    return shown[0] if len(shown) == 1 and shown[0][1] > 0 else None
