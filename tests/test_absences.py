"""Why a mask is absent inside its track's life: faint, taken, left or unseen, in exactly the frames in which it is."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from stabilizing import SIZE, THRESHOLD, motions, scene, seen, with_scores

from yolact_temporal.data.instances import Instances
from yolact_temporal.temporal.absences import AbsenceFinder, absence_rows, absence_sentence
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.metrics.absences import CAUSES
from yolact_temporal.temporal.motion import Motion

CLASSES = ("a", "b", "c")


def found_in(all_seen, moved, identities=None, memory=24):
    """The absences that a finder tells of, the meter's tracks beside it; and the meter's absent frames."""
    meter = StabilityMeter(CLASSES, 24.0, identified=identities is not None)
    finder = AbsenceFinder(THRESHOLD, memory, identities is not None)
    found = []
    for index, (own, motion) in enumerate(zip(all_seen, moved, strict=True)):
        keep = own.scores > THRESHOLD
        given = None if identities is None else identities[index]
        counted = None if given is None else [key for key, kept in zip(given, keep, strict=True) if kept]
        frame = meter.update(index, index / 24, own.select(keep), motion, identities=counted)
        tracks = frame.track_ids.tolist()
        found += finder.update(index, index / 24, own, tracks, motion, frame.status, identities=given)
    return found, finder.counts(), meter.finish()


def block(x, y=30, side=20, size=SIZE):
    bitmap = np.zeros(size, np.bool_)
    bitmap[max(y, 0) : max(y + side, 0), max(x, 0) : max(x + side, 0)] = True
    return bitmap


def instances(*masks_and_scores):
    if not masks_and_scores:
        return Instances.empty(SIZE)
    masks = np.stack([mask for mask, _ in masks_and_scores])
    boxes = np.zeros((len(masks), 4))
    return Instances.from_bitmaps(boxes, [score for _, score in masks_and_scores], [0] * len(masks), masks)


def still(count):
    return [None] + [Motion.still(SIZE)] * (count - 1)


def causes(found):
    return {absence.index: absence.cause for absence in found}


def test_pushed_under_the_threshold_in_known_frames_is_faint_in_exactly_these():
    frames = scene(40, speed=2.0)
    dips = {4, 9, 10, 11, 12, 30}
    all_seen = [with_scores(own, 0.31 if index in dips else 0.9) for index, own in enumerate(seen(frames))]
    found, counts, stability = found_in(all_seen, motions(frames))
    assert causes(found) == dict.fromkeys(sorted(dips), "faint")
    assert {round(absence.score, 2) for absence in found} == {0.31}
    assert counts.counts == {"faint": 6, "taken": 0, "left": 0, "unseen": 0}
    assert counts.total == sum(track.frames_absent for track in stability.tracks)


def test_covered_by_another_tracks_mask_is_taken():
    near, whole = block(30), block(30) | block(50)
    both = instances((block(30), 0.9), (block(50), 0.8))
    merged = instances((whole, 0.9))
    found, counts, _ = found_in([both, both, merged, merged, both], still(5))
    assert near.any()
    assert set(causes(found).values()) == {"taken"}
    assert counts.counts["taken"] == len(found) > 0


def test_out_of_the_frame_has_left():
    xs = [4, 0, -4, -8, -12, -16, -12, -8, -4, 0, 4]
    all_seen = [instances((block(x), 0.9)) if x >= -8 else instances() for x in xs]
    moved = [None]
    for before, now in pairwise(xs):
        moved.append(Motion.from_flow(np.full((*SIZE, 2), (before - now, 0.0))))
    found, _, _ = found_in(all_seen, moved, [[1] * len(own) for own in all_seen])
    # Of the last mask, 12 columns wide, 8 are still in the frame at first, and then 4.
    assert causes(found) == {4: "unseen", 5: "left", 6: "left"}


def test_nothing_recorded_is_unseen():
    there = instances((block(30), 0.9))
    found, counts, _ = found_in([there, instances(), there], still(3))
    assert causes(found) == {1: "unseen"}
    assert counts.not_asked == ("faint",)
    assert "those that were faint cannot be told apart" in absence_sentence(counts)


def test_without_motion_leaving_is_not_asked():
    there, faint = instances((block(30), 0.9)), instances((block(30), 0.2))
    found, counts, _ = found_in([there, faint, there], [None] * 3)
    assert causes(found) == {1: "faint"}
    assert counts.not_asked == ("left",)


def test_absences_behind_the_last_sighting_are_outside_its_life():
    there = instances((block(30), 0.9))
    found, counts, stability = found_in([there, there, instances(), instances()], still(4))
    assert found == []
    assert counts.total == 0 == sum(track.frames_absent for track in stability.tracks)
    assert absence_sentence(counts) is None


def test_a_repeated_frame_is_no_absence_of_its_own():
    there = instances((block(30), 0.9))
    moved = [None, Motion.still(SIZE), Motion.still(SIZE, repeated=True), Motion.still(SIZE)]
    found, counts, stability = found_in([there, instances(), instances(), there], moved)
    assert causes(found) == {1: "unseen"}
    assert counts.total == sum(track.frames_absent for track in stability.tracks)


def test_given_identities_may_come_back_after_any_time():
    there = instances((block(30), 0.9))
    frames = [there, *[instances()] * 10, there]
    found, counts, stability = found_in(frames, still(12), [[7], *[[]] * 10, [7]], memory=4)
    assert len(found) == 10 == sum(track.frames_absent for track in stability.tracks)
    assert counts.total == 10


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_they_add_up_to_the_absent_frames(seed):
    rng = np.random.default_rng(seed)
    frames = scene(60, objects=3, seed=seed, crossing=True)
    all_seen = [
        Instances(own.boxes, rng.choice([0.9, 0.3], len(own)), own.class_ids, own.crops, SIZE).select(
            rng.random(len(own)) > 0.1
        )
        for own in seen(frames)
    ]
    found, counts, stability = found_in(all_seen, motions(frames))
    assert counts.total == len(found) == sum(track.frames_absent for track in stability.tracks) > 0
    values = {row["metric"]: row["value"] for row in absence_rows("clip", "model", counts)}
    assert set(values) == set(REGISTRY.of("absence"))
    assert sum(values[f"absences_{cause}"] for cause in CAUSES) == counts.total
    assert sum(values[f"absence_share_{cause}"] for cause in CAUSES) == pytest.approx(1.0)
