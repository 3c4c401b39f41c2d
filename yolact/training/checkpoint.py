"""Weights and the state of a training run on disk, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from yolact_temporal.errors import InputError, WeightsError


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in its place."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


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
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the broken file leads it to
        raise InputError(f"Expected a checkpoint in {path}, but it cannot be read ({error}).") from error


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


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read tensors from safetensors, or from a PyTorch file without executing anything in it.

    Of a training run's checkpoint the averaged weights are taken, where it has them.

    Raises:
        WeightsError: the file is missing or holds no tensors.
    """
    if not path.is_file():
        raise WeightsError(f"Expected weights at {path}, found no such file; check the path.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"Expected weights in {path}, but it cannot be read ({error}).") from error
    except Exception as error:  # torch raises whatever the broken file leads it to
        raise WeightsError(
            f"Expected a file of tensors in {path}, but it cannot be read ({error})."
        ) from error
    if isinstance(content, dict) and "optimizer" in content:
        content = content.get("average") or content.get("model")
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsError(
            f"Expected a dictionary of tensors in {path}, found something else; give a weights file."
        )
    return content


def load_backbone(backbone: nn.Module, path: Path) -> None:
    """Start a backbone from ImageNet weights: torchvision's MobileNetV2 or ResNet, or the DarkNet of YOLACT.

    The classifier and what else the backbone leaves out is ignored; every weight that it has must be there,
    except for the offsets of deformable convolutions.

    Raises:
        WeightsError: the file cannot be read or does not fit.
    """
    wanted = backbone.state_dict()
    given = {_backbone_key(key, wanted): value for key, value in read_tensors(path).items()}
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


def load_weights(model: nn.Module, path: Path, optional: str = "") -> None:
    """Load a whole model's weights, in any floating-point precision.

    Args:
        model: changed in place.
        path: the file.
        optional: weights whose keys begin with this may be missing, and stay as they are; none may if it is empty.

    Raises:
        WeightsError: the file cannot be read or does not fit.
    """
    given, wanted = read_tensors(path), model.state_dict()
    if optional:
        given = {key: value for key, value in wanted.items() if key.startswith(optional)} | given
    missing = [key for key in wanted if key not in given]
    strange = [key for key in given if key not in wanted]
    wrong = [key for key in wanted if key in given and given[key].shape != wanted[key].shape]
    if missing or strange or wrong:
        raise WeightsError(
            f"Expected the model's weights in {path}, but {len(missing)} are missing, {len(strange)} are unknown "
            f"and {len(wrong)} have another shape (first: {(missing + strange + wrong)[0]}); "
            "give the file of this model."
        )
    model.load_state_dict(given)


def _backbone_key(key: str, wanted: Mapping[str, Tensor]) -> str:
    """Translate a key of the usual ImageNet files into the backbone's own."""
    if key in wanted:
        return key
    if f"features.{key}" in wanted:
        return f"features.{key}"
    if key.startswith("layer") and key[5:6].isdigit():
        return f"layers.{int(key[5]) - 1}{key[6:]}"
    return key
