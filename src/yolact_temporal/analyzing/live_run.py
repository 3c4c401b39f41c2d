"""A live source analyzed into a run folder by the main path, the newest frame first, until somebody ends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from yolact_temporal.analyzing.live_watch import LiveWatch
from yolact_temporal.analyzing.loaded_model import LoadedModel
from yolact_temporal.analyzing.mask_sources import MaskSource
from yolact_temporal.analyzing.request import RunRequest
from yolact_temporal.analyzing.run_clip import FinishedRun, run_clip
from yolact_temporal.data.live import LiveSource
from yolact_temporal.temporal.flow import flow_options
from yolact_temporal.temporal.motion_sources import CutFlow


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
    motion = CutFlow(source.is_cut, flow_options(request.options))
    return run_clip(source, models, replace(request, motion=motion, watcher=watch))
