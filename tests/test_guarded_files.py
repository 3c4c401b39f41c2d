"""Nothing is deleted or changed that the tool did not write: arrangements of files, each tried by the command line."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from guarded_files import (  # noqa: F401
    files_of,
    interrupt,
    lost,
    snapshot,
    stand_ins,
    without_plots,
    write_images,
    write_masks,
    write_run,
)

from yolact_temporal.cli import clip_measuring, demo
from yolact_temporal.cli import main as cli
from yolact_temporal.data.runs.guard import require_apart
from yolact_temporal.data.runs.names import is_component, is_free, twice_named
from yolact_temporal.errors import UsageError

pytestmark = pytest.mark.slow

Build = Callable[[Path], object]


@pytest.fixture(scope="module")
def run_of_ours(tmp_path_factory) -> Path:
    return write_run(tmp_path_factory.mktemp("made") / "film")


@pytest.fixture
def home(tmp_path, run_of_ours, monkeypatch) -> Path:
    """A person's folder, which is the working directory: a thesis, a clip, masks, a run of ours."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("years of work")
    write_images(home / "seq1")
    write_masks(home / "masks.json")
    shutil.copytree(run_of_ours, home / "runs" / "film")
    monkeypatch.chdir(home)
    for module in (clip_measuring, demo):
        monkeypatch.setattr(module, "load_models", lambda *_: stand_ins("stand_in"))
    return home


def clip(name: str) -> Build:
    """A clip under an odd name: what it holds does not matter, since its name is refused before."""
    return lambda home: (home / name).write_bytes(b"no matter")


def plant(path: str, target: str = "thesis.tex") -> Build:
    """A link to the thesis."""

    def build(home: Path) -> None:
        (home / path).unlink(missing_ok=True)
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).symlink_to(home / target)

    return build


def mine(path: str) -> Build:
    def build(home: Path) -> None:
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text("mine")

    return build


def linked_folder(path: str) -> Build:
    """A folder of a run that is a link to a folder of somebody, which holds files of the same names."""

    def build(home: Path) -> None:
        shutil.rmtree(home / path, ignore_errors=True)
        (home / "elsewhere").mkdir()
        for name in ("masks.jsonl", "masks.jsonl.part", "frames.csv", "timeline.png", "overlay.mp4"):
            (home / "elsewhere" / name).write_text("mine")
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).symlink_to(home / "elsewhere")

    return build


def edited(change: Callable[[dict], object]) -> Build:
    def build(home: Path) -> None:
        path = home / "runs" / "film" / "run.json"
        data = json.loads(path.read_text())
        change(data)
        path.write_text(json.dumps(data))

    return build


def several(*builds: Build) -> Build:
    def build(home: Path) -> None:
        for each in builds:
            each(home)

    return build


def broken_off(home: Path) -> None:
    interrupt(home / "runs" / "film")


def fifo(path: str) -> Build:
    def build(home: Path) -> None:
        (home / path).unlink(missing_ok=True)
        os.mkfifo(home / path)

    return build


def video_in_its_run(home: Path) -> None:
    shutil.copy(home / "seq1" / "00000.png", home / "runs" / "film" / "film.mp4")


def masks_of(name: str) -> Build:
    return lambda home: write_masks(home / name)


TRAIN = "train --annotations coco.json --images seq1 --out out --iterations 1"
SCORE = "score masks.json --clip-name film --name a --out runs"
REFUSED: dict[str, tuple[Build | None, str, int, str]] = {
    # a run folder never is, holds, or lies in what it is made from
    "the clip is the run folder": (None, "analyze seq1 --out .", 2, "outside the run folder"),
    "the clip is the run folder, overwrite": (None, "analyze seq1 --out . --overwrite", 2, "outside the run"),
    "the run lies in the clip": (None, "analyze seq1 --out seq1", 2, "lies in"),
    "the run lies deep in the clip": (None, "analyze seq1 --out seq1/a/b --overwrite", 2, "lies in"),
    "by way of dots": (None, "analyze seq1 --out runs/.. --overwrite", 2, "outside the run folder"),
    "by way of a link": (plant("here", "."), "analyze seq1 --out here --overwrite", 2, "outside the run"),
    "the clip is a link of its own name": (plant("seq2", "seq1"), "analyze seq2 --out .", 2, "outside"),
    "a clip of clips is a clip": (None, "analyze . --out . --overwrite", 2, "outside the run folder"),
    "a video in its own run": (
        video_in_its_run,
        "analyze runs/film/film.mp4 --out runs --overwrite",
        2,
        "outside the run folder",
    ),
    "masks in their own run": (
        None,
        "score runs/film/a --clip-name film --out runs --overwrite",
        2,
        "outside",
    ),
    "into the run of the masks": (None, "score runs/film/a/masks.jsonl --out runs/film", 2, "outside"),
    "beside the model of the masks": (None, "score runs/film/a --clip-name x --out runs/film", 2, "lies in"),
    "truth in the run": (
        masks_of("runs/film/truth.json"),
        f"{SCORE} --ground-truth runs/film/truth.json --overwrite",
        2,
        "outside the run folder",
    ),
    "the masks' folder of images": (None, "score seq1 --clip-name x --out seq1", 2, "lies in"),
    "in another run": (None, "analyze seq1 --out runs/film", 2, "lies in the run"),
    "photographs around the run": (None, "demo --photographs seq1 --out seq1/runs", 2, "lies in"),
    # names
    "a clip named ...mp4": (clip("...mp4"), "analyze ...mp4 --out runs/deep --overwrite", 2, "--clip-name"),
    "a clip named ..mp4": (clip("..mp4"), "analyze ..mp4 --out runs/film --overwrite", 2, "--clip-name"),
    "a device's name": (clip("nul.mp4"), "analyze nul.mp4", 2, "--clip-name"),
    "the manifest's name": (clip("run.json.mp4"), "analyze run.json.mp4", 2, "--clip-name"),
    "a part's name": (clip("summary.csv.part.mp4"), "analyze summary.csv.part.mp4", 2, "--clip-name"),
    "a backslash": (clip("a\\b.mp4"), "analyze a\\b.mp4", 2, "--clip-name"),
    "a name that leads out": (None, "analyze seq1 --clip-name ../x", 2, "--clip-name"),
    "an absolute name": (None, "analyze seq1 --clip-name /tmp/x", 2, "--clip-name"),
    "a model's name that leads out": (None, "score masks.json --name .. --clip-name x", 2, "--name"),
    "a model named plots": (None, "score masks.json --name Plots --clip-name x", 2, "--name"),
    # what lies at the run folder already
    "somebody's folder": (mine("runs/seq1/notes.txt"), "analyze seq1", 2, "holds other files"),
    "somebody's folder, overwrite": (mine("runs/seq1/a.txt"), "analyze seq1 --overwrite", 2, "holds other"),
    "somebody's folder, resume": (mine("runs/seq1/summary.csv"), "analyze seq1 --resume", 2, "holds other"),
    "a link to somebody's folder": (linked_folder("runs/seq1"), "analyze seq1 --overwrite", 2, "a link"),
    "a link to nothing": (plant("runs/seq1", "none"), "analyze seq1 --overwrite", 2, "a link"),
    "a finished run": (None, SCORE, 2, "holds a finished run"),
    "an interrupted run": (broken_off, SCORE, 2, "--resume to continue it"),
    "another program's manifest": (
        several(mine("runs/seq1/x.txt"), lambda home: (home / "runs/seq1/run.json").write_text('{"id": 3}')),
        "analyze seq1 --overwrite",
        3,
        "cannot be read as one",
    ),
    "a manifest that names another tool": (
        edited(lambda data: data.update(tool="other")),
        f"{SCORE} --overwrite",
        3,
        "another program wrote",
    ),
    "half a manifest": (mine("runs/film/run.json"), f"{SCORE} --overwrite", 3, "cannot be read as one"),
    "a newer run": (edited(lambda d: d.update(format_version=99)), f"{SCORE} --overwrite", 3, "update"),
    "a model that leads out": (
        edited(lambda data: data["models"].update({"../../seq1": data["models"]["a"]})),
        f"{SCORE} --overwrite",
        3,
        "leads out of the run",
    ),
    "a manifest that is a link": (plant("runs/film/run.json"), f"{SCORE} --overwrite", 3, "never opened"),
    # links, pipes and others' files where ours go
    "a linked model folder": (linked_folder("runs/film/a"), f"{SCORE} --overwrite", 2, "the link"),
    "linked plots": (linked_folder("runs/film/plots"), f"{SCORE} --overwrite", 2, "the link"),
    "a planted part": (plant("runs/film/summary.csv.part"), f"{SCORE} --overwrite", 2, "the link"),
    "a planted table": (plant("runs/film/summary.csv"), f"{SCORE} --overwrite", 2, "the link"),
    "a planted record": (
        several(broken_off, plant("runs/film/a/masks.jsonl.part")),
        "score masks.json --clip-name film --name a --out runs --resume",
        2,
        "the link",
    ),
    "a planted manifest's part": (plant("runs/film/run.json.part"), f"{SCORE} --overwrite", 2, "the link"),
    "a planted lock": (plant("runs/film/run.lock"), f"{SCORE} --overwrite", 2, "link"),
    "somebody's file of the lock's name": (
        mine("runs/film/run.lock"),
        f"{SCORE} --overwrite",
        2,
        "of this tool",
    ),
    "a pipe for a table": (fifo("runs/film/report.md"), f"{SCORE} --overwrite", 2, "the device"),
    "somebody's folder of a model's name": (
        mine("runs/film/c/masks.jsonl"),
        "score masks.json --clip-name film --name c --out runs --overwrite",
        2,
        "own files",
    ),
    "a pipe for masks": (fifo("pipe.json"), "score pipe.json", 3, "a pipe or device"),
    # comparisons, exports and the rest
    "a comparison into a run": (None, "compare runs/film --out runs/film", 2, "lies in the run"),
    "a comparison into a model": (None, "compare runs/film --out runs/film/a", 2, "lies in the run"),
    "a comparison over somebody's table": (
        mine("out/comparison.csv"),
        "compare runs/film --out out",
        2,
        "another",
    ),
    "a comparison over somebody's part": (
        mine("out/comparison.md.part"),
        "compare runs/film --out out",
        2,
        "another",
    ),
    "a comparison through a link": (plant("out/comparison.csv"), "compare runs/film --out out", 2, "a link"),
    "a comparison into the truth": (
        masks_of("truth/film.json"),
        "compare runs/film --ground-truth truth --out truth/out",
        2,
        "lies in",
    ),
    "an export into a run": (
        None,
        "export runs/film --model a --format coco --out runs/film/x.json",
        2,
        "lies in",
    ),
    "an export over a file": (None, "export runs/film --model a --format coco --out thesis.tex", 2, "exists"),
    "an export over a dangling link": (
        plant("x.json", "none"),
        "export runs/film --model a --format coco --out x.json",
        2,
        "exists",
    ),
    "an export over somebody's part": (
        mine("x.json.part"),
        "export runs/film --model a --format masks --out x.json",
        2,
        "exists",
    ),
    "an export over somebody's part folder": (
        mine("x.part/a.png"),
        "export runs/film --model a --format davis --out x",
        2,
        "exists",
    ),
    "an export of a linked model": (
        linked_folder("runs/film/a"),
        "export runs/film --model a --format coco --out x.json",
        3,
        "never followed",
    ),
    "a calibration over somebody's table": (
        mine("out/calibration.csv"),
        "calibrate --quick --out out",
        2,
        "another",
    ),
    "a calibration over somebody's picture": (
        mine("out/calibration.png"),
        "calibrate --out out",
        2,
        "another",
    ),
    "training over somebody's figures": (mine("out/metrics.csv"), TRAIN, 2, "another"),
    "training over somebody's weights": (mine("out/best.safetensors"), TRAIN, 2, "another"),
    "training through a link": (plant("out/curve.png"), TRAIN, 2, "a link"),
    "training into the images": (None, TRAIN.replace("--out out", "--out seq1"), 2, "of its own"),
    "the demo over somebody's folder": (mine("runs/demo/a.txt"), "demo --overwrite", 2, "holds other files"),
    "the demo over a link": (plant("runs/demo", "seq1"), "demo --overwrite", 2, "a link"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_harm_is_refused_before_anything_is_written(home, capsys, name):
    build, command, code, sentence = REFUSED[name]
    if build is not None:
        build(home)
    before = snapshot(home)
    found = cli.main(command.split())
    err = capsys.readouterr().err
    assert (found, sentence in err, "Traceback" in err) == (code, True, False), err
    assert snapshot(home) == before, "something was written or removed"


def test_a_run_is_replaced_and_what_is_not_ours_in_it_stays_and_is_named(home, capsys):
    run = home / "runs" / "film"
    ours = files_of(run, home)
    (run / "notes.txt").write_text("mine")
    (run / "a" / "notes.txt").write_text("mine")
    (run / "b" / "sub").mkdir()
    (run / "b" / "sub" / "frames.csv").write_text("mine")
    (run / "link").symlink_to(home / "seq1")
    before = snapshot(home)
    assert cli.main([*SCORE.split(), "--overwrite", "--quiet"]) == 0
    err = capsys.readouterr().err
    assert lost(before, home, ours) == []
    for left in ("notes.txt", "a/notes.txt", "b/sub", "link"):
        assert f"left {Path('runs/film') / left}, which this tool did not write" in err
    assert sorted(path.name for path in (run / "b").iterdir()) == ["sub"]
    assert list(json.loads((run / "run.json").read_text())["models"]) == ["a"]
    assert not (run / "comparison.csv").exists()
    assert not list(run.rglob("*.part"))
    assert not (run / "run.lock").exists()


def test_a_run_of_before_the_tools_name_was_written_is_ours(home):
    edited(lambda data: (data.pop("tool"), data.update(format_version=1)))(home)
    assert cli.main([*SCORE.split(), "--overwrite", "--quiet"]) == 0
    assert json.loads((home / "runs" / "film" / "run.json").read_text())["tool"] == "yolact-temporal"


def test_a_record_that_is_a_second_name_of_somebodys_file_is_not_cut(home, capsys):
    command = ["score", "masks.json", "--clip-name", "single", "--name", "a", "--out", "runs"]
    assert cli.main([*command, "--quiet"]) == 0
    folder = interrupt(home / "runs" / "single") / "a"
    (folder / "masks.jsonl").unlink()
    os.link(home / "thesis.tex", folder / "masks.jsonl.part")
    before = snapshot(home)
    assert cli.main([*command, "--resume"]) == 2
    assert "another file's second name" in capsys.readouterr().err
    assert lost(before, home, {"runs/single/run.json"}) == []


ALLOWED = {
    "a run beside the one whose masks it reads": "score runs/film/a/masks.jsonl --clip-name other --out runs",
    "a name for a clip that has none": "analyze seq1 --clip-name walk --out runs --no-baseline",
    "a comparison beside its runs": "compare runs --out runs",
    "a comparison where one lies": "compare runs/film --out out",
    "an export beside the runs": "export runs/film --model a --format coco --out runs/a.json",
    "a folder of clips that holds the runs": "analyze clips --out clips",
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_harms_nothing_is_done(home, name):
    shutil.copytree(home / "seq1", home / "clips" / "walk1")
    assert cli.main(["compare", "runs/film", "--out", "out", "--quiet"]) == 0
    ours = files_of(home / "out", home)
    before = snapshot(home)
    command = ALLOWED[name].split()
    if command[-2:] == ["--out", "clips"]:
        command[-1] = "clips/runs"
    assert cli.main([*command, "--quiet"]) == 0
    assert lost(before, home, ours) == []


@pytest.mark.parametrize(
    ("name", "component", "free"),
    [
        ("film", True, True),
        ("Straße (1)", True, True),
        ("a.b", True, True),
        ("x" * 255, True, True),
        ("ä" * 128, False, False),
        ("", False, False),
        (".", False, False),
        ("..", False, False),
        ("a/b", False, False),
        ("a\\b", False, False),
        ("a\nb", False, False),
        ("a\0b", False, False),
        ("\udcff", False, False),
        (".hidden", True, False),
        ("a.", True, False),
        ("a ", True, False),
        ("CON", True, False),
        ("nul.txt", True, False),
        ("Com1", True, False),
        ("comma", True, True),
        ("Run.JSON", True, False),
        ("run.lock", True, False),
        ("objects.csv.part", True, False),
        ("comparison_3.png", True, False),
    ],
)
def test_the_rule_of_names(name, component, free):
    assert (is_component(name), is_free(name)) == (component, free)


def test_names_that_differ_in_capitals_or_composition_are_one_folder():
    assert twice_named(["a", "B", "b"]) == "B"
    assert twice_named(["\u00e9", "e\u0301"]) == "\u00e9"
    assert twice_named(["a", "b"]) is None


def test_the_same_folder_under_another_name_is_the_same(tmp_path):
    """As on a file system that takes capitals for the same: what tells folders apart is not their names."""
    (tmp_path / "clip").mkdir()
    (tmp_path / "Clip").symlink_to(tmp_path / "clip")
    with pytest.raises(UsageError, match="outside the run folder"):
        require_apart(tmp_path / "Clip", [tmp_path / "clip"])
    with pytest.raises(UsageError, match="lies in"):
        require_apart(tmp_path / "Clip" / "run", [tmp_path / "clip"])
    require_apart(tmp_path / "clip2", [tmp_path / "clip"])
