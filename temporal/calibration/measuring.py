"""Runs stand-ins over a scene through the measuring path of any model: flow, association, meters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.synthetic import SceneFrame, SceneOptions, StandIn, SyntheticScene
from yolact_temporal.temporal.calibration.bias import CentreBias
from yolact_temporal.temporal.calibration.plan import CLASS_SWITCHES, RATES, TRUTH, Subject
from yolact_temporal.temporal.comparison.clip_objects import ClipObjects
from yolact_temporal.temporal.comparison.rows import ObjectRow
from yolact_temporal.temporal.comparison.support_meter import ComparedModel, SupportMeter
from yolact_temporal.temporal.flow import FlowEstimator
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.stability import ClipStability

EXACT, FLOW = "exact", "flow"
UNMASKED = {EXACT: "exact_unmasked", FLOW: "flow_unmasked"}
"""The same motions with every pixel that comes from inside the frame taken for visible."""

THRESHOLD = 0.5
"""Score above which a stand-in's masks count; all of them are."""


class ProgressCount:
    """Counts steps of any kind of work, and tells how many are done.

    Args:
        progress: told after each step; None for nobody.
    """

    def __init__(self, progress: Callable[[int], object] | None) -> None:
        self._progress = progress
        self._done = 0

    def step(self) -> None:
        """Count one more."""
        self._done += 1
        if self._progress is not None:
            self._progress(self._done)


@dataclass(frozen=True, eq=False)
class SubjectResult:
    """What was measured of one stand-in on one clip.

    Attributes:
        stability: by kind of motion.
        injected: the rate that was put in, counted on the stand-in itself; None for faults that are no rate. Of frames
            missed before the first and after the last that shows an object nobody could know.
        bias: D5, mean over objects of the size of the mean centre error, in widths; None without a match.
        bias_by_object: the same of each object.
    """

    stability: Mapping[str, ClipStability]
    injected: float | None
    bias: float | None
    bias_by_object: Mapping[int, float]


@dataclass(frozen=True, eq=False)
class SceneResult:
    """What was measured on one clip: of each stand-in, and, where asked for, of all on the true objects."""

    subjects: Mapping[Subject, SubjectResult]
    objects: ClipObjects | None


@dataclass(frozen=True)
class FloorResult:
    """What the truth measures on one clip.

    Attributes:
        stability: by kind of motion, those without masking included.
        hidden_share: by kind of motion, share that the masking leaves out of the pixels that show an object in either
            frame of a pair; None without a pair.
        flow_error_px: mean length of the flow's error over the objects' pixels that are truly in sight; None likewise.
    """

    stability: Mapping[str, ClipStability]
    hidden_share: Mapping[str, float | None]
    flow_error_px: float | None


class _Switches:
    """Counts how often a stand-in changed an object's class, over pairs of frames."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}
        self._switches = self._pairs = 0

    def add(self, frame: SceneFrame, stand_in: StandIn) -> None:
        """Take the next frame."""
        classes = {key: stand_in.classes[key] for key in frame.masks if key in stand_in.classes}
        kept = classes.keys() & self._last.keys()
        self._pairs += len(kept)
        self._switches += sum(classes[key] != self._last[key] for key in kept)
        self._last = classes

    def value(self) -> float | None:
        """Return the switches a pair so far; None without a pair."""
        return self._switches / self._pairs if self._pairs else None


class _Absences:
    """Counts an object's frames from the first to the last that a stand-in shows, and those between that it misses."""

    def __init__(self) -> None:
        self._waiting: dict[int, int] = {}
        self._missed = self._frames = 0

    def add(self, frame: SceneFrame, stand_in: StandIn) -> None:
        """Take the next frame."""
        for key in frame.masks:
            if key in stand_in.shown:
                missed = self._waiting.get(key, 0)
                self._missed += missed
                self._frames += missed + 1
                self._waiting[key] = 0
            elif key in self._waiting:
                self._waiting[key] += 1

    def value(self) -> float | None:
        """Return the share of frames missed so far; None without a frame."""
        return self._missed / self._frames if self._frames else None


class _Running:
    """One stand-in while a clip runs: its meters, and a count of what it did."""

    def __init__(self, subject: Subject, options: SceneOptions, kinds: Sequence[str]) -> None:
        self.subject = subject
        self._stand_in = subject.make(options.seed)
        self._meters = {kind: StabilityMeter(self._stand_in.class_names, options.fps) for kind in kinds}
        self._bias = CentreBias()
        self._rate: _Switches | _Absences = _Switches() if subject.fault == CLASS_SWITCHES else _Absences()

    @property
    def compared(self) -> ComparedModel:
        """Return what a comparison needs to know of the model."""
        return ComparedModel(self._stand_in.class_names, THRESHOLD)

    def see(
        self, frame: SceneFrame, motions: Mapping[str, Motion | None], truth: Mapping[int, MaskCrop]
    ) -> Instances:
        """Show the model the next frame, measure what it sees, and return that."""
        instances = self._stand_in.see(frame)
        self._rate.add(frame, self._stand_in)
        for kind, meter in self._meters.items():
            meter.update(frame.index, frame.time_s, instances, motions[kind])
        self._bias.add(instances.crops, truth)
        return instances

    def result(self) -> SubjectResult:
        """Return what was measured of the frames so far."""
        return SubjectResult(
            stability={kind: meter.finish() for kind, meter in self._meters.items()},
            injected=self._rate.value() if self.subject.fault in RATES else None,
            bias=self._bias.mean(),
            bias_by_object=self._bias.by_object(),
        )


def measure_scene(
    options: SceneOptions,
    subjects: Sequence[Subject],
    compared: bool,
    kinds: Sequence[str] = (EXACT, FLOW),
    progress: Callable[[], object] | None = None,
) -> SceneResult:
    """Measure stand-ins on a scene, all in one pass over it.

    Args:
        options: the scene.
        subjects: the stand-ins.
        compared: whether to lay all of them against the true objects too, by the flow, as `compare` does.
        kinds: of motion, to measure each stand-in by.
        progress: called after every frame.
    """
    running = [_Running(subject, options, kinds) for subject in subjects]
    support = None
    if compared:
        models = {one.subject.label: one.compared for one in running}
        support = SupportMeter(models, options.fps, truth=True)
    estimator = FlowEstimator()
    rows: list[ObjectRow] = []
    for frame in SyntheticScene(options):
        motions = {EXACT: _exact(frame), FLOW: estimator.update(frame.rgb)}
        truth = {key: MaskCrop.from_bitmap(mask) for key, mask in frame.masks.items()}
        seen = {one.subject.label: one.see(frame, motions, truth) for one in running}
        if support is not None:
            rows += support.update(frame.index, frame.time_s, seen, motions[FLOW], truth=truth)
        if progress is not None:
            progress()
    results = {one.subject: one.result() for one in running}
    return SceneResult(results, ClipObjects.from_rows(rows) if compared else None)


def measure_floor(options: SceneOptions, progress: Callable[[], object] | None = None) -> FloorResult:
    """Measure what the truth itself is given by each kind of motion, with hidden pixels left out and with them.

    Args:
        options: the scene.
        progress: called after every frame.
    """
    stand_in = TRUTH.make(options.seed)
    kinds = (EXACT, FLOW, *UNMASKED.values())
    meters = {kind: StabilityMeter(stand_in.class_names, options.fps) for kind in kinds}
    estimator = FlowEstimator()
    hidden = dict.fromkeys((EXACT, FLOW), 0)
    pixels = in_sight = 0
    error = 0.0
    last = np.zeros(options.size, np.bool_)
    for frame in SyntheticScene(options):
        exact, flow = _exact(frame), estimator.update(frame.rgb)
        motions = {EXACT: exact, FLOW: flow}
        for kind, name in UNMASKED.items():
            known = motions[kind]
            motions[name] = known if known is None or known.repeated else Motion.from_flow(known.backward)
        instances = stand_in.see(frame)
        for kind, meter in meters.items():
            meter.update(frame.index, frame.time_s, instances, motions[kind])
        objects = np.any([np.zeros(options.size, np.bool_), *frame.masks.values()], axis=0)
        if exact is not None and flow is not None:
            pixels += int((objects | last).sum())
            for kind, known in ((EXACT, exact), (FLOW, flow)):
                hidden[kind] += int(((objects | last) & ~known.visible).sum())
            there = objects & exact.visible
            in_sight += int(there.sum())
            error += float(np.linalg.norm((flow.backward - exact.backward)[there], axis=-1).sum())
        last = objects
        if progress is not None:
            progress()
    return FloorResult(
        stability={kind: meter.finish() for kind, meter in meters.items()},
        hidden_share={kind: count / pixels if pixels else None for kind, count in hidden.items()},
        flow_error_px=error / in_sight if in_sight else None,
    )


def _exact(frame: SceneFrame) -> Motion | None:
    return Motion(frame.backward, frame.visible) if frame.index else None
