"""torchvision's MobileNetV2 (Sandler et al. 2018), cut into stages."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models import mobilenet_v2

#: Index of the first block of `features` after each stage: strides 4, 8, 16 and 32.
_STAGE_ENDS = (4, 7, 14, 18)


class MobileNetV2(nn.Module):
    """Stages at strides 4, 8, 16 and 32, of 24, 32, 96 and 320 channels.

    `features` keeps torchvision's keys, so that its ImageNet weights load as they are; its last 1x1 convolution
    (320 to 1280 channels, for classification) is left out.
    """

    channels = (24, 32, 96, 320)

    def __init__(self) -> None:
        super().__init__()
        self.features = mobilenet_v2(weights=None).features[: _STAGE_ENDS[-1]]

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map images (B, 3, S, S) to four feature maps."""
        x = images
        stages = []
        start = 0
        for end in _STAGE_ENDS:
            for block in self.features[start:end]:
                x = block(x)
            stages.append(x)
            start = end
        return tuple(stages)
