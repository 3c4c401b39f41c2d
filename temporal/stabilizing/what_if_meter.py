"""`WhatIfMeter`: every stabiliser of one model's masks at once, measured on the raw masks' objects and pairs."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from yolact_temporal.data.crops import MaskCrop, union_region
from yolact_temporal.temporal.comparison.truth import without
from yolact_temporal.temporal.metrics.boundary import boundary_distances, displacement
from yolact_temporal.temporal.metrics.contract import TruthObservation, mean_figure
from yolact_temporal.temporal.metrics.jitter import motion_compensated_jitter
from yolact_temporal.temporal.metrics.region import boundary_f, region_iou
from yolact_temporal.temporal.metrics.trajectory import Trajectory
from yolact_temporal.temporal.metrics.truth_consistency import Dtssd
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.pooling import frames_a_block
from yolact_temporal.temporal.stability import PairStatus
from yolact_temporal.temporal.stabilizing.contract import Method, StabilizedFrame, TrackedFrame
from yolact_temporal.temporal.stabilizing.costs import (
    GHOST_FRAMES,
    LEAST_MOTION_PX,
    MOST_LAG,
    CostSums,
    ObjectCosts,
)
from yolact_temporal.temporal.stabilizing.raw_objects import RawObject, is_of_universe
from yolact_temporal.temporal.stabilizing.registry import Candidate
from yolact_temporal.temporal.stabilizing.steps import Step
from yolact_temporal.temporal.stabilizing.what_if_figures import CandidateFigures, Loss, PairedSums

Shown = Mapping[int, MaskCrop]

BOUNDARY_EVERY = 6
"""B1 takes most of the time: of what is not raw it is measured at one frame in so many, the raw masks' beside it."""

LEAST_BOUNDARY_FRAMES = 60
"""At so many frames at least B1 is measured, where a clip has them: of fewer no change can be shown."""

LAG_EVERY = 2
"""Lag is told of one frame in so many."""


@dataclass
class _Sums:
    """What is summed up of one candidate."""

    method: Method
    loss: Loss = field(default_factory=Loss)
    sample: Loss = field(default_factory=Loss)
    second: Loss = field(default_factory=Loss)
    costs: CostSums = field(default_factory=CostSums)
    boundary: float = 0.0
    raw_boundary: float = 0.0
    outlines: int = 0
    jitter: float = 0.0
    raw_jitter: float = 0.0
    overlaps: int = 0
    first_shown: dict[int, int] = field(default_factory=dict)
    iou: list[float] = field(default_factory=list)
    boundary_f: list[float] = field(default_factory=list)
    against: dict[int, tuple[Dtssd, Trajectory]] = field(default_factory=dict)
    given: deque[StabilizedFrame] = field(default_factory=deque)
    last: Shown = field(default_factory=dict)
    paired_loss: PairedSums = field(default_factory=PairedSums)
    paired_boundary: PairedSums = field(default_factory=PairedSums)


@dataclass(frozen=True, eq=False)
class _Waiting:
    """A frame whose stabilised masks, or whose future, are not all known yet."""

    frame: TrackedFrame
    objects: Sequence[RawObject]
    status: PairStatus
    void: MaskCrop | None


class WhatIfMeter:
    """Measures candidates on one model's record, one frame at a time; memory does not grow with the clip.

    The universe is the raw masks'; gains over the raw masks are taken on pairs at which the raw masks and the
    candidate's are there. What several candidates show alike is measured once.

    Args:
        candidates: which; the identity among them stands for the raw masks.
        frames: how many frames there will be; None where that is not known.
    """

    def __init__(self, candidates: Sequence[Candidate], frames: int | None = None) -> None:
        self._candidates = list(candidates)
        block = frames_a_block(frames or 1)
        self._sums = [
            _Sums(candidate.make(), paired_loss=PairedSums(block), paired_boundary=PairedSums(block))
            for candidate in candidates
        ]
        self._raw = next((at for at, own in enumerate(candidates) if own.spec.name == "identity"), None)
        few = BOUNDARY_EVERY if frames is None else max(frames // LEAST_BOUNDARY_FRAMES, 1)
        self._boundary_every = min(BOUNDARY_EVERY, few)
        self._waiting: deque[_Waiting] = deque()
        self._past: deque[TrackedFrame] = deque(maxlen=MOST_LAG)
        self._raw_last: Shown = {}
        self._first_raw: dict[int, int] = {}
        self._place = 0
        self.pictures = False

    def push(
        self,
        frame: TrackedFrame,
        objects: Sequence[RawObject],
        status: PairStatus,
        void: MaskCrop | None = None,
    ) -> None:
        """Take the next frame.

        Args:
            frame: the model's tracks.
            objects: those that count in it.
            status: of the pair of the last frame and this one.
            void: pixels of which the ground truth knows nothing.
        """
        self.pictures |= frame.step.motion is not None
        self._waiting.append(_Waiting(frame, objects, status, void))
        for sums in self._sums:
            sums.given.extend(sums.method.push(frame))
        while len(self._waiting) > GHOST_FRAMES and all(sums.given for sums in self._sums):
            self._measure_next()

    def finish(self) -> list[CandidateFigures]:
        """Take the end of the clip and return every candidate's figures, in order."""
        for sums in self._sums:
            sums.given.extend(sums.method.finish())
        while self._waiting:
            self._measure_next()
        return [
            self._figures(candidate, sums)
            for candidate, sums in zip(self._candidates, self._sums, strict=True)
        ]

    def _measure_next(self) -> None:
        waiting = self._waiting.popleft()
        frame = waiting.frame
        shown = [sums.given.popleft().by_track for sums in self._sums]
        measured = _Pairs(frame.step, waiting.status)
        now: list[dict[int, MaskCrop]] = [{} for _ in self._sums]
        raw_now: dict[int, MaskCrop] = {}
        for own in waiting.objects:
            masks = [_mask_of(each, own.track) for each in shown]
            for place, mask in enumerate(masks):
                if mask is not None:
                    now[place][own.object_id] = mask
            counted = None if own.track is None else frame.counted.get(own.track)
            raw = counted.mask if counted is not None and counted.mask.area else None
            if raw is not None:
                raw_now[own.object_id] = raw
            self._add_presence(own, raw, masks)
            self._add_costs(own, raw, masks, frame)
            if own.truth is not None:
                self._add_truth(own, masks, waiting)
            if own.paired:
                self._add_pair(own, raw, masks, measured)
        for sums, each in zip(self._sums, now, strict=True):
            sums.last = each
        self._raw_last = raw_now
        self._past.appendleft(frame)
        self._place += 1

    def _add_presence(self, own: RawObject, raw: MaskCrop | None, masks: Sequence[MaskCrop | None]) -> None:
        if own.track is None:
            return
        if raw is not None:
            self._first_raw.setdefault(own.track, self._place)
        for sums, mask in zip(self._sums, masks, strict=True):
            if mask is not None:
                sums.first_shown.setdefault(own.track, self._place)

    def _add_costs(
        self,
        own: RawObject,
        raw: MaskCrop | None,
        masks: Sequence[MaskCrop | None],
        frame: TrackedFrame,
    ) -> None:
        seen = [mask for mask in masks if mask is not None]
        if not seen or own.track is None:
            return
        past = [_recorded(each, own.track) for each in self._past]
        ahead = [_recorded(each.frame, own.track) for each in list(self._waiting)[:GHOST_FRAMES]]
        around = [*past[:GHOST_FRAMES], _recorded(frame, own.track), *ahead]
        costs = ObjectCosts(
            raw,
            past,
            [mask for mask in around if mask is not None],
            self._place % LAG_EVERY == 0 and raw is not None and _moves(raw, frame.step.motion),
            seen,
        )
        for sums, mask in zip(self._sums, masks, strict=True):
            if mask is not None:
                costs.add(mask, sums.costs)

    def _add_pair(
        self,
        own: RawObject,
        raw: MaskCrop | None,
        masks: Sequence[MaskCrop | None],
        measured: _Pairs,
    ) -> None:
        before = [sums.last.get(own.object_id) for sums in self._sums]
        raw_before = self._raw_last.get(own.object_id)
        pairs = list(zip(before, masks, strict=True))
        jitters = [measured.jitter(*pair) for pair in pairs]
        if self.pictures and any(
            first is not None and mask is not None and jitter is None
            for (first, mask), jitter in zip(pairs, jitters, strict=True)
        ):
            for sums in self._sums:  # neither rewarded nor punished, whoever lacks it
                sums.loss.undefined += 1
        else:
            seconds = [measured.second_jitter(*pair) for pair in pairs]
            sampled = measured.sampled and all(
                first is None or mask is None or second is not None
                for (first, mask), second in zip(pairs, seconds, strict=True)
            )
            losses = [_loss_of(*pair, jitter) for pair, jitter in zip(pairs, jitters, strict=True)]
            raw_loss = None if self._raw is None else losses[self._raw]
            for sums, loss in zip(self._sums, losses, strict=True):
                if loss is not None and raw_loss is not None:
                    sums.paired_loss.add(self._place, loss, raw_loss)
            for sums, (first, mask), jitter, second in zip(self._sums, pairs, jitters, seconds, strict=True):
                sums.loss.add(first is not None, mask is not None, jitter)
                if sampled:
                    sums.sample.add(first is not None, mask is not None, jitter)
                    sums.second.add(first is not None, mask is not None, second)
        if raw is None or raw_before is None:
            return
        raw_jitter, raw_boundary = measured.jitter(raw_before, raw), measured.boundary(raw_before, raw)
        every = self._boundary_every == 1 or self._place % self._boundary_every == 1
        for candidate, sums, (first, mask), jitter in zip(
            self._candidates, self._sums, pairs, jitters, strict=True
        ):
            asked = every or candidate.spec.name == "identity"
            boundary = measured.boundary(first, mask) if asked else None
            if jitter is not None and raw_jitter is not None:
                sums.jitter += jitter
                sums.raw_jitter += raw_jitter
                sums.overlaps += 1
            if boundary is not None and raw_boundary is not None:
                sums.boundary += boundary
                sums.raw_boundary += raw_boundary
                sums.outlines += 1
                sums.paired_boundary.add(self._place, boundary, raw_boundary)

    def _add_truth(self, own: RawObject, masks: Sequence[MaskCrop | None], waiting: _Waiting) -> None:
        assert own.truth is not None
        nothing = MaskCrop.from_bitmap(np.zeros((0, 0), np.uint8), own.truth.size)
        found: dict[int, tuple[MaskCrop, float, float]] = {}
        again = waiting.status in ("first", "after_lost_frames") or waiting.frame.step.cut
        for sums, mask in zip(self._sums, masks, strict=True):
            key = id(mask)
            if key not in found:
                cut = nothing if mask is None else without(mask, waiting.void)
                seen = cut.area > 0
                iou = region_iou(cut, own.truth) if seen else 0.0
                found[key] = (cut, iou, boundary_f(cut, own.truth) if seen else 0.0)
            cut, iou, outline = found[key]
            sums.iou.append(iou)
            sums.boundary_f.append(outline)
            observation = TruthObservation(
                cut, own.truth, is_of_universe(waiting.status), again, waiting.status == "repeated"
            )
            for meter in sums.against.setdefault(own.object_id, (Dtssd(), Trajectory())):
                meter.observe(observation)

    def _figures(self, candidate: Candidate, sums: _Sums) -> CandidateFigures:
        delays = [
            sums.first_shown[track] - place
            for track, place in self._first_raw.items()
            if track in sums.first_shown
        ]
        against: dict[str, float | None] = {}
        if sums.against:
            found = [
                {name: figure.value for meter in own for name, figure in meter.figures().items()}
                for own in sums.against.values()
            ]
            against = {name: mean_figure(own[name] for own in found).value for name in found[0]}
        costs = sums.costs
        return CandidateFigures(
            candidate=candidate,
            loss=sums.loss,
            sample=sums.sample,
            second=sums.second,
            boundary_px=_ratio(sums.boundary, sums.outlines),
            raw_boundary_px=_ratio(sums.raw_boundary, sums.outlines),
            jitter=_ratio(sums.jitter, sums.overlaps),
            raw_jitter=_ratio(sums.raw_jitter, sums.overlaps),
            pairs=sums.overlaps,
            deviation=_ratio(costs.deviation, costs.compared),
            lag_frames=costs.lag_frames(),
            ghost=_ratio(costs.ghost, costs.pixels),
            onset_delay_frames=_ratio(sum(delays), len(delays)),
            truth_j=_ratio(sum(sums.iou), len(sums.iou)),
            truth_f=_ratio(sum(sums.boundary_f), len(sums.boundary_f)),
            against_truth=against,
            paired_loss=sums.paired_loss.series(),
            paired_boundary=sums.paired_boundary.series(),
        )


class _Pairs:
    """Figures of pairs of masks in one frame, each pair measured once however many candidates have it."""

    def __init__(self, step: Step, status: PairStatus) -> None:
        self.known = status == "counted"
        self._step = step if self.known else None
        second = None if step.motion is None or not self.known else step.motion.second
        self._second = None if second is None else Step(second)
        self._jitter: dict[tuple[int, int, bool], float | None] = {}
        self._boundary: dict[tuple[int, int], float | None] = {}

    @property
    def sampled(self) -> bool:
        """Whether there is a second motion estimate."""
        return self._second is not None

    def jitter(self, before: MaskCrop | None, now: MaskCrop | None) -> float | None:
        """Return B2 of two masks; None where one is missing, or nothing of them is visible."""
        return self._overlap(before, now, self._step, False)

    def second_jitter(self, before: MaskCrop | None, now: MaskCrop | None) -> float | None:
        """Return the same by the second motion estimate."""
        return self._overlap(before, now, self._second, True)

    def _overlap(
        self, before: MaskCrop | None, now: MaskCrop | None, step: Step | None, second: bool
    ) -> float | None:
        if before is None or now is None or step is None or step.motion is None:
            return None
        key = (id(before), id(now), second)
        if key not in self._jitter:
            self._jitter[key] = motion_compensated_jitter(*_cut(step.forth(before), now, step.motion))
        return self._jitter[key]

    def boundary(self, before: MaskCrop | None, now: MaskCrop | None) -> float | None:
        """Return B1 of two masks; None as of `jitter`."""
        step = self._step
        if before is None or now is None or step is None or step.motion is None:
            return None
        key = (id(before), id(now))
        if key not in self._boundary:
            found = boundary_distances(*_cut(step.forth(before), now, step.motion))
            self._boundary[key] = (
                None if found is None else displacement(found[0].distances, found[1].distances).mean
            )
        return self._boundary[key]


def _cut(carried: MaskCrop, now: MaskCrop, motion: Motion) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    region = union_region([carried.region, now.region]).grown(1, now.size)
    return carried.within(region), now.within(region), motion.visible[region.slices].view(np.uint8)


def _mask_of(shown: Shown, track: int | None) -> MaskCrop | None:
    mask = None if track is None else shown.get(track)
    return mask if mask is not None and mask.area else None


def _loss_of(before: MaskCrop | None, now: MaskCrop | None, jitter: float | None) -> float | None:
    """Return what a pair adds to L(1); None where the overlap is not known."""
    return 1.0 if before is None or now is None else jitter


def _recorded(frame: TrackedFrame, track: int) -> MaskCrop | None:
    """Return a track's mask in a frame, recorded at any score."""
    own = frame.counted.get(track) or frame.faint.get(track)
    return own.mask if own is not None and own.mask.area else None


def _moves(mask: MaskCrop, motion: Motion | None) -> bool:
    """Say whether a mask moves by more than `LEAST_MOTION_PX`, by the mean of a sample of its pixels."""
    if motion is None or motion.repeated:
        return False
    y, x = mask.region.y1, mask.region.x1
    inside = mask.pixels[::4, ::4] > 0
    flow = motion.backward[y : mask.region.y2 : 4, x : mask.region.x2 : 4][inside]
    return bool(len(flow)) and float(np.hypot(flow[:, 0], flow[:, 1]).mean()) > LEAST_MOTION_PX


def _ratio(total: float, count: int) -> float | None:
    return total / count if count else None
