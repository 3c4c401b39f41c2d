"""`FcisSegmenter`: frames in, instances out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.models.detection.image_list import ImageList

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.mask_parts import MaskParts
from yolact_temporal.yolact.families.fcis.mask_parts import assembled_votes, vote_parts
from yolact_temporal.yolact.families.fcis.network import prepare
from yolact_temporal.yolact.families.fcis.pooling import PositionMaps, precise
from yolact_temporal.yolact.families.fcis.regions import Regions, in_frame, read_regions
from yolact_temporal.yolact.families.fcis.voting import Kept, kept_regions, voted_masks
from yolact_temporal.yolact.families.mask_rcnn.network import Proposals, Size, propose
from yolact_temporal.yolact.network_segmenter import NetworkSegmenter
from yolact_temporal.yolact.segmenter import SeenParts
from yolact_temporal.yolact.transfer import Found, mask_rectangles


class FcisOutputs(NamedTuple):
    """What the network says of a batch.

    Attributes:
        regions: of each image, and what is kept of them.
        kept: of each image.
        maps: (B, K * 49, h, w), as `Fcis` gives them.
        proposals: of the region proposal network.
    """

    regions: list[Regions]
    kept: list[Kept]
    maps: Tensor
    proposals: Proposals


class FcisSegmenter(NetworkSegmenter[ImageList, FcisOutputs]):
    """FCIS as a `Segmenter`: each frame is seen by itself.

    Args:
        model: the network; used in eval mode, on the device on which its weights lie.
        score_threshold: instances whose score is not above it are dropped; 0 keeps up to 100 a frame.
        precision: "float32", "float16" or "bfloat16" (by autocast); regions are read and voted on in float32.
        nms: "standard", as published: within a class.
    """

    def __init__(
        self, model: object, score_threshold: float = 0.3, precision: str = "float32", nms: str = "standard"
    ) -> None:
        super().__init__(model, score_threshold, precision)
        self.nms = nms

    def preprocess(self, frames: NDArray[np.uint8]) -> ImageList:
        """Resize and normalise frames, uint8 RGB (B, H, W, 3)."""
        images = prepare(self.model, self._on_device(frames))
        images.tensors = images.tensors.contiguous(memory_format=torch.channels_last)
        return images

    @torch.inference_mode()
    def segment_parts(self, frames: NDArray[np.uint8]) -> list[SeenParts]:
        """Segment frames, and hand out the parts of every mask; see `PartsSegmenter.segment_parts`."""
        size = (frames.shape[1], frames.shape[2])
        inputs, outputs = self._seen(frames)
        network = self.network()
        seen = []
        for index, (regions, kept) in enumerate(zip(outputs.regions, outputs.kept, strict=True)):
            found, there = _found(regions, kept, inputs.image_sizes[index], size)
            own = Kept(*(part[there] for part in kept))
            maps, proposals = outputs.maps[index], outputs.proposals
            parts = vote_parts(network, maps, proposals, index, regions, own, inputs.image_sizes[index], size)
            seen.append(SeenParts(found.instances(), parts))
        return seen

    @torch.inference_mode()
    def assemble(self, parts: MaskParts) -> list[MaskCrop]:
        """Pool the score maps again and vote."""
        return assembled_votes(parts, self.device)

    def _forward(self, inputs: ImageList) -> FcisOutputs:
        """Run the network: proposals, then regions read off the maps, and suppression."""
        network, size = self.network(), inputs.image_sizes[0]
        features, maps = network(inputs.tensors)
        proposals = propose(network, inputs, features)
        regions = [
            read_regions(network, PositionMaps(own[None]), boxes, size)
            for own, boxes in zip(maps, proposals.boxes, strict=True)
        ]
        kept = [kept_regions(own, self.score_threshold, network.most) for own in regions]
        return FcisOutputs(regions, kept, maps, proposals)

    def found(self, outputs: FcisOutputs, inputs: ImageList, size: Size) -> Iterator[Found]:
        """Let the regions vote in frames of (height, width)."""
        for regions, kept, seen in zip(outputs.regions, outputs.kept, inputs.image_sizes, strict=True):
            yield _found(regions, kept, seen, size)[0]


def _found(regions: Regions, kept: Kept, seen: Size, size: Size) -> tuple[Found, Tensor]:
    """Vote for one image's masks in its frame; a mask without a pixel is none.

    Returns:
        What is there, boxes tight around their masks, and which of the kept regions it is, int64.
    """
    masks = voted_masks(regions.masks, in_frame(precise(regions.boxes), seen, size), kept.weights, size)
    rectangles = mask_rectangles(masks)
    there = torch.nonzero(rectangles[:, 2] > 0)[:, 0]
    own = rectangles[there].to(regions.boxes.dtype)
    return Found(own, kept.scores[there], kept.classes[there], masks[there]), there
