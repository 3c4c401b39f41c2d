"""The worst moments of a clip: when an object's mask changed most though the object did not, and what happened.

Found while the clip is read, a frame at a time, of each model by itself; memory is bounded. `moments.csv` holds them
for whoever shows them: the first lines, the reports and the dashboard.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from yolact_temporal.data.crops import MaskCrop, covered_share
from yolact_temporal.data.overlay import called
from yolact_temporal.temporal.metrics.absences import COVERED_SHARE
from yolact_temporal.temporal.metrics.flicker import LOG_AREA_RATIO
from yolact_temporal.temporal.motion import Motion, warp_mask
from yolact_temporal.temporal.stability import FrameStability, InstanceStability

Kind = Literal["swallowed", "blink", "class_flip", "area_blink", "box_cut", "shiver"]
"""What happened: another mask took the object's pixels and the object was gone; it was gone and came back; it was of
another class; of another size by more than half; cut by its moving box; or its outline moved otherwise."""

KEPT = 20
"""How many moments are kept of a run."""

APART_S = 0.5
"""Moments of one object are so far apart: within it the worst one stands for all."""

LONGEST_BLINK_S = 1.0
"""An object that is gone for longer has left, as far as anybody knows: the gap memory of the association."""

_RATE = 30.0
"""Frames a second of a clip that has no time of its own, as its overlay is played."""

_CLASS_FLIP_SHARE = 0.5
"""What a flip of the class weighs beside the whole mask going: the mask stays."""

_POOL = 8 * KEPT
"""Moments kept of a model while it is measured, before those too near to worse ones are left out."""


@dataclass(frozen=True)
class Moment:
    """One bad moment of one object in one model's masks.

    Attributes:
        frame: index in the clip; of a blink the first frame without the object.
        time_s: its time.
        model: whose mask.
        track_id: the model's own number of the object.
        object_id: the number that it has in the comparison, which is the same for all models; None where it is of no
            object of the comparison, or there is none.
        class_name: at that moment.
        object_name: the class that the object has most often, in all models; "" where that is not known.
        kind: what happened.
        weight: how bad, 0..1: the share of the mask that changed (all of it when it goes, half of it when its class
            flips), times the square root of the share of the frame that it fills. A convention, for order only.
        boundary_px: B1 of the pair that ends here; None where the object is gone.
        area_ratio: area here over that of the frame before, over pixels seen in both; None likewise.
        gone_frames: of a blink, frames without the object; 0 where it did not come back within a second.
        class_before: of a class flip, the class of the frame before.
        other_track_id: who swallowed it.
        other_object_id: the same as a number of the comparison.
        covering: of a mask that went, the tracks whose masks covered most of it before and still do: where one of them
            is of the same object, the object is not gone.
    """

    frame: int
    time_s: float
    model: str
    track_id: int
    object_id: int | None
    class_name: str
    kind: Kind
    weight: float
    boundary_px: float | None = None
    area_ratio: float | None = None
    gone_frames: int = 0
    class_before: str = ""
    other_track_id: int | None = None
    other_object_id: int | None = None
    object_name: str = ""
    covering: tuple[int, ...] = ()

    @property
    def who(self) -> str:
        """The object for a reader, as "person #2"."""
        return f"{self.object_name or self.class_name} {numbered(self.track_id, self.object_id)}"

    @property
    def what(self) -> str:
        """What happened, for a reader."""
        if self.kind in ("swallowed", "blink"):
            return ", ".join(_gone(self))
        if self.kind == "class_flip":
            return f"class flips from {self.class_before} to {self.class_name}"
        if self.kind == "area_blink" and self.area_ratio is not None:
            if self.area_ratio >= 1:
                return f"grows to {self.area_ratio:.1f} times its size"
            return f"shrinks to {self.area_ratio:.0%} of its size"
        px = "" if self.boundary_px is None else f" {self.boundary_px:.1f} px"
        return f"cut by its moving box, outline moves{px}" if self.kind == "box_cut" else f"outline moves{px}"


def numbered(track_id: int, object_id: int | None) -> str:
    """Return an object's number for a reader: the one that all models share, or else the model's own.

    Example:
        >>> numbered(4, 2), numbered(4, None)
        ('#2', 'track 4')
    """
    return called(track_id, {} if object_id is None else {track_id: object_id})


def _gone(moment: Moment) -> list[str]:
    parts = []
    if moment.other_track_id is not None:
        parts.append(f"swallowed by {numbered(moment.other_track_id, moment.other_object_id)}")
    if moment.gone_frames:
        parts.append(f"gone for {moment.gone_frames} frame{'s' if moment.gone_frames > 1 else ''}")
    return parts or ["gone"]


class _Last(NamedTuple):
    """A track as it was last seen."""

    item: InstanceStability
    mask: MaskCrop


@dataclass
class _Absence:
    """A track that went: when, and who covers it; frames without it so far."""

    frame: int
    time_s: float
    clock: float
    item: InstanceStability
    share: float
    taker: int | None
    covering: tuple[int, ...]
    frames: int = 0


class MomentFinder:
    """Finds one model's worst moments, a frame at a time.

    Args:
        model: its name.
        timed: whether the clip has a time; else 30 frames are taken for a second.

    Example:
        >>> MomentFinder("ours").found()
        []
    """

    def __init__(self, model: str, timed: bool = True) -> None:
        self._model = model
        self._timed = timed
        self._frames = 0
        self._last: dict[int, _Last] = {}
        self._absent: dict[int, _Absence] = {}
        self._window = 0
        self._of_window: dict[int, Moment] = {}
        self._pool: list[Moment] = []

    def update(
        self, stability: FrameStability, masks: Sequence[MaskCrop], motion: Motion | None, cut: bool = False
    ) -> None:
        """Take the next frame.

        Args:
            stability: what was measured of it.
            masks: of its instances, in their order.
            motion: from the last frame to this one; None where it is not known.
            cut: another scene begins: nothing that went is missed.
        """
        clock = self._clock(stability.time_s)
        self._begin(int(clock / APART_S))
        if cut or stability.status == "after_lost_frames":
            self._last, self._absent = {}, {}
        seen = {
            item.track_id: _Last(item, masks[item.index])
            for item in stability.instances
            if item.track_id is not None
        }
        for last in seen.values():
            self._see(stability, last)
        if stability.status != "repeated":
            self._miss(stability, seen, motion)
        self._last = seen
        self._frames += 1

    def found(self) -> list[Moment]:
        """Return the worst moments so far, worst first, those of one object apart; may be called at any time."""
        return worst_apart([*self._pool, *self._of_window.values()], self._timed)

    def _clock(self, time_s: float) -> float:
        return time_s if self._timed else self._frames / _RATE

    def _begin(self, window: int) -> None:
        """Put by what the last stretch of time held, when a new one begins."""
        if window == self._window:
            return
        self._window = window
        self._pool += self._of_window.values()
        self._of_window = {}
        if len(self._pool) > 2 * _POOL:
            self._pool = sorted(self._pool, key=_order)[:_POOL]

    def _keep(self, moment: Moment) -> None:
        other = self._of_window.get(moment.track_id)
        if other is None or _order(moment) < _order(other):
            self._of_window[moment.track_id] = moment

    def _see(self, stability: FrameStability, last: _Last) -> None:
        """Weigh what happened to an object that is seen: in its pair of frames, or while it was gone."""
        item, before = last.item, self._last.get(last.item.track_id or 0)
        share = _frame_share(last.mask)
        absence = self._absent.pop(item.track_id or 0, None)
        if absence is not None:
            self._keep(self._of_absence(absence))
        if item.pair is None or before is None:
            return
        changed = item.pair.get("motion_compensated_jitter")
        weight = _CLASS_FLIP_SHARE if "class_flip" in item.events else 0.0
        if changed is not None and changed >= weight:
            weight = changed
            kind: Kind = next((kind for kind in ("area_blink", "box_cut") if kind in item.events), "shiver")
        elif weight:
            kind = "class_flip"
        else:
            return
        if not weight:
            return
        ratio = item.pair.get(LOG_AREA_RATIO)
        self._keep(
            Moment(
                stability.frame_index,
                stability.time_s,
                self._model,
                item.track_id or 0,
                None,
                item.class_name,
                kind,
                weight * math.sqrt(share),
                boundary_px=item.pair.get("boundary_px_mean"),
                area_ratio=None if ratio is None else math.exp(ratio),
                class_before=before.item.class_name if kind == "class_flip" else "",
            )
        )

    def _miss(self, stability: FrameStability, seen: Mapping[int, _Last], motion: Motion | None) -> None:
        """Note which objects went with this frame, and how long others have been gone."""
        clock = self._clock(stability.time_s)
        for key, absence in list(self._absent.items()):
            absence.frames += 1
            if clock - absence.clock > LONGEST_BLINK_S:
                del self._absent[key]
        for key, last in self._last.items():
            if key in seen:
                continue
            taker, covering = _covers(last.mask, seen, self._last, motion)
            absence = _Absence(
                stability.frame_index,
                stability.time_s,
                clock,
                last.item,
                _frame_share(last.mask),
                taker,
                covering,
                frames=1,
            )
            self._absent[key] = absence
            if (
                taker is not None
            ):  # told even if it never comes back: whoever leaves is not covered by another
                self._keep(self._of_absence(replace(absence, frames=0)))

    def _of_absence(self, absence: _Absence) -> Moment:
        return Moment(
            absence.frame,
            absence.time_s,
            self._model,
            absence.item.track_id or 0,
            None,
            absence.item.class_name,
            "blink" if absence.taker is None else "swallowed",
            math.sqrt(absence.share),
            gone_frames=absence.frames,
            other_track_id=absence.taker,
            covering=absence.covering,
        )


def _frame_share(mask: MaskCrop) -> float:
    return mask.area / (mask.size[0] * mask.size[1])


def _covers(
    mask: MaskCrop, seen: Mapping[int, _Last], before: Mapping[int, _Last], motion: Motion | None
) -> tuple[int | None, tuple[int, ...]]:
    """Return which tracks cover enough of a mask that is gone: the one that covers most anew, and those of before."""
    carried = mask if motion is None or motion.repeated else warp_mask(mask, motion)
    shares = {key: covered_share(carried, other.mask) for key, other in seen.items()}
    over = [key for key, share in shares.items() if share >= COVERED_SHARE]
    already = tuple(
        key for key in over if key in before and covered_share(mask, before[key].mask) >= COVERED_SHARE
    )
    taker = max(set(over) - set(already), key=lambda key: (shares[key], -key), default=None)
    return taker, already


def worst_apart(moments: Iterable[Moment], timed: bool = True, count: int = KEPT) -> list[Moment]:
    """Return the worst moments, worst first, those of one object in one model's masks at least half a second apart.

    Args:
        moments: in any order.
        timed: whether the clip has a time; else 30 frames are taken for a second.
        count: at most so many.
    """
    kept: list[Moment] = []
    for moment in sorted(moments, key=_order):
        if len(kept) == count:
            break
        if not any(_same_event(moment, other, timed) for other in kept):
            kept.append(moment)
    return kept


def _same_event(first: Moment, second: Moment, timed: bool) -> bool:
    if (first.model, first.track_id) != (second.model, second.track_id):
        return False
    apart = first.time_s - second.time_s if timed else (first.frame - second.frame) / _RATE
    return abs(apart) < APART_S


def _order(moment: Moment) -> tuple[float, int, str, int, int]:
    # Of a disappearance that is told twice, when it went and when it came back, the second knows how long it lasted.
    return -moment.weight, moment.frame, moment.model, moment.track_id, -moment.gone_frames


def with_shared_ids(
    moments: Iterable[Moment], objects: Mapping[str, Mapping[int, int]], names: Mapping[int, str]
) -> list[Moment]:
    """Return moments with the numbers and names that their objects have in the comparison.

    A second mask of an object that went while the first stayed is left out: the object was there all the time.

    Args:
        moments: as found.
        objects: by model and track, the object; see `shared_ids`.
        names: of objects.
    """
    named = []
    for moment in moments:
        own = objects.get(moment.model, {})
        other = None if moment.other_track_id is None else own.get(moment.other_track_id)
        number = own.get(moment.track_id)
        if number is not None and any(own.get(key) == number for key in moment.covering):
            continue
        name = "" if number is None else names.get(number, "")
        named.append(replace(moment, object_id=number, other_object_id=other, object_name=name))
    return named
