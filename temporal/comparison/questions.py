"""The questions that a comparison answers, and what decides each (METRICS J1, J2)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Literal

from yolact_temporal.data.runs.answers import Outcome, Question
from yolact_temporal.temporal.comparison.effects import DIFFERENCE, LOG_RATIO, Contrast, Effect, effect_of
from yolact_temporal.temporal.comparison.figures import PairFigures
from yolact_temporal.temporal.comparison.rules import (
    ALIKE_CONFIDENCE,
    CONFIDENCE,
    LEAST_CLIP_PAIRS,
    SIGNIFICANCE,
    Rules,
)
from yolact_temporal.temporal.comparison.statistics import Interval, holm

LOSSES = ("loss_0", "loss_1")
"""What the steadier model must not be worse in."""


@dataclass(frozen=True)
class Deciding:
    """What decides a question.

    Attributes:
        figure: the deciding one, by its name in `PairFigures.series`.
        name: of its difference in `comparison.csv`.
        contrast: how models are set against each other in it.
        better: which way is better.
        agreeing: figures whose mean difference must have the same sign, "down" and "up" alike with the deciding one.
        least_pairs: that a clip must have to weigh.
    """

    figure: str
    name: str
    contrast: Contrast
    better: Literal["down", "up"]
    agreeing: tuple[str, ...] = ()
    least_pairs: int = 1


QUESTIONS: Mapping[Question, Deciding] = MappingProxyType(
    {
        "outline": Deciding(
            "boundary_px",
            "boundary_log_px",
            LOG_RATIO,
            "down",
            ("motion_compensated_jitter",),
            LEAST_CLIP_PAIRS,
        ),
        "presence": Deciding("misses_one_sided", "misses_one_sided", DIFFERENCE, "down"),
        "coverage": Deciding("coverage", "coverage", DIFFERENCE, "up"),
        "truth": Deciding("truth_jf", "truth_jf", DIFFERENCE, "up", ("truth_j", "truth_f")),
    }
)
"""The outline is primary and tested by itself; the others are adjusted by Holm among themselves."""


IN_PERCENT = frozenset(QUESTIONS[question].name for question in ("presence", "coverage"))
"""Figures that are told in percent, and their differences in points, wherever a person reads them."""


DECIDING_FIGURES = frozenset(
    (*LOSSES, *(name for own in QUESTIONS.values() for name in (own.figure, *own.agreeing)))
)
"""All that is looked at before a model is called steadier, guards apart."""


@dataclass(frozen=True, eq=False)
class Found:
    """What the data say to a question, before it is put into words. Intervals are made when they are asked for.

    Attributes:
        question: the question.
        effect: of the deciding figure; None where no clip has it.
        margin: the least difference that matters, on the scale of the effect.
        level: of the interval that must exclude 0.
        p_adjusted: None where it is not tested.
        agrees: whether the agreeing figures have the same sign.
    """

    question: Question
    effect: Effect | None
    margin: float
    level: float
    p_adjusted: float | None
    agrees: bool

    @cached_property
    def winner(self) -> Literal["first", "second"] | None:
        """The model that the question is answered for."""
        if self.effect is None or self._is_too_short or not self.agrees or not self._p_allows:
            return None
        interval = self.effect.interval(self.level)
        if interval is None or not interval.excludes_zero:
            return None
        lower = interval.high < 0
        return "first" if lower == (QUESTIONS[self.question].better == "down") else "second"

    @cached_property
    def small(self) -> bool:
        """Whether the difference is shown to be within the margin."""
        return self.effect is not None and not self._is_too_short and self.effect.is_within(self.margin)

    @property
    def outcome(self) -> Outcome:
        """As of `Answer`."""
        if self.effect is None:
            return "undefined"
        if self._is_too_short:
            return "too_short"
        if self.winner is not None:
            return self.winner
        return "alike" if self.small else "not_shown"

    @property
    def confidence(self) -> float:
        """Of `interval`: of alike models it is the narrower one that lies within the margin."""
        return ALIKE_CONFIDENCE if self.outcome == "alike" else self.level

    @cached_property
    def interval(self) -> Interval | None:
        """Of the effect; None where it is undefined or there is too little to say."""
        if self.effect is None or self._is_too_short:
            return None
        return self.effect.interval(self.confidence)

    @property
    def _p_allows(self) -> bool:
        if self.effect is None or self.effect.scope != "clips":
            return True
        return self.p_adjusted is not None and self.p_adjusted < SIGNIFICANCE

    @cached_property
    def _is_too_short(self) -> bool:
        return self.effect is not None and self.effect.is_too_short(self.level)


def asked(truth: bool) -> tuple[Question, ...]:
    """Return the questions that are asked, with or without a ground truth."""
    return tuple(question for question in QUESTIONS if truth or question != "truth")


def effects_of(
    clips: Mapping[str, PairFigures], questions: tuple[Question, ...], seed: int = 0
) -> dict[Question, Effect | None]:
    """Return the effect in each question's deciding figure, over clips."""
    found: dict[Question, Effect | None] = {}
    for question in questions:
        deciding = QUESTIONS[question]
        series = {name: figures.series[deciding.figure] for name, figures in clips.items()}
        found[question] = effect_of(series, deciding.contrast, deciding.least_pairs, seed)
    return found


def decide(
    clips: Mapping[str, PairFigures], effects: Mapping[Question, Effect | None], rules: Rules
) -> dict[Question, Found]:
    """Decide each question by itself.

    Args:
        clips: by name, what two models made of each.
        effects: as of `effects_of`.
        rules: margins.
    """
    tested: dict[Question, float | None] = {
        question: effect.p_value if effect is not None and effect.scope == "clips" else None
        for question, effect in effects.items()
        if question != "outline"
    }
    adjusted = holm(tested)
    outline = effects.get("outline")
    if outline is not None:
        adjusted["outline"] = outline.p_value
    return {
        question: _found(question, effect, clips, adjusted.get(question), len(effects), rules)
        for question, effect in effects.items()
    }


def margin_of(question: Question, rules: Rules) -> float:
    """Return the least difference that matters, on the scale of the question's contrast."""
    margins = {"presence": rules.presence, "coverage": rules.coverage, "truth": rules.truth}
    if question == "outline":
        return math.log(rules.outline)
    return margins[question]


def lost_by(found: Mapping[Question, Found], place: int) -> tuple[Question, ...]:
    """Return the questions beside the outline that are answered for the other model, by more than matters."""
    other = "second" if place == 0 else "first"
    return tuple(
        question
        for question, own in found.items()
        if question != "outline" and own.winner == other and not own.small
    )


def not_worse_in_losses(clips: Mapping[str, PairFigures], place: int, rules: Rules, seed: int = 0) -> bool:
    """Say whether L(0) and L(1) of a model are shown not to be worse than the other's by more than the margin.

    Not worse, not better: misses are noise that drowns any difference.
    """
    for name in LOSSES:
        effect = effect_of({clip: figures.series[name] for clip, figures in clips.items()}, seed=seed)
        if effect is None:
            return False
        if not (effect if place == 0 else effect.turned()).is_below(rules.loss):
            return False
    return True


def _found(
    question: Question,
    effect: Effect | None,
    clips: Mapping[str, PairFigures],
    p_adjusted: float | None,
    questions: int,
    rules: Rules,
) -> Found:
    over_clips = effect is None or effect.scope == "clips"
    return Found(
        question,
        effect,
        margin_of(question, rules),
        CONFIDENCE if over_clips else 1 - SIGNIFICANCE / questions,
        p_adjusted,
        effect is None or _agrees(question, effect, clips),
    )


def _agrees(question: Question, effect: Effect, clips: Mapping[str, PairFigures]) -> bool:
    """Say whether the agreeing figures favour the same model, over the clips that the effect is of."""
    for name in QUESTIONS[question].agreeing:
        values = [clips[clip].series[name].difference() for clip in effect.clips]
        defined = [value for value in values if value is not None]
        if not defined or sum(defined) * effect.estimate < 0:
            return False
    return True
