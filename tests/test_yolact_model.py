"""The network against the original implementation, number by number, and the published configuration."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from thorough import thorough_but

from yolact_temporal.data.rle import mask_areas
from yolact_temporal.errors import UsageError
from yolact_temporal.yolact import PRESETS, YolactSegmenter, build_yolact
from yolact_temporal.yolact.layers import MaskIouNet

REFERENCES = ["yolact_resnet50", "yolact_base", "yolact_plus_resnet50", "yolact_resnet50_pascal"]


@pytest.fixture(scope="module")
def reference_folder():
    root = os.environ.get("YOLACT_TEMPORAL_TEST_DATA")
    if not root:
        pytest.skip("YOLACT_TEMPORAL_TEST_DATA names no data folder")
    folder = Path(root) / "reference"
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture(scope="module", params=thorough_but(REFERENCES, ("yolact_resnet50", "yolact_plus_resnet50")))
def case(request, reference_folder):
    """A model with the stand-in weights, what it says of the stand-in image, and what the original said."""
    import reference_weights

    expected = np.load(reference_folder / f"{request.param}.npz")
    model = build_yolact(request.param)
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    weights = {
        key: torch.from_numpy(np.asarray(value)) for key, value in reference_weights.fill(shapes).items()
    }
    model.load_state_dict(weights, strict=True)
    segmenter = YolactSegmenter(model, score_threshold=0)
    frame = reference_weights.image()[None]
    with torch.inference_mode():
        output = model(segmenter.preprocess(frame))
    return model, output, segmenter.segment(frame)[0], expected


@pytest.mark.slow
@pytest.mark.real_data
class TestAgainstTheOriginal:
    @pytest.mark.slow
    def test_state_dict_keys_are_the_official_ones(self, case):
        model, _, _, expected = case
        assert sorted(model.state_dict()) == [str(key) for key in expected["state_keys"]]

    def test_anchors_agree(self, case):
        _, output, _, expected = case
        assert len(output.anchors) == expected["n_priors"]
        np.testing.assert_allclose(output.anchors[expected["prior_index"]], expected["priors"], atol=1e-5)

    @pytest.mark.parametrize(
        ("field", "key"),
        [
            ("box_regression", "loc"),
            ("class_scores", "conf"),
            ("coefficients", "coeff"),
            ("prototypes", "proto"),
        ],
    )
    def test_outputs_agree(self, case, field, key):
        _, output, _, expected = case
        value = getattr(output, field)[0]
        value = value[::4, ::4] if key == "proto" else value[expected["prior_index"]]
        np.testing.assert_allclose(value, expected[key], atol=1e-4, rtol=1e-4)

    def test_detections_agree_as_a_set(self, case):
        _, _, found, expected = case
        assert len(found) == expected["n_det"]
        areas = mask_areas(found.masks)
        unused = set(range(len(found)))
        matched = 0
        for class_id, score, box, area in zip(
            *(expected[key] for key in ("det_class", "det_score", "det_box", "det_mask_area")), strict=True
        ):
            for index in sorted(unused):
                if (
                    found.class_ids[index] == class_id
                    and abs(found.scores[index] - score) < 2e-3
                    and np.abs(found.boxes[index] - box).max() <= 1
                    and abs(areas[index] - area) <= 0.01 * area + 8
                ):
                    unused.remove(index)
                    matched += 1
                    break
        assert matched >= 48


PUBLISHED = {
    # name: input size, classes, anchors, parameters of backbone in millions, anchor sides of the first level
    "yolact_base": (550, 80, 19248, 42.5, (24,)),
    "yolact_im400": (400, 80, 10077, 42.5, (17,)),
    "yolact_im700": (700, 80, 30963, 42.5, (30,)),
    "yolact_resnet50": (550, 80, 19248, 23.508, (24,)),
    "yolact_darknet53": (550, 80, 19248, 40.585, (24,)),
    "yolact_resnet50_pascal": (550, 20, 19248, 23.508, (32,)),
    "yolact_plus_base": (550, 80, 57744, 43.188, (24, 24 * 2 ** (1 / 3), 24 * 2 ** (2 / 3))),
    "yolact_plus_resnet50": (550, 80, 57744, 24.383, (24, 24 * 2 ** (1 / 3), 24 * 2 ** (2 / 3))),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_presets_are_the_published_ones(name):
    size, classes, anchors, backbone_millions, sides = PUBLISHED[name]
    config = PRESETS[name]
    with torch.device("meta"):
        model = build_yolact(name)
    assert (config.input_size, len(config.class_names)) == (size, classes)
    assert config.anchors.scales[0] == pytest.approx(sides)
    parameters = sum(value.numel() for value in model.backbone.parameters())
    assert parameters / 1e6 == pytest.approx(backbone_millions, abs=0.001)
    assert config.mask_iou == name.startswith("yolact_plus")
    square = not (config.mask_iou or name.endswith("pascal"))
    assert config.anchors.square == square, "only the non-plus COCO models have the square-anchor quirk"
    with torch.inference_mode():
        output = model(torch.empty(1, 3, size, size, device="meta"))
    assert output.anchors.shape == (anchors, 4)
    assert output.class_scores.shape == (1, anchors, classes + 1)


def test_deformable_convolutions_stand_where_the_plus_models_have_them():
    with torch.device("meta"):
        keys = build_yolact("yolact_plus_base").state_dict()
    deformable = [key.removesuffix(".conv2.conv_offset_mask.weight") for key in keys if "mask.weight" in key]
    expected = [f"backbone.layers.1.{i}" for i in (0, 3)]
    expected += [f"backbone.layers.2.{i}" for i in range(0, 23, 3)] + ["backbone.layers.3.0"]
    assert deformable == expected


def test_an_unknown_preset_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="yolact_compact, got 'yolact_bse'"):
        build_yolact("yolact_bse")


def test_the_model_is_in_eval_mode_and_outputs_have_their_shapes():
    model = build_yolact("yolact_compact")
    assert not model.training
    with torch.inference_mode():
        output = model(torch.zeros(2, 3, 128, 128))
    count = len(output.anchors)
    assert count == 3 * (16**2 + 8**2 + 4**2 + 2**2 + 1)
    assert output.box_regression.shape == (2, count, 4)
    assert output.class_scores.shape == (2, count, 4)
    assert output.coefficients.shape == (2, count, 32)
    assert output.prototypes.shape == (2, 32, 32, 32)
    torch.testing.assert_close(output.class_scores.sum(-1), torch.ones(2, count))
    assert output.coefficients.abs().max() <= 1
    assert output.prototypes.min() >= 0


@pytest.mark.parametrize(
    "name", ["yolact_compact", "yolact_resnet50", "yolact_im400", "yolact_im700", "yolact_darknet53"]
)
def test_the_configuration_knows_the_grid_of_the_prototypes(name):
    with torch.device("cpu" if name == "yolact_compact" else "meta"), torch.inference_mode():
        model = build_yolact(name)
        side = model.config.input_size
        prototypes = model(torch.zeros(1, 3, side, side)).prototypes
    assert prototypes.shape[1:3] == (model.config.mask_cells,) * 2


def test_semantic_logits_come_in_training_mode_only():
    model = build_yolact("yolact_compact")
    images = torch.zeros(2, 3, 64, 64)
    assert model.predict(images).semantic_logits is None
    assert model.train().predict(images).semantic_logits.shape == (2, 3, 8, 8)


def test_mobilenet_with_folded_normalisation_is_torchvisions():
    torch.manual_seed(0)
    model = build_yolact("yolact_compact").backbone
    for name, value in model.named_buffers():
        if name.endswith("running_mean"):
            value.normal_()
        elif name.endswith("running_var"):
            value.uniform_(0.5, 2)
    images = torch.randn(1, 3, 96, 96)
    plain = model.features(images)
    torch.testing.assert_close(model(images)[-1], plain, rtol=1e-3, atol=1e-4)


def test_mask_iou_of_an_empty_batch_is_empty():
    assert MaskIouNet(80)(torch.zeros(0, 1, 138, 138)).shape == (0, 80)
