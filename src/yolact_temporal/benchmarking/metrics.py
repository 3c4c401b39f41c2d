"""Timing the metrics, without any network: a synthetic scene seen by a stand-in, whose masks are measured."""

from __future__ import annotations

import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.analyzing.clip_stages import (
    BACKGROUND_NICENESS,
    QUEUE_DEPTH,
    single_threaded_opencv,
    with_motion,
)
from yolact_temporal.analyzing.frames_in_flight import MovedFrame
from yolact_temporal.analyzing.pipeline import overlapped
from yolact_temporal.analyzing.stage_clock import StageClock
from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.frames import Frame
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.rle import decode_masks
from yolact_temporal.data.synthetic import SceneOptions, SyntheticScene, make_stand_in
from yolact_temporal.data.synthetic.scenes import CLASS_NAMES
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.metrics.outline_matching import matching
from yolact_temporal.temporal.metrics.region import TOLERANCE, boundary_f, region_iou
from yolact_temporal.temporal.metrics.shape_stability import shape_contexts, shape_distance
from yolact_temporal.temporal.motion_sources import FlowMotion

SCENE = SceneOptions(size=(480, 854), frames=12, objects=10, camera="pan", deforming=True)
"""What is measured: 10 objects in every frame, shown there and back for as many frames as are asked for."""
SMALL_SCENE = SceneOptions(size=(96, 128), frames=12, objects=3, camera="pan")
"""What memory is measured on: many frames in little time."""
NOISE_PX = 1.0
"""How much the stand-in's outlines shiver, RMS."""
CORES = 2
"""How many the metrics are timed on, where the system can say so."""
ROUNDS = 3
"""Each figure is the median of so many rounds; what is compared takes turns."""
ORIGINAL_SHAPE_STABILITY_MS = 600.0
"""What the original implementation of T takes a pair at 480p."""


class SceneFrame(NamedTuple):
    """One frame: its picture, uint8 (H, W, 3), the stand-in's instances, and the true mask of each, bool (H, W)."""

    rgb: NDArray[np.uint8]
    instances: Instances
    truth: tuple[NDArray[np.bool_], ...]


def run_metrics_benchmark(
    frames: int = 60,
    memory_frames: int = 1500,
    scene: SceneOptions = SCENE,
    small_scene: SceneOptions = SMALL_SCENE,
) -> dict[str, Any]:
    """Time the metrics on a synthetic scene; no figure is rounded.

    Args:
        frames: a round, of the jitter and flicker of a clip.
        memory_frames: how many frames memory is watched for.
        scene, small_scene: what is timed, and what memory is watched on.

    Returns:
        {"frame_size", "instances_a_frame", "cores", "rounds", and by part
        "stability": {"frames", "frames_per_s", "ms_a_frame", "processor_ms_a_frame",
        "stages_ms": {"flow", "measure"}, "stage_shares"},
        "region": {"pairs", "ms_a_pair", "full_frame_ms_a_pair", "ratio"},
        "shape_stability": {"pairs", "compiled", "points", "ms_a_pair", "original_ms_a_pair", "ratio"},
        "memory": {"frames", "resident_mib_at_third", "resident_mib", "peak_mib_at_third", "peak_mib"}}; memory is None
        where the system does not tell.
    """
    with _few_cores() as cores, single_threaded_opencv():
        # First of all, while the process holds little else.
        memory = watch_memory(see_scene(small_scene), memory_frames, small_scene.fps)
        seen = see_scene(scene)
        return {
            "frame_size": list(scene.size),
            "instances_a_frame": len(seen[0].instances),
            "cores": cores,
            "rounds": ROUNDS,
            "stability": time_stability(seen, frames, scene.fps),
            "region": time_region(seen),
            "shape_stability": time_shape_stability(seen),
            "memory": memory,
        }


def see_scene(options: SceneOptions) -> list[SceneFrame]:
    """Let a stand-in whose outlines shiver by `NOISE_PX` see a scene."""
    stand_in = make_stand_in("boundary_noise", NOISE_PX)
    seen = []
    for frame in SyntheticScene(options):
        instances = stand_in.see(frame)
        seen.append(SceneFrame(frame.rgb, instances, tuple(frame.masks[key] for key in stand_in.shown)))
    return seen


def time_stability(seen: Sequence[SceneFrame], frames: int, fps: float) -> dict[str, Any]:
    """Time flow, association and all figures of jitter and flicker, in the threads that `analyze` runs them in."""
    rounds, processor = [], []
    for _ in range(ROUNDS):
        clock, start = StageClock(), time.process_time()
        measure_stability(seen, frames, fps, clock)
        processor.append((time.process_time() - start) / frames)
        rounds.append(clock.seconds())
    total = statistics.median(seconds["total"] for seconds in rounds)
    stages = {
        name: statistics.median(seconds[name] for seconds in rounds) for name in rounds[0] if name != "total"
    }
    return {
        "frames": frames,
        "frames_per_s": frames / total,
        "ms_a_frame": 1e3 * total / frames,
        "processor_ms_a_frame": 1e3 * statistics.median(processor),
        "stages_ms": {name: 1e3 * seconds / frames for name, seconds in stages.items()},
        "stage_shares": {name: seconds / sum(stages.values()) for name, seconds in stages.items()},
    }


def measure_stability(
    seen: Sequence[SceneFrame],
    frames: int,
    fps: float,
    clock: StageClock,
    progress: Callable[[int], object] | None = None,
) -> StabilityMeter:
    """Measure a scene there and back, flow and figures overlapping as in `analyze`; return the meter.

    Args:
        seen: the scene's frames, at least two.
        frames: how many to measure.
        fps: of the clip.
        clock: counts the time of each stage.
        progress: called with the number of frames done.
    """
    meter = StabilityMeter(CLASS_NAMES, fps)
    order = [*range(len(seen)), *range(len(seen) - 2, 0, -1)]

    def shown() -> Iterator[Frame]:
        """Yield the frames of the scene again, in the order of a clip."""
        for number in range(frames):
            yield Frame(number, number / fps, seen[order[number % len(order)]].rgb)

    def measured(moving: Iterator[MovedFrame]) -> Iterator[int]:
        """Measure each frame, and yield its number."""
        for moved in moving:
            number = moved.frame.index
            instances = seen[order[number % len(order)]].instances
            with clock.running("measure"):
                meter.update(number, moved.frame.time_s, instances, moved.motion)
            yield number

    moved = overlapped(
        with_motion(shown(), FlowMotion(), clock),
        QUEUE_DEPTH,
        "flow",
        BACKGROUND_NICENESS,
    )
    for number in overlapped(measured(moved), QUEUE_DEPTH, "measure", BACKGROUND_NICENESS):
        if progress is not None:
            progress(number + 1)
    return meter


def time_region(seen: Sequence[SceneFrame]) -> dict[str, Any]:
    """Time J and F of every mask against the true one, and the same by whole frames and a dilation with a disc.

    Raises:
        ArithmeticError: if the two do not give the same values.
    """
    pairs = [
        (mask, truth)
        for frame in seen
        for mask, truth in zip(
            decode_masks(frame.instances.masks, frame.instances.size), frame.truth, strict=True
        )
    ]
    rounds = []
    for _ in range(ROUNDS):
        ours, own_seconds = _timed(lambda: [_region_by_crops(mask, truth) for mask, truth in pairs])
        whole, whole_seconds = _timed(lambda: [region_by_whole_frames(mask, truth) for mask, truth in pairs])
        if ours != whole:
            raise ArithmeticError("expected the same J and F from crops as from whole frames, got others")
        rounds.append((own_seconds, whole_seconds))
    own, full = (1e3 * statistics.median(values) / len(pairs) for values in zip(*rounds, strict=True))
    return {
        "pairs": len(pairs),
        "ms_a_pair": own,
        "full_frame_ms_a_pair": full,
        "ratio": statistics.median(whole / ours for ours, whole in rounds),
    }


def _region_by_crops(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> tuple[float, float]:
    crops = MaskCrop.from_bitmap(mask), MaskCrop.from_bitmap(truth)
    return region_iou(*crops), boundary_f(*crops)


def region_by_whole_frames(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Return J and F of a mask as they are written down: on the whole frame, F by dilating with a disc.

    Args:
        mask, truth: bool (H, W).
    """
    union = int(np.count_nonzero(mask | truth))
    iou = int(np.count_nonzero(mask & truth)) / union if union else 1.0
    radius = math.ceil(TOLERANCE * math.hypot(*mask.shape))
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc = (rows**2 + columns**2 <= radius**2).astype(np.uint8)
    found, true = _boundary_of_frame(mask), _boundary_of_frame(truth)
    count, true_count = int(found.sum()), int(true.sum())
    if not count or not true_count:
        return iou, 1.0 if count == true_count else 0.0
    precision = int((found & np.asarray(cv2.dilate(true, disc), np.uint8)).sum()) / count
    recall = int((true & np.asarray(cv2.dilate(found, disc), np.uint8)).sum()) / true_count
    return iou, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _boundary_of_frame(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Mark pixels that differ from their right, lower or lower right neighbour."""
    below, right, across = mask.copy(), mask.copy(), mask.copy()
    below[:-1], right[:, :-1] = mask[1:], mask[:, 1:]
    across[:-1, :-1] = mask[1:, 1:]
    edge = (mask ^ below) | (mask ^ right) | (mask ^ across)
    edge[-1], edge[:, -1] = mask[-1] ^ right[-1], mask[:, -1] ^ below[:, -1]
    edge[-1, -1] = False
    return edge.view(np.uint8)


def time_shape_stability(seen: Sequence[SceneFrame]) -> dict[str, Any]:
    """Time T of consecutive frames by the thread's own clock; all objects count as one, as DAVIS 2016 has them."""
    masks = [
        MaskCrop.from_bitmap(np.logical_or.reduce(decode_masks(frame.instances.masks, frame.instances.size)))
        for frame in seen
    ]
    pairs, points = [], []
    warm = shape_contexts(masks[0])
    assert warm is not None, "objects of this size have an outline"
    shape_distance(warm, warm)  # where it is compiled, that is not counted
    for _ in range(ROUNDS):
        last: NDArray[np.float64] | None = None
        for mask in masks:
            start = time.thread_time()
            shape = shape_contexts(mask)
            assert shape is not None, "objects of this size have an outline"
            if last is not None:
                shape_distance(last, shape)
                pairs.append(time.thread_time() - start)
            points.append(len(shape))
            last = shape
    own = 1e3 * statistics.median(pairs)
    return {
        "pairs": len(masks) - 1,
        "compiled": matching().compiled,
        "points": statistics.median(points),
        "ms_a_pair": own,
        "original_ms_a_pair": ORIGINAL_SHAPE_STABILITY_MS,
        "ratio": ORIGINAL_SHAPE_STABILITY_MS / own,
    }


def watch_memory(seen: Sequence[SceneFrame], frames: int, fps: float) -> dict[str, Any]:
    """Measure the memory of this process after a third of a long clip and at its end, in MiB."""
    found: dict[str, float | None] = {}

    def look(done: int) -> None:
        """Note the memory at a third and at the end."""
        for at, suffix in ((max(frames // 3, 1), "_at_third"), (frames, "")):
            if done == at:
                found["resident_mib" + suffix] = resident_mib()
                found["peak_mib" + suffix] = peak_mib()

    measure_stability(seen, frames, fps, StageClock(), look)
    return {"frames": frames} | found


def resident_mib() -> float | None:
    """Return the memory that the process holds now; None where the system does not tell."""
    status = Path("/proc/self/statm")
    if not status.exists():
        return None
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def peak_mib() -> float | None:
    """Return the most memory that the process ever held; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 2**20 if sys.platform == "darwin" else most / 2**10


@contextmanager
def _few_cores() -> Iterator[int]:
    """Keep this thread, and those it starts, to `CORES` of the machine's cores; yields how many there are."""
    if not hasattr(os, "sched_setaffinity"):
        yield os.cpu_count() or 1
        return
    before = os.sched_getaffinity(0)
    few = set(sorted(before)[:CORES])
    os.sched_setaffinity(0, few)
    try:
        yield len(few)
    finally:
        os.sched_setaffinity(0, before)


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


def format_metrics_benchmark(figures: dict[str, Any]) -> str:
    """Return the figures as a table for the terminal."""
    height, width = figures["frame_size"]
    stability, region = figures["stability"], figures["region"]
    shape, memory = figures["shape_stability"], figures["memory"]
    stages = ", ".join(
        f"{name} {stability['stages_ms'][name]:.1f} ms ({share:.0%})"
        for name, share in stability["stage_shares"].items()
    )

    def mib(name: str) -> str:
        value = memory[name]
        return "unknown" if value is None else f"{value:.0f} MiB"

    rows = (
        (
            "jitter and flicker",
            f"{stability['frames_per_s']:.1f} frames/s",
            f"{stability['ms_a_frame']:.1f} ms a frame ({stability['processor_ms_a_frame']:.1f} of processor time); "
            f"stages, overlapping: {stages}",
        ),
        (
            "J and F",
            f"{region['ms_a_pair']:.2f} ms a mask",
            f"{region['ratio']:.1f} times as fast as on whole frames with a disc "
            f"({region['full_frame_ms_a_pair']:.2f} ms), same values",
        ),
        (
            "T",
            f"{shape['ms_a_pair']:.1f} ms a pair",
            f"{'compiled' if shape['compiled'] else 'by NumPy'}, outlines of {shape['points']:.0f} points, "
            "processor time; "
            f"{shape['ratio']:.0f} times as fast as the original's {shape['original_ms_a_pair'] / 1e3:g} s",
        ),
        (
            "memory",
            mib("resident_mib"),
            f"after {memory['frames']} frames, {mib('resident_mib_at_third')} after a third of them "
            f"(peak {mib('peak_mib')}, {mib('peak_mib_at_third')})",
        ),
    )
    lines = [
        f"metrics on {width}x{height}, {figures['instances_a_frame']} instances a frame, {figures['cores']} cores, "
        f"median of {figures['rounds']} rounds"
    ]
    lines += [f"{name:<20} {value:>16}  {note}" for name, value, note in rows]
    return "\n".join(lines)
