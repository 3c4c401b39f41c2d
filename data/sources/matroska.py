"""Matroska's and WebM's chain of elements (RFC 9559), walked to find where it is broken.

FFmpeg steps over a broken place to the next cluster, seconds later, without a word.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import IO

from yolact_temporal.data.sources.patience import sign_of_life

EBML = b"\x1a\x45\xdf\xa3"
"""What a Matroska file begins with."""

_SEGMENT = b"\x18\x53\x80\x67"
_HEADER_LIMIT = 188
_CLUSTER, _TRACKS, _TRACK, _TRACK_NUMBER = 0x1F43B675, 0x1654AE6B, 0xAE, 0xD7
_SIMPLE_BLOCK, _BLOCK_GROUP, _BLOCK, _CHECKSUM = 0xA3, 0xA0, 0xA1, 0xBF
_LACING = 0x06
_TOP_ELEMENTS = {
    0x114D9B74: "seek head",
    0x1549A966: "info",
    _TRACKS: "tracks",
    _CLUSTER: "cluster",
    0x1C53BB6B: "cues",
    0x1941A469: "attachments",
    0x1043A770: "chapters",
    0x1254C367: "tags",
    0xEC: "void",
    0xBF: "checksum",
}
_CLUSTER_ELEMENTS = {
    0xE7: "timestamp",
    _SIMPLE_BLOCK: "simple block",
    _BLOCK_GROUP: "block group",
    0xA7: "position",
    0xAB: "previous size",
    0x5854: "silent tracks",
    0xEC: "void",
    0xBF: "checksum",
}
_NUMBERS = {0xE7, 0xA7, 0xAB}


def segment_end(head: bytes) -> int | None:
    """Return where a file that starts with `head` should end; None where it does not say (a live recording)."""
    start = _segment_start(head)
    if start is None:
        return None
    length, width = _vint(head, start)
    return None if length is None else start + width + length


def first_break(file: IO[bytes], size: int) -> int | None:
    """Return the first byte at which no element stands that belongs there, or None.

    A block's content is not looked at beyond the number of its track and its flags, but for a cluster's checksum.
    """
    file.seek(0)
    head = file.read(_HEADER_LIMIT)
    start = _segment_start(head)
    if start is None:
        return None
    length, width = _vint(head, start)
    at = start + width
    end = size if length is None else min(size, at + length)
    cluster, cluster_end, tracks = 0, 0, set[int]()
    while at < end:
        sign_of_life()
        file.seek(at)
        header = file.read(24)
        name, length, body = _element(header)
        if (
            name in _TOP_ELEMENTS
            and name not in _CLUSTER_ELEMENTS
            and cluster
            and cluster_end not in {at, end}
        ):
            return cluster  # its content does not fill the length that it tells
        if name == _CLUSTER:
            cluster, cluster_end = at, end if length is None else at + body + length
            if cluster_end > end:
                return at
            at += body  # step inside
            continue
        inside = at < cluster_end and name in _CLUSTER_ELEMENTS
        if length is None or at + body + length > (cluster_end if inside else end):
            return at
        if not inside and name not in _TOP_ELEMENTS:
            return at
        if inside and name in _NUMBERS and length > 8:  # a block whose name is broken
            return at
        if inside and name == _CHECKSUM and not _sum_agrees(file, at + body, cluster_end, length):
            return cluster
        if name == _TRACKS:
            tracks = set(_track_numbers(file.read(length) if file.seek(at + body) else b""))
        elif inside and not _is_sound_block(name, header[body:], tracks):
            return at
        at += body + length
    return None


def _segment_start(head: bytes) -> int | None:
    """Return where the segment's length stands, behind its name."""
    length, width = _vint(head, 4)
    at = 4 + width + (length or 0)
    return at + 4 if head[at : at + 4] == _SEGMENT else None


def _element(header: bytes) -> tuple[int, int | None, int]:
    """Return an element's name, the length of its content (None: unknown), and where that starts."""
    name_width = 9 - header[0].bit_length() if header[0] else 1
    length, width = _vint(header, name_width)
    return int.from_bytes(header[:name_width], "big"), length, name_width + width


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        name, length, body = _element(data[at : at + 24])
        if length is None:
            return
        yield name, data[at + body : at + body + length]
        at += body + length


def _track_numbers(tracks: bytes) -> Iterator[int]:
    for name, track in _elements(tracks):
        if name == _TRACK:
            yield from (
                int.from_bytes(value, "big") for key, value in _elements(track) if key == _TRACK_NUMBER
            )


def _is_sound_block(name: int, content: bytes, tracks: set[int]) -> bool:
    """Return whether a block is of a known track and its flags are ones that exist; True for what is no block."""
    reserved = 0x70
    if name == _BLOCK_GROUP:
        name, _, body = _element(content or b"\0")
        if name != _BLOCK:
            return True
        content, reserved = content[body:], 0xF0
    elif name != _SIMPLE_BLOCK:
        return True
    track, width = _vint(content, 0)
    flags = content[width + 2] if len(content) > width + 2 else 0
    laced = bool(flags & _LACING) and len(tracks) == 1  # several frames in a block are for sound
    return not flags & reserved and not laced and (not tracks or track in tracks)


def _sum_agrees(file: IO[bytes], at: int, end: int, length: int) -> bool:
    """Return whether the CRC-32 at a place is that of what follows it up to `end`."""
    file.seek(at)
    told = int.from_bytes(file.read(length), "little")
    left, found = end - at - length, 0
    while left > 0 and (block := file.read(min(left, 1 << 20))):
        found, left = zlib.crc32(block, found), left - len(block)
    return length != 4 or told == found


def _vint(data: bytes, at: int) -> tuple[int | None, int]:
    """Return a variable-length integer (None: unknown) and how many bytes it takes."""
    if at >= len(data) or data[at] == 0:
        return None, 1
    width = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + width], "big") & ((1 << 7 * width) - 1)
    return (None if value == (1 << 7 * width) - 1 else value), width
