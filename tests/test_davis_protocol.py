"""`score --protocol davis`: the figures that are published, through the command."""

import json
from pathlib import Path

import davis
import numpy as np
import pytest
from mask_clips import frame
from masks import rectangle
from scored_masks import FPS, SCENE, SIZE, refused, score_fixture, summary, true_frames, write  # noqa: F401
from thorough import thorough_but

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.temporal.metrics.davis_protocol import GROUP, SPECS
from yolact_temporal.temporal.metrics.region import boundary_f, region_iou

PARTS = ("mean", "recall", "decay")


@pytest.fixture(scope="module")
def folder(real_clips):
    return Path(real_clips).parent / "datasets" / "davis"


def scored(score, folder, name, masks, tmp_path):
    paths = [folder / masks / name, "--ground-truth", folder / davis.TRUTH / name]
    assert score(*paths, "--fps", FPS, "--protocol", "davis", "--no-plots")[0] == 0
    found = summary(tmp_path / "runs" / name)
    return {metric: value for (_, metric), value in found.items()}


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("name", thorough_but(davis.OSVOS_FIGURES, ("blackswan",)))
def test_every_sequence_has_the_published_figures(folder, score, tmp_path, name):
    found = scored(score, folder, name, davis.OSVOS, tmp_path)
    frames, *statistics, dtssd, _, consecutive = davis.OSVOS_FIGURES[name]
    expected = {"dtssd": dtssd, "consecutive_iou": consecutive[0], "consecutive_iou_of_truth": consecutive[1]}
    for figure, values in zip(("region_iou", "boundary_f"), statistics, strict=True):
        expected |= {f"{figure}_{part}": value for part, value in zip(PARTS, values, strict=True)}
    for figure, value in expected.items():
        assert float(found[f"davis_{figure}"]) == pytest.approx(value, abs=1e-4), figure
    for figure, kind in (("shape_stability", davis.OSVOS), ("shape_stability_of_truth", davis.TRUTH)):
        if (name, kind) in davis.SHAPE_STABILITY:
            value = davis.SHAPE_STABILITY[name, kind]
            assert float(found[f"davis_{figure}"]) == pytest.approx(value, rel=0.02), figure
    assert found["frames"] == str(frames)


def halves(frames, gone=()):
    """Every object in two halves under labels of their own; in some frames the left object elsewhere."""
    made = []
    for each in frames:
        bitmaps, identities = [], []
        for key, bitmap in zip(each.identities, each.instances.bitmaps(), strict=True):
            moved = np.roll(bitmap, 60, axis=1) if each.index in gone else bitmap
            upper = moved & rectangle(SIZE, 0, 0, SIZE[1], int(np.flatnonzero(moved.any(axis=1)).mean()))
            bitmaps += [upper, moved & ~upper]
            identities += [2 * key, 2 * key + 1]
        made.append(frame(each.index, bitmaps, SIZE, identities))
    return made


@pytest.mark.parametrize("kind", ["davis", "coco", "youtube-vis", "mots"])
def test_labels_are_one_object_and_nothing_is_matched(score, tmp_path, kind):
    """Of halves, none is matched at 0.5 with the whole; and what lies elsewhere counts as it is."""
    true, found = true_frames(), halves(true_frames(), gone=(3, 4))
    truth = write(tmp_path / "truth", true, "davis")
    masks = write(
        tmp_path / f"a{'' if kind == 'davis' else '.txt' if kind == 'mots-txt' else '.json'}", found, kind
    )
    code, out, _ = score(
        masks, "--format", kind, "--fps", FPS, "--ground-truth", truth, "--protocol", "davis", "--json"
    )
    assert code == 0
    figures = json.loads(out)["runs"][0]["quality"][0]["figures"]
    own, whole = (
        [MaskCrop.from_bitmap(each.instances.bitmaps().any(axis=0)) for each in side]
        for side in (found, true)
    )
    j, f = (
        [measure(*pair) for pair in zip(own, whole, strict=True)][1:-1]
        for measure in (region_iou, boundary_f)
    )
    assert min(j) < 0.5 < max(j)
    assert figures["davis_region_iou_mean"]["value"] == pytest.approx(np.mean(j))
    assert figures["davis_boundary_f_mean"]["value"] == pytest.approx(np.mean(f))
    assert figures["davis_region_iou_mean"]["n"] == len(true) - 2
    assert figures["davis_consecutive_iou"]["n"] == figures["davis_dtssd"]["n"] == len(true) - 1
    assert figures["davis_region_iou_mean"]["value"] > figures["region_iou_mean"]["value"]
    manifest = json.loads((tmp_path / "runs" / "a" / "run.json").read_text())
    assert manifest["ground_truth"]["protocol"] == "davis"


@pytest.mark.slow
def test_without_it_matched_objects_are_all_that_is_measured(score, tmp_path):
    truth, masks = (write(tmp_path / name, true_frames(), "davis") for name in ("truth", "a"))
    code, out, _ = score(masks, "--fps", FPS, "--ground-truth", truth)
    assert code == 0
    assert GROUP not in out
    assert not {spec.name for spec in SPECS} & {metric for _, metric in summary(tmp_path / "runs" / "a")}
    code, out, _ = score(masks, "--fps", FPS, "--ground-truth", truth, "--protocol", "davis", "--overwrite")
    assert code == 0
    assert GROUP in out
    found = summary(tmp_path / "runs" / "a")
    assert {spec.name for spec in SPECS} <= {metric for _, metric in found}
    assert found["a", "davis_region_iou_mean"] == found["a", "davis_boundary_f_mean"] == "1"
    assert found["a", "davis_dtssd"] == "0"
    assert len(SCENE) == int(found["a", "frames"])


def test_it_needs_a_ground_truth(score, tmp_path):
    masks = write(tmp_path / "a", true_frames(), "davis")
    refused(
        score, tmp_path, "expected --ground-truth beside --protocol", masks, "--protocol", "davis", code=2
    )
