"""What a file's structure tells without decoding: whether it is all there and unbroken.

Read by hand because demuxers stop quietly at the end of a cut file and step quietly over a broken place.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.sources import gif, matroska, mpeg
from yolact_temporal.data.sources.matroska import EBML
from yolact_temporal.data.sources.mistaken import mistaken_content, mistaken_name
from yolact_temporal.data.sources.patience import sign_of_life
from yolact_temporal.errors import InputError

_MP4_BOXES = {
    b"ftyp",
    b"moov",
    b"mdat",
    b"moof",
    b"wide",
    b"free",
    b"skip",
    b"styp",
    b"sidx",
    b"pnot",
    b"uuid",
}
_TS_PACKET, _TS_SYNC = 188, 0x47
_FEW_PACKETS = 20
"""Transport packets below which a stream may have but one."""


def require_readable_file(path: Path) -> None:
    """Raise InputError, in one sentence, unless `path` is a file that may be read, and may be a video.

    An archive, a playlist, a web page and the like are told by their first bytes.
    """
    try:
        mistaken = None if path.is_file() else mistaken_name(path)
        if mistaken is not None:
            raise mistaken
        if not path.exists():
            raise InputError(
                f"expected a video file or a folder of images, found nothing at {path}: check the path"
            )
        if not path.is_file():
            raise InputError(
                f"expected a video file or a folder of images, found a special file (a pipe or device) at {path}: "
                "write its content to a file first"
            )
        with path.open("rb") as file:
            empty = not file.read(1)
        mistaken = mistaken_content(path)
    except OSError as error:
        raise unreadable(path, error) from error
    if empty:
        raise InputError(
            f"expected a video, found an empty file (0 bytes) at {path}: copy or record it again"
        )
    if mistaken is not None:
        raise mistaken


def unreadable(path: Path, error: OSError) -> InputError:
    """Return the sentence for a file or folder that the system does not let us read."""
    if isinstance(error, PermissionError):
        return InputError(
            f"expected to be allowed to read {path}, but permission is denied: change its permissions"
        )
    return InputError(f"expected to read {path}, but the system says: {error.strerror or error}")


def sha256_of(paths: Iterable[Path], with_names: bool = False) -> str:
    """Return the SHA-256 of files' bytes one after the other, each preceded by its name if so told."""
    digest = hashlib.sha256()
    for path in paths:
        if with_names:
            digest.update(os.fsencode(path.name) + b"\0")
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                sign_of_life()
                digest.update(block)
    return digest.hexdigest()


@dataclass(frozen=True)
class Break:
    """How a file is cut short or broken.

    Attributes:
        reason: as a clause.
        first, last: the first and last byte known to be broken.
    """

    reason: str
    first: int
    last: int


def structural_break(path: Path) -> Break | None:
    """Return how a video file is cut short or broken, or None where nothing shows that it is.

    MP4, Matroska and AVI say how long they are; Matroska's blocks and a transport stream's packets follow each other
    without a gap; a GIF ends with its mark. Other containers tell nothing.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_TS_PACKET + 1)
        if head[:4] == b"GIF8":
            broken_at = gif.first_break(file, size)
            if broken_at is not None and broken_at >= size:
                return Break(f"the file is cut short: {size:,} bytes and no end mark", size, size)
            return None if broken_at is None else _broken(broken_at, size)
        if len(head) > _TS_PACKET and head[0] == head[_TS_PACKET] == _TS_SYNC:
            return _transport_fault(path, size)
        promised = _promised_size(file, head, size)
        if promised is not None and promised > size:
            return Break(
                f"the file is cut short: {size:,} of at least {promised:,} bytes are there", size, size
            )
        broken_at = None
        if head[:4] == EBML:
            broken_at = matroska.first_break(file, size)
        elif mpeg.is_program_stream(head):
            broken_at = mpeg.first_break(file, size)
        elif head[:3] == b"FLV":
            broken_at = _flash_break(file, size)
    return None if broken_at is None else _broken(broken_at, size)


def _broken(at: int, size: int) -> Break:
    return Break(f"the file is broken at byte {at:,} of {size:,}", at, at)


def _transport_fault(path: Path, size: int) -> Break | None:
    starts = np.memmap(path, np.uint8, "r")[::_TS_PACKET]
    broken = np.flatnonzero(starts != _TS_SYNC)
    if size % _TS_PACKET:
        first = int(broken[0]) * _TS_PACKET if len(broken) else size
        return Break("the file ends inside a packet", first, size)
    if not len(broken):
        return _transport_strays(path)
    reason = f"{len(broken)} of {len(starts)} transport packets are broken"
    return Break(reason, int(broken[0]) * _TS_PACKET, int(broken[-1]) * _TS_PACKET)


def _transport_strays(path: Path) -> Break | None:
    """Find starts of pictures that FFmpeg passes over: their packet's number of the stream or start code is broken.

    So is a packet amid the first picture, of which FFmpeg does not tell that one is missing.
    """
    packets = np.memmap(path, np.uint8, "r").reshape(-1, _TS_PACKET)
    if len(packets) < _FEW_PACKETS:
        return None
    streams = (packets[:, 1] & 0x1F).astype(np.int64) << 8 | packets[:, 2]
    starts = np.flatnonzero(packets[:, 1] & 0x40)
    head = packets[starts]
    at = 4 + np.where(head[:, 3] & 0x20, 1 + head[:, 4].astype(np.int64), 0)
    code = np.stack([head[np.arange(len(head)), (at + step).clip(0, _TS_PACKET - 1)] for step in range(4)], 1)
    video = (code[:, :3] == (0, 0, 1)).all(1) & (code[:, 3] & 0xF0 == 0xE0)  # ISO/IEC 13818-1, 2.4.3
    counts, pictures = np.bincount(streams), np.bincount(streams[starts[video]], minlength=1 << 13)
    begun = np.bincount(streams[starts], minlength=1 << 13)
    stream = streams[starts]
    alone = video & (counts[stream] == 1)
    headless = ~video & (pictures[stream] >= 0.9 * begun[stream]) & (pictures[stream] > 1)
    amid = [
        at for at in np.flatnonzero(counts[streams] == 1) if _fills_hole(packets, streams, pictures, int(at))
    ]
    strays = np.union1d(starts[alone | headless], np.array(amid, np.int64))
    if not len(strays):
        return None
    reason = f"{len(strays)} of {len(packets)} transport packets belong to no picture"
    return Break(reason, int(strays[0]) * _TS_PACKET, int(strays[-1]) * _TS_PACKET)


def _fills_hole(
    packets: NDArray[np.uint8], streams: NDArray[np.int64], pictures: NDArray[np.int64], at: int
) -> bool:
    """Return whether a transport packet has the count that a stream of pictures lacks just there."""
    count = int(packets[at, 3] & 0x0F)
    for stream in np.flatnonzero(pictures > 1):
        own = np.flatnonzero(streams == stream)
        place = int(np.searchsorted(own, at))
        if 0 < place < len(own):
            before, after = (int(packets[own[beside], 3] & 0x0F) for beside in (place - 1, place))
            if (before + 1) % 16 == count == (after - 1) % 16:
                return True
    return False


def lacks_index(path: Path) -> bool:
    """Return whether the file is an MP4 or QuickTime file without the index that makes it playable."""
    with path.open("rb") as file:
        names = [name for name, _, _ in mp4_boxes(file, path.stat().st_size)]
    return bool(names) and names[0] in _MP4_BOXES and b"moov" not in names


def _flash_break(file: IO[bytes], size: int) -> int | None:
    """Walk a Flash video's tags, each followed by its own length (Adobe's FLV specification, annex E)."""
    file.seek(5)
    at = int.from_bytes(file.read(4), "big") + 4
    while at + 15 <= size:
        file.seek(at)
        length = int.from_bytes(file.read(4)[1:], "big") + 11
        file.seek(at + length)
        if int.from_bytes(file.read(4), "big") != length:
            return at
        at += length + 4
    return None


def _promised_size(file: IO[bytes], head: bytes, size: int) -> int | None:
    if head[4:8] in _MP4_BOXES:
        return max((end for _, _, end in mp4_boxes(file, size)), default=None)
    if head[:4] == EBML:
        return matroska.segment_end(head)
    if head[:4] == b"RIFF":
        return max(_riff_ends(file), default=None)
    return None


def mp4_boxes(file: IO[bytes], size: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield each outermost box: its type, its first byte, and the one behind its last, which may lie beyond the file.

    Args:
        file: an MP4 file.
        size: its size in bytes.
    """
    at = 0
    while at + 8 <= size:
        file.seek(at)
        header = file.read(16)
        length, name = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if length == 0:  # by the standard: up to the end of the file
            length = size - at
        if length < 8 or not name.isascii():
            return
        yield name, at, at + length
        at += length


def _riff_ends(file: IO[bytes]) -> Iterator[int]:
    at = 0
    while True:
        file.seek(at)
        header = file.read(8)
        length = int.from_bytes(header[4:8], "little")
        if header[:4] != b"RIFF" or not length:
            return
        at += 8 + length + length % 2
        yield at - length % 2
