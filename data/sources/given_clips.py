"""Which clips a person means: files, folders of images or of clips, lists, and patterns that the shell left alone."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yolact_temporal.data.sources.image_folder import SUFFIXES, image_paths
from yolact_temporal.data.sources.mistaken import mistaken_name
from yolact_temporal.data.sources.structure import require_readable_file, sha256_of, unreadable
from yolact_temporal.errors import InputError

VIDEO_SUFFIXES = (
    ".3gp", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts",
    ".webm", ".wmv",
)  # fmt: skip
"""Endings by which a file in a folder is taken for a video; a file named by itself may have any."""


@dataclass(frozen=True)
class GivenClips:
    """The clips that a person means.

    Attributes:
        paths: files and folders of images, in order.
        remarks: what was passed over, a sentence each.
    """

    paths: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def given_clips(given: Sequence[str]) -> GivenClips:
    """Return the clips that arguments stand for, all of them there and none of them something else.

    "@FILE" stands for the clips that a text file names, a line each, from the folder in which one works. A pattern such
    as "*.mp4" that no shell has expanded is expanded here. A folder that holds a video is replaced by
    its clips, in the order of their names: videos, and folders of images. A folder of images is a clip. A file with the
    very bytes of an earlier one is passed over.

    Args:
        given: files, folders, patterns, and lists of these.

    Raises:
        InputError: if one is not there, cannot be read, or is not a clip at all, such as an address or an archive;
            all of them are looked at first.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     for name in ("b.mp4", "a.avi", "notes.txt"):
        ...         _ = (Path(folder) / name).write_bytes(name.encode())
        ...     print([Path(clip).name for clip in given_clips([folder]).paths])
        ...     print([Path(clip).name for clip in given_clips([f"{folder}/*.mp4"]).paths])
        ['a.avi', 'b.mp4']
        ['b.mp4']
    """
    clips: list[str] = []
    remarks: list[str] = []
    faults: dict[str, InputError] = {}
    for each in given:
        try:
            for path in _expanded(each):
                inside, passed_over = clips_in(Path(path))
                remarks += passed_over
                clips += inside or [path]
        except InputError as fault:
            faults[each] = fault
    for clip in clips:
        try:
            require_clip(clip)
        except InputError as fault:
            faults[clip] = fault
    if faults:
        raise _all_of(faults)
    kept, repeated = _each_once(clips)
    return GivenClips(tuple(kept), (*remarks, *repeated))


def _each_once(clips: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the clips without copies of an earlier one, and a sentence for each copy; only equal sizes are read."""
    kept: list[str] = []
    repeated: list[str] = []
    by_size: dict[int, list[str]] = {}
    for clip in clips:
        path = Path(clip)
        same = None
        if path.is_file():
            alike = by_size.setdefault(path.stat().st_size, [])
            same = next((other for other in alike if _same_bytes(path, Path(other))), None)
            alike.append(clip)
        if same is None or same == clip:
            kept.append(clip)
        else:
            repeated.append(f"{clip} is the same file as {same}: it is skipped")
    return kept, repeated


def _same_bytes(one: Path, other: Path) -> bool:
    return one.samefile(other) or sha256_of([one]) == sha256_of([other])


def require_clip(path: str | Path) -> None:
    """Refuse what is not there, cannot be read, or shows without decoding that it is no clip.

    Raises:
        InputError: in one sentence.
    """
    if _is_folder(Path(path)):
        image_paths(Path(path))
    else:
        require_readable_file(Path(path))


def clips_in(folder: Path) -> tuple[list[str], list[str]]:
    """Return the clips that lie in a folder, and what of it is passed over, a sentence each.

    A folder holds clips if it holds a video, or folders of images and no images of its own. Hidden entries and other
    files are passed over without a word. No clips: of a file, of a folder of images, or of one that holds neither.

    Raises:
        InputError: if the folder cannot be read.
    """
    if not _is_folder(folder):
        return [], []
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
        images = sum(_is_image(entry) for entry in entries)
        videos = [entry for entry in entries if entry.is_file() and entry.suffix.lower() in VIDEO_SUFFIXES]
        if images and not videos:
            return [], []
        clips = [
            str(entry)
            for entry in entries
            if entry in videos or (entry.is_dir() and any(_is_image(inside) for inside in entry.iterdir()))
        ]
    except OSError as error:
        raise unreadable(folder, error) from error
    if not images:
        return clips, []
    return clips, [
        f"{folder} holds a video, so it is read as a folder of clips; the images beside the video ({images}) are "
        f"skipped: if they are a clip, move them into a folder of their own."
    ]


def _expanded(given: str) -> list[str]:
    """Return the paths that a list of clips or a pattern stands for, in order; anything else as it is."""
    if given.startswith("@") and not Path(given).exists():
        return [path for line in _lines(Path(given[1:])) for path in _expanded(line)]
    # An address may hold a question mark, and a name may hold brackets.
    if not glob.has_magic(given) or mistaken_name(given) is not None or Path(given).exists():
        return [given]
    found = sorted(glob.glob(given, recursive=True))  # noqa: PTH207 (Path.glob takes no whole pattern)
    if not found:
        raise InputError(
            f"expected a file or folder that fits the pattern {given}, found none: check the pattern and the folder"
        )
    return found


def _lines(path: Path) -> list[str]:
    """Return the lines of a list of clips; blank ones and those that begin with # do not count."""
    require_readable_file(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"expected {path} to be a text with the path of a clip a line, got what cannot be read ({error}): write "
            f"it as UTF-8"
        ) from error
    lines = [line.strip() for line in text.splitlines()]
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise InputError(f"expected {path} to name a clip a line, got none: write their paths into it")
    return found


def _all_of(faults: dict[str, InputError]) -> InputError:
    """Return one error of all clips that cannot be taken."""
    (_, first), *others = faults.items()
    if not others:
        return first
    named = ", ".join(name for name, _ in others[:5]) + (" and others" if len(others) > 5 else "")
    return InputError(f"{first}; {len(others)} more of the given clips cannot be read either ({named})")


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a folder on the way may not be entered
        return False


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()
