import pytest
import torch

from yolact_temporal.yolact.boxes import corners_to_centers
from yolact_temporal.yolact.training.matching import BACKGROUND, IGNORED, match_anchors
from yolact_temporal.yolact.training.recipe import Matching

NONE = torch.zeros(0, 4)


def boxes(*rows):
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)


def match(anchors, truth, classes, crowds=NONE, **config):
    return match_anchors(
        corners_to_centers(anchors), truth, torch.tensor(classes), crowds, Matching(**config)
    )


# One object on the unit square's left half; anchors of the same height, so that IoU is that of their widths.
OBJECT = boxes((0.0, 0.0, 0.5, 1.0))


@pytest.mark.parametrize(
    ("right", "iou", "label"),
    [
        (0.5, 1.0, 3),
        (0.26, 0.52, 3),
        (0.24, 0.48, IGNORED),
        (0.21, 0.42, IGNORED),
        (0.19, 0.38, BACKGROUND),
    ],
)
def test_labels_follow_the_published_thresholds(right, iou, label):
    # The first anchor is claimed as the best; the second shows the rule.
    result = match(boxes((0, 0, 0.5, 1), (0, 0, right, 1)), OBJECT, [2])
    assert result.labels.tolist() == [3, label]
    assert result.overlaps[1] == pytest.approx(iou, abs=1e-6)


def test_each_object_claims_its_best_anchor_however_far():
    result = match(boxes((0, 0, 0.1, 1), (0.6, 0, 0.7, 1), (0.8, 0, 0.9, 1)), OBJECT, [0])
    assert result.labels.tolist() == [1, BACKGROUND, BACKGROUND]


def test_objects_that_share_a_best_anchor_get_one_each():
    # Both objects are nearest to anchor 0, object 1 more so; object 0 falls back to anchor 1.
    truth = boxes((0, 0, 0.5, 1), (0, 0, 0.42, 1))
    result = match(boxes((0, 0, 0.4, 1), (0.1, 0, 0.5, 0.5), (0.9, 0.9, 1, 1)), truth, [0, 1])
    assert result.labels.tolist() == [2, 1, BACKGROUND]
    assert result.objects[:2].tolist() == [1, 0]


def test_an_image_without_objects_is_all_background():
    result = match(boxes((0, 0, 1, 1), (0, 0, 0.5, 0.5)), NONE, [])
    assert result.labels.tolist() == [BACKGROUND, BACKGROUND]


@pytest.mark.parametrize(("right", "label"), [(0.71, IGNORED), (0.69, BACKGROUND)])
def test_background_anchors_mostly_in_a_crowd_are_ignored(right, label):
    # Overlap is intersection over the anchor's own area: the crowd's size does not matter.
    anchors = boxes((0, 0, 1, 0.1))
    for crowd in (boxes((0, 0, right, 1)), boxes((0, 0, right, 0.1))):
        assert match(anchors, NONE, [], crowd).labels.tolist() == [label]


def test_an_object_in_a_crowd_stays_an_object():
    result = match(boxes((0, 0, 0.5, 1)), OBJECT, [0], boxes((0, 0, 1, 1)))
    assert result.labels.tolist() == [1]


def test_best_k_adds_the_nearest_anchors_above_its_threshold():
    rights = (0.5, 0.24, 0.22, 0.18, 0.12, 0.08)
    anchors = boxes(*((0, 0, right, 1) for right in rights))
    single = match(anchors, OBJECT, [0])
    assert single.labels.tolist() == [1, IGNORED, IGNORED, 0, 0, 0]
    three = match(anchors, OBJECT, [0], best_k=3)
    assert three.labels.tolist() == [1, 1, 1, 0, 0, 0]
    nine = match(anchors, OBJECT, [0], best_k=9, best_k_iou=0.2)
    assert nine.labels.tolist() == [1, 1, 1, 1, 1, 0]


def test_best_k_takes_only_anchors_centred_in_the_box():
    anchors = boxes((0, 0, 0.5, 1), (0.3, 0, 0.8, 1), (0.2, 0, 0.7, 1))
    assert match(anchors, OBJECT, [0], best_k=9).labels.tolist() == [1, 0, 1]
    assert match(anchors, OBJECT, [0], best_k=9, center_inside=False).labels.tolist() == [1, 1, 1]


def test_an_anchor_claimed_twice_goes_to_the_nearer_object_but_none_loses_its_nearest():
    truth = boxes((0, 0, 0.5, 1), (0, 0, 0.3, 1))
    anchors = boxes((0, 0, 0.48, 1), (0, 0, 0.38, 1), (0, 0, 0.32, 1))
    assert match(anchors, truth, [0, 1], best_k=3).objects.tolist() == [0, 1, 1]
    # Object 1's nearest anchor is nearer to object 0, which has a better one.
    anchors = boxes((0, 0, 0.5, 1), (0, 0, 0.45, 1))
    result = match(anchors, boxes((0, 0, 0.5, 1), (0.3, 0, 0.45, 1)), [0, 1], best_k=3)
    assert result.objects.tolist() == [0, 1]


def test_best_k_leaves_alone_an_object_that_touches_no_anchor():
    result = match(boxes((0.8, 0, 0.9, 1)), OBJECT, [0], best_k=3)
    assert result.labels.tolist() == [BACKGROUND]
