"""The dashboard's loader: what lies in a runs folder, told and never raised; and names that cannot leave it."""

import json
import os
import shutil
import time

import pytest
from dashboard_runs import BLINKING, STEADY

from yolact_temporal.dashboards import comparisons, definitions, loader, tables
from yolact_temporal.dashboards.paths import inside, upload_name
from yolact_temporal.dashboards.plain_text import plain
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.metrics import REGISTRY


@pytest.fixture
def root(finished_run, tmp_path):
    shutil.copytree(finished_run.parent, tmp_path / "runs")
    return tmp_path / "runs"


def edit(path, change):
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    "name",
    ["..", "../other", "scene/../..", "/etc/passwd", "~root", "", "a\0b", "C:\\x", "scene\\..\\..", "c:x"],
)
def test_no_name_leaves_the_runs_folder(root, name):
    with pytest.raises(InputError, match="inside the runs folder"):
        inside(root, name)
    with pytest.raises(InputError):
        loader.find_run(root, name)


def test_links_out_of_the_folder_are_refused_and_links_inside_are_not(root, tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "run.json").write_text("{}")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "also").symlink_to(root / "scene")
    with pytest.raises(InputError, match="leads out"):
        inside(root, "out/run.json")
    assert inside(root, "also/run.json").is_file()
    reasons = {entry.key: entry.reason for entry in loader.find_runs(root)}
    assert "leads out" in reasons["out"]
    assert reasons["also"] == ""


def test_a_table_that_is_a_link_out_is_not_read(root, tmp_path):
    (tmp_path / "passwd").write_text((root / "scene" / STEADY / "frames.csv").read_text())
    (root / "scene" / STEADY / "frames.csv").unlink()
    (root / "scene" / STEADY / "frames.csv").symlink_to(tmp_path / "passwd")
    (entry,) = loader.find_runs(root)
    assert entry.state == "unreadable"
    assert "leads out" in entry.reason


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("clip.mp4", "clip.mp4"),
        ("../../etc/clip.MP4", "clip.mp4"),
        ("/abs/clip.mkv", "clip.mkv"),
        ("..\\..\\clip.avi", "clip.avi"),
        ("-rf.mp4", "rf.mp4"),
        (".hidden.mp4", "hidden.mp4"),
        ("a\0b<script>.webm", "ab_script_.webm"),
        ("Grüße (1).mov", "Grüße (1).mov"),
        ("x" * 300 + ".mp4", "x" * 100 + ".mp4"),
    ],
)
def test_an_upload_keeps_its_name_but_no_folder(given, stored):
    assert upload_name(given) == stored


@pytest.mark.parametrize(
    "name", ["", "..", "clip", "clip.txt", ".mp4", "../.mp4", "clip.mp4/..", "a.mp4.exe"]
)
def test_an_upload_that_is_no_video_is_refused(name):
    with pytest.raises(InputError, match="expected a video"):
        upload_name(name)


def test_a_finished_run_gives_its_manifest_and_tables(root):
    (entry,) = loader.find_runs(root)
    run = loader.open_run(root, entry)
    assert (entry.state, run.models, run.timed) == ("finished", [STEADY, BLINKING], True)
    assert (run.manifest.clip.width, run.manifest.clip.fps, run.manifest.frames_measured) == (128, 24.0, 24)
    frames = run.table(STEADY, "frames")
    assert len(frames) == 24
    assert frames["boundary_px_mean"].isna()[0]
    assert frames["pair_status"][1] == "counted"
    assert run.table(BLINKING, "tracks")["dropout_rate"].max() > 0
    assert set(run.summary()["model"]) == {STEADY, BLINKING}
    assert run.objects() is not None


def test_a_run_folder_itself_can_be_given(root):
    (entry,) = loader.find_runs(root / "scene")
    assert entry.key == "."
    run = loader.open_run(root / "scene", entry)
    assert len(run.table(STEADY, "frames")) == 24
    assert comparisons.run_comparison(run) is not None


def test_an_unchanged_table_is_read_once_and_a_changed_one_anew(root):
    path = root / "scene" / STEADY / "tracks.csv"
    before = tables.read_table(path)
    assert tables.read_table(path) is before
    path.write_text(path.read_text().splitlines()[0] + "\n")
    os.utime(path, ns=(time.time_ns(), time.time_ns()))
    assert len(tables.read_table(path)) == 0


def truncate(folder, name, keep):
    path = folder / name
    path.write_bytes(path.read_bytes()[:keep])


FAULTS = {
    "no manifest": (lambda f: (f / "run.json").unlink(), "unreadable", "holds no run.json"),
    "half a manifest": (lambda f: truncate(f, "run.json", 300), "unreadable", "cannot be read as one"),
    "a list": (lambda f: (f / "run.json").write_text("[1]"), "unreadable", "cannot be read as one"),
    "deep nesting": (lambda f: (f / "run.json").write_text("[" * 100_000), "unreadable", "cannot be read"),
    "no text": (
        lambda f: (f / "run.json").write_bytes(b"\xff\xfe\x00"),
        "unreadable",
        "cannot be read as one",
    ),
    "newer": (
        lambda f: edit(f / "run.json", lambda d: d.update(format_version=99)),
        "unreadable",
        "update yolact-temporal",
    ),
    "older": (
        lambda f: edit(f / "run.json", lambda d: d.update(format_version=0)),
        "unreadable",
        "got 0: analyze",
    ),
    "no clip": (lambda f: edit(f / "run.json", lambda d: d.pop("clip")), "unreadable", "'clip'"),
    "a rate of nonsense": (
        lambda f: edit(f / "run.json", lambda d: d["clip"].update(fps="1/0")),
        "unreadable",
        "a missing or invalid value",
    ),
    "a model outside": (
        lambda f: edit(f / "run.json", lambda d: d["models"].update({"../../x": d["models"][STEADY]})),
        "unreadable",
        "leads out of the run",
    ),
    "interrupted": (
        lambda f: edit(f / "run.json", lambda d: d.update(completed=False)),
        "unfinished",
        "--resume",
    ),
    "a table missing": (lambda f: (f / STEADY / "frames.csv").unlink(), "unreadable", "cannot be read"),
    "a table empty": (lambda f: (f / STEADY / "frames.csv").write_text(""), "unreadable", "empty file"),
    "an older table": (
        lambda f: (f / STEADY / "frames.csv").write_text("frame,time_s\n0,0\n"),
        "unreadable",
        "older or foreign",
    ),
    "a table of bytes": (
        lambda f: (f / STEADY / "tracks.csv").write_bytes(b"\xff\xff\xff"),
        "unreadable",
        "cannot be read",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_run_is_listed_with_its_reason_beside_the_good_ones(root, fault):
    break_it, state, reason = FAULTS[fault]
    shutil.copytree(root / "scene", root / "broken")
    break_it(root / "broken")
    entries = {entry.key: entry for entry in loader.find_runs(root)}
    assert entries["scene"].state == "finished"
    assert entries["broken"].state == state
    assert reason in entries["broken"].reason
    with pytest.raises(InputError):
        loader.find_run(root, "broken")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text + "not,enough,cells\n", "cannot be read|expected numbers"),
        (lambda text: text.replace(",counted,", ",counted,many", 1), "expected numbers"),
        (lambda text: text[:-40], None),
    ],
)
def test_a_table_broken_inside_says_so_in_one_sentence(root, change, reason):
    path = root / "scene" / STEADY / "frames.csv"
    path.write_text(change(path.read_text()))
    if reason is None:
        return  # a number cut off in its middle is still a number
    with pytest.raises(InputError, match=reason):
        tables.read_table(path)


def test_what_else_lies_in_the_folder_is_no_run(root):
    (root / ".dashboard").mkdir()
    (root / "notes.txt").write_text("x")
    (root / "comparison").mkdir()
    shutil.copy(root / "scene" / "comparison.csv", root / "comparison")
    (root / "foreign").mkdir()
    assert [(entry.key, entry.state) for entry in loader.find_runs(root)] == [
        ("scene", "finished"),
        ("foreign", "unreadable"),
    ]
    assert [one.key for one in comparisons.folder_comparisons(root)] == ["comparison"]


def test_an_empty_folder_and_one_that_is_not_there_hold_no_run(tmp_path):
    assert loader.find_runs(tmp_path) == []
    assert loader.find_runs(tmp_path / "none") == []
    assert comparisons.folder_comparisons(tmp_path / "none") == []


def test_a_comparison_says_its_verdict_in_the_reports_own_words(root):
    run = loader.find_run(root, "scene")
    comparison = comparisons.run_comparison(run)
    (verdict,) = comparison.verdicts
    assert (verdict.models, verdict.steadier) == ((STEADY, BLINKING), verdict.answers.steadier)
    assert (verdict.verdict, verdict.sentence) == (verdict.answers.word, verdict.answers.headline)
    assert verdict.sentence in (root / "scene" / "comparison.md").read_text()
    assert [answer.question for answer in verdict.answers.answers] == ["outline", "presence", "coverage"]
    assert verdict.answers.by_clip[0].pairs > 30
    assert len(verdict.scope) >= 2
    figures = comparison.figures(verdict.models)
    assert {"boundary_px", "round_trip_px"} <= set(figures["metric"])
    assert figures["metric"].is_unique


def test_the_verdict_is_read_from_the_data_whatever_the_text_says(root):
    (root / "scene" / "comparison.md").write_text("## a against b\n\n**b is steadier.**\n")
    (verdict,) = comparisons.run_comparison(loader.find_run(root, "scene")).verdicts
    told = json.loads((root / "scene" / "comparison.json").read_text())["comparisons"][0]
    assert (verdict.sentence, list(verdict.scope)) == (told["sentence"], told["scope"])
    edit(root / "scene" / "comparison.json", lambda data: data["comparisons"][0].pop("sentence"))
    with pytest.raises(InputError, match="a missing or invalid value"):
        comparisons.run_comparison(loader.find_run(root, "scene"))


def test_of_an_older_run_without_data_the_tables_word_is_the_verdict(root):
    (pair,) = comparisons.run_comparison(loader.find_run(root, "scene")).verdicts
    (root / "scene" / "comparison.json").unlink()
    path = root / "scene" / "comparison.csv"
    assert pair.verdict in path.read_text()
    path.write_text(
        path.read_text()
        .replace(f'"{pair.verdict}"', pair.verdict)
        .replace(pair.verdict, f"{STEADY} is steadier")
    )
    (verdict,) = comparisons.run_comparison(loader.find_run(root, "scene")).verdicts
    assert verdict.steadier == STEADY
    assert verdict.sentence.startswith("Steady_model is steadier; an older version")


def test_text_from_files_cannot_become_markup():
    nasty = "<script>alert(1)</script> ![x](http://e/x.png) **b** `c` $d$ :smile: # h\n- l 1. a|b"
    shown = plain(nasty)
    assert "\n" not in shown
    for sign in "<>![]()*`$:#|-":
        assert all(shown[at - 1] == "\\" for at, letter in enumerate(shown) if letter == sign), sign
    assert plain("1. item").startswith("1\\.")
    assert plain(None) == ""


def test_every_figure_has_a_definition_from_its_contract():
    for name, spec in REGISTRY.items():
        assert spec.meaning in definitions.definition(name)
        assert spec.undefined in definitions.definition(name)
    for name in REGISTRY.compared():
        assert len(definitions.compared_definition(name)) > 60
        assert definitions.compared_label(name).strip()
    assert definitions.definition("nonsense") == definitions.compared_definition("nonsense") == ""
