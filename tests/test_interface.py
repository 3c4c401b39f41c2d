"""`import yolact_temporal as yt`: the same figures as the commands', from whatever lies in memory."""

import gc
import json
import threading
import warnings

import foreign_results as foreign
import numpy as np
import pytest
import torch
from mask_clips import sequence
from memory_masks import CLASSES, FRAMES_RGB, KEYS, MASKS, SCORES, SHAKEN, measured, tables_of
from scored_masks import FPS, FRAMES, NAMES, images_fixture, true_frames, write  # noqa: F401

import yolact_temporal as yt
from yolact_temporal.data.formats import FORMATS
from yolact_temporal.data.instances import Instances
from yolact_temporal.temporal.documents import as_markdown
from yolact_temporal.temporal.markdown_reading import read_markdown


@pytest.fixture(name="disk", scope="module")
def disk_fixture(tmp_path_factory):
    """The scene's masks with scores in a file, as somebody else's program might write them."""
    frames = []
    for index, own in enumerate(true_frames(identities=False)):
        seen = own.instances
        places = [place for place in range(len(KEYS)) if MASKS[index, place].any()]
        scores = np.float32(SCORES[index, places])
        frames.append(
            type(own)(index, Instances(seen.boxes, scores, seen.class_ids, seen.masks, seen.size), None)
        )
    return write(tmp_path_factory.mktemp("disk") / "mine.json", frames)


@pytest.fixture(name="plain", scope="module")
def plain_fixture():
    return measured(scores=SCORES, classes=CLASSES, class_names=NAMES, name="mine")


@pytest.fixture(name="scored", scope="module")
def scored_fixture(disk, images):
    return yt.score(disk, images, class_names=NAMES, fps=FPS, clip_name="walk")


@pytest.fixture(name="two", scope="module")
def two_fixture():
    return measured({"still": MASKS, "shaken": SHAKEN}, clip_name="walk")


@pytest.mark.slow
class TestSameFigures:
    """Masks in memory are measured as the same masks on disk are, to the byte of every table."""

    @pytest.mark.parametrize(
        "how", ["array", "path", "pieces", "tensor", "meter", "supervision", "torchvision"]
    )
    def test_as_score(self, scored, images, how):
        kept = [MASKS[index].any((1, 2)) for index in range(FRAMES)]
        pieces = [MASKS[index][own] for index, own in enumerate(kept)]
        scores = [SCORES[index][own] for index, own in enumerate(kept)]
        classes = [CLASSES[own] for own in kept]
        named = {"class_names": NAMES, "name": "mine", "clip_name": "walk"}
        if how == "array":
            found = measured(scores=SCORES, classes=CLASSES, **named)
        elif how == "path":
            found = measured(pieces, str(images), scores=scores, classes=classes, **named)
        elif how == "pieces":
            found = measured(iter(pieces), iter(FRAMES_RGB), scores=iter(scores), classes=classes, **named)
        elif how == "tensor":
            masks = torch.tensor(MASKS)[:, :, None].float()
            found = measured(masks, scores=torch.tensor(SCORES), classes=torch.tensor(CLASSES), **named)
        elif how == "meter":
            meter = yt.Meter(FPS, **named)
            for picture, own, score, kind in zip(FRAMES_RGB, pieces, scores, classes, strict=True):
                meter.update(picture, own, scores=score, classes=kind)
            found = meter.result()
        else:
            made = []
            for own, score, kind in zip(pieces, scores, classes, strict=True):
                boxes = [[*np.argwhere(m.T).min(0), *(np.argwhere(m.T).max(0) + 1)] for m in own]
                made.append(foreign.LIBRARIES[how](own, boxes, score, kind))
            found = measured(made, **named)
        assert tables_of(found.folder, "mine") == tables_of(scored.folder, "mine")
        assert (found.folder / "summary.csv").read_bytes() == (scored.folder / "summary.csv").read_bytes()

    def test_as_score_against_a_truth(self, disk, images, tmp_path):
        path = tmp_path / "truth" / "masks.jsonl"
        path.parent.mkdir()
        FORMATS["masks"].write(sequence(true_frames(), NAMES), path)
        scored = yt.score(disk, images, path, class_names=NAMES, fps=FPS, clip_name="walk")
        for truth in (path, MASKS):
            found = measured(
                scores=SCORES, classes=CLASSES, class_names=NAMES, name="mine", clip_name="walk", truth=truth
            )
            assert found.figure("truth_j") == scored.figure("truth_j") == 1.0
            assert found.figure("loss_1") == scored.figure("loss_1")

    def test_as_score_without_a_clip(self, disk):
        scored = yt.score(disk, class_names=NAMES, fps=FPS, frames=FRAMES, clip_name="walk")
        found = measured(
            frames=None, scores=SCORES, classes=CLASSES, class_names=NAMES, name="mine", clip_name="walk"
        )
        assert tables_of(found.folder, "mine") == tables_of(scored.folder, "mine")
        assert found.figure("boundary_px_mean") is None

    def test_a_saved_run_scored_again_is_the_same(self, plain, images, tmp_path):
        folder = plain.save(tmp_path / "walk")
        again = yt.score(folder / "mine", images, fps=FPS)
        assert tables_of(again.folder, "mine") == tables_of(folder, "mine")


class TestResult:
    def test_its_tables_are_those_of_the_files(self, plain):
        assert list(plain.frames.columns[:5]) == ["clip", "model", "frame", "time_s", "instances"]
        assert plain.frames["frame"].tolist() == list(range(FRAMES))
        assert str(plain.instances["track_id"].dtype) == "Int64"
        assert set(plain.tracks["class"]) == {NAMES[kind] for kind in CLASSES}
        assert plain.instances.loc[0, "boundary_px_mean"] != plain.instances.loc[0, "boundary_px_mean"]
        assert plain.figure("boundary_px_mean") == pytest.approx(
            plain.instances["boundary_px_mean"].mean(), rel=1e-4
        )
        with pytest.raises(yt.UsageError, match="did you mean boundary_px_mean"):
            plain.figure("boundary_px_maen")

    def test_its_report_is_read_as_it_was_written(self, plain):
        text = (plain.folder / "report.md").read_text()
        assert len(text.splitlines()) > 40
        assert as_markdown(read_markdown(text)) == text

    def test_it_tells_the_essentials(self, plain):
        told = repr(plain)
        assert told.startswith("Stability of masks in clip\n")
        assert "Outlines move" in told
        assert len(told.splitlines()) < 25
        assert "| " not in told
        assert "<table>" in plain._repr_html_()
        assert "Outlines move" in plain._repr_html_()

    @pytest.mark.slow
    def test_it_is_saved_as_any_run(self, plain, tmp_path):
        folder = plain.save(tmp_path / "runs" / "mine")
        names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert {"run.json", "report.html", "report.md", "summary.csv", "mine/masks.jsonl"} <= names
        assert {"plots/timeline.png", "plots/tracks.png"} <= names
        assert not any(name.endswith((".part", ".lock")) for name in names)
        again = yt.load(folder)
        for table in ("summary", "frames", "instances", "tracks"):
            assert getattr(again, table).equals(getattr(plain, table))
        assert repr(again).splitlines()[:8] == repr(plain).splitlines()[:8]
        assert again.plot("tracks").size == plain.plot("tracks").size
        with pytest.raises(
            yt.UsageError,
            match="which holds a finished run: pass overwrite=True to replace it, or another folder",
        ):
            plain.save(folder)
        plain.save(folder, overwrite=True)
        assert json.loads((folder / "run.json").read_text())["completed"] is True
        assert yt.load(tmp_path / "runs").clips == ["clip"]

    def test_a_temporary_run_goes_with_its_result(self):
        result = measured(MASKS[:3], FRAMES_RGB[:3])
        folder = result.folder
        assert (folder / "run.json").is_file()
        del result
        gc.collect()
        assert not folder.exists()

    @pytest.mark.slow
    def test_a_run_without_plots_is_drawn_from_its_tables(self, plain, tmp_path):
        folder = plain.save(tmp_path / "mine")
        (folder / "plots" / "timeline.png").unlink()
        assert yt.load(folder).plot("timeline").size[0] > 500
        with pytest.raises(yt.UsageError, match="expected a run of several models"):
            yt.load(folder).plot("comparison")
        with pytest.raises(yt.UsageError, match="expected a plot out of timeline"):
            plain.plot("timelime")

    @pytest.mark.slow
    def test_a_named_folder_takes_the_whole_run(self, tmp_path):
        result = measured(folder=tmp_path / "mine")
        assert (tmp_path / "mine" / "masks" / "overlay.mp4").is_file()
        assert result.folder == tmp_path / "mine"
        with pytest.raises(
            yt.UsageError,
            match="which holds a finished run: pass overwrite=True to replace it, or another folder",
        ):
            measured(folder=tmp_path / "mine")


@pytest.mark.slow
class TestSeveral:
    def test_models_measured_together_are_compared(self, two):
        assert two.models == ["still", "shaken"]
        assert two.figure("boundary_px_mean", "still") < two.figure("boundary_px_mean", "shaken")
        compared = yt.compare(two)
        assert set(compared.comparison["model_a"]) == {"still"}
        assert len(compared.answers) == 1
        assert compared.plot().size[0] > 500
        assert repr(compared).startswith("Which model is steadier")

    def test_a_comparison_is_saved_as_the_command_s(self, two, tmp_path):
        folder = yt.compare(two).save(tmp_path / "comparison")
        names = {path.name for path in folder.iterdir()}
        assert {
            "comparison.csv",
            "comparison.md",
            "comparison.json",
            "comparison.png",
            "report.html",
        } <= names

    def test_runs_of_frames_in_memory_are_compared_in_one_call_only(self):
        with pytest.raises(yt.UsageError, match="measure the models together"):
            yt.compare([measured(name="one"), measured(name="other")])
        with pytest.raises(yt.UsageError, match="pass frames_folder to measure"):
            yt.what_if(measured())

    def test_kept_frames_are_read_again(self, two, tmp_path):
        one = measured(name="still", frames_folder=tmp_path / "walk")
        other = measured(SHAKEN, tmp_path / "walk", name="shaken")
        assert yt.compare([one, other]).comparison.equals(yt.compare(two).comparison)
        found = yt.what_if(one, methods=["vote:3"])
        assert set(found.methods["method"]) == {"identity", "freeze", "vote3"}
        assert found.methods["control"].tolist() == [True, True, False]
        assert list(found.recommended) == ["still"]
        assert (found.save(tmp_path / "what_if") / "what_if.csv").is_file()
        with pytest.raises(yt.UsageError, match="expected a new or empty folder for the frames"):
            measured(frames_folder=tmp_path / "walk")

    def test_one_place_takes_a_score_a_frame(self):
        found = measured(MASKS[:, :1], scores=list(SCORES[:, 0]))
        assert found.tracks["mean_score"].tolist() == pytest.approx([SCORES[:, 0].mean()], rel=1e-5)

    def test_nothing_is_no_run(self):
        with pytest.raises(yt.UsageError, match="expected runs, got none"):
            yt.compare([])

    def test_scores_by_model(self):
        found = measured({"a": MASKS, "b": MASKS}, scores={"a": SCORES})
        assert found.tracks.groupby("model")["mean_score"].max().tolist()[1] == 1.0
        with pytest.raises(yt.UsageError, match="expected scores by model"):
            measured({"a": MASKS, "b": MASKS}, scores=SCORES)


SMALL = (np.zeros((3, 8, 10, 3), np.uint8), np.ones((3, 1, 8, 10), bool))
WRONG = [
    ((SMALL[0], SMALL[1][:2]), {}, "expected masks of 3 frames, as there are, got those of 2"),
    ((SMALL[0], iter(SMALL[1][:2])), {}, "expected masks for every frame, got those of 2 frames alone"),
    ((SMALL[0], iter([*SMALL[1], SMALL[1][0]])), {}, "expected masks of 3 frames, as there are, got more"),
    ((SMALL[0], SMALL[1][:, 0]), {}, r"got an array \(3, 8, 10\): for one mask a frame .*masks\[:, None\]"),
    ((SMALL[0], SMALL[1].transpose(0, 2, 3, 1)), {}, r"instances are last: .*masks.transpose\(0, 3, 1, 2\)"),
    ((SMALL[0], SMALL[1][..., :5]), {}, "expected masks of 10x8 pixels at frame 0"),
    ((SMALL[0], {"masks": 1}), {}, "of a single frame's result make a list"),
    ((SMALL[0], "masks.json"), {}, r"for masks in a file use score\(\)"),
    ((SMALL[0].transpose(0, 3, 1, 2), SMALL[1]), {}, r"frame.transpose\(1, 2, 0\)"),
    ((SMALL[0][0], SMALL[1]), {}, r"expected frames \(T, H, W, 3\), uint8 in RGB, got an array \(8, 10, 3\)"),
    ((SMALL[0][:0], SMALL[1]), {}, "expected frames, got none"),
    ((7, SMALL[1]), {}, "expected frames, uint8 .* or the path of a clip, got 7"),
    (SMALL, {"scores": np.ones((2, 1))}, "expected scores of 3 frames, as masks are, got those of 2"),
    (SMALL, {"scores": np.ones((3, 2))}, "expected scores for 1 mask at frame 0, got"),
    (
        SMALL,
        {"scores": [0.5, 0.6]},
        r"expected scores as \(3, 1\), as masks are, or \(1,\) for all frames, got \(2,\)",
    ),
    ((SMALL[0][:1], SMALL[1][:1]), {}, "expected at least two frames, got 1"),
    (SMALL, {"motion": "raft"}, "expected one of dis, dis-quick, dis-fine, farneback as motion"),
    (SMALL, {"fps": "25"}, "expected fps above 0"),
    (SMALL, {"class_names": "person"}, "expected class names in a list"),
    (SMALL, {"score_threshold": 3}, "pass one to score_threshold"),
    (SMALL, {"folder": "/proc/mine"}, "pass another one to folder"),
    (SMALL, {"scores": 0.5}, r"expected scores as \(T, N\), or one item a frame, got float"),
    (SMALL, {"ids": [[1], [1], [1, 2]]}, "expected ids for 1 mask at frame 2"),
    (SMALL, {"fps": 0}, "expected fps above 0"),
    (SMALL, {"name": "../mine"}, "give another one with name"),
    (SMALL, {"clip_name": "plots"}, "give another one with clip_name"),
    (SMALL, {"truth": [SMALL[1][0]] * 3}, "expected true masks that say which object each is"),
    (SMALL, {"truth": SMALL[1][:2]}, "expected masks of the truth of 3 frames"),
    ((None, iter(SMALL[1])), {}, "expected masks whose number is known, since frames are None"),
]


@pytest.mark.parametrize(("given", "options", "sentence"), WRONG)
def test_what_does_not_fit_is_told_in_one_sentence(given, options, sentence):
    with pytest.raises((yt.UsageError, yt.InputError), match=sentence) as told:
        yt.measure(*given, **options)
    assert "--" not in str(told.value)
    assert "\n" not in str(told.value)
    assert threading.active_count() < 10


def test_a_call_that_fails_leaves_its_folder_free(tmp_path):
    folder = tmp_path / "runs" / "mine"
    for masks in (iter(MASKS[:6]), iter([*MASKS[:6], "wrong"])):
        with pytest.raises(yt.UsageError):
            measured(masks, folder=folder)
        assert not folder.exists()
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"version": 2, "completed": False}))
    with pytest.raises((yt.UsageError, yt.InputError)):
        measured(folder=folder)
    assert (folder / "run.json").is_file()  # somebody else's


def test_how_masks_are_taken_is_warned_of_once_and_stands_in_the_report():
    soft = [np.where(own, 0.9, 0.1) for own in MASKS]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = yt.measure(FRAMES_RGB, soft, fps=FPS)
    assert [str(each.message) for each in caught] == ["Masks hold probabilities: they were cut at 0.5."]
    assert caught[0].filename == __file__
    assert (
        "masks: Masks hold probabilities: they were cut at 0.5." in (found.folder / "report.md").read_text()
    )


@pytest.mark.slow
def test_of_frames_that_lie_nowhere_the_dashboard_says_so(plain, tmp_path):
    from yolact_temporal.dashboards.loader import find_runs, open_run
    from yolact_temporal.dashboards.pictures import View, clip_fault, model_picture

    plain.save(tmp_path / "mine")
    run = open_run(tmp_path, find_runs(tmp_path)[0])
    assert "whose frames lie in no file" in clip_fault(run, 3)
    assert model_picture(run, "mine", 3, View()).shape[2] == 3


@pytest.mark.slow
def test_a_video_keeps_its_own_rate(tmp_path):
    from clips import write_clip

    path = write_clip(tmp_path / "walk.mp4", list(FRAMES_RGB), fps=FPS)
    found = yt.measure(path, MASKS)
    assert found.clips == ["walk"]
    assert found.frames["time_s"].tolist()[-1] == pytest.approx((FRAMES - 1) / FPS)
    with pytest.raises(yt.UsageError, match=r"the rate of walk\.mp4, 24 frames a second, got fps=50"):
        yt.measure(path, MASKS, fps=50)
    with pytest.raises(yt.UsageError, match="what lies in a file can be read again"):
        yt.measure(path, MASKS, frames_folder=tmp_path / "frames")


@pytest.mark.slow
class TestAnalyze:
    def test_frames_in_memory(self):
        found = yt.analyze(FRAMES_RGB[:3], fps=FPS)
        assert found.models == ["yolact_compact", "mask_rcnn_compact"]
        assert len(found.frames) == 6

    def test_as_the_command(self, images, tmp_path):
        from yolact_temporal.cli import main as cli

        options = ["--no-baseline", "--no-plots", "--no-overlay", "--quiet", "--fps", "24", "--end", "3"]
        assert cli.main(["analyze", str(images), *options, "--out", str(tmp_path)]) == 0
        found = yt.analyze(images, baseline=None, fps=24, end=3)
        own, theirs = found.folder, tmp_path / images.name
        assert tables_of(own, "yolact_compact") == tables_of(theirs, "yolact_compact")
        assert (own / "summary.csv").read_bytes() == (theirs / "summary.csv").read_bytes()

    def test_wrong_names_are_told_with_the_nearest(self):
        with pytest.raises(yt.UsageError, match="did you mean yolact_compact"):
            yt.analyze(FRAMES_RGB, "yolact_compakt")
