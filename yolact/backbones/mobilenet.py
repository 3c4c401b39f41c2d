"""torchvision's MobileNetV2 (Sandler et al. 2018), cut into stages."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import mobilenet_v2
from torchvision.models.mobilenetv2 import InvertedResidual

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
        maps: list[Tensor] = []
        for stage in self.stages():
            for block in stage:
                x = _run_block(block, x)
            maps.append(x)
        return tuple(maps)

    def stages(self) -> list[list[nn.Module]]:
        """Return the blocks by stage, what comes before the first stage counted to it."""
        return [list(self.features[start:end]) for start, end in pairwise((0, *_STAGE_ENDS))]


def _run_block(block: Any, x: Tensor) -> Tensor:
    """One block of `features`: the stem, or an inverted residual with a linear last layer."""
    if not isinstance(block, InvertedResidual):
        return F.relu6(_conv_norm(block[0], block[1], x), inplace=True)
    out = x
    *activated, conv, norm = block.conv
    for layer in activated:
        out = F.relu6(_conv_norm(layer[0], layer[1], out), inplace=True)
    out = _conv_norm(conv, norm, out)
    return x + out if block.use_res_connect else out


def _conv_norm(conv: nn.Conv2d, norm: Any, x: Tensor) -> Tensor:
    """Convolve and normalise; a frozen batch normalisation is folded into the convolution.

    Folding spares a pass over the feature map forward and another backward: training on a CPU is nearly twice as fast.
    """
    if isinstance(norm, nn.Identity) or norm.training:
        normalized: Tensor = norm(conv(x))
        return normalized
    gain = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    weight = conv.weight * gain[:, None, None, None]
    bias = norm.bias - norm.running_mean * gain
    # oneDNN's strided depthwise convolution is seven times slower in bfloat16 than in float32 (backward).
    plain = x.device.type == "cpu" and conv.groups > 1 and conv.stride[0] > 1 and x.dtype == torch.bfloat16
    with torch.autocast(x.device.type, enabled=torch.is_autocast_enabled(x.device.type) and not plain):
        out = F.conv2d(
            x.float() if plain else x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups
        )
    return out.to(x.dtype) if plain else out
