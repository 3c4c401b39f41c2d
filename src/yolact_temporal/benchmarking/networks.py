"""Timing: the bare forward pass, and the whole of analyze, by short turns on the same frames in the same process."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from yolact_temporal.analyzing.chosen_models import counterpart, require_distinct
from yolact_temporal.analyzing.clip_stages import AnalyzeResult
from yolact_temporal.analyzing.loaded_model import LoadedModel
from yolact_temporal.analyzing.models import ModelRequest, load_model
from yolact_temporal.analyzing.options import AnalyzeOptions
from yolact_temporal.analyzing.pipeline import overlapped
from yolact_temporal.analyzing.request import Destination, Pictures, RunRequest
from yolact_temporal.analyzing.run_clip import run_clip
from yolact_temporal.analyzing.stage_clock import Spent, StageTimes
from yolact_temporal.benchmarking.rounds import ROUNDS, Rounds, take_turns
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
from yolact_temporal.yolact.segmenter import offers_parts

FRAME_SIZE = (480, 854)
"""(height, width) of the frames that are timed on where no clip is given."""
FRAMES = 16
"""Frames of one turn, unless told."""


def run_benchmark(
    models: Sequence[str] | None = None,
    frames: int = FRAMES,
    clip: Path | None = None,
    device: str = "auto",
    precision: str = "float32",
    rounds: int | None = None,
    why_every: int = 0,
    pairs: bool = True,
) -> dict[str, Any]:
    """Time each model's bare forward pass and the whole of analyze, with one model and with two.

    The forward pass is the network alone, on frames that are already resized and normalised; of a region-based
    network that includes proposals, suppression and masks, and of a user's own segmenter all that it does to a frame,
    which cannot be told apart from it. The whole of analyze is all that the command does to a frame, from reading the
    file to the encoded overlay, from when the first frame is asked for to when the last one is written; start-up and
    plots are left out. What is compared is timed by short turns in every round, by the clock and by the processor; a
    ratio is the median of the rounds' own ratios. No figure is rounded.

    Args:
        models: names; those that the register marks where None. One whose weights are not on this machine is timed
            with random ones.
        frames: a turn.
        clip: what to run on; by default a film of photographs at 854x480.
        device, precision: as for analyze.
        rounds: how many; `ROUNDS` where None.
        why_every: analyze is timed too with jitter explained on every so many pairs, of models that tell the parts of
            their masks; 0 for not.
        pairs: whether models whose counterpart is named too are timed together with it.

    Returns:
        {"device", "threads", "precision", "frame_size", "frames", "rounds", "models": {name: {"forward_ms",
        "segment_ms", "analyze_ms" (by the clock), "processor_ms" {the same three}, "ratio": {"wall", "processor"},
        "why": None or {"added_ms", "added_processor_ms", "ratio"}, "stages_ms", "stages" {...}, "weights",
        "instances_a_frame"}}, "pairs": [{"models", "forward_ratio", "analyze_ms", "ratio_to_sum"}]}. Every ratio is
        {"median", "least", "most", "steady"}.
    """
    target = resolve_device(device)
    chosen = models or [entry.name for entry in model_entries() if entry.timed]
    require_distinct(chosen)
    with timed_clip(clip, frames) as (path, folder):
        pixels = [frame.rgb for frame in islice(open_clip(path), min(frames, 8))]
        runner = _Runner(path, pixels, frames, device, precision, folder, rounds or ROUNDS, why_every)
        figures = dict(runner.time_model(name) for name in chosen)
        together = [runner.time_pair(*pair) for pair in (counterparts(chosen) if pairs else ())]
    return {
        "device": str(target),
        "threads": torch.get_num_threads(),
        "precision": precision,
        "frame_size": list(pixels[0].shape[:2]),
        "frames": frames,
        "rounds": runner.rounds,
        "models": figures,
        "pairs": together,
    }


@contextmanager
def timed_clip(clip: Path | None, frames: int) -> Iterator[tuple[Path, Path]]:
    """Yield a clip to be timed on, a film of so many frames where none is given, and a folder that goes away after."""
    with tempfile.TemporaryDirectory(prefix="yolact-temporal-") as name:
        folder = Path(name)
        yield clip or _write_film(folder / "film.mp4", frames), folder


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
        self,
        path: Path,
        pixels: Sequence[np.ndarray],
        frames: int,
        device: str,
        precision: str,
        folder: Path,
        rounds: int,
        why_every: int = 0,
    ) -> None:
        self.path = path
        self.pixels = pixels
        self.frames = frames
        self.device = device
        self.precision = precision
        self.folder = folder
        self.rounds = rounds
        self.why_every = why_every
        self._runs = 0

    def time_model(self, name: str) -> tuple[str, dict[str, Any]]:
        """Time the forward pass, the segmenter and analyze of one model; return its own name and the times."""
        model, weights = loaded_or_random(name, self.device, self.precision)
        results: list[AnalyzeResult] = []
        calls = {
            "forward": self._forward(model),
            "segment": self._segment(model),
            "analyze": lambda: self._analyze([model], results),
        }
        if explained := self.why_every > 0 and offers_parts(model.segmenter):
            calls["why"] = lambda: self._analyze([model], [], self.why_every)
        self._warm_up([model])
        timed = take_turns(calls, self.rounds)
        wall, processor = timed.ratios("analyze", ["forward"])
        spent = {name: timed.spent(name) for name in calls}
        return model.name, {
            **{f"{name}_ms": 1e3 * spent[name].wall_s for name in ("forward", "segment", "analyze")},
            "processor_ms": {
                name: 1e3 * spent[name].processor_s for name in ("forward", "segment", "analyze")
            },
            "ratio": {"wall": wall.as_data(), "processor": processor.as_data()},
            "why": _why(timed, self.why_every) if explained else None,
            **stage_figures(results),
            "weights": weights,
            "instances_a_frame": results[-1].stability[model.name].instances / results[-1].frames,
        }

    def time_pair(self, first: str, second: str) -> dict[str, Any]:
        """Time two models' forward passes by turns, and one analyze of both against the sum of them."""
        models = [loaded_or_random(name, self.device, self.precision)[0] for name in (first, second)]
        calls = {model.name: self._forward(model) for model in models}
        self._warm_up(models)
        timed = take_turns({**calls, "both": lambda: self._analyze(models, [])}, self.rounds)
        (passes, _), (whole, processor) = timed.ratios(second, [first]), timed.ratios("both", [first, second])
        return {
            "models": [first, second],
            "forward_ratio": passes.as_data(),
            "analyze_ms": 1e3 * timed.spent("both").wall_s,
            "ratio_to_sum": {"wall": whole.as_data(), "processor": processor.as_data()},
        }

    def _forward(self, model: LoadedModel) -> Callable[[], Spent]:
        segmenter = model.segmenter
        if not isinstance(segmenter, NetworkSegmenter):
            return self._segment(model)
        inputs = [segmenter.preprocess(frame[None]) for frame in self.pixels]
        return self._turn(lambda i: segmenter.forward(inputs[i % len(inputs)]))

    def _segment(self, model: LoadedModel) -> Callable[[], Spent]:
        return self._turn(lambda i: model.segmenter.segment(self._pixels(i)[None]))

    def _turn(self, call: Callable[[int], object]) -> Callable[[], Spent]:
        device = resolve_device(self.device)
        return lambda: mean_call(call, self.frames, device)

    def _analyze(
        self, models: Sequence[LoadedModel], results: list[AnalyzeResult], why_every: int = 0
    ) -> Spent:
        """Analyze once, keep what came of it, and return what a frame took."""
        options = AnalyzeOptions(end=self.frames, why_every=why_every)
        self._runs += 1
        destination = Destination("film", self.folder / str(self._runs), pictures=Pictures(plots=False))
        result = run_clip(open_clip(self.path), models, RunRequest(destination, options)).result
        results.append(result)
        assert result.times is not None, "analyze counts what it takes"
        return Spent(*(clock / result.frames for clock in result.times.total))

    def _warm_up(self, models: Sequence[LoadedModel]) -> None:
        """Let every network run once, and what is made or loaded at first use be there."""
        for model in models:
            for index in range(2):
                model.segmenter.segment(self._pixels(index)[None])
        synchronize(resolve_device(self.device))

    def _pixels(self, index: int) -> np.ndarray:
        return self.pixels[index % len(self.pixels)]


def _why(timed: Rounds, every: int) -> dict[str, Any]:
    wall, processor = timed.ratios("why", ["analyze"])
    more = timed.added("why", over="analyze")
    return {
        "every": every,
        "added_ms": 1e3 * more.wall_s,
        "added_processor_ms": 1e3 * more.processor_s,
        "ratio": {"wall": wall.as_data(), "processor": processor.as_data()},
    }


def stage_figures(results: Sequence[AnalyzeResult]) -> dict[str, Any]:
    """Return what each stage took and who waited for whom, in milliseconds a frame, medians of runs of one clip.

    Returns:
        {"stages_ms": {stage: by the clock}, "stages": {"processor_ms": {stage: ...}, "other_threads_ms", "waits_ms":
        [{"who", "for", "ms"}, ...]}}.
    """
    runs = [_stage_ms(own.times, own.frames) for own in results if own.times is not None]
    found = {key: statistics.median(run[key] for run in runs) for key in runs[0]}

    def of(kind: str) -> dict[str, float]:
        """Return the figures of one kind by stage."""
        return {key[1]: value for key, value in found.items() if key[0] == kind}

    waits = [{"who": key[1], "for": key[2], "ms": ms} for key, ms in found.items() if key[0] == "wait"]
    return {
        "stages_ms": of("clock"),
        "stages": {
            "processor_ms": of("processor"),
            "other_threads_ms": found["other threads", ""],
            "waits_ms": waits,
        },
    }


def _stage_ms(times: StageTimes, frames: int) -> dict[tuple[str, ...], float]:
    """Return one run's figures, in milliseconds a frame, by their kind and what they are of."""
    seconds: dict[tuple[str, ...], float] = {("other threads", ""): times.other_threads_s}
    for name, own in times.stages.items():
        seconds |= {("clock", name): own.wall_s, ("processor", name): own.processor_s}
    for one in times.waits:
        seconds |= {
            ("wait", one.taker, one.giver): one.for_item_s,
            ("wait", one.giver, one.taker): one.for_room_s,
        }
    return {key: 1e3 * value / frames for key, value in seconds.items()}


def mean_call(call: Callable[[int], object], count: int, device: torch.device) -> Spent:
    """Return the mean that a call takes, called with 0, 1 and so on, in a thread of its own as the network of analyze.

    PyTorch's threads wait in another way for a network in the main thread: they spin, which costs several times as much
    where other programs want the cores.
    """

    def turn() -> Iterator[Spent]:
        """Call so often, and yield what it took."""
        synchronize(device)
        start = Spent.by_now()
        for index in range(count):
            call(index)
        synchronize(device)
        yield Spent(*(clock / count for clock in Spent.by_now().since(start)))

    (spent,) = overlapped(turn(), name="network")
    return spent


def frames_a_second(call: Callable[[], object], frames: int, seconds: float, device: torch.device) -> float:
    """Time a call that does a number of frames, over and over for some seconds, after two to warm up."""
    for _ in range(2):
        call()
    synchronize(device)
    start, count = time.perf_counter(), 0
    while count == 0 or time.perf_counter() - start < seconds:
        call()
        count += 1
        if count % 16 == 0:
            synchronize(device)  # lest the host run ahead of the device by more than is timed
    synchronize(device)
    return frames * count / (time.perf_counter() - start)


def synchronize(device: torch.device) -> None:
    """Wait until a device has done all that it was given."""
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
        manifest = {
            "note": "random weights, for timing only",
            "config": asdict(config),
            "score_threshold": DEFAULT_SCORE_THRESHOLD,
            "record_threshold": DEFAULT_SCORE_THRESHOLD,
            **segmenter.settings,
            "precision": precision,
        }
        return LoadedModel(segmenter, DEFAULT_SCORE_THRESHOLD, manifest), "random"


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
