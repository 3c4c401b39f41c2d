"""YouTube-VIS results and annotations: what is read, and one sentence for each kind of bad input."""

import json

import pytest
from format_files import refuse_file, vis_row

from yolact_temporal.data.formats import ReadOptions, open_masks
from yolact_temporal.errors import InputError

BAD_FILES = {
    "vis: two videos": ("a.json", "youtube-vis", [vis_row(), vis_row(video_id=2)], "--video"),
    "vis: other length": (
        "a.json",
        "youtube-vis",
        [vis_row(), vis_row(segmentations=[None])],
        "2 segmentations, one a frame of the clip",
    ),
    "vis: no mask": ("a.json", "youtube-vis", [vis_row(segmentations=[None])], "pass the clip too"),
    "vis: no list": ("a.json", "youtube-vis", [vis_row(segmentations=3)], "list of segmentations"),
    "vis: same id": ("a.json", "youtube-vis", [vis_row(id=1), vis_row(id=1)], "once a frame"),
    "vis: score NaN": ("a.json", "youtube-vis", [vis_row(score=float("nan"))], "score"),
    "vis: deep": ("a.json", "youtube-vis", '{"a":' * 100_000, "nested too deeply"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_one_sentence(tmp_path, case):
    name, format_name, content, sentence = BAD_FILES[case]
    refuse_file(tmp_path / name, format_name, content, sentence)


def test_one_video_of_several_can_be_chosen(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(
        json.dumps([vis_row(), vis_row(video_id=2, segmentations=[None] * 4), vis_row(video_id=2)])
    )
    assert len(open_masks(path, options=ReadOptions(video=1))) == 2
    with pytest.raises(InputError, match="found none: it has 1, 2"):
        open_masks(path, options=ReadOptions(video=3))
