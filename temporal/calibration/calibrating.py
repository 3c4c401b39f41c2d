"""The calibration: measure the stand-ins, gather the table, check what must come out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from yolact_temporal.temporal.calibration.causes import cause_measurements
from yolact_temporal.temporal.calibration.expectations import Check, all_checks
from yolact_temporal.temporal.calibration.gathering import (
    floor_measurements,
    long_measurements,
    scene_measurements,
    verdict_measurement,
)
from yolact_temporal.temporal.calibration.measurements import Measurement, Table
from yolact_temporal.temporal.calibration.measuring import (
    FLOW,
    THRESHOLD,
    ProgressCount,
    SceneResult,
    measure_floor,
    measure_scene,
)
from yolact_temporal.temporal.calibration.plan import Plan
from yolact_temporal.temporal.comparison.comparing import compare_models
from yolact_temporal.temporal.comparison.verdict import verdict_of


@dataclass(frozen=True)
class Calibration:
    """What came out.

    Attributes:
        plan: what was measured.
        table: the measurements.
        checks: every expectation of every measurement that has one.
    """

    plan: Plan
    table: Table
    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool:
        """Whether all came out as it must."""
        return bool(self.checks) and all(check.holds for check in self.checks)


def calibrate(plan: Plan, progress: Callable[[int], object] | None = None) -> Calibration:
    """Measure and check; the same plan gives the same figures.

    Args:
        plan: what to measure.
        progress: told how many of the plan's frames are done.
    """
    frames = ProgressCount(progress)
    measurements = [
        *_scenes(plan, frames.step),
        *_long(plan, frames.step),
        *_floor(plan, frames.step),
        *cause_measurements(plan, frames.step),
    ]
    table = Table(measurements)
    return Calibration(plan, table, tuple(all_checks(table, plan)))


def _scenes(plan: Plan, step: Callable[[], object]) -> Iterator[Measurement]:
    results = [measure_scene(scene, plan.subjects, compared=True, progress=step) for scene in plan.scenes]
    yield from scene_measurements(plan, results)
    yield from _verdicts(plan, results)


def _verdicts(plan: Plan, results: Sequence[SceneResult]) -> Iterator[Measurement]:
    clips = {f"scene {place}": one.objects for place, one in enumerate(results) if one.objects is not None}
    for first, second in (*plan.contests, *plan.never):
        comparison = compare_models(
            clips, (first.label, second.label), (THRESHOLD, THRESHOLD), seed=plan.seed
        )
        verdict = verdict_of(comparison)
        yield verdict_measurement(first, second, verdict.steadier, verdict.headline)


def _long(plan: Plan, step: Callable[[], object]) -> Iterator[Measurement]:
    results = [
        measure_scene(scene, plan.long_subjects, compared=False, kinds=(FLOW,), progress=step)
        for scene in plan.long_scenes
    ]
    yield from long_measurements(plan, results)


def _floor(plan: Plan, step: Callable[[], object]) -> Iterator[Measurement]:
    conditions = [("speed", speed) for speed in plan.speeds]
    conditions += [("texture", texture) for texture in plan.textures]
    for number, (kind, dose) in enumerate(conditions):
        scenes = [
            replace(plan.floor_scene, seed=plan.seed * 1000 + 10 * number + clip)
            for clip in range(plan.floor_clips)
        ]
        scenes = [
            replace(scene, speed=dose) if kind == "speed" else replace(scene, texture=dose)
            for scene in scenes
        ]
        yield from floor_measurements(kind, dose, [measure_floor(scene, step) for scene in scenes])
