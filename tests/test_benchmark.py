"""Timing: what is timed, what it is called, and that random weights do the work of real ones."""

import json
from itertools import pairwise

import numpy as np
import pytest
from clips import write_clip

from yolact_temporal.analyzing.stage_clock import Spent, StageClock
from yolact_temporal.benchmarking import networks
from yolact_temporal.benchmarking.network_table import format_benchmark
from yolact_temporal.benchmarking.rounds import NOISE, Ratio, take_turns
from yolact_temporal.cli import main as cli
from yolact_temporal.data.photo_film import PhotoFilm
from yolact_temporal.errors import WeightsError
from yolact_temporal.yolact.families.mask_rcnn.family import BUSY_REGIONS


@pytest.fixture
def clip(tmp_path):
    frames = [frame.rgb for _, frame in zip(range(3), PhotoFilm(size=(144, 168)), strict=False)]
    return write_clip(tmp_path / "film.mp4", frames, size=(144, 168))


@pytest.fixture
def one_round(monkeypatch):
    monkeypatch.setattr(networks, "ROUNDS", 1)


@pytest.mark.slow
def test_a_model_and_its_counterpart_are_timed_alone_and_together(clip, capsys, one_round):
    arguments = ["benchmark", "--models", "yolact_compact", "mask_rcnn_compact", "--clip", str(clip)]
    assert cli.main([*arguments, "--frames", "2", "--device", "cpu", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["frame_size"] == [144, 168]
    assert list(figures["models"]) == ["yolact_compact", "mask_rcnn_compact"]
    for own in figures["models"].values():
        assert own["weights"] == "own"
        assert min(own["forward_ms"], own["segment_ms"], own["analyze_ms"]) > 0
        # Of a single round the ratio is the quotient; which of the two took longer is the machine's affair.
        wall, processor = own["ratio"]["wall"], own["ratio"]["processor"]
        assert wall["median"] == wall["most"] == pytest.approx(own["analyze_ms"] / own["forward_ms"])
        of_processor = own["processor_ms"]
        assert processor["median"] == pytest.approx(of_processor["analyze"] / of_processor["forward"])
        assert own["why"]["added_ms"] == pytest.approx(
            own["analyze_ms"] * (own["why"]["ratio"]["wall"]["median"] - 1)
        )
        assert {"decode", "flow", "measure", "overlay"} <= set(own["stages_ms"])
        assert own["stages"]["processor_ms"].keys() == own["stages_ms"].keys()
        assert {(wait["who"], wait["for"]) for wait in own["stages"]["waits_ms"]} == {
            ordered
            for pair in pairwise(("decode", "flow", "network", "measure", "overlay"))
            for ordered in (pair, pair[::-1])
        }
    (pair,) = figures["pairs"]
    assert pair["models"] == ["yolact_compact", "mask_rcnn_compact"]
    assert min(pair["forward_ratio"]["median"], pair["analyze_ms"]) > 0
    assert pair["ratio_to_sum"]["wall"]["median"] > 0
    plain, detailed = format_benchmark(figures), format_benchmark(figures, stages=True)
    assert "forward pass of mask_rcnn_compact over that of yolact_compact: " in plain
    assert "over the sum of their forward passes: " in plain
    assert "waits: " in detailed
    assert "waits: " not in plain


@pytest.mark.slow
def test_a_model_by_itself_makes_no_pair(clip, one_round):
    figures = networks.run_benchmark(["yolact_compact"], frames=1, clip=clip, device="cpu")
    assert figures["pairs"] == []


def test_random_weights_send_regions_through_the_mask_head(monkeypatch):
    def missing(*_, **__):
        raise WeightsError("none here")

    monkeypatch.setattr(networks, "load_model", missing)
    model, weights = networks.loaded_or_random("mask_rcnn_compact", "cpu", "float32")
    assert weights == "random"
    frame = np.random.default_rng(0).integers(0, 256, (1, 96, 128, 3), np.uint8)
    (found,) = model.segmenter.segment(frame)
    assert 0 < len(found) <= BUSY_REGIONS


def scripted(*walls):
    """A thing whose turns take these seconds, and half as much of the processor."""
    left = iter(walls)
    return lambda: (lambda wall: Spent(wall, wall / 2))(next(left))


def test_things_take_turns_round_by_round():
    order = []
    calls = {name: lambda name=name: order.append(name) or Spent(1.0, 1.0) for name in "ab"}
    take_turns(calls, rounds=3)
    assert order == ["a", "b"] * 3


def test_a_ratio_is_the_median_of_the_rounds_own_so_that_a_busy_while_cancels_out():
    slow = (1.0, 5.0, 1.0, 3.0, 1.0)  # how much the machine slows each round down
    timed = take_turns(
        {"bare": scripted(*slow), "whole": scripted(*(1.5 * factor for factor in slow))}, rounds=5
    )
    wall, processor = timed.ratios("whole", ["bare"])
    assert (wall.least, wall.median, wall.most) == pytest.approx((1.5, 1.5, 1.5))
    assert processor == wall
    assert timed.spent("bare") == Spent(1.0, 0.5)
    assert timed.added("whole", over="bare") == Spent(0.5, 0.25)
    assert timed.ratios("whole", ["bare", "whole"])[0].median == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("ratios", "said"),
    [
        ((1.5, 1.5, 1.5), "1.50 (1.50 to 1.50)"),
        ((1.4, 1.5, 1.69), "1.50 (1.40 to 1.69)"),
        ((1.4, 1.5, 1.71), "too noisy to tell (1.40 to 1.71)"),
        ((0.49, 1.5, 1.6), "too noisy to tell (0.49 to 1.60)"),
    ],
)
def test_rounds_that_do_not_agree_tell_nothing(ratios, said):
    found = Ratio.of(ratios)
    assert str(found) == said
    assert found.steady == ((max(ratios) - min(ratios)) / found.median <= NOISE)


def test_start_up_is_left_out_and_each_thread_counts_its_own(monkeypatch):
    now = {"perf_counter": 0.0, "process_time": 0.0, "thread_time": 0.0}
    for name in now:
        monkeypatch.setattr(f"yolact_temporal.analyzing.stage_clock.time.{name}", lambda name=name: now[name])

    def passing(seconds, **spent):
        now["perf_counter"] += seconds
        for name, value in spent.items():
            now[name] += value

    def items():
        passing(2.0, process_time=3.0, thread_time=1.0)
        yield "frame"

    clock = StageClock()
    passing(10.0, process_time=9.0)  # loading and the like
    assert list(clock.timed("decode", items())) == ["frame"]
    times = clock.times()
    assert times.total == Spent(2.0, 3.0)
    assert times.stages["decode"] == Spent(2.0, 1.0)
    assert times.other_threads_s == 2.0
    assert clock.seconds() == {"decode": 2.0, "total": 12.0}
