"""The demo: photographs filmed by a known camera, the package's own or a user's."""

import csv
import importlib
import json
from functools import partial

import pytest
from PIL import Image

from yolact_temporal.cli import main as cli
from yolact_temporal.data import photo_film
from yolact_temporal.data.photograph import PHOTOGRAPHS

FRAMES_A_MOVE = 3


@pytest.fixture(autouse=True)
def short_films(monkeypatch):
    """Films of three frames a move, in which the models still see people."""
    importlib.import_module(
        "yolact_temporal.data.viewing"
    )  # before: it asks what is a film by the class itself
    short = partial(photo_film.PhotoFilm, size=(160, 240), seconds_per_move=FRAMES_A_MOVE / 24)
    monkeypatch.setattr(photo_film, "PhotoFilm", short)
    monkeypatch.setattr(photo_film, "film_of", lambda own, seed: short(seed=seed, photographs=[own]))


@pytest.fixture
def demo(tmp_path, capsys):
    """Run `demo` in this process; returns the exit code, stdout and stderr."""

    def run(*arguments):
        capsys.readouterr()
        code = cli.main(["demo", "--out", str(tmp_path / "runs"), *map(str, arguments)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    for photograph in PHOTOGRAPHS[:2]:
        Image.fromarray(photograph.read()).save(folder / f"{photograph.name}.png")
    return folder


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.smoke
def test_the_demo_measures_both_models_by_exact_motion_and_shows_the_floor_of_flow(demo, tmp_path):
    code, out, err = demo()
    assert code == 0, err
    assert out.index("Objects (yolact_compact / mask_rcnn_compact)") < out.index("By camera move")
    assert out.rstrip().endswith("Now your own clip:  yolact-temporal analyze CLIP.mp4")
    run = tmp_path / "runs" / "demo"
    assert json.loads((run / "run.json").read_text())["motion"] == "exact (known camera)"
    moves = rows(run / "camera_moves.csv")
    assert {row["motion"] for row in moves} == {"exact", "flow"}
    assert {row["segment"].split("/")[0] for row in moves} == {own.name for own in PHOTOGRAPHS}
    for model in ("yolact_compact", "mask_rcnn_compact"):
        assert "why_boundary_box_px" in rows(run / model / "why.csv")[0]
    still = [float(row["boundary_px_mean"]) for row in moves
             if row["segment"].endswith("still") and row["motion"] == "exact"]  # fmt: skip
    assert still
    assert min(still) >= 0


@pytest.mark.slow
@pytest.mark.thorough
def test_a_users_photographs_are_a_run_each_and_are_compared_over_all(demo, photographs, tmp_path):
    code, out, err = demo("--photographs", photographs, "--json")
    assert code == 0, err
    assert [run["clip"] for run in json.loads(out)["runs"]] == ["astronaut", "grace_hopper"]
    for name in ("astronaut", "grace_hopper"):
        manifest = json.loads((tmp_path / "runs" / name / "run.json").read_text())
        assert manifest["frames_measured"] == 4 * FRAMES_A_MOVE
        assert manifest["motion"] == "exact (known camera)"
        assert not (tmp_path / "runs" / name / "camera_moves.csv").exists()
    compared = rows(tmp_path / "runs" / "comparison.csv")
    assert {row["clip"] for row in compared} == {"", "astronaut", "grace_hopper"}


@pytest.mark.slow
def test_a_photograph_that_cannot_be_read_does_not_keep_the_others(demo, photographs, tmp_path):
    (photographs / "broken.jpg").write_bytes(b"no picture")
    code, _, err = demo("--photographs", photographs, "--no-baseline", "--quiet")
    assert code == 4
    assert "broken.jpg" in err
    assert "Traceback" not in err
    runs = {path.name for path in (tmp_path / "runs").iterdir() if path.is_dir()}
    assert runs == {"astronaut", "grace_hopper"}


def test_a_folder_without_photographs_is_refused(demo, tmp_path):
    (tmp_path / "none").mkdir()
    code, _, err = demo("--photographs", tmp_path / "none")
    assert code == 3
    assert "expected numbered images" in err
    assert not (tmp_path / "runs").exists()
