"""Fragmented MP4 files (ISO/IEC 14496-12, section 8.8): whether every byte of their media belongs to some frame.

Each fragment tells of its own frames, and no table counts them all. FFmpeg passes over a fragment whose header is
broken, and over what lies behind, without a word; but then media is left over that no packet holds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import av.error

from yolact_temporal.data.sources.opening import demuxed, open_container
from yolact_temporal.data.sources.structure import Break, mp4_boxes

Span = tuple[int, int]
"""The first byte and the one behind the last."""


def fragments_break(path: Path) -> Break | None:
    """Return where a fragmented MP4 holds media that belongs to no frame, or None; None for other files, too."""
    size = path.stat().st_size
    with path.open("rb") as file:
        boxes = [(name, (start, end)) for name, start, end in mp4_boxes(file, size) if end <= size]
        if not any(_has_fragments(file, name, span) for name, span in boxes):
            return None
    whole = boxes[-1][1][1] == size
    media = [(start + 8, end) for name, (start, end) in boxes if name == b"mdat"]
    if not whole:
        media.append((boxes[-1][1][1], size))
    held = sorted(_packet_spans(path))
    left = [gap for span in media for gap in _left_over(span, held)]
    if not left:
        return None
    count = sum(end - start for start, end in left)
    return Break(f"{count:,} bytes of its media belong to no frame", left[0][0], left[-1][1] - 1)


def _has_fragments(file: IO[bytes], name: bytes, span: Span) -> bool:
    if name == b"moof":
        return True
    if name != b"moov":
        return False
    file.seek(span[0])
    return b"mvex" in file.read(min(span[1] - span[0], 1 << 24))


def _packet_spans(path: Path) -> Iterator[Span]:
    """Yield where the packets of all streams lie."""
    # What lies behind a place where reading stops is left over.
    with open_container(path) as container, contextlib.suppress(av.error.FFmpegError):
        for packet in demuxed(container):
            if packet.size and packet.pos is not None and packet.pos >= 0:
                yield packet.pos, packet.pos + packet.size


def _left_over(span: Span, held: list[Span]) -> Iterator[Span]:
    """Yield the parts of a span that none of those held covers."""
    at, end = span
    for start, stop in held:
        if stop <= at:
            continue
        if start >= end:
            break
        if start > at:
            yield at, start
        at = max(at, stop)
    if at < end:
        yield at, end
