"""The user's cache of weights: files named by their content, found by a small record per model.

    <cache>/weights/blobs/<sha256>.pth      a whole, checked file; never changed once there
    <cache>/weights/index/<model>.json      which blob is this model's, and where it came from
    <cache>/weights/partial/                downloads under way, to be resumed
    <cache>/weights/rejected/               files that were downloaded whole but do not fit

One record per model, each replaced as a whole, needs no lock: two processes can add weights at once.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from yolact_temporal.errors import OutOfSpaceError, UsageError, WeightsError

CACHE_VARIABLE = "YOLACT_TEMPORAL_CACHE"


@dataclass(frozen=True)
class StoredWeights:
    """One model's record in the cache.

    Attributes:
        name: the model.
        path: the blob.
        sha256: of the blob, in hexadecimal, as it was when added.
        size: of the blob, in bytes.
        origin: the address or file it came from.
    """

    name: str
    path: Path
    sha256: str
    size: int
    origin: str


def cache_dir() -> Path:
    """Return the user's cache folder of this program; it need not exist.

    `$YOLACT_TEMPORAL_CACHE` if set, else the platform's custom: `$XDG_CACHE_HOME` or `~/.cache` on Linux,
    `~/Library/Caches` on macOS, `%LOCALAPPDATA%` on Windows, each with `yolact-temporal` below it.

    Example:
        >>> from unittest.mock import patch
        >>> with patch.dict(os.environ, {CACHE_VARIABLE: "/data/weights"}):
        ...     print(cache_dir().as_posix())
        /data/weights
    """
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser().absolute()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        xdg = os.environ.get("XDG_CACHE_HOME", "")
        # The XDG specification has relative paths ignored.
        base = Path(xdg) if Path(xdg).is_absolute() else Path.home() / ".cache"
    return base / "yolact-temporal"


def cache_folder(kind: str) -> Path:
    """Return, and make if need be, the cache's folder of this kind: blobs, index, partial or rejected.

    Raises:
        UsageError: if it cannot be made or written to.
    """
    folder = cache_dir() / "weights" / kind
    with disk_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def disk_faults(path: Path) -> Iterator[None]:
    """Turn faults of writing under `path` into the errors a user reads.

    Raises:
        OutOfSpaceError: if the disk is full.
        UsageError: if the place cannot be written to.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutOfSpaceError(
                f"expected room for weights in {path}, found none ({reason}): free some space, or set "
                f"{CACHE_VARIABLE} to a folder on another disk"
            ) from error
        raise UsageError(
            f"expected a cache folder that can be written, got {path} ({reason}): set {CACHE_VARIABLE} to one"
        ) from error


def require_file(path: Path) -> None:
    """Refuse what may never answer or never end: a fifo, a socket or a device, also where a link leads to one.

    Raises:
        WeightsError: if one is there.
        OSError: if nothing is there.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise WeightsError(
            f"expected a weights file at {path}, got a fifo or a device, which is never opened: pass a file"
        )


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal.

    Raises:
        WeightsError: if the file cannot be read.
    """
    try:
        require_file(path)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(
            f"expected a weights file that can be read, got {path} ({error.strerror}): check the path"
        ) from error


def find_in_cache(name: str) -> StoredWeights | None:
    """Return the model's record, or None if the cache has none or its blob is gone or has another size."""
    record = cache_dir() / "weights" / "index" / f"{name}.json"
    try:
        fields = json.loads(record.read_text(encoding="utf-8"))
        blob = cache_dir() / "weights" / "blobs" / fields["blob"]
        stored = StoredWeights(name, blob, fields["sha256"], int(fields["size"]), fields["origin"])
        return stored if blob.stat().st_size == stored.size else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def add_to_cache(name: str, file: Path, origin: str, *, suffix: str, move: bool) -> StoredWeights:
    """Store a whole, checked file under its content's name and record it as this model's.

    Args:
        name: the model.
        file: the file, moved (which needs it on the cache's disk) or copied.
        origin: where it came from, for reports.
        suffix: of the blob, with its dot.
        move: whether the file may be moved rather than copied.

    Raises:
        OutOfSpaceError, UsageError: if the cache cannot take it; the file is then untouched.
        WeightsError: if the file cannot be read.
    """
    blobs, index = cache_folder("blobs"), cache_folder("index")
    digest = sha256_of(file)
    blob = blobs / f"{digest}{suffix}"
    with disk_faults(blob):
        if move:
            file.replace(blob)
        elif not blob.exists() or blob.stat().st_size != file.stat().st_size:
            with _replacement(blob) as temporary:
                shutil.copyfile(file, temporary)
        stored = StoredWeights(name, blob, digest, blob.stat().st_size, origin)
        fields = asdict(stored) | {"blob": blob.name}
        del fields["path"]  # the cache may be moved as a whole
        with _replacement(index / f"{name}.json") as temporary:
            temporary.write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")
    return stored


def set_aside(name: str, file: Path) -> Path:
    """Move a file that does not fit out of the way, where the user can look at it; returns its new place."""
    target = cache_folder("rejected") / f"{name}-{sha256_of(file)[:12]}"
    with disk_faults(target):
        file.replace(target)
    return target


@contextlib.contextmanager
def exclusive(path: Path, busy: str) -> Iterator[None]:
    """Hold the lock file `path`; it is released when the process ends, however that happens.

    Raises:
        UsageError: with the message `busy`, if another process holds it.
    """
    with disk_faults(path):
        file = path.open("a+b")
    with file:
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(busy) from error
        yield


@contextlib.contextmanager
def _replacement(target: Path) -> Iterator[Path]:
    """Give a temporary file beside `target` that replaces it when the block ends well, and is gone if not."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
