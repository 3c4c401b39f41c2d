"""Run-length encodings: a part of a mask decoded by itself is that part of the whole."""

import numpy as np
import pytest

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.rle import decode_masks, decode_part, encode_masks, encode_part

SIZE = (17, 23)
PARTS = [
    (0, 0, 23, 17),
    (3, 2, 9, 11),
    (0, 0, 1, 1),
    (22, 16, 23, 17),
    (5, 0, 20, 17),
    (4, 4, 4, 9),
    (23, 17, 23, 17),
]


def bitmap(share, seed=0):
    return np.random.default_rng(seed).random(SIZE) < share


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.95, 1.0])
def test_a_part_is_that_of_the_whole(share, part):
    x1, y1, x2, y2 = part
    (mask,) = encode_masks(bitmap(share)[None])
    found = decode_part(mask, *part)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    assert np.array_equal(found, decode_masks([mask], SIZE)[0, y1:y2, x1:x2])


def test_a_large_mask_too():
    whole = np.zeros((480, 854), bool)
    whole[3:470, 200:700] = np.random.default_rng(0).random((467, 500)) < 0.7
    (mask,) = encode_masks(whole[None])
    assert np.array_equal(decode_part(mask, 150, 0, 750, 480), whole[:, 150:750])


@pytest.mark.parametrize("part", [(-1, 0, 3, 3), (0, 0, 24, 3), (5, 0, 3, 3), (0, 4, 3, 18)])
def test_a_part_that_is_not_of_the_frame_is_refused(part):
    (mask,) = encode_masks(bitmap(0.5)[None])
    with pytest.raises(ValueError, match="expected a part of a frame of 23x17"):
        decode_part(mask, *part)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_a_crop_of_an_encoding_is_that_of_its_bitmap(share):
    whole = bitmap(share, seed=3)
    (mask,) = encode_masks(whole[None])
    crop, expected = MaskCrop.from_rle(mask, SIZE), MaskCrop.from_bitmap(whole)
    assert (crop.x, crop.y, crop.size, crop.area) == (expected.x, expected.y, expected.size, expected.area)
    assert np.array_equal(crop.pixels, expected.pixels)


@pytest.mark.parametrize("window", PARTS)
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_an_encoded_crop_is_the_encoding_of_the_whole(share, window):
    x1, y1, x2, y2 = window
    whole = np.zeros(SIZE, bool)
    whole[y1:y2, x1:x2] = bitmap(share)[y1:y2, x1:x2]
    assert MaskCrop.from_bitmap(whole).rle() == encode_masks(whole[None])[0]


@pytest.mark.parametrize(("x", "y"), [(-1, 0), (0, -1), (21, 0), (0, 16)])
def test_a_part_outside_its_frame_is_not_encoded(x, y):
    with pytest.raises(ValueError, match="expected a part of a frame of 23x17"):
        encode_part(np.ones((2, 3), np.uint8), x, y, SIZE)


class TestFormsOfAMask:
    """A frame's instances make each form of a mask at most once, and only when it is asked for."""

    @pytest.fixture
    def made(self, monkeypatch):
        made = {"encoded": 0, "decoded": 0}
        encode, decode = MaskCrop.rle, MaskCrop.from_rle

        def encoding(self):
            made["encoded"] += 1
            return encode(self)

        def decoding(mask, size):
            made["decoded"] += 1
            return decode(mask, size)

        monkeypatch.setattr(MaskCrop, "rle", encoding)
        monkeypatch.setattr(MaskCrop, "from_rle", decoding)
        return made

    def test_of_a_network(self, made):
        bitmaps = np.stack([bitmap(0.5, seed) for seed in range(3)])
        seen = Instances.from_bitmaps(np.zeros((3, 4)), [0.9, 0.8, 0.7], [0, 0, 0], bitmaps)
        assert len(seen.select([0, 2]).crops) == 2
        assert made == {"encoded": 0, "decoded": 0}
        assert seen.masks == tuple(encode_masks(bitmaps))
        assert seen.select([1]).masks == tuple(encode_masks(bitmaps[1:2]))
        assert made == {"encoded": 3, "decoded": 0}

    def test_of_a_record(self, made):
        masks = encode_masks(np.stack([bitmap(0.5, seed) for seed in range(3)]))
        seen = Instances(np.zeros((3, 4)), [0.9, 0.8, 0.7], [0, 0, 0], masks, SIZE)
        counted = seen.select(seen.scores > 0.75)
        assert len(counted.crops) == 2
        assert made == {"encoded": 0, "decoded": 2}
        assert len(seen.crops) == 3
        assert made == {"encoded": 0, "decoded": 3}
        assert seen.masks == tuple(masks)
        assert made["encoded"] == 0
