"""One row an object: how long it is there, how its outline moves, how often it blinks, all models side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from yolact_temporal.temporal.comparison.comparing import TRUTH_IOU
from yolact_temporal.temporal.comparison.figures import Bools, ClipObjects, Floats, seen_by
from yolact_temporal.temporal.comparison.rows import ObjectRow
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
    """

    frames: int
    pairs: int
    boundary_px: float | None
    boundary_share: float | None
    jitter: float | None
    blinks: int | None


@dataclass(frozen=True)
class ObjectReading:
    """One object of a clip.

    Attributes:
        number: of the object in the comparison, the same for all models; of one model alone its track.
        name: the class that its masks have most often.
        frames: of the clip in which it counts.
        share: the same as a share of the clip's frames, 0..1.
        pairs: which the figures are of: those that all models see; of one model alone its own.
        floor_px, floor_jitter: B6, what true masks, or else masks carried there and back, measure on these pairs; None
            where that is not known.
        models: what each model made of it, by name.
    """

    number: int
    name: str
    frames: int
    share: float
    pairs: int
    floor_px: float | None
    floor_jitter: float | None
    models: Mapping[str, ModelOfObject]

    @property
    def who(self) -> str:
        """The object for a reader, as "person #2"."""
        return f"{self.name} #{self.number}"

    @property
    def weighs(self) -> bool:
        """Whether it has pairs enough to say something by itself."""
        return self.pairs >= LEAST_CLIP_PAIRS


def object_readings(
    rows: Iterable[ObjectRow], thresholds: Mapping[str, float], frames: int
) -> list[ObjectReading]:
    """Return a row for each object of a comparison or of a ground truth, those of most pairs first.

    Args:
        rows: of `objects.csv` or `true_objects.csv`, in their order.
        thresholds: the score above which each model's masks are taken for seen.
        frames: how many frames of the clip were measured.
    """
    held = list(rows)
    objects = ClipObjects.from_rows(held)
    models = [name for name in thresholds if name in objects.models]
    if not models:
        return []
    iou = TRUTH_IOU if objects.has_truth else None
    levels = {name: thresholds[name] for name in models}
    seen = {name: seen_by(objects, (name, name), (level, level), iou) for name, level in levels.items()}
    now = np.stack([seen[name].now[:, 0] for name in models], axis=1)
    common = objects.pair & now.all(axis=1)
    common &= np.stack([seen[name].before[:, 0] for name in models], axis=1).all(axis=1)
    columns = [objects.models.index(name) for name in models]
    outlined = np.isfinite(objects.boundary_px[:, columns]).all(axis=1)
    classes = _classes(held)
    found = []
    for number in dict.fromkeys(objects.object_id.tolist()):
        own = objects.object_id == number
        there = own & now.any(axis=1)
        if not there.any():
            continue
        pairs = own & common
        moved = pairs & outlined
        true_px, true_jitter = _mean(objects.true_boundary_px[pairs]), _mean(objects.true_jitter[pairs])
        trip_px, trip_jitter = objects.round_trip_px[pairs], objects.round_trip_jitter[pairs]
        found.append(
            ObjectReading(
                number=int(number),
                name=classes.get(int(number), UNKNOWN_CLASS),
                frames=int(there.sum()),
                share=float(there.sum()) / max(frames, 1),
                pairs=int(pairs.sum()),
                floor_px=_mean(trip_px[:, columns]) if true_px is None else true_px,
                floor_jitter=_mean(trip_jitter[:, columns]) if true_jitter is None else true_jitter,
                models={
                    name: ModelOfObject(
                        frames=int(now[own, place].sum()),
                        pairs=int(moved.sum()),
                        boundary_px=_mean(objects.boundary_px[moved, columns[place]]),
                        boundary_share=_mean(objects.boundary_share[moved, columns[place]]),
                        jitter=_mean(objects.jitter[pairs, columns[place]]),
                        blinks=_blinks(now[own, place]),
                    )
                    for place, name in enumerate(models)
                },
            )
        )
    return sorted(found, key=_order)


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
                floor_px=figures["round_trip_px"].value,
                floor_jitter=figures["round_trip_jitter"].value,
                models={
                    model: ModelOfObject(
                        frames=track.frames_seen,
                        pairs=figures["boundary_px_mean"].n,
                        boundary_px=figures["boundary_px_mean"].value,
                        boundary_share=figures["boundary_share_mean"].value,
                        jitter=figures["motion_compensated_jitter"].value,
                        blinks=int(sum(gap or 0.0 for gap in gaps)),
                    )
                },
            )
        )
    return sorted(found, key=_order)


def _order(reading: ObjectReading) -> tuple[int, int, int]:
    return -reading.pairs, -reading.frames, reading.number


def _classes(rows: Sequence[ObjectRow]) -> dict[int, str]:
    """Return the class that each object's masks have most often, in all models together."""
    counts: dict[int, Counter[str]] = {}
    for row in rows:
        if row.class_name is not None:
            counts.setdefault(row.object_id, Counter())[row.class_name] += 1
    return {number: min(own, key=lambda name, own=own: (-own[name], name)) for number, own in counts.items()}  # type: ignore[misc]


def _blinks(seen: Bools) -> int | None:
    """Return how often an object is gone between its first and last sighting, bool (T,) in order of frames.

    Example:
        >>> _blinks(np.array([False, True, False, False, True, True, False]))
        1
    """
    places = np.flatnonzero(seen)
    return int((np.diff(places) > 1).sum()) if len(places) else None


def _mean(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None
