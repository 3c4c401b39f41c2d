"""Motion, visibility, carried masks, and the crops they work on."""

import cv2
import numpy as np
import pytest
from masks import Block, Scene, crop, pan, rectangle, texture

from yolact_temporal.data.crops import MaskCrop, Region, mask_iou, union_region
from yolact_temporal.data.rle import encode_masks
from yolact_temporal.data.runs.manifest import FLOW_METHODS
from yolact_temporal.temporal.flow import FlowEstimator
from yolact_temporal.temporal.motion import Motion, carry_back, consistent_pixels, warp_mask

SIZE = (60, 80)


def carried_by_hand(bitmap, backward):
    """W_t(x) = M_{t-1}(x + b(x)), one pixel at a time."""
    height, width = bitmap.shape
    out = np.zeros_like(bitmap)
    for y in range(height):
        for x in range(width):
            u, v = round(float(x + backward[y, x, 0])), round(float(y + backward[y, x, 1]))
            out[y, x] = 0 <= u < width and 0 <= v < height and bitmap[v, u]
    return out


class TestMaskCrop:
    @pytest.mark.parametrize("seed", range(5))
    def test_decoding_gives_the_same_mask_tightly_cut(self, seed):
        rng = np.random.default_rng(seed)
        bitmap = np.zeros(SIZE, np.bool_)
        bitmap[10:40, 20:50] = rng.random((30, 30)) < 0.3
        mask = MaskCrop.from_rle(encode_masks(bitmap[None])[0], SIZE)
        assert np.array_equal(mask.bitmap(), bitmap)
        assert mask.area == bitmap.sum()
        assert mask.pixels.any(axis=0)[[0, -1]].all()
        assert mask.pixels.any(axis=1)[[0, -1]].all()

    def test_an_empty_mask_is_ordinary(self):
        mask = MaskCrop.from_rle(encode_masks(np.zeros((1, *SIZE), np.bool_))[0], SIZE)
        assert (mask.area, mask.region.empty, mask.centroid()) == (0, True, None)
        assert not mask.bitmap().any()

    def test_centroid_counts_pixel_centres(self):
        assert crop(rectangle(SIZE, 10, 20, 20, 24)).centroid() == (15.0, 22.0)

    @pytest.mark.parametrize("seed", range(5))
    def test_iou_is_intersection_over_union(self, seed):
        rng = np.random.default_rng(seed)
        first, second = rng.random((2, *SIZE)) < 0.2
        expected = (first & second).sum() / (first | second).sum()
        assert mask_iou(crop(first), crop(second)) == pytest.approx(expected)

    def test_iou_of_masks_apart_or_empty_is_zero(self):
        mask, empty = crop(rectangle(SIZE, 0, 0, 9, 9)), crop(np.zeros(SIZE, np.bool_))
        assert mask_iou(mask, crop(rectangle(SIZE, 9, 0, 20, 9))) == 0
        assert mask_iou(mask, empty) == mask_iou(empty, empty) == 0

    def test_within_cuts_and_pads(self):
        bitmap = rectangle(SIZE, 10, 10, 20, 20)
        region = Region(15, 5, 30, 12)
        assert np.array_equal(crop(bitmap).within(region), bitmap[region.slices])

    def test_union_of_regions_passes_over_empty_ones(self):
        assert union_region([Region(0, 0, 0, 0), Region(5, 6, 7, 8), Region(6, 2, 9, 7)]) == Region(
            5, 2, 9, 8
        )
        assert union_region([]).empty


class TestWarp:
    @pytest.mark.parametrize("seed", range(6))
    def test_equals_the_definition_pixel_by_pixel(self, seed):
        rng = np.random.default_rng(seed)
        flow = cv2.GaussianBlur(rng.standard_normal((*SIZE, 2)), (0, 0), 8).astype(np.float32) * 150
        wild = rng.random(SIZE) < 0.01
        flow[wild] = rng.uniform(-60, 60, (wild.sum(), 2))
        bitmap = np.zeros(SIZE, np.bool_)
        bitmap[15:45, 25:60] = rng.random((30, 35)) < 0.7
        carried = warp_mask(crop(bitmap), Motion.from_flow(flow))
        assert np.array_equal(carried.bitmap(), carried_by_hand(bitmap, flow))

    def test_what_comes_from_outside_the_frame_is_off(self):
        carried = warp_mask(crop(np.ones(SIZE, np.bool_)), pan(SIZE, 5, 3))
        assert np.array_equal(carried.bitmap(), rectangle(SIZE, 5, 3, 80, 60))

    def test_a_mask_that_leaves_the_frame_is_empty(self):
        assert warp_mask(crop(rectangle(SIZE, 0, 0, 4, 4)), pan(SIZE, -10, 0)).area == 0

    def test_an_empty_mask_stays_empty(self):
        assert warp_mask(crop(np.zeros(SIZE, np.bool_)), pan(SIZE, 1, 1)).area == 0

    def test_another_frame_size_is_refused(self):
        with pytest.raises(ValueError, match=r"size \(60, 80\), got \(10, 10\)"):
            warp_mask(crop(np.ones((10, 10), np.bool_)), pan(SIZE, 0, 0))


class TestVisibility:
    @pytest.mark.parametrize(
        ("backward", "forward", "seen"),
        [
            ((0, 0), (0, 0), True),
            ((0, 0), (0.70, 0), True),
            ((0, 0), (0.72, 0), False),
            ((3, 4), (-3, -4), True),
            ((10, 0), (-9, 0), True),
            ((10, 0), (-8, 0), False),
            ((2, 0), (2, 0), False),
        ],
    )
    def test_is_the_forward_backward_check(self, backward, forward, seen):
        flows = (np.full((40, 40, 2), vector, np.float32) for vector in (backward, forward))
        assert consistent_pixels(*flows)[20, 20] == seen

    def test_what_was_covered_is_not_visible_and_everything_else_is(self):
        scene = Scene(SIZE, [Block(20, 20, [(20, 20), (24, 20)])])
        visible = scene.motion(1).visible
        assert not visible[20:40, 20:24].any()
        assert visible.sum() == visible.size - 20 * 4

    def test_what_comes_from_outside_the_frame_is_not_visible(self):
        assert np.array_equal(pan(SIZE, 5, -3).visible, rectangle(SIZE, 5, 0, 80, 57))

    def test_shapes_must_agree(self):
        with pytest.raises(ValueError, match="expected forward flow of shape"):
            Motion.from_flow(np.zeros((4, 4, 2)), np.zeros((4, 5, 2)))
        with pytest.raises(ValueError, match=r"\(H, W, 2\), got \(4, 4\)"):
            Motion(np.zeros((4, 4), np.float32), np.ones((4, 4), np.bool_))

    def test_later_changes_of_the_given_flow_do_not_reach_the_motion(self):
        flow = np.zeros((*SIZE, 2), np.float32)
        motion = Motion.from_flow(flow)
        flow += 5
        assert not motion.backward.any()


def whole_round_trip(mask, motion):
    """A mask carried there and back over the whole frame, and what of the last frame is visible in the next."""
    width, height = motion.size[1], motion.size[0]
    scale = np.array(
        [width / motion.both.forward.shape[1], height / motion.both.forward.shape[0]], np.float32
    )
    visible = cv2.resize(
        consistent_pixels(motion.both.forward, motion.both.backward, scale).astype(np.uint8),
        (width, height),
        interpolation=cv2.INTER_NEAREST_EXACT,
    )
    forward = cv2.resize(motion.both.forward, (width, height), interpolation=cv2.INTER_LINEAR)
    back = Motion(forward, Motion.from_flow(forward).visible & (visible > 0))
    return warp_mask(warp_mask(mask, motion), back), back.visible


class TestRoundTrip:
    @pytest.mark.parametrize("seed", range(6))
    @pytest.mark.parametrize("reduced", [1, 1.7, 2.5])
    def test_the_part_around_a_mask_is_that_of_the_whole_frame(self, seed, reduced):
        rng = np.random.default_rng(seed)
        size = (96, 140)
        grid = (round(size[0] / reduced), round(size[1] / reduced))
        there = cv2.GaussianBlur(rng.standard_normal((*grid, 2)), (0, 0), 7).astype(np.float32) * 60
        back = -there + cv2.GaussianBlur(rng.standard_normal((*grid, 2)), (0, 0), 5).astype(np.float32) * 10
        motion = Motion.from_reduced_flow(there, back, size)
        mask = crop(rectangle(size, *rng.integers(0, 60, 2), *rng.integers(70, 96, 2)))
        trip = carry_back(mask, warp_mask(mask, motion), motion)
        returned, visible = whole_round_trip(mask, motion)
        # The rectangle that was cut out is found again by the mask in it.
        rows, columns = (int(np.flatnonzero(trip.previous.any(axis=axis))[0]) for axis in (1, 0))
        x, y = mask.x - columns, mask.y - rows
        height, width = trip.previous.shape
        region = Region(x, y, x + width, y + height)
        assert np.array_equal(trip.previous, mask.within(region))
        assert np.array_equal(trip.visible, visible[region.slices])
        differing = trip.returned != returned.within(region)
        assert differing.mean() < (0.002 if reduced > 1 else 1e-9), "but for the rounding of remap"
        outside = returned.bitmap() & visible
        outside[region.slices] = False
        assert not outside.any(), "nothing comes back to a visible pixel that was not looked at"
        assert 0 < trip.visible.mean() < 1

    def test_exact_motion_of_whole_pixels_brings_a_mask_back(self):
        scene = Scene(SIZE, [Block(20, 16, [(20, 20), (27, 23)])])
        motion, mask = scene.motion(1), crop(scene.masks(0)[0])
        trip = carry_back(mask, warp_mask(mask, motion), motion)
        assert np.array_equal(trip.previous & trip.visible, trip.returned & trip.visible)

    def test_without_the_flow_there_nothing_comes_back(self):
        mask = crop(rectangle(SIZE, 10, 10, 30, 30))
        assert carry_back(mask, mask, pan(SIZE, 2, 0)) is None
        still, empty = Motion.still(SIZE), crop(np.zeros(SIZE, np.bool_))
        assert carry_back(mask, empty, still) is carry_back(empty, mask, still) is None
        assert np.array_equal(*carry_back(mask, mask, still)[:2])


class TestSecondEstimate:
    def films(self, frames):
        picture = texture((120, 220))
        return [picture[10:-10, 5 + 2 * t : 165 + 2 * t] for t in range(frames)]

    @pytest.mark.parametrize(("every", "sampled"), [(0, []), (1, [1, 2, 3, 4, 5, 6, 7]), (3, [1, 4, 7])])
    def test_is_of_one_pair_in_so_many_the_first_among_them(self, every, sampled):
        estimator = FlowEstimator(second_every=every)
        motions = [estimator.update(frame) for frame in self.films(8)]
        assert [t for t, motion in enumerate(motions) if motion and motion.second] == sampled

    @pytest.mark.parametrize(("method", "other"), [("dis", "farneback"), ("farneback", "dis")])
    def test_is_by_the_other_method_on_the_same_pixels(self, method, other):
        estimator, alone = FlowEstimator(method=method, second_every=1), FlowEstimator(method=other)
        for frame in self.films(2):
            motion, second = estimator.update(frame), alone.update(frame)
        assert np.array_equal(motion.second.backward, second.backward)
        assert not np.array_equal(motion.backward, second.backward)
        assert not (motion.second.visible & ~motion.visible).any()
        assert motion.second.visible.mean() > 0.9

    def test_a_repeated_frame_is_no_pair_of_it(self):
        first, second, third = self.films(3)
        estimator = FlowEstimator(second_every=2)
        motions = [estimator.update(frame) for frame in (first, second, second, third)]
        assert [bool(motion and motion.second) for motion in motions] == [False, True, False, False]


class TestFlowEstimator:
    @pytest.mark.parametrize("method", FLOW_METHODS)
    @pytest.mark.parametrize("size", [(240, 320), (432, 768), (700, 300)])
    def test_recovers_a_known_shift_in_pixels_of_the_frame(self, size, method):
        picture = texture((size[0] + 40, size[1] + 40))
        estimator = FlowEstimator(method=method)
        assert estimator.update(picture[20:-20, 20:-20]) is None
        motion = estimator.update(picture[16:-24, 13:-27])
        inside = motion.backward[30:-30, 30:-30]
        assert np.median(inside, axis=(0, 1)) == pytest.approx([-7, -4], abs=0.1)
        assert np.percentile(np.abs(inside - [-7, -4]), 95) < 0.5
        assert motion.visible[30:-30, 30:-30].mean() > 0.99
        assert motion.size == size
        assert motion.visible[:, :5].mean() <= (0 if method == "dis" else 0.01)

    def test_reduces_large_frames_only(self):
        small, large = FlowEstimator(64), FlowEstimator(256)
        picture = texture((128, 256))
        for estimator in (small, large):
            estimator.update(picture)
        shifted = np.roll(picture, 8, axis=1)
        for estimator in (small, large):
            motion = estimator.update(shifted)
            assert motion.backward.shape == (128, 256, 2)
            assert np.median(motion.backward[20:-20, 40:-40, 0]) == pytest.approx(-8, abs=0.5)

    def test_a_repeated_frame_is_said_to_be_one_and_still(self):
        estimator, picture = FlowEstimator(), texture(SIZE)
        estimator.update(picture)
        motion = estimator.update(picture.copy())
        assert motion.repeated
        assert not motion.backward.any()
        assert motion.visible.all()
        changed = picture.copy()
        changed[0, 0, 0] ^= 1
        assert not estimator.update(changed).repeated

    def test_a_buffer_used_again_by_the_caller_does_no_harm(self):
        estimator, buffer = FlowEstimator(), texture(SIZE)
        estimator.update(buffer)
        buffer[:] = np.roll(buffer, 2, axis=1)
        motion = estimator.update(buffer)
        assert not motion.repeated
        assert np.median(motion.backward[10:-10, 10:-10, 0]) == pytest.approx(-2, abs=0.3)

    @pytest.mark.parametrize("method", FLOW_METHODS)
    @pytest.mark.parametrize("size", [(1, 1), (3, 50), (7, 5), (12, 12), (2000, 3)])
    def test_frames_of_any_size_have_flow(self, size, method):
        rng = np.random.default_rng(0)
        estimator = FlowEstimator(method=method)
        for _ in range(2):
            motion = estimator.update(rng.integers(0, 255, (*size, 3), np.uint8))
        assert motion.size == size
        assert np.isfinite(motion.backward).all()

    @pytest.mark.parametrize("frame", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
    def test_other_than_rgb_bytes_is_refused(self, frame):
        with pytest.raises(ValueError, match=r"expected a frame of uint8 \(H, W, 3\), got"):
            FlowEstimator().update(frame)

    def test_a_change_of_frame_size_is_refused(self):
        estimator = FlowEstimator()
        estimator.update(texture((40, 40)))
        with pytest.raises(ValueError, match=r"expected a frame of shape \(40, 40, 3\), got \(40, 50, 3\)"):
            estimator.update(texture((40, 50)))

    def test_a_side_too_small_for_flow_is_refused(self):
        with pytest.raises(ValueError, match="long side of at least 32 pixels, got 8"):
            FlowEstimator(8)
