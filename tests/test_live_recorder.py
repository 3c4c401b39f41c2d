"""What a live run records around its worst moments: bounded in memory and on disk, and the worst of all."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
from clips import barcode_frame, read_barcode

from yolact_temporal.analyzing import live_recorder
from yolact_temporal.analyzing.frames_in_flight import MeasuredFrame, MovedFrame, SeenFrame
from yolact_temporal.analyzing.live_recorder import MomentRecorder
from yolact_temporal.data.frames import ClipInfo, Frame
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.masks_jsonl import FrameRecord
from yolact_temporal.data.runs.layout import MOST_RECORDED, RunFolder
from yolact_temporal.data.sources import open_clip
from yolact_temporal.temporal.reading.moments import Moment
from yolact_temporal.temporal.stability import FrameStability

CLIP = ClipInfo("", "0" * 64, 144, 96, None, None, 0, True, "pyav", "")
NOTHING = Instances(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64), [], (96, 144))
FPS = 10

pytestmark = pytest.mark.slow


def measured(index):
    """A frame in which nothing is seen."""
    time_s = index / FPS
    record, stability = FrameRecord(index, time_s, NOTHING), FrameStability(index, time_s, "counted", (), ())
    moved = MovedFrame(Frame(index, time_s, barcode_frame(index)), None, False)
    return MeasuredFrame(SeenFrame(moved, {"model": record}), {"model": NOTHING}, {"model": stability})


def moment(frame, weight):
    return Moment(frame, frame / FPS, "model", 1, None, "thing", "shiver", weight)


def recorded(folder, frames, moments, seconds=2.0):
    """The manifest's list after so many frames, of which some are bad, by frame."""
    recorder, found = MomentRecorder(RunFolder(folder), CLIP, {"model": ["thing"]}, seconds), []
    for index in range(frames):
        if index in moments:
            found.append(moment(index, moments[index]))
        recorder.add(measured(index), sorted(found, key=lambda each: -each.weight))
        if recorder._writing is not None:
            recorder._writing.join()  # however busy the machine is
    return recorder, recorder.finish()


def test_the_worst_moments_are_kept_with_what_lies_around_them(tmp_path):
    weights = {frame: 0.1 + (frame * 7 % 10) / 10 for frame in range(15, 300, 30)}
    _, found = recorded(tmp_path, 310, weights)
    worst = sorted(sorted(weights, key=lambda frame: -weights[frame])[:MOST_RECORDED])
    assert [each["frame"] for each in found] == worst
    for each in found:
        assert each["first_frame"] <= each["frame"] <= each["last_frame"]
        assert each["last_frame"] - each["first_frame"] <= 2 * FPS
        with closing(open_clip(tmp_path / each["clip"])) as clip:
            numbers = [read_barcode(frame.rgb) for frame in clip]
        assert numbers == list(range(each["first_frame"], each["last_frame"] + 1))
        table = RunFolder(tmp_path).recorded_table(each["number"], "model", "frames.csv")
        assert len(table.read_text(encoding="utf-8").splitlines()) == len(numbers) + 1
    assert len(list((tmp_path / "recorded").iterdir())) == 4 * MOST_RECORDED


def test_a_moment_at_the_very_end_is_kept_too(tmp_path):
    _, found = recorded(tmp_path, 30, {29: 0.5})
    assert [(each["frame"], each["last_frame"]) for each in found] == [(29, 29)]


def test_the_ring_is_bounded_in_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(live_recorder, "_MOST_BYTES", 30_000)
    recorder, _ = recorded(tmp_path, 60, {}, seconds=100.0)
    assert 1 <= len(recorder._ring) < 60
    assert sum(len(kept.picture) for kept in recorder._ring) == recorder._bytes <= 30_000
    assert not (tmp_path / "recorded").exists()


def test_what_keeps_a_moment_from_being_written_is_raised(tmp_path):
    (tmp_path / "recorded").write_text("in the way", encoding="utf-8")
    with pytest.raises(ValueError, match="expected to write into"):
        recorded(tmp_path, 60, {20: 0.5})
