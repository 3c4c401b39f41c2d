"""How a run stands: finished, being written, interrupted, or not there."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from yolact_temporal.data.runs.lock import is_locked
from yolact_temporal.data.runs.manifest import read_manifest

RunState = Literal["finished", "running", "interrupted", "none"]


def run_state(folder: Path) -> RunState:
    """Return how the run in a folder stands, without keeping anybody from writing it.

    Raises:
        InputError: if its manifest cannot be read.

    Example:
        >>> run_state(Path("no_such_folder"))
        'none'
    """
    manifest = read_manifest(folder)
    if manifest is not None and manifest.completed:
        return "finished"
    if is_locked(folder):
        return "running"
    manifest = read_manifest(folder)  # it may have come to its end between the two looks
    if manifest is None:
        return "none"
    return "finished" if manifest.completed else "interrupted"
