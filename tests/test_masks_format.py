"""The project's own record read as anybody's masks: times, and one sentence for each kind of bad input."""

import pytest
from format_files import SIZE, record_line, refuse_file
from mask_clips import frame, sequence

from yolact_temporal.data.formats import FORMATS, open_masks

BAD_FILES = {
    "masks: deep": ("a.jsonl", "masks", "[" * 100_000, "line 1"),
    "masks: cut": ("a.jsonl", "masks", record_line() + "\n" + record_line(1)[:-9], "line 2"),
    "masks: empty": ("a.jsonl", "masks", "", "found none"),
    "masks: backwards": ("a.jsonl", "masks", record_line(3) + "\n" + record_line(2), "frames in order"),
    "masks: twice": ("a.jsonl", "masks", record_line(3) + "\n" + record_line(3), "frames in order"),
    "masks: score NaN": ("a.jsonl", "masks", record_line(score=float("nan")), "scores in 0..1"),
    "masks: time NaN": ("a.jsonl", "masks", record_line(time_s=float("nan")), "the time nan"),
    "masks: infinite frame": ("a.jsonl", "masks", record_line(frame=float("inf")), "line 1"),
    "masks: negative frame": ("a.jsonl", "masks", record_line(-4), "frame numbers from 0"),
    "masks: class": ("a.jsonl", "masks", record_line(class_id=10**6), "class_id from 0"),
    "masks: broken runs": ("a.jsonl", "masks", record_line(rle="~~"), "line 1"),
    "masks: identity 0": ("a.jsonl", "masks", record_line(track_id=0), "identities of 1 or more"),
    "masks: half identified": (
        "a.jsonl",
        "masks",
        record_line(0, track_id=1) + "\n" + record_line(1),
        "or for none",
    ),
    "masks: two names": (
        "a.jsonl",
        "masks",
        record_line(0) + "\n" + record_line(1, **{"class": "dog"}),
        "to be called cat as before",
    ),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_one_sentence(tmp_path, case):
    name, format_name, content, sentence = BAD_FILES[case]
    refuse_file(tmp_path / name, format_name, content, sentence)


def test_times_and_rate_come_from_the_record(tmp_path):
    masks = sequence([frame(i, [], SIZE, time_s=i / (30000 / 1001)) for i in range(10)])
    FORMATS["masks"].write(masks, tmp_path / "masks.jsonl")
    found = open_masks(tmp_path)
    assert float(found.fps) == pytest.approx(29.97, abs=1e-3)
    assert [each.time_s for each in found] == [each.time_s for each in masks]
