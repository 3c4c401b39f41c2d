"""What is measured of a clip, and how."""

from __future__ import annotations

from dataclasses import dataclass

from yolact_temporal.data.runs.manifest import RunOptions
from yolact_temporal.temporal.motion import FlowOptions


@dataclass(frozen=True)
class AnalyzeOptions(RunOptions):
    """What is measured, and how; all of it goes into the manifest, and `--resume` needs it unchanged.

    Attributes:
        flow_long_side: the long side in pixels to which frames are reduced for optical flow.
    """

    flow_long_side: int = FlowOptions.long_side
