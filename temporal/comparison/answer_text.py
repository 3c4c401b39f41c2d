"""Answers in words: one sentence a question, with its numbers; whoever shows a comparison takes them from here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from yolact_temporal.data.runs.answers import Answer, Question, Two
from yolact_temporal.temporal.comparison.effects import LOG_RATIO, Effect
from yolact_temporal.temporal.comparison.questions import QUESTIONS, Found, margin_of
from yolact_temporal.temporal.comparison.rules import LEAST_CLIP_PAIRS, LEAST_PAIRS, POWER, Rules

_ASKS: Mapping[Question, str] = {
    "outline": "Whose outlines move less",
    "presence": "Who blinks less",
    "coverage": "Who sees more",
    "truth": "Whose masks are truer",
}
_UNDEFINED: Mapping[Question, str] = {
    "outline": f"in no clip do both see an object in {LEAST_CLIP_PAIRS} pairs of frames whose motion is known",
    "presence": "there is no pair to judge it by",
    "coverage": "there is no pair to judge it by",
    "truth": "there is no true object",
}

_MOST_PAIRS = 10_000
"""More than a clip of minutes has: a difference that takes more is next to none, and no number is given."""


def answer_of(
    question: Question, found: Found, models: tuple[str, str], rules: Rules, floor: Two = (None, None)
) -> Answer:
    """Return an answer with its sentence; `floor` is B6 of both models, of the outline's question."""
    effect, interval = found.effect, found.interval
    ratio = question == "outline"
    told = QUESTIONS[question].contrast.relative
    smallest = None if effect is None else effect.smallest_shown(found.confidence)
    one_clip = effect is not None and effect.scope == "this_clip"
    return Answer(
        question=question,
        outcome=found.outcome,
        scope="clips" if effect is None else effect.scope,
        first=None if effect is None else effect.first,
        second=None if effect is None else effect.second,
        unit="px" if ratio else "1",
        effect=None if effect is None else told(effect.estimate),
        low=None if interval is None else told(interval.low),
        high=None if interval is None else told(interval.high),
        confidence=found.confidence,
        p_value=None if effect is None else effect.p_value,
        p_adjusted=found.p_adjusted,
        clips=0 if effect is None else len(effect.clips),
        pairs=0 if effect is None else effect.pairs,
        margin=rules.outline if ratio else margin_of(question, rules),
        small=found.small,
        smallest_effect=None if smallest is None else (-math.expm1(-smallest) if ratio else smallest),
        clips_needed=None if effect is None else effect.clips_needed(),
        pairs_needed=_pairs_needed(effect, smallest) if one_clip else None,
        sentence=_sentence(question, found, models, rules, smallest, floor),
        floor=floor,
    )


def _pairs_needed(effect: Effect | None, smallest: float | None) -> int | None:
    """Return how many pairs of this clip it takes: chance falls with the root of their number."""
    if effect is None or not smallest or not effect.estimate:
        return None
    needed = effect.pairs * (smallest / effect.estimate) ** 2
    return math.ceil(needed) if needed < _MOST_PAIRS else None


def _sentence(
    question: Question,
    found: Found,
    models: tuple[str, str],
    rules: Rules,
    smallest: float | None,
    floor: Two,
) -> str:
    effect = found.effect
    if effect is None:
        return f"{_ASKS[question]} cannot be said: {_UNDEFINED[question]}."
    if found.outcome == "too_short":
        return (
            f"Too short to say {_lower(_ASKS[question])}: {_count(effect.pairs, 'pair')} of frames in "
            f"{_count(len(effect.clips), 'clip')}, where it takes {LEAST_PAIRS}, and 8 frames in each."
        )
    numbers = _numbers(question, found, models, floor)
    place = {"first": 0, "second": 1}.get(found.outcome)
    if place is not None:
        head = _claim(question, effect if place == 0 else effect.turned(), models[place], models[1 - place])
        if found.small:
            head += f", by less than matters ({_margin(question, rules)})"
        return f"{head} ({numbers})."
    if found.outcome == "alike":
        return f"{_alike(question, models)}, {_margin(question, rules)} ({numbers})."
    reason = "" if found.agrees else f"; {_disagreement(question)}"
    return f"{_ASKS[question]} is not shown ({numbers}{reason}); {_power(question, found, effect, smallest)}."


def _claim(question: Question, effect: Effect, winner: str, loser: str) -> str:
    """Return who wins; `effect` is the winner less the other."""
    if question == "outline":
        by = less(effect.estimate)
        return f"Where both see an object, the outlines of {winner} move {by} less than those of {loser}"
    if question == "presence":
        return f"{winner} blinks less than {loser}"
    if question == "coverage":
        return f"{winner} sees more than {loser}"
    return f"The masks of {winner} are truer than those of {loser}"


def _alike(question: Question, models: tuple[str, str]) -> str:
    first, second = models
    return {
        "outline": f"Where both see an object, the outlines of {first} and {second} move alike",
        "presence": f"{first} and {second} blink alike",
        "coverage": f"{first} and {second} see equally much",
        "truth": f"The masks of {first} and {second} are equally true",
    }[question]


def _margin(question: Question, rules: Rules) -> str:
    if question == "outline":
        return f"within a factor of {rules.outline:g}"
    return f"within {margin_of(question, rules):g}"


def _numbers(question: Question, found: Found, models: tuple[str, str], floor: Two) -> str:
    """Return both values, the interval of the first less the second, p, and what it is of."""
    effect, interval = found.effect, found.interval
    if effect is None:
        return ""
    parts = [_values(question, effect, models, floor)]
    if interval is not None:
        whose = f" of {models[0]} against {models[1]}" if found.winner == "second" else ""
        parts.append(f"{found.confidence * 100:.3g}% interval{whose} {_interval(question, *interval)}")
    if found.p_adjusted is not None and found.outcome != "alike":
        parts.append(f"p {found.p_adjusted:.2g}" + ("" if question == "outline" else " after Holm"))
    return ", ".join([*parts, _scope(effect)])


def _values(question: Question, effect: Effect, models: tuple[str, str], floor: Two) -> str:
    first, second = models
    if question == "outline":
        floors = ["" if own is None else f" with a floor of {own:.3g}" for own in floor]
        return f"B1 {first} {effect.first:.3g} px{floors[0]}, {second} {effect.second:.3g} px{floors[1]}"
    if question == "presence":
        what = "missed in one frame of two"
        return f"{what}: {first} {effect.first:.1%}, {second} {effect.second:.1%} of the pairs"
    if question == "coverage":
        return f"{first} {effect.first:.1%}, {second} {effect.second:.1%} of the pairs"
    return f"J&F {first} {effect.first:.3f}, {second} {effect.second:.3f}"


def _interval(question: Question, low: float, high: float) -> str:
    if question == "outline":
        return f"{_change(low)} to {_change(high)}"
    if question == "truth":
        return f"{low:+.3f} to {high:+.3f}"
    return f"{100 * low:+.1f} to {100 * high:+.1f} points"


def _scope(effect: Effect) -> str:
    if effect.scope == "clips":
        return f"over {len(effect.clips)} clips"
    if effect.scope == "these_clips":
        return f"on these {len(effect.clips)} clips only, {effect.pairs} pairs"
    return f"on this clip only, {effect.pairs} pairs"


def _power(question: Question, found: Found, effect: Effect, smallest: float | None) -> str:
    """Return what would have been shown, and what it would take to show what was observed."""
    what = f"{len(effect.clips)} clips" if effect.scope == "clips" else _count(effect.pairs, "such pair")
    if smallest is None:
        return f"{what} show nothing, because nothing varies"
    size = less(-smallest) if question == "outline" else _points(question, smallest)
    told = f"{what} would show a difference of {size} or more in {POWER:.0%} of cases"
    if effect.scope == "this_clip":
        pairs = _pairs_needed(effect, smallest)
        wanted = None if pairs is None else f"about {pairs} pairs"
    else:
        clips = effect.clips_needed()
        wanted = None if clips is None else f"about {clips} clips"
    if wanted is None:
        return f"{told}; a difference as small as the one observed is beyond what any realistic number could show"
    return f"{told}; showing the one observed takes {wanted}"


def _points(question: Question, value: float) -> str:
    return f"{value:.3f}" if question == "truth" else f"{100 * value:.1f} points"


def _disagreement(question: Question) -> str:
    deciding = QUESTIONS[question]
    return "B2 turns the other way" if deciding.contrast is LOG_RATIO else "J and F turn different ways"


def less(log_ratio: float) -> str:
    """Return how much less the winner's outlines move, from the log ratio of the two.

    Example:
        >>> less(math.log(0.82))
        '18%'
    """
    share = -math.expm1(-abs(log_ratio))
    return f"{share:.1%}" if share < 0.0995 or share > 0.985 else f"{share:.0%}"


def _change(log_ratio: float) -> str:
    share = math.expm1(log_ratio)
    return f"{share:+.0%}" if abs(share) >= 0.0995 else f"{share:+.1%}"


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _count(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count} {what}s"


NO_FLOOR = "unknown"


def brief_answer(answer: Answer, models: tuple[str, str]) -> str:
    """Return an answer in one line, for a terminal: what `sentence` says at length, with its most telling numbers.

    Every figure is of the first model / of the second, and every change of the first against the second, whoever wins;
    the outline's answer, which stands first, says which is which.
    """
    if answer.outcome == "undefined" or answer.first is None or answer.second is None:
        return answer.sentence
    asked = _BRIEF[answer.question]
    topic = f"{asked.topic} ({' / '.join(models)})" if answer.question == "outline" else asked.topic
    if answer.outcome == "too_short":
        return f"{topic}: too short to say ({_count(answer.pairs, 'pair')})."
    place = answer.place
    told = [_brief_values(answer)]
    if answer.outcome == "alike":
        margin = f"a factor of {answer.margin:g}" if answer.question == "outline" else f"{answer.margin:g}"
        return f"{topic}: alike ({told[0]}; within {margin})."
    if answer.low is not None and answer.high is not None:
        told[0] += f", {_brief_interval(answer, answer.low, answer.high)}"
    if place is None:
        return f"{topic}: not shown ({'; '.join([*told, *_brief_need(answer)])})."
    return f"{topic}: {models[place]} {asked.claim}{_brief_by(answer)} ({'; '.join(told)})."


class _Brief(NamedTuple):
    """A question in a word, and what is said of the model that it is answered for."""

    topic: str
    claim: str


_BRIEF: Mapping[Question, _Brief] = {
    "outline": _Brief("Outlines", "moves less"),
    "presence": _Brief("Blinks", "blinks less"),
    "coverage": _Brief("Seen", "sees more"),
    "truth": _Brief("Truth", "is truer"),
}


def _brief_by(answer: Answer) -> str:
    if answer.question != "outline" or answer.effect is None or answer.effect <= -1:
        return ""
    return f" by {less(math.log1p(answer.effect))}"


def _brief_values(answer: Answer) -> str:
    """Return both models' values, in the order of the models, whoever is spoken of."""
    first, second = answer.first or 0.0, answer.second or 0.0
    if answer.question == "outline":
        told = [NO_FLOOR if own is None else f"{own:.2g}" for own in answer.floor]
        floors = "" if answer.floor == (None, None) else f", floor {' / '.join(told)} px"
        return f"{first:.3g} / {second:.3g} px a frame{floors}"
    if answer.question == "truth":
        return f"J&F {first:.3f} / {second:.3f}"
    if answer.question == "presence":
        return f"missed in one frame of two {first:.1%} / {second:.1%}"
    return f"{first:.1%} / {second:.1%} of the pairs"


def _brief_interval(answer: Answer, low: float, high: float) -> str:
    """Return the interval of the first less the second, as every table has it."""
    if answer.question == "outline":
        return f"{low:+.0%} to {high:+.0%}"
    if answer.question == "truth":
        return f"{low:+.3f} to {high:+.3f}"
    return f"{100 * low:+.1f} to {100 * high:+.1f} points"


def _brief_need(answer: Answer) -> list[str]:
    """Return how much it takes to show the observed difference."""
    if answer.pairs_needed is not None:
        return [f"it takes {answer.pairs_needed} pairs"]
    return [] if answer.clips_needed is None else [f"it takes {answer.clips_needed} clips"]
