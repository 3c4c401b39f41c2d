"""What a segmenter is: the contract that YOLACT and every baseline fulfil."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.instances import Instances


class Segmenter(Protocol):
    """A network that sees one frame at a time and remembers nothing of the last.

    One that cuts its masks by their boxes on a coarse grid of the frame may say so by a method
    `mask_cell_px((height, width))`, which returns a cell's width and height in pixels of the frame, or None.

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
