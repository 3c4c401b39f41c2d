"""One register of metrics: whatever is written or shown of a figure is known there, and a new one needs no more."""

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dashboard_runs import make_run
from mask_clips import frame, sequence
from masks import rectangle

from yolact_temporal.analyzing import identity
from yolact_temporal.analyzing.demo import CAMERA_MOVE_COLUMNS
from yolact_temporal.cli import main as cli
from yolact_temporal.dashboards import definitions
from yolact_temporal.data.formats import FORMATS
from yolact_temporal.temporal.comparison.objects_csv import OBJECT_COLUMNS
from yolact_temporal.temporal.metrics import REGISTRY, MetricSpec, mean_figure
from yolact_temporal.temporal.metrics.contract import Compared, RatioOverFrames, Term
from yolact_temporal.temporal.metrics.registry import MetricRegistry
from yolact_temporal.temporal.metrics.truth_contract import TruthFigure
from yolact_temporal.temporal.report import FRAME_COLUMNS, INSTANCE_COLUMNS, TRACK_COLUMNS

SIZE = (20, 30)

# A metric of tracks and one of pairs, as somebody else's module would have them.
TOY = MetricSpec(
    name="toy_growth",
    symbol="X1",
    meaning="Root mean square change of the logarithm of the area from frame to frame.",
    inputs="the mask's areas",
    unit="1",
    range=(0.0, math.inf),
    direction="down",
    undefined="the track is never seen in two consecutive frames",
    source="made up for a test",
    label="toy growth",
    headline=99,
)
TOY_PAIR = MetricSpec(
    name="toy_lost_share",
    symbol="X2",
    meaning="Share of the carried mask that the new one does not cover.",
    inputs="the carried previous mask and the new one",
    unit="1",
    range=(0.0, 1.0),
    direction="down",
    undefined="the carried mask is empty",
    source="made up for a test",
    scope="pair",
)

TOY_TRUTH = MetricSpec(
    name="toy_surplus",
    symbol="X3",
    meaning="Area of the mask over that of the true one.",
    inputs="the mask and the true one",
    unit="1",
    range=(0.0, math.inf),
    direction="down",
    undefined="there is no true object",
    source="made up for a test",
    scope="truth",
    group="Toys",
    matched=True,
)
TOY_CLIP = replace(
    TOY_TRUTH,
    name="toy_busiest",
    symbol="X4",
    meaning="Most masks that a frame has for each true object.",
    inputs="all masks and all true objects",
    label="",
    matched=False,
)


def toy_update(previous, current):
    if previous is None or not current.paired or not previous.area_px or not current.area_px:
        return None
    return Term(math.log(current.area_px / previous.area_px) ** 2)


def toy_pair(pair):
    before = np.count_nonzero(pair.previous)
    lost = np.count_nonzero(pair.previous & (pair.current ^ 1))
    return {TOY_PAIR.name: lost / before if before else None}


class ToySurplus:
    def __init__(self):
        self.ratios = []

    def observe(self, observation):
        if observation.truth.area:
            self.ratios.append(observation.mask.area / observation.truth.area)

    def figures(self):
        return {TOY_TRUTH.name: mean_figure(self.ratios)}


class ToyBusiest:
    note = "Toys are counted, too."

    def __init__(self, setting):
        self.most = None
        assert setting.true_names == ("object",)

    def observe(self, frame):
        if frame.true.masks:
            self.most = max(self.most or 0.0, len(frame.own) / len(frame.true.masks))

    def figures(self):
        return {TOY_CLIP.name: TruthFigure(self.most, objects=1)}


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def toys() -> Iterator[None]:
    """Four metrics from outside, registered for as long as this file's tests run."""
    with REGISTRY.borrowed():
        REGISTRY.register(TOY, accumulator=lambda: RatioOverFrames(TOY, toy_update, np.sqrt))
        REGISTRY.register(TOY_PAIR, pair=toy_pair)
        REGISTRY.register(TOY_TRUTH, truth=ToySurplus)
        REGISTRY.register(TOY_CLIP, clip=ToyBusiest)
        yield


@pytest.fixture(scope="module")
def run_with_toys(toys, tmp_path_factory) -> Path:
    """A run of two models that was measured by metrics from outside too."""
    return make_run(tmp_path_factory.mktemp("toys") / "runs")


class TestAMetricFromOutside:
    @pytest.mark.slow
    @pytest.mark.smoke
    def test_is_in_the_summary_with_its_interval(self, run_with_toys):
        rows = {row["metric"]: row for row in table(run_with_toys / "summary.csv")}
        own = [
            name for name in rows if REGISTRY.find(name) is None or REGISTRY.known(name).scope != "absence"
        ]
        assert own[-2:] == [TOY.name, TOY_PAIR.name]
        assert (
            float(rows[TOY.name]["ci_low"])
            < float(rows[TOY.name]["value"])
            < float(rows[TOY.name]["ci_high"])
        )
        assert 0 < float(rows[TOY_PAIR.name]["value"]) < 1
        assert rows[TOY_PAIR.name]["unit"] == "1"

    def test_is_in_the_tables_of_frames_instances_and_tracks(self, run_with_toys):
        (model, *_) = sorted(path.parent for path in run_with_toys.glob("*/tracks.csv"))
        frames, instances, tracks = (
            table(model / f"{name}.csv") for name in ("frames", "instances", "tracks")
        )
        assert float(frames[5][TOY_PAIR.name]) > 0
        assert sum(bool(row[TOY_PAIR.name]) for row in instances) > 20
        assert TOY.name not in instances[0]
        by_hand: dict[str, list[float]] = {}
        for row in instances:
            by_hand.setdefault(row["track_id"], []).append(float(row["area_px"]))
        for row in tracks:
            if row["frames_absent"] == "0" and int(row["frames_seen"]) > 1:
                expected = np.sqrt(np.mean(np.diff(np.log(by_hand[row["track_id"]])) ** 2))
                assert float(row[TOY.name]) == pytest.approx(expected, rel=1e-5)

    def test_is_in_the_report_if_it_is_a_headline(self, run_with_toys):
        report = (run_with_toys / "report.md").read_text(encoding="utf-8")
        assert "| toy growth | 0." in report
        assert "toy lost" not in report

    def test_is_listed(self, run_with_toys, capsys):
        assert cli.main(["metrics", "--json"]) == 0
        rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
        assert rows[TOY.name]["meaning"] == TOY.meaning
        assert rows[TOY_PAIR.name]["scope"] == "pair"
        assert cli.main(["metrics"]) == 0
        assert "  toy_growth  [X1]  0..inf, lower is steadier\n" in capsys.readouterr().out

    def test_is_explained_by_the_dashboard(self, run_with_toys):
        assert definitions.headlines()[TOY.name] == "toy growth"
        assert definitions.label(TOY_PAIR.name) == "X2 toy lost share"
        for spec in (TOY, TOY_PAIR):
            assert spec.meaning in definitions.definition(spec.name)
            assert definitions.direction(spec.name) == "lower is steadier"

    @pytest.mark.slow
    def test_is_measured_against_a_ground_truth(self, judged):
        rows = {row["metric"]: row for row in table(judged / "summary.csv") if row["model"] == "a"}
        for name in ("toy_surplus", "toy_surplus_at_iou_0.1"):
            assert (rows[name]["value"], rows[name]["n"], rows[name]["tracks"]) == ("1", "20", "1")
        assert (rows[TOY_CLIP.name]["value"], rows[TOY_CLIP.name]["tracks"]) == ("1", "1")
        report = (judged / "report.md").read_text(encoding="utf-8")
        assert "### Toys" in report
        assert ToyBusiest.note in report
        assert "| toy surplus (lower is better) | 1 | 1 |" in report
        assert definitions.label("toy_surplus_at_iou_0.1") == "X3 toy surplus, matched at IoU 0.1"

    def test_is_forgotten_where_it_was_only_borrowed(self):
        registry = MetricRegistry()
        with registry.borrowed():
            registry.register(TOY)
            assert list(registry) == [TOY.name]
        assert list(registry) == []


class TestRegistry:
    def test_a_name_is_given_once(self):
        registry = MetricRegistry()
        compared = Compared("toy", "toy", "common")
        registry.register(MetricSpec(**{**vars(TOY), "compared": compared}))
        for taken in ("toy_growth", "toy"):
            with pytest.raises(ValueError, match=f"no metric has yet, got {taken}"):
                registry.register(MetricSpec(**{**vars(TOY_PAIR), "name": taken}))
        assert list(registry) == ["toy_growth"]

    @pytest.mark.parametrize(
        ("name", "found"),
        [
            ("boundary_px_mean", "boundary_px_mean"),
            ("boundary_px", "boundary_px_mean"),
            ("jitter", "motion_compensated_jitter"),
            ("truth_boundary_f", "truth_f"),
            ("dtssd_at_iou_0.1", "dtssd"),
            ("video_panoptic_quality_at_iou_0.1", None),
            ("nonsense", None),
        ],
    )
    def test_finds_a_metric_by_any_of_its_names(self, name, found):
        assert getattr(REGISTRY.find(name), "name", None) == found

    def test_the_order_of_tables_is_that_of_registration_and_not_of_import(self):
        registry = MetricRegistry(lambda: registry.register(TOY_PAIR, order=1))
        registry.register(TOY, order=2)
        assert list(registry) == [TOY_PAIR.name, TOY.name]


def square(x, y):
    return rectangle(SIZE, x, y, x + 10, y + 10)


@pytest.fixture(scope="module")
def judged(toys, tmp_path_factory) -> Path:
    """A run of two models against a ground truth: with all figures that there can be."""
    where = tmp_path_factory.mktemp("judged")
    for name, shift in (("a", 0), ("b", 2)):
        made = [frame(t, [square(shift + t % 2, 0)], SIZE, [1]) for t in range(20)]
        FORMATS["masks"].write(sequence(made, ("object",)), where / f"{name}.jsonl")
    true = [frame(t, [square(0, 0)], SIZE, [1]) for t in range(20)]
    FORMATS["davis"].write(sequence(true, ("object",)), where / "truth")
    masks = [str(where / "a.jsonl"), str(where / "b.jsonl")]
    options = ["--ground-truth", str(where / "truth"), "--fps", "24", "--clip-name", "c", "--quiet"]
    options += ["--protocol", "davis"]
    assert cli.main(["score", *masks, *options, "--no-plots", "--out", str(where / "runs")]) == 0
    return where / "runs" / "c"


class TestEveryNameThatIsWritten:
    @pytest.mark.parametrize("file", ["summary.csv", "comparison.csv"])
    def test_is_of_a_metric(self, judged, file):
        rows = [row for row in table(judged / file) if row["unit"] != "count"]
        names = {row["metric"] for row in rows}
        assert len(names) >= 12
        assert {name for name in names if REGISTRY.find(name) is None} == set()
        assert all(row["unit"] == REGISTRY.known(row["metric"]).unit for row in rows)

    def test_all_figures_of_tracks_and_of_the_truth_are_written(self, judged):
        names = {row["metric"] for row in table(judged / "summary.csv")}
        expected = {*REGISTRY.own(), *REGISTRY.against_truth()}
        if not identity.available():
            expected -= REGISTRY.of("identity").keys()
        assert expected <= names
        known = {name for name, figure in REGISTRY.compared().items() if figure.spec.scope != "cause"}
        assert {row["metric"] for row in table(judged / "comparison.csv")} == known

    @pytest.mark.parametrize("file", ["summary.csv", "comparison.csv"])
    def test_is_explained_by_the_dashboard(self, judged, file):
        for name in {row["metric"] for row in table(judged / file) if row["unit"] != "count"}:
            assert "Undefined where" in definitions.definition(name), name
            assert definitions.direction(name), name

    @pytest.mark.parametrize(
        ("columns", "metrics"),
        [
            (FRAME_COLUMNS, REGISTRY.pairs),
            (INSTANCE_COLUMNS, REGISTRY.pairs),
            (TRACK_COLUMNS, REGISTRY.own),
        ],
        ids=["frames", "instances", "tracks"],
    )
    def test_a_column_is_of_a_metric_or_a_fixed_one(self, columns, metrics):
        assert [column.name for column in columns][len(columns.fixed) :] == list(metrics())
        assert not any(REGISTRY.find(column.name) for column in columns.fixed)

    @pytest.mark.parametrize(
        ("columns", "others"),
        [
            (
                OBJECT_COLUMNS,
                "frame time_s object_id model pair_status score area_px class_name previous_score iou_between",
            ),
            (CAMERA_MOVE_COLUMNS, "segment model motion frame track_id"),
        ],
        ids=["objects", "camera_moves"],
    )
    def test_a_column_of_other_tables_too(self, columns, others):
        assert [column.name for column in columns if REGISTRY.find(column.name) is None] == others.split()


@pytest.mark.parametrize("name", ["hota", "motsa", "idf1"])
def test_identity_is_explained_without_what_computes_it(monkeypatch, name):
    monkeypatch.setattr(identity, "available", lambda: False)
    assert "by trackeval" in definitions.definition(name)
    assert definitions.direction(name) == "higher is better"
    assert definitions.label(name) == f"D7 {name.upper()}"
