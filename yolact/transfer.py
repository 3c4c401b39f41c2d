"""Frames to a device and what was found in them back, each in one transfer for which nobody waits at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.instances import Instances

_BYTES_A_SLOT = 4 * (4 + 1 + 1 + 4)
"""Of what leaves with a mask: box and score in float32, class id and rectangle in int32."""


class Found(NamedTuple):
    """What was found in one frame, on the device; best first.

    Attributes:
        boxes: float32 (N, 4), xyxy in pixels of the frame.
        scores: (N,); of a slot in which there is nothing, below 0.
        class_ids: int64 (N,), 0-based.
        masks: bool (N, H, W).
    """

    boxes: Tensor
    scores: Tensor
    class_ids: Tensor
    masks: Tensor

    def instances(self) -> Instances:
        """Return it as instances; the host waits for all of it, whole frames of masks included."""
        return Instances.from_bitmaps(
            *(part.cpu().numpy() for part in (self.boxes, self.scores, self.class_ids, self.masks))
        )


def to_device(frames: NDArray[np.uint8], device: torch.device) -> Tensor:
    """Bring frames, uint8 (B, H, W, 3), to a device.

    To a GPU they go from pinned memory on a stream of their own, beside what is being computed on the frames before.
    """
    host = torch.from_numpy(np.ascontiguousarray(frames))
    if device.type != "cuda":
        return host.to(device)
    with copying(device):
        moved = pinned(host).to(device, non_blocking=True)
    used_after_copying(moved, device)
    return moved


def leaving(found: Iterable[Found], size: tuple[int, int]) -> Callable[[], list[Instances]]:
    """Start one transfer of what was found in a batch, masks as packed bits.

    Args:
        found: of each frame, on the device.
        size: the frames' (height, width).

    Returns:
        What waits for the transfer and gives the instances of each frame.
    """
    parts, slots = [], []
    for own in found:
        parts.append(_packed(own))
        slots.append(len(own.scores))
    arrived = to_host(torch.cat(parts))
    return lambda: _unpacked(arrived(), slots, size)


def _packed(found: Found) -> Tensor:
    """Return all of what was found as uint8 (n,): boxes, scores, class ids, rectangles, bits of the masks."""
    if not len(found.scores):
        return torch.zeros(0, dtype=torch.uint8, device=found.scores.device)
    parts = (
        found.boxes.float(),
        found.scores.float(),
        found.class_ids.int(),
        mask_rectangles(found.masks),
        packed_bits(found.masks),
    )
    return torch.cat([part.contiguous().flatten().view(torch.uint8) for part in parts])


def packed_bits(masks: Tensor) -> Tensor:
    """Pack masks, bool (N, H, W), to uint8 (N, H, ceil(W / 8)): eight pixels a byte, the first the highest bit."""
    count, height, width = masks.shape
    padded = F.pad(masks.view(torch.uint8), (0, -width % 8)).view(count, height, (width + 7) // 8, 8)
    packed: Tensor | None = None
    for bit in range(8):
        part = padded[..., bit] << (7 - bit)
        packed = part if packed is None else packed | part
    assert packed is not None, "a byte has bits"
    return packed


def mask_rectangles(masks: Tensor) -> Tensor:
    """Return the tight rectangle x1, y1, x2, y2 of masks, bool (N, H, W), as int32 (N, 4); of an empty one x2 is 0."""
    ends = [_span(masks.any(dim=axis)) for axis in (1, 2)]
    (left, right), (top, bottom) = ends
    return torch.stack((left, top, right, bottom), dim=1)


def _span(used: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first set index and one past the last of each row of bool (N, L), int32 (N,); of none L and 0."""
    length = used.shape[1]
    index = torch.arange(length, device=used.device, dtype=torch.int32)
    return torch.where(used, index, length).amin(dim=1), torch.where(used, index + 1, 0).amax(dim=1)


def _unpacked(buffer: NDArray[np.uint8], slots: list[int], size: tuple[int, int]) -> list[Instances]:
    """Return the instances of each frame from the bytes of `_packed`, one frame after the other."""
    height, width = size
    row = (width + 7) // 8
    found, start = [], 0
    for count in slots:
        head, start = buffer[start : start + count * _BYTES_A_SLOT], start + count * _BYTES_A_SLOT
        bits = buffer[start : start + count * height * row].reshape(count, height, row)
        start += count * height * row
        boxes, scores, class_ids, rectangles = np.split(head, np.cumsum([16, 4, 4]) * count)
        score = scores.view(np.float32)
        filled = np.flatnonzero(score >= 0)
        where = rectangles.view(np.int32).reshape(count, 4)
        crops = [_crop(bits[index], where[index], size) for index in filled]
        box = boxes.view(np.float32).reshape(count, 4)
        found.append(Instances(box[filled], score[filled], class_ids.view(np.int32)[filled], crops, size))
    return found


def _crop(bits: NDArray[np.uint8], rectangle: NDArray[np.int32], size: tuple[int, int]) -> MaskCrop:
    """Unpack the part of a mask's bits (H, ceil(W / 8)) that its rectangle covers."""
    x1, y1, x2, y2 = (int(edge) for edge in rectangle)
    if x2 <= x1:
        return MaskCrop.from_bitmap(np.zeros((0, 0), np.uint8), size)
    first = x1 // 8
    pixels = np.unpackbits(bits[y1:y2, first : (x2 + 7) // 8], axis=1)[:, x1 - 8 * first : x2 - 8 * first]
    return MaskCrop(np.ascontiguousarray(pixels), x1, y1, size, int(np.count_nonzero(pixels)))


def pinned(tensor: Tensor) -> Tensor:
    """Copy to memory that a GPU can read by itself; PyTorch keeps and reuses it."""
    return tensor.pin_memory()


def copying(device: torch.device) -> AbstractContextManager[Any]:
    """Work on the stream of a device that brings frames."""
    if device not in _streams:
        _streams[device] = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # says no types
    return torch.cuda.stream(_streams[device])


def used_after_copying(moved: Tensor, device: torch.device) -> None:
    """Let the device's own work wait for the stream that brings frames, and keep what it brought until it is used."""
    current = torch.cuda.current_stream(moved.device)
    current.wait_stream(_streams[device])
    moved.record_stream(current)


def to_host(tensor: Tensor) -> Callable[[], NDArray[np.uint8]]:
    """Start to bring a tensor to the host; what is returned waits until it is there."""
    if tensor.device.type != "cuda":
        arrived = tensor.cpu().numpy()
        return lambda: arrived
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    host.copy_(tensor, non_blocking=True)
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]  # says no types
    event.record(torch.cuda.current_stream(tensor.device))

    def wait() -> NDArray[np.uint8]:
        event.synchronize()
        return host.numpy()

    return wait


_streams: dict[torch.device, Any] = {}
"""A stream for each device that brings frames."""
