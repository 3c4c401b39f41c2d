"""`explain`: one mask of a finished run, computed anew from two frames, says and draws what the run found of it."""

import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolact_temporal.cli import main as cli
from yolact_temporal.data import photographs
from yolact_temporal.data.rle import encode_masks
from yolact_temporal.temporal.metrics.causes import PAIR_SPECS

MODELS = ("yolact_compact", "mask_rcnn_compact")
FRAMES = 4


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A cat under sensor noise, moved a little, seen by both compact models; every pair explained."""
    folder = tmp_path_factory.mktemp("explained")
    cat = cv2.imread(str(Path(photographs.__file__).parent / "chelsea.jpg"))
    cat = cv2.resize(cat, (320, 240), interpolation=cv2.INTER_AREA).astype(np.float32)
    rng = np.random.default_rng(0)
    (folder / "cat").mkdir()
    for index in range(FRAMES):
        moved = np.roll(cat, 3 * index, axis=1) + rng.normal(0, 4, cat.shape)
        cv2.imwrite(str(folder / "cat" / f"{index:03}.png"), np.clip(moved, 0, 255).astype(np.uint8))
    plain = (
        "--no-plots",
        "--no-overlay",
        "--quiet",
        "--second-motion-every",
        "0",
        "--score-threshold",
        "0.2",
    )
    told = ("--fps", "10", "--why", "--device", "cpu", "--out", str(folder / "runs"))
    assert cli.main(["analyze", str(folder / "cat"), *plain, *told]) == 0
    return folder / "runs" / "cat"


@pytest.fixture
def run(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "runs" / "cat")
    return tmp_path / "runs" / "cat"


def explained(run, out, *arguments, frame=2, model=MODELS[0]):
    command = ["explain", str(run), "--frame", str(frame), "--out", str(out), "--device", "cpu"]
    return cli.main([*command, *(() if model is None else ("--model", model)), *arguments])


def causes(run, model, frame):
    with (run / model / "why.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["frame"] == str(frame)]


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize("model", MODELS)
def test_it_says_of_every_mask_what_the_run_says_of_it(run, tmp_path, capsys, model):
    before = files(run)
    rows = causes(run, model, 2)
    assert rows
    for row in rows:
        out = tmp_path / "pictures" / f"{row['track_id']}.png"
        assert explained(run, out, "--track", row["track_id"], "--json", model=model) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["model"], told["frame"], told["track_id"]) == (model, 2, int(row["track_id"]))
        for spec in PAIR_SPECS:
            value = told["values"][spec.name]
            assert ("" if value is None else pytest.approx(value, rel=1e-4, abs=1e-6)) == (
                float(row[spec.name]) if row[spec.name] else ""
            ), spec.name
        picture = cv2.imread(str(out))
        assert picture.shape[0] > 500
        assert picture.std() > 10
    assert files(run) == before


@pytest.mark.slow
@pytest.mark.smoke
def test_without_a_track_it_takes_the_best_scored_and_says_so(run, tmp_path, capsys):
    assert explained(run, tmp_path / "one.png") == 0
    said = capsys.readouterr().out
    best = max(causes(run, MODELS[0], 2), key=lambda row: float(row["score"]))
    assert f"frame 2, track {best['track_id']}: " in said
    assert "of outline movement here" in said
    assert "starting box of the network (anchor)" in said


def changed(run, change):
    path = run / "run.json"
    manifest = json.loads(path.read_text())
    change(manifest, manifest["models"][MODELS[0]])
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("change", "code", "sentence"),
    [
        (lambda run, own: run["clip"].update(path="/nowhere/cat"), 3, "expected the clip at /nowhere/cat"),
        (lambda run, own: own["weights"].update(sha256="0" * 64), 3, "pass their file to --weights"),
        (lambda run, own: own.update(masks={"path": "x"}), 3, "which were read from a file"),
        (lambda run, own: own.update(factory="a:b"), 3, "which your own code makes"),
        (lambda run, own: own.update(stabilized={"model": "raw"}), 3, "explain raw"),
        (lambda run, own: run.update(completed=False), 3, "expected a finished run"),
    ],
)
def test_what_cannot_be_explained_is_one_sentence(run, tmp_path, capsys, change, code, sentence):
    changed(run, change)
    assert explained(run, tmp_path / "one.png") == code
    told = capsys.readouterr().err.splitlines()[-1]
    assert sentence in told
    assert not (tmp_path / "one.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "options", "sentence"),
    [
        ({"frame": 0}, (), "expected a frame that was measured, as was the one before it, got 0"),
        ({"frame": 99}, (), "expected a frame that was measured"),
        ({"frame": -1}, (), "expected --frame of at least 0"),
        ({}, ("--track", "999"), "expected a track that can be explained at frame 2, one of"),
        ({"model": None}, (), "expected --model, since"),
        ({"model": "other"}, (), "expected a model of"),
    ],
)
def test_what_is_not_there_cannot_be_named(run, tmp_path, capsys, arguments, options, sentence):
    assert explained(run, tmp_path / "one.png", *options, **arguments) == 2
    assert sentence in capsys.readouterr().err


def test_nothing_is_overwritten_and_nothing_put_into_a_run(run, tmp_path, capsys):
    (tmp_path / "taken.png").write_bytes(b"mine")
    assert explained(run, tmp_path / "taken.png") == 2
    assert "which exists" in capsys.readouterr().err
    assert (tmp_path / "taken.png").read_bytes() == b"mine"
    assert explained(run, run / "one.png") == 2
    assert "outside of any run" in capsys.readouterr().err


def test_masks_that_are_no_longer_seen_so_are_refused(run, tmp_path, capsys):
    path = run / MODELS[0] / "masks.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        corner = np.zeros((1, *record["size"]), np.bool_)
        corner[:, :4, :4] = True
        for row in record["instances"]:
            row["rle"] = encode_masks(corner)[0]["counts"].decode()
    path.write_text("".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records))
    assert explained(run, tmp_path / "one.png") == 3
    assert "to see in frame 1 what the run recorded, got other masks" in capsys.readouterr().err
