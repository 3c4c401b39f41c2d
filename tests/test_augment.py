from dataclasses import replace

import numpy as np
import pytest
from shapes import draw_shapes, write_shapes

from yolact_temporal.data.augment import (
    AffineJitter,
    jitter_affine,
    jitter_colors,
    mask_box,
    resize_sample,
    warp_sample,
)
from yolact_temporal.data.coco import CocoDataset, Sample
from yolact_temporal.data.copy_paste import CopyPaste, InstanceBank, paste_instances
from yolact_temporal.data.rle import encode_masks, mask_boxes
from yolact_temporal.data.ssd_augment import augment_ssd, crop, distort_colors, expand, mirror


def shapes_sample(seed=0, size=128, count=3):
    image, masks, classes = draw_shapes(np.random.default_rng(seed), size, count)
    return Sample(
        image=image,
        boxes=mask_boxes(encode_masks(masks)),
        class_ids=np.array(classes, np.int64),
        masks=masks.astype(np.uint8),
        crowd=np.zeros(count, bool),
        known=np.ones(3, bool),
    )


def assert_consistent(sample, tolerance=1.5):
    """Boxes hug masks, and pixels under a mask have the colour of its class."""
    for box, mask, class_id in zip(sample.boxes, sample.masks, sample.class_ids, strict=True):
        assert mask.shape == sample.image.shape[:2]
        tight = mask_box(np.ascontiguousarray(mask))
        assert np.abs(tight - box).max() <= tolerance
        if mask.sum() > 50:
            assert sample.image[mask > 0].astype(float).mean(axis=0).argmax() == class_id


@pytest.mark.parametrize("size", [64, 100, 128, 300])
def test_resizing_scales_boxes_and_masks_with_the_image(size):
    sample = shapes_sample()
    resized = resize_sample(sample, size)
    assert resized.image.shape == (size, size, 3)
    assert resized.boxes == pytest.approx(sample.boxes * size / 128, abs=1e-3)
    assert_consistent(resized)
    areas = resized.masks.sum(axis=(1, 2)) / sample.masks.sum(axis=(1, 2))
    assert areas == pytest.approx((size / 128) ** 2, rel=0.06)


def test_warping_maps_pixel_edges_to_pixel_edges():
    image = np.zeros((8, 8, 3), np.uint8)
    image[2:4, 4:6] = 255
    mask = (image[..., 0] > 0).astype(np.uint8)
    sample = Sample(
        image,
        np.array([[4, 2, 6, 4]], np.float32),
        np.array([0]),
        mask[None],
        np.zeros(1, bool),
        np.ones(1, bool),
    )
    mirrored = warp_sample(sample, np.array([[-2.0, 0, 16], [0, 2.0, 0]]), 16)
    assert mirrored.boxes.tolist() == [[4, 4, 8, 8]]
    assert mask_box(mirrored.masks[0]).tolist() == [4, 4, 8, 8]
    assert mirrored.image[5, 5, 0] == 255
    assert mirrored.image[5, 9, 0] == 0


def test_an_instance_mostly_out_of_view_becomes_a_region_to_ignore_and_one_wholly_out_goes():
    mask = np.zeros((3, 100, 100), np.uint8)
    mask[0, 10:30, 10:30] = mask[1, 40:60, 40:60] = mask[2, 70:90, 70:90] = 1
    sample = Sample(
        np.zeros((100, 100, 3), np.uint8),
        mask_boxes(encode_masks(mask.astype(bool))),
        np.arange(3),
        mask,
        np.zeros(3, bool),
        np.ones(3, bool),
    )
    moved = warp_sample(sample, np.array([[1.0, 0, -26], [0, 1.0, 0]]), 100, visible=0.25)
    assert moved.crowd.tolist() == [True, False, False]
    assert moved.boxes[0].tolist() == [0, 10, 4, 30]
    gone = warp_sample(sample, np.array([[1.0, 0, -35], [0, 1.0, 0]]), 100, visible=0.25)
    assert gone.class_ids.tolist() == [1, 2]


@pytest.mark.parametrize("seed", range(6))
def test_affine_jitter_keeps_masks_boxes_and_pixels_together(seed):
    rng = np.random.default_rng(seed)
    sample = jitter_affine(shapes_sample(seed), 96, AffineJitter(), rng)
    assert sample.image.shape == (96, 96, 3)
    assert_consistent(sample)


def test_affine_jitter_depends_on_the_generator_alone():
    first, again, other = (
        jitter_affine(shapes_sample(), 96, AffineJitter(), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.boxes, again.boxes)
    assert not np.array_equal(first.image, other.image)


def test_color_jitter_of_nothing_changes_nothing_and_grey_keeps_its_hue():
    image = shapes_sample().image
    still = AffineJitter(brightness=0, contrast=0, saturation=0, hue=0)
    same = jitter_colors(image, still, np.random.default_rng(0))
    assert np.abs(same.astype(int) - image).max() <= 1
    grey = np.full((4, 4, 3), 100, np.uint8)
    strong = replace(AffineJitter(), hue=40, saturation=0.5)
    changed = np.array(
        [jitter_colors(grey, strong, np.random.default_rng(seed)) for seed in range(9)]
    ).astype(int)
    assert np.ptp(changed, axis=3).max() <= 2
    assert changed.std() > 3


@pytest.mark.parametrize("seed", range(8))
def test_ssd_augmentation_keeps_masks_boxes_and_pixels_together(seed):
    sample = augment_ssd(shapes_sample(seed), 160, np.random.default_rng(seed))
    assert sample.image.shape == (160, 160, 3)
    assert len(sample.boxes) >= 1
    for box, mask in zip(sample.boxes, sample.masks, strict=True):
        # A crop cuts boxes, not shapes: a mask may be smaller than its box, never beyond it.
        x1, y1, x2, y2 = mask_box(np.ascontiguousarray(mask))
        assert x1 >= box[0] - 2
        assert y1 >= box[1] - 2
        assert x2 <= box[2] + 2
        assert y2 <= box[3] + 2


def test_expanding_places_the_image_in_a_larger_one_half_of_the_time():
    sample = shapes_sample()
    grown = [expand(sample, np.random.default_rng(seed)) for seed in range(200)]
    sides = np.array([g.image.shape[0] for g in grown])
    assert 70 < (sides == 128).sum() < 130
    assert sides.max() <= 4 * 128
    for g in grown[:20]:
        assert_consistent(g, tolerance=0)


def test_cropping_keeps_at_least_one_object_that_is_no_crowd():
    sample = replace(shapes_sample(), crowd=np.array([False, True, True]))
    sizes = set()
    for seed in range(40):
        cropped = crop(sample, np.random.default_rng(seed))
        height, width = cropped.image.shape[:2]
        sizes.add((height, width))
        assert (~cropped.crowd).any()
        assert (cropped.boxes >= 0).all()
        assert (cropped.boxes[:, 2] <= width).all()
        assert cropped.masks.shape[1:] == (height, width)
        assert min(height, width) >= int(0.3 * 128) - 1
        assert 0.45 < height / width < 2.2
    assert len(sizes) > 20


def test_mirroring_flips_boxes_with_masks():
    sample = shapes_sample()
    results = [mirror(sample, np.random.default_rng(seed)) for seed in range(8)]
    flipped = [r for r in results if not np.array_equal(r.image, sample.image)]
    assert 0 < len(flipped) < 8
    assert_consistent(flipped[0], tolerance=0)


def test_distorting_colors_changes_colors_within_bounds():
    image = np.full((4, 4, 3), (90, 120, 150), np.uint8)
    means = np.array([distort_colors(image, np.random.default_rng(s)).mean() for s in range(100)])
    assert means.std() > 10
    assert means.min() >= (120 - 32) * 0.5 - 12
    assert means.max() <= (120 + 32) * 1.5 + 12


@pytest.fixture
def bank(tmp_path):
    dataset = CocoDataset(write_shapes(tmp_path, 6), tmp_path)
    return InstanceBank(dataset, CopyPaste(probability=1, most=3, smallest_source=10))


def test_pasted_instances_are_added_and_cover_what_is_beneath(bank):
    sample = shapes_sample()
    for seed in range(10):
        pasted = paste_instances(sample, bank, np.random.default_rng(seed))
        assert len(pasted.boxes) > 0
        # No pixel belongs to two instances; what is left of each is boxed tightly.
        assert pasted.masks.sum(axis=0).max() == 1
        assert_consistent(pasted, tolerance=1)
        assert pasted.known is sample.known
    assert sample.masks.sum() == shapes_sample().masks.sum()


def test_pasting_into_an_image_does_not_make_other_classes_known(bank):
    sample = replace(shapes_sample(), known=np.array([True, False, False]))
    assert paste_instances(sample, bank, np.random.default_rng(0)).known.tolist() == [True, False, False]


def test_an_instance_almost_wholly_covered_becomes_a_region_to_ignore(bank):
    sample = shapes_sample(count=1)
    config = replace(bank.config, hidden=0.0)
    covered = InstanceBank(bank.dataset, config)
    crowds = [paste_instances(sample, covered, np.random.default_rng(s)).crowd[0] for s in range(30)]
    assert any(crowds)
    assert not all(crowds)


def test_classes_are_drawn_by_weight_whatever_their_number(bank):
    config = replace(bank.config, class_weights={"person": 0.0, "vehicle": 3.0, "animal": 1.0})
    weighted = InstanceBank(bank.dataset, config)
    drawn = np.array([weighted.draw(np.random.default_rng(s))[2] for s in range(300)])
    assert (drawn == 0).sum() == 0
    assert 2 < (drawn == 1).sum() / (drawn == 2).sum() < 5


def test_crowds_cut_and_small_instances_are_never_pasted(bank):
    dataset = bank.dataset
    everything = sum(len(record.boxes) for record in dataset.records)
    assert len(bank) == everything
    dataset.records[0].crowd[0] = True
    dataset.records[1].boxes[0, 0] = 0
    assert len(InstanceBank(dataset, bank.config)) == everything - 2
    assert len(InstanceBank(dataset, replace(bank.config, smallest_source=10**6))) == 0


def test_pasting_from_an_empty_bank_changes_nothing(bank):
    empty = InstanceBank(bank.dataset, replace(bank.config, smallest_source=10**6))
    sample = shapes_sample()
    assert paste_instances(sample, empty, np.random.default_rng(0)) is sample
