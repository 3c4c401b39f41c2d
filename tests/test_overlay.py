"""What is drawn on frames: colours by track, inside the frame, and nothing where nothing was seen."""

import itertools
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.labels import label_patch, place_label
from yolact_temporal.data.overlay import (
    OverlayPainter,
    OverlayStyle,
    draw_banner,
    draw_overlay,
)
from yolact_temporal.data.track_colors import track_color

HEIGHT, WIDTH = 120, 160
PLAIN = OverlayStyle(boxes=False, labels=False)

# Machado, Oliveira and Fernandes (2009), full severity, on linear RGB.
SIGHTS = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.052],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}


def frame(value: int = 90, size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    return np.full((*size, 3), value, np.uint8)


def rectangles(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (HEIGHT, WIDTH)) -> Instances:
    masks = np.zeros((len(boxes), *size), np.bool_)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes, strict=True):
        mask[y1:y2, x1:x2] = True
    scores = np.linspace(0.9, 0.5, len(boxes))
    return Instances.from_bitmaps(np.array(boxes, float).reshape(-1, 4), scores, np.zeros(len(boxes)), masks)


def perceived(colors: list[tuple[int, int, int]], sight: str) -> np.ndarray:
    encoded = np.array(colors) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(SIGHTS[sight]).T, 0, 1)
    back = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    return cv2.cvtColor(back[None].astype(np.float32), cv2.COLOR_RGB2LAB)[0]


@pytest.mark.parametrize("sight", SIGHTS)
def test_first_colours_are_told_apart_by_every_sight(sight: str) -> None:
    seen = perceived([track_color(track_id) for track_id in range(1, 8)], sight)
    closest = min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))
    assert closest > (40 if sight == "normal" else 25)


def test_first_21_tracks_have_distinct_colours_and_no_track_is_grey() -> None:
    assert len({track_color(track_id) for track_id in range(1, 22)}) == 21
    assert track_color(22) == track_color(1)
    assert track_color(-1) == track_color(0)
    red, green, blue = track_color(-1)
    assert red == green == blue


def test_colour_is_the_tracks_whatever_the_class() -> None:
    seen = rectangles((30, 30, 90, 90))
    other_class = Instances(seen.boxes, seen.scores, [5], seen.masks, seen.size)
    first = draw_overlay(frame(), seen, [4], style=PLAIN)
    np.testing.assert_array_equal(first, draw_overlay(frame(), other_class, [4], style=PLAIN))
    assert not np.array_equal(first, draw_overlay(frame(), seen, [5], style=PLAIN))


def test_mask_is_tinted_with_its_colour_and_the_rest_untouched() -> None:
    image = frame(90)
    out = draw_overlay(image, rectangles((30, 40, 90, 100)), [1], style=PLAIN)
    inside = out[45:95, 35:85].reshape(-1, 3)
    np.testing.assert_allclose(inside, [0.58 * 90 + 0.42 * np.array(track_color(1))] * len(inside), atol=1)
    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[37:103, 27:93] = False
    assert (out[outside] == 90).all()
    assert (image == 90).all(), "the frame given is not drawn on"


def test_contour_runs_along_the_mask_in_full_colour() -> None:
    out = draw_overlay(frame(), rectangles((30, 40, 90, 100)), [3], style=PLAIN)
    for y, x in ((40, 60), (99, 60), (70, 30), (70, 89)):
        assert np.abs(out[y, x].astype(int) - track_color(3)).max() < 40


def test_box_and_label_are_drawn_when_wanted_only() -> None:
    seen = rectangles((30, 40, 90, 100))
    loose = Instances(seen.boxes + np.float32([-10, -5, 10, 5]), seen.scores, [0], seen.masks, seen.size)
    bare = draw_overlay(frame(), loose, [1], ["person"], style=PLAIN)
    boxed = draw_overlay(frame(), loose, [1], ["person"], style=OverlayStyle(labels=False))
    labelled = draw_overlay(frame(), loose, [1], ["person"], style=OverlayStyle(boxes=False))
    assert (bare[70, 20] == 90).all()
    assert tuple(boxed[70, 20]) == track_color(1)
    assert tuple(boxed[70, 99]) == track_color(1)
    assert (boxed[70, 100] == 90).all()
    changed = np.argwhere((labelled != bare).any(axis=2))
    assert changed[:, 0].max() < 36, "above the box"
    assert changed[:, 0].min() > 10


def test_the_best_instance_is_on_top() -> None:
    opaque = OverlayStyle(boxes=False, labels=False, fill_opacity=1)
    out = draw_overlay(frame(), rectangles((20, 20, 80, 80), (50, 20, 110, 80)), [1, 2], style=opaque)
    assert tuple(out[50, 65]) == track_color(1)
    assert tuple(out[50, 95]) == track_color(2)


@pytest.mark.parametrize("size", [(120, 160), (480, 854), (1080, 1920), (24, 32)])
@pytest.mark.parametrize("corner", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_objects_and_labels_at_the_border_stay_inside_the_frame(
    size: tuple[int, int], corner: tuple[int, int]
) -> None:
    height, width = size
    x1, y1 = corner[1] * (width // 2), corner[0] * (height // 2)
    seen = rectangles((x1, y1, x1 + width // 2, y1 + height // 2), size=size)
    out = draw_overlay(frame(size=size), seen, [12], ["a very long class name indeed"], events=[("new",)])
    assert out.shape == (*size, 3)
    assert (out != 90).any()


def test_labels_of_neighbours_do_not_cover_each_other() -> None:
    size = (480, 640)
    seen = rectangles((100, 100, 300, 300), (110, 100, 310, 300), (105, 101, 305, 300), size=size)
    ids = [1, 2, 7]
    bare = draw_overlay(
        frame(size=size), seen, ids, style=OverlayStyle(boxes=False, labels=False, fill_opacity=0)
    )
    out = draw_overlay(
        frame(size=size), seen, ids, ["dog"] * 3, style=OverlayStyle(boxes=False, fill_opacity=0)
    )
    added = (out != bare).any(axis=2)
    areas = [int((added & (out == track_color(key)).all(axis=2)).sum()) for key in ids]
    assert min(areas) > 0.7 * max(areas), areas


@pytest.mark.parametrize("event", ["new", "return", "class_flip", "area_blink"])
def test_events_are_hinted_in_the_label(event: str) -> None:
    seen = rectangles((30, 60, 90, 100))
    plain = draw_overlay(frame(), seen, [1], ["dog"])
    hinted = draw_overlay(frame(), seen, [1], ["dog"], events=[(event,)])
    changed = np.argwhere((plain != hinted).any(axis=2))
    assert len(changed) > 0
    assert changed[:, 0].max() < 60, "only the label differs"


def test_events_without_a_hint_change_nothing() -> None:
    seen = rectangles((30, 60, 90, 100))
    with_event = draw_overlay(frame(), seen, [1], ["dog"], events=[("box_cut", "something else")])
    np.testing.assert_array_equal(with_event, draw_overlay(frame(), seen, [1], ["dog"]))


def test_lost_track_leaves_a_dashed_outline() -> None:
    out = draw_overlay(
        frame(), Instances.empty((HEIGHT, WIDTH)), [], lost={3: (20, 30, 140, 110)}, style=PLAIN
    )
    edge = (out[30, 20:140] == track_color(3)).all(axis=1)
    assert 0.4 < edge.mean() < 0.6
    assert (out[60:80, 60:100] == 90).all()


def test_decoded_masks_give_the_same_picture_as_encoded_ones() -> None:
    given = rectangles((10, 20, 60, 90), (50, 40, 150, 110))
    read = Instances(given.boxes, given.scores, given.class_ids, given.masks, given.size)
    pictures = [draw_overlay(frame(), seen, [1, 2], ["dog", "cat"]) for seen in (given, read)]
    np.testing.assert_array_equal(*pictures)


def test_empty_frames_and_empty_masks_are_ordinary() -> None:
    image = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    nothing = draw_overlay(image, Instances.empty((HEIGHT, WIDTH)), [])
    np.testing.assert_array_equal(nothing, image)
    assert not np.shares_memory(nothing, image)
    bitmaps = np.zeros((1, HEIGHT, WIDTH), bool)
    hollow = Instances.from_bitmaps([[10, 10, 50, 50]], [0.4], [0], bitmaps)
    np.testing.assert_array_equal(draw_overlay(image, hollow, [-1], style=PLAIN), image)


def test_one_pixel_masks_and_holes_are_drawn() -> None:
    bitmaps = np.zeros((1, HEIGHT, WIDTH), bool)
    bitmaps[0, 20:80, 20:80] = True
    bitmaps[0, 40:60, 40:60] = False
    bitmaps[0, 100, 100] = True
    seen = Instances.from_bitmaps([[20, 20, 101, 101]], [0.4], [0], bitmaps)
    out = draw_overlay(frame(), seen, [1], style=PLAIN)
    assert (out[45:55, 45:55] == 90).all()
    assert (out[100, 100] != 90).any()
    assert np.abs(out[39, 50].astype(int) - track_color(1)).max() < 60, "a hole has an outline too"


def test_lines_grow_with_the_frame() -> None:
    widths = []
    for scale in (1, 3):
        size = (480 * scale, 640 * scale)
        box = tuple(edge * scale for edge in (200, 200, 400, 400))
        out = draw_overlay(
            frame(size=size),
            rectangles(box, size=size),
            [1],
            style=OverlayStyle(fill_opacity=0, labels=False),
        )
        widths.append(int((out[300 * scale, : 300 * scale] != 90).any(axis=1).sum()))
    assert widths[1] > 1.5 * widths[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"track_ids": [1, 2]}, "expected 1 track_ids"),
        ({"labels": []}, "expected 1 labels"),
        ({"events": [(), ()]}, "expected 1 events"),
        ({"rgb": frame(size=(50, 50))}, "expected instances of a frame of size"),
        ({"rgb": frame().astype(np.float32)}, "expected a frame of uint8"),
    ],
)
def test_disagreeing_arguments_are_refused(arguments: dict, message: str) -> None:
    given = {"rgb": frame(), "instances": rectangles((10, 10, 20, 20)), "track_ids": [1]} | arguments
    with pytest.raises(ValueError, match=message):
        draw_overlay(**given)


@pytest.mark.parametrize("wrong", [{"fill_opacity": 1.5}, {"line_scale": 0.0}])
def test_impossible_styles_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"expected .*, got"):
        OverlayStyle(**wrong)


def test_banner_writes_in_the_lower_corners_only_and_in_place() -> None:
    image = frame(size=(240, 320))
    assert draw_banner(image, "yolact_compact", "frame 5") is image
    changed = (image != 90).any(axis=2)
    assert changed[-10:, :20].all()
    assert changed[-10:, -20:].all()
    assert not changed[:200].any()
    assert not changed[:, 150:200].any()
    assert image.max() > 200, "light text"
    draw_banner(frame(size=(12, 20)), "a text that is wider than the frame", "so is this one")


def test_painter_keeps_hints_and_lost_outlines_in_sight_and_then_drops_them() -> None:
    painter = OverlayPainter(frame_rate=10)
    seen, nothing = rectangles((30, 60, 90, 100)), Instances.empty((HEIGHT, WIDTH))
    plain = draw_overlay(frame(), seen, [1], ["dog"])
    hinted = draw_overlay(frame(), seen, [1], ["dog"], events=[("new",)])
    lost = draw_overlay(frame(), nothing, [], lost={1: (30, 60, 90, 100)})
    first = painter.draw(frame(), seen, [1], ["dog"], events=[("new",)])
    rest = [painter.draw(frame(), seen, [1], ["dog"], events=[()]) for _ in range(4)]
    gone = [painter.draw(frame(), nothing, [], [], events=[]) for _ in range(4)]
    for out, expected in zip(
        [first, *rest, *gone], [*[hinted] * 3, plain, plain, *[lost] * 3, frame()], strict=True
    ):
        np.testing.assert_array_equal(out, expected)


def test_painter_forgets_the_outline_of_a_track_that_returns() -> None:
    painter = OverlayPainter(frame_rate=20)
    seen = rectangles((30, 60, 90, 100))
    painter.draw(frame(), seen, [1])
    painter.draw(frame(), Instances.empty((HEIGHT, WIDTH)), [])
    again = painter.draw(frame(), rectangles((60, 20, 120, 60)), [1])
    np.testing.assert_array_equal(again, draw_overlay(frame(), rectangles((60, 20, 120, 60)), [1]))


def test_painter_shows_nothing_of_the_scene_before_a_cut() -> None:
    painter = OverlayPainter(frame_rate=20)
    seen = rectangles((30, 60, 90, 100))
    painter.draw(frame(), seen, [1], ["dog"], events=[("new",)])
    painter.forget()
    other = painter.draw(frame(), rectangles((60, 20, 120, 60)), [2])
    np.testing.assert_array_equal(other, draw_overlay(frame(), rectangles((60, 20, 120, 60)), [2]))


@pytest.mark.real_data
def test_real_masks_are_outlined_where_they_are() -> None:
    root = os.environ.get("YOLACT_TEMPORAL_TEST_DATA")
    if not root:
        pytest.skip("YOLACT_TEMPORAL_TEST_DATA is not set")
    davis = Path(root) / "datasets" / "davis"
    image = cv2.imread(str(davis / "JPEGImages/480p/camel/00005.jpg"))
    mask = cv2.imread(str(davis / "Annotations/480p/camel/00005.png"), cv2.IMREAD_GRAYSCALE) > 0
    seen = Instances.from_bitmaps([[0, 0, 10, 10]], [0.8], [0], mask[None])
    out = draw_overlay(image, seen, [1], style=PLAIN)
    changed = (out != image).any(axis=2)
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((7, 7))) > 0
    assert changed[mask].mean() > 0.99
    assert not changed[~grown].any()


SMALL = (90, 160)


def small_mask_pixels_covered(seen: Instances, names: list[str], events: list[tuple[str, ...]]) -> int:
    """Return how many pixels of the masks differ from a picture without labels."""
    ids = range(1, len(seen) + 1)
    bare = draw_overlay(frame(size=SMALL), seen, ids, names, style=OverlayStyle(labels=False))
    out = draw_overlay(frame(size=SMALL), seen, ids, names, events=events)
    masks = np.any([crop.bitmap() for crop in seen.crops], axis=0)
    return int(((out != bare).any(axis=2) & masks).sum())


def test_labels_of_a_small_clip_cover_no_small_mask() -> None:
    crowd = [(x, y, x + 14, y + 9) for y in range(4, 80, 14) for x in range(4, 140, 18)]
    seen = rectangles(*crowd, size=SMALL)
    assert small_mask_pixels_covered(seen, ["vehicle"] * len(crowd), [("new",)] * len(crowd)) == 0


def test_a_mask_of_four_times_the_labels_area_may_be_covered() -> None:
    patch = label_patch("person #1", 7, (0, 0, 0), (255, 255, 255))
    canvas = np.zeros((*SMALL, 3), np.uint8)
    enough = -(-4 * patch.shape[0] * patch.shape[1] // SMALL[0])
    for columns, covered in ((enough, True), (enough - 1, False)):
        mask = np.zeros(SMALL, np.bool_)
        mask[:, :columns] = True  # from top to bottom: there is no place beside it
        crop = MaskCrop.from_bitmap(mask, size=SMALL)
        assert place_label(canvas, patch, (0, 0, 20, 90), [], [crop]) == covered


def test_labels_are_a_like_share_of_small_and_large_frames() -> None:
    shares = []
    for scale in (1, 4):
        size = (240 * scale, 320 * scale)
        seen = rectangles(tuple(edge * scale for edge in (80, 120, 200, 220)), size=size)
        bare = draw_overlay(frame(size=size), seen, [1], style=OverlayStyle(labels=False))
        labelled = draw_overlay(frame(size=size), seen, [1], ["person"])
        shares.append(float((labelled != bare).any(axis=2).mean()))
    assert 0 < shares[0] < 1.3 * shares[1], shares


@pytest.mark.parametrize(("rate", "frames"), [(30, 9), (30000 / 1001, 9), (25, 7), (10, 3), (2, 1)])
def test_hints_last_three_tenths_of_a_second_at_any_rate(rate: float, frames: int) -> None:
    painter, seen = OverlayPainter(rate), rectangles((30, 60, 90, 100))
    plain = draw_overlay(frame(), seen, [1], ["dog"])
    drawn = [
        painter.draw(frame(), seen, [1], ["dog"], events=[("new",) if at == 0 else ()]) for at in range(20)
    ]
    assert sum(not np.array_equal(out, plain) for out in drawn) == frames


def test_banner_of_a_small_frame_keeps_the_time_alone() -> None:
    image = frame(size=SMALL)
    draw_banner(image, "yolact_compact", "frame 100   12.00 s")
    changed = (image != 90).any(axis=(0, 2))
    assert not changed[:60].any()
    assert changed[-5:].all()


def test_a_track_is_named_and_coloured_by_its_object_where_models_are_compared() -> None:
    seen = rectangles((30, 40, 90, 100))
    by_object = draw_overlay(frame(), seen, [5], ["dog"], numbers={5: 2})
    np.testing.assert_array_equal(by_object, draw_overlay(frame(), seen, [2], ["dog"]))
    alone = draw_overlay(frame(), seen, [5], ["dog"], numbers={}, style=PLAIN)
    np.testing.assert_array_equal(alone, draw_overlay(frame(), seen, [0], ["dog"], style=PLAIN))


def test_painter_keeps_the_number_of_an_object_that_is_lost() -> None:
    painter = OverlayPainter(frame_rate=20)
    painter.draw(frame(), rectangles((30, 60, 90, 100)), [5], numbers={5: 2})
    out = painter.draw(frame(), Instances.empty((HEIGHT, WIDTH)), [], numbers={})
    np.testing.assert_array_equal(
        out, draw_overlay(frame(), Instances.empty((HEIGHT, WIDTH)), [], lost={2: (30, 60, 90, 100)})
    )
