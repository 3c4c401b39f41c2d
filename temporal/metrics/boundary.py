"""Boundary displacement (METRICS B1): how far a mask's outline moves when the object does not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.temporal.metrics.contract import (
    OF_RATE,
    OF_SIZE_AND_RATE,
    Compared,
    MaskPair,
    MetricSpec,
)
from yolact_temporal.temporal.metrics.registry import REGISTRY

BOX_EDGE_PX = 2.0
"""A boundary pixel whose centre is at most this far from an edge of the predicted box counts as near the box.

Where the model cuts its masks on a coarser grid, one cell of it takes its place: the cut lies up to a cell from the
edge that makes it.
"""
_BAND = f"{BOX_EDGE_PX:g} px, or one cell of the model's mask grid where it is known and larger,"

_NEIGHBOURS = np.ones((3, 3), np.uint8)

_AROUND_PX = 2
_AROUND = tuple(
    (square, [(y, x) for y in range(-2, 3) for x in range(-2, 3) if y * y + x * x == square])
    for square in (0, 1, 2, 4, 5, 8)
)
"""Places around a pixel by their squared distance: all that are nearer than any other."""

_MOST_LEFT = 0.5
"""Where more than this share of an outline is not found at a distance, looking further costs more than it saves."""
_PAIRS_A_PIXEL = 24
"""So many products cost as much as a distance transform takes for a pixel."""
_EXACT_SIDE = 2048
"""Places in a rectangle with no longer side have squared distances that float32 holds exactly, by products too."""
_PRODUCT_SIZE = 1 << 16
_STATISTICS = ("mean", "median", "p95")

# What is said of some of them only: those that are shown first, and those that models are compared by.
_TOLD: dict[str, dict[str, Any]] = {
    "boundary_px_mean": {
        "aliases": ("boundary_px_on_common",),
        "label": "boundary displacement, mean",
        "headline": 1,
        "compared": Compared("boundary_px", "boundary displacement", "common", "B1", headline=True, order=1),
    },
    "boundary_px_p95": {"label": "boundary displacement, 95th percentile", "headline": 2},
    "boundary_share_mean": {
        "label": "boundary displacement over sqrt(area)",
        "headline": 3,
        "compared": Compared(
            "boundary_share", "boundary displacement over sqrt(area)", "common", "B1", order=2
        ),
    },
}


_GROUPS = (
    ("boundary_px", "px", "of the whole boundary"),
    ("boundary_share", "1", "of the whole boundary, as a share of the square root of the mask's area"),
    (
        "boundary_near_box_px",
        "px",
        f"of boundary pixels within {_BAND} of an edge of the predicted box",
    ),
    (
        "boundary_off_box_px",
        "px",
        f"of boundary pixels over {_BAND} from every edge of the predicted box",
    ),
)


def _specs() -> tuple[MetricSpec, ...]:
    words = {"mean": "Mean", "median": "Median", "p95": "95th percentile of the"}
    return tuple(
        MetricSpec(
            name=f"{group}_{statistic}",
            symbol="B1",
            meaning=f"{words[statistic]} displacement {what}, between the carried previous mask and this one.",
            inputs="the previous mask carried to t by the flow, the mask at t, the visible pixels, the predicted boxes",
            unit=unit,
            range=(0.0, float("inf")),
            direction="down",
            undefined="either mask has no boundary among the visible pixels"
            + (", or none of the kind asked for" if "box" in group else ""),
            source="symmetric mean boundary distance, by exact Euclidean distance",
            scope="pair",
            depends=OF_SIZE_AND_RATE if unit == "px" else OF_RATE,
            **_TOLD.get(f"{group}_{statistic}", {}),
        )
        for group, unit, what in _GROUPS
        for statistic in _STATISTICS
    )


class Displacement(NamedTuple):
    """Mean, median and 95th percentile of a pair's boundary distances, in pixels; all None where undefined."""

    mean: float | None
    median: float | None
    p95: float | None


class BoundaryPixels(NamedTuple):
    """One mask's boundary: rows and columns, int64 (n,), and the distance of each to the other mask's, float64 (n,)."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    distances: NDArray[np.float64]


def mask_boundary(mask: NDArray[np.uint8], visible: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the boundary of a mask among the visible pixels, uint8 (h, w) of 0 and 1; all 0 for an empty mask.

    A boundary pixel is a visible pixel of the mask with a visible pixel off the mask among its eight neighbours: the
    mask minus its 3x3 erosion, where what is beyond the frame or not visible in both frames says nothing of the mask's
    end. (Eroding first and restricting afterwards would give a perfectly followed moving object a displacement: behind
    it, ground comes into view, where the carried mask still lies, so that its rear edge would have no partner.)

    Args:
        mask, visible: uint8 (h, w) of 0 and 1.

    Example:
        >>> mask = np.zeros((5, 5), np.uint8)
        >>> mask[1:4, 1:4] = 1
        >>> mask_boundary(mask, np.ones_like(mask))[2].tolist()
        [0, 1, 0, 1, 0]
    """
    off = visible & (mask ^ 1)
    beside = cv2.dilate(off, _NEIGHBOURS, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return mask & visible & np.asarray(beside, np.uint8)


def boundary_distances(
    previous: NDArray[np.uint8], current: NDArray[np.uint8], visible: NDArray[np.uint8]
) -> tuple[BoundaryPixels, BoundaryPixels] | None:
    """Measure how far each visible boundary pixel of either mask is from the other's boundary.

    Only visible boundary pixels are asked, but what they are measured to is the other boundary whole: behind a moving
    object the edge of the new mask borders on ground that has just come into view, and so is not asked, but a pixel of
    the carried mask's edge that rounding left visible there has its partner in it, not on the object's far side.

    Args:
        previous: uint8 (h, w) of 0 and 1, the previous mask carried to t.
        current: the same of the mask at t.
        visible: the same of the pixels that count.

    Returns:
        The visible boundary of `previous` and that of `current`; None if either has none.

    Example:
        >>> previous, current = np.zeros((2, 5, 9), np.uint8)
        >>> previous[:, 2] = current[:, 5] = 1  # a line that moved by 3 px
        >>> there, back = boundary_distances(previous, current, np.ones_like(previous))
        >>> there.distances.tolist()
        [3.0, 3.0, 3.0, 3.0, 3.0]
        >>> boundary_distances(previous, np.zeros_like(current), np.ones_like(previous)) is None
        True
    """
    points = [_places(mask_boundary(mask, visible)) for mask in (previous, current)]
    if not all(len(rows) for rows, _ in points):
        return None
    everywhere = np.ones_like(visible)
    whole = [mask_boundary(mask, everywhere) for mask in (previous, current)]
    found = []
    for (rows, columns), other in zip(points, reversed(whole), strict=True):
        squared = _squared_distances(rows, columns, other)
        found.append(BoundaryPixels(rows, columns, np.sqrt(squared)))
    return found[0], found[1]


def _places(boundary: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows and columns of what is set, int64 (n,), as `np.nonzero` does, in a fifth of its time."""
    found = cv2.findNonZero(boundary)
    places = np.zeros((0, 2), np.int64) if found is None else np.asarray(found, np.int64).reshape(-1, 2)
    return places[:, 1], places[:, 0]


def _squared_distances(
    rows: NDArray[np.int64], columns: NDArray[np.int64], other: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Return the squared distance of each pixel to the nearest one that is set in `other`, whole numbers, float64 (n,).

    Outlines that follow each other closely are looked up around each pixel; those that are further away are measured
    to every pixel of the other boundary, or, where that costs more, all by a distance transform.
    """
    squared = np.full(len(rows), -1.0)
    left = np.arange(len(rows))
    padded = cv2.copyMakeBorder(
        other, _AROUND_PX, _AROUND_PX, _AROUND_PX, _AROUND_PX, cv2.BORDER_CONSTANT, value=0
    )
    width = padded.shape[1]
    flat, places = np.asarray(padded, np.uint8).ravel(), (rows + _AROUND_PX) * width + columns + _AROUND_PX
    for square, offsets in _AROUND:
        hit = np.zeros(len(left), np.uint8)
        for down, across in offsets:
            hit |= flat[places[left] + (down * width + across)]
        squared[left[hit > 0]] = square
        left = left[hit == 0]
        if len(left) == 0:
            return squared
        if len(left) > _MOST_LEFT * len(rows):
            break
    other_rows, other_columns = _places(other)
    if len(left) * len(other_rows) <= _PAIRS_A_PIXEL * other.size and max(other.shape) <= _EXACT_SIDE:
        squared[left] = _nearest_of_all(rows[left], columns[left], other_rows, other_columns)
        return squared
    # The transform need only cover what it is asked for and the other boundary.
    across, down, wide, high = cv2.boundingRect(other)
    top, bottom = min(int(rows.min()), down), max(int(rows.max()) + 1, down + high)
    start, end = min(int(columns.min()), across), max(int(columns.max()) + 1, across + wide)
    return _squared_at(_transform(other[top:bottom, start:end]), rows - top, columns - start)


def _nearest_of_all(
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    other_rows: NDArray[np.int64],
    other_columns: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return the squared distance of each of n places to the nearest of m others, whole numbers, float32 (n,).

    As |a|^2 + (|b|^2 - 2 a b), a few places at a time: a product of this size stays in one thread and in the cache.
    """
    ours = np.stack([rows, columns, np.ones_like(rows)], axis=1).astype(np.float32)
    ours[:, :2] -= _EXACT_SIDE // 2  # so that no square is too large for float32
    theirs = np.stack([other_rows, other_columns, np.zeros_like(other_rows)]).astype(np.float32)
    theirs[:2] -= _EXACT_SIDE // 2
    theirs[2] = theirs[0] ** 2 + theirs[1] ** 2
    theirs[:2] *= -2
    found = ours[:, 0] ** 2 + ours[:, 1] ** 2
    step = max(_PRODUCT_SIZE // theirs.shape[1], 1)
    for start in range(0, len(ours), step):
        part = slice(start, start + step)
        found[part] += (ours[part] @ theirs).min(axis=1)
    return found


def _transform(boundary: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the distance of every pixel to the nearest one that is set, float32 (h, w)."""
    away = boundary ^ 1
    return np.asarray(cv2.distanceTransform(away, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)


def _squared_at(
    distances: NDArray[np.float32], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return squared distances of pixels, whole numbers: rounding takes away the transform's own error.

    That error differs between machines.
    """
    squared: NDArray[np.float64] = np.rint(distances[rows, columns].astype(np.float64) ** 2)
    return squared


class OneAgainstMany:
    """The displacement of one mask against many others, as `boundary_distances` and `displacement` give it.

    What the distances to the one mask's boundary are read from is computed once.

    Args:
        previous: uint8 (h, w) of 0 and 1, the one mask.
        visible: the same of the pixels that count.

    Example:
        >>> previous, current = np.zeros((2, 5, 9), np.uint8)
        >>> previous[:, 2] = current[:, 5] = 1
        >>> OneAgainstMany(previous, np.ones_like(previous)).displacement(current).mean
        3.0
    """

    def __init__(self, previous: NDArray[np.uint8], visible: NDArray[np.uint8]) -> None:
        self._visible, self._everywhere = visible, np.ones_like(visible)
        self._rows, self._columns = _places(mask_boundary(previous, visible))
        whole = mask_boundary(previous, self._everywhere)
        self._distances = _transform(whole) if len(self._rows) else None

    def displacement(self, current: NDArray[np.uint8]) -> Displacement | None:
        """Return the displacement against a mask, uint8 (h, w); None if either has no boundary that is visible."""
        rows, columns = _places(mask_boundary(current, self._visible))
        if self._distances is None or not len(rows):
            return None
        there = _squared_distances(self._rows, self._columns, mask_boundary(current, self._everywhere))
        return displacement(np.sqrt(there), np.sqrt(_squared_at(self._distances, rows, columns)))


def displacement(there: NDArray[np.float64], back: NDArray[np.float64]) -> Displacement:
    """Summarise the distances of both boundaries.

    Args:
        there: float64 (n,), distances of the carried mask's boundary pixels to the other boundary.
        back: float64 (m,), those of the mask at t.

    Returns:
        Half the sum of the two means, so that neither boundary weighs more for being longer; median and 95th
        percentile over the pixels of both. Where only one side has pixels, that side's mean alone; None where neither.

    Example:
        >>> displacement(np.array([0.0, 2.0]), np.array([1.0]))
        Displacement(mean=1.0, median=1.0, p95=1.9)
        >>> displacement(np.array([]), np.array([]))
        Displacement(mean=None, median=None, p95=None)
    """
    sides = [side for side in (there, back) if len(side)]
    if not sides:
        return Displacement(None, None, None)
    mean = sum(float(side.mean()) for side in sides) / len(sides)
    ordered = np.sort(np.concatenate(sides))
    return Displacement(mean, _quantile(ordered, 0.5), _quantile(ordered, 0.95))


def pair_displacements(pair: MaskPair) -> dict[str, float | None]:
    """Return every boundary displacement of a pair, by metric name; None of what has no boundary pixel.

    Without boxes the figures near and off the box are undefined. A carried boundary pixel is near the box if it was so
    where it came from.

    Example:
        >>> previous, current = np.zeros((2, 4, 9), np.uint8)
        >>> previous[:, 2] = current[:, 5] = 1  # a line of 4 pixels that moved by 3 px
        >>> pair = MaskPair(previous, current, np.ones_like(previous), 4, (0, 0), (), None)
        >>> figures = pair_displacements(pair)
        >>> figures["boundary_px_mean"], figures["boundary_share_mean"], figures["boundary_off_box_px_mean"]
        (3.0, 1.5, None)
    """
    nothing = Displacement(None, None, None)
    groups: dict[str, Sequence[float | None]] = {group: nothing for group, _, _ in _GROUPS}
    found = boundary_distances(pair.previous, pair.current, pair.visible)
    if found is not None:
        there, back = found
        whole = displacement(there.distances, back.distances)
        side = math.sqrt(pair.area)
        groups |= {"boundary_px": whole, "boundary_share": [value and value / side for value in whole]}
        if pair.boxes is not None:
            previous_box, box = pair.boxes
            columns, rows = (plane[there.rows, there.columns] for plane in pair.sources)
            near_there = near_box_edge(columns, rows, previous_box, pair.cell)
            near_back = near_box_edge(
                back.columns + pair.origin[0], back.rows + pair.origin[1], box, pair.cell
            )
            near = displacement(there.distances[near_there], back.distances[near_back])
            off = displacement(there.distances[~near_there], back.distances[~near_back])
            groups |= {"boundary_near_box_px": near, "boundary_off_box_px": off}
    return {
        f"{group}_{statistic}": value
        for group, values in groups.items()
        for statistic, value in zip(_STATISTICS, values, strict=True)
    }


def near_box_edge(
    columns: NDArray[np.floating | np.integer],
    rows: NDArray[np.floating | np.integer],
    box: Sequence[float],
    cell: tuple[float, float] | None = None,
) -> NDArray[np.bool_]:
    """Tell which points lie within `BOX_EDGE_PX`, or a cell of the grid that masks are cut on, of an edge of a box.

    Args:
        columns, rows: (n,), indices of pixels; a pixel's centre is at its index + 0.5.
        box: x1, y1, x2, y2 in pixels.
        cell: width and height in pixels of a cell, for the upright edges and the others; None where not known.

    Returns:
        bool (n,).

    Example:
        >>> near_box_edge(np.array([10, 15]), np.array([15, 15]), (10.0, 10.0, 30.0, 20.0)).tolist()
        [True, False]
        >>> near_box_edge(np.array([15]), np.array([15]), (10.0, 10.0, 30.0, 20.0), cell=(6.2, 3.5)).tolist()
        [True]
    """
    x, y = columns + 0.5, rows + 0.5
    x1, y1, x2, y2 = (float(edge) for edge in box)
    reach_x, reach_y = (max(BOX_EDGE_PX, side) for side in cell or (0.0, 0.0))
    beside_x = np.minimum(np.abs(x - x1), np.abs(x - x2)) <= reach_x
    beside_y = np.minimum(np.abs(y - y1), np.abs(y - y2)) <= reach_y
    along_x = (x >= x1 - reach_x) & (x <= x2 + reach_x)
    along_y = (y >= y1 - reach_y) & (y <= y2 + reach_y)
    near: NDArray[np.bool_] = (beside_x & along_y) | (beside_y & along_x)
    return near


def _quantile(ordered: NDArray[np.float64], share: float) -> float:
    """Interpolate linearly between order statistics, as numpy's default does, without its overhead."""
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below]) + (position - below) * (float(ordered[above]) - float(ordered[below]))


LOG_SPEC = MetricSpec(
    name="boundary_log_px",
    symbol="J1",
    meaning="Natural logarithm of a clip's mean boundary displacement on the common support, below 0.05 px that of "
    "0.05, mean over clips with at least 10 such pairs. The difference of two models is the log of their ratio, free "
    "of the clips' sizes: it decides whose outlines move less.",
    inputs="B1 of the pairs that both models see",
    unit="log px",
    range=(-float("inf"), float("inf")),
    direction="down",
    undefined="no clip has enough pairs that both models see",
    source="log of a ratio of means",
    scope="comparison",
    label="log of the boundary displacement",
    compared=Compared("boundary_log_px", "log of the boundary displacement", "common", "J1", order=3),
)

REGISTRY.register(*_specs(), order=100, pair=pair_displacements)
REGISTRY.register(LOG_SPEC, order=515)
