"""FCIS: against a plain reference of its head, and what makes the published network and the compact one."""

import math

import cv2
import fcis_reference as reference
import numpy as np
import pytest
import torch
from part_models import random_fcis

from yolact_temporal.data.instances import Instances
from yolact_temporal.data.photograph import PHOTOGRAPHS
from yolact_temporal.errors import UsageError, WeightsError
from yolact_temporal.yolact.config import PRESETS
from yolact_temporal.yolact.families import build_model, find_variant, segmenter_of
from yolact_temporal.yolact.families.fcis import FCIS, build_fcis
from yolact_temporal.yolact.families.fcis.config import BINS, GROUPS
from yolact_temporal.yolact.families.fcis.network import (
    box_offsets,
    class_logits,
    mask_logits,
    moved_boxes,
    prepare,
    wanted_offsets,
)
from yolact_temporal.yolact.families.fcis.pooling import PositionMaps
from yolact_temporal.yolact.families.fcis.regions import Regions, masks_again, read_regions
from yolact_temporal.yolact.families.fcis.voting import (
    kept_regions,
    pixel_places,
    vote_by_matrices,
    voted_masks,
)
from yolact_temporal.yolact.weights import find_weights
from yolact_temporal.yolact.weights.checkpoint import expected_shapes
from yolact_temporal.yolact.weights.registry import REGISTRY

CLASSES, GRID = 3, (9, 12)
INPUT = (GRID[0] * 16, GRID[1] * 16)
BOXES = {
    "inside": (16.0, 16.0, 112.0, 128.0),
    "off the grid": (21.3, 9.7, 87.2, 60.1),
    "smaller than a bin a cell": (40.0, 33.0, 61.0, 47.0),
    "two pixels": (50.0, 50.0, 52.0, 52.0),
    "one pixel": (47.0, 31.0, 48.0, 32.0),
    "a line": (10.0, 40.0, 180.0, 42.0),
    "all": (0.0, 0.0, 192.0, 144.0),
    "beyond the edge": (120.0, 90.0, 260.0, 220.0),
    "halves of pixels": (16.5, 31.5, 79.5, 96.5),
    "outside": (400.0, 400.0, 430.0, 440.0),
}


@pytest.fixture(scope="module")
def maps():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, (2 * (CLASSES + 1) + 8) * GROUPS**2, *GRID, generator=generator) * 2


@pytest.fixture(scope="module")
def network():
    with torch.device("meta"):
        return build_fcis("fcis_resnet101")


@pytest.fixture(scope="module")
def segmenter():
    return random_fcis(most=100)


def boxes_of(names=tuple(BOXES)):
    return torch.tensor([BOXES[name] for name in names])


class TestPooling:
    @pytest.mark.parametrize("name", BOXES)
    def test_every_bin_is_the_mean_of_the_cells_it_touches_of_its_own_part(self, maps, name):
        box = boxes_of([name])
        expected = reference.pooled(maps[1].double().numpy(), BOXES[name])
        with torch.no_grad():
            found = PositionMaps(maps).pool([box[:0], box])
        by_matrices = PositionMaps(maps.clone().requires_grad_()).pool([box[:0], box])
        for values in (found, by_matrices.detach()):
            assert values.shape == (1, BINS**2, 2 * (CLASSES + 1) + 8)
            np.testing.assert_allclose(values[0].T.reshape(-1, BINS, BINS), expected, atol=1e-5)
        assert np.abs(expected).max() > 0 or name == "outside"

    def test_a_region_is_pooled_from_its_own_image(self, maps):
        boxes = boxes_of()
        together = PositionMaps(maps).pool([boxes[:4], boxes[4:]])
        alone = [
            PositionMaps(maps[index : index + 1]).pool([own])
            for index, own in enumerate((boxes[:4], boxes[4:]))
        ]
        torch.testing.assert_close(together, torch.cat(alone))

    def test_one_pair_alone_is_that_pair(self, maps):
        boxes, pairs = boxes_of(), torch.arange(len(BOXES)) % 8
        whole = PositionMaps(maps[:1]).pool([boxes])
        own = PositionMaps(maps[:1]).pool([boxes], pairs)
        for index, pair in enumerate(pairs.tolist()):
            torch.testing.assert_close(own[index], whole[index, :, 2 * pair : 2 * pair + 2])

    def test_gradients_are_those_of_the_means(self, maps):
        small = maps[:1, : 2 * GROUPS**2].double().clone().requires_grad_()
        boxes = boxes_of(["inside", "beyond the edge", "off the grid"])
        PositionMaps(small).pool([boxes]).sum().backward()
        expected = np.zeros(small.shape[1:])
        for box in boxes.tolist():
            down, across = (
                reference.bin_cells(box[1], box[3], GRID[0]),
                reference.bin_cells(box[0], box[2], GRID[1]),
            )
            for output in range(2):
                for row, (top, bottom) in enumerate(down):
                    for column, (left, right) in enumerate(across):
                        cells = max((bottom - top) * (right - left), 1)
                        part = (output * 7 + row // 3) * 7 + column // 3
                        expected[part, top:bottom, left:right] += 1 / cells
        np.testing.assert_allclose(small.grad[0].numpy(), expected, atol=1e-5)

    def test_means_are_exact_in_mixed_precision_too(self, maps):
        boxes = [boxes_of(["inside"]), boxes_of(["off the grid"])]
        expected = PositionMaps(maps).pool(boxes)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = PositionMaps(maps.clone().requires_grad_()).pool(boxes)
        torch.testing.assert_close(found.detach(), expected, atol=1e-5, rtol=0)

    def test_no_region_at_all_is_ordinary(self, maps):
        nothing = torch.zeros(0, 4)
        assert PositionMaps(maps).pool([nothing, nothing]).shape == (0, BINS**2, 16)
        assert PositionMaps(maps.clone().requires_grad_()).pool([nothing, nothing]).shape == (0, BINS**2, 16)


class TestReading:
    @pytest.mark.parametrize("name", BOXES)
    def test_class_box_and_mask_are_the_references(self, maps, name):
        box = boxes_of([name])
        pooled = PositionMaps(maps[:1]).pool([box])
        probabilities, offsets, masks = reference.read(maps[0].double().numpy(), BOXES[name], CLASSES)
        np.testing.assert_allclose(class_logits(pooled).softmax(dim=1)[0], probabilities, atol=1e-5)
        np.testing.assert_allclose(box_offsets(pooled)[0], offsets, atol=1e-5)
        for label, mask in enumerate(masks):
            found = mask_logits(pooled, torch.tensor([label])).sigmoid().view(BINS, BINS)
            np.testing.assert_allclose(found, mask, atol=1e-5)
        size = INPUT
        moved = moved_boxes(box, box_offsets(pooled), torch.tensor(reference.DEVIATIONS), size)
        np.testing.assert_allclose(moved[0], reference.moved(np.array(BOXES[name]), offsets, size), atol=1e-3)

    def test_regions_are_read_twice_and_take_the_mask_of_their_likeliest_class(self, maps):
        network = build_fcis("fcis_compact", 64)
        boxes = boxes_of(["inside", "off the grid", "all"])
        found = read_regions(network, PositionMaps(maps[:1]), boxes, INPUT)
        assert len(found.boxes) == 6
        torch.testing.assert_close(found.boxes[:3], boxes)
        values = maps[0].double().numpy()
        for index in range(6):
            box = found.boxes[index].double().numpy()
            probabilities, offsets, masks = reference.read(values, box, CLASSES)
            label = int(probabilities[1:].argmax())
            assert int(found.classes[index]) == label
            np.testing.assert_allclose(found.scores[index], probabilities, atol=1e-5)
            np.testing.assert_allclose(found.masks[index], masks[label + 1], atol=1e-5)
            if index < 3:
                refined = reference.moved(box, offsets, INPUT)
                np.testing.assert_allclose(found.boxes[index + 3], refined, atol=1e-3)
        own = PositionMaps(maps[:1, : 8 * GROUPS**2])
        torch.testing.assert_close(masks_again(own, found.boxes, found.classes), found.masks)

    def test_the_offsets_onto_an_object_move_a_box_onto_it(self):
        boxes = torch.tensor([[10.0, 20, 60, 80], [30, 30, 40, 90]])
        objects = torch.tensor([[12.0, 5, 90, 70], [1, 2, 33, 44]])
        deviations = torch.tensor(reference.DEVIATIONS)
        moved = moved_boxes(boxes, wanted_offsets(boxes, objects, deviations), deviations, (100, 100))
        torch.testing.assert_close(moved, objects, atol=1e-3, rtol=0)


def drawn_regions(seed, count=40, classes=3, size=(80, 120)):
    """Regions in clusters, so that they suppress and vote for each other."""
    rng = np.random.default_rng(seed)
    anchors = rng.uniform([0, 0, 20, 20], [80, 50, 50, 50], (5, 4))
    corners = np.repeat(anchors, count // 5, axis=0)
    low = corners[:, :2] + rng.normal(0, 4, (count, 2))
    high = low + corners[:, 2:] + rng.normal(0, 4, (count, 2))
    boxes = np.clip(np.concatenate((low, high), axis=1), 0, [size[1], size[0]] * 2)
    scores = rng.dirichlet(np.full(classes + 1, 0.4), count)
    rows = np.linspace(-1, 1, BINS)
    soft = 1 / (1 + np.exp(6 * (rows[:, None] ** 2 + rows**2 - rng.uniform(0.4, 1.2, (count, 1, 1)))))
    parts = [torch.from_numpy(part.astype(np.float32)) for part in (boxes, scores, soft)]
    return Regions(parts[0], parts[1], parts[1][:, 1:].argmax(dim=1), parts[2])


class TestVoting:
    SIZE = (80, 120)

    @pytest.mark.parametrize(
        ("seed", "threshold", "most"), [(0, 0.0, 100), (1, 0.2, 100), (2, 0.0, 7), (3, 0.9999, 100)]
    )
    def test_what_is_kept_and_what_is_voted_are_the_references(self, seed, threshold, most):
        regions = drawn_regions(seed)
        boxes, scores = regions.boxes.double().numpy(), regions.scores[:, 1:].double().numpy()
        expected = reference.kept(boxes, scores, max(threshold, 1e-3), most)
        kept = kept_regions(regions, threshold, most)
        found = list(zip(kept.scores.tolist(), kept.regions.tolist(), kept.classes.tolist(), strict=True))
        assert [row[1:] for row in found] == [(int(index), label) for _, index, label in expected]
        np.testing.assert_allclose(kept.scores, [score for score, *_ in expected], atol=1e-6)
        masks = voted_masks(regions.masks, regions.boxes, kept.weights, self.SIZE)
        assert masks.shape == (len(expected), *self.SIZE)
        for mask, (_, region, label) in zip(masks.numpy(), expected, strict=True):
            own = reference.voted(regions.masks.double().numpy(), boxes, scores, region, label, self.SIZE)
            assert (mask != own).sum() <= 2  # a probability or a share of just 0.4 may round either way

    def test_votes_by_matrices_are_those_of_one_mask_after_the_other(self):
        regions = drawn_regions(5)
        kept = kept_regions(regions, 0.0, 100)
        one_by_one = voted_masks(regions.masks, regions.boxes, kept.weights, self.SIZE)
        places = pixel_places(regions.boxes, self.SIZE)
        together = vote_by_matrices(regions.masks, places, kept.weights, self.SIZE)
        assert one_by_one.any()
        assert (one_by_one != together).float().mean() < 1e-4

    def test_a_region_too_small_to_be_one_is_neither_kept_nor_votes(self):
        regions = drawn_regions(0)
        regions.boxes[:, 2] = torch.where(
            torch.arange(40) < 20, regions.boxes[:, 0] + 1.5, regions.boxes[:, 2]
        )
        kept = kept_regions(regions, 0.0, 100)
        assert (kept.regions >= 20).all()
        assert (kept.weights[:, :20] == 0).all()

    @pytest.mark.parametrize(
        ("box", "pixels"),
        [
            ((10.4, 5.5, 20.6, 9.5), [10, 6, 21, 10]),
            ((-3.0, -4.0, 500.0, 500.0), [0, 0, 120, 80]),
            ((30.1, 30.2, 30.3, 30.4), [30, 30, 31, 31]),
            ((119.9, 79.9, 121.0, 81.0), [119, 79, 120, 80]),
        ],
    )
    def test_a_box_covers_whole_pixels_inside_the_frame_and_at_least_one(self, box, pixels):
        assert pixel_places(torch.tensor([box]), self.SIZE).tolist() == [pixels]


class TestPublished:
    def test_sizes_of_the_maps_and_of_the_layers_in_front(self, network):
        features, maps = network(torch.zeros(1, 3, 600, 800, device="meta"))
        assert features["0"].shape == (1, 1024, 38, 50)
        assert maps.shape == (1, (2 * 81 + 8) * 49, 38, 50)
        assert network.rpn.head.conv.weight.shape == (512, 1024, 3, 3)
        assert network.rpn.head.score.out_channels == 2 * 12
        assert network.reduce.weight.shape == (1024, 2048, 1, 1)
        assert network.score_maps.out_channels == 2 * 81 * 49
        assert network.box_maps.out_channels == 4 * 2 * 49

    def test_strides_stand_in_the_first_1x1_and_the_last_stage_is_dilated(self, network):
        for index, stage in enumerate(network.backbone.layers):
            strided = 2 if index in (1, 2) else 1
            assert stage[0].conv1.stride == stage[0].downsample[0].stride == (strided, strided)
            for block in stage:
                assert block.conv2.stride == (1, 1)
                assert block.conv2.dilation == ((2, 2) if index == 3 else (1, 1))
                assert block.conv2.padding == block.conv2.dilation

    def test_numbers_of_the_proposals(self, network):
        rpn = network.rpn
        assert (rpn.pre_nms_top_n(), rpn.post_nms_top_n(), rpn.nms_thresh, rpn.min_size) == (
            6000,
            300,
            0.7,
            2.0,
        )

    def test_anchors_are_those_of_the_authors(self):
        """Sides as py-faster-rcnn rounds them on a base of 16, times 4, 8, 16 and 32, centred in their cells."""
        sides = np.array(FCIS["fcis_resnet101"].anchors(600)).reshape(3, 4, 2)
        np.testing.assert_array_equal(sides[:, 0] / 4, [[23, 12], [16, 16], [11, 22]])
        np.testing.assert_array_equal(
            sides / sides[:, :1], np.array([1, 2, 4, 8])[None, :, None] * np.ones((3, 4, 2))
        )
        anchors = build_fcis("fcis_compact").rpn.anchor_generator
        images = type("Images", (), {"image_sizes": [(32, 48)]})()
        (found,) = anchors(images, [torch.zeros(1, 1, 2, 3)])
        centers = (found[:, :2] + found[:, 2:]) / 2
        assert len(found) == 6 * len(anchors.sides)
        assert centers[:: len(anchors.sides)].tolist() == [
            [8, 8],
            [24, 8],
            [40, 8],
            [8, 24],
            [24, 24],
            [40, 24],
        ]

    @pytest.mark.parametrize(
        ("frame", "size"),
        [
            ((480, 854), (562, 1000)),
            ((600, 800), (600, 800)),
            ((300, 200), (900, 600)),
            ((90, 60), (900, 600)),
        ],
    )
    def test_frames_keep_their_aspect_and_lose_the_published_mean(self, network, frame, size):
        pixels = torch.zeros(1, 3, *frame, dtype=torch.uint8)
        pixels[:, 0], pixels[:, 1], pixels[:, 2] = 200, 100, 50
        images = prepare(network, pixels)
        assert images.image_sizes == [size]
        expected = torch.tensor([200 - 123.15, 100 - 115.90, 50 - 103.06])
        torch.testing.assert_close(images.tensors[0, :, 5, 5], expected, atol=1e-3, rtol=0)

    def test_it_knows_the_80_classes_and_has_no_weights_of_its_own(self):
        assert len(FCIS["fcis_resnet101"].class_names) == 80
        with pytest.raises(WeightsError, match="weights import FILE --model fcis_resnet101"):
            find_weights("fcis_resnet101")


class TestCompact:
    def test_it_stands_on_yolact_compacts_backbone_input_and_classes(self):
        ours, other = build_model("fcis_compact"), build_model("yolact_compact")
        shapes = [
            {key: value.shape for key, value in each.backbone.state_dict().items()} for each in (ours, other)
        ]
        assert shapes[0] == shapes[1]
        assert ours.config.input_size == other.config.input_size
        assert ours.config.class_names == other.config.class_names
        pixels = torch.from_numpy(
            np.random.default_rng(0).integers(0, 256, (1, 384, 384, 3), np.uint8)
        ).permute(0, 3, 1, 2)
        torch.testing.assert_close(
            prepare(ours, pixels).tensors, other.config.normalization.apply(pixels.float())
        )

    def test_anchors_are_as_large_as_yolact_compacts(self):
        sides = FCIS["fcis_compact"].anchors(384)
        areas = sorted({round(math.sqrt(width * height)) for width, height in sides})
        assert areas == [24, 48, 96, 192, 336]
        assert sorted({round(width / height, 3) for width, height in sides}) == [0.5, 1.0, 2.0]
        assert FCIS["fcis_compact"].anchors(192)[0][0] == pytest.approx(sides[0][0] / 2)

    def test_a_network_for_another_input_takes_frames_of_that_size(self):
        network = build_fcis("fcis_compact", 96)
        assert prepare(network, torch.zeros(1, 3, 50, 70, dtype=torch.uint8)).tensors.shape == (1, 3, 96, 96)
        sides = network.rpn.anchor_generator.sides
        torch.testing.assert_close(sides, torch.tensor(FCIS["fcis_compact"].anchors(384)) / 4)

    def test_its_maps_have_a_stride_of_16_and_its_file_is_small(self):
        network = build_model("fcis_compact")
        features, maps = network(torch.zeros(1, 3, 384, 384))
        assert features["0"].shape[-2:] == maps.shape[-2:] == (24, 24)
        numbers = sum(math.prod(shape) for shape in expected_shapes(REGISTRY["fcis_compact"]).values())
        assert 2 * numbers < 12e6
        assert PRESETS["yolact_compact"].input_size == 384


class TestSegmenter:
    FRAMES = np.stack([cv2.resize(PHOTOGRAPHS[index].read(), (121, 90)) for index in range(2)])

    def test_instances_are_sorted_of_the_frame_size_and_have_the_box_of_their_mask(self, segmenter):
        found = segmenter.segment(self.FRAMES)
        assert [isinstance(own, Instances) for own in found] == [True, True]
        for instances in found:
            assert 0 < len(instances) <= 100
            assert instances.size == (90, 121)
            assert (np.diff(instances.scores) <= 0).all()
            for box, crop in zip(instances.boxes, instances.crops, strict=True):
                rows, columns = np.nonzero(crop.bitmap())
                assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]

    def test_a_frame_is_seen_by_itself(self, segmenter):
        alone, together = segmenter.segment(self.FRAMES[1:])[0], segmenter.segment(self.FRAMES)[1]
        assert len(alone) == len(together)
        np.testing.assert_allclose(alone.scores, together.scores, atol=1e-4)

    def test_nothing_above_the_threshold_is_ordinary(self, segmenter):
        (found,) = segmenter_of(segmenter.model, score_threshold=1.0).segment(self.FRAMES[:1])
        assert len(found) == 0

    @pytest.mark.parametrize(
        "name", ["fcis_compact+fine", "fcis_compact+margin0.1", "fcis_compact+cross-class"]
    )
    def test_it_is_run_as_published_alone(self, name):
        with pytest.raises(UsageError, match="fcis_compact"):
            find_variant(name)
