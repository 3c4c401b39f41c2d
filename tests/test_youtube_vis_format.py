"""YouTube-VIS results and annotations: what is read, and one sentence for each kind of bad input."""

import json

import pytest
from format_files import changed, refuse_file, vis_annotations, vis_row

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


class TestAnnotations:
    """The object that a ground truth comes as: one of its videos, crowds are void."""

    def opened(self, tmp_path, content, **options):
        (tmp_path / "a.json").write_text(json.dumps(content))
        return open_masks(tmp_path / "a.json", options=ReadOptions(**options))

    def test_a_video_is_chosen_and_a_crowd_is_void(self, tmp_path):
        found = self.opened(tmp_path, vis_annotations(), video=1)
        assert (found.format, found.size, found.identified, found.whole) == (
            "youtube-vis",
            (4, 6),
            True,
            True,
        )
        assert (len(found), found.class_names) == (3, ("cat", "dog"))
        frames = list(found)
        assert [each.identities for each in frames] == [(), (8,), (8,)]
        assert [each.void is not None for each in frames] == [False, False, True]
        assert int(frames[2].instances.bitmaps().sum()) == 6
        second = list(self.opened(tmp_path, vis_annotations(), video=2))
        assert [each.identities for each in second] == [(10,), (), ()]
        assert second[0].instances.class_ids.tolist() == [0]

    def test_the_only_video_need_not_be_chosen(self, tmp_path):
        content = vis_annotations(videos=vis_annotations()["videos"][:1])
        assert len(self.opened(tmp_path, content)) == 3
        content = changed(content, "videos", 0, file_names=None)
        assert len(self.opened(tmp_path, content)) == 3

    def test_the_option_is_called_as_it_is(self, tmp_path):
        with pytest.raises(
            InputError, match="choose one with --ground-truth-video, as in --ground-truth-video 1"
        ):
            self.opened(tmp_path, vis_annotations(), prefix="ground-truth-")

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (vis_annotations(), "2 videos: choose one with --video"),
            (vis_annotations(videos=[]), "got 0: pass a file that holds it once"),
            ({"videos": [{"id": 1}], "annotations": []}, "found no categories"),
        ],
    )
    def test_bad_ones_are_one_sentence(self, tmp_path, content, sentence):
        refuse_file(tmp_path / "a.json", None, content, sentence)

    @pytest.mark.parametrize(
        ("key", "changes", "sentence"),
        [
            ("videos", {"id": "a"}, "whole id"),
            ("videos", {"height": 0}, "whole height from 1"),
            ("videos", {"file_names": 3}, "a list of file_names"),
            ("videos", {"file_names": ["a"]}, "1 segmentations, one a frame"),
            ("videos", {"file_names": None, "length": None}, "a field length"),
            ("annotations", {"video_id": None}, "a field video_id"),
            ("annotations", {"id": -1}, "whole id from 0"),
            ("annotations", {"category_id": 7}, "the file's categories"),
            ("annotations", {"segmentations": [None]}, "3 segmentations"),
            ("annotations", {"segmentations": [None, None, [[1, 2]]]}, "three points"),
            ("annotations", {"segmentations": [None, None, {"size": [2, 2], "counts": [4]}]}, "6x4 pixels"),
        ],
    )
    def test_bad_entries_are_one_sentence(self, tmp_path, key, changes, sentence):
        content = changed(vis_annotations(videos=vis_annotations()["videos"][:1]), key, 0, **changes)
        refuse_file(tmp_path / "a.json", "youtube-vis", content, sentence)
