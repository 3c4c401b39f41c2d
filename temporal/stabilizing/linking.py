"""`TrackLinker`: which faint instances go on a known track, and so the frames that stabilisers take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop, overlaps
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.soft_masks import SoftMask
from yolact_temporal.temporal.association import NO_TRACK
from yolact_temporal.temporal.stabilizing.contract import TrackedFrame, TrackedMask
from yolact_temporal.temporal.stabilizing.steps import Step

FAINT_IOU = 0.5
"""A faint instance goes on a track where it overlaps the track's mask, carried here, by so much (METRICS H7)."""

MEMORY_FRAMES = 30
"""Frames that an unseen track is remembered for, where nobody says."""


@dataclass
class _Known:
    mask: MaskCrop
    absent: int = 0
    carried: MaskCrop | None = None


class TrackLinker:
    """Gives faint instances, those not above the operating threshold, the tracks that they go on.

    A track's last mask, counted or faint, is carried frame by frame; where the track has no instance that counts, the
    faint one that overlaps it most goes on it. One that only repeats an instance that counts goes on none.

    Args:
        score_threshold: instances whose score is above it count.
        memory_frames: how long an unseen track is remembered: as long as the association does.
        identified: whether every instance, faint ones too, comes with its identity.

    Attributes:
        carried: the last mask of each remembered track that does not count in this frame, carried here; by track.
    """

    def __init__(
        self, score_threshold: float, memory_frames: int = MEMORY_FRAMES, identified: bool = False
    ) -> None:
        self._threshold = score_threshold
        self._memory = memory_frames
        self._identified = identified
        self._known: dict[int, _Known] = {}
        self._started: set[int] = set()
        self.carried: dict[int, MaskCrop] = {}

    def update(
        self,
        index: int,
        instances: Instances,
        tracks: Sequence[int],
        step: Step,
        seconds: float | None = None,
        identities: Sequence[int] | None = None,
        soft: Sequence[SoftMask] | None = None,
    ) -> TrackedFrame:
        """Take the next frame.

        Args:
            index: its place in the clip.
            instances: all that was seen, faint or not.
            tracks: of the instances that count, in their order.
            step: from the last frame to this one.
            seconds: since the last frame.
            identities: which object each of all the instances is, where somebody says.
            soft: how sure the model is of each of all the masks, where that is known.

        Raises:
            ValueError: if there is not one track for each instance that counts.
        """
        if step.cut:
            self._known = {}
        above = instances.scores > self._threshold
        # Only what is asked for is decoded: a record may hold a hundred faint instances a frame.
        counted, faint = instances.select(above), instances.select(~above)
        if len(counted) != len(tracks):
            raise ValueError(f"expected a track for each of {len(counted)} instances, got {len(tracks)}")
        sure, unsure = _divided(soft, above)
        seen = [_tracked(counted, place, key, True, sure) for place, key in enumerate(tracks)]
        present = {own.track for own in seen}
        self._carry(step, present)
        if self._identified:
            given = np.asarray(identities or (), np.int64)[~above] if identities else np.zeros(0, np.int64)
            links = {
                place: key
                for place, key in enumerate(given.tolist())
                if key in self._started and key not in present
            }
            self._started |= present
        else:
            links = self._links(faint, counted)
        seen += [_tracked(faint, place, key, False, unsure) for place, key in links.items()]
        self._remember(seen)
        return TrackedFrame(index, instances.size, tuple(seen), step, seconds)

    def _carry(self, step: Step, present: set[int]) -> None:
        for key, known in self._known.items():
            known.carried = None if key in present else step.forth(known.mask)
        self.carried = {key: own.carried for key, own in self._known.items() if own.carried is not None}

    def _links(self, faint: Instances, counted: Instances) -> dict[int, int]:
        """Return the tracks of faint instances by their place, the greatest overlap first."""
        absent = [key for key, mask in self.carried.items() if mask.area]
        if not absent or not len(faint):
            return {}
        found = overlaps([self.carried[key] for key in absent], faint.crops, FAINT_IOU)
        repeats = overlaps(faint.crops, counted.crops, FAINT_IOU).any(axis=1)
        found[:, repeats] = 0.0
        links: dict[int, int] = {}
        for place in np.argsort(-found, axis=None, kind="stable").tolist():
            row, column = divmod(place, found.shape[1])
            if not found[row, column]:
                break
            if column not in links and absent[row] not in links.values():
                links[column] = absent[row]
        return links

    def _remember(self, seen: Sequence[TrackedMask]) -> None:
        now = {own.track: own.mask for own in seen if own.track != NO_TRACK and own.mask.area}
        for key, known in list(self._known.items()):
            known.absent += 1
            if known.absent > self._memory:
                del self._known[key]
            elif known.carried is not None:
                known.mask = known.carried
        for key, mask in now.items():
            self._known[key] = _Known(mask)


_Soft = Sequence[SoftMask] | None


def _divided(soft: _Soft, above: NDArray[np.bool_]) -> tuple[_Soft, _Soft]:
    """Return the soft masks of what counts, and of what is faint."""
    if soft is None:
        return None, None
    return list(compress(soft, above)), list(compress(soft, ~above))


def _tracked(instances: Instances, place: int, track: int, counts: bool, soft: _Soft) -> TrackedMask:
    x1, y1, x2, y2 = (float(edge) for edge in instances.boxes[place])
    return TrackedMask(
        track,
        instances.crops[place],
        (x1, y1, x2, y2),
        float(instances.scores[place]),
        int(instances.class_ids[place]),
        counts,
        None if soft is None else soft[place],
    )
