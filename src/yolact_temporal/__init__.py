"""Measure how steady instance masks are in video."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("yolact-temporal")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
