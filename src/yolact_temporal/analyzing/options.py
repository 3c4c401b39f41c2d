"""What is measured of a clip, and how."""

from __future__ import annotations

from dataclasses import dataclass

from yolact_temporal.temporal.motion import FlowOptions


@dataclass(frozen=True)
class AnalyzeOptions:
    """What is measured, and how; all of it goes into the manifest, and `--resume` needs it unchanged.

    Attributes:
        start, end: frame index (int) or seconds (float); end exclusive, None to the clip's end.
        stride: take every how manieth frame.
        batch: frames a forward pass.
        flow_long_side: the long side in pixels to which frames are reduced for optical flow.
    """

    start: int | float = 0
    end: int | float | None = None
    stride: int = 1
    batch: int = 1
    flow_long_side: int = FlowOptions.long_side
