"""Guards: each speaks past its bound, against the right model, with its figures, and is silent before it."""

import numpy as np
import pytest

from yolact_temporal.cli import main as cli
from yolact_temporal.errors import UsageError
from yolact_temporal.temporal.comparison.clip_objects import ClipObjects
from yolact_temporal.temporal.comparison.comparing import compare_models
from yolact_temporal.temporal.comparison.rows import ObjectRow
from yolact_temporal.temporal.comparison.rules import Rules, bounds_help
from yolact_temporal.temporal.comparison.support_meter import Outside
from yolact_temporal.temporal.comparison.verdict import verdict_of

FRAMES = 40
PLAIN = {
    "boundary_px": 1.5, "jitter": 0.1, "area_px": 100, "round_trip_px": 0.5, "second_boundary_px": 1.6,
    "iou_between": 0.9,
}  # fmt: skip


def table(a=None, b=None, truth=None, drop=0):
    """One object over 40 frames at 20 a second; figures of both models, numbers or functions of the frame."""
    rng = np.random.default_rng(0)
    rows = []
    for index in range(FRAMES):
        for place, given in enumerate((a or {}, b or {})):
            own = PLAIN | given
            known = {name: value(index) if callable(value) else value for name, value in own.items()}
            seen = not (drop and place == 0 and index % drop == 0)
            ious = [1.0, 1.0]
            ious[1 - place] = known.pop("iou_between")
            wobble = 1 + rng.normal(0, 0.01)
            known["boundary_px"] *= wobble
            score = 0.9 if seen else None
            figures = known if seen else dict.fromkeys(known)
            true = (truth or (None, None))[place]
            true_j, true_f = true if isinstance(true, tuple) else (true, true)
            rows.append(
                ObjectRow(
                    frame=index, time_s=index / 20, object_id=1, model="ab"[place],
                    pair_status="counted" if index else "first", score=score, class_name=None,
                    previous_score=None, boundary_share=None,
                    truth_iou=true_j if seen else None, truth_boundary_f=true_f if seen else None,
                    iou_between=tuple(ious) if seen else (None, None), **figures,
                )
            )  # fmt: skip
    return ClipObjects.from_rows(rows)


def guards(objects, outside=None, rules=None):
    comparison = compare_models(
        {"clip": objects}, ("a", "b"), (0.5, 0.5), rules=rules, outside=outside and {"clip": outside}
    )
    verdict = verdict_of(comparison)
    return {(guard.name, guard.against): guard for guard in verdict.guards if guard.speaks}, verdict


EVEN = {"a": Outside(0, 0, 40), "b": Outside(0, 0, 40)}


def test_honest_models_hear_nothing():
    found, verdict = guards(table(a={"boundary_px": 1.0}), EVEN)
    assert found == {}
    assert verdict.steadier == "a"
    assert all(guard.known for guard in verdict.guards)


@pytest.mark.parametrize(
    ("figures", "name", "told"),
    [
        ({"boundary_px": 0.1}, "propagated", "0.15 px below half the round trip"),
        ({"boundary_px": 0.01, "round_trip_px": 0.12}, "propagated", "below half the round trip"),
        ({"boundary_px": 0.3, "second_boundary_px": 1.2}, "propagated", "1.2 px, 0.32 px expected"),
        ({"boundary_px": 1.0, "iou_between": 0.55}, "different_things", "IoU of their masks 0.55"),
        ({"boundary_px": 1.0, "area_px": 60}, "different_things", "areas 0.60 to 1"),
        (
            {"boundary_px": 1.0, "iou_between": lambda index: 0.95 - 0.01 * index},
            "different_things",
            "-0.20 a second",
        ),
    ],
)
def test_masks_that_look_steady_are_spoken_against(figures, name, told):
    found, verdict = guards(table(a=figures), EVEN)
    (guard,) = [guard for (own, against), guard in found.items() if own == name and "a" in against]
    assert told in guard.words
    assert verdict.steadier is None
    assert guard.words in verdict.headline
    assert verdict.headline.startswith("The outlines of a move")


@pytest.mark.parametrize("below", ["a", "b"])
def test_a_figure_below_its_own_floor_says_nothing_whosever_it_is(below):
    """The round trip of one model's own masks, not the mean of both, is what its B1 is held against."""
    floors = {"a": 1.2 if below == "a" else 0.1, "b": 1.8 if below == "b" else 0.1}
    objects = table(
        a={"boundary_px": 1.0, "round_trip_px": floors["a"]},
        b={"boundary_px": 1.5, "round_trip_px": floors["b"]},
    )
    found, verdict = guards(objects, EVEN)
    assert set(found) == {("below_floor", ("a", "b"))}
    assert verdict.steadier is None
    assert f"B1 of {below} is below the floor of its own masks" in verdict.headline
    assert f"floor {floors[below]:.2g} px" in verdict.headline
    assert verdict.by_clip[0].floor_px == pytest.approx((floors["a"], floors["b"]))
    assert verdict.answers[0].floor == pytest.approx((floors["a"], floors["b"]))
    assert guards(objects, EVEN, Rules().with_bounds(["floor=0"]))[1].steadier == "a"


def test_a_floor_that_a_few_pairs_have_lifted_over_the_mean_does_not_hush_the_others():
    """The flow over one object's ground is lost: its round trip is far, that of the others is near."""
    lifted = {"boundary_px": 1.0, "round_trip_px": lambda index: 9.0 if index % 4 == 0 else 0.1}
    found, verdict = guards(table(a=lifted, b={"boundary_px": 1.5}), EVEN)
    assert found == {}
    assert verdict.steadier == "a"
    (guard,) = [guard for guard in verdict.guards if guard.name == "below_floor"]
    assert "below it in 2" in guard.words
    assert guard.figures[0].value < 1


@pytest.mark.parametrize(
    ("outside", "name"),
    [
        ({"a": Outside(0, 40, 80), "b": Outside(0, 0, 40)}, "duplicates"),
        ({"a": Outside(40, 0, 80), "b": Outside(0, 0, 40)}, "unshared"),
    ],
)
def test_more_instances_than_objects_are_spoken_against(outside, name):
    found, verdict = guards(table(a={"boundary_px": 1.0}), outside)
    assert set(found) == {(name, ("a",))}
    assert "50% of the instances of a" in verdict.headline


def test_less_true_masks_are_spoken_against_with_a_truth_and_things_need_not_be_the_same():
    found, verdict = guards(table(a={"boundary_px": 1.0, "iou_between": 0.3}, truth=(0.7, 0.9)), EVEN)
    assert ("less_true", ("a",)) in found
    assert "J 0.700 against 0.900" in verdict.headline
    assert "not known" not in verdict.headline


@pytest.mark.parametrize(
    ("truths", "outcome", "words"),
    [
        (
            [(0.7, 0.9)],
            "second",
            "the masks of a are less true (J 0.700 against 0.900, F 0.700 against 0.900)",
        ),
        (
            [((0.9, 0.8), (0.85, 0.85))],
            "alike",
            "lower is F of a, J of b (J 0.900 against 0.850, F 0.800",
        ),
        ([(0.895, 0.9)], "second", "neither's masks are less true by more than 0.02"),
        (
            [(0.7, 0.9)] * 5 + [(0.9, 0.9)] * 3,
            "not_shown",
            "whether the masks of a are as true is not shown (J 0.775",
        ),
    ],
)
def test_the_guard_of_truth_and_the_answer_do_not_contradict_each_other(truths, outcome, words):
    """Of each clip the truth of a and of b, as one number for J and F, or as both."""
    tables = {f"clip {place}": table(a={"boundary_px": 1.0}, truth=own) for place, own in enumerate(truths)}
    verdict = verdict_of(compare_models(tables, ("a", "b"), (0.5, 0.5)))
    (answer,) = [answer for answer in verdict.answers if answer.question == "truth"]
    (guard,) = [guard for guard in verdict.guards if guard.name == "less_true"]
    assert answer.outcome == outcome
    assert words in guard.words


def test_seeing_less_is_spoken_against_once():
    found, verdict = guards(table(a={"boundary_px": 1.0}, drop=5), EVEN)
    assert ("sees_less", ("a",)) in found
    assert verdict.headline.count("sees less") == 1


def test_what_was_not_measured_is_said_and_not_guessed():
    unmeasured = dict.fromkeys(("round_trip_px", "second_boundary_px", "iou_between"))
    found, verdict = guards(table(a=unmeasured | {"boundary_px": 1.0}, b=unmeasured))
    assert found == {}
    assert "whether both mask the same things" in verdict.headline
    assert "whether the motion estimate itself moved the masks" in verdict.headline
    assert "duplicates" in verdict.headline


def test_bounds_are_options():
    objects = table(a={"boundary_px": 1.0, "iou_between": 0.55})
    assert guards(objects, EVEN, Rules().with_bounds(["overlap=0.5"]))[1].steadier == "a"
    assert "overlap 0.6" in bounds_help()


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("overlp=0.5", "did you mean overlap"),
        ("overlap", "without a value"),
        ("overlap=much", "expected --bound overlap=VALUE with a number"),
        ("overlap=2", "of 0 to 1, got 2"),
        ("outline=0.5", "of 1 to 10, got 0.5"),
        ("second=nan", "got nan"),
    ],
)
def test_a_bound_that_is_none_is_refused(text, match):
    with pytest.raises(UsageError, match=match):
        Rules().with_bounds([text])


def test_the_command_refuses_a_bound_that_is_none_before_anything_else(tmp_path, capsys):
    code = cli.main(
        ["compare", str(tmp_path / "absent"), "--bound", "overlp=1", "--out", str(tmp_path / "out")]
    )
    assert code == 2
    assert "did you mean overlap?" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
