"""The figures for a reader: what a line says of a value, and of what has none."""

import pytest

from yolact_temporal.analyzing.summary_text import model_section
from yolact_temporal.temporal.comparison.statistics import Interval
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.stability import ClipFigure, ClipStability

NAME = next(iter(REGISTRY.headlines()))
STATUSES = dict.fromkeys(("counted", "repeated", "after_lost_frames", "without_motion"), 0)


def row(figure, interval=None):
    figures = {name: ClipFigure(None, 0, 0, 0, 0) for name in REGISTRY.own()} | {NAME: figure}
    stability = ClipStability(9, 9, 0, STATUSES, (), figures, None)
    section = model_section("model", stability, {} if interval is None else {NAME: interval}, "A model.")
    return [str(cell) for cell in section.blocks[-1].rows[0]]


@pytest.mark.parametrize(
    ("figure", "interval", "value", "spread", "of"),
    [
        (ClipFigure(3.93712, 595, 0, 11, 0), Interval(2.9, 5.125), "3.937", "2.9 to 5.12", "595 values in 11 tracks"),
        (ClipFigure(0.0, 1, 0, 1, 0), None, "0", "", "1 value in 1 track"),
        (ClipFigure(2.0, 8, 1, 2, 0), None, "2", "", "8 values in 2 tracks (1 value undefined)"),
        (ClipFigure(2.0, 8, 3, 2, 1), None, "2", "", "8 values in 2 tracks (3 values, 1 track undefined)"),
        (ClipFigure(None, 0, 0, 0, 5), None, "undefined", "", "0 values in 0 tracks (5 tracks undefined)"),
    ],
)  # fmt: skip
def test_a_headline_says_its_value_its_interval_and_what_it_is_of(figure, interval, value, spread, of):
    assert row(figure, interval)[1:] == [value if value == "undefined" else f"{value} px", spread, of]
