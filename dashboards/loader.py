"""The runs folder: which runs there are, what each one's manifest says, and where its tables lie.

Whatever lies in the folder, listing it never raises: what is no whole run of this version is listed with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import pandas as pd

from yolact_temporal.dashboards.byte_cache import ByteCache
from yolact_temporal.dashboards.paths import inside
from yolact_temporal.dashboards.tables import missing_columns, read_table
from yolact_temporal.data.runs import layout
from yolact_temporal.data.runs.manifest import Manifest
from yolact_temporal.data.runs.manifest import read_manifest as read_run_manifest
from yolact_temporal.data.runs.reader import plain_file
from yolact_temporal.data.runs.state import run_state
from yolact_temporal.errors import InputError

MODEL_TABLES = (layout.FRAMES, layout.INSTANCES, layout.TRACKS)

_KEPT_BYTES = 128 << 20
"""Of all manifests that are kept."""

_RUNNING = "It is being written: its figures are here when it is done."
_INTERRUPTED = "It was interrupted: the same command with --resume continues it."
_LIVE_INTERRUPTED = "It was interrupted: what played meanwhile is gone; its record is kept."

State = Literal["finished", "running", "unfinished", "unreadable"]


@dataclass(frozen=True)
class RunEntry:
    """One folder of the runs folder.

    Attributes:
        key: its name in the runs folder, "." for the runs folder itself; what a link to it holds.
        path: where it lies.
        state: "finished", "running", "unfinished" (interrupted), or "unreadable".
        reason: why it is not finished, one sentence; "" where it is.
        manifest: None where it cannot be read.
    """

    key: str
    path: Path
    state: State
    reason: str = ""
    manifest: Manifest | None = None


@dataclass(frozen=True)
class Run:
    """A finished run: its manifest and its tables, read when asked for."""

    key: str
    path: Path
    manifest: Manifest
    root: Path = field(repr=False)

    @property
    def models(self) -> list[str]:
        """The models' names, the measured one first."""
        return list(self.manifest.models)

    def file(self, *parts: str) -> Path:
        """Return the path of one of the run's files.

        Raises:
            InputError: if it leads out of the runs folder, or a link, fifo or device stands there.
        """
        name = "/".join(parts)
        path = inside(self.root, name if self.key == "." else f"{self.key}/{name}")
        plain_file(self.path, path)
        return path

    def table(self, model: str, name: str) -> pd.DataFrame:
        """Return a table of one model: "frames", "instances" or "tracks"; see `tables.read_table`."""
        return read_table(self.file(model, f"{name}.csv"))

    def causes(self, model: str) -> pd.DataFrame | None:
        """Return what one model's jitter comes from, a row a pair; None where the run does not say."""
        path = self.file(model, layout.CAUSES)
        return read_table(path) if path.is_file() else None

    def summary(self) -> pd.DataFrame:
        """Return all figures of all models, a row each."""
        return read_table(self.file(layout.SUMMARY))

    def objects(self) -> pd.DataFrame | None:
        """Return the table of objects that the models were compared on, true ones first; None where there is none."""
        path = self.objects_file()
        return None if path is None else read_table(path)

    def objects_file(self) -> Path | None:
        """Return the file of that table; None where there is none."""
        files = (self.file(layout.TRUE_OBJECTS), self.file(layout.OBJECTS))
        return next((path for path in files if path.is_file()), None)

    @property
    def timed(self) -> bool:
        """Whether the clip has a time of its own."""
        return self.manifest.clip.fps is not None


def find_runs(root: Path) -> list[RunEntry]:
    """Return what lies in the runs folder: finished runs first, each kind by name.

    A folder that is a run itself is listed as the one run ".". Hidden folders, folders that only hold a comparison of
    runs, and files are no runs and not listed. A folder that is not there is an empty one.
    """
    if (root / layout.MANIFEST).is_file():
        return [_entry(root, ".")]
    try:
        folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return []
    entries = [
        _entry(root, path.name)
        for path in folders
        if (path / layout.MANIFEST).exists() or not _only_compares(path)
    ]
    return sorted(entries, key=lambda entry: (get_args(State).index(entry.state), entry.key))


def find_run(root: Path, key: str) -> Run:
    """Return a finished run by its key, which may come from anywhere.

    Raises:
        InputError: if there is no such run, or it is not finished or cannot be read.
    """
    path = inside(root, key)
    alone = (root / layout.MANIFEST).is_file()
    if "/" in key or (key == ".") != alone or (key[:1] == "." and not alone) or not path.is_dir():
        raise InputError(
            f"expected one of the runs in {root}, got {key[:80]!r}: choose one of the runs listed"
        )
    return open_run(root, _entry(root, key))


def open_run(root: Path, entry: RunEntry) -> Run:
    """Return the run of an entry.

    Raises:
        InputError: with the entry's reason, if it is not finished.
    """
    if entry.state != "finished" or entry.manifest is None:
        raise InputError(entry.reason)
    return Run(entry.key, entry.path, entry.manifest, root)


def read_manifest(path: Path) -> Manifest:
    """Return what a `run.json` says; a file that has not changed since is not read again.

    Raises:
        InputError: if it cannot be read, is of another version, or lacks what every manifest holds.
    """
    try:
        state = path.stat()
    except (OSError, ValueError) as error:
        raise InputError(
            f"expected a run's manifest at {path}, found none: analyze the clip into a folder"
        ) from error
    key = (path, state.st_mtime_ns, state.st_size)
    return _manifests.get(key, lambda: (_read_manifest(path), state.st_size))[0]


def _entry(root: Path, key: str) -> RunEntry:
    """Look at one folder, and say what is wrong with it rather than raise."""
    path = root if key == "." else root / key
    try:
        folder = inside(root, key)
        if not (folder / layout.MANIFEST).exists():
            if run_state(folder) == "running":
                return RunEntry(key, path, "running", _RUNNING)
            raise InputError(
                f"expected a run folder, got {key}, which holds no {layout.MANIFEST}: another program made it"
            )
        manifest = read_manifest(inside(root, layout.MANIFEST if key == "." else f"{key}/{layout.MANIFEST}"))
        state = "finished" if manifest.completed else run_state(folder)
        if state == "running":
            return RunEntry(key, path, "running", _RUNNING, manifest)
        if state != "finished":
            reason = _INTERRUPTED if manifest.live is None else _LIVE_INTERRUPTED
            return RunEntry(key, path, "unfinished", reason, manifest)
        manifest = read_manifest(folder / layout.MANIFEST)  # it may have come to its end meanwhile
        _require_tables(Run(key, path, manifest, root))
        return RunEntry(key, path, "finished", "", manifest)
    except InputError as error:
        return RunEntry(key, path, "unreadable", str(error))
    except (OSError, RuntimeError, ValueError) as error:
        return RunEntry(
            key, path, "unreadable", f"It cannot be read ({type(error).__name__}: {str(error)[:160]})."
        )


def _require_tables(run: Run) -> None:
    files = [run.file(layout.SUMMARY)]
    files += [run.file(model, name) for model in run.models for name in MODEL_TABLES]
    for file in files:
        lacking = missing_columns(file)
        if lacking:
            raise InputError(
                f"expected the column {lacking[0]} in {file.relative_to(run.root)}, which an older or foreign version "
                f"has written: analyze the clip again with --overwrite"
            )


def _only_compares(path: Path) -> bool:
    """Tell a folder that `compare` has written from a run that lost its manifest: a run holds folders of models."""
    try:
        return (path / layout.COMPARISON).is_file() and all(item.is_file() for item in path.iterdir())
    except OSError:
        return False


def _bytes(held: tuple[Manifest, int]) -> int:
    return 16 * held[1] + 4096  # a number of one digit is an object


_manifests: ByteCache[tuple[Manifest, int]] = ByteCache(_KEPT_BYTES, _bytes)


def _read_manifest(path: Path) -> Manifest:
    manifest = read_run_manifest(path.parent)
    if manifest is None:
        raise InputError(f"expected a run's manifest at {path}, found none: analyze the clip into a folder")
    return manifest
