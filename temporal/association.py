"""Association: which instance of this frame is which of the last, by the masks alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from yolact_temporal.data.crops import MaskCrop, meeting, overlaps, union_region
from yolact_temporal.temporal.metrics.duplicates import best_first, repeated
from yolact_temporal.temporal.motion import Motion, warp_mask

NO_TRACK = -1
"""The id of an instance whose mask is empty, so that it is nowhere, or that only repeats another."""

OLDER_TRACK_IOU = 0.1
"""The longer-lived of two tracks that one instance fits takes it, unless it overlaps the other by so much more."""


@dataclass(frozen=True)
class AssociationOptions:
    """How instances become tracks; recorded with every run.

    Attributes:
        min_iou: least overlap of a mask with a track's carried mask, 0..1, for the two to be one object. Low on
            purpose: a strict threshold would end the track wherever the mask is bad, and so delete the very pairs
            that jitter.
        max_gap_frames: how many frames a track may be absent and still return under its id; 0 forgets at once.
            About one second of frames: beyond it, carrying a mask by flow says little.
        lost_weight: what the overlap with an absent track counts beside that with one seen in the last frame, 0..1.
            Below 1 so that the remains of a false alarm do not take a detection from an object in plain sight.

    Example:
        >>> AssociationOptions.for_rate(fps=25).max_gap_frames
        25
    """

    min_iou: float = 0.2
    max_gap_frames: int = 30
    lost_weight: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.min_iou <= 1:
            raise ValueError(f"expected min_iou above 0 and at most 1, got {self.min_iou}")
        if self.max_gap_frames < 0:
            raise ValueError(f"expected max_gap_frames of at least 0, got {self.max_gap_frames}")
        if not 0 < self.lost_weight <= 1:
            raise ValueError(f"expected lost_weight above 0 and at most 1, got {self.lost_weight}")

    @classmethod
    def for_rate(cls, fps: float | None, max_gap_s: float = 1.0, min_iou: float = 0.2) -> AssociationOptions:
        """Return options whose gap memory lasts `max_gap_s` at a frame rate; 30 frames where there is no rate."""
        frames = 30 if fps is None else max(round(fps * max_gap_s), 1)
        return cls(min_iou=min_iou, max_gap_frames=frames)


@dataclass
class _Track:
    mask: MaskCrop
    seen: int = 1
    absent: int = 0


class Associator:
    """Gives each instance of each frame a track id.

    In this order:

    1. Instances that repeat a better one of the frame (`repeated`) are one with it: what follows takes each such group
       for one instance, whose overlap with a track is that of the member that overlaps it most. So a duplicate starts
       no track, and whichever of the group is there or has the better score, the track goes on.
    2. Hungarian assignment (Kuhn 1955, by scipy) of groups to tracks, by the overlap (IoU) of the frame's masks with
       the tracks' last masks carried here by the flow. It maximises the sum of squares: of two instances that fit one
       track the better overlap takes it, and two poor overlaps do not outweigh a good one.
    3. Where a group was given to a track, and a longer-lived one that is left without fits it too, the longer-lived one
       takes it, unless it overlaps the other by over `OLDER_TRACK_IOU` more.
    4. The member that overlaps the track most has its id; the others are duplicates. A group without a track starts one
       by its best member.

    Class plays no part, so that a class flip stays one track. A track that is not seen is carried on by the flow for up
    to `max_gap_frames` frames. Ids count up from 1 and are never used again.

    Flow says nothing of an object that is wholly hidden: one that walks on behind another and comes out elsewhere is a
    new track.

    Example:
        >>> size = (32, 48)
        >>> left, right = (MaskCrop.from_bitmap(np.ones((8, 8), np.bool_), size, x, 8) for x in (4, 30))
        >>> associator = Associator()
        >>> associator.update([left, right], None).tolist()
        [1, 2]
        >>> associator.update([right], Motion.still(size)).tolist(), sorted(associator.live)
        ([2], [1, 2])
    """

    def __init__(self, options: AssociationOptions | None = None) -> None:
        self.options = options or AssociationOptions()
        self._tracks: dict[int, _Track] = {}
        self._carried: dict[int, MaskCrop] = {}
        self._duplicate_of: NDArray[np.int64] = np.zeros(0, np.int64)
        self._next_id = 1

    @property
    def carried(self) -> Mapping[int, MaskCrop]:
        """Each track's mask of before this frame, carried to this frame: the W_t of the metrics, by track id."""
        return MappingProxyType(self._carried)

    @property
    def duplicate_of(self) -> NDArray[np.int64]:
        """The track of what each instance of this frame repeats, int64 (N,); `NO_TRACK` where it repeats none."""
        return self._duplicate_of

    @property
    def live(self) -> frozenset[int]:
        """The tracks that can still be continued: seen in this frame, or absent for no longer than the gap memory."""
        return frozenset(self._tracks)

    def forget(self) -> None:
        """End all tracks, as at a cut to another scene."""
        self._tracks.clear()

    def update(
        self, masks: Sequence[MaskCrop], motion: Motion | None, scores: ArrayLike | None = None
    ) -> NDArray[np.int64]:
        """Take the masks of the next frame and return their track ids, int64 (N,).

        Args:
            masks: the frame's masks, in order of instances; none where nothing is seen.
            motion: from the previous frame given to this one; None carries masks unmoved.
            scores: of the instances, which say what of two is the duplicate; without them the larger is the better.

        Returns:
            One id a mask; `NO_TRACK` for an empty mask and for a duplicate, whose track `duplicate_of` then says.

        Raises:
            ValueError: if a mask and the motion are of different frame sizes.
        """
        self._carried = {key: self._carry(track, motion) for key, track in self._tracks.items()}
        groups = _groups(masks, scores)
        overlap = self._overlap(masks)
        keys = list(self._tracks)
        ids = np.full(len(masks), NO_TRACK, np.int64)
        self._duplicate_of = np.full(len(masks), NO_TRACK, np.int64)
        for members, row in zip(groups, self._assigned(overlap, groups), strict=True):
            shown = members[0]
            if row is None:
                ids[shown], self._next_id = self._next_id, self._next_id + 1
            else:
                shown = max(members, key=lambda place: float(overlap[row, place]))
                ids[shown] = keys[row]
            self._duplicate_of[[place for place in members if place != shown]] = ids[shown]
        self._remember(masks, ids)
        return ids

    def _carry(self, track: _Track, motion: Motion | None) -> MaskCrop:
        return track.mask if motion is None or motion.repeated else warp_mask(track.mask, motion)

    def _overlap(self, masks: Sequence[MaskCrop]) -> NDArray[np.float64]:
        """Return what the overlap of each track and each mask counts, (tracks, masks); 0 where the two do not fit."""
        weights = [self.options.lost_weight if track.absent else 1.0 for track in self._tracks.values()]
        carried = [self._carried[key] for key in self._tracks]
        return np.array(weights)[:, None] * overlaps(carried, masks, self.options.min_iou)

    def _assigned(self, overlap: NDArray[np.float64], groups: Sequence[Sequence[int]]) -> list[int | None]:
        """Return the row of the track that each group of instances is given to; None where it is given to none."""
        found: list[int | None] = [None] * len(groups)
        if not overlap.size or not groups:
            return found
        gain = np.stack([overlap[:, list(members)].max(axis=1) for members in groups], axis=1)
        for row, column in zip(*linear_sum_assignment(gain**2, maximize=True), strict=True):
            if gain[row, column] > 0:
                found[column] = int(row)
        self._prefer_older(gain, found)
        return found

    def _prefer_older(self, gain: NDArray[np.float64], found: list[int | None]) -> None:
        """Give groups to longer-lived tracks that are left without and fit nearly as well; changes `found`."""
        seen = [track.seen for track in self._tracks.values()]
        left = set(range(len(seen))) - set(found)
        changed = bool(left)
        while changed:  # every change gives a group to a longer-lived track, so that it comes to an end
            changed = False
            for column, row in enumerate(found):
                if row is None:
                    continue
                least = gain[row, column] - OLDER_TRACK_IOU
                older = [
                    other
                    for other in left
                    if seen[other] > seen[row] and gain[other, column] > 0 and gain[other, column] >= least
                ]
                if older:
                    taken = max(older, key=lambda other: (seen[other], gain[other, column], -other))
                    found[column], changed = taken, True
                    left = (left - {taken}) | {row}

    def _remember(self, masks: Sequence[MaskCrop], ids: NDArray[np.int64]) -> None:
        seen = {int(key): mask for key, mask in zip(ids, masks, strict=True) if key != NO_TRACK}
        for track in (track for key, track in self._tracks.items() if key not in seen):
            track.absent += 1
        self._tracks = {
            key: track for key, track in self._tracks.items() if track.absent <= self.options.max_gap_frames
        }
        gone = [key for key in self._tracks if key not in seen]
        pairs = [(self._tracks[key].mask, self._carried[key]) for key in gone]
        for key, mask in zip(gone, masks_behind(pairs, list(seen.values())), strict=True):
            self._tracks[key].mask = mask
        for key, mask in seen.items():
            before = self._tracks[key].seen if key in self._tracks else 0
            self._tracks[key] = _Track(mask, before + 1)


class GivenTracks:
    """Tracks that somebody else made: each instance's identity is its track id.

    Nothing is forgotten, since an identity may come back after any time; so memory grows by a number for each of them.
    Only masks seen in the last frame are carried, which is what the figures of a pair need.

    Example:
        >>> mask = MaskCrop.from_bitmap(np.ones((8, 8), np.bool_), (32, 48), 4, 8)
        >>> empty = MaskCrop.from_bitmap(np.zeros((32, 48), np.bool_))
        >>> GivenTracks().update([mask, empty], None, [7, 3]).tolist()
        [7, -1]
    """

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._last: dict[int, MaskCrop] = {}
        self._carried: dict[int, MaskCrop] = {}
        self._duplicate_of: NDArray[np.int64] = np.zeros(0, np.int64)

    @property
    def carried(self) -> Mapping[int, MaskCrop]:
        """The masks of the last frame carried to this frame, by track id."""
        return MappingProxyType(self._carried)

    @property
    def duplicate_of(self) -> NDArray[np.int64]:
        """As of an `Associator`; a duplicate that comes with an identity of its own has its track all the same."""
        return self._duplicate_of

    @property
    def live(self) -> frozenset[int]:
        """Every track so far."""
        return frozenset(self._known)

    def forget(self) -> None:
        """Forget the last masks, as at a cut to another scene; identities stand."""
        self._last = {}

    def update(
        self,
        masks: Sequence[MaskCrop],
        motion: Motion | None,
        identities: Sequence[int],
        scores: ArrayLike | None = None,
    ) -> NDArray[np.int64]:
        """Take the masks of the next frame and return their track ids, int64 (N,).

        Args:
            masks: the frame's masks, in order of instances.
            motion: from the previous frame given to this one; None carries masks unmoved.
            identities: one a mask, from 1, each once.
            scores: of the instances, which say what of two is the duplicate; without them the larger is the better.

        Returns:
            The identities; `NO_TRACK` for an empty mask.
        """
        still = motion is None or motion.repeated
        self._carried = {
            key: mask if still or motion is None else warp_mask(mask, motion)
            for key, mask in self._last.items()
        }
        ids = [identity if mask.area else NO_TRACK for identity, mask in zip(identities, masks, strict=True)]
        self._last = {key: mask for key, mask in zip(ids, masks, strict=True) if key != NO_TRACK}
        self._known |= self._last.keys()
        of = repeated(masks, scores)
        self._duplicate_of = np.array([NO_TRACK if better < 0 else ids[better] for better in of], np.int64)
        return np.array(ids, np.int64)


def _groups(masks: Sequence[MaskCrop], scores: ArrayLike | None) -> list[list[int]]:
    """Return the places of masks that are of one thing, best first, in order of their best; empty ones are left out."""
    of = repeated(masks, scores)
    members: dict[int, list[int]] = {
        place: [] for place in np.flatnonzero(of < 0).tolist() if masks[place].area
    }
    for place in best_first(masks, scores):
        if masks[place].area:
            members[place if of[place] < 0 else int(of[place])].append(place)
    return list(members.values())


def masks_behind(absent: Sequence[tuple[MaskCrop, MaskCrop]], in_front: Sequence[MaskCrop]) -> list[MaskCrop]:
    """Return `mask_behind` of each pair of (still, carried); looks only at what is in front where they stand."""
    places = [union_region([still.region, carried.region]) for still, carried in absent]
    near = meeting(places, [mask.region for mask in in_front])
    return [
        mask_behind(still, carried, [in_front[place] for place in np.flatnonzero(row).tolist()])
        for (still, carried), row in zip(absent, near, strict=True)
    ]


def mask_behind(still: MaskCrop, carried: MaskCrop, in_front: Sequence[MaskCrop]) -> MaskCrop:
    """Return the mask of an absent object: carried by the flow, but unmoved where it lies behind what is seen.

    There the flow is that of the object in front, which would take the hidden mask along with it or eat it away.

    Example:
        >>> still, carried, front = (
        ...     MaskCrop.from_bitmap(np.ones((4, side), np.bool_), (16, 32), x, 4)
        ...     for side, x in ((4, 8), (4, 11), (32, 0))
        ... )
        >>> mask_behind(still, carried, []).x, mask_behind(still, carried, [front]).x
        (11, 8)
    """
    region = union_region([still.region, carried.region])
    hiding = [mask for mask in in_front if mask.region.meets(region)]
    if not hiding:
        return carried
    hidden = np.zeros((region.y2 - region.y1, region.x2 - region.x1), np.uint8)
    for mask in hiding:
        hidden |= mask.within(region)
    kept = np.where(hidden, still.within(region), carried.within(region))
    return MaskCrop.from_bitmap(kept, carried.size, region.x1, region.y1)
