"""What each way to estimate motion costs, and how true it is: on a synthetic scene, whose motion is known exactly."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from yolact_temporal.analyzing.clip_stages import single_threaded_opencv
from yolact_temporal.benchmarking.metrics import SCENE
from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.runs.manifest import FLOW_METHODS, FlowMethod
from yolact_temporal.data.synthetic import SceneOptions, SyntheticScene
from yolact_temporal.data.synthetic.scenes import SceneFrame
from yolact_temporal.temporal.flow import METHOD_NAMES, FlowEstimator
from yolact_temporal.temporal.metrics import pair_figures
from yolact_temporal.temporal.motion import Motion, warp_mask

ROUNDS = 3
"""Each time is the median of so many rounds, in each of which every method takes a turn."""
FIGURES = ("boundary_px_mean", "motion_compensated_jitter", "round_trip_px")
"""What is measured of the true masks: B1 and B2, which are the motion's error alone, and the floor that is told."""


def run_flow_benchmark(scene: SceneOptions = SCENE) -> dict[str, Any]:
    """Let every method estimate the motion of a synthetic scene; no figure is rounded.

    Args:
        scene: what they see.

    Returns:
        {"frame_size", "pairs", "objects", "rounds", "methods": {name: {"processor_ms_a_pair", "error_px" (mean over
        pixels that are truly visible), "seen" (share of those that it calls visible), and the mean of each of
        `FIGURES` over the true masks of all pairs, over the pixels that are truly visible; None where there is none}}}.

    Example:
        >>> figures = run_flow_benchmark(SceneOptions(size=(64, 96), frames=2, objects=1))
        >>> sorted(figures["methods"])
        ['dis', 'dis-fine', 'dis-quick', 'farneback']
    """
    frames = list(SyntheticScene(scene))
    spent: dict[FlowMethod, list[float]] = {method: [] for method in FLOW_METHODS}
    motions: dict[FlowMethod, list[Motion]] = {}
    with single_threaded_opencv():
        for _ in range(ROUNDS):
            for method in FLOW_METHODS:
                start = time.process_time()
                motions[method] = _motions(frames, method)
                spent[method].append(1e3 * (time.process_time() - start) / max(len(frames) - 1, 1))
    return {
        "frame_size": list(scene.size),
        "pairs": len(frames) - 1,
        "objects": scene.objects,
        "rounds": ROUNDS,
        "methods": {
            method: {"processor_ms_a_pair": statistics.median(spent[method])}
            | _truth_of(frames, motions[method])
            for method in FLOW_METHODS
        },
    }


def _motions(frames: Sequence[SceneFrame], method: FlowMethod) -> list[Motion]:
    estimator = FlowEstimator(method=method)
    return [motion for frame in frames if (motion := estimator.update(frame.rgb)) is not None]


def _truth_of(frames: Sequence[SceneFrame], motions: Sequence[Motion]) -> dict[str, float | None]:
    """Compare motion with what it truly is, and measure the true masks by it."""
    errors, seen = [], []
    measured: dict[str, list[float]] = {name: [] for name in FIGURES}
    for before, now, motion in zip(frames, frames[1:], motions, strict=False):
        away = np.linalg.norm(motion.backward - now.backward, axis=-1)
        errors.append(away[now.visible])
        seen.append(motion.visible[now.visible])
        judged = Motion(motion.backward, now.visible, both=motion.both)
        for number in before.masks.keys() & now.masks.keys():
            previous, current = (MaskCrop.from_bitmap(frame.masks[number]) for frame in (before, now))
            figures = pair_figures(warp_mask(previous, judged), current, judged, previous=previous)
            for name, values in measured.items():
                if (value := figures[name]) is not None:
                    values.append(value)
    return {
        "error_px": _mean(np.concatenate(errors)) if errors else None,
        "seen": _mean(np.concatenate(seen)) if seen else None,
        **{name: _mean(values) for name, values in measured.items()},
    }


def _mean(values: Sequence[float] | np.ndarray[Any, Any]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def format_flow_benchmark(figures: Mapping[str, Any]) -> str:
    """Return the figures as a table for the terminal."""
    height, width = figures["frame_size"]
    lines = [
        f"{figures['pairs']} pairs of a synthetic {width}x{height} scene with {figures['objects']} objects, median of "
        f"{figures['rounds']} rounds. Time is of the processor, both directions. B1 and B2 are those of the true "
        "masks: what the motion's error adds to every model's.",
        f"{'--motion':<11}{'':<13}{'ms a pair':>10}{'error':>10}{'seen':>8}{'B1':>10}{'B2':>9}{'its floor':>11}",
    ]
    for method, own in figures["methods"].items():
        cells = [
            f"{own['processor_ms_a_pair']:>10.1f}",
            f"{_cell(own['error_px'], '{:.3f} px'):>10}",
            f"{_cell(own['seen'], '{:.1%}'):>8}",
            *(
                f"{_cell(own[name], form):>{wide}}"
                for name, form, wide in zip(
                    FIGURES, ("{:.3f} px", "{:.4f}", "{:.3f} px"), (10, 9, 11), strict=True
                )
            ),
        ]
        lines.append(f"{method:<11}{METHOD_NAMES[method]:<13}{''.join(cells)}")
    return "\n".join(lines)


def _cell(value: float | None, form: str) -> str:
    return "undefined" if value is None else form.format(value)
