"""Claiming a folder to write into: everything that could go wrong is told before the first byte is written.

Nothing is removed that this tool did not write: of a run that is replaced only files of the layout, by name, one by
one, in folders that are no links; whatever else lies there stays, and is named.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from yolact_temporal.data.files import kind_of, open_regular, part_path, require_replaceable
from yolact_temporal.data.runs.guard import require_apart, require_outside_runs
from yolact_temporal.data.runs.layout import LOCK, MANIFEST, RunFolder
from yolact_temporal.data.runs.lock import require_unlocked, run_lock
from yolact_temporal.data.runs.manifest import Manifest, read_manifest, write_manifest
from yolact_temporal.errors import InputError, UsageError

_OF_THE_SYSTEM = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
"""What file managers leave in a folder by themselves: such a folder counts as empty."""


@dataclass(frozen=True)
class ClaimedRun:
    """A run folder that is this process's to write.

    Attributes:
        folder: where its files go.
        earlier: what the run that is resumed says; None where there is none.
        left: what lies in the folder of a run that was replaced and is not this tool's, relative to it.
    """

    folder: RunFolder
    earlier: Manifest | None = None
    left: tuple[Path, ...] = ()


@contextlib.contextmanager
def claimed_run(
    path: Path, models: Sequence[str], inputs: Iterable[Path], resume: bool = False, overwrite: bool = False
) -> Iterator[ClaimedRun]:
    """Make a run folder, or refuse one that is taken; nobody else writes it for the length of the block.

    Args:
        path: the run folder.
        models: whose results will lie in it.
        inputs: what the run is made from.
        resume: go on with a run that is there.
        overwrite: replace a run that is there.

    Raises:
        UsageError: if the folder is, holds or lies in an input, holds something else, is a link, is being written, or
            cannot be written; or holds a run and neither `resume` nor `overwrite` is given.
        InputError: if the manifest of a run that is there cannot be read.
    """
    require_apart(path, inputs)
    if kind_of(path) == "folder" and not _completed(path):
        require_unlocked(path)
    _look(path, models, resume, overwrite)
    made = _make_folders(path)
    try:
        with contextlib.ExitStack() as stack:
            with _writable(path):
                stack.enter_context(run_lock(path))
            earlier = _look(path, models, resume, overwrite)  # another may have come first
            left: tuple[Path, ...] = ()
            if earlier is not None and overwrite:
                left, earlier = _clear(path, earlier), None
            yield ClaimedRun(RunFolder(path), earlier, left)
    except BaseException:
        for folder in made:  # where nothing came of it
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def require_claimable(path: Path, models: Sequence[str], overwrite: bool = False) -> None:
    """Refuse a run folder that `claimed_run` would refuse, before what takes long is begun; nothing is made.

    Raises:
        UsageError, InputError: as `claimed_run`.
    """
    _look(path, models, False, overwrite)


def discard_unfinished(path: Path) -> None:
    """Remove the files of a run that broke off and that nobody can go on with; a finished run is left as it is.

    Raises:
        InputError: if its manifest cannot be read.
    """
    manifest = read_manifest(path)
    if manifest is None or manifest.completed:
        return
    if not _clear(path, manifest):
        (path / MANIFEST).unlink()
        with contextlib.suppress(OSError):
            path.rmdir()


def claim_files(folder: Path, names: Sequence[str], is_ours: Callable[[Path], bool], advice: str) -> None:
    """Make sure that files may be written into a folder, which need not be there, or refuse it.

    Args:
        folder: takes the files, which replace earlier ones of this tool.
        names: of the files.
        is_ours: says of the folder whether this tool wrote files of these names there.
        advice: what to do instead, such as "pass another folder to --out".

    Raises:
        UsageError: if it is or lies in a run, is a file, or holds a file of these names that another wrote.
    """
    require_outside_runs(folder / "any", "a folder for results")
    taken = next((part for part in (folder, *folder.parents) if part.exists() and not part.is_dir()), None)
    if taken is not None:
        raise UsageError(f"expected a folder for the results, got the file {taken}: {advice}")
    for name in names:
        for path in (folder / name, part_path(folder / name)):
            require_replaceable(path)
            if kind_of(path) == "file" and not is_ours(folder):
                raise UsageError(
                    f"expected a folder without a {path.name} of another program, got {folder}: move it away, or "
                    f"{advice}"
                )


def has_header(path: Path, columns: Sequence[str]) -> bool:
    """Say whether a file is a table that begins with these columns; it is not opened unless it is a plain file."""
    head = ",".join(columns).encode()
    try:
        with open_regular(path) as file:
            return file.read(len(head)) == head
    except (OSError, InputError):
        return False


def _look(path: Path, models: Sequence[str], resume: bool, overwrite: bool) -> Manifest | None:
    """Return what the run in a folder says, or refuse a folder that must not be written."""
    kind = kind_of(path)
    if kind == "nothing":
        return None
    if kind != "folder":
        raise UsageError(
            f"expected a folder for results that can be written, got {path} (a {kind}): pass another one to --out"
        )
    with _writable(path):
        entries = sorted(entry.name for entry in path.iterdir())
    manifest = read_manifest(path)
    if manifest is None:
        others = [name for name in entries if name != LOCK and name not in _OF_THE_SYSTEM]
        if others:
            what = "a run to overwrite" if overwrite else "an empty or new folder for results"
            raise UsageError(
                f"expected {what}, got {path}, which holds other files ({others[0]}): pass another folder to --out"
            )
        return None
    if not resume and not overwrite:
        raise _taken(path, manifest)
    _require_room(RunFolder(path), models, manifest)
    return manifest


def _completed(path: Path) -> bool:
    manifest = read_manifest(path)
    return manifest is not None and manifest.completed


def _taken(path: Path, manifest: Manifest) -> UsageError:
    state = "a finished run" if manifest.completed else "an interrupted run"
    advice = "" if manifest.completed else "--resume to continue it, "
    return UsageError(
        f"expected a free folder for results, got {path}, which holds {state}: "
        f"pass {advice}--overwrite to replace it, or another folder to --out"
    )


def _require_room(folder: RunFolder, models: Sequence[str], earlier: Manifest) -> None:
    """Refuse a run's folder in which something stands that is no file of the run and that would be written over."""
    known = {*folder.files(list(earlier.models)), folder.manifest}
    owned = set(folder.folders(list(earlier.models)))
    for own in folder.folders(models):
        if kind_of(own) not in ("nothing", "folder") or (own not in owned and kind_of(own) != "nothing"):
            raise _in_the_way(own)
    for file in (folder.manifest, *folder.files(models)):
        for path in (file, part_path(file)):
            kind = kind_of(path)
            if kind not in ("nothing", "file") or (file not in known and kind != "nothing"):
                raise _in_the_way(path)


def _in_the_way(path: Path) -> UsageError:
    return UsageError(
        f"expected nothing but this run's own files where it is to be written, got the {kind_of(path)} {path}: move it "
        f"away, or pass another folder to --out"
    )


def _clear(path: Path, earlier: Manifest) -> tuple[Path, ...]:
    """Remove the files of a run, one by one, and return what else lies there.

    The manifest stays to the end, as that of a run that was interrupted, so that the folder is never anybody's.
    """
    folder = RunFolder(path)
    write_manifest(path, dict(earlier.document) | {"completed": False})
    folders = [own for own in folder.folders(list(earlier.models)) if kind_of(own) == "folder"]
    for file in folder.files(list(earlier.models)):
        if file.parent == path or file.parent in folders:
            for name in (file, part_path(file)):
                if kind_of(name) == "file":
                    name.unlink(missing_ok=True)
    for own in folders:
        with contextlib.suppress(OSError):  # it holds something else
            own.rmdir()
    left = [entry for entry in path.iterdir() if entry.name not in (MANIFEST, LOCK)]
    within = [entry for own in folders if kind_of(own) == "folder" for entry in own.iterdir()]
    return tuple(sorted(entry.relative_to(path) for entry in (*left, *within) if entry not in folders))


def _make_folders(path: Path) -> list[Path]:
    """Make a folder and those around it; return what was made, the innermost first."""
    missing = [folder for folder in (path, *path.parents) if kind_of(folder) == "nothing"]
    with _writable(path):
        path.mkdir(parents=True, exist_ok=True)
    return missing


@contextlib.contextmanager
def _writable(path: Path) -> Iterator[None]:
    """Turn whatever keeps a folder from being written, but for a full disk, into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UsageError(
            f"expected a folder for results that can be written, got {path} ({error.strerror}): "
            f"pass another one to --out"
        ) from error
