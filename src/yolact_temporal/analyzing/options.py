"""What is measured of a clip, and how."""

from __future__ import annotations

from dataclasses import dataclass

from yolact_temporal.data.runs.manifest import FlowMethod, RunOptions
from yolact_temporal.temporal.flow import FlowOptions


@dataclass(frozen=True)
class AnalyzeOptions(RunOptions):
    """What is measured, and how; all of it goes into the manifest, and `--resume` needs it unchanged.

    Attributes:
        flow_long_side: the long side in pixels to which frames are reduced for optical flow.
        motion: the method of optical flow that motion is estimated by; the other one is the second.
        why_every: jitter is explained on every so many pairs of frames, of models that tell the parts of their masks; 0
            for never.
        second_motion_every: the second estimate is made of every so many pairs; 0 for none.
        record_soft: soft masks are kept, of models that hand them out.
    """

    flow_long_side: int = FlowOptions.long_side
    motion: FlowMethod = FlowOptions.method
    second_motion_every: int = FlowOptions.second_every
    why_every: int = 0
    record_soft: bool = False
