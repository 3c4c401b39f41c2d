"""Damage of every kind to whole clips, by seed: flipped bits and zeroed runs where containers keep their order."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

Ranges = list[tuple[int, int]]
"""Spans of bytes (from, to)."""

_MP4_TABLES = (
    b"stsz",
    b"stts",
    b"stco",
    b"stsc",
    b"ctts",
    b"stss",
    b"mdhd",
    b"elst",
    b"tkhd",
    b"stsd",
    b"trun",
    b"tfhd",
)


def mp4_tables(data: bytes) -> Ranges:
    """Return the spans of an MP4's tables, each with the header of its box."""
    spans = []
    for name in _MP4_TABLES:
        for found in re.finditer(re.escape(name), data):
            start = found.start() - 4
            length = int.from_bytes(data[start : start + 4], "big")
            if 8 < length <= len(data) - start:
                spans.append((start, start + length))
    return spans


def avi_chain(data: bytes) -> Ranges:
    """Return the headers of an AVI's chunks, its index and its file header."""
    chunks = [(found.start(), found.start() + 8) for found in re.finditer(rb"\d\dd[cb]", data)]
    index = data.rfind(b"idx1")
    return [*chunks, (index, len(data)), (0, 320)]


def mpeg_chain(data: bytes) -> Ranges:
    """Return the headers of a program stream's packs and packets."""
    return [(found.start(), found.start() + 20) for found in re.finditer(rb"\x00\x00\x01[\xba-\xef]", data)]


def transport_chain(data: bytes) -> Ranges:
    """Return the headers of a transport stream's packets and, as well, those of the packets within."""
    return [(at, at + 20) for at in range(0, len(data), 188)]


def matroska_chain(data: bytes) -> Ranges:
    """Return the headers of Matroska's clusters and blocks."""
    clusters = [(found.start(), found.start() + 20) for found in re.finditer(rb"\x1f\x43\xb6\x75", data)]
    blocks = [(found.start(), found.start() + 8) for found in re.finditer(rb"\xa3[\x40-\xff]", data)]
    return [*clusters, *blocks]


CHAINS: dict[str, Callable[[bytes], Ranges]] = {
    ".mp4": mp4_tables,
    ".mov": mp4_tables,
    ".avi": avi_chain,
    ".mpg": mpeg_chain,
    ".ts": transport_chain,
    ".mkv": matroska_chain,
    ".webm": matroska_chain,
}
"""Where a container keeps its order, by its ending; other kinds are damaged anywhere."""


def mutate(data: bytes, suffix: str, seed: int) -> tuple[str, bytes]:
    """Return a damaged copy of a clip and what was done to it.

    Args:
        data: the whole clip.
        suffix: its ending.
        seed: of the choice of damage.
    """
    random = np.random.default_rng(seed)
    damaged = bytearray(data)
    chain = CHAINS.get(suffix, lambda content: [(0, len(content))])(data)
    kind = (
        "bit in the chain",
        "zeros in the chain",
        "bit anywhere",
        "zeros anywhere",
        "bytes in the chain",
        "cut out",
    )[int(random.integers(6))]
    start, end = chain[int(random.integers(len(chain)))]
    if kind.endswith("anywhere"):
        start, end = 0, len(data)
    at = int(random.integers(start, max(start + 1, end)))
    if kind.startswith("bit"):
        damaged[at] ^= 1 << int(random.integers(8))
        what = f"{kind} at byte {at}"
    elif kind == "zeros in the chain":
        length = min(end - at, int(random.integers(1, 9)))
        damaged[at : at + length] = bytes(length)
        what = f"{length} {kind} at byte {at}"
    elif kind == "bytes in the chain":
        length = min(end - at, 4)
        damaged[at : at + length] = random.bytes(length)
        what = f"{kind} at byte {at}"
    else:
        length = int(random.choice([16, 188, 512, 2048, 4096, 8906]))
        length = min(length, len(data) - at)
        damaged[at : at + length] = bytes(length) if kind.startswith("zeros") else b""
        what = f"{length} bytes {kind} at byte {at}"
    return what, bytes(damaged)
