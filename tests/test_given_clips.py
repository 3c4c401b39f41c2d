"""Which clips a person means: folders that hold clips are taken for these, a folder of images is a clip."""

from pathlib import Path

import pytest

from yolact_temporal.data.sources import given_clips
from yolact_temporal.errors import InputError


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(path.name.encode())
    return folder


@pytest.mark.parametrize(
    ("names", "expected", "passed_over"),
    [
        (["b.mp4", "a.MKV", "notes.txt", ".hidden.mp4"], ["a.MKV", "b.mp4"], ""),
        (["walk/00000.jpg", "run/0.png", "empty/notes.txt"], ["run", "walk"], ""),
        (["walk/00000.jpg", "a.avi"], ["a.avi", "walk"], ""),
        (["0.png", "1.png", "side.mp4"], ["side.mp4"], "(2) are skipped"),
        (["poster.jpg", "walk/0.png", "side.mp4"], ["side.mp4", "walk"], "(1) are skipped"),
    ],
    ids=["videos", "image folders", "both", "a video among images", "a poster beside clips"],
)
def test_a_folder_of_clips_is_replaced_by_its_clips_in_order(tmp_path, names, expected, passed_over):
    found = given_clips([str(make(tmp_path, *names))])
    assert found.paths == tuple(str(tmp_path / name) for name in expected)
    assert passed_over in "".join(found.remarks)
    assert len(found.remarks) == bool(passed_over)


def test_a_folder_of_images_is_a_clip(tmp_path):
    assert given_clips([str(make(tmp_path, "0.png", "1.png", "deep/0.png"))]).paths == (str(tmp_path),)


@pytest.mark.parametrize("names", [["notes.txt"], [".hidden/x"]], ids=["text", "empty"])
def test_a_folder_that_holds_no_clip_is_refused(tmp_path, names):
    with pytest.raises(InputError, match="expected numbered images"):
        given_clips([str(make(tmp_path, *names))])


def test_files_of_any_name_stay_in_their_order(tmp_path):
    make(tmp_path, "b.bin", "a.bin")
    wanted = tuple(str(tmp_path / name) for name in ("b.bin", "a.bin"))
    assert given_clips(wanted).paths == wanted


def test_a_pattern_stands_for_what_fits_it_folders_of_clips_among_it(tmp_path, monkeypatch):
    make(tmp_path, "b.mp4", "a.mp4", "more/c.mp4", "more/deep/d.mp4")
    monkeypatch.chdir(tmp_path)
    assert given_clips(["*.mp4"]).paths == ("a.mp4", "b.mp4")
    assert given_clips(["m*"]).paths == (str(Path("more/c.mp4")),)
    assert given_clips(["more/**/*.mp4"]).paths == (str(Path("more/c.mp4")), str(Path("more/deep/d.mp4")))
