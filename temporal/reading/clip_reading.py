"""What there is to read of one measured clip: objects, movement, answers and moments, before it is put into words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from yolact_temporal.data.runs.answers import Verdict, verdict_data
from yolact_temporal.temporal.reading.moments import Moment
from yolact_temporal.temporal.reading.object_rows import ObjectReading
from yolact_temporal.temporal.reading.sizes import Grade, near_floor, outline_grade


@dataclass(frozen=True)
class Movement:
    """How far one model's outlines move in a clip, beyond the motion.

    Attributes:
        model: its name.
        pairs: of an object's frames, that it is of.
        boundary_px: B1, mean over these pairs; None without any.
        boundary_share: the same as a share of the square root of the objects' areas.
        jitter: B2, likewise.
        blinks: how often an object was gone and came back; None where none was seen.
        grade: how much of it a person sees; None without a B1.
        floor_px, floor_jitter: B6 of B1 and of B2 on these pairs; None where it is not known.
        near_floor: whether B1 hardly differs from its floor, and so says little of the masks.
    """

    model: str
    pairs: int
    boundary_px: float | None
    boundary_share: float | None
    jitter: float | None
    blinks: int | None
    grade: Grade | None
    floor_px: float | None
    floor_jitter: float | None
    near_floor: bool


@dataclass(frozen=True)
class ClipReading:
    """One measured clip, ready to be told.

    Attributes:
        name: the clip's.
        frames: that were measured.
        seconds: that they last; None where the clip has no time.
        size: (height, width) of a frame.
        models: their names, the measured one first.
        objects: a row each, those of most pairs first.
        moments: the worst, worst first.
        verdicts: of every two models; none of one alone.
        numbers: by model and track, the object of the comparison that it is; None where none are compared.
        from_truth: whether objects and floor are those of a ground truth.
        quality: against a ground truth, mean J and F of each model; empty without one.
        causes: what the outlines' movement comes from, a sentence; "" where that is not known.
        remarks: what must be said beside the figures, a sentence each.
    """

    name: str
    frames: int
    seconds: float | None
    size: tuple[int, int]
    models: tuple[str, ...]
    objects: tuple[ObjectReading, ...]
    moments: tuple[Moment, ...]
    verdicts: tuple[Verdict, ...] = ()
    numbers: Mapping[str, Mapping[int, int]] | None = None
    from_truth: bool = False
    quality: Mapping[str, tuple[float | None, float | None]] | None = None
    causes: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def floors_px(self) -> dict[str, float]:
        """B6 of B1 by model, of those of which it is known."""
        floors = {model: self.movement(model).floor_px for model in self.models}
        return {model: floor for model, floor in floors.items() if floor is not None}

    @property
    def pairs(self) -> int:
        """Pairs of an object's frames that the figures are of."""
        return sum(own.pairs for own in self.objects)

    def movement(self, model: str) -> Movement:
        """Return how far a model's outlines move, an object weighing by the pairs it has."""
        own = [reading.models[model] for reading in self.objects if model in reading.models]
        px = _pooled([(one.pairs, one.boundary_px) for one in own])
        share = _pooled([(one.pairs, one.boundary_share) for one in own])
        floor_px = _pooled([(one.pairs, one.floor_px) for one in own])
        blinks = [one.blinks for one in own if one.blinks is not None]
        return Movement(
            model=model,
            pairs=sum(one.pairs for one in own),
            boundary_px=px,
            boundary_share=share,
            jitter=_pooled([(one.pairs, one.jitter) for one in own]),
            blinks=sum(blinks) if blinks else None,
            grade=None if share is None else outline_grade(share),
            floor_px=floor_px,
            floor_jitter=_pooled([(one.pairs, one.floor_jitter) for one in own]),
            near_floor=px is not None and near_floor(px, floor_px),
        )


def _pooled(values: Sequence[tuple[int, float | None]]) -> float | None:
    """Return the mean of values, each weighing by its pairs."""
    known = [(weight, value) for weight, value in values if weight and value is not None]
    total = sum(weight for weight, _ in known)
    return math.fsum(weight * value for weight, value in known) / total if total else None


def reading_data(reading: ClipReading) -> dict[str, Any]:
    """Return a reading as what JSON can hold; what is undefined is None."""
    return {
        "clip": reading.name,
        "frames": reading.frames,
        "seconds": reading.seconds,
        "floor_of": "ground truth" if reading.from_truth else "round trip",
        "movement": [asdict(reading.movement(model)) for model in reading.models],
        "objects": [
            asdict(own) | {"who": own.who, "too_short_to_weigh": not own.weighs} for own in reading.objects
        ],
        "moments": [
            asdict(own)
            | {"who": own.who, "what": own.what}
            | ({} if reading.seconds is not None else {"time_s": None})
            for own in reading.moments
        ],
        "causes": reading.causes or None,
        "remarks": list(reading.remarks),
        "answers": [verdict_data(verdict) for verdict in reading.verdicts],
    }
