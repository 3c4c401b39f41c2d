import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from yolact_temporal.yolact.boxes import corners_to_centers
from yolact_temporal.yolact.model import RawPredictions
from yolact_temporal.yolact.training.batches import Batch
from yolact_temporal.yolact.training.losses import (
    allowed_log_probability,
    focal_loss,
    giou_loss,
    mask_iou_loss,
    mask_loss,
    mask_overlap,
    ohem_loss,
    semantic_loss,
    yolact_losses,
)
from yolact_temporal.yolact.training.recipe import LossConfig, Matching

ALL = torch.ones(1, 2, dtype=torch.bool)


def log_odds(*probabilities):
    """Logits of the given probabilities, background first."""
    return torch.tensor(probabilities).log()[None]


@pytest.mark.parametrize(
    ("label", "known", "probability"),
    [
        (0, (True, True), 0.5),
        (0, (False, True), 0.8),
        (0, (True, False), 0.7),
        (0, (False, False), 1.0),
        (1, (True, True), 0.3),
        (1, (False, False), 0.3),
        (2, (False, True), 0.2),
        (-1, (True, True), 0.5),
    ],
)
def test_background_may_be_any_unknown_class_and_an_object_only_its_own(label, known, probability):
    value = allowed_log_probability(log_odds([0.5, 0.3, 0.2]), torch.tensor([[label]]), torch.tensor([known]))
    assert value.exp().item() == pytest.approx(probability, abs=1e-6)


def test_no_gradient_pushes_down_an_unknown_class_relative_to_background():
    logits = log_odds([0.5, 0.3, 0.2]).requires_grad_()
    labels = torch.zeros(1, 1, dtype=torch.int64)
    (-allowed_log_probability(logits, labels, torch.tensor([[False, True]]))).sum().backward()
    assert logits.grad[0, 0, 1] < 0 < logits.grad[0, 0, 2]
    # Background and the unknown class rise together, in proportion to what they have.
    assert logits.grad[0, 0, 0] / logits.grad[0, 0, 1] == pytest.approx(0.5 / 0.3, rel=1e-5)


def test_ohem_takes_all_positives_and_three_hardest_negatives_each():
    background = [0.9, 0.2, 0.8, 0.4, 0.6, 0.1, 0.3]
    logits = torch.log(torch.tensor([[[p, 1 - p, 1e-9] for p in background]]))
    labels = torch.tensor([[1, 0, 0, 0, 0, -1, 0]])
    loss = ohem_loss(logits, labels, ALL, 3)
    expected = -math.log(0.1) - sum(math.log(p) for p in (0.2, 0.3, 0.4))
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_ohem_counts_per_image_and_an_image_without_positives_not_at_all():
    logits = torch.zeros(2, 5, 3)
    labels = torch.tensor([[1, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    assert ohem_loss(logits, labels, ALL.expand(2, 2), 3).item() == pytest.approx(4 * math.log(3), rel=1e-5)


@pytest.mark.parametrize(
    ("label", "expected"),
    [(1, -0.25 * 0.7**2 * math.log(0.3)), (0, -0.75 * 0.5**2 * math.log(0.5)), (-1, 0.0)],
)
def test_focal_loss_by_hand(label, expected):
    loss = focal_loss(log_odds([0.5, 0.3, 0.2]), torch.tensor([[label]]), ALL, gamma=2, alpha=0.25)
    assert loss.item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0.0, 0.0, 0.5, 0.5), 0.0),
        ((0.0, 0.0, 0.5, 1.0), 0.5),
        # Apart by their own width: IoU 0, hull 1.5 x 0.5 of which a third is empty.
        ((1.0, 0.0, 1.5, 0.5), 1 + 1 / 3),
    ],
)
def test_giou_by_hand(box, expected):
    loss = giou_loss(torch.tensor([box]), torch.tensor([[0.0, 0.0, 0.5, 0.5]]))
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_mask_loss_is_cross_entropy_in_the_box_over_its_area():
    linear = torch.zeros(1, 8, 8)
    target = torch.zeros(1, 8, 8)
    target[:, 2:6, 2:6] = 1
    box = torch.tensor([[0.25, 0.25, 0.75, 0.75]])
    # Sigmoid(0) costs log 2 a cell; the box of 16 cells is widened by a cell a side to 36.
    assert mask_loss(linear, target, box).item() == pytest.approx(36 * math.log(2) / 16, rel=1e-5)
    linear[:, 0, :] = 100.0
    assert mask_loss(linear, target, box).item() == pytest.approx(36 * math.log(2) / 16, rel=1e-5)


def test_semantic_loss_is_a_mean_over_cells_and_ignores_unknown_classes_but_where_annotated():
    logits = torch.zeros(1, 2, 4, 4, requires_grad=True)
    target = torch.zeros(1, 2, 4, 4)
    target[0, 1, 0, 0] = 1
    assert semantic_loss(logits, target, ALL).item() == pytest.approx(2 * math.log(2), rel=1e-5)
    semantic_loss(logits, target, torch.tensor([[True, False]])).backward()
    assert (logits.grad[0, 0] > 0).all()
    assert logits.grad[0, 1].nonzero().tolist() == [[0, 0]]


def test_mask_overlap_by_hand():
    first, second = torch.zeros(2, 4, 4, dtype=torch.bool), torch.zeros(2, 4, 4, dtype=torch.bool)
    first[0, :2], second[0, 1:] = True, True
    assert mask_overlap(first, second).tolist() == [0.25, 0.0]


class _Constant(nn.Module):
    """Expects the same IoU of every mask: 0.9 for class 0, 0.1 for class 1."""

    def __init__(self):
        super().__init__()
        self.expected = nn.Parameter(torch.tensor([0.9, 0.1]))

    def forward(self, masks):
        return self.expected.expand(len(masks), 2)


def test_mask_iou_loss_compares_with_the_overlap_of_the_true_class():
    soft = torch.zeros(1, 4, 4)
    soft[0, :2] = 0.8
    target = torch.zeros(1, 4, 4, dtype=torch.bool)
    target[0, 1:] = True
    net = _Constant()
    for class_id, expected in ((0, 0.9), (1, 0.1)):
        loss = mask_iou_loss(net, [(soft, target, torch.tensor([class_id]))])
        assert loss.item() == pytest.approx((expected - 0.25) ** 2 / 2, rel=1e-5)
    assert mask_iou_loss(net, []).item() == 0


def one_object():
    """A network of two anchors and a batch of one image whose object is exactly the first."""
    anchors = corners_to_centers(torch.tensor([[0.25, 0.25, 0.75, 0.75], [0.0, 0.0, 0.1, 0.1]]))
    raw = RawPredictions(
        box_regression=torch.tensor([[[0.5, 0.0, 0.0, 2.0], [9.0, 9.0, 9.0, 9.0]]]),
        class_logits=torch.zeros(1, 2, 3),
        coefficients=torch.zeros(1, 2, 4),
        prototypes=torch.ones(1, 8, 8, 4),
        anchors=anchors,
        semantic_logits=torch.zeros(1, 2, 4, 4),
    )
    masks = torch.zeros(1, 8, 8, dtype=torch.uint8)
    masks[:, 2:6, 2:6] = 1
    batch = Batch(
        images=torch.zeros(1, 32, 32, 3, dtype=torch.uint8),
        boxes=torch.tensor([[0.25, 0.25, 0.75, 0.75]]),
        class_ids=torch.tensor([1]),
        masks=masks,
        counts=torch.tensor([1]),
        crowd_boxes=torch.zeros(0, 4),
        crowd_counts=torch.tensor([0]),
        known=ALL,
        semantic=torch.zeros(1, 2, 4, 4, dtype=torch.uint8),
    )
    return raw, batch


def test_all_parts_of_one_object_by_hand():
    raw, batch = one_object()
    losses = yolact_losses(raw, batch, Matching(), LossConfig())
    values = {name: value.item() for name, value in losses.items()}
    assert values == pytest.approx(
        {
            "class": 2 * math.log(3),
            # Smooth L1: half the square of 0.5, and 2 less a half.
            "box": 1.5 * (0.125 + 1.5),
            "mask": 6.125 * 36 * math.log(2) / 16,
            "semantic": 2 * math.log(2),
        },
        rel=1e-5,
    )


def test_parts_are_per_positive_anchor_and_semantics_per_image():
    raw, batch = one_object()
    twice = RawPredictions(
        *(p if name == "anchors" else torch.cat((p, p)) for name, p in raw._asdict().items())
    )
    double = Batch(*(torch.cat((part, part)) for part in batch))
    once = yolact_losses(raw, batch, Matching(), LossConfig())
    both = yolact_losses(twice, double, Matching(), LossConfig())
    assert {k: v.item() for k, v in both.items()} == pytest.approx(
        {k: v.item() for k, v in once.items()}, rel=1e-5
    )


@pytest.mark.parametrize(
    ("box_loss", "names"), [("smooth_l1", {"box"}), ("giou", {"giou"}), ("both", {"box", "giou"})]
)
def test_the_box_loss_is_chosen_by_the_recipe(box_loss, names):
    raw, batch = one_object()
    losses = yolact_losses(raw, batch, Matching(), LossConfig(box_loss=box_loss))
    assert losses.keys() & {"box", "giou"} == names


def test_masks_beyond_the_limit_are_left_out_and_the_rest_weighs_for_them():
    raw, batch = one_object()
    anchors = raw.anchors[:1].expand(6, 4)
    many = raw._replace(
        anchors=anchors,
        box_regression=torch.zeros(1, 6, 4),
        class_logits=torch.zeros(1, 6, 3),
        coefficients=torch.zeros(1, 6, 4, requires_grad=True),
    )
    full = yolact_losses(many, batch, Matching(), LossConfig())["mask"]
    generator = torch.Generator().manual_seed(0)
    part = yolact_losses(many, batch, Matching(), LossConfig(masks_per_image=2), generator)["mask"]
    assert part.item() == pytest.approx(full.item(), rel=1e-5)
    part.backward()
    assert (many.coefficients.grad.abs().sum(dim=2) > 0).sum() == 2


def test_a_batch_without_objects_has_finite_losses_and_gradients():
    raw, batch = one_object()
    empty = batch._replace(
        boxes=torch.zeros(0, 4),
        class_ids=torch.zeros(0, dtype=torch.int64),
        masks=torch.zeros(0, 8, 8, dtype=torch.uint8),
        counts=torch.tensor([0]),
    )
    leaves = {name: part.clone().requires_grad_(name != "anchors") for name, part in raw._asdict().items()}
    losses = yolact_losses(RawPredictions(**leaves), empty, Matching(best_k=9), LossConfig(box_loss="both"))
    total = torch.stack(list(losses.values())).sum()
    total.backward()
    assert torch.isfinite(total)
    assert losses["class"].item() == losses["mask"].item() == 0


def test_mask_rescoring_learns_only_from_masks_of_more_than_25_cells():
    raw, batch = one_object()
    losses = yolact_losses(raw, batch, Matching(), LossConfig(), mask_iou_net=_Constant())
    assert losses["mask_iou"].item() == 0
    larger = F.interpolate(batch.masks[None], scale_factor=2)[0]
    raw = raw._replace(prototypes=torch.ones(1, 16, 16, 4), coefficients=torch.full((1, 2, 4), 0.1))
    losses = yolact_losses(
        raw, batch._replace(masks=larger), Matching(), LossConfig(), mask_iou_net=_Constant()
    )
    # The mask fills the box widened by a cell: 64 cells of 100; class 1 is expected at 0.1.
    assert losses["mask_iou"].item() == pytest.approx(25 * (0.64 - 0.1) ** 2 / 2, rel=1e-4)
