"""Bring weights into the user's cache, and check them: what `weights fetch`, `import` and `verify` do."""

from __future__ import annotations

import contextlib
import hashlib
import math
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from yolact_temporal.errors import UsageError, WeightsError
from yolact_temporal.yolact.families import families
from yolact_temporal.yolact.weights.access import (
    WeightsFile,
    find_weights,
    locate,
    no_address,
)
from yolact_temporal.yolact.weights.checkpoint import (
    Shapes,
    differences,
    expected_shapes,
    file_format,
    first_few,
    not_finite,
    read_state,
    require_fit,
    shapes_of,
)
from yolact_temporal.yolact.weights.download import Progress, discard, download
from yolact_temporal.yolact.weights.foreign_formats import SUFFIXES as FOREIGN
from yolact_temporal.yolact.weights.registry import REGISTRY, Registry, WeightsEntry, find_entry
from yolact_temporal.yolact.weights.store import (
    add_to_cache,
    cache_folder,
    disk_faults,
    exclusive,
    find_in_cache,
    set_aside,
    sha256_of,
)

_SUFFIXES = {"pytorch": ".pth", "safetensors": ".safetensors", **FOREIGN}


@dataclass(frozen=True)
class WeightsReport:
    """What `verify` found.

    Attributes:
        path: the file.
        sha256: of its bytes, in hexadecimal.
        format: "pytorch", "safetensors", "numpy" or "mxnet".
        shapes: of every tensor, by key.
        dtypes: of the tensors, each once, sorted.
        not_finite: keys of tensors that hold NaN or infinity.
        fits: every model whose keys and shapes these are; several where only input size or anchors differ.
        model: the model it was checked against: the one named, else the one it fits, else the closest.
        differences: from `model`, a phrase each; empty if it fits.
        intact: whether the file still is what was stored; None if it does not come from the cache.
    """

    path: Path
    sha256: str
    format: str
    shapes: Shapes = field(repr=False)
    dtypes: tuple[str, ...]
    not_finite: tuple[str, ...]
    fits: tuple[str, ...]
    model: str
    differences: tuple[str, ...]
    intact: bool | None

    @property
    def ok(self) -> bool:
        """Whether the file can be used for `model`."""
        return not self.differences and not self.not_finite and self.intact is not False

    def __str__(self) -> str:
        """Return the report for a person to read, a line each."""
        values = sum(math.prod(shape) for shape in self.shapes.values())
        lines = [
            str(self.path),
            f"  sha256: {self.sha256}",
            f"  holds: {len(self.shapes)} tensors, {values} numbers ({', '.join(self.dtypes)}), {self.format}",
            f"  fits: {', '.join(self.fits) or 'no known model'}",
        ]
        if self.differences:
            lines.append(
                f"  differs from {self.model} in {len(self.differences)}: {first_few(self.differences)}"
            )
        if self.not_finite:
            lines.append(f"  NaN or infinity in {len(self.not_finite)} tensors: {first_few(self.not_finite)}")
        if self.intact is False:
            lines.append("  changed since it was stored: fetch or import it again")
        lines.append(f"  {'good' if self.ok else 'not usable'} for {self.model}")
        return "\n".join(lines)


def fetch(
    name: str,
    url: str | None = None,
    progress: Progress | None = None,
    *,
    force: bool = False,
    registry: Registry = REGISTRY,
) -> WeightsFile:
    """Download a model's weights into the user's cache, unless they are there.

    The file is accepted only if its keys and shapes are the model's and its numbers finite; nothing of it is
    executed. A file that came whole but is not accepted is set aside, and the error says where.

    Args:
        name: the model.
        url: where to get them instead of the published address.
        progress: called with the bytes that are there and those there will be, as in `download`.
        force: download even if the cache has them.
        registry: the models that there are.

    Raises:
        UsageError: if there is no such model, its weights are bundled and another address is given, the address
            is no address, the cache cannot be written, or another process is fetching the same.
        OutOfSpaceError: if the disk is full.
        WeightsError: if the model has no address, the download fails (it can be resumed) or the file is wrong.

    Example:
        >>> fetch("yolact_compact").source  # nothing to download
        'bundled'
    """
    entry = find_entry(name, registry)
    if entry.bundled is not None:
        if url is not None:
            raise _not_replaceable(entry)
        return find_weights(name, registry=registry)
    if url is None and find_in_cache(name) is not None and not force:
        return find_weights(name, registry=registry)
    address = url or entry.url
    if address is None:
        raise no_address(name)
    part = _part_path(name, address)
    busy = f"expected no other process to be fetching {name}, found one: wait for it, or stop it"
    with exclusive(part.with_name(part.name + ".lock"), busy):
        download(address, part, progress)
        suffix = _accept(part, entry)
        add_to_cache(name, part, address, suffix=suffix, move=True)
        discard(part)
    return find_weights(name, registry=registry)


def import_file(path: str | Path, name: str | None = None, *, registry: Registry = REGISTRY) -> WeightsFile:
    """Copy a `.pth`, `.safetensors`, `.npz` or `.params` file into the user's cache as a model's weights.

    A checkpoint under its authors' own names, as a family knows them, is converted.

    Args:
        path: the file; it stays as it is.
        name: the model; if not given, the one whose keys and shapes the file has. Where several have the same
            (they differ in input size or anchors alone), the file's own name decides.
        registry: the models that there are.

    Returns:
        The cached file; its `name` is the model that was found.

    Raises:
        UsageError: if there is no such model, its weights are bundled, or several models fit alike.
        OutOfSpaceError: if the disk is full.
        WeightsError: if the file cannot be read, would run code, fits no model or not the named one, or holds
            NaN or infinity.

    Example:
        >>> import_file("mine.pth", "yolact_compact")
        Traceback (most recent call last):
        yolact_temporal.errors.WeightsError: expected a weights file at mine.pth, which cannot be read
        (No such file or directory): check the path
    """
    path = Path(path)
    state = read_state(path)
    renamed = next((own for family in families() if (own := family.renamed(state)) is not None), None)
    state = state if renamed is None else renamed
    entry = find_entry(name, registry) if name is not None else _guess(path, state, registry)
    if entry.bundled is not None:
        raise _not_replaceable(entry)
    require_fit(state, expected_shapes(entry), entry.name, path)
    origin = str(path.resolve())
    if renamed is not None:
        with _rewritten(renamed, entry.name) as converted:
            add_to_cache(entry.name, converted, origin, suffix=".safetensors", move=True)
    else:
        add_to_cache(entry.name, path, origin, suffix=_SUFFIXES[file_format(path)], move=False)
    return find_weights(entry.name, registry=registry)


@contextlib.contextmanager
def _rewritten(state: Mapping[str, Tensor], name: str) -> Iterator[Path]:
    """Write a converted state dict to a file of the cache that is gone afterwards, unless it was moved."""
    folder = cache_folder("partial")
    with disk_faults(folder), tempfile.TemporaryDirectory(dir=folder, prefix=f"{name}-") as place:
        converted = Path(place) / "converted.safetensors"
        # Each by itself: the format knows no tensors that share their numbers or leave some out.
        own = {key: tensor.clone(memory_format=torch.contiguous_format) for key, tensor in state.items()}
        save_file(own, converted)
        yield converted


def verify(
    name_or_path: str | Path, name: str | None = None, *, registry: Registry = REGISTRY
) -> WeightsReport:
    """Look at a weights file, or at those that a model would use.

    Args:
        name_or_path: a model's name or a file.
        name: the model to check a file against; if not given, the one it fits or is closest to.
        registry: the models that there are.

    Returns:
        What was found; `ok` says whether the file can be used.

    Raises:
        UsageError: if there is no such model.
        WeightsError: if there is no such file or it cannot be read; a readable file that does not fit is
            reported, not raised.

    Example:
        >>> report = verify("yolact_compact")
        >>> report.ok, report.fits, report.format
        (True, ('yolact_compact',), 'safetensors')
    """
    found = locate(name_or_path, registry)
    named = name or found.name
    state = read_state(found.path)
    shapes = shapes_of(state)
    candidates = _differences_by_model(shapes, registry)
    fits = tuple(model for model, phrases in candidates.items() if not phrases)
    if named is not None:
        model = find_entry(named, registry).name
    elif fits:
        model = _by_file_name(found.path, fits) or fits[0]
    else:
        model = min(candidates, key=lambda candidate: len(candidates[candidate]))
    actual = sha256_of(found.path)
    return WeightsReport(
        path=found.path,
        sha256=actual,
        format=file_format(found.path),
        shapes=shapes,
        dtypes=tuple(sorted({str(tensor.dtype).removeprefix("torch.") for tensor in state.values()})),
        not_finite=tuple(not_finite(state)),
        fits=fits,
        model=model,
        differences=tuple(candidates[model]),
        intact=actual == found.sha256 if found.source == "cached" else None,
    )


def _not_replaceable(entry: WeightsEntry) -> UsageError:
    """Bundled weights are never shadowed by the cache, so that a model's name means the same everywhere."""
    return UsageError(
        f"expected a model whose weights are not bundled, got {entry.name}, whose weights are part of the package: "
        "pass the file itself with --weights"
    )


def _part_path(name: str, address: str) -> Path:
    """Parts of different addresses must never be mixed, so the address is in the part's name."""
    digest = hashlib.sha256(address.encode()).hexdigest()[:12]
    return cache_folder("partial") / f"{name}-{digest}.part"


def _accept(part: Path, entry: WeightsEntry) -> str:
    """Check a file that came whole; returns the suffix for it, or sets it aside and says why and where."""
    try:
        if not sha256_of(part).startswith(entry.sha256_prefix):
            raise WeightsError(
                f"expected a file whose SHA-256 begins with {entry.sha256_prefix} for {entry.name}, got "
                f"{sha256_of(part)}: fetch it again"
            )
        require_fit(read_state(part), expected_shapes(entry), entry.name, "the downloaded file")
        return _SUFFIXES[file_format(part)]
    except WeightsError as error:
        kept = set_aside(entry.name, part)
        discard(part)
        reason = str(error).replace(str(part), "the downloaded file")
        raise WeightsError(f"{reason} (not accepted; it lies in {kept})") from error


def _differences_by_model(shapes: Shapes, registry: Registry) -> dict[str, list[str]]:
    return {entry.name: differences(shapes, expected_shapes(entry)) for entry in registry.values()}


def _guess(path: Path, state: Mapping[str, Tensor], registry: Registry) -> WeightsEntry:
    """Return the one model that a file fits.

    Raises:
        WeightsError: if it fits none.
        UsageError: if it fits several and the file's name does not decide.
    """
    candidates = _differences_by_model(shapes_of(state), registry)
    fits = tuple(name for name, phrases in candidates.items() if not phrases)
    if not fits:
        closest = min(candidates, key=lambda name: len(candidates[name]))
        raise WeightsError(
            f"expected the keys and shapes of a known model in {path}, found those of no known model "
            f"(closest is {closest}: {first_few(candidates[closest])}): choose another file"
        )
    chosen = fits[0] if len(fits) == 1 else _by_file_name(path, fits)
    if chosen is None:
        raise UsageError(
            f"expected a file that fits one model, got {path}, which fits {', '.join(fits)} alike: "
            "say which with --model"
        )
    return registry[chosen]


def _by_file_name(path: Path, names: tuple[str, ...]) -> str | None:
    """Return the longest of the names that the file's name starts with."""
    return max((name for name in names if path.name.startswith(name)), key=len, default=None)
