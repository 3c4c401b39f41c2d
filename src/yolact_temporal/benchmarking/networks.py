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

from yolact_temporal.analyzing.chosen_models import counterpart, require_distinct
from yolact_temporal.analyzing.loaded_model import LoadedModel
from yolact_temporal.analyzing.models import ModelRequest, load_model
from yolact_temporal.analyzing.options import AnalyzeOptions
from yolact_temporal.analyzing.request import Destination, RunRequest
from yolact_temporal.analyzing.run_clip import FinishedRun, run_clip
from yolact_temporal.data.frames import Frame
from yolact_temporal.data.photo_film import PhotoFilm
from yolact_temporal.data.sources import open_clip
from yolact_temporal.data.video_writer import VideoWriter
from yolact_temporal.errors import WeightsError
from yolact_temporal.yolact.device import resolve_device
from yolact_temporal.yolact.families import (
    DEFAULT_SCORE_THRESHOLD,
    family_of,
    find_variant,
    model_entries,
    model_names,
    segmenter_of,
)
from yolact_temporal.yolact.network_segmenter import NetworkSegmenter

FRAME_SIZE = (480, 854)
"""(height, width) of the frames that are timed on where no clip is given."""
ROUNDS = 3
"""Forward pass and analyze take turns so often: a busy machine slows both alike."""


def run_benchmark(
    models: Sequence[str] | None = None,
    frames: int = 60,
    clip: Path | None = None,
    device: str = "auto",
    precision: str = "float32",
) -> dict[str, Any]:
    """Time each model's bare forward pass and the whole of analyze, with one model and with two.

    The forward pass is the network alone, on frames that are already resized and normalised; of a region-based
    network that includes proposals, suppression and masks, and of a user's own segmenter all that it does to a frame,
    which cannot be told apart from it. The whole of analyze is
    all that the command does to a frame, from reading the file to the encoded overlay, start-up left out. What is
    compared is timed `ROUNDS` times by turns; a ratio is the median of the rounds' own ratios. No figure is rounded.

    Args:
        models: names; those that the register marks where None. One whose weights are not on this machine is timed
            with random ones. A model whose counterpart is named too is also timed together with it.
        frames: a round.
        clip: what to run on; by default a film of photographs at 854x480.
        device, precision: as for analyze.

    Returns:
        {"device", "threads", "frame_size", "frames", "models": {name: {"forward_ms", "segment_ms", "analyze_ms",
        "ratio", "stages_ms": {...}, "weights", "instances_a_frame"}}, "pairs": [{"models", "forward_ratio",
        "analyze_ms", "ratio_to_sum"}]}.
    """
    target = resolve_device(device)
    chosen = models or [entry.name for entry in model_entries() if entry.timed]
    require_distinct(chosen)
    with tempfile.TemporaryDirectory(prefix="yolact-temporal-") as folder:
        path = clip or _write_film(Path(folder) / "film.mp4", frames)
        pixels = [frame.rgb for frame in islice(open_clip(path), min(frames, 8))]
        runner = _Runner(path, pixels, frames, device, precision, Path(folder))
        figures = dict(runner.time_model(name) for name in chosen)
        pairs = [runner.time_pair(*pair) for pair in counterparts(chosen)]
    return {
        "device": str(target),
        "threads": torch.get_num_threads(),
        "precision": precision,
        "frame_size": list(pixels[0].shape[:2]),
        "frames": frames,
        "rounds": ROUNDS,
        "models": figures,
        "pairs": pairs,
    }


def counterparts(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return the models whose counterpart is named too, with it, each two once, in the register's order."""
    pairs: list[tuple[str, str]] = []
    for name in sorted(set(names) & set(model_names()), key=model_names().index):
        beside = counterpart(name)
        if beside is not None and beside in names and (beside, name) not in pairs:
            pairs.append((name, beside))
    return pairs


class _Runner:
    """Times models on the same frames."""

    def __init__(
        self, path: Path, pixels: Sequence[np.ndarray], frames: int, device: str, precision: str, folder: Path
    ) -> None:
        self.path = path
        self.pixels = pixels
        self.frames = frames
        self.device = device
        self.precision = precision
        self.folder = folder

    def time_model(self, name: str) -> tuple[str, dict[str, Any]]:
        """Time the forward pass, the segmenter and analyze of one model; return its own name and the times."""
        model, weights = loaded_or_random(name, self.device, self.precision)
        rounds = []
        for turn in range(ROUNDS):
            forward = self._forward(model)
            segment = self._segment(model)
            done = self._analyze([model], f"{model.name}-{turn}")
            seconds, count = done.result.seconds, done.result.frames
            rounds.append((forward, segment, 1e3 * seconds["total"] / count))
            stages = {stage: 1e3 * value / count for stage, value in seconds.items() if stage != "total"}
            instances = done.result.stability[model.name].instances / count
        forward, segment, whole = (statistics.median(values) for values in zip(*rounds, strict=True))
        return model.name, {
            "forward_ms": forward,
            "segment_ms": segment,
            "analyze_ms": whole,
            "ratio": statistics.median(total / bare for bare, _, total in rounds),
            "stages_ms": stages,
            "weights": weights,
            "instances_a_frame": instances,
        }

    def time_pair(self, first: str, second: str) -> dict[str, Any]:
        """Time two models' forward passes by turns, and one analyze of both against the sum of them."""
        models = [loaded_or_random(name, self.device, self.precision)[0] for name in (first, second)]
        rounds = []
        for turn in range(ROUNDS):
            one, other = (self._forward(model) for model in models)
            result = self._analyze(models, f"{first}-{second}-{turn}").result
            rounds.append((one, other, 1e3 * result.seconds["total"] / result.frames))
        return {
            "models": [first, second],
            "forward_ratio": statistics.median(other / one for one, other, _ in rounds),
            "analyze_ms": statistics.median(whole for *_, whole in rounds),
            "ratio_to_sum": statistics.median(w / (one + other) for one, other, w in rounds),
        }

    def _forward(self, model: LoadedModel) -> float:
        segmenter = model.segmenter
        if not isinstance(segmenter, NetworkSegmenter):
            return self._segment(model)
        inputs = [segmenter.preprocess(frame[None]) for frame in self.pixels]
        return self._milliseconds(lambda i: segmenter.forward(inputs[i % len(inputs)]))

    def _segment(self, model: LoadedModel) -> float:
        return self._milliseconds(lambda i: model.segmenter.segment(self._pixels(i)[None]))

    def _milliseconds(self, call: Callable[[int], object]) -> float:
        return _milliseconds(call, self.frames, resolve_device(self.device))

    def _analyze(self, models: Sequence[LoadedModel], name: str) -> FinishedRun:
        options = AnalyzeOptions(end=self.frames)
        request = RunRequest(Destination("film", self.folder / name), options)
        return run_clip(open_clip(self.path), models, request)

    def _pixels(self, index: int) -> np.ndarray:
        return self.pixels[index % len(self.pixels)]


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


def frames_a_second(call: Callable[[], object], frames: int, seconds: float, device: torch.device) -> float:
    """Time a call that does a number of frames, over and over for some seconds, after two to warm up."""
    for _ in range(2):
        call()
    _synchronize(device)
    start, count = time.perf_counter(), 0
    while count == 0 or time.perf_counter() - start < seconds:
        call()
        count += 1
        if count % 16 == 0:
            _synchronize(device)  # lest the host run ahead of the device by more than is timed
    _synchronize(device)
    return frames * count / (time.perf_counter() - start)


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def loaded_or_random(name: str, device: str, precision: str) -> tuple[LoadedModel, str]:
    """Load a model; with random weights where its own are not on this machine, since they take the same time."""
    try:
        return load_model(ModelRequest(name, device=device, precision=precision)), "own"
    except WeightsError:
        variant = find_variant(name)
        config = variant.entry.config
        family = family_of(config)
        network = family.build(config).to(resolve_device(device))
        family.keep_busy(network)
        segmenter = segmenter_of(network, DEFAULT_SCORE_THRESHOLD, precision, variant.options)
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
        lines.append(f"  stages, overlapping: {stages}; {own['instances_a_frame']:.2f} instances a frame")
    for pair in figures["pairs"]:
        first, second = pair["models"]
        lines.append(
            f"{second} takes {pair['forward_ratio']:.2f} times the forward pass of {first}; analyze with both takes "
            f"{pair['analyze_ms']:.1f} ms a frame, {pair['ratio_to_sum']:.2f} times the sum of their forward passes"
        )
    return "\n".join(lines)
