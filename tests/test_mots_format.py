"""MOTS, text and PNG: ids, classes, void, and one sentence for each kind of bad input."""

import numpy as np
import pytest
from format_files import GREY, SIXTEEN, SIZE, mots_line, refuse_file, refuse_folder, write_png
from mask_clips import assert_same, frame, rle, sequence

from yolact_temporal.data.formats import FORMATS, ReadOptions, open_masks
from yolact_temporal.errors import InputError

BAD_FILES = {
    "mots: cut line": ("a.txt", "mots", mots_line() + "\n1 1002 1 4", "got 4 fields"),
    "mots: overlap": (
        "a.txt",
        "mots",
        mots_line() + "\n" + mots_line(identity=1002, runs=(7, 5, 12)),
        "got 1 pixels in several masks at frame 1",
    ),
    "mots: twice": (
        "a.txt",
        "mots",
        mots_line() + "\n" + mots_line(runs=(20, 4)),
        "once a frame, got 1001",
    ),
    "mots: id of another class": ("a.txt", "mots", mots_line(identity=2001), "an id from 1000 for class 1"),
    "mots: negative frame": ("a.txt", "mots", mots_line(-1), "whole frame from 0"),
    "mots: many digits": ("a.txt", "mots", mots_line("1" * 5000), "whole frame from 0"),
    "mots: broken runs": ("a.txt", "mots", mots_line()[:-3] + "~~~", "run-length"),
    "mots: other size": ("a.txt", "mots", mots_line() + "\n" + "2 1001 1 6 4 h0", "masks of 6x4"),
    "mots: not UTF-8": ("a.txt", "mots", b"1 1001 1 4 6 \xff", "UTF-8"),
    "mots: empty": ("a.txt", "mots", "", "pass the clip too"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_one_sentence(tmp_path, case):
    name, format_name, content, sentence = BAD_FILES[case]
    refuse_file(tmp_path / name, format_name, content, sentence)


BAD_FOLDERS = {
    "mots-png: 8 bits": ("mots-png", {"0.png": (GREY, None)}, "16-bit grey PNG"),
    "mots-png: no class": ("mots-png", {"0.png": (SIXTEEN + np.uint16(7), None)}, "class * 1000 + instance"),
}


@pytest.mark.parametrize("case", BAD_FOLDERS)
def test_a_bad_folder_is_one_sentence(tmp_path, case):
    refuse_folder(tmp_path, *BAD_FOLDERS[case], 5 if "before" in case else None)


class TestMots:
    def test_frames_count_from_0_where_one_is_0_else_from_1(self, tmp_path):
        path = tmp_path / "a.txt"
        for numbers, first, indices in (((1, 3), None, [0, 2]), ((0, 2), None, [0, 2]), ((1, 3), 0, [1, 3])):
            path.write_text("\n".join(mots_line(number) for number in numbers))
            found = open_masks(path, options=ReadOptions(first_frame=first))
            assert [each.index for each in found if len(each.instances)] == indices
            assert "matched by number, the first frame" in found.notes[0]

    def test_class_10_is_void(self, tmp_path):
        path = tmp_path / "a.txt"
        path.write_text(mots_line() + "\n" + mots_line(identity=10000, class_number=10, runs=(20, 4)))
        (only,) = open_masks(path)
        assert only.identities == (1001,)
        bitmap = np.zeros(24, np.bool_)
        bitmap[20:] = True
        assert only.void == rle(bitmap.reshape(6, 4).T)
        write_png(tmp_path / "0.png", np.array([[0, 1001, 10000]], np.uint16))
        (only,) = open_masks(tmp_path)
        assert only.identities == (1001,)
        assert only.void == rle(np.array([[False, False, True]]))

    def test_tracks_get_ids_of_their_commonest_class(self, tmp_path):
        full = np.ones(SIZE, np.bool_)
        frames = [frame(i, [full], SIZE, [7], [class_id]) for i, class_id in enumerate((2, 0, 2))]
        path = tmp_path / "a.txt"
        FORMATS["mots"].write(sequence(frames), path)
        assert [line.split()[:3] for line in path.read_text().splitlines()] == [
            ["1", "3000", "3"],
            ["2", "3000", "3"],
            ["3", "3000", "3"],
        ]

    @pytest.mark.parametrize(
        ("name", "identity", "class_id", "count", "sentence"),
        [
            ("mots-png", 1, 64, 1, "at most 65535, got 66000"),
            ("mots-png", 1, 0, 1001, "at most 1000 objects of a class"),
            ("mots", 1, 0, 1001, "at most 1000 objects of a class"),
        ],
    )
    def test_ids_over_the_limit_are_refused_and_nothing_is_left(
        self, tmp_path, name, identity, class_id, count, sentence
    ):
        names = [f"class {number}" for number in range(1, 70)]
        dot = np.zeros((1, 1001), np.bool_)
        bitmaps = [dot.copy() for _ in range(count)]
        for index, bitmap in enumerate(bitmaps):
            bitmap[0, index] = True
        made = frame(0, bitmaps, dot.shape, range(identity, identity + count), [class_id] * count)
        with pytest.raises(InputError, match=sentence):
            FORMATS[name].write(sequence([made], names), tmp_path / "out")
        assert list(tmp_path.iterdir()) == []

    def test_class_ids_step_over_10(self, tmp_path):
        full = np.ones(SIZE, np.bool_)
        names = [f"class {number}" for number in range(1, 12)]
        written = sequence([frame(0, [full], SIZE, [11004], [9])], names)
        for name in ("mots", "mots-png"):
            FORMATS[name].write(written, tmp_path / name)
            assert_same(FORMATS[name].read(tmp_path / name, ReadOptions(class_names=tuple(names))), written)
