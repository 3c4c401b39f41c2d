"""`Stabilizer`: steadier masks for anybody's own frames and masks, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.soft_masks import SoftMask
from yolact_temporal.temporal.association import AssociationOptions, Associator
from yolact_temporal.temporal.flow import FlowEstimator, FlowOptions
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.stabilizing.contract import StabilizedFrame, TrackedFrame, mask_box
from yolact_temporal.temporal.stabilizing.linking import TrackLinker
from yolact_temporal.temporal.stabilizing.registry import Candidate, parse_method
from yolact_temporal.temporal.stabilizing.steps import Step


class FrameTracker:
    """Makes of a frame's instances what stabilisers take: tracks for what counts, links for what is faint.

    Args:
        score_threshold: instances whose score is above it count.
        rate: frames a second; None where there is no time.
        identified: whether every instance comes with its identity, which is then its track.
    """

    def __init__(self, score_threshold: float, rate: float | None, identified: bool = False) -> None:
        options = AssociationOptions.for_rate(rate)
        self._threshold = score_threshold
        self._seconds = None if rate is None else 1 / rate
        self._associator = None if identified else Associator(options)
        self._linker = TrackLinker(score_threshold, options.max_gap_frames, identified)

    def update(
        self,
        index: int,
        instances: Instances,
        motion: Motion | None,
        cut: bool = False,
        identities: Sequence[int] | None = None,
        soft: Sequence[SoftMask] | None = None,
    ) -> TrackedFrame:
        """Take the next frame.

        Args:
            index: its place in the clip.
            instances: all that was seen in it, faint or not.
            motion: from the last frame to this one; None where it is not known.
            cut: whether another scene begins with it.
            identities: which object each instance is, where that is given.
            soft: how sure the model is of each instance's mask, where that is known.
        """
        counted = instances.select(instances.scores > self._threshold)
        if self._associator is None:
            kept = np.flatnonzero(instances.scores > self._threshold)
            tracks = [(identities or ())[i] if instances.crops[i].area else -1 for i in kept.tolist()]
        else:
            if cut:
                self._associator.forget()
            tracks = self._associator.update(counted.crops, motion, counted.scores).tolist()
        return self._linker.update(
            index, instances, tracks, Step(motion, cut), self._seconds, identities, soft
        )


class Stabilizer:
    """Makes masks steadier while a video goes on: push a frame and what was seen in it, get stabilised instances.

    Args:
        method: such as "vote3" or "sdf:0.5"; `yolact-temporal what-if` tells what each gains and costs. One with a
            look-ahead gives each frame so many frames later; the others are causal and give it at once.
        score_threshold: instances whose score is above it count; fainter ones are of use to `hysteresis` alone.
        fps: frames a second, by which `one-euro` filters; None where there is no time.
        flow_long_side: frames are reduced to it for optical flow, in pixels.

    Raises:
        UsageError: if there is no such method or parameter.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> picture = rng.integers(0, 255, (48, 64, 3), np.uint8)
        >>> stabilizer = Stabilizer("vote3")
        >>> for x in (20, 20, 23, 20):  # a mask that jumps once, over a picture that stands still
        ...     mask = np.zeros((1, 48, 64), np.bool_)
        ...     mask[0, 16:32, x : x + 16] = True
        ...     (given,) = stabilizer.push(picture, mask)
        ...     print(given.index, given.track_ids, given.instances.crops[0].x)
        0 [1] 20
        1 [1] 20
        2 [1] 20
        3 [1] 20
        >>> stabilizer.finish()  # nothing is left of a causal method
        []
    """

    def __init__(
        self,
        method: str | Candidate,
        score_threshold: float = 0.0,
        fps: float | None = None,
        flow_long_side: int = FlowOptions.long_side,
    ) -> None:
        candidate = parse_method(method) if isinstance(method, str) else method
        self.look_ahead = candidate.look_ahead
        self._method = candidate.make()
        self._needs_soft = candidate.spec.needs_soft
        self._tracker = FrameTracker(score_threshold, fps)
        self._flow = FlowEstimator(flow_long_side, second_every=0)
        self._index = 0

    def push(
        self,
        frame: NDArray[np.uint8] | Motion | None,
        seen: Instances | NDArray[np.bool_],
        scores: Sequence[float] | None = None,
        class_ids: Sequence[int] | None = None,
        cut: bool = False,
        soft: Sequence[SoftMask] | None = None,
    ) -> list[StabilizedFrame]:
        """Take the next frame.

        Args:
            frame: RGB, uint8 (H, W, 3), whose motion is then estimated; or the motion from the last frame to this one,
                where it is known already (None at the first).
            seen: what was seen in it; or masks alone, bool (N, H, W), empty where nothing was.
            scores: of masks, in 0..1; by default 1.
            class_ids: of masks; by default 0.
            cut: whether another scene begins with it.
            soft: how sure the model is of each mask, which `soft` lives on.

        Returns:
            The frames that are ready: one, or none of the first `look_ahead`.

        Raises:
            ValueError: if shapes disagree, or soft masks are missing that the method needs.
        """
        if self._needs_soft and (soft is None or len(soft) != len(seen)):
            raise ValueError(
                f"expected a soft mask for each of {len(seen)} instances, got {len(soft or ())}: pass them as `soft`"
            )
        instances = seen if isinstance(seen, Instances) else _instances(seen, scores, class_ids)
        motion = self._flow.update(frame) if isinstance(frame, np.ndarray) else frame
        tracked = self._tracker.update(self._index, instances, None if cut else motion, cut, soft=soft)
        self._index += 1
        return self._method.push(tracked)

    def finish(self) -> list[StabilizedFrame]:
        """Return the frames that are left at the end."""
        return self._method.finish()


def _instances(
    masks: NDArray[np.bool_], scores: Sequence[float] | None, class_ids: Sequence[int] | None
) -> Instances:
    if masks.ndim != 3:
        raise ValueError(f"expected masks of shape (N, H, W), got {masks.shape}")
    crops = [MaskCrop.from_bitmap(mask) for mask in masks]
    count = len(crops)
    return Instances(
        [mask_box(crop) for crop in crops],
        [1.0] * count if scores is None else scores,
        [0] * count if class_ids is None else class_ids,
        crops,
        (masks.shape[1], masks.shape[2]),
    )
