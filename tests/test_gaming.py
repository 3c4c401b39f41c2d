"""The comparison cannot be gamed: stand-in models whose faults are known, on scenes whose truth is known."""

import numpy as np
import pytest

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.synthetic import SceneOptions, SyntheticScene, make_stand_in
from yolact_temporal.temporal.comparison.clip_objects import ClipObjects
from yolact_temporal.temporal.comparison.comparing import compare_models
from yolact_temporal.temporal.comparison.support_meter import ComparedModel, SupportMeter
from yolact_temporal.temporal.comparison.verdict import verdict_of
from yolact_temporal.temporal.motion import Motion

CLIPS = 8
CAMERAS = ("still", "pan", "zoom", "shake")


@pytest.fixture(scope="module")
def scenes():
    """The frames of every clip, and the motion to each."""
    clips = []
    for seed in range(CLIPS):
        options = SceneOptions(
            seed=seed, size=(96, 128), frames=14, camera=CAMERAS[seed % 4], deforming=seed % 2 == 1, speed=1.5
        )
        frames = list(SyntheticScene(options))
        clips.append([(f, Motion(f.backward, f.visible) if f.index else None) for f in frames])
    return clips


def tables(clips, faults, truth=False):
    """Run stand-in models, {name: (fault, dose, seed)}, over clips; the table of objects of each."""
    found = {}
    for number, frames in enumerate(clips):
        models = {
            name: make_stand_in(f, dose, seed + 100 * number) for name, (f, dose, seed) in faults.items()
        }
        compared = {name: ComparedModel(model.class_names, 0.5) for name, model in models.items()}
        meter = SupportMeter(compared, 24.0, truth=truth)
        rows = []
        for frame, motion in frames:
            seen = {name: model.see(frame) for name, model in models.items()}
            masks = {key: MaskCrop.from_bitmap(mask) for key, mask in frame.masks.items()} if truth else None
            rows += meter.update(frame.index, frame.time_s, seen, motion, truth=masks)
        found[f"clip {number}"] = ClipObjects.from_rows(rows)
    return found


def decide(clips, first, second, truth=False):
    """Compare two stand-ins; returns the comparison and its verdict."""
    comparison = compare_models(
        tables(clips, {"first": first, "second": second}, truth), ("first", "second"), (0.5, 0.5)
    )
    return comparison, verdict_of(comparison)


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["named first", "named second"])
@pytest.mark.parametrize("truth", [False, True], ids=["consensus", "truth"])
def test_a_model_that_is_truly_steadier_on_the_same_objects_is_declared_so(scenes, order, truth):
    models = (("boundary_noise", 0.3, 1), ("boundary_noise", 0.8, 2))
    comparison, verdict = decide(scenes, models[order[0]], models[order[1]], truth)
    assert verdict.steadier == ("first", "second")[order.index(0)], verdict.headline
    assert comparison.common == comparison.pairs


@pytest.mark.slow
def test_few_clips_are_answered_by_themselves(scenes):
    _, verdict = decide(scenes[:3], ("boundary_noise", 0.3, 1), ("boundary_noise", 0.8, 2))
    outline = verdict.answers[0]
    assert (outline.outcome, outline.scope, outline.p_value) == ("first", "these_clips", None)
    assert "on these 3 clips" in verdict.headline


@pytest.mark.slow
@pytest.mark.parametrize("truth", [False, True], ids=["consensus", "truth"])
def test_a_model_that_drops_its_worst_frames_is_never_declared_steadier(scenes, truth):
    honest, selective = ("varying_noise", 1.0, 3), ("worst_dropped", 1.0, 3)
    comparison, verdict = decide(scenes, selective, honest, truth)
    assert verdict.steadier != "first"
    coverage = comparison.find("coverage")
    assert coverage.first < 0.65 < 0.9 < coverage.second
    assert comparison.find("loss_1").difference > 0.2
    # On its own frames it does look steadier: that is why they are not what is compared.
    own = {name: tables(scenes, {name: model}, truth=True) for name, model in
           (("selective", selective), ("honest", honest))}  # fmt: skip
    jitter = {name: np.nanmean(np.concatenate([t.boundary_px[:, 0] for t in found.values()]))
              for name, found in own.items()}  # fmt: skip
    assert jitter["selective"] < 0.85 * jitter["honest"]
    assert abs(comparison.find("boundary_px").difference) < 1e-9


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize("truth", [False, True], ids=["consensus", "truth"])
def test_empty_masks_decide_nothing_and_have_no_jitter(scenes, truth):
    if truth:
        comparison, verdict = decide(scenes, ("empty", 0, 0), ("boundary_noise", 1.0, 2), truth)
        assert comparison.find("boundary_px").first is None
        assert comparison.find("loss_0").first == 0
        assert comparison.find("loss_1").first == 1
        assert comparison.find("truth_j").first == 0
    else:
        # Nobody agrees with a model that sees nothing: there is no universe.
        found = tables(scenes, {"first": ("empty", 0, 0), "second": ("boundary_noise", 1.0, 2)})
        assert not any(table.pair.any() for table in found.values())
        return
    assert verdict.steadier is None
    assert verdict.answers[0].outcome == "undefined"
    assert "first sees less" in verdict.headline


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["frozen", "full_box"])
def test_a_steady_but_wrong_model_shows_its_low_quality_on_the_same_line(scenes, fault):
    comparison, _ = decide(scenes, (fault, 0, 0), ("boundary_noise", 0.5, 2), truth=True)
    quality, coverage = comparison.find("truth_j"), comparison.find("coverage")
    assert quality.first < 0.85 < 0.9 < quality.second
    assert quality.first < quality.second - 0.1
    assert coverage.first is not None


@pytest.mark.slow
def test_full_boxes_are_steady(scenes):
    comparison, _ = decide(scenes, ("full_box", 0, 0), ("boundary_noise", 2.0, 2), truth=True)
    assert comparison.find("boundary_px", "truth_iou_0.1").difference < 0


@pytest.mark.slow
def test_dropped_frames_shrink_the_support_and_raise_the_loss_but_leave_the_jitter(scenes):
    noisy = ("boundary_noise", 0.5, 2)
    whole, _ = decide(scenes, ("truth", 0, 0), noisy, truth=True)
    partial, _ = decide(scenes, ("dropped", 0.2, 5), noisy, truth=True)
    assert partial.common < 0.75 * whole.common
    assert partial.find("loss_1").first > whole.find("loss_1").first + 0.2
    low, high = whole.find("boundary_px").interval
    assert low <= partial.find("boundary_px").difference <= high
