"""One run folder, one writer: a lock that dies with the process that holds it.

The lock is taken on the file `run.lock` in the run folder, which says who writes, and is removed when the writer is
done. A process that is killed leaves the file and not the lock. Linux passes these locks on to network file systems
(NFS since 2.6.12); where a file system has none, the file alone is the lock, and who it names is looked up.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from yolact_temporal.data.files import open_regular, require_replaceable
from yolact_temporal.data.runs.documents import TOOL
from yolact_temporal.data.runs.layout import LOCK
from yolact_temporal.errors import InputError, UsageError

_TRIES, _PAUSE_S = 12, 0.05
"""A reader that asks who writes holds the lock for a moment: a writer tries again before it gives up."""

_OPEN = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
_LOCKED_BYTE = 1 << 30
"""The byte that Windows locks: far behind the text, which can be read all the while."""

_held: dict[int, tuple[int, int]] = {}
"""Device and number of each lock file that this process holds, by its descriptor."""

_Taken = Literal["taken", "busy", "unknown"]


@dataclass(frozen=True)
class Holder:
    """Who writes a run.

    Attributes:
        pid: the process.
        host: the machine it runs on.
        since: when it began, UTC, as ISO 8601.
    """

    pid: int
    host: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} has been writing since {self.since[:16].replace('T', ' ')} UTC"


@contextlib.contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a run folder, which must be there, for the length of the block.

    Raises:
        UsageError: if another holds it, or what stands at the lock's name is none.
        OSError: if the folder cannot be written.
    """
    path = folder / LOCK
    descriptor = _acquire(path)
    _held[descriptor] = _identity(descriptor)
    try:
        yield
    finally:
        _release(path, descriptor)


def is_locked(folder: Path) -> bool:
    """Say whether somebody writes the run in a folder now; nothing is changed, and no writer is kept out."""
    try:
        file = open_regular(folder / LOCK)
    except (OSError, InputError):
        return False
    with file:
        descriptor = file.fileno()
        if _identity(descriptor) in _held.values():
            return True
        taken = _lock(descriptor, shared=True)
        return taken == "busy" or (taken == "unknown" and _may_live(_holder(descriptor)))


def _acquire(path: Path) -> int:
    """Return the descriptor of the lock file, held."""
    require_replaceable(path)
    for attempt in range(_TRIES):
        descriptor, made = _open(path)
        try:
            taken = _lock(descriptor)
            if taken == "unknown":  # then the file alone tells, and whoever made it has it
                taken = "taken" if made or not _may_live(_holder(descriptor)) else "busy"
            if taken == "busy" and attempt == _TRIES - 1:
                raise _busy(path.parent, _holder(descriptor))
            if taken == "taken" and _same_file(path, descriptor):
                _require_ours(path, descriptor)
                _write(descriptor, Holder(os.getpid(), socket.gethostname(), _now()))
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # another holds it, or its file is gone by now
        time.sleep(_PAUSE_S if taken == "busy" else 0)
    raise _busy(path.parent, None)


def require_unlocked(folder: Path) -> None:
    """Refuse a run folder that somebody writes.

    Raises:
        UsageError: naming who.
    """
    holder: Holder | None = None
    for attempt in range(_TRIES):
        if not is_locked(folder):
            return
        with contextlib.suppress(OSError, InputError), open_regular(folder / LOCK) as file:
            holder = _holder(file.fileno())
        if holder is not None or attempt == _TRIES - 1:
            raise _busy(folder, holder)
        time.sleep(_PAUSE_S)  # it has only just begun, and has not said who it is


def _busy(folder: Path, holder: Holder | None) -> UsageError:
    who = "another process is writing" if holder is None else str(holder)
    return UsageError(
        f"expected a run folder that nobody writes, got {folder}, which {who}: wait for it, or pass another --out"
    )


def _open(path: Path) -> tuple[int, bool]:
    """Return the lock file's descriptor, and whether it was made."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _OPEN, 0o666), True
    except FileExistsError:
        return os.open(path, os.O_RDWR | os.O_CREAT | _OPEN, 0o666), False


def _require_ours(path: Path, descriptor: int) -> None:
    if os.fstat(descriptor).st_nlink > 1 or (os.fstat(descriptor).st_size and _holder(descriptor) is None):
        raise UsageError(
            f"expected a lock of this tool in {path}, got another file: move it away, or pass another folder to --out"
        )


def _release(path: Path, descriptor: int) -> None:
    with contextlib.suppress(OSError):  # the folder may have vanished
        if sys.platform != "win32" and _same_file(path, descriptor):
            path.unlink()  # while it is held: who opened it before finds that it is not the file of that name
    _held.pop(descriptor, None)
    with contextlib.suppress(OSError):
        os.close(descriptor)
    if sys.platform == "win32":  # where an open file cannot be removed
        with contextlib.suppress(OSError):
            path.unlink()


def _same_file(path: Path, descriptor: int) -> bool:
    """Say whether the file of that name still is the open one."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == _identity(descriptor)


def _identity(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def _write(descriptor: int, holder: Holder) -> None:
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, (json.dumps({"tool": TOOL} | asdict(holder)) + "\n").encode())


def _holder(descriptor: int) -> Holder | None:
    """Return who the lock file names; None where that cannot be read."""
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        data = json.loads(os.read(descriptor, 4096))
        if data["tool"] != TOOL:
            return None
        return Holder(int(data["pid"]), str(data["host"]), str(data["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _may_live(holder: Holder | None) -> bool:
    """Say whether a holder may still run: only of this machine can be known that it does not."""
    if holder is None or holder.host != socket.gethostname():
        return True
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return holder.pid != os.getpid()


if sys.platform == "win32":

    def _lock(descriptor: int, shared: bool = False) -> _Taken:
        """Try to lock an open file; a reader lets go of it as it closes the file."""
        import msvcrt

        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return "busy"
        if shared:
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        return "taken"

else:

    def _lock(descriptor: int, shared: bool = False) -> _Taken:
        """Try to lock an open file; "unknown" where its file system has no locks."""
        import fcntl

        kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
        for lock in (fcntl.flock, fcntl.lockf):
            try:
                lock(descriptor, kind)
            except OSError as error:
                if error.errno in (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK):
                    return "busy"
                if error.errno not in _NO_LOCKS:
                    raise
            else:
                return "taken"
        return "unknown"

    def _forget_in_child() -> None:
        """Close the locks in a forked child, which would keep them when this process is gone."""
        for descriptor in _held:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        _held.clear()

    os.register_at_fork(after_in_child=_forget_in_child)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
