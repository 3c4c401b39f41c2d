"""Figures against a ground truth: a small clip worked out by hand, and what must not change them."""

import json
import math
import pickle

import numpy as np
import pytest
from mask_clips import frame, sequence
from masks import rectangle

from yolact_temporal.analyzing import identity
from yolact_temporal.cli import main as cli
from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.formats import FORMATS
from yolact_temporal.temporal.comparison.support_meter import ComparedModel, SupportMeter
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.metrics.contract import Figure
from yolact_temporal.temporal.metrics.truth_contract import over_objects
from yolact_temporal.temporal.truth.object_meter import ObjectMeter
from yolact_temporal.temporal.truth.truth_meter import TruthMeter

SIZE = (20, 30)
PIXELS = SIZE[0] * SIZE[1]


def square(x, y):
    return rectangle(SIZE, x, y, x + 10, y + 10)


def score(tmp_path, capsys, own, true, *options):
    """Run `score` on frames of (bitmap, identity) lists; returns the model's figures."""
    for name, frames in (("masks", own), ("davis", true)):
        made = [
            frame(t, [mask for mask, _ in each], SIZE, [key for _, key in each])
            for t, each in enumerate(frames)
        ]
        FORMATS[name].write(
            sequence(made, ("object",)), tmp_path / ("own.jsonl" if name == "masks" else name)
        )
    paths = [str(tmp_path / "own.jsonl"), "--ground-truth", str(tmp_path / "davis")]
    assert cli.main(["score", *paths, "--out", str(tmp_path / "runs"), "--no-plots", "--json", *options]) == 0
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    return run["quality"][0]


# Object 1 stands still and is seen exactly; object 2 comes in the third frame, is seen 2 px too far to the right, and
# then not at all.
TRUE = [[(square(0, 0), 1)]] * 2 + [[(square(0, 0), 1), (square(15, 5), 2)]] * 2
OWN = [[(square(0, 0), 7)]] * 2 + [[(square(0, 0), 7), (square(17, 5), 9)], [(square(0, 0), 7)]]
# By object: dtSSD of the pair in which it comes, and of that in which it is lost.
COMES, LOST = 100 * math.sqrt(40 / PIXELS), 100 * math.sqrt(100 / PIXELS)
ASSOCIATION = (1 + 80 / 200 * 80 / (100 + 200 - 80)) / 2
CLASSES = 480 / (600 + 500 - 480)
BY_HAND = {
    # name: value, n, n_undefined, objects, objects_undefined
    "truth_j": ((4 * 1 + 2 / 3 + 0) / 6, 6, 0, None, None),
    "region_iou_mean": ((1 + (1 + 2 / 3) / 2) / 2, 4, 0, 2, 0),
    "region_iou_recall": (1, 4, 0, 2, 0),
    "region_iou_decay": ((0 + (1 - 2 / 3)) / 2, 4, 0, 2, 0),
    "coverage": (3 / 4, 4, 0, None, None),
    "dtssd": ((0 + (0 + COMES + LOST) / 3) / 2, 6, 0, 2, 0),
    "shape_stability": (0, 1, 1, 1, 1),
    "shape_stability_of_truth": (0, 1, 1, 1, 1),
    "video_consistency_8": (None, 0, 0, 0, 2),
    "box_fragment_error": ((0 + 1) / 2, 6, None, 2, 0),
    "box_centre_error": (None, 6, None, 0, 2),
    "box_error_sum": (None, 6, None, 0, 2),
    "trajectory_bias_centre_x": ((0 + 0.2) / 2, 5, 3, 2, 0),
    "trajectory_bias_log_area": (0, 5, 3, 2, 0),
    "trajectory_jitter_centre_x": (0, 3, 3, 1, 1),
    "fragmentation": (0, None, None, 2, 0),
    "association_quality": (ASSOCIATION, None, None, None, None),
    "segmentation_quality": (CLASSES, None, None, None, None),
    "segmentation_tracking_quality": (math.sqrt(ASSOCIATION * CLASSES), None, None, None, None),
    # Four tubes found exactly, one by 2 / 3; six true ones and five predicted.
    "video_panoptic_quality_1": ((4 + 2 / 3) / ((6 + 5) / 2), 1, 0, None, None),
}


def test_a_clip_worked_out_by_hand(tmp_path, capsys):
    found = score(tmp_path, capsys, OWN, TRUE, "--fps", "24")
    assert found["objects"] == 2
    for name, (value, *counts) in BY_HAND.items():
        figure = found["figures"][name]
        assert figure["value"] == (None if value is None else pytest.approx(value, abs=1e-9)), name
        assert [figure[key] for key in ("n", "n_undefined", "objects", "objects_undefined")] == counts, name


def test_a_mask_that_overlaps_little_is_the_objects_only_at_the_loose_overlap(tmp_path, capsys):
    own = [[(square(5, 0), 7)]] * 4
    figures = score(tmp_path, capsys, own, TRUE[:2] * 2, "--fps", "24")["figures"]
    for name, strict, loose in (
        ("truth_j", 0, 1 / 3),
        ("region_iou_mean", 0, 1 / 3),
        ("trajectory_bias_centre_x", None, 0.5),
        ("dtssd", 0, 0),
    ):
        assert figures[name]["value"] == (None if strict is None else pytest.approx(strict)), name
        assert figures[f"{name}_at_iou_0.1"]["value"] == pytest.approx(loose), name
    # Boxes match by themselves, by half: never found, which has the worst value.
    assert figures["box_fragment_error"]["value"] == 1
    assert "box_fragment_error_at_iou_0.1" not in figures


def test_an_object_that_is_given_three_tracks_is_in_two_pieces_too_many(tmp_path, capsys):
    """Object 1 is 4, 4, 5, 6; object 2 is 8, then 8 again after a gap; object 3 is never seen."""
    where = {1: square(0, 0), 2: square(15, 0), 3: square(0, 10)}
    true = [[(mask, key) for key, mask in where.items()]] * 4
    tracks = [(4, 8), (4, None), (5, None), (6, 8)]
    own = [
        [(where[key], track) for key, track in zip((1, 2), pair, strict=True) if track is not None]
        for pair in tracks
    ]
    found = score(tmp_path, capsys, own, true, "--fps", "24")["figures"]
    for name in ("fragmentation", "fragmentation_at_iou_0.1"):
        own = found[name]
        assert (own["value"], own["objects"], own["objects_undefined"]) == ((2 + 0) / 2, 2, 1)


def test_where_nothing_is_seen_overlap_is_0_and_the_rest_undefined(tmp_path, capsys):
    own = [[(square(20, 10), 7)]] + [[]] * 3
    figures = score(tmp_path, capsys, own, TRUE[:2] * 2)["figures"]
    assert figures["truth_j"]["value"] == figures["truth_f"]["value"] == figures["coverage"]["value"] == 0
    assert figures["region_iou_mean"]["value"] == 0
    for name in ("shape_stability", "trajectory_bias_centre_x", "trajectory_jitter_log_area"):
        assert figures[name]["value"] is None, name
        assert figures[name]["objects_undefined"] == 1


def test_a_truth_in_which_nothing_ever_is_leaves_all_undefined(tmp_path, capsys):
    empty = [frame(t, [], SIZE, []) for t in range(3)]
    FORMATS["davis"].write(sequence(empty, ("object",)), tmp_path / "truth")
    FORMATS["masks"].write(
        sequence([frame(t, [square(0, 0)], SIZE, [1]) for t in range(3)]), tmp_path / "a.jsonl"
    )
    paths = [str(tmp_path / "a.jsonl"), "--ground-truth", str(tmp_path / "truth")]
    assert cli.main(["score", *paths, "--out", str(tmp_path / "runs"), "--no-plots", "--json"]) == 0
    run = json.loads(capsys.readouterr().out)["runs"][0]
    found = run["quality"][0]
    assert found["objects"] == 0
    assert any("holds no object" in warning for warning in run["warnings"])
    left = {name for name, figure in found["figures"].items() if figure["value"] is not None}
    # A false alarm is false whatever there is.
    assert left == {"segmentation_quality", *(f"video_panoptic_quality_{window}" for window in (1, 2, 3))}


def test_every_figure_is_said_and_kept(tmp_path, capsys):
    found = score(tmp_path, capsys, OWN, TRUE, "--fps", "24", "--protocol", "davis")["figures"]
    specs = REGISTRY.against_truth()
    expected = set(specs) - (set() if identity.available() else set(REGISTRY.of("identity")))
    assert {name for name in found if "_at_iou_" not in name} == expected
    assert {name.removesuffix("_at_iou_0.1") for name in found if "_at_iou_" in name} == {
        name for name, spec in specs.items() if spec.matched
    }
    run = tmp_path / "runs" / "own"
    summary, report = (run / "summary.csv").read_text(), (run / "report.md").read_text()
    for name in found:
        assert f"own,own,{name}," in summary
    for title in REGISTRY.truth_groups():
        assert f"### {title}" in report or "Identity" in title
    assert f"| dtSSD (lower is better) | {(COMES + LOST) / 6:.4g} | {(COMES + LOST) / 6:.4g} |" in report


class Fed:
    """Meters fed with made-up frames, as a run feeds them."""

    def __init__(self, threshold=0.0):
        models = {"a": ComparedModel(("object",), threshold)}
        self.support = SupportMeter(models, 24.0, truth=True)
        self.meter = TruthMeter(models, ("object",))

    def add(self, index, own, true, void=None, motion=None):
        made = frame(index, own, SIZE).instances
        crops = {key: MaskCrop.from_bitmap(mask) for key, mask in true.items()}
        unknown = None if void is None else MaskCrop.from_bitmap(void)
        self.support.update(index, index / 24, {"a": made}, motion, truth=crops, void=unknown)
        self.meter.update(self.support.judged, dict.fromkeys(true, 0), {"a": np.arange(1, len(own) + 1)})

    def figures(self):
        return self.meter.figures("a")


def test_what_lies_in_the_void_plays_no_part():
    rng = np.random.default_rng(0)
    plain, voided = Fed(), Fed()
    void = rectangle(SIZE, 10, 0, 14, 20)
    for t in range(12):
        own, noise = square(0, t % 3), void & (rng.random(SIZE) < 0.5)
        plain.add(t, [own], {1: square(0, 0)})
        voided.add(t, [own | noise], {1: square(0, 0) | (void & (rng.random(SIZE) < 0.5))}, void)
    for name, figure in plain.figures().items():
        assert voided.figures()[name] == pytest.approx(figure, nan_ok=True), name


def test_an_object_that_comes_late_was_absent_before():
    rng = np.random.default_rng(1)
    fed, whole = Fed(), ObjectMeter()
    nothing = MaskCrop.from_bitmap(np.zeros(SIZE, bool))
    for t in range(20):
        there = t >= 9
        mask = square(15 + int(rng.integers(0, 2)), 5)
        fed.add(t, [mask] if there else [], {2: square(15, 5)} if there else {})
        own, true = (
            (MaskCrop.from_bitmap(mask), MaskCrop.from_bitmap(square(15, 5))) if there else [nothing] * 2
        )
        whole.add(own, true, "first" if t == 0 else "without_motion")
    for name, figure in whole.figures().items():
        assert fed.figures()[name] == over_objects([figure]), name
    assert fed.figures()["video_consistency_8"].n == 13


def test_nothing_goes_on_across_frames_that_are_missing():
    fed = Fed()
    for t in (0, 1, 2, 3, 9, 10, 11):
        fed.add(t, [square(0, t % 2)], {1: square(0, 0)})
    figures = fed.figures()
    assert figures["dtssd"].n == 5
    assert figures["trajectory_jitter_centre_y"].n == 5
    assert figures["video_consistency_8"] == over_objects([Figure(None, 0, 0)])
    assert figures["video_panoptic_quality_4"].value is not None


@pytest.mark.slow
def test_memory_does_not_grow_with_the_clip():
    fed, sizes = Fed(), []
    for t in range(160):
        fed.add(t, [square(t % 3, 0), square(15, 5)], {1: square(0, 0), 2: square(16, 5)})
        if t in (39, 159):
            sizes.append(len(pickle.dumps(fed.meter._objects["a"]._objects)))
    assert sizes[1] < 1.05 * sizes[0]


@pytest.mark.parametrize("own_names", [("object",), ("cat", "object")])
def test_classes_go_by_name(own_names):
    meter = TruthMeter({"a": ComparedModel(own_names, 0.0)}, ("object",))
    assert meter.notes("a") == ()


def test_without_a_class_in_common_all_objects_are_of_one_and_that_is_said():
    meter = TruthMeter({"a": ComparedModel(("cat", "dog", "horse", "cow"), 0.0)}, ("object",))
    (note,) = meter.notes("a")
    assert "no class in common" in note
    assert "(cat, dog, horse, ...)" in note
