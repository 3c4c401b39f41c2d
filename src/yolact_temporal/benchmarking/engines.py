"""Timing what else can run a network, in one run by short turns, and whether it counts what PyTorch counts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from yolact_temporal.analyzing.checked_precision import compare_models
from yolact_temporal.analyzing.chosen_models import engine_of, require_distinct
from yolact_temporal.analyzing.loaded_model import LoadedModel
from yolact_temporal.analyzing.models import ModelRequest, load_model
from yolact_temporal.benchmarking.network_table import told
from yolact_temporal.benchmarking.networks import FRAMES, mean_call, timed_clip
from yolact_temporal.benchmarking.rounds import ROUNDS, take_turns
from yolact_temporal.data.sources import open_clip
from yolact_temporal.yolact.device import resolve_device
from yolact_temporal.yolact.how_to_run import ENGINES, engine_installed
from yolact_temporal.yolact.network_segmenter import NetworkSegmenter


def run_engine_benchmark(
    models: Sequence[str],
    frames: int = FRAMES,
    clip: Path | None = None,
    rounds: int | None = None,
    engines: Sequence[str] = ENGINES,
) -> dict[str, Any]:
    """Time each model's forward pass by every engine that is installed, on the CPU in float32.

    Args:
        models: names; their weights must be on this machine.
        frames: a turn.
        clip: what to run on; by default a film of photographs at 854x480.
        rounds: how many; `ROUNDS` where None.
        engines: those to time, PyTorch first.

    Returns:
        {"threads", "frames", "rounds", "missing": engines that are not installed, "models": {name: {engine:
        {"prepared_s", "forward_ms", "processor_ms", "ratio" to PyTorch {"wall", "processor"}, "flips",
        "boundary_px_max"}}}}. Preparing is all from the model's name to its second pass.

    Raises:
        UsageError: if there is no such model, or one is named twice.
        WeightsError: if a model's weights are not on this machine.
    """
    require_distinct(models)
    there = [engine for engine in engines if engine_installed(engine)]
    with timed_clip(clip, frames) as (path, _):
        pixels = [frame.rgb for frame in islice(open_clip(path), min(frames, 8))]
    return {
        "threads": torch.get_num_threads(),
        "frames": frames,
        "rounds": rounds or ROUNDS,
        "missing": [engine for engine in engines if engine not in there],
        "models": {
            name: _times_of(
                name, [own for own in there if engine_of(name, own) == own], pixels, frames, rounds or ROUNDS
            )
            for name in models
        },
    }


def _times_of(
    name: str, engines: Sequence[str], pixels: Sequence[Any], frames: int, rounds: int
) -> dict[str, Any]:
    loaded: dict[str, LoadedModel] = {}
    calls, prepared = {}, {}
    request = ModelRequest(name, device="cpu")
    for engine in engines:
        start = time.perf_counter()
        model = load_model(replace(request, engine=engine))
        segmenter = model.segmenter
        assert isinstance(segmenter, NetworkSegmenter), "the register's models are networks"
        inputs = [segmenter.preprocess(frame[None]) for frame in pixels]
        for warm in inputs[:2]:
            segmenter.forward(warm)
        prepared[engine], loaded[engine] = time.perf_counter() - start, model
        calls[engine] = _turn(segmenter, inputs, frames)
    timed = take_turns(calls, rounds)
    found = {}
    for engine, model in loaded.items():
        spent = timed.spent(engine)
        wall, processor = timed.ratios(engine, [engines[0]])
        agreement = compare_models(loaded[engines[0]], model, pixels)
        found[engine] = {
            "prepared_s": prepared[engine],
            "forward_ms": 1e3 * spent.wall_s,
            "processor_ms": 1e3 * spent.processor_s,
            "ratio": {"wall": wall.as_data(), "processor": processor.as_data()},
            "flips": agreement.flips,
            "boundary_px_max": agreement.worst_px,
        }
    return found


def _turn(segmenter: NetworkSegmenter[Any, Any], inputs: Sequence[Any], frames: int) -> Any:
    device = resolve_device("cpu")
    return lambda: mean_call(lambda i: segmenter.forward(inputs[i % len(inputs)]), frames, device)


def format_engine_benchmark(figures: Mapping[str, Any]) -> str:
    """Return the figures as a table for the terminal."""
    lines = [
        f"{figures['rounds']} rounds of turns of {figures['frames']} forward passes on the CPU "
        f"({figures['threads']} threads), float32; milliseconds by the clock / of processor time"
    ]
    for name, own in figures["models"].items():
        lines.append(name)
        for engine, row in own.items():
            worst = row["boundary_px_max"]
            same = "nothing counted" if worst is None else f"outlines differ by {worst:.4f} px at most"
            lines.append(
                f"  {engine:<12} {row['forward_ms']:>8.1f} / {row['processor_ms']:>7.1f}  over {ENGINES[0]}: "
                f"{told(row['ratio']['wall'])} by the clock, {told(row['ratio']['processor'])} of processor time; "
                f"ready after {row['prepared_s']:.1f} s; {row['flips']} flips, {same}"
            )
    if figures["missing"]:
        lines.append(f"not installed: {', '.join(figures['missing'])}")
    return "\n".join(lines)
