"""Read weights files safely, and say whether they fit a model."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from yolact_temporal.errors import WeightsError
from yolact_temporal.yolact.weights.foreign_formats import SUFFIXES as FOREIGN
from yolact_temporal.yolact.weights.foreign_formats import foreign_format, read_foreign
from yolact_temporal.yolact.weights.registry import WeightsEntry
from yolact_temporal.yolact.weights.store import require_file

_NUMBERS = frozenset(
    {
        torch.float16, torch.bfloat16, torch.float32, torch.float64,
        torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
    }
)  # fmt: skip
"""What weights and the counters beside them are kept as."""

_LONGEST_KEY, _LONGEST_SHOWN, _LONGEST_PHRASE = 512, 80, 600

Shapes = Mapping[str, tuple[int, ...]]
Value = TypeVar("Value")

_OLD_LAYER = re.compile(r"backbone\.layer(?!s)")
_DOWNSAMPLE = re.compile(r"fpn\.downsample_layers\.\d+\.")
_PICKLED_NAME = re.compile(r"(?:GLOBAL|[Gg]lobal:?) (?:GLOBAL )?`?([A-Za-z_][\w.]*\.\w+)")
#: A counter that batch normalisation keeps and nothing here uses; files from before PyTorch 0.4.1 lack it.
_COUNTER = ".num_batches_tracked"


def file_format(path: Path) -> str:
    """Return "safetensors", "numpy", "mxnet" or "pytorch", by the first bytes; what is none of the first is the last.

    Raises:
        WeightsError: if there is no such file, it cannot be read, it is empty, or no plain file.
    """
    try:
        require_file(path)
        with path.open("rb") as file:
            head = file.read(9)
    except OSError as error:
        raise WeightsError(
            f"expected a weights file at {path}, which cannot be read ({error.strerror}): check the path"
        ) from error
    if not head:
        raise WeightsError(f"expected a weights file, got {path}, which is empty: fetch or copy it again")
    if head[8:9] == b"{":
        return "safetensors"
    return foreign_format(path, head) or "pytorch"


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict from a `.pth`, `.safetensors`, `.npz` or MXNet's `.params` onto the CPU, executing none of it.

    Returns:
        Tensors by key, in the file's dtypes.

    Raises:
        WeightsError: if the file cannot be read, is not a weights file, would run code, or holds anything
            but named tensors.

    Example:
        >>> from yolact_temporal.yolact.weights import find_weights
        >>> state = read_state(find_weights("yolact_compact").path)
        >>> {str(tensor.dtype) for tensor in state.values() if tensor.is_floating_point()}
        {'torch.float16'}
    """
    path = Path(path)
    kind = file_format(path)
    if kind in FOREIGN:
        return _named_tensors(read_foreign(path, kind), path)
    if kind == "safetensors":
        try:
            return _named_tensors(safetensors.torch.load_file(path, device="cpu"), path)
        except (safetensors.SafetensorError, OSError, ValueError, KeyError) as error:
            raise WeightsError(
                f"expected a safetensors file, got {path}, which is damaged ({error}): fetch or copy it again"
            ) from error
    return _named_tensors(_unpickle(path), path)


def _unpickle(path: Path) -> Any:
    """Run PyTorch's restricted reader, which builds tensors and plain containers and calls nothing else."""
    try:
        # Only PyTorch's zip format can be mapped into memory; the published files are of the older one.
        with path.open("rb") as file:
            mappable = file.read(4) == b"PK\x03\x04"
        if mappable and _is_compressed(path):
            raise WeightsError(
                f"expected a weights file as PyTorch writes it, got {path}, which is a compressed archive, and may be "
                f"far larger than it looks: unpack it, or save model.state_dict() again"
            )
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mappable)
    except pickle.UnpicklingError as error:
        if found := _PICKLED_NAME.search(str(error)):
            raise WeightsError(
                f"expected tensors alone in {path}, found a call of {found[1]}, which could run any code: "
                "refused and not executed; get the file from a source you trust"
            ) from error
        raise _unreadable(path) from error
    except (MemoryError, WeightsError):
        raise
    except Exception as error:  # a damaged file makes torch raise nearly anything
        raise _unreadable(path) from error


def _unreadable(path: Path) -> WeightsError:
    return WeightsError(
        f"expected a weights file (.pth or .safetensors), got {path}, which is neither or is damaged: "
        "fetch or copy it again"
    )


def _named_tensors(content: Any, path: Path) -> dict[str, Tensor]:
    # A checkpoint with the optimiser's state beside the weights: maskrcnn-benchmark's, or that of a training run here.
    for part in ("average", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(part), Mapping):
            content = content[part]
    if not isinstance(content, Mapping):
        found = f"a {type(content).__name__}"
    elif not content:
        found = "nothing"
    else:
        faults = ((key, _fault(key, value)) for key, value in content.items())
        key, found = next(((key, fault) for key, fault in faults if fault), ("", ""))
        if not found:
            return dict(content)
        found = f"{_shown(key)}, {found}"
    raise WeightsError(
        f"expected a state dict of named tensors in {path}, found {found}: save model.state_dict() alone"
    )


def _is_compressed(path: Path) -> bool:
    """Say whether an archive holds anything compressed, which PyTorch never writes."""
    with zipfile.ZipFile(path) as archive:
        return any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist())


def _fault(key: Any, value: Any) -> str:
    """Return what keeps an entry from being a named tensor of plain numbers; "" where nothing does."""
    if not isinstance(key, str) or not isinstance(value, Tensor):
        return "which is no named tensor"
    if not key.isprintable() or len(key) > _LONGEST_KEY:
        return "which is no name of a tensor"
    if value.is_nested or value.layout != torch.strided or value.is_quantized:
        return "a tensor that is sparse, nested or quantised"
    if value.device.type != "cpu":
        return f"a tensor without numbers (device {value.device.type})"
    if value.dtype not in _NUMBERS:
        return f"a tensor of {str(value.dtype).removeprefix('torch.')}, which no weights here are"
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        return f"a tensor that repeats fewer numbers than its shape {tuple(value.shape)} says"
    return ""


def _shown(key: Any) -> str:
    try:
        text = ascii(key)
    except (RecursionError, ValueError):
        return f"a {type(key).__name__}"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def clean_state_dict(state: Mapping[str, Value], expected: Collection[str]) -> dict[str, Value]:
    """Drop what old official checkpoints hold twice or too much, as the original does when it loads one.

    Two kinds of keys go: `backbone.layer...` other than `backbone.layers...` (the same tensors under their
    first name), and `fpn.downsample_layers.N` beyond the layers that the model has (yolact.py, `load_weights`).

    Args:
        state: tensors, or whatever else, by key; unchanged.
        expected: the keys of the model's own state dict.

    Example:
        >>> clean_state_dict({"backbone.layer1.weight": 1, "backbone.layers.0.weight": 2}, ["backbone.layers.0.weight"])
        {'backbone.layers.0.weight': 2}
    """

    def obsolete(key: str) -> bool:
        """Say whether a key is of a layer that only old checkpoints have."""
        return key not in expected and bool(_OLD_LAYER.match(key) or _DOWNSAMPLE.match(key))

    return {key: value for key, value in state.items() if not obsolete(key)}


def expected_shapes(entry: WeightsEntry) -> dict[str, tuple[int, ...]]:
    """Return the shape of every key of a model's weights file; no memory is taken for the tensors."""
    with torch.device("meta"):
        model = entry.build()
    prefix = entry.completes.prefix if entry.completes else ""
    return {key: shape for key, shape in shapes_of(model.state_dict()).items() if key.startswith(prefix)}


def shapes_of(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor."""
    return {key: tuple(tensor.shape) for key, tensor in state.items()}


def differences(found: Shapes, expected: Shapes) -> list[str]:
    """Say, a phrase each, where keys or shapes differ after the clean-up of old keys; empty if nothing does."""
    cleaned = clean_state_dict(found, expected)
    missing = [key for key in expected if key not in cleaned and not key.endswith(_COUNTER)]
    unexpected = [key for key in cleaned if key not in expected]
    reshaped = [key for key in expected if key in cleaned and cleaned[key] != expected[key]]
    return [
        *(f"{key} is missing" for key in missing),
        *(f"{key} is unexpected" for key in unexpected),
        *(f"{key} is {cleaned[key]} where {expected[key]} is expected" for key in reshaped),
    ]


def not_finite(state: Mapping[str, Tensor]) -> list[str]:
    """Return the keys of tensors that hold NaN or infinity."""
    return [key for key, tensor in state.items() if not bool(torch.isfinite(tensor).all())]


def require_fit(state: Mapping[str, Tensor], expected: Shapes, name: str, where: str | Path) -> None:
    """Check that a state dict fits a model and holds numbers throughout.

    Raises:
        WeightsError: naming the first few differences, or tensors that are not finite.
    """
    if phrases := differences(shapes_of(state), expected):
        raise WeightsError(
            f"expected the keys and shapes of {name} in {where}, found {len(phrases)} differences "
            f"({first_few(phrases)}): choose the file that belongs to this model"
        )
    if broken := not_finite(state):
        raise WeightsError(
            f"expected finite numbers in {where}, found NaN or infinity in {len(broken)} tensors "
            f"({first_few(broken)}): fetch or copy it again"
        )


def first_few(phrases: Sequence[str], count: int = 3) -> str:
    """Join the first phrases, and count the rest."""
    rest = f"; and {len(phrases) - count} more" if len(phrases) > count else ""
    return "; ".join(phrase[:_LONGEST_PHRASE] for phrase in phrases[:count]) + rest


def load_into(model: nn.Module, state: Mapping[str, Tensor], name: str, where: str | Path) -> None:
    """Load a state dict strictly, after the clean-up of old keys; half precision becomes the model's own.

    Raises:
        WeightsError: if it does not fit; the model is then unchanged.
    """
    own = model.state_dict()
    require_fit(state, shapes_of(own), name, where)
    counters = {key: torch.zeros_like(tensor) for key, tensor in own.items() if key.endswith(_COUNTER)}
    # load_state_dict copies into the model's own tensors, which converts the dtype on the way.
    model.load_state_dict(counters | clean_state_dict(state, own), strict=True)
