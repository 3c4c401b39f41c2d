"""Signals to a process of the command line: it ends in order, whenever they come and however many."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from clips import write_images

from yolact_temporal.cli import interrupts
from yolact_temporal.cli import main as cli
from yolact_temporal.cli.interrupts import INTERRUPTED, Interrupts

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")

TIMES, APART_S = 3, 0.1

#: Runs the command line; when a module is about to be imported, a thread sends signals as a key held down would.
SIGNALLED_AT_IMPORT = f"""
import os, signal, sys, threading, time
from yolact_temporal.cli.main import run_process

moment, number = sys.argv.pop(1), int(sys.argv.pop(1))

def send():
    for _ in range({TIMES}):
        os.kill(os.getpid(), number)
        time.sleep({APART_S})

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == moment and self in sys.meta_path:
            sys.meta_path.remove(self)
            threading.Thread(target=send, daemon=True).start()
            time.sleep(0.02)

sys.meta_path.insert(0, Watch())
run_process()
"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("clip") / "film", 12)


def arguments(clip: Path, out: Path) -> list[str]:
    return ["analyze", str(clip), "--out", str(out), "--quiet", "--no-baseline"]


def start(*command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(there: Callable[[], bool], ended: Callable[[], bool]) -> None:
    """Wait until something is there, or the run has ended."""
    deadline = time.monotonic() + 120
    while not there() and not ended() and time.monotonic() < deadline:
        time.sleep(0.005)


def frames_recorded(run: Path, count: int) -> Callable[[], bool]:
    part = run / "yolact_compact" / "masks.jsonl.part"
    return lambda: part.exists() and part.read_bytes().count(b"\n") > count


def is_resumable(run: Path) -> None:
    """Nothing is there, or a run that is not finished, without a half file but the record of what was seen."""
    parts = {path.name for path in run.rglob("*.part")}
    assert parts <= {"masks.jsonl.part"}
    if run.exists():
        assert not json.loads((run / "run.json").read_text())["completed"]


@needs_signals
@pytest.mark.slow
@pytest.mark.parametrize(("module", "number"), [("torch.nn", signal.SIGINT), ("torchvision", signal.SIGTERM)])
def test_signals_while_torch_is_imported_end_with_130(
    clip: Path, tmp_path: Path, module: str, number: signal.Signals
) -> None:
    process = start("-c", SIGNALLED_AT_IMPORT, module, str(int(number)), *arguments(clip, tmp_path))
    out, err = process.communicate(timeout=120)
    assert process.returncode == INTERRUPTED, err
    assert "interrupted" in err
    assert "Traceback" not in err
    assert err.count("\n") == 1
    assert out == ""
    is_resumable(tmp_path / "film")


def has_come_to(run: Path, moment: str) -> Callable[[], bool]:
    return frames_recorded(run, 1) if moment == "frames" else (run / "plots").exists


@needs_signals
@pytest.mark.slow
@pytest.mark.parametrize("moment", ["frames", "plots"])
def test_ctrl_c_three_times_ends_a_run_with_130_and_leaves_one_that_resumes(
    clip: Path, tmp_path: Path, moment: str
) -> None:
    run = tmp_path / "film"
    process = start("-m", "yolact_temporal", *arguments(clip, tmp_path))
    wait_for(has_come_to(run, moment), lambda: process.poll() is not None)
    for _ in range(TIMES):
        process.send_signal(signal.SIGINT)
        time.sleep(APART_S)
    _, err = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, err
    assert err == "yolact-temporal: interrupted: run the same command with --resume to go on\n"
    is_resumable(run)


@pytest.mark.slow
@pytest.mark.parametrize(("moment", "lost"), [("frames", "."), ("frames", "yolact_compact"), ("plots", ".")])
def test_an_output_folder_that_vanishes_ends_in_one_sentence_that_names_it(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], moment: str, lost: str
) -> None:
    run, ended = tmp_path / "film", threading.Event()

    def take_away() -> None:
        wait_for(has_come_to(run, moment), ended.is_set)
        (run / lost).rename(tmp_path / "gone")  # at once and whole, whatever is written meanwhile
        shutil.rmtree(tmp_path / "gone", ignore_errors=True)

    thief = threading.Thread(target=take_away)
    thief.start()
    code = cli.main(arguments(clip, tmp_path))
    ended.set()
    thief.join()
    err = capsys.readouterr().err
    assert code == 1, err
    assert err.startswith(f"yolact-temporal: expected the results to stay in {run}")
    assert err.count("\n") == 1


class TestAnswers:
    """What the answer to each signal is, without a process."""

    def answer(self, listener: Interrupts) -> None:
        listener._answer(signal.SIGINT, sys._getframe())

    def test_the_first_interrupts_and_the_next_ones_do_not(self) -> None:
        listener = Interrupts()
        assert not listener.asked
        with pytest.raises(KeyboardInterrupt):
            self.answer(listener)
        assert listener.asked
        self.answer(listener)
        self.answer(listener)

    def test_one_after_a_long_wait_ends_the_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        left: list[int] = []
        monkeypatch.setattr(interrupts, "leave", left.append)
        listener = Interrupts()
        with pytest.raises(KeyboardInterrupt):
            self.answer(listener)
        monkeypatch.setattr(interrupts, "PATIENCE_S", 0.0)
        self.answer(listener)
        assert left == [INTERRUPTED]

    def test_a_signal_that_was_set_aside_stays_so(self) -> None:
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            Interrupts().listen()
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            assert callable(signal.getsignal(signal.SIGTERM))
        finally:
            for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
                signal.signal(number, handler)
