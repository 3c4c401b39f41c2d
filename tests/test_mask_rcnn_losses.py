"""The losses of Mask R-CNN and Mask Scoring R-CNN: what is learnt of what, and what is left alone."""

import csv
from dataclasses import replace

import pytest
import torch
from shapes import CLASS_NAMES, write_shapes
from torch.nn.functional import binary_cross_entropy_with_logits

from yolact_temporal.data.coco import CocoDataset
from yolact_temporal.yolact.families import recipe_for, trainee_for
from yolact_temporal.yolact.families.mask_rcnn import BASELINES, build_mask_rcnn
from yolact_temporal.yolact.families.mask_rcnn import losses as module
from yolact_temporal.yolact.families.mask_rcnn.losses import Regions, Truth
from yolact_temporal.yolact.families.mask_rcnn.network import Proposals, RegionMasks
from yolact_temporal.yolact.training import TrainingOptions, train
from yolact_temporal.yolact.training.batches import training_loader
from yolact_temporal.yolact.training.recipe import Schedule
from yolact_temporal.yolact.weights import load_weights
from yolact_temporal.yolact.weights.checkpoint import read_state


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build_mask_rcnn("mask_scoring_rcnn_compact", 64).train()


def truth(boxes=((8.0, 8, 40, 40),), labels=(1,), crowd=(), known=(True, True, True), side=64):
    boxes = torch.tensor(boxes, dtype=torch.float32).view(-1, 4)
    masks = torch.zeros(len(boxes), side, side, dtype=torch.uint8)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.int().tolist(), strict=True):
        mask[y1:y2, x1:x2] = 1
    return Truth(
        boxes,
        torch.tensor(labels, dtype=torch.int64),
        masks,
        torch.tensor(crowd, dtype=torch.float32).view(-1, 4),
        torch.tensor(known),
    )


def no_choice(network, monkeypatch):
    """Let sampling take every region that it may."""
    monkeypatch.setattr(
        network.roi_heads, "subsample", lambda labels: [torch.where(label >= 0)[0] for label in labels]
    )


class TestRegions:
    PROPOSALS = torch.tensor([[8.0, 8, 40, 41], [50, 50, 60, 60], [0, 0, 12, 12]])

    def test_regions_take_the_object_they_overlap_or_the_background(self, network, monkeypatch):
        no_choice(network, monkeypatch)
        (found,) = module.sample_regions(network, [self.PROPOSALS], [truth(labels=(3,))])
        # the true box itself is proposed too
        assert found.labels.tolist() == [3, 0, 0, 3]
        assert found.objects[[0, 3]].tolist() == [0, 0]

    def test_background_in_a_crowd_is_left_out(self, network, monkeypatch):
        no_choice(network, monkeypatch)
        (found,) = module.sample_regions(network, [self.PROPOSALS], [truth(crowd=((45.0, 45, 64, 64),))])
        assert found.labels.tolist() == [1, 0, 1]
        assert found.boxes[1].tolist() == [0, 0, 12, 12]

    def test_an_image_without_objects_has_background_alone(self, network, monkeypatch):
        no_choice(network, monkeypatch)
        (found,) = module.sample_regions(network, [self.PROPOSALS], [truth((), ())])
        assert found.labels.tolist() == [0, 0, 0]

    def test_a_region_without_an_object_may_be_of_any_class_that_is_unknown(self, network):
        regions = [Regions(self.PROPOSALS[1:2], torch.tensor([0]), torch.tensor([0]))]
        logits = torch.tensor([[0.0, 0.0, 9.0, 0.0]])  # certain of the second class
        regression = torch.zeros(1, 16)
        for known, expected in (((True, False, True), 0.0), ((True, True, True), 9.0)):
            losses = module.region_losses(network, logits, regression, regions, [truth((), (), known=known)])
            assert losses["class"].item() == pytest.approx(expected, abs=0.01)
            assert losses["box"].item() == 0

    def test_the_box_loss_is_of_the_true_class_and_zero_for_the_true_box(self, network):
        image = truth(labels=(2,))
        regions = [Regions(image.boxes, image.labels, torch.tensor([0]))]
        regression = torch.full((1, 16), 7.0)
        regression[:, 8:12] = 0
        losses = module.region_losses(network, torch.zeros(1, 4), regression, regions, [image])
        assert losses["box"].item() == 0
        assert losses["class"].item() == pytest.approx(torch.tensor(4.0).log().item())


class TestProposals:
    ANCHORS = torch.tensor([[8.0, 8, 40, 40], [50, 50, 60, 60], [0, 20, 10, 30]])

    def loss(self, network, objectness, image):
        proposals = Proposals([], objectness.view(-1, 1), torch.zeros(3, 4), [self.ANCHORS])
        torch.manual_seed(0)
        return module.proposal_losses(network, proposals, [image])

    def test_objects_and_background_are_told_apart(self, network):
        right = torch.tensor([9.0, -9.0, -9.0])
        assert self.loss(network, right, truth())["objectness"].item() == pytest.approx(0, abs=1e-3)
        assert self.loss(network, -right, truth())["objectness"].item() == pytest.approx(9, abs=1e-2)
        assert self.loss(network, right, truth())["proposal_box"].item() == 0

    def test_where_a_class_is_unknown_nothing_is_background(self, network):
        everything = torch.tensor([9.0, 9.0, 9.0])
        known = self.loss(network, everything, truth())["objectness"].item()
        unknown = self.loss(network, everything, truth(known=(True, True, False)))["objectness"].item()
        assert known == pytest.approx(6, abs=1e-2)
        assert unknown == pytest.approx(0, abs=1e-3)

    def test_a_crowd_is_not_background(self, network):
        everything = torch.tensor([9.0, 9.0, -9.0])
        image = truth(crowd=((45.0, 45, 64, 64),))
        assert self.loss(network, everything, image)["objectness"].item() == pytest.approx(0, abs=1e-3)


class TestMasks:
    def test_targets_are_the_true_mask_inside_the_region(self):
        # the object is the left half of the region
        regions = [Regions(torch.tensor([[8.0, 8, 72, 40]]), torch.tensor([1]), torch.tensor([0]))]
        target = module.mask_targets(regions, [truth(side=80)], 28)
        assert target.shape == (1, 28, 28)
        # pooled as torchvision does, half a pixel aside, so that the cells on the object's edge may fall either way
        assert (target[0, :, :13] > 0.5).all()
        assert (target[0, :, 14:] < 0.5).all()

    def test_the_mask_loss_is_of_the_true_class(self):
        logits = torch.zeros(1, 4, 2, 2)
        logits[0, 2] = torch.tensor([[3.0, -3.0], [3.0, -3.0]])
        target = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
        loss = module._mask_loss(logits, torch.tensor([2]), target)
        assert loss.item() == pytest.approx(binary_cross_entropy_with_logits(logits[:, 2], target).item())
        assert loss.item() < 0.05
        assert module._mask_loss(logits[:0], torch.tensor([], dtype=torch.int64), target[:0]).item() == 0


class TestMaskIou:
    """The regression target of mask scoring, worked by hand."""

    @pytest.mark.parametrize(
        ("predicted", "target", "seen", "expected"),
        [
            ([1, 1, 0, 0], [1, 1, 0, 0], 1.0, 1.0),
            ([1, 1, 1, 0], [1, 1, 0, 0], 1.0, 2 / 3),
            ([0, 0, 1, 1], [1, 1, 0, 0], 1.0, 0.0),
            # half of the object lies outside of the region: two more cells of it are missed
            ([1, 1, 0, 0], [1, 1, 0, 0], 0.5, 2 / 4),
            ([1, 1, 1, 0], [1, 1, 0, 0], 0.5, 2 / 5),
            ([0, 0, 0, 0], [1, 1, 0, 0], 1.0, 0.0),
            ([0, 0, 0, 0], [0, 0, 0, 0], 1.0, 0.0),
        ],
    )
    def test_by_hand(self, predicted, target, seen, expected):
        masks = (torch.tensor([cells], dtype=torch.bool).view(1, 2, 2) for cells in (predicted, target))
        found = module.mask_iou_target(*masks, torch.tensor([seen]))
        assert found.item() == pytest.approx(expected, abs=1e-6)

    def test_the_share_of_an_object_inside_its_region(self):
        image = truth(side=80)  # 32 x 32 from (8, 8)
        boxes = torch.tensor([[0.0, 0, 60, 60], [8, 8, 24, 40], [8, 8, 24, 24]])
        regions = [Regions(boxes, torch.tensor([1, 1, 1]), torch.tensor([0, 0, 0]))]
        shares = module._seen_share(regions, [image])
        torch.testing.assert_close(shares, torch.tensor([1.0, 0.5, 0.25]), atol=0.06, rtol=0)

    def test_the_loss_is_the_squared_error_for_the_true_class_and_reaches_the_head_alone(self, network):
        head = network.roi_heads.maskiou
        channels = network.backbone.out_channels
        features = torch.randn(2, channels, 14, 14, requires_grad=True)
        logits = torch.full((2, 4, 28, 28), 5.0, requires_grad=True)
        targets = torch.ones(2, 28, 28)
        targets[1, :, 14:] = 0
        labels = torch.tensor([1, 3])
        loss = module.mask_iou_l2(head, RegionMasks(features, logits), labels, targets, torch.ones(2))
        with torch.no_grad():
            guess = head(features, logits[:, :1].sigmoid())[[0, 1], labels]
        expected = ((guess - torch.tensor([1.0, 0.5])) ** 2).mean()
        assert loss.item() == pytest.approx(expected.item(), rel=1e-4)
        loss.backward()
        assert features.grad is None
        assert logits.grad is None
        assert head.predictor.maskiou.weight.grad[[1, 3]].abs().sum() > 0
        assert head.predictor.maskiou.weight.grad[[0, 2]].abs().sum() == 0
        network.zero_grad()

    def test_without_an_object_there_is_nothing_to_learn(self, network):
        channels = network.backbone.out_channels
        masks = RegionMasks(torch.zeros(0, channels, 14, 14), torch.zeros(0, 4, 28, 28))
        nothing = torch.zeros(0, dtype=torch.int64)
        loss = module.mask_iou_l2(
            network.roi_heads.maskiou, masks, nothing, torch.zeros(0, 28, 28), torch.zeros(0)
        )
        assert loss.item() == 0


def options(tmp_path, model, **changes):
    annotations = tmp_path / "annotations.json"
    if not annotations.exists():
        write_shapes(tmp_path, 6)
    recipe = replace(
        recipe_for(model), batch_size=2, iterations=4, schedule=Schedule(kind="cosine", warmup=1)
    )
    defaults = {
        "annotations": annotations,
        "images": tmp_path,
        "output": tmp_path / "run",
        "recipe": recipe,
        "input_size": 64,
        "checkpoint_every": 2,
        "log_every": 1,
        "workers": 0,
        "device": "cpu",
        "progress": False,
    }
    return TrainingOptions(model=model, **(defaults | changes))


def losses(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return [
            {key: value for key, value in row.items() if key not in ("time_s", "images_per_s")}
            for row in csv.DictReader(file)
        ]


@pytest.mark.slow
def test_a_stopped_and_resumed_run_has_the_losses_of_an_unbroken_one(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(options(tmp_path, "mask_rcnn_compact", output=whole))
    assert not train(options(tmp_path, "mask_rcnn_compact", output=broken, max_minutes=1e-9)).finished
    assert train(options(tmp_path, "mask_rcnn_compact", output=broken, resume=True)).finished
    assert losses(broken) == losses(whole)
    assert len(losses(whole)) == 4
    assert set(losses(whole)[0]) >= {
        "loss_objectness",
        "loss_proposal_box",
        "loss_class",
        "loss_box",
        "loss_mask",
    }


@pytest.mark.slow
def test_mask_scoring_trains_its_head_and_leaves_the_rest_as_it_was(tmp_path):
    model = build_mask_rcnn("mask_rcnn_compact")
    load_weights("mask_rcnn_compact", model)
    torch.save(model.state_dict(), tmp_path / "base.pth")
    train(options(tmp_path, "mask_scoring_rcnn_compact", init_weights=tmp_path / "base.pth"))
    after = read_state(tmp_path / "run/last.pt")
    prefix = "roi_heads.maskiou."
    assert {key for key in after if not key.startswith(prefix)} == set(model.state_dict())
    for key, value in model.state_dict().items():
        assert torch.equal(after[key], value), key
    (first, *_, last) = [row["loss_mask_iou"] for row in losses(tmp_path / "run")]
    assert float(first) > 0
    assert first != last
    assert losses(tmp_path / "run")[0]["loss_mask"] == ""


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("name", [name for name in BASELINES if "resnet" in name])
def test_a_published_architecture_takes_a_step_of_its_own_recipe(tmp_path, name):
    write_shapes(tmp_path, 2)
    trainee = trainee_for(name, 64)
    config = replace(trainee.config, class_names=CLASS_NAMES)
    trainee = trainee_for(config, 64)
    torch.manual_seed(0)
    network = trainee.build().train()
    data = CocoDataset(tmp_path / "annotations.json", tmp_path, CLASS_NAMES)
    recipe = replace(recipe_for(name), batch_size=2)
    sizes = [(0, trainee.target_sizes(network, 64))]
    loader = training_loader(data, recipe, sizes, seed=0, start=0, workers=0)
    parts = trainee.losses(network, next(iter(loader)), recipe, seed=0)
    assert set(parts) == {"objectness", "proposal_box", "class", "box", "mask"} | (
        {"mask_iou"} if "scoring" in name else set()
    )
    total = sum(parts.values())
    assert torch.isfinite(total)
    total.backward()
    reached = [key for key, value in network.named_parameters() if value.grad is not None]
    assert any(key.startswith("backbone.body") for key in reached)
    assert any(key.startswith("roi_heads.mask_head") for key in reached)


@pytest.mark.slow
@pytest.mark.thorough
def test_shapes_are_learnt_by_heart(tmp_path):
    """A few images, seen again and again, are told apart ever better."""
    recipe = replace(
        recipe_for("mask_rcnn_compact"),
        batch_size=4,
        iterations=30,
        augmentation="none",
        schedule=Schedule(kind="cosine", warmup=3),
    )
    train(options(tmp_path, "mask_rcnn_compact", recipe=recipe, input_size=128))
    totals = [float(row["loss"]) for row in losses(tmp_path / "run")]
    assert sum(totals[-5:]) < 0.6 * sum(totals[:5])
