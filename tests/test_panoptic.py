"""STQ and VPQ on clips small enough to be worked out by hand."""

import math

import numpy as np
import pytest
from series import panoptic_quality, tracking_quality

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.temporal.metrics.panoptic import (
    BACKGROUND,
    VOID,
    PanopticFrame,
    paint,
)

CAR, ROAD, CAT = 0, 1, 2
SEGMENTS = {
    ".": (BACKGROUND, 0),
    "?": (VOID, 0),
    "a": (CAR, 1),
    "b": (CAR, 2),
    "c": (CAT, 1),
    "r": (ROAD, 0),
    "w": (CAR, 0),
}


def clip(*rows):
    """One frame a row, one pixel a letter."""
    return [
        PanopticFrame.from_planes(
            *(np.array([[SEGMENTS[letter][plane] for letter in row]]) for plane in (0, 1))
        )
        for row in rows
    ]


class TestTrackingQuality:
    @pytest.mark.parametrize(
        ("own", "true", "association", "segmentation"),
        [
            (["aarr", "aarr"], ["aarr", "aarr"], 1, 1),
            # The track's id is lost in the second frame: each half has an IoU of 1/2, and half the pixels.
            (["aarr", "bbrr"], ["aarr", "aarr"], 0.5, 1),
            (["bbrr", "bbrr"], ["aarr", "aarr"], 1, 1),
            (["rrrr"], ["aarr"], 0, (0 + 0.5) / 2),
            (["a.rr"], ["aarr"], 0.25, (0.5 + 1) / 2),
            # Another class is another track, that overlaps all the same.
            (["ccrr"], ["aarr"], 1, (0 + 1 + 0) / 3),
            # Nothing is known of the void.
            (["aaaa"], ["aa??"], 1, 1),
            # A crowd counts for segmentation alone.
            (["aaaa"], ["aaww"], 1, 1),
            (["rr"], ["rr"], None, 1),
            ([".."], [".."], None, None),
            (["aa"], [".."], None, 0),
            ([], [], None, None),
        ],
    )
    def test_by_hand(self, own, true, association, segmentation):
        found = tracking_quality(clip(*own), clip(*true), {CAR, CAT})
        assert found.association == (None if association is None else pytest.approx(association))
        assert found.segmentation == (None if segmentation is None else pytest.approx(segmentation))
        defined = association is not None and segmentation is not None
        assert found.stq == (pytest.approx(math.sqrt(association * segmentation)) if defined else None)


class TestPanopticQuality:
    @pytest.mark.parametrize(
        ("own", "true", "window", "expected", "classes"),
        [
            (["aarr", "aarr"], ["aarr", "aarr"], 1, 1, 2),
            (["aarr", "aarr"], ["aarr", "aarr"], 2, 1, 2),
            # An id that changes costs nothing frame by frame, and over two frames the tube.
            (["aarr", "bbrr"], ["aarr", "aarr"], 1, 1, 2),
            (["aarr", "bbrr"], ["aarr", "aarr"], 2, (0 + 1) / 2, 2),
            (["aaar"], ["aaaa"], 1, (0.75 + 0) / 2, 2),
            # An IoU of exactly a half finds nothing: one true tube missed, one false.
            (["aa.."], ["aaaa"], 1, 0, 1),
            (["aaa."], ["aaaa"], 1, 0.75, 1),
            # A false tube weighs half of a found one.
            (["aaabb"], ["aaa.."], 1, 1 / 1.5, 1),
            (["aaabb"], ["aaa??"], 1, 1, 1),
            (["aa?"], ["aaa"], 1, 2 / 3, 1),
            ([".."], [".."], 1, None, 0),
            (["aa"], ["aa"], 2, None, 0),
        ],
    )
    def test_by_hand(self, own, true, window, expected, classes):
        found = panoptic_quality(clip(*own), clip(*true), window)
        assert found.value == (None if expected is None else pytest.approx(expected))
        assert found.n == classes

    def test_windows_are_pooled(self):
        found = panoptic_quality(clip("aa", "aa", "bb"), clip("aa", "aa", "aa"), 2)
        # The first window finds its tube; in the second the two halves have an IoU of 1/2 each: one missed, two false.
        assert found.value == pytest.approx(1 / (1 + 0.5 + 1))

    def test_a_window_below_one_frame_is_refused(self):
        with pytest.raises(ValueError, match="at least 1 frame, got 0"):
            panoptic_quality([], [], 0)

    def test_shapes_that_differ_are_refused(self):
        for call in (
            lambda: panoptic_quality(clip("aa"), clip("a"), 1),
            lambda: tracking_quality(clip("aa"), clip("a"), {CAR}),
        ):
            with pytest.raises(ValueError, match="expected labels of one shape"):
                call()


class TestPaint:
    def test_the_better_mask_is_in_front(self):
        masks = [
            MaskCrop.from_bitmap(np.array([row], bool)) for row in ([1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0])
        ]
        painted = paint((1, 4), masks, [CAR, CAT, CAR], [7, 8, 9])
        assert painted.classes.tolist() == [[CAR, CAR, CAT, BACKGROUND]]
        assert painted.tracks.tolist() == [[7, 7, 8, 0]]

    def test_what_does_not_fit_is_refused(self):
        mask = MaskCrop.from_bitmap(np.ones((1, 4), bool))
        with pytest.raises(ValueError, match="a class and a track for each of 1 masks, got 1 and 0"):
            paint((1, 4), [mask], [0], [])
        with pytest.raises(ValueError, match=r"expected masks of size \(2, 4\), got \(1, 4\)"):
            paint((2, 4), [mask], [0], [1])
