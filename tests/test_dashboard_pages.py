"""The dashboard's pages, run without a browser: what they show, what they survive, and where a click leads."""

import json
import shutil
import sys

import pandas as pd
import pytest
import streamlit
from dashboard_pages import one_page, whole_app
from dashboard_runs import BLINKING, STEADY
from streamlit.testing.v1 import AppTest

from yolact_temporal.cli import dashboard as serving
from yolact_temporal.cli import main as cli
from yolact_temporal.dashboards import comparisons, drawing, loader, moments
from yolact_temporal.dashboards.charts import style
from yolact_temporal.dashboards.pictures import View, model_picture, original_picture
from yolact_temporal.dashboards.plain_text import plain
from yolact_temporal.dashboards.views.clips import deciding_clips
from yolact_temporal.dashboards.views.timeline import worst_moments
from yolact_temporal.dashboards.views.viewer import viewer_data
from yolact_temporal.errors import InputError, UsageError
from yolact_temporal.temporal.reading.jitter_picture import CARRIED
from yolact_temporal.temporal.reading.moments_csv import read_moments

PAGES = ("overview", "timeline", "viewer", "instances", "why", "clips", "live", "analysis")


@pytest.fixture
def root(finished_run, tmp_path):
    shutil.copytree(finished_run.parent, tmp_path / "runs")
    return tmp_path / "runs"


def texts(test):
    kinds = (test.markdown, test.caption, test.title, test.subheader, test.info, test.error, test.warning)
    return "\n".join(str(item.value) for kind in kinds for item in kind)


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize("name", PAGES)
def test_every_page_shows_a_finished_run_and_an_empty_folder(root, tmp_path, name):
    test = one_page(root, name)
    assert not test.exception
    assert not test.error
    (tmp_path / "empty").mkdir()
    empty = one_page(tmp_path / "empty", name)
    assert not empty.exception
    assert empty.title[0].value in ("No run yet", "New analysis", "Live")


def test_a_models_own_figures_stand_beside_their_intervals(root):
    shown = [item.value for item in one_page(root, "overview").markdown]
    summary = pd.read_csv(root / "scene" / "summary.csv").set_index(["metric", "model"])
    for model in (STEADY, BLINKING):
        row = summary.loc[("motion_compensated_jitter", model)]
        expected = f"**{row['value']:.4g}** ({row['ci_low']:.3g} to {row['ci_high']:.3g})"
        assert expected.replace(".", "\\.") in [text.replace("\\", "").replace(".", "\\.") for text in shown]


def test_the_overview_says_the_answers_in_the_words_of_the_comparison_objects_next(root):
    test = one_page(root, "overview")
    (pair,) = comparisons.run_comparison(loader.find_run(root, "scene")).verdicts
    assert test.subheader[0].value == plain(pair.answers.headline)
    assert test.subheader[1].value == "Objects"
    told = "\n".join(f"- {plain(answer.sentence)}" for answer in pair.answers.answers)
    assert told in [item.value for item in test.markdown]
    assert "how good the masks are is not known" in texts(test)
    objects = test.dataframe[0].value
    assert list(objects["pairs"]) == sorted(objects["pairs"], reverse=True)
    assert objects[f"B1 (px) of {STEADY}"].notna().any()


def test_the_overview_of_an_older_run_says_its_verdict(root):
    path = root / "scene" / "comparison.json"
    told = json.loads(path.read_text())
    told["format_version"] = 1
    told["comparisons"][0].pop("answers")
    told["comparisons"][0] |= {"steadier": STEADY, "sentence": f"{STEADY} is steadier than the other."}
    path.write_text(json.dumps(told))
    won = one_page(root, "overview")
    assert plain(f"{STEADY} is steadier") in [item.value for item in won.subheader]
    assert plain(f"{STEADY} is steadier than the other.") in [item.value for item in won.markdown]


def test_every_headline_figure_is_the_reports_with_its_definition_beside_it(root):
    test = one_page(root, "overview")
    rows = comparisons.run_comparison(loader.find_run(root, "scene")).figures((STEADY, BLINKING))
    shown = texts(test)
    for _, row in rows[rows["metric"].isin(["boundary_px", "loss_1", "coverage"])].iterrows():
        assert plain(f"{row['value_a']:.4g}") in shown
    helps = [item.help for item in test.markdown if item.help]
    assert any("Mean displacement of the whole boundary" in text for text in helps)
    assert len(helps) >= 6


@pytest.mark.slow
def test_a_single_model_is_told_that_there_is_nothing_to_compare(root):
    for name in ("comparison.csv", "comparison.md", "objects.csv"):
        (root / "scene" / name).unlink()
    manifest = json.loads((root / "scene" / "run.json").read_text())
    manifest["models"].pop(BLINKING)
    (root / "scene" / "run.json").write_text(json.dumps(manifest))
    test = one_page(root, "overview")
    assert "Nothing to compare" in [item.value for item in test.subheader]
    assert not one_page(root, "viewer").exception
    assert "No run here compares" in texts(one_page(root, "clips"))


def test_a_broken_run_is_listed_with_its_reason_and_breaks_no_page(root):
    shutil.copytree(root / "scene", root / "broken")
    (root / "broken" / "run.json").write_text("{")
    test = whole_app(root)
    assert not test.exception
    assert test.sidebar.selectbox[0].options == ["scene"]
    assert any("cannot be read as one" in item.value for item in test.sidebar.caption)


def test_a_table_broken_inside_is_one_sentence_on_its_page(root):
    path = root / "scene" / STEADY / "tracks.csv"
    path.write_text(path.read_text().replace("person", "person,", 1))
    test = whole_app(root)
    assert not test.exception  # the overview needs no tracks
    with pytest.raises(InputError, match="analyze the clip again"):
        loader.find_run(root, "scene").table(STEADY, "tracks")


@pytest.mark.slow
@pytest.mark.parametrize("wanted", ["../../etc", "/etc", "a\0b", "nowhere", "<b>x</b>"])
def test_an_address_cannot_name_anything_but_a_run_that_is_there(root, wanted):
    test = whole_app(root, run=wanted, frame="-1")
    assert not test.exception
    assert test.sidebar.selectbox[0].value == "scene"
    assert "expected one of the runs" in test.sidebar.warning[0].value
    assert "<b>" not in test.sidebar.warning[0].value


def test_the_address_names_run_and_frame(root):
    shutil.copytree(root / "scene", root / "other")
    test = whole_app(root, run="other", frame="7")
    assert test.sidebar.selectbox[0].value == "other"
    assert test.session_state["current_frame"] == 7


def test_text_of_a_manifest_is_shown_as_text(root):
    path = root / "scene" / "run.json"
    manifest = json.loads(path.read_text())
    manifest["name"] = "<img src=x onerror=alert(1)> **b** ![a](http://h/x.png)"
    manifest["warnings"] = ["<script>x</script> [l](javascript:x)"]
    path.write_text(json.dumps(manifest))
    test = one_page(root, "overview")
    shown = texts(test)
    assert "\\<img" in shown
    assert "\\<script\\>" in shown
    assert "![a]" not in shown
    assert "<script" not in shown.replace("\\<script", "")


@pytest.mark.slow
def test_the_viewer_is_told_where_to_stand_and_says_when_the_clip_is_gone(root):
    run = loader.find_run(root, "scene")
    test = one_page(root, "viewer")
    assert not test.exception
    assert [item.label for item in test.toggle] == ["Show the jitter itself", "Boxes", "Labels"]
    test.toggle(key="show_jitter").set_value(True).run()
    assert "White: the outline" in texts(test)
    data = viewer_data(run, View(), 12, move=3)
    assert (data["frames"], data["place"], data["move"]) == (list(range(24)), 12, 3)
    assert data["times"][12] == 0.5
    assert data["step"] == pytest.approx(1 / 24, abs=1e-5)
    assert [column["name"] for column in data["columns"]] == ["original", STEADY, BLINKING]
    path = root / "scene" / "run.json"
    manifest = json.loads(path.read_text())
    manifest["clip"]["path"] = "/nowhere/clip.mp4"
    path.write_text(json.dumps(manifest))
    gone = one_page(root, "viewer")
    assert not gone.exception
    assert "cannot be shown" in gone.info[0].value
    run = loader.find_run(root, "scene")
    assert (original_picture(run, 5) == 96).all()
    assert model_picture(run, STEADY, 5, View()).std() > 0


@pytest.mark.slow
def test_the_viewer_follows_the_timeline_and_not_its_own_echo(root):
    test = one_page(root, "timeline")
    standing = test.session_state["current_frame"]
    assert "moves" not in test.session_state

    def script(root):
        from pathlib import Path

        from yolact_temporal.dashboards.loader import find_run
        from yolact_temporal.dashboards.views.context import go_to, stand_at

        run = find_run(Path(root), "scene")
        go_to(4)
        stand_at(run, 9)
        stand_at(run, 10_000)

    moved = AppTest.from_function(script, args=(str(root),)).run()
    assert not moved.exception
    assert (moved.session_state["current_frame"], moved.session_state["moves"]) == (9, 1)
    assert 0 <= standing < 24


def test_a_moment_is_what_the_record_and_the_tables_say(root):
    run = loader.find_run(root, "scene")
    for model in run.models:
        table = run.table(model, "instances")
        for frame in (0, 5, 13):
            seen = moments.sighting(run, model, frame)
            own = table[table["frame"] == frame]
            assert list(seen.track_ids) == list(own["track_id"])
            assert seen.labels == tuple(own["class"])
    assert moments.frame_before(run, 0) is None
    assert moments.motion_to(run, 0) is None
    before, now = moments.sighting(run, STEADY, 4), moments.sighting(run, STEADY, 5)
    rgb, motion = moments.clip_frame(run, 5), moments.motion_to(run, 5)
    picture = drawing.draw_jitter(rgb, before, now, motion)
    assert picture.shape == (96 * 4, 128 * 4, 3)
    assert (picture == CARRIED).all(axis=2).any()
    assert drawing.draw_sighting(rgb, now).shape == picture.shape
    assert drawing.encode_jpeg(picture)[:2] == b"\xff\xd8"
    assert drawing.crop_around(rgb, (-20.0, -10.0, 15.0, 20.0), 64).shape == (64, 64, 3)
    assert len(moments.sighting(run, STEADY, 9999).instances) == 0


def test_the_worst_moments_are_those_that_the_run_notes(root):
    run = loader.find_run(root, "scene")
    noted = read_moments(run.path / "moments.csv")
    worst = worst_moments(run)
    assert list(worst["frame"]) == [moment.frame for moment in noted]
    assert list(worst["what"]) == [moment.what for moment in noted]
    assert "gone for" in " ".join(worst["what"])


def test_a_run_of_an_older_version_has_no_moments(root, tmp_path):
    shutil.copytree(root / "scene", tmp_path / "scene")
    (tmp_path / "scene" / "moments.csv").unlink()
    assert worst_moments(loader.find_run(tmp_path, "scene")) is None


def test_clips_are_ordered_by_how_much_they_decide(root):
    rows = comparisons.run_comparison(loader.find_run(root, "scene")).rows
    twice = rows.assign(clip="b", difference=rows["difference"] * 3)
    both = deciding_clips(pd.concat([rows, twice]), "boundary_px", (STEADY, BLINKING))
    assert list(both["clip"]) == ["b", "scene"]


def test_a_port_is_free_or_refused_in_one_sentence():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match="taken"):
            serving.free_port("127.0.0.1", port)
    assert serving.free_port("127.0.0.1", 0) > 0
    assert serving.free_port("127.0.0.1", None) >= serving.FIRST_PORT
    with pytest.raises(UsageError, match="address of this machine"):
        serving.free_port("192.0.2.1", 0)


def test_serving_elsewhere_warns_and_the_server_is_told_to_keep_to_itself(tmp_path, monkeypatch, capsys):
    told = {}

    def run(served, config):
        told.update(config, script=served.script_path, args=sys.argv[1:])

    monkeypatch.setattr(streamlit.App, "run", run)
    monkeypatch.setattr(style, "trust_charts", lambda: told.update(trusted=True))
    monkeypatch.setattr(streamlit.config, "_main_script_path", None)
    monkeypatch.setattr(sys, "argv", sys.argv)
    assert cli.main(["dashboard", str(tmp_path / "new"), "--port", "0"]) == 0
    out = capsys.readouterr()
    assert "http://127.0.0.1:" in out.out
    assert out.err.endswith("new was not there, so it is made: it holds no run yet\n")
    assert (told["server.address"], told["server.headless"]) == ("127.0.0.1", True)
    assert told["browser.gatherUsageStats"] is False
    assert told["args"] == [str(tmp_path / "new")]
    assert told["trusted"]
    assert told["script"].name == "app.py"
    assert (
        cli.main(["dashboard", str(tmp_path), "--port", "0", "--address", "0.0.0.0", "--allow-host", "lab"])
        == 0
    )
    out = capsys.readouterr()
    assert "http://lab:" in out.out
    assert "no password" in out.err
    assert told["server.address"] == "0.0.0.0"
    assert told["server.allowedHosts"] == ["127.0.0.1", "::1", "lab", "localhost"]
    (tmp_path / "file").write_text("")
    assert cli.main(["dashboard", str(tmp_path / "file")]) == 2
