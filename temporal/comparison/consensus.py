"""The universe of a consensus: objects on which models agree, without ground truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop, mask_iou, overlaps, same_mask
from yolact_temporal.temporal.association import mask_behind
from yolact_temporal.temporal.comparison.matching import SAME_OBJECT_IOU, assign, best_scored, duplicates
from yolact_temporal.temporal.comparison.universe import SeenMasks, Sighting, UniverseOptions
from yolact_temporal.temporal.metrics.duplicates import best_first
from yolact_temporal.temporal.motion import Motion, warp_mask


@dataclass
class _Last:
    """A model's last mask of an object, how many frames ago it saw it, and the mask carried to the present frame.

    The mask is None once it has parted from the object: then only the time counts. `twins` are the models that had the
    very same mask of the object in that frame.
    """

    mask: MaskCrop | None
    age: int = 0
    carried: MaskCrop | None = None
    twins: frozenset[str] = frozenset()


@dataclass
class _Candidate:
    """An object of the universe, or, without an id, what may become one; `fresh` are models that saw it last frame."""

    object_id: int | None = None
    last: dict[str, _Last] = field(default_factory=dict)
    matches: dict[str, int] = field(default_factory=dict)
    fresh: frozenset[str] = frozenset()


class ConsensusUniverse:
    """Objects on which models agree, without ground truth.

    An object counts in a frame where at least two models see it, however faintly, or one sees it above its operating
    threshold and another saw it within the last half second: so one model's false alarms do not become the others'
    misses. Only what was seen up to a frame decides on it. Class plays no part.

    Frame by frame, each model's masks are first matched one to one with the objects known so far, by their overlap
    with the masks that the flow carried here: so an object keeps its id while it moves, and two that cross keep theirs.
    Then masks of different models that overlap are brought together, where their object is not known yet or was taken
    for two; and where two models' masks of one object have nothing in common any more, one of them leaves it.

    Where a model reports an object twice, its mask is the better-scored one, not the one that fits better.

    Where one model sees a whole and another its parts, the part that overlaps the whole enough is the object, and the
    other parts are nobody's miss.

    Of three models or more, those that have the very same mask, pixel for pixel, are one witness: models that share
    their mask head repeat each other's false alarms, and would make them the misses of all others. Of two models each
    is a witness: without the other there is none.

    Args:
        thresholds: each model's operating threshold; at least two models.
        rate: frames a second; None where the clip has no time.
        options: overlaps and times.

    Raises:
        ValueError: with fewer than two models: what one model sees is no consensus.

    Example:
        >>> near, far = (MaskCrop.from_bitmap(np.ones((8, 8), np.bool_), (32, 64), x, 8) for x in (4, 40))
        >>> universe = ConsensusUniverse({"ours": 0.3, "theirs": 0.3}, rate=24)
        >>> ours = SeenMasks([near, far], np.array([0.9, 0.9], np.float32))
        >>> theirs = SeenMasks([near], np.array([0.2], np.float32))  # below its operating threshold
        >>> found = universe.update({"ours": ours, "theirs": theirs}, None)
        >>> [sorted(one.matches) for one in found if one.counts]  # of the far one there is no second witness
        [['ours', 'theirs']]
    """

    def __init__(
        self, thresholds: Mapping[str, float], rate: float | None, options: UniverseOptions | None = None
    ) -> None:
        if len(thresholds) < 2:
            raise ValueError(f"expected at least two models for a consensus, got {len(thresholds)}")
        self.options = options or UniverseOptions()
        self._thresholds = dict(thresholds)
        self._twins_are_one = len(thresholds) > 2
        self._recall = self.options.frames(self.options.recall_s, rate)
        self._memory = self.options.frames(self.options.memory_s, rate)
        self._candidates: list[_Candidate] = []
        self._next_id = 1

    def forget(self) -> None:
        """End all objects, as at a cut to another scene; their ids are not used again."""
        self._candidates.clear()

    def update(
        self,
        seen: Mapping[str, SeenMasks],
        motion: Motion | None,
        truth: Mapping[int, MaskCrop] | None = None,
        void: MaskCrop | None = None,
        elapsed: int = 1,
    ) -> list[Sighting]:
        """Take the next frame.

        Args:
            seen: what each model saw, by the names of the thresholds; empty masks are of no object.
            motion: from the last frame given to this one; None where unknown, masks are then carried unmoved.
            truth, void: of no use here.
            elapsed: how many frames after the last one this is; above 1 where frames were lost.

        Returns:
            Every object that has ever counted and is seen in this frame, in order of ids, which count up from 1.
        """
        self._carry(motion, elapsed)
        above = {model: sight.scores > self._thresholds[model] for model, sight in seen.items()}
        repeats = {model: duplicates(sight.masks, above[model]) for model, sight in seen.items()}
        for model, sight in seen.items():
            gain = self._gain(model, sight.masks)
            pairs = assign(gain, above[model], repeats[model])
            fitting = [sight.masks[column] for _, column in pairs]
            for row, column in best_scored(pairs, fitting, sight.masks, sight.scores, above[model]):
                self._candidates[row].matches[model] = column
        self._part(seen)
        self._candidates += self._unknown(seen)
        self._join(seen)
        sightings = self._sightings(seen, above)
        self._remember(seen)
        return sightings

    def _carry(self, motion: Motion | None, elapsed: int) -> None:
        """Bring what is remembered to the present frame, and forget what is too old."""
        still = motion is None or motion.repeated
        for candidate in self._candidates:
            limit = self._recall if candidate.object_id is None else self._memory
            candidate.matches = {}
            for model, last in list(candidate.last.items()):
                last.age += elapsed
                if last.age > limit:
                    del candidate.last[model]
                elif last.mask is not None:
                    last.carried = last.mask if still or motion is None else warp_mask(last.mask, motion)
            candidate.fresh = frozenset(
                model
                for model, last in candidate.last.items()
                if last.carried is not None and last.age == elapsed
            )
        self._candidates = [candidate for candidate in self._candidates if candidate.last]

    def _gain(self, model: str, masks: Sequence[MaskCrop]) -> NDArray[np.float64]:
        """Return how much each of a model's masks speaks for each candidate, float64 (R, C), 0 for not at all."""
        options = self.options
        gain = np.zeros((len(self._candidates), len(masks)))
        for own in (True, False):
            least = options.continued_iou if own else options.consensus_iou
            remembered = [
                (row, last.carried, name in candidate.fresh)
                for row, candidate in enumerate(self._candidates)
                for name, last in candidate.last.items()
                if last.carried is not None and (name == model) == own
            ]
            found = overlaps([mask for _, mask, _ in remembered], masks, least)
            for (row, _, recent), iou in zip(remembered, found, strict=True):
                weight = (1.0 if own else options.others_weight) * (1.0 if recent else options.lost_weight)
                np.maximum(gain[row], weight * iou, out=gain[row])
        return gain

    def _part(self, seen: Mapping[str, SeenMasks]) -> None:
        """Take from objects the masks that have nothing in common with the others'.

        The largest group of models that still agree keeps the object; of equal ones, the group whose masks follow best
        the masks of before. A model that leaves did see the object until now, which is remembered.
        """
        for candidate in self._candidates:
            if len(candidate.matches) < 2:
                continue
            masks = {model: seen[model].masks[index] for model, index in candidate.matches.items()}
            groups = self._agreeing(masks)
            if len(groups) == 1:
                continue
            kept = max(
                groups, key=lambda group: (len(group), sum(_following(candidate, masks[m]) for m in group))
            )
            for model in masks.keys() - set(kept):
                del candidate.matches[model]
                if model in candidate.last:
                    candidate.last[model].mask = candidate.last[model].carried = None

    def _agreeing(self, masks: Mapping[str, MaskCrop]) -> list[list[str]]:
        """Group models whose masks overlap, directly or by way of others."""
        groups: list[list[str]] = []
        for model, mask in masks.items():
            near = [
                g for g in groups if any(mask_iou(mask, masks[m]) >= self.options.disjoint_iou for m in g)
            ]
            groups = [g for g in groups if g not in near]
            groups.append([*(m for g in near for m in g), model])
        return groups

    def _unknown(self, seen: Mapping[str, SeenMasks]) -> Iterator[_Candidate]:
        """Yield a new candidate for each mask that is of none, unless it repeats a better one of the same model."""
        for model, sight in seen.items():
            taken = [c.matches[model] for c in self._candidates if model in c.matches]
            left = [i for i in best_first(sight.masks, sight.scores) if i not in taken]
            masks = [sight.masks[i] for i in (*taken, *left)]
            same = overlaps(masks, masks, SAME_OBJECT_IOU) > 0
            first = list(range(len(taken)))
            for place, index in enumerate(left, start=len(taken)):
                if sight.masks[index].area and not same[place, first].any():
                    first.append(place)
                    yield _Candidate(matches={model: index})

    def _join(self, seen: Mapping[str, SeenMasks]) -> None:
        """Bring together candidates that different models see in the same place, those that overlap most first.

        Of two that have both counted, the one that more models see, or else the older one, takes the masks; the other
        is remembered as not seen.
        """
        places = {
            model: [(c, c.matches[model]) for c in self._candidates if model in c.matches] for model in seen
        }
        pairs: list[tuple[float, _Candidate, _Candidate]] = []
        for first, second in combinations(seen, 2):
            masks, others = ([seen[model].masks[i] for _, i in places[model]] for model in (first, second))
            found = overlaps(masks, others, self.options.consensus_iou)
            for row, column in np.argwhere(found).tolist():
                one, other = places[first][row][0], places[second][column][0]
                if one is not other:
                    pairs.append((float(found[row, column]), one, other))
        order = {id(candidate): place for place, candidate in enumerate(self._candidates)}
        joined: dict[int, _Candidate] = {}
        for _, one, other in sorted(pairs, key=lambda pair: -pair[0]):
            one, other = joined.get(id(one), one), joined.get(id(other), other)
            if one is other or one.matches.keys() & other.matches.keys():
                continue
            one, other = sorted(
                (one, other),
                key=lambda c: (c.object_id is None, -len(c.matches), c.object_id or order[id(c)]),
            )
            one.matches |= other.matches
            other.matches = {}
            if other.object_id is None:
                one.last = other.last | one.last
                other.last = {}
            for key in [key for key, owner in joined.items() if owner is other]:
                joined[key] = one
            joined[id(other)] = one
        self._candidates = [c for c in self._candidates if c.matches or c.last]

    def _sightings(
        self, seen: Mapping[str, SeenMasks], above: Mapping[str, NDArray[np.bool_]]
    ) -> list[Sighting]:
        found = []
        for candidate in self._candidates:
            counts = self._counts(candidate, seen, above)
            if counts and candidate.object_id is None:
                candidate.object_id, self._next_id = self._next_id, self._next_id + 1
            if candidate.object_id is not None and candidate.matches:
                found.append(Sighting(candidate.object_id, counts, dict(candidate.matches)))
        return sorted(found, key=lambda sighting: sighting.object_id)

    def _counts(
        self, candidate: _Candidate, seen: Mapping[str, SeenMasks], above: Mapping[str, NDArray[np.bool_]]
    ) -> bool:
        """Tell whether two witnesses see the object, or one sees it well that another saw of late."""
        models = candidate.matches.keys()
        if not models:
            return False
        first = next(iter(models))
        if models - {first} - self._twins(candidate, first, seen):
            return True
        recent = (
            last.age <= self._recall and not last.twins & models
            for name, last in candidate.last.items()
            if name not in models
        )
        return any(above[model][index] for model, index in candidate.matches.items()) and any(recent)

    def _twins(self, candidate: _Candidate, model: str, seen: Mapping[str, SeenMasks]) -> frozenset[str]:
        """Return the other models that have the very same mask of an object in this frame and count as one with it."""
        if not self._twins_are_one:
            return frozenset()
        own = seen[model].masks[candidate.matches[model]]
        return frozenset(
            other
            for other, index in candidate.matches.items()
            if other != model and same_mask(own, seen[other].masks[index])
        )

    def _remember(self, seen: Mapping[str, SeenMasks]) -> None:
        # Only objects can hide an object: of what never counted nobody knows whether it is there.
        present = [
            (candidate, seen[model].masks[index])
            for candidate in self._candidates
            for model, index in candidate.matches.items()
            if candidate.object_id is not None
        ]
        for candidate in self._candidates:
            others = [mask for owner, mask in present if owner is not candidate]
            for model, last in candidate.last.items():
                if last.mask is not None and last.carried is not None and model not in candidate.matches:
                    known = candidate.object_id is not None
                    last.mask = mask_behind(last.mask, last.carried, others) if known else last.carried
            for model, index in candidate.matches.items():
                twins = self._twins(candidate, model, seen)
                candidate.last[model] = _Last(seen[model].masks[index], twins=twins)


def _following(candidate: _Candidate, mask: MaskCrop) -> float:
    """Return how well a mask follows those that the models had of an object before, as their mean overlap."""
    before = [last.carried for last in candidate.last.values() if last.carried is not None]
    return sum(mask_iou(mask, carried) for carried in before) / max(len(before), 1)
