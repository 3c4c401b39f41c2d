"""The colour of a track: the same in every frame, run and plot, and told apart by people of any colour vision."""

from __future__ import annotations

Color = tuple[int, int, int]
"""RGB, 0..255."""

# The hues of Okabe and Ito's "Color Universal Design" (2008), moved apart until any two differ by 25 or more in CIE Lab
# for normal sight and for all three kinds of colour blindness (simulated as in Machado et al., 2009).
_BASE_COLORS: tuple[Color, ...] = (
    (108, 212, 250),
    (234, 138, 0),
    (12, 152, 94),
    (193, 117, 164),
    (250, 248, 50),
    (31, 68, 214),
    (178, 38, 16),
)
_SHADES = (1.0, 1.45, 0.66)
_NO_TRACK_COLOR: Color = (165, 165, 165)


def track_color(track_id: int) -> Color:
    """Return a track's colour, RGB 0..255: the same in every frame, run and plot.

    Seven colours that people with any common colour vision tell apart, then the same ones lighter, then darker, and
    from the 22nd track again from the start. An id below 1 (no track) is grey.
    """
    if track_id < 1:
        return _NO_TRACK_COLOR
    turn, place = divmod(int(track_id) - 1, len(_BASE_COLORS))
    return _shade(_BASE_COLORS[place], _SHADES[turn % len(_SHADES)])


def _shade(color: Color, factor: float) -> Color:
    if factor <= 1:
        red, green, blue = (round(channel * factor) for channel in color)
    else:
        red, green, blue = (round(255 - (255 - channel) * (2 - factor)) for channel in color)
    return red, green, blue
