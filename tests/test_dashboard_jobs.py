"""Analyses started from the dashboard: one a run, under a name of its own, seen as it stands, never twice at once."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from dashboard_pages import one_page, whole_app
from dashboard_runs import BLINKING, STEADY

from yolact_temporal.cli import main as cli
from yolact_temporal.dashboards import jobs
from yolact_temporal.dashboards.views.analysis import (
    COUNTERPART,
    STANDARD,
    analysis_command,
    names_code,
    time_text,
)
from yolact_temporal.data.runs.lock import run_lock
from yolact_temporal.errors import InputError


@pytest.fixture
def root(finished_run, tmp_path):
    shutil.copytree(finished_run.parent, tmp_path / "runs")
    return tmp_path / "runs"


def test_an_analysis_is_a_command_of_the_command_line(tmp_path):
    clip = tmp_path / "a.mp4"
    clip.write_bytes(b"x")
    wanted, command = analysis_command(tmp_path, clip, "yolact_compact", "mask_rcnn_compact", 0.25, 2)
    assert wanted == "a"
    args = cli.build_parser().parse_args(command)
    assert (args.clips, args.stride, args.baseline) == ([str(clip)], 2, ["mask_rcnn_compact"])
    assert (args.score_threshold, args.out) == (0.25, tmp_path)
    args = cli.build_parser().parse_args(analysis_command(tmp_path, clip, "yolact_compact", None, None, 1)[1])
    assert (args.no_baseline, args.score_threshold) == (True, None)
    wanted, command = analysis_command(tmp_path, None, STANDARD, COUNTERPART, None, 1)
    args = cli.build_parser().parse_args(command)
    assert (wanted, args.command, args.overwrite) == ("demo", "demo", False)
    assert (args.model, args.baseline, args.no_baseline) == ("yolact_compact", None, False)
    assert (time_text(40.2), time_text(170)) == ("41 s", "3 min")


@pytest.mark.parametrize(
    ("part", "named"),
    [("mine:make", True), ("--model=a.b:C.make", True), ("/a/b:c/d.mp4", False), ("yolact_compact", False)],
)
def test_a_command_on_disk_that_names_code_is_known(part, named):
    assert names_code(["analyze", "--baseline", part]) is named


def test_an_upload_is_stored_once_and_never_outside(tmp_path, monkeypatch):
    first = jobs.store_upload(tmp_path, "../../x.mp4", b"one")
    assert first == tmp_path / ".dashboard" / "uploads" / "x.mp4"
    assert jobs.store_upload(tmp_path, "x.mp4", b"one") == first
    assert jobs.store_upload(tmp_path, "x.mp4", b"two").name == "x_2.mp4"
    assert jobs.known_clips(tmp_path, [str(tmp_path / "gone.mp4"), "relative.mp4"]) == sorted(
        first.parent.iterdir()
    )
    monkeypatch.setattr(jobs, "MAX_UPLOAD_MB", 0)
    with pytest.raises(InputError, match="at most 0 MB"):
        jobs.store_upload(tmp_path, "y.mp4", b"x" * 10)
    shutil.rmtree(tmp_path / ".dashboard")
    (tmp_path / ".dashboard").symlink_to("/tmp")
    monkeypatch.setattr(jobs, "MAX_UPLOAD_MB", 1)
    with pytest.raises(InputError, match="leads out"):
        jobs.store_upload(tmp_path, "y.mp4", b"x")


def wait_for(root, key, seconds=60):
    end = time.monotonic() + seconds
    while (job := jobs.read_job(root, key)).state == "running" and time.monotonic() < end:
        time.sleep(0.05)
    return job


@pytest.mark.parametrize(
    ("wanted", "there", "name"),
    [
        ("clip", [], "clip"),
        ("clip", ["clip"], "clip_2"),
        ("clip", ["clip", "clip_2"], "clip_3"),
        ("demo", ["demo"], "demo_2"),
        ("..", [], "run"),
        ("", [], "run"),
        ("../../x", [], "_.._x"),
        ("con", [], "con_2"),
        ("run.json", [], "run.json_2"),
        ("x" * 300, [], "x" * 60),
    ],
)
def test_an_analysis_takes_a_name_that_nothing_has(tmp_path, wanted, there, name):
    for other in there:
        (tmp_path / other).mkdir()
    assert jobs.free_name(tmp_path, wanted) == name


def test_a_link_that_leads_nowhere_has_its_name_too(tmp_path):
    (tmp_path / "clip").symlink_to(tmp_path / "gone")
    assert jobs.free_name(tmp_path, "clip") == "clip_2"


@pytest.fixture
def started(monkeypatch):
    """The commands that would have been started; each one's process runs until the test ends it."""
    commands, processes = [], []
    real = subprocess.Popen

    def start(command, **options):
        commands.append(command[command.index("yolact_temporal.dashboards.job_process") + 2 :])
        processes.append(real([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
        return processes[-1]

    monkeypatch.setattr(jobs.subprocess, "Popen", start)
    yield commands
    for process in processes:
        process.kill()
        process.communicate()


def test_a_second_press_starts_nothing_and_says_so(tmp_path, started):
    _, command = analysis_command(tmp_path, None, "yolact_compact", None, None, 1)
    first = jobs.start_analysis(tmp_path, "demo", command)
    with pytest.raises(InputError, match=r"expected an analysis that is not running yet, got that of demo"):
        jobs.start_analysis(tmp_path, "demo", command)
    assert started == [[*command, "--clip-name", "demo"]]
    other = jobs.start_analysis(tmp_path, "demo", [*command, "--seed", "1"])
    assert (first.name, other.name) == ("demo", "demo_2")


def test_presses_at_once_start_one_analysis(tmp_path, started):
    def press(_):
        with contextlib.suppress(InputError):
            jobs.start_analysis(tmp_path, "clip", ["analyze", "clip.mp4"])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(press, range(8)))
    assert len(started) == 1


def interrupted(root):
    """The job of a run that was interrupted."""
    path = root / "scene" / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"completed": False}))
    return jobs.Job("k", "scene", ("analyze", "clip.mp4"), 0.0, "failed", 9, 24, "it stopped")


@pytest.mark.slow
@pytest.mark.smoke
def test_only_a_run_that_nobody_writes_is_resumed_and_only_once(root, started):
    job = interrupted(root)
    with run_lock(root / "scene"):
        assert not jobs.can_resume(root, job)
        with pytest.raises(InputError, match="no other process continues"):
            jobs.resume_job(root, job)
    assert jobs.can_resume(root, job)
    jobs.resume_job(root, job)
    assert started == [["analyze", "clip.mp4", "--resume"]]
    assert not jobs.can_resume(root, job)
    with pytest.raises(InputError, match="no other process continues"):
        jobs.resume_job(root, job)
    assert len(started) == 1


@pytest.mark.slow
@pytest.mark.smoke
def test_a_finished_run_is_not_resumed(root):
    assert not jobs.can_resume(root, replace(interrupted(root), state="done"))
    assert not jobs.can_resume(root, replace(interrupted(root), name="gone"))


@pytest.mark.slow
def test_a_run_that_another_process_writes_is_shown_as_running_without_a_way_to_resume_it(root, monkeypatch):
    job = interrupted(root)
    monkeypatch.setattr(jobs, "list_jobs", lambda root: [job])
    with run_lock(root / "scene"):
        page = one_page(root, "analysis")
        assert any("is being written by another process" in one.value for one in page.markdown)
        assert "Resume" not in [button.label for button in page.button]
        app = whole_app(root)
        assert any("(running)" in one.value for one in app.markdown)
        assert not any("--resume" in one.value for one in app.caption)
    page = one_page(root, "analysis")
    assert "Resume" in [button.label for button in page.button]
    assert not any("another process" in one.value for one in page.markdown)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files here")
def test_a_job_whose_files_are_none_is_not_listed(tmp_path):
    for name in ("fifo", "link"):
        (tmp_path / ".dashboard" / "jobs" / name).mkdir(parents=True)
    os.mkfifo(tmp_path / ".dashboard" / "jobs" / "fifo" / "job.json")
    (tmp_path / ".dashboard" / "jobs" / "link" / "job.json").symlink_to("/dev/zero")
    assert jobs.list_jobs(tmp_path) == []


def test_a_job_that_fails_says_the_command_lines_sentence(tmp_path):
    job = jobs.start_job(tmp_path, "x", ["dashboard", str(tmp_path), "--port", "70000"])
    ended = wait_for(tmp_path, job.key)
    assert (ended.state, ended.message) == ("failed", "expected --port from 0 to 65535, got 70000")
    assert [one.key for one in jobs.list_jobs(tmp_path)] == [job.key]


def test_a_job_can_be_cancelled_and_outlives_whoever_started_it(tmp_path):
    job = jobs.start_job(tmp_path, "x", ["dashboard", str(tmp_path), "--port", "0"])
    child = jobs._CHILDREN.pop(jobs._CHILDREN.copy().popitem()[0])  # as after a restart of the server
    assert jobs.read_job(tmp_path, job.key).state == "running"
    jobs.cancel_job(tmp_path, job.key)
    child.wait(timeout=60)
    assert wait_for(tmp_path, job.key).state == "cancelled"


def test_progress_is_read_from_the_record_of_the_slowest_model(root):
    folder = root / "scene"
    manifest = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(manifest | {"completed": False}))
    for model, lines in ((STEADY, 12), (BLINKING, 9)):
        path = folder / model / "masks.jsonl"
        path.with_name("masks.jsonl.part").write_text("".join(path.read_text().splitlines(True)[:lines]))
        path.unlink()
    assert jobs._progress(root, "scene") == (9, 24)
    job = jobs.Job("k", "scene", (), 100.0, "running", 9, 24, "")
    assert job.seconds_left(now=109.0) == pytest.approx(15.0)
