"""Weights and the state of a training run on disk, written whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from yolact_temporal.data.files import kind_of, require_replaceable
from yolact_temporal.errors import InputError, WeightsError
from yolact_temporal.yolact.weights.checkpoint import load_into, read_state


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, made anew, then put it in its place.

    Raises:
        UsageError: if a link or anything but a plain file stands at `path`.
    """
    require_replaceable(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    if kind_of(temporary) == "file":
        temporary.unlink()  # of a process that had this one's number
    temporary.open("xb").close()
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_unfinished(path: Path) -> None:
    """Remove what processes that were killed left of writing a file, and nothing else."""
    name = re.compile(rf"\.{re.escape(path.name)}\.\d+\.tmp")
    for left in path.parent.iterdir():
        if name.fullmatch(left.name) and kind_of(left) == "file":
            left.unlink(missing_ok=True)


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Save tensors, numbers, strings and their lists and dictionaries."""
    write_whole(path, lambda temporary: torch.save(state, temporary))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Load what `save_checkpoint` saved; nothing in the file is executed.

    Raises:
        InputError: the file is missing or is no checkpoint.
    """
    if not path.is_file():
        raise InputError(
            f"Expected a checkpoint at {path} to resume from, found none; train without resuming."
        )
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the broken file leads it to
        raise InputError(f"Expected a checkpoint in {path}, but it cannot be read ({error}).") from error
    return state


def save_weights(path: Path, state: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write weights as safetensors, in the precision that they have."""
    tensors = {key: value.detach().cpu().contiguous().clone() for key, value in state.items()}
    write_whole(path, lambda temporary: save_file(tensors, temporary, dict(metadata or {})))


def export_half(state: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write weights as safetensors in half precision; what is not floating point stays as it is.

    A value beyond half precision's largest becomes the largest.
    """
    limit = torch.finfo(torch.float16).max
    halved = {
        key: value.clamp(-limit, limit).half() if value.is_floating_point() else value
        for key, value in state.items()
    }
    save_weights(path, halved, metadata)


def load_backbone(backbone: nn.Module, path: Path) -> None:
    """Start a backbone from ImageNet weights: torchvision's MobileNetV2 or ResNet, or the DarkNet of YOLACT.

    The classifier and what else the backbone leaves out is ignored; every weight that it has must be there,
    except for the offsets of deformable convolutions.

    Raises:
        WeightsError: the file cannot be read or does not fit.
    """
    wanted = backbone.state_dict()
    given = {_backbone_key(key, wanted): value for key, value in read_state(path).items()}
    chosen = {key: value for key, value in given.items() if key in wanted}
    missing = [
        key
        for key in wanted
        if key not in chosen
        and "offset_mask" not in key
        and not key.endswith("num_batches_tracked")
        # A deformable convolution has a bias where the plain one that it starts from has none.
        and not (key.endswith(".conv2.bias"))
    ]
    wrong = [key for key, value in chosen.items() if value.shape != wanted[key].shape]
    if missing or wrong:
        raise WeightsError(
            f"Expected the backbone's weights in {path}, but {len(missing)} are missing and {len(wrong)} have "
            f"another shape (first: {(missing + wrong)[0]}); give the file of this backbone."
        )
    backbone.load_state_dict(wanted | chosen)


def start_from_weights(model: nn.Module, name: str, path: Path, optional: str = "") -> None:
    """Load a whole model's weights, in any floating-point precision; of a training run's checkpoint the averaged ones.

    Args:
        model: changed in place.
        name: the model's, for messages.
        path: the file.
        optional: weights whose keys begin with this may be missing, and stay as they are; none may if it is empty.

    Raises:
        WeightsError: the file cannot be read or does not fit.
    """
    state = read_state(path)
    if optional:
        own = {key: value for key, value in model.state_dict().items() if key.startswith(optional)}
        state = own | state
    load_into(model, state, name, path)


def _backbone_key(key: str, wanted: Mapping[str, Tensor]) -> str:
    """Translate a key of the usual ImageNet files into the backbone's own."""
    if key in wanted:
        return key
    if f"features.{key}" in wanted:
        return f"features.{key}"
    if key.startswith("layer") and key[5:6].isdigit():
        return f"layers.{int(key[5]) - 1}{key[6:]}"
    return key
