"""COCO results and annotations: what is read, and one sentence for each kind of bad input."""

import json

import numpy as np
import pytest
from format_files import changed, coco_annotations, coco_row, refuse_file
from mask_clips import rle
from pycocotools import mask as coco_mask

from yolact_temporal.data.formats import ReadOptions, contract, open_masks
from yolact_temporal.data.rle import MAX_PIXELS

BAD_FILES = {
    "coco: not json": ("a.json", "coco", '[{"image_id": 0,', "not JSON"),
    "coco: deep": ("a.json", "coco", "[" * 100_000, "nested too deeply"),
    "coco: not UTF-8": ("a.json", "coco", b'[{"image_id": "\xff"}]', "UTF-8"),
    "coco: half of annotations": (
        "a.json",
        "coco",
        {"images": [], "annotations": []},
        "found no categories",
    ),
    "coco: empty": ("a.json", "coco", [], "pass the clip too"),
    "coco: negative image": ("a.json", "coco", [coco_row(image_id=-1)], "whole image_id from 0"),
    "coco: huge image": ("a.json", "coco", [coco_row(image_id=contract.MAX_FRAMES)], "--first-frame"),
    "coco: image is text": ("a.json", "coco", [coco_row(image_id="a")], "whole image_id"),
    "coco: image is true": ("a.json", "coco", [coco_row(image_id=True)], "whole image_id"),
    "coco: many digits": ("a.json", "coco", '[{"image_id": ' + "9" * 5000 + "}]", "not JSON"),
    "coco: score NaN": ("a.json", "coco", [coco_row(score=float("nan"))], "number from 0 to 1 as score"),
    "coco: score 2": ("a.json", "coco", [coco_row(score=2)], "number from 0 to 1 as score"),
    "coco: no score": (
        "a.json",
        "coco",
        '[{"image_id": 0, "segmentation": 3, "category_id": 1}]',
        "run-length",
    ),
    "coco: category -1": ("a.json", "coco", [coco_row(category_id=-1)], "whole category_id from 0"),
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


def bitmap(*runs):
    return np.repeat(np.arange(len(runs)) % 2 > 0, runs).reshape(6, 4).T


RUNS, SQUARE, CROWD = bitmap(3, 5, 16), bitmap(5, 2, 2, 2, 2, 2, 9), bitmap(20, 4)


class TestAnnotations:
    """The object that a ground truth comes as: images are frames, crowds are void."""

    def opened(self, tmp_path, content, **options):
        (tmp_path / "a.json").write_text(json.dumps(content))
        return open_masks(tmp_path / "a.json", options=ReadOptions(**options))

    def test_images_are_frames_and_a_crowd_is_void(self, tmp_path):
        found = self.opened(tmp_path, coco_annotations())
        assert (found.format, found.size, found.identified, found.sparse) == ("coco", (4, 6), True, False)
        assert (found.indices, found.class_names) == ((0, 5, 10), ("cat", "class 2", "dog"))
        frames = list(found)
        assert [each.identities for each in frames] == [(4,), (4,), ()]
        assert [each.void for each in frames] == [None, rle(CROWD), None]
        assert [each.instances.masks for each in frames] == [(rle(RUNS),), (rle(SQUARE),), ()]
        assert frames[0].instances.class_ids.tolist() == [2]
        assert frames[0].instances.scores.tolist() == [1]

    def test_polygons_are_what_pycocotools_makes_of_them(self, tmp_path):
        rng = np.random.default_rng(0)
        for _ in range(20):
            polygons = [(rng.random(2 * int(rng.integers(3, 9))) * 9 - 1).tolist() for _ in range(2)]
            content = changed(coco_annotations(), "annotations", 0, segmentation=polygons)
            first = next(iter(self.opened(tmp_path, content)))
            expected = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, 4, 6)))
            assert (first.instances.bitmaps()[0] == expected).all()

    @pytest.mark.parametrize(
        ("names", "first_frame", "indices"),
        [
            (("1.jpg", "2.jpg", "4.jpg"), None, (0, 1, 3)),
            (("1.jpg", "2.jpg", "4.jpg"), 0, (1, 2, 4)),
            (("b.jpg", "a.jpg", "c.jpg"), None, (0, 1, 2)),
            ((None, None, None), None, (0, 1, 2)),
            (("3.jpg", "1.jpg", "2.jpg"), None, (2, 0, 1)),
        ],
    )
    def test_names_say_which_frame(self, tmp_path, names, first_frame, indices):
        content = coco_annotations()
        for number, name in enumerate(names):
            content = changed(content, "images", number, file_name=name)
        found = self.opened(tmp_path, content, first_frame=first_frame)
        assert found.indices == tuple(sorted(indices))
        assert [each.index for each in found if len(each.instances)] == sorted(indices[:2])

    def test_identity_may_be_an_instance_id_or_nobodys(self, tmp_path):
        content = coco_annotations()
        for number in (0, 1):
            content = changed(content, "annotations", number, track_id=None, instance_id=6)
        assert next(iter(self.opened(tmp_path, content))).identities == (6,)
        for number in (0, 1):
            content = changed(content, "annotations", number, instance_id=None)
        assert not self.opened(tmp_path, content).identified

    def test_categories_may_count_from_0(self, tmp_path):
        content = coco_annotations(categories=[{"id": 0, "name": "cat"}, {"id": 3, "name": "dog"}])
        found = self.opened(tmp_path, content)
        assert found.class_names == ("cat", "class 2", "class 3", "dog")
        assert next(iter(found)).instances.class_ids.tolist() == [3]

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (coco_annotations(images=3), "images of COCO annotations"),
            (coco_annotations(annotations={}), "a list of objects, got an object"),
            (coco_annotations(categories=[3]), "a list of something else"),
            (changed(coco_annotations(), "images", 1, id=7), "7 twice"),
            (changed(coco_annotations(), "images", 1, height=5), "masks of 6x4 pixels"),
            (changed(coco_annotations(), "images", 1, height=None), "a field height"),
            (changed(coco_annotations(), "images", 1, file_name="walk/00000.png"), "one image a frame"),
            (changed(coco_annotations(), "images", 1, file_name="run/00005.jpg"), "the folders run and walk"),
            (changed(coco_annotations(), "images", 1, file_name="walk/9999999.jpg"), "--first-frame"),
            (changed(coco_annotations(), "annotations", 1, image_id=70), "the file's images"),
            (changed(coco_annotations(), "annotations", 1, category_id=2), "the file's categories"),
            (
                changed(coco_annotations(), "annotations", 1, iscrowd=2),
                "true or false, or 1 or 0, as iscrowd",
            ),
            (changed(coco_annotations(), "annotations", 1, segmentation=[[1, 1, 4, 1]]), "three points"),
            (changed(coco_annotations(), "annotations", 1, segmentation=[[1, 1, 4, 1, 1e9, 3]]), "within -6"),
            (
                changed(coco_annotations(), "annotations", 1, segmentation=[[1, 1, 4, 1, None, 3]]),
                "within -6",
            ),
            (
                changed(coco_annotations(), "annotations", 1, segmentation="a"),
                "run-length encoding or polygons",
            ),
            (
                changed(coco_annotations(), "annotations", 1, segmentation={"size": [6, 4], "counts": [24]}),
                "a mask of 6x4 pixels",
            ),
            (changed(coco_annotations(), "annotations", 1, track_id=None), "or for none"),
            (changed(coco_annotations(), "annotations", 1, image_id=7), "once a frame, got 4"),
            (changed(coco_annotations(), "categories", 1, id=1), "1 twice"),
            (changed(coco_annotations(), "categories", 1, name=None), "a name"),
            ({"images": [], "annotations": [], "categories": []}, "pass the clip too"),
        ],
    )
    def test_bad_ones_are_one_sentence(self, tmp_path, content, sentence):
        refuse_file(tmp_path / "a.json", None, content, sentence)
