"""Models by name, for tests that hold of every one of them."""

from __future__ import annotations

from collections.abc import Iterable

from thorough import thorough_but

SMALL = ("yolact_compact", "mask_rcnn_compact", "fcis_compact")
"""One of each family: what a test needs that leaves out the slow ones."""


def small_ones_first(names: Iterable[str]) -> list[object]:
    """Return names for `parametrize`: of those that are not small the test is slow, and for `make test-thorough`."""
    return thorough_but(names, SMALL)
