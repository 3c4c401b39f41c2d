"""How far two ways to run one network agree on the same frames: do they count the same, are their outlines the same?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

import numpy as np

from yolact_temporal.data.crops import MaskCrop, overlaps, union_region
from yolact_temporal.data.instances import Instances
from yolact_temporal.temporal.metrics.boundary import boundary_distances, displacement

SAME_IOU = 0.5
"""Instances of one class in one frame that overlap by at least so much are the same one."""


@dataclass(frozen=True)
class Agreement:
    """What two ways to run one network count in the same frames.

    Attributes:
        frames: how many.
        expected: instances that the first way counts.
        missing: those of them that the second does not.
        added: instances that only the second counts.
        boundary_px: of each instance that both count, B1 between its two masks, in pixels; infinite where one is empty.
    """

    frames: int
    expected: int
    missing: int
    added: int
    boundary_px: tuple[float, ...]

    @classmethod
    def of(cls, pairs: Iterable[tuple[Instances, Instances]]) -> Agreement:
        """Compare what is counted frame by frame, the first way's instances first."""
        frames = expected = added = 0
        found: list[float] = []
        for first, second in pairs:
            same = same_instances(first, second)
            frames += 1
            expected += len(first)
            added += len(second) - len(same)
            found += [mask_displacement(first.crops[i], second.crops[j]) for i, j in same]
        return cls(frames, expected, expected - len(found), added, tuple(found))

    @property
    def worst_px(self) -> float | None:
        """The largest B1; None where no instance is counted by both."""
        return max(self.boundary_px, default=None)

    @property
    def mean_px(self) -> float | None:
        """The mean B1; None where no instance is counted by both."""
        return float(np.mean(self.boundary_px)) if self.boundary_px else None

    @property
    def flips(self) -> int:
        """Instances that only one of the two ways counts."""
        return self.missing + self.added


def same_instances(first: Instances, second: Instances) -> list[tuple[int, int]]:
    """Pair the instances of one frame that are the same: of one class, overlapping by half or more, best first.

    Returns:
        Indices into both, ordered by the first; none is there twice.
    """
    shared = overlaps(first.crops, second.crops, SAME_IOU)
    shared[first.class_ids[:, None] != second.class_ids[None]] = 0.0
    rivals = np.argwhere(shared).tolist()
    pairs: list[tuple[int, int]] = []
    for index, other in sorted(rivals, key=lambda rival: -float(shared[rival[0], rival[1]])):
        if all(index != own and other != its for own, its in pairs):
            pairs.append((index, other))
    return sorted(pairs)


def mask_displacement(first: MaskCrop, second: MaskCrop) -> float:
    """Return B1 between two masks of one frame, in pixels; infinite where one of them is empty.

    Example:
        >>> here = MaskCrop.from_bitmap(np.ones((4, 1), np.bool_), (4, 9), x=2)
        >>> there = MaskCrop.from_bitmap(np.ones((4, 1), np.bool_), (4, 9), x=5)
        >>> mask_displacement(here, there), mask_displacement(here, here)
        (3.0, 0.0)
    """
    region = union_region([first.region, second.region]).grown(1, first.size)
    here, there = first.within(region), second.within(region)
    found = boundary_distances(here, there, np.ones_like(here)) if here.size else None
    mean = None if found is None else displacement(*(side.distances for side in found)).mean
    return float("inf") if mean is None else mean


def counted(seen: Iterable[Instances], threshold: float) -> list[Instances]:
    """Return of each frame the instances whose score is above a threshold."""
    return [own.select(own.scores > threshold) for own in seen]


def together(agreements: Iterable[Agreement]) -> Agreement:
    """Return what several say together."""
    parts = list(agreements)
    return Agreement(
        sum(own.frames for own in parts),
        sum(own.expected for own in parts),
        sum(own.missing for own in parts),
        sum(own.added for own in parts),
        tuple(chain.from_iterable(own.boundary_px for own in parts)),
    )
