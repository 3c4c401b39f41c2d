"""`outline_matching` compiled by Numba: the same operations in the same order, so that every number is the same.

Numba comes with the extra `speed`, and is imported only when the functions are asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Costs = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float32]]
Path = Callable[[NDArray[np.float32], int, int], tuple[NDArray[np.int64], NDArray[np.int64]]]


def compiled_functions() -> tuple[Costs, Path]:
    """Return what does the same as `outline_matching.chi_square_costs` and `.cheapest_path`.

    They are compiled at their first call, which takes seconds, and then kept on disk by Numba.

    Raises:
        ImportError: if Numba is not installed, or does not work with this Python or NumPy.
    """
    # Without Python's check for a division by zero, which keeps the loop from being done eight numbers at a time.
    add_up = compiled_function(_costs, error_model="numpy")
    go = compiled_function(_path)

    def chi_square_costs(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float32]:
        """As `outline_matching.chi_square_costs`."""
        points, bins = np.nonzero(first)
        ends = np.cumsum(np.bincount(points, minlength=len(first)))
        with np.errstate(divide="ignore"):
            inverse = (1 / first[points, bins]).astype(np.float32)
            other = np.ascontiguousarray((1 / second).T.astype(np.float32))
        costs: NDArray[np.float32] = add_up(inverse, bins, ends, other)
        return costs

    def cheapest_path(
        costs: NDArray[np.float32], row: int, column: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """As `outline_matching.cheapest_path`."""
        cells: NDArray[np.int64] = go(
            np.roll(costs, (-row, -column), axis=(0, 1)) if row or column else costs
        )
        return (cells[:, 0] + row) % costs.shape[0], (cells[:, 1] + column) % costs.shape[1]

    return chi_square_costs, cheapest_path


def compiled_function(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Return a function compiled, and kept on disk where Numba finds a folder that it can write to."""
    from numba import njit

    compiled: Callable[..., Any]
    try:
        compiled = njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # no such folder
        compiled = njit(nogil=True, **options)(function)
    return compiled


def _costs(inverse: Any, bins: Any, ends: Any, other: Any) -> Any:
    """Return the costs of points whose bins, and the inverse of what is in them, lie one after the other."""
    height, width = len(ends), other.shape[1]
    costs = np.zeros((height, width), np.float32)
    start = 0
    for row in range(height):
        own = costs[row]
        for index in range(start, ends[row]):
            histogram, value = other[bins[index]], inverse[index]
            for column in range(width):
                own[column] += np.float32(1) / (value + histogram[column])
        for column in range(width):
            own[column] = max(own[column] * np.float32(-2) + np.float32(1), np.float32(0))
        start = ends[row]
    return costs


def _path(costs: Any) -> Any:
    """Return the cells of the cheapest path from the first cell to the last, backwards."""
    height, width = costs.shape
    # One row and one column more, from which no path comes but to the first cell.
    total = np.empty((height + 1, width + 1))
    total[0, :] = np.inf
    total[:, 0] = np.inf
    total[0, 0] = 0
    for row in range(height):
        left = np.inf
        for column in range(width):
            left = min(min(total[row, column + 1], left), total[row, column]) + np.float64(costs[row, column])
            total[row + 1, column + 1] = left
    cells = np.empty((height + width - 1, 2), np.int64)
    row, column, count = height - 1, width - 1, 1
    cells[0] = row, column
    while row or column:
        both, above, left = total[row, column], total[row, column + 1], total[row + 1, column]
        if both <= above and both <= left:
            row, column = row - 1, column - 1
        elif above <= left:
            row -= 1
        else:
            column -= 1
        cells[count] = row, column
        count += 1
    return cells[:count]
