import json

import numpy as np
import pytest
from shapes import CLASS_NAMES, write_shapes

from yolact_temporal.data.coco import CocoDataset, encode_segmentation, match_categories, read_annotations
from yolact_temporal.data.rle import decode_masks, mask_areas
from yolact_temporal.errors import InputError, UsageError

SQUARE = np.zeros((10, 12), np.uint8)
SQUARE[2:6, 3:9] = 1


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "segmentation",
    [
        [[3, 2, 9, 2, 9, 6, 3, 6]],
        [[3, 2, 6, 2, 6, 6, 3, 6], [6, 2, 9, 2, 9, 6, 6, 6]],
        {"size": [10, 12], "counts": [32, 4, 6, 4, 6, 4, 6, 4, 6, 4, 6, 4, 34]},
    ],
    ids=["polygon", "two polygons", "runs"],
)
def test_every_kind_of_segmentation_gives_the_same_mask(segmentation):
    rle = encode_segmentation(segmentation, (10, 12))
    assert np.array_equal(decode_masks([rle], (10, 12))[0], SQUARE.astype(bool))
    text = {"size": rle["size"], "counts": rle["counts"].decode()}
    assert encode_segmentation(text, (10, 12)) == rle


def test_a_segmentation_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"expected a segmentation of size \(10, 11\)"):
        encode_segmentation({"size": [10, 12], "counts": [120]}, (10, 11))


@pytest.mark.parametrize("cache", ["none", "encoded", "decoded"])
def test_samples_hold_images_boxes_and_masks_whatever_is_cached(tmp_path, cache):
    dataset = CocoDataset(write_shapes(tmp_path, 3), tmp_path, cache=cache)
    dataset.fill_cache()
    assert dataset.class_names == CLASS_NAMES
    for index in range(3):
        sample = dataset.sample(index)
        assert sample.image.shape == (128, 128, 3)
        assert sample.known.all()
        for box, mask, class_id in zip(sample.boxes, sample.masks, sample.class_ids, strict=True):
            rows, columns = np.nonzero(mask)
            assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            # A shape's own colour is strongest where its mask is: RGB order and class ids are right.
            assert sample.image[mask > 0].mean(axis=0).argmax() == class_id


def test_categories_that_an_image_does_not_label_are_unknown_there(tmp_path):
    path = write_shapes(tmp_path, 2)

    def label(content):
        content["images"][0] |= {"labelled": [2], "source": "street"}
        content["images"][1] |= {"source": "fashion"}

    edit(path, label)
    dataset = CocoDataset(path, tmp_path, unknown={"fashion": ("person",)})
    assert dataset.records[0].known.tolist() == [False, True, False]
    assert dataset.records[1].known.tolist() == [False, True, True]
    assert dataset.records[0].source == "street"


def test_classes_follow_the_models_order_and_others_are_left_out(tmp_path):
    path = write_shapes(tmp_path, 6)
    dataset = CocoDataset(path, tmp_path, ("animal", "person"))
    assert dataset.category_ids == (3, 1)
    every = [a["category_id"] for a in json.loads(path.read_text())["annotations"]]
    found = np.concatenate([record.class_ids for record in dataset.records])
    assert sorted(found) == sorted({3: 0, 1: 1}[c] for c in every if c != 2)


def test_empty_masks_are_dropped_and_crowds_marked(tmp_path):
    path = write_shapes(tmp_path, 1)

    def change(content):
        content["annotations"][0]["iscrowd"] = 1
        content["annotations"][1]["segmentation"] = []

    edit(path, change)
    record = CocoDataset(path, tmp_path).records[0]
    assert record.crowd.tolist() == [True]
    assert record.areas[0] == mask_areas(record.masks)[0] > 0


def test_a_model_of_other_classes_is_refused_naming_both():
    categories = [{"id": 1, "name": "person"}]
    with pytest.raises(UsageError, match=r"no vehicle: the model knows vehicle, the file has person"):
        match_categories(categories, ("vehicle",), "a.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        ("{", "not JSON"),
        ("[]", "found no images, annotations, categories"),
        ('{"images": [], "annotations": []}', "found no categories"),
    ],
)
def test_broken_annotation_files_are_named_in_one_sentence(tmp_path, text, message):
    path = tmp_path / "x.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_annotations(path)


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "size"])
def test_broken_images_are_named_in_one_sentence(tmp_path, damage):
    path = write_shapes(tmp_path, 1)
    image = tmp_path / "images/1.png"
    if damage == "missing":
        image.unlink()
    elif damage == "size":
        edit(
            path,
            lambda content: (
                content["images"][0].update(width=64, height=64) or content["annotations"].clear()
            ),
        )
    else:
        image.write_bytes(b"" if damage == "empty" else b"no image")
    with pytest.raises(InputError, match=r"1\.png"):
        CocoDataset(path, tmp_path).image(0)


def test_an_annotation_without_a_segmentation_is_an_input_error(tmp_path):
    path = write_shapes(tmp_path, 1)
    edit(path, lambda content: content["annotations"][0].pop("segmentation"))
    with pytest.raises(InputError, match="an entry cannot be read"):
        CocoDataset(path, tmp_path)
