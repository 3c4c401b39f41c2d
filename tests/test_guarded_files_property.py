"""Whatever lies about and whatever is asked: no file of a person's is lost, changed, or written through a link.

Random trees of a person's files, clips, masks, links, other programs' and our own runs, under names that clash on
purpose; a random command over them. Only files that our own tool had written there may be different afterwards.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yolact_temporal.cli import clip_measuring
from yolact_temporal.cli import main as cli

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

_ODD = "A seq seq.mp4 film runs run.json run.json.part run.lock ... .hidden x.json x.json.part"
_OURS = (
    "run.json summary.csv summary.csv.part report.md plots masks.jsonl masks.jsonl.part frames.csv overlay.mp4 "
    "timeline.png comparison.csv comparison.csv.part comparison.json comparison.md comparison.png "
    "report.html moments.csv a b c stand_in"
)
NAMES = st.sampled_from([*_ODD.split(), *_OURS.split(), *_OURS.split()])
FOLDERS = [
    "",
    "runs/",
    "runs/film/",
    "runs/film/a/",
    "runs/film/c/",
    "runs/film/stand_in/",
    "runs/film/plots/",
]
FOLDERS += ["runs/new/", "runs/new/c/", "out/", "out/"]
PATHS = st.tuples(st.sampled_from(FOLDERS), NAMES, st.sampled_from(["", "", "", "/x.json", "/seq"])).map(
    "".join
)
KINDS = st.sampled_from(
    [*["file"] * 12, *["link"] * 5, "folder", "second name", "images", "masks", "run", "broken run", "pipe"]
)
MASKS = ["masks.json", "masks.json", "masks.json", "runs/film/a", "runs/film/b/masks.jsonl"]
OUTS = [*["runs"] * 6, "out", "out", ".", "runs/film", "runs/film/a", "seq", "runs/.."]
ODD = st.one_of(PATHS, PATHS.map(lambda path: f"{path}/.."))


def likely(usual: list[str], odd: st.SearchStrategy[str] = ODD) -> st.SearchStrategy[str]:
    """Mostly what makes sense, so that commands come to their end; now and then anything."""
    return st.sampled_from([*usual * 8, *[""] * len(usual)]).flatmap(lambda own: st.just(own) if own else odd)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """What trees are made of: images, masks, and a run of two models."""
    made = tmp_path_factory.mktemp("made")
    write_images(made / "images")
    write_masks(made / "masks")
    write_run(made / "run")
    return made


@contextlib.contextmanager
def working_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def put(home: Path, kind: str, path: str, other: str, made: Path) -> set[str]:
    """Put one thing into the tree, if its place is free; return which of its files are the tool's own."""
    place = home / path
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        return set()
    if os.path.lexists(place) or not place.parent.resolve().is_relative_to(home):
        return set()
    inside_ours = False
    if kind == "file":
        place.write_text(f"mine: {path}")
    elif kind == "folder":
        place.mkdir()
    elif kind == "link":
        place.symlink_to(home / other)
    elif kind == "second name":
        if (home / other).is_file() and not (home / other).is_symlink():
            os.link(home / other, place)
    elif kind == "images":
        shutil.copytree(made / "images", place)
    elif kind == "masks":
        shutil.copy(made / "masks", place)
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        shutil.copytree(made / "run", place)
        if kind == "broken run":
            interrupt(place)
        inside_ours = True
    real = place.parent.resolve() / place.name
    return files_of(real, home) if inside_ours else set()


@st.composite
def commands(draw: st.DrawFn) -> list[str]:
    out = ["--out", draw(likely(OUTS))]
    flags = draw(st.sampled_from([[], ["--overwrite"], ["--overwrite"], ["--overwrite"], ["--resume"]]))
    name = ["--clip-name", draw(likely(["film", "film", "new"], NAMES))]
    kind = draw(st.sampled_from(["score", "score", "score", "analyze", "compare", "export"]))
    truth = draw(likely(["none"]))
    against = ["--ground-truth", truth] if truth != "none" else []
    if kind == "score":
        model = ["--name", draw(likely(["a", "a", "b", "c"], NAMES))]
        return ["score", draw(likely(MASKS)), *model, *name, *flags, *against, *out]
    if kind == "analyze":
        return ["analyze", draw(likely(["seq"])), *name, *flags, *out]
    if kind == "compare":
        return ["compare", draw(likely(["runs/film", "runs"])), *against, *out]
    form = draw(st.sampled_from(["coco", "davis", "masks"]))
    target = draw(likely(["x.json", "out/x.json", "runs/x", "runs/film/x.json", "runs/film/a/y"]))
    return ["export", draw(likely(["runs/film"])), "--model", "a", "--format", form, "--out", target]


TREES = st.lists(st.tuples(KINDS, PATHS, PATHS), min_size=4, max_size=12)
SETTINGS = settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@SETTINGS
@given(tree=TREES, asked=st.lists(commands(), min_size=1, max_size=4))
def test_no_file_of_a_persons_is_lost(made, tree, asked):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(clip_measuring, "load_models", lambda *_: stand_ins("stand_in"))
        around = Path(folder).resolve()
        home = around / "home" / "desk"
        home.mkdir(parents=True)
        (around / "home" / "thesis.tex").write_text("years of work")
        shutil.copytree(made / "run", home / "runs" / "film")
        shutil.copytree(made / "images", home / "seq")
        shutil.copy(made / "masks", home / "masks.json")
        ours = files_of(home / "runs" / "film", home)
        for kind, path, other in tree:
            ours |= put(home, kind, path, other, made)
        ours = {str(Path("home/desk") / path) for path in ours}
        for command in asked:
            before = snapshot(around)
            with (
                working_in(home),
                contextlib.redirect_stderr(io.StringIO()) as err,
                contextlib.redirect_stdout(io.StringIO()),
            ):
                code = cli.main([*command, "--quiet"])
            after = snapshot(around)
            gone = lost(before, around, ours)
            assert not gone, f"{command} ended with {code} and changed {gone}: {err.getvalue()}"
            assert "Traceback" not in err.getvalue()
            assert code in (0, 2, 3), f"{command} ended with {code}: {err.getvalue()}"
            # compare writes over an earlier comparison of its own without being told to, and over nothing else
            if command[0] != "compare" and "--overwrite" not in command and "--resume" not in command:
                assert not lost(before, around), f"{command} changed a run without being told to"
            ours |= after.keys() - before.keys() if code == 0 else set()
