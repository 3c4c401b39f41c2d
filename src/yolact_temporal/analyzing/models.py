"""Models by name: a segmenter with its weights, and what a report must say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from yolact_temporal.data.runs.names import require_free
from yolact_temporal.errors import UsageError
from yolact_temporal.yolact import Segmenter
from yolact_temporal.yolact.device import autocast_dtype, resolve_device
from yolact_temporal.yolact.families import build_model, find_model, model_names, segmenter_of
from yolact_temporal.yolact.user_models import entry_point_models, factory_of, load_user_segmenter
from yolact_temporal.yolact.weights import completed_weights, find_weights, load_weights
from yolact_temporal.yolact.weights.store import sha256_of

RECORD_THRESHOLD = 0.1
"""Down to which score instances are recorded, uncounted: a comparison of models asks whether one saw at all what
another saw well."""


@dataclass(frozen=True)
class ModelRequest:
    """Which model to load, and how it shall run.

    Attributes:
        name: a model's name, or `package.module:factory`.
        score_threshold: instances whose score is not above it do not count; None for the model's own.
        device: "auto" or a torch device.
        precision: "float32", "float16" or "bfloat16".
        weights: a weights file; by default the model's own, bundled or fetched before.
        record_threshold: instances whose score is not above it are dropped; the operating threshold where that is
            lower.
    """

    name: str
    score_threshold: float | None = None
    device: str = "auto"
    precision: str = "float32"
    weights: Path | None = None
    record_threshold: float = RECORD_THRESHOLD

    def thresholds(self, own: float) -> tuple[float, float]:
        """Return the operating threshold and the record threshold of a model whose own operating threshold is given."""
        operating = own if self.score_threshold is None else self.score_threshold
        return operating, min(self.record_threshold, operating)


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
        """The model's name, as in tables and folders."""
        return self.segmenter.name

    @property
    def note(self) -> str:
        """One sentence that says what kind of model this is; it heads every report."""
        return str(self.manifest["note"])


def counterpart(name: str) -> str | None:
    """Return the baseline that a model is measured beside where none is named; None for a user's own."""
    return None if _users_own(name) else find_model(name).counterpart


def chosen_models(model: str, baselines: Sequence[str] | None, without: bool = False) -> list[str]:
    """Return the names of the models to run, the measured one first.

    Args:
        model: the measured one.
        baselines: those named; None or empty for the model's counterpart.
        without: measure the model alone.

    Raises:
        UsageError: if there is no such model, one is named twice, or baselines are both named and declined.
    """
    if without and baselines:
        raise UsageError(f"expected --baseline or --no-baseline, got both: drop one ({', '.join(baselines)})")
    for name in (model, *(baselines or ())):
        _require_known(name)
    beside = counterpart(model)
    default = [] if beside is None else [beside]
    names = [model, *([] if without else baselines or default)]
    require_distinct(names)
    return names


def require_distinct(names: Sequence[str]) -> None:
    """Refuse models of which one is there more than once.

    Raises:
        UsageError: naming it.
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(
            f"expected models to compare that differ, got {twice[0]} more than once: a model is as steady as itself"
        )


def load_model(request: ModelRequest) -> LoadedModel:
    """Build a model, load its weights and put it on a device; of a user's own, call its factory.

    Raises:
        UsageError: if model, threshold, device or precision do not exist, or a user's segmenter is none.
        WeightsError: if the weights are missing or do not fit.

    Example:
        >>> model = load_model(ModelRequest("yolact_compact", device="cpu"))
        >>> model.name, model.score_threshold, model.segmenter.class_names
        ('yolact_compact', 0.26, ('person', 'vehicle', 'animal'))
    """
    _require_known(request.name)
    threshold = request.score_threshold
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(
            f"expected a score threshold from 0 to 1, got {threshold:g}: pass one to --score-threshold"
        )
    autocast_dtype(request.precision)
    placed = replace(request, device=str(resolve_device(request.device)))
    return _load_users_own(placed) if _users_own(request.name) else _load_registered(placed)


def _load_registered(request: ModelRequest) -> LoadedModel:
    name = request.name
    entry = find_model(name)
    threshold, recorded = request.thresholds(entry.score_threshold)
    found = find_weights(name, request.weights)
    network = build_model(name)
    load_weights(found, network)
    segmenter = segmenter_of(
        network.to(request.device), score_threshold=recorded, precision=request.precision
    )
    base = completed_weights(found)
    manifest = {
        "note": f"{name} {entry.note}",
        "weights": {"sha256": found.sha256, "source": found.source, "file": found.path.name}
        | ({} if base is None else {"completes": base.name, "completes_sha256": base.sha256}),
        "config": asdict(entry.config),
        "score_threshold": threshold,
        "record_threshold": recorded,
        "nms": segmenter.nms,
        "device": request.device,
        "precision": request.precision,
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


def _users_own(name: str) -> bool:
    """Say whether a name stands for a user's factory; one that a model of ours has never does."""
    return name not in model_names() and factory_of(name) is not None


def _require_known(name: str) -> None:
    if name not in model_names() and factory_of(name) is None:
        known = ", ".join((*model_names(), *entry_point_models()))
        raise UsageError(
            f"expected a model out of {known}, got {name!r}: pass one of these, or a segmenter of your own as "
            f"package.module:factory"
        )


def _require_own_name(name: str, factory: str) -> None:
    """Refuse a user's model whose name is another's, or cannot be a folder of a run."""
    require_free(name, f"the attribute name of what {factory} makes")
    if name in model_names():
        raise UsageError(
            f"expected a name of its own for what {factory} makes, got {name}, which another model has: change it"
        )
