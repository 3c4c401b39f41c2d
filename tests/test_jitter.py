"""Boundary displacement, motion-compensated jitter, second difference, score jitter: B1, B2, B3, B5, and B6's floor."""

import math
from itertools import pairwise

import numpy as np
import pytest
from masks import Block, Scene, crop, disk, pan, rectangle, texture
from scipy import ndimage
from series import accumulate, accumulate_places

from yolact_temporal.temporal.flow import FlowEstimator
from yolact_temporal.temporal.metrics import REGISTRY, Observation, pair_figures
from yolact_temporal.temporal.metrics.boundary import (
    boundary_distances,
    displacement,
    mask_boundary,
    near_box_edge,
)
from yolact_temporal.temporal.metrics.contract import RatioOverFrames
from yolact_temporal.temporal.metrics.jitter import (
    SCORE_SPEC,
    SecondDifferences,
    first_difference_noise,
    motion_compensated_jitter,
    score_change,
)
from yolact_temporal.temporal.motion import Motion, warp_mask

SIZE = (90, 120)
STILL = Motion.still(SIZE)
UNDEFINED = (None, None, None)


def bits(bitmap):
    return bitmap.astype(np.uint8)


def pair(before, now, motion=STILL, previous_box=None, box=None, cell=None):
    return pair_figures(warp_mask(crop(before), motion), crop(now), motion, previous_box, box, cell=cell)


def boundary_displacement(previous, current, visible):
    found = boundary_distances(previous, current, visible)
    return UNDEFINED if found is None else displacement(*(side.distances for side in found))


def displacement_by_hand(first, second, visible):
    """Mean boundary displacement from the definition, over the whole frame, by scipy."""

    def boundary(mask, counted):
        beyond = mask | ~counted
        inner = ndimage.binary_erosion(beyond, np.ones((3, 3)), border_value=1)
        return mask & counted & ~inner

    everywhere = np.ones_like(visible)
    there = ndimage.distance_transform_edt(~boundary(second, everywhere))[boundary(first, visible)]
    back = ndimage.distance_transform_edt(~boundary(first, everywhere))[boundary(second, visible)]
    both = np.concatenate([there, back])
    return (there.mean() + back.mean()) / 2, np.median(both), np.percentile(both, 95)


class TestBoundaryDisplacement:
    def test_of_a_mask_with_itself_is_zero(self):
        mask = bits(rectangle(SIZE, 20, 20, 50, 60))
        assert boundary_displacement(mask, mask, np.ones_like(mask)) == (0, 0, 0)

    def test_of_a_square_shifted_by_one_pixel_is_half_a_pixel(self):
        """Of the 36 boundary pixels, the 10 of one side and the 8 inner ones of the opposite side are 1 px away."""
        figures = pair(rectangle(SIZE, 30, 30, 40, 40), rectangle(SIZE, 31, 30, 41, 40))
        assert figures["boundary_px_mean"] == pytest.approx(18 / 36)
        assert figures["boundary_px_median"] == pytest.approx(0.5)
        assert figures["boundary_px_p95"] == pytest.approx(1)
        assert figures["boundary_share_mean"] == pytest.approx(0.05)
        assert figures["motion_compensated_jitter"] == pytest.approx(1 - 90 / 110)

    def test_of_a_square_grown_all_around_is_the_growth(self):
        """Inner boundary: all 2 px from the outer. Outer: 40 pixels at 2 px, 8 beside the corners and 4 in them."""
        figures = pair(rectangle(SIZE, 30, 30, 40, 40), rectangle(SIZE, 28, 28, 42, 42))
        outer = (40 * 2 + 8 * math.hypot(2, 1) + 4 * math.hypot(2, 2)) / 52
        assert figures["boundary_px_mean"] == pytest.approx((2 + outer) / 2)

    @pytest.mark.parametrize("seed", range(8))
    def test_equals_the_definition_on_any_masks_and_visibility(self, seed):
        rng = np.random.default_rng(seed)
        first = disk(SIZE, 50, 40, 25, 4, rng) | rectangle(SIZE, 0, 60, 20, 90)
        second = disk(SIZE, 53, 43, 24, 4, rng) | rectangle(SIZE, 0, 58, 22, 90)
        visible = ndimage.gaussian_filter(rng.standard_normal(SIZE), 5) > (-1 if seed < 2 else -0.03)
        expected = displacement_by_hand(first, second, visible)
        assert boundary_displacement(bits(first), bits(second), bits(visible)) == pytest.approx(expected)
        cropped = pair_figures(crop(first), crop(second), Motion(STILL.backward, visible))
        assert cropped["boundary_px_mean"] == pytest.approx(expected[0])
        assert cropped["boundary_px_p95"] == pytest.approx(expected[2])

    @pytest.mark.parametrize("noise_seed", [0, 1])
    def test_grows_strictly_with_boundary_noise(self, noise_seed):
        rng = np.random.default_rng(noise_seed)
        means = []
        for noise in (0.5, 1, 2, 4):
            masks = [disk(SIZE, 60, 45, 28, noise, rng) for _ in range(9)]
            pairs = [pair(a, b)["boundary_px_mean"] for a, b in pairwise(masks)]
            means.append(np.mean(pairs))
        assert means == sorted(means)
        assert means[0] > 0.1
        assert min(np.diff(means)) > 0.1

    def test_the_frames_own_border_is_not_boundary(self):
        mask = bits(rectangle(SIZE, 0, 0, 20, 90))
        boundary = mask_boundary(mask, np.ones_like(mask))
        assert np.array_equal(np.flatnonzero(boundary.any(axis=0)), [19])
        assert boundary[:, 19].all()

    def test_a_mask_cut_by_the_border_in_both_frames_is_steady(self):
        """The frame pans: what is cut at the left border comes into view, and only visible pixels count."""
        figures = pair(rectangle(SIZE, 0, 30, 20, 60), rectangle(SIZE, 0, 30, 25, 60), pan(SIZE, 5, 0))
        assert figures["boundary_px_mean"] == 0
        assert figures["motion_compensated_jitter"] == 0

    @pytest.mark.parametrize("step", [(1, 0), (3, 0), (6, -4), (-12, 7)])
    def test_a_moving_object_followed_exactly_has_none(self, step):
        """Ground that comes into view behind the object is not visible in both frames and says nothing."""
        scene = Scene(SIZE, [Block(30, 20, [(50, 40), (50 + step[0], 40 + step[1])])])
        figures = pair(scene.masks(0)[0], scene.masks(1)[0], scene.motion(1))
        assert figures["boundary_px_mean"] == figures["boundary_px_p95"] == 0
        assert figures["motion_compensated_jitter"] == 0

    def test_what_is_covered_by_another_object_does_not_count(self):
        bus = Block(40, 60, [(10, 20), (18, 20)])
        person = Block(30, 40, [(35, 30), (35, 30)])
        scene = Scene(SIZE, [person, bus])
        for index in (0, 1):
            figures = pair(scene.masks(0)[index], scene.masks(1)[index], scene.motion(1))
            assert figures["boundary_px_mean"] == figures["motion_compensated_jitter"] == 0

    def test_an_edge_that_borders_on_hidden_ground_is_still_what_is_measured_to(self):
        """One pixel of the carried mask's rear edge is in sight: it is beside the new mask's, not a width away."""
        now = bits(rectangle(SIZE, 20, 20, 50, 60))
        visible = np.ones_like(now)
        visible[:, 14:20] = 0
        before = now.copy()
        before[40, 20] = 0
        mean, median, _ = boundary_displacement(before, now, visible)
        assert median == 0
        assert 0 < mean < 0.05

    @pytest.mark.parametrize("filled", ["previous", "current"])
    def test_without_a_boundary_is_undefined(self, filled):
        full, part = np.ones(SIZE, np.uint8), bits(rectangle(SIZE, 10, 10, 20, 20))
        masks = (full, part) if filled == "previous" else (part, full)
        assert boundary_displacement(*masks, np.ones(SIZE, np.uint8)) == UNDEFINED

    def test_where_nothing_is_visible_is_undefined(self):
        hidden = Motion(STILL.backward, ~rectangle(SIZE, 5, 5, 50, 50))
        figures = pair(rectangle(SIZE, 10, 10, 20, 20), rectangle(SIZE, 11, 10, 21, 20), hidden)
        assert set(figures.values()) == {None}


class TestNearTheBox:
    @pytest.mark.parametrize(
        ("column", "row", "near"),
        [
            (10, 30, True),
            (11, 30, True),
            (12, 30, False),
            (19, 30, False),
            (28, 30, True),
            (9, 30, True),
            (20, 49, True),
            (20, 40, False),
            (10, 70, False),
        ],
    )
    def test_is_within_two_pixels_of_an_edge(self, column, row, near):
        box = (10, 20, 30, 50)
        assert near_box_edge(np.array([column]), np.array([row]), box)[0] == near

    @pytest.mark.parametrize(
        ("column", "row", "cell", "near"),
        [
            (15, 35, (6.2, 3.5), True),  # 5.5 px from the left edge
            (16, 35, (6.2, 3.5), False),
            (20, 22, (6.2, 3.5), True),  # 2.5 px below the upper edge
            (20, 24, (6.2, 3.5), False),
            (20, 24, (3.5, 6.2), True),
            (12, 35, (0.5, 0.5), False),  # never less than 2 px
            (11, 35, (0.5, 0.5), True),
            (4, 35, (6.2, 3.5), True),
            (4, 54, (6.2, 3.5), False),  # off the corner
        ],
    )
    def test_or_within_a_cell_of_the_grid_that_masks_are_cut_on(self, column, row, cell, near):
        assert near_box_edge(np.array([column]), np.array([row]), (10, 20, 30, 50), cell)[0] == near

    def test_a_cut_in_cells_that_a_jittering_box_moves_is_told_near_the_box(self):
        """Two edges of one box on a grid of 6 px: the cut lies up to a cell off, where 2 px would miss it."""
        whole = disk(SIZE, 60, 45, 30)
        box, narrower = (30, 15, 83, 75), (30, 15, 82.9, 75)
        cut, more = whole & rectangle(SIZE, 30, 15, 78, 75), whole & rectangle(SIZE, 30, 15, 72, 75)
        blind, told = (pair(cut, more, STILL, box, narrower, cell=cell) for cell in (None, (12, 4)))
        assert blind["boundary_near_box_px_mean"] is None or blind["boundary_near_box_px_mean"] < 1
        assert told["boundary_near_box_px_mean"] > 1.5
        assert told["boundary_off_box_px_mean"] < 0.3 * told["boundary_near_box_px_mean"]

    def test_a_mask_cut_by_its_moving_box_moves_at_the_box_only(self):
        whole = disk(SIZE, 60, 45, 30)
        box, narrower = (30, 15, 85, 75), (30, 15, 80, 75)
        cut, more = whole & rectangle(SIZE, *box), whole & rectangle(SIZE, *narrower)
        figures = pair(cut, more, STILL, box, narrower)
        assert figures["boundary_near_box_px_mean"] > 1.5
        assert figures["boundary_off_box_px_mean"] < 0.3 * figures["boundary_near_box_px_mean"]
        near, off = figures["boundary_near_box_px_mean"], figures["boundary_off_box_px_mean"]
        assert off < figures["boundary_px_mean"] < near

    def test_a_carried_pixel_is_judged_where_it_came_from(self):
        square = rectangle(SIZE, 30, 30, 50, 50)
        moved = rectangle(SIZE, 40, 30, 60, 50)
        figures = pair(square, moved, pan(SIZE, 10, 0), (30, 30, 50, 50), (40, 30, 60, 50))
        assert figures["boundary_near_box_px_mean"] == 0
        assert figures["boundary_off_box_px_mean"] is None

    def test_without_boxes_is_undefined(self):
        square = rectangle(SIZE, 30, 30, 50, 50)
        assert pair(square, square)["boundary_near_box_px_mean"] is None


class TestMotionCompensatedJitter:
    @pytest.mark.parametrize(
        ("first", "second", "expected"),
        [
            ((10, 10, 20, 20), (10, 10, 20, 20), 0.0),
            ((10, 10, 20, 20), (15, 10, 25, 20), 1 - 50 / 150),
            ((10, 10, 20, 20), (30, 10, 40, 20), 1.0),
            ((10, 10, 20, 20), (10, 10, 10, 10), None),
            ((10, 10, 10, 10), (10, 10, 20, 20), None),
            ((60, 10, 70, 20), (10, 10, 20, 20), None),
        ],
    )
    def test_is_one_minus_iou_among_visible_pixels(self, first, second, expected):
        visible = bits(rectangle(SIZE, 0, 0, 50, 90))
        masks = (bits(rectangle(SIZE, *edges)) for edges in (first, second))
        assert motion_compensated_jitter(*masks, visible) == (expected and pytest.approx(expected))

    def test_hidden_pixels_do_not_count(self):
        visible = bits(rectangle(SIZE, 0, 0, 15, 90))
        first, second = bits(rectangle(SIZE, 10, 10, 20, 20)), bits(rectangle(SIZE, 10, 10, 40, 20))
        assert motion_compensated_jitter(first, second, visible) == 0


def second_difference(values, area=None, channel="centroid_x_px"):
    """B3 of a coordinate (T,), NaN where the track is absent."""
    return accumulate_places(SecondDifferences(), values, area)[f"second_difference_{channel}"]


class TestSecondDifference:
    def test_is_zero_for_uniform_motion(self):
        assert second_difference(3 + 2.5 * np.arange(20)).value == pytest.approx(0, abs=1e-12)

    def test_by_hand(self):
        """0 0 0 1 0 0 0 0: second differences 0 1 -2 1 0 0, squares sum to 6 of 6."""
        figure = second_difference([0, 0, 0, 1, 0, 0, 0, 0])
        assert figure == (pytest.approx(math.sqrt(1 / 6)), 6, 0)

    @pytest.mark.parametrize("sigma", [0.1, 1.0, 7.0])
    def test_is_the_deviation_of_white_noise_on_a_moving_coordinate(self, sigma):
        noise = np.random.default_rng(5).normal(0, sigma, 4000)
        assert second_difference(4 * np.arange(4000) + noise).value == pytest.approx(sigma, rel=0.05)

    def test_runs_that_are_too_short_are_left_out_and_counted(self):
        values = np.array([*range(7), np.nan, *range(8), np.nan, 5, 6, np.nan, 1], float)
        assert second_difference(values) == (0, 6, 5)
        assert second_difference(values[:8]) == (None, 0, 5)
        assert second_difference([]) == (None, 0, 0)

    def test_is_divided_by_the_middle_frames_side(self):
        values, side = np.array([0, 0, 0, 1, 0, 0, 0, 0.0]), np.array([9, 1, 2, 4, 5, 1, 1, 9])
        expected = math.sqrt(((1 / 2) ** 2 + (2 / 4) ** 2 + (1 / 5) ** 2) / 6 / 6)
        assert second_difference(values, side**2, "centroid_x_share").value == pytest.approx(expected)

    def test_every_channel_is_of_its_own_coordinate(self):
        rng = np.random.default_rng(3)
        count = 40
        x, y, *box = rng.normal(50, 3, (6, count))
        area = rng.integers(100, 400, count)
        columns = {
            "centroid": list(zip(x, y, strict=True)),
            "area_px": area.tolist(),
            "box": list(zip(*box, strict=True)),
        }
        found = accumulate(SecondDifferences(), [True] * count, **columns)
        names = (
            "centroid_x_px",
            "centroid_y_px",
            "log_area",
            "box_x1_px",
            "box_y1_px",
            "box_x2_px",
            "box_y2_px",
        )
        for name, series in zip(names, (x, y, np.log(area), *box), strict=True):
            expected = np.sqrt(np.mean(np.diff(series, 2) ** 2) / 6)
            assert found[f"second_difference_{name}"] == (pytest.approx(expected), count - 2, 0)
        for name, series in (("x", x), ("y", y)):
            expected = np.sqrt(np.mean((np.diff(series, 2) / np.sqrt(area[1:-1])) ** 2) / 6)
            assert found[f"second_difference_centroid_{name}_share"].value == pytest.approx(expected)

    def test_a_pair_that_does_not_count_ends_the_run(self):
        accumulator = SecondDifferences()
        for t in range(14):
            accumulator.add(
                Observation(True, t not in (0, 7), True, None, 0, 0.5, 4, (t, t**3), (0, 0, 1, 1))
            )
        assert set(accumulator.figures().values()) == {(None, 0, 10)}


class TestScoreJitter:
    @staticmethod
    def of(scores):
        """B5 of scores, None where the track is absent."""
        accumulator = RatioOverFrames(SCORE_SPEC, score_change, first_difference_noise)
        return accumulate(accumulator, [score is not None for score in scores], score=scores)["score_jitter"]

    def test_by_hand(self):
        assert self.of([0.5, 0.7, 0.6]) == (pytest.approx(math.sqrt((0.04 + 0.01) / 2 / 2)), 2, 0)

    @pytest.mark.parametrize("scores", [[], [0.5], [0.5, None, 0.9]])
    def test_without_two_consecutive_scores_is_undefined(self, scores):
        assert self.of(scores) == (None, 0, 0)

    def test_gaps_are_not_bridged(self):
        assert self.of([0.5, 0.7, None, 0.1, 0.2]) == (pytest.approx(math.sqrt((0.04 + 0.01) / 2 / 2)), 2, 0)


def flow_floor(previous, estimated, exact):
    """What the flow itself adds to the figures of a mask that follows the exact motion (METRICS B6)."""
    return pair_figures(warp_mask(previous, estimated), warp_mask(previous, exact), estimated)


class TestFloor:
    def test_exact_motion_adds_nothing(self):
        scene = Scene(SIZE, [Block(30, 20, [(50, 40), (55, 40)])])
        figures = flow_floor(crop(scene.masks(0)[0]), scene.motion(1), scene.motion(1))
        assert figures["boundary_px_mean"] == figures["motion_compensated_jitter"] == 0

    def test_estimated_motion_adds_a_little_and_wrong_motion_much(self):
        picture = texture((130, 160))
        estimator = FlowEstimator()
        estimator.update(picture[20:110, 20:140])
        estimated = estimator.update(picture[17:107, 16:136])
        exact, mask = pan(SIZE, 4, 3), crop(disk(SIZE, 60, 45, 25))
        floor = flow_floor(mask, estimated, exact)["boundary_px_mean"]
        wrong = flow_floor(mask, STILL, exact)["boundary_px_mean"]
        assert 0 <= floor < 0.3
        assert wrong > 2


@pytest.mark.parametrize("seed", range(10))
def test_every_pair_figure_is_in_its_range_on_random_masks(seed):
    rng = np.random.default_rng(seed)
    flow = ndimage.gaussian_filter(rng.standard_normal((*SIZE, 2)), (6, 6, 0)) * 40
    motion = Motion.from_flow(flow, -flow)
    first, second = (ndimage.gaussian_filter(rng.standard_normal(SIZE), 4) > 0.05 for _ in range(2))
    figures = pair(first, second, motion, (10, 10, 100, 80), (12, 9, 101, 80))
    assert figures["boundary_px_mean"] is not None
    for name, value in figures.items():
        if name in REGISTRY and value is not None:
            low, high = REGISTRY[name].range
            assert low <= value <= high
