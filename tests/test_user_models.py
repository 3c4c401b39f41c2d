"""A user's own segmenter by name: the example of the documentation, entry points, and one sentence for every fault."""

import importlib.metadata
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from clips import write_clip

from yolact_temporal.analyzing.chosen_models import chosen_models
from yolact_temporal.analyzing.models import ModelRequest, load_model
from yolact_temporal.benchmarking import networks
from yolact_temporal.benchmarking.network_table import format_benchmark
from yolact_temporal.cli import main as cli
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.photo_film import PhotoFilm
from yolact_temporal.errors import UsageError, WeightsError
from yolact_temporal.yolact import user_models
from yolact_temporal.yolact.segmenter import offers_parts
from yolact_temporal.yolact.user_models import UserSegmenter, load_user_segmenter

DOCUMENT = (Path(__file__).parent.parent / "docs" / "your-own-model.md").read_text(encoding="utf-8")
EXAMPLE, EXPLAINED = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
SIZE = (72, 96)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder that a user works in, with the documentation's example and a clip."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    (tmp_path / "bright.py").write_text(EXAMPLE + EXPLAINED)
    frames = [frame.rgb for _, frame in zip(range(3), PhotoFilm(size=SIZE), strict=False)]
    write_clip(tmp_path / "film.mp4", frames, size=SIZE)
    yield tmp_path
    for name in ("bright", "mine"):
        sys.modules.pop(name, None)


@pytest.fixture
def mine(folder):
    """Write a module `mine`."""

    def write(text):
        (folder / "mine.py").write_text(textwrap.dedent(text))

    return write


def fault(call, *args, **kwargs):
    with pytest.raises(UsageError) as caught:
        call(*args, **kwargs)
    sentence = str(caught.value)
    assert sentence.startswith("expected ")
    assert "\n" not in sentence
    assert ": " in sentence
    return sentence


def test_the_documented_example_is_short():
    assert len([line for line in EXAMPLE.splitlines() if line.strip()]) < 25


def test_the_example_is_measured_and_its_run_is_read_without_it(folder, capsys):
    assert cli.main(["analyze", "film.mp4", "--model", "bright:BrightThings", "--no-plots", "--json"]) == 0
    manifest = json.loads((folder / "runs" / "film" / "run.json").read_text())
    (name,) = manifest["models"]
    own = manifest["models"][name]
    assert (name, own["factory"]) == ("bright_things", "bright:BrightThings")
    assert own["config"]["class_names"] == ["thing"]
    assert (own["score_threshold"], own["record_threshold"]) == (0.5, 0.1)
    assert own["mask_cell_px"] is None
    rows = (folder / "runs" / "film" / name / "instances.csv").read_text().splitlines()
    assert len(rows) > 1
    assert str(folder) not in sys.path
    capsys.readouterr()

    (folder / "bright.py").write_text("raise SystemExit('read from a run folder')")
    sys.modules.pop("bright")
    out = ["export", "runs/film", "--format", "mots", "--out", "out.txt"]
    assert cli.main(out) == 0
    assert "bright" not in sys.modules


@pytest.mark.slow
@pytest.mark.smoke
def test_the_installed_command_finds_it_in_the_current_folder(folder):
    # `python -I` puts no folder on the import path, as the installed command does not.
    program = "import sys; from yolact_temporal.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = ["analyze", "film.mp4", "--end", "1", "--model", "bright:Nothing"]
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "expected Nothing in the module bright, found none" in done.stderr


def test_an_entry_point_gives_it_a_name(folder, monkeypatch):
    point = importlib.metadata.EntryPoint("bright_things", "bright:BrightThings", user_models.GROUP)
    monkeypatch.setattr(user_models, "entry_points", lambda group: [point] if group == point.group else [])
    assert load_model(ModelRequest("bright_things")).manifest["factory"] == "bright:BrightThings"
    with pytest.raises(UsageError, match=r"out of yolact_base, .*, bright_things, got 'x': pass one"):
        load_model(ModelRequest("x"))


def test_it_is_measured_alone_unless_a_baseline_is_named():
    assert chosen_models("a:b", None) == ["a:b"]
    assert chosen_models("a:b", ["yolact_compact"]) == ["a:b", "yolact_compact"]
    assert chosen_models("yolact_compact", ["a:b"]) == ["yolact_compact", "a:b"]


@pytest.mark.slow
@pytest.mark.smoke
def test_it_is_timed(folder, monkeypatch):
    monkeypatch.setattr(networks, "ROUNDS", 1)
    figures = networks.run_benchmark(
        ["bright:BrightThings"], frames=2, clip=folder / "film.mp4", device="cpu"
    )
    own = figures["models"]["bright_things"]
    assert min(own["forward_ms"], own["segment_ms"], own["analyze_ms"]) > 0
    assert "bright_things" in format_benchmark(figures)


def test_a_factory_is_offered_device_precision_and_weights(mine, folder):
    mine(
        """
        from bright import BrightThings

        def make(device, weights=None):
            made = BrightThings()
            made.name = f"on_{device}_{weights and weights.name}"
            return made
        """
    )
    (folder / "w.bin").write_bytes(b"x")
    model = load_model(ModelRequest("mine:make", device="cpu", weights=folder / "w.bin"))
    assert (model.name, model.manifest["device"]) == ("on_cpu_w.bin", "cpu")
    assert model.manifest["weights"]["file"] == "w.bin"
    assert "precision" not in model.manifest
    assert "drop --weights" in fault(
        load_model, ModelRequest("bright:BrightThings", weights=folder / "w.bin")
    )


@pytest.mark.parametrize(
    ("text", "name", "sentence"),
    [
        ("", "nowhere:make", "expected a Python module nowhere in this folder or installed, found none"),
        ("", "mine.deeper:make", "expected a Python module mine.deeper"),
        ("", "mine:", "expected a model as package.module:factory, got 'mine:'"),
        ("", "mine:make", "expected make in the module mine, found none"),
        ("import nowhere_at_all", "mine:make", "expected the module mine to load, got ModuleNotFoundError"),
        ("1 / 0", "mine:make", "got ZeroDivisionError (division by zero)"),
        ("raise SystemExit(3)", "mine:make", "expected the module mine to load, got SystemExit"),
        ("make = 5", "mine:make", "a function or class that makes a segmenter, got 5"),
        ("def make(size): ...", "mine:make", "got TypeError"),
        ("def make(): raise OSError('no disk')", "mine:make", "got OSError (no disk)"),
        ("def make(): ...", "mine:make", "got a NoneType without name, class_names, segment"),
        ("class make: name = 'a'; segment = 1", "mine:make", "without class_names"),
        ("class make: name = 'a'; class_names = ('a',)", "mine:make", "without segment"),
        ("class make: name = 1; class_names = ('a',); segment = 1", "mine:make", "a text as name"),
        ("class make: name = 'a'; class_names = 'a'; segment = 1", "mine:make", "as class_names of"),
        ("class make: name = 'a'; class_names = (); segment = 1", "mine:make", "as class_names of"),
        (
            "class make: name = 'a'; class_names = ('a',); segment = 1; score_threshold = 2",
            "mine:make",
            "a number from 0 to 1 as score_threshold of what mine:make makes, got 2",
        ),
    ],
)
def test_what_makes_no_segmenter_is_refused_in_one_sentence(mine, text, name, sentence):
    mine(text)
    assert sentence in fault(load_user_segmenter, name)


@pytest.mark.parametrize("name", ["../x", "a/b", "", "yolact_compact"])
def test_a_name_that_is_no_folder_or_anothers_is_refused(mine, name):
    mine(f"from bright import BrightThings\nclass make(BrightThings): name = {name!r}")
    assert "mine:make" in fault(load_model, ModelRequest("mine:make"))


def test_an_error_of_ours_passes(mine):
    mine("from yolact_temporal.errors import WeightsError\ndef make(): raise WeightsError('fetch them')")
    with pytest.raises(WeightsError, match=r"^fetch them$"):
        load_user_segmenter("mine:make")


class Returning:
    name = "returning"
    class_names = ("a", "b")

    def __init__(self, *found):
        self.found = list(found)

    def segment(self, frames):
        return self.found


def seen(size=SIZE, scores=(0.9,), class_ids=(0,)):
    count = len(scores)
    return Instances.from_bitmaps([(0, 0, 5, 5)] * count, scores, class_ids, np.ones((count, *size), bool))


FRAME = np.zeros((1, *SIZE, 3), np.uint8)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ([], "to return 1 Instances, one a frame, got 0"),
        ([seen(), seen()], "to return 1 Instances, one a frame, got 2"),
        ([None], r"to return a list of Instances, got [None]"),
        ([seen((10, 12))], "to return masks of 72x96, as the frame, got 10x12"),
        ([seen(class_ids=(2,))], "to return class ids from 0 to 1, got 2"),
    ],
)
def test_what_it_returns_is_held_to_the_contract(found, sentence):
    segmenter = UserSegmenter(Returning(*found), "mine:make")
    assert sentence in fault(segmenter.segment, FRAME)


class Gridded:
    name, class_names = "gridded", ("thing",)

    def __init__(self, cell):
        self.cell = cell

    def segment(self, frames):
        return [Instances.empty(frames.shape[1:3]) for _ in frames]

    def mask_cell_px(self, size):
        return self.cell


def test_it_may_say_how_coarse_the_grid_is_that_its_masks_are_cut_on():
    assert UserSegmenter(Gridded([4, 2.5]), "mine:make").mask_cell_px(SIZE) == (4.0, 2.5)
    assert UserSegmenter(Gridded(None), "mine:make").mask_cell_px(SIZE) is None
    for cell in ((4, -1), 4, (4, 4, 4), ("4", 4), (4, 97)):
        sentence = fault(UserSegmenter(Gridded(cell), "mine:make").mask_cell_px, SIZE)
        assert "gridded.mask_cell_px to return a cell's width and height" in sentence


def test_what_it_raises_is_told_in_one_sentence():
    made = Returning()
    made.segment = lambda frames: frames[7]
    sentence = fault(UserSegmenter(made, "mine:make").segment, FRAME)
    assert sentence.startswith("expected returning.segment to return instances, got IndexError (")


def test_instances_come_best_first_above_the_record_threshold():
    segmenter = UserSegmenter(Returning(seen(scores=(0.05, 0.2, 0.9), class_ids=(0, 1, 0))), "mine:make")
    segmenter.record_threshold = 0.1
    (found,) = segmenter.segment(FRAME)
    assert np.allclose(found.scores, [0.9, 0.2])


class TestParts:
    def test_the_example_that_says_what_its_masks_are_made_of_is_explained(self, folder):
        arguments = ["analyze", "film.mp4", "--model", "bright:ExplainedThings", "--no-baseline", "--quiet"]
        assert cli.main([*arguments, "--why", "--no-plots", "--no-overlay"]) == 0
        rows = (folder / "runs" / "film" / "explained_things" / "why.csv").read_text().splitlines()
        assert len(rows) > 1
        assert "from the features" in (folder / "runs" / "film" / "report.md").read_text()

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("method", "returned", "expected"),
        [
            ("segment_parts", "[]", "2 pairs of Instances and MaskParts of as many"),
            ("segment_parts", "[(None, None)] * 2", "2 pairs of Instances and MaskParts of as many"),
            ("assemble", "[None]", "MaskCrops of the frame's size"),
            ("assemble", "1 / 0", "masks, got ZeroDivisionError"),
        ],
    )
    def test_what_does_not_fit_is_said_in_a_sentence(self, mine, method, returned, expected):
        mine(
            f"""
            from bright import ExplainedThings

            class Mine(ExplainedThings):
                name = "mine"

                def {method}(self, given):
                    return {returned}
            """
        )
        segmenter = load_user_segmenter("mine:Mine")
        frames = np.zeros((2, *SIZE, 3), np.uint8)
        if method == "segment_parts":
            assert expected in fault(segmenter.segment_parts, frames)
        else:
            (seen,) = load_user_segmenter("bright:ExplainedThings").segment_parts(frames[:1])
            assert expected in fault(segmenter.assemble, seen.parts.select([]))

    def test_a_segmenter_without_parts_offers_none(self, folder):
        assert not offers_parts(load_user_segmenter("bright:BrightThings"))
        assert offers_parts(load_user_segmenter("bright:ExplainedThings"))
