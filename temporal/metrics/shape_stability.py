"""T: how much work it takes to turn a mask's outline into the next frame's (DAVIS 2016).

Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation", CVPR 2016; shape
contexts by Belongie, Malik and Puzicha, PAMI 2002. A shape context is blind to translation, and the outline to what is
inside: T is reported, and never decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.temporal.crops import MaskCrop
from yolact_temporal.temporal.metrics.contours import longest_polygon
from yolact_temporal.temporal.metrics.contract import Figure, MetricSpec

SEGMENT_PX = 3.0
"""Segments of the polygon that are longer are cut into equal parts no longer."""
ANGULAR_BINS, RADIAL_BINS = 12, 5
"""Bins of a shape context: angle from the picture's x axis, and distance."""
RADII = np.logspace(math.log10(1 / 8), math.log10(2), RADIAL_BINS)
"""Outer edges of the radial bins, over the outline's mean distance between points."""
SCALE = 5.0
"""T is the mean cost, which is in 0..1, times this."""

SHAPE_STABILITY_SPEC = MetricSpec(
    name="shape_stability",
    symbol="D2",
    meaning=f"Mean chi-square cost of matching the outlines' shape contexts of two consecutive frames, times "
    f"{SCALE:g}; the first and the last frame are left out. Blind to translation.",
    inputs="the mask's outlines in two consecutive frames, void left out",
    unit="1",
    range=(0.0, SCALE),
    direction="down",
    undefined="either mask is empty or no outline of it has three vertices after simplification",
    source="T of DAVIS 2016: Perazzi et al., CVPR 2016",
    level="pair",
)

TRUE_SHAPE_STABILITY_SPEC = replace(
    SHAPE_STABILITY_SPEC,
    name="shape_stability_of_truth",
    symbol="D2",
    meaning="The same of the true masks: what the object's own motion and deformation give; read T beside it.",
    inputs="the true mask's outlines in two consecutive frames",
    undefined="the object has a true mask with an outline in no two consecutive frames between the first and the last",
)

SPECS = (SHAPE_STABILITY_SPEC, TRUE_SHAPE_STABILITY_SPEC)

ShapeDistance = Callable[[NDArray[np.float64], NDArray[np.float64]], float]

_TINY = 2.2204e-16


def shape_contexts(mask: MaskCrop) -> NDArray[np.float64] | None:
    """Return the shape context of every point of a mask's outline.

    Args:
        mask: its outline with most vertices is taken, simplified and sampled at `SEGMENT_PX`.

    Returns:
        float64 (n, 60), one histogram a point in order of the outline, each of sum 1; None where the mask has no
        polygon (`longest_polygon`). The first point is counted again at the end, as in the original.
    """
    polygon = longest_polygon(mask)
    return None if polygon is None else _histograms(_sampled(polygon))


def shape_distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return T of two outlines, 0..5: the mean cost of their matched points, times 5.

    Points are matched along the cheapest path that goes on in one outline, the other or both. It is sought twice: first
    from both outlines' starts, then from its cheapest match, which closes the loop. Of each point's matches the
    cheapest is kept, in the first outline and then in the second.

    Args:
        first, second: (n, 60) and (m, 60), as `shape_contexts` gives them.
    """
    costs = _chi_square(first, second)
    along = np.cumsum(costs.astype(np.float64), axis=1)
    rows, columns = _cheapest_path(along)
    # The start itself cannot be where to start anew.
    turn = int(np.argmin(costs[rows[:-1], columns[:-1]]))
    row, column = int(rows[turn]) + 1, int(columns[turn]) + 1
    rows, columns = _cheapest_path(_rolled(along, row % len(first), column % len(second)))
    rows, columns = (rows + row) % len(first), (columns + column) % len(second)
    for side in (0, 1):
        kept = _cheapest_of_each((rows, columns)[side], costs[rows, columns])
        rows, columns = rows[kept], columns[kept]
    # The path is found in single precision; what is reported is not.
    one, other = first[rows], second[columns]
    exact = 0.5 * ((one - other) ** 2 / (one + other + _TINY)).sum(axis=1)
    return SCALE * float(exact.mean())


def shape_stability(previous: MaskCrop, current: MaskCrop) -> float | None:
    """Return T of two consecutive masks of an object, 0..5; None where either has no polygon.

    Raises:
        ValueError: if the masks are of frames of different sizes.
    """
    if previous.size != current.size:
        raise ValueError(f"expected masks of one frame size, got {previous.size} and {current.size}")
    first, second = shape_contexts(previous), shape_contexts(current)
    return None if first is None or second is None else shape_distance(first, second)


class ShapeStability:
    """Accumulates T over the pairs of consecutive frames of one object; one frame's shape and one pair are kept.

    Args:
        leave_out_ends: without the first and the last frame, as DAVIS 2016 evaluates.
        distance: T of two outlines; another function may remember what it gave before.
    """

    def __init__(self, leave_out_ends: bool = True, distance: ShapeDistance = shape_distance) -> None:
        self._first = 1 if leave_out_ends else 0
        self._distance = distance
        self._frames = 0
        self._last: NDArray[np.float64] | None = None
        self._latest: tuple[float | None, ...] = ()
        self._sum = 0.0
        self._defined = self._undefined = 0

    def add(self, shape: NDArray[np.float64] | None, paired: bool = True) -> None:
        """Take the next frame: the mask's outline as `shape_contexts` gives it, and whether its pair counts."""
        # Now that another frame has come, the latest pair is not the last frame's.
        for value in self._latest:
            self._defined += value is not None
            self._undefined += value is None
            self._sum += value or 0.0
        self._latest = ()
        if self._frames > self._first and paired:
            known = self._last is not None and shape is not None
            self._latest = (self._distance(self._last, shape) if known else None,)  # type: ignore[arg-type]
        self._last = shape
        self._frames += 1

    def figure(self) -> Figure:
        """Return the mean over the pairs so far; pairs without a value are left out and counted."""
        values = () if self._first else self._latest
        found = [value for value in values if value is not None]
        total, defined = self._sum + math.fsum(found), self._defined + len(found)
        undefined = self._undefined + len(values) - len(found)
        return Figure(total / defined if defined else None, defined, undefined)


def sequence_shape_stability(masks: Iterable[MaskCrop], leave_out_ends: bool = True) -> Figure:
    """Return the mean T over the pairs of consecutive frames.

    Args:
        masks: of one object, one a frame, empty where it is absent; only one frame's shape is kept at a time.
        leave_out_ends: without the first and the last frame, as DAVIS 2016 evaluates.

    Returns:
        The figure, of n pairs; pairs without a value are left out and counted, as the original leaves out its NaN.

    Raises:
        ValueError: if the masks are of frames of different sizes.
    """
    found = ShapeStability(leave_out_ends)
    size: tuple[int, int] | None = None
    for mask in masks:
        if size is not None and mask.size != size:
            raise ValueError(f"expected masks of one frame size, got {size} and {mask.size}")
        size = mask.size
        found.add(shape_contexts(mask))
    return found.figure()


def _sampled(polygon: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cut a polygon's long segments into equal parts: (n, 2) to (m, 2).

    Points are added up step by step in single precision, as the original does: whether two of them lie at exactly the
    same height decides into which angular bin they fall.
    """
    corners = polygon.astype(np.float32)
    steps = np.diff(corners, axis=0)
    length = np.sqrt((steps * steps).sum(axis=1))
    parts = np.where(length > SEGMENT_PX, np.ceil(length / np.float32(SEGMENT_PX)), 1).astype(np.int64)
    most = int(parts.max())
    walk = np.repeat((steps / parts[:, None].astype(np.float32))[:, None], most, axis=1)
    walk[:, 0] = corners[:-1]
    points = np.cumsum(walk, axis=1, dtype=np.float32)[np.arange(most) < parts[:, None]]
    return np.concatenate([points, corners[-1:]]).astype(np.float64)


def _histograms(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the shape contexts (n, 60) of points (n, 2), each point counted in its own innermost bin."""
    n = len(points)
    x, y = points.astype(np.float32).T
    radial = _radial_bins(x, y)
    # One slot more than bins: 0 is beyond the last radius.
    slots = RADIAL_BINS + 1
    place = _angular_bins(points[:, 0], points[:, 1]) * np.uint8(slots) + radial
    whole = ANGULAR_BINS * slots
    index = np.arange(n)[:, None] * whole + place
    counts = np.bincount(index.ravel(), minlength=n * whole).reshape(n, ANGULAR_BINS, slots)[:, :, 1:]
    histograms = counts.reshape(n, ANGULAR_BINS * RADIAL_BINS).astype(np.float64)
    return histograms / (histograms.sum(axis=1, keepdims=True) + _TINY)


def _radial_bins(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the radial bin of each point seen from each, uint8 (n, n): the innermost is 5, what is beyond is 0."""
    squared = x - x[:, None]
    np.square(squared, out=squared)
    height = y - y[:, None]
    np.square(height, out=height)
    squared += height
    mean = float(np.sqrt(squared, out=height).mean(dtype=np.float64))
    radial = np.zeros(squared.shape, np.uint8)
    for radius in RADII:
        radial += squared < np.float32((radius * mean) ** 2)
    return radial


def _angular_bins(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return in which twelfth of a turn each point is seen from each, uint8 (n, n), a bin's lower edge counted in.

    A direction has passed an angle if the point lies further along that angle's normal, which is one number a point:
    there is no arctangent to compute for a pair. On the axes this is exact, wherever points share a row or a column.
    """
    below, level = y > y[:, None], y == y[:, None]
    aside, upright = x > x[:, None], x == x[:, None]
    passed = ~aside
    passed = passed.view(np.uint8)
    for angle in (30, 60, 120, 150):
        along = math.cos(math.radians(angle)) * y - math.sin(math.radians(angle)) * x
        passed += along > along[:, None]
    # The first half turn holds directions down the picture, and the one to the right; a point at the same place has no
    # direction and is counted with that one.
    first = below | (level & (aside | upright))
    bins = np.where(first, passed, np.uint8(ANGULAR_BINS - 1) - passed + upright)
    bins[level & upright] = 0
    return bins


def _chi_square(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return half the chi-square distance of all histograms of two outlines, float32 (n, m) in 0..1.

    For histograms of sum 1 it is 1 - 2 sum(a b / (a + b)), and a b / (a + b) = 1 / (1 / a + 1 / b) is 0 wherever either
    is, so that a row's sum goes over its own bins only.
    """
    with np.errstate(divide="ignore"):
        one, other = (1 / first).astype(np.float32), np.ascontiguousarray((1 / second).T.astype(np.float32))
    common = np.empty((len(first), len(second)), np.float32)
    ones, buffer = np.ones(len(other), np.float32), np.empty_like(other)
    for row, (inverse, histogram) in enumerate(zip(one, first, strict=True)):
        bins = np.flatnonzero(histogram)
        sums = np.take(other, bins, axis=0, out=buffer[: len(bins)], mode="clip")
        sums += inverse[bins, None]
        np.divide(1, sums, out=sums)
        np.dot(ones[: len(bins)], sums, out=common[row])
    common *= -2
    common += 1
    return np.maximum(common, 0, out=common)


def _rolled(along: NDArray[np.float64], row: int, column: int) -> NDArray[np.float64]:
    """Return the sums along rows of the costs (n, m) that begin at another row and column, from those that do not."""
    before = along[:, column - 1 : column] if column else np.zeros((len(along), 1))
    rolled = np.concatenate(
        [along[:, column:] - before, along[:, :column] + (along[:, -1:] - before)], axis=1
    )
    return np.concatenate([rolled[row:], rolled[:row]])


def _cheapest_path(along: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows and columns of the cheapest path from the first to the last cell by steps right, down or both.

    From its end to its start. All of a row at a time: the cheapest way to a cell is the cheapest way into its row at
    some cell further left, and then along the row.

    Args:
        along: float64 (n, m), the costs summed up along each row.
    """
    height, width = along.shape
    total = np.empty((height, width))
    total[0] = along[0]
    entry = np.empty(width)
    for row in range(1, height):
        above = total[row - 1]
        entry[0] = above[0]
        np.minimum(above[1:], above[:-1], out=entry[1:])
        entry[1:] -= along[row, :-1]
        np.minimum.accumulate(entry, out=entry)
        np.add(entry, along[row], out=total[row])
    row, column = height - 1, width - 1
    path = [(row, column)]
    while row and column:
        both, up, left = total[row - 1, column - 1], total[row - 1, column], total[row, column - 1]
        if both <= up and both <= left:
            row, column = row - 1, column - 1
        elif up <= left:
            row -= 1
        else:
            column -= 1
        path.append((row, column))
    path += [(up, 0) for up in range(row - 1, -1, -1)] + [(0, left) for left in range(column - 1, -1, -1)]
    cells = np.array(path, np.int64)
    return cells[:, 0], cells[:, 1]


def _cheapest_of_each(points: NDArray[np.int64], costs: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the index of each point's cheapest match, in order of points; the first of several as cheap."""
    order = np.lexsort((costs, points))
    ordered = points[order]
    return order[np.flatnonzero(np.diff(ordered, prepend=-1))]
