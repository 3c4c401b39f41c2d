"""Mask R-CNN and Mask Scoring R-CNN: against torchvision, against the authors' head, and what makes them comparable."""

import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from devices import devices
from torchvision.models.detection import MaskRCNN_ResNet50_FPN_V2_Weights, MaskRCNN_ResNet50_FPN_Weights
from torchvision.ops import FrozenBatchNorm2d, MultiScaleRoIAlign, roi_align

from yolact_temporal.data import photographs
from yolact_temporal.errors import UsageError
from yolact_temporal.yolact.config import PRESETS
from yolact_temporal.yolact.families import build_model
from yolact_temporal.yolact.families.mask_rcnn import BASELINES, MaskRcnnSegmenter, baseline, build_mask_rcnn
from yolact_temporal.yolact.families.mask_rcnn.mask_iou_head import MaskIouHead
from yolact_temporal.yolact.families.mask_rcnn.network import (
    RegionMasks,
    normalize,
    predicted_mask_iou,
    prepare,
)
from yolact_temporal.yolact.families.mask_rcnn.region_pool import RegionPool, separable_roi_align
from yolact_temporal.yolact.fuse import fused_for_inference
from yolact_temporal.yolact.weights import REGISTRY, load_weights

COMPACT = ("mask_rcnn_compact", "mask_scoring_rcnn_compact")
FRAMES = np.random.default_rng(0).integers(0, 256, (2, 90, 121, 3), np.uint8)


def photograph(name="astronaut.jpg"):
    folder = Path(photographs.__file__).parent
    return np.ascontiguousarray(cv2.imread(str(folder / name))[..., ::-1])


@pytest.fixture(scope="module")
def compact():
    model = build_mask_rcnn("mask_rcnn_compact")
    load_weights("mask_rcnn_compact", model)
    return model


@pytest.fixture(scope="module")
def scoring():
    model = build_mask_rcnn("mask_scoring_rcnn_compact")
    load_weights("mask_scoring_rcnn_compact", model)
    return model


@pytest.fixture(scope="module")
def authors():
    torch.manual_seed(0)
    return build_mask_rcnn("mask_scoring_rcnn_resnet50_fpn")


@pytest.fixture(scope="module")
def features():
    """A pyramid of random features of two images of 384 x 320."""
    generator = torch.Generator().manual_seed(1)
    return {
        str(i): torch.randn(2, 5, 384 // s, 320 // s, generator=generator) for i, s in enumerate((8, 16, 32))
    }


@pytest.fixture(scope="module")
def boxes():
    """Thirty boxes in each of the two images, of all sizes, some beyond the edge."""
    generator = torch.Generator().manual_seed(2)
    corners = torch.rand(2, 30, 2, generator=generator) * torch.tensor([300.0, 350.0]) - 10
    sides = torch.rand(2, 30, 2, generator=generator) ** 2 * 300 + 1
    return list(torch.cat((corners, corners + sides), dim=-1))


def small_resnet(name, side=128):
    """A baseline with random weights that detects something all the same, on a small input."""
    torch.manual_seed(0)
    model = build_mask_rcnn(name)
    for module in model.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.running_var.fill_(3.0)  # random convolutions would otherwise grow without bound
    predictor = model.roi_heads.box_predictor
    predictor.cls_score.weight.data.mul_(30)
    predictor.cls_score.bias.data[[3, 7]] = torch.tensor([6.0, 5.0])
    model.transform.min_size, model.transform.max_size = (side,), side * 2
    return model


class TestConfiguration:
    @pytest.mark.slow
    def test_every_baseline_builds_and_says_what_it_is(self):
        for name, config in BASELINES.items():
            with torch.device("meta"):
                model = build_mask_rcnn(name)
            assert model.config == config
            assert not model.training
            assert hasattr(model.roi_heads, "maskiou") == config.mask_scoring == ("scoring" in name)
            classes = model.roi_heads.box_predictor.cls_score.out_features - 1
            assert classes == len(config.class_names)

    @pytest.mark.parametrize("name", ["mask_rcnn_resnet50_fpn", "mask_rcnn_resnet50_fpn_v2"])
    def test_classes_are_those_of_torchvisions_weights(self, name):
        entry = {
            "mask_rcnn_resnet50_fpn": MaskRCNN_ResNet50_FPN_Weights.COCO_V1,
            "mask_rcnn_resnet50_fpn_v2": MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1,
        }[name]
        assert ("__background__", *BASELINES[name].class_names) == tuple(entry.meta["categories"])
        assert REGISTRY[name].url == entry.url
        assert entry.url.endswith(f"-{REGISTRY[name].sha256_prefix}.pth")
        assert len(REGISTRY[name].sha256_prefix) == 8

    def test_an_unknown_baseline_is_a_wrong_argument(self):
        with pytest.raises(UsageError, match=r"expected a baseline out of mask_rcnn.*got 'yolact_base'"):
            baseline("yolact_base")

    def test_depth_of_the_backbone(self):
        for name, blocks in (("mask_scoring_rcnn_resnet50_fpn", 6), ("mask_scoring_rcnn_resnet101_fpn", 23)):
            with torch.device("meta"):
                assert len(build_mask_rcnn(name).backbone.body.layer3) == blocks


class TestOnlyTheHeadDiffers:
    """The compact baseline shares backbone, pyramid, anchors, input and classes with YOLACT compact."""

    def test_backbone_and_pyramid_have_the_same_weights_by_name_and_shape(self):
        ours = build_model("yolact_compact")
        theirs = build_model("mask_rcnn_compact")

        def shapes(module):
            return {key: tuple(value.shape) for key, value in module.state_dict().items()}

        assert shapes(theirs.backbone.body) == shapes(ours.backbone)
        assert shapes(theirs.backbone.fpn) == shapes(ours.fpn)

    def test_the_same_frame_becomes_the_same_input(self):
        ours, theirs = build_model("yolact_compact"), build_model("mask_rcnn_compact")
        side = PRESETS["yolact_compact"].input_size
        frame = photograph()
        square = cv2.resize(frame, (side, side), interpolation=cv2.INTER_LINEAR)
        pixels = torch.from_numpy(square).permute(2, 0, 1)[None]
        expected = ours.config.normalization.apply(pixels.float())
        torch.testing.assert_close(normalize(theirs, pixels), expected, atol=1e-5, rtol=1e-5)
        assert prepare(theirs, torch.from_numpy(FRAMES).permute(0, 3, 1, 2)).tensors.shape == (
            2,
            3,
            side,
            side,
        )
        assert BASELINES["mask_rcnn_compact"].class_names == ours.config.class_names

    def test_anchors_cover_the_same_boxes(self):
        model = build_model("mask_rcnn_compact")
        images = prepare(model, torch.from_numpy(FRAMES[:1]).permute(0, 3, 1, 2))
        levels = list(model.backbone(images.tensors).values())
        (anchors,) = model.rpn.anchor_generator(images, levels)
        config = PRESETS["yolact_compact"].anchors
        assert len(anchors) == sum(level[0, 0].numel() for level in levels) * len(config.aspect_ratios) * len(
            config.scales[0]
        )
        sides = (anchors[:, 2:] - anchors[:, :2]).prod(dim=1).sqrt()
        wanted = torch.tensor([side for level in config.scales for side in level], dtype=sides.dtype)
        # torchvision rounds anchors to whole pixels
        assert ((sides[:, None] - wanted).abs().amin(dim=1) < 1.0).all()


class TestSegmenter:
    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["mask_rcnn_resnet50_fpn", "mask_rcnn_resnet50_fpn_v2"])
    def test_sees_what_torchvisions_own_forward_sees(self, name):
        model = small_resnet(name)
        model.roi_heads.detections_per_img = 12
        self.check(model, photograph()[::4, ::3])

    @pytest.mark.slow
    def test_the_compact_one_sees_what_torchvisions_own_forward_sees(self, compact):
        self.check(compact, photograph())

    def check(self, model, frame):
        tensor = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1).float() / 255
        with torch.inference_mode():
            (expected,) = model([tensor])
        found = MaskRcnnSegmenter(model, score_threshold=model.roi_heads.score_thresh).segment(frame[None])[0]
        assert len(found) == len(expected["scores"]) > 0
        np.testing.assert_allclose(found.scores, expected["scores"], atol=1e-3)
        np.testing.assert_allclose(found.boxes, expected["boxes"], atol=0.1)
        np.testing.assert_array_equal(found.class_ids, expected["labels"] - 1)
        masks = (expected["masks"][:, 0] > 0.5).numpy()
        assert (found.bitmaps() != masks).mean() < 1e-3

    @pytest.mark.parametrize("device", devices())
    def test_instances_are_sorted_and_of_the_frame_size(self, compact, device):
        found = MaskRcnnSegmenter(compact.to(device), score_threshold=0).segment(FRAMES)
        compact.to("cpu")
        assert len(found) == 2
        for instances in found:
            assert instances.size == (90, 121)
            assert len(instances) <= 100
            assert (np.diff(instances.scores) <= 0).all()
            assert (instances.boxes >= 0).all()
            assert (instances.boxes <= [121, 90, 121, 90]).all()

    @pytest.mark.slow
    def test_a_frame_is_seen_by_itself(self, compact):
        frames = np.stack([photograph(), np.ascontiguousarray(photograph()[:, ::-1])])
        segmenter = MaskRcnnSegmenter(compact, score_threshold=0.1)
        alone, together = segmenter.segment(frames[1:])[0], segmenter.segment(frames)[1]
        assert len(alone) == len(together) > 0
        np.testing.assert_allclose(alone.scores, together.scores, atol=1e-4)

    @pytest.mark.slow
    def test_a_frame_without_anything_is_ordinary(self, compact, scoring):
        for model in (compact, scoring):
            (found,) = MaskRcnnSegmenter(model, score_threshold=1).segment(FRAMES[:1])
            assert len(found) == 0
            assert found.size == (90, 121)

    def test_frames_and_thresholds_of_another_form_are_refused(self, compact):
        with pytest.raises(ValueError, match="expected uint8 frames"):
            MaskRcnnSegmenter(compact).segment(FRAMES.astype(np.float32))
        with pytest.raises(ValueError, match=r"expected a score threshold in 0\.\.1, got 2"):
            MaskRcnnSegmenter(compact, score_threshold=2)

    def test_half_precision_finds_what_single_precision_finds(self, compact):
        frame = photograph()[None]
        single = MaskRcnnSegmenter(compact, score_threshold=0.3).segment(frame)[0]
        half = MaskRcnnSegmenter(compact, score_threshold=0.3, precision="bfloat16").segment(frame)[0]
        assert len(single) > 0
        np.testing.assert_allclose(half.scores[0], single.scores[0], atol=0.05)

    @pytest.mark.slow
    def test_folding_frozen_normalisation_changes_nothing(self):
        model = small_resnet("mask_scoring_rcnn_resnet50_fpn")
        for module in model.modules():
            if isinstance(module, FrozenBatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.weight.uniform_(0.8, 1.2)
                module.bias.normal_(0, 0.1)
        fused = fused_for_inference(model)
        assert not any(isinstance(module, FrozenBatchNorm2d) for module in fused.modules())
        images = torch.randn(1, 3, 96, 96)
        with torch.inference_mode():
            plain, folded = model.backbone(images), fused.backbone(images)
        for name in plain:
            torch.testing.assert_close(folded[name], plain[name], rtol=1e-3, atol=1e-3)


class TestMaskScoring:
    @pytest.mark.slow
    @pytest.mark.real_data
    def test_the_head_agrees_with_the_authors(self):
        root = os.environ.get("YOLACT_TEMPORAL_TEST_DATA")
        if not root:
            pytest.skip("YOLACT_TEMPORAL_TEST_DATA names no data folder")
        folder = Path(root) / "reference"
        sys.path.insert(0, str(folder))
        try:
            import reference_weights
        finally:
            sys.path.remove(str(folder))
        expected = np.load(folder / "mask_scoring_rcnn_maskiou_head.npz")["maskiou"]
        head = MaskIouHead(classes=81)
        prefix = "roi_heads.maskiou."
        shapes = {prefix + key: tuple(value.shape) for key, value in head.state_dict().items()}
        filled = reference_weights.fill(shapes)
        head.load_state_dict({key.removeprefix(prefix): torch.as_tensor(v) for key, v in filled.items()})
        features = torch.as_tensor(reference_weights.tensor_for("input.features", (4, 256, 14, 14))) * 10
        masks = torch.sigmoid(
            30 * torch.as_tensor(reference_weights.tensor_for("input.mask", (4, 1, 28, 28)))
        )
        with torch.inference_mode():
            found = head(features.float(), masks.float()).numpy()
        assert np.abs(expected).max() > 0.01
        np.testing.assert_allclose(found, expected, atol=1e-4)

    @pytest.mark.slow
    def test_the_score_is_the_class_score_times_the_expected_iou(self, scoring, monkeypatch):
        frame = photograph()[None]
        plain = build_mask_rcnn("mask_rcnn_compact")
        load_weights("mask_rcnn_compact", plain)
        (before,) = MaskRcnnSegmenter(plain, score_threshold=0.3).segment(frame)
        monkeypatch.setattr(MaskIouHead, "forward", lambda self, f, m: f.new_full((len(f), 4), 0.75))
        (after,) = MaskRcnnSegmenter(scoring, score_threshold=0.3 * 0.75).segment(frame)
        count = int((before.scores > 0.301).sum())
        np.testing.assert_allclose(after.scores[:count], 0.75 * before.scores[:count], atol=1e-4)

    def test_rescored_instances_stay_sorted_and_above_the_threshold(self, scoring):
        (found,) = MaskRcnnSegmenter(scoring, score_threshold=0.05).segment(photograph()[None])
        assert len(found) > 1
        assert (np.diff(found.scores) <= 0).all()
        assert found.scores.min() > 0.05

    def test_the_expected_iou_is_of_the_regions_own_class(self):
        head = MaskIouHead(classes=3, channels=2, side=14, hidden=4).eval()
        torch.manual_seed(0)
        masks = RegionMasks(torch.randn(2, 2, 14, 14), torch.randn(2, 3, 28, 28))
        with torch.inference_mode():
            expected, probabilities = predicted_mask_iou(head, masks, torch.tensor([1, 2]))
            whole = head(masks.features, masks.logits[[0, 1], [1, 2]].sigmoid()[:, None])
        torch.testing.assert_close(expected, whole[[0, 1], [1, 2]])
        torch.testing.assert_close(probabilities[1], masks.logits[1, 2].sigmoid())

    def test_everything_but_the_head_is_mask_rcnn_compacts(self, compact, scoring):
        state = scoring.state_dict()
        for key, value in compact.state_dict().items():
            assert torch.equal(state[key], value), key


class TestAuthorsNetwork:
    """What the authors' weights expect and no weight tells: channel order, range, and where the stride is."""

    @pytest.mark.slow
    def test_the_input_is_bgr_in_0_to_255_less_the_mean_of_each_channel(self, authors):
        frame = torch.zeros(1, 3, 800, 800, dtype=torch.uint8)
        frame[:, 0], frame[:, 1], frame[:, 2] = 200, 100, 50  # red, green, blue
        values = normalize(authors, frame)[0, :, 5, 5]
        expected = torch.tensor([50 - 102.9801, 100 - 115.9465, 200 - 122.7717])
        torch.testing.assert_close(values, expected, atol=1e-3, rtol=0)

    def test_the_stride_is_in_the_first_1x1_convolution(self, authors):
        for stage, stride in (("layer1", 1), ("layer2", 2), ("layer3", 2), ("layer4", 2)):
            first = getattr(authors.backbone.body, stage)[0]
            assert first.conv1.kernel_size == (1, 1)
            assert first.conv1.stride == (stride, stride)
            assert first.conv2.stride == (1, 1)
            assert first.downsample[0].stride == (stride, stride)

    def test_torchvisions_stride_stays_in_the_3x3_convolution(self):
        body = build_mask_rcnn("mask_rcnn_resnet50_fpn").backbone.body
        assert body.layer2[0].conv1.stride == (1, 1)
        assert body.layer2[0].conv2.stride == (2, 2)


class TestRegionPool:
    def test_with_and_without_a_gradient_the_values_are_torchvisions(self, features, boxes):
        for level, stride in enumerate((8, 16, 32)):
            rois = torch.cat([torch.cat((torch.full((30, 1), i), b), 1) for i, b in enumerate(boxes)])
            expected = roi_align(features[str(level)], rois, (7, 7), 1 / stride, sampling_ratio=2)
            found = separable_roi_align(features[str(level)], rois, 7, 1 / stride)
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)

    def test_levels_and_order_are_those_of_torchvisions_pooler(self, features, boxes):
        ours = RegionPool(("0", "1", "2"), (8, 16, 32), output_size=7, canonical_side=112)
        # Lin et al. 2017: level k0 + log2(side / 224), k0 = 4; half the canonical side is one level less.
        theirs = MultiScaleRoIAlign(["0", "1", "2"], 7, 2, canonical_scale=112, canonical_level=4)
        sizes = [(384, 320)] * 2
        expected = theirs(features, boxes, sizes)
        for gradient in (False, True):
            with torch.set_grad_enabled(gradient):
                torch.testing.assert_close(ours(features, boxes, sizes), expected, atol=1e-5, rtol=1e-5)

    def test_gradients_are_torchvisions(self, features, boxes):
        rois = torch.cat([torch.cat((torch.full((30, 1), i), b), 1) for i, b in enumerate(boxes)])
        level = features["0"]
        gradients = []
        for align in (
            lambda x: separable_roi_align(x, rois, 7, 1 / 8),
            lambda x: roi_align(x, rois, (7, 7), 1 / 8, sampling_ratio=2),
        ):
            x = level.clone().requires_grad_()
            (align(x) ** 2).sum().backward()
            gradients.append(x.grad)
        torch.testing.assert_close(*gradients, atol=1e-4, rtol=1e-4)

    def test_no_region_gives_no_features(self, features):
        pool = RegionPool(("0", "1", "2"), (8, 16, 32), output_size=7, canonical_side=112)
        empty = [torch.zeros(0, 4)] * 2
        for gradient in (False, True):
            with torch.set_grad_enabled(gradient):
                assert pool(features, empty, [(384, 320)] * 2).shape == (0, 5, 7, 7)


def test_the_weights_in_the_package_fit_and_stay_small():
    files = [REGISTRY[name].bundled for name in COMPACT]
    assert sum(file.stat().st_size for file in files) <= 16_000_000
    for name in COMPACT:
        assert load_weights(name, build_mask_rcnn(name)).source == "bundled"


def test_the_shipped_model_sees_the_astronaut(compact):
    (found,) = MaskRcnnSegmenter(compact, score_threshold=0.3).segment(photograph()[None])
    best = found.select([0])
    assert compact.config.class_names[best.class_ids[0]] == "person"
    assert best.bitmaps()[0][250:450, 150:300].mean() > 0.8
