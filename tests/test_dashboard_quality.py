"""Quality beside stability: a run that was scored against a ground truth, with two models, with one, and with none."""

import csv
import shutil

import pandas as pd
import pytest
from clips import write_images
from mask_clips import frame, sequence
from streamlit.testing.v1 import AppTest

from yolact_temporal.cli import main as cli
from yolact_temporal.dashboards import comparisons, definitions, loader
from yolact_temporal.dashboards.plain_text import plain
from yolact_temporal.dashboards.views.quality import truth_rows, truth_table
from yolact_temporal.data.formats import FORMATS
from yolact_temporal.data.synthetic import SceneOptions, SyntheticScene
from yolact_temporal.temporal.metrics import REGISTRY

SIZE, FRAMES = (96, 128), 12
SCENE = list(SyntheticScene(SceneOptions(seed=1, size=SIZE, frames=FRAMES, camera="pan", objects=2)))


def masks(path, keep):
    """The scene's own masks as a file; those of frames that are not kept are empty."""
    frames = []
    for one in SCENE:
        seen = {key: mask for key, mask in one.masks.items() if mask.any()} if keep(one.index) else {}
        frames.append(frame(one.index, list(seen.values()), SIZE, [key + 1 for key in seen], [0] * len(seen)))
    FORMATS["coco"].write(sequence(frames, ("person",)), path)
    return path


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A runs folder: `walk` scored with two sets of masks, `alone` with one, both against the truth."""
    folder = tmp_path_factory.mktemp("scored")
    images = write_images(folder / "walk", (each.rgb for each in SCENE))
    truth = masks(folder / "truth.json", lambda index: True)
    half = masks(folder / "half.json", lambda index: index % 4 != 3)
    common = ["--clip", images, "--fps", 24, "--ground-truth", truth, "--quiet", "--out", folder / "runs"]
    for arguments in ([truth, half, "--name", "whole", "--name", "gappy"], [half, "--clip-name", "alone"]):
        assert cli.main(["score", "--no-plots", *map(str, [*arguments, *common])]) == 0
    return folder / "runs"


@pytest.fixture
def root(scored, tmp_path):
    shutil.copytree(scored, tmp_path / "runs")
    return tmp_path / "runs"


def overview(root, key):
    def script(root, key):
        from pathlib import Path

        from yolact_temporal.dashboards.loader import find_run, find_runs
        from yolact_temporal.dashboards.views import overview
        from yolact_temporal.dashboards.views.context import Context

        root = Path(root)
        overview.show(Context(root, find_runs(root), find_run(root, key)))

    test = AppTest.from_function(script, args=(str(root), key), default_timeout=60).run()
    assert not test.exception
    assert not test.error
    return test


def shown(test):
    return "\n".join(str(item.value) for kind in (test.markdown, test.caption, test.text) for item in kind)


@pytest.mark.slow
def test_two_models_have_a_card_for_each_figure_of_quality(root):
    test = overview(root, "walk")
    text = shown(test)
    comparison = comparisons.run_comparison(loader.find_run(root, "walk"))
    (verdict,) = comparison.verdicts
    rows = comparison.figures(verdict.models).set_index("metric")
    for name in definitions.quality_figures():
        assert f"**{plain(definitions.compared_label(name))}**" in text
        assert plain(f"{rows.loc[name, 'value_a']:.4g}") in text
        assert plain(f"{rows.loc[name, 'value_b']:.4g}") in text
    assert rows.loc["truth_j", "value_a"] == 1.0
    assert rows.loc["truth_j", "value_b"] < 1.0
    assert "is not known" not in text
    helps = " ".join(item.help for item in test.markdown if item.help)
    assert plain(REGISTRY["truth_j"].meaning) in helps


@pytest.mark.slow
@pytest.mark.smoke
def test_one_model_shows_every_figure_against_the_truth_in_a_table(root):
    test = overview(root, "alone")
    assert "Nothing to compare" in [item.value for item in test.subheader]
    assert "is not known" not in shown(test)
    (table,) = [item.value for item in test.dataframe if "half" in item.value]
    with (root / "alone" / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    start = [row["metric"] for row in rows].index("true_objects")
    assert len(table) == len(rows) - start
    for row, value in zip(rows[start:], table["half"], strict=True):
        assert (str(value) == "nan") if row["value"] == "" else (float(row["value"]) == value)


@pytest.mark.slow
@pytest.mark.smoke
def test_without_a_ground_truth_it_is_said_and_how_to_get_one(finished_run):
    test = overview(finished_run.parent, "scene")
    assert "is not known" in shown(test)
    assert "--ground-truth" in test.text[0].value
    run = loader.find_run(finished_run.parent, "scene")
    assert truth_table(run.summary(), run.models).empty


def rows_of(*metrics):
    return pd.DataFrame(
        [
            {"model": model, "metric": name, "value": value, "unit": "1"}
            for model in ("a", "b")
            for value, name in enumerate(("frames", "boundary_px_mean", "true_objects", *metrics))
        ]
    )


@pytest.mark.parametrize("spec", REGISTRY.against_truth().values(), ids=lambda spec: spec.name)
def test_every_figure_of_the_catalogue_is_shown_by_its_contract(spec):
    table = truth_table(rows_of(spec.name, f"{spec.name}_at_iou_0.1"), ["a", "b"])
    assert list(table["a"]) == [2, 3, 4]
    own, loose = table.iloc[1], table.iloc[2]
    assert own["figure"].startswith(spec.symbol)
    assert loose["figure"] == f"{own['figure']}, matched at IoU 0.1"
    assert spec.meaning in own["what it is"] == loose["what it is"]
    assert own["direction"] == loose["direction"]
    assert own["direction"].split()[0] == {"down": "lower", "up": "higher", "zero": "nearer"}[spec.direction]


def test_a_figure_that_no_contract_knows_is_shown_by_its_name():
    table = truth_table(rows_of("something_new"), ["a", "c"])
    assert list(table["figure"])[1:] == ["something new"]
    assert list(table["what it is"])[1:] == [""]
    assert table["c"].isna().all()
    assert list(truth_rows(rows_of())["metric"]) == ["true_objects", "true_objects"]


@pytest.mark.parametrize(
    ("metric", "low", "high", "favours"),
    [
        ("boundary_px", -2.0, -1.0, "first"),
        ("boundary_px", 1.0, 2.0, "second"),
        ("coverage", -2.0, -1.0, "second"),
        ("truth_j", 1.0, 2.0, "first"),
        ("boundary_px", -1.0, 1.0, None),
        ("boundary_px", 0.0, 1.0, None),
        ("boundary_px", float("nan"), float("nan"), None),
    ],
)
def test_an_interval_favours_a_model_only_where_it_excludes_0(metric, low, high, favours):
    row = {"metric": metric, "ci_low": low, "ci_high": high}
    assert comparisons.favoured(row, ("first", "second")) == favours
