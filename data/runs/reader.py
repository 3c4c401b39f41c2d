"""The reader of a finished run: what compares, exports and shows it asks here, and opens no path of its own making."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from yolact_temporal.data.files import kind_of
from yolact_temporal.data.runs.layout import MANIFEST, RunFolder
from yolact_temporal.data.runs.manifest import Manifest, read_manifest
from yolact_temporal.data.runs.state import run_state
from yolact_temporal.errors import InputError, UsageError


@dataclass(frozen=True)
class FinishedFolder:
    """A finished run on disk.

    Attributes:
        folder: where its files lie; take their paths by `there`, which follows no link.
        manifest: what it says.
    """

    folder: RunFolder
    manifest: Manifest

    def there(self, path: Path) -> bool:
        """Say whether one of the run's files is there; see `plain_file`."""
        return plain_file(self.folder.path, path)

    def model_name(self, wanted: str | None) -> str:
        """Return the name of the model that is meant.

        Args:
            wanted: what a person named; None where they named none, which does where the run has one model.

        Raises:
            UsageError: if the run has no such model, or several and none was named.
        """
        names, path = list(self.manifest.models), self.folder.path
        told = ", ".join(names)
        if wanted is None and len(names) != 1:
            raise UsageError(f"expected --model, since {path} has {told}: name one of them")
        if wanted is not None and wanted not in names:
            raise UsageError(
                f"expected a model of {path}, which has {told}, got {wanted!r}: name one of them"
            )
        return wanted or names[0]


def open_finished(path: Path) -> FinishedFolder:
    """Open a finished run.

    Raises:
        UsageError: if the folder holds no run.
        InputError: if the run is being written or was interrupted, or its manifest cannot be read.

    Example:
        >>> open_finished(Path("no_such_folder"))
        Traceback (most recent call last):
        yolact_temporal.errors.UsageError: expected a run folder, or a folder of them, got no_such_folder,
        which holds no run.json: pass a folder that analyze or score has written
    """
    manifest = read_manifest(path)
    if manifest is None:
        raise no_run(path)
    if not manifest.completed:
        advice = (
            "which is being written: wait for it"
            if run_state(path) == "running"
            else "which was interrupted: finish it with the same command and --resume"
        )
        raise InputError(f"expected a finished run, got {path}, {advice}")
    for name in manifest.models:
        plain_file(path, path / name / "any")  # a model's folder is the run's own, or nothing of it is read
    return FinishedFolder(RunFolder(path), manifest)


def no_run(path: Path) -> UsageError:
    """Return what to say of a path that is expected to be a run and is none."""
    return UsageError(
        f"expected a run folder, or a folder of them, got {path}, which holds no {MANIFEST}: pass a folder that "
        f"analyze or score has written"
    )


def plain_file(folder: Path, path: Path) -> bool:
    """Say whether a plain file lies at a path in a run folder, reached through plain folders only.

    Args:
        folder: the run's, which may itself be a link.
        path: inside it.

    Raises:
        InputError: if a link, fifo or device stands there or on the way.
    """
    at, parts = folder, path.relative_to(folder).parts
    for place, part in enumerate(parts):
        at = at / part
        kind, wanted = kind_of(at), "file" if place == len(parts) - 1 else "folder"
        if kind == "nothing":
            return False
        if kind != wanted:
            raise InputError(
                f"expected a plain {wanted} at {at}, got a {kind}, which is never followed or opened: put the {wanted} "
                f"itself there, or analyze the clip again into another folder"
            )
    return True
