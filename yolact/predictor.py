"""`YolactSegmenter`: frames in, instances out."""

from __future__ import annotations

import contextlib

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from yolact_temporal.data.instances import Instances
from yolact_temporal.yolact.detect import detect, frame_masks
from yolact_temporal.yolact.device import autocast_dtype
from yolact_temporal.yolact.fuse import fused_for_inference, weights_fingerprint
from yolact_temporal.yolact.model import Yolact
from yolact_temporal.yolact.nms import NMS


class YolactSegmenter:
    """YOLACT as a `Segmenter`: each frame is seen by itself.

    From the uint8 frame to the thresholded mask everything runs on the model's device; only finished masks leave it.

    Args:
        model: the network; it is used in eval mode, on the device on which its weights lie.
        score_threshold: instances whose score is not above it are dropped; 0 keeps up to 100 a frame.
        nms: "fast", "cross-class" or "standard".
        precision: "float32", "float16" or "bfloat16" (by autocast).
    """

    def __init__(
        self,
        model: Yolact,
        score_threshold: float = 0.3,
        nms: str = "fast",
        precision: str = "float32",
    ) -> None:
        if nms not in NMS:
            raise ValueError(f"expected nms out of {', '.join(NMS)}, got {nms!r}")
        if not 0 <= score_threshold <= 1:
            raise ValueError(f"expected a score threshold in 0..1, got {score_threshold}")
        self.model = model.eval()
        self.name = model.config.name
        self.class_names = model.config.class_names
        self.score_threshold = score_threshold
        self.nms = nms
        self._autocast = autocast_dtype(precision)
        self._network: nn.Module | None = None
        self._fingerprint: tuple[object, ...] = ()

    @property
    def device(self) -> torch.device:
        """The device on which the model's weights lie."""
        return next(self.model.parameters()).device

    @torch.inference_mode()
    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """Segment frames, uint8 RGB (B, H, W, 3); see `Segmenter.segment`.

        Raises:
            ValueError: if the frames have another shape or dtype.
        """
        if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
            raise ValueError(f"expected uint8 frames (B, H, W, 3), got {frames.dtype} {frames.shape}")
        size = (frames.shape[1], frames.shape[2])
        with self._precision():
            output = self.network()(self.preprocess(frames))
        found = detect(
            output,
            nms=self.nms,
            score_threshold=self.score_threshold,
            mask_iou_net=getattr(self.model, "maskiou_net", None),
        )
        return [
            _instances(part.boxes, part.scores, part.class_ids, frame_masks(part.masks, *size), size)
            for part in found
        ]

    def network(self) -> nn.Module:
        """Return the model as it runs: normalisations folded; made anew when the model's weights have changed."""
        fingerprint = weights_fingerprint(self.model)
        if self._network is None or fingerprint != self._fingerprint:
            self._network, self._fingerprint = fused_for_inference(self.model), fingerprint
        return self._network

    def preprocess(self, frames: NDArray[np.uint8]) -> Tensor:
        """Resize frames to the network's square, without keeping their aspect, and normalise: (B, 3, S, S)."""
        config = self.model.config
        images = torch.from_numpy(np.ascontiguousarray(frames)).to(self.device).permute(0, 3, 1, 2).float()
        size = (config.input_size, config.input_size)
        images = config.normalization.apply(
            F.interpolate(images, size=size, mode="bilinear", align_corners=False)
        )
        return images.contiguous(memory_format=torch.channels_last)

    def _precision(self) -> contextlib.AbstractContextManager[object]:
        if self._autocast is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=self._autocast)


def _instances(
    boxes: Tensor, scores: Tensor, class_ids: Tensor, masks: Tensor, size: tuple[int, int]
) -> Instances:
    """Move one image's detections to the host and scale their boxes to the frame."""
    height, width = size
    pixels = boxes * boxes.new_tensor([width, height, width, height])
    return Instances.from_bitmaps(
        pixels.cpu().numpy(), scores.cpu().numpy(), class_ids.cpu().numpy(), masks.cpu().numpy()
    )
