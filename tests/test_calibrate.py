"""`calibrate`: what was put in is found, through the command line; and a measurement that is wrong is caught."""

import csv
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from yolact_temporal.cli import main as cli
from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.synthetic import SceneOptions
from yolact_temporal.temporal.calibration import calibrating, expectations, plan
from yolact_temporal.temporal.calibration.bias import CentreBias
from yolact_temporal.temporal.calibration.calibration_csv import CALIBRATION_COLUMNS, calibration_rows
from yolact_temporal.temporal.calibration.calibration_text import console_calibration
from yolact_temporal.temporal.calibration.expectations import all_checks
from yolact_temporal.temporal.calibration.gathering import verdict_key
from yolact_temporal.temporal.calibration.measurements import Key, Measurement, Table
from yolact_temporal.temporal.calibration.plan import REFERENCE, TRUTH, Subject, full_plan, quick_plan
from yolact_temporal.temporal.metrics import REGISTRY, jitter
from yolact_temporal.temporal.report import CsvTable


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """`calibrate --quick`, once: its exit code, what it printed, its folder, and the calibration itself."""
    out = tmp_path_factory.mktemp("calibrate") / "made"
    kept = []
    measure = calibrating.calibrate

    def keep(*arguments):
        kept.append(measure(*arguments))
        return kept[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibrating, "calibrate", keep)
        printed = []
        patch.setattr("builtins.print", lambda *words, **_: printed.append(" ".join(map(str, words))))
        code = cli.main(["calibrate", "--quick", "--out", str(out)])
    return code, "\n".join(printed), out, kept[0]


@pytest.fixture(scope="module")
def rows(quick):
    with (quick[2] / "calibration.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.thorough
class TestQuickRun:
    def test_all_comes_out_as_it_must(self, quick):
        code, printed, _, calibration = quick
        assert [check for check in calibration.checks if not check.holds] == []
        assert code == 0
        assert "FAILED" not in printed

    def test_every_expectation_is_printed_with_its_count(self, quick):
        _, printed, _, calibration = quick
        for rule in {check.rule for check in calibration.checks}:
            (line,) = [line for line in printed.splitlines() if line.endswith(rule)]
            own = sum(check.rule == rule for check in calibration.checks)
            assert line.split()[:4] == ["ok", str(own), "of", str(own)]

    def test_every_rule_has_checks(self, quick):
        calibration = quick[3]
        for rule in expectations.RULES:
            assert list(rule(calibration.table, calibration.plan)), rule.__name__

    def test_the_table_is_tidy(self, rows):
        assert list(rows[0]) == [column.name for column in CALIBRATION_COLUMNS]
        keys = [
            tuple(row[name] for name in ("experiment", "fault", "dose", "motion", "metric")) for row in rows
        ]
        assert len(set(keys)) == len(keys)
        assert {row["holds"] for row in rows} == {"true", ""}
        assert all((row["holds"] == "") == (row["expectation"] == "") for row in rows)

    def test_the_table_holds_every_fault_and_metric(self, rows):
        subjects = quick_plan().subjects
        faults = {subject.fault for subject in subjects}
        assert faults == {row["fault"] for row in rows if row["experiment"] == "scenes"}
        assert set(REGISTRY.own()) <= {row["metric"] for row in rows}
        assert {"truth_j", "loss_1", "common_share", "flow_error_px", "hidden_share"} <= {
            r["metric"] for r in rows
        }

    def test_every_name_is_of_a_metric(self, rows):
        measured = [row for row in rows if row["n_of"] != "comparisons"]
        assert {row["metric"] for row in measured if REGISTRY.find(row["metric"]) is None} == set()
        assert all(row["unit"] == REGISTRY.known(row["metric"]).unit for row in measured)

    def test_a_row_gives_its_dose_and_spread(self, rows):
        (row,) = [
            row for row in rows
            if (row["experiment"], row["fault"], row["dose"], row["metric"])
            == ("long", "centroid_shake", "0.5", "second_difference_centroid_x_px")
        ]  # fmt: skip
        assert (row["dose_unit"], row["unit"], row["n"], row["n_of"]) == ("px", "px", "2", "objects")
        assert float(row["mean"]) == pytest.approx(0.5, rel=0.1)
        assert float(row["ci_low"]) < float(row["mean"]) < float(row["ci_high"])
        assert row["expectation"].startswith("the second difference recovers")

    def test_a_rate_is_counted(self, quick):
        for fault, metric in (("dropped", "dropout_rate"), ("class_switches", "class_flip_rate")):
            row = quick[3].table.get(Key("long", fault, 0.2, "flow", metric))
            assert row.injected != 0.2
            assert row.injected == pytest.approx(0.2, abs=0.05)
            assert row.mean == pytest.approx(row.injected, abs=0.02)

    def test_no_jitter_is_0_where_there_is_none(self, rows):
        empty = [r for r in rows if r["fault"] == "empty" and REGISTRY.own().get(r["metric"]) is not None]
        assert empty
        assert {
            row["mean"] for row in empty if REGISTRY[row["metric"]].symbol in ("B1", "B2", "B3", "B5")
        } == {""}

    def test_there_is_a_picture(self, quick):
        picture = cv2.imread(str(quick[2] / "calibration.png"))
        assert picture.shape[0] > 1000
        assert picture.shape[1] > 1500
        assert (picture < 250).any(axis=2).mean() > 0.02
        assert sorted(path.name for path in quick[2].iterdir()) == ["calibration.csv", "calibration.png"]


#: A measurement made wrong, as (experiment, fault, dose, motion, metric), by a factor, and the rule that must catch it.
BROKEN = [
    (("scenes", "truth", 0.0, "exact", "boundary_px_p95"), 50, "the truth is the floor"),
    (("scenes", "truth", 0.0, "flow", "second_difference_box_x2_px"), 50, "the truth is the floor"),
    (("scenes", "dropped", 0.2, "flow", "presence_flips_per_s"), -1, "the truth is the floor"),
    (("scenes", "boundary_noise", 2.0, "exact", "boundary_px_mean"), 0.5, "B1, B2 and B3 grow"),
    (("scenes", "boundary_noise", 1.0, "flow", "second_difference_log_area"), 0.1, "B1, B2 and B3 grow"),
    (("all_scenes", "boundary_noise", 4.0, "flow", "boundary_px_on_common"), 0.5, "B1, B2 and B3 grow"),
    (("long", "centroid_shake", 0.25, "flow", "second_difference_centroid_x_px"), 1.2, "the second difference"),
    (("long", "centroid_shake", 0.5, "flow", "second_difference_centroid_y_px"), 0.8, "the second difference"),
    (("long", "drift", 0.01, "flow", "boundary_px_mean"), 1.4, "a slow drift leaves jitter"),
    (("long", "drift", 0.01, "", "centre_bias"), 0.1, "bias grows"),
    (("all_scenes", "frozen", 0.0, "flow", "truth_j"), 9, "a frozen mask"),
    (("all_scenes", "frozen", 0.0, "flow", "loss_1"), 0.01, "a frozen mask"),
    (("long", "dropped", 0.2, "flow", "dropout_rate"), 1.2, "dropout_rate recovers"),
    (("long", "dropped_in_bursts", 0.2, "flow", "dropout_rate"), 0.7, "dropout_rate recovers"),
    (("long", "class_switches", 0.2, "flow", "class_flip_rate"), 0.8, "class_flip_rate recovers"),
    (("all_scenes", "dropped", 0.4, "flow", "common_share"), 9, "dropping frames shrinks"),
    (("all_scenes", "dropped", 0.2, "flow", "loss_1"), 0.1, "dropping frames raises"),
    (("all_scenes", "dropped", 0.4, "flow", "boundary_px_difference"), 5, "dropping frames leaves B1"),
    (("all_scenes", "empty", 0.0, "flow", "loss_1"), 0.5, "empty masks have the worst"),
    (("all_scenes", "full_box", 0.0, "flow", "truth_j"), 9, "full-box masks"),
    (("scenes", "full_box", 0.0, "exact", "boundary_px_mean"), 9, "full-box masks"),
    (("speed", "truth", 4.0, "exact", "boundary_px_mean"), 9, "with exact motion"),
    (("speed", "truth", 4.0, "exact", "motion_compensated_jitter"), 99, "leaving out hidden pixels"),
]  # fmt: skip


def changed(table, key, values):
    """The table with other values in one row."""
    assert table.get(key) is not None, key
    return Table(replace(row, values=values(row)) if row.key == key else row for row in table)


@pytest.mark.slow
@pytest.mark.thorough
class TestExpectations:
    @pytest.mark.parametrize(
        ("key", "factor", "rule"), BROKEN, ids=[f"{k[1]} {k[4]} x{f}" for k, f, _ in BROKEN]
    )
    def test_a_wrong_measurement_is_caught(self, quick, key, factor, rule):
        calibration = quick[3]
        table = changed(
            calibration.table,
            Key(*key),
            lambda row: tuple(v if v is None else v * factor for v in row.values),
        )
        failed = {check.rule for check in all_checks(table, calibration.plan) if not check.holds}
        assert any(name.startswith(rule) for name in failed), failed

    @pytest.mark.parametrize("key", [key for key, _, _ in BROKEN[::3]])
    def test_a_measurement_that_is_missing_or_undefined_is_no_pass(self, quick, key):
        calibration = quick[3]
        without = Table(row for row in calibration.table if row.key != Key(*key))
        undefined = changed(calibration.table, Key(*key), lambda row: (None,) * len(row.values))
        for table in (without, undefined):
            assert not all(check.holds for check in all_checks(table, calibration.plan))

    def test_a_jitter_of_0_for_empty_masks_is_caught(self, quick):
        calibration = quick[3]
        key = Key("scenes", "empty", 0.0, "flow", "boundary_px_mean")
        table = changed(calibration.table, key, lambda row: (0.0, *row.values[1:]))
        (failed,) = [check for check in all_checks(table, calibration.plan) if not check.holds]
        assert failed.rule == "empty masks have no jitter, not one of 0"

    @pytest.mark.parametrize(
        ("first", "second", "value", "rule"),
        [
            (Subject("boundary_noise", 1.0), Subject("boundary_noise", 2.0), 0.0, "the steadier of two"),
            (Subject("boundary_noise", 1.0), Subject("boundary_noise", 2.0), None, "the steadier of two"),
            (Subject("worst_dropped", 1.0), Subject("varying_noise", 1.0), 1.0, "who shows nothing"),
            (Subject("empty"), REFERENCE, 0.0, "empty masks are not called"),
        ],
    )
    def test_a_wrong_verdict_is_caught(self, quick, first, second, value, rule):
        calibration = quick[3]
        table = changed(calibration.table, verdict_key(first, second), lambda _: (value,))
        (failed,) = [check for check in all_checks(table, calibration.plan) if not check.holds]
        assert failed.rule.startswith(rule)

    def test_a_failure_is_named_in_the_text_and_the_table(self, quick, tmp_path):
        calibration = quick[3]
        key = Key("long", "class_switches", 0.2, "flow", "class_flip_rate")
        table = changed(calibration.table, key, lambda row: tuple(2 * v for v in row.values))
        broken = replace(calibration, table=table, checks=tuple(all_checks(table, calibration.plan)))
        assert not broken.holds
        text = console_calibration(broken)
        assert "FAILED   0 of 1   class_flip_rate recovers the rate within 2 points" in text
        assert "class switches 0.2 flow class_flip_rate: " in text
        (row,) = [row for row in calibration_rows(broken) if row["holds"] is False]
        assert row["metric"] == "class_flip_rate"
        with CsvTable(tmp_path / "c.csv", CALIBRATION_COLUMNS) as written:
            written.write_all(calibration_rows(broken))

    def test_nothing_measured_holds_nothing(self):
        empty = calibrating.Calibration(quick_plan(), Table([]), tuple(all_checks(Table([]), quick_plan())))
        assert not any(check.holds for check in empty.checks)
        assert not empty.holds
        assert not replace(empty, checks=()).holds
        assert all(row["holds"] is False for row in calibration_rows(empty))


@pytest.mark.slow
class TestBrokenMetric:
    """The whole way: a metric that is wrong in the code makes the command fail."""

    @pytest.fixture
    def small(self, monkeypatch):
        """A plan of one long scene, judged by the shake alone."""
        scene = SceneOptions(seed=50, size=(80, 80), frames=200, objects=1, speed=0.1)
        little = replace(
            quick_plan(), scenes=(), subjects=(TRUTH, REFERENCE), contests=(), never=(), long_scenes=(scene,),
            long_subjects=(TRUTH, Subject("centroid_shake", 0.5)), speeds=(), textures=(),
        )  # fmt: skip
        monkeypatch.setattr(plan, "quick_plan", lambda _seed: little)
        monkeypatch.setattr(expectations, "RULES", (expectations.shake_is_recovered,))

    @pytest.mark.parametrize(("factor", "code"), [(1.0, 0), (1.3, 1)])
    def test_makes_the_command_exit_with_1(self, small, monkeypatch, tmp_path, capsys, factor, code):
        honest = jitter.SecondDifferences.figures

        def wrong(self):
            return {
                name: figure._replace(value=figure.value and factor * figure.value)
                for name, figure in honest(self).items()
            }

        monkeypatch.setattr(jitter.SecondDifferences, "figures", wrong)
        assert cli.main(["calibrate", "--quick", "--json", "--out", str(tmp_path / "out")]) == code
        result = json.loads(capsys.readouterr().out)
        assert result["holds"] is (code == 0)
        assert len(result["failed"]) == (0 if code == 0 else 2)
        assert all(one["fault"] == "centroid_shake" for one in result["failed"])


class TestArguments:
    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["--seed", "-1"], "expected --seed of 0 or more, got -1"),
            (["--out", "FILE"], "expected a folder"),
        ],
    )
    def test_wrong_usage_is_refused_before_any_work(self, tmp_path, capsys, arguments, sentence):
        taken = tmp_path / "taken"
        taken.write_text("mine")
        code = cli.main(["calibrate", *(str(taken) if one == "FILE" else one for one in arguments)])
        assert code == 2
        assert sentence in capsys.readouterr().err
        assert taken.read_text() == "mine"


class TestPlans:
    @pytest.mark.parametrize("make", [full_plan, quick_plan])
    def test_hold_what_must_be_measured(self, make):
        made = make(3)
        assert len(made.scenes) >= 8
        assert {scene.camera for scene in made.scenes} == {"still", "pan", "zoom", "shake"}
        assert (
            {scene.crossing for scene in made.scenes}
            == {scene.deforming for scene in made.scenes}
            == {True, False}
        )
        assert any(scene.quality for scene in made.scenes)
        assert all(scene.frames == 400 for scene in made.long_scenes)
        noise = {subject.dose for subject in made.subjects if subject.fault == "boundary_noise"}
        assert noise == {0.5, 1.0, 2.0, 4.0}
        assert len(set(made.subjects)) == len(made.subjects)
        assert all(
            pair[0] in made.subjects and pair[1] in made.subjects for pair in (*made.contests, *made.never)
        )

    def test_another_seed_is_another_plan(self):
        assert full_plan(1).scenes != full_plan(2).scenes


class TestPureParts:
    def test_a_measurements_interval_is_students(self):
        row = Measurement(Key("scenes", "truth", 0.0, "flow", "x"), 0.0, "px", (1.0, 2.0, None, 3.0))
        assert (row.mean, row.sd) == (2.0, 1.0)
        assert row.interval == pytest.approx((2 - 4.302653 / np.sqrt(3), 2 + 4.302653 / np.sqrt(3)))
        alone = replace(row, values=(None, 4.0))
        assert (alone.mean, alone.sd, alone.interval) == (4.0, None, None)
        assert replace(row, values=(None,)).mean is None

    def test_bias_is_the_size_of_the_mean_error(self):
        bias, true = CentreBias(), np.zeros((20, 40), bool)
        true[5:15, 10:20] = True
        crop = MaskCrop.from_bitmap(true)
        assert bias.mean() is None
        for shift in (1, -1, -3, -1):
            bias.add([MaskCrop.from_bitmap(np.roll(true, shift, axis=1))], {7: crop})
        bias.add([], {7: crop})
        assert bias.by_object() == pytest.approx({7: 0.1})
        assert bias.mean() == pytest.approx(0.1)
