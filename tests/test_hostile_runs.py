"""Runs that somebody broke or made to do harm: said in one sentence, never opened, never followed, never waited for."""

from __future__ import annotations

import json
import os
import shutil
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from dashboard_runs import STEADY
from test_dashboard_server import ask

from yolact_temporal.cli import main as cli
from yolact_temporal.dashboards import loader, moments, server, tables
from yolact_temporal.dashboards.byte_cache import ByteCache
from yolact_temporal.data import lines
from yolact_temporal.data.files import open_regular
from yolact_temporal.data.masks_jsonl import read_records
from yolact_temporal.data.runs.manifest import read_manifest
from yolact_temporal.errors import InputError

MIB = 1 << 20


@pytest.fixture
def root(finished_run, tmp_path):
    shutil.copytree(finished_run.parent, tmp_path / "runs")
    return tmp_path / "runs"


def put(document: dict[str, Any], where: str, value: object) -> None:
    *way, last = where.split(".")
    for name in way:
        document = document.setdefault(name, {})
    document[last] = value


GARBLED: list[tuple[str, object]] = [
    ("completed", "yes"),
    ("name", 7),
    ("models", {}),
    ("models", [STEADY]),
    (f"models.{STEADY}", "none"),
    ("models.../../etc", {"score_threshold": 0.3}),
    (f"models.{STEADY}.score_threshold", "0.3"),
    (f"models.{STEADY}.score_threshold", 40),
    (f"models.{STEADY}.score_threshold", -1),
    (f"models.{STEADY}.score_threshold", 10**400),
    (f"models.{STEADY}.config", {"class_names": [1, 2]}),
    (f"models.{STEADY}.config", {"class_names": "cat"}),
    (f"models.{STEADY}.mask_cell_px", [0, -1]),
    ("clip", None),
    ("clip.width", 60_000.5),
    ("clip.width", 0),
    ("clip.width", 1 << 60),
    ("clip.height", 10_000_000),
    ("clip.fps", "1e999999999"),
    ("clip.fps", "9" * 4000),
    ("clip.fps", "-25"),
    ("clip.fps", "25/0"),
    ("clip.fps", 1e12),
    ("clip.fps", ["25"]),
    ("clip.frame_count", -3),
    ("clip.path", ["a"]),
    ("options.stride", "2"),
    ("options.stride", 0),
    ("options.stride", 1.5),
    ("options.stride", True),
    ("options.batch", "many"),
    ("options.start", "now"),
    ("options.start", -1),
    ("options.flow_long_side", 1 << 40),
    ("options.motion", "none"),
    ("options.second_motion_every", -1),
    ("frames_measured", "all"),
    ("losses", [{"at_index": "x", "reason": ""}]),
    ("losses", "none"),
    ("warnings", [3]),
    ("outside", {STEADY: {"unshared": "x", "duplicates": 1, "of": 2}}),
    ("seconds", {"total": "long"}),
    ("seconds", {"total": -1}),
    ("packages", {"torch": 2}),
    ("format_version", "2"),
    ("format_version", 10**30),
    ("tool", "another"),
]


@pytest.mark.parametrize(("where", "value"), GARBLED, ids=lambda value: str(value)[:40])
def test_every_value_of_a_manifest_is_checked_when_it_is_read(where, value, root):
    path = root / "scene" / "run.json"
    document = json.loads(path.read_text())
    put(document, where, value)
    path.write_text(json.dumps(document))
    with pytest.raises(InputError) as told:
        read_manifest(root / "scene")
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 700
    (entry,) = loader.find_runs(root)
    assert entry.state == "unreadable"
    answer = ask(root, "/picture", run="scene", frame=5)
    assert answer.status_code == 404
    assert answer.body.startswith(b"expected ")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        "null",
        "{",
        "[" * 100_000,
        '{"format_version": 2}',
        '{"format_version": ' + "9" * 5000 + "}",
        "\0" * 9,
    ],
    ids=lambda text: text[:20],
)
def test_a_manifest_that_is_no_object_is_told(text, root):
    (root / "scene" / "run.json").write_text(text)
    with pytest.raises(InputError):
        read_manifest(root / "scene")


def fifo(path: Path) -> None:
    os.mkfifo(path)


def zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def outside(path: Path) -> None:
    runs = next(parent for parent in path.parents if parent.name == "runs")
    other = runs.parent / "other"
    other.write_text("secret")
    path.symlink_to(other)


def folder(path: Path) -> None:
    path.mkdir()


FILES = (
    "run.json",
    "summary.csv",
    "objects.csv",
    f"{STEADY}/frames.csv",
    f"{STEADY}/instances.csv",
    f"{STEADY}/masks.jsonl",
)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no fifos")
@pytest.mark.parametrize("put_there", [fifo, zeros, outside, folder])
@pytest.mark.parametrize("name", FILES)
def test_what_is_no_plain_file_is_never_opened(name, put_there, root, capsys):
    path = root / "scene" / name
    path.unlink(missing_ok=True)
    put_there(path)
    for address, query in (
        ("/picture", {"frame": 5, "model": STEADY}),
        ("/crop", {"frame": 5, "model": STEADY, "track": 1}),
    ):
        answer = ask(root, address, run="scene", **query)
        assert answer.status_code in (200, 404, 422), answer.body
        assert b"secret" not in answer.body
    with pytest.raises(InputError):
        open_regular(path)
    assert cli.main(["compare", str(root / "scene"), "--out", str(root / "compared")]) in (0, 2, 3)
    assert "Traceback" not in capsys.readouterr().err


def stretch(path: Path, size: int) -> None:
    """Make a file's second line as long as asked, on disk only where the system can."""
    head = path.read_bytes().split(b"\n", 1)[0] + b"\n"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        (f"{STEADY}/frames.csv", tables.read_table),
        (f"{STEADY}/instances.csv", tables.read_table),
        ("summary.csv", tables.read_table),
        (f"{STEADY}/masks.jsonl", lambda path: list(read_records(path))),
        (f"{STEADY}/masks.jsonl", lambda path: moments._line_places(path)),
    ],
)
def test_a_line_of_200_mb_is_refused_before_it_is_held(
    name, read: Callable[[Path], object], root, monkeypatch
):
    monkeypatch.setattr(lines, "MAX_LINE", 8 * MIB)
    monkeypatch.setattr(lines.open_lines, "__defaults__", (8 * MIB,))
    path = root / "scene" / name
    stretch(path, 200 * MIB)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"expected (lines of at most|one frame a line)"):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 40 * MIB
    finally:
        tracemalloc.stop()


def test_short_lines_are_read_as_they_are(tmp_path):
    path = tmp_path / "lines"
    text = b"".join(b"%d," % number * (number % 7) + b"\n" for number in range(300_000))
    path.write_bytes(text)
    with lines.open_lines(path, MIB) as file:
        assert file.read() == text
        file.seek(0)
        assert list(file) == text.splitlines(keepends=True)
    path.write_bytes(b"a" * MIB + b"\n" + b"b" * MIB)
    with lines.open_lines(path, MIB) as file:
        assert len(file.read()) == 2 * MIB + 1
    path.write_bytes(b"a\n" + b"b" * (MIB + 1))
    with lines.open_lines(path, MIB) as file, pytest.raises(InputError, match="at most 1 MiB"):
        file.read()


def test_a_table_that_would_fill_the_memory_is_not_read(root, monkeypatch):
    monkeypatch.setattr(tables, "_LARGEST_TABLE", 100)
    with pytest.raises(InputError, match="expected a table of at most"):
        tables.read_table(root / "scene" / "summary.csv")


def test_what_is_kept_has_a_bound_in_bytes():
    cache: ByteCache[bytes] = ByteCache(1000, len)
    for number in range(50):
        assert len(cache.get(number, lambda: bytes(90))) == 90
        assert cache.held <= 1000
    assert cache.get("large", lambda: bytes(5000)) == bytes(5000)
    assert cache.held <= 1000
    assert cache.get(49, lambda: b"made anew") == bytes(90)
    assert cache.get(0, lambda: b"made anew") == b"made anew"
    cache.clear()
    assert cache.held == 0


def test_tables_are_counted_by_what_they_hold(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_tables", ByteCache(300_000, tables._bytes))
    for number in range(12):
        path = tmp_path / f"table{number}.csv"
        pd.DataFrame({"a": np.arange(5_000)}).to_csv(path, index=False)
        assert len(tables.read_table(path)) == 5_000
        assert tables._tables.held <= 300_000
    assert tables.read_table(path) is tables.read_table(path)


def test_requests_wait_for_each_other_and_are_told_when_they_wait_too_long(root, monkeypatch):
    monkeypatch.setattr(server, "_AT_WORK", threading.BoundedSemaphore(1))
    monkeypatch.setattr(server, "_PATIENCE_S", 0.01)
    assert ask(root, "/picture", run="scene", frame=5).status_code == 200
    with server._AT_WORK:
        answer = ask(root, "/picture", run="scene", frame=5)
    assert (answer.status_code, answer.body[:22]) == (429, b"expected fewer request")
    assert ask(root, "/picture", run="scene", frame=5).status_code == 200


@pytest.mark.slow
def test_twenty_clients_at_once_are_all_answered_within_the_bounds(root):
    answers: list[int] = []
    addresses = [("/picture", {"frame": frame % 9, "model": STEADY, "jitter": "1"}) for frame in range(60)]

    def client(number: int) -> None:
        for address, query in addresses[number::20]:
            answers.append(ask(root, address, run="scene", **query).status_code)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert answers == [200] * 60
    assert moments._motions.held <= moments._KEPT_BYTES
    assert tables._tables.held <= tables._KEPT_BYTES
