"""Above which score a model's instances should count: where its precision and recall are equal."""

from __future__ import annotations

import contextlib
import io
from typing import NamedTuple

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

IOU = 0.5
"""A detection is right where it overlaps an object of its class by so much."""


class OperatingPoint(NamedTuple):
    """A score threshold, and the precision and recall above it, fractions of 1."""

    score_threshold: float
    precision: float
    recall: float


def operating_point(truth: COCO, predicted: COCO, kind: str = "segm") -> OperatingPoint | None:
    """Return where precision and recall are equal, over all classes together.

    They are equal where as many detections are kept as there are objects, which needs no search. Scores of different
    models do not mean the same: this makes their thresholds comparable.

    Args:
        truth, predicted: indexed annotations and detections.
        kind: "segm" or "bbox".

    Returns:
        None without an object, or with fewer detections than objects: recall then stays below precision.
    """
    evaluation = COCOeval(truth, predicted, kind)
    evaluation.params.iouThrs = np.array([IOU])
    evaluation.params.areaRng = evaluation.params.areaRng[:1]
    evaluation.params.areaRngLbl = evaluation.params.areaRngLbl[:1]
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.evaluate()
    images = [image for image in evaluation.evalImgs if image is not None]
    objects = sum(int((~np.asarray(image["gtIgnore"], bool)).sum()) for image in images)
    scores, right = [], []
    for image in images:
        counted = ~np.asarray(image["dtIgnore"][0], bool)
        scores.append(np.asarray(image["dtScores"], float)[counted])
        right.append(np.asarray(image["dtMatches"][0])[counted] > 0)
    if not objects or sum(map(len, scores)) < objects:
        return None
    order = np.argsort(-np.concatenate(scores), kind="stable")
    ordered, hits = np.concatenate(scores)[order], np.concatenate(right)[order]
    following = ordered[objects] if len(ordered) > objects else 0.0
    share = float(hits[:objects].sum()) / objects
    return OperatingPoint(float(ordered[objects - 1] + following) / 2, share, share)
