"""Find a model's weights on this machine and load them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import nn

from yolact_temporal.errors import WeightsError
from yolact_temporal.yolact.weights.checkpoint import load_into, read_state
from yolact_temporal.yolact.weights.given import require_file_or_model
from yolact_temporal.yolact.weights.registry import REGISTRY, Registry, WeightsEntry, find_entry
from yolact_temporal.yolact.weights.store import find_in_cache, sha256_of

Source = Literal["bundled", "cached", "file"]


@dataclass(frozen=True)
class WeightsFile:
    """Weights that are on this machine.

    Attributes:
        path: the file.
        sha256: of its bytes, in hexadecimal.
        source: "bundled" with the package, "cached" by `fetch` or `import`, or a "file" that the user named.
        name: the model they are for; None for a file that the user named without saying.
        origin: the address or file that cached weights came from; empty otherwise.
    """

    path: Path
    sha256: str
    source: Source
    name: str | None = None
    origin: str = ""


@dataclass(frozen=True)
class WeightsRow:
    """One line of `weights list`.

    Attributes:
        name: the model.
        state: "bundled" with the package; "cached"; "available" to be fetched; "no address", to be imported;
            "missing", if it should be bundled but is not there.
        size: of the file in bytes; None if it is not on this machine.
        sha256: of the file; None if it is not on this machine.
        origin: where cached weights came from, or where available ones lie; empty otherwise.
    """

    name: str
    state: Literal["bundled", "cached", "available", "no address", "missing"]
    size: int | None = None
    sha256: str | None = None
    origin: str = ""


def find_weights(
    name: str, explicit: str | Path | None = None, *, registry: Registry = REGISTRY
) -> WeightsFile:
    """Find the weights of a model, without reading or downloading them.

    Args:
        name: the model.
        explicit: a file to use instead of the model's own.
        registry: the models that there are.

    Returns:
        The file, with its SHA-256.

    Raises:
        UsageError: if there is no such model.
        WeightsError: if they are not on this machine; it names the one command that brings them.

    Example:
        >>> find_weights("yolact_compact").source
        'bundled'
    """
    entry = find_entry(name, registry)
    if explicit is not None:
        path = Path(explicit)
        return WeightsFile(path, sha256_of(path), "file", name)
    if entry.bundled is not None:
        if not entry.bundled.is_file():
            raise WeightsError(
                f"expected the weights of {name} inside the package at {entry.bundled}, found none: "
                "install yolact-temporal again"
            )
        return WeightsFile(entry.bundled, sha256_of(entry.bundled), "bundled", name)
    stored = find_in_cache(name)
    if stored is not None:
        return WeightsFile(stored.path, stored.sha256, "cached", name, stored.origin)
    if entry.url is None:
        raise no_address(name)
    raise WeightsError(
        f"expected the weights of {name} on this machine, found none: "
        f"get them with `yolact-temporal weights fetch {name}`"
    )


def load_weights(
    source: str | Path | WeightsFile, model: nn.Module, *, registry: Registry = REGISTRY
) -> WeightsFile:
    """Load weights strictly into a model.

    Args:
        source: a model's name, whose bundled or cached weights are taken, or a file, or what `find_weights` found.
            Keys of old official checkpoints are cleaned up first; half precision becomes the model's own.
        model: changed in place; unchanged if anything is raised.
        registry: the models that there are.

    Returns:
        What was loaded.

    Raises:
        UsageError: if the name is neither a model's nor a file's.
        WeightsError: if the weights are missing, cannot be read, would run code, or do not fit.

    Example:
        >>> from yolact_temporal.yolact import build_yolact
        >>> load_weights("yolact_compact", build_yolact("yolact_compact")).name
        'yolact_compact'
    """
    found = source if isinstance(source, WeightsFile) else locate(source, registry)
    label = found.name or str(getattr(getattr(model, "config", None), "name", type(model).__name__))
    state = read_state(found.path)
    base = completed_weights(found, registry)
    if base is not None:
        state = read_state(base.path) | state
    load_into(model, state, label, found.path)
    return found


def completed_weights(found: WeightsFile, registry: Registry = REGISTRY) -> WeightsFile | None:
    """Return the bundled weights that a file is an addition to, None for one that is whole.

    Example:
        >>> completed_weights(find_weights("yolact_compact")) is None
        True
    """
    entry = registry.get(found.name or "")
    if entry is None or entry.completes is None:
        return None
    return find_weights(entry.completes.name, registry=registry)


def locate(name_or_path: str | Path, registry: Registry = REGISTRY) -> WeightsFile:
    """Find weights by a model's name or by path; a name that is both is the model's.

    Raises:
        UsageError: if a bare word is neither.
        WeightsError: if the file or the model's weights are not there.
    """
    if isinstance(name_or_path, str) and name_or_path in registry:
        return find_weights(name_or_path, registry=registry)
    require_file_or_model(name_or_path, registry)
    path = Path(name_or_path)
    return WeightsFile(path, sha256_of(path), "file")


def list_weights(*, registry: Registry = REGISTRY) -> list[WeightsRow]:
    """Say of every model, in the order of the register, where its weights are.

    Example:
        >>> [row.name for row in list_weights() if row.state == "bundled"]
        ['yolact_compact', 'mask_rcnn_compact', 'mask_scoring_rcnn_compact']
    """
    return [_row(entry) for entry in registry.values()]


def _row(entry: WeightsEntry) -> WeightsRow:
    if entry.bundled is not None:
        if not entry.bundled.is_file():
            return WeightsRow(entry.name, "missing")
        return WeightsRow(entry.name, "bundled", entry.bundled.stat().st_size, sha256_of(entry.bundled))
    stored = find_in_cache(entry.name)
    if stored is not None:
        return WeightsRow(entry.name, "cached", stored.size, stored.sha256, stored.origin)
    if entry.url is not None:
        return WeightsRow(entry.name, "available", origin=entry.url)
    return WeightsRow(entry.name, "no address")


def no_address(name: str) -> WeightsError:
    """Return the error for a model that has no published address."""
    return WeightsError(
        f"expected the weights of {name} on this machine, found none, and they have no published address: "
        f"bring a file of your own with `yolact-temporal weights import FILE --model {name}`"
    )
