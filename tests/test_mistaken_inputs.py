"""What a person errs with: named for what it is, with what to do, before the work begins and PyTorch is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from clips import write_clip, write_images

from yolact_temporal.cli import main as cli
from yolact_temporal.data.sources import mistaken, open_clip
from yolact_temporal.errors import InputError, advice_on_name


@pytest.fixture
def command(capsys, tmp_path, monkeypatch):
    """Run a command in an empty folder; returns the exit code and the one sentence on stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = cli.main([*map(str, arguments)])
        printed = capsys.readouterr()
        (sentence,) = printed.err.splitlines()
        assert sentence.startswith("yolact-temporal: ")
        return code, sentence.removeprefix("yolact-temporal: ")

    return run


def written(name: str, data: bytes) -> Path:
    path = Path(name)
    path.write_bytes(data)
    return path


def zipped(name: str) -> Path:
    with zipfile.ZipFile(name, "w") as archive:
        archive.writestr("clip.mp4", b"frames")
    return Path(name)


def tarred(name: str) -> Path:
    return written(name, bytes(257) + b"ustar\x0000" + bytes(300))


NO_PATHS = {
    "https://youtu.be/abc?t=3": ("a YouTube link", "yt-dlp -f mp4 -o clip.mp4 'https://youtu.be/abc?t=3'"),
    "www.youtube.com/watch?v=abc": ("a YouTube link", "'https://www.youtube.com/watch?v=abc'"),
    "https://example.org/walk.webm": (
        "a web address",
        "curl -L -o clip.webm https://example.org/walk.webm",
    ),
    "https://example.org/live/index.m3u8": (
        "the address of a stream",
        "ffmpeg -i https://example.org/live/index.m3u8 -t 30",
    ),
    "rtsp://10.0.0.7:554/cam": ("the address of a stream", "ffmpeg -i rtsp://10.0.0.7:554/cam"),
    "s3://bucket/walk.mp4": ("an address", "copy the file to this machine first"),
    "file:///data/my%20walk.mp4": ("the address of a file", "give its path, /data/my walk.mp4"),
    "0": ("a camera", "record a piece first, for example with `ffmpeg -f "),
    "/dev/video17": ("a camera", "record a piece first"),
    "-": ("the standard input", "write it to a file first"),
    "*.mp4": ("found none", "fits the pattern *.mp4"),
    "walk.mp4": ("found nothing at walk.mp4", "check the path"),
}


@pytest.mark.parametrize("given", NO_PATHS)
def test_what_is_no_path_is_named_and_told_what_to_do(command, given):
    code, sentence = command("analyze", given)
    assert code == 3
    for part in NO_PATHS[given]:
        assert part in sentence
    assert not any(Path().iterdir())


@pytest.mark.parametrize("given", [name for name in NO_PATHS if "*" not in name])
def test_the_same_is_said_to_score_and_in_python(command, given):
    masks = written("masks.jsonl", b"")
    code, sentence = command("score", masks, "--clip", given)
    with pytest.raises(InputError) as caught:
        open_clip(given)
    assert code == 3
    assert NO_PATHS[given][0] in sentence
    assert NO_PATHS[given][0] in str(caught.value)


@pytest.mark.parametrize(
    ("platform", "part"),
    [("linux", "-f v4l2 -i /dev/video2"), ("darwin", "-f avfoundation"), ("win32", "-f dshow")],
)
def test_a_camera_is_recorded_as_the_system_does_it(command, monkeypatch, platform, part):
    monkeypatch.setattr(mistaken.sys, "platform", platform)
    assert part in command("analyze", "2")[1]


OTHER_FILES = {
    "zip": (lambda: zipped("a.zip"), "a zip archive"),
    "zip called mp4": (lambda: zipped("a.mp4"), "a zip archive"),
    "tar": (lambda: tarred("a.tar"), "a tar archive"),
    "gzip": (lambda: written("a.tgz", b"\x1f\x8b\x08" + bytes(60)), "a gzip archive"),
    "7z": (lambda: written("a.7z", b"7z\xbc\xaf\x27\x1c" + bytes(60)), "a 7z archive"),
    "HLS called mp4": (
        lambda: written("a.mp4", b"\xef\xbb\xbf#EXTM3U\n#EXTINF:1,\na.ts\n"),
        "an HLS playlist",
    ),
    "DASH": (lambda: written("a.mpd", b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg">'), "a DASH playlist"),
    "concat list": (lambda: written("a.txt", b"ffconcat version 1.0\nfile a.mp4\n"), "a list of clips"),
    "web page": (lambda: written("a.mp4", b"\n<!DOCTYPE html><html></html>"), "a web page"),
    "Git LFS": (lambda: written("a.mp4", b"version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
}


@pytest.mark.parametrize("kind", OTHER_FILES)
def test_a_file_of_another_kind_is_named_by_its_content(command, kind):
    build, part = OTHER_FILES[kind]
    path = build()
    code, sentence = command("analyze", path)
    assert code == 3
    assert part in sentence
    assert str(path) in sentence
    assert list(Path().iterdir()) == [path]


def test_a_file_that_is_called_like_a_camera_or_a_pattern_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("0", "a[1].mp4"):
        written(name, name.encode())
    from yolact_temporal.data.sources import given_clips

    assert given_clips(["0", "a[1].mp4", "a*.mp4"]).paths == ("0", "a[1].mp4", "a[1].mp4")


def test_all_of_a_list_are_looked_at_before_any_is_measured(command):
    write_clip(Path("good.mp4"), 3)
    code, sentence = command("analyze", "good.mp4", "gone.mp4", zipped("a.zip"), "0")
    assert code == 3
    assert "found nothing at gone.mp4" in sentence
    assert "2 more of the given clips" in sentence
    assert "(a.zip, 0)" in sentence
    assert not Path("runs").exists()


MISSPELT = {
    "command": (["analyse", "x"], "did you mean analyze?"),
    "command of weights": (["weights", "fech"], "did you mean fetch?"),
    "option": (["analyze", "x", "--strid2", "2"], "did you mean --stride?"),
    "option that is required": (
        ["export", "run", "--fromat", "coco", "--out", "x"],
        "did you mean --format?",
    ),
    "option with a value": (["score", "x", "--framse=4"], "did you mean --frames?"),
    "decoder": (["analyze", "x", "--decoder", "pyva"], "did you mean pyav?"),
    "model": (["analyze", "clip.mp4", "--model", "yolact_bse"], "did you mean yolact_base?"),
    "model with other letters": (["demo", "--model", "YOLACT-Compact"], "did you mean yolact_compact?"),
    "baseline": (["demo", "--baseline", "mask_rcn_compact"], "did you mean mask_rcnn_compact?"),
    "format": (["score", "clip.mp4", "--format", "davies"], "did you mean davis?"),
    "metric": (["metrics", "boundry_px_mean"], "did you mean boundary_px_mean?"),
    "nothing near": (["analyze", "clip.mp4", "--model", "segment"], "pass one of these"),
}


@pytest.mark.parametrize("case", MISSPELT)
def test_the_nearest_right_word_is_offered(command, case):
    write_clip(Path("clip.mp4"), 2)
    arguments, part = MISSPELT[case]
    code, sentence = command(*arguments)
    assert code == 2
    assert part in sentence


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["analyze"], "expected CLIP, got none: `yolact-temporal analyze --help` shows how"),
        (["export", "r"], "expected --format, --out, got none: `yolact-temporal export --help` shows how"),
        (["analyze", "x", "--stride", "two"], "expected a whole number for --stride, got 'two': "),
        (["analyze", "x", "--fps", "fast"], "expected a number for --fps, got 'fast': "),
        (["analyze", "x", "--out"], "expected a value after --out, got none: "),
        (["compare", "x", "--models"], "expected one value or more after --models, got none: "),
        (["analyze", "x", "--quiet=yes"], "expected --quiet without a value, got 'yes': leave the value out"),
        (["analyze", "x", "--st", "1"], "expected one option, got --st, which is short for several "),
        (["export", "r", "more", "--format", "coco", "--out", "x"], "expected no further arguments, got more: "),
        (["analyze", "-v", "x"], "expected an option of yolact-temporal analyze, got -v: "),
        (["weights"], "expected ACTION, got none: `yolact-temporal weights --help` shows how"),
    ],
)  # fmt: skip
def test_what_argparse_finds_wrong_is_one_sentence(command, arguments, sentence):
    code, said = command(*arguments)
    assert code == 2
    assert said.startswith(sentence)


def test_json_holds_what_is_wrong_with_the_arguments_too(capsys):
    assert cli.main(["analyze", "x", "--json", "--strid2", "3"]) == 2
    assert json.loads(capsys.readouterr().out)["exit_code"] == 2


@pytest.mark.parametrize(
    "arguments", [["analyze", "--start", "-5", "x"], ["analyze", "--", "--strange name"]]
)
def test_a_negative_number_and_what_follows_two_dashes_are_values(command, arguments):
    assert "expected an option" not in command(*arguments)[1]


def test_a_name_is_compared_without_capitals_and_dashes():
    assert advice_on_name("--No_Plots", ["--no-plots", "--json"]) == "did you mean --no-plots?"
    assert advice_on_name("zzz", ["--no-plots"], "look") == "look"


HEAVY = ("torch", "torchvision", "scipy", "matplotlib", "streamlit")


def _train(model):
    return ["train", "--model", model, "--annotations", "a.json", "--images", "images", "--out", "out"]


ANSWERED_AT_ONCE = {
    "help": ["--help"],
    "help of a command": ["score", "--help"],
    "wrong option": ["analyze", "--bogus", "x"],
    "wrong command": ["analyse", "x"],
    "missing file": ["analyze", "gone.mp4"],
    "missing file of a list": ["analyze", "images", "gone.mp4"],
    "wrong stride": ["analyze", "images", "--stride", "0"],
    "wrong range": ["analyze", "images", "--start", "1:75"],
    "wrong model": ["analyze", "images", "--model", "yolact_bse"],
    "wrong threshold": ["analyze", "images", "--score-threshold", "30"],
    "wrong batch": ["demo", "--batch", "0"],
    "wrong model of the demo": ["demo", "--model", "yolact_bse"],
    "wrong model of train": _train("yolact_bse"),
    "wrong model of evaluate": [
        "evaluate",
        "--model",
        "yolact_bse",
        "--annotations",
        "a.json",
        "--images",
        "images",
    ],
    "wrong model of benchmark": ["benchmark", "--models", "yolact_compact", "yolact_bse"],
    "wrong model of weights fetch": ["weights", "fetch", "yolact_bse"],
    "wrong model of weights import": ["weights", "import", "w.pth", "--model", "yolact_bse"],
    "wrong model of weights verify": ["weights", "verify", "w.pth", "--model", "yolact_bse"],
    "wrong name to weights verify": ["weights", "verify", "yolact_bse"],
    "missing masks": ["score", "gone.jsonl"],
    "missing clip of masks": ["score", "masks.jsonl", "--clip", "gone.mp4"],
    "no run": ["compare", "gone"],
    "no run to export": ["export", "gone", "--format", "coco", "--out", "x"],
}


@pytest.mark.slow
@pytest.mark.smoke
def test_what_is_wrong_is_told_before_anything_heavy_is_loaded(tmp_path):
    """In one process for all, where a module that is loaded once stays and is found after every later command."""
    write_images(tmp_path / "images", 2)
    (tmp_path / "masks.jsonl").touch()
    code = (
        "import json, sys; from yolact_temporal.cli import main as cli\n"
        f"for name, arguments in json.loads({json.dumps(json.dumps(ANSWERED_AT_ONCE))}).items():\n"
        "    try: code = cli.main(arguments)\n"
        "    except SystemExit as error: code = error.code\n"
        f"    print('*', name, code, *(m for m in {HEAVY} if m in sys.modules), sep=';')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    found = [line.split(";")[1:] for line in done.stdout.splitlines() if line.startswith("*;")]
    assert [name for name, *_ in found] == list(ANSWERED_AT_ONCE)
    assert {name: int(code) for name, code, *_ in found} == {
        name: 0 if "help" in name else 3 if "missing" in name else 2 for name in ANSWERED_AT_ONCE
    }
    assert [name for name, _, *loaded in found if loaded] == []


@pytest.mark.parametrize(
    "name", [name for name in ANSWERED_AT_ONCE if "yolact_bse" in ANSWERED_AT_ONCE[name]]
)
def test_a_misspelt_model_is_answered_with_the_one_that_was_meant(command, name):
    write_images(Path("images"), 2)
    code, sentence = command(*ANSWERED_AT_ONCE[name])
    assert code == 2
    assert "got 'yolact_bse': did you mean yolact_base?" in sentence


@pytest.mark.slow
@pytest.mark.parametrize(
    ("frames", "arguments"),
    [(1, []), (3, ["--end", "1"]), (3, ["--stride", "5"])],
    ids=["clip", "range", "stride"],
)
def test_a_single_frame_is_kept_and_nothing_is_measured(command, frames, arguments):
    write_clip(Path("one.mp4"), frames)
    code, sentence = command("analyze", "one.mp4", "--no-baseline", "--no-plots", "--quiet", *arguments)
    assert code == 3
    assert "expected at least two frames, got 1: there is nothing to measure" in sentence
    assert len(Path("runs/one/yolact_compact/frames.csv").read_text().splitlines()) == 2
    assert json.loads(Path("runs/one/run.json").read_text())["completed"]
