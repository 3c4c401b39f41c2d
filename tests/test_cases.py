"""Files as people have them, each with what must come out of it; read from the data folder, never kept here."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import re
import shlex
import shutil
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from yolact_temporal.cli.main import main
from yolact_temporal.data.csv_tables import csv_rows
from yolact_temporal.data.sources import given_clips, open_clip
from yolact_temporal.errors import InputError

SCORED = {
    ("coco-image-id", 0): 0.9,
    ("coco-image-id", 1): 1.0,
    ("cocovid", 0): 1.0,
    ("cocovid", 1): 1.0,
    ("cvat-track-id", 0): 1.0,
    ("empty-mask-frame", 0): 0.9,
    ("png-numbering-differs", 0): 1.0,
    ("png-numbering-differs", 1): 1.0,
    ("ytvos-every-fifth", 0): 1.0,
}
"""Mean J by folder and line of its command.txt."""

WARNED = {
    ("no-word-of", 0): "not square (64:45)",
    ("no-word-of", 1): "interlaced",
    ("no-word-of", 2): "high dynamic range",
    ("image-depth", 0): "4095 is taken for white",
    ("image-depth", 1): "1 is taken for white",
    ("image-depth", 2): "255 is taken for white",
    ("resize-decord", 0): "change size, from 320x240 to 160x120",
}
"""What is said on stderr, by folder and line; the command ends with 0."""

REFUSED = {
    ("soft-masks", 0): "one value for each object",
    ("soft-masks", 1): "one value for each object",
}

RIGHT_MASKS = {
    "masks-bom-json": 1.0,
    "masks-gaps-json": 1.0,
    "masks-tabs-txt": 1.0,
    "masks-uncomp-json": 1.0,
    "masks-yv_null-json": 0.9,
    "png-L255": 1.0,
    "png-bool1": 1.0,
    "png-void": 1.0,
    "masks-edge-json": 0.0,
    "masks-full-json": 0.0,
    "masks-many-json": 0.0,
    "png-empty": 0.0,
}
"""Mean J of what can be read; everything else of its kind is refused in one sentence."""

RIGHT_CLIPS = {
    "images-cmyk": (0, 6),
    "images-dec": (0, 12),
    "images-dotunder": (0, 3),
    "images-exif": (0, 6),
    "images-g16": (0, 6),
    "images-g16tif": (0, 6),
    "images-grey": (0, 6),
    "images-pal": (0, 6),
    "images-rgba": (0, 6),
    "images-single": (0, 1),
    "images-ts": (0, 6),
    "images-upper": (0, 6),
    "images-webp": (0, 6),
    "images-win": (0, 12),
    "video-disp2-gif": (0, 8),
    "video-dvd-vob": (0, 6),
    "video-edit-mp4": (13, 17),
    "video-edit2-mov": (13, 17),
    "video-fragtrunc-mp4": (0, 17),
    "video-hlscat-ts": (0, 40),
    "video-neg-mkv": (10, 20),
    "video-notkey-mp4": (10, 20),
    "video-notkey-ts": (10, 20),
    "video-one-mp4": (0, 1),
    "video-pr4444-mov": (0, 8),
    "video-single-png": (5, 1),
    "video-zero-gif": (0, 8),
    "images-mixed": None,
    "images-notimg": None,
    "video-garb-mp4": None,
    "video-trunc-mp4": None,
    "video-zero-mp4": None,
}
"""First code and number of frames; None of what is refused; other clips have 30 frames from code 0."""

WITHOUT_CODES = {"video-uhd-mp4": 2}


@pytest.fixture(scope="module")
def cases() -> Path:
    root = os.environ.get("YOLACT_TEMPORAL_TEST_DATA")
    if not root or not (Path(root) / "cases").is_dir():
        pytest.skip("YOLACT_TEMPORAL_TEST_DATA names no folder with cases")
    return Path(root).absolute() / "cases"


def _rows(kind: str, prefixes: tuple[str, ...]) -> list[str]:
    """Return the folders of a kind; a stand-in that skips where there is no data."""
    folder = Path(os.environ.get("YOLACT_TEMPORAL_TEST_DATA", "")) / "cases" / kind
    found = sorted(each.name for each in folder.glob("*") if each.name.startswith(prefixes))
    return found or ["(none)"]


def run(
    case: Path, line: int, folder: Path, monkeypatch: pytest.MonkeyPatch, extra: tuple[str, ...] = ()
) -> tuple[int, Path]:
    """Run one line of a case's command in a copy of its folder; returns the exit code and the output folder."""
    shutil.copytree(case, folder, copy_function=shutil.copyfile)
    monkeypatch.chdir(folder)
    arguments = shlex.split((case / "command.txt").read_text().splitlines()[line])[1:]
    arguments = arguments[: arguments.index("&&")] if "&&" in arguments else arguments
    given = [each for each in arguments if each != "--quiet"]
    return main([*given, "--no-plots", "--no-overlay", *extra]), folder / given[given.index("--out") + 1]


def mean_j(said: str) -> float:
    """Return the mean J that a command printed."""
    found = re.search(r"has J ([0-9.]+)", said)
    assert found is not None, said
    return float(found[1])


class TestInputs:
    @pytest.mark.slow
    @pytest.mark.smoke
    @pytest.mark.parametrize(("name", "line"), SCORED)
    def test_masks_meet_their_frames(self, cases, tmp_path, monkeypatch, capsys, name, line):
        code, _ = run(cases / "inputs" / name, line, tmp_path / "case", monkeypatch)
        assert code == 0
        assert mean_j(capsys.readouterr().out) == SCORED[name, line]

    @pytest.mark.slow
    @pytest.mark.smoke
    @pytest.mark.parametrize(("name", "line"), WARNED)
    def test_what_is_odd_is_said(self, cases, tmp_path, monkeypatch, capsys, name, line):
        code, _ = run(cases / "inputs" / name, line, tmp_path / "case", monkeypatch)
        assert code == 0
        assert WARNED[name, line] in capsys.readouterr().err

    @pytest.mark.parametrize(("name", "line"), REFUSED)
    def test_what_cannot_be_meant_is_refused(self, cases, tmp_path, monkeypatch, capsys, name, line):
        code, out = run(cases / "inputs" / name, line, tmp_path / "case", monkeypatch)
        assert (code, out.exists()) == (3, False)
        assert REFUSED[name, line] in capsys.readouterr().err

    def test_the_manifest_says_how_frames_were_matched(self, cases, tmp_path, monkeypatch):
        for name, masks, truth in (
            ("coco-image-id", "by image_id", "by the names of the images of img"),
            ("ytvos-every-fifth", *["by the names of the images of JPEGImages/vid"] * 2),
        ):
            _, out = run(cases / "inputs" / name, 0, tmp_path / name, monkeypatch)
            (manifest,) = out.glob("*/run.json")
            said = json.loads(manifest.read_text())
            assert [own["masks"]["frames"] for own in said["models"].values()] == [masks]
            assert said["ground_truth"]["frames"] == truth

    def test_masks_of_two_images_are_on_these_images(self, cases, tmp_path, monkeypatch):
        code, out = run(cases / "inputs" / "ytvos-every-fifth", 1, tmp_path / "case", monkeypatch)
        with (out / "vid" / "vid" / "frames.csv").open() as file:
            assert (code, [row["frame"] for row in csv.DictReader(file)]) == (0, ["0", "1"])

    def test_categories_count_from_0(self, cases, tmp_path, monkeypatch):
        for masks in ("results.json", "ytvis.json"):
            shutil.copyfile(cases / "inputs" / "zero-based-category" / masks, tmp_path / masks)
        monkeypatch.chdir(tmp_path)
        for masks in ("results.json", "ytvis.json"):
            assert main(["score", masks, "--fps", "10", "--no-plots", "--out", "out"]) == 0

    def test_a_mask_without_a_pixel_is_no_line_of_mots(self, cases, tmp_path, monkeypatch):
        assert run(cases / "inputs" / "empty-mask-frame", 1, tmp_path / "case", monkeypatch)[0] == 0
        assert (
            main(["export", "out2/results", "--model", "results", "--format", "mots", "--out", "x.txt"]) == 0
        )
        assert len(Path("x.txt").read_text().splitlines()) == 9

    def test_times_finer_than_the_containers_clock_are_counted(self, cases):
        source = open_clip(cases / "inputs" / "fast-mkv" / "fps3000.mkv")
        assert [frame.time_s for frame in source] == pytest.approx([t / 3000 for t in range(30)])
        assert source.info.fps == 3000
        (said,) = source.warnings
        assert "too coarse for 3000 frames a second" in said

    def test_joined_segments_of_a_transport_stream_are_whole(self, cases):
        source = open_clip(cases / "inputs" / "ts-segments" / "segments.ts")
        reader = _frame_code(cases)
        assert [reader.code(frame.rgb) for frame in source] == list(range(40))
        assert source.losses == []
        (said,) = source.warnings
        assert said.startswith("3 packets that the container marks as damaged decode without a fault")

    @pytest.mark.slow
    def test_a_path_that_is_no_utf8(self, cases, tmp_path, monkeypatch):
        folder = tmp_path / "d\udce9"
        shutil.copytree(cases / "inputs" / "non-utf8-name", folder, copy_function=shutil.copyfile)
        monkeypatch.chdir(tmp_path)
        given = [
            "score",
            str(folder / "masks.json"),
            "--clip",
            str(folder / "d" / "base.mp4"),
            "--out",
            "out",
        ]
        assert main([*given, "--no-plots", "--no-overlay"]) == 0
        said = json.loads((tmp_path / "out" / "base" / "run.json").read_text())
        assert said["clip"]["path"] == str(folder / "d" / "base.mp4")

    def test_stderr_is_closed(self, cases, tmp_path, monkeypatch):
        monkeypatch.setattr("sys.stderr", None)
        case = cases / "inputs" / "stderr-closed"
        shutil.copyfile(case / "masks.json", tmp_path / "masks.json")
        monkeypatch.chdir(tmp_path)
        assert main(["score", "masks.json", "--fps", "10", "--out", "out", "--no-plots"]) == 0


class TestRight:
    @pytest.mark.slow
    @pytest.mark.smoke
    @pytest.mark.parametrize("name", _rows("right", ("masks-", "png-")))
    def test_masks(self, cases, tmp_path, monkeypatch, capsys, name):
        code, _ = run(cases / "right" / name, 0, tmp_path / "case", monkeypatch)
        if name in RIGHT_MASKS:
            assert code == 0
            assert mean_j(capsys.readouterr().out) == RIGHT_MASKS[name]
        else:
            said = capsys.readouterr().err
            assert (code, said.count("\n")) == (3, 1)
            assert "expected" in said

    @pytest.mark.slow
    @pytest.mark.parametrize("name", _rows("right", ("images-", "video-")))
    def test_clips(self, cases, name):
        first, count = RIGHT_CLIPS.get(name, (0, 30)) or (0, 0)
        reader = _frame_code(cases)
        (clip,) = (each for each in (cases / "right" / name).iterdir() if each.suffix != ".txt")
        try:
            source = open_clip(clip)
            frames = [(frame.index, frame.time_s, reader.code(frame.rgb)) for frame in source]
            source.close()
        except InputError as error:
            if RIGHT_CLIPS.get(name, ()) is None:
                return
            raise AssertionError(str(error)) from error
        assert RIGHT_CLIPS.get(name, ()) is not None
        assert [index for index, _, _ in frames] == list(range(len(frames)))
        assert all(later > earlier for (_, earlier, _), (_, later, _) in pairwise(frames))
        if name in WITHOUT_CODES:
            assert len(frames) == WITHOUT_CODES[name]
        else:
            assert [code for _, _, code in frames] == list(range(first, first + count))


def _frame_code(cases: Path) -> ModuleType:
    """Return the module that reads a frame's number."""
    found = importlib.util.spec_from_file_location("frame_code", cases / "frame_code.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_a_table_that_a_spreadsheet_saved(tmp_path):
    table = tmp_path / "objects.csv"
    for text in ("frame,time_s\n0,1.5\n", "\ufeffframe;time_s\r\n0;1,5\r\n", "\ufeffframe\ttime_s\n0\t1,5\n"):
        table.write_text(text, encoding="utf-8")
        with csv_rows(table) as rows:
            assert list(rows) == [(1, ["frame", "time_s"]), (2, ["0", "1.5"])]


def test_a_clip_that_is_there_twice_is_passed_over(tmp_path):
    for name, content in (("a.mp4", b"one"), ("b.mp4", b"two"), ("c.mp4", b"one")):
        (tmp_path / name).write_bytes(content)
    found = given_clips([str(tmp_path)])
    assert [Path(each).name for each in found.paths] == ["a.mp4", "b.mp4"]
    assert len(found.remarks) == 1
    assert "c.mp4 is the same file as" in found.remarks[0]


@pytest.mark.parametrize(
    ("names", "indices", "losses"),
    [
        (("0", "1", "4"), [0, 1, 4], [(4, 2)]),
        (("00000", "00005", "00010", "00020"), [0, 1, 2, 4], [(4, 1)]),
        (("a_2", "a_4"), [0, 1], []),
        (("1403636579763555584", "1403636579813555456", "1403636579863555584"), [0, 1, 2], []),
    ],
)
def test_a_number_that_is_left_out_is_a_lost_frame(tmp_path, names, indices, losses):
    for name in names:
        Image.new("RGB", (8, 6)).save(tmp_path / f"{name}.png")
    source = open_clip(tmp_path, fps=Fraction(10))
    assert [frame.index for frame in source] == indices
    assert source.info.frame_count == indices[-1] + 1
    assert [(loss.at_index, loss.count) for loss in source.losses] == losses
