"""What is written keeps apart from what is read: a run folder never is, holds, or lies in one of its inputs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from yolact_temporal.data.files import kind_of, part_path
from yolact_temporal.data.runs.manifest import read_manifest
from yolact_temporal.errors import InputError, UsageError

_ADVICE = "pass another folder to --out, or another name"


def require_apart(folder: Path, inputs: Iterable[Path]) -> None:
    """Refuse to write a run where an input is read.

    Paths are compared by what they lead to, through links, "..", and names that differ in capitals only. A folder of
    clips may hold runs; a run may be read, and be written beside, but not into.

    Args:
        folder: of the run, there or not.
        inputs: clips, folders of images, masks, annotations; what is not there is passed over.

    Raises:
        UsageError: if the folder is, holds or lies in an input, or lies in a run.
    """
    inputs, own = list(inputs), _identity(folder)
    for path in inputs:
        if own is not None and own in _identities_up(path):
            raise UsageError(
                f"expected masks and clip outside the run folder {folder}, got {path}: {_ADVICE}"
            )
    require_outside_inputs(folder, "a run folder", inputs)
    require_outside_runs(folder, "a run folder")


def require_outside_runs(path: Path, what: str) -> None:
    """Refuse to write something into a run.

    Args:
        path: what is to be written; it may itself be a run's folder, but not lie in one.
        what: how to call it.

    Raises:
        UsageError: naming the run.
    """
    for run in runs_around(path):
        raise UsageError(
            f"expected {what} outside of any run, got {path}, which lies in the run {run}: pass another path to --out"
        )


def require_outside_inputs(path: Path, what: str, inputs: Iterable[Path]) -> None:
    """Refuse to write something into a folder that is an input, or into the run that an input is from.

    Args:
        path: what is to be written, there or not.
        what: how to call it.
        inputs: files and folders.

    Raises:
        UsageError: naming the folder.
    """
    around = _identities_up(path)
    for given in inputs:
        for guarded in (given, *runs_around(given)):
            if guarded.is_dir() and _identity(guarded) in around:
                raise UsageError(
                    f"expected {what} outside of what it is made from, got {path}, which lies in {guarded}: {_ADVICE}"
                )


def require_new_path(path: Path, what: str, inputs: Iterable[Path]) -> None:
    """Refuse a path at which something lies, or that is in a run or in what is read.

    Args:
        path: the file or folder that is to be written.
        what: how to call it.
        inputs: files and folders that are read.

    Raises:
        UsageError: naming what is in the way.
    """
    for each in (path, part_path(path)):
        if kind_of(each) != "nothing":
            raise UsageError(f"expected a new path to write, got {each}, which exists: pass another --out")
    require_outside_runs(path, what)
    require_outside_inputs(path, what, inputs)


def is_run(folder: Path) -> bool:
    """Say whether a folder holds a run that this version can read.

    Example:
        >>> is_run(Path("no_such_folder"))
        False
    """
    try:
        return read_manifest(folder) is not None
    except (InputError, OSError):
        return False


def runs_around(path: Path) -> Iterator[Path]:
    """Yield the runs in which a path lies, the nearest first."""
    for place in _places(path):
        for folder in place.parents:
            if is_run(folder):
                yield folder


def _places(path: Path) -> list[Path]:
    """Return where a path lies: as links lead, and as it is written, where that can be told without them."""
    real = Path(os.path.realpath(path))
    return [real] if ".." in path.parts else list(dict.fromkeys([real, path.absolute()]))


def _identities_up(path: Path) -> set[tuple[int, int]]:
    """Return what tells a path and the folders around it from all others; of what is not there nothing."""
    found = (_identity(each) for place in _places(path) for each in (place, *place.parents))
    return {identity for identity in found if identity is not None}


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except (OSError, ValueError):
        return None
    return state.st_dev, state.st_ino
