"""Motion between two frames: dense flow, which pixels are visible in both, and masks carried along by it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple
from weakref import WeakKeyDictionary

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop, Region

VISIBILITY_RELATIVE = 0.01
"""Squared disagreement of forward and backward flow allowed per squared length of both (Sundaram et al., ECCV 2010)."""

VISIBILITY_ABSOLUTE_PX2 = 0.5
"""Squared disagreement, in pixels of the frame, allowed whatever the motion."""

_BLOCK = 16


class MotionMemory:
    """What was carried and measured by one motion: the meters of tracks and of objects ask for the same masks.

    It holds what it knows of a mask only as long as somebody else holds the mask; a copy of it knows nothing.

    Attributes:
        carried: by mask of t-1, the mask as it lies in t.
        figures: by mask of t, and by mask of t-1, what the pair measures.
    """

    def __init__(self) -> None:
        self.carried: WeakKeyDictionary[MaskCrop, MaskCrop] = WeakKeyDictionary()
        self.figures: WeakKeyDictionary[MaskCrop, WeakKeyDictionary[MaskCrop, Mapping[str, float | None]]] = (
            WeakKeyDictionary()
        )

    def __reduce__(self) -> tuple[type[MotionMemory], tuple[()]]:
        """Return how it is copied: as a new one."""
        return MotionMemory, ()


class TwoWayFlow(NamedTuple):
    """Flow of both directions on the grid that it was estimated on, which may be coarser than the frame's.

    Attributes:
        backward: float32 (h, w, 2), flow t -> t-1 in pixels of the frame, (x, y).
        forward: float32 (h, w, 2), flow t-1 -> t at the pixels of t-1.
    """

    backward: NDArray[np.float32]
    forward: NDArray[np.float32]


@dataclass(frozen=True, eq=False, repr=False)
class Motion:
    """Where the pixels of frame t come from in frame t-1.

    Attributes:
        backward: float32 (H, W, 2), flow t -> t-1 in pixels of the frame, (x, y): x of frame t was at x + b(x).
        visible: bool (H, W), the V_t of the metrics: pixels of t that are seen in t-1 too.
        repeated: the two frames are pixel for pixel identical; then nothing of the pair counts.
        both: flow of both directions; None where that of t-1 -> t is not known, and nothing can be carried back.
        second: the motion of the same pair by another estimate, the same pixels visible; None but on a sample of pairs.
        memory: what was carried and measured by it so far.

    Raises:
        ValueError: if the shapes disagree.

    Example:
        >>> backward = np.full((4, 6, 2), (-1.0, 0.0))  # everything came from one pixel to the left
        >>> Motion.from_flow(backward)
        Motion(6x4, 83.3% visible)
        >>> Motion.still((4, 6), repeated=True)
        Motion(6x4, 100.0% visible, repeated)
    """

    backward: NDArray[np.float32]
    visible: NDArray[np.bool_]
    repeated: bool = False
    both: TwoWayFlow | None = None
    second: Motion | None = None
    memory: MotionMemory = field(default_factory=MotionMemory, init=False)

    def __post_init__(self) -> None:
        if self.backward.ndim != 3 or self.backward.shape[2] != 2:
            raise ValueError(f"expected flow of shape (H, W, 2), got {self.backward.shape}")
        if self.visible.shape != self.backward.shape[:2]:
            raise ValueError(
                f"expected visibility of shape {self.backward.shape[:2]}, got {self.visible.shape}"
            )

    @classmethod
    def still(cls, size: tuple[int, int], repeated: bool = False) -> Motion:
        """Return no motion at all in a frame of (height, width), every pixel visible."""
        nothing = np.zeros((1, 1, 2), np.float32)
        both = TwoWayFlow(nothing, nothing)
        return cls(np.zeros((*size, 2), np.float32), np.ones(size, np.bool_), repeated, both)

    @classmethod
    def from_flow(cls, backward: NDArray[np.floating], forward: NDArray[np.floating] | None = None) -> Motion:
        """Make motion of known flow.

        Args:
            backward: (H, W, 2), flow t -> t-1 in pixels, (x, y).
            forward: (H, W, 2), flow t-1 -> t at the pixels of t-1. Without it every pixel that comes from inside the
                frame counts as visible: right for a camera over a still scene, wrong where objects cover each other.
        """
        back: NDArray[np.float32] = np.array(backward, np.float32, order="C")
        if forward is None:
            return cls(back, _comes_from_inside(back))
        return cls._from_grid(
            TwoWayFlow(back, np.ascontiguousarray(forward, dtype=np.float32)), back.shape[:2]
        )

    @classmethod
    def from_reduced_flow(
        cls, backward: NDArray[np.float32], forward: NDArray[np.float32], size: tuple[int, int]
    ) -> Motion:
        """Scale flow that was estimated on frames of (h, w) to frames of `size` (height, width).

        Visibility is judged on the reduced grid, in pixels of the full frame, and its answer repeated for the pixels
        that each reduced pixel stands for: judging it again at full size would only judge the interpolation.
        """
        if backward.shape[:2] == size:
            return cls.from_flow(backward, forward)
        scale = _cell(backward, size)
        return cls._from_grid(
            TwoWayFlow(*(_along_rows(np.multiply, flow, scale) for flow in (backward, forward))), size
        )

    @classmethod
    def _from_grid(cls, both: TwoWayFlow, size: tuple[int, int]) -> Motion:
        """Make motion of flow in pixels of the frame, on a grid that may be coarser than the frame of `size`."""
        height, width = size
        seen = consistent_pixels(*both, _cell(both.backward, size)).view(np.uint8)
        full = both.backward
        if full.shape[:2] != size:
            full = np.asarray(cv2.resize(full, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
            seen = np.asarray(
                cv2.resize(seen, (width, height), interpolation=cv2.INTER_NEAREST_EXACT), np.uint8
            )
        sources = _sources(full)
        motion = cls(full, seen.view(np.bool_) & _inside(*sources, size), both=both)
        vars(motion)["sources"] = sources
        return motion

    def with_second(self, backward: NDArray[np.float32]) -> Motion:
        """Return this motion with another estimate of it beside: flow t -> t-1, float32 (H, W, 2) in pixels.

        What is visible is not judged anew: so both estimates carry masks over the same pixels, and only one direction
        of the second need be searched.
        """
        second = Motion(backward, self.visible & _comes_from_inside(backward))
        return replace(self, second=second)

    @property
    def size(self) -> tuple[int, int]:
        """The frame's (height, width)."""
        return self.visible.shape[0], self.visible.shape[1]

    @cached_property
    def sources(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The column and the row in frame t-1 that each pixel of t comes from, float32 (H, W) each."""
        return _sources(self.backward)

    @cached_property
    def _block_bounds(self) -> tuple[NDArray[np.float32], ...]:
        """Least and greatest source column and row of each block of pixels: tells where a mask can come to lie."""
        height, width = self.size
        bounds = []
        for plane in self.sources:
            # Repeating the last row and column fills the last blocks without changing their bounds.
            whole = cv2.copyMakeBorder(plane, 0, -height % _BLOCK, 0, -width % _BLOCK, cv2.BORDER_REPLICATE)
            strips = np.asarray(whole, np.float32).reshape(-1, _BLOCK, whole.shape[1])
            for reduce in (np.minimum.reduce, np.maximum.reduce):
                rows = reduce(strips, axis=1)
                bounds.append(reduce(rows.reshape(len(rows), -1, _BLOCK), axis=2))
        return tuple(bounds)

    def reach(self, region: Region) -> Region:
        """Return a rectangle of frame t outside which no pixel comes from `region` of frame t-1."""
        if region.empty or min(self.size) == 0:
            return Region(0, 0, 0, 0)
        least_x, greatest_x, least_y, greatest_y = self._block_bounds
        # One pixel of slack: nearest sampling rounds a source coordinate by up to a half.
        hit = (least_x <= region.x2) & (greatest_x >= region.x1 - 1)
        hit &= (least_y <= region.y2) & (greatest_y >= region.y1 - 1)
        rows, columns = np.flatnonzero(hit.any(axis=1)), np.flatnonzero(hit.any(axis=0))
        if len(rows) == 0:
            return Region(0, 0, 0, 0)
        height, width = self.size
        return Region(
            int(columns[0]) * _BLOCK,
            int(rows[0]) * _BLOCK,
            min((int(columns[-1]) + 1) * _BLOCK, width),
            min((int(rows[-1]) + 1) * _BLOCK, height),
        )

    @cached_property
    def way_back(self) -> Motion | None:
        """The motion of the same pair from t to t-1; None where the flow t-1 -> t is not known."""
        if self.both is None:
            return None
        return Motion._from_grid(TwoWayFlow(self.both.forward, self.both.backward), self.size)

    def __repr__(self) -> str:
        height, width = self.size
        seen = float(self.visible.mean()) if self.visible.size else 0.0
        return f"Motion({width}x{height}, {seen:.1%} visible{', repeated' if self.repeated else ''})"


def flow_of_frame(reduced: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return flow in pixels of a frame of (height, width), float32 (H, W, 2), estimated on a smaller one, (h, w, 2).

    Example:
        >>> flow_of_frame(np.ones((2, 4, 2), np.float32), (6, 8))[0, 0].tolist()
        [2.0, 3.0]
    """
    height, width = size
    if reduced.shape[:2] == size:
        return reduced
    scaled = _along_rows(np.multiply, reduced, _cell(reduced, size))
    return np.asarray(cv2.resize(scaled, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _cell(grid: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return how many pixels of a frame of (height, width) a cell of a grid (h, w, ...) is wide and high."""
    return np.array([size[1] / grid.shape[1], size[0] / grid.shape[0]], np.float32)


def consistent_pixels(
    backward: NDArray[np.float32], forward: NDArray[np.float32], scale: NDArray[np.float32] | float = 1.0
) -> NDArray[np.bool_]:
    """Tell which pixels pass the forward-backward check |f(x + b) + b|^2 <= 0.01 (|f|^2 + |b|^2) + 0.5.

    A pixel of t that was covered in t-1 follows its backward flow to what covered it, and that moves elsewhere.

    Args:
        backward: float32 (h, w, 2), flow t -> t-1 in pixels of the frame.
        forward: float32 (h, w, 2), flow t-1 -> t, sampled bilinearly at x + b.
        scale: pixels of the frame per pixel of this grid, (x, y).

    Returns:
        bool (h, w).

    Example:
        >>> backward = np.full((4, 6, 2), (-1.0, 0.0), np.float32)
        >>> consistent_pixels(backward, -backward).all().item()
        True
        >>> consistent_pixels(backward, np.zeros_like(backward)).any().item()
        False
    """
    if forward.shape != backward.shape:
        raise ValueError(f"expected forward flow of shape {backward.shape}, got {forward.shape}")
    columns, rows = _sources(_along_rows(np.divide, backward, scale))
    carried = cv2.remap(forward, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    back_again = np.asarray(carried, np.float32)
    allowed = VISIBILITY_RELATIVE * (_squared(back_again) + _squared(backward)) + VISIBILITY_ABSOLUTE_PX2
    return _squared(back_again + backward) <= allowed


def _sources(backward: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the column and the row that each pixel comes from, float32 (h, w) each."""
    height, width = backward.shape[:2]
    columns, rows = (np.ascontiguousarray(backward[..., axis]) for axis in (0, 1))
    columns += np.arange(width, dtype=np.float32)
    rows += np.arange(height, dtype=np.float32)[:, None]
    return columns, rows


def _along_rows(
    operation: np.ufunc, vectors: NDArray[np.float32], scale: NDArray[np.float32] | float
) -> NDArray[np.float32]:
    """Multiply or divide vectors (h, w, 2) by a scale, (x, y) or one of both, whole rows at a time.

    Broadcast over single pixels, NumPy's inner loop would be two numbers long.
    """
    height, width = vectors.shape[:2]
    row = np.tile(np.broadcast_to(np.asarray(scale, np.float32), 2), width)
    scaled: NDArray[np.float32] = operation(vectors.reshape(height, 2 * width), row)
    return scaled.reshape(height, width, 2)


def _squared(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    squares = vectors * vectors
    return squares[..., 0] + squares[..., 1]


def _comes_from_inside(backward: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell which pixels' nearest source pixel lies in the frame."""
    height, width = backward.shape[:2]
    return _inside(*_sources(backward), (height, width))


def _inside(
    columns: NDArray[np.float32], rows: NDArray[np.float32], size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Tell which places' nearest pixel lies in a frame of (height, width)."""
    height, width = size
    inside: NDArray[np.bool_] = (
        (columns > -0.5) & (columns < width - 0.5) & (rows > -0.5) & (rows < height - 0.5)
    )
    return inside


def _sampled(mask: MaskCrop, columns: NDArray[np.float32], rows: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a mask's pixel nearest to each place of its frame, uint8 (h, w) of 0 and 1, 0 outside the mask."""
    found = cv2.remap(
        mask.pixels,
        columns - np.float32(mask.x),
        rows - np.float32(mask.y),
        cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return np.asarray(found, np.uint8)


def warp_mask(previous: MaskCrop, motion: Motion) -> MaskCrop:
    """Carry a mask of frame t-1 to frame t: W_t(x) = M_{t-1}(x + b(x)), nearest sampling, off outside the frame.

    Only the part of the frame that the mask can reach is sampled, and a mask is carried once however often it is asked
    for. An empty mask stays empty.

    Raises:
        ValueError: if the mask and the motion are of different frame sizes.

    Example:
        >>> motion = Motion.from_flow(np.full((8, 12, 2), (-3.0, 0.0)))
        >>> mask = MaskCrop.from_bitmap(np.ones((2, 4), np.bool_), size=(8, 12), x=1, y=5)
        >>> warp_mask(mask, motion).region
        Region(x1=4, y1=5, x2=8, y2=7)
    """
    if previous.size != motion.size:
        raise ValueError(f"expected a mask of a frame of size {motion.size}, got {previous.size}")
    carried = motion.memory.carried
    if previous not in carried:
        carried[previous] = _carried(previous, motion)
    return carried[previous]


def _carried(previous: MaskCrop, motion: Motion) -> MaskCrop:
    region = motion.reach(previous.region)
    if region.empty:
        return MaskCrop.from_bitmap(np.zeros((0, 0), np.uint8), previous.size)
    columns, rows = (plane[region.slices] for plane in motion.sources)
    carried = _sampled(previous, columns, rows)
    return MaskCrop.from_bitmap(carried, previous.size, region.x1, region.y1)


def warp_mask_back(current: MaskCrop, motion: Motion) -> MaskCrop:
    """Carry a mask of frame t to frame t-1: R(y) = M_t(y + f(y)), f the flow t-1 -> t, nearest sampling.

    Returns:
        Of the pixels of t-1 that are seen in t too, those that lie in the mask there; none where the flow t-1 -> t is
        not known.

    Raises:
        ValueError: if the mask and the motion are of different frame sizes.

    Example:
        >>> backward = np.full((8, 12, 2), (-3.0, 0.0))
        >>> mask = MaskCrop.from_bitmap(np.ones((2, 4), np.bool_), size=(8, 12), x=4, y=5)
        >>> warp_mask_back(mask, Motion.from_flow(backward, -backward)).region
        Region(x1=1, y1=5, x2=5, y2=7)
    """
    if current.size != motion.size:
        raise ValueError(f"expected a mask of a frame of size {motion.size}, got {current.size}")
    back = motion.way_back
    if back is None:
        return MaskCrop.from_bitmap(np.zeros((0, 0), np.uint8), current.size)
    carried = warp_mask(current, back)
    seen = back.visible[carried.region.slices].view(np.uint8)
    return MaskCrop.from_bitmap(carried.pixels & seen, carried.size, carried.x, carried.y)


class RoundTrip(NamedTuple):
    """A mask of t-1 and what comes back of it, cut to one rectangle of t-1.

    Attributes:
        previous: uint8 (h, w) of 0 and 1, the mask of t-1.
        returned: the same of the mask carried to t and back.
        visible: the same of the pixels of t-1 that are seen in t too.
    """

    previous: NDArray[np.uint8]
    returned: NDArray[np.uint8]
    visible: NDArray[np.uint8]


def carry_back(previous: MaskCrop, carried: MaskCrop, motion: Motion) -> RoundTrip | None:
    """Carry a mask back to where it came from: R(y) = W_t(y + f(y)), f the flow t-1 -> t, nearest sampling.

    Exact flow would bring back the mask itself, but for the rounding to whole pixels. Only a rectangle around the
    mask is looked at; it holds all that can come back to a visible pixel.

    Args:
        previous: the mask of t-1.
        carried: the same carried to t, as `warp_mask` gives it.
        motion: from t-1 to t.

    Returns:
        None where the flow t-1 -> t is not known, or a mask is empty.

    Example:
        >>> backward = np.full((8, 12, 2), (-3.0, 0.0))
        >>> mask = MaskCrop.from_bitmap(np.ones((2, 4), np.bool_), size=(8, 12), x=1, y=5)
        >>> motion = Motion.from_flow(backward, -backward)
        >>> trip = carry_back(mask, warp_mask(mask, motion), motion)
        >>> np.array_equal(trip.previous, trip.returned)
        True
    """
    back = motion.way_back
    if back is None or previous.area == 0 or carried.area == 0:
        return None
    way = motion.backward[carried.region.slices]
    # A pixel passes the check of visibility only where it comes back this near; one more for each rounding, and one
    # around the mask, where its surroundings are looked at.
    farthest = 2 * float(np.square(way).max()) * 2 * VISIBILITY_RELATIVE + VISIBILITY_ABSOLUTE_PX2
    region = previous.region.grown(math.ceil(math.sqrt(farthest)) + 3, previous.size)
    columns, rows = (plane[region.slices] for plane in back.sources)
    returned = _sampled(carried, columns, rows)
    return RoundTrip(previous.within(region), returned, back.visible[region.slices].view(np.uint8))
