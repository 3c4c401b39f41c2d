"""Timing: what is timed, what it is called, and that random weights do the work of real ones."""

import json

import numpy as np
import pytest
from clips import write_clip

from yolact_temporal.benchmarking import networks
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
        assert own["ratio"] == pytest.approx(own["analyze_ms"] / own["forward_ms"])
        assert {"decode", "flow", "measure", "overlay"} <= set(own["stages_ms"])
    (pair,) = figures["pairs"]
    assert pair["models"] == ["yolact_compact", "mask_rcnn_compact"]
    assert min(pair["forward_ratio"], pair["analyze_ms"], pair["ratio_to_sum"]) > 0
    table = networks.format_benchmark(figures)
    assert "mask_rcnn_compact takes" in table
    assert "times the sum of their forward passes" in table


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
