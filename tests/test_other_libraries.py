"""What other libraries hand out is taken for what it is, at the right size, and what does not fit is told."""

from types import SimpleNamespace

import foreign_results as foreign
import numpy as np
import pytest
import torch

from yolact_temporal.data.instances import Instances
from yolact_temporal.data.other_libraries import InstanceAdapter, rgb_picture
from yolact_temporal.data.other_libraries.arrays import CUT_RESIZED, SOFT, SOFT_RESIZED, WHOLE, cut_masks
from yolact_temporal.data.other_libraries.layouts import without_borders
from yolact_temporal.errors import UsageError

SIZE = (40, 60)


def two_masks(size=SIZE):
    masks = np.zeros((2, *size), np.bool_)
    masks[0, 5:20, 10:30] = True
    masks[1, 22:38, 40:55] = True
    return masks


BOXES = [[10.25, 5, 30, 20], [40, 22, 55, 38.5]]  # not the masks' own
TIGHT = [[10.0, 5, 30, 20], [40, 22, 55, 38]]


def taken(seen, size=SIZE, adapter=None, **beside):
    adapter = adapter or InstanceAdapter()
    return adapter.take(seen, size, "frame 3", **beside), adapter


@pytest.mark.parametrize("library", foreign.LIBRARIES)
def test_each_library_is_taken(library):
    seen = foreign.LIBRARIES[library](two_masks(), BOXES, [0.5, 0.25], [2, 0])
    (instances, identities), adapter = taken(seen)
    assert np.array_equal(instances.bitmaps(), two_masks())
    assert instances.boxes.tolist() == (TIGHT if library == "transformers" else BOXES)
    assert instances.scores.tolist() == [0.5, 0.25]
    assert instances.class_ids.tolist() == [2, 0]
    assert adapter.class_names == ["class 0", "class 1", "class 2"]
    assert identities is None
    assert adapter.notes == []


@pytest.mark.parametrize("library", foreign.LIBRARIES)
def test_an_empty_frame_of_each_library_is_taken(library):
    seen = foreign.LIBRARIES[library](two_masks()[:0], [], [], [])
    (instances, identities), _ = taken(seen)
    assert len(instances) == 0
    assert instances.size == SIZE
    assert identities is None


@pytest.mark.parametrize("library", ["supervision", "ultralytics"])
def test_tracker_ids_and_class_names_are_taken(library):
    names = {0: "person", 2: "car"}
    make = foreign.LIBRARIES[library]
    (_, identities), adapter = taken(make(two_masks(), BOXES, [1, 1], [2, 0], ids=[7, 4], names=names))
    assert identities == (7, 4)
    assert adapter.class_names == ["person", "class 1", "car"]


def test_variants_of_a_layout_are_taken():
    seen = foreign.detectron2(two_masks(), BOXES, [1, 1], [0, 0])
    assert len(taken(seen["instances"])[0].instances) == 2
    seen = foreign.mmdet(two_masks(), BOXES, [1, 1], [0, 0])
    seen.pred_instances.masks = SimpleNamespace(
        to_ndarray=lambda: two_masks().astype(np.uint8)
    )  # BitmapMasks
    assert np.array_equal(taken(seen)[0].instances.bitmaps(), two_masks())
    assert len(taken([foreign.ultralytics(two_masks(), BOXES, [1, 1], [0, 0])])[0].instances) == 2
    seen = foreign.transformers(two_masks(), BOXES, [1, 1], [0, 0])
    seen["segmentation"] = torch.tensor(np.float32(two_masks()))  # return_binary_maps=True
    assert np.array_equal(taken(seen)[0].instances.bitmaps(), two_masks())
    ours = Instances.from_bitmaps(BOXES, [1, 1], [0, 1], two_masks())
    (instances, _), adapter = taken(ours)
    assert instances is ours
    assert adapter.class_names == ["class 0", "class 1"]


class TestMasksAlone:
    @pytest.mark.parametrize(
        "masks",
        [
            two_masks(),
            two_masks()[:, None],
            two_masks().astype(np.uint8),
            two_masks().astype(np.int64),
            two_masks().astype(np.float32),
            list(two_masks()),
            torch.tensor(two_masks()),
            torch.tensor(two_masks())[:, None].to(torch.bfloat16),
            [torch.tensor(mask) for mask in two_masks()],
        ],
    )
    def test_all_kinds_of_cut_masks_are_the_same(self, masks):
        (instances, _), adapter = taken(masks)
        assert np.array_equal(instances.bitmaps(), two_masks())
        assert instances.boxes.tolist() == TIGHT
        assert instances.scores.tolist() == [1.0, 1.0]
        assert adapter.class_names == ["object"]
        assert adapter.notes == []

    @pytest.mark.parametrize(
        ("masks", "note"),
        [
            (two_masks() * np.uint8(255), WHOLE),
            (np.where(two_masks(), 0.51, 0.5), SOFT),
            (torch.tensor(np.where(two_masks(), 0.6, 0.3)), SOFT),
        ],
    )
    def test_what_is_not_taken_as_it_is_is_said_once(self, masks, note):
        _, adapter = taken(masks)
        (instances, _), _ = taken(masks, adapter=adapter)
        assert np.array_equal(instances.bitmaps(), two_masks())
        assert adapter.notes == [note]

    @pytest.mark.parametrize(
        "masks", [None, [], np.zeros((0, 40, 60), bool), torch.zeros(0, 1, 40, 60), np.zeros(0)]
    )
    def test_nothing_is_an_empty_frame(self, masks):
        (instances, _), _ = taken(masks)
        assert (len(instances), instances.size) == (0, SIZE)

    def test_one_mask_alone_is_one_instance(self):
        assert len(taken(two_masks()[0])[0].instances) == 1

    def test_classes_by_name(self):
        (instances, _), adapter = taken(two_masks(), classes=["dog", "cat"])
        (others, _), _ = taken(two_masks(), adapter=adapter, classes=["bird", "dog"])
        assert (instances.class_ids.tolist(), others.class_ids.tolist()) == ([0, 1], [2, 0])
        assert adapter.class_names == ["dog", "cat", "bird"]

    @pytest.mark.parametrize(
        ("first", "second", "found"),
        [([1, 5], [5, 2], [(1, 5), (5, 2)]), ([0, 5], [3, 1], [(1, 6), (4, 2)])],
    )
    def test_ids_that_count_from_0_are_moved_up(self, first, second, found):
        adapter = InstanceAdapter()
        assert [
            taken(two_masks(), adapter=adapter, ids=ids)[0].identities for ids in (first, second)
        ] == found


class TestOtherSizes:
    """Masks of another size than the frame's."""

    def disc(self, size, soft):
        """A disc in the middle: how much of each pixel it covers, or which pixels it covers by half."""
        fine = 8
        rows, columns = np.mgrid[: size[0] * fine, : size[1] * fine] + 0.5
        inside = (rows / fine - size[0] / 2) ** 2 + (columns / fine - size[1] / 2) ** 2 < (0.3 * size[0]) ** 2
        share = inside.reshape(size[0], fine, size[1], fine).mean((1, 3))
        return share[None] if soft else share[None] > 0.5

    @pytest.mark.parametrize(("soft", "note"), [(True, SOFT_RESIZED), (False, CUT_RESIZED)])
    def test_a_mask_of_a_third_of_the_size_does_not_grow(self, soft, note):
        small, large = (60, 90), (180, 270)
        (instances, _), adapter = taken(self.disc(small, soft), large)
        truth = self.disc(large, False)[0]
        found = instances.bitmaps()[0]
        assert adapter.notes == [note]
        assert (
            abs(int(found.sum()) - int(truth.sum())) < 0.01 * truth.sum()
        )  # 1 px more all around would be 4%
        assert (found ^ truth).sum() < (0.006 if soft else 0.03) * truth.sum()

    @pytest.mark.parametrize(
        ("frame", "network"), [((720, 1280), (384, 640)), ((480, 480), (320, 320)), ((90, 160), (160, 160))]
    )
    def test_the_borders_of_an_ultralytics_input_are_taken_off(self, frame, network):
        gain = min(network[0] / frame[0], network[1] / frame[1])
        inner = (round(frame[0] * gain), round(frame[1] * gain))
        top, left = (network[0] - inner[0]) // 2, (network[1] - inner[1]) // 2
        data = np.zeros((1, *network), np.float32)
        data[0, top : top + inner[0] // 2, left : left + inner[1] // 4] = (
            1  # upper half, left quarter of the frame
        )
        (instances, _), adapter = taken(
            foreign.ultralytics(data, [[0, 0, 9, 9]], [1], [0], size=frame), frame
        )
        truth = np.zeros(frame, bool)
        truth[: frame[0] // 2, : frame[1] // 4] = True
        assert np.array_equal(instances.bitmaps()[0], truth)
        assert adapter.notes == ([] if inner == frame else [CUT_RESIZED])

    @pytest.mark.parametrize("frame", [(1080, 1920), (333, 500), (721, 1279)])
    def test_borders_of_odd_sizes_leave_the_frame_s_shape(self, frame):
        gain = min(384 / frame[0], 640 / frame[1])
        height, width = without_borders(np.zeros((1, 384, 640)), frame).shape[1:]
        assert abs(height - frame[0] * gain) <= 1
        assert abs(width - frame[1] * gain) <= 1
        assert (
            cut_masks(np.ones((1, height, width), bool), frame, "frame 0", [])[0].area == frame[0] * frame[1]
        )


WRONG = [
    (
        two_masks().transpose(1, 2, 0),
        {},
        r"got 60x2 in an array \(40, 60, 2\): bring them|put instances first",
    ),
    (two_masks().transpose(0, 2, 1), {}, "got 40x60 .*: swap height and width"),
    (np.zeros((1, 64, 64), bool), {}, "expected masks of 60x40 pixels at frame 3.*without the borders"),
    (np.full((1, 40, 60), -3.0), {}, "expected probabilities from 0 to 1 .*sigmoid"),
    (np.full((1, 40, 60), 200.0), {}, "expected probabilities from 0 to 1 .*divide by 255"),
    (np.full((1, 40, 60), np.nan), {}, "expected probabilities from 0 to 1 .*NaN"),
    (np.arange(2400).reshape(1, 40, 60) % 5, {}, r"values from 0 to 4: of an image of object numbers"),
    (np.full((1, 40, 60), "a"), {}, "expected masks of bool"),
    (np.zeros((2, 3, 40, 60), bool), {}, r"expected masks \(N, H, W\)"),
    ([np.ones((40, 60)), np.ones((40, 61))], {}, "NumPy makes none of"),
    (two_masks(), {"scores": [0.5]}, "expected scores for 2 masks at frame 3, got .*one each"),
    (two_masks(), {"scores": [0.5, 50]}, "expected scores from 0 to 1 at frame 3.*per cent"),
    (two_masks(), {"scores": [0.5, np.nan]}, "expected scores from 0 to 1"),
    (two_masks(), {"ids": [4, 4]}, "expected each id once a frame, got 4 more than once at frame 3"),
    (two_masks(), {"ids": [1, -1]}, "expected ids from 1 on at frame 3, got -1"),
    (two_masks(), {"ids": [1.5, 2]}, "expected ids as whole numbers"),
    (two_masks(), {"classes": [0, -2]}, "expected classes from 0 to 9999 at frame 3, got -2"),
    (two_masks(), {"classes": [0.5, 1]}, "expected classes as whole numbers or names"),
    (two_masks(), {"classes": ["a", "b\n"]}, "expected printable class names"),
    ("masks.npz", {}, r"expected masks \(N, H, W\), or one of .*got str"),
    ({"logits": 1}, {}, "got a dictionary with logits"),
    (foreign.supervision(None, BOXES, [1, 1], [0, 0]), {}, "got boxes alone: use a model that segments"),
    (foreign.supervision(two_masks(), BOXES, [1, 1], [0, 0]), {"scores": [1, 1]}, "beside masks alone"),
    (foreign.torchvision(two_masks(), BOXES[:1], [1, 1], [0, 0]), {}, r"expected finite boxes \(2, 4\)"),
    (foreign.ultralytics(two_masks(), BOXES, [1, 1], [0, 0], size=(80, 120)), {}, "of a picture of 120x80"),
]


@pytest.mark.parametrize(("seen", "beside", "sentence"), WRONG)
def test_what_does_not_fit_is_told_in_one_sentence(seen, beside, sentence):
    with pytest.raises(UsageError, match=sentence) as told:
        taken(seen, **beside)
    assert "\n" not in str(told.value)
    assert str(told.value).startswith("expected ")


def test_masks_in_the_boxes_frame_are_refused():
    seen = foreign.detectron2(two_masks(), BOXES, [1, 1], [0, 0])["instances"]
    seen.pred_masks = torch.zeros(2, 1, 28, 28)
    with pytest.raises(UsageError, match="got detectron2's of each box"):
        taken(seen)


@pytest.mark.parametrize(
    ("picture", "advice"),
    [
        (np.zeros((40, 60), np.uint8), "repeat the grey channel"),
        (np.zeros((3, 40, 60), np.uint8), r"frame\.transpose\(1, 2, 0\)"),
        (torch.zeros(3, 40, 60), r"frame\.transpose\(1, 2, 0\)"),
        (np.zeros((40, 60, 4), np.uint8), "leave the fourth channel out"),
        (np.full((40, 60, 3), 0.5), r"\(frame \* 255\)\.round\(\)\.astype\(np\.uint8\)"),
        (np.full((40, 60, 3), 200.0), r"frame\.round\(\)\.astype\(np\.uint8\)"),
        (np.zeros((2, 40, 60, 3), np.uint8), "pass one picture a frame"),
    ],
)
def test_what_is_no_picture_is_told_with_what_makes_it_one(picture, advice):
    with pytest.raises(
        UsageError, match=rf"expected frames uint8 \(H, W, 3\) in RGB, got .* at frame 0: .*{advice}"
    ):
        rgb_picture(picture, "frame 0")


@pytest.mark.slow
@pytest.mark.smoke
def test_the_real_supervision_is_taken():
    sv = pytest.importorskip(
        "supervision", reason="supervision is not installed (it comes with the extra dev)"
    )
    detections = sv.Detections(
        xyxy=np.array(BOXES),
        mask=two_masks(),
        confidence=np.array([0.5, 0.25]),
        class_id=np.array([2, 0]),
        tracker_id=np.array([7, 4]),
        data={"class_name": np.array(["car", "person"])},
    )
    (instances, identities), adapter = taken(detections)
    assert np.array_equal(instances.bitmaps(), two_masks())
    assert (instances.boxes.tolist(), instances.scores.tolist()) == (BOXES, [0.5, 0.25])
    assert (identities, adapter.class_names) == ((7, 4), ["person", "class 1", "car"])
    assert len(taken(sv.Detections.empty())[0].instances) == 0
    tracked = sv.Detections.empty()
    tracked.tracker_id = np.array([], int)
    assert taken(tracked)[0].identities == ()
