"""Why masks jitter: parts carried by the flow, mixed and shared out (METRICS H1 to H6)."""

import csv
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
from part_models import (
    SIZE,
    ToySegmenter,
    assemble,
    disturbed,
    moved_right,
    random_fcis,
    seen,
    toy_parts,
    write_still_clip,
)

from yolact_temporal.analyzing.loaded_model import LoadedModel
from yolact_temporal.analyzing.options import AnalyzeOptions
from yolact_temporal.analyzing.request import Destination, Pictures, RunRequest
from yolact_temporal.analyzing.run_clip import run_clip, run_report
from yolact_temporal.cli import main as cli
from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.mask_parts import MaskParts, Origins, PartMap, Voters
from yolact_temporal.data.photograph import PHOTOGRAPHS
from yolact_temporal.data.sources import open_clip
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.documents import as_markdown
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.metrics.boundary import OneAgainstMany, boundary_distances, displacement
from yolact_temporal.temporal.metrics.causes import FLOOR, HALVES, MEASURES, PAIR_SPECS, PARTS, SWITCH, TOTAL
from yolact_temporal.temporal.motion import Motion, warp_mask
from yolact_temporal.temporal.why.carrying import carried_map, fitted_movement
from yolact_temporal.temporal.why.causes_csv import RecordedBoxCauses
from yolact_temporal.temporal.why.explaining import Explainer
from yolact_temporal.temporal.why.sharing import coalitions, shares

JITTER, BOUNDARY = MEASURES


def explained(frames, motions, make=assemble, classes=1):
    """Explain frames of parts, the motion to each but the first given."""
    meter, explainer = StabilityMeter([f"class {index}" for index in range(classes)], 24), Explainer(make)
    found = []
    for index, parts in enumerate(frames):
        motion = motions[index - 1] if index else None
        instances = seen(parts, make).instances
        stability = meter.update(index, index / 24, instances, motion)
        found += explainer.update(stability, instances.crops, meter.carried, motion, parts)
    return found


def parts_of(causes, measure):
    """The parts that a model's masks have, but for the halves of a box."""
    return {
        part: value
        for part in PARTS
        if (value := causes.values[measure.name(part)]) is not None and part not in HALVES
    }


@pytest.fixture(scope="module")
def real():
    """Both compact models, and the parts of what they see in a photograph."""
    from yolact_temporal.analyzing.models import ModelRequest, load_model

    rgb = cv2.resize(PHOTOGRAPHS[0].read(), (320, 400), interpolation=cv2.INTER_AREA)
    found = {}
    for name in ("yolact_compact", "mask_rcnn_compact"):
        model = load_model(ModelRequest(name, device="cpu", record_threshold=0.3))
        (own,) = model.segmenter.segment_parts(rgb[None])
        found[name] = (model.segmenter, own)
    return found


class TestSharing:
    def test_shapley_by_hand(self):
        # the glove game: a has a left glove, b and c a right one each; a pair is worth 1
        found = shares([["a"], ["b"], ["c"]], lambda own: float("a" in own and len(own) > 1))
        assert found == pytest.approx({"a": 2 / 3, "b": 1 / 6, "c": 1 / 6})

    def test_the_players_of_a_union_share_what_it_would_get_as_one(self):
        rng = np.random.default_rng(0)
        worth = {own: rng.random() for own in coalitions([["f"], ["p"], ["q"], ["c"]])}
        owen = shares([["f"], ["p", "q"], ["c"]], worth.__getitem__)

        def of_one(own):
            return worth[frozenset(own - {"box"}) | ({"p", "q"} if "box" in own else set())]

        merged = shares([["f"], ["box"], ["c"]], of_one)
        assert owen["p"] + owen["q"] == pytest.approx(merged["box"])
        assert {name: owen[name] for name in "fc"} == pytest.approx({name: merged[name] for name in "fc"})


class TestCarrying:
    @pytest.mark.parametrize("wrong", [0.0, 0.2])
    def test_scale_and_shift_are_recovered_where_some_flow_is_wrong(self, wrong):
        scale, shift = np.array([1.1, 0.95]), np.array([3.0, -2.0])
        rows, columns = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
        before = (np.stack((columns, rows), axis=-1) - shift) / scale
        back = before - np.stack((columns, rows), axis=-1)
        back[np.random.default_rng(0).random(SIZE) < wrong] = 7.0
        mask = MaskCrop.from_bitmap(np.ones((30, 40), np.bool_), SIZE, 40, 30)
        movement = fitted_movement(mask, Motion(back.astype(np.float32), np.ones(SIZE, np.bool_)))
        assert movement.scale == pytest.approx(scale, abs=0.01 if wrong else 1e-4)
        expected = np.array([50.0, 40.0]) * scale + shift
        assert movement.points(np.array([50.0, 40.0])) == pytest.approx(expected, abs=0.1 if wrong else 1e-2)

    @pytest.mark.parametrize(("pixels", "told"), [(15, False), (16, True)])
    def test_movement_is_undefined_under_16_visible_pixels(self, pixels, told):
        visible = np.zeros(SIZE, np.bool_)
        visible[10, :pixels] = True
        motion = Motion(np.zeros((*SIZE, 2), np.float32), visible)
        mask = MaskCrop.from_bitmap(np.ones((20, 60), np.bool_), SIZE, 0, 0)
        assert (fitted_movement(mask, motion) is not None) == told

    def test_a_map_goes_along_with_the_flow_also_where_its_grid_ends_beyond_the_frame(self):
        rows, columns = np.mgrid[:7, :9].astype(np.float32)
        grid = PartMap(
            np.stack((columns, rows), axis=-1), (16.0, 16.0)
        )  # 144 x 112 px over a frame of 128 x 96
        moved = carried_map(grid, moved_right(SIZE, 8.0)).values
        assert moved[:, 1:, 0] == pytest.approx(columns[:, 1:] - 0.5, abs=1e-4)
        assert moved[..., 1] == pytest.approx(rows, abs=1e-4)
        assert moved[:, 0, 0] == pytest.approx(0.0)


def test_one_mask_against_many_is_each_pair_by_itself():
    rng = np.random.default_rng(1)
    first = np.zeros((60, 80), np.uint8)
    first[20:40, 20:50] = 1
    visible = (rng.random(first.shape) > 0.05).astype(np.uint8)
    outline = OneAgainstMany(first, visible)
    for shift in (0, 1, 3, 12):
        other = np.roll(first, shift, axis=1)
        there, back = boundary_distances(first, other, visible)
        assert outline.displacement(other) == displacement(there.distances, back.distances)
    assert outline.displacement(np.zeros_like(first)) is None


class TestOneDisturbedPart:
    """With all other parts frozen, all of the rise over the floor is the disturbed part's (METRICS H, last line)."""

    @pytest.mark.parametrize(("part", "dose"), [("prototypes", 3.0), ("coefficients", 0.4), ("box", 6.0)])
    def test_of_a_disk(self, part, dose):
        rng = np.random.default_rng(2)
        frames = [disturbed(toy_parts(box=(50, 34, 78, 62)), part, dose, rng) for _ in range(6)]
        found = explained(frames, [Motion.still(SIZE)] * 5)
        assert len(found) == 5
        for causes in found:
            for measure in MEASURES:
                own = parts_of(causes, measure)
                rise = causes.values[measure.name(TOTAL)] - causes.values[measure.name(FLOOR)]
                assert own[part] == pytest.approx(rise, abs=1e-9)
                assert [own[other] for other in own if other != part] == [0.0, 0.0]
        assert max(causes.values[JITTER.name(part)] for causes in found) > 0.02

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("name", "part", "dose"),
        [
            ("yolact_compact", "prototypes", 0.3),
            ("yolact_compact", "coefficients", 0.3),
            ("yolact_compact", "box", 12.0),
            ("mask_rcnn_compact", "features", 1.0),
            ("mask_rcnn_compact", "box_pooled", 12.0),
            ("mask_rcnn_compact", "box_pasted", 12.0),
        ],
    )
    def test_of_the_compact_models_in_a_photograph(self, real, name, part, dose):
        segmenter, (_, parts) = real[name]
        rng = np.random.default_rng(3)
        base = parts.select([0])
        frames = [base, disturbed(base, part, dose, rng)]
        (causes,) = explained(frames, [Motion.still(base.size)], segmenter.assemble, 3)
        whole = part.partition("_")[0]
        for measure in MEASURES:
            own = parts_of(causes, measure)
            rise = causes.values[measure.name(TOTAL)] - causes.values[measure.name(FLOOR)]
            assert rise > 0
            assert own[whole] == pytest.approx(rise, abs=1e-6)
            assert all(abs(own[other]) < 1e-6 for other in own if other != whole)
            if whole != part:
                assert causes.values[measure.name(part)] == pytest.approx(rise, abs=1e-6)


@pytest.fixture(scope="module")
def voted():
    rgb = cv2.resize(PHOTOGRAPHS[0].read(), (160, 200), interpolation=cv2.INTER_AREA)
    segmenter = random_fcis()
    ((instances, parts),) = segmenter.segment_parts(rgb[None])
    largest = int(np.argmax([crop.area for crop in instances.crops]))
    return segmenter, parts.select([largest])


class TestVotedMasks:
    """FCIS: score maps, and the boxes that they are read off at, which vote for the mask."""

    @pytest.mark.parametrize(("part", "dose"), [("score_maps", 2.0), ("box", 3.0)])
    def test_all_of_the_rise_is_of_the_part_that_is_disturbed(self, voted, part, dose):
        segmenter, base = voted
        assert len(base.voters[0].weights) > 1
        frames = [base, disturbed(base, part, dose, np.random.default_rng(1))]
        (causes,) = explained(frames, [Motion.still(base.size)], segmenter.assemble, 3)
        for measure in MEASURES:
            own = parts_of(causes, measure)
            assert set(own) == {"score_maps", "box"}
            rise = causes.values[measure.name(TOTAL)] - causes.values[measure.name(FLOOR)]
            assert rise > 0
            assert own[part] == pytest.approx(rise, abs=1e-6)
            assert sum(own.values()) == pytest.approx(rise, abs=1e-6)

    def test_kept_boxes_on_carried_maps_and_the_other_way_round_share_it_out(self, voted):
        """The Shapley values of two parts, worked by hand from the four masks."""
        segmenter, base = voted
        rng = np.random.default_rng(2)
        after = disturbed(disturbed(base, "score_maps", 1.5, rng), "box", 3.0, rng)
        (causes,) = explained([base, after], [Motion.still(base.size)], segmenter.assemble, 3)

        def worth(maps, box):
            mixed = replace(maps, boxes=box.boxes, voters=box.voters)
            (old,), (new,) = segmenter.assemble(base), segmenter.assemble(mixed)
            old, new = old.bitmap() > 0, new.bitmap() > 0
            return 1 - (old & new).sum() / (old | new).sum()

        nothing, maps, box, both = (
            worth(*own) for own in ((base, base), (after, base), (base, after), (after, after))
        )
        assert causes.values[JITTER.name(FLOOR)] == pytest.approx(nothing, abs=1e-6) == 0
        assert causes.values[JITTER.name("box")] == pytest.approx((box + both - maps) / 2, abs=1e-6)
        assert causes.values[JITTER.name("score_maps")] == pytest.approx((maps + both - box) / 2, abs=1e-6)

    def test_voters_are_carried_as_the_box_is(self, voted):
        segmenter, base = voted
        meter, explainer = StabilityMeter(["a", "b", "c"], 24), Explainer(segmenter.assemble)
        for index, motion in enumerate((None, moved_right(base.size, 2.0))):
            instances = seen(base, segmenter.assemble).instances
            stability = meter.update(index, index / 24, instances, motion)
            explainer.update(stability, instances.crops, meter.carried, motion, base)
        then = explainer.latest.then
        shift = np.array([2.0, 0, 2, 0])
        np.testing.assert_allclose(then.boxes, base.boxes + shift, atol=1e-6)
        np.testing.assert_allclose(then.voters[0].boxes, base.voters[0].boxes + shift, atol=1e-6)
        np.testing.assert_array_equal(then.voters[0].weights, base.voters[0].weights)

    def test_as_many_voters_as_instances(self, voted):
        _, base = voted
        assert "voters" in repr(base)
        with pytest.raises(ValueError, match="expected voters of 1 instances, got 0"):
            replace(base, voters=())
        with pytest.raises(ValueError, match="of 2 voters"):
            Voters(np.zeros((3, 4)), np.ones(2), np.zeros(2, np.int64))


def test_the_parts_add_up_to_the_rise_over_the_floor_where_all_change(real):
    for name, names in (
        ("yolact_compact", ("prototypes", "coefficients", "box")),
        ("mask_rcnn_compact", ("features", "box_pooled", "box_pasted")),
    ):
        segmenter, (_, parts) = real[name]
        rng = np.random.default_rng(4)
        base = after = parts.select([0])
        for part in names:
            after = disturbed(after, part, 8.0 if part.startswith("box") else 0.2, rng)
        (causes,) = explained([base, after], [Motion.still(base.size)], segmenter.assemble, 3)
        for measure in MEASURES:
            own = parts_of(causes, measure)
            total = causes.values[measure.name(FLOOR)] + sum(own.values())
            assert total == pytest.approx(causes.values[measure.name(TOTAL)], abs=1e-6)
        assert causes.values[JITTER.name(TOTAL)] == causes.jitter


@pytest.mark.parametrize("step", [2.0, 3.0, 5.0])
def test_a_pure_translation_owes_nothing_to_any_part_within_the_floor(step):
    frames = [toy_parts(x=40.0 + step * index, box=None) for index in range(6)]
    for causes in explained(frames, [moved_right(SIZE, step)] * 5):
        for measure in MEASURES:
            floor = causes.values[measure.name(FLOOR)]
            for value in parts_of(causes, measure).values():
                assert abs(value) <= floor + 1e-9
        assert causes.values[BOUNDARY.name(FLOOR)] < 0.5


def test_a_changed_class_is_a_part_of_its_own(real):
    segmenter, (_, parts) = real["mask_rcnn_compact"]
    base = parts.select([0])
    other = replace(base, class_ids=(base.class_ids + 1) % 3)
    same, changed = explained([base, base, other], [Motion.still(base.size)] * 2, segmenter.assemble, 3)
    assert same.values[JITTER.name("class")] == 0.0
    rise = changed.values[JITTER.name(TOTAL)] - changed.values[JITTER.name(FLOOR)]
    assert changed.values[JITTER.name("class")] == pytest.approx(rise, abs=1e-9)
    assert changed.values[JITTER.name("box")] == pytest.approx(0.0, abs=1e-9)


def test_a_mixture_without_a_pixel_leaves_b1_undefined_and_is_all_wrong_in_b2():
    far = replace(toy_parts(), boxes=np.array([[0.0, 0.0, 4.0, 4.0]]))
    small = toy_parts(box=(56, 40, 72, 56))

    def never_with_the_old_box(parts):
        masks = assemble(parts)
        empty = MaskCrop.from_bitmap(np.zeros(SIZE, np.bool_))
        return [
            mask if box[0] > 57 or len(parts) == 1 else empty
            for mask, box in zip(masks, parts.boxes, strict=True)
        ]

    assert assemble(far)[0].area == 0
    after = replace(small, boxes=small.boxes + 2)
    (causes,) = explained([small, after], [Motion.still(SIZE)], never_with_the_old_box)
    assert causes.values[JITTER.name(FLOOR)] == 1.0
    assert BOUNDARY.name("box") not in causes.values


def anchors(kind=(0, 0), center=(48.0, 48.0)):
    return Origins(
        np.array([kind], np.int64), np.array([center], np.float32), np.array([[8.0, 8.0]], np.float32)
    )


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (anchors(center=(53.0, 48.0)), 0.0),  # where the flow carries it
        (anchors(center=(61.0, 56.0)), 0.0),  # a cell away
        (anchors(center=(62.0, 48.0)), 1.0),  # more than a cell away
        (anchors((1, 0), (53.0, 48.0)), 1.0),  # another level
        (anchors((0, 2), (53.0, 48.0)), 1.0),  # another ratio
        (None, None),
    ],
)
def test_another_anchor_is_a_switch(after, expected):
    frames = [
        replace(toy_parts(x=40.0), origins=anchors()),
        replace(toy_parts(x=45.0), origins=after),
    ]
    (causes,) = explained(frames, [moved_right(SIZE, 5.0)])
    assert causes.values[SWITCH] == expected


def test_frames_without_parts_are_not_explained():
    meter, explainer = StabilityMeter(("disk",), 24), Explainer(assemble)
    parts = toy_parts()
    told = []
    for index, own in enumerate([parts, None, parts, parts]):
        motion = Motion.still(SIZE) if index else None
        instances = seen(parts).instances
        stability = meter.update(index, index / 24, instances, motion)
        told.append(len(explainer.update(stability, instances.crops, meter.carried, motion, own)))
    assert told == [0, 0, 0, 1]


def test_the_meter_tells_where_masks_were_carried():
    meter, motion = StabilityMeter(("disk",), 24), moved_right(SIZE, 4.0)
    instances = seen(toy_parts()).instances
    meter.update(0, 0.0, instances, None)
    meter.update(1, 1 / 24, instances, motion)
    assert meter.carried[1].region == warp_mask(instances.crops[0], motion).region


@pytest.mark.parametrize("part", ["boxes", "coefficients", "pasted"])
def test_parts_of_other_lengths_are_refused(part):
    wrong = {"boxes": np.zeros((1, 3)), "coefficients": np.zeros((2, 2)), "pasted": np.zeros((2, 4))}
    with pytest.raises(ValueError, match=part):
        replace(toy_parts(), **{part: wrong[part]})


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_still_clip(tmp_path_factory.mktemp("why") / "still.mp4")


class TestARun:
    def run(self, clip, folder, why=True):
        toy = ToySegmenter()
        manifest = {
            "note": "toy_parts is a toy.",
            "score_threshold": 0.5,
            "config": {"class_names": ["disk"]},
        }
        source = open_clip(clip)
        try:
            return run_clip(
                source,
                [LoadedModel(toy, 0.5, manifest)],
                RunRequest(
                    Destination("still", folder, pictures=Pictures(False, False)),
                    AnalyzeOptions(why_every=int(why)),
                ),
            )
        finally:
            source.close()

    @pytest.mark.slow
    def test_has_a_row_a_pair_the_means_and_a_sentence(self, clip, tmp_path):
        done = self.run(clip, tmp_path / "run")
        with (tmp_path / "run" / "toy_parts" / "why.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [int(row["frame"]) for row in rows] == list(range(1, 14))
        assert {spec.name for spec in PAIR_SPECS} <= set(rows[0])
        with (tmp_path / "run" / "summary.csv").open(newline="") as file:
            summary = {row["metric"]: row for row in csv.DictReader(file)}
        box = summary[JITTER.name("box")]
        values = [float(row[JITTER.name("box")]) for row in rows]
        assert float(box["value"]) == pytest.approx(np.mean(values), rel=1e-4)
        assert float(box["ci_low"]) < float(box["value"]) < float(box["ci_high"])
        names = (FLOOR, "prototypes", "coefficients", "box")
        shares = [float(summary[JITTER.name(part, share=True)]["value"]) for part in names]
        assert sum(shares) == pytest.approx(1.0, abs=1e-4)
        assert JITTER.name("features") not in summary
        assert summary["why_switch_share"]["value"] == "0"
        said = as_markdown(run_report(done))
        assert "Of toy_parts's" in said
        assert "comes from the box" in said
        assert "Finding the causes took" in said

    def test_without_why_has_nothing_of_it(self, clip, tmp_path):
        done = self.run(clip, tmp_path / "run", why=False)
        assert not (tmp_path / "run" / "toy_parts" / "why.csv").exists()
        assert "why_" not in (tmp_path / "run" / "summary.csv").read_text()
        assert done.result.causes == {}


def test_every_figure_of_a_cause_is_registered_once():
    names = [name for name in REGISTRY if name.startswith("why_")]
    assert len(names) == len(set(names)) == len(PAIR_SPECS) + 2 * (len(PARTS) + 1) + 3


def test_parts_that_are_shown_are_short():
    assert (
        repr(MaskParts((4, 6), "features", (), np.zeros((0, 4)))) == "MaskParts(0 of 4x6, from features, box)"
    )


class TestThePictureOfTheParts:
    def analyzed(self, clip, out, *arguments):
        model = ("--model", "part_models:ToySegmenter", "--no-baseline", "--no-plots", "--no-overlay")
        return cli.main(["analyze", str(clip), "--out", str(out), *model, *arguments])

    @pytest.mark.slow
    @pytest.mark.smoke
    def test_is_drawn_of_the_frame_that_was_asked_for(self, clip, tmp_path):
        assert self.analyzed(clip, tmp_path, "--prototypes", "5", "--quiet") == 0
        picture = cv2.imread(str(tmp_path / "still" / "toy_parts" / "prototypes.png"))
        assert picture.shape[0] > 500
        assert picture.std() > 10

    def test_a_frame_without_a_pair_is_said(self, clip, tmp_path, capsys):
        assert self.analyzed(clip, tmp_path, "--prototypes", "0") == 0
        assert "no prototypes of frame 0 were drawn: no instance" in capsys.readouterr().err
        assert not (tmp_path / "still" / "toy_parts" / "prototypes.png").exists()

    def test_without_causes_there_are_no_parts_to_draw(self, clip, tmp_path, capsys):
        assert self.analyzed(clip, tmp_path, "--prototypes", "3", "--no-why") == 2
        assert "expected --prototypes without --no-why" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.smoke
def test_calibration_blames_the_part_that_is_disturbed_and_no_other():
    from yolact_temporal.temporal.calibration.causes import cause_measurements
    from yolact_temporal.temporal.calibration.expectations import causes_are_found
    from yolact_temporal.temporal.calibration.measurements import Table
    from yolact_temporal.temporal.calibration.plan import quick_plan

    plan = quick_plan()
    measured = list(cause_measurements(plan, lambda: None))
    checks = list(causes_are_found(Table(measured), plan))
    assert len(checks) == 3 * 2 * (3 + 6)
    assert all(check.holds for check in checks), [check for check in checks if not check.holds]
    kept = [row for row in measured if not row.key.metric.endswith("floor_px")]
    assert not all(check.holds for check in causes_are_found(Table(kept), plan))


@pytest.fixture
def run(explained_run):
    return explained_run


class TestComparingTheBoxes:
    """What of the jitter comes from the box is compared on the pairs that both models see."""

    def difference(self, path, name):
        with (path / "comparison.csv").open(newline="") as file:
            return next(row for row in csv.DictReader(file) if row["metric"] == name)

    @pytest.mark.slow
    @pytest.mark.parametrize("measure", MEASURES)
    def test_the_run_has_the_difference_and_no_interval_as_it_is_too_short(self, run, measure):
        found = self.difference(run, measure.name("box"))
        with (run / "summary.csv").open(newline="") as file:
            own = {(row["model"], row["metric"]): row["value"] for row in csv.DictReader(file)}
        means = [float(own[name, measure.name("box")]) for name in ("toy_parts", "steady_toy")]
        assert means[0] > means[1]
        assert float(found["difference"]) == pytest.approx(means[0] - means[1], rel=1e-3)
        assert (found["ci_low"], found["ci_high"]) == ("", "")
        assert "from the box" in (run / "comparison.md").read_text()

    @pytest.mark.parametrize("objects_are_made_anew", [False, True])
    def test_compare_takes_it_from_the_table_of_causes(self, run, tmp_path, objects_are_made_anew):
        copy = tmp_path / "runs" / "still"
        shutil.copytree(run, copy)
        if objects_are_made_anew:
            (copy / "objects.csv").unlink()
        out = tmp_path / "compared"
        assert cli.main(["compare", str(copy), "--out", str(out), "--no-plots", "--quiet"]) == 0
        for measure in MEASURES:
            name = measure.name("box")
            ours, theirs = self.difference(out, name), self.difference(run, name)
            assert float(ours["difference"]) == pytest.approx(float(theirs["difference"]), rel=1e-4)

    def test_runs_without_causes_are_compared_without_them(self, run, tmp_path):
        copy = tmp_path / "runs" / "still"
        shutil.copytree(run, copy)
        (copy / "toy_parts" / "why.csv").unlink()
        out = tmp_path / "compared"
        assert cli.main(["compare", str(copy), "--out", str(out), "--no-plots", "--quiet"]) == 0
        assert "why_" not in (out / "comparison.csv").read_text()

    def test_a_damaged_table_of_causes_is_named(self, run, tmp_path):
        path = tmp_path / "why.csv"
        path.write_text("frame,area_px\n1,x\n")
        with pytest.raises(InputError, match="expected a table of causes in"):
            RecordedBoxCauses(path).of(10**6, 1, 0.5)


@pytest.mark.parametrize(("options", "frames"), [((), [6, 12]), (("--why",), list(range(1, 14)))])
def test_by_default_a_sample_of_pairs_is_explained_and_all_with_why(clip, tmp_path, options, frames):
    model = ("--model", "part_models:ToySegmenter", "--no-baseline", "--no-plots", "--no-overlay", "--quiet")
    assert cli.main(["analyze", str(clip), "--out", str(tmp_path), *model, *options]) == 0
    with (tmp_path / "still" / "toy_parts" / "why.csv").open(newline="") as file:
        assert [int(row["frame"]) for row in csv.DictReader(file)] == frames
    said = (tmp_path / "still" / "report.md").read_text()
    assert ("one of 6 pairs of frames" in said) == (not options)


@pytest.mark.parametrize(("options", "told"), [((), True), (("--no-why",), False), (("--end", "6"), False)])
def test_the_first_lines_say_what_it_comes_from_where_there_are_pairs_enough(
    clip, tmp_path, capsys, options, told
):
    model = ("--model", "part_models:ToySegmenter", "--no-baseline", "--no-plots", "--no-overlay")
    every = () if "--no-why" in options else ("--why",)
    assert cli.main(["analyze", str(clip), "--out", str(tmp_path), *model, *every, *options]) == 0
    out = capsys.readouterr().out
    assert ("Why they move: box " in out) == told
    assert out.split("toy_parts", 1)[-1].count("\n") <= 25


@pytest.mark.parametrize("command", ["analyze", "demo"])
def test_analyze_and_demo_are_asked_for_causes_alike(command):
    from yolact_temporal.cli.options import why_every

    words = [command, *(["clip.mp4"] if command == "analyze" else [])]
    given = [[], ["--why"], ["--no-why"]]
    assert [why_every(cli.build_parser().parse_args([*words, *each])) for each in given] == [6, 1, 0]
