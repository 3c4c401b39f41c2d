"""Pasting the masks of regions into the frame, and thresholding them there."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.models.detection.roi_heads import expand_boxes, expand_masks, paste_masks_in_image

#: Masks pasted into the frame at once: each takes four bytes a pixel before it is thresholded.
_PASTED_AT_ONCE = 16
#: Cells of nothing around a mask when it is pasted, as torchvision's own pasting has it.
_PADDING = 1


def pasted(masks: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize masks to their boxes in the frame, above one half inside: bool (N, H, W).

    Args:
        masks: (N, m, m), probabilities.
        boxes: (N, 4), xyxy in pixels of the frame.
        size: the frame's (height, width).
    """
    if not len(boxes):
        return torch.zeros((0, *size), dtype=torch.bool, device=boxes.device)
    # torchvision reads every box on the host: quick on the CPU, four waits a mask on a GPU.
    paste = paste_by_matrices if boxes.is_cuda else _paste_one_by_one
    parts = zip(torch.split(masks, _PASTED_AT_ONCE), torch.split(boxes, _PASTED_AT_ONCE), strict=True)
    return torch.cat([paste(mask, box, size) > 0.5 for mask, box in parts])


def _paste_one_by_one(masks: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    soft: Tensor = paste_masks_in_image(masks[:, None], boxes, size)[:, 0]
    return soft


def paste_by_matrices(masks: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Paste as torchvision does, bilinearly, without a look at the boxes: float (N, H, W), equal but for rounding.

    Every pixel is a weighted sum of rows, then of columns, so two matrix products paste all masks at once.

    Arguments as for `pasted`.
    """
    padded, places = padded_masks(masks, boxes)
    cells = padded.shape[-1]
    rows = line_weights(places[:, 1], places[:, 3], cells, size[0])
    columns = line_weights(places[:, 0], places[:, 2], cells, size[1])
    soft: Tensor = rows @ padded @ columns.transpose(1, 2)
    return soft


def padded_masks(masks: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Return masks with nothing around them, (N, m + 2, m + 2), and the pixels that they are stretched over.

    Arguments as for `pasted`; the pixels are int64 (N, 4), xyxy, both ends included, also outside the frame.
    """
    padded, scale = expand_masks(masks[:, None], _PADDING)
    return padded[:, 0], expand_boxes(boxes, scale).to(torch.int64)


def line_weights(first: Tensor, last: Tensor, cells: int, length: int) -> Tensor:
    """Return the weight of each of a mask's cells in each pixel of a line of the frame, float32 (N, length, cells).

    Args:
        first, last: int64 (N,), the pixels that the cells are stretched over, both included.
        cells: of the mask, a side.
        length: of the line.
    """
    pixel = torch.arange(length, device=first.device)
    extent = (last - first + 1).clamp(min=1)[:, None]
    offset = pixel - first[:, None]
    at = ((offset + 0.5) * (cells / extent) - 0.5).clamp(0, cells - 1)
    weights = (1 - (at[..., None] - torch.arange(cells, device=first.device)).abs()).clamp(min=0)
    return weights * ((offset >= 0) & (offset < extent))[..., None]
