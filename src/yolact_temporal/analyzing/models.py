"""Models by name: a segmenter with its weights, and what a report must say of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from yolact_temporal.analyzing.chosen_models import (
    require_engine_of,
    require_known,
    require_threshold,
    users_own,
)
from yolact_temporal.analyzing.loaded_model import LoadedModel
from yolact_temporal.data.runs.names import require_free
from yolact_temporal.errors import UsageError
from yolact_temporal.yolact.device import autocast_dtype, resolve_device
from yolact_temporal.yolact.families import (
    SegmenterOptions,
    build_model,
    find_variant,
    model_names,
    segmenter_of,
)
from yolact_temporal.yolact.how_to_run import ENGINES, require_engine
from yolact_temporal.yolact.user_models import load_user_segmenter
from yolact_temporal.yolact.weights import completed_weights, find_weights, load_weights
from yolact_temporal.yolact.weights.store import sha256_of

RECORD_THRESHOLD = 0.1
"""Down to which score instances are recorded, uncounted: a comparison of models asks whether one saw at all what
another saw well."""


@dataclass(frozen=True)
class ModelRequest:
    """Which model to load, and how it shall run.

    Attributes:
        name: a model's name, options behind a + if any ("yolact_compact+fine"), or `package.module:factory`.
        score_threshold: instances whose score is not above it do not count; None for the model's own.
        device: "auto" or a torch device.
        precision: "float32", "float16" or "bfloat16".
        weights: a weights file; by default the model's own, bundled or fetched before.
        record_threshold: instances whose score is not above it are dropped; the operating threshold where that is
            lower.
        options: how masks are cropped and boxes suppressed, where not as published.
        engine: what runs the network, of `how_to_run.ENGINES`.
    """

    name: str
    score_threshold: float | None = None
    device: str = "auto"
    precision: str = "float32"
    weights: Path | None = None
    record_threshold: float = RECORD_THRESHOLD
    options: SegmenterOptions = field(default_factory=SegmenterOptions)
    engine: str = ENGINES[0]

    def thresholds(self, own: float) -> tuple[float, float]:
        """Return the operating threshold and the record threshold of a model whose own operating threshold is given."""
        operating = own if self.score_threshold is None else self.score_threshold
        return operating, min(self.record_threshold, operating)


def load_model(request: ModelRequest) -> LoadedModel:
    """Build a model, load its weights and put it on a device; of a user's own, call its factory.

    Raises:
        UsageError: if model, option, threshold, device or precision do not exist, or a user's segmenter is none.
        WeightsError: if the weights are missing or do not fit.

    Example:
        >>> model = load_model(ModelRequest("yolact_compact", device="cpu"))
        >>> model.name, model.score_threshold, model.segmenter.class_names
        ('yolact_compact', 0.26, ('person', 'vehicle', 'animal'))
    """
    require_known(request.name, request.options)
    require_threshold(request.score_threshold)
    autocast_dtype(request.precision)
    require_engine_of(request.name, request.engine)
    placed = replace(request, device=str(resolve_device(request.device)))
    require_engine(request.engine, placed.device, request.precision)
    return _load_users_own(placed) if users_own(request.name) else _load_registered(placed)


def _load_registered(request: ModelRequest) -> LoadedModel:
    variant = find_variant(request.name, request.options)
    entry = variant.entry
    name = entry.name
    threshold, recorded = request.thresholds(entry.score_threshold)
    found = find_weights(name, request.weights)
    network = build_model(name)
    load_weights(found, network)
    segmenter = segmenter_of(
        network.to(request.device),
        score_threshold=recorded,
        precision=request.precision,
        options=variant.options,
    )
    segmenter.use_engine(request.engine)
    if request.engine != ENGINES[0]:
        segmenter.network()  # is prepared now, not at the first frame
    base = completed_weights(found)
    manifest = {
        "note": variant.note,
        "weights": {"sha256": found.sha256, "source": found.source, "file": found.path.name}
        | ({} if base is None else {"completes": base.name, "completes_sha256": base.sha256}),
        "config": asdict(entry.config),
        "score_threshold": threshold,
        "record_threshold": recorded,
        **segmenter.settings,
        "device": request.device,
        "precision": request.precision,
        "engine": request.engine,
    }
    return LoadedModel(segmenter, threshold, manifest)


def _load_users_own(request: ModelRequest) -> LoadedModel:
    weights = request.weights
    offered: dict[str, Any] = {"device": request.device, "precision": request.precision}
    if weights is not None:
        offered["weights"] = weights
    segmenter = load_user_segmenter(request.name, **offered)
    taken = segmenter.accepted
    if weights is not None and "weights" not in taken:
        raise UsageError(
            f"expected a factory that takes weights, got {segmenter.factory}, which has no parameter of that name: "
            f"drop --weights"
        )
    _require_own_name(segmenter.name, segmenter.factory)
    threshold, segmenter.record_threshold = request.thresholds(segmenter.score_threshold)
    manifest: dict[str, Any] = {
        "note": segmenter.note,
        "factory": segmenter.factory,
        "config": {"name": segmenter.name, "class_names": segmenter.class_names},
        "score_threshold": threshold,
        "record_threshold": segmenter.record_threshold,
        **{key: taken[key] for key in ("device", "precision") if key in taken},
    }
    if weights is not None:
        manifest["weights"] = {"sha256": sha256_of(weights), "source": "file", "file": weights.name}
    return LoadedModel(segmenter, threshold, manifest)


def _require_own_name(name: str, factory: str) -> None:
    """Refuse a user's model whose name is another's, or cannot be a folder of a run."""
    require_free(name, f"the attribute name of what {factory} makes")
    if name in model_names():
        raise UsageError(
            f"expected a name that no other model has for what {factory} makes, got {name}: change it"
        )
