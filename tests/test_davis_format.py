"""DAVIS folders: objects, void, names, and one sentence for each kind of bad input."""

import numpy as np
import pytest
from format_files import GREY, SIXTEEN, SIZE, refuse_folder, write_png
from mask_clips import frame, rle, sequence
from PIL import Image

from yolact_temporal.data.formats import FORMATS, open_masks
from yolact_temporal.errors import InputError, UsageError

BAD_FOLDERS = {
    "davis: colours": ("davis", {"0.png": (GREY, "RGB")}, "got mode RGB"),
    "davis: transparent grey": ("davis", {"0.png": (GREY, "LA")}, "got mode LA"),
    "davis: 16 bits": ("davis", {"0.png": (SIXTEEN, None)}, "palette or 8-bit grey"),
    "davis: sizes": ("davis", {"0.png": (GREY, None), "1.png": (GREY[:3], None)}, "6x3 at 1.png"),
    "davis: one number twice": (
        "davis",
        {"1.png": (GREY, None), "01.png": (GREY, None)},
        "one image a frame",
    ),
    "davis: no PNG": ("davis", {"0.jpg": (GREY, None)}, "found none"),
    "davis: before the first": ("davis", {"3.png": (GREY, None)}, "frame numbers from 5"),
}


@pytest.mark.parametrize("case", BAD_FOLDERS)
def test_a_bad_folder_is_one_sentence(tmp_path, case):
    refuse_folder(tmp_path, *BAD_FOLDERS[case], 5 if "before" in case else None)


class TestDavis:
    def test_objects_void_and_absent_frames(self, tmp_path):
        values = np.array([[0, 1, 2], [254, 255, 255]], np.uint8)
        write_png(tmp_path / "00000.png", values)
        write_png(tmp_path / "00010.png", np.zeros((2, 3), np.uint8))
        write_png(tmp_path / "00025.png", values)
        found = open_masks(tmp_path)
        assert found.indices == (0, 10, 25)
        assert (found.stride, found.sparse, found.whole, found.class_names) == (5, False, False, ("object",))
        frames = list(found)
        assert [each.identities for each in frames] == [(1, 2, 254), (), (1, 2, 254)]
        assert frames[0].void == rle(values == 255)
        assert frames[1].void is None

    def test_a_folder_of_0_and_255_has_one_object(self, tmp_path):
        for index, value in enumerate((255, 0)):
            write_png(tmp_path / f"{index}.png", np.full((2, 3), value, np.uint8))
        frames = list(open_masks(tmp_path))
        assert [each.identities for each in frames] == [(1,), ()]
        assert frames[0].void is None

    @pytest.mark.parametrize(
        ("names", "indices", "note"),
        [
            (("00000", "00002"), (0, 2), None),
            (("00001", "00002"), (0, 1), "numbered from 1"),
            (("00007", "00009"), (7, 9), None),
            (("frame_2", "frame_10"), (2, 10), None),
            (("a", "b"), (0, 1), "in the order of their names"),
            (("a_1", "b_2"), (0, 1), "in the order of their names"),
        ],
    )
    def test_images_are_frames_by_their_numbers(self, tmp_path, names, indices, note):
        for name in names:
            write_png(tmp_path / f"{name}.png", GREY)
        found = open_masks(tmp_path)
        assert found.indices == indices
        assert [each.index for each in found] == list(indices)
        assert (note is None) == (not found.notes)
        assert note is None or note in found.notes[0]

    def test_a_palette_is_read_by_its_indices(self, tmp_path):
        image = Image.fromarray(np.array([[0, 3]], np.uint8))
        image.putpalette([9] * 768)
        image.save(tmp_path / "0.png")
        (only,) = open_masks(tmp_path)
        assert only.identities == (3,)

    def test_what_a_palette_cannot_hold_is_refused_and_nothing_is_left(self, tmp_path):
        full = np.ones(SIZE, np.bool_)
        part = np.zeros(SIZE, np.bool_)
        part[0, 0] = True
        for frames, sentence in (
            ([frame(0, [full], SIZE, [255])], "at most 254"),
            ([frame(0, [full, part], SIZE, [1, 2])], "got 1 pixels in several masks at frame 0"),
            ([frame(0, [], SIZE, [], void=full)], "an object beside the void"),
            ([frame(0, [full], SIZE)], "an identity for every mask"),
        ):
            with pytest.raises(InputError, match=sentence):
                FORMATS["davis"].write(sequence(frames, ("object",)), tmp_path / "out")
            assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_is_there_is_left_alone(self, tmp_path):
        write_png(tmp_path / "0.png", GREY)
        with pytest.raises(UsageError, match="which exists"):
            FORMATS["davis"].write(sequence([frame(0, [], SIZE, [])]), tmp_path)
        assert [each.name for each in tmp_path.iterdir()] == ["0.png"]
