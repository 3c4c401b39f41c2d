"""Choosing a device and a precision."""

from __future__ import annotations

import torch

from yolact_temporal.errors import UsageError
from yolact_temporal.yolact.how_to_run import require_device_name, require_precision


def resolve_device(name: str = "auto") -> torch.device:
    """Return the device a name stands for; "auto" is CUDA, then MPS, then the CPU.

    Raises:
        UsageError: if the name is unknown or the device is not there.
    """
    present = ["cpu"]
    if torch.cuda.is_available():
        present.insert(0, "cuda")
    elif torch.backends.mps.is_available():
        present.insert(0, "mps")
    if require_device_name(name) == "auto":
        return torch.device(present[0])
    device = torch.device(name)
    count = torch.cuda.device_count() if device.type == "cuda" else 1
    if device.type not in present or (device.index or 0) >= count:
        raise UsageError(
            f"expected a device this machine has ({', '.join(present)}), got {name!r}: "
            f"pass --device auto to take the best there is"
        )
    return device


def autocast_dtype(precision: str) -> torch.dtype | None:
    """Return the autocast dtype of a precision, None for float32.

    Raises:
        UsageError: if the precision is unknown.
    """
    found: torch.dtype = getattr(torch, require_precision(precision))
    return None if found == torch.float32 else found


def has_bfloat16(device: torch.device) -> bool:
    """Say whether a device computes bfloat16 by itself; where it is emulated, it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    # PyTorch's own questions to the processor (x86), which some versions do not have.
    asked = (getattr(torch.cpu, f"_is_{part}_supported", None) for part in ("avx512_bf16", "amx_tile"))
    return any(ask is not None and ask() for ask in asked)
