"""The dashboard's page Live: what it shows of a run that goes on, and what it survives."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
from dashboard_pages import one_page

from yolact_temporal.dashboards.charts.live import curve_rows
from yolact_temporal.data.runs.layout import RunFolder
from yolact_temporal.data.runs.live_status import LiveStatus, read_live_status, write_live_status
from yolact_temporal.data.runs.lock import run_lock
from yolact_temporal.data.runs.manifest import write_manifest
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.rolling import FIGURES, FLOORS, SPANS_S

ROWS = 5
CURVE = (None, 1.0, 2.0, 1.5, 1.25)
STATUS = LiveStatus(
    source="rtsp://host/door",
    state="lost",
    problem="nothing came for 5 s",
    seconds=5.0,
    captured=100,
    processed=40,
    dropped=50,
    repeated=10,
    captured_per_s=20.0,
    processed_per_s=8.0,
    dropped_share=0.5,
    repeated_share=None,
    age_median_s=0.12,
    age_p95_s=0.3,
    spans_s=SPANS_S,
    times_s=[1.0, 2.0, 3.0, 4.0, 5.0],
    figures={"model": {name: [CURVE] * len(SPANS_S) for name in (*FIGURES, *FLOORS.values())}},
)


@pytest.fixture
def live_run(finished_run, tmp_path):
    """A live run that is being written, beside a finished one."""
    shutil.copytree(finished_run, tmp_path / "runs" / "scene")
    folder = RunFolder(tmp_path / "runs" / "door")
    folder.path.mkdir()
    document = json.loads((finished_run / "run.json").read_text(encoding="utf-8"))
    live = {"source": "rtsp://host/door", "captured": 0}
    write_manifest(folder.path, document | {"completed": False, "live": live})
    write_live_status(folder.path, STATUS)
    folder.live_picture.write_bytes(cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes())
    with run_lock(folder.path):
        yield folder


def test_what_is_written_is_read(live_run):
    assert read_live_status(live_run.path) == replace(STATUS, spans_s=list(SPANS_S))
    assert STATUS.newest("model", FIGURES[0]) == [1.25] * 3
    assert read_live_status(live_run.path.parent / "scene") is None


@pytest.mark.slow
def test_the_page_shows_a_live_run(live_run):
    page = one_page(live_run.path.parent, "live")
    assert not page.exception
    assert not page.error
    assert {item.label: item.value for item in page.metric} == {
        "Captured": "20.0 /s",
        "Processed": "8.0 /s",
        "Dropped": "50%",
        "Repeated": "undefined",
    }
    told = " ".join(item.value for item in page.caption)
    assert "lost (nothing came for 5 s)" in told.replace("\\", "")
    assert "120 ms, 95% below 300 ms" in told
    rows = curve_rows(STATUS, FIGURES[0], 0)
    assert rows["value"].isna().tolist() == [True, False, False, False, False]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("live.json", b"{}"),
        ("live.json", b'{"tool": "yolact-temporal", "format_version": 7}'),
        ("live.json", json.dumps({"format_version": 1, "spans_s": list(range(10_000))}).encode()),
        ("live.jpg", b"GIF89a"),
        ("live.jpg", b"\xff\xd8\xff" + b"0" * (3 << 20)),
    ],
)
def test_a_damaged_file_is_told_in_one_sentence(live_run, name, content):
    (live_run.path / name).write_bytes(content)
    page = one_page(live_run.path.parent, "live")
    assert not page.exception
    assert [item.value.startswith("expected") for item in page.error] == [True]


@pytest.mark.slow
def test_a_picture_behind_a_link_is_not_shown(live_run, tmp_path):
    live_run.live_picture.unlink()
    live_run.live_picture.symlink_to(tmp_path / "elsewhere.jpg")
    page = one_page(live_run.path.parent, "live")
    assert not page.exception
    assert len(page.error) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"times_s": [0.0] * 500},
        {"captured": -1},
        {"seconds": "5"},
        {"figures": {"model": {FIGURES[0]: [[1.0]]}}},
        {"figures": {"model": {FIGURES[0]: [["x"] * ROWS] * 3}}},
    ],
)
def test_values_that_are_none_are_refused(live_run, change):
    document = json.loads(live_run.live.read_text(encoding="utf-8"))
    live_run.live.write_text(json.dumps(document | change), encoding="utf-8")
    with pytest.raises(InputError, match="how a live run stands"):
        read_live_status(live_run.path)
