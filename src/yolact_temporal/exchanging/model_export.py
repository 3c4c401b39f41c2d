"""The job behind `export-model`: a model as a file that other programs run."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from yolact_temporal.data.files import atomic_write
from yolact_temporal.errors import UsageError, advice_on_name
from yolact_temporal.yolact.families import build_model, family_of, find_model
from yolact_temporal.yolact.weights import find_weights, load_weights

FORMATS = ("onnx",)


class ExportedModel(NamedTuple):
    """What was written: the file, its size in bytes, and the SHA-256 of the weights in it."""

    path: Path
    size: int
    weights_sha256: str


def export_model(
    name: str, path: Path, format: str = "onnx", weights: Path | None = None, overwrite: bool = False
) -> ExportedModel:
    """Write a model with its weights to a file.

    Args:
        name: the model's.
        path: the file to write.
        format: "onnx".
        weights: a weights file; by default the model's own.
        overwrite: replace a file that is there.

    Raises:
        UsageError: if there is no such model or format, it cannot be written so, the file is there, or the extra that
            writes it is not installed.
        WeightsError: if the weights are missing or do not fit.
    """
    if format not in FORMATS:
        raise UsageError(
            f"expected a format out of {', '.join(FORMATS)}, got {format!r}: {advice_on_name(format, FORMATS)}"
        )
    config = find_model(name).config
    if path.exists() and not overwrite:
        raise UsageError(
            f"expected no file at {path}, found one: pass another to --out, or --overwrite to replace it"
        )
    found = find_weights(name, weights)
    network = build_model(name)
    load_weights(found, network)
    written = family_of(config).onnx(network)
    with atomic_write(path, "wb") as file:
        file.write(written)
    return ExportedModel(path, len(written), found.sha256)
