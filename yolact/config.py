"""The published YOLACT presets, and ours, as frozen configuration.

Numbers are those of the original implementation (Bolya et al., arXiv 1904.02689 and 1912.06218;
github.com/dbolya/yolact, `data/config.py`). Nothing here is ever changed at run time: a variant is a
`dataclasses.replace` of a preset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from yolact_temporal.yolact.classes import COCO_CLASSES, EVERYDAY_CLASSES, PASCAL_CLASSES

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Normalization:
    """How RGB values 0..255 become the network's input: (value - mean) / std, a channel each, in RGB order.

    Example:
        >>> import torch
        >>> UNIT_RANGE.apply(torch.full((1, 3, 2, 2), 51.0)).unique().tolist()
        [0.20000000298023224]
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def apply(self, images: Tensor) -> Tensor:
        """Normalise float images (B, 3, H, W) in 0..255, RGB; returns the same shape and dtype."""
        mean, std = _on_device(self, images.dtype, images.device)
        return (images - mean) / std


@cache
def _on_device(values: Normalization, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return mean and deviation as (1, 3, 1, 1), brought to a device once: a frame's way there is not held up."""
    import torch  # what a preset is can be told without it

    with torch.inference_mode(False):  # training may use them after
        mean, std = (torch.tensor(part, dtype=dtype).view(1, 3, 1, 1) for part in (values.mean, values.std))
        return mean.to(device), std.to(device)


#: ImageNet means and deviations as the original rounds them.
IMAGENET = Normalization(mean=(123.68, 116.78, 103.94), std=(58.40, 57.12, 57.38))
#: DarkNet's input is merely scaled to 0..1.
UNIT_RANGE = Normalization(mean=(0.0, 0.0, 0.0), std=(255.0, 255.0, 255.0))


@dataclass(frozen=True)
class BackboneConfig:
    """A feature extractor and the stages that feed the pyramid.

    Attributes:
        kind: "resnet", "darknet" or "mobilenet_v2".
        blocks: residual blocks a stage (ignored by mobilenet_v2).
        deformable: how many of each stage's last blocks use DCNv2 (resnet only).
        deformable_interval: every how many blocks among those DCNv2 stands (YOLACT++ base uses 3).
        selected: indices of the stages that feed the pyramid.
    """

    kind: str
    blocks: tuple[int, ...] = ()
    deformable: tuple[int, ...] = (0, 0, 0, 0)
    deformable_interval: int = 1
    selected: tuple[int, ...] = (1, 2, 3)

    @property
    def title(self) -> str:
        """What it is called in papers, by the number of its layers.

        Example:
            >>> [PRESETS[name].backbone.title for name in ("yolact_base", "yolact_darknet53", "yolact_plus_resnet50")]
            ['ResNet-101', 'DarkNet-53', 'ResNet-50, deformable']
        """
        if self.kind == "resnet":  # three convolutions a block, one before, and a last layer that is not here
            name = f"ResNet-{3 * sum(self.blocks) + 2}"
        elif self.kind == "darknet":  # two a block, one before each stage, one before all, and a last layer
            name = f"DarkNet-{2 * sum(self.blocks) + len(self.blocks) + 2}"
        else:
            name = "MobileNetV2"
        return f"{name}, deformable" if any(self.deformable) else name


@dataclass(frozen=True)
class AnchorConfig:
    """Anchor shapes of each pyramid level.

    Attributes:
        scales: for each level, anchor sides in pixels of the network's square input.
        aspect_ratios: width over height.
        square: give every anchor its width as height, whatever its aspect ratio. The published non-plus COCO
            models were trained with this quirk, so their weights need it.
    """

    scales: tuple[tuple[float, ...], ...]
    aspect_ratios: tuple[float, ...] = (1.0, 0.5, 2.0)
    square: bool = False

    @property
    def per_location(self) -> int:
        """Anchors at each location of a feature map."""
        return len(self.scales[0]) * len(self.aspect_ratios)


@dataclass(frozen=True)
class HeadConfig:
    """Pyramid, prototype and prediction head sizes.

    Attributes:
        pyramid_channels: channels of P3..P7.
        prototype_channels: channels of the 3x3 convolutions before, and of the one after, the 2x upsampling.
        prototypes: k, the number of prototypes and coefficients.
        shared_convs: 3x3 convolutions shared by the box, class and coefficient layers.
        branch_convs: further 3x3 convolutions of the box and class branches each.
        normalized: put batch normalisation in pyramid and protonet, group normalisation in the head, none of
            which the published models have.
    """

    pyramid_channels: int = 256
    prototype_channels: tuple[tuple[int, ...], tuple[int, ...]] = ((256, 256, 256), (256,))
    prototypes: int = 32
    shared_convs: int = 1
    branch_convs: int = 0
    normalized: bool = False


@dataclass(frozen=True)
class YolactConfig:
    """Everything that determines a YOLACT network.

    Attributes:
        name: the preset's name, as in `--model`.
        class_names: the classes, background excluded.
        input_size: side of the square input in pixels; frames are resized to it without keeping their aspect.
        mask_iou: whether the fast mask rescoring network of YOLACT++ is present.

    Example:
        >>> config = PRESETS["yolact_base"]
        >>> config.input_size, len(config.class_names), config.head.prototypes, config.mask_cells
        (550, 80, 32, 138)
        >>> replace(config, name="mine", class_names=("cat", "dog")).class_names
        ('cat', 'dog')
    """

    name: str
    class_names: tuple[str, ...]
    input_size: int
    backbone: BackboneConfig
    anchors: AnchorConfig
    head: HeadConfig = field(default_factory=HeadConfig)
    normalization: Normalization = IMAGENET
    mask_iou: bool = False

    @property
    def mask_cells(self) -> int:
        """Cells of the prototypes along each side of the input: twice those of the finest pyramid level, stride 8."""
        return 2 * -(-self.input_size // 8)


_BASE_SIDES = (24, 48, 96, 192, 384)
_OCTAVES = tuple(tuple(side * 2 ** (step / 3.0) for step in range(3)) for side in _BASE_SIDES)
_RESNET101 = BackboneConfig("resnet", (3, 4, 23, 3))
_RESNET50 = BackboneConfig("resnet", (3, 4, 6, 3))


def _single_scale(sides: tuple[float, ...], square: bool = False) -> AnchorConfig:
    return AnchorConfig(scales=tuple((side,) for side in sides), square=square)


def _resized_base(size: int) -> AnchorConfig:
    """The base anchors at another input size, truncated to whole pixels as published."""
    return _single_scale(tuple(int(side / 550 * size) for side in _BASE_SIDES), square=True)


_BASE = YolactConfig(
    name="yolact_base",
    class_names=COCO_CLASSES,
    input_size=550,
    backbone=_RESNET101,
    anchors=_single_scale(_BASE_SIDES, square=True),
)
_RESNET50_BASE = replace(_BASE, name="yolact_resnet50", backbone=_RESNET50)
_PLUS_BASE = replace(
    _BASE,
    name="yolact_plus_base",
    backbone=replace(_RESNET101, deformable=(0, 4, 23, 3), deformable_interval=3),
    anchors=AnchorConfig(scales=_OCTAVES),
    mask_iou=True,
)
_COMPACT = YolactConfig(
    name="yolact_compact",
    class_names=EVERYDAY_CLASSES,
    input_size=384,
    backbone=BackboneConfig("mobilenet_v2"),
    anchors=_single_scale((24, 48, 96, 192, 336)),
    head=HeadConfig(
        pyramid_channels=128,
        prototype_channels=((128, 128), (64,)),
        shared_convs=2,
        branch_convs=1,
        normalized=True,
    ),
)

#: Every preset by name.
PRESETS: Mapping[str, YolactConfig] = MappingProxyType(
    {
        config.name: config
        for config in (
            _BASE,
            replace(_BASE, name="yolact_im400", input_size=400, anchors=_resized_base(400)),
            replace(_BASE, name="yolact_im700", input_size=700, anchors=_resized_base(700)),
            _RESNET50_BASE,
            replace(
                _BASE,
                name="yolact_darknet53",
                backbone=BackboneConfig("darknet", (1, 2, 8, 8, 4), selected=(2, 3, 4)),
                normalization=UNIT_RANGE,
            ),
            replace(
                _RESNET50_BASE,
                name="yolact_resnet50_pascal",
                class_names=PASCAL_CLASSES,
                anchors=_single_scale((32, 64, 128, 256, 512)),
            ),
            _PLUS_BASE,
            replace(
                _PLUS_BASE, name="yolact_plus_resnet50", backbone=replace(_RESNET50, deformable=(0, 4, 6, 3))
            ),
            _COMPACT,
        )
    }
)
