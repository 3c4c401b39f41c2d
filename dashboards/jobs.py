"""Analyses that run beside the dashboard: processes of the command line, known by a folder on disk each.

A job outlives the page, the browser and even the server that started it: what it does is read from its folder and from
the run it writes, never from memory alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Literal

from yolact_temporal.dashboards.command_line import own_sentence, program
from yolact_temporal.dashboards.loader import read_manifest
from yolact_temporal.dashboards.paths import VIDEO_SUFFIXES, inside, upload_name
from yolact_temporal.data.files import atomic_write, kind_of, open_regular, part_path
from yolact_temporal.data.runs import layout
from yolact_temporal.data.runs.manifest import RunOptions
from yolact_temporal.data.runs.names import is_free
from yolact_temporal.data.runs.state import RunState, run_state
from yolact_temporal.errors import InputError

HOME = ".dashboard"
"""The hidden folder, in the runs folder, of uploads and jobs."""

MAX_UPLOAD_MB = 500
"""Largest clip that can be uploaded."""

_ENDED_ON_REQUEST = (130, 143)
"""Exit codes of an interrupted command, and of one that was ended before it could say so."""
_CANCELLED = "cancelled"
_LISTED = 20
_LONGEST_NAME = 60
_READ_BYTES = 64 << 10
_NAME, _RESUME = "--clip-name", "--resume"

JobState = Literal["running", "done", "failed", "cancelled"]

_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}
"""Processes this server has started, so that their ends are collected."""

_STARTING = Lock()
"""Held from the look at what runs until one more is started: a button can be pressed twice at once."""


@dataclass(frozen=True)
class Job:
    """One analysis, as it stands now.

    Attributes:
        key: names its folder.
        name: of the run it writes, a key of the runs folder.
        command: of the command line, from its subcommand on.
        started: seconds since the epoch.
        state: "running", "done", "failed" or "cancelled".
        frames: frames done, of the model that is furthest behind; None before the first.
        total: frames there will be; None where that is not known.
        message: its error in one sentence; "" without one.
    """

    key: str
    name: str
    command: tuple[str, ...]
    started: float
    state: JobState
    frames: int | None
    total: int | None
    message: str

    def seconds_left(self, now: float | None = None) -> float | None:
        """Return about how long it will still take, from its pace so far; None where that cannot be told yet."""
        if self.state != "running" or not self.frames or not self.total or self.frames < 3:
            return None
        spent = (time.time() if now is None else now) - self.started
        return max(0.0, spent / self.frames * (self.total - self.frames))


def store_upload(root: Path, name: str, content: bytes | memoryview) -> Path:
    """Store an uploaded clip in the runs folder and return its path; a taken name gets a number.

    Raises:
        InputError: if its name is no video's, or it is too large.
    """
    if len(content) > MAX_UPLOAD_MB << 20:
        raise InputError(
            f"expected a clip of at most {MAX_UPLOAD_MB} MB, got {len(content) >> 20} MB: analyze it from the command "
            f"line"
        )
    folder = inside(root, f"{HOME}/uploads")
    folder.mkdir(parents=True, exist_ok=True)
    wanted = Path(upload_name(name))
    for number in range(1, 1000):
        stem = wanted.stem if number == 1 else f"{wanted.stem}_{number}"
        path = inside(root, f"{HOME}/uploads/{stem}{wanted.suffix}")
        if path.exists() and path.stat().st_size == len(content) and path.read_bytes() == content:
            return path
        if not path.exists():
            with atomic_write(path, "wb") as file:
                file.write(content)
            return path
    raise InputError(f"expected a free name for the upload, got {wanted}: rename it")


def known_clips(root: Path, paths: Sequence[str] = ()) -> list[Path]:
    """Return clips that can be picked: uploads, videos in the runs folder, and those of earlier runs that are there."""
    found: list[Path] = []
    for folder in (root / HOME / "uploads", root):
        with contextlib.suppress(OSError):
            for path in sorted(folder.iterdir()):
                if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file():
                    with contextlib.suppress(InputError):
                        found.append(inside(root, path.relative_to(root).as_posix()))
    for text in paths:
        with contextlib.suppress(OSError, ValueError):
            path = Path(text)
            if path.is_absolute() and path.exists():
                found.append(path)
    return list(dict.fromkeys(path.resolve() for path in found))


@lru_cache(maxsize=1)
def known_models() -> tuple[tuple[str, bool], ...]:
    """Return the models' names and whether their weights are here, as the command line lists them.

    Raises:
        InputError: if it cannot.
    """
    done = subprocess.run(
        [*program(), "weights", "list", "--json"], capture_output=True, text=True, check=False, timeout=120
    )
    try:
        rows = json.loads(done.stdout)
        return tuple((str(row["name"]), row["state"] in ("bundled", "cached")) for row in rows)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"expected the list of models, got {done.stderr.strip()[-200:] or 'nothing'}"
        ) from error


def free_name(root: Path, wanted: str) -> str:
    """Return a name for a run that nothing has and no running job will make: the wanted one, or with a number."""
    base = re.sub(r"[^\w.() -]", "_", wanted).strip(" .")[:_LONGEST_NAME] or "run"
    coming = {job.name for job in list_jobs(root) if job.state == "running"}
    names = (base if number == 1 else f"{base}_{number}" for number in range(1, 10_000))
    return next(
        name for name in names if is_free(name) and name not in coming and kind_of(root / name) == "nothing"
    )


def state_of(root: Path, name: str) -> RunState:
    """Return how the run of a job stands; "none" where it cannot be read."""
    try:
        return run_state(inside(root, name))
    except InputError:
        return "none"


def start_analysis(root: Path, wanted: str, command: Sequence[str]) -> Job:
    """Start a command that analyzes a clip, under a name that is free.

    Args:
        root: the runs folder.
        wanted: what to call the run, if that name is free.
        command: from its subcommand on, but for the run's name.

    Raises:
        InputError: if the very same is being analyzed already.
    """
    with _STARTING:
        for job in list_jobs(root):
            if job.state == "running" and _but_for_name(job.command) == list(command):
                raise InputError(
                    f"expected an analysis that is not running yet, got that of {job.name}, which is running: wait "
                    f"for it, or "
                    f"cancel it"
                )
        name = free_name(root, wanted)
        return start_job(root, name, [*command, _NAME, name])


def can_resume(root: Path, job: Job) -> bool:
    """Say whether a job's run was interrupted, and nobody goes on with it."""
    if job.state not in ("failed", "cancelled") or state_of(root, job.name) != "interrupted":
        return False
    return not any(other.state == "running" and other.name == job.name for other in list_jobs(root))


def resume_job(root: Path, job: Job) -> Job:
    """Go on with the run of a job that has ended early.

    Raises:
        InputError: if somebody writes that run, or goes on with it already, or there is nothing to go on with.
    """
    with _STARTING:
        if not can_resume(root, job):
            raise InputError(
                f"expected an interrupted run that no other process continues, got {job.name}: wait for it, or start "
                f"again"
            )
        return start_job(root, job.name, [*(part for part in job.command if part != _RESUME), _RESUME])


def start_job(root: Path, name: str, command: Sequence[str]) -> Job:
    """Start a command of the command line in a process of its own.

    Args:
        root: the runs folder.
        name: of the run that the command writes.
        command: from its subcommand on.
    """
    key = f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"
    folder = inside(root, f"{HOME}/jobs/{key}")
    folder.mkdir(parents=True)
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__.rpartition(".")[0] + ".job_process", str(folder), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _CHILDREN[process.pid] = process
    described = {"name": name, "command": list(command), "started": time.time(), "pid": process.pid}
    with atomic_write(folder / "job.json") as file:
        file.write(json.dumps(described, ensure_ascii=False) + "\n")
    return read_job(root, key)


def read_job(root: Path, key: str) -> Job:
    """Return how a job stands.

    Raises:
        InputError: if there is no such job.
    """
    folder = inside(root, f"{HOME}/jobs/{key}")
    try:
        described = json.loads(_text(folder / "job.json"))
        name, command = str(described["name"]), tuple(str(part) for part in described["command"])
        started, pid = float(described["started"]), int(described["pid"])
    except (InputError, OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"expected a job named {key[:40]!r}, found none: start a new analysis") from error
    frames, total = _progress(root, name)
    code = _exit_code(folder)
    if code is None and _alive(pid):
        return Job(key, name, command, started, "running", frames, total, "")
    asked = (folder / _CANCELLED).exists()
    state: JobState = (
        "done" if code in (0, 4) else "cancelled" if asked or code in _ENDED_ON_REQUEST else "failed"
    )
    message = "" if state == "done" or (asked and code is None) else _error_sentence(folder, code)
    if code is None and state_of(root, name) == "running":  # what it had started goes on without it
        message = (
            "expected the analysis to be watched to its end, but the process that watched it is gone; the run is still "
            "being written: wait for it"
        )
    return Job(key, name, command, started, state, frames, total, message)


def list_jobs(root: Path) -> list[Job]:
    """Return the latest jobs, newest first; what cannot be read is left out."""
    try:
        names = sorted((path.name for path in (root / HOME / "jobs").iterdir()), reverse=True)[:_LISTED]
    except OSError:
        return []
    found = []
    for name in names:
        with contextlib.suppress(InputError):
            found.append(read_job(root, name))
    return found


def cancel_job(root: Path, key: str) -> None:
    """Ask a running job to end; what it has recorded stays, so that it can be resumed."""
    folder = inside(root, f"{HOME}/jobs/{key}")
    with contextlib.suppress(InputError, OSError, ValueError, KeyError, TypeError):
        pid = int(json.loads(_text(folder / "job.json"))["pid"])
        if _exit_code(folder) is None and _alive(pid):
            (folder / _CANCELLED).touch()
            os.kill(pid, signal.SIGTERM)


def command_text(command: Sequence[str]) -> str:
    """Return a command as one would type it."""
    import shlex

    return shlex.join(["yolact-temporal", *command])


def _but_for_name(command: Sequence[str]) -> list[str]:
    """Return an analysis's command as it was wished for: without the name it was given, and without --resume."""
    kept = [part for part in command if part != _RESUME]
    if _NAME in kept:
        at = kept.index(_NAME)
        del kept[at : at + 2]
    return kept


def _exit_code(folder: Path) -> int | None:
    try:
        return int(_text(folder / "exit_code"))
    except (InputError, OSError, ValueError):
        return None


def _text(path: Path) -> str:
    """Return the end of one of a job's files, which is a plain file or not opened."""
    with open_regular(path) as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _READ_BYTES))
        return file.read(_READ_BYTES).decode("utf-8", "replace")


def _alive(pid: int) -> bool:
    """Tell whether a job's process runs; a number that another process has by now is not a job's."""
    child = _CHILDREN.get(pid)
    if child is not None:
        return child.poll() is None
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    try:
        return b"job_process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return not Path("/proc/self").exists()  # no such folder on this system: believe the number


def _progress(root: Path, name: str) -> tuple[int | None, int | None]:
    """Return frames done and to do, from the record that the run writes."""
    try:
        folder = inside(root, name)
        manifest = read_manifest(folder / layout.MANIFEST)
    except InputError:
        return None, None
    counts = []
    for model in manifest.models:
        path = inside(root, f"{name}/{model}/{layout.MASKS}")
        counts.append(max(_lines(path), _lines(part_path(path))))
    done = min(counts, default=0)
    return done or None, _total(manifest.clip.frame_count, manifest.options)


def _lines(path: Path) -> int:
    try:
        with open_regular(path) as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    except (OSError, InputError):
        return 0


def _total(count: int | None, options: RunOptions) -> int | None:
    if count is None or isinstance(options.start, float) or isinstance(options.end, float):
        return None
    last = count if options.end is None else min(count, options.end)
    return max(0, -(-(last - options.start) // options.stride))


def _error_sentence(folder: Path, code: int | None) -> str:
    try:
        text = _text(folder / "output.txt")
    except (InputError, OSError):
        text = ""
    said = own_sentence(text)
    if said is not None:
        return said
    if code is None:
        return "expected the analysis to come to its end, but its process is gone: resume it"
    last = next((line for line in reversed(text.splitlines()) if line.strip()), "it said nothing")
    return f"expected exit code 0, got {code}: {last.strip()[:300]}"
