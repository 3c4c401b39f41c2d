"""`TruthMeter`: every figure of a clip against a ground truth but J, F and identity, frame by frame."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop, union_mask
from yolact_temporal.temporal.comparison.support_meter import ComparedModel, JudgedFrame
from yolact_temporal.temporal.comparison.truth import without
from yolact_temporal.temporal.metrics.box_stability import (
    BoxStability,
    mask_box,
    match_boxes,
    mean_box_errors,
)
from yolact_temporal.temporal.metrics.contract import MATCH_IOUS, Figure, at_iou, mean_figure
from yolact_temporal.temporal.metrics.davis_protocol import DavisProtocol
from yolact_temporal.temporal.metrics.flicker import FRAGMENTATION_SPEC, fragmentation
from yolact_temporal.temporal.metrics.panoptic import (
    STQ_SPECS,
    VPQ_SPECS,
    WINDOWS,
    PanopticFrame,
    PanopticQualityMeter,
    TrackingQualityMeter,
    paint,
    shared_pixels,
)
from yolact_temporal.temporal.metrics.shape_stability import TRUE_SHAPE_STABILITY_SPEC, ShapeStability
from yolact_temporal.temporal.truth.object_meter import ObjectMeter, Shapes, begins_anew, is_paired

T = TypeVar("T")


class TruthFigure(NamedTuple):
    """A figure of a clip against a ground truth.

    Attributes:
        value: mean over the objects that have one, or of the whole clip; None where undefined.
        n, n_undefined: frames, pairs, windows or classes measured, and left out for having no value, over all objects.
        objects, objects_undefined: true objects that have a value, and that have none; None of a whole clip's figure.
        by_object: of a value that is a mean over all pairs, the mean over objects that checks it; else None.
    """

    value: float | None
    n: int | None = None
    n_undefined: int | None = None
    objects: int | None = None
    objects_undefined: int | None = None
    by_object: float | None = None


def over_objects(figures: Iterable[Figure]) -> TruthFigure:
    """Average one figure over objects; those without a value are left out and counted.

    Example:
        >>> over_objects([Figure(0.8, 10, 0), Figure(0.6, 20, 0), Figure(None, 0, 5)])
        TruthFigure(value=0.7, n=30, n_undefined=5, objects=2, objects_undefined=1, by_object=None)
    """
    own = list(figures)
    mean = mean_figure(figure.value for figure in own)
    n, undefined = sum(figure.n for figure in own), sum(figure.n_undefined for figure in own)
    return TruthFigure(mean.value, n, undefined, mean.n, mean.n_undefined)


class TruthMeter:
    """Measures models against a ground truth; memory grows with the objects and tracks there are, not with the frames.

    Which object a mask belongs to is what the table of true objects says (`TruthUniverse`); only box errors, STQ and
    VPQ match by themselves, as they are defined. An object is measured from the clip's first frame on, absent until it
    comes.

    Args:
        models: by name.
        class_names: what the truth's class ids stand for.
        davis: whether to measure as DAVIS publishes it, too: all masks of a frame as one, without matching.
    """

    def __init__(
        self, models: Mapping[str, ComparedModel], class_names: Sequence[str], davis: bool = False
    ) -> None:
        self._shapes = Shapes()
        self._davis = {name: DavisProtocol() for name in (models if davis else ())}
        self._models = {name: _ModelMeter(model, class_names, self._shapes) for name, model in models.items()}
        self._true: dict[int, ShapeStability] = {}
        self._absent = ShapeStability()

    def update(
        self, frame: JudgedFrame, classes: Mapping[int, int], tracks: Mapping[str, NDArray[np.int64]]
    ) -> None:
        """Take the next frame.

        Args:
            frame: the true objects and every model's masks.
            classes: the class id of each true object.
            tracks: by model, one id for each instance above its operating threshold, in order; not above 0 for an empty
                mask.
        """
        self._shapes.next_frame()
        paired = is_paired(frame.status)
        for key in frame.true.keys() - self._true.keys():
            self._true[key] = copied(self._absent)
        for key, shape in self._true.items():
            mask = frame.true.get(key)
            shape.add(None if mask is None else self._shapes.of(mask), paired, self._shapes.distance)
        self._absent.add(None, paired)
        if self._davis:
            truth = union_mask(frame.true.values(), next(iter(frame.instances.values())).size)
            for name, published in self._davis.items():
                published.add(self._models[name].union(name, frame), truth, self._shapes)
        for name, meter in self._models.items():
            meter.update(name, frame, classes, tracks[name])

    def figures(self, model: str) -> dict[str, TruthFigure]:
        """Return a model's figures of the frames so far, by name."""
        found = self._models[model].figures()
        found[TRUE_SHAPE_STABILITY_SPEC.name] = over_objects(each.figure() for each in self._true.values())
        if model in self._davis:
            published = self._davis[model].figures().items()
            found |= {name: TruthFigure(own.value, own.n, own.n_undefined) for name, own in published}
        return found

    def note(self, model: str) -> str | None:
        """Return one sentence on how classes were compared, where they were not by name."""
        return self._models[model].pixels.note


class _ModelMeter:
    """One model's part."""

    def __init__(self, model: ComparedModel, true_names: Sequence[str], shapes: Shapes) -> None:
        self._threshold = model.score_threshold
        self._objects: dict[float, dict[int, ObjectMeter]] = {iou: {} for iou in MATCH_IOUS}
        self._given: dict[float, dict[int, set[int]]] = {iou: {} for iou in MATCH_IOUS}
        self._absent = ObjectMeter(shapes)
        self._boxes: dict[int, BoxStability] = {}
        self.pixels = _EveryPixel(model.class_names, true_names)

    def counted(self, name: str, frame: JudgedFrame) -> list[int]:
        """Return the places of the instances that count."""
        return np.flatnonzero(frame.seen[name].scores > self._threshold).tolist()

    def union(self, name: str, frame: JudgedFrame) -> MaskCrop:
        """Return all masks that count as one."""
        masks = (without(frame.seen[name].masks[place], frame.void) for place in self.counted(name, frame))
        return union_mask(masks, frame.instances[name].size)

    def update(
        self, name: str, frame: JudgedFrame, classes: Mapping[int, int], tracks: NDArray[np.int64]
    ) -> None:
        """Take the next frame, as `TruthMeter.update`."""
        counted = self.counted(name, frame)
        masks = [without(frame.seen[name].masks[index], frame.void) for index in counted]
        self._update_objects(name, frame)
        self._update_tracks(name, frame, dict(zip(counted, tracks.tolist(), strict=True)))
        self._update_boxes(masks, frame.true)
        instances = frame.instances[name].select(counted)
        size = instances.size
        order = np.argsort(-instances.scores, kind="stable").tolist()
        own = paint(
            size,
            [masks[i] for i in order],
            [self.pixels.own_class(int(instances.class_ids[i])) for i in order],
            [int(tracks[i]) for i in order],
        )
        keys = list(frame.true)
        true_classes = [self.pixels.true_class(classes[key]) for key in keys]
        true = paint(size, [frame.true[key] for key in keys], true_classes, keys, frame.void)
        self.pixels.add(own, true, begins_anew(frame.status))

    def _update_objects(self, name: str, frame: JudgedFrame) -> None:
        size = frame.instances[name].size
        nothing = MaskCrop.from_bitmap(np.zeros((0, 0), np.bool_), size)
        for iou, objects in self._objects.items():
            for key in frame.true.keys() - objects.keys():
                objects[key] = copied(self._absent)
            for key, meter in objects.items():
                own = frame.matched[name].get(key)
                seen = own is not None and own.score > self._threshold and own.iou >= iou
                mask = own.mask if own is not None and seen else nothing
                meter.add(mask, frame.true.get(key, nothing), frame.status)
        self._absent.add(nothing, nothing, frame.status)

    def _update_tracks(self, name: str, frame: JudgedFrame, tracks: Mapping[int, int]) -> None:
        """Note which track each object is given; `tracks` are those of the instances that count, by their place."""
        for iou, given in self._given.items():
            for key in frame.true:
                given.setdefault(key, set())
                own = frame.matched[name].get(key)
                if own is not None and own.place in tracks and own.iou >= iou:
                    given[key].add(tracks[own.place])

    def _update_boxes(self, masks: Sequence[MaskCrop], true: Mapping[int, MaskCrop]) -> None:
        boxes, true_boxes = [mask_box(mask) for mask in masks], [mask_box(mask) for mask in true.values()]
        matched = match_boxes(boxes, true_boxes)
        for row, (key, box) in enumerate(zip(true, true_boxes, strict=True)):
            own = boxes[matched[row]] if row in matched else None
            self._boxes.setdefault(key, BoxStability()).add(own, box)

    def figures(self) -> dict[str, TruthFigure]:
        """Return the figures of the frames so far, by name."""
        found: dict[str, TruthFigure] = {}
        for iou, objects in self._objects.items():
            rows = [meter.figures() for meter in objects.values()]
            for name in self._absent.figures():
                found[at_iou(name, iou)] = over_objects(row[name] for row in rows)
            tracks = fragmentation(self._given[iou].values())
            found[at_iou(FRAGMENTATION_SPEC.name, iou)] = TruthFigure(
                tracks.value, None, None, tracks.n, tracks.n_undefined
            )
        errors = [meter.errors() for meter in self._boxes.values()]
        frames = sum(one.frames for one in errors)
        for name, figure in mean_box_errors(errors).items():
            found[name] = TruthFigure(figure.value, frames, None, figure.n, figure.n_undefined)
        return found | self.pixels.figures()


class _EveryPixel:
    """STQ and VPQ of one model.

    Classes are those of both sides by their names. Where the two have no name in common, as where the truth has no
    classes at all, every object is of one class.
    """

    def __init__(self, own_names: Sequence[str], true_names: Sequence[str]) -> None:
        shared = set(own_names) & set(true_names)
        union = list(dict.fromkeys([*true_names, *own_names]))
        self._own = [union.index(name) if shared else 0 for name in own_names]
        self._true = [union.index(name) if shared else 0 for name in true_names]
        self.note = None
        if not shared:
            self.note = (
                f"STQ and VPQ take all objects for one class, since masks ({_listed(own_names)}) and ground truth "
                f"({_listed(true_names)}) have no class in common."
            )
        self._unnamed = len(union)
        self._tracking = TrackingQualityMeter(range(len(union) + 1))
        self._panoptic = {window: PanopticQualityMeter(window) for window in WINDOWS}

    def own_class(self, class_id: int) -> int:
        """Return the class of an id of the model; one without a name is a class of its own."""
        return self._own[class_id] if 0 <= class_id < len(self._own) else self._unnamed

    def true_class(self, class_id: int) -> int:
        """Return the class of an id of the truth."""
        return self._true[class_id]

    def add(self, own: PanopticFrame, true: PanopticFrame, after_gap: bool) -> None:
        """Take the next frame, and whether frames are missing before it."""
        shared = shared_pixels(own, true)
        self._tracking.add(shared)
        for meter in self._panoptic.values():
            if after_gap:
                meter.restart()
            meter.add(shared)

    def figures(self) -> dict[str, TruthFigure]:
        """Return STQ and VPQ of the frames so far, by name."""
        quality = self._tracking.quality()
        found = {spec.name: TruthFigure(value) for spec, value in zip(STQ_SPECS, quality, strict=True)}
        windows = [meter.figure() for meter in self._panoptic.values()]
        values = [figure.value for figure in windows if figure.value is not None]
        whole = math.fsum(values) / len(values) if len(values) == len(windows) else None
        mean, *specs = VPQ_SPECS
        found[mean.name] = TruthFigure(whole)
        for spec, figure in zip(specs, windows, strict=True):
            found[spec.name] = TruthFigure(figure.value, figure.n, figure.n_undefined)
        return found


def copied(meter: T) -> T:
    """Return a copy that goes on by itself, from what was the same until now."""
    return copy.deepcopy(meter)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "") or "none"
