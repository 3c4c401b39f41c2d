"""`score --ground-truth`: what is measured, against which frames, and what is refused."""

import json
from pathlib import Path

import davis
import numpy as np
import pytest
from mask_clips import frame
from scored_masks import (  # noqa: F401
    FPS,
    FRAMES,
    SCENE,
    SIZE,
    images_fixture,
    refused,
    rows,
    score_fixture,
    summary,
    true_frames,
    write,
)

from yolact_temporal.comparing.compare_runs import compare_runs

BOXES = ("box_fragment_error", "box_centre_error", "box_scale_ratio_error")


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize("truth_format", ["davis", "coco"])
def test_against_the_ground_truth_the_truth_is_perfect(score, images, tmp_path, truth_format):
    truth = write(tmp_path / "truth", true_frames(), truth_format)
    worse = [
        frame(
            each.index, [np.roll(mask, 4, axis=1) for mask in each.instances.bitmaps()], SIZE, each.identities
        )
        for each in true_frames()
    ]
    paths = [write(tmp_path / "exact.json", true_frames()), write(tmp_path / "shifted.json", worse)]
    code, out, _ = score(*paths, "--clip", images, "--fps", FPS, "--ground-truth", truth)
    assert code == 0
    run = tmp_path / "runs" / "walk"
    found = summary(run)
    assert found["exact", "truth_j"] == found["exact", "truth_f"] == found["exact", "coverage"] == "1"
    assert found["exact", "true_objects"] == "2"
    assert 0.3 < float(found["shifted", "truth_j"]) < 0.9
    assert "## Against the ground truth" in (run / "report.md").read_text()
    assert "Truth: " in out or "J 1.000 and F 1.000" in out
    assert "2 objects." in (run / "report.md").read_text()
    assert (run / "true_objects.csv").is_file()
    again = compare_runs([run]).pairs[0].comparison
    assert again.models == ("exact", "shifted")


def test_frames_without_truth_are_left_out_of_what_is_measured_against_it(score, images, tmp_path):
    truth = write(tmp_path / "truth", true_frames(keep=[2, 3, 4, 5, 9]), "davis")
    masks = write(tmp_path / "a.json", true_frames())
    code, out, err = score(masks, "--clip", images, "--fps", FPS, "--ground-truth", truth, "--json")
    assert code == 0
    assert f"covers 5 of the {FRAMES} frames" in err
    figures = json.loads(out)["runs"][0]["quality"][0]["figures"]
    assert figures["truth_j"]["n"] == 10
    assert figures["dtssd"]["n"] == 6


@pytest.mark.slow
@pytest.mark.smoke
def test_without_the_clip_no_loss_is_made_of_the_misses_alone(score, images, tmp_path):
    truth = write(tmp_path / "truth", true_frames(), "davis")
    missing = [
        frame(
            each.index,
            each.instances.bitmaps()[: 1 if each.index % 3 else 2],
            SIZE,
            each.identities[: 1 if each.index % 3 else 2],
        )
        for each in true_frames()
    ]
    masks = write(tmp_path / "a.json", missing)
    code, out, _ = score(masks, "--fps", FPS, "--ground-truth", truth)
    assert code == 0
    found = summary(tmp_path / "runs" / "a")
    assert 0 < float(found["a", "coverage"]) < 1
    for name in ("loss_0", "loss_1", "loss_1_at_iou_0.1"):
        assert found["a", name] == "", name
    assert "Without the clip the motion between frames is not known" in " ".join(out.split())
    text = (tmp_path / "runs/a/report.md").read_text()
    assert "misses alone are not a loss" in text
    code, out, _ = score(masks, "--fps", FPS, "--ground-truth", truth, "--json", "--overwrite")
    figure = json.loads(out)["runs"][0]["quality"][0]["figures"]["loss_1"]
    assert figure["value"] is None
    assert "the motion between frames is not known" in figure["undefined"]
    code, out, _ = score(masks, "--clip", images, "--fps", FPS, "--ground-truth", truth, "--overwrite")
    assert float(summary(tmp_path / "runs" / "walk")["a", "loss_1"]) > 0
    assert "is no loss" not in out


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize("kind", ["coco", "youtube-vis"])
def test_a_truth_may_be_annotations(score, images, tmp_path, kind):
    """The same truth as PNG masks and as an annotation file has the same figures; a crowd is what void is."""
    void = np.zeros(SIZE, np.bool_)
    void[:, :20] = True
    made = [
        frame(
            each.index, [mask & ~void for mask in each.instances.bitmaps()], SIZE, each.identities, void=void
        )
        for each in true_frames()
    ]
    png = write(tmp_path / "truth", made, "davis")
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(annotations_of(made, kind)))
    masks = write(tmp_path / "a.json", [
        frame(each.index, [np.roll(mask, 3, axis=1) for mask in each.instances.bitmaps()], SIZE, each.identities)
        for each in true_frames()
    ])  # fmt: skip
    found = []
    for number, truth in enumerate((png, path)):
        out = tmp_path / f"runs{number}"
        assert score(masks, "--clip", images, "--fps", FPS, "--ground-truth", truth, out=out)[0] == 0
        found.append(summary(out / "walk"))
    assert found[0] == found[1]
    assert 0.3 < float(found[0]["a", "truth_j"]) < 0.95


def annotations_of(frames, kind):
    """Frames as COCO or YouTube-VIS annotations."""
    content = {"annotations": [], "categories": [{"id": 1, "name": "object"}]}
    size = {"height": SIZE[0], "width": SIZE[1]}
    tracks = {}
    for each in frames:
        masks = [*zip(each.identities, each.instances.masks, strict=True), (99, each.void)]
        for key, mask in masks:
            coded = {"size": mask["size"], "counts": mask["counts"].decode()}
            tracks.setdefault(key, [None] * len(frames))[each.index] = coded
    crowd = {key: int(key == 99) for key in tracks}
    if kind == "youtube-vis":
        names = [f"{each.index}.jpg" for each in frames]
        content["videos"] = [{"id": 1, "file_names": names, **size}]
        content["annotations"] = [
            {"id": key, "video_id": 1, "category_id": 1, "iscrowd": crowd[key], "segmentations": own}
            for key, own in tracks.items()
        ]
        return content
    content["images"] = [{"id": each.index, "file_name": f"{each.index}.jpg", **size} for each in frames]
    for key, own in tracks.items():
        for index, coded in enumerate(own):
            if coded is not None:
                row = {"image_id": index, "category_id": 1, "iscrowd": crowd[key], "segmentation": coded}
                content["annotations"].append(row | ({} if crowd[key] else {"track_id": key}))
    return content


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.real_data
@pytest.mark.parametrize("name", ["blackswan", "car-shadow"])
def test_published_results_on_davis_have_the_published_figures(real_clips, score, tmp_path, name):
    folder = Path(real_clips).parent / "datasets" / "davis"
    masks, truth = (folder / kind / name for kind in (davis.OSVOS, davis.TRUTH))
    assert score(masks, "--ground-truth", truth, "--fps", FPS)[0] == 0
    found = summary(tmp_path / "runs" / name)
    frames, *statistics, dtssd, boxes, _ = davis.OSVOS_FIGURES[name]
    expected = dict(zip(("dtssd", *BOXES), (dtssd, *boxes), strict=True))
    for figure, values in zip(("region_iou", "boundary_f"), statistics, strict=True):
        expected |= {
            f"{figure}_{part}": value for part, value in zip(("mean", "recall", "decay"), values, strict=True)
        }
    for figure, value in expected.items():
        assert float(found[name, figure]) == pytest.approx(value, abs=1e-4), figure
    for figure, kind in (("shape_stability", davis.OSVOS), ("shape_stability_of_truth", davis.TRUTH)):
        assert float(found[name, figure]) == pytest.approx(davis.SHAPE_STABILITY[name, kind], rel=0.02)
    assert len(rows(tmp_path / "runs" / name / name / "frames.csv")) == frames


@pytest.mark.slow
@pytest.mark.real_data
def test_what_overlaps_less_than_half_has_the_published_figures_at_the_loose_overlap(
    real_clips, score, tmp_path
):
    folder = Path(real_clips).parent / "datasets" / "davis"
    masks, truth = (folder / kind / "breakdance" for kind in (davis.OSVOS, davis.TRUTH))
    assert score(masks, "--ground-truth", truth, "--fps", FPS)[0] == 0
    found = summary(tmp_path / "runs" / "breakdance")
    _, (j_mean, *_), (f_mean, *_), dtssd, *_ = davis.OSVOS_FIGURES["breakdance"]
    for figure, value in (("region_iou_mean", j_mean), ("boundary_f_mean", f_mean), ("dtssd", dtssd)):
        loose = float(found["breakdance", f"{figure}_at_iou_0.1"])
        assert loose == pytest.approx(value, abs=1e-4)
        assert abs(float(found["breakdance", figure]) - value) > 0.01


def test_a_truth_that_does_not_fit(score, images, tmp_path):
    masks = write(tmp_path / "a.json", true_frames())
    shown = np.ones((9, 9), np.bool_)
    small = write(tmp_path / "small", [frame(t, [shown], (9, 9), [1]) for t in range(FRAMES)], "davis")
    nameless = write(tmp_path / "nameless.json", true_frames(identities=False))
    late = write(tmp_path / "late", [frame(FRAMES, [SCENE[0].masks[1]], SIZE, [1])], "davis")
    half = write(tmp_path / "half", true_frames(keep=range(6)), "davis")
    odd = write(tmp_path / "odd", true_frames(keep=range(7, FRAMES)), "davis")
    for truth, sentence, code in (
        ([small], "masks of 128x96 pixels in", 3),
        ([nameless], "an identity for every true mask", 3),
        ([late], "--ground-truth-first-frame", 3),
        ([tmp_path / "nowhere"], "cannot be read", 3),
        ([images], "got mode RGB: save object indices", 3),
        ([half, "--ground-truth-first-frame", 3], "frame numbers from 3", 3),
        ([half, "--ground-truth-format", "x"], "--ground-truth-format of masks, coco", 2),
    ):
        arguments = [masks, "--clip", images, "--ground-truth", *truth]
        refused(score, tmp_path, sentence, *arguments, code=code)
    first = write(tmp_path / "first", true_frames(keep=range(3)), "davis")
    refused(score, tmp_path, "frames that are measured, 0 to 2", first, "--ground-truth", odd)
