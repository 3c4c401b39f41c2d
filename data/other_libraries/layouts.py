"""How each library lays out what it saw in one frame: which attributes it has, and where the parts are.

A layout is recognised by its attributes alone, so that no library need be installed, and what only looks like one of
them is taken too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from yolact_temporal.data.other_libraries.arrays import as_array, shape_text
from yolact_temporal.errors import UsageError


@dataclass(frozen=True)
class SeenParts:
    """What was seen in one frame, taken apart but not yet checked.

    Attributes:
        masks: (N, h, w) or (N, 1, h, w) of anything; None for none.
        boxes: (N, 4) xyxy in pixels of the frame; None for the masks' own.
        scores: (N,) in 0..1; None for 1.
        classes: (N,), numbers or names; None where there is one class.
        ids: (N,), which object each is; None where nobody said.
        names: class names by number, as far as the library says them.
        count: how many instances there are, where the library says so apart from the masks.
    """

    masks: Any
    boxes: Any = None
    scores: Any = None
    classes: Any = None
    ids: Any = None
    names: Mapping[int, str] = field(default_factory=dict)
    count: int | None = None


LIBRARIES = (
    "supervision Detections, ultralytics Results, a torchvision dictionary, detectron2 or mmdet instances, a "
    "transformers segmentation"
)
"""What is recognised, for messages."""


def parts_of(seen: Any, size: tuple[int, int], where: str) -> SeenParts | None:
    """Return the parts of what a library saw in one frame; None if it is no layout that is known.

    Args:
        seen: the library's result of one frame.
        size: the frame's (height, width).
        where: such as "frame 3", for messages.

    Raises:
        UsageError: if it is known but has no masks, or is of another picture.

    Example:
        >>> seen = {"masks": np.ones((1, 1, 4, 6)), "scores": [0.9], "labels": [3], "boxes": [[0, 0, 6, 4]]}
        >>> parts_of(seen, (4, 6), "frame 0").classes  # torchvision's
        [3]
    """
    if isinstance(seen, Mapping):
        if "instances" in seen:  # detectron2's predictor
            seen = seen["instances"]
        elif "segments_info" in seen:
            return _transformers(seen, where)
        elif "masks" in seen:
            return _torchvision(seen)
    if hasattr(seen, "pred_instances"):  # mmdet's data sample
        seen = seen.pred_instances
    for is_so, layout in _LAYOUTS:
        if is_so(seen):
            return layout(seen, size, where)
    return None


def _supervision(seen: Any, size: tuple[int, int], where: str) -> SeenParts:
    count = len(seen.xyxy)
    classes, data = seen.class_id, getattr(seen, "data", None) or {}
    names: dict[int, str] = {}
    if classes is not None and "class_name" in data:
        names = {int(key): str(name) for key, name in zip(classes, data["class_name"], strict=False)}
    ids = getattr(seen, "tracker_id", None)
    return SeenParts(
        _with_masks(seen.mask, count, where), seen.xyxy, seen.confidence, classes, ids, names, count
    )


def _ultralytics(seen: Any, size: tuple[int, int], where: str) -> SeenParts:
    boxes = seen.boxes
    count = 0 if boxes is None else len(boxes.cls)
    original = tuple(int(side) for side in seen.orig_shape)
    if original != size:
        raise UsageError(
            f"expected results of the frame itself, {size[1]}x{size[0]} pixels, at {where}, got some of a picture of "
            f"{original[1]}x{original[0]}: pass the frame that the model was given"
        )
    masks = None if seen.masks is None else without_borders(as_array(seen.masks.data), size)
    masks = _with_masks(masks, count, where)
    names = seen.names if isinstance(seen.names, Mapping) else dict(enumerate(seen.names or ()))
    if boxes is None:
        return SeenParts(masks, names=names)
    ids = getattr(boxes, "id", None)
    return SeenParts(masks, boxes.xyxy, boxes.conf, boxes.cls, ids, names, count)


def _detectron2(seen: Any, size: tuple[int, int], where: str) -> SeenParts:
    boxes = seen.pred_boxes.tensor if hasattr(seen, "pred_boxes") else None
    masks = getattr(seen.pred_masks, "tensor", seen.pred_masks)
    if getattr(masks, "ndim", 3) == 4:
        raise UsageError(
            f"expected masks on the frame at {where}, got detectron2's of each box, {tuple(masks.shape)}: pass what "
            f"its predictor returns, which is post-processed"
        )
    scores = seen.scores if hasattr(seen, "scores") else None
    return SeenParts(masks, boxes, scores, seen.pred_classes if hasattr(seen, "pred_classes") else None)


def _mmdet(seen: Any, size: tuple[int, int], where: str) -> SeenParts:
    masks = seen.masks.to_ndarray() if hasattr(seen.masks, "to_ndarray") else seen.masks
    ids = getattr(seen, "instances_id", None)
    return SeenParts(masks, getattr(seen, "bboxes", None), seen.scores, seen.labels, ids)


def _torchvision(seen: Mapping[str, Any]) -> SeenParts:
    return SeenParts(
        seen["masks"], seen.get("boxes"), seen.get("scores"), seen.get("labels"), seen.get("ids")
    )


def _transformers(seen: Mapping[str, Any], where: str) -> SeenParts:
    segments: Sequence[Mapping[str, Any]] = seen["segments_info"]
    if not segments:
        return SeenParts(None, count=0)
    numbers = as_array(seen["segmentation"])
    if numbers.ndim == 3:  # return_binary_maps=True: a map a segment, in order
        masks = numbers
    elif numbers.ndim == 2:
        masks = np.stack([numbers == segment["id"] for segment in segments])
    else:
        raise UsageError(
            f"expected a segmentation (H, W) at {where}, got {shape_text(numbers)}: pass one frame's, post-processed "
            f"to its size with target_sizes"
        )
    scores = [segment.get("score", 1.0) for segment in segments]
    return SeenParts(masks, None, scores, [segment["label_id"] for segment in segments], count=len(segments))


def without_borders(masks: Any, size: tuple[int, int]) -> Any:
    """Return masks of a network's input without the borders that a frame of another shape was filled up with.

    The frame lies in the middle of the input, as large as it fits, its edges rounded to whole pixels as ultralytics
    rounds them.

    Args:
        masks: (N, h, w).
        size: the frame's (height, width).

    Example:
        >>> without_borders(np.zeros((1, 384, 640)), (720, 1280)).shape
        (1, 360, 640)
    """
    height, width = masks.shape[1:]
    if (height, width) == size or not masks.size:
        return masks
    gain = min(height / size[0], width / size[1])
    down, across = (height - size[0] * gain) / 2, (width - size[1] * gain) / 2
    top, left = round(down - 0.1), round(across - 0.1)
    bottom, right = height - round(down + 0.1), width - round(across + 0.1)
    return masks[:, max(top, 0) : bottom, max(left, 0) : right]


def _with_masks(masks: Any, count: int, where: str) -> Any:
    if masks is None and count:
        raise UsageError(
            f"expected a mask for each of {count} instances at {where}, got boxes alone: use a model that segments"
        )
    return masks


def _has(*names: str) -> Callable[[Any], bool]:
    return lambda seen: all(hasattr(seen, name) for name in names)


_LAYOUTS: tuple[tuple[Callable[[Any], bool], Callable[[Any, tuple[int, int], str], SeenParts]], ...] = (
    (_has("xyxy", "mask", "confidence", "class_id"), _supervision),
    (_has("masks", "boxes", "orig_shape", "names"), _ultralytics),
    (_has("pred_masks"), _detectron2),
    (_has("masks", "scores", "labels"), _mmdet),
)
