"""Which objects there are, whoever sees them: the universe that compared models share.

A model that drops the hard objects looks steady on its own tracks, so what a comparison speaks of must not depend on
any one model. Objects come from the ground truth, or from the consensus of the models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from yolact_temporal.temporal.crops import MaskCrop, mask_iou
from yolact_temporal.temporal.motion import Motion, warp_mask


class Seen(NamedTuple):
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
        carried: by model, the mask it had of the object in the last frame, carried to this one.
        truth: the true mask; None for a consensus object.
    """

    object_id: int
    counts: bool
    matches: dict[str, int]
    carried: dict[str, MaskCrop]
    truth: MaskCrop | None = None


class Universe(Protocol):
    """Gives the objects of each frame."""

    def update(
        self, seen: Mapping[str, Seen], motion: Motion | None, truth: Mapping[int, MaskCrop] | None = None
    ) -> list[Sighting]:
        """Take the next frame and return its objects, those that do not count included."""
        ...

    def forget(self) -> None:
        """End all objects, as at a cut to another scene."""
        ...


@dataclass(frozen=True)
class UniverseOptions:
    """How objects are found; recorded with every comparison.

    Attributes:
        low_threshold: a mask whose score is not above it is taken for unseen.
        consensus_iou: masks of two models are of one object where they overlap by so much, and neither is of a known
            one.
        continued_iou: a mask is of a known object where it overlaps by so much with the same model's last mask of it,
            carried here. Low on purpose: a strict one would delete the pairs that jitter most.
        disjoint_iou: two models' masks of one object that overlap by less have parted: one of them is of another.
        truth_iou: a mask is of a true object where they overlap by so much.
        recall_s: an object that one model sees counts if another saw it so many seconds before.
        memory_s: an object that nobody sees is remembered for so many seconds.
        lost_weight: what the overlap with a mask of before the last frame counts beside that with one of the last
            frame.
    """

    low_threshold: float = 0.1
    consensus_iou: float = 0.5
    continued_iou: float = 0.2
    disjoint_iou: float = 0.1
    truth_iou: float = 0.1
    recall_s: float = 0.5
    memory_s: float = 1.0
    lost_weight: float = 0.5

    def frames(self, seconds: float, rate: float | None) -> int:
        """Return how many frames a time lasts, at least 1; of a clip without a rate, at 30 a second."""
        return max(round(seconds * (rate or 30.0)), 1)


@dataclass
class _Mask:
    """A model's last mask of an object, carried along, and how many frames ago it was seen."""

    mask: MaskCrop
    age: int = 0


@dataclass
class _Known:
    masks: dict[str, _Mask] = field(default_factory=dict)

    def carry(self, motion: Motion | None) -> None:
        for last in self.masks.values():
            if motion is not None and not motion.repeated:
                last.mask = warp_mask(last.mask, motion)
            last.age += 1

    def carried(self) -> dict[str, MaskCrop]:
        return {model: last.mask for model, last in self.masks.items() if last.age == 1}

    @property
    def age(self) -> int:
        return min(last.age for last in self.masks.values())


class ConsensusUniverse:
    """Objects on which models agree, without ground truth.

    An object counts in a frame where at least two models see it, however faintly, or one sees it above its operating
    threshold and another saw it within the last half second: so one model's false alarms do not become the others'
    misses. Every model's masks are matched one to one with the known objects, first those above the operating
    threshold and then the faint ones, by their overlap with the masks that the flow carried here: an object keeps its
    id while it moves, and two that cross keep theirs. Class plays no part.

    Args:
        thresholds: each model's operating threshold; at least two models.
        rate: frames a second; None where the clip has no time.
        options: overlaps and times.

    Raises:
        ValueError: with fewer than two models: what one model sees is no consensus.
    """

    def __init__(
        self, thresholds: Mapping[str, float], rate: float | None, options: UniverseOptions | None = None
    ) -> None:
        if len(thresholds) < 2:
            raise ValueError(f"expected at least two models for a consensus, got {len(thresholds)}")
        self.options = options or UniverseOptions()
        self._thresholds = dict(thresholds)
        self._recall = self.options.frames(self.options.recall_s, rate)
        self._memory = self.options.frames(self.options.memory_s, rate)
        self._known: dict[int, _Known] = {}
        self._next_id = 1

    def forget(self) -> None:
        """End all objects, as at a cut to another scene."""
        self._known.clear()

    def update(
        self, seen: Mapping[str, Seen], motion: Motion | None, truth: Mapping[int, MaskCrop] | None = None
    ) -> list[Sighting]:
        """Take the next frame: what each model saw, and the motion from the last frame, None if unknown."""
        for known in self._known.values():
            known.carry(motion)
        carried = {key: known.carried() for key, known in self._known.items()}
        ages = {key: {m: last.age for m, last in known.masks.items()} for key, known in self._known.items()}
        matches: dict[int, dict[str, int]] = {key: {} for key in self._known}
        for model, sight in seen.items():
            for key, index in self._continue(model, sight).items():
                matches[key][model] = index
        self._part(seen, matches)
        for group in self._agreeing(seen, matches):
            matches[self._next_id] = group
            self._next_id += 1
        sightings = [
            Sighting(key, self._counts(found, seen, ages.get(key, {})), found, carried.get(key, {}))
            for key, found in matches.items()
            if found
        ]
        self._remember(seen, matches)
        return sightings

    def _continue(self, model: str, sight: Seen) -> dict[int, int]:
        """Match one model's masks with the known objects, one to one."""
        keys = list(self._known)
        gain = np.zeros((len(keys), len(sight.masks)))
        for row, key in enumerate(keys):
            for column, mask in enumerate(sight.masks):
                gain[row, column] = self._gain(self._known[key], model, mask)
        return {
            keys[row]: column for row, column in _in_two_stages(gain, sight.scores, self._thresholds[model])
        }

    def _gain(self, known: _Known, model: str, mask: MaskCrop) -> float:
        """Return how much a mask speaks for being of an object, 0 for not at all.

        The model's own last mask of the object says most; a model that has none is measured by the others'.
        """
        options = self.options
        best = 0.0
        for other, last in known.masks.items():
            least = options.continued_iou if other == model else options.consensus_iou
            iou = mask_iou(last.mask, mask)
            if iou >= least:
                best = max(best, iou * (1.0 if last.age == 1 else options.lost_weight))
        return best

    def _part(self, seen: Mapping[str, Seen], matches: dict[int, dict[str, int]]) -> None:
        """Take from an object the masks that have nothing in common with the one that follows it best."""
        for key, found in matches.items():
            if len(found) < 2:
                continue
            leader = max(found, key=lambda m: self._gain(self._known[key], m, seen[m].masks[found[m]]))
            for model in list(found):
                overlap = mask_iou(seen[leader].masks[found[leader]], seen[model].masks[found[model]])
                if model != leader and overlap < self.options.disjoint_iou:
                    del found[model]
                    self._known[key].masks.pop(model, None)

    def _agreeing(
        self, seen: Mapping[str, Seen], matches: Mapping[int, Mapping[str, int]]
    ) -> list[dict[str, int]]:
        """Group the masks that are of no known object into new ones, at most one mask a model each."""
        groups: list[dict[str, int]] = []
        for model, sight in seen.items():
            taken = {found[model] for found in matches.values() if model in found}
            free = [i for i, mask in enumerate(sight.masks) if i not in taken and mask.area]
            gain = np.zeros((len(groups), len(free)))
            for row, group in enumerate(groups):
                for column, index in enumerate(free):
                    iou = max(mask_iou(seen[m].masks[i], sight.masks[index]) for m, i in group.items())
                    gain[row, column] = iou if iou >= self.options.consensus_iou else 0.0
            joined = {
                column: row
                for row, column in _in_two_stages(gain, sight.scores[free], self._thresholds[model])
            }
            for column, index in enumerate(free):
                if column in joined:
                    groups[joined[column]][model] = index
                else:
                    groups.append({model: index})
        # A faint mask that nobody else sees would only wait for a chance to be right.
        return [group for group in groups if len(group) > 1 or self._above(group, seen)]

    def _above(self, found: Mapping[str, int], seen: Mapping[str, Seen]) -> bool:
        return any(seen[m].scores[i] > self._thresholds[m] for m, i in found.items())

    def _counts(self, found: Mapping[str, int], seen: Mapping[str, Seen], ages: Mapping[str, int]) -> bool:
        if len(found) > 1:
            return True
        recalled = any(age <= self._recall for model, age in ages.items() if model not in found)
        return recalled and self._above(found, seen)

    def _remember(self, seen: Mapping[str, Seen], matches: Mapping[int, Mapping[str, int]]) -> None:
        for key, found in matches.items():
            known = self._known.setdefault(key, _Known())
            for model, index in found.items():
                known.masks[model] = _Mask(seen[model].masks[index])
        self._known = {
            key: known for key, known in self._known.items() if known.masks and known.age <= self._memory
        }


class TruthUniverse:
    """Objects of the ground truth: an object counts in every frame in which it has a mask.

    Every model's masks are matched with the true ones one to one, frame by frame, by their overlap; masks above the
    operating threshold come first.
    """

    def __init__(self, thresholds: Mapping[str, float], options: UniverseOptions | None = None) -> None:
        self.options = options or UniverseOptions()
        self._thresholds = dict(thresholds)
        self._known: dict[int, _Known] = {}

    def forget(self) -> None:
        """Forget the models' last masks, as at a cut to another scene."""
        self._known.clear()

    def update(
        self, seen: Mapping[str, Seen], motion: Motion | None, truth: Mapping[int, MaskCrop] | None = None
    ) -> list[Sighting]:
        """Take the next frame: what each model saw, the motion from the last frame, and the true masks by object."""
        present = {key: mask for key, mask in (truth or {}).items() if mask.area}
        for known in self._known.values():
            known.carry(motion)
        carried = {key: known.carried() for key, known in self._known.items()}
        matches: dict[int, dict[str, int]] = {key: {} for key in present}
        for model, sight in seen.items():
            gain = np.array([[mask_iou(mask, own) for own in sight.masks] for mask in present.values()])
            gain = np.where(gain >= self.options.truth_iou, gain, 0.0).reshape(len(present), len(sight.masks))
            keys = list(present)
            for row, column in _in_two_stages(gain, sight.scores, self._thresholds[model]):
                matches[keys[row]][model] = column
        self._known = {
            key: _Known({m: _Mask(seen[m].masks[i]) for m, i in found.items()})
            for key, found in matches.items()
        }
        return [
            Sighting(key, True, matches[key], carried.get(key, {}), mask) for key, mask in present.items()
        ]


def _in_two_stages(
    gain: NDArray[np.float64], scores: NDArray[np.float32], threshold: float
) -> list[tuple[int, int]]:
    """Assign columns to rows one to one, as much gain as can be had, columns above the threshold first.

    A faint mask must never take an object from one that counts.

    Args:
        gain: (R, C), 0 where a pair is out of the question.
        scores: (C,).

    Returns:
        (row, column) pairs of positive gain.
    """
    pairs: list[tuple[int, int]] = []
    above = scores > threshold
    for stage in (above, ~above):
        allowed = np.where(stage, gain, 0.0)
        allowed[[row for row, _ in pairs]] = 0.0
        rows, columns = linear_sum_assignment(allowed, maximize=True)
        pairs += [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if allowed[r, c] > 0]
    return pairs
