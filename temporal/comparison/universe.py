"""Which objects there are, whoever sees them: the universe that compared models share.

A model that drops the hard objects looks steady on its own tracks, so what a comparison speaks of must not depend on
any one model. Objects come from the consensus of the models (`ConsensusUniverse`), or from the ground truth
(`TruthUniverse`); here is what both take and give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.temporal.motion import Motion


class SeenMasks(NamedTuple):
    """What one model saw in a frame, down to the low threshold.

    Attributes:
        masks: N masks.
        scores: float (N,).
    """

    masks: Sequence[MaskCrop]
    scores: NDArray[np.float32]


class Sighting(NamedTuple):
    """One object in one frame.

    Attributes:
        object_id: from 1.
        counts: whether the object is of the universe in this frame.
        matches: by model, the index of its mask of the object; a model that has none is left out.
        truth: the true mask, its void pixels left out; None for a consensus object.
    """

    object_id: int
    counts: bool
    matches: dict[str, int]
    truth: MaskCrop | None = None


class Universe(Protocol):
    """Gives the objects of each frame."""

    def update(
        self,
        seen: Mapping[str, SeenMasks],
        motion: Motion | None,
        truth: Mapping[int, MaskCrop] | None = None,
        void: MaskCrop | None = None,
        elapsed: int = 1,
    ) -> list[Sighting]:
        """Take the next frame and return its objects, those that do not count included, in order of their ids."""
        ...

    def forget(self) -> None:
        """End all objects, as at a cut to another scene."""
        ...


@dataclass(frozen=True)
class UniverseOptions:
    """How objects are found; recorded with every comparison.

    Attributes:
        low_threshold: a mask whose score is not above it is taken for unseen.
        consensus_iou: a mask is first taken for an object that another model sees where the two overlap by so much.
        continued_iou: from then on where it overlaps by so much with the same model's last mask of the object, carried
            here. Low on purpose: a strict one would delete the very pairs that jitter most.
        disjoint_iou: two models' masks of one object that overlap by less have parted: one of them is of another.
        truth_iou: a mask may be of a true object where they overlap by so much.
        recall_s: an object that one model sees counts if another saw it so many seconds before.
        memory_s: an object that nobody sees is remembered for so many seconds, as tracks are: beyond that, carrying a
            mask by flow says little. One that never counted is forgotten after `recall_s`, when it can no longer make
            another count.
        lost_weight: what the overlap with a mask of before the last frame counts beside that with one of the last
            frame.
        others_weight: what the overlap with another model's mask counts beside that with the model's own: of two
            objects, a mask is rather of the one that its model saw there.

    Example:
        >>> options = UniverseOptions()
        >>> options.frames(options.recall_s, rate=24.0), options.frames(options.memory_s, rate=None)
        (12, 30)
    """

    low_threshold: float = 0.1
    consensus_iou: float = 0.5
    continued_iou: float = 0.2
    disjoint_iou: float = 0.1
    truth_iou: float = 0.1
    recall_s: float = 0.5
    memory_s: float = 1.0
    lost_weight: float = 0.5
    others_weight: float = 0.75

    def __post_init__(self) -> None:
        if not 0 <= self.low_threshold <= 1:
            raise ValueError(f"expected low_threshold in 0..1, got {self.low_threshold}")
        shares = (
            "consensus_iou",
            "continued_iou",
            "disjoint_iou",
            "truth_iou",
            "lost_weight",
            "others_weight",
        )
        for name in shares:
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"expected {name} above 0 and at most 1, got {getattr(self, name)}")
        if not 0 < self.recall_s <= self.memory_s:
            raise ValueError(
                f"expected recall_s above 0 and at most memory_s, got {self.recall_s} and {self.memory_s}"
            )

    def frames(self, seconds: float, rate: float | None) -> int:
        """Return how many frames a time lasts, at least 1; of a clip without a rate, at 30 a second."""
        return max(round(seconds * (rate or 30.0)), 1)
