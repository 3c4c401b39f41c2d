"""A GPU that is not there: tensors that have a device, a shape and a dtype, but no values.

`FakeTensorMode` refuses to mix devices as a GPU would. What depends on values is answered by a guess, so that whole
paths run; every such question is one for which the host would wait, and is counted, as is every transfer.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from yolact_temporal.yolact import fuse, network_segmenter, transfer
from yolact_temporal.yolact.families.yolact import trainee as yolact_trainee
from yolact_temporal.yolact.training.batches import Batch

GUESSED = 5
"""So many are found wherever it depends on values how many are."""
ATEN = torch.ops.aten
_WHOLE = set()
"""Operations that are not made of others, as far as they were met."""


@dataclass
class Traffic:
    """What the host asked of the device: bytes of each transfer, and the operations it waited for."""

    up: list[int] = field(default_factory=list)
    down: list[int] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)

    def clear(self):
        for kept in (self.up, self.down, self.waits):
            kept.clear()


class Guesses(TorchDispatchMode):
    """Answers what depends on values, and keeps account."""

    def __init__(self, traffic: Traffic, truth: bool = True):
        super().__init__()
        self.traffic = traffic
        self.truth = truth
        self.parts = {}
        self.shared_out = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        # Without gradients an operation that is made of others comes whole.
        if func.namespace == "aten" and func not in _WHOLE:
            with self:
                done = func.decompose(*args, **kwargs)
            if done is not NotImplemented:
                return done
            _WHOLE.add(func)
        packet = func.overloadpacket
        if packet is ATEN._local_scalar_dense:
            self.ask(func, args[0])
            return self.truth if args[0].dtype == torch.bool else args[0].dtype.is_floating_point * 0.5 or 1
        if packet is ATEN.nonzero:
            self.ask(func, args[0])
            return args[0].new_zeros((self.found_in(args[0]), args[0].dim()), dtype=torch.int64)
        if packet is torch.ops.torchvision.nms:
            self.ask(func, args[0])
            return args[0].new_zeros(guess(len(args[0])), dtype=torch.int64)
        if packet in (ATEN.index, ATEN.index_put, ATEN.index_put_):
            args = (args[0], self.without_masks(func, args[1]), *args[2:])
        before = [one for one in (*args, *kwargs.values()) if isinstance(one, torch.Tensor)]
        out = func(*args, **kwargs)
        if packet is ATEN.eq and before[0].dim() == 1:
            self.parts[id(out)] = (out, before[0])
        if packet is ATEN._to_copy:
            self.move(before[0], out)
        if packet is ATEN.copy_:
            self.move(before[1], before[0])
        return out

    def without_masks(self, func, indices):
        """Replace masks among indices by as many positions as were guessed."""
        whole = []
        for index in indices:
            if index is not None and index.dtype in (torch.bool, torch.uint8):
                self.ask(func, index)
                count = self.found_in(index)
                whole += [index.new_zeros(count, dtype=torch.int64) for _ in range(index.dim())]
            else:
                whole.append(index)
        return whole

    def found_in(self, mask):
        """Guess how many are set; of masks that share out a tensor's values, all in the first, none in the rest."""
        _, source = self.parts.get(id(mask), (None, None))
        if source is None:
            return guess(mask.numel())
        _, first = self.shared_out.setdefault(id(source), (source, mask))
        return mask.numel() if first is mask else 0

    def ask(self, func, tensor):
        if tensor.device.type == "cuda":
            self.traffic.waits.append(str(func))

    def move(self, source, target):
        way = (source.device.type, target.device.type)
        if way == ("cpu", "cuda"):
            self.traffic.up.append(source.numel() * source.element_size())
        elif way == ("cuda", "cpu"):
            self.traffic.down.append(target.numel() * target.element_size())


def guess(most):
    return min(most, GUESSED)


def moved(network):
    """Bring a fake network to the GPU; `Module.to` would swap its tensors, which fake ones refuse."""
    for module in network.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                module._parameters[name] = torch.nn.Parameter(
                    weight.detach().to("cuda"), weight.requires_grad
                )
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = buffer.to("cuda")
    return network


def fake_frames(count=2, size=(48, 64)):
    return np.zeros((count, *size, 3), np.uint8)


def fake_batch(sizes, classes):
    """Two images of two objects each and a crowd."""
    side, (height, width), semantic = sizes.image, sizes.prototypes, sizes.semantic
    return Batch(
        images=torch.zeros(2, side, side, 3, dtype=torch.uint8),
        boxes=torch.zeros(4, 4),
        class_ids=torch.zeros(4, dtype=torch.int64),
        masks=torch.zeros(4, height, width, dtype=torch.uint8),
        counts=SimpleNamespace(tolist=lambda: [2, 2], to=lambda *_, **__: None),
        crowd_boxes=torch.zeros(1, 4),
        crowd_counts=SimpleNamespace(tolist=lambda: [0, 1], to=lambda *_, **__: None),
        known=torch.ones(2, classes, dtype=torch.bool),
        semantic=torch.zeros(2, classes, *semantic, dtype=torch.uint8),
    )


@contextlib.contextmanager
def fake_gpu(monkeypatch, truth=True):
    """Give what a GPU's absence would forbid a stand-in, and yield the account of what the host asks of the device."""
    traffic = Traffic()

    def to_host(tensor):
        assert tensor.device.type == "cuda"
        tensor.cpu()
        return lambda: None

    monkeypatch.setattr(transfer, "pinned", lambda tensor: tensor)
    monkeypatch.setattr(transfer, "copying", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(transfer, "used_after_copying", lambda moved, device: None)
    monkeypatch.setattr(transfer, "to_host", to_host)
    monkeypatch.setattr(network_segmenter, "weights_fingerprint", lambda model: (1,))
    # A copy of a fake tensor is not safe; the networks of these tests are not used again.
    for module in (fuse, yolact_trainee):
        monkeypatch.setattr(module, "copy", SimpleNamespace(deepcopy=lambda model: model))
    monkeypatch.setattr(torch.random, "fork_rng", lambda **_: contextlib.nullcontext())
    monkeypatch.setattr(torch.amp.autocast_mode, "amp_definitely_not_available", lambda: False, raising=False)
    monkeypatch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_: True)
    # Weights have no values, so there is none to draw.
    for name in [name for name in vars(torch.nn.init) if name.endswith("_") and not name.startswith("_")]:
        monkeypatch.setattr(torch.nn.init, name, lambda tensor, *_, **__: tensor)
    with FakeTensorMode(allow_non_fake_inputs=True), Guesses(traffic, truth):
        yield traffic
