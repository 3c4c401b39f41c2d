"""`compare` on run folders: what goes together, what is refused in one sentence, and truth beside it."""

import json
import re
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
from PIL import Image

from yolact_temporal.analyzing.options import AnalyzeOptions
from yolact_temporal.cli import main as cli
from yolact_temporal.comparing.comparable_runs import runs_by_clip
from yolact_temporal.comparing.compare_runs import _Gathered, _rows, compare_runs, write_comparison
from yolact_temporal.data.formats import FORMATS, open_masks
from yolact_temporal.data.masks_jsonl import FrameRecord, RecordWriter
from yolact_temporal.data.runs.layout import RunFolder
from yolact_temporal.data.runs.manifest import read_manifest, write_manifest
from yolact_temporal.data.sources import open_clip
from yolact_temporal.data.synthetic import SceneOptions, SyntheticScene, make_stand_in
from yolact_temporal.errors import InputError, UsageError
from yolact_temporal.temporal.comparison.objects_csv import OBJECT_COLUMNS
from yolact_temporal.temporal.plots import read_rows
from yolact_temporal.temporal.report import CsvTable

FRAMES = 10
STEADY, NOISY, BLIND = ("boundary_noise", 0.2), ("boundary_noise", 1.5), ("dropped", 1.0)


class Clip:
    """A synthetic scene on disk: images, true masks, and its frames."""

    def __init__(self, folder, name, seed):
        self.name = name
        self.images, self.truth = folder / "clips" / name, folder / "truth" / name
        self.images.mkdir(parents=True)
        self.truth.mkdir(parents=True)
        self.known = {}
        self.frames = list(
            SyntheticScene(SceneOptions(seed=seed, size=(96, 128), frames=FRAMES, camera="pan"))
        )
        for frame in self.frames:
            Image.fromarray(frame.rgb).save(self.images / f"{frame.index:05d}.png")
            labels = np.zeros(frame.visible.shape, np.uint8)
            for key, mask in frame.masks.items():
                labels[mask] = key
            Image.fromarray(labels).save(self.truth / f"{frame.index:05d}.png")

    def seen(self, *stand_in):
        """A stand-in of this fault, dose and seed, and what it sees in every frame."""
        if stand_in not in self.known:
            model = make_stand_in(*stand_in)
            self.known[stand_in] = model, [model.see(frame) for frame in self.frames]
        return self.known[stand_in]

    def run(self, path, models, **changes):
        """Write a finished run of stand-in models, {name: (fault, dose)}, as `analyze` leaves it but for its tables."""
        folder = RunFolder(path)
        info = open_clip(self.images, fps=24).info
        manifest = {
            "completed": True,
            "name": self.name,
            "clip": asdict(info) | {"fps": "24"},
            "options": asdict(AnalyzeOptions()),
            "models": {},
            "frames_measured": FRAMES,
        }
        for number, (name, (fault, dose)) in enumerate(models.items()):
            model, seen = self.seen(fault, dose, number)
            folder.model(name).path.mkdir(parents=True)
            writer = RecordWriter.start(folder.model(name).masks, model.class_names)
            for frame, instances in zip(self.frames, seen, strict=True):
                writer.write(FrameRecord(frame.index, frame.index / 24, instances))
            writer.close()
            manifest["models"][name] = {
                "score_threshold": 0.5,
                "config": {"class_names": list(model.class_names)},
            }
        write_manifest(path, manifest | changes)
        return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    return [Clip(folder, name, seed) for seed, name in enumerate(("one", "two"))]


@pytest.mark.slow
def test_models_of_one_run_are_compared_from_what_they_saw(clips, tmp_path):
    run = clips[0].run(tmp_path / "one", {"steady": STEADY, "noisy": NOISY})
    result = compare_runs([run])
    comparison = result.pairs[0].comparison
    assert comparison.models == ("steady", "noisy")
    assert comparison.find("boundary_px").difference < -0.5
    assert comparison.find("motion_compensated_jitter").difference < 0
    assert result.remarks == ()  # nothing is left out, so that nothing is said


@pytest.mark.slow
def test_runs_of_one_clip_in_different_folders_are_put_together(clips, tmp_path):
    runs = [clips[0].run(tmp_path / name, {name: fault}) for name, fault in (("a", STEADY), ("b", NOISY))]
    together = clips[0].run(tmp_path / "both", {"a": STEADY, "b": NOISY})
    apart, joint = compare_runs(runs).pairs[0].comparison, compare_runs([together]).pairs[0].comparison
    assert apart.pairs == joint.pairs > 0
    assert apart.models == joint.models


@pytest.mark.slow
@pytest.mark.smoke
def test_a_folder_of_runs_is_all_its_runs_and_three_models_are_three_comparisons(clips, tmp_path):
    models = {"a": STEADY, "b": NOISY, "c": ("boundary_noise", 0.8)}
    for clip in clips:
        clip.run(tmp_path / "runs" / clip.name, models)
    result = compare_runs([tmp_path / "runs"])
    assert [pair.comparison.models for pair in result.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert set(result.pairs[0].comparison.clips) == {"one", "two"}
    only = compare_runs([tmp_path / "runs"], models=["c", "a"])
    assert [pair.comparison.models for pair in only.pairs] == [("c", "a")]


def test_what_no_comparison_speaks_of_is_counted_over_all_clips(clips, tmp_path):
    """Of finished runs' own tables as of those made anew; of runs that did not count it nothing is said."""
    for clip in clips:
        clip.run(tmp_path / "runs" / clip.name, {"a": STEADY, "b": ("dropped", 0.4)})
    (made,) = compare_runs([tmp_path / "runs"]).remarks
    counts = {name: re.search(rf"{name} (\d+) of (\d+) instances", made) for name in "ab"}
    assert int(counts["b"][1]) == 0, "it sees nothing that the other does not"
    assert int(counts["a"][2]) > int(counts["b"][2]) > 0
    for clip in clips:
        folder = RunFolder(tmp_path / "runs" / clip.name)
        with CsvTable(folder.objects, OBJECT_COLUMNS):
            pass
        manifest = dict(read_manifest(folder.path).document)
        write_manifest(
            folder.path,
            manifest | {"outside": {name: {"unshared": 2, "duplicates": 1, "of": 5} for name in "ab"}},
        )
    gathered = _Gathered()
    found, _ = runs_by_clip([RunFolder(tmp_path / "runs" / clip.name) for clip in clips])
    for clip in found:
        list(_rows(clip, ["a", "b"], None, gathered, None))
    assert gathered.all_outside(["a", "b"]) == {"a": (4, 2, 10), "b": (4, 2, 10)}
    gathered.add(None)
    assert gathered.all_outside(["a", "b"]) == {}


@pytest.mark.slow
def test_true_masks_take_the_place_of_the_consensus(clips, tmp_path):
    for clip in clips:
        clip.run(tmp_path / "runs" / clip.name, {"steady": STEADY, "full": ("full_box", 0)})
    comparison = compare_runs([tmp_path / "runs"], ground_truth=clips[0].truth.parent).pairs[0].comparison
    quality = comparison.find("truth_j")
    assert quality.second < 0.87 < 0.9 < quality.first
    assert comparison.objects == 6
    one = compare_runs([tmp_path / "runs" / "one"], ground_truth=clips[0].truth).pairs[0].comparison
    assert one.objects == 3


@pytest.fixture(scope="module")
def judged(clips, tmp_path_factory):
    """Runs of both clips, made once, and the comparison of the first one's models by the PNG masks."""
    runs = tmp_path_factory.mktemp("judged") / "runs"
    for clip in clips:
        clip.run(runs / clip.name, {"steady": STEADY, "full": ("full_box", 0)})
    return runs, compare_runs([runs / "one"], ground_truth=clips[0].truth).pairs[0].comparison


@pytest.mark.slow
@pytest.mark.parametrize("name", ["masks", "coco", "youtube-vis", "mots", "mots-png", "davis"])
def test_the_truth_may_be_of_any_format(clips, judged, tmp_path, name):
    """Written anew from the PNG masks, a file or folder for each clip, it gives the same figures."""
    ending = {"masks": ".jsonl", "mots": ".txt", "coco": ".json", "youtube-vis": ".json"}.get(name, "")
    runs, expected = judged
    for clip in clips:
        (tmp_path / "truth").mkdir(exist_ok=True)
        FORMATS[name].write(open_masks(clip.truth), tmp_path / "truth" / f"{clip.name}{ending}")
    path = tmp_path / "truth" / f"one{ending}"
    found = compare_runs([runs / "one"], ground_truth=path).pairs[0].comparison
    for metric in ("truth_j", "boundary_px", "loss_1"):
        one, other = found.find(metric), expected.find(metric)
        assert (one.first, one.second) == pytest.approx((other.first, other.second)), metric
    if name in ("coco", "davis"):
        both = compare_runs([runs], ground_truth=tmp_path / "truth").pairs[0].comparison
        assert both.objects == 6


@pytest.mark.slow
def test_void_of_the_truth_plays_no_part(clips, tmp_path):
    run = clips[0].run(tmp_path / "run", {"steady": STEADY, "full": ("full_box", 0)})
    voided = tmp_path / "truth"
    shutil.copytree(clips[0].truth, voided)
    for path in voided.iterdir():
        labels = np.array(Image.open(path))
        labels[:, 64:] = 255
        Image.fromarray(labels).save(path)
    whole, half = (
        compare_runs([run], ground_truth=path).pairs[0].comparison for path in (clips[0].truth, voided)
    )
    assert half.find("truth_j").second != whole.find("truth_j").second
    assert half.pairs <= whole.pairs


def test_frames_without_truth_are_passed_over_and_that_is_said(clips, tmp_path):
    run = clips[0].run(tmp_path / "run", {"a": STEADY, "b": NOISY})
    shutil.copytree(clips[0].truth, tmp_path / "truth")
    for index in (0, 5):
        (tmp_path / "truth" / f"{index:05d}.png").unlink()
    result = compare_runs([run], ground_truth=tmp_path / "truth")
    assert f"covers {FRAMES - 2} of the {FRAMES} frames" in result.remarks[0]
    whole = compare_runs([run], ground_truth=clips[0].truth)
    assert result.pairs[0].comparison.pairs < whole.pairs[0].comparison.pairs


def test_without_the_clip_nothing_is_decided_and_that_is_said(clips, tmp_path):
    moved = Clip(tmp_path, "moved", 3)
    run = moved.run(tmp_path / "run", {"a": STEADY, "b": NOISY})
    shutil.rmtree(moved.images)
    result = compare_runs([run])
    assert result.pairs[0].verdict.steadier is None
    assert result.pairs[0].comparison.find("loss_1").first is None
    assert result.pairs[0].comparison.find("coverage").first == 1
    assert "its motion is not known" in result.remarks[0]


def test_another_clip_under_the_same_name_is_refused(clips, tmp_path):
    changed = Clip(tmp_path, "changed", 4)
    run = changed.run(tmp_path / "run", {"a": STEADY, "b": NOISY})
    Image.new("RGB", (128, 96)).save(changed.images / "00003.png")
    with pytest.raises(InputError, match="got another one"):
        compare_runs([run])


class TestRunsThatDoNotGoTogether:
    """They are left out and named, whatever order they are given in; the others are compared."""

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"options": {"stride": 2}}, "stride 2 instead of 1"),
            ({"options": {"end": 5}}, "end 5 instead of the clip's end"),
            ({"options": {"start": 1}}, "start 1 instead of 0"),
            ({"clip": {"fps": "12"}}, "rate 12 instead of 24"),
            (
                {"options": {"motion": "farneback"}, "motion": "optical flow (Farneback)"},
                "motion optical flow (Farneback), 512 px instead of optical flow (DIS, medium), 512 px",
            ),
            ({"options": {"flow_long_side": 256}}, "256 px instead of optical flow (DIS, medium), 512 px"),
        ],
        ids=["stride", "end", "start", "rate", "motion", "flow's size"],
    )
    @pytest.mark.parametrize("other_first", [False, True])
    def test_runs_of_one_clip(self, clips, tmp_path, changes, told, other_first):
        pair = clips[0].run(tmp_path / "pair", {"a": STEADY, "b": NOISY})
        other = clips[0].run(tmp_path / "other", {"c": NOISY})
        document = dict(read_manifest(other).document)
        for key, change in changes.items():
            document[key] = {**document[key], **change} if isinstance(change, dict) else change
        write_manifest(other, document)
        found, left_out = runs_by_clip(
            [RunFolder(path) for path in ((other, pair) if other_first else (pair, other))]
        )
        assert [list(clip.models) for clip in found] == [["a", "b"]]
        (sentence,) = left_out
        assert sentence.startswith(
            f"Left out: {other}, whose figures are not comparable with those of {pair} ("
        )
        assert told in sentence

    def test_the_comparison_names_them_and_is_done_in_part(self, clips, tmp_path, capsys):
        pair = clips[0].run(tmp_path / "pair", {"a": STEADY, "b": NOISY})
        other = clips[0].run(tmp_path / "other", {"c": NOISY}, options=asdict(AnalyzeOptions(stride=2)))
        arguments = ["compare", str(other), str(pair), "--no-plots", "--out", str(tmp_path / "out")]
        assert cli.main(arguments) == 4
        assert f"Left out: {other}" in capsys.readouterr().out.replace("\n", " ").replace("  ", " ")
        assert f"Left out: {other}" in (tmp_path / "out" / "comparison.md").read_text()
        assert (
            cli.main(["compare", str(other), str(pair), "--models", "a", "c", "--out", str(tmp_path / "o")])
            == 3
        )

    @pytest.mark.slow
    @pytest.mark.smoke
    def test_clips_of_another_motion_are_left_out_and_compared_when_it_is_estimated_anew(
        self, clips, tmp_path
    ):
        runs = [clip.run(tmp_path / clip.name, {"a": STEADY, "b": NOISY}) for clip in clips]
        by_dis = compare_runs(runs).pairs[0].comparison
        document = dict(read_manifest(runs[1]).document)
        document |= {
            "options": document["options"] | {"motion": "farneback"},
            "motion": "optical flow (Farneback)",
        }
        write_manifest(runs[1], document)
        apart = compare_runs(runs)
        assert list(apart.pairs[0].comparison.clips) == ["one"]
        assert "(motion optical flow (Farneback) instead of optical flow (DIS, medium))" in apart.left_out[0]
        anew = compare_runs(runs, motion="dis")
        assert anew.left_out == ()
        figure = anew.pairs[0].comparison.find("boundary_px")
        assert figure.clips == by_dis.find("boundary_px").clips
        other = compare_runs(runs, motion="farneback").pairs[0].comparison.find("boundary_px")
        assert other.first != figure.first

    @pytest.mark.slow
    def test_clips_of_several_rates_are_compared_clip_by_clip_and_that_is_said(self, clips, tmp_path):
        runs = [clip.run(tmp_path / clip.name, {"a": STEADY, "b": NOISY}) for clip in clips]
        assert not any("frame rates" in remark for remark in compare_runs(runs).remarks)
        document = dict(read_manifest(runs[1]).document)
        write_manifest(runs[1], document | {"clip": document["clip"] | {"fps": "12"}})
        result = compare_runs(runs)
        assert set(result.pairs[0].comparison.clips) == {"one", "two"}
        assert any("several frame rates (12, 24 measured" in remark for remark in result.remarks)


class TestRefusals:
    """Runs that do not go together: one clear sentence each."""

    def refused(self, kind, match, *paths, **options):
        with pytest.raises(kind, match=match) as caught:
            compare_runs(list(paths), **options)
        assert "\n" not in str(caught.value)

    def test_truth_of_other_frames_or_without_identities(self, clips, tmp_path):
        run = clips[0].run(tmp_path / "run", {"a": STEADY, "b": NOISY}, options=asdict(AnalyzeOptions(end=5)))
        for name in ("a", "b"):
            record = RunFolder(run).model(name).masks
            record.write_text("".join(record.read_text().splitlines(keepends=True)[:5]))
        late = tmp_path / "late"
        late.mkdir()
        for index in (7, 8):
            shutil.copy(clips[0].truth / f"{index:05d}.png", late)
        self.refused(InputError, "frames that are measured, 0 to 4, got none", run, ground_truth=late)
        FORMATS["masks"].write(
            replace(open_masks(RunFolder(run).model("a").path), identified=False), tmp_path / "nameless.jsonl"
        )
        self.refused(
            InputError, "an identity for every true mask", run, ground_truth=tmp_path / "nameless.jsonl"
        )
        self.refused(InputError, "nothing there", run, ground_truth=tmp_path / "absent")

    def test_a_folder_that_is_no_run(self, tmp_path):
        self.refused(UsageError, "holds no run.json", tmp_path)
        self.refused(UsageError, "holds no run.json", tmp_path / "absent")

    def test_an_interrupted_run(self, clips, tmp_path):
        run = clips[0].run(tmp_path / "run", {"a": STEADY, "b": NOISY}, completed=False)
        self.refused(InputError, "interrupted: finish it with the same command and --resume", run)

    def test_a_single_model(self, clips, tmp_path):
        run = clips[0].run(tmp_path / "run", {"a": STEADY})
        self.refused(UsageError, "at least two different models", run)

    def test_a_model_against_itself(self, clips, tmp_path):
        run = clips[0].run(tmp_path / "run", {"a": STEADY, "b": NOISY})
        self.refused(UsageError, "at least two different models", run, models=["a", "a"])

    def test_the_same_model_twice_on_one_clip(self, clips, tmp_path):
        runs = [clips[0].run(tmp_path / name, {"a": STEADY}) for name in ("x", "y")]
        self.refused(UsageError, "got a in two runs", *runs)

    def test_different_models_on_different_clips(self, clips, tmp_path):
        first = clips[0].run(tmp_path / "x", {"a": STEADY})
        second = clips[1].run(tmp_path / "y", {"b": NOISY})
        self.refused(
            UsageError, "at least two different models that were run on every clip, got none", first, second
        )
        self.refused(UsageError, "found none for two", first, second, models=["a", "b"])

    def test_models_that_were_never_measured_alike(self, clips, tmp_path):
        first = clips[0].run(tmp_path / "x", {"a": STEADY})
        options = asdict(AnalyzeOptions(end=5))
        second = clips[0].run(tmp_path / "y", {"b": NOISY}, options=options)
        match = rf"got a\b.*Left out: {second}, .*\(end 5 instead of the clip's end\)"
        self.refused(InputError, match, first, second)

    def test_records_of_different_length(self, clips, tmp_path):
        run = clips[0].run(tmp_path / "run", {"a": STEADY, "b": NOISY})
        record = RunFolder(run).model("b").masks
        record.write_text("".join(record.read_text().splitlines(keepends=True)[:-2]))
        self.refused(InputError, "side by side", run)

    def test_a_single_frame(self, clips, tmp_path):
        run = clips[0].run(tmp_path / "run", {"a": STEADY, "b": NOISY}, frames_measured=1)
        self.refused(InputError, "a single frame cannot jitter", run)

    def test_no_object_in_common(self, clips, tmp_path):
        run = clips[0].run(tmp_path / "run", {"a": STEADY, "b": BLIND})
        self.refused(InputError, "an object that counts for two of a, b, found none", run)

    def test_two_clips_of_one_name(self, clips, tmp_path):
        first = clips[0].run(tmp_path / "x", {"a": STEADY, "b": NOISY})
        second = clips[1].run(tmp_path / "y", {"a": STEADY, "b": NOISY}, name="one")
        self.refused(UsageError, "two different ones named one", first, second)

    def test_thresholds_that_differ_from_clip_to_clip(self, clips, tmp_path):
        first = clips[0].run(tmp_path / "x", {"a": STEADY, "b": NOISY})
        second = clips[1].run(tmp_path / "y", {"a": STEADY, "b": NOISY})
        manifest = json.loads((second / "run.json").read_text())
        manifest["models"]["a"]["score_threshold"] = 0.4
        (second / "run.json").write_text(json.dumps(manifest))
        self.refused(InputError, "the same score threshold of a in all runs, got 0.4, 0.5", first, second)

    @pytest.mark.parametrize(
        ("spoil", "match"),
        [
            (lambda folder: shutil.rmtree(folder), "a folder or file of true masks for one"),
            (lambda folder: [path.unlink() for path in folder.iterdir()], "found neither"),
            (
                lambda folder: shutil.copy(folder / "00009.png", folder / "00010.png"),
                "got 00010.png, which is the name of none of them",
            ),
            (
                lambda folder: shutil.copytree(folder, folder.with_name("one.masks")),
                "found one and one.masks",
            ),
            (lambda folder: Image.new("RGB", (128, 96)).save(folder / "00004.png"), "got mode RGB"),
            (lambda folder: (folder / "00004.png").write_bytes(b"no image"), "cannot be decoded"),
            (
                lambda folder: Image.new("L", (64, 48), 1).save(folder / "00004.png"),
                "masks of 128x96 pixels in",
            ),
        ],
        ids=["absent", "empty", "too many", "twice", "colours", "damaged", "another size"],
    )
    def test_true_masks_that_do_not_fit(self, clips, tmp_path, spoil, match):
        run = clips[0].run(tmp_path / "run", {"a": STEADY, "b": NOISY})
        shutil.copytree(clips[0].truth, tmp_path / "truth" / "one")
        spoil(tmp_path / "truth" / "one")
        self.refused(InputError, match, run, clips[1].run(tmp_path / "run2", {"a": STEADY, "b": NOISY}),
                     ground_truth=tmp_path / "truth")  # fmt: skip


def test_what_a_manifest_says_beyond_this_version_is_passed_over(clips, tmp_path):
    """One more key among the options does not keep two of three models from being compared."""
    models = {"a": STEADY, "b": NOISY, "c": ("boundary_noise", 0.8)}
    options = asdict(AnalyzeOptions()) | {"stabilised": True}
    run = clips[0].run(tmp_path / "run", models, options=options, questions=["more"])
    assert [pair.comparison.models for pair in compare_runs([run], models=["a", "b"]).pairs] == [("a", "b")]


def _interrupted(run):
    _change(run, completed=False)


def _change(run, **changes):
    document = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(document | changes))


def _shorten(run):
    record = RunFolder(run).model("b").masks
    record.write_text("".join(record.read_text().splitlines(keepends=True)[:-2]))


def _without_b(run):
    document = json.loads((run / "run.json").read_text())
    del document["models"]["b"]
    (run / "run.json").write_text(json.dumps(document))


UNUSABLE = {
    "interrupted": (_interrupted, "interrupted: finish it"),
    "single frame": (lambda run: _change(run, frames_measured=1), "a single frame cannot jitter"),
    "garbled manifest": (lambda run: (run / "run.json").write_text("{"), "run.json"),
    "of a later version": (lambda run: _change(run, format_version=99), "update yolact-temporal"),
    "garbled record": (_shorten, "side by side"),
    "one model": (_without_b, "it has a, not a and b"),
    "no run": (lambda run: (run / "run.json").unlink(), "holds no run.json"),
}


class TestUnusableRuns:
    """A run that cannot be used does not keep the others from being compared; it is named with its reason."""

    @pytest.mark.slow
    @pytest.mark.parametrize("kind", UNUSABLE)
    def test_it_is_passed_over_and_named(self, clips, tmp_path, capsys, kind):
        spoil, reason = UNUSABLE[kind]
        runs = [clip.run(tmp_path / clip.name, {"a": STEADY, "b": NOISY}) for clip in clips]
        spoil(runs[1])
        arguments = ["compare", *map(str, runs), "--no-plots", "--out", str(tmp_path / "out")]
        assert cli.main([*arguments, "--json"]) == 4
        printed = capsys.readouterr()
        (sentence,) = printed.err.splitlines()
        assert sentence.startswith("yolact-temporal: Left out: ")
        assert reason in sentence
        assert "two" in sentence
        assert reason in " ".join(json.loads(printed.out)["remarks"])
        rows = read_rows(tmp_path / "out" / "comparison.csv")
        assert {row["clip"] for row in rows} == {"one"}
        page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
        assert page.count("Too short to say which of a and b is steadier") == 1
        assert cli.main(arguments) == 4
        assert reason in " ".join(capsys.readouterr().out.split())

    def test_where_nothing_is_left_the_reasons_are_told(self, clips, tmp_path, capsys):
        runs = [clip.run(tmp_path / clip.name, {"a": STEADY, "b": NOISY}) for clip in clips]
        _interrupted(runs[0])
        _change(runs[1], frames_measured=1)
        assert cli.main(["compare", *map(str, runs), "--out", str(tmp_path / "out")]) == 3
        (sentence,) = capsys.readouterr().err.splitlines()
        assert "found none among 2" in sentence
        assert "interrupted" in sentence
        assert "a single frame cannot jitter" in sentence
        assert not (tmp_path / "out").exists()

    def test_a_pattern_may_name_the_comparison_that_lies_beside_the_runs(self, clips, tmp_path):
        run = clips[0].run(tmp_path / "run", {"a": STEADY, "b": NOISY})
        (tmp_path / "comparison.csv").touch()
        assert compare_runs([tmp_path / "comparison.csv", run]).left_out == ()
        (tmp_path / "notes.txt").touch()
        assert "notes.txt" in compare_runs([tmp_path / "notes.txt", run]).left_out[0]

    def test_a_path_that_is_not_there_is_a_mistake(self, clips, tmp_path):
        run = clips[0].run(tmp_path / "run", {"a": STEADY, "b": NOISY})
        with pytest.raises(UsageError, match="absent"):
            compare_runs([run, tmp_path / "absent"])


class TestCommand:
    @pytest.mark.slow
    @pytest.mark.smoke
    def test_it_writes_tables_and_prints_the_verdict(self, clips, tmp_path, capsys):
        run = clips[0].run(tmp_path / "run", {"a": STEADY, "b": NOISY})
        assert cli.main(["compare", str(run), "--out", str(tmp_path / "out")]) == 0
        assert "Too short to say which of a and b is steadier" in capsys.readouterr().out
        assert {path.name for path in (tmp_path / "out").iterdir()} == {
            "comparison.csv", "comparison.md", "comparison.json", "comparison.png", "report.html"
        }  # fmt: skip
        rows = read_rows(tmp_path / "out" / "comparison.csv")
        assert {row["clip"] for row in rows} == {"one"}

    @pytest.mark.slow
    def test_json_is_all_that_stdout_holds(self, clips, tmp_path, capsys):
        run = clips[0].run(tmp_path / "run", {"a": STEADY, "b": NOISY})
        assert cli.main(["compare", str(run), "--json", "--out", str(tmp_path / "out")]) == 0
        found = json.loads(capsys.readouterr().out)["comparisons"][0]
        assert found["models"] == ["a", "b"]
        assert found["steadier"] is None
        assert found["common"] <= found["pairs"]

    @pytest.mark.parametrize(
        ("arguments", "code"), [(["absent"], 2), ([], 2), (["x", "--ground-truth-format", "mots"], 2)]
    )
    def test_refusals_have_their_exit_code(self, tmp_path, capsys, arguments, code):
        try:
            found = cli.main(["compare", *arguments, "--out", str(tmp_path / "out")])
        except SystemExit as error:  # argparse's own
            found = error.code
        assert found == code
        assert not (tmp_path / "out").exists()

    @pytest.mark.slow
    @pytest.mark.smoke
    def test_more_than_two_models_have_one_picture_and_pairs_on_request(self, clips, tmp_path):
        run = clips[0].run(tmp_path / "run", {"a": STEADY, "b": NOISY, "c": ("boundary_noise", 0.8)})
        result = compare_runs([run])
        for name, pair_plots, more in (("all", False, 0), ("pairs", True, 3)):
            write_comparison(result, tmp_path / name, "one", pair_plots=pair_plots)
            pictures = sorted(path.name for path in (tmp_path / name).glob("*.png"))
            assert pictures == ["comparison.png", *(f"comparison_{at + 1}.png" for at in range(more))]
