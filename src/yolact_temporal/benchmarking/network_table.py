"""What was timed of networks and of analyze, as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from yolact_temporal.benchmarking.rounds import Ratio


def format_benchmark(figures: Mapping[str, Any], stages: bool = False) -> str:
    """Return the figures of `run_benchmark` for the terminal.

    Args:
        figures: what was timed.
        stages: whether to say what each stage takes, and which waits for which.
    """
    height, width = figures["frame_size"]
    lines = [
        f"{figures['rounds']} rounds of turns of {figures['frames']} frames of {width}x{height}, on "
        f"{figures['device']} ({figures['threads']} threads), {figures['precision']}; milliseconds a frame by the "
        f"clock / of processor time, start-up left out",
        f"{'model':<24} {'forward':>17} {'segment':>17} {'analyze':>17}  weights",
    ]
    for name, own in figures["models"].items():
        cells = " ".join(
            f"{own[f'{what}_ms']:>8.1f} / {own['processor_ms'][what]:>6.1f}"
            for what in ("forward", "segment", "analyze")
        )
        lines.append(f"{name:<24} {cells}  {own['weights']}")
        lines += [f"  {line}" for line in _model_lines(own, stages)]
    return "\n".join([*lines, *(_pair_line(pair) for pair in figures["pairs"])])


def _model_lines(own: Mapping[str, Any], stages: bool) -> Iterator[str]:
    yield f"analyze over forward: {_both(own['ratio'])}; {own['instances_a_frame']:.2f} instances a frame"
    if why := own["why"]:
        yield (
            f"--why on every {why['every']}th pair adds {why['added_ms']:.1f} / {why['added_processor_ms']:.1f} ms: "
            f"{_both(why['ratio'])}"
        )
    if not stages:
        return
    inner = own["stages"]
    yield f"{'stage':<24} {'clock':>8} {'processor':>10}"
    for stage, wall in own["stages_ms"].items():
        yield f"{stage:<24} {wall:>8.1f} {inner['processor_ms'][stage]:>10.1f}"
    yield f"{'threads of network, codecs':<33} {inner['other_threads_ms']:>10.1f}"
    waits = sorted(inner["waits_ms"], key=lambda wait: -wait["ms"])
    yield "waits: " + ", ".join(f"{wait['who']} for {wait['for']} {wait['ms']:.1f}" for wait in waits)


def _pair_line(pair: Mapping[str, Any]) -> str:
    first, second = pair["models"]
    return (
        f"forward pass of {second} over that of {first}: {told(pair['forward_ratio'])}; analyze with both takes "
        f"{pair['analyze_ms']:.1f} ms a frame; over the sum of their forward passes: {_both(pair['ratio_to_sum'])}"
    )


def _both(ratio: Mapping[str, Any]) -> str:
    return f"{told(ratio['wall'])} by the clock, {told(ratio['processor'])} of processor time"


def told(ratio: Mapping[str, Any]) -> str:
    """Return a ratio in words, as `Ratio.as_data` gave it: its median and span, or that the rounds do not agree."""
    return str(Ratio(ratio["median"], ratio["least"], ratio["most"]))
