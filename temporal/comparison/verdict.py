"""The verdict: every question's answer, the guards, and a headline made of them (METRICS J3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from yolact_temporal.data.runs.answers import Answer, ComparedClip, Guard, GuardName, Question, Two, Verdict
from yolact_temporal.temporal.comparison.answer_text import answer_of, less
from yolact_temporal.temporal.comparison.comparing import ModelComparison
from yolact_temporal.temporal.comparison.effects import LOG_RATIO, effect_of
from yolact_temporal.temporal.comparison.figures import PairFigures
from yolact_temporal.temporal.comparison.guards import guards_of
from yolact_temporal.temporal.comparison.questions import Found, lost_by, not_worse_in_losses
from yolact_temporal.temporal.comparison.rules import CONFIDENCE, LEAST_CLIP_PAIRS

_DOUBTS = ("propagated", "below_floor", "different_things", "duplicates", "unshared")
"""Guards that put in doubt what was measured; the others say what is worse beside it."""
_SAME: Mapping[GuardName, Question] = {"sees_less": "coverage", "less_true": "truth"}
"""Guards that say the same as a question's answer: it is said once."""
_TRUTH_UNKNOWN = "how true the masks are"


def verdict_of(comparison: ModelComparison) -> Verdict:
    """Put together what a comparison of two models comes to, by the rules that it was made by."""
    answers = tuple(
        answer_of(
            question, found, comparison.models, comparison.rules, _floor_of(comparison, question, found)
        )
        for question, found in comparison.found.items()
    )
    guards = guards_of(
        comparison.models, comparison.clips, comparison.guards, comparison.found, comparison.rules
    )
    unknown = _unknown(comparison, guards)
    steadier, word, head = _headline(comparison, answers, guards)
    return Verdict(
        models=comparison.models,
        answers=answers,
        guards=guards,
        steadier=steadier,
        word=word,
        headline=f"{head}{_unknown_sentence(unknown)}",
        unknown=unknown,
        rules=comparison.rules.sentence,
        by_clip=tuple(_clip(name, figures, comparison.seed) for name, figures in comparison.clips.items()),
    )


def _headline(
    comparison: ModelComparison, answers: Sequence[Answer], guards: Sequence[Guard]
) -> tuple[str | None, str, str]:
    """Return who may be called steadier, a few words, and the sentence without what is not known."""
    outline = answers[0]
    place, effect = outline.place, comparison.found["outline"].effect
    where = clips_of(outline, len(comparison.clips))
    if place is None or effect is None:
        return None, *_without_winner(comparison, answers, guards, where)
    winner = comparison.models[place]
    by = less(effect.estimate) + (", a small difference," if outline.small else "")
    against = [guard for guard in guards if winner in guard.against]
    objections = [guard.words for guard in against]
    said = {_SAME.get(guard.name) for guard in against}
    lost = [question for question in lost_by(comparison.found, place) if question not in said]
    objections += [_short(answer, comparison.models) for answer in answers if answer.question in lost]
    if any(guard.name in _DOUBTS for guard in against):
        head = f"The outlines of {winner} move {by} less {where}, but {_joined(objections)}."
        return None, f"{winner}'s outlines move less, with a doubt", head
    if objections:
        head = f"{winner}'s outlines are steadier (by {by} {where}), but {_joined(objections)}."
        return None, f"{winner}'s outlines are steadier, with a reservation", head
    if not not_worse_in_losses(comparison.clips, place, comparison.rules, comparison.seed):
        head = f"{winner}'s outlines are steadier (by {by} {where}); whether it misses more is not shown."
        return None, f"{winner}'s outlines are steadier", head
    return winner, f"{winner} is steadier", f"{winner} is steadier (by {by} {where})."


def _without_winner(
    comparison: ModelComparison, answers: Sequence[Answer], guards: Sequence[Guard], where: str
) -> tuple[str, str]:
    first, second = comparison.models
    outline = answers[0]
    others = [_short(answer, comparison.models) for answer in answers[1:] if answer.place is not None]
    said = {answer.question for answer in answers if answer.place is not None}
    doubts = [guard.words for guard in guards if guard.speaks and _SAME.get(guard.name) not in said]
    more = "".join(f"; {part}" for part in [*others, *doubts])
    if outline.outcome == "alike":
        return "alike", f"{first} and {second} are alike: their outlines move the same {where}{more}."
    if outline.outcome == "too_short":
        return "too short to say", f"Too short to say which of {first} and {second} is steadier{more}."
    if outline.outcome == "undefined":
        return (
            "cannot be said",
            f"Which of {first} and {second} is steadier cannot be said{more or ': too few objects are seen by both'}.",
        )
    if not others:
        return "not shown", f"Nothing is shown of which of {first} and {second} is steadier {where}{more}."
    return "not shown", f"Whether {first} or {second} is steadier is not shown {where}{more}."


def _short(answer: Answer, models: tuple[str, str]) -> str:
    """Return an answered question in a few words, said of the model that it speaks for or against."""
    place = answer.place or 0
    winner, loser = models[place], models[1 - place]
    own, other = answer.first or 0.0, answer.second or 0.0
    better, worse = (own, other) if place == 0 else (other, own)
    if answer.question == "presence":
        return (
            f"{loser} blinks more (missed in one frame of two: {worse:.1%} of the pairs against {better:.1%})"
        )
    if answer.question == "coverage":
        return f"{loser} sees less (coverage {worse:.0%} against {better:.0%})"
    return f"the masks of {winner} are truer (J&F {better:.3f} against {worse:.3f})"


def clips_of(outline: Answer, clips: int) -> str:
    """Return which of so many compared clips the outline's answer speaks of.

    Example:
        >>> from yolact_temporal.data.runs.answers import Answer
        >>> told = ("px", None, None, None, 0.95, None, None, 2, 90, 1.2, False, None, None, None, "")
        >>> outline = Answer("outline", "not_shown", "these_clips", None, None, *told)
        >>> clips_of(outline, 2), clips_of(outline, 3)
        ('on these 2 clips', 'on the 2 of these 3 clips where both see enough')
    """
    if outline.scope == "clips":
        return (
            f"over {outline.clips} clips"
            if outline.clips == clips
            else f"over {outline.clips} of {clips} clips"
        )
    if clips == 1:
        return "on this clip"
    if outline.clips == clips:
        return f"on these {clips} clips"
    if outline.clips == 1:
        return "on the one clip where both see enough"
    return f"on the {outline.clips} of these {clips} clips where both see enough"


def _floor_of(comparison: ModelComparison, question: Question, found: Found) -> Two:
    """Return B6 of both models, mean over the clips that the outline's answer is of."""
    if question != "outline" or found.effect is None:
        return None, None
    floors = [_clip_floor(comparison.clips[name]) for name in found.effect.clips]
    means = []
    for side in zip(*floors, strict=True):
        known = [value for value in side if value is not None]
        means.append(sum(known) / len(known) if known else None)
    return means[0], means[1]


def _clip_floor(figures: PairFigures, what: str = "boundary_px", carried: str = "round_trip_px") -> Two:
    """Return B6 of each model: of the true masks where there are any, else of its own masks carried there and back."""
    series = figures.series
    true = series[f"true_{what}"].values() if f"true_{what}" in series else (None, None)
    if true[0] is not None:
        return true
    return series[carried].values() if carried in series else (None, None)


def _unknown(comparison: ModelComparison, guards: Sequence[Guard]) -> tuple[str, ...]:
    found = [] if comparison.has_truth else [_TRUTH_UNKNOWN]
    names = {guard.name for guard in guards if not guard.known}
    if "propagated" in names:
        found.append("whether the motion estimate itself moved the masks")
    if "different_things" in names:
        found.append("whether both mask the same things")
    if names & {"duplicates", "unshared"}:
        found.append("how many instances are duplicates or of no object")
    return tuple(found)


def _unknown_sentence(unknown: Sequence[str]) -> str:
    if not unknown:
        return ""
    told = _joined(unknown)
    return f" {told[0].upper()}{told[1:]} {'is' if len(unknown) == 1 else 'are'} not known."


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _clip(name: str, figures: PairFigures, seed: int) -> ComparedClip:
    def two(figure: str) -> Two:
        return figures.series[figure].values() if figure in figures.series else (None, None)

    effect = effect_of({name: figures.series["boundary_px"]}, LOG_RATIO, LEAST_CLIP_PAIRS, seed)
    interval = None if effect is None else effect.interval(CONFIDENCE)
    return ComparedClip(
        clip=name,
        pairs=figures.pairs,
        common=figures.common,
        boundary_px=two("boundary_px"),
        jitter=two("motion_compensated_jitter"),
        floor_px=_clip_floor(figures),
        floor_jitter=_clip_floor(figures, "jitter", "round_trip_jitter"),
        misses=two("misses_one_sided"),
        coverage=two("coverage"),
        truth_j=two("truth_j"),
        truth_f=two("truth_f"),
        effect=None if effect is None else LOG_RATIO.relative(effect.estimate),
        low=None if interval is None else LOG_RATIO.relative(interval.low),
        high=None if interval is None else LOG_RATIO.relative(interval.high),
    )
