"""The losses of FCIS: what is learnt of what, and what is left alone."""

from dataclasses import replace

import fcis_reference as reference
import numpy as np
import pytest
import torch
from shapes import write_shapes
from training_runs import losses, options

from yolact_temporal.yolact.families import recipe_for, trainee_for
from yolact_temporal.yolact.families.fcis import build_fcis
from yolact_temporal.yolact.families.fcis import losses as module
from yolact_temporal.yolact.families.fcis.config import BINS, GROUPS
from yolact_temporal.yolact.families.fcis.losses import Targets
from yolact_temporal.yolact.families.fcis.pooling import PositionMaps
from yolact_temporal.yolact.families.mask_rcnn.losses import Truth
from yolact_temporal.yolact.training import train
from yolact_temporal.yolact.training.recipe import Schedule

PROPOSALS = torch.tensor([[8.0, 8, 40, 41], [50, 50, 60, 60], [0, 0, 12, 12], [8, 8, 24, 40]])


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build_fcis("fcis_compact", 64).train()


def truth(boxes=((8.0, 8, 40, 40),), labels=(1,), crowd=(), known=(True, True, True), side=64):
    boxes = torch.tensor(boxes, dtype=torch.float32).view(-1, 4)
    masks = torch.zeros(len(boxes), side, side, dtype=torch.uint8)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.int().tolist(), strict=True):
        mask[y1:y2, x1:x2] = 1
    crowds = torch.tensor(crowd, dtype=torch.float32).view(-1, 4)
    return Truth(boxes, torch.tensor(labels, dtype=torch.int64), masks, crowds, torch.tensor(known))


class TestTargets:
    def test_a_region_is_of_the_object_that_it_overlaps_by_half(self, network):
        found = module.targets_of(network, PROPOSALS, truth(labels=(3,)))
        # the true box itself is proposed too; a half of the object overlaps it by half
        assert found.labels.tolist() == [3, 0, 0, 3, 3]
        assert found.offsets[4].abs().max().item() == pytest.approx(0, abs=1e-6)
        assert found.masks[4].mean() > 0.9
        assert 0.9 < found.masks[3].mean() <= 1
        expected = np.array([(24 - 16) / 16 / 0.2, 0, np.log(2) / 0.5, 0])
        np.testing.assert_allclose(found.offsets[3], expected, atol=1e-5)

    def test_the_mask_of_a_region_is_its_objects_inside(self, network):
        wide = torch.tensor([[8.0, 8, 52, 40]])
        found = module.targets_of(network, wide, truth())
        assert found.labels.tolist() == [1, 1]
        mask = found.masks[0].view(BINS, BINS)
        assert (mask[1:-1, 1:14] == 1).all()
        assert (mask[:, 17:] == 0).all()

    def test_background_in_a_crowd_is_ignored(self, network):
        found = module.targets_of(network, PROPOSALS, truth(crowd=((45.0, 45, 64, 64),)))
        assert found.labels.tolist() == [1, -1, 0, 1, 1]

    def test_an_image_without_objects_has_background_alone(self, network):
        assert module.targets_of(network, PROPOSALS, truth((), ())).labels.tolist() == [0, 0, 0, 0]

    @pytest.mark.parametrize(
        ("most", "expected"), [(2, [40.0, 30.0]), (3, [40.0, 30.0, 20.0]), (9, [40.0, 30.0, 20.0])]
    )
    def test_the_hardest_are_learnt_from_and_none_that_is_ignored(self, most, expected):
        boxes = torch.tensor([[0.0, 0, cost, cost] for cost in (20, 50, 40, 30)])
        targets = Targets(boxes, torch.tensor([0, -1, 2, 0]), boxes, boxes, torch.ones(3, dtype=torch.bool))
        found = module.hardest_regions(boxes[:, 2], targets, most)
        assert found.boxes[:, 2].tolist() == expected


class TestRegionLosses:
    def losses(self, maps, targets):
        return module.region_losses(PositionMaps(maps[None]), [targets])

    def targets(self, labels, known=(True, True, True)):
        boxes = torch.tensor([[0.0, 0, 64, 64]] * len(labels))
        half = torch.zeros(BINS, BINS)
        half[:, :10] = 1
        return Targets(
            boxes,
            torch.tensor(labels),
            torch.full((len(labels), 4), 0.25),
            half.flatten().expand(len(labels), -1),
            torch.tensor(known),
        )

    def test_they_are_the_papers_by_the_reference(self):
        maps = torch.randn(16 * GROUPS**2, 4, 4, generator=torch.Generator().manual_seed(1)) * 2
        found = self.losses(maps, self.targets([2, 0]))
        probabilities, offsets, masks = reference.read(maps.double().numpy(), (0, 0, 64, 64), 3)
        np.testing.assert_allclose(found.classes, -np.log(probabilities[[2, 0]]), atol=1e-4)
        wanted = np.zeros((BINS, BINS))
        wanted[:, :10] = 1
        right = np.where(wanted > 0, masks[2], 1 - masks[2])
        np.testing.assert_allclose(found.masks, [-np.log(right).mean(), 0], atol=1e-4)
        apart = np.abs(offsets - 0.25)
        smooth = np.where(apart < 1, apart**2 / 2, apart - 0.5).sum()
        np.testing.assert_allclose(found.boxes, [smooth, 0], atol=1e-4)
        np.testing.assert_allclose(
            found.weighed()[0], found.classes[0] + found.boxes[0] + 10 * found.masks[0]
        )

    def test_background_may_be_of_any_class_that_is_unknown(self):
        maps = torch.zeros(16 * GROUPS**2, 4, 4)
        maps[(2 * 2 + 1) * GROUPS**2 : (2 * 2 + 2) * GROUPS**2] = 9  # certain of the second class
        for known, expected in (((True, False, True), 0.0), ((True, True, True), 9.0)):
            found = self.losses(maps, self.targets([0], known))
            assert found.classes.item() == pytest.approx(expected, abs=0.01)


def test_a_step_reaches_every_trained_weight(tmp_path, network):
    from yolact_temporal.data.coco import CocoDataset
    from yolact_temporal.yolact.training.batches import training_loader

    annotations = write_shapes(tmp_path, 2)
    trainee, recipe = trainee_for("fcis_compact", 64), replace(recipe_for("fcis_compact"), batch_size=2)
    dataset = CocoDataset(annotations, tmp_path, trainee.config.class_names)
    sizes = [(0, trainee.target_sizes(network, 64))]
    batch = next(iter(training_loader(dataset, recipe, sizes, seed=0, start=0, workers=0)))
    first, second = (trainee.losses(network, batch, recipe, seed=3) for _ in range(2))
    assert set(first) == {"objectness", "proposal_box", "class", "box", "mask"}
    assert {key: value.item() for key, value in first.items()} == {
        key: value.item() for key, value in second.items()
    }
    sum(first.values()).backward()
    missed = {
        name
        for name, weight in network.named_parameters()
        if weight.grad is None or not weight.grad.abs().sum() > 0
    }
    network.zero_grad()
    assert not missed


@pytest.mark.slow
@pytest.mark.thorough
def test_a_stopped_and_resumed_run_has_the_losses_of_an_unbroken_one(tmp_path):
    recipe = replace(
        recipe_for("fcis_compact"), batch_size=2, iterations=4, schedule=Schedule(kind="cosine", warmup=1)
    )
    own = {"model": "fcis_compact", "recipe": recipe, "checkpoint_every": 2}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(options(tmp_path, output=whole, **own))
    assert not train(options(tmp_path, output=broken, max_minutes=1e-9, **own)).finished
    assert train(options(tmp_path, output=broken, resume=True, **own)).finished
    assert losses(broken) == losses(whole)
    assert len(losses(whole)) == 4


@pytest.mark.slow
@pytest.mark.thorough
def test_shapes_are_learnt_by_heart(tmp_path):
    """A few images, seen again and again, are told apart ever better."""
    recipe = replace(
        recipe_for("fcis_compact"),
        batch_size=4,
        iterations=30,
        augmentation="none",
        freeze_norms="none",
        frozen_stages=0,
        schedule=Schedule(kind="cosine", warmup=3),
    )
    train(options(tmp_path, model="fcis_compact", recipe=recipe, input_size=128))
    totals = [float(row["loss"]) for row in losses(tmp_path / "run")]
    assert sum(totals[-5:]) < 0.6 * sum(totals[:5])
