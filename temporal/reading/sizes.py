"""Words for sizes: how much of a moving outline a person sees. A convention; the docs give the reasons.

An outline that moves by less than a person can make out is steady, whatever its pixels. Shown as large as a screen of
1920 x 1080 allows, at the distance at which one pixel of that screen fills one minute of arc (ITU-R BT.1845: about 3.2
times the picture's height), an eye with normal sight resolves one minute of arc. So a figure in pixels of the clip is
first put into pixels of that screen; what stands over the floor is then judged.
"""

from __future__ import annotations

from typing import Literal

Grade = Literal["good", "visible", "bad"]
"""Of little, of some, of much movement to be seen."""

SCREEN = (1920, 1080)
"""Width and height of the screen that a clip is shown on, in pixels of one minute of arc."""

VISIBLE_FROM, BAD_FROM = 1.0, 3.0
"""Least movement over the floor, in minutes of arc a frame, that is called visible, and clearly visible."""

WORDS: dict[Grade, str] = {"good": "hardly visible", "visible": "visible", "bad": "clearly visible"}
"""What a reader is told of each grade."""


def screen_minutes(px: float, size: tuple[int, int]) -> float:
    """Return a length in pixels of a clip as minutes of arc, the clip shown as large as the screen allows.

    Args:
        px: the length.
        size: the clip's (height, width).

    Example:
        >>> screen_minutes(1.0, (1080, 1920)), screen_minutes(1.0, (540, 960)), screen_minutes(1.0, (1920, 1080))
        (1.0, 2.0, 0.5625)
    """
    height, width = size
    return px * min(SCREEN[0] / width, SCREEN[1] / height)


def outline_grade(px: float, floor_px: float | None, size: tuple[int, int]) -> Grade:
    """Return how much of a boundary displacement a person sees.

    Args:
        px: B1, pixels a frame.
        floor_px: what of it may be the motion estimate's own error; None where that is not known.
        size: the clip's (height, width).

    Example:
        >>> [outline_grade(px, 0.3, (480, 854)) for px in (0.5, 1.2, 2.2)]
        ['good', 'visible', 'bad']
    """
    seen = screen_minutes(max(px - (floor_px or 0.0), 0.0), size)
    return "bad" if seen >= BAD_FROM else "visible" if seen >= VISIBLE_FROM else "good"
