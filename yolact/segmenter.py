"""What a segmenter is: the contract that YOLACT and every baseline fulfil."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.instances import Instances


class Segmenter(Protocol):
    """A network that sees one frame at a time and remembers nothing of the last.

    Attributes:
        name: the model's name, as in `--model`.
        class_names: what `Instances.class_ids` index into.
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
