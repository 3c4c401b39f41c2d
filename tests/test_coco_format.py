"""COCO results and annotations: what is read, and one sentence for each kind of bad input."""

import json

import numpy as np
import pytest
from format_files import coco_row, refuse_file
from mask_clips import rle

from yolact_temporal.data.formats import contract, open_masks
from yolact_temporal.data.rle import MAX_PIXELS

BAD_FILES = {
    "coco: not json": ("a.json", "coco", '[{"image_id": 0,', "no JSON"),
    "coco: deep": ("a.json", "coco", "[" * 100_000, "nested too deeply"),
    "coco: not UTF-8": ("a.json", "coco", b'[{"image_id": "\xff"}]', "UTF-8"),
    "coco: half of annotations": (
        "a.json",
        "coco",
        {"images": [], "annotations": []},
        "got no categories",
    ),
    "coco: empty": ("a.json", "coco", [], "pass the clip too"),
    "coco: negative image": ("a.json", "coco", [coco_row(image_id=-1)], "whole image_id from 0"),
    "coco: huge image": ("a.json", "coco", [coco_row(image_id=contract.MAX_FRAMES)], "--first-frame"),
    "coco: image is text": ("a.json", "coco", [coco_row(image_id="a")], "whole image_id"),
    "coco: image is true": ("a.json", "coco", [coco_row(image_id=True)], "whole image_id"),
    "coco: many digits": ("a.json", "coco", '[{"image_id": ' + "9" * 5000 + "}]", "no JSON"),
    "coco: score NaN": ("a.json", "coco", [coco_row(score=float("nan"))], "number from 0 to 1 as score"),
    "coco: score 2": ("a.json", "coco", [coco_row(score=2)], "number from 0 to 1 as score"),
    "coco: no score": (
        "a.json",
        "coco",
        '[{"image_id": 0, "segmentation": 3, "category_id": 1}]',
        "run-length",
    ),
    "coco: category 0": ("a.json", "coco", [coco_row(category_id=0)], "category_id from 1"),
    "coco: two names": (
        "a.json",
        "coco",
        [coco_row(category="cat"), coco_row(category="dog")],
        "to be called cat as before at entry 1",
    ),
    "coco: line break in a name": ("a.json", "coco", [coco_row(category="a\nb")], "printable"),
    "coco: surrogate": ("a.json", "coco", [coco_row(category="\ud800")], "printable"),
    "coco: infinite box": ("a.json", "coco", [coco_row(bbox=[0, 0, float("inf"), 1])], "bbox"),
    "coco: box too far": ("a.json", "coco", [coco_row(bbox=[3e38, 0, 3e38, 1])], "finite bbox"),
    "coco: box of three": ("a.json", "coco", [coco_row(bbox=[0, 0, 1])], "4 numbers as bbox"),
    "coco: polygon": ("a.json", "coco", [coco_row(segmentation=[[0, 0, 1, 1]])], "run-length encoding"),
    "coco: runs too short": (
        "a.json",
        "coco",
        [coco_row(segmentation={"size": [4, 6], "counts": [3, 5]})],
        "do not make up a frame of 6x4",
    ),
    "coco: runs too long": (
        "a.json",
        "coco",
        [coco_row(segmentation={"size": [4, 6], "counts": "`" * 30})],
        "cut short",
    ),
    "coco: huge frame": (
        "a.json",
        "coco",
        [coco_row(segmentation={"size": [10**6, 10**6], "counts": [10**12]})],
        f"outside 1 to {MAX_PIXELS}",
    ),
    "coco: two sizes": (
        "a.json",
        "coco",
        [coco_row(), coco_row(segmentation={"size": [6, 4], "counts": [24]})],
        "masks of 6x4 pixels",
    ),
    "coco: the same object twice": (
        "a.json",
        "coco",
        [coco_row(track_id=3), coco_row(track_id=3)],
        "once a frame, got 3 more than once",
    ),
    "coco: half identified": ("a.json", "coco", [coco_row(track_id=3), coco_row()], "or for none"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_one_sentence(tmp_path, case):
    name, format_name, content, sentence = BAD_FILES[case]
    refuse_file(tmp_path / name, format_name, content, sentence)


def test_uncompressed_runs_and_runs_of_nothing_are_read_as_the_same_mask(tmp_path):
    path = tmp_path / "a.json"
    rows = [
        coco_row(segmentation={"size": [4, 6], "counts": counts})
        for counts in ([3, 5, 16], [3, 2, 0, 3, 16], [1, 0, 2, 5, 10, 0, 6, 0])
    ]
    path.write_text(json.dumps([*rows, coco_row()]))
    (only,) = open_masks(path)
    assert len({mask["counts"] for mask in only.instances.masks}) == 1
    bitmap = np.zeros(24, np.bool_)
    bitmap[3:8] = True
    assert only.instances.masks[0] == rle(bitmap.reshape(6, 4).T)
