"""How a network may be run: where, how precisely and by what, by name; told without loading PyTorch."""

from __future__ import annotations

import re
import shutil
from importlib.util import find_spec

from yolact_temporal.errors import UsageError, advice_on_name

PRECISIONS = ("float32", "float16", "bfloat16")
"""Of a network's arithmetic, the default first; the others are by autocast."""

AUTO = "auto"
"""In place of a precision: bfloat16 where that is found to change nothing."""

ENGINES = ("pytorch", "compile", "onnxruntime", "openvino")
"""What may run a network, the default first; "compile" is PyTorch's compiler."""

_EXTRAS = {
    "onnxruntime": ("onnx", ("onnx", "onnxscript", "onnxruntime")),
    "openvino": ("openvino", ("openvino",)),
}
"""Of an engine that does not come with this package, the extra that brings it, and the packages that it needs."""

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


def require_engine(name: str, device: str = "auto", precision: str = PRECISIONS[0]) -> str:
    """Return the name of an engine that is there, and can run as asked for.

    Args:
        name: what was given.
        device, precision: where the network is to run, and how precisely.

    Raises:
        UsageError: if there is no such engine, it is not installed, or it cannot run so.

    Example:
        >>> require_engine("pytorch")
        'pytorch'
    """
    if name not in ENGINES:
        raise UsageError(
            f"expected an engine out of {', '.join(ENGINES)}, got {name!r}: {advice_on_name(name, ENGINES)}"
        )
    if name in _EXTRAS:
        extra, packages = _EXTRAS[name]
        for package in packages:
            require_installed(package, extra, f"for --engine {name}")
        if device not in ("auto", "cpu"):
            raise UsageError(f"expected --device cpu beside --engine {name}, got {device}: drop one of them")
        if precision != PRECISIONS[0]:
            raise UsageError(
                f"expected --precision {PRECISIONS[0]} beside --engine {name}, got {precision}: drop one of them"
            )
    if name == "compile" and not any(map(shutil.which, ("c++", "g++", "clang++", "cl"))):
        raise UsageError(
            "expected a C++ compiler for --engine compile, found none: install one, or take another engine"
        )
    return name


def engine_installed(name: str) -> bool:
    """Say whether an engine of `ENGINES` could run on this machine."""
    try:
        return require_engine(name) == name
    except UsageError:
        return False


def require_installed(package: str, extra: str, purpose: str) -> None:
    """Refuse to go on without a package that an extra brings.

    Raises:
        UsageError: naming the extra.
    """
    if find_spec(package) is None:
        raise UsageError(
            f"expected {package} to be installed {purpose}, found none: pip install 'yolact-temporal[{extra}]'"
        )
