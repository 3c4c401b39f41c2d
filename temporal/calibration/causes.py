"""Are causes found? A disk of which one part is disturbed: that part must be blamed, and no other (METRICS H)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from types import MappingProxyType

from yolact_temporal.data.synthetic.part_disk import Part, PartDisk, assemble_disk
from yolact_temporal.temporal.calibration.measurements import Key, Measurement
from yolact_temporal.temporal.calibration.measuring import EXACT
from yolact_temporal.temporal.calibration.plan import CAUSES, Plan
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.metrics.causes import FLOOR, MEASURES, TOTAL
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.why.causes_summary import CauseFigure, CauseSums
from yolact_temporal.temporal.why.explaining import Explainer

EXPERIMENT = "causes"

BLAMED: Mapping[str, Part] = MappingProxyType(
    {"box_shake": "box", "coefficients_noise": "coefficients", "prototypes_noise": "prototypes"}
)
"""Faults, and the part that each disturbs."""

_SHOWN = (TOTAL, FLOOR, *BLAMED.values())


def cause_measurements(plan: Plan, step: Callable[[], object]) -> Iterator[Measurement]:
    """Yield what each part is blamed for, with each part disturbed at each dose, one value a clip.

    Args:
        plan: its doses, clips and frames.
        step: called after every frame.
    """
    for fault, doses in CAUSES.items():
        for dose in doses:
            clips = [
                _measured(PartDisk(BLAMED[fault], dose, plan.seed * 100 + clip, plan.cause_frames), step)
                for clip in range(plan.cause_clips)
            ]
            for name in (measure.name(part) for measure in MEASURES for part in _SHOWN):
                key = Key(EXPERIMENT, fault, dose, EXACT, name)
                values = tuple(figures[name].value for figures in clips)
                yield Measurement(key, dose, REGISTRY[name].unit, values)


def _measured(disk: PartDisk, step: Callable[[], object]) -> dict[str, CauseFigure]:
    meter, explainer, sums = StabilityMeter(("disk",), 24), Explainer(assemble_disk), CauseSums()
    for index, frame in enumerate(disk):
        motion = Motion.from_flow(frame.backward, -frame.backward) if index else None
        stability = meter.update(index, index / 24, frame.instances, motion)
        for causes in explainer.update(stability, frame.instances.crops, meter.carried, motion, frame.parts):
            sums.add(causes)
        step()
    return sums.figures()


def growing(fault: str) -> Iterator[tuple[Key, Key | None]]:
    """Yield what must grow with the dose: a figure at each dose, and at the dose below; None at the lowest."""
    for measure in MEASURES:
        keys = [Key(EXPERIMENT, fault, dose, EXACT, measure.name(BLAMED[fault])) for dose in CAUSES[fault]]
        yield keys[0], None
        for lower, higher in pairwise(keys):
            yield higher, lower


def staying(fault: str) -> Iterator[tuple[Key, Key]]:
    """Yield what must stay within the floor: what the other parts are blamed for, and the floor of the same dose."""
    for measure in MEASURES:
        for dose in CAUSES[fault]:
            floor = Key(EXPERIMENT, fault, dose, EXACT, measure.name(FLOOR))
            for part in BLAMED.values():
                if part != BLAMED[fault]:
                    yield floor._replace(metric=measure.name(part)), floor
