"""How stored frames must be turned to stand upright, from a container's display matrix."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Orientation:
    """A turn by quarters, with or without a mirror: the signs of the display matrix.

    A stored pixel (x, y) is shown at (a x + c y, b x + d y); exactly one of a and b, and of c and d, is not 0.
    """

    a: int = 1
    b: int = 0
    c: int = 0
    d: int = 1

    @classmethod
    def from_display_matrix(cls, matrix: bytes) -> Orientation:
        """Read the nine 32-bit integers of an FFmpeg display matrix; odd angles go to the nearest quarter turn.

        What is no turn (`is_turn`) turns nothing.
        """
        a, b, _, c, d = struct.unpack("=9i", matrix[:36])[:5]
        if not is_turn(matrix):
            return cls()
        if abs(a) >= abs(b):
            return cls(_sign(a), 0, 0, _sign(d))
        return cls(0, _sign(b), _sign(c), 0)

    @classmethod
    def from_turn(cls, degrees: float) -> Orientation:
        """Return a turn clockwise without a mirror; odd angles go to the nearest quarter turn."""
        return (cls(), cls(0, 1, -1, 0), cls(-1, 0, 0, -1), cls(0, -1, 1, 0))[round(degrees / 90) % 4]

    @property
    def mirrored(self) -> bool:
        """Whether the picture is shown as in a mirror."""
        return self.a * self.d - self.b * self.c < 0

    @property
    def rotation(self) -> int:
        """Degrees clockwise, 0, 90, 180 or 270, of the turn (after the mirror, if any)."""
        return round(math.degrees(math.atan2(self.b, self.a))) % 360

    def upright(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return stored frame (H, W, 3) as it is to be shown; contiguous."""
        horizontal, vertical = self.a or self.c, self.b or self.d
        shown = rgb if self.a else rgb.transpose(1, 0, 2)
        return np.ascontiguousarray(shown[::vertical, ::horizontal])


def is_turn(matrix: bytes) -> bool:
    """Return whether a display matrix turns or mirrors a picture, rather than shearing it or stretching one side.

    A side may be twice as long as the other, for pixels that are not square; what damage makes of a number is far more.

    Example:
        >>> is_turn(struct.pack("=9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30))
        True
        >>> is_turn(struct.pack("=9i", 65536, 1 << 30, 0, 0, 65536, 0, 0, 0, 1 << 30))
        False
    """
    a, b, _, c, d = struct.unpack("=9i", matrix[:36])[:5]
    first, second = math.hypot(a, b), math.hypot(c, d)
    alike = 0 < max(first, second) <= 4 * min(first, second)
    return alike and abs(a * c + b * d) <= 0.5 * first * second


def _sign(value: int) -> int:
    return 1 if value >= 0 else -1
