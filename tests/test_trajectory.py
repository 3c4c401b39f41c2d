"""Error trajectories, the high-frequency share and fragmentation: known noise is recovered, nothing is made up."""

import numpy as np
import pytest
from masks import rectangle
from scipy.signal import periodogram
from series import accumulate, accumulate_places, trajectory_figures

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.temporal.metrics import Observation
from yolact_temporal.temporal.metrics.flicker import fragmentation
from yolact_temporal.temporal.metrics.spectrum import (
    LONGEST_PIECE,
    SPECS,
    HighFrequencyShares,
)
from yolact_temporal.temporal.metrics.trajectory import trajectory_error

SIZE = (60, 90)
EMPTY = MaskCrop.from_bitmap(np.zeros(SIZE, bool))


def block(x1, y1, x2, y2):
    return MaskCrop.from_bitmap(rectangle(SIZE, x1, y1, x2, y2))


TRUE = block(20, 10, 40, 50)


class TestTrajectory:
    @pytest.mark.parametrize(
        ("box", "expected"),
        [
            ((20, 10, 40, 50), (0, 0, 0, 0)),
            ((22, 10, 42, 50), (0.1, 0, 0, 0)),
            ((20, 14, 40, 54), (0, 0.1, 0, 0)),
            ((20, 10, 60, 50), (0.5, 0, np.log(2), np.log(2))),
            ((20, 10, 40, 30), (0, -0.25, -np.log(2), np.log(2))),
        ],
    )
    def test_error_of_one_frame(self, box, expected):
        assert trajectory_error(block(*box), TRUE) == pytest.approx(expected)

    @pytest.mark.parametrize(("mask", "truth"), [(EMPTY, TRUE), (TRUE, EMPTY), (EMPTY, EMPTY)])
    def test_an_empty_mask_has_none(self, mask, truth):
        assert trajectory_error(mask, truth) is None

    def test_white_noise_is_jitter_and_an_offset_is_bias(self):
        noise = np.random.default_rng(0).normal(0, 0.05, (2000, 4))
        figures = trajectory_figures(list(noise + np.array([0.3, 0, -0.1, 0])))
        assert figures["trajectory_jitter_centre_x"].value == pytest.approx(0.05, rel=0.05)
        assert figures["trajectory_bias_centre_x"].value == pytest.approx(0.3, abs=0.01)
        assert figures["trajectory_bias_log_area"].value == pytest.approx(-0.1, abs=0.01)

    def test_a_slow_drift_is_bias_alone(self):
        figures = trajectory_figures([np.full(4, t / 1000) for t in range(1000)])
        assert figures["trajectory_jitter_centre_y"].value < 0.001
        assert figures["trajectory_bias_centre_y"].value == pytest.approx(0.4995)

    def test_gaps_are_counted_and_not_bridged(self):
        rows = [np.zeros(4), None, np.ones(4), np.ones(4)]
        figures = trajectory_figures(rows)
        assert figures["trajectory_bias_centre_x"] == (pytest.approx(2 / 3), 3, 1)
        assert figures["trajectory_jitter_centre_x"] == (0, 1, 2)

    @pytest.mark.parametrize("rows", [[], [None], [None, None]])
    def test_nothing_is_undefined(self, rows):
        assert {figure.value for figure in trajectory_figures(rows).values()} == {None}

    def test_what_does_not_fit_is_refused(self):
        with pytest.raises(ValueError, match=r"expected errors of shape \(4,\), got \(3,\)"):
            trajectory_figures([np.zeros(3)])
        with pytest.raises(ValueError, match="expected masks of one frame size"):
            trajectory_error(TRUE, MaskCrop.from_bitmap(np.zeros((60, 91), bool)))


def high_frequency_share(values):
    """B4 of a coordinate (T,), NaN where the track is absent."""
    return accumulate_places(HighFrequencyShares(), values)["high_frequency_share_centroid_x"]


class TestHighFrequencyShare:
    @pytest.mark.parametrize("n", [8, 9, 50, 51, 256])
    def test_equals_scipys_periodogram(self, n):
        values = np.cumsum(np.random.default_rng(n).normal(size=n)) + 0.3 * np.arange(n)
        frequency, power = periodogram(values, window="hann", detrend="linear")
        expected = power[frequency > 0.25].sum() / power[1:].sum()
        assert high_frequency_share(values).value == pytest.approx(expected)

    @pytest.mark.parametrize(
        ("values", "least", "most"),
        [
            (np.random.default_rng(1).normal(size=4000), 0.47, 0.53),
            (np.sin(np.arange(400) / 20), 0, 0.001),
            (np.cos(np.pi * np.arange(100)), 0.999, 1),
            (np.arange(100) * 0.7 + np.cos(np.pi * np.arange(100)), 0.999, 1),
        ],
    )
    def test_known_signals(self, values, least, most):
        assert least <= high_frequency_share(values).value <= most

    @pytest.mark.parametrize("values", [[], [1.0] * 7, np.full(50, 3.3), 1e4 + 0.1 * np.arange(200)])
    def test_too_short_and_uniform_motion_are_undefined(self, values):
        assert high_frequency_share(values).value is None

    def test_short_runs_are_left_out_and_counted(self):
        rng = np.random.default_rng(2)
        long = rng.normal(size=20)
        whole = high_frequency_share(long)
        broken = high_frequency_share([*long, np.nan, *rng.normal(size=7), np.nan, np.nan])
        assert broken == (whole.value, 20, 7)

    def test_long_runs_are_taken_in_pieces(self):
        values = np.random.default_rng(3).normal(size=LONGEST_PIECE + 9)
        assert high_frequency_share(values).n == len(values)
        assert high_frequency_share(values[:-2]) == (
            pytest.approx(high_frequency_share(values[:LONGEST_PIECE]).value),
            LONGEST_PIECE,
            7,
        )

    def test_a_run_of_two_frames_has_no_spectrum(self):
        with pytest.raises(ValueError, match="at least 3 frames, got 2"):
            HighFrequencyShares(min_run=2)

    def test_every_channel_is_of_its_own_coordinate(self):
        rng = np.random.default_rng(4)
        x, y = rng.normal(50, 2, (2, 60))
        areas = rng.integers(90, 110, 60)
        columns = {"centroid": list(zip(x, y, strict=True)), "area_px": areas.tolist()}
        found = accumulate(HighFrequencyShares(), [True] * 60, **columns)
        expected = [high_frequency_share(series) for series in (x, y, np.log(areas))]
        assert [found[spec.name] for spec in SPECS] == [(pytest.approx(e.value), *e[1:]) for e in expected]

    def test_a_pair_that_does_not_count_ends_a_run(self):
        accumulator = HighFrequencyShares()
        for t in range(12):
            accumulator.add(Observation(True, t != 6, True, 0.04, centroid=(t % 3, t % 2), area_px=9 + t % 4))
        assert set(accumulator.figures().values()) == {(None, 0, 12)}


class TestFragmentation:
    @pytest.mark.parametrize(
        ("tracks", "expected"),
        [
            ([], (None, 0, 0)),
            ([[None, None]], (None, 0, 1)),
            ([[1, 1, None, 1]], (0, 1, 0)),
            ([[1, 1, 2, 1, 3]], (2, 1, 0)),
            ([[1, 2], [5, 5], [None]], (0.5, 2, 1)),
        ],
    )
    def test_counts_tracks_of_objects_that_are_seen(self, tracks, expected):
        assert fragmentation(tracks) == expected
