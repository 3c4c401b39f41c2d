"""A mask's outline as a polygon: along the pixels' edges, simplified as DAVIS's measure of stability does it.

Perazzi et al., CVPR 2016, take the polygon from PolyCont and psimpl: a closed line along the pixels' edges, thinned by
distance and then by Douglas-Peucker, both with one tolerance. Where a closed line starts, which way it runs and which
of two equally far vertices is kept all change the polygon, and with it the measure by several per cent: they are
therefore part of the definition.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop

TOLERANCE_PX = 1.5
"""How far the simplified polygon may lie from the outline."""

_Point = tuple[int, int]

# Corners of the outline by which of the four pixels around a grid point are set (1 upper left, 2 upper right, 4 lower
# left, 8 lower right): one or three make a corner, two that touch diagonally make two at the same point.
_TOUCHING = (6, 9)
_CORNERS = np.zeros(16, np.uint8)
_CORNERS[[1, 2, 4, 7, 8, 11, 13, 14]] = 1
_CORNERS[list(_TOUCHING)] = 2


class Loop(NamedTuple):
    """A closed line of corners.

    Attributes:
        points: (row, column) of the grid, the last one joined to the first.
        touching: those among them where pixels touch diagonally only.
        hole: whether what it encloses is not of the mask.
    """

    points: list[_Point]
    touching: set[_Point]
    hole: bool


def outline_loops(bitmap: NDArray[np.uint8]) -> list[Loop]:
    """Return the outlines of a bitmap (h, w) of 0 and 1, those of holes too, as loops that meet no point twice.

    Set pixels that touch diagonally only are taken apart, unless they are joined elsewhere: the outline then falls in
    two there, into an outer one and a hole's. In order of each outline's first corner, row by row; empty for an empty
    bitmap.

    Example:
        >>> ring = np.ones((3, 3), np.uint8)
        >>> ring[1, 1] = 0
        >>> [(len(loop.points), loop.hole) for loop in outline_loops(ring)]
        [(4, False), (4, True)]
    """
    padded = np.pad(bitmap, 1)
    around = padded[:-1, :-1] | padded[:-1, 1:] << 1 | padded[1:, :-1] << 2 | padded[1:, 1:] << 3
    count = _CORNERS[around]
    rows, columns = np.nonzero(count)
    if len(rows) == 0:
        return []
    repeats = count[rows, columns]
    kind = np.repeat(around[rows, columns], repeats)
    rows, columns = np.repeat(rows, repeats), np.repeat(columns, repeats)
    # Every corner has one vertical and one horizontal edge. Along a column (or row) of the grid, corners are the ends
    # of edges by twos. Of two corners at one point the first has the upper edge, and the left or the right one.
    second = np.zeros(len(rows), np.int64)
    second[1:] = (rows[1:] == rows[:-1]) & (columns[1:] == columns[:-1])
    vertical = _partners(np.lexsort((second, rows, columns)))
    horizontal = _partners(np.lexsort((np.where(kind == _TOUCHING[0], 1 - second, second), columns, rows)))
    points = list(zip(rows.tolist(), columns.tolist(), strict=True))
    touching = {point for point, code in zip(points, kind.tolist(), strict=True) if code in _TOUCHING}
    loops: list[Loop] = []
    seen = [False] * len(points)
    for start in range(len(points)):
        path, index = [], start
        while not seen[index]:
            below = vertical[index]
            seen[index] = seen[below] = True
            path += [points[index], points[below]]
            index = horizontal[below]
        for simple in _without_crossings(path, touching) if path else []:
            # The pixel at the lower right of a loop's uppermost corner lies inside.
            loops.append(Loop(simple, touching.intersection(simple), not bitmap[min(simple)]))
    return loops


def longest_polygon(mask: MaskCrop, tolerance_px: float = TOLERANCE_PX) -> NDArray[np.float64] | None:
    """Return the polygon of a mask's outline with most vertices after simplification.

    Args:
        mask: may have holes and several parts; each outline is a polygon of its own, a hole's too.
        tolerance_px: of the simplification.

    Returns:
        float64 (n, 2), x and y of vertices in the frame, a pixel's corners at whole numbers; closed, the last vertex
        being the first one again; clockwise on the screen round a part, counter-clockwise round a hole. Of several that
        are equally long the lowest. None for an empty mask, and where every outline is left with two vertices, as that
        of a single pixel is.

    Example:
        >>> square = MaskCrop.from_bitmap(np.ones((8, 8), np.bool_), size=(32, 48), x=10, y=20)
        >>> sorted(set(map(tuple, longest_polygon(square).tolist())))
        [(10.0, 20.0), (10.0, 28.0), (18.0, 20.0), (18.0, 28.0)]
    """
    loops = outline_loops(mask.pixels)
    best: NDArray[np.float64] | None = None
    best_is = (0, 0)
    # The longest first: simplification adds no vertex, so that the short ones that remain need not be simplified.
    for index in sorted(range(len(loops)), key=lambda index: -len(loops[index].points)):
        loop = loops[index]
        if len(loop.points) + 1 < best_is[0]:
            break
        line = simplified(_opened(loop), tolerance_px)
        if len(line) > 3 and (len(line), index) > best_is:
            best_is = len(line), index
            best = line if _is_clockwise(line) != loop.hole else line[::-1]
    return None if best is None else best[:, ::-1] + (mask.x, mask.y)


def simplified(line: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
    """Simplify a line of vertices (n, 2): drop those near the last one kept, then by Douglas-Peucker.

    The first and the last vertex stay. Of vertices equally far from a segment the last one is kept, as in psimpl.

    Example:
        >>> simplified(np.array([[0.0, 0.0], [4.0, 0.2], [8.0, 0.0], [8.0, 9.0]]), 1.5).tolist()
        [[0.0, 0.0], [8.0, 0.0], [8.0, 9.0]]
    """
    if len(line) < 3:
        return line
    thinned = line[_apart(line, tolerance)]
    return thinned[_douglas_peucker(thinned, tolerance)]


def _partners(order: NDArray[np.intp]) -> list[int]:
    partner = np.empty(len(order), np.int64)
    partner[order[0::2]], partner[order[1::2]] = order[1::2], order[0::2]
    return partner.tolist()


def _without_crossings(path: list[_Point], touching: set[_Point]) -> list[list[_Point]]:
    """Cut a loop in two wherever it comes to a point again."""
    if touching.isdisjoint(path):
        return [path]
    loops: list[list[_Point]] = []
    stack: list[_Point] = []
    place: dict[_Point, int] = {}
    for point in path:
        if point not in place:
            place[point] = len(stack)
            stack.append(point)
            continue
        first = place[point]
        loops.append(stack[first:])
        for inner in stack[first + 1 :]:
            del place[inner]
        del stack[first + 1 :]
    return [*loops, stack]


def _opened(loop: Loop) -> NDArray[np.float64]:
    """Return a loop as a line (n + 1, 2) of rows and columns from its start to its start.

    An outline starts at its first corner and runs down from there; one that meets others starts at the last point where
    it does, upwards if an edge goes up there, else to the left, else down.
    """
    points = loop.points
    start = points.index(max(loop.touching) if loop.touching else min(points))
    line = np.array([*points[start:], *points[: start + 1]], np.float64)
    rank = _upwards_first if loop.touching else _downwards_first
    if rank(line[-2] - line[0]) < rank(line[1] - line[0]):
        line = line[::-1]
    return line


def _upwards_first(step: NDArray[np.float64]) -> int:
    row, column = step
    return 0 if row < 0 else 1 if column < 0 else 2 if row > 0 else 3


def _downwards_first(step: NDArray[np.float64]) -> int:
    return 0 if step[0] > 0 else 1


def _is_clockwise(line: NDArray[np.float64]) -> bool:
    """Tell whether a closed line of rows and columns runs clockwise on the screen."""
    steps = np.diff(line, axis=0)
    return float((line[:-1, 1] * steps[:, 0] - line[:-1, 0] * steps[:, 1]).sum()) > 0


def _apart(line: NDArray[np.float64], tolerance: float) -> list[int]:
    """Return the indices of vertices at least `tolerance` from the one kept before, and of the first and the last."""
    least = tolerance * tolerance
    vertices = line.tolist()
    x, y = vertices[0]
    kept = [0]
    for index in range(1, len(vertices) - 1):
        u, v = vertices[index]
        if (u - x) * (u - x) + (v - y) * (v - y) >= least:
            kept.append(index)
            x, y = u, v
    return [*kept, len(vertices) - 1]


def _douglas_peucker(line: NDArray[np.float64], tolerance: float) -> NDArray[np.bool_]:
    """Return which vertices of a line (n, 2) Douglas-Peucker keeps; all segments of one depth are split at a time."""
    axes = np.ascontiguousarray(line.T)
    kept = np.zeros(len(line), np.bool_)
    kept[[0, -1]] = True
    open_ = ~kept
    while open_.any():
        index = np.flatnonzero(open_)
        ends = np.flatnonzero(kept)
        segment = np.cumsum(kept)[index] - 1
        corners = ends[segment], ends[segment + 1]
        distance = _squared_distances(axes[:, index], *(axes[:, corner] for corner in corners))
        starts = np.flatnonzero(np.diff(segment, prepend=-1))
        farthest = np.maximum.reduceat(distance, starts)
        sizes = np.diff(starts, append=len(index))
        is_farthest = distance == np.repeat(farthest, sizes)
        last = np.maximum.reduceat(np.where(is_farthest, np.arange(len(index)), -1), starts)
        split = farthest > tolerance * tolerance
        kept[index[last[split]]] = True
        open_[index[np.repeat(~split, sizes)]] = False
        open_ &= ~kept
    return kept


def _squared_distances(
    points: NDArray[np.float64], starts: NDArray[np.float64], ends: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Squared distance of each point (2, n) from its segment."""
    (x, y), (start_x, start_y), (end_x, end_y) = points, starts, ends
    along_x, along_y = end_x - start_x, end_y - start_y
    offset_x, offset_y = x - start_x, y - start_y
    projection = offset_x * along_x + offset_y * along_y
    length = along_x * along_x + along_y * along_y
    # Single precision, as in psimpl: it decides between vertices that are equally far from the segment.
    share = projection.astype(np.float32) / np.where(length > 0, length, 1).astype(np.float32)
    exact = share.astype(np.float64)
    distance = (x - (start_x + exact * along_x)) ** 2 + (y - (start_y + exact * along_y)) ** 2
    distance = np.where(length <= projection, (x - end_x) ** 2 + (y - end_y) ** 2, distance)
    squared: NDArray[np.float64] = np.where(
        projection <= 0, offset_x * offset_x + offset_y * offset_y, distance
    )
    return squared
