"""Every way to estimate motion is timed, and set against the motion of a scene that is known."""

import json

import pytest

from yolact_temporal.benchmarking import flows
from yolact_temporal.benchmarking.flows import format_flow_benchmark, run_flow_benchmark
from yolact_temporal.cli.main import main
from yolact_temporal.data.runs.manifest import FLOW_METHODS
from yolact_temporal.data.synthetic import SceneOptions

SCENE = SceneOptions(size=(240, 320), frames=3, objects=2, camera="pan")


@pytest.fixture(scope="module")
def figures():
    return run_flow_benchmark(SCENE)


def test_the_error_is_that_of_the_methods_on_a_scene_whose_motion_is_known(figures):
    methods = figures["methods"]
    assert tuple(methods) == FLOW_METHODS
    for own in methods.values():
        assert 0 < own["error_px"] < 0.5
        assert 0.9 < own["seen"] <= 1
        assert 0 < own["boundary_px_mean"] < 1
    assert methods["dis-fine"]["error_px"] < methods["dis"]["error_px"]


def test_motion_that_is_wrong_shows(monkeypatch, figures):
    class Wrong(flows.FlowEstimator):
        def update(self, rgb):
            motion = super().update(rgb)
            if motion is not None:
                motion.backward[..., 0] += 2
            return motion

    monkeypatch.setattr(flows, "FlowEstimator", Wrong)
    wrong = run_flow_benchmark(SCENE)["methods"]["dis"]
    right = figures["methods"]["dis"]
    assert wrong["error_px"] == pytest.approx(2, abs=0.2)
    assert wrong["boundary_px_mean"] > right["boundary_px_mean"] + 0.5


def test_where_there_is_no_pair_nothing_is_defined():
    alone = run_flow_benchmark(SceneOptions(size=(64, 96), frames=1, objects=1))
    assert alone["methods"]["dis"]["error_px"] is None
    assert format_flow_benchmark(alone).count("undefined") == 5 * len(FLOW_METHODS)


def test_the_command_prints_a_table_or_json(capsys, monkeypatch, figures):
    monkeypatch.setattr(flows, "run_flow_benchmark", lambda: figures)
    assert main(["benchmark", "--flow"]) == 0
    table = capsys.readouterr().out
    assert all(f"\n{method} " in table for method in FLOW_METHODS)
    assert main(["benchmark", "--flow", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == figures
