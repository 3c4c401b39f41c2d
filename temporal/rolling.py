"""Figures over the last seconds, while frames come: the clip's own sums, of the frames of that time alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.metrics.contract import Term

SPANS_S = (2.0, 10.0, 60.0)
"""How far back the figures look, in seconds."""

FIGURES = ("boundary_px_mean", "motion_compensated_jitter", "presence_flips_per_s")
"""What is shown of a clip that is still coming, each with its floor where it has one."""

FLOORS: Mapping[str, str] = {
    "boundary_px_mean": "round_trip_px",
    "motion_compensated_jitter": "round_trip_jitter",
}
"""By figure, its floor."""

_MOST_FRAMES = 240 * 60
"""Kept at most: a minute of the fastest camera."""


class RollingFigures:
    """Keeps what the frames of the last minute add to the sums of a few figures.

    Each figure is what the clip's would be if it consisted of these frames' additions alone: a mean over pairs of
    frames, or changes over seconds. What a gap adds is added when it ends, since only then is it one.

    Args:
        names: of the figures; each must be a plain ratio of sums.
        longest_s: how far back anybody will ask.

    Example:
        >>> rolling = RollingFigures()
        >>> for frame in range(4):
        ...     rolling.add(frame / 2, {"boundary_px_mean": Term(float(frame))})
        >>> rolling.figure("boundary_px_mean", 2.0), rolling.figure("boundary_px_mean", 1.0)
        (1.5, 2.5)
        >>> rolling.figure("boundary_px_mean", 2.0, now_s=9.0), rolling.figure("presence_flips_per_s", 2.0)
        (None, None)
    """

    def __init__(
        self, names: Sequence[str] = (*FIGURES, *FLOORS.values()), longest_s: float = SPANS_S[-1]
    ) -> None:
        self._names, self._longest_s = tuple(names), longest_s
        self._frames: deque[tuple[float, dict[str, Term]]] = deque(maxlen=_MOST_FRAMES)

    def add(self, time_s: float, added: Mapping[str, Term]) -> None:
        """Take what a frame adds, after all frames before it."""
        self._frames.append((time_s, {name: added[name] for name in self._names if name in added}))
        while self._frames[0][0] <= time_s - self._longest_s:
            self._frames.popleft()

    def figure(self, name: str, span_s: float, now_s: float | None = None) -> float | None:
        """Return a figure over the last seconds; None where nothing was added to it.

        Args:
            name: of the figure.
            span_s: how far back.
            now_s: until when; by default the time of the last frame.
        """
        if not self._frames:
            return None
        since = (self._frames[-1][0] if now_s is None else now_s) - span_s
        numerator = denominator = 0.0
        for time_s, added in reversed(self._frames):
            if time_s <= since:
                break
            if name in added:
                numerator += added[name].numerator
                denominator += added[name].denominator
        return numerator / denominator if denominator else None


def label_of(name: str) -> str:
    """Return what a reader is told that a figure is, with its unit.

    Example:
        >>> label_of("boundary_px_mean"), label_of("presence_flips_per_s")
        ('B1 boundary displacement, mean (px)', 'C1 presence flips (1/s)')
    """
    spec = REGISTRY[name]
    unit = "" if spec.unit == "1" else f" ({spec.unit})"
    return f"{spec.title}{unit}"
