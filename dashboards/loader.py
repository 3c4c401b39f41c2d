"""The runs folder: which runs there are, what each one's manifest says, and where its tables lie.

Whatever lies in the folder, listing it never raises: what is no whole run of this version is listed with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from yolact_temporal.dashboards.paths import inside
from yolact_temporal.dashboards.tables import missing_columns, read_table
from yolact_temporal.errors import InputError

FORMAT_VERSION = 1
"""The version of the run folder's layout that is read here."""

MODEL_TABLES = ("frames.csv", "instances.csv", "tracks.csv")
_MANIFEST = "run.json"
_LARGEST_MANIFEST = 16 << 20

State = Literal["finished", "unfinished", "unreadable"]


@dataclass(frozen=True)
class ClipDescription:
    """What the manifest says of the clip.

    Attributes:
        path: the file or folder that was analyzed, which may be gone.
        fps: frames a second; None where the clip has no time of its own.
        frame_count: of the whole clip; None where it was not known.
    """

    path: str
    sha256: str
    width: int
    height: int
    fps: float | None
    frame_count: int | None
    decoder: str
    decoder_reason: str


@dataclass(frozen=True)
class ModelDescription:
    """What the manifest says of one model."""

    name: str
    note: str
    score_threshold: float
    class_names: tuple[str, ...]
    device: str
    precision: str
    weights: str


@dataclass(frozen=True)
class Manifest:
    """What `run.json` says: what was run, on what, how, and what could not be read."""

    name: str
    completed: bool
    started: str
    finished: str
    clip: ClipDescription
    models: Mapping[str, ModelDescription]
    options: Mapping[str, Any]
    motion: str
    frames_measured: int | None
    losses: tuple[str, ...]
    warnings: tuple[str, ...]
    seconds: Mapping[str, float]
    packages: Mapping[str, str]
    platform: str


@dataclass(frozen=True)
class RunEntry:
    """One folder of the runs folder.

    Attributes:
        key: its name in the runs folder, "." for the runs folder itself; what a link to it holds.
        path: where it lies.
        state: "finished", "unfinished" (interrupted, or still running), or "unreadable".
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
            InputError: if it leads out of the runs folder.
        """
        name = "/".join(parts)
        return inside(self.root, name if self.key == "." else f"{self.key}/{name}")

    def table(self, model: str, name: str) -> pd.DataFrame:
        """Return a table of one model: "frames", "instances" or "tracks"; see `tables.read_table`."""
        return read_table(self.file(model, f"{name}.csv"))

    def summary(self) -> pd.DataFrame:
        """Return all figures of all models, a row each."""
        return read_table(self.file("summary.csv"))

    def objects(self) -> pd.DataFrame | None:
        """Return the table of objects that the models were compared on; None where there is none."""
        path = self.file("objects.csv")
        return read_table(path) if path.is_file() else None

    @property
    def timed(self) -> bool:
        """Whether the clip has a time of its own."""
        return self.manifest.clip.fps is not None


def find_runs(root: Path) -> list[RunEntry]:
    """Return what lies in the runs folder: finished runs first, each kind by name.

    A folder that is a run itself is listed as the one run ".". Hidden folders, folders that only hold a comparison of
    runs, and files are no runs and not listed. A folder that is not there is an empty one.
    """
    if (root / _MANIFEST).is_file():
        return [_entry(root, ".")]
    try:
        folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return []
    entries = [
        _entry(root, path.name) for path in folders if (path / _MANIFEST).exists() or not _only_compares(path)
    ]
    return sorted(
        entries, key=lambda entry: (("finished", "unfinished", "unreadable").index(entry.state), entry.key)
    )


def find_run(root: Path, key: str) -> Run:
    """Return a finished run by its key, which may come from anywhere.

    Raises:
        InputError: if there is no such run, or it is not finished or cannot be read.
    """
    path = inside(root, key)
    alone = (root / _MANIFEST).is_file()
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
    return _read_manifest(path, state.st_mtime_ns, state.st_size)


def _entry(root: Path, key: str) -> RunEntry:
    """Look at one folder, and say what is wrong with it rather than raise."""
    path = root if key == "." else root / key
    try:
        folder = inside(root, key)
        if not (folder / _MANIFEST).exists():
            raise InputError(
                f"expected a run folder, got {key}, which holds no {_MANIFEST}: another program made it"
            )
        manifest = read_manifest(inside(root, _MANIFEST if key == "." else f"{key}/{_MANIFEST}"))
        if not manifest.completed:
            return RunEntry(
                key,
                path,
                "unfinished",
                "It is still running, or was interrupted: the same command with --resume goes on with it.",
                manifest,
            )
        _require_tables(Run(key, path, manifest, root))
        return RunEntry(key, path, "finished", "", manifest)
    except InputError as error:
        return RunEntry(key, path, "unreadable", str(error))
    except (OSError, RuntimeError, ValueError) as error:
        return RunEntry(
            key, path, "unreadable", f"It cannot be read ({type(error).__name__}: {str(error)[:160]})."
        )


def _require_tables(run: Run) -> None:
    files = [run.file("summary.csv")]
    files += [run.file(model, name) for model in run.models for name in MODEL_TABLES]
    for file in files:
        lacking = missing_columns(file)
        if lacking:
            raise InputError(
                f"expected the column {lacking[0]} in {file.relative_to(run.root)}, which an older or foreign version "
                f"has written: analyze the clip anew with --overwrite"
            )


def _only_compares(path: Path) -> bool:
    """Tell a folder that `compare` has written from a run that lost its manifest: a run holds folders of models."""
    try:
        return (path / "comparison.csv").is_file() and all(item.is_file() for item in path.iterdir())
    except OSError:
        return False


@lru_cache(maxsize=512)
def _read_manifest(path: Path, _modified: int, size: int) -> Manifest:
    try:
        if size > _LARGEST_MANIFEST:
            raise ValueError(f"it holds {size} bytes")
        data = json.loads(path.read_text(encoding="utf-8"))
        version = data["format_version"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"expected a run's manifest in {path.name}, got a file that cannot be read as one "
            f"({' '.join(str(error).split())[:120] or type(error).__name__}): analyze the clip anew with --overwrite"
        ) from error
    if version != FORMAT_VERSION:
        newer = isinstance(version, int) and version > FORMAT_VERSION
        raise InputError(
            f"expected a run of format version {FORMAT_VERSION}, got {str(version)[:20]}: "
            + ("update yolact-temporal" if newer else "analyze the clip anew with --overwrite")
        )
    try:
        return _manifest(data)
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError, OverflowError) as error:
        raise InputError(
            f"expected a run's manifest in {path.name}, got one that lacks or garbles {str(error)[:80]}: analyze the "
            f"clip anew with --overwrite"
        ) from error


def _manifest(data: Mapping[str, Any]) -> Manifest:
    clip, models = data["clip"], data["models"]
    if not isinstance(models, dict) or not models:
        raise ValueError("its models")
    count = data.get("frames_measured")
    return Manifest(
        name=str(data["name"]),
        completed=data.get("completed") is True,
        started=str(data.get("started_utc", "")),
        finished=str(data.get("finished_utc", "")),
        clip=ClipDescription(
            path=str(clip["path"]),
            sha256=str(clip["sha256"]),
            width=int(clip["width"]),
            height=int(clip["height"]),
            fps=None if clip["fps"] is None else float(Fraction(str(clip["fps"]))),
            frame_count=None if clip["frame_count"] is None else int(clip["frame_count"]),
            decoder=str(clip["decoder"]),
            decoder_reason=str(clip.get("decoder_reason", "")),
        ),
        models={str(name): _model(str(name), own) for name, own in models.items()},
        options=dict(data.get("options") or {}),
        motion=str(data.get("motion", "")),
        frames_measured=None if count is None else int(count),
        losses=tuple(_loss(loss) for loss in data.get("losses") or ()),
        warnings=tuple(str(warning) for warning in data.get("warnings") or ()),
        seconds={str(name): float(value) for name, value in (data.get("seconds") or {}).items()},
        packages={str(name): str(value) for name, value in (data.get("packages") or {}).items()},
        platform=str(data.get("platform", "")),
    )


def _model(name: str, data: Mapping[str, Any]) -> ModelDescription:
    config, weights = data.get("config") or {}, data.get("weights") or {}
    return ModelDescription(
        name=name,
        note=str(data.get("note", "")),
        score_threshold=float(data["score_threshold"]),
        class_names=tuple(str(label) for label in config.get("class_names") or ()),
        device=str(data.get("device", "")),
        precision=str(data.get("precision", "")),
        weights=str(weights.get("sha256", ""))[:12] if isinstance(weights, dict) else str(weights),
    )


def _loss(loss: Mapping[str, Any]) -> str:
    count = loss.get("count")
    lost = "an unknown number of frames" if count is None else f"{count} frames"
    return f"Lost at frame {loss.get('at_index')}: {lost} ({loss.get('reason')})."
