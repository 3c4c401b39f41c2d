"""A scene and its masks, and `score` run on them in this process."""

import csv

import pytest
from clips import write_images
from mask_clips import frame, sequence

from yolact_temporal.cli import main as cli
from yolact_temporal.data.formats import FORMATS
from yolact_temporal.data.synthetic import SceneOptions, SyntheticScene

SIZE, FRAMES, FPS = (96, 128), 12, 24


SCENE = list(SyntheticScene(SceneOptions(seed=1, size=SIZE, frames=FRAMES, camera="pan", objects=2)))


NAMES = ("person", "vehicle", "animal")


@pytest.fixture(name="images", scope="module")
def images_fixture(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("clips") / "walk", (each.rgb for each in SCENE))


def true_frames(identities=True, keep=range(FRAMES), **changes):
    """The scene's own masks; class and identity by object."""
    made = []
    for index in keep:
        masks = {key: mask for key, mask in SCENE[index].masks.items() if mask.any()}
        made.append(
            frame(
                index,
                list(masks.values()),
                SIZE,
                [key + 10 for key in masks] if identities else None,
                [key % 3 for key in masks],
                **changes,
            )
        )
    return made


def write(path, frames, format_name="coco", names=NAMES):
    path.parent.mkdir(parents=True, exist_ok=True)
    FORMATS[format_name].write(sequence(frames, names), path)
    return path


@pytest.fixture(name="score")
def score_fixture(tmp_path, capsys):
    """Run `score` in this process; returns the exit code, stdout and stderr."""

    def run(*arguments, out=tmp_path / "runs", plots=False):
        capsys.readouterr()
        options = [] if plots else ["--no-plots"]
        code = cli.main(["score", *map(str, arguments), "--out", str(out), *options])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def summary(run):
    return {(row["model"], row["metric"]): row["value"] for row in rows(run / "summary.csv")}


def one_sentence(err):
    lines = [line for line in err.splitlines() if line.startswith("yolact-temporal: ")]
    assert len(lines) == 1, err
    assert "Traceback" not in err
    return lines[0]


def refused(score, tmp_path, sentence, *arguments, code=3):
    out = tmp_path / "none"
    found, _, err = score(*arguments, out=out)
    assert found == code, err
    assert sentence in one_sentence(err)
    assert not out.exists()
