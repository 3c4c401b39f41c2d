"""Masks of a synthetic scene as stabilisers take them: exact motion, a stand-in's faults, and dips put in by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from yolact_temporal.data.instances import Instances
from yolact_temporal.data.synthetic import SceneOptions, SyntheticScene, make_stand_in
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.pairing import pair_status
from yolact_temporal.temporal.stabilizing.contract import Method, StabilizedFrame, TrackedFrame
from yolact_temporal.temporal.stabilizing.live import FrameTracker
from yolact_temporal.temporal.stabilizing.raw_objects import TrackLives
from yolact_temporal.temporal.stabilizing.registry import Candidate, parse_method
from yolact_temporal.temporal.stabilizing.what_if_figures import CandidateFigures
from yolact_temporal.temporal.stabilizing.what_if_meter import WhatIfMeter

SIZE = (96, 128)
THRESHOLD = 0.5


def scene(frames: int = 40, seed: int = 3, **changes):
    """The frames of a scene; by default one object that moves, before a still camera."""
    options = {"objects": 1, "size": SIZE, "speed": 1.5} | changes
    return list(SyntheticScene(SceneOptions(seed=seed, frames=frames, **options)))


def motions(frames, second: bool = True) -> list[Motion | None]:
    """Exact motion, both ways where the scene stands still enough to be inverted; beside it the same as a second."""
    found: list[Motion | None] = [None]
    for before, now in pairwise(frames):
        forward = np.zeros_like(now.backward)
        for key, mask in now.masks.items():
            if key in before.masks:
                forward[before.masks[key]] = -np.median(now.backward[mask], axis=0)
        motion = Motion.from_flow(now.backward, forward)
        motion = replace(motion, visible=np.asarray(now.visible))
        found.append(motion.with_second(now.backward) if second else motion)
    return found


def seen(frames, fault: str = "truth", dose: float = 0.0, seed: int = 0) -> list[Instances]:
    """What a stand-in sees."""
    model = make_stand_in(fault, dose, seed)
    return [model.see(frame) for frame in frames]


def with_scores(instances: Instances, score: float) -> Instances:
    """The same masks, all of one score."""
    return Instances(
        instances.boxes, [score] * len(instances), instances.class_ids, instances.crops, instances.size
    )


def tracked(
    frames, found: Sequence[Instances], moved: Sequence[Motion | None] | None = None
) -> list[TrackedFrame]:
    """The frames as stabilisers take them."""
    tracker = FrameTracker(THRESHOLD, rate=24.0)
    moved = motions(frames) if moved is None else moved
    return [
        tracker.update(frame.index, own, motion)
        for frame, own, motion in zip(frames, found, moved, strict=True)
    ]


def stabilized(method: str | Method, given: Sequence[TrackedFrame]) -> list[StabilizedFrame]:
    """All frames that a method gives."""
    own = parse_method(method).make() if isinstance(method, str) else method
    out = [shown for frame in given for shown in own.push(frame)]
    return [*out, *own.finish()]


def measured(
    frames,
    given: Sequence[TrackedFrame],
    candidates: Sequence[Candidate],
    objects: Callable | None = None,
) -> dict[str, CandidateFigures]:
    """The figures of candidates by name, on the raw tracks' lives."""
    lives = TrackLives({frame.index: list(frame.counted) for frame in given})
    meter = WhatIfMeter(candidates, len(given))
    last = None
    for frame in given:
        status = pair_status(last, frame.index, 1, frame.step.motion)
        found = lives.at(frame, status) if objects is None else objects(frame, status)
        meter.push(frame, found, status)
        last = frame.index
    return {own.candidate.name: own for own in meter.finish()}
