"""Presence flips, dropout, gaps, class flips, area blinks: C1, C3, C4; and the contract that every metric keeps."""

import math

import numpy as np
import pytest

from yolact_temporal.temporal.metrics import (
    REGISTRY,
    Figure,
    Observation,
    mean_figure,
    track_accumulators,
)
from yolact_temporal.temporal.metrics.contract import RatioOverFrames
from yolact_temporal.temporal.metrics.flicker import (
    BLINK_SPEC,
    CLASS_SPEC,
    GAP_BINS,
    GAP_SPECS,
    LOG_AREA_RATIO,
    Presence,
    area_blink,
    class_change,
    gap_bin,
    is_area_blink,
    log_area_ratio,
)

FRAME_S = 0.04
GAP_NAMES = [spec.name for spec in GAP_SPECS]


def seen(text):
    """'x' for a frame in which the track is seen, '.' for one in which it is not."""
    return np.array([letter == "x" for letter in text], np.bool_)


def accumulate(accumulator, presence, **changes):
    """Feed presence from the first sighting on, as the meter does."""
    start = int(np.argmax(presence))
    for t in range(start, len(presence)):
        paired = t > start
        fields = {"paired": paired, "counts": True, "seconds": FRAME_S if paired else None, **changes}
        accumulator.add(Observation(bool(presence[t]), class_id=0 if presence[t] else None, **fields))
    return accumulator.figures()


class TestPresence:
    @pytest.mark.parametrize(
        ("text", "flips", "pairs", "dropout", "gaps"),
        [
            ("xx", 0, 1, 0, []),
            ("xxxxx", 0, 4, 0, []),
            ("x.x", 2, 2, 1 / 3, [1]),
            ("x..xx.x", 4, 6, 3 / 7, [2, 1]),
            ("..x.x..", 2, 2, 1 / 3, [1]),
            ("xx.....", 0, 1, 0, []),
        ],
    )
    def test_counts_within_life_only(self, text, flips, pairs, dropout, gaps):
        figures = accumulate(Presence(), seen(text))
        rate = flips / (pairs * FRAME_S)
        assert figures["presence_flips_per_s"] == (pytest.approx(rate), pairs, 0)
        assert figures["dropout_rate"] == (pytest.approx(dropout), pairs + 1, 0)
        counts = np.bincount([gap_bin(gap) for gap in gaps], minlength=len(GAP_BINS))
        assert [figures[name].value for name in GAP_NAMES] == counts.tolist()

    @pytest.mark.parametrize("rate", [0.05, 0.2, 0.4])
    def test_recovers_the_rate_of_dropped_frames(self, rate):
        presence = np.random.default_rng(3).random(4000) >= rate
        figures = accumulate(Presence(), presence)
        assert figures["dropout_rate"].value == pytest.approx(rate, abs=0.02)
        expected = 2 * rate * (1 - rate) / FRAME_S
        assert figures["presence_flips_per_s"].value == pytest.approx(expected, rel=0.15)

    def test_one_sighting_accumulated_is_undefined(self):
        figures = accumulate(Presence(), seen("x.."))
        assert set(figures.values()) == {(None, 0, 0)}

    def test_without_time_only_figures_per_second_are_undefined(self):
        figures = accumulate(Presence(), seen("x.x"), seconds=None)
        assert figures["presence_flips_per_s"] == (None, 0, 2)
        assert figures["dropout_rate"].value == pytest.approx(1 / 3)

    def test_a_change_at_a_pair_that_does_not_count_is_no_flip(self):
        presence = Presence()
        for present, paired in ((True, False), (False, False), (True, True)):
            presence.add(Observation(present, paired, True, FRAME_S))
        assert presence.figures()["presence_flips_per_s"] == (pytest.approx(1 / FRAME_S), 1, 0)

    def test_a_repeated_frame_is_no_frame_of_the_life(self):
        presence = Presence()
        for present, counts in ((True, True), (False, True), (False, False), (True, True)):
            presence.add(Observation(present, counts, counts, FRAME_S))
        figures = presence.figures()
        assert figures["dropout_rate"].value == pytest.approx(1 / 3)
        assert figures["gaps_of_1_frame"].value == 1
        assert figures["gaps_of_2_frames"].value == 0

    @pytest.mark.parametrize(
        ("length", "place"),
        [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (8, 3), (9, 4), (16, 4), (17, 5), (400, 5)],
    )
    def test_every_gap_has_a_bin(self, length, place):
        assert gap_bin(length) == place


class TestClassFlips:
    @pytest.mark.parametrize(
        ("classes", "expected"),
        [
            ([0, 0, 0], (0.0, 2, 0)),
            ([0, 1, 0], (1.0, 2, 0)),
            ([0, 0, 2, 2, 2], (0.25, 4, 0)),
            ([0, None, 1, 1], (0.0, 1, 0)),
            ([3], (None, 0, 0)),
            ([], (None, 0, 0)),
        ],
    )
    def test_is_the_share_of_pairs_of_two_classes(self, classes, expected):
        accumulator = RatioOverFrames(CLASS_SPEC, class_change)
        for t, found in enumerate(classes):
            accumulator.add(Observation(found is not None, t > 0, True, None, class_id=found))
        assert accumulator.figures()["class_flip_rate"] == expected


class TestAreaBlinks:
    @pytest.mark.parametrize(
        ("before", "now", "blink"), [(10, 15, False), (15, 10, False), (10, 16, True), (16, 10, True)]
    )
    def test_is_a_change_by_more_than_half(self, before, now, blink):
        first, second = (np.arange(40).reshape(4, 10) < area for area in (before, now))
        ratio = log_area_ratio(
            *(mask.astype(np.uint8) for mask in (first, second)), np.ones((4, 10), np.uint8)
        )
        assert ratio == pytest.approx(math.log(now / before))
        assert is_area_blink(ratio) == blink

    def test_hidden_pixels_do_not_count_and_nothing_visible_is_undefined(self):
        mask, visible = np.ones((4, 10), np.uint8), np.zeros((4, 10), np.uint8)
        assert log_area_ratio(mask, mask, visible) is None
        visible[:, :3] = 1
        assert log_area_ratio(mask & visible, mask, visible) == 0

    def test_are_counted_per_second_of_defined_pairs(self):
        blinks = RatioOverFrames(BLINK_SPEC, area_blink)
        for ratio in (0.1, 0.9, None, -0.5, 0.3):
            blinks.add(Observation(True, True, True, 0.1, pair={LOG_AREA_RATIO: ratio}))
        blinks.add(Observation(True, False, True, 0.1))
        assert blinks.figures()["area_blinks_per_s"] == (pytest.approx(2 / 0.4), 4, 1)

    def test_without_time_are_undefined(self):
        blinks = RatioOverFrames(BLINK_SPEC, area_blink)
        blinks.add(Observation(True, True, True, None, pair={LOG_AREA_RATIO: 0.9}))
        assert blinks.figures()["area_blinks_per_s"] == (None, 0, 1)


@pytest.mark.parametrize("spec", REGISTRY.own().values(), ids=lambda spec: spec.name)
class TestContract:
    def test_says_everything_of_itself(self, spec):
        for text in (spec.symbol, spec.meaning, spec.inputs, spec.unit, spec.undefined, spec.source):
            assert text.strip() == text != ""
        assert spec.direction in ("down", "up")
        low, high = spec.range
        assert low < high
        assert spec.name.replace("_", "").isalnum()
        assert spec.name == spec.name.lower()

    def test_names_its_unit(self, spec):
        if spec.unit == "px":
            assert "_px" in spec.name
        if spec.unit == "1/s":
            assert spec.name.endswith("_per_s")

    def test_is_accumulated_exactly_once_and_undefined_at_first(self, spec):
        found = [own[spec.name] for each in track_accumulators() if spec.name in (own := each.figures())]
        assert found == [(None, 0, 0)]


def test_accumulators_give_no_figure_that_has_no_contract():
    names = [name for each in track_accumulators() for name in each.figures()]
    assert sorted(names) == sorted(REGISTRY.own())


def test_means_are_of_defined_values_and_count_the_rest():
    assert mean_figure([1.0, None, 3.0]) == Figure(2.0, 2, 1)
    assert mean_figure([None]) == Figure(None, 0, 1)
    assert mean_figure([]) == Figure(None, 0, 0)
