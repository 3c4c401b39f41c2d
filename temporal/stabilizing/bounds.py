"""What a stabiliser may cost and still be recommended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from yolact_temporal.errors import UsageError


@dataclass(frozen=True)
class CostBounds:
    """The most of each cost (METRICS I, fairness).

    Attributes:
        deviation: mean 1 - IoU with the raw masks.
        deviation_of_jitter: or so much of the raw B2, whichever is more: noisy masks must be changed more.
        lag: frames.
        ghost: share of the shown pixels that are in no raw mask of the object nearby in time.
    """

    deviation: float = 0.05
    deviation_of_jitter: float = 0.5
    lag: float = 0.0
    ghost: float = 0.02

    def with_set(self, told: Sequence[str]) -> CostBounds:
        """Return bounds with some of them set, each as NAME=VALUE.

        Raises:
            UsageError: if one is not known, or its value no number from 0 up.

        Example:
            >>> CostBounds().with_set(["lag=1"]).lag
            1.0
        """
        names = [field.name for field in fields(self)]
        found = {}
        for each in told:
            name, _, text = each.partition("=")
            if name not in names:
                raise UsageError(f"expected --bound of {', '.join(names)}, got {each!r}: pass NAME=VALUE")
            try:
                value = float(text)
            except ValueError:
                value = math.nan
            if not value >= 0:
                raise UsageError(f"expected a number of 0 or more as {name}, got {text!r}: pass {name}=VALUE")
            found[name] = value
        return replace(self, **found)

    def most_deviation(self, raw_jitter: float | None) -> float:
        """Return the most deviation from raw masks of some B2."""
        return max(self.deviation, self.deviation_of_jitter * (raw_jitter or 0.0))


def bounds_help() -> str:
    """Return the bounds and their values, for a help text."""
    bounds = CostBounds()
    return ", ".join(f"{field.name} {getattr(bounds, field.name):g}" for field in fields(bounds))
