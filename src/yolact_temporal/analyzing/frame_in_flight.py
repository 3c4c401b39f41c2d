"""A frame on its way through the stages."""

from __future__ import annotations

from dataclasses import dataclass, field

from yolact_temporal.data.frames import Frame
from yolact_temporal.data.masks_jsonl import FrameRecord
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.stability import FrameStability


@dataclass(frozen=True)
class FrameInFlight:
    """One frame on its way through the stages; by model name all that it saw, counted or not, and how steady it is."""

    frame: Frame
    motion: Motion | None
    cut: bool
    seen: dict[str, FrameRecord] = field(default_factory=dict)
    stability: dict[str, FrameStability] = field(default_factory=dict)
