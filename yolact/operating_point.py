"""Above which score a model's instances should count: where its precision and recall are equal."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from pycocotools.cocoeval import COCOeval

IOU = 0.5
"""A detection is right where it overlaps an object of its class by so much."""


class OperatingPoint(NamedTuple):
    """A score threshold, and the precision and recall above it, fractions of 1."""

    score_threshold: float
    precision: float
    recall: float


def operating_point(evaluation: COCOeval) -> OperatingPoint | None:
    """Return where precision and recall are equal, over all classes together.

    They are equal where as many detections are kept as there are objects, which needs no search. Scores of different
    models do not mean the same: this makes their thresholds comparable.

    Args:
        evaluation: evaluated, of all object sizes first and an IoU threshold of `IOU` among its own.

    Returns:
        None without an object, or with fewer detections than objects: recall then stays below precision.
    """
    params = evaluation.params
    row = int(np.flatnonzero(np.isclose(params.iouThrs, IOU))[0])
    images = [
        image for image in evaluation.evalImgs if image is not None and image["aRng"] == params.areaRng[0]
    ]
    objects = sum(int((~np.asarray(image["gtIgnore"], bool)).sum()) for image in images)
    scores, right = [], []
    for image in images:
        counted = ~np.asarray(image["dtIgnore"][row], bool)
        scores.append(np.asarray(image["dtScores"], float)[counted])
        right.append(np.asarray(image["dtMatches"][row])[counted] > 0)
    if not objects or sum(map(len, scores)) < objects:
        return None
    ranked, hits = np.concatenate(scores), np.concatenate(right)
    order = np.argsort(-ranked, kind="stable")
    ranked, hits = ranked[order], hits[order]
    following = ranked[objects] if len(ranked) > objects else 0.0
    share = float(hits[:objects].sum()) / objects
    return OperatingPoint(float(ranked[objects - 1] + following) / 2, share, share)
