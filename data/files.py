"""Files opened and written so that nothing else is touched: whole or not there, and never through a link.

A file is written under a temporary name, its part, and renamed at the end. A part is made anew and is ours alone; what
stands in its way and is no plain file (a link, a folder, a device) is refused, never followed and never removed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from yolact_temporal.errors import InputError, OutOfSpaceError, OutputError, UsageError

PART_SUFFIX = ".part"
"""Added to a file's name while it is being written."""

# Neither is known on Windows, where a fifo cannot lie in a folder, and text would be translated without O_BINARY.
_ALONE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_AT_ONCE = getattr(os, "O_NONBLOCK", 0)


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
            f"in its place until the command ends, and run it again"
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


def kind_of(path: Path) -> str:
    """Return what lies at a path, itself and not what it leads to: "nothing", "file", "folder", "link" or "device".

    Fifos and sockets count as devices.
    """
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "nothing"
    return (
        "file"
        if stat.S_ISREG(mode)
        else "folder"
        if stat.S_ISDIR(mode)
        else "link"
        if stat.S_ISLNK(mode)
        else "device"
    )


def require_replaceable(path: Path) -> None:
    """Refuse to put a file in the place of anything but a plain file, or nothing.

    Raises:
        UsageError: naming what stands there.
    """
    kind = kind_of(path)
    if kind not in ("nothing", "file"):
        raise UsageError(
            f"expected to write {path}, got a {kind} of that name: move it away, or pass another folder to --out"
        )


def open_regular(path: Path) -> IO[bytes]:
    """Open a plain file for reading, never what a link leads to, and never a fifo or device, which may not answer.

    Raises:
        FileNotFoundError: if nothing is there.
        InputError: if it is no plain file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _ALONE | _AT_ONCE)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENXIO, errno.EISDIR) or kind_of(path) == "folder":
            raise _no_file(path) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _no_file(path)
    return os.fdopen(descriptor, "rb")


def _no_file(path: Path) -> InputError:
    return InputError(
        f"expected a plain file at {path}, got a {kind_of(path)}, which is never opened: put the file itself there"
    )


def create_part(path: Path) -> int:
    """Make the part file of `path` anew and return its descriptor, open for reading and writing.

    A part that was left by a process that died is replaced.

    Raises:
        UsageError: if something that is no plain file stands at the part's name, or at `path`.
    """
    require_replaceable(path)
    part = part_path(path)
    require_replaceable(part)
    part.unlink(missing_ok=True)
    try:
        return os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | _ALONE, 0o666)
    except KeyboardInterrupt:  # which may come once the file is made: a signal is heard when the call returns
        part.unlink(missing_ok=True)
        raise


def reopen_part(path: Path) -> int:
    """Open the part file of `path` that a broken run left, or make it; return its descriptor, for reading and writing.

    Raises:
        UsageError: if what stands there is no plain file of its own; a second name of another file is none.
    """
    part = part_path(path)
    require_replaceable(path)
    require_replaceable(part)
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | _ALONE | _AT_ONCE, 0o666)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(descriptor)
        raise UsageError(
            f"expected the record of an interrupted run in {part}, got another file's second name (a hard link): "
            f"move it away"
        )
    return descriptor


def finish_part(path: Path) -> None:
    """Put the part file of `path` in its place, so that after a crash either it is whole or the old one stands.

    Raises:
        UsageError: if something that is no plain file stands at `path`.
    """
    part = part_path(path)
    with open_regular(part) as file:
        os.fsync(file.fileno())
    require_replaceable(path)
    part.replace(path)


def remove_part(path: Path) -> None:
    """Remove the part file of `path`, if it is there and a plain file."""
    if kind_of(part_path(path)) == "file":
        part_path(path).unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder where there is none.

    Raises:
        UsageError: if something that is no folder of its own stands there; a link to one is none.
    """
    with contextlib.suppress(FileExistsError):
        path.mkdir()
    kind = kind_of(path)
    if kind != "folder":
        raise UsageError(
            f"expected to write into {path}, got a {kind} of that name: move it away, or pass another folder to --out"
        )


@contextlib.contextmanager
def atomic_write(path: Path, mode: str = "w", **options: Any) -> Iterator[IO[Any]]:
    """Open a file for writing that appears under its name only once the block has ended well.

    Args:
        path: the file; its folder must exist.
        mode: "w" or "wb".
        options: as for `open`; text is UTF-8 with newlines as written unless told, and what that lacks escaped.

    Raises:
        OutOfSpaceError: if the disk is full. The part file is removed after any error.
        UsageError: if something that is no plain file stands at the file's name, or its part's.
    """
    if "b" not in mode:
        # A file's name may hold bytes that are no UTF-8: they are shown as escapes.
        options = {"encoding": "utf-8", "newline": "", "errors": "backslashreplace", **options}
    with space_for(path):
        descriptor = create_part(path)
    try:
        with space_for(path):
            with os.fdopen(descriptor, mode, **options) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            finish_part(path)
    except BaseException:
        remove_part(path)
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
        if kind is not None:
            self.abandon()
            return
        try:
            self.close()
        except BaseException:  # an interrupt, while the disk takes what was written
            self.abandon()
            raise
