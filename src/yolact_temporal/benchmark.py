"""Timing: the bare forward pass, and the whole of analyze, on the same frames in the same process."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from yolact_temporal.analyze import AnalyzeOptions
from yolact_temporal.clip_run import run_clip
from yolact_temporal.data.frames import Frame
from yolact_temporal.data.photo_film import PhotoFilm
from yolact_temporal.data.sources import open_clip
from yolact_temporal.data.video_writer import VideoWriter
from yolact_temporal.errors import WeightsError
from yolact_temporal.models import DEFAULT_SCORE_THRESHOLD, LoadedModel, load_model
from yolact_temporal.yolact import YolactSegmenter
from yolact_temporal.yolact.device import resolve_device
from yolact_temporal.yolact.families import build_model, segmenter_of

FRAME_SIZE = (480, 854)
"""(height, width) of the frames that are timed on where no clip is given."""
ROUNDS = 3
"""Forward pass and analyze take turns so often: a busy machine slows both alike."""


def run_benchmark(
    models: Sequence[str],
    frames: int = 60,
    clip: Path | None = None,
    device: str = "auto",
    precision: str = "float32",
) -> dict[str, Any]:
    """Time each model's bare forward pass and the whole of analyze with it.

    The forward pass is the network alone, on frames that are already resized and normalised. The whole of analyze
    is all that the command does to a frame, from reading the file to the encoded overlay, start-up left out. Each is
    timed `ROUNDS` times by turns; the ratio is the median of the rounds' own ratios.

    Args:
        models: presets; one whose weights are not on this machine is timed with random ones.
        frames: a round.
        clip: what to run on; by default a film of photographs at 854x480.
        device, precision: as for analyze.

    Returns:
        {"device", "threads", "frame_size", "frames", "models": {name: {"forward_ms", "segment_ms", "analyze_ms",
        "ratio", "stages_ms": {...}, "weights", "instances_a_frame"}}, "forward_ratio_to_first": {...}}.
    """
    target = resolve_device(device)
    with tempfile.TemporaryDirectory(prefix="yolact-temporal-") as folder:
        path = clip or _write_film(Path(folder) / "film.mp4", frames)
        pixels = [frame.rgb for frame in islice(open_clip(path), min(frames, 8))]
        figures = {
            name: _time_model(name, path, pixels, frames, device, precision, Path(folder)) for name in models
        }
    first = figures[models[0]]["forward_ms"]
    return {
        "device": str(target),
        "threads": torch.get_num_threads(),
        "precision": precision,
        "frame_size": list(pixels[0].shape[:2]),
        "frames": frames,
        "rounds": ROUNDS,
        "models": figures,
        "forward_ratio_to_first": {
            name: round(own["forward_ms"] / first, 3) for name, own in figures.items()
        },
    }


def _time_model(
    name: str,
    path: Path,
    pixels: Sequence[np.ndarray],
    frames: int,
    device: str,
    precision: str,
    folder: Path,
) -> dict[str, Any]:
    model, weights = _loaded(name, device, precision)
    segmenter = model.segmenter
    assert isinstance(segmenter, YolactSegmenter)
    inputs = [segmenter.preprocess(frame[None]) for frame in pixels]
    network = segmenter.network()
    rounds = []
    for turn in range(ROUNDS):
        with torch.inference_mode():
            forward = _milliseconds(lambda i: network(inputs[i % len(inputs)]), frames, segmenter.device)
        segment = _milliseconds(
            lambda i: segmenter.segment(pixels[i % len(pixels)][None]), frames, segmenter.device
        )
        done = run_clip(
            open_clip(path), "film", [model], folder / f"{name}-{turn}", AnalyzeOptions(end=frames)
        )
        seconds = done.result.seconds
        count = done.result.frames
        rounds.append((forward, segment, 1e3 * seconds["total"] / count))
        stages = {
            stage: round(1e3 * value / count, 2) for stage, value in seconds.items() if stage != "total"
        }
        instances = done.result.stability[name].instances / count
    forward, segment, whole = (statistics.median(values) for values in zip(*rounds, strict=True))
    return {
        "forward_ms": round(forward, 2),
        "segment_ms": round(segment, 2),
        "analyze_ms": round(whole, 2),
        "ratio": round(statistics.median(total / bare for bare, _, total in rounds), 3),
        "stages_ms": stages,
        "weights": weights,
        "instances_a_frame": round(instances, 2),
    }


def _milliseconds(call: Callable[[int], object], count: int, device: torch.device) -> float:
    """Mean time of a call, after two to warm up."""
    for index in range(2):
        call(index)
    _synchronize(device)
    start = time.perf_counter()
    for index in range(count):
        call(index)
    _synchronize(device)
    return 1e3 * (time.perf_counter() - start) / count


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _loaded(name: str, device: str, precision: str) -> tuple[LoadedModel, str]:
    """Load a model; with random weights where its own are not on this machine, since they take the same time."""
    try:
        return load_model(name, device=device, precision=precision), "own"
    except WeightsError:
        network = build_model(name).to(resolve_device(device))
        segmenter = segmenter_of(network, DEFAULT_SCORE_THRESHOLD, precision)
        note = {"note": "random weights, for timing only"}
        return LoadedModel(segmenter, DEFAULT_SCORE_THRESHOLD, note), "random"


def _write_film(path: Path, count: int) -> Path:
    """Write a film of photographs of `FRAME_SIZE` and return its path."""
    height, width = FRAME_SIZE
    with VideoWriter(path, size=FRAME_SIZE, fps=24) as writer:
        for number, frame in enumerate(islice(_endless(PhotoFilm()), count)):
            writer.write(np.asarray(cv2.resize(frame.rgb, (width, height)), np.uint8), number / 24)
    return path


def _endless(film: PhotoFilm) -> Iterator[Frame]:
    while True:
        yield from film


def format_benchmark(figures: dict[str, Any]) -> str:
    """Return the figures as a table for the terminal."""
    height, width = figures["frame_size"]
    lines = [
        f"{figures['frames']} frames of {width}x{height}, {figures['rounds']} rounds, on {figures['device']} "
        f"({figures['threads']} threads), {figures['precision']}; milliseconds a frame",
        f"{'model':<24} {'forward':>9} {'segment':>9} {'analyze':>9} {'analyze/forward':>16}  weights",
    ]
    for name, own in figures["models"].items():
        lines.append(
            f"{name:<24} {own['forward_ms']:>9.1f} {own['segment_ms']:>9.1f} {own['analyze_ms']:>9.1f} "
            f"{own['ratio']:>16.2f}  {own['weights']}"
        )
        stages = ", ".join(f"{stage} {value:.1f}" for stage, value in own["stages_ms"].items())
        lines.append(f"  stages, overlapping: {stages}; {own['instances_a_frame']} instances a frame")
    return "\n".join(lines)
