"""Stand-ins of what other libraries hand out for a frame, with exactly their fields; none of them is installed here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch


class Fields(SimpleNamespace):
    """An object that has the fields given and no other, and whose length is that of the first."""

    def __len__(self) -> int:
        return len(next(iter(vars(self).values())))


def supervision(masks, boxes, scores, classes, ids=None, names=None) -> Any:
    data = {} if names is None else {"class_name": np.array([names[key] for key in classes])}
    return Fields(
        xyxy=np.float32(boxes).reshape(-1, 4),
        mask=masks,
        confidence=np.float32(scores),
        class_id=np.array(classes, int),
        tracker_id=None if ids is None else np.array(ids, int),
        data=data,
        metadata={},
    )


def ultralytics(masks, boxes, scores, classes, ids=None, names=None, size=None) -> Any:
    """`masks.data` as its predictor leaves it: cut, as floats, of the network's size."""
    found = Fields(
        xyxy=torch.tensor(np.float32(boxes).reshape(-1, 4)),
        conf=torch.tensor(np.float32(scores)),
        cls=torch.tensor(np.float32(classes)),
        id=None if ids is None else torch.tensor(np.float32(ids)),
    )
    data = None if not len(masks) else SimpleNamespace(data=torch.tensor(np.float32(masks)))
    return SimpleNamespace(
        orig_img=None,
        orig_shape=size or masks.shape[1:],
        boxes=found,
        masks=data,
        probs=None,
        names=names or {},
    )


def torchvision(masks, boxes, scores, classes) -> Any:
    return {
        "boxes": torch.tensor(np.float32(boxes).reshape(-1, 4)),
        "labels": torch.tensor(np.int64(classes)),
        "scores": torch.tensor(np.float32(scores)),
        "masks": torch.tensor(np.float32(masks))[:, None],
    }


def detectron2(masks, boxes, scores, classes) -> Any:
    instances = Fields(
        pred_boxes=SimpleNamespace(tensor=torch.tensor(np.float32(boxes).reshape(-1, 4))),
        scores=torch.tensor(np.float32(scores)),
        pred_classes=torch.tensor(np.int64(classes)),
        pred_masks=torch.tensor(np.asarray(masks, bool)),
        image_size=masks.shape[1:],
    )
    return {"instances": instances}


def mmdet(masks, boxes, scores, classes) -> Any:
    instances = Fields(
        bboxes=torch.tensor(np.float32(boxes).reshape(-1, 4)),
        labels=torch.tensor(np.int64(classes)),
        scores=torch.tensor(np.float32(scores)),
        masks=torch.tensor(np.asarray(masks, bool)),
    )
    return SimpleNamespace(pred_instances=instances)


def transformers(masks, boxes, scores, classes) -> Any:
    """Of `post_process_instance_segmentation`: a map of segment ids, -1 where there is none."""
    segmentation = torch.full(masks.shape[1:], -1, dtype=torch.int32)
    segments = []
    for number, (mask, score, label) in enumerate(zip(masks, scores, classes, strict=True)):
        segmentation[torch.tensor(np.asarray(mask, bool))] = number
        segments.append({"id": number, "label_id": label, "was_fused": False, "score": score})
    return {"segmentation": segmentation, "segments_info": segments}


LIBRARIES = {
    maker.__name__: maker
    for maker in (supervision, ultralytics, torchvision, detectron2, mmdet, transformers)
}
