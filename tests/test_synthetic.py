"""The synthetic scenes are what they say, and the stand-ins' doses are in their masks: nothing measured by the tool."""

import itertools
from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy import ndimage

from yolact_temporal.data.synthetic import STAND_INS, SceneOptions, SyntheticScene, make_stand_in, scenes
from yolact_temporal.data.synthetic.stand_ins import BURST_FRAMES

SIZE = (96, 128)
BASE = SceneOptions(size=SIZE, frames=6, speed=1.3, noise=0.0)
KINDS = {
    "still camera": {},
    "pan": {"camera": "pan"},
    "zoom": {"camera": "zoom"},
    "shake": {"camera": "shake"},
    "deforming": {"deforming": True},
    "all at once": {"camera": "shake", "deforming": True, "crossing": True, "frames": 30, "speed": 1.9},
    "fast": {"speed": 6.0},
    "one object": {"objects": 1},
    "no object": {"objects": 0},
}


def scene(**changes):
    return list(SyntheticScene(replace(BASE, **changes)))


@pytest.fixture(scope="module", params=KINDS, ids=list(KINDS))
def frames(request):
    return scene(**KINDS[request.param])


@pytest.fixture(scope="module")
def steady():
    """A hundred frames of one slow object that stays in sight."""
    return scene(objects=1, speed=0.1, frames=100, seed=3)


@pytest.fixture(scope="module")
def crossing():
    """Objects that meet half way through, the small ones behind the large one."""
    return scene(crossing=True, frames=40, speed=1.6)


def centroid(mask):
    rows, columns = np.nonzero(mask)
    return np.array([columns.mean(), rows.mean()])


def outlines(frame):
    """Pixels with a neighbour that shows another surface."""
    owner = sum(key * mask for key, mask in frame.masks.items()) + np.zeros(SIZE, int)
    return ndimage.maximum_filter(owner, 3) != ndimage.minimum_filter(owner, 3)


def carried(values, frame, flags):
    """What the last frame's values, bool or float (H, W, ...), are at the source of each pixel."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    x, y = columns + frame.backward[..., 0], rows + frame.backward[..., 1]
    return cv2.remap(np.float32(values), x, y, flags, borderMode=cv2.BORDER_REPLICATE)


class TestMasks:
    @pytest.mark.slow
    def test_are_disjoint_and_never_empty(self, frames):
        for frame in frames:
            assert (
                sum(mask.astype(int) for mask in frame.masks.values()).max(initial=0) <= 1
                if frame.masks
                else True
            )
            assert all(mask.any() and mask.shape == SIZE for mask in frame.masks.values())

    def test_are_where_the_outlines_depth_says(self, frames):
        for frame in frames:
            assert frame.outlines.keys() == frame.masks.keys() == frame.class_ids.keys()
            for key, outline in frame.outlines.items():
                whole = np.zeros(SIZE, bool)
                whole[outline.part] = outline.depth >= 0
                assert np.array_equal(whole, frame.masks[key])

    def test_depth_is_a_distance_near_the_outline(self):
        for frame in scene(objects=1, camera="zoom", deforming=True, frames=3):
            depth = frame.outlines[1].depth
            near = np.abs(depth) < 2
            steepness = np.hypot(*np.gradient(depth.astype(float)))[near]
            assert steepness == pytest.approx(1, abs=0.25)
            assert steepness.mean() == pytest.approx(1, abs=0.05)

    @pytest.mark.slow
    def test_keep_identity_and_class(self):
        for frame in scene(frames=20, objects=5):
            assert all(frame.class_ids[key] == (key - 1) % 3 for key in frame.masks)

    def test_show_what_stands_in_front(self):
        """The picture's colours part where the masks do: each object has a texture of its own."""
        for frame in scene(texture=0.0, objects=3, crossing=True, frames=12, speed=1.0):
            flat = [
                frame.rgb[mask]
                for mask in (*frame.masks.values(), ~np.any(list(frame.masks.values()), axis=0))
            ]
            colours = [tuple(np.median(part, axis=0)) for part in flat]
            assert all((part == colour).all() for part, colour in zip(flat, colours, strict=True))
            assert len(set(colours)) == len(colours)


class TestMotion:
    def test_carries_the_last_picture_to_this_one(self, frames):
        beside = []
        for last, frame in itertools.pairwise(frames):
            seen = frame.visible & ~ndimage.binary_dilation(outlines(frame), iterations=2)
            seen &= (
                carried(ndimage.binary_dilation(outlines(last), iterations=2), frame, cv2.INTER_NEAREST) < 0.5
            )
            error = np.abs(carried(last.rgb, frame, cv2.INTER_CUBIC) - frame.rgb)[seen]
            assert error.mean() < 1.1  # of 255: rounding to whole values, and resampling between pixels
            assert np.percentile(error, 99) < 3.6
            if error.any():
                beside.append(np.abs(last.rgb.astype(float) - frame.rgb)[seen].mean() / error.mean())
        assert not beside or max(beside) > 1.5, "the last picture itself is as like"

    def test_carries_the_last_mask_to_this_one(self, frames):
        """Rounding to the nearest pixel, by up to 0.71 px, is all that differs."""
        for last, frame in itertools.pairwise(frames):
            near, before = (ndimage.binary_dilation(outlines(f), np.ones((3, 3))) for f in (frame, last))
            near |= carried(before, frame, cv2.INTER_NEAREST) > 0.5
            for key in last.masks.keys() & frame.masks.keys():
                differs = (carried(last.masks[key], frame, cv2.INTER_NEAREST) > 0.5) != frame.masks[key]
                differs &= frame.visible
                assert not (differs & ~near).any(), "further than two pixels from any outline"
                if frame.masks[key].sum() > 200:
                    assert differs.sum() <= 0.35 * (outlines(frame) & frame.masks[key]).sum()

    def test_a_pixel_is_visible_if_its_point_was_in_sight_between_the_pixels(self):
        """Objects that move by less than a pixel uncover a strip of less than one; none of it was in sight."""
        for last, frame in zip(*(scene(speed=0.6, objects=2)[start:] for start in (0, 1)), strict=False):
            hidden = np.zeros(SIZE, bool)
            for key, (part, depth) in last.outlines.items():
                ground = ~np.any(list(frame.masks.values()), axis=0)
                hidden[part] |= ground[part] & (depth >= 0)  # the ground does not move
                assert key in frame.masks
            assert hidden.any()
            assert np.array_equal(hidden, ~frame.visible)

    @pytest.mark.slow
    def test_what_a_pan_brings_in_is_not_visible(self):
        for frame in scene(camera="pan", objects=0)[1:]:
            assert frame.backward == pytest.approx(np.broadcast_to([1.3, 0], (*SIZE, 2)), abs=1e-4)
            assert not frame.visible[:, -1].any()
            assert frame.visible[:, :-1].all()

    def test_the_first_frame_has_none(self, frames):
        assert not frames[0].backward.any()
        assert not frames[0].visible.any()

    @pytest.mark.parametrize("camera", ["pan", "zoom", "shake"])
    def test_the_camera_moves(self, camera):
        assert all(np.abs(frame.backward).max() > 0.1 for frame in scene(camera=camera, objects=0)[1:])

    def test_a_still_scene_is_still(self):
        first, *rest = scene(speed=0.0)
        for frame in rest:
            assert np.abs(frame.backward).max() < 1e-9
            assert frame.visible.all()
            assert np.array_equal(frame.rgb, first.rgb)


class TestOcclusion:
    def test_an_object_is_wholly_hidden_for_a_while_and_comes_back(self, crossing):
        present = [1 in frame.masks for frame in crossing]
        assert present[0]
        assert present[-1]
        gone = np.flatnonzero(~np.array(present))
        assert len(gone) >= 3
        assert np.array_equal(gone, np.arange(gone[0], gone[-1] + 1))

    def test_what_was_behind_another_is_not_visible(self, crossing):
        """Whatever of an object comes from under another one's mask is new."""
        newly = 0
        for last, frame in itertools.pairwise(crossing):
            for key, mask in frame.masks.items():
                others = [other for number, other in last.masks.items() if number > key]
                if others:
                    inner = ndimage.binary_erosion(np.any(others, axis=0), iterations=2)
                    covered = carried(inner, frame, cv2.INTER_NEAREST) > 0.5
                    newly += (mask & covered).sum()
                    assert not (mask & covered & frame.visible).any()
        assert newly > 50


class TestPicture:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        "changes", [{"noise": 2.0}, {"quality": 40}, {"noise": 3.0, "quality": 60, "seed": 5}]
    )
    def test_is_the_same_to_the_bit_from_a_seed(self, changes, monkeypatch, shared_textures):
        monkeypatch.setattr(scenes, "_texture", shared_textures)  # each scene draws its own
        source = SyntheticScene(replace(BASE, **changes))
        for once, again, other in zip(source, source, SyntheticScene(source.options), strict=True):
            for frame in (again, other):
                for name in ("rgb", "backward", "visible"):
                    assert np.array_equal(getattr(once, name), getattr(frame, name))
                assert all(np.array_equal(once.masks[key], frame.masks[key]) for key in once.masks)

    def test_another_seed_is_another_scene(self):
        assert not np.array_equal(scene(seed=1)[0].rgb, scene(seed=2)[0].rgb)

    @pytest.mark.parametrize("noise", [1.0, 4.0])
    def test_noise_has_the_deviation_asked_for(self, noise):
        difference = scene(noise=noise)[0].rgb.astype(float) - scene()[0].rgb
        assert difference.std() == pytest.approx(np.hypot(noise, np.sqrt(1 / 6)), rel=0.05)

    def test_compression_changes_the_picture_and_not_the_truth(self):
        clean, pressed, worse = scene(), scene(quality=80), scene(quality=20)
        error = [np.abs(f[0].rgb.astype(float) - clean[0].rgb).mean() for f in (pressed, worse)]
        assert 0.5 < error[0] < error[1]
        assert all(np.array_equal(clean[0].masks[key], worse[0].masks[key]) for key in clean[0].masks)

    def test_texture_is_contrast(self):
        spread = [scene(texture=t, objects=0)[0].rgb.std(axis=(0, 1)).mean() for t in (0.0, 0.3, 0.6)]
        assert spread[0] == 0
        assert 5 < spread[1] < spread[2]

    def test_rigid_objects_keep_their_shape_and_deforming_ones_do_not(self):
        rigid, soft = (scene(objects=1, frames=20, speed=0.0, deforming=d) for d in (False, True))
        assert all(np.array_equal(frame.masks[1], rigid[0].masks[1]) for frame in rigid)
        assert (soft[10].masks[1] ^ soft[0].masks[1]).sum() > 20

    @pytest.mark.parametrize("changes", [{"size": (16, 64)}, {"frames": 0}, {"objects": -1}])
    def test_nonsense_is_refused(self, changes):
        with pytest.raises(ValueError, match="expected a size of at least 32x32"):
            replace(BASE, **changes)


def masks_of(fault, dose, frames, seed=1):
    """The stand-in's mask of object 1 in every frame, None where it has none, and the true one."""
    stand_in = make_stand_in(fault, dose, seed)
    return [(stand_in.corrupt(stand_in, frame, 1, frame.masks[1]), frame.masks[1]) for frame in frames]


class TestDoses:
    @pytest.mark.slow
    @pytest.mark.parametrize("dose", [0.5, 1.0, 2.0, 4.0])
    def test_boundary_noise(self, steady, dose):
        """The area between two outlines over the length of one is the mean gap: sqrt(2 / pi) of the RMS."""
        gaps = []
        for mask, true in masks_of("boundary_noise", dose, steady):
            (contour, *_), _ = cv2.findContours(
                true.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
            )
            gaps.append((mask ^ true).sum() / cv2.arcLength(contour, closed=True))
        assert np.mean(gaps) * np.sqrt(np.pi / 2) == pytest.approx(dose, rel=0.12)

    def test_boundary_noise_is_drawn_anew_and_smooth(self, steady):
        one, two = (mask for mask, _ in masks_of("boundary_noise", 2.0, steady[:2]))
        assert (one ^ two).sum() > 30
        assert ndimage.label(one)[1] <= 2

    @pytest.mark.parametrize("dose", [0.1, 0.25, 0.5, 1.0, 2.0])
    def test_centroid_shake(self, steady, dose):
        """The masks' centroids move by what was drawn, to a few hundredths of a pixel."""
        moved = np.array(
            [centroid(mask) - centroid(true) for mask, true in masks_of("centroid_shake", dose, steady)]
        )
        stand_in = make_stand_in("centroid_shake", dose, 1)
        drawn = np.array([stand_in.rng(frame, 1).normal(0, dose, 2) for frame in steady])
        assert drawn.std(axis=0) == pytest.approx([dose, dose], rel=0.25)
        assert (moved - drawn).std() < 0.06
        for axis in (0, 1):
            assert np.polyfit(drawn[:, axis], moved[:, axis], 1)[0] == pytest.approx(1, abs=0.12)

    def test_drift(self, steady):
        moved = np.array([centroid(mask) - centroid(true) for mask, true in masks_of("drift", 0.07, steady)])
        assert moved == pytest.approx(0.07 * np.outer(np.arange(100), [1, 0]), abs=0.2)
        assert np.polyfit(np.arange(100), moved[:, 0], 1)[0] == pytest.approx(0.07, rel=0.01)

    @pytest.mark.parametrize("fault", ["dropped", "dropped_in_bursts"])
    @pytest.mark.parametrize("dose", [0.1, 0.3])
    def test_dropout(self, steady, fault, dose):
        stand_in, mask = make_stand_in(fault, dose, 4), np.ones((2, 2), bool)
        moments = (replace(steady[0], index=index) for index in range(8000))
        absent = np.array([stand_in.corrupt(stand_in, frame, 1, mask) is None for frame in moments])
        assert absent.mean() == pytest.approx(dose, abs=0.02)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], absent, [0]])))
        length = (edges[1::2] - edges[::2]).mean()
        assert length == pytest.approx(
            BURST_FRAMES if fault == "dropped_in_bursts" else 1 / (1 - dose), rel=0.12
        )

    @pytest.mark.parametrize("rate", [0.1, 0.4])
    def test_class_switches(self, steady, rate):
        stand_in = make_stand_in("truth", seed=2, flip_rate=rate)
        frames = (replace(steady[0], index=index) for index in range(2000))
        classes = np.array([stand_in.see(frame).class_ids[0] for frame in frames])
        assert (classes[1:] != classes[:-1]).mean() == pytest.approx(rate, abs=0.03)

    @pytest.mark.parametrize("fault", sorted(set(STAND_INS)))
    def test_the_same_seed_gives_the_same_and_every_mask_has_its_box(self, fault):
        frames = scene(frames=4, objects=2, crossing=True)
        once, again = (make_stand_in(fault, 0.5 if "resolution" not in fault else 28, 7) for _ in range(2))
        for frame in frames:
            first, second = once.see(frame), again.see(frame)
            assert first == second
            for box, mask in zip(first.boxes, first.bitmaps(), strict=True):
                rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
                tight = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) if mask.any() else (0, 0, 0, 0)
                assert tuple(box) == tight


class TestOtherFaults:
    def test_truth_frozen_empty_and_full_box(self, steady):
        assert all(np.array_equal(mask, true) for mask, true in masks_of("truth", 0, steady[:3]))
        first = steady[0].masks[1]
        assert all(np.array_equal(mask, first) for mask, _ in masks_of("frozen", 0, steady[::20]))
        assert not any(mask.any() for mask, _ in masks_of("empty", 0, steady[:3]))
        for mask, true in masks_of("full_box", 0, steady[:3]):
            assert mask.sum() == np.prod([np.ptp(i) + 1 for i in np.nonzero(true)])
            assert (mask | true).sum() == mask.sum()

    def test_merged_is_one_mask_for_the_first_two(self):
        frame = scene(objects=3)[0]
        seen = make_stand_in("merged").see(frame)
        assert len(seen) == 2
        assert np.array_equal(seen.bitmaps()[0], frame.masks[1] | frame.masks[2])

    @pytest.mark.parametrize("fault", ["low_resolution_box", "low_resolution_frame"])
    def test_low_resolution_loses_what_the_grid_cannot_hold(self, fault):
        frame = scene(objects=1, size=(192, 256))[0]
        true = frame.masks[1]

        def iou(cells):
            stand_in = make_stand_in(fault, cells)
            mask = stand_in.corrupt(stand_in, frame, 1, true)
            return (mask & true).sum() / (mask | true).sum()

        coarse, fine = (iou(cells) for cells in ((6, 28) if fault == "low_resolution_box" else (24, 64)))
        assert coarse < fine < 1
        assert fine > 0.95

    def test_worst_dropped_is_varying_noise_without_its_worst(self, steady):
        honest = masks_of("varying_noise", 1.0, steady)
        selective = masks_of("worst_dropped", 1.0, steady)
        kept = [n for n, (mask, _) in enumerate(selective) if mask is not None]
        assert 0.6 < len(kept) / len(steady) < 0.8
        assert all(np.array_equal(honest[n][0], selective[n][0]) for n in kept)
        gap = [(mask ^ true).sum() for mask, true in honest]
        assert np.mean([gap[n] for n in kept]) < 0.8 * np.mean(gap)

    def test_an_unknown_fault_is_refused(self):
        with pytest.raises(ValueError, match="expected a fault out of truth, boundary_noise"):
            make_stand_in("sleepy")
