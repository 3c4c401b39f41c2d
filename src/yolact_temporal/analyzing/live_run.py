"""A live source analyzed into a run folder by the main path, the newest frame first, until somebody ends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from yolact_temporal.analyzing.live_watch import LiveWatch
from yolact_temporal.analyzing.loaded_model import LoadedModel
from yolact_temporal.analyzing.mask_sources import MaskSource
from yolact_temporal.analyzing.request import RunRequest
from yolact_temporal.analyzing.run_clip import FinishedRun, run_clip
from yolact_temporal.data.frames import Frame
from yolact_temporal.data.live import LiveSource
from yolact_temporal.temporal.flow import FlowOptions, flow_options
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.motion_sources import FlowMotion


class StreamMotion(FlowMotion):
    """Motion between the frames of a live source, estimated by optical flow; nothing goes on where the stream broke.

    Args:
        source: whose frames are given.
        options: how flow is estimated.
    """

    def __init__(self, source: LiveSource, options: FlowOptions | None = None) -> None:
        super().__init__(options)
        self._source = source

    def update(self, frame: Frame) -> Motion | None:
        """Return the estimated motion to this frame; None at the first frame and where the stream broke."""
        motion = super().update(frame)
        return None if self.is_cut(frame) else motion

    def is_cut(self, frame: Frame) -> bool:
        """Say whether the stream was lost, or changed, before this frame."""
        return self._source.is_cut(frame.index)


def run_live(
    source: LiveSource, models: Sequence[LoadedModel | MaskSource], request: RunRequest, watch: LiveWatch
) -> FinishedRun:
    """Analyze a live source until it ends or is stopped, and write everything a run holds.

    Args:
        source: gives the newest frames.
        models: what to run on them.
        request: where the run goes, and what is measured.
        watch: is shown every frame, and releases it.

    Raises:
        InputError: if no frame came.
        YolactTemporalError: as `run_clip`.
    """
    motion = StreamMotion(source, flow_options(request.options))
    return run_clip(source, models, replace(request, motion=motion, watcher=watch))
