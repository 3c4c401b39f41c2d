"""`Stabilizer`: steadier masks for anybody's own frames and masks, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from yolact_temporal.data.instances import Instances
from yolact_temporal.data.other_libraries import InstanceAdapter, rgb_picture
from yolact_temporal.data.other_libraries.arrays import mask_stack
from yolact_temporal.data.soft_masks import SoftMask
from yolact_temporal.errors import UsageError
from yolact_temporal.temporal.association import AssociationOptions, Associator
from yolact_temporal.temporal.flow import FlowEstimator, FlowOptions
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.stabilizing.contract import StabilizedFrame, TrackedFrame
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
        if not isinstance(method, str | Candidate):
            raise UsageError(
                f'expected a method such as "vote:3", got a {type(method).__name__}: pass its name'
            )
        candidate = parse_method(method) if isinstance(method, str) else method
        self.look_ahead = candidate.look_ahead
        self._method = candidate.make()
        self._needs_soft = candidate.spec.needs_soft
        self._tracker = FrameTracker(score_threshold, fps)
        self._flow = FlowEstimator(flow_long_side, second_every=0)
        self._index = 0
        self._adapter = InstanceAdapter()

    @property
    def class_names(self) -> Sequence[str]:
        """What class ids of the stabilised instances stand for, as far as classes were seen."""
        return self._adapter.class_names

    def push(
        self,
        frame: Any,
        seen: Any,
        scores: Sequence[float] | None = None,
        class_ids: Sequence[int | str] | None = None,
        cut: bool = False,
        soft: Sequence[SoftMask] | None = None,
    ) -> list[StabilizedFrame]:
        """Take the next frame.

        Args:
            frame: RGB, uint8 (H, W, 3), whose motion is then estimated; or the motion from the last frame to this one,
                where it is known already (None at the first).
            seen: masks (N, H, W), bool or probabilities, empty where nothing was; or `Instances`, or what supervision,
                ultralytics, torchvision, detectron2, mmdet or transformers hand out for the frame. Tracker ids are
                left aside.
            scores: of masks, in 0..1; by default 1.
            class_ids: of masks, numbers or names; by default 0.
            cut: whether another scene begins with it.
            soft: how sure the model is of each mask, which `soft` lives on.

        Returns:
            The frames that are ready: one, or none of the first `look_ahead`.

        Raises:
            UsageError: if frame and instances do not go together, or soft masks are missing that the method needs.
        """
        where = f"frame {self._index}"
        known = frame is None or isinstance(frame, Motion)
        picture = None if known else rgb_picture(frame, where)
        size = _size(frame if picture is None else picture, seen, where)
        instances = self._adapter.take(seen, size, where, scores, classes=class_ids).instances
        if self._needs_soft and (soft is None or len(soft) != len(instances)):
            raise UsageError(
                f"expected a soft mask for each of {len(instances)} instances, got {len(soft or ())}: pass them as "
                f"`soft`"
            )
        motion = frame if picture is None else self._flow.update(picture)
        tracked = self._tracker.update(self._index, instances, None if cut else motion, cut, soft=soft)
        self._index += 1
        return self._method.push(tracked)

    def finish(self) -> list[StabilizedFrame]:
        """Return the frames that are left at the end."""
        return self._method.finish()


def _size(frame: Any, seen: Any, where: str) -> tuple[int, int]:
    """Return the (height, width) of a frame, or where only its motion is known, or nothing, of what was seen in it."""
    if isinstance(frame, Motion):
        return frame.size
    if isinstance(seen, Instances):
        return seen.size
    height, width = mask_stack(seen, where).shape[-2:] if frame is None else frame.shape[:2]
    return height, width
