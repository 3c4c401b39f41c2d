"""What a verdict is made by: the differences that matter, and the bounds past which a guard speaks (METRICS J).

Each is one field with its default and its meaning; `--bound NAME=VALUE` sets it, and every comparison prints those that
it was made by.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any

from yolact_temporal.errors import UsageError, advice_on_name

LEAST_CLIPS = 7
"""From so many clips on an answer speaks of clips such as these: of 6 the least exact p of four tests is too large."""
LEAST_CLIP_PAIRS = 10
"""Pairs that both models must see for a clip to weigh in the outline's answer."""
LEAST_PAIRS = 30
"""Pairs under which one clip, or a few, are too short to say anything."""
LEAST_BOUNDARY_PX = 0.05
"""B1 below this counts as this: a ratio of smaller ones would be one of rounding."""
SIGNIFICANCE = 0.05
CONFIDENCE = 1 - SIGNIFICANCE
ALIKE_CONFIDENCE = 1 - 2 * SIGNIFICANCE
"""Of an interval that must lie within a margin: two one-sided tests at 5%."""
POWER = 0.8


def _bound(default: float, meaning: str, least: float = 0.0, most: float = 1.0) -> Any:
    return field(default=default, metadata={"meaning": meaning, "least": least, "most": most})


@dataclass(frozen=True)
class Rules:
    """Margins and bounds of a comparison.

    Raises:
        UsageError: if one is out of its range.

    Example:
        >>> Rules().with_bounds(["coverage=0.1"]).coverage
        0.1
    """

    outline: float = _bound(
        1.2, "outlines whose movement differs by less than this factor are alike", 1.0, 10.0
    )
    presence: float = _bound(0.02, "one-sided misses per pair that differ by less are alike")
    coverage: float = _bound(
        0.05, "shares of the objects seen that differ by less are alike; seeing less by more speaks"
    )
    truth: float = _bound(
        0.02, "J, F and their mean that differ by less are alike; being less true by more speaks"
    )
    loss: float = _bound(
        0.05, "the steadier model's L(0) and L(1) must not be shown to be possibly worse by more"
    )
    propagated: float = _bound(
        0.1, "px that B1 may be below half the round trip of the masks by the motion estimate", most=math.inf
    )
    floor: float = _bound(
        1.0, "times the round trip of its own masks that each model's B1 must reach", most=10.0
    )
    second: float = _bound(
        0.5, "px that B1 by the second motion estimate may be above what the first lets expect", most=math.inf
    )
    overlap: float = _bound(0.6, "least mean IoU of the two models' masks of the same object")
    area: float = _bound(
        1.25, "factor by which the two models' areas of the same object may differ", 1.0, 100.0
    )
    drift: float = _bound(0.1, "fall of that IoU in a second, as an object is seen for longer", most=math.inf)
    duplicates: float = _bound(0.05, "share of duplicates that a model may have more than the other")
    unshared: float = _bound(
        0.05, "share of instances of no object that a model may have more than the other"
    )

    def __post_init__(self) -> None:
        for one in fields(self):
            value, least, most = getattr(self, one.name), one.metadata["least"], one.metadata["most"]
            if not (math.isfinite(value) and least <= value <= most):
                end = f"to {most:g}" if math.isfinite(most) else "or more"
                raise UsageError(
                    f"expected a bound {one.name} of {least:g} {end}, got {value:g}: pass another one"
                )

    def with_bounds(self, texts: Iterable[str]) -> Rules:
        """Return these rules with bounds set, each as NAME=VALUE.

        Raises:
            UsageError: if a name is not known or a value is no number in its range.
        """
        names = [one.name for one in fields(self)]
        changed: dict[str, float] = {}
        for text in texts:
            name, equals, number = text.partition("=")
            if name not in names:
                advice = advice_on_name(name, names)
                raise UsageError(
                    f"expected one of {', '.join(names)} in --bound NAME=VALUE, got {name}: {advice}"
                )
            try:
                changed[name] = float(number)
            except ValueError:
                found = f"{text}" if equals else f"{text} without a value"
                raise UsageError(
                    f"expected --bound {name}=VALUE with a number, got {found}: pass one such as {name}="
                    f"{getattr(self, name):g}"
                ) from None
        return replace(self, **changed)

    @property
    def sentence(self) -> str:
        """All of them for a reader."""
        return (
            f"Alike means: outlines within a factor of {self.outline:g}, misses within {self.presence:g} per pair, "
            f"coverage within {self.coverage:g}, J and F within {self.truth:g}. Guards speak at: B1 "
            f"{self.propagated:g} px below half the round trip or below {self.floor:g} times the whole, "
            f"{self.second:g} px above what the other motion estimate lets expect; IoU of the two models' masks below "
            f"{self.overlap:g} or falling by {self.drift:g} a second, areas apart by a factor of {self.area:g}; "
            f"{self.duplicates:.0%} more duplicates, {self.unshared:.0%} more instances of no object."
        )


def bounds_help() -> str:
    """Return the bounds and their values, for a help text; docs/comparing.md has what each means."""
    return ", ".join(f"{one.name} {one.default:g}" for one in fields(Rules))
