"""`what-if`, `stabilize` and `analyze --stabilize`: what they write, and what they refuse in one sentence."""

from __future__ import annotations

import csv
import json
import re
import shutil
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from clips import write_images
from PIL import Image
from scored_masks import one_sentence

from yolact_temporal.analyzing.mask_sources import as_mask_source
from yolact_temporal.analyzing.models import LoadedModel
from yolact_temporal.analyzing.request import Destination, Pictures, RunRequest
from yolact_temporal.analyzing.run_clip import run_clip
from yolact_temporal.analyzing.stabilized_masks import with_followers
from yolact_temporal.cli import main as cli
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.masks_jsonl import FrameRecord, RecordWriter, read_records
from yolact_temporal.data.sources import open_clip
from yolact_temporal.data.synthetic import SceneOptions, SyntheticScene, make_stand_in
from yolact_temporal.errors import UsageError
from yolact_temporal.temporal.stabilizing.registry import METHODS, candidates_of, parse_method

SIZE, FRAMES = (96, 128), 24
DIPS = {5, 11, 12}


class Clip:
    """A scene on disk, and masks of it: noisy ones, whose score dips below the threshold in some frames."""

    def __init__(self, folder, name, seed):
        self.name, self.folder = name, folder
        scene = SceneOptions(seed=seed, size=SIZE, frames=FRAMES, camera="pan", objects=2, texture=1.0)
        self.frames = list(SyntheticScene(scene))
        self.images = write_images(folder / "clips" / name, (frame.rgb for frame in self.frames))
        self.truth = folder / "truth" / name
        self.truth.mkdir(parents=True)
        for frame in self.frames:
            labels = np.zeros(SIZE, np.uint8)
            for key, mask in frame.masks.items():
                labels[mask] = key
            Image.fromarray(labels).save(self.truth / f"{frame.index:05d}.png")

    def seen(self, fault="boundary_noise", dose=1.0, dips=DIPS):
        model = make_stand_in(fault, dose, 1)
        found = []
        for frame in self.frames:
            own = model.see(frame)
            scores = [0.3 if frame.index in dips else 0.9] * len(own)
            found.append(Instances(own.boxes, scores, own.class_ids, own.crops, SIZE))
        return found

    def masks(self, name, identities=False, **changes):
        """Write masks and return the file."""
        path = self.folder / name / "masks.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = RecordWriter.start(path, ("person", "vehicle", "animal"))
        for frame, own in zip(self.frames, self.seen(**changes), strict=True):
            keys = tuple(range(1, len(own) + 1)) if identities else None
            writer.write(FrameRecord(frame.index, frame.index / 24, own, keys))
        writer.close()
        return path


def command(capsys, *arguments):
    """The exit code and what was printed, which nobody asks for where there is no `capsys`."""
    if capsys is None:
        return cli.main([str(each) for each in arguments]), "", ""
    capsys.readouterr()
    code = cli.main([str(each) for each in arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def scored(capsys, out, *masks, clip=None, threshold=0.5, **options):
    """A finished run of masks."""
    given = ["--clip", clip.images] if clip is not None else []
    more = [part for key, value in options.items() for part in (f"--{key.replace('_', '-')}", value)]
    code, _, err = command(
        capsys, "score", *masks, *given, *more, "--score-threshold", threshold, "--fps", 24, "--out", out,
        "--no-overlay", "--no-plots", "--quiet",
    )  # fmt: skip
    assert code == 0, err
    (run,) = (path.parent for path in out.glob("*/run.json"))
    return run


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    return [Clip(folder / name, name, seed) for seed, name in enumerate(("one", "two"), start=1)]


@pytest.fixture(scope="module")
def run(clips, tmp_path_factory):
    """A finished run, made once for all tests: leave it as it is."""
    out = tmp_path_factory.mktemp("finished") / "runs"
    return scored(None, out, clips[0].masks("noisy"), clip=clips[0])


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.smoke
def test_what_if_tries_every_method_and_writes_three_files(run, tmp_path, capsys):
    out = tmp_path / "what_if"
    code, told, err = command(capsys, "what-if", run, "--out", out)
    assert code == 0, err
    assert sorted(path.name for path in out.iterdir()) == ["what_if.csv", "what_if.md", "what_if.png"]
    table = {row["method"]: row for row in rows(out / "what_if.csv")}
    tried = [own for own in METHODS.values() if not own.needs_soft]
    assert list(table) == [each.name for each in candidates_of(tried)]
    assert float(table["identity"]["deviation"]) == 0
    summary = {row["metric"]: row["value"] for row in rows(run / "summary.csv")}
    assert table["identity"]["boundary_px"] == summary["boundary_px_mean"]
    assert table["identity"]["jitter"] == summary["motion_compensated_jitter"]
    assert float(table["hysteresis0"]["absent_share"]) == 0 < float(table["identity"]["absent_share"])
    assert float(table["median3"]["boundary_px_gain"]) > 0
    assert [name for name, row in table.items() if row["control"] == "true"] == ["identity", "freeze"]
    assert table["freeze"]["recommended"] == "false"
    assert "Causal" in told
    assert "With a look-ahead" in told
    assert "chosen on this very clip" in told
    assert "only steadier at such a cost" in told
    with Image.open(out / "what_if.png") as picture:
        assert picture.width > 600


@pytest.mark.slow
@pytest.mark.smoke
def test_two_clips_choose_parameters_on_the_other_one(clips, tmp_path, capsys):
    for clip in clips:
        scored(capsys, tmp_path / "runs" / clip.name, clip.masks("noisy"), clip=clip)
    runs = [path.parent for path in (tmp_path / "runs").glob("*/*/run.json")]
    code, told, err = command(
        capsys, "what-if", *runs, "--out", tmp_path / "out", "--no-plots", "--method", "hold:2", "--method", "hold:5",
        "--json",
    )  # fmt: skip
    assert code == 0, err
    assert "best on the other clips" in told
    assert "very clip" not in told
    assert set(json.loads(told)["recommended"]) == {"noisy"}
    assert {row["clip"] for row in rows(tmp_path / "out" / "what_if.csv")} == {"one", "two"}


@pytest.mark.slow
def test_a_ground_truth_adds_quality_and_is_what_is_judged_on(run, clips, tmp_path, capsys):
    out = tmp_path / "out"
    code, told, err = command(
        capsys, "what-if", run, "--ground-truth", clips[0].truth, "--out", out, "--no-plots", "--method", "median:3"
    )  # fmt: skip
    assert code == 0, err
    assert "dtSSD" in told
    assert "Without a ground truth" not in told
    table = {row["method"]: row for row in rows(out / "what_if.csv")}
    assert float(table["median3"]["truth_j"]) > float(table["identity"]["truth_j"]) - 0.02
    assert float(table["freeze"]["truth_j"]) < float(table["identity"]["truth_j"])
    assert int(table["identity"]["pairs"]) == sum(
        len(before.masks.keys() & now.masks.keys()) for before, now in pairwise(clips[0].frames)
    )


@pytest.mark.slow
@pytest.mark.smoke
def test_of_two_models_the_objects_are_their_consensus(clips, tmp_path, capsys):
    masks = [clips[0].masks("noisy"), clips[0].masks("steady", fault="truth", dips={3})]
    run = scored(capsys, tmp_path / "runs", *masks, clip=clips[0])
    out = tmp_path / "out"
    code, _, err = command(capsys, "what-if", run, "--out", out, "--no-plots", "--method", "hysteresis")
    assert code == 0, err
    pairs = {(row["model"], row["method"]): row["pairs"] for row in rows(out / "what_if.csv")}
    assert len(set(pairs.values())) == 1, "the universe is the same for both models and all methods"


def test_without_the_clip_only_methods_without_flow_are_tried_and_it_is_said(clips, tmp_path, capsys):
    run = scored(capsys, tmp_path / "runs", clips[0].masks("noisy"))
    out = tmp_path / "out"
    code, told, err = command(capsys, "what-if", run, "--out", out, "--no-plots")
    assert code == 0, err
    tried = {row["method"] for row in rows(out / "what_if.csv")}
    assert {parse_method(name).spec.needs_motion for name in tried} == {False}
    assert all(row["loss_1"] == "" for row in rows(out / "what_if.csv"))
    assert "its motion is not known" in told
    assert told.count("None of these is recommended") == 2


@pytest.mark.slow
@pytest.mark.smoke
def test_without_faint_instances_hysteresis_is_left_out_and_it_is_said(clips, tmp_path, capsys):
    run = scored(capsys, tmp_path / "runs", clips[0].masks("noisy"), clip=clips[0], threshold=0.1)
    out = tmp_path / "out"
    code, told, _ = command(capsys, "what-if", run, "--out", out, "--no-plots")
    assert code == 0
    assert not any(row["method"].startswith("hysteresis") for row in rows(out / "what_if.csv"))
    assert "so hysteresis is left out" in told


@pytest.mark.slow
@pytest.mark.smoke
def test_given_identities_are_the_tracks(clips, tmp_path, capsys):
    masks = clips[0].masks("noisy", identities=True)
    run = scored(capsys, tmp_path / "runs", masks, clip=clips[0])
    assert command(capsys, "what-if", run, "--out", tmp_path / "out", "--no-plots")[0] == 0
    table = {row["method"]: row for row in rows(tmp_path / "out" / "what_if.csv")}
    assert float(table["hysteresis0"]["absent_share"]) == 0
    code, _, err = command(
        capsys, "stabilize", run, "--method", "hysteresis", "--out", tmp_path / "new", "--no-plots", "--no-overlay"
    )  # fmt: skip
    assert code == 0, err
    written = list(read_records(tmp_path / "new" / run.name / "noisy+hysteresis0" / "masks.jsonl"))
    assert all(record.identities == (1, 2) for record in written)


@pytest.mark.slow
@pytest.mark.smoke
def test_stabilize_writes_a_run_of_both_that_everything_reads(run, tmp_path, capsys):
    out = tmp_path / "new"
    before = (run / "run.json").read_bytes()
    code, _, err = command(
        capsys, "stabilize", run, "--method", "hysteresis", "--method", "median:3", "--out", out, "--no-plots"
    )
    assert code == 0, err
    assert (run / "run.json").read_bytes() == before
    new = out / run.name
    models = ["noisy", "noisy+hysteresis0", "noisy+median3"]
    for name in models:
        for file in (
            "masks.jsonl",
            "frames.csv",
            "instances.csv",
            "tracks.csv",
            "absences.csv",
            "overlay.mp4",
        ):
            assert (new / name / file).is_file(), (name, file)
    assert (new / "noisy" / "masks.jsonl").read_bytes() == (run / "noisy" / "masks.jsonl").read_bytes()
    manifest = json.loads((new / "run.json").read_text())
    assert list(manifest["models"]) == models
    assert manifest["models"]["noisy+median3"]["stabilized"] == {
        "model": "noisy",
        "method": "median3",
        "look_ahead": 1,
    }
    summary = {(row["model"], row["metric"]): row["value"] for row in rows(new / "summary.csv")}
    assert float(summary["noisy+hysteresis0", "dropout_rate"]) == 0 < float(summary["noisy", "dropout_rate"])
    assert float(summary["noisy+median3", "boundary_px_mean"]) < float(summary["noisy", "boundary_px_mean"])
    assert summary["noisy", "absences_faint"] == "6"
    report = (new / "report.md").read_text(encoding="utf-8")
    assert "noisy against noisy+median3" in report
    assert (
        "noisy: Of 6 frames in which an object is gone 6 are faint: a lower threshold for known objects would keep "
        "them." in report
    )
    assert command(capsys, "compare", new, "--out", tmp_path / "compared", "--no-plots")[0] in (0, 4)
    exported = tmp_path / "masks.json"
    assert (
        command(capsys, "export", new, "--model", "noisy+median3", "--format", "coco", "--out", exported)[0]
        == 0
    )
    assert command(capsys, "what-if", new, "--out", tmp_path / "again", "--no-plots")[0] == 0
    again = rows(tmp_path / "again" / "what_if.csv")
    assert {row["model"] for row in again} == {"noisy"}, (
        "what is stabilised already is no witness of its own gain"
    )
    assert command(capsys, "what-if", run, "--out", tmp_path / "first", "--no-plots")[0] == 0
    assert again == rows(tmp_path / "first" / "what_if.csv")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "says", "code"),
    [
        (["stabilize", "RUN", "--method", "blur"], "expected a method of identity", 2),
        (["stabilize", "RUN", "--method", "sdf:2"], "expected a number from 0.05 to 1 as alpha", 2),
        (["stabilize", "RUN", "--method", "hold", "--method", "hold:5"], "expected every method once", 2),
        (["stabilize", "RUN", "--method", "hold", "--model", "mine"], "expected a model of", 2),
        (["stabilize", "NOWHERE", "--method", "hold"], "which holds no run.json", 2),
        (["stabilize", "BROKEN", "--method", "hold"], "which was interrupted", 3),
        (["stabilize", "UNSEEN", "--method", "hold"], "for hold5, found none: bring it back to its place", 3),
        (["stabilize", "FAINTLESS", "--method", "hysteresis"], "below the operating threshold", 3),
        (["what-if", "RUN", "--method", "blur"], "expected a method of identity", 2),
        (["what-if", "RUN", "--models", "mine"], "expected a model that every clip was run with", 2),
        (["what-if", "RUN", "--bound", "cost=1"], "expected --bound of deviation", 2),
        (["what-if", "RUN", "--bound", "lag=x"], "expected a number of 0 or more as lag, got 'x'", 2),
        (["what-if", "NOWHERE"], "which holds no run.json", 2),
        (["what-if", "BROKEN"], "which was interrupted", 3),
        (["what-if", "GARBLED"], "analyze the clip again with --overwrite", 3),
    ],
)
def test_bad_input_is_told_in_one_sentence(arguments, says, code, run, clips, tmp_path, capsys):
    if "UNSEEN" in arguments:
        scored(capsys, tmp_path / "UNSEEN", clips[0].masks("noisy"))
    if "FAINTLESS" in arguments:
        scored(capsys, tmp_path / "FAINTLESS", clips[0].masks("noisy"), threshold=0.1)
    made = {"RUN": run, "NOWHERE": tmp_path / "nowhere"}
    for name in ("UNSEEN", "FAINTLESS"):
        made[name] = next(iter(path.parent for path in (tmp_path / name).glob("*/run.json")), run)
    for name in ("BROKEN", "GARBLED"):
        made[name] = tmp_path / name
        shutil.copytree(run, made[name])
    manifest = json.loads((made["BROKEN"] / "run.json").read_text())
    (made["BROKEN"] / "run.json").write_text(json.dumps(manifest | {"completed": False}))
    table = made["GARBLED"] / "noisy" / "instances.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:-4]) + "\n")
    given = [str(made.get(part, part)) for part in arguments]
    found, _, err = command(capsys, *given, "--out", tmp_path / "none", "--quiet")
    assert found == code, err
    assert says in one_sentence(err)
    assert not list((tmp_path / "none").glob("*/*"))


class TestWhileRunning:
    def models(self, clip, *methods, last=FRAMES):
        found = clip.seen()

        class Seer:
            name = "seer"
            class_names = ("person", "vehicle", "animal")

            @staticmethod
            def segment(pixels):
                (own,) = (
                    index for index, frame in enumerate(clip.frames) if np.array_equal(frame.rgb, pixels[0])
                )
                if own >= last:
                    raise RuntimeError("broken off")
                return [found[own]]

        manifest = {
            "note": "seer.",
            "config": {"class_names": list(Seer.class_names)},
            "score_threshold": 0.5,
        }
        source = as_mask_source(LoadedModel(Seer(), 0.5, manifest))
        return with_followers(
            [source], [parse_method(method) for method in methods or ("vote:3",)], Fraction(24)
        )

    @pytest.mark.slow
    @pytest.mark.smoke
    def test_a_causal_method_gives_what_it_gives_afterwards(self, clips, tmp_path, capsys):
        methods = ("vote:3", "hysteresis", "sdf:0.5")
        destination = Destination("one", tmp_path / "runs" / "one", pictures=Pictures(False, False))
        source = open_clip(clips[0].images, fps=24)
        run_clip(source, self.models(clips[0], *methods), RunRequest(destination))
        asked = [part for method in methods for part in ("--method", method)]
        code, _, err = command(
            capsys, "stabilize", destination.folder, "--model", "seer", *asked, "--out", tmp_path / "new",
            "--no-plots", "--no-overlay",
        )  # fmt: skip
        assert code == 0, err
        live, afterwards = (
            {
                path.parent.name: path.read_bytes()
                for path in (tmp_path / out / "one").glob("seer+*/masks.jsonl")
            }
            for out in ("runs", "new")
        )
        assert len(live) == len(set(live.values())) == len(methods)
        assert live == afterwards

    @pytest.mark.slow
    @pytest.mark.smoke
    def test_a_broken_run_is_taken_up_again(self, clips, tmp_path):
        whole, broken = (tmp_path / name / "one" for name in ("whole", "broken"))

        def run(folder, resume=False, last=FRAMES):
            source = open_clip(clips[0].images, fps=24)
            destination = Destination("one", folder, resume=resume, pictures=Pictures(False, False))
            run_clip(source, self.models(clips[0], last=last), RunRequest(destination))

        run(whole)
        with pytest.raises(RuntimeError, match="broken off"):
            run(broken, last=13)
        run(broken, resume=True)
        for file in ("masks.jsonl", "instances.csv", "absences.csv"):
            for model in ("seer", "seer+vote3"):
                assert (broken / model / file).read_bytes() == (whole / model / file).read_bytes(), file

    def test_one_that_needs_the_future_is_refused(self, clips):
        with pytest.raises(
            UsageError, match="expected a method that works live beside --stabilize, got median3"
        ):
            self.models(clips[0], "median:3")


@pytest.mark.parametrize(
    ("method", "says"),
    [
        (
            "median:3",
            "expected a method that works live beside --stabilize, got median3, which needs 1 frame of",
        ),
        ("blur", "expected a method of identity"),
    ],
)
def test_analyze_refuses_methods_before_anything_is_loaded(method, says, clips, tmp_path, capsys):
    code, _, err = command(
        capsys, "analyze", clips[0].images, "--stabilize", method, "--out", tmp_path / "runs", "--quiet"
    )
    assert code == 2
    assert says in one_sentence(err)
    assert not (tmp_path / "runs").exists()


def test_the_example_of_the_page_runs(capsys):
    page = (Path(__file__).parent.parent / "docs" / "stabilizing.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(example, "docs/stabilizing.md", "exec"), {})
    assert capsys.readouterr().out.count("[[20. 16. 36. 32.]]") == 4


def test_every_method_is_on_the_page():
    page = (Path(__file__).parent.parent / "docs" / "stabilizing.md").read_text(encoding="utf-8")
    assert all(f"`{name}" in page for name in METHODS)
