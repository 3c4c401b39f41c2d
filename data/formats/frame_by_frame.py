"""A sequence of masks, asked for frame by frame."""

from __future__ import annotations

from collections.abc import Iterator

from yolact_temporal.data.formats.contract import MaskFrame, MaskSequence
from yolact_temporal.data.instances import Instances


class FrameByFrame:
    """Takes a sequence's frames by index, ascending; it is read once, forward."""

    def __init__(self, masks: MaskSequence) -> None:
        self._masks = masks
        self._frames: Iterator[MaskFrame] = iter(masks)
        self._next = next(self._frames, None)

    def at(self, index: int) -> MaskFrame | None:
        """Return a frame; an empty one that a sparse sequence does not mention, and None of which nothing is known."""
        while self._next is not None and self._next.index < index:
            self._next = next(self._frames, None)
        if self._next is not None and self._next.index == index:
            return self._next
        if not self._masks.sparse:
            return None
        return MaskFrame(index, Instances.empty(self._masks.size), () if self._masks.identified else None)
