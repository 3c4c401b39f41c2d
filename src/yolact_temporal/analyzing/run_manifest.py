"""What a run says of itself in `run.json`, and what a run that goes on must find unchanged there."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from yolact_temporal.analyzing.clip_stages import AnalyzeResult
from yolact_temporal.analyzing.mask_sources import MaskSource
from yolact_temporal.analyzing.options import AnalyzeOptions
from yolact_temporal.data.frames import ClipInfo
from yolact_temporal.data.runs.layout import RunFolder
from yolact_temporal.errors import UsageError

_PACKAGES = (
    "yolact-temporal",
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "opencv-python-headless",
    "av",
    "decord",
)


_MODEL_SETTINGS = (
    "factory",
    "weights",
    "masks",
    "score_threshold",
    "record_threshold",
    "nms",
    "crop",
    "crop_margin",
    "precision",
    "device",
    "engine",
)
"""What a resumed run must find unchanged of each model, as far as it is said of it."""

_OLDER = {"crop": "cells", "crop_margin": 0.0, "engine": "pytorch"}
"""What a run of an older version had, which did not say so."""


def manifest_of_run(
    clip: ClipInfo, name: str, mask_sources: Sequence[MaskSource], options: AnalyzeOptions, motion_kind: str
) -> dict[str, Any]:
    """Return what the manifest says of a run that begins.

    Args:
        clip: what is measured.
        name: the run's.
        mask_sources: the models.
        options: what is measured.
        motion_kind: where the motion comes from.
    """
    return {
        "completed": False,
        "name": name,
        "started_utc": _now(),
        "clip": asdict(clip) | {"fps": None if clip.fps is None else str(clip.fps)},
        "options": asdict(options),
        "motion": motion_kind,
        "models": {
            each.name: each.manifest | {"mask_cell_px": each.mask_cell_px((clip.height, clip.width))}
            for each in mask_sources
        },
        "packages": _versions(),
        "platform": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }


def outcome_of_run(result: AnalyzeResult) -> dict[str, Any]:
    """Return what the manifest says of a run that came to its end."""
    return {
        "completed": True,
        "finished_utc": _now(),
        "frames_measured": result.frames,
        "losses": [asdict(loss) for loss in result.losses],
        "warnings": list(result.warnings),
        "outside": {model: own._asdict() for model, own in result.outside.items()},
        "seconds": result.seconds,
    }


def require_same_run(folder: RunFolder, earlier: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    """Refuse to go on with a run that measured something else.

    Args:
        folder: where it lies.
        earlier: what its manifest says.
        manifest: what that of the new one says.

    Raises:
        UsageError: if they differ in a setting, which is named.
    """
    for what, old, new in (
        ("clip", earlier["clip"]["sha256"], manifest["clip"]["sha256"]),
        ("decoder", earlier["clip"]["decoder"], manifest["clip"]["decoder"]),
        *(
            (key, known[key], value)
            for known in [earlier.get("options") or {}]
            for key, value in manifest["options"].items()
            if key in known  # what an older version did not know is measured anew from its record
        ),
        ("models", list(earlier["models"]), list(manifest["models"])),
        *(
            (f"{name}'s {key}", earlier["models"][name].get(key, _OLDER.get(key)), model[key])
            for name, model in manifest["models"].items()
            if name in earlier["models"]
            for key in _MODEL_SETTINGS
            if key in model
        ),
    ):
        if old != new:
            raise UsageError(
                f"expected the settings of the run in {folder.path} to go on with it, got {what} {new} where it had "
                f"{old}: pass the same settings, or --overwrite to start over"
            )


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
