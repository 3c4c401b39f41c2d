"""Weights: where each model's come from, the user's cache of them, and how a file is checked and loaded.

Nothing downloads by itself. A model whose weights are missing says so with the one command that brings them.
"""

from typing import TYPE_CHECKING

from yolact_temporal.yolact.lazy import lazy_names

if TYPE_CHECKING:
    from yolact_temporal.yolact.weights.access import (
        WeightsFile,
        WeightsRow,
        completed_weights,
        find_weights,
        list_weights,
        load_weights,
    )
    from yolact_temporal.yolact.weights.checkpoint import clean_state_dict, read_state
    from yolact_temporal.yolact.weights.download import progress_bar
    from yolact_temporal.yolact.weights.manage import WeightsReport, fetch, import_file, verify
    from yolact_temporal.yolact.weights.registry import REGISTRY, WeightsEntry
    from yolact_temporal.yolact.weights.store import cache_dir

__all__ = [
    "REGISTRY",
    "WeightsEntry",
    "WeightsFile",
    "WeightsReport",
    "WeightsRow",
    "cache_dir",
    "clean_state_dict",
    "completed_weights",
    "fetch",
    "find_weights",
    "import_file",
    "list_weights",
    "load_weights",
    "progress_bar",
    "read_state",
    "verify",
]

__getattr__ = lazy_names(
    __name__,
    {
        "REGISTRY": "registry",
        "WeightsEntry": "registry",
        "WeightsFile": "access",
        "WeightsReport": "manage",
        "WeightsRow": "access",
        "cache_dir": "store",
        "clean_state_dict": "checkpoint",
        "completed_weights": "access",
        "fetch": "manage",
        "find_weights": "access",
        "import_file": "manage",
        "list_weights": "access",
        "load_weights": "access",
        "progress_bar": "download",
        "read_state": "checkpoint",
        "verify": "manage",
    },
)
