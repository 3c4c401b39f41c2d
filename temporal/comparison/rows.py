"""The table of objects: of every object of the universe, in every frame it counts in, what each model made of it.

It is written while a clip is read, a row at a time, and holds everything that a comparison needs: coverage, common
support, losses, the sweep over thresholds and the statistics are all made from it, without the clip.
"""

from __future__ import annotations

from typing import NamedTuple

from yolact_temporal.temporal.stability import PairStatus


class ObjectRow(NamedTuple):
    """One object in one frame, as one model saw it.

    Attributes:
        frame: index in the clip.
        time_s: presentation time.
        object_id: of the universe, from 1; the same for all models.
        model: the model's name.
        pair_status: "counted" if (object, t-1, t) is a pair of the universe: the object counts in both frames, which
            are consecutive, differ and have a known motion. "first" where the object does not count in the last
            frame; else why the pair does not count.
        score: of the matched mask, however low; None if the model has no mask of the object here.
        area_px: of the matched mask; None without one.
        class_name: of the matched mask; None without one.
        previous_score: of the mask matched in the last frame; None without one, or where the pair does not count.
        boundary_px: B1, mean boundary displacement of the pair; None where undefined or a mask is missing.
        boundary_share: the same as a share of the square root of the area.
        jitter: B2, 1 - IoU of the carried and the present mask, both restricted to what is visible; None likewise.
        truth_iou: J, IoU with the ground truth's mask; None without ground truth or mask.
        truth_boundary_f: F, boundary measure against the ground truth; None likewise.
        round_trip_px: B6, boundary displacement of the last mask carried to this frame and back; None as `boundary_px`.
        round_trip_jitter: B6, 1 - IoU of the same.
        second_boundary_px: B1 by the second motion estimate; None but on a sample of pairs.
        true_boundary_px, true_jitter, true_second_boundary_px: B1 and B2 of the object's true masks, the same in every
            model's row; None without a ground truth, or where it has no mask in one of the frames.
        box_cause_px, box_cause_jitter: what of B1 and B2 of the model's own pair comes from its box; None where that is
            not known. They stand in the table of causes, not in that of objects.
        iou_between: IoU of this model's mask with each model's, in the order of the rows; None where either has none.
    """

    frame: int
    time_s: float
    object_id: int
    model: str
    pair_status: PairStatus
    score: float | None
    area_px: int | None
    class_name: str | None
    previous_score: float | None
    boundary_px: float | None
    boundary_share: float | None
    jitter: float | None
    truth_iou: float | None
    truth_boundary_f: float | None
    round_trip_px: float | None = None
    round_trip_jitter: float | None = None
    second_boundary_px: float | None = None
    true_boundary_px: float | None = None
    true_jitter: float | None = None
    true_second_boundary_px: float | None = None
    iou_between: tuple[float | None, ...] = ()
    box_cause_px: float | None = None
    box_cause_jitter: float | None = None
