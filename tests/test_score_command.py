"""`score`: somebody's masks measured as a model's are, with the clip and without; one sentence for what is wrong."""

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mask_clips import frame
from scored_masks import (  # noqa: F401
    FPS,
    FRAMES,
    NAMES,
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

from yolact_temporal.analyzing.loaded_model import LoadedModel
from yolact_temporal.analyzing.options import AnalyzeOptions
from yolact_temporal.analyzing.request import Destination, RunRequest
from yolact_temporal.analyzing.run_clip import run_clip
from yolact_temporal.comparing.compare_runs import compare_runs
from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.sources import open_clip
from yolact_temporal.data.synthetic import make_stand_in
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.metrics import REGISTRY

TABLES = ("frames.csv", "instances.csv", "tracks.csv")


FLOW = {
    name
    for name in REGISTRY.own()
    if name.startswith(("boundary", "motion_comp", "area_blinks", "round_trip"))
}


@pytest.mark.slow
def test_with_the_clip_it_writes_what_analyze_writes(score, images, tmp_path):
    masks = write(tmp_path / "theirs.json", true_frames())
    code, out, _ = score(masks, "--clip", images, "--fps", FPS, plots=True)
    assert code == 0
    run = tmp_path / "runs" / "walk"
    found = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    assert {f"theirs/{name}" for name in (*TABLES, "masks.jsonl", "overlay.mp4")} < found
    assert {"run.json", "summary.csv", "report.md", "plots/timeline.png"} < found
    assert not [name for name in found if name.endswith(".part")]
    manifest = json.loads((run / "run.json").read_text())
    assert manifest["completed"]
    assert manifest["models"]["theirs"]["masks"]["format"] == "coco"
    assert manifest["clip"]["sha256"] == open_clip(images, fps=FPS).info.sha256
    assert "theirs: masks read from" in (run / "report.md").read_text()
    assert "published" not in (run / "report.md").read_text()
    assert "Outlines move" in out
    assert "Look next:" in out
    assert len(out.splitlines()) <= 25
    assert {row["track_id"] for row in rows(run / "theirs" / "tracks.csv")} == {"11", "12"}


@pytest.mark.slow
@pytest.mark.smoke
def test_pictures_can_be_left_out(score, images, tmp_path):
    theirs, others = (write(tmp_path / f"{name}.json", true_frames()) for name in ("theirs", "others"))
    arguments = (theirs, others, "--clip", images, "--fps", FPS)
    assert score(*arguments, plots=True, out=tmp_path / "all")[0] == 0
    assert score(*arguments, "--no-overlay", out=tmp_path / "tables")[0] == 0
    files = [
        {str(path.relative_to(out)): path for path in out.rglob("*") if path.is_file()}
        for out in (tmp_path / "all", tmp_path / "tables")
    ]
    left_out = files[0].keys() - files[1].keys()
    assert {Path(name).name for name in left_out} >= {"overlay.mp4", "timeline.png", "comparison.png"}
    assert all(name.endswith((".mp4", ".png")) for name in left_out)
    assert not [name for name in files[1] if name.endswith((".mp4", ".png"))]
    for name, path in files[1].items():
        if name.endswith(".csv"):
            assert path.read_bytes() == files[0][name].read_bytes(), name


@pytest.mark.slow
@pytest.mark.smoke
def test_masks_of_a_model_score_to_the_tables_that_analyze_made(images, score, tmp_path):
    stand_in = make_stand_in("boundary_noise", 1.0, 3)
    frames = iter(SCENE)
    segmenter = SimpleNamespace(
        name="noisy",
        class_names=stand_in.class_names,
        segment=lambda pixels: [stand_in.see(next(frames)) for _ in pixels],
    )
    model = LoadedModel(segmenter, 0.3, {"note": "a stand-in", "config": {}, "score_threshold": 0.3})
    run_clip(
        open_clip(images, fps=FPS),
        [model],
        RunRequest(Destination("walk", tmp_path / "analyzed"), AnalyzeOptions(batch=5)),
    )
    own = tmp_path / "analyzed" / "noisy"
    code, *_ = score(own, "--clip", images, "--fps", FPS, "--score-threshold", 0.3)
    assert code == 0
    for name in (*TABLES, "masks.jsonl"):
        assert (tmp_path / "runs" / "walk" / "noisy" / name).read_bytes() == (own / name).read_bytes()


@pytest.mark.slow
@pytest.mark.smoke
def test_every_mask_of_a_run_is_decoded_once(images, score, tmp_path, monkeypatch):
    """By meter, comparison, ground truth and overlay of two models together."""
    theirs = write(tmp_path / "theirs.json", true_frames())
    other = write(tmp_path / "other.json", true_frames())
    decoded = Counter()
    decode = MaskCrop.from_rle

    def counting(mask, size):
        decoded[id(mask)] += 1
        kept.append(mask)
        return decode(mask, size)

    kept = []
    monkeypatch.setattr(MaskCrop, "from_rle", counting)
    code, *_ = score(theirs, other, "--clip", images, "--fps", FPS, "--ground-truth", theirs, "--no-plots")
    assert code == 0
    assert max(decoded.values()) == 1
    assert len(decoded) == 3 * sum(len(frame.instances) for frame in true_frames())


def test_without_the_clip_only_what_needs_motion_is_undefined(score, images, tmp_path):
    masks = write(tmp_path / "theirs.json", true_frames())
    assert score(masks, "--clip", images, "--fps", FPS)[0] == 0
    code, out, _ = score(masks, "--fps", FPS)
    assert code == 0
    run = tmp_path / "runs" / "theirs"
    assert not (run / "theirs" / "overlay.mp4").exists()
    alone, seen = summary(run), summary(tmp_path / "runs" / "walk")
    assert {name for name in REGISTRY.own() if not alone["theirs", name]} >= FLOW
    for name in set(REGISTRY.own()) - FLOW:
        assert alone["theirs", name] == seen["theirs", name] != "", name
    assert "Without the clip the motion between frames is not known" in out
    report = (run / "report.md").read_text()
    assert "Without the clip" in report
    assert f"{FRAMES - 1} pairs of consecutive frames" in report
    statuses = {row["pair_status"] for row in rows(run / "theirs" / "frames.csv")}
    assert statuses == {"first", "without_motion"}


def test_without_a_rate_figures_per_second_are_undefined_and_that_is_said(score, tmp_path):
    code, _, err = score(write(tmp_path / "theirs.json", true_frames()))
    assert code == 0
    assert "give --fps" in err
    assert summary(tmp_path / "runs" / "theirs")["theirs", "presence_flips_per_s"] == ""


def test_without_identities_instances_are_matched_across_frames(score, images, tmp_path):
    theirs = write(tmp_path / "given.json", true_frames())
    nameless = write(tmp_path / "matched.json", true_frames(identities=False))
    assert score(theirs, nameless, "--clip", images, "--fps", FPS)[0] == 0
    run = tmp_path / "runs" / "walk"
    manifest = json.loads((run / "run.json").read_text())["models"]
    assert [manifest[name]["identities"] for name in ("given", "matched")] == ["given", "by association"]
    given, matched = (rows(run / name / "tracks.csv") for name in ("given", "matched"))
    for one, other in zip(given, matched, strict=True):
        assert one.pop("track_id") != other.pop("track_id")
        assert one == other
    assert (run / "objects.csv").is_file()


def test_an_identity_stays_a_track_over_any_gap_and_wherever_it_is(score, tmp_path):
    spot, other = np.zeros((2, *SIZE), np.bool_)
    spot[10:20, 10:20] = other[60:70, 90:100] = True
    frames = [frame(0, [spot], SIZE, [5])]
    frames += [frame(index, [], SIZE, []) for index in range(1, 59)]
    frames += [frame(59, [other], SIZE, [5])]
    masks = write(tmp_path / "a.json", frames)
    assert score(masks, "--fps", 10)[0] == 0
    (track,) = rows(tmp_path / "runs" / "a" / "a" / "tracks.csv")
    assert (track["track_id"], track["frames_seen"], track["frames_absent"]) == ("5", "2", "58")
    (first, last) = rows(tmp_path / "runs" / "a" / "a" / "instances.csv")
    assert (first["events"], last["events"], last["gap_frames"]) == ("new", "return", "58")


@pytest.mark.slow
def test_several_masks_are_several_models_that_compare_works_on(score, images, tmp_path):
    paths = []
    for name, dose in (("steady", 0.2), ("noisy", 1.5)):
        stand_in = make_stand_in("boundary_noise", dose, 1)
        found = [stand_in.see(each) for each in SCENE]
        frames = [
            frame(i, list(own.bitmaps()), SIZE, None, own.class_ids, own.scores)
            for i, own in enumerate(found)
        ]
        paths.append(write(tmp_path / name / "walk.json", frames))
    code, out, _ = score(*paths, "--clip", images, "--fps", FPS)
    assert code == 0
    run = tmp_path / "runs" / "walk"
    assert {row["model"] for row in rows(run / "objects.csv")} == {"steady", "noisy"}
    assert (run / "comparison.csv").is_file()
    assert "Objects (steady / noisy)" in out
    again = compare_runs([run]).pairs[0].comparison
    assert again.models == ("steady", "noisy")
    assert again.find("boundary_px").difference < -0.3
    assert score(*paths, "--name", "a", "--name", "b", "--clip-name", "mine")[0] == 0
    assert list(json.loads((tmp_path / "runs" / "mine" / "run.json").read_text())["models"]) == ["a", "b"]
    assert compare_runs([tmp_path / "runs" / "mine"]).pairs[0].verdict.steadier is None


def test_frames_without_masks_are_passed_over(score, images, tmp_path):
    kept = [0, 1, 2, 5, 6, 7, 8]
    path = write(tmp_path / "theirs", true_frames(keep=kept), "davis", ("object",))
    code, _, err = score(path, "--clip", images, "--fps", FPS)
    assert code == 0
    assert f"7 of the clip's {FRAMES} frames" in err
    table = rows(tmp_path / "runs" / "walk" / "theirs" / "frames.csv")
    assert [int(row["frame"]) for row in table] == kept
    assert [row["pair_status"] for row in table] == [
        "first",
        *["counted"] * 2,
        "after_lost_frames",
        *["counted"] * 3,
    ]


def test_every_second_frame_is_a_stride(score, images, tmp_path):
    kept = range(1, FRAMES, 2)
    path = write(tmp_path / "theirs", true_frames(keep=kept), "davis", ("object",))
    assert score(path, "--clip", images, "--fps", FPS, "--first-frame", 0)[0] == 0
    run = tmp_path / "runs" / "walk"
    assert {row["pair_status"] for row in rows(run / "theirs" / "frames.csv")} == {"first", "counted"}
    options = json.loads((run / "run.json").read_text())["options"]
    assert (options["start"], options["stride"]) == (1, 2)


def test_scores_at_the_threshold_are_recorded_and_said(score, tmp_path):
    frames = true_frames(scores=[0.0, 0.5])
    code, _, err = score(write(tmp_path / "a.json", frames), "--frames", FRAMES, "--fps", FPS)
    assert code == 0
    assert f"a: {FRAMES} instances whose score is not above 0" in err
    assert len(rows(tmp_path / "runs" / "a" / "a" / "instances.csv")) == FRAMES


@pytest.mark.slow
def test_an_interrupted_run_is_resumed_to_the_same_tables(score, images, tmp_path):
    frames = [each if each.index != 3 else frame(3, [], SIZE, []) for each in true_frames()]
    masks = write(tmp_path / "a.json", frames)
    assert score(masks, "--clip", images, "--fps", FPS)[0] == 0
    own = tmp_path / "runs" / "walk" / "a"
    whole = {name: (own / name).read_bytes() for name in (*TABLES, "masks.jsonl")}
    manifest = tmp_path / "runs" / "walk" / "run.json"
    manifest.write_text(manifest.read_text().replace('"completed": true', '"completed": false'))
    (own / "masks.jsonl").unlink()
    (own / "masks.jsonl.part").write_bytes(b"".join(whole["masks.jsonl"].splitlines(True)[:7]))
    for name in TABLES:
        (own / name).unlink()
    assert score(masks, "--clip", images, "--fps", FPS, "--score-threshold", 0.1, "--resume")[0] == 2
    code, _, err = score(masks, "--clip", images, "--fps", FPS, "--resume")
    assert code == 0, err
    assert {name: (own / name).read_bytes() for name in whole} == whole


def test_the_meter_takes_identities_where_they_were_announced_and_only_there():
    nothing = frame(0, [np.ones(SIZE, np.bool_)], SIZE).instances
    with pytest.raises(ValueError, match="expected an identity for every instance"):
        StabilityMeter(NAMES, identified=True).update(0, 0.0, nothing, None)
    with pytest.raises(ValueError, match="expected no identities"):
        StabilityMeter(NAMES).update(0, 0.0, nothing, None, identities=(1,))


@pytest.mark.slow
def test_json_holds_the_figures(score, images, tmp_path):
    truth = write(tmp_path / "truth", true_frames(), "davis")
    masks = write(tmp_path / "a.json", true_frames())
    code, out, _ = score(masks, "--clip", images, "--fps", FPS, "--ground-truth", truth, "--json")
    (run,) = json.loads(out)["runs"]
    assert code == 0
    assert run["models"]["a"]["dropout_rate"]["value"] == 0
    assert run["quality"][0]["figures"]["truth_j"]["value"] == 1


class TestRefusals:
    """One sentence, the documented exit code, and nothing written."""

    def test_masks_that_do_not_fit_the_clip(self, score, images, tmp_path):
        own = true_frames()
        late = write(tmp_path / "late.json", [frame(FRAMES, [SCENE[0].masks[1]], SIZE)])
        small = write(tmp_path / "small.json", [frame(0, [np.ones((9, 9), np.bool_)], (9, 9))])
        short = write(tmp_path / "short.json", own[:5], "youtube-vis")
        refused(score, tmp_path, f"where they have 0 to {FRAMES - 1}", late, "--clip", images)
        refused(score, tmp_path, "masks of 128x96 pixels", small, "--clip", images)
        refused(score, tmp_path, f"{FRAMES} segmentations", short, "--clip", images)
        refused(score, tmp_path, "cannot be read", tmp_path / "nothing.json", "--clip", images)
        refused(score, tmp_path, "nowhere", write(tmp_path / "a.json", own), "--clip", tmp_path / "nowhere")

    def test_masks_that_do_not_go_together(self, score, tmp_path):
        folders = [
            write(tmp_path / name, true_frames(keep=kept), "davis", ("object",))
            for name, kept in (("a", range(6)), ("b", range(5)))
        ]
        longer = write(tmp_path / "longer.json", true_frames())
        refused(score, tmp_path, "got frame 5 of only one of a and b", *folders)
        refused(score, tmp_path, "up to 5, got frame 11", folders[0], longer)

    def test_a_bad_frame_is_found_before_anything_is_written(self, score, images, tmp_path):
        folder = write(tmp_path / "theirs", true_frames(), "davis", ("object",))
        last = max(folder.iterdir())
        last.write_bytes(last.read_bytes()[:-30])
        refused(score, tmp_path, last.name, folder, "--clip", images)

    def test_ground_truth_without_identities(self, score, tmp_path):
        masks = write(tmp_path / "a.json", true_frames())
        truth = write(tmp_path / "truth.json", true_frames(identities=False))
        refused(score, tmp_path, "an identity for every true mask", masks, "--ground-truth", truth)

    def test_an_empty_list_without_the_clip(self, score, tmp_path):
        (tmp_path / "a.json").write_text("[]")
        refused(score, tmp_path, "pass the clip too", tmp_path / "a.json", "--format", "coco")

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["--format", "png"], "--format of masks, coco"),
            (["--score-threshold", "2"], "from 0 to 1, got 2"),
            (["--fps", "0"], "--fps above 0"),
            (["--fps", "nan"], "--fps above 0"),
            (["--frames", "0"], "--frames of 1 or more"),
            (["--classes", "a,,b"], "class names separated by commas"),
            (["--name", "a", "--name", "b"], "a --name for each of 1 masks, got 2"),
            (["--name", "../a"], "'../a'"),
            (["--name", "plots"], "'plots'"),
            (["--clip-name", ".."], "--clip-name"),
        ],
    )
    def test_wrong_usage(self, score, tmp_path, arguments, sentence):
        masks = write(tmp_path / "a.json", true_frames())
        refused(score, tmp_path, sentence, masks, *arguments, code=2)

    def test_two_masks_of_one_name(self, score, tmp_path):
        paths = [write(tmp_path / kind / "x" / "a.json", true_frames()) for kind in ("one", "two")]
        refused(score, tmp_path, "got x more than once", *paths, code=2)

    def test_a_taken_run_folder_and_its_own_masks(self, score, tmp_path):
        masks = write(tmp_path / "a.json", true_frames())
        assert score(masks)[0] == 0
        before = (tmp_path / "runs" / "a" / "run.json").read_bytes()
        code, _, err = score(masks)
        assert (code, "holds a finished run" in err) == (2, True)
        own = tmp_path / "runs" / "a" / "a"
        code, _, err = score(own, "--overwrite")
        assert (code, "outside the run folder" in err) == (2, True)
        assert (tmp_path / "runs" / "a" / "run.json").read_bytes() == before
        assert score(masks, "--overwrite")[0] == 0
