"""T: how much work it takes to turn a mask's outline into the next frame's (DAVIS 2016).

Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation", CVPR 2016; shape
contexts by Belongie, Malik and Puzicha, PAMI 2002. A shape context is blind to translation, and the outline to what is
inside: T is reported, and never decides.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.temporal.metrics.contours import longest_polygon
from yolact_temporal.temporal.metrics.contract import Figure, MetricSpec, TruthObservation
from yolact_temporal.temporal.metrics.outline_matching import matching
from yolact_temporal.temporal.metrics.registry import REGISTRY
from yolact_temporal.temporal.metrics.truth_contract import TruthFigure, TruthFrame, over_objects

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
    scope="truth",
    label="T: the outline's change; decides nothing",
    group="How they change from frame to frame",
    matched=True,
)

TRUE_SHAPE_STABILITY_SPEC = replace(
    SHAPE_STABILITY_SPEC,
    name="shape_stability_of_truth",
    symbol="D2",
    meaning="The same of the true masks: what the object's own motion and deformation give; read T beside it.",
    inputs="the true mask's outlines in two consecutive frames",
    undefined="the object has a true mask with an outline in no two consecutive frames between the first and the last",
    label="T of the true masks themselves",
    matched=False,
)

ShapeDistance = Callable[[NDArray[np.float64], NDArray[np.float64]], float]

_TINY = 2.2204e-16
_ANGLES = tuple(math.radians(angle) for angle in (30, 60, 120, 150))
"""Between the angular bins of half a turn, but for the right angle."""
_SLOTS = RADIAL_BINS + 1
"""One more than radial bins: 0 is beyond the last radius."""
_BLOCK = 1 << 16
"""Pairs of points worked on at a time, which the processor's cache holds."""


def shape_contexts(mask: MaskCrop) -> NDArray[np.float64] | None:
    """Return the shape context of every point of a mask's outline.

    Args:
        mask: its outline with most vertices is taken, simplified and sampled at `SEGMENT_PX`.

    Returns:
        float64 (n, 60), one histogram a point in order of the outline, each of sum 1; None where the mask has no
        polygon (`longest_polygon`). The first point is counted again at the end, as in the original.

    Example:
        >>> square = MaskCrop.from_bitmap(np.ones((12, 12), np.bool_), size=(32, 48), x=10, y=8)
        >>> shape_contexts(square).shape, shape_contexts(MaskCrop.from_bitmap(np.zeros((32, 48), np.bool_)))
        ((17, 60), None)
    """
    polygon = longest_polygon(mask)
    return None if polygon is None else _histograms(_sampled(polygon))


def shape_distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return T of two outlines, 0..5: the mean cost of their matched points, times 5.

    Points are matched along the cheapest path that goes on in one outline, the other or both. It is sought twice: first
    from both outlines' starts, then from its cheapest match, which closes the loop. Of each point's matches the
    cheapest is kept, in the first outline and then in the second.

    Args:
        first, second: float64 (n, 60) and (m, 60), as `shape_contexts` gives them of outlines that there are.

    Example:
        >>> square, moved, bar = (
        ...     shape_contexts(MaskCrop.from_bitmap(np.ones((height, 12), np.bool_), (64, 96), x, 8))
        ...     for height, x in ((12, 10), (12, 40), (40, 10))
        ... )
        >>> shape_distance(square, moved), shape_distance(square, bar) > 0.1
        (0.0, True)
    """
    chi_square_costs, cheapest_path, _ = matching()
    costs = chi_square_costs(first, second)
    rows, columns = cheapest_path(costs, 0, 0)
    # The start itself cannot be where to start anew.
    turn = int(np.argmin(costs[rows[:-1], columns[:-1]]))
    row, column = (int(rows[turn]) + 1) % len(first), (int(columns[turn]) + 1) % len(second)
    rows, columns = cheapest_path(costs, row, column)
    for side in (0, 1):
        kept = _cheapest_of_each((rows, columns)[side], costs[rows, columns])
        rows, columns = rows[kept], columns[kept]
    # The path is found in single precision; what is reported is not.
    one, other = first[rows], second[columns]
    exact = 0.5 * ((one - other) ** 2 / (one + other + _TINY)).sum(axis=1)
    return SCALE * float(exact.mean())


class ShapeStability:
    """Accumulates T over the pairs of consecutive frames of one object; one frame's shape and one pair are kept.

    Args:
        leave_out_ends: without the first and the last frame, as DAVIS 2016 evaluates.

    Example:
        >>> square = MaskCrop.from_bitmap(np.ones((12, 12), np.bool_), size=(32, 48), x=10, y=8)
        >>> steady = ShapeStability()
        >>> for _ in range(5):
        ...     steady.add(shape_contexts(square))
        >>> steady.figure()  # of frames 2, 3 and 4: two pairs
        Figure(value=0.0, n=2, n_undefined=0)
    """

    def __init__(self, leave_out_ends: bool = True) -> None:
        self._first = 1 if leave_out_ends else 0
        self._frames = 0
        self._last: NDArray[np.float64] | None = None
        self._latest: tuple[float | None, ...] = ()
        self._sum = 0.0
        self._defined = self._undefined = 0

    def add(
        self,
        shape: NDArray[np.float64] | None,
        paired: bool = True,
        distance: ShapeDistance = shape_distance,
    ) -> None:
        """Take the next frame.

        Args:
            shape: of the mask's outline, as `shape_contexts` gives it.
            paired: whether its pair with the last one counts.
            distance: T of two outlines; another function may remember what it gave before.
        """
        # Now that another frame has come, the latest pair is not the last frame's.
        for value in self._latest:
            self._defined += value is not None
            self._undefined += value is None
            self._sum += value or 0.0
        self._latest = ()
        if self._frames > self._first and paired:
            known = self._last is not None and shape is not None
            self._latest = (distance(self._last, shape) if known else None,)  # type: ignore[arg-type]
        self._last = shape
        self._frames += 1

    def observe(self, observation: TruthObservation) -> None:
        """Take the next frame."""
        mask, shapes = observation.mask, observation.shapes
        if shapes is None:
            self.add(shape_contexts(mask) if mask.area else None, observation.paired)
        else:
            self.add(shapes.of(mask), observation.paired, shapes.distance)

    def figures(self) -> dict[str, Figure]:
        """Return T of the model's masks by its name."""
        return {SHAPE_STABILITY_SPEC.name: self.figure()}

    def figure(self) -> Figure:
        """Return the mean over the pairs so far; pairs without a value are left out and counted."""
        values = () if self._first else self._latest
        found = [value for value in values if value is not None]
        total, defined = self._sum + math.fsum(found), self._defined + len(found)
        undefined = self._undefined + len(values) - len(found)
        return Figure(total / defined if defined else None, defined, undefined)


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
    order = np.lexsort(points.T)
    codes = _codes(points[order])
    counts = np.empty((n, ANGULAR_BINS, _SLOTS))
    whole = ANGULAR_BINS * _SLOTS
    rows = max(_BLOCK // n, 1)
    for start in range(0, n, rows):
        part = codes[start : start + rows]
        place = part + np.arange(0, len(part) * whole, whole)[:, None]
        found = np.bincount(place.ravel(), minlength=len(part) * whole)
        counts[order[start : start + rows]] = found.reshape(len(part), ANGULAR_BINS, _SLOTS)
    histograms = counts[:, :, 1:].reshape(n, ANGULAR_BINS * RADIAL_BINS)
    shares: NDArray[np.float64] = histograms / (histograms.sum(axis=1, keepdims=True) + _TINY)
    return shares


def _codes(points: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return where each point is seen from each, uint8 (n, n): twelfth of a turn times `_SLOTS`, plus radial bin.

    A bin's lower edge is counted in. The innermost radial bin is 5, what is beyond the last is 0.

    Args:
        points: (n, 2), in order of y and then of x. What comes later lies down the picture or to the right, in the
            first half turn; the other half turn is the same seen back. A point at the same place has no direction, and
            is counted to the right.
    """
    n = len(points)
    x = points[:, 0].astype(np.float32)
    # A direction has passed an angle if the point lies further along that angle's normal, which is one number a point:
    # there is no arctangent to compute for a pair, and of the numbers only the order counts.
    normals = (math.cos(angle) * points[:, 1] - math.sin(angle) * points[:, 0] for angle in _ANGLES)
    ranks = [np.unique(normal, return_inverse=True)[1].astype(np.uint16) for normal in normals]
    squares, limits = _squared_distances(points)
    opposite = np.uint8(ANGULAR_BINS // 2 * _SLOTS)
    codes = np.empty((n, n), np.uint8)
    start = 0
    for squared in squares:
        end = start + len(squared)
        # On the axes this is exact, wherever points share a row or a column.
        later = (x[start:] <= x[start:end, None]).view(np.uint8)
        for rank in ranks:
            later += rank[start:] > rank[start:end, None]
        later *= np.uint8(_SLOTS)
        for limit in limits:
            later += squared < limit
        seen_back = later.T + opposite
        np.copyto(
            later[:, : len(squared)], seen_back[: len(squared)], where=np.tri(len(squared), k=-1, dtype=bool)
        )
        codes[start:end, start:] = later
        codes[end:, start:end] = seen_back[len(squared) :]
        start = end
    np.fill_diagonal(codes, RADIAL_BINS)
    apart = 1
    while (same := np.flatnonzero((points[apart:] == points[:-apart]).all(axis=1))).size:
        codes[same, same + apart] = codes[same + apart, same] = RADIAL_BINS
        apart += 1
    return codes


def _squared_distances(points: NDArray[np.float64]) -> tuple[list[NDArray[np.float32]], list[np.float32]]:
    """Return the squared distances of each point from those after it, and the squared radii of the bins.

    Returns:
        Blocks of rows, float32 (rows, n - first row): each block begins with the column of its own first row. The
        radii's squares are of the same unit.
    """
    n = len(points)
    x, y = points.T.astype(np.float32)
    rows = max(_BLOCK // n, 1)
    squares, total = [], 0.0
    for start in range(0, n, rows):
        squared = np.square(x[start:] - x[start : start + rows, None])
        squared += np.square(y[start:] - y[start : start + rows, None])
        distance = np.sqrt(squared)
        total += float(distance.sum(dtype=np.float64)) + float(distance[:, rows:].sum(dtype=np.float64))
        squares.append(squared)
    return squares, [np.float32((radius * total / n**2) ** 2) for radius in RADII]


def _cheapest_of_each(points: NDArray[np.int64], costs: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the index of each point's cheapest match, in order of points; the first of several as cheap."""
    order = np.lexsort((costs, points))
    ordered = points[order]
    return order[np.flatnonzero(np.diff(ordered, prepend=-1))]


REGISTRY.register(SHAPE_STABILITY_SPEC, order=530, truth=ShapeStability)


class TrueShapeStability:
    """Accumulates T of the true masks themselves, each object from the clip's first frame on."""

    note = None

    def __init__(self) -> None:
        self._objects: dict[int, ShapeStability] = {}
        self._absent = ShapeStability()

    def observe(self, frame: TruthFrame) -> None:
        """Take the next frame."""
        true = frame.true
        for key in true.masks.keys() - self._objects.keys():
            self._objects[key] = copy.deepcopy(self._absent)
        for key, stability in self._objects.items():
            mask = true.masks.get(key)
            stability.add(None if mask is None else true.shapes.of(mask), true.paired, true.shapes.distance)
        self._absent.add(None, true.paired)

    def figures(self) -> dict[str, TruthFigure]:
        """Return the figure of the frames so far, by its name."""
        return {
            TRUE_SHAPE_STABILITY_SPEC.name: over_objects(each.figure() for each in self._objects.values())
        }


REGISTRY.register(TRUE_SHAPE_STABILITY_SPEC, order=530, clip=lambda setting: TrueShapeStability())
