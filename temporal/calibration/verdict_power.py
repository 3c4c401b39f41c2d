"""Power and false alarms of the verdict's rules, by simulation from pairs' figures that are measured once (METRICS J6).

The figures are of equal stand-ins: the true masks of made-up scenes with the same boundary noise, drawn anew for each,
measured by the flow like any model's. A trial takes clips of them with two stand-ins each, makes the outlines of one
move more by a known factor, lets both miss frames, and asks for the answer. The clips' ratios, as they are measured,
spread as much as the setting says: measuring equal stand-ins spreads them already, and the factor varies by the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from yolact_temporal.data.synthetic import SceneOptions
from yolact_temporal.temporal.calibration.measuring import THRESHOLD, ProgressCount, measure_scene
from yolact_temporal.temporal.calibration.plan import Subject
from yolact_temporal.temporal.comparison.clip_objects import ClipObjects
from yolact_temporal.temporal.comparison.figures import PairFigures, compare_clip
from yolact_temporal.temporal.comparison.questions import (
    DECIDING_FIGURES,
    asked,
    decide,
    effects_of,
    lost_by,
    not_worse_in_losses,
)
from yolact_temporal.temporal.comparison.rules import LEAST_CLIPS, POWER, SIGNIFICANCE, Rules

MISSES = 0.03
"""Share of the frames that each model misses by chance."""
EFFECTS = (1.0, 1.03, 1.06, 1.1, 1.15, 1.2, 1.3)
"""How many times as much the second model's outlines move."""
SPREADS = (0.0, 0.1, 0.2)
"""Standard deviations of the clips' measured log ratios; 0: what measuring makes, the factor being the same."""
CLIPS = (1, 3, 7, 12, 20)

_MODELS = ("first", "second")
_NOISE_CLIPS = 2_000
"""Of which the spread that measuring makes is known to 2%."""


@dataclass(frozen=True)
class PowerPlan:
    """What is simulated.

    Attributes:
        seed: of everything random.
        scenes: clips that are measured.
        draws: equal stand-ins on each.
        trials: of a setting that no bar is set for.
        bar_error: the standard error of a share that is at its bar; a setting with bars has so many trials.
    """

    seed: int
    scenes: tuple[SceneOptions, ...]
    draws: int
    trials: int
    bar_error: float

    @property
    def steps(self) -> int:
        """Frames to be measured and trials to be made."""
        trials = sum(self.trials_of(setting) for setting in settings())
        return sum(scene.frames for scene in self.scenes) + trials

    def trials_of(self, setting: Setting) -> int:
        """Return how many trials a setting has."""
        needed = [bar.bound * (1 - bar.bound) / self.bar_error**2 for bar in _BARS if bar.setting == setting]
        return math.ceil(max(needed) - 1e-9) if needed else self.trials


class Setting(NamedTuple):
    """Of a trial: clips compared, the true factor between the models, and its spread over clips."""

    clips: int
    effect: float
    spread: float


class _Bar(NamedTuple):
    """What must come out of a setting: a share, by its name in `Outcomes`, at least or at most as large as a bound."""

    setting: Setting
    share: str
    bound: float
    at_least: bool
    rule: str


def _found(spread: float, bound: float) -> _Bar:
    rule = f"a difference of 20% is found with 12 clips at a spread of {spread:g}"
    return _Bar(Setting(12, 1.2, spread), "outlines", bound, True, rule)


def _false_alarm(clips: int, spread: float) -> _Bar:
    where = "on one clip" if clips == 1 else f"{'over' if clips >= LEAST_CLIPS else 'on'} {clips} clips"
    told = f", at a spread of {spread:g}" if spread else ""
    rule = f"of equal models one is called steadier, {where}{told}"
    return _Bar(Setting(clips, 1.0, spread), "steadier", SIGNIFICANCE, False, rule)


_BARS = (
    _found(0.2, POWER),
    _found(0.1, 0.95),
    *(
        _false_alarm(clips, spread)
        for clips, spread in ((1, 0.0), (3, 0.0), (7, 0.1), (12, 0.0), (12, 0.1), (12, 0.2), (20, 0.1))
    ),
    _Bar(
        Setting(12, 1.0, 0.1), "alike", 0.8, True,
        "equal models are called alike with 12 clips at a spread of 0.1",
    ),
)  # fmt: skip
"""The bars of METRICS J6; at 12 clips, and for false alarms also on one clip, with 3% misses in both."""


class Outcomes(NamedTuple):
    """What came out of the trials of one setting, as counts.

    Attributes:
        trials: how many.
        steadier: the truly steadier model was called so; of equal ones, either was.
        wrong: the other one was; 0 of equal ones.
        outlines: the truly steadier one's outlines were said to move less, whatever else was said.
        alike: the outlines were said to be alike.
    """

    trials: int
    steadier: int
    wrong: int
    outlines: int
    alike: int

    def share(self, name: str) -> float:
        """Return a count as a share of the trials."""
        return float(getattr(self, name)) / self.trials

    def error(self, name: str) -> float:
        """Return the standard error of a share."""
        return _error_of(self.share(name), self.trials)


@dataclass(frozen=True)
class PowerCheck:
    """A bar and what came out."""

    rule: str
    found: float
    bound: float
    at_least: bool
    trials: int

    @property
    def error(self) -> float:
        """Standard error of what came out."""
        return _error_of(self.found, self.trials)

    @property
    def is_met(self) -> bool:
        """Whether it came out as it must to the letter."""
        return self.found >= self.bound if self.at_least else self.found <= self.bound

    @property
    def holds(self) -> bool:
        """Whether it came out as it must, but for what chance makes of so many trials (two standard errors)."""
        chance = 2 * _error_of(self.bound, self.trials)
        return self.found >= self.bound - chance if self.at_least else self.found <= self.bound + chance


def _error_of(share: float, trials: int) -> float:
    return math.sqrt(share * (1 - share) / trials)


@dataclass(frozen=True)
class Power:
    """A simulation: what was asked, and what came out of every setting.

    Attributes:
        plan: what was asked.
        noise: standard deviation of the log ratio of two equal stand-ins over the clips: what measuring makes.
        outcomes: of every setting.
    """

    plan: PowerPlan
    noise: float
    outcomes: Mapping[Setting, Outcomes]

    @property
    def checks(self) -> tuple[PowerCheck, ...]:
        """Every bar with what came out."""
        return tuple(
            PowerCheck(bar.rule, found.share(bar.share), bar.bound, bar.at_least, found.trials)
            for bar in _BARS
            for found in (self.outcomes[bar.setting],)
        )

    @property
    def holds(self) -> bool:
        """Whether all came out as it must."""
        return all(check.holds for check in self.checks)


def full_power_plan(seed: int = 0) -> PowerPlan:
    """Return the simulation whose figures are reported; about ten minutes."""
    return PowerPlan(seed, _scenes(seed, 12, (120, 160), 60), draws=6, trials=200, bar_error=0.005)


def quick_power_plan(seed: int = 0) -> PowerPlan:
    """Return a small one of the same settings: its shares are rough."""
    return PowerPlan(seed, _scenes(seed, 4, (96, 128), 40), draws=4, trials=20, bar_error=0.04)


def _scenes(seed: int, count: int, size: tuple[int, int], frames: int) -> tuple[SceneOptions, ...]:
    cameras = ("still", "pan", "zoom", "shake")
    return tuple(
        SceneOptions(
            seed=seed * 100 + number,
            size=size,
            frames=frames,
            objects=2 + number % 2,
            camera=cameras[number % 4],  # type: ignore[arg-type]
            speed=0.5 + 0.5 * (number % 3),
            deforming=number % 2 == 1,
        )
        for number in range(count)
    )


def simulate_power(plan: PowerPlan, progress: Callable[[int], object] | None = None) -> Power:
    """Measure and simulate; the same plan gives the same counts.

    Args:
        plan: what.
        progress: told how many frames and then trials are done.
    """
    done = ProgressCount(progress)
    pool = measured_pool(plan, done.step)
    noise = measured_noise(pool, np.random.default_rng(plan.seed))
    outcomes = {}
    for setting in settings():
        own = [plan.seed, setting.clips, round(1000 * setting.effect), round(100 * setting.spread)]
        rng = np.random.default_rng(own)
        outcomes[setting] = simulate(pool, noise, setting, plan.trials_of(setting), rng, done.step)
    return Power(plan, noise, outcomes)


def settings() -> Iterator[Setting]:
    """Yield every setting; what speaks of these clips only has no spread over clips, and few effects."""
    for clips in CLIPS:
        few = clips < LEAST_CLIPS
        for effect in (1.0, 1.2) if few else EFFECTS:
            for spread in (0.0,) if few else SPREADS if effect == 1.0 else SPREADS[1:]:
                yield Setting(clips, effect, spread)


def measured_pool(plan: PowerPlan, step: Callable[[], object] | None = None) -> list[ClipObjects]:
    """Measure the equal stand-ins on every scene."""
    subjects = [
        # Of some scenes the noise is the same in every frame, of the others it comes and goes.
        (Subject("boundary_noise", 1.0, draw), Subject("varying_noise", 1.0, draw))
        for draw in range(plan.draws)
    ]
    found = []
    for number, scene in enumerate(plan.scenes):
        chosen = [both[number % 2] for both in subjects]
        objects = measure_scene(scene, chosen, compared=True, kinds=(), progress=step).objects
        if objects is not None and objects.pair.any():
            found.append(objects)
    return found


def measured_noise(pool: Sequence[ClipObjects], rng: np.random.Generator) -> float:
    """Return the standard deviation of the log ratio of B1 of two equal stand-ins, over clips as trials draw them."""
    drawn = {f"clip {number}": _drawn(pool, 1.0, 0.0, rng) for number in range(_NOISE_CLIPS)}
    effect = effects_of(drawn, ("outline",))["outline"]
    # Which one comes first is drawn too, so that the true mean is 0.
    return 0.0 if effect is None else float(np.sqrt(np.mean(np.square(effect.values))))


def simulate(
    pool: Sequence[ClipObjects],
    noise: float,
    setting: Setting,
    trials: int,
    rng: np.random.Generator,
    step: Callable[[], object] | None = None,
) -> Outcomes:
    """Return what comes out of trials of one setting, clips and stand-ins drawn anew in each.

    Args:
        pool: tables of equal stand-ins.
        noise: what of the spread is made by measuring them, as of `measured_noise`.
        setting: clips, effect and spread.
        trials: how many.
        rng: draws clips, stand-ins, effects and misses.
        step: called after every trial.
    """
    steadier = wrong = outlines = alike = 0
    spread = math.sqrt(max(setting.spread**2 - noise**2, 0.0))
    for trial in range(trials):
        clips = {
            f"clip {number}": _drawn(pool, setting.effect, spread, rng) for number in range(setting.clips)
        }
        called, moves_less, same = _answer(clips, seed=trial)
        equal = setting.effect == 1.0
        steadier += called is not None if equal else called == 0
        wrong += not equal and called == 1
        outlines += moves_less is not None if equal else moves_less == 0
        alike += same
        if step is not None:
            step()
    return Outcomes(trials, steadier, wrong, outlines, alike)


def _drawn(
    pool: Sequence[ClipObjects], effect: float, spread: float, rng: np.random.Generator
) -> PairFigures:
    """Return one clip of two stand-ins, the second's outlines moving more by the factor of this clip."""
    objects = pool[int(rng.integers(len(pool)))]
    columns = rng.choice(len(objects.models), 2, replace=False)
    factor = math.exp(rng.normal(math.log(effect), spread))
    # Half of it each, so that the size of the jitter stays what it was.
    factors = np.array([factor**-0.5, factor**0.5])
    score = objects.score[:, columns]
    score = np.where(rng.random(score.shape) < MISSES, np.nan, score)
    nothing = np.full(score.shape, np.nan)
    table = replace(
        objects,
        models=_MODELS,
        score=score,
        last_score=objects.before(score),
        last_truth_iou=nothing,
        area_px=nothing,
        boundary_px=objects.boundary_px[:, columns] * factors,
        boundary_share=nothing,
        jitter=np.minimum(objects.jitter[:, columns] * factors, 1.0),
        truth_iou=nothing,
        truth_boundary_f=nothing,
        round_trip_px=nothing,
        round_trip_jitter=nothing,
        second_boundary_px=nothing,
        box_cause_px=nothing,
        box_cause_jitter=nothing,
    )
    return compare_clip(table, _MODELS, (THRESHOLD, THRESHOLD), figures=DECIDING_FIGURES)


def _answer(clips: Mapping[str, PairFigures], seed: int) -> tuple[int | None, int | None, bool]:
    """Return who is called steadier, whose outlines move less, and whether these are alike; guards apart."""
    rules = Rules()
    found = decide(clips, effects_of(clips, asked(truth=False), seed), rules)
    outcome = found["outline"].outcome
    place = {"first": 0, "second": 1}.get(outcome)
    if place is None:
        return None, None, outcome == "alike"
    stands = not lost_by(found, place) and not_worse_in_losses(clips, place, rules, seed)
    return (place if stands else None), place, False
