"""How a network may be run: where, and how precisely, by name; told without loading PyTorch."""

from __future__ import annotations

import re

from yolact_temporal.errors import UsageError, advice_on_name

PRECISIONS = ("float32", "float16", "bfloat16")
"""Of a network's arithmetic, the default first; the others are by autocast."""

AUTO = "auto"
"""In place of a precision: bfloat16 where that is found to change nothing."""

_DEVICE = re.compile(r"auto|(cpu|mps|cuda)(:\d+)?")


def require_precision(name: str, known: tuple[str, ...] = PRECISIONS) -> str:
    """Return the name of a precision.

    Args:
        name: what was given.
        known: the names that there are.

    Raises:
        UsageError: if it is none of them.

    Example:
        >>> require_precision("float16")
        'float16'
    """
    if name not in known:
        raise UsageError(
            f"expected a precision out of {', '.join(known)}, got {name!r}: {advice_on_name(name, known)}"
        )
    return name


def require_device_name(name: str) -> str:
    """Return the name of a device, whether this machine has it or not.

    Raises:
        UsageError: if no device is named so.

    Example:
        >>> require_device_name("cuda:1")
        'cuda:1'
    """
    if not _DEVICE.fullmatch(name):
        raise UsageError(
            f"expected a device such as auto, cuda, mps or cpu, got {name!r}: "
            f"{advice_on_name(name, ('auto', 'cuda', 'mps', 'cpu'), 'pass --device auto to take the best there is')}"
        )
    return name
