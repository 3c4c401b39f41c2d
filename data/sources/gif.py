"""A GIF's chain of blocks (GIF89a specification), walked to find where it is broken or ends without its mark."""

from __future__ import annotations

from typing import IO

_EXTENSIONS = {0x01, 0xF9, 0xFE, 0xFF}
_CONTROL, _CONTROL_LENGTH = 0xF9, 4
_CODE_SIZES = range(1, 9)


def first_break(file: IO[bytes], size: int) -> int | None:
    """Return the first byte at which no block stands that belongs there, the file's size if it is cut, or None."""
    file.seek(0)
    head = file.read(13)
    screen = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
    at = 13 + _colour_table(head[10:11])
    while at < size:
        file.seek(at)
        header = file.read(11)
        if header[:1] == b";":
            return None
        if header[:1] == b"!":
            sound, body = _is_sound_extension(header), 2
        elif header[:1] == b",":
            sound = _is_within(header, screen)
            body = 10 + _colour_table(header[9:10])
            file.seek(at + body)
            sound &= (file.read(1) or b"\1")[0] in _CODE_SIZES
            body += 1
        else:
            return at
        if not sound:
            return at
        at += body
        length = 1
        while (
            length and at < size
        ):  # a chain of sub-blocks, each preceded by its length, ends with an empty one
            file.seek(at)
            length = (file.read(1) or b"\0")[0]
            at += 1 + length
    return size


def _is_sound_extension(header: bytes) -> bool:
    """Return whether an extension is of a kind that exists, and of the one form that a picture's control has."""
    if len(header) < 8 or header[1] != _CONTROL:
        return len(header) < 2 or header[1] in _EXTENSIONS
    return header[2] == _CONTROL_LENGTH and not header[7]


def _is_within(header: bytes, screen: tuple[int, int]) -> bool:
    """Return whether a picture lies on the screen."""
    if len(header) < 9:
        return True
    left, top, width, height = (int.from_bytes(header[at : at + 2], "little") for at in (1, 3, 5, 7))
    return 0 < width <= screen[0] - left and 0 < height <= screen[1] - top


def _colour_table(flags: bytes) -> int:
    """Return the bytes of the colour table that a screen or image descriptor's flags announce."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0
