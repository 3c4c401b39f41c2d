"""Names from outside (query parameters, uploads, manifests) as paths that cannot leave the runs folder."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path, PurePosixPath

from yolact_temporal.errors import InputError

VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".ts", ".mpg", ".mpeg", ".gif")
"""Endings of files that are offered and taken as clips."""

_LONGEST_NAME = 100


def inside(root: Path, name: str) -> Path:
    """Return the path of `name` in `root`.

    Args:
        root: the folder that must not be left.
        name: a relative path as text, from anywhere: "clip", "clip/model/frames.csv", or "." for the folder itself.

    Raises:
        InputError: if it is empty, absolute, holds "..", a backslash, a colon or a NUL, or leads out of the folder by
            a link.
    """
    parts = PurePosixPath(name).parts
    if (
        not name
        or any(sign in name for sign in ("\0", "\\", ":"))
        or name.startswith(("/", "~"))
        or ".." in parts
    ):
        raise InputError(
            f"expected a name inside the runs folder, got {name[:80]!r}: choose one of the runs listed"
        )
    path = root.joinpath(*parts)
    try:
        stays = path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError):
        stays = False
    if not stays:
        raise InputError(
            f"expected a name inside the runs folder, got {name[:80]!r}, a link that leads out of it: copy what it "
            f"points to into the folder"
        )
    return path


def upload_name(name: str) -> str:
    """Return the name under which an uploaded clip is stored: what it was called, without any folder.

    Letters, digits and ``-_.() `` stay, everything else becomes "_"; leading dots and dashes go.

    Raises:
        InputError: if nothing is left, or the ending is not a video's (`VIDEO_SUFFIXES`).
    """
    base = re.split(r"[/\\]", name.replace("\0", ""))[-1]
    base = unicodedata.normalize("NFC", base)
    kept = "".join(letter if letter.isalnum() or letter in "-_.() " else "_" for letter in base)
    kept = kept.strip().lstrip(".-_ ")
    suffix = Path(kept).suffix.lower()
    stem = kept[: len(kept) - len(suffix)].strip(" .")[:_LONGEST_NAME]
    if suffix not in VIDEO_SUFFIXES or not stem:
        raise InputError(
            f"expected a video ({', '.join(VIDEO_SUFFIXES)}), got a file named {name[:80]!r}: upload another one"
        )
    return stem + suffix
