"""The run folder: where the results of one clip lie, and its manifest `run.json`."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from yolact_temporal.data.files import atomic_write
from yolact_temporal.errors import InputError, UsageError

FORMAT_VERSION = 1
"""Version of the run folder's layout; a reader refuses a newer one."""


@dataclass(frozen=True)
class ModelFolder:
    """Where one model's results of a run lie."""

    path: Path

    @property
    def masks(self) -> Path:
        """What the model saw, one line a frame."""
        return self.path / "masks.jsonl"

    @property
    def frames(self) -> Path:
        """The table of frames."""
        return self.path / "frames.csv"

    @property
    def instances(self) -> Path:
        """The table of instances."""
        return self.path / "instances.csv"

    @property
    def tracks(self) -> Path:
        """The table of tracks."""
        return self.path / "tracks.csv"

    @property
    def overlay(self) -> Path:
        """The clip with the masks drawn."""
        return self.path / "overlay.mp4"


@dataclass(frozen=True)
class RunFolder:
    """Where the results of one clip lie."""

    path: Path

    @property
    def manifest(self) -> Path:
        """What was run, on what, how, and whether to the end."""
        return self.path / "run.json"

    @property
    def summary(self) -> Path:
        """The tidy table of all figures."""
        return self.path / "summary.csv"

    @property
    def objects(self) -> Path:
        """The table of objects, of a run with several models."""
        return self.path / "objects.csv"

    @property
    def true_objects(self) -> Path:
        """The table of the ground truth's objects, of a run that has one."""
        return self.path / "true_objects.csv"

    @property
    def report(self) -> Path:
        """The figures for a reader."""
        return self.path / "report.md"

    @property
    def plots(self) -> Path:
        """The folder of pictures."""
        return self.path / "plots"

    def model(self, name: str) -> ModelFolder:
        """Return the folder of one model's results."""
        return ModelFolder(self.path / name)

    def read_manifest(self) -> dict[str, Any] | None:
        """Return the manifest, None where there is none.

        Raises:
            InputError: if it cannot be read or is of a newer version.
        """
        try:
            data = json.loads(self.manifest.read_text(encoding="utf-8"))
            version = data["format_version"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"expected a run's manifest in {self.manifest}, got a file that cannot be read as one: "
                f"pass --overwrite to replace the run"
            ) from error
        if version > FORMAT_VERSION:
            raise InputError(
                f"expected a run of format version {FORMAT_VERSION} or older in {self.path}, got {version}: "
                f"update yolact-temporal"
            )
        return data

    def finished_manifest(self) -> dict[str, Any]:
        """Return the manifest of a finished run.

        Raises:
            UsageError: if the folder holds no run.
            InputError: if the run is not finished, or its manifest cannot be read.
        """
        manifest = self.read_manifest()
        if manifest is None:
            raise UsageError(
                f"expected a run folder, got {self.path}, which holds no run.json: pass a folder that analyze or score "
                f"has written"
            )
        if not manifest.get("completed"):
            raise InputError(
                f"expected a finished run, got {self.path}, which was interrupted: finish it with the same command and "
                f"--resume"
            )
        return manifest

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Write the manifest whole or not at all."""
        with atomic_write(self.manifest) as file:
            file.write(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")


def clip_rate(manifest: Mapping[str, Any]) -> Fraction | None:
    """Return the frames a second of a manifest's clip; None where it has no time."""
    rate = manifest["clip"]["fps"]
    return None if rate is None else Fraction(rate)


def prepare_run_folder(path: Path, resume: bool, overwrite: bool) -> RunFolder:
    """Make the run folder, or refuse one that holds a run already.

    Raises:
        UsageError: if it is taken and neither `resume` nor `overwrite` is given, or cannot be written.
    """
    folder = RunFolder(path)
    if overwrite and path.exists():
        _remove_run(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".writable.part"
        probe.touch()
        probe.unlink()
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise UsageError(
            f"expected a folder for results that can be written, got {path} ({error.strerror}): "
            f"pass another one to --out"
        ) from error
    manifest = None if resume else folder.read_manifest()
    if manifest is not None:
        state = "a finished run" if manifest.get("completed") else "an interrupted run"
        advice = "" if manifest.get("completed") else "--resume to continue it, "
        raise UsageError(
            f"expected a free folder for results, got {path}, which holds {state}: "
            f"pass {advice}--overwrite to replace it, or another folder to --out"
        )
    return folder


def _remove_run(path: Path) -> None:
    """Remove a run that is to be replaced, and nothing that is no run."""
    if not (path / "run.json").exists() and any(path.iterdir()):
        raise UsageError(
            f"expected a run to overwrite, got {path}, which holds other files: pass another folder to --out"
        )
    shutil.rmtree(path)
