"""A run's `report.html`: answers, objects, worst moments, plots and how it was made, all in one file."""

import re
import shutil
from html import unescape
from pathlib import Path

import cv2
import numpy as np
import pytest
from dashboard_runs import BLINKING, STEADY, make_run
from markupsafe import escape

from yolact_temporal.analyzing.run_page import overlay_link, run_page
from yolact_temporal.data.runs.comparison import read_comparison_data
from yolact_temporal.data.runs.layout import RunFolder
from yolact_temporal.data.runs.manifest import read_manifest
from yolact_temporal.temporal.reading.clip_reading import ClipReading
from yolact_temporal.temporal.reading.moment_pictures import moment_pictures
from yolact_temporal.temporal.reading.moments_csv import read_moments

# The run that they look at has pictures and plots, which take some seconds.
pytestmark = [pytest.mark.slow, pytest.mark.smoke]


@pytest.fixture(scope="module", name="finished_run")
def pictured_run(tmp_path_factory):
    """A run of its own: the one that all tests share has no plots and no pictures of moments."""
    return make_run(tmp_path_factory.mktemp("pictured") / "runs", plots=True)


@pytest.fixture(scope="module")
def page(finished_run):
    return (finished_run / "report.html").read_text(encoding="utf-8")


def test_without_plots_the_worst_moments_are_told_in_words(tmp_path):
    plain = (make_run(tmp_path / "runs") / "report.html").read_text(encoding="utf-8")
    assert "Worst moments" in plain
    assert "<img" not in plain


@pytest.fixture(scope="module")
def text(page):
    return " ".join(unescape(re.sub(r"<[^>]+>", "", page)).split())


def test_it_says_the_answers_in_the_words_of_the_comparison(finished_run, text):
    (pair,) = read_comparison_data(finished_run).pairs
    assert pair.answers.headline in text
    for answer in pair.answers.answers:
        assert answer.sentence in text


def test_answers_are_told_once_in_both_reports(finished_run, text):
    (pair,) = read_comparison_data(finished_run).pairs
    written = " ".join((finished_run / "report.md").read_text(encoding="utf-8").split())
    for report in (text, written):
        assert report.count(pair.answers.headline) == 1
        assert [report.count(answer.sentence) for answer in pair.answers.answers] == [1] * len(
            pair.answers.answers
        )


def test_every_object_has_a_row_and_every_model_its_columns(page, text):
    for model in (STEADY, BLINKING):
        assert f"B1 (px) of {model}" in text
        assert f"blinks of {model}" in text
    assert len(re.findall(r"#\d+</th>", page)) >= 3


def test_the_worst_moments_are_pictures_that_lead_to_the_overlay(finished_run, page, text):
    moments = read_moments(finished_run / "moments.csv")
    shown = re.findall(r'<figure class="small">.*?</figure>', page, re.DOTALL)
    assert 3 <= len(shown) <= 8
    worst = moments[0]
    assert f"{worst.time_s:.2f} s, frame {worst.frame}, {worst.model}: {worst.who}, {worst.what}." in text
    for figure in shown:
        (path, at), *_ = re.findall(r'href="\./([^"#]+)#t=([\d.]+)"', figure)
        assert (finished_run / path).is_file()
        assert 0 <= float(at) < 24 / 24


def test_it_says_how_the_clip_was_read_and_how_to_do_it_again(finished_run, text):
    manifest = read_manifest(finished_run)
    for part in (manifest.clip.decoder_reason, manifest.clip.sha256, manifest.motion, manifest.platform):
        assert part in text
    assert "numpy" in text
    assert "24 frames were measured" in text


def test_it_is_small(page):
    assert len(page) < 3_000_000


def test_a_picture_shows_the_frame_before_and_the_frame_side_by_side(finished_run):
    moments = read_moments(finished_run / "moments.csv")
    pictures = moment_pictures(RunFolder(finished_run), read_manifest(finished_run), moments)
    assert all(pictures)
    for moment, picture in zip(moments, pictures, strict=True):
        bgr = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
        width = (bgr.shape[1] - 6) // 2
        left, right = bgr[:, :width], bgr[:, -width:]
        assert right.mean() < 0.9 * left.mean(), "the frame itself is darkened"
        white = (bgr[:, -width:] > 225).all(axis=2).sum()
        assert white > 0 or moment.frame == 0, "the carried outline is white"


def test_without_its_clip_a_run_has_no_pictures_of_moments(finished_run, tmp_path):
    run = Path(shutil.copytree(finished_run, tmp_path / "run"))
    record = (run / "run.json").read_text().replace("/clips/", "/elsewhere/")
    (run / "run.json").write_text(record)
    moments = read_moments(run / "moments.csv")
    assert moment_pictures(RunFolder(run), read_manifest(run), moments) == [b""] * len(moments)


def test_a_link_starts_a_little_before_the_moment_and_never_before_the_video(finished_run):
    folder = RunFolder(finished_run)
    assert overlay_link(folder, STEADY, 0.75) == f"{STEADY}/overlay.mp4#t=0.25"
    assert overlay_link(folder, STEADY, 0.1) == f"{STEADY}/overlay.mp4#t=0.00"
    assert overlay_link(folder, "absent", 1.0) == ""


def test_of_many_models_one_picture_and_a_table_stand_for_all_answers(finished_run):
    folder, manifest = RunFolder(finished_run), read_manifest(finished_run)
    (pair,) = read_comparison_data(finished_run).pairs
    read = ClipReading(
        name="scene", frames=24, seconds=1.0, size=(96, 128), models=tuple("abcd"), objects=(), moments=(),
        verdicts=(pair.answers,) * 6,
    )  # fmt: skip
    page = run_page(read, [], [], folder, manifest)
    assert page.count(f'<td data-key="">{escape(pair.answers.word)}</td>') == 6
    assert page.index("4 models") < page.index(str(escape(pair.answers.headline)))
    assert str(escape(pair.answers.answers[0].sentence)) not in page
