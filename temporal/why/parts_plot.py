"""What one mask is assembled from, as a picture: the paper's figure 5, for one instance of one frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop, Region, union_region
from yolact_temporal.data.mask_parts import Assemble, MaskParts
from yolact_temporal.temporal.metrics.causes import PARTS, short_name
from yolact_temporal.temporal.plot_style import (
    FAINT,
    INK,
    model_color,
    new_figure,
    save_png,
    style_axes,
    write_heading,
)
from yolact_temporal.temporal.why.explaining import Mixtures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ACROSS = 8
"""Maps beside each other."""
_MOST_MAPS = 32
"""Of more, those are drawn whose values vary most: features have hundreds of channels."""
_MARGIN_PX = 24
_NOW, _THEN = model_color(0), model_color(1)
_KEY = (
    "Filled: the mask so assembled. Orange outline: the mask as it is. Boxes: blue of this frame, orange of the one "
    "before, carried here."
)


def plot_parts(
    path: Path, model: str, rgb: NDArray[np.uint8], mixtures: Mixtures, assemble: Assemble, index: int = 0
) -> Path:
    """Draw the parts of one instance's mask, and the mask with each part taken from the frame before in turn.

    Args:
        path: of the PNG.
        model: its name.
        rgb: the frame, uint8 (H, W, 3).
        mixtures: of the frame.
        assemble: of the model.
        index: of the instance among the mixed ones, which stand in order of their scores.
    """
    parts = mixtures.now.select([index])
    channels, coefficients = _chosen_maps(parts)
    rows = -(-len(channels) // _ACROSS)
    figure = new_figure(11.5, 0.75 + 0.95 * rows + 1.6 + 4.6)
    heights = [0.95 * rows + 0.3, 1.6, 4.6]
    top, middle, bottom = np.asarray(figure.subfigures(3, 1, height_ratios=heights)).ravel()
    bottom.suptitle(_KEY, x=0.012, ha="left", fontsize=9.5, color=FAINT)
    _draw_maps(top, parts, channels, coefficients)
    _draw_bars(middle, parts, channels, coefficients)
    axes = bottom.subplots(2, 4).ravel()
    for each in axes:
        each.set_xticks([])
        each.set_yticks([])
    _draw_masks(axes, rgb, mixtures, assemble, index)
    title = f"{model}: frame {mixtures.frame_index}, track {mixtures.track_ids[index]}"
    return save_png(figure, path, f"{title}: what its mask is assembled from")


def _chosen_maps(parts: MaskParts) -> tuple[NDArray[np.intp], NDArray[np.floating] | None]:
    """Return which maps are drawn, and the coefficient of each; None where nothing combines them."""
    values = parts.maps[0].values
    if parts.coefficients is not None:
        return np.arange(min(values.shape[2], _MOST_MAPS)), parts.coefficients[0]
    most = np.argsort(-values.std(axis=(0, 1)), kind="stable")[:_MOST_MAPS]
    return np.sort(most), None


def _draw_maps(
    figure: Figure,
    parts: MaskParts,
    channels: NDArray[np.intp],
    coefficients: NDArray[np.floating] | None,
) -> None:
    values, cell = parts.maps[0].values, parts.maps[0].cell_px
    axes = figure.subplots(-(-len(channels) // _ACROSS), _ACROSS, squeeze=False).ravel()
    for place, each in enumerate(axes):
        each.set_axis_off()
        if place >= len(channels):
            continue
        channel = channels[place]
        each.imshow(values[..., channel], cmap="viridis", aspect=cell[1] / cell[0], interpolation="nearest")
        told = "" if coefficients is None else f"  {coefficients[channel]:+.2f}"
        each.set_title(f"{channel}{told}", fontsize=6.5, color=INK, pad=1.5)


def _draw_bars(
    figure: Figure,
    parts: MaskParts,
    channels: NDArray[np.intp],
    coefficients: NDArray[np.floating] | None,
) -> None:
    axes = figure.subplots()
    if coefficients is None:
        heights = parts.maps[0].values.std(axis=(0, 1))[channels]
        what = f"deviation of the {len(channels)} channels that vary most, of {parts.maps[0].values.shape[2]}"
    else:
        heights, what = coefficients[channels], "coefficients"
    axes.bar(np.arange(len(channels)), heights, color=[_NOW if height > 0 else _THEN for height in heights])
    axes.set_xticks(np.arange(len(channels)), [str(channel) for channel in channels], fontsize=6.5)
    style_axes(axes)
    write_heading(axes, what)


def _draw_masks(
    axes: Sequence[Axes], rgb: NDArray[np.uint8], mixtures: Mixtures, assemble: Assemble, index: int
) -> None:
    now, recorded = mixtures.now.select([index]), mixtures.recorded[index]
    height, width = now.size
    whole = np.array([[0.0, 0.0, width, height]])
    masks = mixtures.masks[index]
    everything = max(masks, key=len) | frozenset().union(*masks)
    ahead: list[tuple[str, MaskCrop, MaskCrop | None]] = [("the mask", recorded, None)]
    if now.pasted is None and now.voters is None:
        (uncropped,) = assemble(replace(now, boxes=whole))
        ahead.append(("before the crop by its box", uncropped, recorded))
    carried = [
        (f"with the earlier {short_name(name)}", masks[everything - {name}], recorded)
        for name in PARTS
        if name in everything and everything - {name} in masks
    ]
    shown = [*ahead, *carried, ("with all earlier: the floor", masks[frozenset()], recorded)]
    shown = shown[: len(axes) - 1]
    # Before the crop a mask may reach all over the frame: the others say what is looked at.
    seen = [mask.region for _, mask, _ in (shown[0], *shown[2:])]
    region = union_region([*seen, _box_region(now)]).grown(_MARGIN_PX, now.size)
    for each, (heading, mask, beside) in zip(axes, shown, strict=False):
        _draw_mask(each, rgb, region, mask, beside)
        write_heading(each, heading)
    _draw_grid(axes[len(shown)], now, mixtures.then.select([index]), recorded, region)
    for each in axes[len(shown) + 1 :]:
        each.set_axis_off()


def _box_region(parts: MaskParts) -> Region:
    """Return what of the frame lies in the first instance's box; of a box beside the frame a line of no pixel."""
    height, width = parts.size
    x1, y1, x2, y2 = np.clip(parts.boxes[0], 0, [width, height, width, height])
    return Region(math.floor(x1), math.floor(y1), math.ceil(x2), math.ceil(y2))


def _draw_mask(
    axes: Axes, rgb: NDArray[np.uint8], region: Region, mask: MaskCrop, beside: MaskCrop | None
) -> None:
    """Draw a mask over the frame, and the outline of the recorded one where it is another."""
    picture = rgb[region.slices].astype(np.float32)
    there = mask.within(region)[..., None] > 0
    blue = np.array([31, 68, 214], np.float32)
    picture = np.where(there, 0.5 * picture + 0.5 * blue, picture)
    extent = (region.x1, region.x2, region.y2, region.y1)
    axes.imshow(picture.astype(np.uint8), extent=extent)
    if beside is not None and beside.area:
        _outline(axes, beside, region, _THEN)


def _outline(axes: Axes, mask: MaskCrop, region: Region, color: str) -> None:
    columns, rows = np.arange(region.x1, region.x2) + 0.5, np.arange(region.y1, region.y2) + 0.5
    axes.contour(columns, rows, mask.within(region), levels=[0.5], colors=color, linewidths=1.0)


def _draw_grid(axes: Axes, now: MaskParts, then: MaskParts, mask: MaskCrop, region: Region) -> None:
    """Draw the edges of both boxes on the cells of the maps."""
    cell = now.maps[0].cell_px
    axes.imshow(
        mask.within(region), extent=(region.x1, region.x2, region.y2, region.y1), cmap="Greys", vmax=3
    )
    for lines, low, high, step in (
        (axes.axvline, region.x1, region.x2, cell[0]),
        (axes.axhline, region.y1, region.y2, cell[1]),
    ):
        for place in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step:
            lines(place, color=FAINT, linewidth=0.25)
    for boxes, color in ((now.boxes, _NOW), (then.boxes, _THEN)):
        x1, y1, x2, y2 = boxes[0]
        axes.plot([x1, x2, x2, x1, x1], [y1, y1, y2, y2, y1], color=color, linewidth=1.2)
    axes.set_xlim(region.x1, region.x2)
    axes.set_ylim(region.y2, region.y1)
    write_heading(axes, f"boxes on cells of {cell[0]:.1f} x {cell[1]:.1f} px")
