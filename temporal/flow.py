"""Optical flow between a frame and the one before it, by either of two independent methods of OpenCV."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.runs.manifest import FLOW_METHODS, FlowMethod, RunOptions
from yolact_temporal.temporal.motion import Motion, flow_of_frame

Grey = NDArray[np.uint8]

_SMALLEST_FLOW_SIDE = 32

METHOD_NAMES: dict[FlowMethod, str] = {
    "dis": "DIS, medium",
    "dis-quick": "DIS, quick",
    "dis-fine": "DIS, fine",
    "farneback": "Farneback",
}
"""What each method is called for a reader."""


class DisSetting(NamedTuple):
    """How Dense Inverse Search is done.

    Attributes:
        finest_scale: the search ends on frames halved so many times, and what it found there is enlarged.
        stride: pixels of that scale from one patch to the next.
        refinements: rounds of variational refinement on each scale.
    """

    finest_scale: int
    stride: int
    refinements: int


DIS: dict[FlowMethod, DisSetting] = {
    "dis": DisSetting(1, 3, 5),
    "dis-quick": DisSetting(1, 4, 2),
    "dis-fine": DisSetting(0, 4, 2),
}
"""Settings of Dense Inverse Search, all with patches of 8 pixels and 25 iterations at a long side of 512.

Measured on 82 pairs of 8 DAVIS sequences, B1 and B2 of the true masks over the pixels that "dis" sees in both frames;
and on 3 frames that were moved by (15, 6) and (3.3, -1.7) px, zoomed by 5% and turned by 3 degrees, the mean error of
the flow. Time of one processor for both directions of a pair.

- dis: 30 ms, B1 1.598 px, B2 0.0400, error 0.118 px. OpenCV's preset "medium".
- dis-quick: 17 ms, 1.578, 0.0400, 0.139. Fewer refinements leave outlines sharper and smooth motion rougher: with 3
  of them 19 ms, 1.586, 0.0401, 0.129; with half the iterations as well 1.604, 0.0404, 0.139 in the same time; ending a
  scale earlier 5 ms, 1.979, 0.0512, 0.281.
- dis-fine: 70 ms, 1.453, 0.0351, 0.067. With stride 3 and 5 refinements 122 ms, 1.464, 0.0351, 0.057.
"""


FARNEBACK = {
    "pyr_scale": 0.5,
    "levels": 4,
    "winsize": 11,
    "iterations": 3,
    "poly_n": 5,
    "poly_sigma": 0.9,
    "flags": 0,
}
"""Chosen by measurement, at a long side of 512: B1 of the true masks of 48 pairs of 8 DAVIS sequences, over the pixels
that DIS sees in both frames (DIS itself: 1.62 px), and the error in pixels where a photograph was moved by (15, 6) px
or zoomed by 5% (DIS: 0.13, 0.29).

- Window 9, 11, 15 at sigma 1.1: B1 1.90, 1.93, 1.99; error 1.79, 1.62, 1.37 and 1.30, 1.21, 1.10. A wide window holds a
  moving ground better, and smears an object's motion into what is beside it.
- Sigma 1.1, 0.9, 0.75 at window 11: B1 1.93, 1.96, 2.28; error 1.62, 0.97, 0.47 and 1.21, 0.71, 0.44. 0.9 takes most of
  the gain before the outlines suffer.
- A Gaussian window, neighbourhoods of 7 pixels, five iterations or pyramids in steps of 0.75 cost a quarter to a half
  more time for less than 0.04 px, or are worse. Levels end where a picture has less than 32 pixels: at 4 of 512.
"""


def flow_kind(method: FlowMethod) -> str:
    """Return what a manifest calls motion estimated by a method.

    Example:
        >>> flow_kind("dis")
        'optical flow (DIS, medium)'
    """
    return f"optical flow ({METHOD_NAMES[method]})"


@dataclass(frozen=True)
class FlowOptions:
    """How flow is estimated; recorded with every run, since the figures depend on it.

    Attributes:
        long_side: frames larger than this are reduced to it for the flow, in pixels.
        method: of the main estimate; the other one is the second.
        second_every: the second estimate is made of every so many pairs, of the first one too; 0 for none. One search
            of Farneback's, the second's only direction, takes about as long as both of the main estimate: on one pair
            in ten it adds less than a tenth.
    """

    long_side: int = 512
    method: FlowMethod = "dis"
    second_every: int = 10

    def __post_init__(self) -> None:
        if self.long_side < _SMALLEST_FLOW_SIDE:
            raise ValueError(
                f"expected a long side of at least {_SMALLEST_FLOW_SIDE} pixels, got {self.long_side}"
            )
        if self.method not in FLOW_METHODS:
            raise ValueError(f"expected a method of {', '.join(FLOW_METHODS)}, got {self.method}")
        if self.second_every < 0:
            raise ValueError(f"expected second_every of at least 0, got {self.second_every}")

    @property
    def second_method(self) -> FlowMethod:
        """The method of the second estimate."""
        return "farneback" if self.method in DIS else "dis"


def flow_options(options: RunOptions) -> FlowOptions:
    """Return how flow is estimated for a run, what its manifest does not say by default.

    Example:
        >>> flow_options(RunOptions(motion="farneback"))
        FlowOptions(long_side=512, method='farneback', second_every=10)
    """
    every = options.second_motion_every
    return FlowOptions(
        options.flow_long_side or FlowOptions.long_side,
        options.motion,
        FlowOptions.second_every if every is None else every,
    )


class FlowEstimator:
    """Dense flow between each frame and the one before it, both directions.

    By Dense Inverse Search (Kroeger et al., ECCV 2016), or by polynomial expansion (Farneback, SCIA
    2003), as in OpenCV, on grey frames reduced to a long side of `long_side` pixels where they are larger. Keeps only
    the previous frame. The two directions are searched at the same time, one of them in a thread of its own.

    Args:
        long_side, method: as of `FlowOptions`.
        second_every: as of `FlowOptions`; by default there is no second estimate.

    Example:
        >>> noise = np.random.default_rng(0).integers(0, 256, (64, 98, 3), np.uint8)
        >>> ground = np.asarray(cv2.GaussianBlur(noise, (0, 0), 2))
        >>> for method in FLOW_METHODS:
        ...     estimator = FlowEstimator(method=method)
        ...     assert estimator.update(ground[:, :96]) is None
        ...     motion = estimator.update(ground[:, 2:])  # the picture went 2 px to the left: it was 2 px to the right
        ...     print(np.median(motion.backward, axis=(0, 1)).round().astype(int).tolist())
        [2, 0]
        [2, 0]
        [2, 0]
        [2, 0]
    """

    def __init__(
        self,
        long_side: int = FlowOptions.long_side,
        method: FlowMethod = FlowOptions.method,
        second_every: int = 0,
    ) -> None:
        self.options = FlowOptions(long_side, method, second_every)
        self._backward, self._forward = (_search(method) for _ in range(2))
        self._beside = ThreadPoolExecutor(1, "flow")
        self._second = SampledFlow(self.options.second_method, second_every)
        self._previous: tuple[NDArray[np.uint8], Grey] | None = None

    def update(self, rgb: NDArray[np.uint8]) -> Motion | None:
        """Take the next frame, uint8 (H, W, 3), and return its motion from the last one; None for the first.

        Raises:
            ValueError: if the frame is of another shape than the last, or not uint8 RGB.
        """
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
            raise ValueError(f"expected a frame of uint8 (H, W, 3), got {rgb.dtype} {rgb.shape}")
        if self._previous is not None and self._previous[0].shape != rgb.shape:
            raise ValueError(f"expected a frame of shape {self._previous[0].shape}, got {rgb.shape}")
        size = (rgb.shape[0], rgb.shape[1])
        if self._previous is not None and np.array_equal(self._previous[0], rgb):
            return Motion.still(size, repeated=True)
        previous, grey = self._previous, reduced_grey(rgb, self.options.long_side)
        self._previous = (rgb.copy(), grey)
        if previous is None:
            return None
        coming = self._beside.submit(self._forward, previous[1], grey)
        backward = self._backward(grey, previous[1])
        motion = Motion.from_reduced_flow(backward, coming.result(), size)
        return self._second.beside(motion, previous[1], grey)


class SampledFlow:
    """A second estimate of a motion, of one pair in so many: the first, and then evenly.

    Which pairs these are depends on their number alone, so that a run that is measured anew has the same.

    Args:
        method: of the estimate.
        every: of how many pairs each is estimated; 0 for none.
    """

    def __init__(self, method: FlowMethod, every: int) -> None:
        self._search = _search(method)
        self._every = every
        self._pairs = 0

    def beside(self, motion: Motion, before: Grey, now: Grey) -> Motion:
        """Return the motion of the next pair, with the second estimate beside it where the pair is of the sample.

        Args:
            motion: by the main estimate.
            before, now: both frames as `reduced_grey` gives them.
        """
        sampled = self._every > 0 and self._pairs % self._every == 0
        self._pairs += 1
        if not sampled:
            return motion
        return motion.with_second(flow_of_frame(self._search(now, before), motion.size))


def reduced_grey(rgb: NDArray[np.uint8], long_side: int) -> Grey:
    """Return a frame, uint8 (H, W, 3), as grey, its long side reduced to `long_side` where it is longer."""
    grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    height, width = grey.shape
    ratio = long_side / max(height, width)
    if ratio >= 1:
        return grey
    reduced = (max(round(width * ratio), 1), max(round(height * ratio), 1))
    return np.asarray(cv2.resize(grey, reduced, interpolation=cv2.INTER_AREA), np.uint8)


class _Search(Protocol):
    def __call__(self, start: Grey, end: Grey, /) -> NDArray[np.float32]: ...


def _search(method: FlowMethod) -> _Search:
    """Return what estimates flow start -> end, float32 (h, w, 2); a frame that is too small is extended by its edge."""
    dense = _dis(DIS[method]) if method in DIS else _farneback

    def search(start: Grey, end: Grey) -> NDArray[np.float32]:
        """Return the flow start -> end at the frames' own size."""
        height, width = start.shape
        down, right = max(_SMALLEST_FLOW_SIDE - height, 0), max(_SMALLEST_FLOW_SIDE - width, 0)
        if down or right:
            start, end = (
                np.asarray(cv2.copyMakeBorder(grey, 0, down, 0, right, cv2.BORDER_REPLICATE), np.uint8)
                for grey in (start, end)
            )
        return np.ascontiguousarray(dense(start, end)[:height, :width])

    return search


def _dis(setting: DisSetting) -> Callable[[Grey, Grey], NDArray[np.float32]]:
    # A search keeps its buffers, so that each direction needs one of its own.
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    dis.setFinestScale(setting.finest_scale)
    dis.setPatchStride(setting.stride)
    dis.setVariationalRefinementIterations(setting.refinements)
    return lambda start, end: dis.calc(start, end, None)  # type: ignore[call-overload,no-any-return]


def _farneback(start: Grey, end: Grey) -> NDArray[np.float32]:
    found = cv2.calcOpticalFlowFarneback(start, end, None, **FARNEBACK)  # type: ignore[call-overload]
    return np.asarray(found, np.float32)
