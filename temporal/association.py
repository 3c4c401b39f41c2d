"""Association: which instance of this frame is which of the last, by the masks alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from yolact_temporal.data.crops import MaskCrop, mask_iou, union_region
from yolact_temporal.temporal.motion import Motion, warp_mask

NO_TRACK = -1
"""The id of an instance whose mask is empty: it is nowhere, so it belongs to no track."""


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
    absent: int = 0


class Associator:
    """Gives each instance of each frame a track id.

    Hungarian assignment (Kuhn 1955, by scipy) that maximises the summed IoU between the frame's masks and the tracks'
    last masks carried here by the flow. Class plays no part, so that a class flip stays one track. A track that is not
    seen is carried on by the flow for up to `max_gap_frames` frames. Ids count up from 1 and are never used again.

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
        self._next_id = 1

    @property
    def carried(self) -> Mapping[int, MaskCrop]:
        """Each track's mask of before this frame, carried to this frame: the W_t of the metrics, by track id."""
        return MappingProxyType(self._carried)

    @property
    def live(self) -> frozenset[int]:
        """The tracks that can still be continued: seen in this frame, or absent for no longer than the gap memory."""
        return frozenset(self._tracks)

    def forget(self) -> None:
        """End all tracks, as at a cut to another scene."""
        self._tracks.clear()

    def update(self, masks: Sequence[MaskCrop], motion: Motion | None) -> NDArray[np.int64]:
        """Take the masks of the next frame and return their track ids, int64 (N,).

        Args:
            masks: the frame's masks, in order of instances; none where nothing is seen.
            motion: from the previous frame given to this one; None carries masks unmoved.

        Returns:
            One id a mask; `NO_TRACK` for an empty mask.

        Raises:
            ValueError: if a mask and the motion are of different frame sizes.
        """
        self._carried = {key: self._carry(track, motion) for key, track in self._tracks.items()}
        ids = self._assign(masks)
        for index, mask in enumerate(masks):
            if ids[index] == NO_TRACK and mask.area:
                ids[index] = self._next_id
                self._next_id += 1
        self._remember(masks, ids)
        return ids

    def _carry(self, track: _Track, motion: Motion | None) -> MaskCrop:
        return track.mask if motion is None or motion.repeated else warp_mask(track.mask, motion)

    def _assign(self, masks: Sequence[MaskCrop]) -> NDArray[np.int64]:
        ids = np.full(len(masks), NO_TRACK, np.int64)
        keys = list(self._tracks)
        gain = np.zeros((len(keys), len(masks)))
        for row, key in enumerate(keys):
            weight = self.options.lost_weight if self._tracks[key].absent else 1.0
            for column, mask in enumerate(masks):
                iou = mask_iou(self._carried[key], mask)
                if iou >= self.options.min_iou:
                    gain[row, column] = weight * iou
        for row, column in zip(*linear_sum_assignment(gain, maximize=True), strict=True):
            if gain[row, column] > 0:
                ids[column] = keys[row]
        return ids

    def _remember(self, masks: Sequence[MaskCrop], ids: NDArray[np.int64]) -> None:
        seen = {int(key): mask for key, mask in zip(ids, masks, strict=True) if key != NO_TRACK}
        for key in list(self._tracks):
            track = self._tracks[key]
            if key in seen:
                continue
            track.absent += 1
            if track.absent > self.options.max_gap_frames:
                del self._tracks[key]
                continue
            track.mask = mask_behind(track.mask, self._carried[key], list(seen.values()))
        for key, mask in seen.items():
            self._tracks[key] = _Track(mask)


class GivenTracks:
    """Tracks that somebody else made: each instance's identity is its track id.

    Nothing is forgotten, since an identity may come back after any time; so memory grows by a little for each of them.
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

    @property
    def carried(self) -> Mapping[int, MaskCrop]:
        """The masks of the last frame carried to this frame, by track id."""
        return MappingProxyType(self._carried)

    @property
    def live(self) -> frozenset[int]:
        """Every track so far."""
        return frozenset(self._known)

    def forget(self) -> None:
        """Forget the last masks, as at a cut to another scene; identities stand."""
        self._last = {}

    def update(
        self, masks: Sequence[MaskCrop], motion: Motion | None, identities: Sequence[int]
    ) -> NDArray[np.int64]:
        """Take the masks of the next frame and return their track ids, int64 (N,).

        Args:
            masks: the frame's masks, in order of instances.
            motion: from the previous frame given to this one; None carries masks unmoved.
            identities: one a mask, from 1, each once.

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
        return np.array(ids, np.int64)


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
