"""From what was measured on each clip to the table of measurements: pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from yolact_temporal.temporal.calibration.measurements import Key, Measurement
from yolact_temporal.temporal.calibration.measuring import EXACT, FLOW, THRESHOLD, FloorResult, SceneResult
from yolact_temporal.temporal.calibration.plan import RATES, REFERENCE, Plan, Subject
from yolact_temporal.temporal.comparison.clip_objects import ClipObjects
from yolact_temporal.temporal.comparison.comparing import TRUTH_IOU
from yolact_temporal.temporal.comparison.figures import PairFigures, compare_clip
from yolact_temporal.temporal.metrics import REGISTRY

COMPARED = (
    "truth_j",
    "truth_f",
    "coverage",
    "loss_0",
    "loss_1",
    "common_share",
    "boundary_px_on_common",
    "boundary_px_difference",
)
"""What is measured against the true objects and beside the reference; the last two are B1 on the common support, and
how much it is above the reference's there."""

BIAS = "centre_bias"
FLOOR_METRICS = ("boundary_px_mean", "motion_compensated_jitter")


def scene_measurements(plan: Plan, results: Sequence[SceneResult]) -> Iterator[Measurement]:
    """Yield every stand-in's figures over clips: of its own tracks, by both motions, and beside the reference.

    Where objects hide each other wholly, the truth shows slivers of them that a noisy mask has lost, so that figures
    of own tracks speak of other pairs: those scenes have rows of their own. What is measured beside the reference is
    on the same pairs for both, and over all scenes.
    """
    crossing = [scene.crossing for scene in plan.scenes]
    for subject in plan.subjects:
        if subject == REFERENCE:
            continue
        own = [result.subjects[subject] for result in results]
        injected = _injected(subject, [one.injected for one in own])
        for experiment, wanted in (("scenes", False), ("crossing", True)):
            chosen = [one for one, crosses in zip(own, crossing, strict=True) if crosses == wanted]
            for kind in (EXACT, FLOW):
                figures = [one.stability[kind].figures for one in chosen]
                for name, spec in REGISTRY.own().items():
                    key = Key(experiment, subject.fault, subject.dose, kind, name)
                    values = tuple(figure[name].value for figure in figures)
                    yield Measurement(key, injected, spec.unit, values)
            key = Key(experiment, subject.fault, subject.dose, "", BIAS)
            yield Measurement(key, injected, _unit(BIAS), tuple(one.bias for one in chosen))
        yield from _compared(subject, injected, [r.objects for r in results if r.objects is not None])


def _compared(subject: Subject, injected: float, tables: Sequence[ClipObjects]) -> Iterator[Measurement]:
    pairs = [
        compare_clip(table, (subject.label, REFERENCE.label), (THRESHOLD, THRESHOLD), TRUTH_IOU)
        for table in tables
    ]

    def first(name: str) -> Callable[[PairFigures], float | None]:
        return lambda figures: figures.series[name].values()[0]

    measures: dict[str, Callable[[PairFigures], float | None]] = {
        name: first(name) for name in COMPARED if name in REGISTRY.compared()
    }
    measures["common_share"] = lambda figures: figures.common_share
    measures["boundary_px_on_common"] = first("boundary_px")
    measures["boundary_px_difference"] = lambda figures: figures.series["boundary_px"].difference()
    for name in COMPARED:
        key = Key("all_scenes", subject.fault, subject.dose, FLOW, name)
        yield Measurement(key, injected, _unit(name), tuple(measures[name](pair) for pair in pairs))


def long_measurements(plan: Plan, results: Sequence[SceneResult]) -> Iterator[Measurement]:
    """Yield every stand-in's figures on the long clips, one value a track."""
    for subject in plan.long_subjects:
        own = [result.subjects[subject] for result in results]
        injected = _injected(subject, [one.injected for one in own])
        tracks = [track.figures for one in own for track in one.stability[FLOW].tracks]
        for name, spec in REGISTRY.own().items():
            key = Key("long", subject.fault, subject.dose, FLOW, name)
            values = tuple(track[name].value for track in tracks)
            yield Measurement(key, injected, spec.unit, values, "objects")
        bias = tuple(value for one in own for value in one.bias_by_object.values())
        key = Key("long", subject.fault, subject.dose, "", BIAS)
        yield Measurement(key, injected, _unit(BIAS), bias, "objects")


def floor_measurements(experiment: str, dose: float, results: Sequence[FloorResult]) -> Iterator[Measurement]:
    """Yield what the truth is given at one speed or texture.

    Args:
        experiment: "speed" or "texture".
        dose: the speed in pixels a frame, or the contrast.
        results: one a clip.
    """
    for kind in results[0].stability:
        for name in FLOOR_METRICS:
            key = Key(experiment, "truth", dose, kind, name)
            values = tuple(result.stability[kind].figures[name].value for result in results)
            yield Measurement(key, dose, _unit(name), values)
    for kind in results[0].hidden_share:
        key = Key(experiment, "truth", dose, kind, "hidden_share")
        yield Measurement(
            key, dose, _unit("hidden_share"), tuple(result.hidden_share[kind] for result in results)
        )
    key = Key(experiment, "truth", dose, FLOW, "flow_error_px")
    yield Measurement(key, dose, _unit("flow_error_px"), tuple(result.flow_error_px for result in results))


def verdict_measurement(first: Subject, second: Subject, steadier: str | None, headline: str) -> Measurement:
    """Return the verdict between two stand-ins as a row: 1 where the first is declared steadier, 0 the second."""
    names: Mapping[str, Subject] = {first.label: first, second.label: second}
    value = None if steadier is None else float(steadier == first.label)
    found = headline if steadier is None else f"{named(names[steadier])} is steadier"
    return Measurement(verdict_key(first, second), first.dose, "", (value,), "comparisons", found)


def verdict_key(first: Subject, second: Subject) -> Key:
    """Return what a verdict's row is found by."""
    return Key("all_scenes", first.fault, first.dose, FLOW, f"verdict against {named(second)}")


def named(subject: Subject) -> str:
    """Return a stand-in's name for a reader."""
    name = subject.fault.replace("_", " ")
    return f"{name} {subject.dose:g}" if subject.dose else name


def _unit(name: str) -> str:
    return REGISTRY.known(name).unit


def _injected(subject: Subject, counted: Sequence[float | None]) -> float:
    rates = [rate for rate in counted if rate is not None]
    return sum(rates) / len(rates) if subject.fault in RATES and rates else subject.dose
