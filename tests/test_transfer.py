"""What leaves a device as packed bits is what was found there, and fixed slots hold what counting finds."""

from functools import cache

import numpy as np
import pytest
import torch
from devices import devices

from yolact_temporal.data.instances import Instances
from yolact_temporal.yolact import YolactSegmenter, build_yolact
from yolact_temporal.yolact.detect import detect
from yolact_temporal.yolact.families.mask_rcnn.paste import paste_by_matrices, pasted
from yolact_temporal.yolact.transfer import Found, leaving, mask_rectangles, packed_bits

device = pytest.mark.parametrize("device", devices())
RNG = np.random.default_rng(0)


def found(count, size, device="cpu"):
    """`count` random masks in rectangles of their own, the first empty, the second the whole frame."""
    height, width = size
    masks = np.zeros((count, *size), np.bool_)
    for index in range(2, count):
        y1, x1 = RNG.integers(0, height - 2), RNG.integers(0, width - 2)
        y2, x2 = RNG.integers(y1 + 1, height), RNG.integers(x1 + 1, width)
        masks[index, y1:y2, x1:x2] = RNG.random((y2 - y1, x2 - x1)) > 0.4
    masks[1:2] = True
    parts = (RNG.random((count, 4), np.float32), np.sort(RNG.random(count, np.float32))[::-1].copy())
    classes = RNG.integers(0, 80, count)
    return Found(*(torch.from_numpy(part).to(device) for part in (*parts, classes, masks)))


@device
@pytest.mark.parametrize("size", [(13, 16), (9, 21), (4, 7)])
@pytest.mark.parametrize("counts", [(6, 3), (0, 5), (0, 0), (1,)])
def test_packed_masks_arrive_as_they_were(device, size, counts):
    batch = [found(count, size, device) for count in counts]
    arrived = leaving(batch, size)()
    assert arrived == [own.instances() for own in batch]
    for instances, own in zip(arrived, batch, strict=True):
        np.testing.assert_array_equal(instances.bitmaps(), own.masks.cpu().numpy())
        assert [crop.area for crop in instances.crops] == own.masks.sum(dim=(1, 2)).tolist()


@device
def test_slots_in_which_there_is_nothing_do_not_arrive(device):
    own = found(5, (13, 16), device)
    scores = own.scores.clone()
    scores[2:] = -1
    (arrived,) = leaving([own._replace(scores=scores)], (13, 16))()
    assert arrived == own.instances().select([0, 1])


def test_bits_and_rectangles_by_hand():
    mask = torch.zeros(1, 2, 10, dtype=torch.bool)
    mask[0, 1, [1, 7, 9]] = True
    assert packed_bits(mask).tolist() == [[[0, 0], [0b01000001, 0b01000000]]]
    assert mask_rectangles(mask).tolist() == [[1, 1, 10, 2]]


def network(name):
    torch.manual_seed(0)
    model = build_yolact(name)
    # Untrained scores are too even to detect anything.
    model.prediction_layers[0].conf_layer.weight.data.mul_(20)
    return model


@cache
def outputs_for_two_images(device):
    """What the network gives for noise and for a plain image, computed once for all tests."""
    generator = torch.Generator().manual_seed(1)
    with torch.inference_mode():
        images = torch.randn(2, 3, 384, 384, generator=generator).to(device)
        images[1] = 0
        return network("yolact_compact").to(device)(images)


@pytest.mark.slow
@device
@pytest.mark.parametrize("nms", ["fast", "cross-class"])
@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("rescored", [False, True])
def test_fixed_slots_hold_what_counting_finds(device, nms, threshold, rescored):
    def rescore(masks):
        """Expect another IoU of every mask, at times more than 1."""
        return masks.mean(dim=(1, 2, 3))[:, None].expand(-1, 3) * 40

    with torch.inference_mode():
        arguments = (outputs_for_two_images(device), nms, threshold, rescore if rescored else None)
        counted, slots = detect(*arguments), detect(*arguments, fixed_slots=True)
    assert len({len(one.scores) for one in slots}) == 1
    for expected, own in zip(counted, slots, strict=True):
        count = len(expected.scores)
        assert (own.scores[count:] < 0).all()
        for first, second in zip(expected, own, strict=True):
            torch.testing.assert_close(second[:count], first)


@pytest.mark.slow
def test_frames_that_are_launched_one_after_the_other_are_seen_as_before():
    segmenter = YolactSegmenter(network("yolact_compact"), score_threshold=0)
    frames = RNG.integers(0, 256, (2, 40, 50, 3), np.uint8)
    waiting = [segmenter.launch(frames[index : index + 1]) for index in (0, 1)]
    first, second = (collect()[0] for collect in waiting)
    assert isinstance(first, Instances)
    assert first != second
    assert [first] == segmenter.segment(frames[:1])


def test_pasting_by_matrices_is_torchvisions_pasting_but_for_rounding():
    generator = torch.Generator().manual_seed(0)
    masks = torch.rand(40, 28, 28, generator=generator)
    corners = torch.rand(40, 2, generator=generator) * 140 - 20
    sides = torch.rand(40, 2, generator=generator) ** 3 * 120
    boxes = torch.cat((corners, corners + sides), dim=1)
    boxes[0] = torch.tensor([30.0, 30, 30, 30])  # of no extent
    size = (97, 131)
    boxes = torch.minimum(boxes.clamp(min=0), torch.tensor([131.0, 97, 131, 97]))  # as networks clip them
    one_by_one, at_once = pasted(masks, boxes, size), paste_by_matrices(masks, boxes, size)
    assert one_by_one.any(dim=(1, 2)).float().mean() > 0.5
    differing = one_by_one != (at_once > 0.5)
    assert differing.float().mean() < 1e-5
    assert ((at_once[differing] - 0.5).abs() < 1e-4).all()
