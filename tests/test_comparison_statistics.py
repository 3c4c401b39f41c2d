"""Intervals and p values: against scipy, brute force and known truth."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from yolact_temporal.temporal.comparison.effects import effect_of
from yolact_temporal.temporal.comparison.figures import Series
from yolact_temporal.temporal.comparison.rules import LEAST_CLIPS
from yolact_temporal.temporal.comparison.statistics import (
    Interval,
    Ratio,
    bca_interval,
    block_interval,
    block_length,
    drawn_sums,
    holm,
    ratio_interval,
    ratio_intervals,
    sign_flip_p,
)


@pytest.mark.parametrize(
    "values", [[1.0, 2, 3, -0.5, 0.2, 4, 1, 1], [-1.0, -2, -3], [0.1, -0.1, 0.4, 0.3, -0.9]]
)
def test_the_sign_flip_p_is_that_of_all_flips(values):
    sums = [abs(np.dot(signs, values)) for signs in product((-1, 1), repeat=len(values))]
    expected = np.mean(np.array(sums) >= abs(sum(values)) - 1e-12)
    assert sign_flip_p(values) == pytest.approx(expected)
    theirs = stats.permutation_test(
        (np.array(values),), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_p(values) == pytest.approx(theirs.pvalue)


@pytest.mark.parametrize("count", [1, 4, 8])
def test_the_least_p_of_n_clips_is_2_in_2_to_the_n(count):
    assert sign_flip_p([0.3] * count) == 2 / 2**count


def test_many_clips_are_flipped_at_random_and_the_same_seed_gives_the_same():
    values = np.random.default_rng(0).normal(0.15, 1, 40)
    theirs = stats.ttest_1samp(values, 0).pvalue
    assert sign_flip_p(values, seed=1) == sign_flip_p(values, seed=1) == pytest.approx(theirs, abs=0.03)
    assert sign_flip_p(values + 10) == pytest.approx(1 / 10_001)


def test_no_value_has_no_p():
    assert sign_flip_p([]) is None


def test_no_difference_at_all_is_no_evidence():
    assert sign_flip_p([0.0] * 8) == 1.0


def test_seven_clips_are_the_least_that_three_adjusted_tests_can_decide():
    assert 3 * sign_flip_p([1.0] * LEAST_CLIPS) < 0.05 < 3 * sign_flip_p([1.0] * (LEAST_CLIPS - 1))


def test_holm_adjusts_in_order_and_counts_undefined_tests():
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": None})
    assert adjusted == {"a": 0.04, "b": pytest.approx(0.09), "c": pytest.approx(0.09), "d": None}
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}


def test_the_bca_interval_covers_the_mean_and_knows_skew():
    values = np.random.default_rng(3).exponential(1.0, 30)
    found = bca_interval(values)
    assert found.low < values.mean() < found.high
    assert found.high - values.mean() > values.mean() - found.low
    assert bca_interval(values, seed=5) == bca_interval(values, seed=5)


@pytest.mark.parametrize("values", [[], [1.0], [2.0, 2.0, 2.0]])
def test_few_or_equal_values_have_no_interval(values):
    assert bca_interval(values) is None


@pytest.mark.parametrize(
    ("low", "high", "excludes"), [(0.1, 2, True), (-2, -0.1, True), (-1, 1, False), (0, 1, False)]
)
def test_an_interval_that_touches_0_does_not_exclude_it(low, high, excludes):
    assert Interval(low, high).excludes_zero is excludes


def series(differences, weight=None):
    first = np.asarray(differences, float)
    weights = np.ones_like(first) if weight is None else np.asarray(weight, float)
    return Series(first * weights, np.zeros_like(first), weights, len(first), 0)


def autoregressive(rng, count, memory):
    noise = rng.normal(size=count)
    values = np.zeros(count)
    for index in range(1, count):
        values[index] = memory * values[index - 1] + noise[index]
    return values


def test_frames_that_resemble_their_neighbours_give_a_wider_interval():
    rng = np.random.default_rng(1)
    values = autoregressive(rng, 400, 0.9)
    shuffled = rng.permutation(values)
    wide, narrow = block_interval(series(values)), block_interval(series(shuffled))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    assert block_length(values) > 3 * block_length(shuffled)


def test_the_block_interval_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(60):
        found = block_interval(series(autoregressive(rng, 150, 0.5)), resamples=300)
        covered += found.low <= 0 <= found.high
    assert covered >= 0.8 * 60


def test_independent_frames_agree_with_the_standard_error():
    values = np.random.default_rng(4).normal(2, 1, 300)
    found = block_interval(series(values))
    error = values.std() / np.sqrt(300)
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=error)


@pytest.mark.parametrize(
    "values", [np.zeros(50), np.full(50, 3.0), np.arange(7)], ids=["none", "same", "few"]
)
def test_a_clip_that_says_nothing_of_its_spread_has_no_interval(values):
    assert block_interval(series(values)) is None


def test_frames_without_weight_do_not_count():
    values, weight = np.random.default_rng(5).normal(1, 1, 60), np.ones(60)
    weight[::2] = 0
    assert block_interval(series(values, weight)) == block_interval(series(values[1::2]))


def few_clips(lengths, seed=0):
    """Clips of so many frames in which the first model has half of the second one's figure."""
    rng = np.random.default_rng(seed)
    return {
        f"clip {number}": Series(1 + 0.1 * rng.random(n), 2 + 0.1 * rng.random(n), np.ones(n), n, 0)
        for number, n in enumerate(lengths)
    }


@pytest.mark.parametrize(
    ("lengths", "used"),
    [
        ((40, 30), ("clip 0", "clip 1")),
        ((40, 5, 30), ("clip 0", "clip 2")),
        ((5, 40), ("clip 1",)),
        ((5, 4), ("clip 0", "clip 1")),
        ((40, 5, 30, 30, 30, 30, 30), tuple(f"clip {number}" for number in range(7))),
    ],
)
def test_a_clip_too_short_to_draw_frames_from_does_not_keep_the_others_from_an_answer(lengths, used):
    found = effect_of(few_clips(lengths))
    assert found.clips == used
    assert (found.interval(0.95) is None) == (max(lengths) < 8)
    if found.interval(0.95) is not None:
        assert found.interval(0.95).excludes_zero


def test_intervals_of_figures_together_are_those_of_each_alone():
    rng = np.random.default_rng(3)
    figures = [
        Ratio(np.abs(autoregressive(rng, frames, kept)) * (weight > 0), weight, transform)
        for frames, kept, transform in ((60, 0.0, None), (60, 0.9, np.sqrt), (200, 0.5, None), (5, 0.0, None))
        for weight in (np.ones(frames), rng.integers(0, 3, frames).astype(float))
    ]
    alone = [ratio_interval(*figure) for figure in figures]
    assert ratio_intervals(figures) == alone
    assert [own is None for own in alone] == [False] * 6 + [True] * 2


@pytest.mark.parametrize(("frames", "length"), [(9, 1.0), (50, 4.0), (40_000, 3.0)])
def test_sums_of_a_resample_are_those_of_the_frames_that_it_is_made_of(frames, length):
    values = np.random.default_rng(7).random(frames)
    (sums,) = np.concatenate(list(drawn_sums([values], length, 5, np.random.default_rng(1))), axis=1)
    rng = np.random.default_rng(1)
    starts = rng.integers(0, frames, (5, frames))
    begins = rng.random((5, frames)) < 1 / length
    begins[:, 0] = True
    for resample in range(5):
        at, total = 0, 0.0
        for frame in range(frames):
            at = int(starts[resample, frame]) if begins[resample, frame] else (at + 1) % frames
            total += values[at]
        assert sums[resample] == pytest.approx(total, rel=1e-9)
