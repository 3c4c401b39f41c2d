"""Whether a clip's files changed while it was measured."""

from __future__ import annotations

from pathlib import Path

from yolact_temporal.data.frames import ClipInfo
from yolact_temporal.data.sources.image_folder import image_paths
from yolact_temporal.data.sources.structure import sha256_of
from yolact_temporal.errors import InputError

Stamp = tuple[tuple[str, int, int], ...]
"""Name, size in bytes and time of change in nanoseconds of each file; empty of a clip that lies in none."""


def stamp_of(clip: ClipInfo) -> Stamp:
    """Return what tells cheaply that a clip's files have not changed.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     stamp_of(ClipInfo(f"{folder}/none.mp4", "", 8, 8, None, None, 0, False, "pyav", ""))
        ()
    """
    found = []
    for path in _files(clip):
        try:
            stat = path.stat()
        except OSError:
            continue
        found.append((path.name, stat.st_size, stat.st_mtime_ns))
    return tuple(found)


def change_sentence(clip: ClipInfo, before: Stamp) -> str | None:
    """Say that a clip's files are no longer those that were opened; None where they are.

    Where size or time tell of a change, their bytes are read again: a file that was only touched has not changed.

    Args:
        clip: as it was opened.
        before: its stamp then.
    """
    if not before or stamp_of(clip) == before:
        return None
    files = _files(clip)
    try:
        if files and sha256_of(files, with_names=Path(clip.path).is_dir()) == clip.sha256:
            return None
    except OSError:
        pass
    state = "changed" if files else "is gone: it was moved or removed"
    return (
        f"{clip.path} {state} while it was measured: the figures are of what was read, which may be part of each; "
        f"measure it again"
    )


def _files(clip: ClipInfo) -> list[Path]:
    """Return the files that a clip consists of, as far as they are there."""
    path = Path(clip.path)
    try:
        if not clip.path or not path.exists():
            return []
        return [each for each in image_paths(path) if each.is_file()] if path.is_dir() else [path]
    except (OSError, InputError):
        return []
