"""`score`: somebody's masks measured as a model's are, with the clip and without; one sentence for what is wrong."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import davis
import numpy as np
import pytest
from clips import write_images
from mask_clips import frame, sequence, without_plots  # noqa: F401

from yolact_temporal import cli, clip_run
from yolact_temporal.analyze import AnalyzeOptions
from yolact_temporal.clip_run import run_clip
from yolact_temporal.compare import compare_runs
from yolact_temporal.data.formats import FORMATS
from yolact_temporal.data.sources import open_clip
from yolact_temporal.data.synthetic import SceneOptions, SyntheticScene, make_stand_in
from yolact_temporal.models import LoadedModel
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.metrics import METRICS
from yolact_temporal.temporal.plots import write_plots

SIZE, FRAMES, FPS = (96, 128), 12, 24
SCENE = list(SyntheticScene(SceneOptions(seed=1, size=SIZE, frames=FRAMES, camera="pan", objects=2)))
NAMES = ("person", "vehicle", "animal")
TABLES = ("frames.csv", "instances.csv", "tracks.csv")
BOXES = ("box_fragment_error", "box_centre_error", "box_scale_ratio_error")
FLOW = {name for name in METRICS if name.startswith(("boundary", "motion_comp", "area_blinks"))}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("clips") / "walk", (each.rgb for each in SCENE))


def true_frames(identities=True, keep=range(FRAMES), **changes):
    """The scene's own masks; class and identity by object."""
    made = []
    for index in keep:
        masks = {key: mask for key, mask in SCENE[index].masks.items() if mask.any()}
        made.append(
            frame(
                index,
                list(masks.values()),
                SIZE,
                [key + 10 for key in masks] if identities else None,
                [key % 3 for key in masks],
                **changes,
            )
        )
    return made


def write(path, frames, format_name="coco", names=NAMES):
    path.parent.mkdir(parents=True, exist_ok=True)
    FORMATS[format_name].write(sequence(frames, names), path)
    return path


@pytest.fixture
def score(tmp_path, capsys):
    """Run `score` in this process; returns the exit code, stdout and stderr."""

    def run(*arguments, out=tmp_path / "runs"):
        capsys.readouterr()
        code = cli.main(["score", *map(str, arguments), "--out", str(out)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def summary(run):
    return {(row["model"], row["metric"]): row["value"] for row in rows(run / "summary.csv")}


def one_sentence(err):
    lines = [line for line in err.splitlines() if line.startswith("yolact-temporal: ")]
    assert len(lines) == 1, err
    assert "Traceback" not in err
    return lines[0]


def test_with_the_clip_it_writes_what_analyze_writes(score, images, tmp_path, monkeypatch):
    monkeypatch.setattr(clip_run, "write_plots", write_plots)
    masks = write(tmp_path / "theirs.json", true_frames())
    code, out, _ = score(masks, "--clip", images, "--fps", FPS)
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
    assert "boundary displacement, mean" in out
    assert {row["track_id"] for row in rows(run / "theirs" / "tracks.csv")} == {"11", "12"}


def test_masks_of_a_model_score_to_the_tables_that_analyze_made(images, score, tmp_path):
    stand_in = make_stand_in("boundary_noise", 1.0, 3)
    frames = iter(SCENE)
    segmenter = SimpleNamespace(
        name="noisy",
        class_names=stand_in.class_names,
        segment=lambda pixels: [stand_in.see(next(frames)) for _ in pixels],
    )
    model = LoadedModel(segmenter, 0.3, {"note": "a stand-in", "config": {}, "score_threshold": 0.3})
    run_clip(open_clip(images, fps=FPS), "walk", [model], tmp_path / "analyzed", AnalyzeOptions(batch=5))
    own = tmp_path / "analyzed" / "noisy"
    code, *_ = score(own, "--clip", images, "--fps", FPS, "--score-threshold", 0.3)
    assert code == 0
    for name in (*TABLES, "masks.jsonl"):
        assert (tmp_path / "runs" / "walk" / "noisy" / name).read_bytes() == (own / name).read_bytes()


def test_without_the_clip_only_what_needs_motion_is_undefined(score, images, tmp_path):
    masks = write(tmp_path / "theirs.json", true_frames())
    assert score(masks, "--clip", images, "--fps", FPS)[0] == 0
    code, out, _ = score(masks, "--fps", FPS)
    assert code == 0
    run = tmp_path / "runs" / "theirs"
    assert not (run / "theirs" / "overlay.mp4").exists()
    alone, seen = summary(run), summary(tmp_path / "runs" / "walk")
    assert {name for name in METRICS if not alone["theirs", name]} >= FLOW
    for name in set(METRICS) - FLOW:
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
    assert "steady against noisy" in out
    again = compare_runs([run]).pairs[0].comparison
    assert again.models == ("steady", "noisy")
    assert again.find("boundary_px").difference < -0.3
    assert score(*paths, "--name", "a", "--name", "b", "--clip-name", "mine")[0] == 0
    assert list(json.loads((tmp_path / "runs" / "mine" / "run.json").read_text())["models"]) == ["a", "b"]
    assert compare_runs([tmp_path / "runs" / "mine"]).pairs[0].verdict.steadier is None


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
    assert "exact against the ground truth, 2 objects" in out
    assert (run / "true_objects.csv").is_file()
    again = compare_runs([run]).pairs[0].comparison
    assert again.models == ("exact", "shifted")


def test_frames_without_truth_are_left_out_of_what_is_measured_against_it(score, images, tmp_path):
    truth = write(tmp_path / "truth", true_frames(keep=[2, 3, 4, 5, 9]), "davis")
    masks = write(tmp_path / "a.json", true_frames())
    code, out, err = score(masks, "--clip", images, "--fps", FPS, "--ground-truth", truth, "--json")
    assert code == 0
    assert f"is of 5 of the {FRAMES} frames" in err
    figures = json.loads(out)["runs"][0]["quality"][0]["figures"]
    assert figures["truth_j"]["n"] == 10
    assert figures["dtssd"]["n"] == 6


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
    assert score(masks, "--clip", images, "--fps", FPS, "--resume")[0] == 0
    assert {name: (own / name).read_bytes() for name in whole} == whole


def test_the_meter_takes_identities_where_they_were_announced_and_only_there():
    nothing = frame(0, [np.ones(SIZE, np.bool_)], SIZE).instances
    with pytest.raises(ValueError, match="expected an identity for every instance"):
        StabilityMeter(NAMES, identified=True).update(0, 0.0, nothing, None)
    with pytest.raises(ValueError, match="expected no identities"):
        StabilityMeter(NAMES).update(0, 0.0, nothing, None, identities=(1,))


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

    def refused(self, score, tmp_path, sentence, *arguments, code=3):
        out = tmp_path / "none"
        found, _, err = score(*arguments, out=out)
        assert found == code, err
        assert sentence in one_sentence(err)
        assert not out.exists()

    def test_masks_that_do_not_fit_the_clip(self, score, images, tmp_path):
        own = true_frames()
        late = write(tmp_path / "late.json", [frame(FRAMES, [SCENE[0].masks[1]], SIZE)])
        small = write(tmp_path / "small.json", [frame(0, [np.ones((9, 9), np.bool_)], (9, 9))])
        short = write(tmp_path / "short.json", own[:5], "youtube-vis")
        self.refused(score, tmp_path, f"a clip of {FRAMES} frames", late, "--clip", images)
        self.refused(score, tmp_path, "masks of 128x96 pixels", small, "--clip", images)
        self.refused(score, tmp_path, f"{FRAMES} segmentations", short, "--clip", images)
        self.refused(score, tmp_path, "cannot be read", tmp_path / "nothing.json", "--clip", images)
        self.refused(
            score, tmp_path, "nowhere", write(tmp_path / "a.json", own), "--clip", tmp_path / "nowhere"
        )

    def test_a_truth_that_does_not_fit(self, score, images, tmp_path):
        masks = write(tmp_path / "a.json", true_frames())
        shown = np.ones((9, 9), np.bool_)
        small = write(tmp_path / "small", [frame(t, [shown], (9, 9), [1]) for t in range(FRAMES)], "davis")
        nameless = write(tmp_path / "nameless.json", true_frames(identities=False))
        late = write(tmp_path / "late", [frame(FRAMES, [SCENE[0].masks[1]], SIZE, [1])], "davis")
        half = write(tmp_path / "half", true_frames(keep=range(6)), "davis")
        odd = write(tmp_path / "odd", true_frames(keep=range(7, FRAMES)), "davis")
        for truth, sentence, code in (
            ([small], "masks of 128x96 pixels in", 3),
            ([nameless], "an identity each", 3),
            ([late], "--ground-truth-first-frame", 3),
            ([tmp_path / "nowhere"], "cannot be read", 3),
            ([images], "got mode RGB: save object indices", 3),
            ([half, "--ground-truth-first-frame", 3], "frame numbers from 3", 3),
            ([half, "--ground-truth-format", "x"], "--ground-truth-format of masks, coco", 2),
        ):
            arguments = [masks, "--clip", images, "--ground-truth", *truth]
            self.refused(score, tmp_path, sentence, *arguments, code=code)
        first = write(tmp_path / "first", true_frames(keep=range(3)), "davis")
        self.refused(score, tmp_path, "frames that are measured, 0 to 2", first, "--ground-truth", odd)

    def test_masks_that_do_not_go_together(self, score, tmp_path):
        folders = [
            write(tmp_path / name, true_frames(keep=kept), "davis", ("object",))
            for name, kept in (("a", range(6)), ("b", range(5)))
        ]
        longer = write(tmp_path / "longer.json", true_frames())
        self.refused(score, tmp_path, "got frame 5 of only one of a and b", *folders)
        self.refused(score, tmp_path, "up to 5, got frame 11", folders[0], longer)

    def test_a_bad_frame_is_found_before_anything_is_written(self, score, images, tmp_path):
        folder = write(tmp_path / "theirs", true_frames(), "davis", ("object",))
        last = max(folder.iterdir())
        last.write_bytes(last.read_bytes()[:-30])
        self.refused(score, tmp_path, last.name, folder, "--clip", images)

    def test_ground_truth_without_identities(self, score, tmp_path):
        masks = write(tmp_path / "a.json", true_frames())
        truth = write(tmp_path / "truth.json", true_frames(identities=False))
        self.refused(score, tmp_path, "an identity each", masks, "--ground-truth", truth)

    def test_an_empty_list_without_the_clip(self, score, tmp_path):
        (tmp_path / "a.json").write_text("[]")
        self.refused(score, tmp_path, "pass the clip too", tmp_path / "a.json", "--format", "coco")

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["--format", "png"], "--format of masks, coco"),
            (["--score-threshold", "2"], "from 0 to 1, got 2"),
            (["--fps", "0"], "--fps above 0"),
            (["--fps", "nan"], "--fps above 0"),
            (["--frames", "0"], "--frames of 1 or more"),
            (["--classes", "a,,b"], "class names parted by commas"),
            (["--name", "a", "--name", "b"], "a --name for each of 1 masks, got 2"),
            (["--name", "../a"], "'../a'"),
            (["--name", "plots"], "'plots'"),
            (["--clip-name", ".."], "--clip-name"),
        ],
    )
    def test_wrong_usage(self, score, tmp_path, arguments, sentence):
        masks = write(tmp_path / "a.json", true_frames())
        self.refused(score, tmp_path, sentence, masks, *arguments, code=2)

    def test_two_masks_of_one_name(self, score, tmp_path):
        paths = [write(tmp_path / kind / "x" / "a.json", true_frames()) for kind in ("one", "two")]
        self.refused(score, tmp_path, "got x more than once", *paths, code=2)

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
