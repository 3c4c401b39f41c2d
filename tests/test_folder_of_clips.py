"""A folder that holds clips is taken for its clips; one that holds images is a clip."""

import pytest

from yolact_temporal.data.sources import expand_clips


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["b.mp4", "a.MKV", "notes.txt", ".hidden.mp4"], ["a.MKV", "b.mp4"]),
        (["walk/00000.jpg", "run/0.png", "empty/notes.txt"], ["run", "walk"]),
        (["walk/00000.jpg", "a.avi"], ["a.avi", "walk"]),
    ],
    ids=["videos", "image folders", "both"],
)
def test_a_folder_of_clips_is_replaced_by_its_clips_in_order(tmp_path, names, expected):
    assert expand_clips([str(make(tmp_path, *names))]) == [str(tmp_path / name) for name in expected]


@pytest.mark.parametrize(
    "names", [["0.png", "1.png", "side.mp4"], ["notes.txt"], []], ids=["images", "text", "empty"]
)
def test_a_folder_that_is_a_clip_or_holds_none_stays(tmp_path, names):
    assert expand_clips([str(make(tmp_path, *names))]) == [str(tmp_path)]


def test_files_and_what_does_not_exist_stay_in_their_order(tmp_path):
    clip = tmp_path / "b.bin"
    clip.touch()
    assert expand_clips([str(clip), "missing.mp4"]) == [str(clip), "missing.mp4"]
