"""Error trajectory (METRICS D5): what of a mask's error stays, and what of it jitters from frame to frame."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.temporal.metrics.contract import Figure, MetricSpec, TruthObservation
from yolact_temporal.temporal.metrics.registry import REGISTRY

_CHANNELS = (
    ("centre_x", "the box centre's x, in true widths", "x, in widths"),
    ("centre_y", "the box centre's y, in true heights", "y, in heights"),
    ("log_area", "the natural logarithm of the mask's area", "log area"),
    ("log_aspect", "the natural logarithm of the box's width over its height", "log width/height"),
)
_SOURCE = "bias and first difference of the error against the ground truth"
_GROUP = "What of their error stays, and what jitters"

BIAS_SPECS = tuple(
    MetricSpec(
        name=f"trajectory_bias_{name}",
        symbol="D5",
        meaning=f"Mean over frames of the error of {what}.",
        inputs="the mask and the true one in every frame in which both are there, void left out",
        unit="1",
        range=(-math.inf, math.inf),
        direction="zero",
        undefined="mask and true mask are never there in the same frame",
        source=_SOURCE,
        scope="truth",
        label=f"bias of {label}",
        group=_GROUP,
        matched=True,
    )
    for name, what, label in _CHANNELS
)

JITTER_SPECS = tuple(
    MetricSpec(
        name=f"trajectory_jitter_{name}",
        symbol="D5",
        meaning=f"RMS change from frame to frame of the error of {what}, over the square root of 2: the standard "
        "deviation of white noise on a slowly drifting error.",
        inputs="the mask and the true one in every frame in which both are there, void left out",
        unit="1",
        range=(0.0, math.inf),
        direction="down",
        undefined="mask and true mask are never there together in two consecutive frames",
        source=_SOURCE,
        scope="truth",
        label=f"jitter of {label}",
        group=_GROUP,
        matched=True,
    )
    for name, what, label in _CHANNELS
)


def trajectory_error(mask: MaskCrop, truth: MaskCrop) -> NDArray[np.float64] | None:
    """Return one frame's error, float64 (4,): centre x and y over the true width and height, log area, log aspect.

    Centres, widths and heights are of the masks' tight boxes. None if either mask is empty.

    Raises:
        ValueError: if the masks are of frames of different sizes.

    Example:
        >>> truth, mask = (
        ...     MaskCrop.from_bitmap(np.ones((4, width), np.bool_), (32, 48), x, 8) for width, x in ((4, 8), (8, 10))
        ... )
        >>> trajectory_error(mask, truth).round(4).tolist()  # a width to the right, twice as wide
        [1.0, 0.0, 0.6931, 0.6931]
    """
    if mask.size != truth.size:
        raise ValueError(f"expected masks of one frame size, got {mask.size} and {truth.size}")
    if mask.area == 0 or truth.area == 0:
        return None
    own, true = mask.region, truth.region
    width, height = own.x2 - own.x1, own.y2 - own.y1
    true_width, true_height = true.x2 - true.x1, true.y2 - true.y1
    return np.array(
        [
            (own.x1 + own.x2 - true.x1 - true.x2) / 2 / true_width,
            (own.y1 + own.y2 - true.y1 - true.y2) / 2 / true_height,
            math.log(mask.area / truth.area),
            math.log((width / height) / (true_width / true_height)),
        ]
    )


class Trajectory:
    """Accumulates bias and jitter of one object's errors; one frame's error is kept.

    Example:
        >>> error = Trajectory()
        >>> for index in range(4):  # always right of the truth, by turns by 0.1 and 0.3 widths
        ...     error.add(np.array([0.1 + 0.2 * (index % 2), 0.0, 0.0, 0.0]))
        >>> figures = error.figures()
        >>> [round(figures[f"trajectory_{what}_centre_x"].value, 4) for what in ("bias", "jitter")]
        [0.2, 0.1414]
    """

    def __init__(self) -> None:
        channels = len(_CHANNELS)
        self._last: NDArray[np.float64] | None = None
        self._sum, self._squares = np.zeros(channels), np.zeros(channels)
        self._frames = self._here = self._pairs = self._together = 0

    def add(self, error: NDArray[np.float64] | None, paired: bool = True) -> None:
        """Take the next frame's error, as `trajectory_error` gives it, and whether its pair with the last counts.

        Raises:
            ValueError: if the error is not of shape (4,).
        """
        if error is not None and error.shape != self._sum.shape:
            raise ValueError(f"expected errors of shape {self._sum.shape}, got {error.shape}")
        if self._frames and paired:
            self._pairs += 1
            if error is not None and self._last is not None:
                self._squares += np.square(error - self._last)
                self._together += 1
        if error is not None:
            self._sum += error
            self._here += 1
        self._frames += 1
        self._last = error

    def observe(self, observation: TruthObservation) -> None:
        """Take the next frame."""
        self.add(trajectory_error(observation.mask, observation.truth), observation.paired)

    def figures(self) -> dict[str, Figure]:
        """Return bias, of n frames, and jitter, of n pairs, by metric name; those without a value are counted."""
        figures = {}
        for channel, (bias, jitter) in enumerate(zip(BIAS_SPECS, JITTER_SPECS, strict=True)):
            mean = float(self._sum[channel]) / self._here if self._here else None
            rms = math.sqrt(float(self._squares[channel]) / self._together / 2) if self._together else None
            figures[bias.name] = Figure(mean, self._here, self._frames - self._here)
            figures[jitter.name] = Figure(rms, self._together, self._pairs - self._together)
        return figures


REGISTRY.register(*BIAS_SPECS, *JITTER_SPECS, order=560, truth=Trajectory)
