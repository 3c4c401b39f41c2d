"""Long clips: memory does not grow with the frames, and what is made in parts is what is made at once."""

import csv
import json
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from yolact_temporal.analyzing import clip_stages, identity, recording, run_clip, run_page
from yolact_temporal.benchmarking.long_clips import (
    SIZE,
    LongClip,
    LongClipMasks,
    format_long_benchmark,
    measure_long_clip,
)
from yolact_temporal.cli import main as cli
from yolact_temporal.data.frames import Frame
from yolact_temporal.temporal import meter as meter_module
from yolact_temporal.temporal import plot_timeline, plots
from yolact_temporal.temporal.absences import AbsenceFinder
from yolact_temporal.temporal.comparison.clip_objects import ClipObjects, ObjectParts
from yolact_temporal.temporal.comparison.comparing import compare_models
from yolact_temporal.temporal.comparison.objects_csv import read_objects
from yolact_temporal.temporal.comparison.rows import ObjectRow
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.pooling import LONG_CLIP_BLOCKS, frames_a_block
from yolact_temporal.temporal.reading import first_lines
from yolact_temporal.temporal.reading.object_rows import object_readings
from yolact_temporal.temporal.report import track_row
from yolact_temporal.temporal.truth.sequences import region_sequences

LEVELS = {"a": 0.5, "b": 0.5}
MIB = 2**20


def object_rows(frames: int, objects: int = 3, life: int = 40, seed: int = 0) -> Iterator[ObjectRow]:
    """Yield rows of objects that are there for a while, three at a time, missed now and then by a model."""
    rng = np.random.default_rng(seed)
    for frame in range(frames):
        for place in range(objects):
            born = (frame + place * 7) // life * life - place * 7
            first = frame in (0, born)
            for model in LEVELS:
                seen = rng.random() > 0.1
                known = seen and not first
                values = rng.random(8)
                yield ObjectRow(
                    frame=frame,
                    time_s=round(frame / 25, 6),
                    object_id=1 + place + objects * ((frame + place * 7) // life),
                    model=model,
                    pair_status="first" if first else "counted",
                    score=0.4 + 0.6 * float(values[0]) if seen else None,
                    area_px=40 if seen else None,
                    class_name=("cat", "dog")[int(values[7] > 0.6)] if seen else None,
                    previous_score=None,
                    boundary_px=float(values[1]) if known else None,
                    boundary_share=float(values[2]) if known else None,
                    jitter=float(values[3]) if known else None,
                    truth_iou=float(values[4]) if seen else None,
                    truth_boundary_f=float(values[5]) if seen else None,
                    round_trip_px=float(values[6]) if known else None,
                    round_trip_jitter=float(values[6]) / 9 if known else None,
                    second_boundary_px=float(values[2]) if known and frame % 5 == 0 else None,
                    iou_between=(1.0, float(values[6])) if model == "a" else (float(values[6]), 1.0),
                )


def peak(call: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def told(table: ClipObjects | ObjectParts, frames: int) -> dict[str, object]:
    """Return all that is made of a clip's table of objects."""
    found = compare_models({"clip": table}, ("a", "b"), (0.5, 0.5))
    return {
        "differences": [asdict(one) for one in found.differences],
        "counts": (found.pairs, found.common, found.objects, dict(found.left_out)),
        "coverage": found.clips["clip"].coverage,
        "by_object": {name: own.of_objects for name, own in found.clips["clip"].series.items()},
        "guards": [own._asdict() for own in found.guards],
        "objects": [asdict(own) for own in object_readings(table, LEVELS, frames)],
        "sequences": {
            name: own._asdict() for name, own in region_sequences(table, "a", 0.5, 0.5, range(frames)).items()
        },
    }


def flat(found: object, at: str = "") -> dict[str, object]:
    """Return every leaf by its place."""
    if isinstance(found, dict):
        return {k: v for key, own in found.items() for k, v in flat(own, f"{at}.{key}").items()}
    if isinstance(found, list | tuple | np.ndarray):
        return {k: v for key, own in enumerate(found) for k, v in flat(own, f"{at}.{key}").items()}
    return {at: found}


@pytest.mark.slow
@pytest.mark.parametrize("appearances", [7, 100])
def test_a_table_in_parts_says_what_it_says_as_a_whole(appearances, tmp_path):
    frames = 120
    whole = flat(told(ClipObjects.from_rows(object_rows(frames)), frames))
    parts = flat(told(ObjectParts(object_rows(frames), tmp_path, appearances), frames))
    assert parts.keys() == whole.keys()
    assert len(whole) > 300
    for name, value in whole.items():
        if isinstance(value, float):
            assert parts[name] == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True), name
        else:
            assert parts[name] == value, name
    assert list(tmp_path.iterdir()) == []  # the file has no name


def test_a_part_ends_with_a_frame_and_knows_what_was_before(tmp_path):
    whole = ClipObjects.from_rows(object_rows(60))
    parts = list(ObjectParts(object_rows(60), tmp_path, 10).parts())
    assert len(parts) > 5
    frames = [set(part.frame.tolist()) for part in parts]
    assert all(not one & other for one, other in pairwise(frames))
    for name in ("frame", "last_score", "last_time_s", "jitter", "pair"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(joined, getattr(whole, name))


def test_objects_are_read_of_any_number_of_models(tmp_path):
    rows = [row for row in object_rows(40) if row.model == "a"]
    both = object_readings(ObjectParts(object_rows(40), tmp_path, 10), LEVELS, 40)
    (alone,) = {len(own.models) for own in object_readings(ObjectParts(rows, tmp_path, 10), LEVELS, 40)}
    assert alone == 1
    three = [row._replace(model=model, iou_between=()) for row in rows for model in ("a", "b", "c")]
    found = object_readings(ObjectParts(three, tmp_path, 10), dict.fromkeys("abc", 0.5), 40)
    assert {tuple(own.models) for own in found} == {("a", "b", "c")}
    assert len(found) >= len(both)


def test_a_part_that_lacks_a_model_is_refused(tmp_path):
    rows = [row for row in object_rows(20) if (row.frame, row.model) != (15, "b")]
    with pytest.raises(ValueError, match="one row for each of a, b"):
        ObjectParts(rows, tmp_path, 10)


@pytest.mark.slow
def test_comparing_needs_no_more_memory_for_eight_times_the_frames(tmp_path):
    def compared(frames: int) -> int:
        return peak(lambda: object_readings(ObjectParts(object_rows(frames), tmp_path, 300), LEVELS, frames))

    compared(50)
    assert compared(2_400) - compared(300) < 1.5 * MIB  # as a whole it takes some 6 MiB more


@pytest.mark.parametrize(
    ("frames", "most"), [(4096, 4096), (4097, LONG_CLIP_BLOCKS), (10**6, LONG_CLIP_BLOCKS)]
)
def test_a_clip_has_so_many_blocks_at_most(frames, most):
    block = frames_a_block(frames)
    assert -(-frames // block) <= most
    assert block == 1 or -(-frames // (block // 2)) > LONG_CLIP_BLOCKS


def write_tables(folder: Path, frames: int) -> tuple[Path, Path]:
    paths = folder / f"frames{frames}.csv", folder / f"instances{frames}.csv"
    with paths[0].open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["frame", "time_s", plots.JITTER])
        table.writerows([frame, frame / 25, frame % 7 / 7] for frame in range(frames))
    with paths[1].open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["frame", "time_s", "track_id", "class", "events", plots.JITTER])
        table.writerows(
            [frame, frame / 25, 1 + frame // 50, "cat", "area_blink" if frame % 9 == 0 else "", frame % 7 / 7]
            for frame in range(frames)
        )
    return paths


@pytest.mark.slow
def test_plots_need_no_more_memory_for_eight_times_the_frames(tmp_path, monkeypatch):
    for module in (plots, plot_timeline):
        monkeypatch.setattr(module, "save_png", lambda figure, path, title: path)

    def drawn(frames: int) -> int:
        tables = [
            {"ours": plots.CsvRows(path, plots.PLOTTED_COLUMNS)} for path in write_tables(tmp_path, frames)
        ]

        def draw() -> None:
            plots.plot_timeline(*tables, tmp_path / "t.png", "clip")
            plots.plot_displacement(tables[1], tmp_path / "d.png", "clip")

        return peak(draw)

    drawn(200)
    assert drawn(8_000) - drawn(1_000) < 3 * MIB  # the rows by themselves would take over 6 MiB


def sighted(frames: int, gap: int) -> Iterator[tuple[int, LongClipMasks, bool]]:
    """Yield frames of objects that are gone for a while, with and without what is faint."""
    clip = LongClip(frames, 3, at_a_time=3)
    masks = LongClipMasks("ours", clip, 1, identified=True)
    for frame in range(frames):
        yield frame, masks, frame // gap % 2 == 0


def given_tracks(frames: int, gap: int) -> tuple[list[dict], list, list]:
    """Measure given tracks that come and go; return tracks.csv, figures and absences."""
    meter = StabilityMeter(("object",), 25, identified=True)
    absences = AbsenceFinder(0.3, 5, identified=True)
    grey, told_absences = np.zeros((*SIZE, 3), np.uint8), []
    for frame, masks, shown in sighted(frames, gap):
        (seen,) = masks.see([Frame(frame, frame / 25, grey)])
        keep = [place for place in range(len(seen.instances)) if shown or place == 1]
        instances = seen.instances.select(keep)
        identities = [seen.identities[place] for place in keep]
        motion = Motion.still(SIZE, repeated=frame % 11 == 0) if frame else None
        found = meter.update(frame, frame / 25, instances, motion, identities=identities)
        told_absences += absences.update(
            frame,
            frame / 25,
            instances,
            found.track_ids.tolist(),
            motion,
            found.status,
            identities=identities,
        )
    done = meter.finish()
    return [track_row(track) for track in done.tracks], list(done.figures.items()), told_absences


@pytest.mark.slow
@pytest.mark.parametrize("gap", [3, 20, 45])
def test_tracks_that_sleep_come_out_as_if_they_were_awake(gap, monkeypatch):
    monkeypatch.setattr(meter_module, "AWAKE_FRAMES", 10**9)
    monkeypatch.setattr(AbsenceFinder, "_puts_by", False)
    awake = given_tracks(150, gap)
    monkeypatch.undo()
    monkeypatch.setattr(meter_module, "AWAKE_FRAMES", 4)
    assert given_tracks(150, gap) == awake
    assert len(awake[0]) == 3
    assert awake[2]


@pytest.mark.slow
def test_given_tracks_that_do_not_come_back_cost_little(monkeypatch):
    monkeypatch.setattr(meter_module, "AWAKE_FRAMES", 4)

    def measured(tracks: int) -> int:
        clip = LongClip(8 * tracks, tracks, at_a_time=3)
        masks = LongClipMasks("ours", clip, 0, identified=True)
        meter = StabilityMeter(("object",), 25, identified=True)
        grey = np.zeros((*SIZE, 3), np.uint8)

        def measure() -> None:
            for index in range(clip.frames):
                (seen,) = masks.see([Frame(index, index / 25, grey)])
                motion = Motion.still(SIZE) if index else None
                meter.update(index, index / 25, seen.instances, motion, identities=seen.identities)

        return peak(measure)

    measured(4)
    assert (measured(48) - measured(8)) / 40 < 9_000  # bytes a track; of one that is awake over 20,000


@pytest.mark.parametrize(("frames", "tracks"), [(1, 1), (30, 1), (30, 5), (200, 4), (1000, 10), (100, 50)])
def test_a_long_clip_shows_every_object_for_its_life(frames, tracks):
    clip = LongClip(frames, tracks)
    at = [clip.objects_at(index) for index in range(frames)]
    places = {key: [index for index, own in enumerate(at) if key in own] for key in range(1, tracks + 1)}
    assert {key for own in at for key in own} == set(places)
    for own in places.values():
        assert own == list(range(own[0], own[0] + clip.life))


@pytest.mark.slow
def test_the_command_measures_long_clips_and_draws_them(tmp_path, capsys):
    command = ["benchmark", "--long", "--long-frames", "10", "12", "--long-tracks", "2", "--json"]
    assert cli.main([*command, "--long-truth", "--plot", str(tmp_path / "long.png")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["frames"], one["tracks"], one["truth"]) for one in found] == [(10, 2, True), (12, 2, True)]
    assert all(0 < one["seconds_after"] < one["seconds"] for one in found)
    assert (tmp_path / "long.png").stat().st_size > 1000
    table = format_long_benchmark([found[0] | {"peak_mib": None}])
    assert "unknown" in table


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bound", "words"), [("MOST_FRAMES", "of at most 5 frames"), ("MOST_PAIRS", "pairs of a true")]
)
def test_identity_figures_of_very_large_clips_are_left_out_and_that_is_said(
    bound, words, tmp_path, monkeypatch
):
    pytest.importorskip("trackeval")
    monkeypatch.setattr(identity, bound, 5)
    done, _, _ = measure_long_clip(LongClip(12, 3), tmp_path / "long", truth=True)
    for own in done.quality:
        assert "hota" not in own.figures
        assert "box_error_sum" in own.figures
        assert any(words in note for note in own.notes)
    assert words in (tmp_path / "long" / "report.md").read_text()


@pytest.mark.slow
def test_a_report_lists_so_many_objects_and_sums_up_the_rest(tmp_path, monkeypatch):
    for module in (first_lines, run_page):
        monkeypatch.setattr(module, "MOST_LISTED", 2)
    measure_long_clip(LongClip(30, 5), tmp_path / "long")
    for name in ("report.md", "report.html"):
        assert "3 more objects" in (tmp_path / "long" / name).read_text()


@pytest.mark.slow
@pytest.mark.parametrize("truth", [False, True])
def test_objects_that_are_kept_while_frames_come_are_those_of_their_file(tmp_path, monkeypatch, truth):
    found = []

    def analyzed(*args):
        found.append(clip_stages.analyze_clip(*args))
        return found[-1]

    monkeypatch.setattr(run_clip, "analyze_clip", analyzed)
    monkeypatch.setattr(recording.ObjectParts.growing.__func__, "__defaults__", (None, 40))
    done, _, _ = measure_long_clip(LongClip(60, 7), tmp_path / "long", truth)
    assert done.result.objects is None
    path = done.folder.true_objects if truth else done.folder.objects
    kept, read = list(found[0].objects.parts()), list(ObjectParts(read_objects(path), tmp_path, 40).parts())
    assert len(kept) == len(read) > 1
    for mine, theirs in zip(kept, read, strict=True):
        for name, value in vars(theirs).items():
            assert np.array_equal(
                value,
                getattr(mine, name),
                equal_nan=isinstance(value, np.ndarray) and value.dtype.kind == "f",
            ), name
