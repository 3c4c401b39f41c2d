"""Cases that `make test` leaves to `make test-thorough`."""

from __future__ import annotations

from collections.abc import Container, Iterable

import pytest

THOROUGH = (pytest.mark.slow, pytest.mark.thorough)


def thorough_but(names: Iterable[object], shown: Container[object]) -> list[object]:
    """Return values for `parametrize`: all but those shown are slow, and for `make test-thorough`."""
    return [name if name in shown else pytest.param(name, marks=THOROUGH) for name in names]
