"""Measure how steady instance masks are in video."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yolact_temporal.temporal.stabilizing.live import Stabilizer

__all__ = ["Stabilizer", "__version__"]

__version__: str


def __getattr__(name: str) -> Any:
    if name == "Stabilizer":  # OpenCV and NumPy are loaded only for who asks
        from yolact_temporal.temporal.stabilizing.live import Stabilizer

        return Stabilizer
    # Reading the installed version takes longer than everything else at start-up, and is rarely needed.
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("yolact-temporal")
        except PackageNotFoundError:  # running from a source tree that was never installed
            return "0+unknown"
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
