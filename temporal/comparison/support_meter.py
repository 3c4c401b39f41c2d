"""`SupportMeter`: what every compared model made of every object of the universe, frame by frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from yolact_temporal.data.crops import MaskCrop, mask_iou, overlaps
from yolact_temporal.data.instances import Instances
from yolact_temporal.temporal.comparison.consensus import ConsensusUniverse
from yolact_temporal.temporal.comparison.matching import SAME_OBJECT_IOU
from yolact_temporal.temporal.comparison.rows import ObjectRow
from yolact_temporal.temporal.comparison.truth import TruthUniverse, without
from yolact_temporal.temporal.comparison.universe import SeenMasks, Sighting, Universe, UniverseOptions
from yolact_temporal.temporal.metrics import figures_without_box, pair_figures
from yolact_temporal.temporal.metrics.duplicates import repeated
from yolact_temporal.temporal.metrics.region import boundary_f, region_iou
from yolact_temporal.temporal.motion import Motion, warp_mask
from yolact_temporal.temporal.pairing import pair_status
from yolact_temporal.temporal.stability import PairStatus

FIGURE_DIGITS = 9
"""Significant digits of a row's numbers: as many as its table keeps, so that what is read back is the same."""


@dataclass(frozen=True)
class ComparedModel:
    """What must be known of a model that is compared.

    Attributes:
        class_names: what its class ids index into.
        score_threshold: its operating threshold.
    """

    class_names: Sequence[str]
    score_threshold: float

    def class_name(self, class_id: int) -> str:
        """Return the name of a class, or its id where it has none."""
        return self.class_names[class_id] if 0 <= class_id < len(self.class_names) else str(class_id)


class Outside(NamedTuple):
    """Instances of a model that are above its operating threshold and not what is compared.

    Attributes:
        unshared: how many lie on no object that counts, and repeat none.
        duplicates: how many lie on an object of which the model has a better-scored mask, or repeat another instance.
        of: how many instances are above the threshold.
    """

    unshared: int
    duplicates: int
    of: int


@dataclass(frozen=True)
class SupportSummary:
    """What was counted so far.

    Attributes:
        frames: frames given.
        objects: objects that counted in a frame.
        pairs: pairs (object, t-1, t) of objects that count in both frames, by status: those "counted", and why the
            others are left out ("repeated", "after_lost_frames", "without_motion").
        outside: by model, what the comparison does not speak of: what it alone sees, right or wrong, and duplicates.
    """

    frames: int
    objects: int
    pairs: Mapping[str, int]
    outside: Mapping[str, Outside]


class Judged(NamedTuple):
    """A model's mask of a true object: its place among the instances, itself less the void, score, J and F."""

    place: int
    mask: MaskCrop
    score: float
    iou: float
    boundary_f: float


class JudgedFrame(NamedTuple):
    """One frame against a ground truth.

    Attributes:
        status: of the pair of this frame and the last one.
        true: the true masks by object id, void left out; only objects that have a pixel.
        matched: by model and object, the mask that the model has of it, however low its score and its overlap.
        seen: by model, all its masks down to the low threshold.
        instances: the instances that `seen` holds the masks of.
        void: pixels of which the truth knows nothing.
    """

    status: PairStatus
    true: Mapping[int, MaskCrop]
    matched: Mapping[str, Mapping[int, Judged]]
    seen: Mapping[str, SeenMasks]
    instances: Mapping[str, Instances]
    void: MaskCrop | None


class _Frame(NamedTuple):
    """What the rows of one frame are made from; `kept` are the instances that `seen` holds the masks of."""

    frame_index: int
    time_s: float
    motion: Motion | None
    kept: Mapping[str, Instances]
    seen: Mapping[str, SeenMasks]
    judged: Mapping[str, Mapping[int, Judged]]


class _TrueFigures(NamedTuple):
    """What an object's true masks measure on a pair, as a row has it; None where there are none."""

    boundary_px: float | None = None
    jitter: float | None = None
    second_boundary_px: float | None = None


class SupportMeter:
    """Measures models on the objects of their universe, one frame at a time; memory does not grow with the clip.

    Attributes:
        judged: the last frame against the ground truth; None before the first frame, and without a ground truth.

    Args:
        models: by name, in the order of the rows.
        rate: the clip's frames a second; None where it has no time.
        stride: how far apart the selected frames are, 1 for every frame; frames so far apart are consecutive.
        truth: whether the objects are those of a ground truth, given with every frame; else the models' consensus.
        options: how objects are found.

    Raises:
        ValueError: with fewer than two models and no ground truth, without any model, or for a stride below 1.

    Example:
        >>> bitmap = np.zeros((1, 32, 48), np.bool_)
        >>> bitmap[0, 8:24, 8:24] = True
        >>> seen = Instances.from_bitmaps([[8, 8, 24, 24]], [0.9], [0], bitmap)
        >>> model = ComparedModel(("person",), score_threshold=0.3)
        >>> meter = SupportMeter({"ours": model, "theirs": model}, rate=24)
        >>> for index in range(3):  # theirs misses the last frame
        ...     theirs = seen if index < 2 else Instances.empty((32, 48))
        ...     motion = Motion.still((32, 48)) if index else None
        ...     rows = meter.update(index, index / 24, {"ours": seen, "theirs": theirs}, motion)
        >>> [(row.model, row.pair_status, row.jitter) for row in rows]
        [('ours', 'counted', 0.0), ('theirs', 'counted', None)]
        >>> meter.summary().pairs["counted"]
        2
    """

    def __init__(
        self,
        models: Mapping[str, ComparedModel],
        rate: float | None,
        stride: int = 1,
        truth: bool = False,
        options: UniverseOptions | None = None,
    ) -> None:
        self.options = options or UniverseOptions()
        if not models:
            raise ValueError("expected at least one model, got none")
        if stride < 1:
            raise ValueError(f"expected a stride of at least 1, got {stride}")
        thresholds = {name: model.score_threshold for name, model in models.items()}
        step = None if rate is None else rate / stride
        self._models = dict(models)
        self._stride = stride
        self._truth = truth
        self._universe: Universe = (
            TruthUniverse(thresholds, self.options)
            if truth
            else ConsensusUniverse(thresholds, step, self.options)
        )
        self.judged: JudgedFrame | None = None
        self._last_index: int | None = None
        self._last_scores: dict[int, dict[str, float]] = {}
        self._last_masks: dict[int, dict[str, MaskCrop]] = {}
        self._last_truth: dict[int, MaskCrop] = {}
        self._frames = 0
        self._objects: set[int] = set()
        self._pairs: Counter[str] = Counter()
        self._above: Counter[str] = Counter()
        self._unshared: Counter[str] = Counter()
        self._duplicates: Counter[str] = Counter()

    def update(
        self,
        frame_index: int,
        time_s: float,
        instances: Mapping[str, Instances],
        motion: Motion | None,
        cut: bool = False,
        truth: Mapping[int, MaskCrop] | None = None,
        void: MaskCrop | None = None,
    ) -> list[ObjectRow]:
        """Take the next frame.

        Args:
            frame_index: its place in the clip; above the last one given.
            time_s: its time in seconds.
            instances: by model, all it saw down to the low threshold, not only what is above its operating one.
            motion: from the last frame to this one; None at the first, and where it is not known. The pair is then one
                of objects that exist, but nothing of it can be measured.
            cut: another scene begins with this frame: no object of before has a pair with it.
            truth: by object id, the true masks; must be given where the objects are those of a ground truth.
            void: pixels of which the ground truth knows nothing: compared with nothing.

        Returns:
            One row a model for every object that counts in this frame, in order of object ids.

        Raises:
            ValueError: if frames do not come in order, a model's instances are missing, sizes differ, or the ground
                truth is missing or not asked for.
        """
        self._require_frame(frame_index, instances, motion, truth, void)
        if cut:
            self._universe.forget()
            self._last_scores = {}
        status = pair_status(self._last_index, frame_index, self._stride, motion)
        steps = 1 if self._last_index is None else max((frame_index - self._last_index) // self._stride, 1)
        kept = {name: self._kept(name, instances[name]) for name in self._models}
        seen = {name: SeenMasks(own.crops, own.scores) for name, own in kept.items()}
        found = self._universe.update(seen, motion, truth, void, steps)
        sightings = [sighting for sighting in found if sighting.counts]
        judged = {name: _judged(name, sightings, kept[name], seen[name], void) for name in self._models}
        if self._truth:
            true = {found.object_id: found.truth for found in sightings if found.truth is not None}
            self.judged = JudgedFrame("first" if cut else status, true, judged, seen, kept, void)
        frame = _Frame(frame_index, _digits(time_s), motion, kept, seen, judged)
        rows = []
        for sighting in sightings:
            pair: PairStatus = status if sighting.object_id in self._last_scores else "first"
            self._pairs[pair] += 1
            floor = self._true_figures(sighting, motion if pair == "counted" else None)
            between = self._ious(sighting, frame)
            rows += [self._row(name, sighting, frame, pair, floor, between[name]) for name in self._models]
        self._count(sightings, kept, seen)
        self._last_index = frame_index
        self._last_scores = {
            sighting.object_id: {name: _score(kept[name], i) for name, i in sighting.matches.items()}
            for sighting in sightings
        }
        self._last_masks = {
            sighting.object_id: {name: seen[name].masks[i] for name, i in sighting.matches.items()}
            for sighting in sightings
        }
        self._last_truth = {found.object_id: found.truth for found in sightings if found.truth is not None}
        return rows

    def summary(self) -> SupportSummary:
        """Return what was counted so far; may be called at any time."""
        statuses = ("counted", "repeated", "after_lost_frames", "without_motion")
        return SupportSummary(
            frames=self._frames,
            objects=len(self._objects),
            pairs={status: self._pairs[status] for status in statuses},
            outside={
                name: Outside(self._unshared[name], self._duplicates[name], self._above[name])
                for name in self._models
            },
        )

    def _require_frame(
        self,
        frame_index: int,
        instances: Mapping[str, Instances],
        motion: Motion | None,
        truth: Mapping[int, MaskCrop] | None,
        void: MaskCrop | None,
    ) -> None:
        if self._last_index is not None and frame_index <= self._last_index:
            raise ValueError(f"expected a frame index above {self._last_index}, got {frame_index}")
        if instances.keys() != self._models.keys():
            raise ValueError(f"expected instances of {', '.join(self._models)}, got {', '.join(instances)}")
        if (truth is not None) != self._truth:
            raise ValueError(f"expected {'a' if self._truth else 'no'} ground truth at frame {frame_index}")
        sizes = {found.size for found in instances.values()}
        sizes |= {mask.size for mask in (truth or {}).values()}
        sizes |= {known.size for known in (motion, void) if known is not None}
        if len(sizes) > 1:
            raise ValueError(f"expected one frame size, got {', '.join(map(str, sorted(sizes)))}")

    def _kept(self, name: str, instances: Instances) -> Instances:
        # A model may be operated below the low threshold: what counts for it is then never left out.
        low = instances.scores > min(self.options.low_threshold, self._models[name].score_threshold)
        return instances if bool(low.all()) else instances.select(low)

    def _row(
        self,
        name: str,
        sighting: Sighting,
        frame: _Frame,
        status: PairStatus,
        true: _TrueFigures,
        between: tuple[float | None, ...],
    ) -> ObjectRow:
        index = sighting.matches.get(name)
        mask = None if index is None else frame.seen[name].masks[index]
        before = None
        if status in ("counted", "without_motion"):
            before = self._last_scores[sighting.object_id].get(name)
        figures: Mapping[str, float | None] = {}
        second = None
        if status == "counted" and before is not None and mask is not None and frame.motion is not None:
            last = self._last_masks[sighting.object_id][name]
            figures = figures_without_box(last, mask, frame.motion)
            second = _second_boundary_px(last, mask, frame.motion)
        judged = frame.judged[name].get(sighting.object_id)
        model, kept = self._models[name], frame.kept[name]
        return ObjectRow(
            frame=frame.frame_index,
            time_s=frame.time_s,
            object_id=sighting.object_id,
            model=name,
            pair_status=status,
            score=None if index is None else _score(kept, index),
            area_px=None if mask is None else mask.area,
            class_name=None if index is None else model.class_name(int(kept.class_ids[index])),
            previous_score=before,
            boundary_px=_rounded(figures.get("boundary_px_mean")),
            boundary_share=_rounded(figures.get("boundary_share_mean")),
            jitter=_rounded(figures.get("motion_compensated_jitter")),
            truth_iou=None if judged is None else judged.iou,
            truth_boundary_f=None if judged is None else judged.boundary_f,
            round_trip_px=_rounded(figures.get("round_trip_px")),
            round_trip_jitter=_rounded(figures.get("round_trip_jitter")),
            second_boundary_px=_rounded(second),
            true_boundary_px=true.boundary_px,
            true_jitter=true.jitter,
            true_second_boundary_px=true.second_boundary_px,
            iou_between=between,
        )

    def _true_figures(self, sighting: Sighting, motion: Motion | None) -> _TrueFigures:
        """Return what the object's own true masks measure on the pair."""
        last, true = self._last_truth.get(sighting.object_id), sighting.truth
        if motion is None or last is None or true is None:
            return _TrueFigures()
        figures = pair_figures(warp_mask(last, motion), true, motion)
        return _TrueFigures(
            _rounded(figures["boundary_px_mean"]),
            _rounded(figures["motion_compensated_jitter"]),
            _rounded(_second_boundary_px(last, true, motion)),
        )

    def _ious(self, sighting: Sighting, frame: _Frame) -> dict[str, tuple[float | None, ...]]:
        """Return by model the IoU of its mask of an object with each model's."""
        masks = {name: frame.seen[name].masks[index] for name, index in sighting.matches.items()}
        found: dict[frozenset[str], float] = {}
        for first, second in combinations(masks, 2):
            found[frozenset((first, second))] = _digits(mask_iou(masks[first], masks[second]))
        found |= {frozenset((name,)): 1.0 for name, mask in masks.items() if mask.area}
        return {
            name: tuple(found.get(frozenset((name, other))) for other in self._models)
            for name in self._models
        }

    def _count(
        self, sightings: Sequence[Sighting], kept: Mapping[str, Instances], seen: Mapping[str, SeenMasks]
    ) -> None:
        self._frames += 1
        self._objects.update(sighting.object_id for sighting in sightings)
        on_objects = [
            seen[name].masks[index] for found in sightings for name, index in found.matches.items()
        ] + [found.truth for found in sightings if found.truth is not None]
        for name, instances in kept.items():
            counted = np.flatnonzero(instances.scores > self._models[name].score_threshold)
            masks = [seen[name].masks[index] for index in counted.tolist()]
            taken = {found.matches[name] for found in sightings if name in found.matches}
            free = np.array([index not in taken for index in counted.tolist()], np.bool_)
            repeats = repeated(masks, instances.scores[counted]) >= 0
            repeats[free] |= overlaps(
                [mask for mask, own in zip(masks, free, strict=True) if own], on_objects, SAME_OBJECT_IOU
            ).any(axis=1)
            self._above[name] += len(counted)
            self._duplicates[name] += int(np.count_nonzero(free & repeats))
            self._unshared[name] += int(np.count_nonzero(free & ~repeats))


def _judged(
    name: str, sightings: Sequence[Sighting], kept: Instances, seen: SeenMasks, void: MaskCrop | None
) -> dict[int, Judged]:
    """Return a model's masks of the true objects, by object id; empty where there is no ground truth."""
    found = {}
    for sighting in sightings:
        index = sighting.matches.get(name)
        if index is not None and sighting.truth is not None:
            mask = without(seen.masks[index], void)
            iou, outline = region_iou(mask, sighting.truth), boundary_f(mask, sighting.truth)
            found[sighting.object_id] = Judged(
                index, mask, _score(kept, index), _digits(iou), _digits(outline)
            )
    return found


def _second_boundary_px(last: MaskCrop, mask: MaskCrop, motion: Motion) -> float | None:
    """Return B1 by the second motion estimate; None where the pair is not of the sample that has one."""
    if motion.second is None:
        return None
    return figures_without_box(last, mask, motion.second)["boundary_px_mean"]


def _score(instances: Instances, index: int) -> float:
    """Return a score as the shortest decimal that is the same float32: 0.7, not 0.699999988, is not above 0.7."""
    return float(str(instances.scores[index]))


def _digits(value: float) -> float:
    return float(f"{value:.{FIGURE_DIGITS}g}")


def _rounded(value: float | None) -> float | None:
    return None if value is None else _digits(value)
