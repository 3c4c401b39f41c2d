"""A folder that holds clips, as against one that is a clip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from yolact_temporal.data.sources.image_folder import SUFFIXES

VIDEO_SUFFIXES = (
    ".3gp", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts",
    ".webm", ".wmv",
)  # fmt: skip
"""Endings by which a file in a folder is taken for a video; a file named by itself may have any."""


def expand_clips(paths: Sequence[str]) -> list[str]:
    """Replace each folder that holds clips by its clips, in the order of their names.

    A folder with images in it is a clip of its own. Hidden entries and other files are passed over; a folder without
    a clip stays as it is, for `open_clip` to refuse.

    Args:
        paths: files and folders, whether they exist or not.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     for name in ("b.mp4", "a.avi", "notes.txt"):
        ...         (Path(folder) / name).touch()
        ...     print([Path(clip).name for clip in expand_clips([folder, "not_there.mp4"])])
        ['a.avi', 'b.mp4', 'not_there.mp4']
    """
    clips: list[str] = []
    for path in paths:
        clips += _clips_in(Path(path)) or [path]
    return clips


def _clips_in(folder: Path) -> list[str]:
    if not folder.is_dir() or _has_images(folder):
        return []
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    return [
        str(entry)
        for entry in entries
        if (entry.is_dir() and _has_images(entry))
        or (entry.is_file() and entry.suffix.lower() in VIDEO_SUFFIXES)
    ]


def _has_images(folder: Path) -> bool:
    return any(entry.suffix.lower() in SUFFIXES for entry in folder.iterdir() if entry.is_file())
