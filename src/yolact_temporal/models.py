"""Models by name: a segmenter with its weights, and what a report must say of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yolact_temporal.errors import UsageError
from yolact_temporal.yolact import Segmenter, YolactSegmenter, build_yolact
from yolact_temporal.yolact.device import autocast_dtype, resolve_device
from yolact_temporal.yolact.model import preset
from yolact_temporal.yolact.weights import find_weights, load_weights

COMPACT = "yolact_compact"
PUBLISHED = "yolact_base"

DEFAULT_SCORE_THRESHOLD = 0.3
"""Above it an instance counts; with `yolact_compact` precision and recall are about equal there."""


@dataclass(frozen=True)
class LoadedModel:
    """A segmenter ready to run, and what the manifest says of it."""

    segmenter: Segmenter
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        """The model's name, as in `--model`."""
        return self.segmenter.name


def model_note(name: str) -> str:
    """Return one sentence that says what kind of model this is; it heads every report."""
    if name == COMPACT:
        return (
            f"{COMPACT} is this project's own small model (classes person, vehicle, animal), not a published one: "
            f"for published YOLACT pass --model {PUBLISHED}."
        )
    return f"{name} has the published YOLACT architecture."


def load_model(
    name: str,
    score_threshold: float | None = None,
    device: str = "auto",
    precision: str = "float32",
    weights: Path | None = None,
) -> LoadedModel:
    """Build a model, load its weights and put it on a device.

    Args:
        name: a preset's name.
        score_threshold: instances whose score is not above it are dropped; None for the default.
        device: "auto" or a torch device.
        precision: "float32", "float16" or "bfloat16".
        weights: a weights file; by default the model's own, bundled or fetched before.

    Raises:
        UsageError: if model, threshold, device or precision do not exist.
        WeightsError: if the weights are missing or do not fit.
    """
    config = preset(name)
    threshold = DEFAULT_SCORE_THRESHOLD if score_threshold is None else score_threshold
    if not 0 <= threshold <= 1:
        raise UsageError(
            f"expected a score threshold from 0 to 1, got {threshold:g}: pass one to --score-threshold"
        )
    target = resolve_device(device)
    autocast_dtype(precision)
    found = find_weights(name, weights)
    model = build_yolact(config)
    load_weights(found, model)
    segmenter = YolactSegmenter(model.to(target), score_threshold=threshold, precision=precision)
    manifest = {
        "note": model_note(name),
        "weights": {"sha256": found.sha256, "source": found.source, "file": found.path.name},
        "config": asdict(config),
        "score_threshold": threshold,
        "nms": segmenter.nms,
        "device": str(target),
        "precision": precision,
    }
    return LoadedModel(segmenter, manifest)
