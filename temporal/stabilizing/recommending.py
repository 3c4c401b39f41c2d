"""Which stabiliser is worth its cost (METRICS I, recommendation)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from yolact_temporal.temporal.comparison.effects import Effect, effect_of
from yolact_temporal.temporal.comparison.rules import LEAST_PAIRS
from yolact_temporal.temporal.stabilizing.bounds import CostBounds
from yolact_temporal.temporal.stabilizing.registry import Candidate, MethodSpec
from yolact_temporal.temporal.stabilizing.what_if_figures import CandidateFigures

Clips = Mapping[str, Sequence[CandidateFigures]]
"""By clip, the same candidates in the same order."""

LEAST_SECOND_GAIN = 0.5
"""The share of its gain that a method must keep by the second motion estimate."""


@dataclass(frozen=True)
class Objection:
    """Why a method is not recommended, as a phrase."""

    text: str


@dataclass(frozen=True)
class Judged:
    """One method over all clips, its parameters chosen on the other clips where there are two or more.

    Attributes:
        spec: the method.
        chosen: by clip, with which parameters it is judged there.
        final: the parameters chosen on all clips: what a user would take.
        own, raw: its figures and the raw masks', a clip each.
        loss, raw_loss: mean L(1) over the clips, its own and the raw masks'.
        loss_change, boundary_change: of L(1) and B1, its own less the raw masks' on the same pairs; None where
            undefined.
        objections: why it is not recommended; none where it may be.
    """

    spec: MethodSpec
    chosen: Mapping[str, Candidate]
    final: Candidate
    own: tuple[CandidateFigures, ...]
    raw: tuple[CandidateFigures, ...]
    loss: float | None
    raw_loss: float | None
    loss_change: Effect | None
    boundary_change: Effect | None
    objections: tuple[Objection, ...]

    @property
    def told(self) -> str:
        """What it is called where it is judged: by its parameters, several where clips chose different ones.

        Where the parameters chosen on all clips are others again, these are not what was judged.
        """
        return " and ".join(sorted({candidate.name for candidate in self.chosen.values()}))


@dataclass(frozen=True)
class Recommendation:
    """What is recommended of one table, causal or with a look-ahead.

    Attributes:
        best: None for none.
        judged: every method that is no control.
        own_clip: whether the parameters were chosen on the very clip that they are judged on.
    """

    best: Judged | None
    judged: tuple[Judged, ...]
    own_clip: bool


def recommend(
    clips: Clips, bounds: CostBounds, wanted: Callable[[Candidate], bool] = lambda _: True
) -> Recommendation:
    """Return the method with the least mean L(1) of those that cost no more than the bounds, if it gains anything.

    Args:
        clips: the figures of every candidate, the identity among them.
        bounds: the most of each cost.
        wanted: which candidates are asked, such as the causal ones.

    Raises:
        ValueError: if there is no clip, or the identity is missing.
    """
    if not clips:
        raise ValueError("expected at least one clip, got none")
    asked = [own.candidate for own in next(iter(clips.values())) if wanted(own.candidate)]
    specs = dict.fromkeys(own.spec for own in asked if not own.spec.control)
    judged = tuple(_judge(spec, [own for own in asked if own.spec is spec], clips, bounds) for spec in specs)
    fit = [own for own in judged if not own.objections]
    best = min(fit, key=lambda own: math.inf if own.loss is None else own.loss, default=None)
    return Recommendation(best, judged, len(clips) == 1)


def _judge(spec: MethodSpec, options: Sequence[Candidate], clips: Clips, bounds: CostBounds) -> Judged:
    chosen = {}
    for clip in clips:
        others = {name: own for name, own in clips.items() if name != clip or len(clips) == 1}
        chosen[clip] = _choose(options, others, bounds)
    own = [_figures_of(clips[clip], candidate) for clip, candidate in chosen.items()]
    raw = [raw_figures(figures) for figures in clips.values()]
    change = effect_of({clip: one.paired_loss for clip, one in zip(chosen, own, strict=True)})
    objected = objections(own, raw, bounds)
    return Judged(
        spec,
        chosen,
        _choose(options, clips, bounds),
        tuple(own),
        tuple(raw),
        _mean([each.loss.value(c=1) for each in own]),
        _mean([each.loss.value(c=1) for each in raw]),
        change,
        effect_of({clip: one.paired_boundary for clip, one in zip(chosen, own, strict=True)}),
        tuple(objected or _doubts(change)),
    )


def _doubts(change: Effect | None) -> list[Objection]:
    """Return why a gain is not shown, by the rule that comparisons of models use; nothing where it is."""
    if change is None:
        return []
    if change.is_too_short():
        return [
            Objection(f"too short to tell: {change.pairs} pairs, where it takes {LEAST_PAIRS}, and 8 frames")
        ]
    return [] if change.is_shown() else [Objection("whether it gains anything is not shown")]


def _choose(options: Sequence[Candidate], clips: Clips, bounds: CostBounds) -> Candidate:
    """Return the parameters that may be recommended on some clips, of these those with the least L(1) there."""

    def worth(candidate: Candidate) -> tuple[bool, float]:
        own = [_figures_of(figures, candidate) for figures in clips.values()]
        raw = [raw_figures(figures) for figures in clips.values()]
        loss = _mean([each.loss.value(c=1) for each in own])
        return bool(objections(own, raw, bounds)), math.inf if loss is None else loss

    return min(options, key=worth)


def objections(
    own: Sequence[CandidateFigures], raw: Sequence[CandidateFigures], bounds: CostBounds
) -> list[Objection]:
    """Return why a method is not recommended.

    Args:
        own: its figures, a clip each.
        raw: the identity's of the same clips.
        bounds: the most of each cost.
    """
    found = []
    loss, raw_loss = (_mean([each.loss.value(c=1) for each in figures]) for figures in (own, raw))
    if loss is None or raw_loss is None:
        return [Objection("its loss is not known")]
    if not loss < raw_loss:
        found.append(Objection("gains nothing"))
    deviation = _mean([each.deviation for each in own])
    most = bounds.most_deviation(_mean([each.raw_jitter for each in raw]))
    if deviation is not None and deviation > most:
        found.append(Objection(f"deviates by {deviation:.3f}, more than {most:.3f}"))
    lag = max(each.lag_frames for each in own)
    if lag > bounds.lag:
        found.append(Objection(f"lags by {lag} frame{'' if lag == 1 else 's'}"))
    ghost = _mean([each.ghost for each in own])
    if ghost is not None and ghost > bounds.ghost:
        found.append(Objection(f"{ghost:.1%} of it are ghosts, more than {bounds.ghost:.1%}"))
    if own[0].candidate.spec.needs_motion and loss < raw_loss:
        found += _second_objections(own, raw)
    return found


def _second_objections(own: Sequence[CandidateFigures], raw: Sequence[CandidateFigures]) -> list[Objection]:
    """Return whether the gain holds by a motion estimate that did not move the masks."""
    first, second = gains_by_both(own, raw)
    if first is None or second is None:
        return [Objection("no second motion estimate checks its gain")]
    if second < LEAST_SECOND_GAIN * first or second < 0:
        return [Objection(f"by the second motion estimate its gain is {second:.4f} instead of {first:.4f}")]
    return []


def gains_by_both(
    own: Sequence[CandidateFigures], raw: Sequence[CandidateFigures]
) -> tuple[float | None, float | None]:
    """Return by how much L(1) falls on the pairs that have a second motion estimate, by the first and by the second."""
    gains = []
    for which in ("sample", "second"):
        differences = [
            None if before is None or after is None else before - after
            for before, after in (
                (getattr(one, which).value(c=1), getattr(other, which).value(c=1))
                for one, other in zip(raw, own, strict=True)
            )
        ]
        gains.append(_mean([each for each in differences if each is not None]))
    return gains[0], gains[1]


def raw_figures(figures: Sequence[CandidateFigures]) -> CandidateFigures:
    """Return the identity's figures: those of the raw masks.

    Raises:
        ValueError: if it is not among them.
    """
    for own in figures:
        if own.candidate.spec.name == "identity":
            return own
    raise ValueError("expected the identity among the candidates, got none")


def _figures_of(figures: Sequence[CandidateFigures], candidate: Candidate) -> CandidateFigures:
    return next(own for own in figures if own.candidate == candidate)


def _mean(values: Sequence[float | None]) -> float | None:
    """Return the mean; None if there are no values or one is not known."""
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(values) else None
