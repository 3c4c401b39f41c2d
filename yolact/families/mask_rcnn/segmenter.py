"""`MaskRcnnSegmenter`: frames in, instances out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.transform import resize_boxes

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.mask_parts import MaskParts
from yolact_temporal.data.soft_masks import SoftMask
from yolact_temporal.yolact.families.mask_rcnn.mask_parts import (
    RegionInputs,
    assembled_regions,
    region_parts,
    soft_regions,
)
from yolact_temporal.yolact.families.mask_rcnn.network import (
    Size,
    classify,
    of_class,
    predicted_mask_iou,
    prepare,
    propose,
    pyramid,
    region_masks,
)
from yolact_temporal.yolact.families.mask_rcnn.paste import pasted
from yolact_temporal.yolact.families.mask_rcnn.suppression import kept_regions
from yolact_temporal.yolact.families.options import Suppression
from yolact_temporal.yolact.network_segmenter import NetworkSegmenter
from yolact_temporal.yolact.segmenter import SeenParts
from yolact_temporal.yolact.transfer import Found


class RegionDetections(NamedTuple):
    """Detections of one image, best first.

    Attributes:
        boxes: (N, 4), xyxy in pixels of the network's input.
        scores: (N,).
        labels: int64 (N,), 1-based.
        masks: (N, 28, 28), probabilities inside the box.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    masks: Tensor


class RegionOutputs(NamedTuple):
    """What the network says of a batch: detections of each image, and what their masks were made from."""

    found: list[RegionDetections]
    made_from: RegionInputs


class MaskRcnnSegmenter(NetworkSegmenter[ImageList, RegionOutputs]):
    """Mask R-CNN or Mask Scoring R-CNN as a `Segmenter`: each frame is seen by itself.

    Args:
        model: the network; used in eval mode, on the device on which its weights lie.
        score_threshold: instances whose score is not above it are dropped; 0 keeps up to 100 a frame. With mask
            scoring the score is class score times expected mask IoU.
        precision: "float32", "float16" or "bfloat16" (by autocast).
        nms: "standard", as published: within a class; or "cross-class".
    """

    def __init__(
        self,
        model: Any,
        score_threshold: float = 0.3,
        precision: str = "float32",
        nms: Suppression = "standard",
    ) -> None:
        super().__init__(model, score_threshold, precision)
        self.nms: Suppression = nms

    def preprocess(self, frames: NDArray[np.uint8]) -> ImageList:
        """Resize and normalise frames, uint8 RGB (B, H, W, 3)."""
        images = prepare(self.model, self._on_device(frames))
        images.tensors = images.tensors.contiguous(memory_format=torch.channels_last)
        return images

    @torch.inference_mode()
    def segment_parts(self, frames: NDArray[np.uint8]) -> list[SeenParts]:
        """Segment frames, and hand out the parts of every mask; see `PartsSegmenter.segment_parts`."""
        size = (frames.shape[1], frames.shape[2])
        inputs, (found, made_from) = self._seen(frames)
        network = self.network()
        return [
            SeenParts(
                _found(part, seen, size).instances(),
                region_parts(network, made_from, index, part.boxes, part.labels, seen, size),
            )
            for index, (part, seen) in enumerate(zip(found, inputs.image_sizes, strict=True))
        ]

    @torch.inference_mode()
    def assemble(self, parts: MaskParts) -> list[MaskCrop]:
        """Pool features from the boxes, run the mask head and paste, in the segmenter's precision."""
        with self._in_precision():
            return assembled_regions(self.network(), parts)

    @torch.inference_mode()
    def soft_masks(self, parts: MaskParts) -> list[SoftMask]:
        """Pool features from the boxes and run the mask head; see `SoftSegmenter.soft_masks`."""
        with self._in_precision():
            return soft_regions(self.network(), parts)

    def _forward(self, inputs: ImageList) -> RegionOutputs:
        """Run the network: proposals, classes and boxes, suppression, then masks of what is left."""
        network = self.network()
        features = pyramid(network, inputs)
        proposed = propose(network, inputs, features)
        proposals = proposed.boxes
        logits, regression = classify(network, features, proposals, inputs.image_sizes)
        boxes, scores, labels = kept_regions(
            network.roi_heads, logits, regression, proposals, inputs.image_sizes, self.nms
        )
        # Rescoring only ever lowers a score, so what is below the threshold here needs no mask.
        kept = [score > self.score_threshold for score in scores]
        boxes, scores, labels = (
            [part[keep] for part, keep in zip(parts, kept, strict=True)] for parts in (boxes, scores, labels)
        )
        found = self._with_masks(network, features, boxes, scores, labels, inputs.image_sizes)
        height, width = inputs.tensors.shape[-2:]
        return RegionOutputs(found, RegionInputs(features, proposed, regression, (height, width)))

    def found(self, outputs: RegionOutputs, inputs: ImageList, size: tuple[int, int]) -> Iterator[Found]:
        """Scale boxes to the frames and paste the masks into them."""
        for part, seen in zip(outputs.found, inputs.image_sizes, strict=True):
            yield _found(part, seen, size)

    def _with_masks(
        self,
        network: Any,
        features: OrderedDict[str, Tensor],
        boxes: list[Tensor],
        scores: list[Tensor],
        labels: list[Tensor],
        sizes: list[Size],
    ) -> list[RegionDetections]:
        counts = [len(part) for part in boxes]
        classes = torch.cat(labels)
        if not len(classes):
            empty = features["0"].new_zeros((0, 28, 28))
            return [RegionDetections(*part, empty) for part in zip(boxes, scores, labels, strict=True)]
        masks = region_masks(network, features, boxes, sizes)
        head = getattr(network.roi_heads, "maskiou", None)
        final = torch.cat(scores)
        if head is None:
            probabilities = of_class(masks.logits, classes).sigmoid()
        else:
            expected, probabilities = predicted_mask_iou(head, masks, classes)
            final = final * expected.clamp(0, 1)
        found = []
        for box, score, label, mask in zip(
            boxes, torch.split(final, counts), labels, torch.split(probabilities, counts), strict=True
        ):
            order = score.argsort(descending=True, stable=True)
            order = order[score[order] > self.score_threshold]
            found.append(RegionDetections(box[order], score[order], label[order], mask[order]))
        return found


def _found(detections: RegionDetections, seen: Size, size: Size) -> Found:
    """Scale one image's boxes from the network's input to the frame and paste its masks."""
    boxes = resize_boxes(detections.boxes, seen, size)
    return Found(boxes, detections.scores, detections.labels - 1, pasted(detections.masks, boxes, size))
