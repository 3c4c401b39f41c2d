"""What a command says before anything heavy is loaded, and while something that takes long is under way."""

import argparse
import io
import subprocess
import sys

import pytest
from clips import write_clip

from yolact_temporal.cli import console
from yolact_temporal.cli import main as cli
from yolact_temporal.data.photo_film import PhotoFilm

TELL = (
    "import sys; from yolact_temporal.cli import main as cli\n"
    "try: code = cli.main(sys.argv[1:])\n"
    "except SystemExit as end: code = end.code or 0\n"
    "print(code, sorted({'torch', 'torchvision', 'matplotlib', 'tqdm'} & set(sys.modules)))"
)
"""Run a command; its last line tells its exit code and what it has loaded."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    frames = [frame.rgb for _, frame in zip(range(3), PhotoFilm(size=(144, 168)), strict=False)]
    return write_clip(tmp_path_factory.mktemp("clips") / "film.mp4", frames, size=(144, 168))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--help"], 0, "analyze"),
        (["analyze", "--help"], 0, "--score-threshold"),
        (["analyze", "CLIP", "--stirde", "2"], 2, "did you mean --stride?"),
        (["analyze", "CLIP", "--stride", "0"], 2, "--stride of 1 or more"),
        (["analyze", "CLIP", "--stride", "two"], 2, "a whole number"),
        (["analyze", "absent.mp4"], 3, "absent.mp4"),
        (["analyze", "CLIP", "absent.mp4"], 3, "absent.mp4"),
        (["analyze", "CLIP", "--device", "crda"], 2, "did you mean cuda?"),
        (["analyze", "CLIP", "--precision", "bflaot16"], 2, "did you mean bfloat16?"),
        (["demo", "--precision", "half"], 2, "float16"),
        (["evaluate", "--images", ".", "--annotations", "a.json", "--device", "warp"], 2, "'warp'"),
        (["benchmark", "--precision", "int8"], 2, "'int8'"),
        (["benchmark", "--device", "warp"], 2, "'warp'"),
        (["benchmark", "--clip", "absent.mp4"], 3, "absent.mp4"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_answered_before_torch_is_loaded(arguments, code, said, clip, tmp_path):
    given = [str(clip) if argument == "CLIP" else argument for argument in arguments]
    done = subprocess.run(
        [sys.executable, "-c", TELL, *given], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.splitlines()[-1] == f"{code} []"
    assert said in done.stdout + done.stderr
    assert not list(tmp_path.iterdir())


class Terminal(io.StringIO):
    """A standard error that a person watches."""

    def isatty(self):
        return True


def on_screen(text):
    """What is left of the last line once every carriage return has let it be written over."""
    line = ""
    for part in text.split("\n")[-1].split("\r"):
        line = part + line[len(part) :]
    return line.rstrip()


@pytest.mark.parametrize(
    ("quiet", "json", "watched", "said"),
    [
        (False, False, True, True),
        (True, False, True, False),
        (False, True, True, False),
        (False, False, False, False),
    ],
)
def test_a_passing_note_is_for_who_watches_and_is_wiped_away(monkeypatch, quiet, json, watched, said):
    stream = Terminal() if watched else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    args = argparse.Namespace(quiet=quiet, json=json)
    with console.passing_note(args, "loading it ..."):
        assert (on_screen(stream.getvalue()) == "loading it ...") == said
    assert ("loading it ..." in stream.getvalue()) == said
    assert on_screen(stream.getvalue()) == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "said"),
    [([], True), (["--json"], False), (["--quiet"], False), (["--no-plots"], False)],
    ids=["plain", "json", "quiet", "no plots"],
)
def test_a_run_says_that_it_loads_and_draws(clip, tmp_path, monkeypatch, capsys, options, said):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    arguments = ["analyze", str(clip), "--no-baseline", "--no-overlay", "--out", str(tmp_path / "runs")]
    assert cli.main([*arguments, *options]) == 0
    shown = stream.getvalue()
    assert (console.DRAWING in shown) == said
    assert ("loading yolact_compact ..." in shown) == (said or options == ["--no-plots"])
    assert on_screen(shown) == ""
    if said:
        assert shown.index("loading") < shown.index("3/3") < shown.index(console.DRAWING)
