"""`live` from the command line: what it refuses, how it ends, and the run folder that it leaves."""

from __future__ import annotations

import csv
import json
import os
import pty
import signal
import subprocess
import sys
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import cv2
import pytest
from clips import write_clip
from live_streams import LONG_S, TESTS, free_port, sending, wait_until
from test_stabilize_commands import command

from yolact_temporal.cli import live
from yolact_temporal.data.photo_film import PhotoFilm
from yolact_temporal.data.runs.layout import RunFolder
from yolact_temporal.data.runs.live_status import read_live_status
from yolact_temporal.data.runs.manifest import read_manifest
from yolact_temporal.data.sources import open_clip
from yolact_temporal.data.video_writer import VideoWriter
from yolact_temporal.temporal.rolling import FIGURES

MODEL = ("--model", "worker_model:BrightThings")
FAST = ("--no-plots", "--no-overlay")


@pytest.fixture
def played(tmp_path):
    """A clip whose frames carry their numbers."""
    clip = tmp_path / "clip.mp4"
    write_clip(clip, frames=40)
    return clip


def finished(out):
    """The folder and the manifest of the one run there is, which came to its end."""
    (path,) = out.glob("*/run.json")
    manifest = read_manifest(path.parent)
    assert manifest.completed
    assert manifest.live.captured == manifest.live.processed + manifest.live.dropped + manifest.live.repeated
    folder = RunFolder(path.parent)
    for model in manifest.models:
        with folder.model(model).frames.open(encoding="utf-8", newline="") as file:
            rows = [(int(row["frame"]), row["pair_status"]) for row in csv.DictReader(file)]
        assert len(rows) == manifest.live.processed
        # Only pairs of frames that were captured one after the other count.
        assert [status == "counted" for _, status in rows[1:]] == [
            after == before + 1 for (before, _), (after, _) in pairwise(rows)
        ]
    return folder, manifest


def started(*arguments, **streams):
    """`live` in a process of its own."""
    told = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} | streams
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-m", "yolact_temporal", "live", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": path},
        **told,
    )


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["ftp://host/clip"], 2, "expected a camera's number, an address of rtsp://"),
        (["no_such_thing"], 2, "expected a camera's number"),
        (["tcp://host"], 2, "expected a port in an address of tcp://, got none"),
        (["rtsp:///door"], 2, "expected a host in an address of rtsp://, got none"),
        (["rtsp://me:pass#word@host/door"], 2, "write @ as %40"),
        (["rtsp://me:12#word@host/door"], 2, "write @ as %40"),
        (["{clip}"], 2, "--real-time plays a file at its own speed"),
        (["{clip}.none", "--real-time"], 3, "found nothing at"),
        (["tcp://host:1", "--real-time"], 2, "leave --real-time out"),
        (["77"], 3, "expected a camera at /dev/video77, found none"),
        (["{closed}", "--wait", "0"], 3, "got none in 0 s"),
        (["{clip}", "--real-time", "--duration", "0"], 2, "expected --duration above 0"),
        (["{clip}", "--real-time", "--wait", "-1"], 2, "expected --wait of at least 0"),
        (["{clip}", "--real-time", "--record", "1000"], 2, "expected --record of up to 120 seconds"),
        (["{clip}", "--real-time", "--stabilize", "median:5"], 2, "which needs 2 frames of the future"),
        (["{clip}", "--real-time", "--stabilize", "soft"], 2, "soft masks beside --stabilize"),
        (["{clip}", "--real-time", "--window"], 2, "look at the dashboard's page Live"),
        (["{clip}", "--real-time", "--model", "no_such_model"], 2, "no_such_model"),
        (["{clip}", "--real-time", "--clip-name", "a/b"], 2, "--clip-name"),
        (
            ["{clip}", "--real-time", "--out", "{taken}", "--clip-name", "scene"],
            2,
            "which holds a finished run",
        ),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence_before_a_model_is_loaded(
    arguments, code, sentence, played, finished_run, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(live, "load_models", lambda *_: pytest.fail("a model was loaded"))
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    places = {"clip": played, "closed": f"tcp://127.0.0.1:{free_port()}", "taken": finished_run.parent}
    given = [each.format(**places) for each in arguments]
    found, out, err = command(capsys, "live", "--out", tmp_path / "runs", *given)
    assert (found, out) == (code, "")
    assert sentence in err
    assert err.count("\n") == 1
    assert not [word for word in ("pass#", "12#", "#word") if word in err]
    assert not (tmp_path / "runs").exists()


def test_a_window_needs_an_opencv_that_has_windows(played, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(live, "load_models", lambda *_: pytest.fail("a model was loaded"))
    monkeypatch.setenv("DISPLAY", ":77")

    def refuse(*_):
        raise cv2.error("The function is not implemented.")

    monkeypatch.setattr(cv2, "namedWindow", refuse)
    code, _, err = command(capsys, "live", played, "--real-time", "--window", "--out", tmp_path / "runs")
    assert code == 2
    assert "opencv-python-headless" in err
    assert err.count("\n") == 1


def test_a_password_is_not_told_even_where_the_command_line_cannot_be_read(capsys):
    code, _, err = command(capsys, "live", "0", "rtsp://me:secret@host/door?token=quiet")
    assert code == 2
    assert "rtsp://host/door" in err
    assert "secret" not in err
    assert "quiet" not in err


@pytest.mark.slow
def test_a_live_run_is_a_run_like_any_other(played, tmp_path, capsys):
    out = tmp_path / "runs"
    code, told, err = command(
        capsys,
        "live",
        played,
        "--real-time",
        *MODEL,
        "--stabilize",
        "vote:3",
        "--record",
        1,
        "--out",
        out,
        "--json",
    )
    assert code == 0, err
    assert json.loads(told)["exit_code"] == 0
    folder, manifest = finished(out)
    assert manifest.live.captured == 40
    assert manifest.live.ended_by == "the end was reached"
    assert manifest.live.source == str(played)
    assert list(manifest.models) == ["bright_things", "bright_things+vote3"]
    assert any("40 frames captured" in warning for warning in manifest.warnings)
    assert folder.page.is_file()
    assert "40 frames captured" in folder.report.read_text(encoding="utf-8")
    assert folder.model("bright_things").overlay.is_file()
    status = read_live_status(folder.path)
    assert (status.captured, status.state) == (40, "ended")
    assert folder.live_picture.is_file()
    with folder.summary.open(encoding="utf-8", newline="") as file:
        summary = {(row["model"], row["metric"]): row["value"] for row in csv.DictReader(file)}
    for model in manifest.models:
        for name in FIGURES:  # the run is no longer than the longest span
            value = status.newest(model, name)[-1]
            assert value == (
                None if summary[model, name] == "" else pytest.approx(float(summary[model, name]), rel=1e-4)
            )
    assert status.newest("bright_things", FIGURES[0])[-1] is not None
    recorded = manifest.document["live"]["recorded"]
    assert recorded
    for each in recorded:
        with closing(open_clip(folder.path / each["clip"])) as source:
            frames = len(list(source))
        for model in manifest.models:
            lines = folder.recorded_table(each["number"], model, "masks.jsonl").read_text().splitlines()
            assert len(lines) == frames
        assert each["first_frame"] <= each["frame"] <= each["last_frame"]
    code, _, err = command(capsys, "compare", out, "--out", tmp_path / "compared", "--no-plots", "--quiet")
    assert code == 0, err
    code, _, err = command(
        capsys, "live", played, "--real-time", *MODEL, *FAST, "--out", out, "--quiet", "--overwrite",
        "--clip-name", folder.path.name,
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert not folder.recorded.exists()


@pytest.mark.slow
def test_nothing_of_a_password_or_token_is_printed_or_written(tmp_path, capsys):
    out = tmp_path / "runs"
    with sending("http", [["viewers", 1], ["stream"]]) as sender:
        code, told, err = command(
            capsys, "live", f"http://me:secret@127.0.0.1:{sender.port}/door?token=quiet", *MODEL, *FAST, "--fps", 25,
            "--duration", 2, "--out", out, "--debug", "--verbose",
        )  # fmt: skip
    assert code == 0, err
    folder, manifest = finished(out)
    assert manifest.live.source == f"http://127.0.0.1:{sender.port}/door"
    assert manifest.live.ended_by == "--duration"
    for text in (
        told,
        err,
        *(path.read_bytes().decode("latin-1") for path in out.rglob("*") if path.is_file()),
    ):
        assert "secret" not in text
        assert "quiet" not in text
    assert "secret" not in folder.path.name


@pytest.mark.slow
def test_a_stream_that_is_lost_before_its_time_is_done_in_part(tmp_path, capsys):
    with sending("tcp", [["viewers", 1], ["frames", 60]]) as sender:
        code, _, err = command(
            capsys, "live", f"tcp://127.0.0.1:{sender.port}", *MODEL, *FAST, "--quiet", "--wait", 0,
            "--duration", LONG_S, "--out", tmp_path / "runs",
        )  # fmt: skip
    # Where the machine is so busy that the stream ends before the model is there, there is nothing to measure.
    assert code in (3, 4)
    assert "did not come back" in err


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are not sent there")
def test_the_first_interrupt_ends_a_run_whole(tmp_path):
    out = tmp_path / "runs"
    with sending("tcp", [["viewers", 1], ["stream"]]) as sender:
        process = started(f"tcp://127.0.0.1:{sender.port}", *MODEL, *FAST, "--out", out)
        try:
            wait_until(lambda: list(out.glob("*/live.json")))
            process.send_signal(signal.SIGINT)
            told, _ = process.communicate(timeout=LONG_S)
        finally:
            process.kill()
    assert process.returncode == 0, told
    _, manifest = finished(out)
    assert manifest.live.ended_by == "a signal"


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals there")
def test_q_ends_a_run_at_a_terminal_which_shows_the_figures_in_place(tmp_path):
    out = tmp_path / "runs"
    terminal, end = pty.openpty()
    with sending("tcp", [["viewers", 1], ["stream"]]) as sender:
        process = started(
            f"tcp://127.0.0.1:{sender.port}", *MODEL, *FAST, "--out", out, stdin=end, stdout=end, stderr=end
        )
        shown = b""
        try:
            while b"B2 motion-compensated jitter" not in shown:
                shown += os.read(terminal, 4096)
            os.write(terminal, b"q")
            os.close(end)
            while True:
                try:
                    shown += os.read(terminal, 4096)
                except OSError:  # the terminal is closed
                    break
            process.wait(LONG_S)
        finally:
            process.kill()
            os.close(terminal)
    assert process.returncode == 0, shown.decode()
    assert b"q or Ctrl-C ends it" in shown
    _, manifest = finished(out)
    assert manifest.live.ended_by == "q"


@pytest.mark.slow
def test_a_pipe_is_measured_with_the_model_that_ships(tmp_path):
    """A real network on a film of photographs, sent into standard input."""
    film, clip, out = PhotoFilm(size=(240, 320)), tmp_path / "film.mp4", tmp_path / "runs"
    with VideoWriter(clip, (240, 320), 24) as video:
        for frame, _ in zip(film, range(24), strict=False):
            video.write(frame.rgb, frame.time_s)
    with clip.open("rb") as file:
        process = started("-", "--out", out, "--no-plots", "--model", "yolact_compact", stdin=file)
        told, _ = process.communicate(timeout=2 * LONG_S)
    assert process.returncode == 0, told
    folder, manifest = finished(out)
    assert list(manifest.models) == ["yolact_compact"]
    assert manifest.live.source == "standard input"
    assert manifest.live.captured == 24
    assert len(Path(folder.model("yolact_compact").masks).read_text().splitlines()) == manifest.live.processed
