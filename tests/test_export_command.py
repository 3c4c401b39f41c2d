"""`export`: what comes back by `score` from any format is what the run held, but for what the format cannot hold."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from mask_clips import frame, sequence
from pycocotools import mask as coco_mask

from yolact_temporal.cli import main as cli
from yolact_temporal.data.formats import FORMATS, open_masks
from yolact_temporal.data.synthetic import SceneOptions, SyntheticScene

SIZE, FRAMES, FPS = (72, 96), 10, 24
SCENE = list(SyntheticScene(SceneOptions(seed=1, size=SIZE, frames=FRAMES, camera="pan", objects=2)))
NAMES = ("person", "vehicle", "animal")
SUFFIXES = {"masks": ".jsonl", "coco": ".json", "youtube-vis": ".json", "mots": ".txt"}


def run_of(folder: Path, frames, name="a", **options) -> Path:
    """Score frames without their clip into a run folder."""
    masks = folder / f"{name}.jsonl"
    FORMATS["masks"].write(sequence(frames, NAMES), masks)
    arguments = [part for key, value in options.items() for part in (f"--{key}", str(value))]
    assert (
        cli.main(["score", str(masks), "--out", str(folder / "runs"), "--quiet", "--no-plots", *arguments])
        == 0
    )
    return folder / "runs" / name


def plain_frames():
    """What every format but DAVIS, which has no classes, can hold: no overlaps, score 1, tight boxes."""
    made = []
    for each in SCENE:
        # one object is away for two frames
        masks = {
            key: mask for key, mask in each.masks.items() if mask.any() and (key, each.index) not in GAPS
        }
        classes = [key % 3 for key in masks]
        keys = [key + 300 for key in masks]
        made.append(frame(each.index, list(masks.values()), SIZE, keys, classes, time_s=each.index / FPS))
    return made


GAPS = {(2, 4), (2, 5)}


def rich_frames():
    """Overlaps, scores, boxes, class flips, instances below the threshold and empty masks."""
    rng = np.random.default_rng(5)
    made = []
    for index in range(FRAMES):
        bitmaps = list(rng.random((3, *SIZE)) < 0.02)
        bitmaps[0][10:40, 10:50] = bitmaps[1][30:60, 30:70] = True
        bitmaps[2] &= index % 3 == 0
        boxes = rng.random((3, 4), np.float32) * 60
        scores = np.sort(rng.random(3, np.float32))[::-1]
        classes = rng.integers(0, 3, 3)
        made.append(frame(index, bitmaps, SIZE, None, classes, scores, boxes, time_s=index / FPS))
    return made


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return run_of(tmp_path_factory.mktemp("plain"), plain_frames())


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    return run_of(tmp_path_factory.mktemp("rich"), rich_frames(), **{"score-threshold": 0.3})


@pytest.fixture
def export(capsys):
    """Run `export` in this process; returns the exit code, stdout and stderr."""

    def run(*arguments):
        capsys.readouterr()
        code = cli.main(["export", *map(str, arguments)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def tables(run: Path, without=()):
    """The three tables, tracks named in order of first sighting, a frame's instances in order of tracks."""
    names: dict[str, int] = {}
    found = {}
    for name in ("instances", "frames", "tracks"):
        with (run / run.name / f"{name}.csv").open(newline="") as file:
            own = list(csv.DictReader(file))
        for row in own:
            for key in ("track_id", "lost_tracks"):
                if row.get(key):
                    row[key] = tuple(names.setdefault(each, len(names)) for each in row[key].split())
            for key in without:
                row.pop(key, None)
        found[name] = sorted(
            own, key=lambda row: (row.get("frame") and int(row["frame"]), row.get("track_id") or ())
        )
    return found


def scored(path: Path, folder: Path, *options) -> Path:
    arguments = [
        "score",
        str(path),
        "--out",
        str(folder / "again"),
        "--quiet",
        "--name",
        "a",
        "--clip-name",
        "a",
    ]
    assert cli.main([*arguments, "--fps", str(FPS), "--no-plots", *options]) == 0
    return folder / "again" / "a"


@pytest.mark.parametrize("name", FORMATS)
def test_run_to_export_to_score_gives_the_same_tables(plain, export, tmp_path, name):
    path = tmp_path / f"out{SUFFIXES.get(name, '')}"
    code, out, _ = export(plain, "--format", name, "--out", path)
    assert code == 0
    assert f"in 2 tracks over {FRAMES} frames" in out
    classes = () if name == "davis" else ("--classes", ",".join(NAMES))
    again = scored(path, tmp_path, "--format", name, *classes)
    without = ("class",) if name == "davis" else ()
    assert tables(again, without) == tables(plain, without)
    assert [row["frames_absent"] for row in tables(again)["tracks"]] == ["0", "2"]


@pytest.mark.parametrize("name", ["masks", "coco"])
def test_what_holds_everything_changes_nothing(rich, export, tmp_path, name):
    path = tmp_path / f"out{SUFFIXES[name]}"
    assert export(rich, "--format", name, "--out", path)[0] == 0
    again = scored(path, tmp_path, "--score-threshold", "0.3")
    theirs, ours = tables(again), tables(rich)
    # masks without a pixel belong to no track and are left out
    ours["instances"] = [row for row in ours["instances"] if row["track_id"]]
    for row in ours["frames"]:
        row["empty_masks"] = "0"
    assert theirs == ours
    assert len({row["class"] for row in ours["instances"]}) == 3


@pytest.mark.parametrize("name", ["mots", "mots-png", "davis"])
def test_overlaps_go_to_one_track_in_every_frame_and_that_is_said(rich, export, tmp_path, name):
    code, out, _ = export(rich, "--format", name, "--out", tmp_path / "out")
    assert code == 0
    assert "pixels were in several masks" in out
    held = {each.index: each for each in open_masks(rich / "a")}
    for each in open_masks(tmp_path / "out", name):
        seen = held[each.index].instances
        union = coco_mask.merge(
            [mask for mask, score in zip(seen.masks, seen.scores, strict=True) if score > 0.3]
        )
        parts = each.instances.masks
        assert coco_mask.merge(list(parts))["counts"] == union["counts"]
        assert coco_mask.area(list(parts)).sum() == coco_mask.area(union)
        assert seen.masks[0] in parts or seen.masks[1] in parts


FLICKERING = range(12)


def crossing_frames():
    """Two still boxes that overlap; the better score changes sides from frame to frame, and one comes later."""
    long, short = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
    long[10:40, 10:50] = short[25:60, 30:80] = True
    made = []
    for index in FLICKERING:
        both = index >= 3
        order = [short, long] if both else [long]  # the shorter-lived one first where both are there
        scores = ([0.5, 0.9] if index % 2 else [0.9, 0.5])[: len(order)]
        keys = [2, 1] if both else [1]
        made.append(frame(index, order, SIZE, keys, [0] * len(order), scores, time_s=index / FPS))
    return made


@pytest.mark.parametrize("name", ["mots", "mots-png", "davis"])
def test_a_shared_pixel_is_the_longer_lived_tracks_in_every_frame(export, tmp_path, name):
    run = run_of(tmp_path, crossing_frames())
    assert export(run, "--format", name, "--out", tmp_path / "out")[0] == 0
    areas = [
        sorted(coco_mask.area(list(each.instances.masks)).tolist())
        for each in open_masks(tmp_path / "out", name)
    ]
    # 30 x 40, and 35 x 50 less the 15 x 20 that both hold
    assert areas == [[1200] if index < 3 else [1200, 1450] for index in FLICKERING]
    again = scored(tmp_path / "out", tmp_path, "--format", name)
    report = (again / "report.md").read_text()
    assert report.count("gives each pixel to one object") == 1
    assert "in 9 of 12 frames the boxes of two objects meet" in report


def test_masks_apart_and_formats_with_overlaps_are_not_said_to_be_cut(plain, export, tmp_path):
    run = run_of(tmp_path, crossing_frames())
    assert "gives each pixel" not in (run / "report.md").read_text()
    alone = [frame(index, [np.eye(*SIZE, dtype=bool)], SIZE, [1], [0]) for index in range(2)]
    FORMATS["davis"].write(sequence(alone, NAMES), tmp_path / "davis")
    again = scored(tmp_path / "davis", tmp_path)
    assert "gives each pixel" not in (again / "report.md").read_text()


@pytest.mark.parametrize(("name", "out"), [("mots", "a/b/masks.txt"), ("davis", "a/b")])
def test_the_folders_of_a_new_path_are_made(plain, export, tmp_path, name, out):
    assert export(plain, "--format", name, "--out", tmp_path / out)[0] == 0
    assert (tmp_path / out).exists()


def test_tracks_are_numbered_anew_where_a_palette_has_no_room(plain, export, tmp_path):
    code, out, _ = export(plain, "--format", "davis", "--out", tmp_path / "out")
    assert code == 0
    assert "get new numbers, from 1 to 2" in out
    assert {key for each in open_masks(tmp_path / "out") for key in each.identities} == {1, 2}


def test_json_says_what_was_written(plain, export, tmp_path):
    code, out, _ = export(plain, "--format", "youtube-vis", "--out", tmp_path / "a.json", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["model"], found["frames"], found["tracks"]) == ("a", FRAMES, 2)
    assert any("Scores are the track's mean" in note for note in found["notes"])


class TestRefusals:
    """One sentence, the documented exit code, and nothing written."""

    def refused(self, export, tmp_path, sentence, *arguments, code=2):
        out = tmp_path / "none"
        found, _, err = export(*arguments, "--out", out)
        assert found == code, err
        assert sentence in err
        assert err.count("\n") == 1
        assert not list(tmp_path.glob("none*"))

    def test_wrong_usage(self, export, plain, tmp_path):
        self.refused(export, tmp_path, "--format of masks", plain, "--format", "png")
        self.refused(export, tmp_path, "holds no run.json", tmp_path, "--format", "coco")
        self.refused(export, tmp_path, "which has a, got 'b'", plain, "--format", "coco", "--model", "b")

    def test_a_path_that_is_taken(self, export, plain, tmp_path):
        (tmp_path / "mine").write_text("mine")
        code, _, err = export(plain, "--format", "coco", "--out", tmp_path / "mine")
        assert (code, "which exists" in err) == (2, True)
        assert (tmp_path / "mine").read_text() == "mine"
        code, _, err = export(plain, "--format", "coco", "--out", tmp_path / "mine" / "folder" / "file")
        assert (code, "expected a path that can be written" in err) == (2, True)

    @pytest.mark.parametrize(
        ("file", "change", "sentence"),
        [
            ("run.json", lambda text: text.replace('"completed": true', '"completed": false'), "interrupted"),
            ("a/instances.csv", lambda text: text[: len(text) // 2], "instances"),
            ("a/instances.csv", lambda _text: "frame\n0\n", "cannot be read"),
            ("a/masks.jsonl", lambda text: text[: len(text) // 2], "one frame a line"),
        ],
    )
    def test_a_damaged_run(self, export, tmp_path, file, change, sentence):
        run = run_of(tmp_path, plain_frames())
        (run / file).write_text(change((run / file).read_text()))
        self.refused(export, tmp_path, sentence, run, "--format", "coco", code=3)

    def test_several_models_need_a_name(self, export, tmp_path):
        for name in ("a", "b"):
            FORMATS["coco"].write(sequence(plain_frames(), NAMES), tmp_path / f"{name}.json")
        paths = [str(tmp_path / f"{name}.json") for name in ("a", "b")]
        assert (
            cli.main(["score", *paths, "--clip-name", "c", "--out", str(tmp_path), "--quiet", "--no-plots"])
            == 0
        )
        self.refused(export, tmp_path, "has a, b", tmp_path / "c", "--format", "coco")
        assert (
            export(tmp_path / "c", "--format", "coco", "--out", tmp_path / "o.json", "--model", "b")[0] == 0
        )
