"""When the frames of a live source were captured: by the stream's own clock where it has one, else as they come."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import NamedTuple

BREAK_S = 1.0
"""A gap so long ends all tracks: what comes after it is another scene, as far as anybody knows."""

_STEPS = 25
_ENOUGH = 5
_MISSING = 1.6
"""A step of so many usual ones tells of frames that are missing; a camera's own clock is not that uneven."""

_LEAST_S = 1e-4


class Placed(NamedTuple):
    """When a frame was captured.

    Attributes:
        time_s: from the first frame on, always rising.
        missing: frames that lie between the last one and this, as far as the clock tells.
        begins: whether nothing goes on from the last frame to this one.
    """

    time_s: float
    missing: int
    begins: bool


class StreamClock:
    """Places frames in time, over all connections to one source.

    Example:
        >>> clock = StreamClock()
        >>> clock.connect(believed=True)
        >>> [round(clock.place(pts / 25, pts / 25).time_s, 2) for pts in range(7)]
        [0.0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.24]
        >>> clock.place(9 / 25, 9 / 25)  # two never came
        Placed(time_s=0.36, missing=2, begins=False)
        >>> clock.place(99.0, 0.4).begins
        True
    """

    def __init__(self) -> None:
        self._steps: deque[float] = deque(maxlen=_STEPS)
        self._start: float | None = None
        self._time_s = 0.0
        self._pts: float | None = None
        self._at = 0.0
        self._connected = False
        self._believed = False

    def connect(self, believed: bool) -> None:
        """Say that a connection begins, and whether the stream's clock is one that the sender keeps."""
        self._believed, self._connected, self._pts = believed, False, None

    @property
    def interval_s(self) -> float | None:
        """The usual time from one frame to the next; None where too few came."""
        return median(self._steps) if self._steps else None

    @property
    def steps(self) -> int:
        """How many steps that time is of, up to 25."""
        return len(self._steps)

    def place(self, pts_s: float | None, at: float) -> Placed:
        """Place the next frame.

        Args:
            pts_s: its time by the stream's clock in seconds; None where it has none.
            at: when it was decoded, in seconds of any clock that rises.
        """
        if self._start is None:
            self._start = at
            self._begin(pts_s, at, 0.0)
            return Placed(0.0, 0, False)
        elapsed = max(at - self._start, self._time_s + _LEAST_S)
        if not self._connected:
            self._begin(pts_s, at, elapsed)
            return Placed(elapsed, 0, True)
        by_stream = self._believed and pts_s is not None and self._pts is not None
        step = (pts_s or 0.0) - (self._pts or 0.0) if by_stream else max(at - self._at, _LEAST_S)
        usual = self.interval_s or 0.0
        if step <= 0 or step > max(BREAK_S, 5 * usual):
            self._begin(pts_s, at, elapsed)
            return Placed(elapsed, 0, True)
        missing = 0
        if by_stream and len(self._steps) >= _ENOUGH and step > _MISSING * usual:
            missing = max(1, round(step / usual) - 1)
        self._steps.append(step)
        self._begin(pts_s, at, self._time_s + step)
        return Placed(self._time_s, missing, False)

    def _begin(self, pts_s: float | None, at: float, time_s: float) -> None:
        self._connected, self._pts, self._at, self._time_s = True, pts_s, at, time_s
