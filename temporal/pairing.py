"""Which pairs of frames count."""

from __future__ import annotations

from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.stability import PairStatus


def pair_status(last_index: int | None, index: int, stride: int, motion: Motion | None) -> PairStatus:
    """Say whether the pair of the last frame and this one counts, or why it does not.

    Args:
        last_index: index of the last frame in the clip; None if there was none.
        index: of this frame.
        stride: of the selection: frames so far apart are consecutive.
        motion: from the last frame to this one; None where it is not known.

    Example:
        >>> still = Motion.still((4, 6))
        >>> pair_status(None, 0, 1, None), pair_status(0, 1, 1, still), pair_status(1, 4, 1, still)
        ('first', 'counted', 'after_lost_frames')
    """
    if last_index is None:
        return "first"
    if index != last_index + stride:
        return "after_lost_frames"
    if motion is None:
        return "without_motion"
    return "repeated" if motion.repeated else "counted"
