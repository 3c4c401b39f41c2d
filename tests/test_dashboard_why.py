"""The page Why: parts over time as stacked bars that add up, and one mask's parts, asked of a process of its own."""

import json
import shutil
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
from dashboard_pages import one_page
from dashboard_runs import STEADY

from yolact_temporal.cli import main as cli
from yolact_temporal.dashboards import explaining
from yolact_temporal.dashboards.charts.why import MOST_BARS, bar_rows, causes_chart, measure_of, parts_there
from yolact_temporal.dashboards.loader import find_run
from yolact_temporal.dashboards.tables import read_table
from yolact_temporal.temporal.metrics.causes import FLOOR, MEASURES, PARTS, SWITCH, TOTAL

MODEL = "toy_parts"
PX = measure_of("px")


@pytest.fixture
def root(explained_run, tmp_path):
    shutil.copytree(explained_run, tmp_path / "runs" / "still")
    return tmp_path / "runs"


@pytest.fixture(autouse=True)
def nothing_asked():
    explaining._ANSWERS.clear()
    yield
    explaining._ANSWERS.clear()


def table(values, frames=None, tracks=None, switches=0.0):
    """Rows of `why.csv` with B1 of the given parts; the floor is 0.5."""
    frames = range(1, len(values) + 1) if frames is None else frames
    rows = []
    for place, (frame, own) in enumerate(zip(frames, values, strict=True)):
        row = {"frame": frame, "time_s": frame / 10, "track_id": 1 if tracks is None else tracks[place]}
        row |= {PX.name(part): own.get(part, np.nan) for part in PARTS}
        row |= {PX.name(FLOOR): 0.5, PX.name(TOTAL): 0.5 + sum(own.values()), SWITCH: switches}
        rows.append(row)
    return pd.DataFrame(rows)


def test_bars_add_up_to_the_total_and_what_steadies_hangs_below_zero():
    bars = bar_rows(table([{"prototypes": 1.0, "coefficients": -0.25, "box": 2.0}]), PX, True, 0.1)
    assert list(bars["part"]) == ["floor", "prototypes", "coefficients", "box"]
    assert list(zip(bars["low"], bars["high"], strict=True)) == [(0, 0.5), (0.5, 1.5), (-0.25, 0), (1.5, 3.5)]
    assert bars["value"].sum() == pytest.approx(bars["total"].iloc[0])
    assert (bars["x"].iloc[0], bars["x2"].iloc[0]) == pytest.approx((0.06, 0.14))


def test_pairs_of_a_frame_are_a_mean_and_untold_ones_are_left_out():
    causes = table(
        [{"box": 1.0}, {"box": 3.0}, {"box": 5.0}], frames=[4, 4, 5], tracks=[1, 2, 1], switches=1.0
    )
    causes.loc[2, PX.name(TOTAL)] = np.nan
    bars = bar_rows(causes, PX, False, 1.0)
    box = bars[bars["part"] == "box"].iloc[0]
    assert (len(bars), box["value"], box["total"], box["pairs"], box["switches"]) == (2, 2.0, 2.5, 2, 2)
    assert len(bar_rows(causes[causes["frame"] == 5], PX, False, 1.0)) == 0


def test_the_halves_of_a_box_stand_for_it():
    halved = table([{"features": 1.0, "box": 3.0, "box_pooled": 1.0, "box_pasted": 2.0}])
    assert parts_there(halved, PX) == [FLOOR, "features", "box_pooled", "box_pasted"]
    assert parts_there(table([{"prototypes": 1.0, "box": 3.0}]), PX) == [FLOOR, "prototypes", "box"]


def test_a_long_clip_has_as_many_bars_as_can_be_seen_each_leading_to_its_worst_frame():
    count = 5 * MOST_BARS + 3
    causes = table([{"box": float(place % 10)} for place in range(count)])
    bars = bar_rows(causes, PX, False, 1.0)
    box = bars[bars["part"] == "box"]
    assert len(box) <= MOST_BARS
    assert (box["value"] * box["pairs"]).sum() == pytest.approx(causes[PX.name("box")].sum())
    assert set(box["frame"].iloc[:2]) == {6, 10}  # the largest of each six: frames count from 1
    drawn = causes_chart(bars, parts_there(causes, PX), PX, "title", False, (0, count), 3.0)
    columns = drawn.to_dict()["layer"][2]
    assert columns["encoding"]["tooltip"][2] == {
        "field": "part_0",
        "format": ".3g",
        "title": "floor",
        "type": "quantitative",
    }


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize("measure", MEASURES)
def test_the_bars_of_a_run_are_the_tables(root, measure):
    causes = find_run(root, "still").causes(MODEL)
    bars = bar_rows(causes, measure, True, 1 / 24)
    assert bars.groupby("frame")["value"].sum().tolist() == pytest.approx(
        causes.groupby("frame")[measure.name(TOTAL)].mean().tolist(), rel=1e-4
    )


def texts(test):
    kinds = (test.markdown, test.caption, test.title, test.subheader, test.info, test.error)
    return "\n".join(str(item.value) for kind in kinds for item in kind).replace("\\", "")


@pytest.mark.slow
@pytest.mark.smoke
def test_the_page_stands_where_most_moves_and_offers_what_can_be_asked(root):
    test = one_page(root, "why")
    assert not test.exception
    causes = find_run(root, "still").causes(MODEL)
    worst = int(causes["frame"][causes[PX.name(TOTAL)].idxmax()])
    assert test.session_state["current_frame"] == worst
    assert test.subheader[0].value.replace("\\", "").startswith(f"One mask: frame {worst},")
    assert test.selectbox(key="why_model").options == [MODEL, "steady_toy"]
    means = test.dataframe[0].value
    assert list(means["part"]) == ["floor", "prototypes", "coefficients", "box", "all"]
    summary = read_table(root / "still" / "summary.csv").set_index(["model", "metric"])["value"]
    assert list(means["B1 (px)"])[3] == summary[MODEL, PX.name("box")]
    assert "13 pairs were explained." in texts(test)
    assert "the model runs again" in texts(test)
    shared = test.selectbox(key="why_measure").select("1").run()
    assert list(shared.dataframe[0].value)[1] == "B2 (1 - IoU)"
    test.number_input[0].set_value(0).run()
    assert "sees no object both in this frame and in the one before" in texts(test)
    assert "Show its parts" not in [button.label for button in test.button]


def answered(monkeypatch, picture=b"", fails=None):
    asked = []

    def run(command):
        asked.append(command)
        if fails is not None:
            raise explaining.InputError(fails)
        args = cli.build_parser().parse_args(command)
        args.out.write_bytes(picture)
        return {"sentences": ["Of toy's 2.0 px all comes from the box."]}

    monkeypatch.setattr(explaining, "_run", run)
    return asked


def settled():
    for thread in threading.enumerate():
        if thread.name == "explain":
            thread.join(timeout=30)


@pytest.mark.slow
@pytest.mark.smoke
def test_a_mask_is_asked_for_once_and_its_picture_shown(root, monkeypatch):
    import io

    from PIL import Image

    made = io.BytesIO()
    Image.new("RGB", (8, 8)).save(made, "png")
    asked = answered(monkeypatch, made.getvalue())
    test = one_page(root, "why")
    test.button(key="why_ask").click().run()
    settled()
    test.run()
    assert not test.exception
    assert "all comes from the box" in texts(test)
    test.button(key="why_ask").click().run()
    settled()
    (command,) = asked
    args = cli.build_parser().parse_args(command)
    assert (args.command, args.run, args.model) == ("explain", root / "still", MODEL)
    assert (args.frame, args.track) == (test.session_state["current_frame"], 1)


@pytest.mark.slow
@pytest.mark.smoke
def test_what_cannot_be_answered_is_one_sentence(root, monkeypatch):
    answered(monkeypatch, fails="expected the weights of x, found none: fetch them")
    test = one_page(root, "why")
    test.button(key="why_ask").click().run()
    settled()
    test.run()
    assert test.error[0].value.replace("\\", "") == "expected the weights of x, found none: fetch them"


def edited(root, change):
    path = root / "still" / "run.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda run: run["options"].update(why_every=0), "This run was made without --why"),
        (lambda run: None, "toy_parts does not say what its masks are assembled from."),
        (lambda run: run["models"][MODEL].update(stabilized={"model": "raw"}), "those of raw, stabilised"),
    ],
)
def test_a_run_that_does_not_say_why_says_so_in_one_sentence(root, change, sentence):
    (root / "still" / MODEL / "why.csv").unlink()
    edited(root, change)
    test = one_page(root, "why")
    assert not test.exception
    (info,) = test.info
    assert sentence in info.value.replace("\\", "")
    test.number_input[0].set_value(5).run()
    assert "Show its parts" in [button.label for button in test.button]


@pytest.mark.slow
def test_without_the_clip_nothing_is_asked(root):
    edited(root, lambda run: run["clip"].update(path="/nowhere/clip.mp4"))
    test = one_page(root, "why")
    assert "The parts cannot be computed again (expected the clip at /nowhere/clip.mp4" in texts(test)
    assert "Show its parts" not in [button.label for button in test.button]
    assert len(test.dataframe) == 1  # what was found stays


def test_a_damaged_table_of_causes_is_one_sentence(root):
    (root / "still" / MODEL / "why.csv").write_text("frame,track_id\n1,1\n")
    with pytest.raises(explaining.InputError, match="expected the column"):
        find_run(root, "still").causes(MODEL)


def test_the_process_that_answers_is_ended_when_its_time_is_up(monkeypatch):
    def run(command, **options):
        assert command[:3] == [sys.executable, "-m", "yolact_temporal"]
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(explaining.subprocess, "run", run)
    with pytest.raises(explaining.InputError, match=r"within 180 s, got nothing"):
        explaining._run(["explain"])


@pytest.mark.slow
@pytest.mark.smoke
def test_a_command_that_fails_says_its_own_sentence(tmp_path):
    with pytest.raises(explaining.InputError, match=r"^expected a run folder, or a folder of them"):
        explaining._run(["explain", str(tmp_path), "--frame", "1"])


def test_only_so_many_wait_and_only_the_last_answers_are_kept(tmp_path, monkeypatch):
    gate = threading.Event()

    def run(command):
        gate.wait(30)
        cli.build_parser().parse_args(command).out.write_bytes(b"png")
        return {"sentences": []}

    monkeypatch.setattr(explaining, "_run", run)
    questions = [explaining.Question(tmp_path, "", STEADY, frame, 1) for frame in range(12)]
    for each in questions[: explaining._KEPT]:
        explaining.ask(each)
    with pytest.raises(explaining.InputError, match="wait for those before"):
        explaining.ask(questions[-1])
    gate.set()
    settled()
    for each in questions[explaining._KEPT :]:
        explaining.ask(each)
    settled()
    assert len(explaining._ANSWERS) == explaining._KEPT
    assert explaining.answer_to(questions[0]) is None
    assert explaining.answer_to(questions[-1]).picture == b"png"
