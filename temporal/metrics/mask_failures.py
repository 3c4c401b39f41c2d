"""How masks fail where objects are many (D8, D9): one mask over two objects, and pixels beyond its own object.

The two failures that the YOLACT paper names in its discussion (Bolya et al., arXiv 1904.02689): of too many objects in
one place the network fails to localise each and gives one mask of all; and where a box is too large, what lies beside
the object leaks into its mask, since nothing but the box keeps it out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from yolact_temporal.data.crops import MaskCrop, covered_share, meeting
from yolact_temporal.temporal.metrics.contract import MATCH_IOUS, Figure, MetricSpec, at_iou
from yolact_temporal.temporal.metrics.region import TOLERANCE
from yolact_temporal.temporal.metrics.registry import REGISTRY
from yolact_temporal.temporal.metrics.truth_contract import TruthFigure, TruthFrame, over_objects

COVERED = 0.5
"""A mask lies over an object where it covers at least this share of the pixels that are no other object's."""

_SOURCE = "a failure that Bolya et al. name in the discussion of arXiv 1904.02689"
_GROUP = "How masks fail: over two objects, and beyond their own"

LOCALISATION_SPEC = MetricSpec(
    name="localisation_failure",
    symbol="D8",
    meaning=f"Masks that cover at least {COVERED:g} of each of two true objects or more, over all masks of frames "
    "in which there are two; pixels that true objects share are left out, and classes play no part.",
    inputs="every mask above the operating threshold and every true mask, void left out",
    unit="1",
    range=(0.0, 1.0),
    direction="down",
    undefined="no frame with two true objects has a mask",
    source=_SOURCE,
    scope="truth",
    label="masks over two objects or more",
    group=_GROUP,
)

LEAKAGE_SPECS = tuple(
    MetricSpec(
        name=name,
        symbol="D9",
        meaning=f"Share of the pixels of an object's mask that lie {where}; mean over frames, then over objects.",
        inputs="the mask matched with the object and every true mask of the frame, void left out",
        unit="1",
        range=(0.0, 1.0),
        direction="down",
        undefined="the object never has a mask: coverage tells of those",
        source=_SOURCE,
        scope="truth",
        label=label,
        group=_GROUP,
        matched=True,
    )
    for name, where, label in (
        (
            "leakage",
            f"on other true objects, or farther from its own than F forgives ({TOLERANCE:g} of the frame's diagonal, "
            "rounded up to whole pixels)",
            "leakage",
        ),
        ("leakage_onto_others", "on other true objects and not on its own", "leakage: onto other objects"),
        (
            "leakage_afar",
            f"on no true object, farther from its own than {TOLERANCE:g} of the frame's diagonal",
            "leakage: far from its own, on none",
        ),
    )
)


def own_pixels(true: Mapping[int, MaskCrop]) -> dict[int, MaskCrop]:
    """Return of each true object the pixels that are no other one's; one that lies in others has none and is left out.

    Without this, the right mask of a rider's horse would lie over the rider too where the truth has him inside it.

    Args:
        true: the true masks of a frame by object id.

    Example:
        >>> horse, rider = (MaskCrop.from_bitmap(np.ones((2, n), np.bool_), (4, 8), 1, 1) for n in (6, 2))
        >>> {key: mask.area for key, mask in own_pixels({1: horse, 2: rider}).items()}
        {1: 8}
    """
    keys, masks = list(true), list(true.values())
    regions = [mask.region for mask in masks]
    near = meeting(regions, regions)
    found = {}
    for place, mask in enumerate(masks):
        others = [masks[other] for other in np.flatnonzero(near[place]).tolist() if other != place]
        own = mask
        if others:
            pixels = mask.pixels.copy()
            for other in others:
                pixels[other.within(mask.region) > 0] = 0
            own = MaskCrop.from_bitmap(pixels, mask.size, mask.x, mask.y)
        if own.area:
            found[keys[place]] = own
    return found


def objects_covered(mask: MaskCrop, objects: Sequence[MaskCrop], share: float = COVERED) -> int:
    """Return how many objects a mask covers at least a share of.

    Args:
        mask: of the same frame.
        objects: their own pixels, as `own_pixels` gives them; an empty one is never covered.
        share: above 0, at most 1.

    Example:
        >>> wide, left, right = (
        ...     MaskCrop.from_bitmap(np.ones((2, n), np.bool_), (4, 12), x, 1) for n, x in ((6, 1), (4, 0), (4, 5))
        ... )
        >>> objects_covered(wide, [left, right]), objects_covered(left, [left, right])
        (2, 1)
    """
    return sum(covered_share(each, mask) >= share for each in objects)


class Leak(NamedTuple):
    """Shares of a mask's pixels, 0..1: on other objects, and on none but far from its own."""

    onto_others: float
    afar: float

    @property
    def whole(self) -> float:
        """Both together."""
        return self.onto_others + self.afar


def leak(
    mask: MaskCrop, own: MaskCrop, others: Sequence[MaskCrop], tolerance: float = TOLERANCE
) -> Leak | None:
    """Return which shares of a mask's pixels lie beyond its object; None for an empty mask.

    Args:
        mask: a model's mask.
        own: the true mask of its object.
        others: the true masks of the others; what they share with `own` is its own.
        tolerance: a pixel on no object is far where no pixel of `own` is within so much of the frame's diagonal,
            rounded up to whole pixels: as far as F lets outlines lie apart.

    Raises:
        ValueError: if the masks are of frames of different sizes.

    Example:
        >>> mask, own, other = (
        ...     MaskCrop.from_bitmap(np.ones((1, n), np.bool_), (30, 40), x, 9) for n, x in ((20, 0), (10, 0), (4, 10))
        ... )
        >>> leak(mask, own, [other])  # 4 pixels on the other, 6 behind it; the tolerance is 1 px
        Leak(onto_others=0.2, afar=0.3)
    """
    for one in (own, *others):
        if one.size != mask.size:
            raise ValueError(f"expected masks of one frame size, got {mask.size} and {one.size}")
    if not mask.area:
        return None
    radius = math.ceil(tolerance * math.hypot(*mask.size))
    # What of its object is nearer than this lies in here, and nothing else is asked.
    region = mask.region.grown(radius, mask.size)
    inside = own.within(region)
    beyond = mask.within(region).astype(np.bool_) & (inside == 0)
    if not beyond.any():
        return Leak(0.0, 0.0)
    on_others = np.zeros_like(beyond)
    for other in others:
        on_others |= other.within(region) > 0
    on_others &= beyond
    rest = beyond & ~on_others
    if inside.any():
        rest &= (
            cv2.distanceTransform((inside == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) > radius
        )
    return Leak(*(int(np.count_nonzero(part)) / mask.area for part in (on_others, rest)))


_PARTS: tuple[Callable[[Leak], float], ...] = (
    lambda found: found.whole,
    lambda found: found.onto_others,
    lambda found: found.afar,
)
"""What each of `LEAKAGE_SPECS` is of."""


def _leaks(frame: TruthFrame) -> dict[int, tuple[float, Leak | None]]:
    """Return of every true object the overlap with its mask and what leaks of that; 0 and None where it has none."""
    true = list(frame.true.masks.values())
    found: dict[int, tuple[float, Leak | None]] = dict.fromkeys(frame.true.masks, (0.0, None))
    own = {key: one for key, one in frame.matched.items() if key in found and one.iou >= min(MATCH_IOUS)}
    masks = {key: frame.own[one.place].mask for key, one in own.items()}
    near = meeting([mask.region for mask in masks.values()], [each.region for each in true])
    for (key, mask), row in zip(masks.items(), near, strict=True):
        object_mask = frame.true.masks[key]
        others = [true[place] for place in np.flatnonzero(row).tolist() if true[place] is not object_mask]
        found[key] = (own[key].iou, leak(mask, object_mask, others))
    return found


class MaskFailures:
    """Accumulates both failures of one model's masks; memory grows with the objects, not with the frames."""

    note = None

    def __init__(self) -> None:
        self._masks = self._failed = self._single = 0
        # By overlap and object: how many frames have a mask, and the sums of both shares over them.
        self._leaks: dict[float, dict[int, tuple[int, Leak]]] = {iou: {} for iou in MATCH_IOUS}

    def observe(self, frame: TruthFrame) -> None:
        """Take the next frame."""
        self._localise(frame)
        for key, (iou, shares) in _leaks(frame).items():
            for least, leaks in self._leaks.items():
                n, sums = leaks.setdefault(key, (0, Leak(0.0, 0.0)))
                if shares is not None and iou >= least:
                    added = Leak(sums.onto_others + shares.onto_others, sums.afar + shares.afar)
                    leaks[key] = (n + 1, added)

    def _localise(self, frame: TruthFrame) -> None:
        masks = [own.mask for own in frame.own if own.mask.area]
        if len(frame.true.masks) < 2:
            self._single += len(masks)
            return
        objects = list(own_pixels(frame.true.masks).values())
        near = meeting([mask.region for mask in masks], [each.region for each in objects])
        self._masks += len(masks)
        for mask, row in zip(masks, near, strict=True):
            there = np.flatnonzero(row).tolist()
            self._failed += len(there) > 1 and objects_covered(mask, [objects[place] for place in there]) > 1

    def figures(self) -> dict[str, TruthFigure]:
        """Return the figures of the frames so far; n counts masks of localisation, frames of objects of leakage."""
        share = self._failed / self._masks if self._masks else None
        found = {LOCALISATION_SPEC.name: TruthFigure(share, self._masks, self._single)}
        for iou, leaks in self._leaks.items():
            for spec, part in zip(LEAKAGE_SPECS, _PARTS, strict=True):
                found[at_iou(spec.name, iou)] = over_objects(
                    Figure(part(sums) / n if n else None, n, 0) for n, sums in leaks.values()
                )
        return found


REGISTRY.register(
    LOCALISATION_SPEC, *LEAKAGE_SPECS, order=575, clip=lambda setting: MaskFailures(), in_comparison=True
)
