"""The answers of a comparison as values: questions, guards and the headline, in memory and in `comparison.json`.

They are made by `yolact_temporal.temporal.comparison`; whoever reads a finished run (console, reports, dashboard) takes
the sentences from here and makes none of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast, get_args

from yolact_temporal.data.runs.documents import FieldError, Fields

Question = Literal["outline", "presence", "coverage", "truth"]
"""Whose outline is steadier where both see the object; who blinks less; who sees more; whose masks are truer."""

Outcome = Literal["first", "second", "alike", "not_shown", "too_short", "undefined"]
"""The model of the two that a question is answered for; or that they are alike; or why there is no answer."""

Scope = Literal["clips", "these_clips", "this_clip"]
"""What an answer speaks of: clips such as these, these few clips only, this one clip only."""

GuardName = Literal[
    "propagated", "below_floor", "different_things", "less_true", "sees_less", "duplicates", "unshared"
]
"""What takes the word "steadier" away."""


Two = tuple[float | None, float | None]
"""A figure of both models; None where undefined."""


@dataclass(frozen=True)
class Answer:
    """One question about two models, answered by itself.

    Attributes:
        question: which.
        outcome: for whom; or that they are alike; or why there is no answer.
        scope: what it speaks of.
        first, second: both models' own values, means over clips; None where undefined.
        unit: of these two: "px", or "1" for a share.
        effect: how the first differs from the second. Outline: the first's value over the second's, less 1 (-0.18: 18%
            less); the others: first minus second. None where undefined.
        low, high: ends of the interval of `effect`; None where there is none.
        confidence: of that interval, 0..1.
        p_value: exact sign-flip p over clips; None where it is not tested.
        p_adjusted: by Holm among the questions beside the outline; the outline's own p for the outline.
        clips: how many clips the answer is of.
        pairs: how many pairs of frames of an object, over these clips.
        margin: the least difference that matters: a factor for the outline (1.2), a difference for the others.
        small: whether the whole 90% interval lies within the margin; an answer may be shown and small.
        smallest_effect: the least difference that so much data shows in 80% of cases, as a share less for the outline
            and as a difference for the others; None where it is not known.
        clips_needed: how many clips it takes to show the observed difference in 80% of cases; None where that is not
            known, and of one clip.
        pairs_needed: of one clip, how many such pairs it takes; None of several.
        sentence: all this for a reader.
        floor: of the outline's question, B6 of both on the same pairs; None where it is not known.
    """

    question: Question
    outcome: Outcome
    scope: Scope
    first: float | None
    second: float | None
    unit: str
    effect: float | None
    low: float | None
    high: float | None
    confidence: float
    p_value: float | None
    p_adjusted: float | None
    clips: int
    pairs: int
    margin: float
    small: bool
    smallest_effect: float | None
    clips_needed: int | None
    pairs_needed: int | None
    sentence: str
    floor: Two = (None, None)

    @property
    def place(self) -> int | None:
        """0 or 1, the place of the model that the question is answered for; None without one."""
        return {"first": 0, "second": 1}.get(self.outcome)


@dataclass(frozen=True)
class GuardFigure:
    """A figure that a guard looks at, and its bound; the value is None where it was not measured."""

    label: str
    value: float | None
    bound: float
    unit: str = "1"


@dataclass(frozen=True)
class Guard:
    """Something that would make a model look steady without being so.

    Attributes:
        name: what.
        against: the models that it speaks against; empty where it is silent.
        known: whether it could be measured.
        figures: what it looks at.
        words: what it says, for a reader, with its figures.
    """

    name: GuardName
    against: tuple[str, ...]
    known: bool
    figures: tuple[GuardFigure, ...]
    words: str

    @property
    def speaks(self) -> bool:
        """Whether it is past its bound."""
        return bool(self.against)


@dataclass(frozen=True)
class ComparedClip:
    """What was found on one clip, a line of a table; it decides nothing by itself.

    Attributes:
        clip: its name.
        pairs, common: |U| and |C|, pairs of an object's frames: all, and those that both models see.
        boundary_px, jitter: B1 and B2 on C.
        floor_px, floor_jitter: B6 of each model on the same pairs: what the truth measures, one figure for both, or
            else the model's own masks carried there and back.
        misses: one-sided misses per pair of U.
        coverage: share of U that each model sees.
        truth_j, truth_f: J and F on U; None without a ground truth.
        effect: the first's B1 over the second's, less 1; None with too few pairs on C to weigh.
        low, high: its 95% interval over this clip's frames.
    """

    clip: str
    pairs: int
    common: int
    boundary_px: Two
    jitter: Two
    floor_px: Two
    floor_jitter: Two
    misses: Two
    coverage: Two
    truth_j: Two
    truth_f: Two
    effect: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Verdict:
    """What a comparison of two models comes to.

    Attributes:
        models: the two names; "first" and "second" of the answers.
        answers: one a question, the outline first.
        guards: all of them, silent ones too.
        steadier: the model that may be called steadier without reserve; None where there is none.
        word: a few words for a table's cell.
        headline: one sentence: the answer, what speaks against it, and what is not known.
        unknown: what is not known, a phrase each.
        rules: margins and bounds that it was made by, a sentence.
        by_clip: what was found on each clip, in the order of the clips.
    """

    models: tuple[str, str]
    answers: tuple[Answer, ...]
    guards: tuple[Guard, ...]
    steadier: str | None
    word: str
    headline: str
    unknown: tuple[str, ...]
    rules: str
    by_clip: tuple[ComparedClip, ...] = ()

    def answer(self, question: Question) -> Answer | None:
        """Return the answer to a question; None where it was not asked, as of the truth without a ground truth."""
        return next((one for one in self.answers if one.question == question), None)

    @property
    def speaking(self) -> tuple[Guard, ...]:
        """The guards that are past their bounds."""
        return tuple(guard for guard in self.guards if guard.speaks)


def verdict_data(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as data; `read_verdict` reads it back."""
    return asdict(verdict)


def read_verdict(data: Fields) -> Verdict:
    """Return a verdict from data.

    Raises:
        FieldError: if something is missing or garbled.
    """
    models = data.texts("models")
    if len(models) != 2:
        raise FieldError("verdict.models")
    return Verdict(
        models=(models[0], models[1]),
        answers=tuple(_answer(Fields(own, "answers")) for own in data.items("answers")),
        guards=tuple(_guard(Fields(own, "guards")) for own in data.items("guards")),
        steadier=data.text("steadier") if data.has("steadier") else None,
        word=data.text("word"),
        headline=data.text("headline"),
        unknown=data.texts("unknown"),
        rules=data.text("rules"),
        by_clip=tuple(_clip(Fields(own, "by_clip")) for own in data.items("by_clip")),
    )


def _answer(data: Fields) -> Answer:
    return Answer(
        question=_one_of(data, "question", get_args(Question)),
        outcome=_one_of(data, "outcome", get_args(Outcome)),
        scope=_one_of(data, "scope", get_args(Scope)),
        unit=data.text("unit"),
        floor=_two(data, "floor", "answers") if data.has("floor") else (None, None),
        confidence=data.number("confidence"),
        clips=data.whole("clips", 0),
        pairs=data.whole("pairs", 0),
        margin=data.number("margin"),
        small=data.flag("small"),
        clips_needed=data.whole_or_none("clips_needed", 1),
        pairs_needed=data.whole_or_none("pairs_needed", 1),
        sentence=data.text("sentence"),
        **_numbers(
            data, ("first", "second", "effect", "low", "high", "p_value", "p_adjusted", "smallest_effect")
        ),
    )


def _guard(data: Fields) -> Guard:
    figures = []
    for own in data.items("figures"):
        figure = Fields(own, "guards.figures")
        value = figure.number_or_none("value")
        figures.append(
            GuardFigure(figure.text("label"), value, figure.number("bound"), figure.text("unit", "1"))
        )
    return Guard(
        name=_one_of(data, "name", get_args(GuardName)),
        against=data.texts("against"),
        known=data.flag("known"),
        figures=tuple(figures),
        words=data.text("words"),
    )


def _clip(data: Fields) -> ComparedClip:
    return ComparedClip(
        clip=data.text("clip"),
        pairs=data.whole("pairs", 0),
        common=data.whole("common", 0),
        boundary_px=_two(data, "boundary_px"),
        jitter=_two(data, "jitter"),
        floor_px=_floor(data, "floor_px"),
        floor_jitter=_floor(data, "floor_jitter"),
        misses=_two(data, "misses"),
        coverage=_two(data, "coverage"),
        truth_j=_two(data, "truth_j"),
        truth_f=_two(data, "truth_f"),
        **_numbers(data, ("effect", "low", "high")),
    )


def _two(data: Fields, key: str, where: str = "by_clip") -> Two:
    values = data.items(key)
    if len(values) != 2:
        raise FieldError(f"{where}.{key}")
    own = Fields(dict(zip(("first", "second"), values, strict=True)), f"{where}.{key}")
    return own.number_or_none("first"), own.number_or_none("second")


def _floor(data: Fields, key: str) -> Two:
    """Return both models' floors; runs of older versions have one for both, the mean of the two."""
    if not isinstance(data.all().get(key), list):
        both = data.number_or_none(key)
        return both, both
    return _two(data, key)


def _one_of(data: Fields, key: str, words: tuple[Any, ...]) -> Any:
    value = data.text(key)
    if value not in words:
        raise FieldError(f"{key} '{value[:20]}'")
    return value


def _numbers(data: Fields, keys: tuple[str, ...]) -> Any:
    return cast(Mapping[str, Any], {key: data.number_or_none(key) for key in keys})
