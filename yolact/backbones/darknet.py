"""DarkNet-53 (Redmon and Farhadi 2018, YOLOv3)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


def _conv(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(
            in_channels, out_channels, kernel_size, stride=stride, padding=kernel_size // 2, bias=False
        ),
        nn.BatchNorm2d(out_channels),
        nn.LeakyReLU(0.1, inplace=True),
    )


class DarkNetBlock(nn.Module):
    """1x1 to `channels`, 3x3 to twice that, added to the input of 2 x `channels`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = _conv(2 * channels, channels, kernel_size=1)
        self.conv2 = _conv(channels, 2 * channels, kernel_size=3)

    def forward(self, x: Tensor) -> Tensor:
        """Transform x (B, C, H, W)."""
        change: Tensor = self.conv2(self.conv1(x))
        return change + x


class DarkNet(nn.Module):
    """Five stages at strides 2, 4, 8, 16 and 32, of 64, 128, 256, 512 and 1024 channels."""

    def __init__(self, blocks: Sequence[int]) -> None:
        super().__init__()
        self._preconv = _conv(3, 32, kernel_size=3)
        self.layers = nn.ModuleList()
        for stage, count in enumerate(blocks):
            channels = 32 * 2**stage
            self.layers.append(
                nn.Sequential(
                    _conv(channels, 2 * channels, kernel_size=3, stride=2),
                    *(DarkNetBlock(channels) for _ in range(count)),
                )
            )
        self.channels = tuple(64 * 2**stage for stage in range(len(blocks)))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map images (B, 3, S, S) to five feature maps."""
        x = self._preconv(images)
        stages = []
        for layer in self.layers:
            x = layer(x)
            stages.append(x)
        return tuple(stages)
