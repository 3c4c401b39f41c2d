"""What the server answers besides its pages: pictures and videos of the runs folder, and of nothing else."""

import json
import os
import shutil
from types import SimpleNamespace
from urllib.parse import parse_qs, urlencode

import cv2
import numpy as np
import pytest
from dashboard_runs import BLINKING, STEADY
from starlette.datastructures import QueryParams

from yolact_temporal.dashboards import app, loader, moments, server
from yolact_temporal.dashboards.drawing import shrunk
from yolact_temporal.dashboards.pictures import (
    NO_PAIR_HERE,
    View,
    crop_picture,
    model_picture,
    original_picture,
)
from yolact_temporal.temporal.reading.jitter_picture import CARRIED


@pytest.fixture
def root(finished_run, tmp_path):
    shutil.copytree(finished_run.parent, tmp_path / "runs")
    return tmp_path / "runs"


def ask(root, address, **query):
    found = {route.path: route.endpoint for route in server.routes(root, app.page_addresses())}
    return found[address](SimpleNamespace(query_params=QueryParams(urlencode(query))))


def picture(root, **query):
    answer = ask(root, "/picture", run="scene", **query)
    assert answer.status_code == 200, answer.body
    assert answer.media_type == "image/jpeg"
    return cv2.imdecode(np.frombuffer(answer.body, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)


def test_a_picture_is_what_the_viewer_asks_for(root):
    run = loader.find_run(root, "scene")
    view = View(jitter=True, labels=True, boxes=False)
    query = {name: value[0] for name, value in parse_qs(server.picture_query(run, STEADY, view)).items()}
    assert query.pop("run") == "scene"
    got = picture(root, frame=5, **query)
    assert np.abs(got - model_picture(run, STEADY, 5, view)).mean() < 6
    assert np.abs(picture(root, frame=5) - original_picture(run, 5)).mean() < 6


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (View(), View(jitter=True)),
        (View(), View(boxes=False)),
        (View(), View(labels=False)),
        (View(jitter=True), View(jitter=True, boxes=False)),
        (View(jitter=True), View(jitter=True, labels=False)),
    ],
)
def test_every_way_to_draw_shows(root, one, other):
    run = loader.find_run(root, "scene")
    assert (model_picture(run, STEADY, 5, one) != model_picture(run, STEADY, 5, other)).any()


def test_jitter_shows_the_carried_outline_or_says_that_there_is_no_pair(root):
    run = loader.find_run(root, "scene")
    view = View(jitter=True, boxes=False, labels=False)
    assert (model_picture(run, STEADY, 5, view) == CARRIED).all(axis=2).any()
    first = model_picture(run, STEADY, 0, view)
    corner = first[:10, :40]
    assert (corner == 40).any(), NO_PAIR_HERE
    assert (corner > 200).any()


@pytest.mark.parametrize(
    ("address", "query", "told"),
    [
        ("/picture", {"run": "../scene", "frame": "1"}, "inside the runs folder"),
        ("/picture", {"run": "/etc", "frame": "1"}, "inside the runs folder"),
        ("/picture", {"run": "a\0b", "frame": "1"}, "inside the runs folder"),
        ("/picture", {"run": "", "frame": "1"}, "inside the runs folder"),
        ("/picture", {"run": ".", "frame": "1"}, "one of the runs"),
        ("/picture", {"run": ".dashboard", "frame": "1"}, "one of the runs"),
        ("/picture", {"run": "scene/steady_model", "frame": "1"}, "one of the runs"),
        ("/picture", {"run": "link", "frame": "1"}, "leads out"),
        ("/picture", {"run": "scene", "frame": "-1"}, "frame that was measured"),
        ("/picture", {"run": "scene", "frame": "24"}, "frame that was measured"),
        ("/picture", {"run": "scene", "frame": "9" * 400}, "frame that was measured"),
        ("/picture", {"run": "scene", "frame": "\u0663"}, "frame that was measured"),
        ("/picture", {"run": "scene", "frame": "1", "model": "../x"}, "one of the models"),
        ("/crop", {"run": "scene", "frame": "1", "model": STEADY, "track": "999"}, "a track that is seen"),
        ("/crop", {"run": "scene", "frame": "1", "model": STEADY, "track": "-1"}, "a track that is seen"),
        ("/crop", {"run": "scene", "frame": "x", "model": STEADY, "track": "1"}, "frame that was measured"),
        ("/crop", {"run": "..", "frame": "1", "model": STEADY, "track": "1"}, "inside the runs folder"),
        ("/overlay", {"run": "scene", "model": ""}, "one of the models"),
        ("/overlay", {"run": "scene", "model": BLINKING}, "expected an overlay video"),
        ("/overlay", {"run": "scene", "model": STEADY}, "leads out"),
    ],
)
def test_what_is_no_run_no_frame_and_no_model_is_refused_in_one_sentence(
    root, tmp_path, address, query, told
):
    (tmp_path / "elsewhere").mkdir()
    (root / "link").symlink_to(tmp_path / "elsewhere")
    (root / ".dashboard").mkdir()
    (root / "scene" / BLINKING / "overlay.mp4").unlink()
    video = root / "scene" / STEADY / "overlay.mp4"
    video.rename(tmp_path / "overlay.mp4")
    video.symlink_to(tmp_path / "overlay.mp4")
    answer = ask(root, address, **query)
    assert answer.status_code == 404
    assert told in answer.body.decode()
    assert answer.media_type == "text/plain"


def described(root, **clip):
    """Let the manifest say something else of the clip."""
    path = root / "scene" / "run.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"clip": manifest["clip"] | clip}))


def test_frames_larger_than_any_are_not_made(root):
    for size, told in (
        ((60_000, 60_000), b"frames are of more than"),
        ((9_000, 9_000), b"expected frames of at most"),
    ):
        described(root, width=size[0], height=size[1])
        answer = ask(root, "/picture", run="scene", frame=5)
        assert answer.status_code == 404
        assert told in answer.body


def test_a_record_longer_than_any_is_not_read(root, monkeypatch):
    monkeypatch.setattr(moments, "MAX_LINE", 100)
    answer = ask(root, "/picture", run="scene", frame=5, model=STEADY)
    assert answer.status_code == 404
    assert b"got a longer one" in answer.body


def test_what_does_not_fit_together_is_told_in_one_sentence(root, monkeypatch):
    def fail(run, frame):
        raise ValueError("shapes\n(3,) (4,)")

    monkeypatch.setattr(server, "original_picture", fail)
    answer = ask(root, "/picture", run="scene", frame=5)
    assert answer.status_code == 422
    assert (
        answer.body == b"expected a run that can be shown, got a damaged one (ValueError: shapes (3,) (4,))"
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files here")
@pytest.mark.parametrize("name", ["run.json", "summary.csv", f"{STEADY}/frames.csv", f"{STEADY}/masks.jsonl"])
def test_a_pipe_in_a_run_is_not_waited_for(root, name):
    (root / "scene" / name).unlink()
    os.mkfifo(root / "scene" / name)
    answer = ask(root, "/picture", run="scene", frame=5, model=STEADY)
    assert answer.status_code == 404
    assert answer.body.startswith(b"expected a plain file")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files here")
def test_a_pipe_in_the_clips_place_is_not_waited_for(root, tmp_path):
    os.mkfifo(tmp_path / "clip.mp4")
    described(root, path=str(tmp_path / "clip.mp4"))
    assert np.ptp(picture(root, frame=5)) < 20  # grey: the clip is not there


def test_a_crop_is_the_tracks_part_of_the_picture(root):
    run = loader.find_run(root, "scene")
    row = run.table(STEADY, "instances").iloc[0]
    frame, track = int(row["frame"]), int(row["track_id"])
    query = {name: value[0] for name, value in parse_qs(server.crop_query(run, STEADY, track)).items()}
    answer = ask(root, "/crop", frame=frame, **query)
    assert answer.status_code == 200
    got = cv2.imdecode(np.frombuffer(answer.body, np.uint8), cv2.IMREAD_COLOR)
    assert got.shape == (128, 128, 3)
    middle = crop_picture(run, STEADY, frame, track)[64, 64].astype(int)
    plain = original_picture(run, frame)[int(row["centroid_y_px"]), int(row["centroid_x_px"])]
    assert np.abs(middle - plain).max() > 20  # the mask is drawn on it


def test_an_overlay_video_is_the_runs_own_file(root):
    answer = ask(root, "/overlay", run="scene", model=STEADY)
    assert str(answer.path) == str(root / "scene" / STEADY / "overlay.mp4")
    assert answer.media_type == "video/mp4"


def test_every_page_is_told_where_the_server_is(root):
    assert ask(root, "/overview", run="scene").headers["location"] == "/?run=scene"
    for name in app.page_addresses()[1:]:
        text = ask(root, f"/{name}").body.decode()
        assert text.count("BACKEND_BASE_URL: window.location.origin") == 1
        assert text.index("BACKEND_BASE_URL") < text.index('<script type="module"')


@pytest.mark.parametrize(
    ("size", "wanted"), [((480, 854), (480, 854)), ((1080, 1920), (720, 1280)), ((4000, 10), (1280, 3))]
)
def test_a_picture_is_no_larger_than_a_page(size, wanted):
    assert shrunk(np.zeros((*size, 3), np.uint8)).shape[:2] == wanted
