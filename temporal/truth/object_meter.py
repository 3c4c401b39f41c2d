"""`ObjectMeter`: one true object and one model's masks of it, from the clip's first frame to its last."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.metrics.contract import Figure, TruthObservation
from yolact_temporal.temporal.metrics.shape_stability import shape_contexts, shape_distance
from yolact_temporal.temporal.stability import PairStatus

Shape = NDArray[np.float64]


class Shapes:
    """The outlines' shapes of one frame, and T of two frames' outlines, each computed once however often it is asked.

    The same mask is asked for at every overlap at which it is matched, and the true one by every model.
    """

    def __init__(self) -> None:
        self._now: dict[int, tuple[MaskCrop, Shape | None]] = {}
        self._distances: dict[tuple[int, int], tuple[Shape, Shape, float]] = {}

    def __deepcopy__(self, memo: object) -> Shapes:
        """Return itself: who is copied goes on asking here."""
        return self

    def next_frame(self) -> None:
        """Forget what belongs to the frames before."""
        self._now, self._distances = {}, {}

    def of(self, mask: MaskCrop) -> Shape | None:
        """Return the shape of a mask's outline; None where it has none."""
        if id(mask) not in self._now:
            # What is remembered is kept alive, so that no other can take its id.
            self._now[id(mask)] = (mask, shape_contexts(mask) if mask.area else None)
        return self._now[id(mask)][1]

    def distance(self, first: Shape, second: Shape) -> float:
        """Return T of two outlines."""
        key = (id(first), id(second))
        if key not in self._distances:
            self._distances[key] = (first, second, shape_distance(first, second))
        return self._distances[key][2]


class ObjectMeter:
    """Accumulates whatever is registered for true objects, of one object and one model's masks of it.

    Every frame of the clip is given, with empty masks where the object, or the model's mask of it, is absent. Of pairs
    of identical frames, which flatter everyone, no change is taken, and none across frames that are missing.

    Args:
        shapes: remembers the outlines of a frame for all who ask; None where nobody else does.
    """

    def __init__(self, shapes: Shapes | None = None) -> None:
        self._shapes = shapes
        self._accumulators = REGISTRY.object_accumulators()

    def add(self, mask: MaskCrop, truth: MaskCrop, status: PairStatus) -> None:
        """Take the next frame.

        Args:
            mask: the model's mask of the object; empty where it has none.
            truth: the true mask; empty where the object is absent.
            status: of the pair of this frame and the last one.
        """
        observation = TruthObservation(
            mask, truth, is_paired(status), begins_anew(status), status == "repeated", self._shapes
        )
        for accumulator in self._accumulators:
            accumulator.observe(observation)

    def figures(self) -> dict[str, Figure]:
        """Return the figures of the frames so far, by metric name."""
        found: dict[str, Figure] = {}
        for accumulator in self._accumulators:
            found |= accumulator.figures()
        return found


def is_paired(status: PairStatus) -> bool:
    """Say whether two frames are consecutive and differ, as far as anybody knows."""
    return status in ("counted", "without_motion")


def begins_anew(status: PairStatus) -> bool:
    """Say whether frames are missing before this one, so that nothing goes on across."""
    return status in ("first", "after_lost_frames")
