"""Guards: what takes the word "steadier" away, whatever the questions say (METRICS J4).

Each is a figure and a bound, and speaks against a model, with its figures in the same words. Two of them look at what a
question asks too. A guard needs less than an answer, as it only takes a word away. So it asserts no more than the
answer: where that is "not shown", the guard says that it is not shown that the model is as good.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.runs.answers import Guard, GuardFigure, GuardName, Question
from yolact_temporal.temporal.comparison.effects import Effect, effect_of
from yolact_temporal.temporal.comparison.figures import PairFigures
from yolact_temporal.temporal.comparison.guard_figures import ClipGuards, over_clips
from yolact_temporal.temporal.comparison.questions import Found
from yolact_temporal.temporal.comparison.rules import CONFIDENCE, LEAST_BOUNDARY_PX, Rules

Floats = NDArray[np.float64]
Models = tuple[str, str]

_SECOND_FACTOR = 2.0
"""B1 by the second motion estimate must be over so many times what is expected, too."""
_MOST_PAIRS = 0.5
"""A figure is noise only where it is below its floor in more than so many of the pairs."""
_LEAST_OF_TRIP = 0.25
"""Whatever the clip's size, B1 under this share of half the round trip is what no honest mask has: true masks of real
clips are at 3 to 30 times that half, of made-up scenes at 1.5 and more."""


def guards_of(
    models: Models,
    clips: Mapping[str, PairFigures],
    raw: Sequence[ClipGuards],
    found: Mapping[Question, Found],
    rules: Rules,
) -> tuple[Guard, ...]:
    """Return all guards, silent ones too.

    Args:
        models: their names.
        clips: what the two made of each clip.
        raw: what guards look at, one a clip.
        found: what the data say to each question; with a ground truth, to whose masks are truer as well.
        rules: bounds.
    """
    guards = [_propagated(models, raw, place, rules) for place in (0, 1)]
    guards.append(
        _below_floor(
            models, _weighing(clips, found["outline"]), raw, [guard.speaks for guard in guards], rules
        )
    )
    if "truth" in found:
        guards.append(_less_true(models, clips, found["truth"], rules))
    else:
        guards.append(_different_things(models, raw, rules))
    guards.append(_sees_less(models, clips, found.get("coverage"), rules))
    duplicates, unshared = (
        over_clips(getattr(one, name) for one in raw) for name in ("duplicates", "unshared")
    )
    guards.append(
        _more(models, "duplicates", duplicates, rules.duplicates, "repeat another one of the same frame")
    )
    guards.append(_more(models, "unshared", unshared, rules.unshared, "are of no object"))
    return tuple(guards)


def _propagated(models: Models, raw: Sequence[ClipGuards], place: int, rules: Rules) -> Guard:
    name = models[place]
    trip = _mean(raw, "round_trip_px", place) / 2
    below = trip - _mean(raw, "common_boundary_px", place)
    own, second = _mean(raw, "boundary_px", place), _mean(raw, "second_boundary_px", place)
    expected = own * _ratio_of_estimates(raw, 1 - place)
    excess = second - expected
    carried = below >= rules.propagated or (trip >= LEAST_BOUNDARY_PX and below > (1 - _LEAST_OF_TRIP) * trip)
    disagrees = excess >= rules.second and second > _SECOND_FACTOR * expected
    told = []
    if math.isfinite(below):
        told.append(
            f"B1 {abs(below):.2g} px {'below' if below >= 0 else 'above'} half the round trip, {trip:.2g} px"
        )
    if math.isfinite(excess):
        told.append(f"B1 by the other motion estimate {second:.2g} px")
        told[-1] += f", {expected:.2g} px expected" if disagrees else ""
    speaks = carried or disagrees
    head = f"the masks of {name} look as if" if speaks else f"no sign in the masks of {name} that"
    words = f"{head} the motion estimate itself had moved them ({'; '.join(told)})"
    if not told:
        words = f"whether the motion estimate itself moved the masks of {name} was not measured"
    return Guard(
        "propagated",
        (name,) if speaks else (),
        bool(told),
        (
            GuardFigure(f"B1 of {name} below half the round trip", _known(below), rules.propagated, "px"),
            GuardFigure(
                f"B1 of {name} by the other motion estimate, above expected",
                _known(excess),
                rules.second,
                "px",
            ),
        ),
        words,
    )


def _below_floor(
    models: Models,
    clips: Mapping[str, PairFigures],
    raw: Sequence[ClipGuards],
    told: Sequence[bool],
    rules: Rules,
) -> Guard:
    """Say whose B1 is less than the round trip of its own masks, unless it is `told` that they were moved along.

    In the mean and in most pairs: one object over ground whose flow is lost can lift the mean of the round trip over
    the B1 of all. It speaks against both: by how much two figures differ is not known where one of them is noise.
    """
    moved, floors = (_two_means(clips, name) for name in ("boundary_px", "round_trip_px"))
    shares = [_mean(raw, "below_trip", place) for place in (0, 1)]
    known = bool(np.isfinite(floors).all() and np.isfinite(moved).all())
    below = [
        place
        for place in (0, 1)
        if floors[place] >= LEAST_BOUNDARY_PX
        and moved[place] < rules.floor * floors[place]
        and shares[place] > _MOST_PAIRS
        and not told[place]
    ]
    numbers = [
        f"{moved[place]:.2g} px, floor {floors[place]:.2g} px, below it in {shares[place]:.0%} of the pairs"
        for place in (0, 1)
    ]
    if below:
        said = [
            f"B1 of {models[place]} is below the floor of its own masks ({numbers[place]})" for place in below
        ]
        words = f"{' and '.join(said)} and says no more than the motion estimate's noise"
    elif known:
        words = (
            f"B1 and the floor of each one's own masks: {models[0]} {numbers[0]}; {models[1]} {numbers[1]}"
        )
    else:
        words = "whether B1 lies above the floor was not measured"
    figures = tuple(
        GuardFigure(
            f"B1 of {name} over the round trip of its masks", _ratio(moved[place], floors[place]), rules.floor
        )
        for place, name in enumerate(models)
    )
    return Guard("below_floor", models if below else (), known, figures, words)


def _weighing(clips: Mapping[str, PairFigures], outline: Found) -> Mapping[str, PairFigures]:
    """Return the clips that the outline's answer is of; all where there is none."""
    return clips if outline.effect is None else {name: clips[name] for name in outline.effect.clips}


def _two_means(clips: Mapping[str, PairFigures], name: str) -> Floats:
    """Return both models' means over clips of a figure; NaN where it is known of none."""
    return over_clips(
        np.array([math.nan if value is None else value for value in figures.series[name].values()])
        for figures in clips.values()
    )


def _ratio(value: float, floor: float) -> float | None:
    """Return a figure over its floor; None where one is unknown or the floor is nothing."""
    return _known(float(value / floor)) if floor > 0 else None


def _ratio_of_estimates(raw: Sequence[ClipGuards], other: int) -> float:
    """Return B1 by the second motion estimate over that by the first, of the truth, else of the other model."""
    first, second = (_mean(raw, name) for name in ("true_boundary_px", "true_second_boundary_px"))
    if not math.isfinite(first * second):
        first, second = (_mean(raw, name, other) for name in ("boundary_px", "second_boundary_px"))
    # Where nothing moves both are 0, and alike.
    return (second + LEAST_BOUNDARY_PX) / (first + LEAST_BOUNDARY_PX)


def _different_things(models: Models, raw: Sequence[ClipGuards], rules: Rules) -> Guard:
    overlap, log_area, slope = (_mean(raw, name) for name in ("overlap", "log_area", "overlap_slope"))
    area = math.exp(log_area)
    speaks = overlap < rules.overlap or abs(log_area) > math.log(rules.area) + 1e-12 or slope < -rules.drift
    known = math.isfinite(overlap)
    figures = f"IoU of their masks {overlap:.2f}, areas {area:.2f} to 1"
    if math.isfinite(slope):
        figures += f", IoU changing by {slope:+.2f} a second as objects age"
    first, second = models
    if not known:
        words = f"whether {first} and {second} mask the same things was not measured"
    elif speaks:
        words = f"{first} and {second} do not mask the same things ({figures})"
    else:
        words = f"{first} and {second} mask the same things ({figures})"
    return Guard(
        "different_things",
        models if speaks else (),
        known,
        (
            GuardFigure("mean IoU of the two models' masks", _known(overlap), rules.overlap),
            GuardFigure(f"area of {first} over that of {second}", _known(area), rules.area),
            GuardFigure("change of that IoU as objects age", _known(slope), -rules.drift, "1/s"),
        ),
        words,
    )


def _less_true(models: Models, clips: Mapping[str, PairFigures], found: Found, rules: Rules) -> Guard:
    effects = {symbol: _effect(clips, name) for symbol, name in (("J", "truth_j"), ("F", "truth_f"))}
    figures = tuple(_difference(symbol, models, effect, rules.truth) for symbol, effect in effects.items())
    known = {symbol: effect for symbol, effect in effects.items() if effect is not None}
    if len(known) < len(effects):
        return Guard("less_true", (), False, figures, "how true the masks are was not measured")
    against = _lower_in(known.values(), models, rules.truth)
    if not against:
        words = f"neither's masks are less true by more than {rules.truth:g} ({_means_of(known, 0)})"
    elif len(against) == 1 and _place_of(found) == 1 - models.index(against[0]):
        words = f"the masks of {against[0]} are less true ({_means_of(known, models.index(against[0]))})"
    elif len(against) == 1 and found.outcome in ("not_shown", "too_short"):
        told = _means_of(known, models.index(against[0]))
        words = f"whether the masks of {against[0]} are as true is not shown ({told})"
    else:  # in the mean of both they are not less true: it is one of the two that is lower
        low = {
            name: [symbol for symbol, own in known.items() if name in _lower_in([own], models, rules.truth)]
            for name in against
        }
        told = ", ".join(f"{' and '.join(symbols)} of {name}" for name, symbols in low.items())
        words = f"lower is {told} ({_means_of(known, models.index(against[0]))})"
    return Guard("less_true", against, True, figures, words)


def _sees_less(models: Models, clips: Mapping[str, PairFigures], found: Found | None, rules: Rules) -> Guard:
    effect = _effect(clips, "coverage")
    figures = (_difference("coverage", models, effect, rules.coverage),)
    if effect is None or found is None:
        return Guard("sees_less", (), False, figures, "how much each sees was not measured")
    against = _lower_in([effect], models, rules.coverage)
    own = effect.turned() if against and against[0] == models[1] else effect
    told = f"coverage {own.first:.0%} against {own.second:.0%}"
    if not against:
        words = f"neither sees less by more than {rules.coverage:g} ({told})"
    elif _place_of(found) is not None:
        words = f"{against[0]} sees less ({told})"
    else:
        words = f"whether {against[0]} sees as much is not shown ({told})"
    return Guard("sees_less", against, True, figures, words)


def _place_of(found: Found) -> int | None:
    """Return the model that a question is answered for, by its place."""
    return None if found.winner is None else ("first", "second").index(found.winner)


def _means_of(effects: Mapping[str, Effect], place: int) -> str:
    """Return both models' means in each figure, that of the model at a place first."""
    turned = {symbol: own if place == 0 else own.turned() for symbol, own in effects.items()}
    return ", ".join(f"{symbol} {own.first:.3f} against {own.second:.3f}" for symbol, own in turned.items())


def _more(models: Models, name: GuardName, shares: Floats, bound: float, what: str) -> Guard:
    if len(shares) < 2:
        shares = np.full(2, np.nan)
    first, second = (float(share) for share in shares)
    excess = first - second
    figures = (GuardFigure(f"{name}, {models[0]} less {models[1]}", _known(excess), bound),)
    if not math.isfinite(excess):
        return Guard(name, (), False, figures, f"how many instances {what} was not counted")
    place = 0 if excess > bound else 1 if -excess > bound else None
    if place is None:
        told = f"{models[0]} {first:.0%}, {models[1]} {second:.0%}"
        return Guard(name, (), True, figures, f"about as many instances of each {what} ({told})")
    own, other = (first, second) if place == 0 else (second, first)
    words = (
        f"{own:.0%} of the instances of {models[place]} {what}, {other:.0%} of those of {models[1 - place]}"
    )
    return Guard(name, (models[place],), True, figures, words)


def _difference(what: str, models: Models, effect: Effect | None, bound: float) -> GuardFigure:
    value = None if effect is None else effect.estimate
    return GuardFigure(f"{what}, {models[0]} less {models[1]}", value, bound)


def _effect(clips: Mapping[str, PairFigures], name: str) -> Effect | None:
    return effect_of({clip: figures.series[name] for clip, figures in clips.items()})


def _lower_in(effects: Iterable[Effect], models: Models, bound: float) -> tuple[str, ...]:
    """Return the models that are lower in one of the figures by more than a bound, its 95% interval excluding 0."""
    found = []
    looked_at = tuple(effects)
    for place, name in enumerate(models):
        for effect in looked_at:
            own = effect if place == 0 else effect.turned()
            interval = own.interval(CONFIDENCE)
            if own.estimate < -bound and interval is not None and interval.high < 0:
                found.append(name)
                break
    return tuple(found)


def _mean(raw: Sequence[ClipGuards], name: str, place: int = 0) -> float:
    """Return the mean over clips of a figure, of one model where it is of both; NaN where it is known of none."""
    return float(over_clips(getattr(one, name) for one in raw)[place])


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
