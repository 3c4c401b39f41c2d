"""Files that are either whole or not there: written under a temporary name and renamed at the end."""

from __future__ import annotations

import contextlib
import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from yolact_temporal.errors import OutOfSpaceError, OutputError

PART_SUFFIX = ".part"
"""Added to a file's name while it is being written."""


def part_path(path: Path) -> Path:
    """Return the temporary name under which `path` is written."""
    return path.with_name(path.name + PART_SUFFIX)


@contextlib.contextmanager
def space_for(path: Path) -> Iterator[None]:
    """Turn "no space left" and "quota exceeded" inside the block into one sentence.

    Raises:
        OutOfSpaceError: in place of an OSError that says that the disk which takes `path` is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise OutOfSpaceError(
            f"expected room to write {path}, found the disk full: free some space and run the same command again"
        ) from error


@contextlib.contextmanager
def results_in(folder: Path) -> Iterator[None]:
    """Turn a full disk, and the loss of the folder that takes the results, into one sentence.

    Args:
        folder: where all results of the block go; it exists at the start, unless the block makes it.

    Raises:
        OutOfSpaceError: in place of an OSError that says that the disk is full.
        OutputError: in place of an OSError that says that the folder, or what was in it, is not there any more.
    """
    try:
        with space_for(folder):
            yield
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ESTALE) or not _is_of(folder, error):
            raise
        lost = folder if not folder.is_dir() else Path(str(error.filename))
        raise OutputError(
            f"expected the results to stay in {folder} while they are written, found {lost} gone: leave the folder "
            f"where it is until the command has ended, and run it again"
        ) from error


def require_folder(folder: Path) -> None:
    """Raise FileNotFoundError if a folder is gone: files that are open in it are written without a word of that."""
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))


def _is_of(folder: Path, error: OSError) -> bool:
    """Say whether an error is about the folder or a file in it; also where it does not say, but the folder is gone."""
    if not isinstance(error.filename, str | os.PathLike):
        return not folder.is_dir()
    # Not resolved: links that are gone cannot be followed.
    return Path(error.filename).absolute().is_relative_to(folder.absolute())


def finish_part(path: Path) -> None:
    """Put the part file of `path` in its place, so that after a crash either it is whole or the old one stands."""
    part = part_path(path)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)


@contextlib.contextmanager
def atomic_write(path: Path, mode: str = "w", **options: Any) -> Iterator[IO[Any]]:
    """Open a file for writing that appears under its name only once the block has ended well.

    Args:
        path: the file; its folder must exist.
        mode: "w" or "wb".
        options: as for `open`; text is UTF-8 with newlines as written unless told.

    Raises:
        OutOfSpaceError: if the disk is full. The part file is removed after any error.
    """
    if "b" not in mode:
        options = {"encoding": "utf-8", "newline": "", **options}
    part = part_path(path)
    try:
        with space_for(path):
            with part.open(mode, **options) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


class WholeOrNothing(ABC):
    """A writer to `<name>.part` whose file takes its place when the writer is closed whole.

    Used as a context manager: leaving it by an exception abandons the file, and one that was there before stays.
    """

    @abstractmethod
    def close(self) -> None:
        """Finish the file and put it in its place; a second call does nothing."""

    @abstractmethod
    def abandon(self) -> None:
        """Stop writing and remove the part file; the file itself stays as it was."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()
