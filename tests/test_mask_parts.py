"""Masks assembled again from the parts that a model hands out are the masks that it handed out, of every model."""

import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from model_names import small_ones_first
from part_models import random_fcis

from yolact_temporal.data.photograph import PHOTOGRAPHS
from yolact_temporal.data.sources import open_clip
from yolact_temporal.yolact.config import PRESETS
from yolact_temporal.yolact.families import build_model, segmenter_of
from yolact_temporal.yolact.families.fcis import FCIS
from yolact_temporal.yolact.families.mask_rcnn import BASELINES, build_mask_rcnn
from yolact_temporal.yolact.mask_parts import interpolation
from yolact_temporal.yolact.model import build_yolact
from yolact_temporal.yolact.segmenter import offers_parts
from yolact_temporal.yolact.weights import load_weights

FRAME = cv2.resize(PHOTOGRAPHS[0].read(), (130, 170), interpolation=cv2.INTER_AREA)
SMALL = 160
COMPACT = ("yolact_compact", "mask_rcnn_compact", "mask_scoring_rcnn_compact")
DATA = os.environ.get("YOLACT_TEMPORAL_TEST_DATA")


def small_yolact(name):
    torch.manual_seed(0)
    model = build_yolact(replace(PRESETS[name], input_size=256 if "plus" in name else SMALL))
    # untrained scores are too even to detect anything
    model.prediction_layers[0].conf_layer.weight.data.mul_(20)
    return segmenter_of(model, score_threshold=0.0)


def small_mask_rcnn(name):
    torch.manual_seed(0)
    model = build_mask_rcnn(name)
    if BASELINES[name].architecture != "compact":
        model.transform.min_size, model.transform.max_size = (SMALL,), 2 * SMALL
    model.roi_heads.box_predictor.cls_score.bias.data[0] = -20  # else nothing but background is seen
    model.roi_heads.score_thresh = 0.0
    for path, module in model.backbone.named_modules():
        if path.endswith("bn3"):  # random residual branches, never normalised, would grow beyond all bounds
            module.weight.data.fill_(0.2)
    if BASELINES[name].mask_scoring:
        predictor = model.roi_heads.maskiou.predictor.maskiou
        predictor.weight.data.zero_()
        predictor.bias.data.fill_(0.5)
    model.roi_heads.detections_per_img = 8
    return segmenter_of(model, score_threshold=0.0)


def require_the_same_masks(segmenter, frames):
    """Assemble what is seen in frames, and return how many masks there were."""
    count = differing = area = 0
    plain = segmenter.segment(frames)
    for instances, (found, parts) in zip(plain, segmenter.segment_parts(frames), strict=True):
        assert found == instances
        masks = segmenter.assemble(parts)
        assert len(masks) == len(found) == len(parts)
        for mask, recorded in zip(masks, found.crops, strict=True):
            differing += np.count_nonzero(mask.bitmap() != recorded.bitmap())
            area += recorded.area
        origins = parts.origins
        assert (origins.kinds >= 0).all()
        height, width = found.size
        assert (origins.centers >= 0).all()
        assert (origins.centers < [1.3 * width, 1.3 * height]).all()
        count += len(masks)
    assert differing <= 1e-4 * area
    return count


@pytest.mark.parametrize("name", small_ones_first(PRESETS))
def test_of_every_yolact_with_random_weights(name):
    assert require_the_same_masks(small_yolact(name), np.stack((FRAME, FRAME[::-1]))) > 5


@pytest.mark.slow
@pytest.mark.parametrize("name", small_ones_first(BASELINES))
def test_of_every_mask_rcnn_with_random_weights(name):
    assert require_the_same_masks(small_mask_rcnn(name), FRAME[None]) > 1


@pytest.mark.slow
@pytest.mark.parametrize("name", small_ones_first(FCIS))
def test_of_every_fcis_with_random_weights(name):
    assert require_the_same_masks(random_fcis(name), FRAME[None]) > 1


@pytest.mark.slow
@pytest.mark.skipif(DATA is None, reason="needs real clips")
@pytest.mark.parametrize("name", COMPACT)
def test_of_the_compact_models_on_real_frames(name):
    network = build_model(name)
    load_weights(name, network)
    segmenter = segmenter_of(network, score_threshold=0.1)
    assert offers_parts(segmenter)
    source = open_clip(Path(DATA) / "clips" / "woman_and_dog.mp4")
    frames = [frame.rgb for _, frame in zip(range(2), source, strict=False)]
    source.close()
    assert require_the_same_masks(segmenter, np.stack(frames)) > 3


@pytest.mark.slow
def test_the_anchor_that_won_is_where_the_object_is():
    network = build_model("yolact_compact")
    load_weights("yolact_compact", network)
    for name in ("yolact_compact", "mask_rcnn_compact"):
        network = build_model(name)
        load_weights(name, network)
        picture = cv2.resize(PHOTOGRAPHS[0].read(), (320, 400), interpolation=cv2.INTER_AREA)
        ((found, parts),) = segmenter_of(network, score_threshold=0.5).segment_parts(picture[None])
        assert len(found)
        x1, y1, x2, y2 = found.boxes[0]
        x, y = parts.origins.centers[0]
        assert x1 < x < x2
        assert y1 < y < y2


@pytest.mark.parametrize(("cells", "pixels"), [(3, 17), (138, 854), (20, 13), (1, 5)])
def test_pixels_are_interpolated_as_pytorch_does(cells, pixels):
    line = torch.rand(1, 1, cells, 1, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.interpolate(line, size=(pixels, 1), mode="bilinear", align_corners=False)
    below, above, share = interpolation(cells, pixels)
    values = line[0, 0, :, 0].numpy()
    made = values[below] * (1 - share) + values[above] * share
    np.testing.assert_allclose(made, expected[0, 0, :, 0].numpy(), atol=1e-5)
