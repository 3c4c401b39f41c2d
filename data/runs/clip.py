"""The clip that a run is of, found again."""

from __future__ import annotations

from pathlib import Path

from yolact_temporal.data.frames import FrameSource
from yolact_temporal.data.photo_film import PhotoFilm, film_of_name
from yolact_temporal.data.runs.manifest import ClipDescription
from yolact_temporal.data.sources import DECODERS, open_clip
from yolact_temporal.errors import InputError


def locate_clip(clip: ClipDescription) -> PhotoFilm | Path | None:
    """Return where the clip of a run is: the film itself where it is one, a file or folder, or None where it is gone.

    Whether a file or folder still holds the same clip is not looked at; see `require_same`.

    Raises:
        InputError: if it is a film that this version makes differently, or a pipe or device stands in its place.
    """
    film = film_of_name(clip.path)
    if film is not None:
        if film.info.sha256 != clip.sha256:
            raise InputError(
                f"expected the film that was analyzed, {clip.path}, got another one: another version of "
                f"yolact-temporal made it"
            )
        return film
    path = Path(clip.path)
    try:
        if not clip.path or not path.exists():
            return None
        plain = path.is_file() or path.is_dir()
    except (OSError, ValueError):
        return None
    if not plain:  # opening a pipe would wait for whoever writes into it
        raise InputError(
            f"expected the clip at {path}, found neither a file nor a folder: bring the clip back to its place"
        )
    return path


def require_same(clip: ClipDescription, sha256: str) -> None:
    """Refuse a clip that is not the one that was analyzed.

    Raises:
        InputError: if its SHA-256 differs.
    """
    if sha256 != clip.sha256:
        raise InputError(
            f"expected the clip that was analyzed in {clip.path}, got another one (its SHA-256 differs): bring the old "
            f"one back, or analyze the new one"
        )


def reopen_clip(clip: ClipDescription) -> FrameSource | None:
    """Open the clip of a run again, to be read as it was read then; None where it is gone.

    Raises:
        InputError: if it is another one by now, or cannot be read.
    """
    found = locate_clip(clip)
    if found is None or isinstance(found, PhotoFilm):
        return found
    decoder = clip.decoder if clip.decoder in DECODERS else "auto"
    source = open_clip(str(found), decoder=decoder, fps=clip.rate if found.is_dir() else None)
    try:
        require_same(clip, source.info.sha256)
    except InputError:
        source.close()
        raise
    return source
