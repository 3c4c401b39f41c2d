"""Bottleneck ResNet (He et al. 2016; stride on the 3x3 convolution), optionally with DCNv2 in the later stages."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchvision.ops import deform_conv2d


class DeformableConv2d(nn.Conv2d):
    """Modulated deformable 3x3 convolution (DCNv2, Zhu et al. 2019), one offset group.

    A side convolution predicts, for each of the nine taps, an offset (y, x) and a modulation; it starts at zero, so
    that an untrained layer is a plain convolution at half strength.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=True)
        self.conv_offset_mask = nn.Conv2d(in_channels, 27, kernel_size=3, stride=stride, padding=1)
        nn.init.zeros_(self.conv_offset_mask.weight)
        nn.init.zeros_(self.conv_offset_mask.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x (B, C, H, W)."""
        offset_and_mask = self.conv_offset_mask(x)
        offset, mask = offset_and_mask[:, :18], torch.sigmoid(offset_and_mask[:, 18:])
        # The kernel has no half-precision form on the CPU, and half-precision offsets would shake the sampling.
        dtype = torch.promote_types(x.dtype, torch.float32)
        assert self.bias is not None, "built with a bias"
        convolved: Tensor = deform_conv2d(
            x.to(dtype),
            offset.to(dtype),
            self.weight.to(dtype),
            self.bias.to(dtype),
            stride=self.stride,
            padding=self.padding,
            mask=mask.to(dtype),
        )
        return convolved


class Bottleneck(nn.Module):
    """1x1 reduce, 3x3 (plain or deformable), 1x1 expand, and the shortcut."""

    expansion = 4

    def __init__(
        self, in_channels: int, planes: int, stride: int, downsample: nn.Module | None, deformable: bool
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, planes, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2: nn.Module = (
            DeformableConv2d(planes, planes, stride=stride)
            if deformable
            else nn.Conv2d(planes, planes, kernel_size=3, stride=stride, padding=1, bias=False)
        )
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * self.expansion, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """Transform x (B, C, H, W)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        transformed: Tensor = self.relu(out + shortcut)
        return transformed


class ResNet(nn.Module):
    """ResNet-50 or -101: stages C2..C5 at strides 4, 8, 16 and 32.

    Args:
        blocks: bottlenecks a stage.
        deformable: how many of each stage's last blocks may be deformable.
        interval: among those, every how many is, counted from the stage's first block.
    """

    def __init__(self, blocks: Sequence[int], deformable: Sequence[int], interval: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layers = nn.ModuleList()
        channels = 64
        for stage, (count, deformable_count) in enumerate(zip(blocks, deformable, strict=True)):
            planes = 64 * 2**stage
            stride = 1 if stage == 0 else 2
            self.layers.append(self._stage(channels, planes, count, stride, deformable_count, interval))
            channels = planes * Bottleneck.expansion
        self.channels = tuple(64 * 2**stage * Bottleneck.expansion for stage in range(len(blocks)))

    @staticmethod
    def _stage(
        in_channels: int, planes: int, count: int, stride: int, deformable: int, interval: int
    ) -> nn.Sequential:
        out_channels = planes * Bottleneck.expansion
        downsample = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        first_deformable = count - deformable
        layers = [Bottleneck(in_channels, planes, stride, downsample, first_deformable <= 0)]
        layers += [
            Bottleneck(out_channels, planes, 1, None, index >= first_deformable and index % interval == 0)
            for index in range(1, count)
        ]
        return nn.Sequential(*layers)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map images (B, 3, S, S) to (C2, C3, C4, C5)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        stages = []
        for layer in self.layers:
            x = layer(x)
            stages.append(x)
        return tuple(stages)
