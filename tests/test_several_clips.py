"""Several clips by one command: each fails alone, what is done is not done again, and processes share them out."""

import csv
import json
import pickle
from itertools import islice
from types import SimpleNamespace

import pytest
import share_out_work
from clips import write_clip

from yolact_temporal.analyzing.clips_csv import ClipRow, clips_table, count_sentence
from yolact_temporal.analyzing.recording import ModelRecording
from yolact_temporal.analyzing.workers import Done, Lost, Ready, Told, WorkerError, share_out
from yolact_temporal.cli import analyze, several
from yolact_temporal.cli import main as cli
from yolact_temporal.data.photo_film import PhotoFilm
from yolact_temporal.data.sources import given_clips
from yolact_temporal.errors import InputError

ALONE = ["--no-baseline", "--no-plots", "--no-overlay", "--quiet"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three small clips, and a file that is none."""
    made = tmp_path_factory.mktemp("several") / "clips"
    made.mkdir()
    for name, count in (("a", 6), ("b", 5), ("c", 4)):
        film = PhotoFilm(size=(144, 168), seconds_per_move=1)
        write_clip(made / f"{name}.mp4", (frame.rgb for frame in islice(film, count)), size=(144, 168))
    (made / "broken.mp4").write_bytes(b"no video at all\n" * 50)
    return made


def states(path):
    with path.open(encoding="utf-8", newline="") as file:
        return {row["run"]: (row["state"], row["frames"], row["reason"]) for row in csv.DictReader(file)}


@pytest.mark.slow
@pytest.mark.smoke
def test_each_clip_fails_alone_and_the_same_command_does_what_is_missing(
    folder, tmp_path, capsys, monkeypatch
):
    from yolact_temporal.analyzing import run_clip

    whole = run_clip.run_clip

    def failing(source, models, request, progress=None):
        if request.destination.name == "b":
            raise ZeroDivisionError("by\nnought")
        return whole(source, models, request, progress)

    monkeypatch.setattr(run_clip, "run_clip", failing)
    arguments = ["analyze", str(folder), "--out", str(tmp_path), *ALONE[:-1]]
    assert cli.main(arguments) == 4
    err = capsys.readouterr().err
    assert "Of 4 clips 2 are done and 2 failed." in err
    assert "b.mp4: a fault in the program, ZeroDivisionError (by nought)" in err
    found = states(tmp_path / "clips.csv")
    assert {name: state for name, (state, _, _) in found.items()} == {
        "a": "done",
        "b": "failed",
        "broken": "failed",
        "c": "done",
    }
    assert "expected a video file" in found["broken"][2]
    before = {name: (tmp_path / name / "run.json").stat().st_mtime_ns for name in "ac"}

    monkeypatch.undo()
    assert cli.main([*arguments, "--json"]) == 4
    printed = json.loads(capsys.readouterr().out)
    assert [(row["run"], row["state"]) for row in printed["clips"]] == [
        ("a", "there already"),
        ("b", "done"),
        ("broken", "failed"),
        ("c", "there already"),
    ]
    assert [run["clip"] for run in printed["runs"]] == ["b"]
    assert before == {name: (tmp_path / name / "run.json").stat().st_mtime_ns for name in "ac"}

    assert (
        cli.main([*arguments, "--stride", "2"]) == 3
    )  # the worst of their codes: none of them can be gone on with
    assert "got stride 2 where it had 1" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.thorough
def test_processes_make_what_one_makes_and_shares_are_joined(folder, tmp_path, capsys):
    clips = [str(folder / f"{name}.mp4") for name in "abc"]
    plain = ["--no-plots", "--no-overlay", "--quiet"]
    assert cli.main(["analyze", *clips, "--out", str(tmp_path / "one"), *plain]) == 0
    (tmp_path / "list.txt").write_text("\n".join(["# three clips", *clips, ""]))
    listed = ["analyze", f"@{tmp_path / 'list.txt'}", "--out", str(tmp_path / "two"), *plain]
    assert cli.main([*listed, "--shard", "1/2", "--jobs", "2"]) == 0
    assert cli.main([*listed, "--shard", "2/2"]) == 0
    out = tmp_path / "two"
    assert set(states(out / "clips_1_of_2.csv")) == {"a", "c"}
    assert set(states(out / "clips_2_of_2.csv")) == {"b"}
    assert not (out / "comparison.csv").exists()
    assert cli.main(["compare", str(out), "--out", str(tmp_path / "joined"), "--no-plots", "--quiet"]) == 0
    same = [tmp_path / root / "comparison.csv" for root in ("one", "joined")]
    assert same[0].read_bytes() == same[1].read_bytes()
    for path in sorted((tmp_path / "one").rglob("*.csv")):
        inside = path.relative_to(tmp_path / "one")
        if len(inside.parts) > 1:
            assert path.read_bytes() == (out / inside).read_bytes(), inside
    assert cli.main([*listed, "--shard", "5/5"]) == 0
    assert "no clip falls to share 5/5" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--shard", "0/2"], "--shard such as 2/8"),
        (["--shard", "3/2"], "got '3/2'"),
        (["--shard", "half"], "got 'half'"),
        (["--jobs", "0"], "--jobs of 1 or more, got 0"),
    ],
)
def test_a_wrong_share_is_refused(folder, tmp_path, capsys, arguments, said):
    assert cli.main(["analyze", str(folder), "--out", str(tmp_path / "runs"), *ALONE, *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_another_programs_table_is_not_replaced(folder, tmp_path, capsys):
    (tmp_path / "clips.csv").write_text("title,artist\n")
    assert cli.main(["analyze", str(folder), "--out", str(tmp_path), *ALONE]) == 2
    assert "clips.csv of another program" in capsys.readouterr().err
    assert (tmp_path / "clips.csv").read_text() == "title,artist\n"


def test_a_process_knows_the_clips_by_whose_first_one_precision_is_checked(folder, tmp_path, monkeypatch):
    readied = []

    def measurer(args, asked):
        readied.append(list(asked.clips))
        return SimpleNamespace(what_is_missing=None)

    monkeypatch.setattr(analyze, "ClipMeasurer", measurer)

    def share_out(args, clips, ready, count):
        pickle.loads(pickle.dumps(ready))(args)
        return iter(())

    monkeypatch.setattr(several, "in_workers", share_out)
    clips = [str(folder / f"{name}.mp4") for name in "abc"]
    cli.main(["analyze", *clips, "--out", str(tmp_path / "runs"), "--jobs", "2", "--shard", "1/2", *ALONE])
    assert readied == [[clips[0], clips[2]]]


class TestLists:
    def test_names_clips_a_line(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for name in ("b.mp4", "a.mp4", "in/c.mp4"):
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(name.encode())
        (tmp_path / "list").write_bytes(b"\xef\xbb\xbf b.mp4 \r\n\r\n# not this one\nin\n*a.mp4\n")
        assert given_clips(["@list"]).paths == ("b.mp4", "in/c.mp4", "a.mp4")

    @pytest.mark.parametrize(
        ("content", "said"),
        [(None, "list"), (b"# none\n\n", "to name a clip a line"), (b"\xff\xfe\x00", "write it as UTF-8")],
    )
    def test_a_list_that_names_none_is_refused(self, tmp_path, content, said):
        if content is not None:
            (tmp_path / "list").write_bytes(content)
        with pytest.raises(InputError, match=said):
            given_clips([f"@{tmp_path / 'list'}"])


class TestSharingOut:
    def test_every_item_comes_back_once_and_one_that_kills_its_process_is_lost_alone(self, monkeypatch):
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        items = ["a", "dies", "b", "leaves", "c"]
        events = list(share_out(share_out_work.ready, items, 2))
        done = {event.item: event.result for event in events if isinstance(event, Done)}
        lost = {event.item: event.reason for event in events if isinstance(event, Lost)}
        assert done == {"a": "aa", "b": "bb", "c": "cc"}
        assert "SIGKILL" in lost["dies"]
        assert lost["leaves"] == "ended with 3"
        told = [(event.item, event.told) for event in events if isinstance(event, Told)]
        assert sorted(told) == [(item, f"at {item}") for item in sorted(items)]
        threads = {event.told for event in events if isinstance(event, Ready)}
        assert len(threads) == 1
        assert int(threads.pop()) >= 1

    def test_what_a_setup_raises_is_raised(self):
        with pytest.raises(ValueError, match="no weights"):
            list(share_out(share_out_work.refuses, ["a"], 1))

    def test_a_process_that_ends_before_it_is_ready_is_told(self):
        with pytest.raises(WorkerError, match="ended with 7 before it could begin"):
            list(share_out(share_out_work.dies_early, ["a"], 1))

    def test_leaving_early_ends_all_processes(self):
        events = share_out(share_out_work.ready, ["a"] * 5, 2)
        next(events)
        events.close()
        import multiprocessing

        assert multiprocessing.active_children() == []

    def test_no_items_start_nothing(self):
        assert list(share_out(share_out_work.dies_early, [], 3)) == []


def test_a_sentence_counts_every_state():
    rows = [
        ClipRow(state, state, state)
        for state in ("done", "done in part", "there already", "failed", "failed", "not done")
    ]
    assert count_sentence(rows) == ("Of 6 clips 2 are done, 1 is there already, 2 failed and 1 is not done.")
    assert clips_table() == "clips.csv"


@pytest.mark.slow
def test_what_a_refused_call_finds_it_leaves_as_it_was(folder, tmp_path, capsys, monkeypatch):
    clips = [str(folder / f"{name}.mp4") for name in "ab"]
    given = ["analyze", *clips, "--out", str(tmp_path), *ALONE[:-1]]
    assert cli.main(given) == 0
    err = capsys.readouterr().err
    assert "yolact-temporal: a: done, 6 frames in " in err
    assert " s (1 of 2)\nyolact-temporal: b: done, 5 frames in " in err
    before = (tmp_path / "clips.csv").read_bytes()

    assert cli.main([*given, "--stride", "2"]) == 2
    assert "clips.csv stays as it was." in capsys.readouterr().err
    assert (tmp_path / "clips.csv").read_bytes() == before

    more = ["analyze", *clips, str(folder / "c.mp4"), "--out", str(tmp_path), "--stride", "2", *ALONE[:-1]]
    assert cli.main(more) == 4
    assert (
        "clips.csv names them, and keeps what it said of those that were refused." in capsys.readouterr().err
    )
    found = states(tmp_path / "clips.csv")
    assert {name: state for name, (state, _, _) in found.items()} == {"a": "done", "b": "done", "c": "done"}
    assert [found[name][1] for name in "abc"] == ["6", "5", "2"]

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(several, "outcome_of", interrupted)
    for extra, words in (
        ([], "the same command again to go on"),
        (["--overwrite"], "again, without --overwrite,"),
    ):
        before = (tmp_path / "clips.csv").read_bytes()
        assert cli.main([*given, *extra]) == 130
        assert words in capsys.readouterr().err
        assert ((tmp_path / "clips.csv").read_bytes() == before) == (not extra)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [["--jobs", "1"], pytest.param(["--jobs", "2"], marks=pytest.mark.thorough)])
def test_a_run_that_is_gone_on_with_says_from_where(folder, tmp_path, capsys, monkeypatch, jobs):
    clips = [str(folder / f"{name}.mp4") for name in "ab"]
    given = ["analyze", *clips, "--out", str(tmp_path), *ALONE[:-1]]
    measure = ModelRecording.measure

    def breaking(self, seen, counted):
        if seen.moved.frame.index == 4:
            raise KeyboardInterrupt
        return measure(self, seen, counted)

    monkeypatch.setattr(ModelRecording, "measure", breaking)
    assert cli.main(given) == 130
    assert "interrupted: run the same command again to go on" in capsys.readouterr().err
    monkeypatch.undo()
    assert cli.main([*given, *jobs]) == 0
    err = capsys.readouterr().err
    assert err.count("going on with the run that broke off after frame 3; the 4 frames that it recorded") == 1
    assert err.index("yolact-temporal: a: going on") < err.index("yolact-temporal: a: done, 6 frames")
