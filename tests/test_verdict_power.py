"""The simulation of verdicts: what is made of known effects is found, and equal models are not told apart."""

import csv
import json

import numpy as np
import pytest

from yolact_temporal.cli import main as cli
from yolact_temporal.temporal.calibration import verdict_power
from yolact_temporal.temporal.calibration.verdict_power import (
    Outcomes,
    Power,
    PowerCheck,
    PowerPlan,
    Setting,
    measured_noise,
    measured_pool,
    quick_power_plan,
    settings,
    simulate,
)
from yolact_temporal.temporal.comparison.questions import effects_of


@pytest.fixture(scope="module")
def pool():
    return measured_pool(quick_power_plan())


def run(pool, setting, trials=20):
    return simulate(
        pool, measured_noise(pool, np.random.default_rng(0)), setting, trials, np.random.default_rng(0)
    )


@pytest.mark.slow
@pytest.mark.smoke
def test_the_stand_ins_are_equal_and_their_pairs_were_measured(pool):
    for objects in pool:
        assert len(objects.models) == quick_power_plan().draws
        assert np.isfinite(objects.boundary_px[objects.pair]).all()


@pytest.mark.slow
@pytest.mark.thorough
def test_a_large_difference_is_found_and_none_is_made_up(pool):
    found = run(pool, Setting(12, 1.5, 0.1))
    assert (found.outlines, found.wrong) == (20, 0)
    equal = run(pool, Setting(12, 1.0, 0.1))
    assert equal.steadier <= 3
    assert equal.alike >= 16
    assert run(pool, Setting(1, 1.0, 0.0)).steadier <= 2


@pytest.mark.slow
@pytest.mark.thorough
def test_the_same_seed_gives_the_same_counts(pool):
    setting = Setting(7, 1.2, 0.2)
    assert run(pool, setting, 5) == run(pool, setting, 5)


def test_a_bar_holds_within_chance_of_so_many_trials():
    assert PowerCheck("found", 0.79, 0.8, True, 500).holds
    assert not PowerCheck("found", 0.7, 0.8, True, 500).holds
    assert PowerCheck("alarms", 0.06, 0.05, False, 500).holds
    assert not PowerCheck("alarms", 0.08, 0.05, False, 500).holds


def test_a_bar_has_the_trials_that_its_standard_error_takes():
    plan = quick_power_plan()
    exact = PowerPlan(0, plan.scenes, plan.draws, trials=7, bar_error=0.005)
    assert exact.trials_of(Setting(12, 1.2, 0.2)) == 6400
    assert exact.trials_of(Setting(12, 1.2, 0.1)) == 1900
    assert exact.trials_of(Setting(12, 1.0, 0.1)) == 6400  # of its two bars the one that takes more
    assert exact.trials_of(Setting(20, 1.1, 0.1)) == 7
    assert PowerCheck("found", 0.8, 0.8, True, 6400).error == pytest.approx(0.005)


@pytest.mark.slow
@pytest.mark.thorough
def test_the_clips_measured_ratios_spread_as_the_setting_says(pool):
    rng = np.random.default_rng(0)
    noise = measured_noise(pool, rng)
    assert 0.02 < noise < 0.15
    spread = np.sqrt(0.2**2 - noise**2)
    clips = {str(number): verdict_power._drawn(pool, 1.2, spread, rng) for number in range(400)}
    values = effects_of(clips, ("outline",))["outline"].values
    assert np.mean(values) == pytest.approx(-np.log(1.2), abs=0.03)
    assert np.std(values) == pytest.approx(0.2, abs=0.02)


def test_every_bar_is_of_a_setting_that_is_simulated():
    plan = quick_power_plan()
    never = Power(plan, 0.05, dict.fromkeys(settings(), Outcomes(100, 0, 0, 0, 0)))
    assert [check.holds for check in never.checks].count(True) == 7  # no false alarm, and nothing found
    assert not never.holds
    always = Power(plan, 0.05, dict.fromkeys(settings(), Outcomes(100, 100, 0, 100, 0)))
    assert not always.holds


@pytest.mark.slow
def test_the_command_writes_table_and_picture_and_says_what_holds(tmp_path, capsys, monkeypatch):
    plan = quick_power_plan()
    small = PowerPlan(0, plan.scenes[:2], draws=2, trials=2, bar_error=0.25)
    monkeypatch.setattr(verdict_power, "quick_power_plan", lambda seed: small)
    code = cli.main(["calibrate", "--verdicts", "--quick", "--out", str(tmp_path / "out"), "--json"])
    told = json.loads(capsys.readouterr().out.split("\n\nWhat verdicts find")[0])
    assert code == (0 if told["holds"] else 1)
    with (tmp_path / "out" / "verdicts.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["clips"]) for row in rows] == [setting.clips for setting in settings()]
    assert {row["trials"] for row in rows} == {"1", "2", "3"}
    assert (tmp_path / "out" / "verdicts.png").read_bytes().startswith(b"\x89PNG")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "verdicts.csv").write_text("another program's\n")
    assert cli.main(["calibrate", "--verdicts", "--out", str(tmp_path / "taken")]) == 2
