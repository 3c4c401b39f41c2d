"""The command line: what it refuses, in one sentence and with the documented exit code, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from clips import damage, truncate, write_clip, write_images
from safetensors.torch import save_file
from thorough import thorough_but

from yolact_temporal.cli import main as cli
from yolact_temporal.data.photo_film import PhotoFilm
from yolact_temporal.data.sources import open_clip
from yolact_temporal.temporal.plots import read_rows

FAST = ["--quiet"]


def write_film(path, count):
    """Write `count` frames of the demo's film as a small clip: real content, in which the bundled model sees people."""
    film = PhotoFilm(size=(144, 168), seconds_per_move=1)
    return write_clip(path, (frame.rgb for frame in islice(film, count)), size=(144, 168))


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    return write_film(tmp_path_factory.mktemp("clips") / "film.mp4", 12)


@pytest.fixture
def analyze(tmp_path, capsys):
    """Run `analyze` in this process, one model alone unless told; returns the exit code, stdout and stderr."""

    def run(*arguments, out=tmp_path / "runs", alone=True):
        capsys.readouterr()
        options = ["--no-plots", *(["--no-baseline"] if alone else [])]
        code = cli.main(["analyze", *map(str, arguments), "--out", str(out), *options])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def one_sentence(err):
    lines = [line for line in err.splitlines() if line.startswith("yolact-temporal: ")]
    assert len(lines) == 1, err
    assert "Traceback" not in err
    return lines[0]


class TestHelp:
    def test_help_is_instant_and_loads_nothing_heavy(self):
        code = (
            "import sys; from yolact_temporal.cli import main as cli\n"
            "try: cli.main(['analyze', '--help'])\n"
            "except SystemExit: pass\n"
            "print(sorted({'torch', 'cv2', 'numpy', 'av', 'matplotlib', 'tqdm'} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.endswith("[]\n")
        assert "--score-threshold" in done.stdout
        assert "130  interrupted" in done.stdout

    def test_no_command_prints_the_help_and_is_wrong_usage(self, capsys):
        assert cli.main([]) == 2
        assert "analyze" in capsys.readouterr().out

    def test_the_version_is_printed(self, capsys):
        assert cli.main(["--version"]) == 0
        assert capsys.readouterr().out.startswith("yolact-temporal ")


class TestRefusals:
    """Wrong arguments: exit code 2, one sentence, nothing written."""

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["--model", "yolact_bse"], "'yolact_bse'"),
            (["--device", "warp"], "'warp'"),
            (["--precision", "int8"], "'int8'"),
            (["--start", "9", "--end", "3"], "--start before --end, got"),
            (["--start", "3s", "--end", "1s"], "--start before --end"),
            (["--start", "x"], "2.5s"),
            (["--stride", "0"], "--stride of 1 or more, got 0"),
            (["--batch", "0"], "--batch of 1 or more, got 0"),
            (["--score-threshold", "30"], "0 to 1, got 30"),
            (["--decoder", "ffmpeg"], "ffmpeg"),
        ],
    )
    def test_wrong_arguments(self, analyze, clip, tmp_path, arguments, sentence):
        code, _, err = analyze(clip, *arguments)
        assert code == 2
        assert sentence in one_sentence(err)
        assert not (tmp_path / "runs").exists()

    @pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
    def test_a_device_that_is_not_there(self, analyze, clip):
        code, _, err = analyze(clip, "--device", "cuda")
        assert code == 2
        assert "got 'cuda'" in one_sentence(err)

    def test_an_output_that_is_a_file(self, analyze, clip, tmp_path):
        (tmp_path / "taken").write_text("mine")
        code, _, err = analyze(clip, out=tmp_path / "taken")
        assert code == 2
        assert "pass another one to --out" in one_sentence(err)
        assert (tmp_path / "taken").read_text() == "mine"

    def test_two_clips_of_one_name(self, analyze, clip, tmp_path):
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "film.mkv").write_bytes(b"some content")
        code, _, err = analyze(clip, tmp_path / "other" / "film.mkv")
        assert code == 2
        assert "film more than once" in one_sentence(err)

    def test_overwrite_spares_a_folder_that_is_no_run(self, analyze, clip, tmp_path):
        (tmp_path / "runs" / "film").mkdir(parents=True)
        (tmp_path / "runs" / "film" / "thesis.tex").write_text("mine")
        code, _, err = analyze(clip, "--overwrite")
        assert code == 2
        assert "holds other files" in one_sentence(err)
        assert (tmp_path / "runs" / "film" / "thesis.tex").exists()


class TestUnreadableInput:
    """Input that cannot be read: exit code 3, one sentence."""

    @pytest.mark.parametrize(
        ("name", "content", "sentence"),
        [
            ("absent.mp4", None, "absent.mp4"),
            ("empty.mp4", b"", "empty"),
            ("text.mp4", b"no video at all\n" * 50, "text.mp4"),
        ],
    )
    def test_files_that_are_no_clip(self, analyze, tmp_path, name, content, sentence):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        code, _, err = analyze(path)
        assert code == 3
        assert sentence in one_sentence(err)

    def test_a_folder_without_images(self, analyze, tmp_path):
        (tmp_path / "holiday").mkdir()
        code, _, err = analyze(tmp_path / "holiday")
        assert code == 3
        assert "holiday" in one_sentence(err)

    def test_a_range_past_the_end(self, analyze, clip):
        code, _, err = analyze(clip, "--start", "500")
        assert code == 3
        assert "12" in one_sentence(err)

    @pytest.mark.slow
    def test_one_bad_clip_does_not_keep_the_others_from_being_measured(self, analyze, clip, tmp_path):
        (tmp_path / "broken.mp4").write_bytes(b"no video at all\n" * 50)
        code, out, err = analyze(tmp_path / "broken.mp4", clip, "--json", "--quiet")
        assert code == 4
        assert "broken.mp4" in one_sentence(err)
        result = json.loads(out)
        assert [run["clip"] for run in result["runs"]] == ["film"]
        assert len(result["errors"]) == 1

    def test_weights_that_do_not_fit(self, clip, tmp_path, capsys):
        save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
        arguments = ["--weights", str(tmp_path / "other.safetensors"), "--out", str(tmp_path / "runs")]
        assert cli.main(["analyze", str(clip), *arguments]) == 3
        one_sentence(capsys.readouterr().err)

    def test_weights_that_are_missing_name_the_command_that_fetches_them(
        self, clip, tmp_path, capsys, monkeypatch
    ):
        monkeypatch.setenv("YOLACT_TEMPORAL_CACHE", str(tmp_path / "cache"))
        out = ["--out", str(tmp_path / "runs"), "--no-baseline"]
        assert cli.main(["analyze", str(clip), "--model", "yolact_base", *out]) == 3
        assert "yolact-temporal weights fetch yolact_base" in one_sentence(capsys.readouterr().err)
        assert cli.main(["analyze", str(clip), "--model", "yolact_im400", *out]) == 3
        assert "weights import" in one_sentence(capsys.readouterr().err)


@pytest.fixture(scope="module")
def run(clip, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    assert cli.main(["analyze", str(clip), "--out", str(out), "--quiet"]) == 0
    return out / "film"


@pytest.mark.slow
@pytest.mark.smoke
class TestARun:
    def test_every_file_is_there_and_no_part_is_left(self, run):
        files = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
        models = {
            f"{model}/{name}"
            for model in ("yolact_compact", "mask_rcnn_compact")
            for name in (
                "masks.jsonl",
                "frames.csv",
                "instances.csv",
                "tracks.csv",
                "absences.csv",
                "overlay.mp4",
                "why.csv",
            )
        }
        plots = {name for name in files if name.startswith("plots/")}
        compared = {"objects.csv", "comparison.csv", "comparison.md", "comparison.json", "comparison.png"}
        told = {"run.json", "summary.csv", "moments.csv", "report.md", "report.html"}
        assert files - plots == told | models | compared
        assert plots
        assert all(name.endswith(".png") for name in plots)

    def test_the_manifest_says_what_was_run(self, run, clip):
        manifest = json.loads((run / "run.json").read_text())
        assert manifest["completed"]
        assert manifest["frames_measured"] == 12
        assert manifest["clip"]["path"] == str(clip)
        assert manifest["clip"]["decoder"] in ("decord", "pyav")
        model = manifest["models"]["yolact_compact"]
        assert model["record_threshold"] == 0.1 < model["score_threshold"]
        assert list(manifest["models"]) == ["yolact_compact", "mask_rcnn_compact"]
        assert model["mask_cell_px"] == [manifest["clip"]["width"] / 96, manifest["clip"]["height"] / 96]
        assert manifest["models"]["mask_rcnn_compact"]["mask_cell_px"] is None, (
            "its masks are pasted, not cut"
        )
        assert len(model["weights"]["sha256"]) == 64
        assert "not a published one" in model["note"]
        assert "--model yolact_base" in (run / "report.md").read_text()

    def test_tables_agree_with_the_record(self, run):
        model = run / "yolact_compact"
        records = [json.loads(line) for line in (model / "masks.jsonl").read_text().splitlines()]
        frames = read_rows(model / "frames.csv")
        instances = read_rows(model / "instances.csv")
        tracks = read_rows(model / "tracks.csv")
        assert [record["frame"] for record in records] == list(range(12))
        assert [int(row["frame"]) for row in frames] == list(range(12))
        threshold = json.loads((run / "run.json").read_text())["models"]["yolact_compact"]["score_threshold"]
        scores = [instance["score"] for record in records for instance in record["instances"]]
        assert len(instances) == sum(score > threshold for score in scores) > 0
        assert min(scores) > 0.1
        assert {row["track_id"] for row in tracks} == {
            row["track_id"] for row in instances if row["track_id"]
        }
        text = (model / "instances.csv").read_text() + (run / "summary.csv").read_text()
        assert "nan" not in text.lower()

    def test_a_taken_folder_is_refused_and_can_be_replaced(self, run, clip, capsys):
        arguments = ["analyze", str(clip), "--out", str(run.parent), "--quiet"]
        before = (run / "summary.csv").read_bytes()
        assert cli.main(arguments) == 2
        assert "--overwrite" in one_sentence(capsys.readouterr().err)
        assert (run / "summary.csv").read_bytes() == before
        assert cli.main([*arguments, "--overwrite"]) == 0
        assert (run / "summary.csv").read_bytes() == before

    def test_a_single_model_says_what_it_is_and_is_compared_with_nothing(self, analyze, clip, tmp_path):
        code, out, _ = analyze(clip, "--end", "3")
        assert code == 0
        assert out.splitlines()[0].startswith("yolact_compact is this project's own small model")
        assert "--model yolact_base" in out.splitlines()[0]
        assert len(out.splitlines()) <= 25
        assert "boundary displacement" not in out
        assert out.count("this project's own small model") == 1
        assert not list((tmp_path / "runs" / "film").glob("*comparison*"))
        assert not (tmp_path / "runs" / "film" / "objects.csv").exists()

    def test_json_is_all_that_stdout_holds(self, analyze, clip):
        code, out, err = analyze(clip, "--end", "3", "--json")
        assert code == 0
        result = json.loads(out)
        assert result["exit_code"] == 0
        assert result["runs"][0]["frames"] == 3
        figure = result["runs"][0]["models"]["yolact_compact"]["boundary_px_mean"]
        assert figure["unit"] == "px"
        reading = result["runs"][0]["reading"]
        assert reading["objects"]
        assert reading["movement"][0]["model"] == "yolact_compact"
        assert figure["value"] > 0
        assert "yolact_compact is" in err

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (["--start", "2", "--end", "6"], [2, 3, 4, 5]),
            (["--stride", "5"], [0, 5, 10]),
            (["--start", "0.2s", "--end", "0.32s"], [5, 6, 7]),
        ],
    )
    def test_ranges(self, analyze, clip, tmp_path, options, expected):
        assert analyze(clip, *options, "--quiet")[0] == 0
        rows = read_rows(tmp_path / "runs" / "film" / "yolact_compact" / "frames.csv")
        assert [int(row["frame"]) for row in rows] == expected

    def test_batches_change_nothing_but_rounding(self, analyze, clip, run, tmp_path):
        assert analyze(clip, "--quiet", "--batch", "5")[0] == 0
        counts = [
            [row["instances"] for row in read_rows(path / "yolact_compact/frames.csv")]
            for path in (run, tmp_path / "runs/film")
        ]
        assert counts[0] == counts[1]

    def test_a_folder_of_images_with_spaces_and_other_letters(self, analyze, tmp_path):
        folder = write_images(tmp_path / "mein schöner $Film$ {影", 4)
        code, _, err = analyze(folder, "--quiet")
        assert code == 0, err
        assert (tmp_path / "runs" / "mein schöner $Film$ {影" / "summary.csv").exists()

    def test_one_frame_has_instances_and_no_jitter(self, analyze, clip, tmp_path):
        assert analyze(clip, "--end", "1", "--quiet")[0] == 3
        rows = {row["metric"]: row for row in read_rows(tmp_path / "runs/film/summary.csv")}
        assert int(rows["instances"]["value"]) > 0
        assert rows["boundary_px_mean"]["value"] == ""
        assert rows["dropout_rate"]["value"] == ""


@pytest.mark.slow
class TestBaselines:
    """Which models are run beside each other."""

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["--baseline", "mask_rcnn"], "got 'mask_rcnn'"),
            (["--baseline", "yolact_compact"], "yolact_compact more than once"),
            (["--baseline", "mask_rcnn_compact"] * 2, "mask_rcnn_compact more than once"),
            (["--baseline", "mask_rcnn_compact", "--no-baseline"], "--baseline or --no-baseline, got both"),
        ],
    )
    def test_what_cannot_be_compared_is_refused(self, analyze, clip, tmp_path, arguments, sentence):
        code, _, err = analyze(clip, *arguments, alone=False)
        assert code == 2
        assert sentence in one_sentence(err)
        assert not (tmp_path / "runs").exists()

    def test_missing_weights_of_a_baseline_nobody_asked_for_name_both_ways_out(
        self, analyze, clip, monkeypatch
    ):
        monkeypatch.setattr(
            "yolact_temporal.analyzing.chosen_models.counterpart", lambda name: "mask_rcnn_resnet50_fpn"
        )
        monkeypatch.setenv("YOLACT_TEMPORAL_CACHE", "/nonexistent")
        code, _, err = analyze(clip, alone=False)
        assert code == 3
        assert "weights fetch mask_rcnn_resnet50_fpn" in one_sentence(err)
        assert "--no-baseline" in err

    def test_both_models_are_reported_and_compared(self, analyze, clip):
        code, out, err = analyze(clip, "--end", "4", alone=False)
        assert code == 0, err
        assert out.startswith(
            "yolact_compact and mask_rcnn_compact are this project's own small models (classes "
        )
        assert "Objects (yolact_compact / mask_rcnn_compact)" in out
        assert "is steadier" in out
        assert "How true the masks are is not known" in " ".join(out.split())
        assert "Look next:" in out
        assert len(out.splitlines()) <= 25
        code, out, _ = analyze(clip, "--end", "4", "--overwrite", "--verbose", alone=False)
        assert code == 0
        assert "yolact_compact against mask_rcnn_compact" in out
        assert "boundary displacement, 95th percentile" in out

    def test_a_folder_of_clips_is_compared_as_a_whole(self, analyze, clip, tmp_path):
        folder = tmp_path / "clips"
        folder.mkdir()
        for name in ("one.mp4", "two.mp4"):
            (folder / name).write_bytes(clip.read_bytes())
        (folder / "two.mp4").write_bytes(write_film(tmp_path / "other.mp4", 5).read_bytes())
        code, out, err = analyze(folder, "--end", "4", "--json", alone=False)
        assert code == 0, err
        assert [run["clip"] for run in json.loads(out)["runs"]] == ["one", "two"]
        rows = read_rows(tmp_path / "runs" / "comparison.csv")
        assert {row["clip"] for row in rows} == {"", "one", "two"}
        assert {row["verdict"] for row in rows if row["clip"] == ""} <= {
            "too short to say",
            "cannot be said",
            "not shown",
            "alike",
        }


@pytest.mark.slow
class TestLosses:
    """Frames lost to corruption: exit code 4, the losses named, the rest done."""

    @pytest.mark.parametrize("kind", ["truncated", "corrupt"])
    def test_lost_frames_are_named_and_the_rest_is_done(self, analyze, tmp_path, kind):
        whole = write_film(tmp_path / "whole.mkv", 40)
        broken = tmp_path / "broken.mkv"
        if kind == "truncated":
            truncate(whole, broken)
        else:
            damage(whole, broken, [17])
        code, _, err = analyze(broken, "--quiet")
        assert code == 4, err
        assert "Lost at frame" in err
        manifest = json.loads((tmp_path / "runs" / "broken" / "run.json").read_text())
        assert manifest["completed"]
        assert manifest["losses"]
        assert 0 < manifest["frames_measured"] < 40


def arguments_of(clip, out, *options):
    return ["analyze", str(clip), "--out", str(out), "--quiet", "--no-plots", *options]


def start(clip, out, frames_before=None):
    """Start the command in a process of its own; with `frames_before`, wait until so many frames are recorded."""
    process = subprocess.Popen(
        [sys.executable, "-m", "yolact_temporal", *arguments_of(clip, out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if frames_before is not None:
        part = out / Path(clip).stem / "yolact_compact" / "masks.jsonl.part"
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            if part.exists() and part.read_bytes().count(b"\n") >= frames_before:
                break
            time.sleep(0.02)
    return process


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory):
    return write_film(tmp_path_factory.mktemp("long") / "long.mp4", 18)


@pytest.fixture(scope="module")
def unbroken(long_clip, tmp_path_factory):
    out = tmp_path_factory.mktemp("unbroken")
    assert cli.main(arguments_of(long_clip, out)) == 0
    return out / "long"


@pytest.mark.slow
class TestInterruption:
    @pytest.mark.parametrize(
        "number", thorough_but([signal.SIGTERM, signal.SIGINT, signal.SIGKILL], [signal.SIGKILL])
    )
    def test_an_interrupted_run_leaves_whole_files_and_resumes_to_the_same_result(
        self, long_clip, unbroken, tmp_path, capsys, number
    ):
        process = start(long_clip, tmp_path, frames_before=6)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130), err
        if number != signal.SIGKILL:
            assert "--resume" in one_sentence(err)
        run = tmp_path / "long"
        assert not json.loads((run / "run.json").read_text())["completed"]
        assert not list(run.rglob("*.csv"))
        assert not list(run.rglob("*.mp4"))
        assert cli.main(arguments_of(long_clip, tmp_path, "--resume")) == 0, capsys.readouterr().err
        same = ["summary.csv", "objects.csv", "comparison.csv"]
        for model in ("yolact_compact", "mask_rcnn_compact"):
            same += [
                f"{model}/{name}"
                for name in ("masks.jsonl", "frames.csv", "instances.csv", "tracks.csv", "why.csv")
            ]
            # The encoder itself does not always give the same bytes for the same pictures.
            first, second = (list(open_clip(path / model / "overlay.mp4")) for path in (run, unbroken))
            for one, other in zip(first, second, strict=True):
                assert np.abs(one.rgb.astype(int) - other.rgb).mean() < 1
        for name in same:
            assert (run / name).read_bytes() == (unbroken / name).read_bytes(), name
        assert not list(run.rglob("*.part"))

    def test_a_broken_run_is_taken_up_only_when_asked_and_with_the_same_settings(
        self, analyze, long_clip, tmp_path
    ):
        process = start(long_clip, tmp_path / "runs", frames_before=3)
        process.kill()
        process.communicate()
        for options, sentence in (
            ([], "--resume"),
            (["--resume", "--score-threshold", "0.45"], "score_threshold 0.45 where it had"),
        ):
            code, _, err = analyze(long_clip, *options, alone=False)
            assert code == 2
            assert sentence in one_sentence(err)


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_told_in_one_sentence_and_the_run_resumes_once_there_is_room(clip, tmp_path, capsys):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"this machine does not let us mount: {mounted.stderr!r}")
    try:
        process = start(clip, disk / "runs")
        _, err = process.communicate(timeout=60)
        assert process.returncode == 1, err
        assert "free some space" in one_sentence(err)
        assert not json.loads((disk / "runs" / "film" / "run.json").read_text())["completed"]
        subprocess.run(["mount", "-o", "remount,size=50m", str(disk)], check=True)
        assert cli.main(arguments_of(clip, disk / "runs", "--resume")) == 0, capsys.readouterr().err
        assert json.loads((disk / "runs" / "film" / "run.json").read_text())["completed"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)
