"""`StabilityMeter`: instances and motion in, frame by frame; stability of frames, tracks and the clip out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.instances import Instances
from yolact_temporal.temporal.association import (
    NO_TRACK,
    AssociationOptions,
    Associator,
    GivenTracks,
)
from yolact_temporal.temporal.metrics import (
    REGISTRY,
    Figure,
    Observation,
    pair_figures,
    track_accumulators,
)
from yolact_temporal.temporal.metrics.contract import UNDEFINED, FrameSums, Term
from yolact_temporal.temporal.metrics.flicker import LOG_AREA_RATIO, Presence, is_area_blink
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.pairing import pair_status
from yolact_temporal.temporal.pooling import ClipSums
from yolact_temporal.temporal.sleeping import AWAKE_FRAMES, PassedFrame, SleepingTracks
from yolact_temporal.temporal.stability import (
    Box,
    ClipStability,
    Event,
    FrameStability,
    InstanceStability,
    PairStatus,
    TrackStability,
    clip_figures,
)

BOX_CUT_PX = 1.0
"""Least mean boundary displacement near the box, at least twice that off the box, for the event `box_cut`."""


class _TrackState:
    """What is kept of a track while it can still be continued: sums and accumulators."""

    def __init__(self, track_id: int, frame_index: int, time_s: float) -> None:
        self.track_id = track_id
        self.first = self.last = (frame_index, time_s)
        self.seen = 0
        self.gap = 0
        self.absent = 0
        self.present = False
        self.score_sum = 0.0
        self.area_sum = 0
        self.classes: Counter[int] = Counter()
        self.class_id: int | None = None
        self.box: Box | None = None
        self.accumulators = track_accumulators()

    def add(self, observation: Observation, frame_index: int, time_s: float) -> None:
        """Take the next frame."""
        for accumulator in self.accumulators:
            accumulator.add(observation)
        self.present = observation.present
        if not observation.present:
            self.gap += observation.counts
            self.absent += 1
            return
        self.gap = self.absent = 0
        self.seen += 1
        self.last = (frame_index, time_s)
        self.score_sum += observation.score or 0.0
        self.area_sum += observation.area_px or 0
        self.class_id, self.box = observation.class_id, observation.box
        if observation.class_id is not None:
            self.classes[observation.class_id] += 1

    def sums(self) -> dict[str, FrameSums]:
        """Return the sums that its figures are made of, by metric name."""
        return {name: own for accumulator in self.accumulators for name, own in accumulator.sums().items()}

    def result(self, class_names: Sequence[str]) -> TrackStability:
        """Return the track as measured so far."""
        figures: dict[str, Figure] = {}
        absent, life_s = 0, None
        for accumulator in self.accumulators:
            figures |= accumulator.figures()
            if isinstance(accumulator, Presence):
                absent, life_s = accumulator.absent_frames, accumulator.life_s
        names = tuple(REGISTRY.own())
        ordered = [figures.get(name, UNDEFINED) for name in names]
        commonest = min(self.classes, key=lambda key: (-self.classes[key], key))
        return TrackStability(
            track_id=self.track_id,
            class_name=_class_name(class_names, commonest),
            first_frame=self.first[0],
            last_frame=self.last[0],
            first_time_s=self.first[1],
            last_time_s=self.last[1],
            frames_seen=self.seen,
            frames_absent=absent,
            life_s=life_s,
            mean_score=self.score_sum / self.seen,
            mean_area_px=self.area_sum / self.seen,
            _names=names,
            _values=np.array([math.nan if figure.value is None else figure.value for figure in ordered]),
            _counts=np.array([(figure.n, figure.n_undefined) for figure in ordered], np.int32),
        )


class StabilityMeter:
    """Measures one model on one clip, one frame at a time.

    Memory does not grow with the clip but for one short record of each finished track. What intervals are drawn from is
    summed over all tracks and, in long clips, over neighbouring frames (`ClipSums`). Where identities are given, a
    track may come back after any time: one that is absent for long is put by (`SleepingTracks`).

    Args:
        class_names: what `Instances.class_ids` index into; it may grow while frames come, as classes are first seen.
        fps: the clip's frames a second; None where it has no time, and figures per second are then undefined.
        stride: how far apart the selected frames are, 1 for every frame; frames so far apart are consecutive.
        association: how instances become tracks; by default with a gap memory of about one second.
        identified: whether every instance comes with its identity, which is then its track.
        pictures: whether there are pictures to tell motion from. Without them a pair of consecutive frames counts for
            every figure that needs no motion, and a repeated frame cannot be told from another.
        mask_cell_px: width and height in pixels of a cell of the grid on which the model's boxes cut its masks; None
            where that is not known.

    Example:
        >>> bitmap = np.zeros((1, 32, 48), np.bool_)
        >>> bitmap[0, 8:24, 8:24] = True
        >>> seen = Instances.from_bitmaps([[8, 8, 24, 24]], [0.9], [0], bitmap)
        >>> meter = StabilityMeter(("person",), fps=24)
        >>> for index in range(10):
        ...     motion = Motion.still((32, 48)) if index else None
        ...     frame = meter.update(index, index / 24, seen, motion)
        >>> frame.status, frame.track_ids.tolist()
        ('counted', [1])
        >>> clip = meter.finish()
        >>> clip.figures["boundary_px_mean"].value, clip.figures["dropout_rate"].value
        (0.0, 0.0)
    """

    def __init__(
        self,
        class_names: Sequence[str],
        fps: float | None = None,
        stride: int = 1,
        association: AssociationOptions | None = None,
        identified: bool = False,
        pictures: bool = True,
        mask_cell_px: tuple[float, float] | None = None,
    ) -> None:
        if fps is not None and not (math.isfinite(fps) and fps > 0):
            raise ValueError(f"expected a frame rate above 0, or None, got {fps}")
        if stride < 1:
            raise ValueError(f"expected a stride of at least 1, got {stride}")
        self._class_names = class_names
        self._fps = None if fps is None else float(fps)
        self._stride = stride
        rate = None if self._fps is None else self._fps / stride
        self._association = None if identified else association or AssociationOptions.for_rate(rate)
        self._associator = GivenTracks() if self._association is None else Associator(self._association)
        self._pictures = pictures
        self._mask_cell_px = mask_cell_px
        self._open: dict[int, _TrackState] = {}
        self._asleep: SleepingTracks[_TrackState] = SleepingTracks(_pass_absent)
        self._finished: list[TrackStability] = []
        self._sums = ClipSums()
        self._last: tuple[int, float] | None = None
        self._last_masks: dict[int, MaskCrop] = {}
        self._frames = self._instances = self._empty_masks = 0
        self._statuses: Counter[str] = Counter()

    def update(
        self,
        frame_index: int,
        time_s: float,
        instances: Instances,
        motion: Motion | None,
        cut: bool = False,
        identities: Sequence[int] | None = None,
    ) -> FrameStability:
        """Take the next frame.

        Args:
            frame_index: its place in the clip; above the last one given.
            time_s: its time in seconds.
            instances: what the model saw in it.
            motion: from the last frame given to this one; None at the first.
            cut: another scene begins with this frame: all tracks end, none is lost.
            identities: which object each instance is, where that is given; None where it is not.

        Returns:
            Track ids and the figures of each instance's pair with the last frame.

        Raises:
            ValueError: if frames do not come in order, the motion is of another frame size, or identities are missing
                or not asked for.
        """
        if self._last is not None and frame_index <= self._last[0]:
            raise ValueError(f"expected a frame index above {self._last[0]}, got {frame_index}")
        if motion is not None and motion.size != instances.size:
            raise ValueError(f"expected motion of size {instances.size}, got {motion.size}")
        if cut:
            self._associator.forget()
            self._close_forgotten()
        status = pair_status(None if self._last is None else self._last[0], frame_index, self._stride, motion)
        seconds = self._seconds(time_s)
        masks = instances.crops
        ids = self._track(masks, instances.scores, motion, identities)
        for key in ids.tolist():
            if (woken := self._asleep.wake(key)) is not None:
                self._open[key] = woken
        seen: list[InstanceStability] = []
        for index, (key, mask) in enumerate(zip(ids.tolist(), masks, strict=True)):
            pair = self._measure(key, mask, _box(instances, index), motion) if status == "counted" else None
            seen.append(self._instance(instances, index, key, mask, pair, self._is_pair(status)))
        here = set(ids.tolist())
        lost = tuple(sorted(key for key, track in self._open.items() if track.present and key not in here))
        added = self._observe(seen, status, seconds, frame_index, time_s)
        self._close_forgotten()
        self._last = (frame_index, time_s)
        self._last_masks = dict(zip(ids.tolist(), masks, strict=True))
        self._frames += 1
        self._instances += len(instances)
        self._empty_masks += sum(mask.area == 0 for mask in masks)
        self._statuses[status] += 1
        return FrameStability(frame_index, time_s, status, tuple(seen), lost, added)

    @property
    def carried(self) -> Mapping[int, MaskCrop]:
        """Each track's mask of before the last frame given, carried to it, by track id."""
        return self._associator.carried

    def finish(self) -> ClipStability:
        """Return the clip's stability from the frames so far; may be called at any time."""
        # What comes after the last sighting of a track says nothing of it.
        unfinished = chain(self._open.values(), self._asleep.values())
        tracks = [*self._finished, *(track.result(self._class_names) for track in unfinished)]
        tracks.sort(key=lambda track: track.track_id)
        pooled = self._sums.pooled()
        pairs = ("counted", "repeated", "after_lost_frames", "without_motion")
        return ClipStability(
            frames=self._frames,
            instances=self._instances,
            empty_masks=self._empty_masks,
            frame_pairs={status: self._statuses[status] for status in pairs},
            tracks=tuple(tracks),
            figures=clip_figures([track.figures for track in tracks], pooled),
            association=self._association,
            pictures=self._pictures,
            sums=pooled,
        )

    def _track(
        self,
        masks: Sequence[MaskCrop],
        scores: NDArray[np.float32],
        motion: Motion | None,
        identities: Sequence[int] | None,
    ) -> NDArray[np.int64]:
        if isinstance(self._associator, Associator):
            if identities is not None:
                raise ValueError("expected no identities, since tracks are made here, got some")
            return self._associator.update(masks, motion, scores)
        if identities is None:
            raise ValueError("expected an identity for every instance, got none")
        return self._associator.update(masks, motion, identities, scores)

    def _is_pair(self, status: PairStatus) -> bool:
        """Say whether the pair of a status counts for figures that need no motion."""
        return status == "counted" or (status == "without_motion" and not self._pictures)

    def _seconds(self, time_s: float) -> float | None:
        if self._fps is None or self._last is None:
            return None
        step = time_s - self._last[1]
        return step if step > 0 else self._stride / self._fps

    def _measure(
        self, key: int, mask: MaskCrop, box: Box, motion: Motion | None
    ) -> dict[str, float | None] | None:
        track = self._open.get(key)
        if track is None or not track.present or motion is None:
            return None
        carried, previous = self._associator.carried[key], self._last_masks[key]
        return pair_figures(carried, mask, motion, track.box, box, previous, self._mask_cell_px)

    def _instance(
        self,
        instances: Instances,
        index: int,
        key: int,
        mask: MaskCrop,
        pair: Mapping[str, float | None] | None,
        paired: bool,
    ) -> InstanceStability:
        class_id = int(instances.class_ids[index])
        track = self._open.get(key)
        repeats = int(self._associator.duplicate_of[index])
        return InstanceStability(
            index=index,
            track_id=None if key == NO_TRACK else key,
            class_id=class_id,
            class_name=_class_name(self._class_names, class_id),
            score=float(instances.scores[index]),
            box=_box(instances, index),
            area_px=mask.area,
            centroid=mask.centroid(),
            gap_frames=track.gap if track is not None else 0,
            events=_events(track, key, class_id, pair, paired, repeats != NO_TRACK),
            pair=pair,
            duplicate_of=None if repeats == NO_TRACK else repeats,
        )

    def _observe(
        self,
        seen: Sequence[InstanceStability],
        status: PairStatus,
        seconds: float | None,
        frame_index: int,
        time_s: float,
    ) -> Mapping[str, Term]:
        """Tell every open track of this frame, and open those that are new; returns what that adds to all sums."""
        paired, counts = self._is_pair(status), status != "repeated"
        present = {item.track_id: item for item in seen if item.track_id is not None}
        duplicates = Counter(
            item.track_id or item.duplicate_of for item in seen if item.duplicate_of is not None
        )
        instances = Counter(item.track_id or item.duplicate_of for item in seen)
        for key in present.keys() - self._open.keys():
            self._open[key] = _TrackState(key, frame_index, time_s)
        for key, track in self._open.items():
            item = present.get(key)
            if item is None:
                absent = Observation(False, paired, counts, seconds, frame=self._frames)
                track.add(absent, frame_index, time_s)
                continue
            observation = Observation(
                present=True,
                paired=paired,
                counts=counts,
                seconds=seconds,
                class_id=item.class_id,
                score=item.score,
                area_px=item.area_px,
                centroid=item.centroid,
                box=item.box,
                pair=item.pair,
                frame=self._frames,
                instances=instances[key],
                duplicates=duplicates[key],
            )
            track.add(observation, frame_index, time_s)
        added = self._sums.take(track.sums() for track in self._open.values())
        self._asleep.pass_frame(PassedFrame(self._frames, time_s, paired, counts, seconds))
        return added

    def _close_forgotten(self) -> None:
        if isinstance(self._associator, GivenTracks):
            for key in [key for key, track in self._open.items() if track.absent > AWAKE_FRAMES]:
                self._asleep.put(key, self._open.pop(key))
            return
        for key in self._open.keys() - self._associator.live:
            self._finished.append(self._open.pop(key).result(self._class_names))


def _pass_absent(track: _TrackState, frames: Iterable[PassedFrame]) -> None:
    """Tell a track of frames in which it was absent."""
    for frame in frames:
        absent = Observation(False, frame.paired, frame.counts, frame.seconds, frame=frame.place)
        track.add(absent, frame.place, frame.time_s)


def _events(
    track: _TrackState | None,
    key: int,
    class_id: int,
    pair: Mapping[str, float | None] | None,
    paired: bool,
    repeats: bool,
) -> tuple[Event, ...]:
    if key == NO_TRACK:
        return ("duplicate",) if repeats else ("empty_mask",)
    events: list[Event] = ["duplicate"] if repeats else []
    if track is None:
        return ("new", *events)
    if not track.present:
        events.append("return")
    if paired and track.present and class_id != track.class_id:
        events.append("class_flip")
    if pair is not None:
        ratio = pair[LOG_AREA_RATIO]
        if ratio is not None and is_area_blink(ratio):
            events.append("area_blink")
        near, off = pair["boundary_near_box_px_mean"], pair["boundary_off_box_px_mean"]
        if near is not None and near >= BOX_CUT_PX and (off is None or near >= 2 * off):
            events.append("box_cut")
    return tuple(events)


def _box(instances: Instances, index: int) -> Box:
    x1, y1, x2, y2 = (float(edge) for edge in instances.boxes[index])
    return x1, y1, x2, y2


def _class_name(class_names: Sequence[str], class_id: int) -> str:
    return class_names[class_id] if 0 <= class_id < len(class_names) else str(class_id)
