"""Models by name: a segmenter with its weights, and what a report must say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from yolact_temporal.errors import UsageError
from yolact_temporal.yolact import Segmenter
from yolact_temporal.yolact.baselines import BASELINES
from yolact_temporal.yolact.device import autocast_dtype, resolve_device
from yolact_temporal.yolact.families import build_model, model_config, segmenter_of
from yolact_temporal.yolact.weights import completed_weights, find_weights, load_weights

PUBLISHED = "yolact_base"
COMPACT = ("yolact_compact", "mask_rcnn_compact", "mask_scoring_rcnn_compact")
"""The models whose weights ship with the package."""

DEFAULT_SCORE_THRESHOLD = 0.3
"""Above it an instance counts, for models of which nothing else is known."""

OPERATING_THRESHOLDS: Mapping[str, float] = MappingProxyType(
    {"yolact_compact": 0.26, "mask_rcnn_compact": 0.45, "mask_scoring_rcnn_compact": 0.26}
)
"""Above which score an instance counts, by model. Scores of different models do not mean the same, so each compact
model's is where its precision and recall are equal on the validation images (mask IoU 0.5), as `evaluate` prints it."""

RECORD_THRESHOLD = 0.1
"""Down to which score instances are recorded, uncounted: a comparison of models asks whether one saw at all what
another saw well."""


@dataclass(frozen=True)
class LoadedModel:
    """A segmenter ready to run, and what the manifest says of it.

    Attributes:
        segmenter: keeps every instance whose score is above the record threshold.
        score_threshold: the operating threshold: instances above it count.
        manifest: what `run.json` holds of the model.
    """

    segmenter: Segmenter
    score_threshold: float
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        """The model's name, as in `--model`."""
        return self.segmenter.name


def model_note(name: str) -> str:
    """Return one sentence that says what kind of model this is; it heads every report."""
    if name in COMPACT:
        published = PUBLISHED if name == "yolact_compact" else counterpart(PUBLISHED)
        return (
            f"{name} is this project's own small model (classes person, vehicle, animal), not a published one: "
            f"for the published kind pass --model {published}."
        )
    if name in BASELINES:
        return (
            f"{name} has the published {'Mask Scoring' if 'scoring' in name else 'Mask'} R-CNN architecture."
        )
    return f"{name} has the published YOLACT architecture."


def counterpart(name: str) -> str:
    """Return the baseline that a model is measured beside where none is named: one trained on the same classes."""
    if name in COMPACT:
        return "mask_rcnn_compact" if name != "mask_rcnn_compact" else "yolact_compact"
    return "mask_rcnn_resnet50_fpn" if name != "mask_rcnn_resnet50_fpn" else PUBLISHED


def chosen_models(model: str, baselines: Sequence[str] | None, without: bool = False) -> list[str]:
    """Return the names of the models to run, the measured one first.

    Args:
        model: the measured one.
        baselines: those named; None or empty for the model's counterpart.
        without: measure the model alone.

    Raises:
        UsageError: if a model is named twice, or baselines are both named and declined.
    """
    if without and baselines:
        raise UsageError(f"expected --baseline or --no-baseline, got both: drop one ({', '.join(baselines)})")
    names = [model, *([] if without else baselines or [counterpart(model)])]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(
            f"expected models to compare that differ, got {twice[0]} more than once: a model is as steady as itself"
        )
    return names


def load_model(
    name: str,
    score_threshold: float | None = None,
    device: str = "auto",
    precision: str = "float32",
    weights: Path | None = None,
    record_threshold: float = RECORD_THRESHOLD,
) -> LoadedModel:
    """Build a model, load its weights and put it on a device.

    Args:
        name: a model's name.
        score_threshold: instances whose score is not above it do not count; None for the model's own.
        device: "auto" or a torch device.
        precision: "float32", "float16" or "bfloat16".
        weights: a weights file; by default the model's own, bundled or fetched before.
        record_threshold: instances whose score is not above it are dropped; the operating threshold where that is
            lower.

    Raises:
        UsageError: if model, threshold, device or precision do not exist.
        WeightsError: if the weights are missing or do not fit.
    """
    config = model_config(name)
    threshold = (
        OPERATING_THRESHOLDS.get(name, DEFAULT_SCORE_THRESHOLD)
        if score_threshold is None
        else score_threshold
    )
    if not 0 <= threshold <= 1:
        raise UsageError(
            f"expected a score threshold from 0 to 1, got {threshold:g}: pass one to --score-threshold"
        )
    target = resolve_device(device)
    autocast_dtype(precision)
    found = find_weights(name, weights)
    network = build_model(name)
    load_weights(found, network)
    recorded = min(record_threshold, threshold)
    segmenter = segmenter_of(network.to(target), score_threshold=recorded, precision=precision)
    base = completed_weights(found)
    manifest = {
        "note": model_note(name),
        "weights": {"sha256": found.sha256, "source": found.source, "file": found.path.name}
        | ({} if base is None else {"completes": base.name, "completes_sha256": base.sha256}),
        "config": asdict(config),
        "score_threshold": threshold,
        "record_threshold": recorded,
        "nms": segmenter.nms,
        "device": str(target),
        "precision": precision,
    }
    return LoadedModel(segmenter, threshold, manifest)
