"""The floor of a clip and the second motion estimate, through the commands and on real video."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from masks import disk, instances
from scored_masks import (  # noqa: F401
    FPS,
    FRAMES,
    images_fixture,
    rows,
    score_fixture,
    summary,
    true_frames,
    write,
)

from yolact_temporal.analyzing.run_manifest import require_same_run
from yolact_temporal.cli import main as cli
from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.runs.layout import RunFolder
from yolact_temporal.data.runs.manifest import read_manifest
from yolact_temporal.errors import UsageError
from yolact_temporal.temporal.comparison.clip_objects import ClipObjects
from yolact_temporal.temporal.comparison.figures import compare_clip
from yolact_temporal.temporal.comparison.objects_csv import read_objects
from yolact_temporal.temporal.comparison.support_meter import ComparedModel, SupportMeter
from yolact_temporal.temporal.flow import FlowEstimator
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.metrics.floor import AT_LEAST
from yolact_temporal.temporal.motion import warp_mask


@pytest.fixture(name="run")
def run_fixture(score, images, tmp_path):
    """Score two models' masks of the clip against the true ones; returns the run's folder and what was printed."""
    truth = write(tmp_path / "truth.json", true_frames())
    models = [write(tmp_path / f"{name}.json", true_frames()) for name in "ab"]

    def run(*more, out="runs"):
        arguments = (
            *models,
            "--clip",
            images,
            "--fps",
            FPS,
            "--ground-truth",
            truth,
            "--no-overlay",
            "--verbose",
            *more,
        )
        code, printed, err = score(*arguments, out=tmp_path / out)
        assert code == 0, err
        return tmp_path / out / "walk", printed

    return run


class TestOfARun:
    @pytest.mark.slow
    def test_stands_in_every_table_beside_what_it_is_the_floor_of(self, run):
        folder, printed = run()
        for table, fewest in (("instances", FRAMES), ("tracks", 2), ("frames", FRAMES - 1)):
            own = rows(folder / "a" / f"{table}.csv")
            for name in ("round_trip_px", "round_trip_jitter"):
                values = [float(row[name]) for row in own if row[name]]
                assert len(values) >= fewest, (table, name)
                assert all(0 <= value < 1 for value in values), (table, name)
        found = {(row["model"], row["metric"]): row for row in rows(folder / "summary.csv")}
        assert float(found["a", "round_trip_px"]["ci_low"]) <= float(found["a", "round_trip_px"]["value"])
        assert found["a", "round_trip_px"]["n"] == found["a", "boundary_px_mean"]["n"]
        lines = [line.strip() for line in printed.splitlines()]
        for figure, floor in (
            ("boundary displacement, mean", "of B1"),
            ("motion-compensated jitter, 1", "of B2"),
        ):
            place = next(i for i, line in enumerate(lines) if line.startswith(figure))
            assert lines[place + 1].startswith(f"floor {floor}, at least: round trip of the masks")
        assert AT_LEAST in printed.replace("\n", " ")
        assert AT_LEAST in (folder / "report.md").read_text()

    @pytest.mark.slow
    @pytest.mark.smoke
    def test_with_a_ground_truth_is_what_the_true_masks_measure_on_the_same_pairs(self, run):
        """Here the models' masks are the true ones, and so are their figures."""
        folder, printed = run()
        found = summary(folder)
        tracks = found["a", "boundary_px_mean"], found["a", "motion_compensated_jitter"]
        assert (found["a", "true_boundary_px"], found["a", "true_jitter"]) == tracks
        assert "What the true masks measure, on the pairs that the model sees" in printed
        compared = {(row["metric"], row["support"]): row for row in rows(folder / "comparison.csv")}
        assert float(compared["true_boundary_px", "common"]["value_a"]) > 0
        assert (
            compared["true_boundary_px", "common"]["value_b"] == compared["boundary_px", "common"]["value_b"]
        )
        order = [row["metric"] for row in rows(folder / "comparison.csv") if row["clip"] == "walk"]
        assert order[:2] == ["boundary_px", "round_trip_px"]

    @pytest.mark.slow
    @pytest.mark.smoke
    @pytest.mark.parametrize(("every", "pairs"), [("1", FRAMES - 1), ("4", 3), ("0", 0), (None, 2)])
    def test_the_second_estimate_is_of_a_sample_of_pairs(self, run, every, pairs):
        folder, _ = run(*([] if every is None else ["--second-motion-every", every]))
        table = RunFolder(folder).true_objects
        objects = ClipObjects.from_rows(read_objects(table))
        sampled = np.isfinite(objects.second_boundary_px)
        assert len(set(objects.frame[sampled.any(axis=1)].tolist())) == pairs
        assert np.array_equal(sampled[:, 0], np.isfinite(objects.true_second_boundary_px))
        if pairs:
            same = objects.second_boundary_px[sampled[:, 0], 0]
            assert np.array_equal(same, objects.true_second_boundary_px[sampled[:, 0]]), (
                "the masks are the truth"
            )
            assert not np.array_equal(same, objects.boundary_px[sampled[:, 0], 0]), "another flow"
        series = compare_clip(objects, ("a", "b"), (0, 0)).series
        assert series["sample_boundary_px"].n == series["second_boundary_px"].n == sampled[:, 0].sum()
        assert series["boundary_px"].n > series["sample_boundary_px"].n or every == "1"
        assert series["second_boundary_px"].n_undefined == 0, "the other pairs lack nothing"

    @pytest.mark.slow
    @pytest.mark.smoke
    def test_by_the_other_motion_it_is_another_and_the_run_says_so(self, run):
        by_dis, _ = run()
        by_farneback, _ = run("--motion", "farneback", out="other")
        manifest = read_manifest(by_farneback)
        assert (manifest.options.motion, manifest.motion) == ("farneback", "optical flow (Farneback)")
        assert read_manifest(by_dis).motion == "optical flow (DIS, medium)"
        assert "Motion between frames: optical flow (Farneback)." in (by_farneback / "report.md").read_text()
        first, second = (
            ClipObjects.from_rows(read_objects(RunFolder(folder).true_objects))
            for folder in (by_dis, by_farneback)
        )
        sampled = np.isfinite(first.second_boundary_px[:, 0])
        assert not np.array_equal(first.boundary_px, second.boundary_px, equal_nan=True)
        # What is the second estimate of one is the main one of the other, but for the pixels that are judged visible.
        assert first.second_boundary_px[sampled, 0] == pytest.approx(second.boundary_px[sampled, 0], abs=0.15)
        assert second.second_boundary_px[sampled, 0] == pytest.approx(first.boundary_px[sampled, 0], abs=0.15)

    def test_without_the_clip_nothing_is_said_of_it(self, score, tmp_path):
        code, printed, _ = score(write(tmp_path / "theirs.json", true_frames()), "--fps", FPS)
        assert code == 0
        assert AT_LEAST not in printed.replace("\n", " ")
        assert summary(tmp_path / "runs" / "theirs")["theirs", "round_trip_px"] == ""


def test_figures_of_every_second_frame_are_said_to_be_comparable_with_no_others(score, images, tmp_path):
    def told(name, keep):
        masks = write(tmp_path / name, true_frames(keep=keep), "mots-png")
        code, printed, _ = score(masks, "--clip", images, "--fps", FPS, "--clip-name", name, "--no-overlay")
        assert code == 0
        return [
            "Only every 2nd frame was measured: figures in pixels" in " ".join(text.split())
            for text in (printed, (tmp_path / "runs" / name / "report.md").read_text())
        ]

    assert told("all", range(FRAMES)) == [False, False]
    assert told("half", range(0, FRAMES, 2)) == [True, True]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--motion", "raft"], "expected one of dis, dis-quick, dis-fine, farneback as --motion, got 'raft'"),
        (["--second-motion-every", "-1"], "expected --second-motion-every of at least 0, got -1"),
    ],
)
@pytest.mark.parametrize("command", [["analyze", "clip.mp4"], ["score", "masks.json"], ["demo"]])
def test_what_is_no_motion_is_refused_before_anything_is_read(capsys, tmp_path, command, arguments, sentence):
    command, *inputs = command
    for name in inputs:
        (tmp_path / name).write_bytes(b"")
    paths = [str(tmp_path / name) for name in inputs]
    assert cli.main([command, *paths, *arguments, "--out", str(tmp_path / "runs")]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_run_that_broke_off_goes_on_with_the_same_motion_or_one_of_before_it_was_recorded(tmp_path):
    manifest = {
        "clip": {"sha256": "a", "decoder": "pyav"},
        "options": {"stride": 1, "motion": "farneback"},
        "models": {},
    }
    require_same_run(RunFolder(tmp_path), json.loads(json.dumps(manifest)), manifest)
    require_same_run(RunFolder(tmp_path), manifest | {"options": {"stride": 1}}, manifest)
    with pytest.raises(UsageError, match="got motion farneback where it had dis"):
        require_same_run(
            RunFolder(tmp_path), manifest | {"options": {"stride": 1, "motion": "dis"}}, manifest
        )


class TestDependence:
    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("boundary_px_mean", "size, its frame rate and the stride"),
            ("second_difference_centroid_x_px", "size, its frame rate and the stride"),
            ("round_trip_px", "size, its frame rate and the stride"),
            ("true_second_boundary_px", "size, its frame rate and the stride"),
            ("boundary_share_mean", "frame rate and the stride, not on its size"),
            ("motion_compensated_jitter", "frame rate and the stride, not on its size"),
            ("area_blinks_per_s", "frame rate and the stride, not on its size"),
            ("loss_1", "frame rate and the stride, not on its size"),
            ("coverage", ""),
            ("truth_j", ""),
        ],
    )
    def test_a_figures_text_says_what_it_depends_on(self, name, told):
        sentence = REGISTRY[name].dependence if name in REGISTRY else REGISTRY.known(name).dependence
        assert (told in sentence) if told else not sentence

    def test_whatever_is_in_pixels_between_two_frames_says_so(self):
        silent = [
            name
            for name, spec in REGISTRY.items()
            if spec.unit == "px" and spec.scope in ("pair", "track", "comparison") and not spec.dependence
        ]
        assert silent == []


def davis_sequence(name, frames):
    """Pictures, true masks and a published system's masks of a sequence."""
    root = os.environ.get("YOLACT_TEMPORAL_TEST_DATA")
    if not root:
        pytest.skip("YOLACT_TEMPORAL_TEST_DATA does not name the data folder")
    davis = Path(root) / "datasets" / "davis"
    for index in range(frames):
        picture = cv2.imread(str(davis / "JPEGImages" / "480p" / name / f"{index:05d}.jpg"))
        masks = [
            cv2.imread(str(davis / folder / name / f"{index:05d}.png")).any(axis=2)
            for folder in ("Annotations/480p", "results/osvos")
        ]
        yield np.ascontiguousarray(picture[..., ::-1]), *masks


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize(("sequence", "floor"), [("blackswan", 0.33), ("breakdance", 2.44)])
def test_on_real_video_masks_that_the_flow_moved_along_are_found_out(sequence, floor):
    """B1 by the flow that moved them is nothing, under half of their round trip; by the other it is near the truth's.

    Of the true masks and of a published system's both flows measure about the same.
    """
    estimator = FlowEstimator(second_every=1)
    models = {name: ComparedModel(("thing",), 0.5) for name in ("moved along", "system")}
    meter = SupportMeter(models, 24.0, truth=True)
    table = []
    moved = None
    for index, (picture, true, system) in enumerate(davis_sequence(sequence, 14)):
        motion = estimator.update(picture)
        moved = MaskCrop.from_bitmap(true) if moved is None else warp_mask(moved, motion)
        seen = {
            name: Instances.from_bitmaps(np.zeros((1, 4)), [0.9], [0], mask[None])
            for name, mask in (("moved along", moved.bitmap()), ("system", system))
        }
        truth = {1: MaskCrop.from_bitmap(true)}
        table += meter.update(index, index / 24, seen, motion, truth=truth)
    objects = ClipObjects.from_rows(table)
    figures = compare_clip(objects, ("moved along", "system"), (0.5, 0.5)).series
    values = {name: series.values() for name, series in figures.items()}
    assert values["boundary_px"][0] < 0.001
    assert 0.05 < values["round_trip_px"][0] / 2 < 0.2
    assert values["true_boundary_px"][0] == pytest.approx(floor, rel=0.02)
    assert values["true_second_boundary_px"][0] == pytest.approx(floor, rel=0.25)
    assert values["second_boundary_px"][0] > floor / 2.5
    assert values["second_boundary_px"][1] == pytest.approx(values["boundary_px"][1], rel=0.2)
    assert values["sample_boundary_px"] == values["boundary_px"], "here the sample is of every pair"
    assert values["round_trip_px"][1] < values["true_boundary_px"][1] < values["boundary_px"][1]


def test_masks_on_a_picture_that_moves_as_a_whole_come_back_to_a_fraction_of_a_pixel():
    size = (120, 160)
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.standard_normal((size[0] + 60, size[1] + 60, 3)), (0, 0), 3)
    picture = cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    estimator = FlowEstimator()
    meter = SupportMeter({name: ComparedModel(("person",), 0.5) for name in "ab"}, 24.0)
    table = []
    for index in range(6):
        x, y = 10 + 3 * index, 8 + 2 * index
        motion = estimator.update(picture[y : y + size[0], x : x + size[1]])
        seen = instances([disk(size, 110 - 3 * index, 70 - 2 * index, 22)], size)
        table += meter.update(index, index / 24, {"a": seen, "b": seen}, motion)
    objects = ClipObjects.from_rows(table)
    assert np.nanmean(objects.round_trip_px) < 0.2
    assert np.isfinite(objects.round_trip_px[objects.pair]).all()
