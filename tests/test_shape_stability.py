"""T of DAVIS 2016: the published values, the outline and its simplification, and matching by definition."""

import sys

import cv2
import davis
import numpy as np
import pytest
from masks import disk, rectangle
from series import shape_stability

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.temporal.metrics.compiled_outline_matching import compiled_function
from yolact_temporal.temporal.metrics.contours import longest_polygon, outline_loops, simplified
from yolact_temporal.temporal.metrics.outline_matching import cheapest_path, chi_square_costs, matching
from yolact_temporal.temporal.metrics.shape_stability import (
    RADII,
    _histograms,
    _sampled,
    shape_contexts,
    shape_distance,
)

SIZE = (80, 120)


def crop(mask):
    return MaskCrop.from_bitmap(mask)


def block(x1=30, y1=20, x2=80, y2=50):
    return rectangle(SIZE, x1, y1, x2, y2)


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.real_data
@pytest.mark.parametrize(("sequence", "kind"), davis.SHAPE_STABILITY)
def test_what_the_published_implementation_says(sequence, kind):
    masks = davis.masks(kind, sequence)
    found = shape_stability(masks)
    assert found.value == pytest.approx(davis.SHAPE_STABILITY[sequence, kind], rel=0.02)
    assert found[1:] == (len(masks) - 3, 0)


class TestOutline:
    @staticmethod
    def area(points):
        rows, columns = np.array(points, float).T
        return abs(rows @ np.roll(columns, -1) - columns @ np.roll(rows, -1)) / 2

    @pytest.mark.parametrize("seed", range(8))
    def test_loops_enclose_exactly_the_mask(self, seed):
        bitmap = (np.random.default_rng(seed).random((9, 13)) < 0.5).astype(np.uint8)
        loops = outline_loops(bitmap)
        enclosed = sum(self.area(loop.points) * (-1 if loop.hole else 1) for loop in loops)
        assert enclosed == bitmap.sum()
        assert all(len(set(loop.points)) == len(loop.points) for loop in loops)

    @pytest.mark.parametrize(
        ("rows", "holes"),
        [
            ([""], []),
            (["x"], [False]),
            (["x.", ".x"], [False, False]),
            ([".x", "x."], [False, False]),
            (["xxx", "x.x", "xxx"], [False, True]),
            # A hole that is open only diagonally is still a hole.
            (["xxx", "x.x", "xx."], [False, True]),
            (["xx.", "x.x", "xxx"], [False, True]),
            (["x.x"], [False, False]),
        ],
    )
    def test_parts_and_holes(self, rows, holes):
        bitmap = np.array([[letter == "x" for letter in row] for row in rows], np.uint8)
        assert sorted(loop.hole for loop in outline_loops(bitmap)) == holes

    def test_a_rectangle_is_its_corners_clockwise_from_the_upper_left(self):
        expected = [(30, 20), (80, 20), (80, 50), (30, 50), (30, 20)]
        assert longest_polygon(crop(block())).tolist() == [list(point) for point in expected]

    def test_a_rectangle_at_the_border_and_one_that_fills_the_frame(self):
        assert longest_polygon(crop(block(0, 0, 120, 80))).max(axis=0).tolist() == [120, 80]
        assert longest_polygon(crop(block(100, 60, 120, 80)))[0].tolist() == [100, 60]

    def test_the_polygon_with_most_vertices_may_be_a_holes(self):
        mask = block() & ~disk(SIZE, 55, 35, 12)
        polygon = longest_polygon(crop(mask))
        assert np.hypot(*(polygon - (55, 35)).T).max() < 14
        steps = np.diff(polygon, axis=0)
        # Counter-clockwise on the screen.
        assert (polygon[:-1, 0] * steps[:, 1] - polygon[:-1, 1] * steps[:, 0]).sum() < 0

    @pytest.mark.parametrize("mask", [np.zeros(SIZE, bool), block(3, 3, 4, 4), block(3, 3, 5, 4)])
    def test_nothing_and_next_to_nothing_has_no_polygon(self, mask):
        assert longest_polygon(crop(mask)) is None

    @pytest.mark.parametrize("seed", range(3))
    def test_stays_within_the_tolerance_of_a_rough_outline(self, seed):
        mask = disk(SIZE, 60, 40, 30, noise_px=2, rng=np.random.default_rng(seed))
        polygon = longest_polygon(crop(mask))
        filled = cv2.fillPoly(np.zeros(SIZE, np.uint8), [np.rint(polygon - 0.5).astype(np.int32)], 1)
        depth = cv2.distanceTransform((filled != mask).astype(np.uint8), cv2.DIST_L2, 5)
        assert depth.max() < 3.5


class TestSimplified:
    @pytest.mark.parametrize(
        ("points", "kept"),
        [
            ([(0, 0)], [0]),
            ([(0, 0), (9, 9)], [0, 1]),
            ([(0, 0), (5, 0), (10, 0)], [0, 2]),
            ([(0, 0), (5, 3), (10, 0)], [0, 1, 2]),
            ([(0, 0), (1, 1), (10, 0)], [0, 2]),
            # Just at the tolerance is not beyond it.
            ([(0, 0), (5, 1.5), (10, 0)], [0, 2]),
            # Of two as far the last one is kept, and then the first is near enough.
            ([(0, 0), (4, 2), (8, 2), (12, 0)], [0, 2, 3]),
            # A closed line is cut at its farthest vertex.
            ([(0, 0), (10, 0), (10, 10), (0, 10), (0, 0)], [0, 1, 2, 3, 4]),
            # Vertices too near the one kept before go first.
            ([(0, 0), (1, 1), (1.4, 0), (6, 4), (12, 0)], [0, 3, 4]),
        ],
    )
    def test_keeps_what_sticks_out(self, points, kept):
        line = np.array(points, float)
        assert simplified(line, 1.5).tolist() == line[kept].tolist()


class TestShapeContexts:
    @staticmethod
    def by_definition(points):
        """Counts (n, 60) by arctangents."""
        step = points[None] - points[:, None]
        distance = np.hypot(step[..., 0], step[..., 1])
        radial = (distance[..., None] / distance.mean() < RADII).sum(axis=-1)
        turn = np.mod(np.arctan2(step[..., 1], step[..., 0]), 2 * np.pi)
        angular = np.floor(turn / (2 * np.pi / 12)).astype(int)
        counts = np.zeros((len(points), 12, 6))
        for row in range(len(points)):
            np.add.at(counts[row], (angular[row], radial[row]), 1)
        counts = counts[:, :, 1:].reshape(len(points), -1)
        return counts / counts.sum(axis=1, keepdims=True)

    @pytest.mark.parametrize(
        "mask", [block(), disk(SIZE, 60.2, 39.7, 25), disk(SIZE, 60, 40, 30, 2, np.random.default_rng(0))]
    )
    def test_equal_the_definition(self, mask):
        points = _sampled(longest_polygon(crop(mask)))
        np.testing.assert_allclose(_histograms(points), self.by_definition(points), atol=1e-12)

    def test_sampling_leaves_no_segment_over_three_pixels(self):
        points = _sampled(longest_polygon(crop(block())))
        steps = np.hypot(*np.diff(points, axis=0).T)
        assert steps.max() <= 3 + 1e-5
        # 50 px are 17 parts, 30 px are 10.
        assert len(points) == 2 * (17 + 10) + 1

    def test_are_histograms(self):
        contexts = shape_contexts(crop(disk(SIZE, 60, 40, 20)))
        assert contexts.shape[1] == 60
        np.testing.assert_allclose(contexts.sum(axis=1), 1)


class TestMatching:
    def test_costs_are_half_the_chi_square_distance(self):
        first, second = (shape_contexts(crop(mask)) for mask in (block(), disk(SIZE, 60, 40, 20)))
        one, other = first[:, None], second[None]
        expected = 0.5 * ((one - other) ** 2 / (one + other + 1e-16)).sum(axis=2)
        np.testing.assert_allclose(chi_square_costs(first, second), expected, atol=2e-6)

    @pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 6), (6, 1), (5, 9), (12, 7)])
    def test_the_cheapest_path_is_the_cheapest(self, height, width):
        costs = np.random.default_rng(height).random((height, width))
        total = np.full((height + 1, width + 1), np.inf)
        total[0, 0] = 0
        for row in range(height):
            for column in range(width):
                best = min(total[row, column], total[row, column + 1], total[row + 1, column])
                total[row + 1, column + 1] = costs[row, column] + best
        rows, columns = cheapest_path(costs.astype(np.float32), 0, 0)
        assert costs[rows, columns].sum() == pytest.approx(total[-1, -1])
        assert (rows[0], columns[0], rows[-1], columns[-1]) == (height - 1, width - 1, 0, 0)
        steps = -np.diff(np.stack([rows, columns]))
        assert set(map(tuple, steps.T.tolist())) <= {(0, 1), (1, 0), (1, 1)}


class TestCompiled:
    """The compiled functions, where the extra `speed` is installed, against those of NumPy: equal to the last bit."""

    @pytest.fixture
    def compiled(self):
        pytest.importorskip("numba", reason="the extra `speed` is not installed")
        found = matching()
        assert found.compiled
        return found

    @pytest.mark.parametrize("noise", [0, 1, 3])
    def test_costs_are_the_same(self, compiled, noise):
        rng = np.random.default_rng(noise)
        first, second = (shape_contexts(crop(disk(SIZE, 60, 40, radius, noise, rng))) for radius in (25, 30))
        found = compiled.chi_square_costs(first, second)
        assert found.dtype == np.float32
        assert np.array_equal(found, chi_square_costs(first, second))

    @pytest.mark.parametrize("start", [(0, 0), (0, 3), (4, 0), (2, 5)])
    @pytest.mark.parametrize("levels", [2, 1000])
    def test_the_path_is_the_same_ties_too(self, compiled, start, levels):
        costs = np.random.default_rng(levels).integers(0, levels, (11, 8)).astype(np.float32)
        for found, expected in zip(
            compiled.cheapest_path(costs, *start), cheapest_path(costs, *start), strict=True
        ):
            assert np.array_equal(found, expected)

    def test_needs_no_folder_to_keep_what_is_compiled(self, compiled, monkeypatch):
        """Numba finds none for a function that has no file, and says so when it is to be kept."""
        space = {}
        exec("def twice(number):\n    return 2 * number", space)
        assert compiled_function(space["twice"])(21) == 42

    def test_is_not_needed(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "numba", None)
        assert matching.__wrapped__() == (chi_square_costs, cheapest_path, False)


class TestShapeStability:
    @pytest.mark.parametrize(
        ("before", "now"),
        [
            (np.zeros(SIZE, bool), np.zeros(SIZE, bool)),
            (block(), np.zeros(SIZE, bool)),
            (np.zeros(SIZE, bool), block()),
            (block(3, 3, 4, 4), block()),
        ],
    )
    def test_without_an_outline_is_undefined(self, before, now):
        assert shape_stability([crop(before), crop(now)], leave_out_ends=False) == (None, 0, 1)

    @pytest.mark.parametrize(
        "mask",
        [block(), block() & ~block(40, 30, 60, 40), block() | block(90, 5, 110, 70), block(0, 0, 120, 80)],
    )
    def test_a_mask_that_stays_has_none(self, mask):
        assert shape_stability([crop(mask)] * 2, leave_out_ends=False) == (0, 1, 0)

    def test_is_blind_to_translation(self):
        moved = [crop(block()), crop(block(35, 22, 85, 52))]
        assert shape_stability(moved, leave_out_ends=False).value == pytest.approx(0, abs=1e-9)

    def test_grows_with_the_outlines_noise(self):
        values = []
        for noise in (0, 1, 2, 4):
            rng = np.random.default_rng(7)
            masks = [crop(disk(SIZE, 60, 40, 25, noise, rng)) for _ in range(7)]
            values.append(shape_stability(masks).value)
        assert values == sorted(values)
        assert 0 <= values[0] < values[1] / 2 < values[3] / 2
        assert values[3] <= 5

    def test_goes_either_way(self):
        first, second = (shape_contexts(crop(mask)) for mask in (block(), disk(SIZE, 60, 40, 20)))
        assert shape_distance(first, second) == pytest.approx(shape_distance(second, first), rel=0.1)

    def test_leaves_out_the_ends_and_counts_what_has_no_outline(self):
        mask, empty = crop(block()), crop(np.zeros(SIZE, bool))
        assert shape_stability([empty, mask, mask, mask, empty]) == (0, 2, 0)
        assert shape_stability([empty, mask, mask, mask, empty], leave_out_ends=False) == (0, 2, 2)
        assert shape_stability([mask, mask, empty, mask, mask]) == (None, 0, 2)

    @pytest.mark.parametrize("count", [0, 1, 2, 3])
    def test_too_few_frames_have_none(self, count):
        assert shape_stability([crop(block())] * count) == (None, 0, 0)
