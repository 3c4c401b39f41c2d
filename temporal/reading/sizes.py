"""Words for sizes: how much an outline moves for the object that it is of. A convention; the docs give the reasons.

The bounds are those of docs/reading-the-results.md, "The scale". The floor is not subtracted, since how errors combine
is not known; what lies near it is told apart instead.
"""

from __future__ import annotations

from typing import Literal

Grade = Literal["good", "visible", "bad"]
"""Of little, of some, of much movement to be seen."""

VISIBLE_FROM, BAD_FROM = 0.005, 0.02
"""Least boundary displacement over the square root of the area that is called visible, and clearly visible."""

NEAR_FLOOR = 1.5
"""A figure of less than so many times its floor says more of the motion estimate than of the masks."""

WORDS: dict[Grade, str] = {"good": "hardly visible", "visible": "visible", "bad": "clearly visible"}
"""What a reader is told of each grade."""


def outline_grade(share: float) -> Grade:
    """Return how much of a boundary displacement over the square root of the area (B1) a person sees.

    Example:
        >>> [outline_grade(share) for share in (0.0049, 0.005, 0.02)]
        ['good', 'visible', 'bad']
    """
    return "bad" if share >= BAD_FROM else "visible" if share >= VISIBLE_FROM else "good"


def near_floor(px: float, floor_px: float | None) -> bool:
    """Tell whether a boundary displacement hardly differs from its floor; not where that is unknown or nothing.

    Example:
        >>> near_floor(0.4, 0.3), near_floor(2.2, 0.3), near_floor(2.2, None)
        (True, False, False)
    """
    return floor_px is not None and floor_px > 0 and px < NEAR_FLOOR * floor_px
