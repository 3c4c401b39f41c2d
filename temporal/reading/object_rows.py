"""One row an object: how long it is there, how its outline moves, how often it blinks, all models side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.temporal.comparison.clip_objects import (
    Bools,
    ClipObjects,
    Floats,
    Objects,
    rows_by_object,
)
from yolact_temporal.temporal.comparison.comparing import TRUTH_IOU
from yolact_temporal.temporal.comparison.figures import Seen, seen_by
from yolact_temporal.temporal.comparison.rules import LEAST_CLIP_PAIRS
from yolact_temporal.temporal.metrics.flicker import GAP_SPECS
from yolact_temporal.temporal.stability import TrackStability

UNKNOWN_CLASS = "object"
"""What an object is called that no model has a mask of."""


@dataclass(frozen=True)
class ModelOfObject:
    """What one model made of one object.

    Attributes:
        frames: in which it sees the object.
        pairs: that its B1 is of: the object's, but for those where it is undefined.
        boundary_px, jitter: B1 and B2, means over the object's pairs.
        boundary_share: B1 as a share of the square root of the object's area.
        blinks: how often the object was gone between its first and last sighting; None where it is never seen.
        floor_px, floor_jitter: B6 on the object's pairs: what true masks measure, the same for all models, or else this
            model's own masks carried there and back; None where that is not known.
    """

    frames: int
    pairs: int
    boundary_px: float | None
    boundary_share: float | None
    jitter: float | None
    blinks: int | None
    floor_px: float | None = None
    floor_jitter: float | None = None


@dataclass(frozen=True)
class ObjectReading:
    """One object of a clip.

    Attributes:
        number: of the object in the comparison, the same for all models; of one model alone its track.
        name: the class that its masks have most often.
        frames: of the clip in which it counts.
        share: the same as a share of the clip's frames, 0..1.
        pairs: which the figures are of: those that all models see; of one model alone its own.
        models: what each model made of it, by name.
    """

    number: int
    name: str
    frames: int
    share: float
    pairs: int
    models: Mapping[str, ModelOfObject]

    @property
    def who(self) -> str:
        """The object for a reader, as "person #2"."""
        return f"{self.name} #{self.number}"

    @property
    def weighs(self) -> bool:
        """Whether it has pairs enough to say something by itself."""
        return self.pairs >= LEAST_CLIP_PAIRS


def object_readings(objects: Objects, thresholds: Mapping[str, float], frames: int) -> list[ObjectReading]:
    """Return a row for each object of a comparison or of a ground truth, those of most pairs first.

    Args:
        objects: the clip's table of objects, or of true objects.
        thresholds: the score above which each model's masks are taken for seen.
        frames: how many frames of the clip were measured.
    """
    models = [name for name in thresholds if name in objects.models]
    if not models:
        return []
    iou = TRUTH_IOU if objects.has_truth else None
    levels = [thresholds[name] for name in models]
    gathered: dict[int, _Gathered] = {}
    for part in objects.parts():
        sight = seen_by(part, models, levels, iou)
        for number, own in rows_by_object(part.object_id, np.ones(len(part.object_id), np.bool_)):
            if number not in gathered:
                gathered[number] = _Gathered(len(models))
            gathered[number].add(part, own, sight, part.columns(*models))
    found = [each.reading(number, models, frames) for number, each in gathered.items() if each.there]
    return sorted(found, key=_order)


class _Mean:
    """The mean of what is known of values that come part by part."""

    __slots__ = ("_count", "_sum")

    def __init__(self) -> None:
        self._count, self._sum = 0, 0.0

    def add(self, values: Floats) -> None:
        known = values[np.isfinite(values)]
        self._count += known.size
        self._sum += float(known.sum())

    def value(self) -> float | None:
        """Return the mean; None where nothing is known."""
        return self._sum / self._count if self._count else None


class _GatheredOfModel:
    """What one model made of one object so far."""

    __slots__ = (
        "_blinks",
        "_last",
        "_rows",
        "boundary_px",
        "boundary_share",
        "frames",
        "jitter",
        "trip_jitter",
        "trip_px",
    )

    def __init__(self) -> None:
        self.frames = self._rows = self._blinks = 0
        self._last: int | None = None
        self.boundary_px, self.boundary_share, self.jitter = _Mean(), _Mean(), _Mean()
        self.trip_px, self.trip_jitter = _Mean(), _Mean()

    def see(self, seen: Bools) -> None:
        """Take whether it sees the object in its next frames."""
        places = np.flatnonzero(seen) + self._rows
        self._rows += len(seen)
        if not len(places):
            return
        before = [] if self._last is None else [self._last]
        self._blinks += int((np.diff(np.concatenate([before, places])) > 1).sum())
        self.frames += len(places)
        self._last = int(places[-1])

    @property
    def blinks(self) -> int | None:
        """How often the object is gone between its first and last sighting; None where it is never seen."""
        return None if self._last is None else self._blinks


class _Gathered:
    """One object, gathered over the parts of a clip.

    Attributes:
        there: frames in which a model sees it.
    """

    def __init__(self, models: int) -> None:
        self.there = self._pairs = self._moved = 0
        self._classes: Counter[str] = Counter()
        self._true_px, self._true_jitter = _Mean(), _Mean()
        self._models = [_GatheredOfModel() for _ in range(models)]

    def add(self, part: ClipObjects, own: NDArray[np.intp], sight: Seen, columns: list[int]) -> None:
        """Take the object's rows in the next part, what models see in it, and their columns."""
        now = sight.now[own]
        common = part.pair[own] & now.all(axis=1) & sight.before[own].all(axis=1)
        pairs = own[common]
        moved = pairs[np.isfinite(part.boundary_px[pairs][:, columns]).all(axis=1)]
        self.there += int(now.any(axis=1).sum())
        self._pairs += len(pairs)
        self._moved += len(moved)
        self._classes.update(part.classes.get(int(part.object_id[own[0]]), {}))
        self._true_px.add(part.true_boundary_px[pairs])
        self._true_jitter.add(part.true_jitter[pairs])
        for place, (column, model) in enumerate(zip(columns, self._models, strict=True)):
            model.see(now[:, place])
            model.boundary_px.add(part.boundary_px[moved, column])
            model.boundary_share.add(part.boundary_share[moved, column])
            model.jitter.add(part.jitter[pairs, column])
            model.trip_px.add(part.round_trip_px[moved, column])
            model.trip_jitter.add(part.round_trip_jitter[pairs, column])

    def reading(self, number: int, models: Sequence[str], frames: int) -> ObjectReading:
        """Return the object as it is read, of a clip of so many frames."""
        true_px, true_jitter = self._true_px.value(), self._true_jitter.value()
        return ObjectReading(
            number=number,
            name=min(self._classes, key=lambda name: (-self._classes[name], name), default=UNKNOWN_CLASS),
            frames=self.there,
            share=self.there / max(frames, 1),
            pairs=self._pairs,
            models={
                name: ModelOfObject(
                    frames=model.frames,
                    pairs=self._moved,
                    boundary_px=model.boundary_px.value(),
                    boundary_share=model.boundary_share.value(),
                    jitter=model.jitter.value(),
                    blinks=model.blinks,
                    floor_px=model.trip_px.value() if true_px is None else true_px,
                    floor_jitter=model.trip_jitter.value() if true_jitter is None else true_jitter,
                )
                for name, model in zip(models, self._models, strict=True)
            },
        )


def track_readings(model: str, tracks: Sequence[TrackStability], frames: int) -> list[ObjectReading]:
    """Return a row for each track of a model that is measured alone, those of most pairs first.

    Args:
        model: its name.
        tracks: as measured.
        frames: how many frames of the clip were measured.
    """
    found = []
    for track in tracks:
        figures = track.figures
        gaps = [figures[spec.name].value for spec in GAP_SPECS]
        pairs = figures["motion_compensated_jitter"].n
        found.append(
            ObjectReading(
                number=track.track_id,
                name=track.class_name,
                frames=track.frames_seen,
                share=track.frames_seen / max(frames, 1),
                pairs=pairs,
                models={
                    model: ModelOfObject(
                        frames=track.frames_seen,
                        pairs=figures["boundary_px_mean"].n,
                        boundary_px=figures["boundary_px_mean"].value,
                        boundary_share=figures["boundary_share_mean"].value,
                        jitter=figures["motion_compensated_jitter"].value,
                        blinks=int(sum(gap or 0.0 for gap in gaps)),
                        floor_px=figures["round_trip_px"].value,
                        floor_jitter=figures["round_trip_jitter"].value,
                    )
                },
            )
        )
    return sorted(found, key=_order)


def _order(reading: ObjectReading) -> tuple[int, int, int]:
    return -reading.pairs, -reading.frames, reading.number
