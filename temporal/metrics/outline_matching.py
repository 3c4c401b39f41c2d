"""Matching two outlines' shape contexts: what each two points cost, and the cheapest path through all of them.

Two ways to the same numbers, equal to the last bit: by NumPy here, and several times as fast by
`compiled_outline_matching`, where the extra `speed` is installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.temporal.metrics.compiled_outline_matching import Costs, Path, compiled_functions

_STEPS = 32
"""Steps of a path whose costs are laid out at a time, so that the processor's cache holds them."""


class Matching(NamedTuple):
    """One way to match; both functions are described at those of this module."""

    chi_square_costs: Costs
    cheapest_path: Path
    compiled: bool


@cache
def matching() -> Matching:
    """Return the compiled functions where the extra `speed` is installed, else those of this module."""
    try:
        return Matching(*compiled_functions(), compiled=True)
    except ImportError:
        return Matching(chi_square_costs, cheapest_path, compiled=False)


def chi_square_costs(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return half the chi-square distance of all histograms of two outlines, float32 (n, m) in 0..1.

    For histograms of sum 1 it is 1 - 2 sum(a b / (a + b)), and a b / (a + b) = 1 / (1 / a + 1 / b) is 0 wherever either
    is, so that a row's sum goes over its own bins only.
    """
    with np.errstate(divide="ignore"):
        one, other = (1 / first).astype(np.float32), np.ascontiguousarray((1 / second).T.astype(np.float32))
    common = np.empty((len(first), len(second)), np.float32)
    buffer = np.empty_like(other)
    for row, (inverse, histogram) in enumerate(zip(one, first, strict=True)):
        bins = np.flatnonzero(histogram)
        sums = np.take(other, bins, axis=0, out=buffer[: len(bins)], mode="clip")
        sums += inverse[bins, None]
        np.reciprocal(sums, out=sums)
        # One bin after the other, as whoever compiles it adds them too.
        np.add.reduce(sums, axis=0, out=common[row])
    common *= -2
    common += 1
    return np.maximum(common, 0, out=common)


def _by_steps(costs: NDArray[np.float32], row: int, column: int) -> Iterator[NDArray[np.float64]]:
    """Yield the costs (n, m) of cells by how many steps right and down from a start they lie, both sides being rings.

    Yields:
        n + m - 1 times float64 (n,): of the k-th, [i] is the cost of row + i and column + k - i; infinite where there
        is no such column.
    """
    height, width = costs.shape
    down, right, steps = height - row, width - column, height + width - 1
    rolled = np.empty((height, steps + 1), np.float32)
    rolled[:down, :right] = costs[row:, column:]
    rolled[:down, right:width] = costs[row:, :column]
    rolled[down:, :right] = costs[:row, column:]
    rolled[down:, right:width] = costs[:row, :column]
    rolled[:, width:] = np.inf
    # Cut into rows one shorter than they are, each row begins one further right than the one above.
    shifted = rolled.ravel()[: height * steps].reshape(height, steps)
    for start in range(0, steps, _STEPS):
        few = cv2.transpose(shifted[:, start : start + _STEPS]).reshape(-1, height)
        yield from few.astype(np.float64)


def cheapest_path(
    costs: NDArray[np.float32], row: int, column: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows and columns of the cheapest path by steps right, down or both, from its end to its start.

    It begins at a cell and ends just before it, both sides being closed to rings. Cells as many steps from the start do
    not depend on each other and are done at a time; all that is kept of them is which way they are reached.

    Args:
        costs: float32 (n, m).
        row, column: where it begins.
    """
    height, width = costs.shape
    diagonally, from_left = np.empty((2, height + width - 1, height), np.bool_)
    # What it costs to come to the cells of three numbers of steps, after one cell more that no path comes from; of each
    # as seen from the left of a cell, and from above. The way to the start begins diagonally before it, at no cost.
    totals = np.full((3, height + 1), np.inf)
    before, last, now = ((total[1:], total[:-1]) for total in totals)
    totals[0, 0] = 0
    cheapest = np.empty(height)
    for cost, is_diagonal, is_left in zip(_by_steps(costs, row, column), diagonally, from_left, strict=True):
        left, above = last
        np.less(left, above, out=is_left)
        np.minimum(left, above, out=cheapest)
        np.less_equal(before[1], cheapest, out=is_diagonal)
        np.minimum(cheapest, before[1], out=cheapest)
        np.add(cheapest, cost, out=now[0])
        totals[0, 0] = np.inf
        before, last, now = last, now, before
    i, j = height - 1, width - 1
    path = [(i, j)]
    while i and j:
        if diagonally[i + j, i]:
            i, j = i - 1, j - 1
        elif from_left[i + j, i]:
            j -= 1
        else:
            i -= 1
        path.append((i, j))
    path += [(up, 0) for up in range(i - 1, -1, -1)] + [(0, left) for left in range(j - 1, -1, -1)]
    cells = np.array(path, np.int64)
    return (cells[:, 0] + row) % height, (cells[:, 1] + column) % width
