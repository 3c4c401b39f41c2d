"""From the table of objects to figures, differences and a verdict: hand-worked."""

import csv
import math
from dataclasses import replace

import numpy as np
import pytest

from yolact_temporal.temporal.comparison.clip_objects import ClipObjects
from yolact_temporal.temporal.comparison.comparing import RECALLS, compare_models
from yolact_temporal.temporal.comparison.comparison_csv import COMPARISON_COLUMNS, comparison_rows
from yolact_temporal.temporal.comparison.comparison_plot import plot_comparison
from yolact_temporal.temporal.comparison.comparison_text import comparison_section
from yolact_temporal.temporal.comparison.figures import (
    compare_clip,
    pair_scores,
    threshold_at_recall,
)
from yolact_temporal.temporal.comparison.rows import ObjectRow
from yolact_temporal.temporal.comparison.rules import Rules
from yolact_temporal.temporal.comparison.verdict import verdict_of
from yolact_temporal.temporal.documents import as_console, as_markdown
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.report import CsvTable

FPS = 10.0


def row(frame, model, score, status="counted", key=1, boundary=1.0, jitter=0.1, iou=None):
    seen = score is not None
    return ObjectRow(
        frame, frame / FPS, key, model, status, score, 100 if seen else None, "person" if seen else None, None,
        boundary if seen else None, boundary / 10 if seen and boundary is not None else None,
        jitter if seen else None, iou if seen else None, iou if seen else None,
    )  # fmt: skip


def clip(first, second, key=1, statuses=None, **figures):
    """One object: the scores of two models in each frame, None for unseen."""
    rows = []
    for frame, scores in enumerate(zip(first, second, strict=True)):
        status = "first" if frame == 0 else (statuses or {}).get(frame, "counted")
        for model, score in zip("ab", scores, strict=True):
            own = figures.get(model, {})
            rows.append(row(frame, model, score, status, key, **own))
    return rows


def figures(rows, thresholds=(0.5, 0.5), **options):
    return compare_clip(ClipObjects.from_rows(rows), ("a", "b"), thresholds, **options)


class TestOneClip:
    def test_support_and_coverage(self):
        found = figures(clip([0.9, 0.9, 0.9, None, 0.9], [0.9, 0.9, None, None, 0.9]))
        assert (found.pairs, found.common, found.objects) == (4, 1, 1)
        assert found.coverage == (0.5, 0.25)
        assert found.common_share == 0.25

    def test_losses_and_their_parts(self):
        # a: both, one-sided, missed, one-sided; b: all four pairs whole.
        found = figures(clip([0.9, 0.9, None, None, 0.9], [0.9] * 5, a={"jitter": 0.4}, b={"jitter": 0.2}))
        value = {name: series.values() for name, series in found.series.items()}
        assert value["loss_one_sided"] == (0.5, 0.0)
        assert value["loss_missed"] == (0.25, 0.0)
        assert value["loss_moved"] == pytest.approx((0.1, 0.2))
        assert value["loss_0"] == pytest.approx((0.6, 0.2))
        assert value["loss_1"] == pytest.approx((0.85, 0.2))
        assert value["presence_flips_per_s"] == pytest.approx((2 / 0.4, 0.0))

    def test_a_mask_below_the_operating_threshold_is_unseen(self):
        found = figures(clip([0.9, 0.4, 0.9], [0.9, 0.9, 0.9]))
        assert found.coverage == (0.0, 1.0)
        assert figures(clip([0.9, 0.4, 0.9], [0.9, 0.9, 0.9]), (0.3, 0.5)).coverage == (1.0, 1.0)

    def test_a_figure_is_the_mean_over_all_pairs_and_that_over_objects_stands_beside_it(self):
        rows = clip([0.9] * 5, [0.9] * 5, 1, a={"boundary": 1.0}) + clip(
            [0.9] * 2, [0.9] * 2, 2, a={"boundary": 3.0}
        )
        rows.sort(key=lambda r: (r.frame, r.object_id))
        series = figures(rows).series["boundary_px"]
        assert series.values() == pytest.approx(((4 * 1.0 + 3.0) / 5, 1.0))
        assert series.by_object() == pytest.approx((2.0, 1.0))

    def test_an_object_of_three_pairs_does_not_turn_the_sign(self):
        # As seen: of the object there for 55 pairs "a" is the steadier; one of 3 pairs says the opposite, loudly.
        rows = clip([0.9] * 56, [0.9] * 56, 1, a={"boundary": 5.3}, b={"boundary": 6.2}) + clip(
            [0.9] * 4, [0.9] * 4, 2, a={"boundary": 8.0}, b={"boundary": 2.0}
        )
        rows.sort(key=lambda r: (r.frame, r.object_id))
        series = figures(rows).series["boundary_px"]
        assert series.difference() == pytest.approx((55 * -0.9 + 3 * 6.0) / 58)
        by_object = series.by_object()
        assert by_object[0] - by_object[1] == pytest.approx((-0.9 + 6.0) / 2)

    def test_flips_a_second_weigh_by_the_seconds_of_each_life(self):
        rows = clip([0.9] * 9, [0.9] * 9, 1) + clip([0.9, None, 0.9], [0.9] * 3, 2)
        rows.sort(key=lambda r: (r.frame, r.object_id))
        series = figures(rows).series["presence_flips_per_s"]
        assert series.values() == pytest.approx((2 / (0.8 + 0.2), 0.0))
        assert series.by_object() == pytest.approx(((0 + 2 / 0.2) / 2, 0.0))

    def test_what_only_one_model_sees_is_not_compared(self):
        found = figures(clip([0.9] * 3, [None] * 3))
        assert found.common == 0
        assert found.series["boundary_px"].values() == (None, None)

    def test_an_undefined_figure_is_left_out_of_both_and_counted(self):
        rows = clip([0.9] * 3, [0.9] * 3)
        rows[-1] = row(2, "b", 0.9, boundary=None, jitter=None)
        found = figures(rows)
        for name in ("boundary_px", "motion_compensated_jitter", "loss_0", "loss_1"):
            series = found.series[name]
            assert (series.n, series.n_undefined) == (1, 1), name
        assert found.series["loss_1"].values() == pytest.approx((0.1, 0.1))

    @pytest.mark.parametrize("status", ["repeated", "after_lost_frames"])
    def test_pairs_that_are_none_are_left_out_and_counted(self, status):
        rows = clip([0.9] * 4, [0.9] * 4, statuses={2: status})
        assert figures(rows).pairs == 2
        assert ClipObjects.from_rows(rows).left_out[status] == 1

    def test_without_motion_coverage_is_known_and_loss_is_not(self):
        unknown = {"boundary": None, "jitter": None}
        rows = clip(
            [0.9] * 3,
            [0.9, None, 0.9],
            statuses={1: "without_motion", 2: "without_motion"},
            a=unknown,
            b=unknown,
        )
        found = figures(rows)
        assert found.coverage == (1.0, 0.0)
        assert found.series["loss_1"].values() == (None, None)
        assert found.series["presence_flips_per_s"].values() == pytest.approx((0.0, 10.0))

    @pytest.mark.parametrize("status", ["without_motion", "counted"])
    def test_misses_alone_are_no_loss(self, status):
        """Where no pair that is seen has an overlap: the motion is unknown, or all of it is hidden."""
        unknown = {"boundary": None, "jitter": None}
        statuses = dict.fromkeys(range(1, 5), status)
        rows = clip([0.9] * 5, [0.9, 0.9, None, 0.9, None], statuses=statuses, a=unknown, b=unknown)
        found = figures(rows)
        for name in ("loss_0", "loss_1", "loss_one_sided", "loss_missed", "loss_moved"):
            series = found.series[name]
            assert (series.values(), series.n, series.n_undefined) == ((None, None), 0, 4), name

    def test_pairs_of_unknown_motion_are_left_out_of_the_loss_whoever_misses(self):
        rows = clip([0.9] * 5, [0.9, 0.9, None, 0.9, 0.9], statuses={3: "without_motion"}, b={"jitter": 0.4})
        found = figures(rows).series["loss_1"]
        assert (found.n, found.n_undefined) == (3, 1)
        assert found.values() == pytest.approx((0.1, (0.4 + 1 + 0.4) / 3))

    def test_a_clip_without_time_has_no_flips_per_second(self):
        found = figures(clip([0.9] * 3, [0.9] * 3), timed=False)
        assert found.series["presence_flips_per_s"].values() == (None, None)

    def test_with_a_truth_a_bad_mask_is_unseen_and_quality_counts_what_is_missed(self):
        rows = clip([0.9] * 4, [0.9, 0.9, None, 0.9], a={"iou": 0.3}, b={"iou": 0.8})
        strict, loose = figures(rows, truth_iou=0.5), figures(rows, truth_iou=0.1)
        assert strict.coverage == pytest.approx((0.0, 1 / 3))
        assert loose.coverage == pytest.approx((1.0, 1 / 3))
        assert loose.series["truth_j"].values() == pytest.approx((0.3, 0.6))
        assert strict.series["truth_j"].values() == pytest.approx((0.0, 0.6))

    def test_rows_must_come_with_every_model(self):
        with pytest.raises(ValueError, match="one row for each of a, b"):
            ClipObjects.from_rows(clip([0.9] * 2, [0.9] * 2)[:-1])

    def test_no_row_is_an_empty_table(self):
        objects = ClipObjects.from_rows([])
        assert not objects.pair.any()
        assert objects.models == ()


class TestMatchedRecall:
    def test_the_threshold_covers_the_share_asked_for(self):
        scores = np.array([0.9, 0.8, 0.7, 0.6, 0.0])
        threshold = threshold_at_recall(scores, 0.6)
        assert (scores > threshold).sum() == 3
        assert 0.6 < threshold < 0.7

    def test_a_share_that_is_never_covered_has_no_threshold(self):
        assert threshold_at_recall(np.array([0.9, 0.0, 0.0, 0.0]), 0.5) is None
        assert threshold_at_recall(np.zeros(0), 0.5) is None

    def test_the_score_of_a_pair_is_the_lower_of_both(self):
        objects = ClipObjects.from_rows(clip([0.9, 0.4, 0.8], [0.9, None, 0.7]))
        assert pair_scores(objects, "a").tolist() == pytest.approx([0.4, 0.4])
        assert pair_scores(objects, "b").tolist() == [0, 0]


def clips(count, better=0.5, drop=0.0, seed=0, frames=16, spread=0.05):
    """Clips of two objects; `a` moves by `better` px less than `b`, and misses a share `drop` of the frames."""
    rng = np.random.default_rng(seed)
    tables = {}
    for number in range(count):
        rows = []
        level = 2 + rng.uniform(0, 1)
        for key in (1, 2):
            first = [None if rng.uniform() < drop else 0.9 for _ in range(frames)]
            own = clip(first, [0.9] * frames, key)
            for index, one in enumerate(own):
                base = level - better * (one.model == "a") + rng.normal(0, spread)
                if one.score is not None:
                    own[index] = one._replace(boundary_px=base, boundary_share=base / 10, jitter=base / 20)
            rows += own
        rows.sort(key=lambda r: (r.frame, r.object_id))
        tables[f"clip {number}"] = ClipObjects.from_rows(rows)
    return tables


def compared(tables):
    comparison = compare_models(tables, ("a", "b"), (0.5, 0.5))
    return comparison, verdict_of(comparison)


class TestVerdict:
    def test_what_is_steadier_on_eight_clips_is_said(self):
        comparison, verdict = compared(clips(8))
        assert (verdict.steadier, verdict.word) == ("a", "a is steadier")
        assert verdict.headline.startswith("a is steadier (by 19% over 8 clips)")
        assert verdict.headline.endswith("not known.")
        outline = verdict.answers[0]
        assert (outline.outcome, outline.scope, outline.clips) == ("first", "clips", 8)
        assert outline.p_value == outline.p_adjusted == 2 / 2**8
        assert comparison.find("boundary_px").difference == pytest.approx(-0.5, abs=0.05)

    def test_the_effect_is_the_mean_over_clips_of_the_log_ratio(self):
        tables = clips(8)
        _, verdict = compared(tables)
        own = [figures_of(table).series["boundary_px"].values() for table in tables.values()]
        expected = np.exp(np.mean([np.log(first / second) for first, second in own])) - 1
        assert verdict.answers[0].effect == pytest.approx(expected)
        assert verdict.answers[0].low < expected < verdict.answers[0].high < 0

    def test_turned_round_it_is_the_other(self):
        assert compared(clips(8, better=-0.5))[1].steadier == "b"

    def test_seven_clips_decide_and_six_speak_of_themselves(self):
        assert compared(clips(7))[1].answers[0].scope == "clips"
        few = compared(clips(6))[1].answers[0]
        assert (few.outcome, few.scope, few.p_value) == ("first", "these_clips", None)
        assert few.confidence == pytest.approx(1 - 0.05 / 3)

    def test_one_clip_is_answered_on_this_clip(self):
        _, verdict = compared(clips(1, frames=40))
        assert verdict.steadier == "a"
        assert "on this clip" in verdict.headline
        assert verdict.answers[0].scope == "this_clip"
        assert {answer.p_adjusted for answer in verdict.answers} == {None}

    def test_a_clip_of_too_few_pairs_is_too_short_to_say(self):
        _, verdict = compared(clips(1, frames=12))
        assert verdict.answers[0].outcome == "too_short"
        assert verdict.headline.startswith("Too short to say")

    def test_dropping_frames_takes_the_word_away(self):
        _, verdict = compared(clips(8, drop=0.2))
        assert (verdict.answers[0].outcome, verdict.steadier) == ("first", None)
        assert verdict.headline.startswith("a's outlines are steadier (by")
        assert "a sees less (coverage" in verdict.headline
        assert "a blinks more" in verdict.headline

    def test_a_guard_asserts_no_more_than_the_question_that_asks_the_same(self):
        # Of eight clips five differ: the interval excludes 0 and the guard speaks, but p is 2 / 2^5.
        tables = clips(8) | dict(list(clips(8, drop=0.2).items())[:5])
        _, verdict = compared(tables)
        (coverage,) = [answer for answer in verdict.answers if answer.question == "coverage"]
        (guard,) = [guard for guard in verdict.guards if guard.name == "sees_less"]
        assert (coverage.outcome, guard.against, verdict.steadier) == ("not_shown", ("a",), None)
        assert "but whether a sees as much is not shown (coverage" in verdict.headline
        assert "sees less" not in verdict.headline

    @pytest.mark.parametrize(
        ("dropped", "words"),
        [(8, "a sees less (coverage"), (0, "neither sees less by more than 0.05 (coverage")],
    )
    def test_a_guard_says_it_where_the_question_is_answered(self, dropped, words):
        tables = clips(8) | dict(list(clips(8, drop=0.2).items())[:dropped])
        _, verdict = compared(tables)
        (guard,) = [guard for guard in verdict.guards if guard.name == "sees_less"]
        assert words in guard.words

    def test_equal_models_are_alike(self):
        _, verdict = compared(clips(8, better=0.0))
        assert [answer.outcome for answer in verdict.answers] == ["alike"] * 3
        assert verdict.word == "alike"

    def test_what_is_not_shown_says_what_would_be(self):
        tables = clips(8, better=0.3)
        for number, name in enumerate(list(tables)[:4]):
            tables[name] = clips(1, better=-1.5, seed=number)["clip 0"]
        outline = compared(tables)[1].answers[0]
        assert outline.outcome == "not_shown"
        assert outline.smallest_effect > abs(outline.effect)
        assert outline.clips_needed > 8
        assert f"about {outline.clips_needed} clips" in outline.sentence

    def test_a_second_figure_that_turns_the_other_way_keeps_the_outline_from_being_answered(self):
        tables = {
            name: replace(table, jitter=table.jitter[:, ::-1].copy()) for name, table in clips(8).items()
        }
        outline = compared(tables)[1].answers[0]
        assert outline.outcome == "not_shown"
        assert "B2 turns the other way" in outline.sentence

    def test_clips_in_another_order_change_no_digit(self):
        tables = clips(8, drop=0.1)
        turned = dict(reversed(tables.items()))
        assert compared(tables)[1] == compared(turned)[1]

    def test_nothing_in_common_cannot_be_said(self):
        tables = {"one": ClipObjects.from_rows(clip([0.9] * 40, [None] * 40))}
        verdict = compared(tables)[1]
        assert verdict.answers[0].outcome == "undefined"
        assert "b sees less" in verdict.headline

    def test_a_displacement_that_cannot_be_measured_is_undefined(self):
        unknown = {"boundary": None, "jitter": None}
        statuses = dict.fromkeys(range(1, 40), "without_motion")
        rows = clip([0.9] * 40, [0.9] * 40, statuses=statuses, a=unknown, b=unknown)
        verdict = compared({"one": ClipObjects.from_rows(rows)})[1]
        assert verdict.steadier is None
        assert [answer.outcome for answer in verdict.answers] == ["undefined", "alike", "alike"]

    def test_margins_are_rules(self):
        wide = Rules().with_bounds(["coverage=0.9", "presence=0.9", "loss=0.9"])
        tables = clips(8, drop=0.2)
        verdict = verdict_of(compare_models(tables, ("a", "b"), (0.5, 0.5), rules=wide))
        assert verdict.steadier == "a"
        assert "coverage within 0.9" in verdict.rules


def figures_of(table):
    return compare_clip(table, ("a", "b"), (0.5, 0.5))


class TestReports:
    def test_the_table_holds_every_figure_over_all_clips_and_clip_by_clip(self, tmp_path):
        comparison, verdict = compared(clips(8))
        with CsvTable(tmp_path / "comparison.csv", COMPARISON_COLUMNS) as table:
            table.write_all(comparison_rows(comparison, verdict))
        with (tmp_path / "comparison.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        whole = [one for one in rows if one["clip"] == ""]
        known = [
            name
            for name, one in REGISTRY.compared().items()
            if not one.needs_truth and one.spec.scope != "cause"
        ]
        assert [one["metric"] for one in whole if not one["support"].startswith("matched")] == known
        assert {one["support"] for one in whole} == {
            "common", "universe", *(f"matched_recall_{recall:g}" for recall in RECALLS)
        }  # fmt: skip
        assert {one["verdict"] for one in whole} == {"a is steadier"}
        assert len(rows) == 9 * len(whole)
        first = whole[0]
        assert float(first["difference"]) == pytest.approx(
            float(first["value_a"]) - float(first["value_b"]), abs=1e-4
        )
        assert float(first["ci_low"]) < float(first["difference"]) < float(first["ci_high"]) < 0
        assert "nan" not in (tmp_path / "comparison.csv").read_text()

    def test_the_means_of_the_clips_give_the_difference(self):
        comparison, _ = compared(clips(5, drop=0.1))
        for difference in comparison.differences:
            own = [value.difference for value in difference.clips if value.difference is not None]
            assert difference.n == len(own)
            if not own:  # these tables say nothing of the flow's round trip
                assert difference.difference is None
                continue
            assert math.isclose(difference.difference, float(np.mean(own)), abs_tol=1e-12)

    def test_one_clip_has_its_own_interval_and_says_what_it_speaks_of(self):
        comparison, verdict = compared(clips(1))
        text = as_console(comparison_section(comparison, verdict))
        assert "of this clip only" in text
        assert comparison.find("boundary_px").interval is not None
        assert comparison.find("boundary_px").p_value is None

    def test_both_texts_carry_coverage_losses_and_the_verdict(self):
        comparison, verdict = compared(clips(8, drop=0.3))
        for rendered in (as_console, as_markdown):
            text = rendered(comparison_section(comparison, verdict))
            for part in (
                "coverage",
                "L(0)",
                "L(1)",
                "outlines are steadier",
                "Guards:",
                "B1 at matched recall 0.5",
                "pairs",
            ):
                assert part in text, part

    @pytest.mark.slow
    @pytest.mark.parametrize("drop", [0.0, 1.0], ids=["defined", "undefined"])
    def test_the_picture_is_drawn(self, tmp_path, drop):
        comparison, verdict = compared(clips(3, drop=drop))
        path = plot_comparison(comparison, verdict, tmp_path / "comparison.png", "clip $1$")
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size > 10_000
