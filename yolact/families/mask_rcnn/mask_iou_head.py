"""The MaskIoU head of Mask Scoring R-CNN (Huang et al. 2019, arXiv 1903.00241)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _Features(nn.Module):
    """Four convolutions, the last of stride 2, and two fully connected layers."""

    def __init__(self, channels: int, side: int, hidden: int) -> None:
        super().__init__()
        self.maskiou_fcn1 = nn.Conv2d(channels + 1, channels, 3, padding=1)
        self.maskiou_fcn2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.maskiou_fcn3 = nn.Conv2d(channels, channels, 3, padding=1)
        self.maskiou_fcn4 = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
        self.maskiou_fc1 = nn.Linear(channels * (side // 2) ** 2, hidden)
        self.maskiou_fc2 = nn.Linear(hidden, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Return features (n, hidden) of regions (n, channels + 1, side, side)."""
        for conv in (self.maskiou_fcn1, self.maskiou_fcn2, self.maskiou_fcn3, self.maskiou_fcn4):
            x = F.relu(conv(x))
        x = x.flatten(1)
        return F.relu(self.maskiou_fc2(F.relu(self.maskiou_fc1(x))))


class _Predictor(nn.Module):
    def __init__(self, hidden: int, classes: int) -> None:
        super().__init__()
        self.maskiou = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the expected IoU (n, classes) of features (n, hidden)."""
        expected: Tensor = self.maskiou(x)
        return expected


class MaskIouHead(nn.Module):
    """From a region's features and its predicted mask to the IoU that the mask is expected to have, a value a class.

    State-dict keys are those of the authors' implementation below `config.KEY_PREFIX`.

    Args:
        classes: background included, as first.
        channels: of the pooled region features.
        side: of the pooled region features; the mask is twice as large.
        hidden: width of the fully connected layers.
    """

    def __init__(self, classes: int, channels: int = 256, side: int = 14, hidden: int = 1024) -> None:
        super().__init__()
        self.feature_extractor = _Features(channels, side, hidden)
        self.predictor = _Predictor(hidden, classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
            elif isinstance(layer, nn.Linear):
                nn.init.kaiming_uniform_(layer.weight, a=1)
                nn.init.zeros_(layer.bias)
        nn.init.normal_(self.predictor.maskiou.weight, std=0.01)

    def forward(self, features: Tensor, masks: Tensor) -> Tensor:
        """Map region features (N, channels, s, s) and mask probabilities (N, 1, 2s, 2s) to IoU (N, classes)."""
        pooled = F.max_pool2d(masks, kernel_size=2, stride=2).to(features.dtype)
        expected: Tensor = self.predictor(self.feature_extractor(torch.cat((features, pooled), dim=1)))
        return expected
