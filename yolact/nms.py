"""Non-maximum suppression: Fast NMS (per class and across classes) and the standard one.

Fast NMS makes as many slots whatever it is given, and marks those in which there is nothing: where the numbers lie on
a GPU, nobody need wait for them to know how many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.ops import batched_nms

from yolact_temporal.yolact.boxes import pairwise_iou
from yolact_temporal.yolact.families.options import Suppression

#: Anchors whose best class score is not above this are dropped before suppression.
CONFIDENCE = 0.05
#: Candidates a class (Fast NMS) kept for the overlap matrix.
TOP_CANDIDATES = 200
#: Overlap above which the lower-scored box is suppressed.
IOU_THRESHOLD = 0.5
#: Detections an image.
MAX_DETECTIONS = 100
#: The score of a slot in which there is nothing.
EMPTY = -1.0


class Candidates(NamedTuple):
    """Detections of one image as indices: `anchor` int64 (N,), `class_id` int64 (N,), `score` (N,), best first.

    A slot in which there is nothing has the score `EMPTY`, and comes after all others.
    """

    anchor: Tensor
    class_id: Tensor
    score: Tensor

    def filled(self) -> Candidates:
        """Return the slots in which there is something; the host waits for their number."""
        found = self.score >= 0
        return Candidates(self.anchor[found], self.class_id[found], self.score[found])

    def above(self, threshold: float) -> Candidates:
        """Empty the slots whose score is not above a threshold; one of 0 empties none."""
        return self if threshold <= 0 else self._replace(score=emptied(self.score, self.score > threshold))


def emptied(scores: Tensor, keep: Tensor) -> Tensor:
    """Return the scores where `keep` is true, `EMPTY` elsewhere."""
    return torch.where(keep, scores, EMPTY)


def fast_nms(boxes: Tensor, scores: Tensor) -> Candidates:
    """Suppress per class, in one matrix: a box falls to any higher-scored one, even one itself suppressed.

    Args:
        boxes: (P, 4) xyxy.
        scores: (C, P), background excluded; `EMPTY` for a box that is none.

    Returns:
        As many slots as sizes allow, at most `MAX_DETECTIONS`.

    Source: arXiv 1904.02689, section 3.3.
    """
    ordered, index = scores.sort(dim=1, descending=True, stable=True)
    ordered, index = ordered[:, :TOP_CANDIDATES], index[:, :TOP_CANDIDATES]
    class_boxes = boxes[index]
    overlap = _overlap_with_better(class_boxes)
    score = emptied(ordered, (overlap <= IOU_THRESHOLD) & (ordered >= 0))
    class_ids = torch.arange(len(scores), device=scores.device)[:, None].expand_as(score)
    return _best(Candidates(index.flatten(), class_ids.flatten(), score.flatten()))


def cross_class_fast_nms(boxes: Tensor, scores: Tensor) -> Candidates:
    """Fast NMS over all classes at once: each box keeps its best class only."""
    best, class_ids = scores.max(dim=0)
    ordered, index = best.sort(descending=True, stable=True)
    ordered, index = ordered[:TOP_CANDIDATES], index[:TOP_CANDIDATES]
    overlap = _overlap_with_better(boxes[index])
    score = emptied(ordered, (overlap <= IOU_THRESHOLD) & (ordered >= 0))
    return _best(Candidates(index, class_ids[index], score))


def standard_nms(boxes: Tensor, scores: Tensor) -> Candidates:
    """Greedy suppression per class: only boxes that survive suppress others. The host waits for their number."""
    class_ids, index = torch.nonzero(scores > CONFIDENCE, as_tuple=True)
    values = scores[class_ids, index]
    keep = batched_nms(boxes[index].float(), values.float(), class_ids, IOU_THRESHOLD)
    return _best(Candidates(index[keep], class_ids[keep], values[keep]))


def _overlap_with_better(boxes: Tensor) -> Tensor:
    """Return, for boxes (..., N, 4) in order of score, each one's greatest overlap with a better one: (..., N)."""
    if boxes.shape[-2] == 0:
        return boxes.new_zeros(boxes.shape[:-1])
    return pairwise_iou(boxes, boxes).triu_(diagonal=1).amax(dim=-2)


def _best(candidates: Candidates) -> Candidates:
    score, order = candidates.score.sort(descending=True, stable=True)
    order = order[:MAX_DETECTIONS]
    return Candidates(candidates.anchor[order], candidates.class_id[order], score[:MAX_DETECTIONS])


#: The choices of `YolactSegmenter(nms=...)`.
NMS: Mapping[Suppression, Callable[[Tensor, Tensor], Candidates]] = {
    "fast": fast_nms,
    "cross-class": cross_class_fast_nms,
    "standard": standard_nms,
}
