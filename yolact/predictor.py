"""`YolactSegmenter`: frames in, instances out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.mask_parts import MaskParts
from yolact_temporal.data.soft_masks import SoftMask
from yolact_temporal.yolact.cropping import Cropping
from yolact_temporal.yolact.detect import Detections, detect, frame_masks
from yolact_temporal.yolact.engines import EngineNetwork, engine_network
from yolact_temporal.yolact.families.options import Crop, Suppression
from yolact_temporal.yolact.mask_parts import assembled, parts_of, soft_masks
from yolact_temporal.yolact.model import Yolact, YolactOutput
from yolact_temporal.yolact.network_segmenter import NetworkSegmenter
from yolact_temporal.yolact.nms import NMS
from yolact_temporal.yolact.segmenter import SeenParts
from yolact_temporal.yolact.transfer import Found


class YolactSegmenter(NetworkSegmenter[Tensor, YolactOutput]):
    """YOLACT as a `Segmenter`: each frame is seen by itself.

    From the uint8 frame to the thresholded mask everything runs on the model's device; only finished masks leave it.

    Args:
        model: the network; it is used in eval mode, on the device on which its weights lie.
        score_threshold: instances whose score is not above it are dropped; 0 keeps up to 100 a frame.
        nms: "fast", "cross-class" or "standard".
        precision: "float32", "float16" or "bfloat16" (by autocast).
        crop: "cells", as published: a box crops its mask by whole cells of the prototypes' grid; or "fine": the mask is
            upsampled whole and then cropped at the frame's size, its edges in fractions of a pixel.
        crop_margin: by which share of its width and height a box is widened on each side before it crops, in 0..1.

    Raises:
        ValueError: if there is no such `nms` or `crop`, or the threshold or the margin is not in 0..1.
        UsageError: if there is no such precision.

    Example:
        >>> from yolact_temporal.yolact.model import build_yolact
        >>> from yolact_temporal.yolact.weights import load_weights
        >>> model = build_yolact("yolact_compact")
        >>> load_weights("yolact_compact", model).source
        'bundled'
        >>> segmenter = YolactSegmenter(model, score_threshold=0.3)
        >>> frames = np.zeros((2, 90, 120, 3), np.uint8)
        >>> segmenter.segment(frames)  # nothing is seen in black frames
        [Instances(0 of 90x120, classes []), Instances(0 of 90x120, classes [])]
    """

    def __init__(
        self,
        model: Yolact,
        score_threshold: float = 0.3,
        nms: Suppression = "fast",
        precision: str = "float32",
        crop: Crop = "cells",
        crop_margin: float = 0.0,
    ) -> None:
        if nms not in NMS:
            raise ValueError(f"expected nms out of {', '.join(NMS)}, got {nms!r}")
        super().__init__(model, score_threshold, precision)
        self.nms: Suppression = nms
        self.cropping = Cropping(crop, crop_margin)

    @property
    def settings(self) -> dict[str, Any]:
        """How boxes are suppressed, and how they crop."""
        return super().settings | {"crop": self.cropping.edges, "crop_margin": self.cropping.margin}

    def mask_cell_px(self, size: tuple[int, int]) -> tuple[float, float]:
        """Return a cell of the prototypes: width / w and height / h pixels of the frame."""
        height, width = size
        cells = self.model.config.mask_cells
        return width / cells, height / cells

    def crop_step_px(self, size: tuple[int, int]) -> tuple[float, float] | None:
        """Return in which steps the edge of a crop moves, in pixels of the frame: cells; None where it moves finely."""
        return None if self.cropping.fine else self.mask_cell_px(size)

    def preprocess(self, frames: NDArray[np.uint8]) -> Tensor:
        """Resize frames to the network's square, without keeping their aspect, and normalise: (B, 3, S, S)."""
        config = self.model.config
        size = (config.input_size, config.input_size)
        images: Tensor = config.normalization.apply(
            F.interpolate(self._on_device(frames).float(), size=size, mode="bilinear", align_corners=False)
        )
        return images.contiguous(memory_format=torch.channels_last)

    def _forward(self, inputs: Tensor) -> YolactOutput:
        outputs: YolactOutput = self.network()(inputs)
        return outputs

    def _prepared(self, network: Yolact) -> EngineNetwork:
        return engine_network(self.engine, network)

    def found(self, outputs: YolactOutput, inputs: Tensor, size: tuple[int, int]) -> Iterator[Found]:
        """Decode, suppress, assemble masks, and bring what is left to the frames' size."""
        # The host of a GPU need not wait for the number of detections where it is not asked for.
        fixed_slots = self.device.type == "cuda" and self.nms != "standard"
        for own in self._detections(outputs, fixed_slots):
            yield self._at_frame_size(own, size)

    @torch.inference_mode()
    def segment_parts(self, frames: NDArray[np.uint8]) -> list[SeenParts]:
        """Segment frames, and hand out the parts of every mask; see `PartsSegmenter.segment_parts`."""
        size = (frames.shape[1], frames.shape[2])
        _, outputs = self._seen(frames)
        return [
            SeenParts(
                self._at_frame_size(own, size).instances(),
                parts_of(outputs, index, own, self.model.config, size),
            )
            for index, own in enumerate(self._detections(outputs))
        ]

    @torch.inference_mode()
    def assemble(self, parts: MaskParts) -> list[MaskCrop]:
        """Combine prototypes, crop by the boxes, and bring the masks to the frame's size."""
        return assembled(parts, self.device, self.cropping)

    @torch.inference_mode()
    def soft_masks(self, parts: MaskParts) -> list[SoftMask]:
        """Combine prototypes and crop; see `SoftSegmenter.soft_masks`."""
        return soft_masks(parts, self.device, self.cropping)

    def _detections(self, outputs: YolactOutput, fixed_slots: bool = False) -> list[Detections]:
        return detect(
            outputs,
            nms=self.nms,
            score_threshold=self.score_threshold,
            mask_iou_net=getattr(self.model, "maskiou_net", None),
            fixed_slots=fixed_slots,
            cropping=self.cropping,
        )

    def _at_frame_size(self, detections: Detections, size: tuple[int, int]) -> Found:
        """Bring boxes and masks of one image's detections to the frame's size."""
        height, width = size
        relative = detections.boxes
        boxes = torch.stack((relative[:, 0::2] * width, relative[:, 1::2] * height), dim=2).flatten(1)
        crops = detections.crops if self.cropping.fine else None
        masks = frame_masks(detections.masks, height, width, crops)
        return Found(boxes, detections.scores, detections.class_ids, masks)
