"""The universe of a ground truth: its objects, whoever sees them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from yolact_temporal.data.crops import MaskCrop, overlaps
from yolact_temporal.temporal.comparison.matching import assign, best_scored, duplicates
from yolact_temporal.temporal.comparison.universe import SeenMasks, Sighting, UniverseOptions
from yolact_temporal.temporal.motion import Motion


class TruthUniverse:
    """Objects of the ground truth: an object counts in every frame in which it has a mask, whoever sees it.

    Every model's masks are matched with the true ones one to one, frame by frame, by their overlap; a faint mask takes
    no object from one above the operating threshold but where it overlaps more than twice as much. Of several above it
    that lie on the object, its mask is the better-scored one, not the one that fits better.

    Args:
        thresholds: each model's operating threshold; one model is enough.
        options: overlaps.

    Example:
        >>> near, far = (MaskCrop.from_bitmap(np.ones((8, 8), np.bool_), (32, 64), x, 8) for x in (4, 40))
        >>> universe = TruthUniverse({"ours": 0.3})
        >>> ours = SeenMasks([near], np.array([0.9], np.float32))
        >>> found = universe.update({"ours": ours}, None, truth={1: far, 2: near})
        >>> [(one.object_id, one.counts, one.matches) for one in found]
        [(1, True, {}), (2, True, {'ours': 0})]
    """

    def __init__(self, thresholds: Mapping[str, float], options: UniverseOptions | None = None) -> None:
        self.options = options or UniverseOptions()
        self._thresholds = dict(thresholds)

    def forget(self) -> None:
        """Do nothing: each frame's objects are found by themselves."""

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
            seen: what each model saw, by the names of the thresholds.
            motion: of no use here.
            truth: the true masks by object id; objects that are absent are left out or empty, and do not count.
            void: pixels of which nothing is known; they are left out of every mask before it is compared.
            elapsed: of no use here.

        Returns:
            Every object that has a mask in this frame, in order of ids, which are the ground truth's.
        """
        true = {key: without(mask, void) for key, mask in sorted((truth or {}).items())}
        true = {key: mask for key, mask in true.items() if mask.area}
        keys = list(true)
        matches: dict[int, dict[str, int]] = {key: {} for key in keys}
        for model, sight in seen.items():
            masks = [without(mask, void) for mask in sight.masks]
            above = np.asarray(sight.scores > self._thresholds[model])
            gain = overlaps(list(true.values()), masks, self.options.truth_iou)
            pairs = assign(gain, above, duplicates(masks, above))
            objects = [true[keys[row]] for row, _ in pairs]
            for row, column in best_scored(pairs, objects, masks, sight.scores, above):
                matches[keys[row]][model] = column
        return [Sighting(key, True, own, true[key]) for key, own in matches.items()]


def without(mask: MaskCrop, void: MaskCrop | None) -> MaskCrop:
    """Return a mask less the void pixels; the mask itself where there are none in it."""
    if void is None or not void.region.meets(mask.region):
        return mask
    kept = np.where(void.within(mask.region), np.uint8(0), mask.pixels)
    return MaskCrop.from_bitmap(kept, mask.size, mask.x, mask.y)
