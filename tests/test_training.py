"""The training loop: killed, failed, interrupted and resumed runs."""

import multiprocessing
import os
import signal
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from training_runs import CrashError, compact, crash, losses, options

from yolact_temporal.errors import InputError, UsageError
from yolact_temporal.yolact import PRESETS
from yolact_temporal.yolact.families.mask_rcnn import BASELINES
from yolact_temporal.yolact.families.yolact.trainee import at_input_size
from yolact_temporal.yolact.training import train
from yolact_temporal.yolact.training.log import TrainingLog
from yolact_temporal.yolact.training.recipe import Schedule


def killed_run(options):
    """Train until SIGKILL ends it in its sixth iteration, between two checkpoints; a process's whole work."""
    append = TrainingLog.append

    def killing(self, done, *rest):
        append(self, done, *rest)
        if done == 6:
            os.kill(os.getpid(), signal.SIGKILL)

    TrainingLog.append = killing
    train(options)


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_losses_of_an_unbroken_one(tmp_path):
    changes = growing(at_input_size(PRESETS["yolact_compact"], 96)) | {"checkpoint_every": 2}
    train(options(tmp_path, output=tmp_path / "whole", **changes))
    process = multiprocessing.get_context("spawn").Process(
        target=killed_run, args=(options(tmp_path, **changes),)
    )
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    (tmp_path / "run/.last.pt.1.tmp").write_bytes(b"half a checkpoint")
    assert torch.load(tmp_path / "run/last.pt", weights_only=True)["iteration"] == 4
    assert train(options(tmp_path, resume=True, **changes)).finished
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")
    first, second = (load_file(tmp_path / name / "final.safetensors") for name in ("whole", "run"))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not [path for path in (tmp_path / "run").iterdir() if path.suffix == ".tmp"]


def fail_at(monkeypatch, iteration, action):
    append = TrainingLog.append

    def failing(self, done, *rest):
        append(self, done, *rest)
        if done == iteration:
            action()

    monkeypatch.setattr(TrainingLog, "append", failing)


def growing(config):
    """A model that is 96 pixels large, and a recipe that trains it at 64 up to its fifth iteration of eight."""
    recipe = compact(
        batch_size=2,
        iterations=8,
        sizes=((0, 64), (5 / 8, 96)),
        schedule=Schedule(kind="cosine", warmup=2),
    )
    return {"model": config, "recipe": recipe, "input_size": None}


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [
        at_input_size(PRESETS["yolact_compact"], 96),
        replace(BASELINES["mask_rcnn_compact"], input_size=96),
    ],
    ids=lambda config: config.name,
)
def test_a_run_that_dies_and_resumes_has_the_losses_of_an_unbroken_one(tmp_path, monkeypatch, config):
    changes = growing(config)
    whole = train(options(tmp_path, output=tmp_path / "whole", **changes))
    assert (whole.iteration, whole.finished, whole.interrupted) == (8, True, False)
    with monkeypatch.context() as patch:
        fail_at(patch, 6, crash)
        with pytest.raises(CrashError):
            train(options(tmp_path, workers=2, **changes))
    assert len(losses(tmp_path / "run")) == 6
    resumed = train(options(tmp_path, resume=True, workers=1, **changes))
    assert resumed.finished
    expected = losses(tmp_path / "whole")
    assert [row["input_size"] for row in expected] == ["64"] * 5 + ["96"] * 3
    assert [row["images"] for row in expected] == [str(2 * i) for i in range(1, 9)]
    assert len({row["loss"] for row in expected}) == 8
    assert losses(tmp_path / "run") == expected
    first, second = (load_file(tmp_path / name / "final.safetensors") for name in ("whole", "run"))
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_iteration_and_saves(tmp_path, monkeypatch, number, times):
    before = signal.getsignal(number)
    fail_at(monkeypatch, 3, lambda: [os.kill(os.getpid(), number) for _ in range(times)])
    result = train(options(tmp_path))
    assert (result.iteration, result.finished, result.interrupted) == (3, False, True)
    assert torch.load(tmp_path / "run/last.pt", weights_only=True)["iteration"] == 3
    assert signal.getsignal(number) is before
    assert not [path for path in (tmp_path / "run").iterdir() if path.suffix == ".tmp"]


@pytest.mark.slow
def test_a_signal_some_time_after_the_first_interrupts_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("yolact_temporal.yolact.training.loop._SAME_WISH_S", 0.0)
    fail_at(monkeypatch, 3, lambda: [os.kill(os.getpid(), signal.SIGINT) for _ in range(2)])
    with pytest.raises(KeyboardInterrupt):
        train(options(tmp_path))


def test_a_run_stops_in_time_and_can_go_on(tmp_path):
    result = train(options(tmp_path, max_minutes=1e-9))
    assert (result.iteration, result.finished, result.interrupted) == (0, False, False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({}, UsageError, "holds one; resume it"),
        ({"resume": True, "seed": 3}, UsageError, "seed: 0 there, 3 here"),
        (
            {"resume": True, "learning_rate": 0.5},
            UsageError,
            r"optimization\.learning_rate: 0.0015 there, 0.5 here",
        ),
        ({"resume": True, "output": "elsewhere"}, InputError, "found none; train without"),
    ],
    ids=["taken", "another seed", "another rate", "nothing to resume"],
)
def test_a_run_is_neither_overwritten_nor_resumed_as_another(tmp_path, changes, error, message):
    train(options(tmp_path, max_minutes=1e-9))
    if "output" in changes:
        changes = changes | {"output": tmp_path / changes["output"]}
    with pytest.raises(error, match=message):
        train(options(tmp_path, **changes))


def test_a_broken_checkpoint_is_named(tmp_path):
    train(options(tmp_path, max_minutes=1e-9))
    (tmp_path / "run/last.pt").write_bytes(b"broken")
    with pytest.raises(InputError, match="cannot be read"):
        train(options(tmp_path, resume=True))
