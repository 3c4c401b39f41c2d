"""Folding batch normalisation into convolutions: the same function in fewer passes, for inference."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torchvision.ops import FrozenBatchNorm2d


def fused_for_inference(model: nn.Module) -> nn.Module:
    """Return a copy of `model` in eval mode whose batch normalisations are folded into the convolutions before them.

    On the CPU the copy's weights are also laid out channels-last, which its convolutions run faster on.
    Deformable convolutions are linear in their weights too, and fold the same way.
    """
    copied = copy.deepcopy(model).eval().requires_grad_(False)
    for module in list(copied.modules()):
        _fuse_children(module)
    if next(copied.parameters()).device.type == "cpu":
        copied = copied.to(memory_format=torch.channels_last)
    return copied


def _fuse_children(module: nn.Module) -> None:
    """Fold every normalisation that is registered right after a convolution of as many channels."""
    previous: nn.Module | None = None
    for name, child in list(module.named_children()):
        if isinstance(previous, nn.Conv2d) and isinstance(child, nn.BatchNorm2d | FrozenBatchNorm2d):
            _fold(previous, child)
            setattr(module, name, nn.Identity())
        previous = child


def _fold(conv: nn.Conv2d, norm: nn.BatchNorm2d | FrozenBatchNorm2d) -> None:
    assert len(norm.weight) == conv.out_channels, "the normalisation is of this convolution's output"
    assert norm.running_mean is not None, "the normalisation keeps statistics"
    assert norm.running_var is not None, "the normalisation keeps statistics"
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )


def weights_fingerprint(model: nn.Module) -> tuple[object, ...]:
    """Return a value that changes when the model's weights are written or moved to another device."""
    tensors = [*model.parameters(), *model.buffers()]
    return (tensors[0].device, tensors[0].data_ptr(), sum(tensor._version for tensor in tensors))
