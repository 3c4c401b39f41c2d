"""One run folder, one writer: real processes that start together, die, and are looked at meanwhile."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from guarded_files import interrupt, write_masks, write_run

from yolact_temporal.cli import main as cli
from yolact_temporal.dashboards.loader import find_runs
from yolact_temporal.data.runs import lock
from yolact_temporal.data.runs.lock import is_locked, run_lock
from yolact_temporal.data.runs.manifest import write_manifest
from yolact_temporal.data.runs.reader import open_finished
from yolact_temporal.data.runs.state import run_state
from yolact_temporal.errors import InputError, UsageError

pytestmark = pytest.mark.slow

WRITER = """
import sys
from pathlib import Path
from yolact_temporal.data.runs.claim import claimed_run
from yolact_temporal.errors import UsageError
print("ready", flush=True)
sys.stdin.readline()
try:
    with claimed_run(Path(sys.argv[1]), ["a"], [], resume=sys.argv[2] == "resume"):
        print("writing", flush=True)
        sys.stdin.readline()
except UsageError as error:
    print(error, flush=True)
    sys.exit(2)
"""
"""Claims a run folder when told to, and holds it until told to end."""

DESCRIBED = {
    "completed": False,
    "name": "film",
    "clip": {
        "path": "",
        "sha256": "0",
        "width": 4,
        "height": 4,
        "fps": None,
        "frame_count": 1,
        "decoder": "none",
    },
    "models": {"a": {"score_threshold": 0.5}},
}


class Writer:
    def __init__(self, folder: Path, how: str = "plain") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> int:
        self.tell()
        return self.process.wait()


@pytest.fixture
def started() -> Iterator[list[Writer]]:
    """Writers that are ready to claim; whatever is left of them at the end is ended."""
    writers: list[Writer] = []
    yield writers
    for writer in writers:
        if writer.process.poll() is None:
            writer.kill()
        for pipe in (writer.process.stdin, writer.process.stdout):
            if pipe is not None:
                pipe.close()


def writing(folder: Path, started: list[Writer], how: str = "plain") -> Writer:
    """A process that writes a run, now."""
    started.append(Writer(folder, how))
    assert started[-1].line() == "ready"
    started[-1].tell()
    assert started[-1].line() == "writing"
    return started[-1]


@pytest.mark.parametrize("how", ["plain", "resume"])
def test_of_several_that_start_together_one_writes_and_the_others_name_it(tmp_path, started, how):
    folder = tmp_path / "runs" / "film"
    if how == "resume":
        folder.mkdir(parents=True)
        write_manifest(folder, DESCRIBED)
    started += [Writer(folder, how) for _ in range(4)]
    assert [writer.line() for writer in started] == ["ready"] * 4
    for writer in started:
        writer.tell()
    said = {writer.process.pid: writer.line() for writer in started}
    (first,) = (pid for pid, line in said.items() if line == "writing")
    for pid, line in said.items():
        if pid != first:
            assert f"which process {first} on {socket.gethostname()} has been writing since" in line
            assert line.endswith("wait for it, or pass another --out")
    ends = {
        writer.process.pid: writer.end() if writer.process.pid == first else writer.process.wait()
        for writer in started
    }
    assert sorted(ends.values()) == [0, 2, 2, 2]
    assert not (folder / "run.lock").exists()


def test_a_writer_that_is_killed_leaves_no_lock(tmp_path, started):
    folder = tmp_path / "film"
    first = writing(folder, started)
    write_manifest(folder, DESCRIBED)
    assert run_state(folder) == "running"
    first.kill()
    assert (folder / "run.lock").exists(), "it could not remove it"
    assert run_state(folder) == "interrupted"
    second = writing(folder, started, "resume")
    assert json.loads((folder / "run.lock").read_text())["pid"] == second.process.pid
    assert second.end() == 0
    assert not (folder / "run.lock").exists()


def test_the_command_line_refuses_a_run_that_is_being_written(tmp_path, started, capsys):
    masks = write_masks(tmp_path / "film.json")
    command = ["score", str(masks), "--out", str(tmp_path / "runs"), "--no-plots", "--quiet"]
    assert cli.main(command) == 0
    folder = interrupt(tmp_path / "runs" / "film")
    (folder / "film" / "masks.jsonl").replace(folder / "film" / "masks.jsonl.part")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    first = writing(folder, started, "resume")
    for option in ([], ["--resume"], ["--overwrite"]):
        assert cli.main([*command, *option]) == 2
        assert f"which process {first.process.pid} on" in capsys.readouterr().err
    assert all(path.read_bytes() == own for path, own in before.items())
    assert first.end() == 0
    assert cli.main([*command, "--resume"]) == 0
    assert len((folder / "film" / "masks.jsonl").read_bytes().splitlines()) == 3


def test_a_run_that_is_being_written_is_running_for_everybody(tmp_path, started, capsys):
    folder = interrupt(write_run(tmp_path / "runs" / "film", ("a", "b"), "--no-plots"))
    first = writing(folder, started, "resume")
    (entry,) = find_runs(tmp_path / "runs")
    assert (entry.state, "resume" in entry.reason) == ("running", False)
    for command in ("compare", "export --format coco --model a"):
        arguments = [*command.split(), str(folder), "--out", str(tmp_path / "out")]
        assert cli.main(arguments) == 3
        assert "which is being written: wait for it" in capsys.readouterr().err
    first.kill()
    (entry,) = find_runs(tmp_path / "runs")
    assert (entry.state, "--resume" in entry.reason) == ("unfinished", True)
    with pytest.raises(InputError, match="was interrupted"):
        open_finished(folder)


def test_a_finished_run_is_read_while_it_is_replaced_or_added_to(tmp_path, started):
    folder = write_run(tmp_path / "runs" / "film", ("a", "b"), "--no-plots")
    with run_lock(folder):
        assert run_state(folder) == "finished"
        command = ["compare", str(folder), "--out", str(tmp_path / "out"), "--no-plots", "--quiet"]
        assert cli.main(command) == 0


def test_looking_keeps_nobody_from_writing(tmp_path):
    """A reader holds a shared lock for a moment: a writer tries again."""
    reader = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from yolact_temporal.data.runs.lock import is_locked\n"
            "print('ready', flush=True)\nwhile True: is_locked(Path(sys.argv[1]))",
            str(tmp_path),
        ],
        stdout=subprocess.PIPE,
    )
    try:
        assert reader.stdout is not None
        reader.stdout.readline()
        for _ in range(200):
            with run_lock(tmp_path):
                pass
    finally:
        reader.kill()
        reader.communicate()


def test_a_forked_child_does_not_keep_the_lock(tmp_path):
    with run_lock(tmp_path):
        child = os.fork()
        if child == 0:  # it must not run what pytest has to do at the end
            time.sleep(30)
            os._exit(0)
    try:
        assert not is_locked(tmp_path)
        with run_lock(tmp_path):
            assert is_locked(tmp_path)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_two_threads_of_a_process_are_two_writers(tmp_path):
    with run_lock(tmp_path), pytest.raises(UsageError, match=f"process {os.getpid()} on"), run_lock(tmp_path):
        pass
    assert not is_locked(tmp_path)


@pytest.mark.parametrize(
    ("holder", "free"),
    [
        (None, True),
        ({"pid": 2**22 + 1, "host": socket.gethostname()}, True),
        ({"pid": os.getppid(), "host": socket.gethostname()}, False),
        ({"pid": 1, "host": "another-machine"}, False),
    ],
)
def test_where_a_file_system_has_no_locks_the_file_tells(tmp_path, monkeypatch, holder, free):
    monkeypatch.setattr(lock, "_lock", lambda *_, **__: "unknown")
    if holder is not None:
        told = {"tool": "yolact-temporal", "since": "2026-01-02T03:04:05+00:00"} | holder
        (tmp_path / "run.lock").write_text(json.dumps(told))
        assert is_locked(tmp_path) is not free
    if free:
        with run_lock(tmp_path):
            assert is_locked(tmp_path)
        assert not (tmp_path / "run.lock").exists()
    else:
        with (
            pytest.raises(UsageError, match="has been writing since 2026-01-02 03:04 UTC"),
            run_lock(tmp_path),
        ):
            pass


def test_a_folder_that_vanishes_ends_the_lock_quietly(tmp_path):
    folder = tmp_path / "film"
    folder.mkdir()
    with run_lock(folder):
        (folder / "run.lock").unlink()
        folder.rmdir()
    assert not is_locked(folder)


def test_what_could_not_begin_leaves_no_folder(tmp_path, capsys):
    masks = write_masks(tmp_path / "film.json")
    folder = interrupt(write_run(tmp_path / "runs" / "film", ("film",), "--no-plots"))
    manifest = folder / "run.json"
    manifest.write_text(manifest.read_text().replace('"stride": 1', '"stride": 2'))
    assert cli.main(["score", str(masks), "--out", str(tmp_path / "runs"), "--resume"]) == 2
    assert "got stride 1 where it had 2" in capsys.readouterr().err
    assert not (folder / "run.lock").exists()
