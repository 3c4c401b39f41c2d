"""A frame on its way through the stages: each stage hands on a value of its own, and changes none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from yolact_temporal.data.frames import Frame
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.mask_parts import MaskParts
from yolact_temporal.data.masks_jsonl import FrameRecord
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.stability import FrameStability


@dataclass(frozen=True)
class MovedFrame:
    """A frame, and how it came about.

    Attributes:
        frame: the picture, its index and time.
        motion: from the last frame to this one; None where it is not known.
        cut: whether another scene begins with it.
    """

    frame: Frame
    motion: Motion | None
    cut: bool


@dataclass(frozen=True)
class SeenFrame:
    """A frame, and by model all that was seen in it, counted or not; of models that tell, the parts of every mask."""

    moved: MovedFrame
    records: Mapping[str, FrameRecord]
    parts: Mapping[str, MaskParts] = field(default_factory=dict)


@dataclass(frozen=True)
class MeasuredFrame:
    """A frame, and by model what was measured of it.

    Attributes:
        seen: the frame, and all that was seen in it.
        counted: the instances that count.
        stability: how steady they are.
        numbers: the object of the comparison that each of its tracks is, as far as is known; None where none are
            compared.
    """

    seen: SeenFrame
    counted: Mapping[str, Instances]
    stability: Mapping[str, FrameStability]
    numbers: Mapping[str, Mapping[int, int]] | None = None
