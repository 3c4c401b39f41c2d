"""`TruthMeter`: every figure of a clip against a ground truth but J, F and identity, frame by frame."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.temporal.comparison.support_meter import ComparedModel, JudgedFrame
from yolact_temporal.temporal.comparison.truth import without
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.metrics.contract import MATCH_IOUS, at_iou
from yolact_temporal.temporal.metrics.truth_contract import (
    MatchedMask,
    OwnMask,
    TrueObjects,
    TruthFigure,
    TruthFrame,
    TruthSetting,
    over_objects,
)
from yolact_temporal.temporal.stability import PairStatus
from yolact_temporal.temporal.truth.object_meter import ObjectMeter, Shapes, begins_anew, is_paired


class TruthMeter:
    """Measures models against a ground truth by whatever is registered for it.

    Memory grows with the objects and tracks there are, not with the frames. Which object a mask belongs to is what the
    table of true objects says (`TruthUniverse`); only box errors, STQ and VPQ match by themselves, as they are defined.
    An object is measured from the clip's first frame on, absent until it comes.

    Args:
        models: by name.
        class_names: what the truth's class ids stand for.
        davis: whether to measure as DAVIS publishes it, too: all masks of a frame as one, without matching.
        in_comparison: only what a comparison tells of each model, which needs no tracks.
    """

    def __init__(
        self,
        models: Mapping[str, ComparedModel],
        class_names: Sequence[str],
        davis: bool = False,
        in_comparison: bool = False,
    ) -> None:
        self._shapes = Shapes()
        self._thresholds = {name: model.score_threshold for name, model in models.items()}
        self._objects = {} if in_comparison else {name: _ObjectMeters(self._shapes) for name in models}
        self._whole = {
            name: REGISTRY.clip_accumulators(
                TruthSetting(model.class_names, class_names, davis), in_comparison
            )
            for name, model in models.items()
        }

    def update(
        self,
        frame: JudgedFrame,
        classes: Mapping[int, int],
        tracks: Mapping[str, NDArray[np.int64]] | None = None,
    ) -> None:
        """Take the next frame.

        Args:
            frame: the true objects and every model's masks.
            classes: the class id of each true object.
            tracks: by model, one id for each instance above its operating threshold, in order; not above 0 for an empty
                mask. None where nothing asks for them.
        """
        self._shapes.next_frame()
        true = TrueObjects(
            frame.true,
            classes,
            frame.void,
            next(iter(frame.instances.values())).size,
            is_paired(frame.status),
            begins_anew(frame.status),
            self._shapes,
        )
        for name, threshold in self._thresholds.items():
            seen = _frame_of(name, frame, true, threshold, None if tracks is None else tracks[name])
            if name in self._objects:
                self._objects[name].observe(seen, frame.status)
            for accumulator in self._whole[name]:
                accumulator.observe(seen)

    def figures(self, model: str) -> dict[str, TruthFigure]:
        """Return a model's figures of the frames so far, by name."""
        found = self._objects[model].figures() if model in self._objects else {}
        for accumulator in self._whole[model]:
            found |= accumulator.figures()
        return found

    def notes(self, model: str) -> tuple[str, ...]:
        """Return how a model was measured where that must be said, a sentence each."""
        return tuple(own.note for own in self._whole[model] if own.note is not None)


def _frame_of(
    name: str, frame: JudgedFrame, true: TrueObjects, threshold: float, tracks: NDArray[np.int64] | None
) -> TruthFrame:
    """Return one model's part of a frame: its masks above the threshold, and which of them each object has."""
    instances, masks = frame.instances[name], frame.seen[name].masks
    counted = np.flatnonzero(frame.seen[name].scores > threshold).tolist()
    place = {index: order for order, index in enumerate(counted)}
    own = [
        OwnMask(
            without(masks[index], frame.void),
            float(instances.scores[index]),
            int(instances.class_ids[index]),
            track,
        )
        for index, track in zip(
            counted, [0] * len(counted) if tracks is None else tracks.tolist(), strict=True
        )
    ]
    matched = {
        key: MatchedMask(place[judged.place], judged.iou)
        for key, judged in frame.matched[name].items()
        if judged.place in place
    }
    return TruthFrame(true, own, matched)


class _ObjectMeters:
    """Measures one model's masks of every true object, at every overlap at which a mask is taken for the object's."""

    def __init__(self, shapes: Shapes) -> None:
        self._objects: dict[float, dict[int, ObjectMeter]] = {iou: {} for iou in MATCH_IOUS}
        self._absent = ObjectMeter(shapes)

    def observe(self, frame: TruthFrame, status: PairStatus) -> None:
        """Take the next frame, and the status of its pair with the last one."""
        true = frame.true.masks
        nothing = MaskCrop.from_bitmap(np.zeros((0, 0), np.bool_), frame.true.size)
        for iou, objects in self._objects.items():
            for key in true.keys() - objects.keys():
                objects[key] = copy.deepcopy(self._absent)
            for key, meter in objects.items():
                own = frame.matched.get(key)
                seen = own is not None and own.iou >= iou
                mask = frame.own[own.place].mask if own is not None and seen else nothing
                meter.add(mask, true.get(key, nothing), status)
        self._absent.add(nothing, nothing, status)

    def figures(self) -> dict[str, TruthFigure]:
        """Return the means over objects so far, by metric name and overlap."""
        found = {}
        for iou, objects in self._objects.items():
            rows = [meter.figures() for meter in objects.values()]
            for name in self._absent.figures():
                found[at_iou(name, iou)] = over_objects(row[name] for row in rows)
        return found
