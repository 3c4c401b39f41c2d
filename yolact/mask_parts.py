"""What a YOLACT mask is assembled from, and the assembly again, for whoever mixes the parts of two frames."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.mask_parts import MaskParts, Origins, PartMap
from yolact_temporal.data.soft_masks import Edges, SoftMask, quantized
from yolact_temporal.yolact.boxes import decode_boxes
from yolact_temporal.yolact.config import YolactConfig
from yolact_temporal.yolact.cropping import PADDING_CELLS, PUBLISHED, Cropping, coverage
from yolact_temporal.yolact.detect import Detections, combine_masks, cropped_by_cells
from yolact_temporal.yolact.model import YolactOutput


def parts_of(
    outputs: YolactOutput, index: int, found: Detections, config: YolactConfig, size: tuple[int, int]
) -> MaskParts:
    """Return what the masks of one image's detections are assembled from, on the host.

    Args:
        outputs: of the network.
        index: the image's place in the batch.
        found: its detections.
        config: the network's.
        size: the frame's (height, width).
    """
    height, width = size
    prototypes = outputs.prototypes[index].float()
    boxes = decode_boxes(outputs.box_regression[index, found.anchors].float(), outputs.anchors[found.anchors])
    cell = (width / prototypes.shape[1], height / prototypes.shape[0])
    return MaskParts(
        size,
        "prototypes",
        (PartMap(prototypes.cpu().numpy(), cell),),
        # In double precision, so that a crop falls on the same cells when the boxes are relative again.
        (boxes.double() * boxes.new_tensor([width, height, width, height])).cpu().numpy(),
        coefficients=outputs.coefficients[index, found.anchors].float().cpu().numpy(),
        origins=_origins(outputs, found.anchors, config, size),
    )


def _origins(outputs: YolactOutput, anchors: Tensor, config: YolactConfig, size: tuple[int, int]) -> Origins:
    sides = _level_sizes(outputs, config)
    shapes = config.anchors.per_location
    counts = np.array([rows * columns * shapes for rows, columns in sides])
    index = anchors.cpu().numpy()
    levels = np.searchsorted(np.cumsum(counts), index, side="right")
    cells = np.array([(size[1] / columns, size[0] / rows) for rows, columns in sides], np.float32)
    centers = outputs.anchors[anchors, :2].cpu().numpy() * np.array([size[1], size[0]], np.float32)
    return Origins(np.stack((levels, index % shapes), axis=1).astype(np.int64), centers, cells[levels])


def _level_sizes(outputs: YolactOutput, config: YolactConfig) -> list[tuple[int, int]]:
    """Return (rows, columns) of the pyramid's levels: half the prototypes' grid, and each half of the one before."""
    rows, columns = (side // 2 for side in outputs.prototypes.shape[1:3])
    sides = []
    for _ in config.anchors.scales:
        sides.append((rows, columns))
        rows, columns = (rows + 1) // 2, (columns + 1) // 2
    expected = sum(rows * columns for rows, columns in sides) * config.anchors.per_location
    assert expected == len(outputs.anchors), "each level is half as large as the one before"
    return sides


def assembled(parts: MaskParts, device: torch.device, cropping: Cropping = PUBLISHED) -> list[MaskCrop]:
    """Assemble masks from prototypes, coefficients and boxes, as `detect` and `frame_masks` do.

    Args:
        parts: as `parts_of` gives them, or mixed.
        device: where they are combined; only the part of the frame inside the boxes is computed.
        cropping: how boxes crop.
    """
    whole, crops = _combined(parts, device, cropping)
    cells = (whole.shape[1], whole.shape[2])
    down, across = interpolation(cells[0], parts.size[0]), interpolation(cells[1], parts.size[1])
    if cropping.fine:
        shares = (share.cpu().numpy() for share in coverage(crops, cells, parts.size))
        masks = whole.cpu().numpy()
        return [
            _cropped_finely(mask, rows, columns, down, across, parts.size)
            for mask, rows, columns in zip(masks, *shares, strict=True)
        ]
    known: dict[bytes, MaskCrop] = {}
    found = []
    for mask in cropped_by_cells(whole, crops).cpu().numpy():
        key = mask.tobytes()  # a box that moves within its cells crops the same mask
        if key not in known:
            known[key] = _upsampled(mask, down, across, parts.size)
        found.append(known[key])
    return found


def soft_masks(parts: MaskParts, device: torch.device, cropping: Cropping) -> list[SoftMask]:
    """Return the masks of parts before they are brought to the frame's size, cut to the cells inside the boxes.

    Arguments as of `assembled`.
    """
    whole, crops = _combined(parts, device, cropping)
    masks = whole if cropping.fine else cropped_by_cells(whole, crops)
    ends = crops.cpu().numpy().astype(np.float64)
    return [
        _soft(mask, own, parts.size, cropping.fine)
        for mask, own in zip(masks.cpu().numpy(), ends, strict=True)
    ]


def _soft(mask: NDArray[np.float32], box: NDArray[np.float64], size: tuple[int, int], fine: bool) -> SoftMask:
    """Cut one mask (h, w) to the cells that its relative box, widened by the padding, lies in."""
    (rows, columns), (height, width) = mask.shape, size
    grid = np.array([columns, rows, columns, rows])
    low, high = np.minimum(box[:2], box[2:]) * grid[:2], np.maximum(box[:2], box[2:]) * grid[:2]
    low, high = low - PADDING_CELLS, high + PADDING_CELLS
    # One more cell around, from which pixels at a fine edge are interpolated.
    first = np.clip(np.floor(low) - 1, 0, grid[:2] - 1).astype(int)
    last = np.clip(np.ceil(high) + 1, first + 1, grid[:2]).astype(int)
    cell = np.array([width / columns, height / rows])
    x1, y1, x2, y2 = (float(edge) for edge in (*(first * cell), *(last * cell)))
    clip: Edges | None = None
    if fine:
        left, top, right, bottom = (float(edge) for edge in (*(low * cell), *(high * cell)))
        clip = (left, top, right, bottom)
    values = quantized(mask[first[1] : last[1], first[0] : last[0]])
    return SoftMask(values, (x1, y1, x2, y2), size, clip)


def _combined(parts: MaskParts, device: torch.device, cropping: Cropping) -> tuple[Tensor, Tensor]:
    """Return masks of the prototypes' grid before any crop, (N, h, w), and the relative boxes that crop them."""
    assert parts.coefficients is not None, "YOLACT's masks have coefficients"
    height, width = parts.size
    prototypes = torch.from_numpy(parts.maps[0].values).to(device)
    relative = torch.from_numpy(parts.boxes / np.array([width, height, width, height])).float().to(device)
    coefficients = torch.from_numpy(np.ascontiguousarray(parts.coefficients)).to(device)
    return combine_masks(prototypes, coefficients), cropping.widened(relative)


class Interpolation(NamedTuple):
    """From which cells of a line each pixel is interpolated.

    Attributes:
        below, above: int64 (n,), the two cells.
        share: float32 (n,), the weight of `above`; `below` has the rest.
    """

    below: NDArray[np.int64]
    above: NDArray[np.int64]
    share: NDArray[np.float32]

    def inside(self, first: int, last: int) -> tuple[slice, Interpolation]:
        """Return which pixels take something from cells `first` to `last`, and that part, its cells counted anew."""
        start, end = np.searchsorted(self.above, first), np.searchsorted(self.below, last, side="right")
        pixels = slice(int(start), int(end))
        low, high = (np.clip(cells[pixels] - first, -1, last - first + 1) for cells in self[:2])
        return pixels, Interpolation(low, high, self.share[pixels])


def interpolation(cells: int, pixels: int) -> Interpolation:
    """Return how PyTorch upsamples a line of cells to pixels bilinearly.

    Example:
        >>> below, above, share = interpolation(2, 4)
        >>> below.tolist(), above.tolist(), share.tolist()
        ([0, 0, 0, 1], [1, 1, 1, 1], [0.0, 0.25, 0.75, 0.25])
    """
    # A step in single precision, but multiplied and subtracted with one rounding, as PyTorch's kernels do.
    places = (np.arange(pixels) + 0.5) * float(np.float32(cells / pixels)) - 0.5
    at = np.maximum(places, 0).astype(np.float32)
    below = np.minimum(at.astype(np.int64), cells - 1)
    return Interpolation(below, np.minimum(below + 1, cells - 1), (at - below).astype(np.float32))


def _upsampled(
    mask: NDArray[np.float32], down: Interpolation, across: Interpolation, size: tuple[int, int]
) -> MaskCrop:
    """Upsample one mask (h, w) to the frame and threshold it, where it is not 0."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return MaskCrop.from_bitmap(np.zeros((0, 0), np.uint8), size)
    (top, bottom), (left, right) = ((int(line[0]), int(line[-1])) for line in (rows, columns))
    # One cell of nothing around, which the index -1 and the one after the last fall on.
    cut = np.pad(mask[top : bottom + 1, left : right + 1], ((0, 1), (0, 1)))
    # Along rows first, as PyTorch does: where a mask is exactly one half, the last bit decides.
    x, (before, after, share) = across.inside(left, right)
    lines = cut[:, before] * (1 - share) + cut[:, after] * share
    y, (above, beneath, share) = down.inside(top, bottom)
    soft = lines[above] * (1 - share)[:, None] + lines[beneath] * share[:, None]
    return MaskCrop.from_bitmap(soft > 0.5, size, x.start, y.start)


def _cropped_finely(
    mask: NDArray[np.float32],
    rows: NDArray[np.float32],
    columns: NDArray[np.float32],
    down: Interpolation,
    across: Interpolation,
    size: tuple[int, int],
) -> MaskCrop:
    """Upsample one whole mask (h, w) where a box covers the frame, crop and threshold it.

    Args:
        mask: in 0..1.
        rows, columns: the share of each of the frame's rows and columns that the box covers.
        down, across: between which cells they lie.
        size: the frame's (height, width).
    """
    y, x = np.flatnonzero(rows), np.flatnonzero(columns)
    if not len(y) or not len(x):
        return MaskCrop.from_bitmap(np.zeros((0, 0), np.uint8), size)
    before, after, share = (part[x] for part in across)
    lines = mask[:, before] * (1 - share) + mask[:, after] * share
    above, beneath, share = (part[y] for part in down)
    soft = lines[above] * (1 - share)[:, None] + lines[beneath] * share[:, None]
    soft = soft * rows[y][:, None] * columns[x]
    return MaskCrop.from_bitmap(soft > 0.5, size, int(x[0]), int(y[0]))
