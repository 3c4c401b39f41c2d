"""Files of lines, opened so that no line can fill the memory: what nobody wrote so long is refused while it is read."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO

from yolact_temporal.data.files import open_regular
from yolact_temporal.errors import InputError

MAX_TABLE_LINE = 4 << 20
"""Bytes of the longest line of a table: far more than any that is written."""

MAX_LINE = 64 << 20
"""Bytes of the longest line of masks or soft masks: of a frame of the largest size, full of instances."""

_AT_ONCE = 1 << 20


class _ShortLines(io.RawIOBase):
    """Hands on the bytes of a file until a line is too long.

    Args:
        file: is closed with this.
        path: its name in messages.
        most: bytes of a line, at least as many as are read at once.
    """

    def __init__(self, file: IO[bytes], path: Path, most: int) -> None:
        self._file, self._path, self._most = file, path, most
        self._since = 0

    def readable(self) -> bool:
        """Return true."""
        return True

    def seekable(self) -> bool:
        """Return true."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go elsewhere: what is read there begins a line, as far as anybody knows."""
        self._since = 0
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return where it is."""
        return self._file.tell()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read into a buffer.

        Raises:
            InputError: if a line is too long.
        """
        found = self._file.read(min(len(buffer), _AT_ONCE))
        buffer[: len(found)] = found
        first = found.find(b"\n")
        if self._since + (len(found) if first < 0 else first) > self._most:
            raise InputError(
                f"expected lines of at most {self._most >> 20} MiB in {self._path}, got a longer one: it is no file of "
                f"this tool, or damaged"
            )
        self._since = self._since + len(found) if first < 0 else len(found) - 1 - found.rfind(b"\n")
        return len(found)

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._file.close()
        super().close()


def open_lines(path: Path, most: int = MAX_LINE) -> IO[bytes]:
    """Open a plain file whose lines are taken one by one; see `open_regular`.

    Args:
        path: the file.
        most: bytes of a line.

    Raises:
        FileNotFoundError: if nothing is there.
        InputError: if it is no plain file; also while it is read, if a line is too long.
    """
    return io.BufferedReader(_ShortLines(open_regular(path), path, most), _AT_ONCE)  # type: ignore[type-var]


def open_table(path: Path, encoding: str = "utf-8") -> io.TextIOWrapper:
    """Open a CSV table as text, as the module `csv` wants it; otherwise as `open_lines`."""
    return io.TextIOWrapper(open_lines(path, MAX_TABLE_LINE), encoding=encoding, newline="")
