"""Measure how steady instance masks are in video."""

__all__ = ["__version__"]

__version__: str


def __getattr__(name: str) -> str:
    # Reading the installed version takes longer than everything else at start-up, and is rarely needed.
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("yolact-temporal")
        except PackageNotFoundError:  # running from a source tree that was never installed
            return "0+unknown"
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
