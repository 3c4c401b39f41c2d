"""J, F, T, dtSSD, VC and the box errors: what the published implementations say, and what degenerate masks give."""

import itertools
import math

import cv2
import davis
import numpy as np
import pytest
from masks import disk, rectangle
from series import box_errors, dtssd_of, video_consistency

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.temporal.metrics.box_stability import (
    MIN_MATCHED,
    box_iou,
    mask_box,
    mean_box_errors,
    worst_errors,
)
from yolact_temporal.temporal.metrics.region import (
    TOLERANCE,
    boundary_f,
    region_iou,
    sequence_statistics,
)
from yolact_temporal.temporal.metrics.truth_consistency import (
    VideoConsistency,
    dtssd,
)

SIZE = (40, 60)


def bitmap(*boxes):
    """The union of rectangles (x1, y1, x2, y2)."""
    return np.any([rectangle(SIZE, *box) for box in boxes] or [np.zeros(SIZE, bool)], axis=0)


EMPTY = bitmap()
PIXEL = bitmap((20, 10, 21, 11))
BLOCK = bitmap((10, 8, 30, 28))
AT_BORDER = bitmap((40, 20, 60, 40))
WHOLE = np.ones(SIZE, bool)
PARTS = bitmap((5, 5, 15, 15), (30, 20, 50, 35), (20, 2, 21, 3))
HOLED = BLOCK & ~bitmap((15, 12, 24, 24))
DIAGONAL = bitmap((10, 10, 20, 20), (20, 20, 30, 30))
SHAPES = {
    "empty": EMPTY,
    "pixel": PIXEL,
    "block": BLOCK,
    "at_border": AT_BORDER,
    "whole": WHOLE,
    "parts": PARTS,
    "holed": HOLED,
    "diagonal": DIAGONAL,
    "disk": disk(SIZE, 30.3, 20.1, 12),
}


def crop(mask):
    return MaskCrop.from_bitmap(mask)


def slow_boundary_f(mask, truth):
    """F from the whole frame: both boundaries dilated by the whole disc."""
    height, width = mask.shape
    radius = math.ceil(TOLERANCE * math.hypot(height, width))
    disc = cv2.getStructuringElement(cv2.MORPH_RECT, (2 * radius + 1,) * 2)
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc[rows**2 + columns**2 > radius**2] = 0
    edges = []
    for part in (mask.astype(np.uint8), truth.astype(np.uint8)):
        edge = np.zeros_like(part)
        for y in range(height):
            for x in range(width):
                below, right = min(y + 1, height - 1), min(x + 1, width - 1)
                edge[y, x] = len({part[y, x], part[below, x], part[y, right], part[below, right]}) > 1
        edges.append(edge)
    found, true = edges
    if not found.any() or not true.any():
        return float(found.any() == true.any())
    precision = (found & cv2.dilate(true, disc)).sum() / found.sum()
    recall = (true & cv2.dilate(found, disc)).sum() / true.sum()
    return 0.0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("sequence", davis.OSVOS_FIGURES)
def test_what_the_published_implementations_say(sequence):
    frames, j, f, change, errors, overlaps = davis.OSVOS_FIGURES[sequence]
    found, truth = davis.masks(davis.OSVOS, sequence), davis.masks(davis.TRUTH, sequence)
    assert len(found) == len(truth) == frames
    pairs = list(zip(found, truth, strict=True))
    for measure, expected in ((region_iou, j), (boundary_f, f)):
        statistics = sequence_statistics([measure(own, true) for own, true in pairs])
        assert statistics[:3] == pytest.approx(expected, abs=1e-4)
        assert statistics[3:] == (frames - 2, 0)
    assert dtssd_of(pairs).value == pytest.approx(change, abs=1e-4)
    boxes = [[mask_box(mask) for mask in side] for side in (found, truth)]
    assert box_errors(*boxes)[:3] == pytest.approx(errors, abs=1e-4)
    consecutive = [
        np.mean([region_iou(*pair) for pair in itertools.pairwise(side)]) for side in (found, truth)
    ]
    assert consecutive == pytest.approx(overlaps, abs=1e-4)


class TestRegion:
    @pytest.mark.parametrize(
        ("first", "second", "iou", "f"),
        [
            ("empty", "empty", 1.0, 1.0),
            ("empty", "block", 0.0, 0.0),
            ("block", "empty", 0.0, 0.0),
            ("pixel", "pixel", 1.0, 1.0),
            ("pixel", "at_border", 0.0, 0.0),
            ("holed", "holed", 1.0, 1.0),
            ("whole", "whole", 1.0, 1.0),
            # A mask that fills the frame has no boundary, as an empty one has none.
            ("whole", "empty", 0.0, 1.0),
        ],
    )
    def test_degenerate_masks(self, first, second, iou, f):
        masks = crop(SHAPES[first]), crop(SHAPES[second])
        assert region_iou(*masks) == iou
        assert boundary_f(*masks) == f

    @pytest.mark.parametrize(("first", "second"), list(itertools.combinations(SHAPES, 2)))
    def test_boundary_f_is_that_of_the_whole_frame(self, first, second):
        expected = slow_boundary_f(SHAPES[first], SHAPES[second])
        assert boundary_f(crop(SHAPES[first]), crop(SHAPES[second])) == pytest.approx(expected, abs=1e-12)

    def test_boundary_f_has_a_tolerance_in_shares_of_the_diagonal(self):
        mask, moved = crop(BLOCK), crop(np.roll(BLOCK, 2, axis=1))
        assert boundary_f(mask, moved, tolerance=2 / math.hypot(*SIZE)) == 1
        assert boundary_f(mask, moved) < 1

    @pytest.mark.parametrize("measure", [region_iou, boundary_f])
    def test_masks_of_different_frames_are_refused(self, measure):
        with pytest.raises(
            ValueError, match=r"expected masks of one frame size, got \(40, 60\) and \(40, 61\)"
        ):
            measure(crop(BLOCK), crop(np.zeros((40, 61), bool)))


class TestSequenceStatistics:
    @pytest.mark.parametrize(
        ("values", "mean", "recall", "decay", "n"),
        [
            ([], None, None, None, 0),
            ([0.2, 0.9], None, None, None, 0),
            ([0.2, 0.9, 0.1], 0.9, 1.0, 0.0, 1),
            ([0, 0.5, 1.0, 0], 0.75, 0.5, -0.5, 2),
            # Five frames, cut at each of them: a part is two frames.
            ([0, 1.0, 0.8, 0.6, 0.4, 0.2, 0], 0.6, 0.6, 0.6, 5),
            # Six frames, cut at 0, 1.25, 2.5, 3.75, 5: rounded 0, 1, 3, 4, 5.
            ([0, 1.0, 0.8, 0.6, 0.4, 0.2, 0.0, 0], 0.5, 0.5, 0.8, 6),
        ],
    )
    def test_leave_out_the_ends(self, values, mean, recall, decay, n):
        found = sequence_statistics(values)
        assert found[:3] == pytest.approx((mean, recall, decay))
        assert found[3:] == (n, 0)

    def test_of_all_frames(self):
        assert sequence_statistics([1.0, 0.0], leave_out_ends=False) == (0.5, 0.5, 1.0, 2, 0)

    def test_frames_without_a_value_are_counted(self):
        assert sequence_statistics([None, 0.9, None, 0.7, None]) == (
            pytest.approx(0.8),
            1.0,
            pytest.approx(0.2),
            2,
            1,
        )

    def test_a_part_without_a_value_has_no_decay(self):
        found = sequence_statistics([0, None, None, None, *[0.5] * 5, 0])
        assert (found.mean, found.decay) == (0.5, None)

    def test_recall_is_above_and_not_at_the_half(self):
        assert sequence_statistics([0.5, 0.6], leave_out_ends=False).recall == 0.5

    def test_long_sequences_are_cut_in_quarters_too(self):
        values = np.linspace(1, 0, 1001)
        assert sequence_statistics(list(values), leave_out_ends=False).decay == pytest.approx(0.75)


class TestDtssd:
    @pytest.mark.parametrize(
        ("before", "now", "true_before", "true_now", "changed"),
        [
            ("empty", "empty", "empty", "empty", 0),
            ("block", "block", "empty", "empty", 0),
            ("empty", "block", "empty", "block", 0),
            ("empty", "pixel", "empty", "empty", 1),
            ("pixel", "empty", "empty", "pixel", 4),
            ("empty", "block", "block", "empty", 4 * BLOCK.sum()),
            ("parts", "holed", "at_border", "at_border", (PARTS ^ HOLED).sum()),
            ("empty", "whole", "whole", "empty", 4 * WHOLE.size),
        ],
    )
    def test_counts_pixels_that_change_otherwise_than_the_truth(
        self, before, now, true_before, true_now, changed
    ):
        found = dtssd(*(crop(SHAPES[name]) for name in (before, now, true_before, true_now)))
        assert found == pytest.approx(100 * math.sqrt(changed / WHOLE.size))

    def test_equals_the_definition_on_whole_frames(self):
        rng = np.random.default_rng(5)
        frames = rng.random((4, *SIZE)) < 0.5
        before, now, true_before, true_now = frames.astype(float)
        expected = 100 * np.sqrt(np.mean(((now - before) - (true_now - true_before)) ** 2))
        assert dtssd(*map(crop, frames)) == pytest.approx(expected)

    def test_one_frame_has_none(self):
        assert dtssd_of([(crop(BLOCK), crop(BLOCK))]) == (None, 0, 0)

    def test_masks_of_different_frames_are_refused(self):
        with pytest.raises(
            ValueError, match=r"expected masks of one frame size, got \(40, 60\) and \(40, 61\)"
        ):
            dtssd(crop(BLOCK), crop(BLOCK), crop(np.zeros((40, 61), bool)), crop(BLOCK))


class TestVideoConsistency:
    @staticmethod
    def by_definition(own, true, window):
        values = []
        for start in range(len(own) - window + 1):
            still, constant = (
                (part[start : start + window] == part[start]).all(axis=0) for part in (true, own)
            )
            if still.any():
                values.append((still & constant).sum() / still.sum())
        return np.mean(values) if values else None

    @pytest.mark.parametrize("windows", [(2,), (8, 16), (3, 5, 16)])
    def test_equals_the_definition(self, windows):
        rng = np.random.default_rng(len(windows))
        # Each pixel turns now and then; now and then the whole mask is gone, and the region it covers grows.
        true = np.cumsum(rng.random((40, 12, 15)) < 0.03, axis=0) % 2 > 0
        own = np.cumsum(rng.random((40, 12, 15)) < 0.05, axis=0) % 2 > 0
        true[:20, :, 9:], own[:12, 7:], own[30] = False, False, False
        found = VideoConsistency(windows)
        for mask, truth in zip(own, true, strict=True):
            found.add(crop(mask), crop(truth))
        for window in windows:
            figure = found.figure(window)
            assert figure.value == pytest.approx(self.by_definition(own, true, window), abs=1e-12)
            assert figure.n == 40 - window + 1

    def test_what_is_kept_does_not_grow_with_the_clip(self):
        found = VideoConsistency([4])
        for index in range(50):
            found.add(crop(BLOCK if index % 9 == 0 else EMPTY), crop(BLOCK))
        assert max(len(at) for at in found._at) <= 4

    def test_no_window_goes_across_a_restart(self):
        found = VideoConsistency([2])
        for mask in (EMPTY, BLOCK):
            found.add(crop(mask), crop(BLOCK))
            found.restart()
        assert found.figure(2) == (None, 0, 0)

    def test_a_flicker_under_a_still_truth_costs_its_pixels(self):
        own = [BLOCK] * 4 + [EMPTY] + [BLOCK] * 3
        found = video_consistency([(crop(mask), crop(BLOCK)) for mask in own], 8)
        assert found.value == pytest.approx(1 - BLOCK.mean())

    def test_a_window_in_which_every_pixel_changes_is_undefined(self):
        blink = [(crop(mask), crop(mask)) for mask in [EMPTY, WHOLE] * 4]
        assert video_consistency(blink, 8) == (None, 0, 1)

    def test_too_short_a_clip_has_none(self):
        assert video_consistency([(crop(BLOCK), crop(BLOCK))] * 7, 8) == (None, 0, 0)

    def test_masks_of_different_frames_are_refused(self):
        with pytest.raises(ValueError, match="expected masks of one frame size"):
            VideoConsistency([8]).add(crop(BLOCK), crop(BLOCK[:-1]))

    def test_a_window_of_one_frame_is_refused(self):
        with pytest.raises(ValueError, match=r"at least 2 frames, got \[1\]"):
            VideoConsistency([1])


class TestBoxErrors:
    TRUE = (10.0, 10.0, 30.0, 50.0)

    def test_a_perfect_box_has_no_error(self):
        assert box_errors([self.TRUE] * 10, [self.TRUE] * 10) == (0, 0, 0, 10, 10)

    @pytest.mark.parametrize(
        ("seen", "fragment"),
        [("xxxxxxxxxx", 0), ("xxxx.xxxxx", 2 / 9), ("x.x.xxxxxxx", 0.4), (".xxxxxxxxx", 1 / 9)],
    )
    def test_fragment_error_counts_changes(self, seen, fragment):
        boxes = [self.TRUE if letter == "x" else None for letter in seen]
        assert box_errors(boxes, [self.TRUE] * len(seen)).fragment == pytest.approx(fragment)

    def test_known_noise(self):
        rng = np.random.default_rng(4)
        shift = rng.normal(0, 1, (400, 2))
        boxes = [(10 + x, 10 + y, 30 + x, 50 + y) for x, y in shift]
        found = box_errors(boxes, [self.TRUE] * 400)
        assert found.centre == pytest.approx(shift[:, 0].std() / 20 + shift[:, 1].std() / 40)
        assert found.scale_ratio == pytest.approx(0, abs=1e-12)

    def test_a_steady_offset_and_a_steady_scale_are_no_instability(self):
        boxes = [(12.0, 10.0, 34.0, 50.0)] * 9
        assert box_errors(boxes, [self.TRUE] * 9)[:3] == pytest.approx((0, 0, 0))

    def test_frames_without_the_object_are_no_part_of_its_life(self):
        boxes, truth = [self.TRUE] * 12, [self.TRUE] * 5 + [None] * 2 + [self.TRUE] * 5
        assert box_errors(boxes, truth) == (0, 0, 0, 10, 10)

    @pytest.mark.parametrize("boxes", [[None] * 9, [(100.0, 100.0, 110.0, 110.0)] * 9])
    def test_an_object_that_is_never_found_has_the_worst_values(self, boxes):
        assert box_errors(boxes, [self.TRUE] * 9) == (*worst_errors(), 9, 0)

    def test_nothing_that_is_matched_is_worse_than_the_worst(self):
        rng = np.random.default_rng(1)
        worst = worst_errors()
        for _ in range(30):
            boxes = [tuple(np.array(self.TRUE) + rng.normal(0, 8, 4) * (1, 1, 1, 2)) for _ in range(60)]
            boxes = [box if box[2] > box[0] and box[3] > box[1] else None for box in boxes]
            found = box_errors(boxes, [self.TRUE] * 60)
            assert all(value is None or value <= bound for value, bound in zip(found[:3], worst, strict=True))

    def test_too_few_matched_frames_have_no_deviation(self):
        boxes = [self.TRUE] * (MIN_MATCHED - 1) + [None]
        assert box_errors(boxes, [self.TRUE] * MIN_MATCHED)[:3] == (pytest.approx(1 / 7), None, None)

    def test_an_object_that_never_exists_has_none(self):
        assert box_errors([self.TRUE], [None]) == (None, None, None, 0, 0)
        assert box_errors([self.TRUE], [self.TRUE]) == (None, None, None, 1, 1)

    def test_means_count_objects_without_a_value(self):
        rows = [box_errors([self.TRUE] * 9, [self.TRUE] * 9), box_errors([self.TRUE], [self.TRUE])]
        assert set(mean_box_errors(rows).values()) == {(0.0, 1, 1)}

    def test_boxes_of_masks(self):
        assert mask_box(crop(EMPTY)) is None
        assert mask_box(crop(PARTS)) == (5, 2, 50, 35)
        assert box_iou((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
        assert box_iou((0, 0, 1, 1), (1, 0, 3, 2)) == 0

    def test_what_does_not_fit_is_refused(self):
        with pytest.raises(ValueError, match="x1 < x2"):
            box_errors([(3, 3, 3, 9)], [self.TRUE])
