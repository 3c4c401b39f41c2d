"""The version that is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str:
    """Return the package's version; "0+unknown" where it runs from a source tree that was never installed."""
    try:
        return version("yolact-temporal")
    except PackageNotFoundError:
        return "0+unknown"
