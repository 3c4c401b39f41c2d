"""Boxes, suppression, mask assembly and the segmenter, on every device at hand."""

import numpy as np
import pytest
import torch
from devices import devices

from yolact_temporal.errors import UsageError
from yolact_temporal.yolact import YolactSegmenter, build_yolact
from yolact_temporal.yolact.boxes import decode_boxes, encode_boxes, pairwise_iou
from yolact_temporal.yolact.detect import box_region, combine_masks, cropped_by_cells, frame_masks
from yolact_temporal.yolact.device import resolve_device
from yolact_temporal.yolact.fuse import fused_for_inference
from yolact_temporal.yolact.nms import cross_class_fast_nms, fast_nms, standard_nms

device = pytest.mark.parametrize("device", devices())


@device
def test_decoding_undoes_encoding(device):
    generator = torch.Generator().manual_seed(0)
    anchors = torch.rand(50, 4, generator=generator).to(device) * 0.5 + 0.1
    corners = torch.rand(50, 2, generator=generator).to(device) * 0.5
    boxes = torch.cat((corners, corners + 0.3), dim=1)
    torch.testing.assert_close(decode_boxes(encode_boxes(boxes, anchors), anchors), boxes)


def test_decoding_by_hand():
    anchor = torch.tensor([[0.5, 0.5, 0.2, 0.4]])
    regression = torch.tensor([[1.0, -1.0, 0.0, 5 * np.log(2.0)]], dtype=torch.float32)
    # centre moves by 0.1 of the anchor's sides; the height doubles since 0.2 * 5 ln 2 = ln 2
    torch.testing.assert_close(decode_boxes(regression, anchor), torch.tensor([[0.42, 0.06, 0.62, 0.86]]))


def test_overlap_by_hand():
    first = torch.tensor([[0.0, 0, 2, 2], [0, 0, 0, 0]])
    second = torch.tensor([[1.0, 0, 3, 2], [5, 5, 6, 6]])
    torch.testing.assert_close(pairwise_iou(first, second), torch.tensor([[1 / 3, 0], [0, 0]]))


# Three boxes in a row, each overlapping its neighbours by more than one half, the outer two by less.
CHAIN = torch.tensor([[0.0, 0, 1.0, 1], [0.2, 0, 1.2, 1], [0.4, 0, 1.4, 1]])
CHAIN_SCORES = torch.tensor([[0.9, 0.8, 0.7], [0.1, 0.2, 0.75]])


@device
@pytest.mark.parametrize(
    ("suppress", "expected"),
    [
        # fast: the middle box, itself suppressed, still suppresses the last one
        (fast_nms, {(0, 0), (2, 1)}),
        # standard: the last box of class 0 survives, since the middle one is gone
        (standard_nms, {(0, 0), (2, 0), (2, 1)}),
        # across classes: the last box takes part as class 1 only
        (cross_class_fast_nms, {(0, 0)}),
    ],
)
def test_suppression_of_a_chain(device, suppress, expected):
    kept = suppress(CHAIN.to(device), CHAIN_SCORES.to(device))
    pairs = {
        (int(anchor), int(class_id))
        for anchor, class_id, score in zip(kept.anchor, kept.class_id, kept.score, strict=True)
        if score > 0.5
    }
    assert pairs == expected
    assert kept.score.tolist() == sorted(kept.score.tolist(), reverse=True)


@device
@pytest.mark.parametrize("suppress", [fast_nms, standard_nms, cross_class_fast_nms])
def test_suppression_of_nothing_is_nothing_and_of_much_is_a_hundred(device, suppress):
    empty = suppress(torch.zeros(0, 4, device=device), torch.zeros(3, 0, device=device))
    assert len(empty.anchor) == len(empty.score) == 0
    corners = torch.arange(300, device=device, dtype=torch.float32)[:, None].repeat(1, 2)
    kept = suppress(
        torch.cat((corners, corners + 0.5), 1), torch.linspace(0.1, 0.9, 300, device=device)[None]
    )
    assert len(kept.anchor) == 100
    assert kept.score[0] == pytest.approx(0.9)


@device
def test_assembly_is_the_sigmoid_of_the_linear_combination_inside_the_box(device):
    prototypes = torch.zeros(4, 4, 2, device=device)
    prototypes[..., 0] = 1
    prototypes[:2, :, 1] = 1
    coefficients = torch.tensor([[-1.0, 3.0]], device=device)
    box = torch.tensor([[0.0, 0.0, 0.25, 1.0]], device=device)
    masks = cropped_by_cells(combine_masks(prototypes, coefficients), box)
    expected = torch.zeros(4, 4, device=device)
    expected[:2, :2] = torch.sigmoid(torch.tensor(2.0))  # one cell of box and one of padding wide
    expected[2:, :2] = torch.sigmoid(torch.tensor(-1.0))
    torch.testing.assert_close(masks[0], expected)
    upsampled = frame_masks(masks, 8, 8)
    assert upsampled.dtype == torch.bool
    assert upsampled.shape == (1, 8, 8)
    assert upsampled[0, :3, :3].all()
    assert not upsampled[0, 5:].any()


def test_box_region_accepts_inverted_boxes_and_stays_inside():
    region = box_region(torch.tensor([[0.75, 0.5, 0.25, -1.0]]), 4, 4)
    assert region[0].int().tolist() == [[0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


@pytest.fixture(scope="module")
def compact():
    torch.manual_seed(0)
    model = build_yolact("yolact_compact")
    model.prediction_layers[0].conf_layer.weight.data.mul_(
        20
    )  # untrained scores are too even to detect anything
    return model


FRAMES = np.random.default_rng(0).integers(0, 256, (2, 90, 121, 3), np.uint8)


@pytest.mark.slow
@device
def test_segmenting_gives_sorted_instances_of_the_frame_size(compact, device):
    found = YolactSegmenter(compact.to(device), score_threshold=0).segment(FRAMES)
    assert len(found) == 2
    for instances in found:
        assert 0 < len(instances) <= 100
        assert instances.size == (90, 121)
        assert (np.diff(instances.scores) <= 0).all()
        assert instances.boxes.min() >= 0
        assert (instances.boxes <= [121, 90, 121, 90]).all()
        assert set(instances.class_ids) <= {0, 1, 2}
    compact.to("cpu")


@pytest.mark.slow
def test_a_frame_is_seen_by_itself(compact):
    segmenter = YolactSegmenter(compact, score_threshold=0)
    alone = segmenter.segment(FRAMES[1:])[0]
    together = segmenter.segment(FRAMES)[1]
    assert len(alone) == len(together)
    np.testing.assert_allclose(alone.scores, together.scores, atol=1e-5)


@pytest.mark.slow
def test_the_threshold_keeps_exactly_the_better_instances(compact):
    everything = YolactSegmenter(compact, score_threshold=0).segment(FRAMES)[0]
    middle = float(everything.scores[len(everything) // 2])
    kept = YolactSegmenter(compact, score_threshold=middle).segment(FRAMES)[0]
    assert kept == everything.select(everything.scores > middle)
    assert len(YolactSegmenter(compact, score_threshold=1).segment(FRAMES)[0]) == 0


@pytest.mark.parametrize(
    "frames",
    [np.zeros((4, 4, 3), np.uint8), np.zeros((1, 4, 4, 4), np.uint8), np.zeros((1, 4, 4, 3), np.float32)],
)
def test_frames_of_another_form_are_refused(compact, frames):
    with pytest.raises(ValueError, match="expected uint8 frames"):
        YolactSegmenter(compact).segment(frames)


@pytest.mark.slow
def test_new_weights_are_used_at_once(compact):
    segmenter = YolactSegmenter(compact, score_threshold=0)
    before = segmenter.segment(FRAMES)[0]
    state = {key: value.clone() for key, value in compact.state_dict().items()}
    compact.load_state_dict({k: v * 1.1 if "conf_layer.weight" in k else v for k, v in state.items()})
    assert segmenter.segment(FRAMES)[0] != before
    compact.load_state_dict(state)
    assert segmenter.segment(FRAMES)[0] == before


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize("name", ["yolact_compact", "yolact_plus_resnet50"])
def test_folding_normalisation_changes_nothing(name):
    torch.manual_seed(0)
    model = build_yolact(name)
    for key, value in model.named_buffers():
        if key.endswith("running_mean"):
            value.normal_(0, 0.1)
        elif key.endswith("running_var"):
            value.uniform_(0.8, 1.2)
    fused = fused_for_inference(model)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in fused.modules())
    images = torch.randn(1, 3, 96, 96)
    with torch.inference_mode():
        for plain, folded in zip(model(images), fused(images), strict=True):
            torch.testing.assert_close(folded, plain, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_half_precision_finds_what_single_precision_finds(compact):
    single = YolactSegmenter(compact, score_threshold=0).segment(FRAMES)[0]
    half = YolactSegmenter(compact, score_threshold=0, precision="bfloat16").segment(FRAMES)[0]
    np.testing.assert_allclose(half.scores[:5], single.scores[:5], atol=0.05)


def test_deformable_convolutions_run_in_half_precision_too():
    torch.manual_seed(0)
    model = build_yolact("yolact_plus_resnet50")
    images = torch.randn(1, 3, 96, 96)
    with torch.inference_mode():
        single = model.backbone(images)[-1]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = model.backbone(images)[-1]
    assert (half.float() - single).abs().mean() < 0.05 * single.abs().mean()


def test_devices_and_precisions_that_are_not_there_are_refused(compact):
    assert resolve_device("cpu").type == "cpu"
    assert resolve_device("auto").type == devices()[-1]
    with pytest.raises(UsageError, match="got 'warp'"):
        resolve_device("warp")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="got 'cuda'"):
            resolve_device("cuda")
    with pytest.raises(UsageError, match="float32, float16, bfloat16, got 'int8'"):
        YolactSegmenter(compact, precision="int8")
    with pytest.raises(ValueError, match="nms"):
        YolactSegmenter(compact, nms="soft")
    with pytest.raises(ValueError, match=r"0\.\.1"):
        YolactSegmenter(compact, score_threshold=30)


def test_a_cell_of_the_mask_grid_is_in_pixels_of_the_frame(compact):
    assert YolactSegmenter(compact).mask_cell_px((480, 864)) == (9.0, 5.0)  # of 96 by 96
