"""Two models over clips: every figure's paired difference with its interval and p, and the verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from yolact_temporal.data.runs.answers import Question
from yolact_temporal.temporal.comparison.clip_objects import Objects
from yolact_temporal.temporal.comparison.effects import LOG_RATIO
from yolact_temporal.temporal.comparison.figures import (
    PairFigures,
    compare_clip,
    pair_scores,
    threshold_at_recall,
)
from yolact_temporal.temporal.comparison.guard_figures import ClipGuards, guard_figures
from yolact_temporal.temporal.comparison.questions import QUESTIONS, Found, asked, decide, effects_of
from yolact_temporal.temporal.comparison.rules import CONFIDENCE, LEAST_CLIPS, LEAST_PAIRS, Rules
from yolact_temporal.temporal.comparison.statistics import (
    Interval,
    bca_interval,
    block_intervals,
)
from yolact_temporal.temporal.comparison.support_meter import Outside
from yolact_temporal.temporal.metrics import REGISTRY

RECALLS = (0.5, 0.6, 0.7)
"""Shares of the universe that both models are made to cover."""
_SWEPT = ("boundary_px", "motion_compensated_jitter", "coverage")
TRUTH_IOU, LOOSE_TRUTH_IOU = 0.5, 0.1
"""With a ground truth a mask is the object's where it overlaps by so much; the loose one shows what the other hides."""


class ClipValue(NamedTuple):
    """One figure of one clip: both models' values; None where undefined."""

    clip: str
    first: float | None
    second: float | None
    n: int
    n_undefined: int

    @property
    def difference(self) -> float | None:
        """First minus second."""
        return None if self.first is None or self.second is None else self.first - self.second


@dataclass(frozen=True)
class Difference:
    """One figure of two models, over clips.

    Attributes:
        metric: a figure's name in `comparison.csv`.
        support: "common", "universe", "matched_recall_0.5" and so on, or "truth_iou_0.1".
        first, second: the models' means over the clips that have both values, and weigh; None without any.
        interval: 95% of the mean difference over clips (BCa); of the one clip, if there is one only, over its frames;
            None of a few clips with too few pairs to say anything.
        p_value: exact sign-flip p over clips of a figure that decides a question; None of others, and under 7 clips.
        p_holm: adjusted by Holm among the questions beside the outline; of the outline's figure, its own p.
        clips: the values of each clip.
        light: clips whose values are told and do not weigh, as both models see too few pairs of them.
    """

    metric: str
    support: str
    first: float | None
    second: float | None
    interval: Interval | None
    p_value: float | None
    p_holm: float | None
    clips: tuple[ClipValue, ...]
    light: frozenset[str] = frozenset()

    @property
    def difference(self) -> float | None:
        """Mean of first minus second."""
        return None if self.first is None or self.second is None else self.first - self.second

    @property
    def weighing(self) -> list[float]:
        """The differences of the clips that have both values, and weigh."""
        return [
            value.difference
            for value in self.clips
            if value.difference is not None and value.clip not in self.light
        ]

    @property
    def n(self) -> int:
        """Clips that have both values, and weigh."""
        return len(self.weighing)


@dataclass(frozen=True)
class ModelComparison:
    """Two models over clips.

    Attributes:
        models: their names.
        clips: each clip's figures at the operating thresholds, by clip name.
        differences: of every figure on its own support, then of the sweep and of the loose match with the truth.
        left_out: pairs of objects that are not of the universe, by reason, over all clips.
        found: what the data say to each question, the outline first.
        guards: what guards look at, one a clip.
        has_truth: whether the objects are those of a ground truth.
        rules: margins and bounds.
        seed: of all that is drawn.
    """

    models: tuple[str, str]
    clips: Mapping[str, PairFigures]
    differences: tuple[Difference, ...]
    left_out: Mapping[str, int]
    found: Mapping[Question, Found]
    guards: tuple[ClipGuards, ...]
    has_truth: bool
    rules: Rules
    seed: int

    def find(self, metric: str, support: str | None = None) -> Difference:
        """Return a figure's difference, on its own support if none is named."""
        wanted = support or REGISTRY.compared()[metric].support
        return next(d for d in self.differences if d.metric == metric and d.support == wanted)

    @property
    def pairs(self) -> int:
        """|U|, over all clips."""
        return sum(clip.pairs for clip in self.clips.values())

    @property
    def common(self) -> int:
        """|C|, over all clips."""
        return sum(clip.common for clip in self.clips.values())

    @property
    def objects(self) -> int:
        """Objects of the universe, over all clips."""
        return sum(clip.objects for clip in self.clips.values())


def compare_models(
    clips: Mapping[str, Objects],
    models: tuple[str, str],
    thresholds: tuple[float, float],
    untimed: frozenset[str] = frozenset(),
    seed: int = 0,
    rules: Rules | None = None,
    outside: Mapping[str, Mapping[str, Outside]] | None = None,
) -> ModelComparison:
    """Compare two models over clips.

    Args:
        clips: tables of objects by clip name, at least one.
        models: two names.
        thresholds: their operating thresholds.
        untimed: clips that have no time: their flips per second are undefined.
        seed: of the bootstrap.
        rules: margins and bounds; the defaults if None.
        outside: by clip and model, how many instances repeat another or are of no object; clips may lack.
    """
    rules, outside = rules or Rules(), outside or {}
    # The order in which clips are named changes no digit.
    clips = {name: clips[name] for name in sorted(clips)}
    truth = any(objects.has_truth for objects in clips.values())
    truth_iou = TRUTH_IOU if truth else None

    def measured(
        levels: tuple[float, float], iou: float | None = truth_iou, figures: Container[str] | None = None
    ) -> dict[str, PairFigures]:
        return {
            name: compare_clip(objects, models, levels, iou, name not in untimed, figures)
            for name, objects in clips.items()
        }

    own = measured(thresholds)
    found = decide(own, effects_of(own, asked(truth), seed), rules)
    differences = _tested(_own_differences(own, found["outline"], truth, seed), found)
    for recall in RECALLS:
        differences += _at_recall(clips, models, recall, partial(measured, figures=_SWEPT), seed)
    if truth:
        loose, support = measured(thresholds, LOOSE_TRUTH_IOU), f"truth_iou_{LOOSE_TRUTH_IOU:g}"
        names = [name for name in _compared_names(truth, loose) if name != QUESTIONS["outline"].name]
        differences += _differences([(name, support) for name in names], loose, seed)
    guards = tuple(
        guard_figures(objects, models, thresholds, truth_iou, name not in untimed, outside.get(name))
        for name, objects in clips.items()
    )
    return ModelComparison(
        models, MappingProxyType(own), tuple(differences), _left_out(clips), found, guards, truth, rules, seed
    )


def _compared_names(truth: bool, clips: Mapping[str, PairFigures]) -> list[str]:
    """Return what there is to compare; causes only where a clip knows them of both models."""
    return [
        name
        for name, figure in REGISTRY.compared().items()
        if (truth or not figure.needs_truth)
        and (figure.spec.scope != "cause" or any(clip.series[name].n for clip in clips.values()))
    ]


def _own_differences(
    clips: Mapping[str, PairFigures], outline: Found, truth: bool, seed: int
) -> list[Difference]:
    """Return the difference in every figure on its own support, in the order of the tables."""
    compared = REGISTRY.compared()
    names = _compared_names(truth, clips)
    # What decides the outline and what stands beside it are of the same clips, so that one table has one mean.
    light = frozenset(clips).difference(outline.effect.clips) if outline.effect else frozenset[str]()
    figures = [(name, compared[name].support) for name in names if name != QUESTIONS["outline"].name]
    found = [*_differences(figures, clips, seed, light), _outline_difference(clips, outline, seed)]
    by_name = {own.metric: own for own in found}
    return [by_name[name] for name in names]


def _at_recall(
    clips: Mapping[str, Objects],
    models: tuple[str, str],
    recall: float,
    measured: Callable[[tuple[float, float]], dict[str, PairFigures]],
    seed: int,
) -> list[Difference]:
    """Return what changes with the thresholds, at those at which both models cover the same share of the universe."""
    levels = tuple(
        threshold_at_recall(np.concatenate([pair_scores(part, model) for part in clips.values()]), recall)
        for model in models
    )
    support = f"matched_recall_{recall:g}"
    if levels[0] is None or levels[1] is None:
        return [_nothing(name, support, clips) for name in _SWEPT]
    at_recall = measured((levels[0], levels[1]))
    return _differences([(name, support) for name in _SWEPT], at_recall, seed)


def _left_out(clips: Mapping[str, Objects]) -> dict[str, int]:
    reasons = {reason for objects in clips.values() for reason in objects.left_out}
    return {
        reason: sum(objects.left_out.get(reason, 0) for objects in clips.values())
        for reason in sorted(reasons)
    }


def _differences(
    figures: Sequence[tuple[str, str]],
    clips: Mapping[str, PairFigures],
    seed: int,
    light: frozenset[str] = frozenset(),
) -> list[Difference]:
    """Gather figures, each with the name of its support, with their intervals.

    `light` clips are told, and do not weigh where the support is common.
    """
    found = [
        _difference(metric, support, clips, light if support == "common" else frozenset())
        for metric, support in figures
    ]
    places = [
        at for at, own in enumerate(found) if own.difference is not None and _are_enough(clips, own.support)
    ]
    if len(clips) == 1:
        ((_, only),) = clips.items()
        intervals = block_intervals([only.series[found[at].metric] for at in places], seed)
    else:
        intervals = [bca_interval(found[at].weighing, seed) for at in places]
    for at, interval in zip(places, intervals, strict=True):
        found[at] = replace(found[at], interval=interval)
    return found


def _are_enough(clips: Mapping[str, PairFigures], support: str) -> bool:
    """Say whether clips have enough to draw intervals from, by the rule by which an answer is too short to say."""
    pairs = sum(own.pairs if support == "universe" else own.common for own in clips.values())
    return len(clips) >= LEAST_CLIPS or pairs >= LEAST_PAIRS


def _difference(
    metric: str, support: str, clips: Mapping[str, PairFigures], light: frozenset[str]
) -> Difference:
    """Gather a figure from clips, without its interval."""
    values = []
    for name, figures in clips.items():
        series = figures.series[metric]
        values.append(ClipValue(name, *series.values(), series.n, series.n_undefined))
    defined = [value for value in values if value.difference is not None and value.clip not in light]
    if not defined:
        return Difference(metric, support, None, None, None, None, None, tuple(values), light)
    first, second = (float(np.mean([value[place] for value in defined])) for place in (1, 2))
    return Difference(metric, support, first, second, None, None, None, tuple(values), light)


def _tested(differences: list[Difference], found: Mapping[Question, Found]) -> list[Difference]:
    """Add the p values of the figures that decide a question."""
    p_values = {
        QUESTIONS[question].name: (own.effect.p_value, own.p_adjusted)
        for question, own in found.items()
        if own.effect is not None
    }
    return [
        replace(d, p_value=p_values[d.metric][0], p_holm=p_values[d.metric][1]) if d.metric in p_values else d
        for d in differences
    ]


def _outline_difference(clips: Mapping[str, PairFigures], found: Found, seed: int) -> Difference:
    """Return the difference that decides the outline's question: of log B1, over the clips that weigh."""
    name = QUESTIONS["outline"].name
    support = REGISTRY.compared()[name].support
    values = []
    for clip, figures in clips.items():
        series = figures.series["boundary_px"]
        first, second = series.values()
        weighs = found.effect is not None and clip in found.effect.clips
        if weighs and first is not None and second is not None:
            first, second = LOG_RATIO.scale(np.array([first, second])).tolist()
        else:
            first = second = None
        values.append(ClipValue(clip, first, second, series.n, series.n_undefined))
    effect = found.effect
    if effect is None:
        return Difference(name, support, None, None, None, None, None, tuple(values))
    first, second = (
        math.fsum(own for own in side if own is not None) / len(effect.clips)
        for side in ([value.first for value in values], [value.second for value in values])
    )
    return Difference(
        name,
        support,
        first,
        second,
        None if found.outcome == "too_short" else effect.interval(CONFIDENCE),
        effect.p_value,
        found.p_adjusted,
        tuple(values),
    )


def _nothing(metric: str, support: str, clips: Mapping[str, Objects]) -> Difference:
    """A figure on a support that does not exist: a model does not cover so much at any threshold."""
    values = tuple(ClipValue(name, None, None, 0, 0) for name in clips)
    return Difference(metric, support, None, None, None, None, None, values)
