"""The FCIS network, and what it says of regions: class, box and mask, all of one pooled set of score maps."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RegionProposalNetwork

from yolact_temporal.yolact.backbones import Backbone, MobileNetV2, ResNet
from yolact_temporal.yolact.families.fcis.config import FCIS, GROUPS, STRIDE, FcisConfig

#: Sides of the published input: of the short side, and of the long one at most.
_SHORT, _LONG = 600, 1000
#: What the regressed offsets of a region are scaled by, as published.
_DEVIATIONS = (0.2, 0.2, 0.5, 0.5)
#: A proposal of a smaller side, in pixels of the input, is none.
LEAST_SIDE = 2.0
#: Log of the most that a region may grow by at once, so that no early regression overflows.
_MOST_GROWTH = 4.0
#: Offsets of a region that is an object, and of one that is none, which nothing uses; both were published.
_BOX_MAPS = 8


class Sizes(NamedTuple):
    """Widths and numbers in which the compact network differs.

    Attributes:
        proposing: channels of the proposal network's 3x3 convolution.
        reduced: channels that the score maps are made from.
        normalized: groups of the normalisation behind both, which the published network has not.
        best: anchors that reach the suppression of proposals.
        proposals: that are left of them, in training and testing.
    """

    proposing: int
    reduced: int
    normalized: int | None
    best: int
    proposals: tuple[int, int]


_SIZES = {
    "resnet101": Sizes(512, 1024, None, 6000, (300, 300)),
    "compact": Sizes(256, 512, 16, 1000, (128, 300)),
}


class CellAnchors(nn.Module):
    """Anchors of every cell of one map.

    Args:
        sides: width and height of each anchor of a cell, in pixels of the input.
    """

    sides: Tensor

    def __init__(self, sides: tuple[tuple[float, float], ...]) -> None:
        super().__init__()
        self.register_buffer("sides", torch.tensor(sides), persistent=False)

    def num_anchors_per_location(self) -> list[int]:
        """Return how many anchors a cell has."""
        return [len(self.sides)]

    def forward(self, images: ImageList, features: list[Tensor]) -> list[Tensor]:
        """Return the anchors of each image, (cells * A, 4) xyxy in pixels of the input, cells row by row."""
        rows, columns = features[0].shape[-2:]
        y, x = ((torch.arange(n, device=self.sides.device) + 0.5) * STRIDE for n in (rows, columns))
        centers = torch.stack((x.expand(rows, -1), y[:, None].expand(-1, columns)), dim=-1)[:, :, None]
        half = self.sides / 2
        anchors = torch.cat((centers - half, centers + half), dim=-1).reshape(-1, 4)
        return [anchors] * len(images.image_sizes)


class ProposalHead(nn.Module):
    """A 3x3 convolution, and of each anchor two scores, of background and object, and four offsets.

    The scores of background come first, those of objects behind them, as the authors' weights have it.
    """

    def __init__(self, channels: int, sizes: Sizes, anchors: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, sizes.proposing, 3, padding=1)
        self.norm = _norm(sizes.proposing, sizes.normalized)
        self.score = nn.Conv2d(sizes.proposing, 2 * anchors, 1)
        self.box = nn.Conv2d(sizes.proposing, 4 * anchors, 1)

    def forward(self, features: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return logits of objects against background (B, A, h, w), and offsets (B, 4A, h, w), of each map."""
        hidden = [F.relu(self.norm(self.conv(feature))) for feature in features]
        scores = [self.score(each).chunk(2, dim=1) for each in hidden]
        # The softmax of two is the sigmoid of their difference.
        return [there - away for away, there in scores], [self.box(each) for each in hidden]


class Fcis(nn.Module):
    """FCIS: a backbone of stride 16, proposals, score maps and box maps.

    Args:
        config: what determines it.

    Attributes:
        most: instances of a frame at most.
    """

    deviations: Tensor

    def __init__(self, config: FcisConfig) -> None:
        super().__init__()
        self.config = config
        self.most = 100
        sizes = _SIZES[config.architecture]
        self.backbone = _backbone(config)
        proposing, last = self.backbone.channels[2], self.backbone.channels[3]
        anchors = CellAnchors(config.anchors(config.input_size or _SHORT))
        self.rpn = RegionProposalNetwork(
            anchors,
            ProposalHead(proposing, sizes, len(anchors.sides)),
            fg_iou_thresh=0.7,
            bg_iou_thresh=0.3,
            batch_size_per_image=256,
            positive_fraction=0.5,
            pre_nms_top_n={"training": sizes.best, "testing": sizes.best},
            post_nms_top_n=dict(zip(("training", "testing"), sizes.proposals, strict=True)),
            nms_thresh=0.7,
        )
        self.rpn.min_size = LEAST_SIDE
        self.reduce = nn.Conv2d(last, sizes.reduced, 1)
        self.reduce_norm = _norm(sizes.reduced, sizes.normalized)
        self.score_maps = nn.Conv2d(sizes.reduced, config.maps * GROUPS**2, 1)
        self.box_maps = nn.Conv2d(sizes.reduced, _BOX_MAPS * GROUPS**2, 1)
        self.register_buffer("deviations", torch.tensor(_DEVIATIONS), persistent=False)
        for module in (self.rpn, self.reduce, self.score_maps, self.box_maps):
            for layer in module.modules():
                if isinstance(layer, nn.Conv2d):
                    nn.init.normal_(layer.weight, std=0.01)
                    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # each has one

    def forward(self, images: Tensor) -> tuple[OrderedDict[str, Tensor], Tensor]:
        """Map normalised images (B, 3, H, W) to what proposals are made from and what regions are pooled from.

        Returns:
            The third stage, as the one map "0", and score and box maps (B, (2(C + 1) + 8) * 49, h, w): of background
            and each class the outside, then the inside, then the box maps; of each a map a part of a region. In
            float32.
        """
        *_, features, last = self.backbone(images)
        reduced = F.relu(self.reduce_norm(self.reduce(last)))
        maps = torch.cat((self.score_maps(reduced), self.box_maps(reduced)), dim=1)
        return OrderedDict({"0": features.float()}), maps.float()


def build_fcis(name: str | FcisConfig, input_size: int | None = None) -> Fcis:
    """Build a network with random weights, in eval mode.

    Args:
        name: a model's name, or a configuration.
        input_size: side of a compact model's square input in place of its own, for training.
    """
    config = FCIS[name] if isinstance(name, str) else name
    if input_size is not None and config.input_size is not None:
        config = replace(config, input_size=input_size)
    return Fcis(config).eval()


def _norm(channels: int, groups: int | None) -> nn.Module:
    return nn.Identity() if groups is None else nn.GroupNorm(groups, channels)


def _backbone(config: FcisConfig) -> Backbone:
    """Return a backbone whose last stage has the stride of the one before, its 3x3 convolutions dilated instead."""
    if config.architecture == "compact":
        small = MobileNetV2()
        for block in small.stages()[3]:
            for layer in block.modules():
                if isinstance(layer, nn.Conv2d) and layer.groups > 1:
                    _dilate(layer)
        return small
    network = ResNet((3, 4, 23, 3), (0, 0, 0, 0))
    network.maxpool = nn.MaxPool2d(3, stride=2, ceil_mode=True)  # as Caffe's and MXNet's networks pool
    for index, stage in enumerate(network.layers):
        blocks: list[Any] = list(stage.children())
        for number, block in enumerate(blocks):
            if number == 0 and 0 < index < 3:  # the stride stands in the first 1x1 convolution
                block.conv1.stride, block.conv2.stride = (2, 2), (1, 1)
            if index == 3:
                _dilate(block.conv2)
                if block.downsample is not None:
                    block.downsample[0].stride = (1, 1)
    return network


def _dilate(layer: nn.Conv2d) -> None:
    layer.stride, layer.dilation, layer.padding = (1, 1), (2, 2), (2, 2)


def prepare(network: Fcis, frames: Tensor) -> ImageList:
    """Resize and normalise frames, uint8 RGB (B, 3, H, W), as the network was trained."""
    config, (height, width) = network.config, frames.shape[-2:]
    if config.input_size is not None:
        size = (config.input_size, config.input_size)
    else:
        scale = min(_SHORT / min(height, width), _LONG / max(height, width))
        size = (round(height * scale), round(width * scale))
    resized = frames.float()
    if size != (height, width):
        resized = F.interpolate(resized, size=size, mode="bilinear", align_corners=False)
    return ImageList(config.normalization.apply(resized), [size] * len(frames))


def class_logits(pooled: Tensor) -> Tensor:
    """Return class logits (R, C + 1) of pooled regions (R, bins, 2(C + 1) + 8).

    Of inside and outside the larger counts in each bin; the bins' mean is the region's.
    """
    outside, inside = _pairs(pooled).unbind(dim=3)
    return torch.maximum(outside, inside).mean(dim=1)


def box_offsets(pooled: Tensor) -> Tensor:
    """Return the regressed offsets (R, 4) of pooled regions (R, bins, 2(C + 1) + 8), x, y, w, h, before scaling."""
    return pooled[..., -_BOX_MAPS // 2 :].mean(dim=1)


def mask_logits(pooled: Tensor, classes: Tensor) -> Tensor:
    """Return the mask logits (R, bins) of pooled regions (R, bins, 2(C + 1) + 8), of classes int64 (R,), 0-based.

    The softmax of outside and inside is the sigmoid of their difference.
    """
    own = _pairs(pooled)[torch.arange(len(classes), device=classes.device), :, classes]
    return own[..., 1] - own[..., 0]


def _pairs(pooled: Tensor) -> Tensor:
    """Return outside and inside of background and each class: (R, bins, C + 1, 2)."""
    scores = pooled[..., :-_BOX_MAPS]
    return scores.reshape(*scores.shape[:2], -1, 2)


def moved_boxes(boxes: Tensor, offsets: Tensor, deviations: Tensor, size: tuple[int, int]) -> Tensor:
    """Apply regressed offsets (R, 4) to boxes (R, 4), and keep at least a pixel of each inside an input of (h, w)."""
    scaled = offsets * deviations
    sides = boxes[:, 2:] - boxes[:, :2]
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2 + scaled[:, :2] * sides
    half = sides * scaled[:, 2:].clamp(max=_MOST_GROWTH).exp() / 2
    low, high = centers - half, centers + half
    x1, y1 = (low[:, axis].clamp(0, size[1 - axis] - 1) for axis in (0, 1))
    x2, y2 = (high[:, axis].clamp(1, size[1 - axis]) for axis in (0, 1))
    return torch.stack((x1, y1, x2, y2), dim=1)


def wanted_offsets(boxes: Tensor, objects: Tensor, deviations: Tensor) -> Tensor:
    """Return the offsets (R, 4) that move each box (R, 4) onto its object's (R, 4); see `moved_boxes`."""
    sides, own = (each[:, 2:] - each[:, :2] for each in (boxes, objects))
    apart = (objects[:, :2] + objects[:, 2:] - boxes[:, :2] - boxes[:, 2:]) / 2
    growth = (own.clamp(min=1e-3) / sides.clamp(min=1e-3)).log()
    return torch.cat((apart / sides.clamp(min=1e-3), growth), dim=1) / deviations
