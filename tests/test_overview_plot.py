"""The one picture of a comparison of many models: their order, what is coloured, and a size that can be looked at."""

import itertools
import struct
from dataclasses import replace

import numpy as np
import pytest
from test_answers import CLIP, COVERAGE, OUTLINE, VERDICT

from yolact_temporal.temporal.comparison import overview_plot
from yolact_temporal.temporal.comparison.overview_plot import plot_overview


def verdicts(truth: list[float]) -> list:
    """Return verdicts on models "m0", "m1" ... whose outlines move by so many px; under 10% nothing is shown."""
    made = []
    for (at, first), (to, second) in itertools.combinations(enumerate(truth), 2):
        effect = first / second - 1
        outcome = "not_shown" if abs(effect) < 0.1 else "first" if effect < 0 else "second"
        outline = replace(
            OUTLINE, outcome=outcome, effect=effect, first=first, second=second, floor=(0.4, 0.5)
        )
        made.append(
            replace(
                VERDICT, models=(f"m{at}", f"m{to}"), answers=(outline, COVERAGE), guards=(), by_clip=(CLIP,)
            )
        )
    return made


@pytest.mark.parametrize("count", [3, 5, pytest.param(21, marks=[pytest.mark.slow, pytest.mark.smoke])])
def test_any_number_of_models_gives_one_picture_of_a_size_that_can_be_looked_at(tmp_path, count):
    truth = np.linspace(1, 3, count).tolist()
    path = plot_overview(verdicts(truth), tmp_path / "comparison.png", "clip $1$")
    width, height = struct.unpack(">II", path.read_bytes()[16:24])
    assert 900 < width < 2600
    assert 300 < height < 1800


def test_models_stand_in_the_order_of_their_outlines():
    assert overview_plot._steadiest_first(verdicts([2.0, 1.0, 3.0])) == ["m1", "m0", "m2"]


def test_a_model_without_an_outline_to_compare_stands_last():
    without = [
        replace(one, answers=(replace(one.answers[0], effect=None, outcome="undefined"),))
        if "m0" in one.models
        else one
        for one in verdicts([1.0, 2.0, 3.0])
    ]
    assert overview_plot._steadiest_first(without) == ["m1", "m2", "m0"]


def test_only_what_is_shown_is_coloured():
    shown, alike = replace(OUTLINE, outcome="first"), replace(OUTLINE, outcome="alike")
    unknown = replace(OUTLINE, outcome="not_shown")
    for answer, log_ratio in ((unknown, -0.5), (None, None), (shown, None)):
        assert overview_plot._cell_look(answer, log_ratio, 1)[0] == "white"
    less = np.array(overview_plot._cell_look(shown, -0.5, 1)[0])
    more = np.array(overview_plot._cell_look(shown, -0.5, -1)[0])
    assert less[2] > less[0]
    assert more[0] > more[2]
    assert overview_plot._cell_look(alike, -0.5, 1)[0] == overview_plot._ALIKE


def test_what_speaks_against_a_model_is_named_once():
    guard = VERDICT.guards[0]
    made = [replace(one, guards=(replace(guard, against=("m0",)),)) for one in verdicts([1.0, 2.0])] * 2
    assert overview_plot._guards_against(made, ["m0", "m1"]) == ["sees less", ""]
