"""Names of a package that load their modules only when they are first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a package's `__getattr__` (PEP 562), which finds names in modules that are not loaded yet.

    What the register of models says is asked before anything is run, and loading PyTorch for it would take seconds.

    Args:
        package: its `__name__`.
        homes: the module inside the package that holds each name.

    Example:
        >>> find = lazy_names("yolact_temporal.yolact", {"COCO_CLASSES": "classes"})
        >>> len(find("COCO_CLASSES"))
        80
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return find
