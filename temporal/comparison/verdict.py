"""The verdict: which model is steadier, or why that is not decided."""

from __future__ import annotations

from dataclasses import dataclass

from yolact_temporal.temporal.comparison.comparing import (
    LOOSE_TRUTH_IOU,
    PRIMARY,
    Difference,
    ModelComparison,
)
from yolact_temporal.temporal.comparison.statistics import SIGNIFICANCE, least_clips
from yolact_temporal.temporal.metrics import REGISTRY

_DECIDING = ("boundary_px", "motion_compensated_jitter", "loss_0", "loss_1")
"""What must agree in sign; the first, third and last must also be significant."""


@dataclass(frozen=True)
class Verdict:
    """Which model is steadier.

    Attributes:
        steadier: the model's name; None where it is undecided.
        reasons: why it is undecided, a phrase each; empty where it is decided.
    """

    steadier: str | None
    reasons: tuple[str, ...]

    @property
    def word(self) -> str:
        """The verdict for a table's cell."""
        return "undecided" if self.steadier is None else f"{self.steadier} is steadier"


def verdict_of(comparison: ModelComparison) -> Verdict:
    """Decide between two models.

    One is steadier only where B1 and B2 on the common support and L(0) and L(1) agree (L(0) may tie), their 95%
    intervals exclude 0, and the exact sign-flip p of B1, L(0) and L(1), adjusted by Holm, are below 0.05. L(0) alone
    says nothing: a model without a single mask has none. Nothing is decided on one clip.
    """
    if not comparison.pairs:
        return Verdict(None, ("the models have no object in common",))
    if not comparison.common:
        return Verdict(None, ("there is no pair of frames in which both models see the same object",))
    found = {name: comparison.find(name) for name in _DECIDING}
    undefined = [name for name, one in found.items() if one.difference is None]
    if undefined:
        return Verdict(None, (f"{_symbols(undefined)} cannot be measured on these clips",))
    reasons = [*_few_clips(comparison), *_disagreement(comparison, found)]
    if not reasons:
        tied = found["loss_0"].difference == 0
        tested = [name for name in _DECIDING if not (tied and name == "loss_0")]
        reasons += _uncertain([found[name] for name in tested])
    if reasons:
        return Verdict(None, tuple(reasons))
    lower = (found["boundary_px"].difference or 0.0) < 0
    return Verdict(comparison.models[0 if lower else 1], ())


def _few_clips(comparison: ModelComparison) -> list[str]:
    clips, least = len(comparison.clips), least_clips(len(PRIMARY))
    if clips == 1:
        return [f"one clip decides nothing: its interval speaks of this clip only, and it takes {least}"]
    used = min(comparison.find(name).n for name in _DECIDING)
    if used < least:
        return [
            f"{used} clips cannot reach p < {SIGNIFICANCE:g} after Holm's adjustment over {len(PRIMARY)} figures "
            f"(the least p is 2 / 2^{used}): it takes {least}"
        ]
    return []


def _disagreement(comparison: ModelComparison, found: dict[str, Difference]) -> list[str]:
    favours: dict[str, list[str]] = {}
    for name, one in found.items():
        difference = one.difference or 0.0
        if difference:
            favours.setdefault(comparison.models[0 if difference < 0 else 1], []).append(name)
        elif name != "loss_0":
            return [f"{_symbols([name])} is the same for both"]
    if len(favours) > 1:
        sides = "; ".join(
            f"{_symbols(names)} favour{'s' if len(names) == 1 else ''} {model}"
            for model, names in sorted(favours.items())
        )
        return [f"the figures disagree: {sides}"]
    loose = [
        one
        for one in comparison.differences
        if one.support == f"truth_iou_{LOOSE_TRUTH_IOU:g}" and one.metric == "boundary_px"
    ]
    base = found["boundary_px"].difference or 0.0
    if loose and loose[0].difference is not None and loose[0].difference * base < 0:
        return ["B1 turns round where bad masks are not cut off (IoU 0.1 with the truth in place of 0.5)"]
    return []


def _uncertain(found: list[Difference]) -> list[str]:
    wide = [one.metric for one in found if one.interval is None or not one.interval.excludes_zero]
    weak = [one.metric for one in found if one.metric in PRIMARY and not (one.p_holm or 1.0) < SIGNIFICANCE]
    reasons = []
    if wide:
        reasons.append(f"the 95% interval of {_symbols(wide)} does not exclude 0")
    if weak:
        reasons.append(f"the adjusted p of {_symbols(weak)} is not below {SIGNIFICANCE:g}")
    return reasons


def _symbols(names: list[str]) -> str:
    figures = REGISTRY.compared()
    symbols = [figures[name].symbol for name in names]
    return symbols[0] if len(symbols) == 1 else f"{', '.join(symbols[:-1])} and {symbols[-1]}"
