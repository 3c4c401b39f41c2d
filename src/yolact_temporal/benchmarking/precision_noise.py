"""How much jitter reduced precision itself adds: the same frames, network and weights in float32, float16, bfloat16."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from yolact_temporal.analyzing.agreement import Agreement, counted, together
from yolact_temporal.analyzing.chosen_models import require_distinct
from yolact_temporal.analyzing.models import ModelRequest, load_model
from yolact_temporal.benchmarking.networks import timed_clip
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.sources import open_clip
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.motion_sources import FlowMotion
from yolact_temporal.yolact.how_to_run import PRECISIONS

FRAMES = 60
"""Frames that are seen, unless told."""
TOLD = ("boundary_px_mean", "dropout_rate")
"""What is measured in every precision."""


def run_precision_noise(
    models: Sequence[str], frames: int = FRAMES, clip: Path | None = None, device: str = "auto"
) -> dict[str, Any]:
    """Let each model see the same frames in every precision, and compare what it counts with float32.

    Args:
        models: names; their weights must be on this machine, as random ones see nothing.
        frames: how many, from the clip's first on.
        clip: what to run on; by default a film of photographs.
        device: as for analyze.

    Returns:
        {"clip", "frames", "models": {name: {precision: {"instances", "missing", "added",
        "flips_per_100", "boundary_px_mean", "boundary_px_p95", "boundary_px_max" (against float32, None where nothing
        is counted by both), "measured": {metric: value}}}}}.

    Raises:
        UsageError: if there is no such model, or one is named twice.
        WeightsError: if a model's weights are not on this machine.
    """
    require_distinct(models)
    with timed_clip(clip, frames) as (path, _):
        found = {name: _noise_of(name, path, frames, device) for name in models}
    seen = {own.pop("frames") for own in found.values()}
    return {
        "clip": "film of photographs" if clip is None else clip.name,
        "frames": min(seen),
        "models": {name: own["precisions"] for name, own in found.items()},
    }


def _noise_of(name: str, path: Path, frames: int, device: str) -> dict[str, Any]:
    """Read the clip once, and let one model see each frame in every precision; nothing grows with the clip."""
    loaded = {
        precision: load_model(ModelRequest(name, device=device, precision=precision))
        for precision in PRECISIONS
    }
    source, motion = open_clip(path), FlowMotion()
    fps = None if source.info.fps is None else float(source.info.fps)
    meters = {
        precision: StabilityMeter(model.segmenter.class_names, fps) for precision, model in loaded.items()
    }
    agreements: dict[str, list[Agreement]] = {precision: [] for precision in PRECISIONS}
    for frame in islice(source, frames):
        moved, cut = motion.update(frame), motion.is_cut(frame)
        own: dict[str, Instances] = {}
        for precision, model in loaded.items():
            (own[precision],) = counted(model.segmenter.segment(frame.rgb[None]), model.score_threshold)
            meters[precision].update(frame.index, frame.time_s, own[precision], moved, cut=cut)
            agreements[precision].append(Agreement.of([(own[PRECISIONS[0]], own[precision])]))
    return {
        "frames": len(agreements[PRECISIONS[0]]),
        "precisions": {
            precision: _told(together(agreements[precision])) | {"measured": _measured(meters[precision])}
            for precision in PRECISIONS
        },
    }


def _measured(meter: StabilityMeter) -> dict[str, float | None]:
    figures = meter.finish().figures
    return {name: figures[name].value for name in TOLD}


def _told(agreement: Agreement) -> dict[str, Any]:
    distances = np.array(agreement.boundary_px)
    flips = 100 * agreement.flips / agreement.expected if agreement.expected else None
    return {
        "instances": agreement.expected - agreement.missing + agreement.added,
        "missing": agreement.missing,
        "added": agreement.added,
        "flips_per_100": flips,
        "boundary_px_mean": agreement.mean_px,
        "boundary_px_p95": float(np.quantile(distances, 0.95)) if len(distances) else None,
        "boundary_px_max": agreement.worst_px,
    }


def format_precision_noise(figures: Mapping[str, Any]) -> str:
    """Return the figures as a table for the terminal."""
    head = ["precision", "instances", "missing", "added", "flips/100", "B1 mean", "p95", "max", *TOLD]
    lines = [
        f"{figures['clip']}, {figures['frames']} frames, against float32 on the same frames: instances that only one "
        f"counts, B1 of the same instances in px; then what is measured over time, in each precision by itself: "
        + ", ".join(f"{name} ({REGISTRY[name].unit})" for name in TOLD)
    ]
    for name, own in figures["models"].items():
        lines += [name, "  " + _row(head)]
        for precision, row in own.items():
            cells = [
                precision,
                *(str(row[key]) for key in ("instances", "missing", "added")),
                *(
                    _cell(row[key])
                    for key in ("flips_per_100", "boundary_px_mean", "boundary_px_p95", "boundary_px_max")
                ),
                *(_cell(row["measured"][metric]) for metric in TOLD),
            ]
            lines.append("  " + _row(cells))
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return " ".join(f"{cell:>10}" for cell in cells)


def _cell(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
