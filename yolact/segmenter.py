"""What a segmenter is: the contract that YOLACT and every baseline fulfil."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.mask_parts import MaskParts
from yolact_temporal.data.soft_masks import SoftMask


class Segmenter(Protocol):
    """A network that sees one frame at a time and remembers nothing of the last.

    One that makes its masks on a coarse grid of the frame, on which their boxes cut them, may say so by a method
    `mask_cell_px((height, width))`, which returns a cell's width and height in pixels of the frame, or None. One whose
    boxes cut in other steps than by whole cells says in which by `crop_step_px((height, width))`, or None.

    Attributes:
        name: the model's name, as in `--model`.
        class_names: what `Instances.class_ids` index into.

    Example:
        >>> class Nothing:
        ...     name, class_names = "nothing", ("person",)
        ...
        ...     def segment(self, frames):
        ...         return [Instances.empty(frames.shape[1:3]) for _ in frames]
        >>> segmenter: Segmenter = Nothing()
        >>> segmenter.segment(np.zeros((2, 48, 64, 3), np.uint8))
        [Instances(0 of 48x64, classes []), Instances(0 of 48x64, classes [])]
    """

    name: str
    class_names: tuple[str, ...]

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """Segment a batch of upright RGB frames.

        Args:
            frames: uint8 (B, H, W, 3).

        Returns:
            One `Instances` a frame, best first, at most 100, masks of size (H, W).
        """
        ...


class SeenParts(NamedTuple):
    """The instances of one frame, and what their masks were assembled from, in the same order."""

    instances: Instances
    parts: MaskParts


class PartsSegmenter(Segmenter, Protocol):
    """A segmenter that also says what its masks are assembled from, and how; its jitter can then be explained."""

    def segment_parts(self, frames: NDArray[np.uint8]) -> list[SeenParts]:
        """Segment as `segment` does, and hand out the parts of every mask too."""
        ...

    def assemble(self, parts: MaskParts) -> Sequence[MaskCrop]:
        """Return the N masks that parts make, also of parts that come of different frames.

        Those of parts as they were handed out are the masks beside which they were handed out.
        """
        ...


class SoftSegmenter(PartsSegmenter, Protocol):
    """A segmenter that also says how sure it is of its masks; they can then be averaged over time."""

    def soft_masks(self, parts: MaskParts) -> Sequence[SoftMask]:
        """Return the N masks that parts make before they are brought to the frame; above one half is inside."""
        ...


def offers_parts(segmenter: Any) -> bool:
    """Say whether a segmenter offers what `PartsSegmenter` asks for."""
    return callable(getattr(segmenter, "segment_parts", None)) and callable(
        getattr(segmenter, "assemble", None)
    )


def offers_soft(segmenter: Any) -> bool:
    """Say whether a segmenter offers what `SoftSegmenter` asks for."""
    return offers_parts(segmenter) and callable(getattr(segmenter, "soft_masks", None))
