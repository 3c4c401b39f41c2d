"""Whole series at once: what the accumulators, which take a frame at a time, make of them."""

import numpy as np

from yolact_temporal.temporal.metrics import Observation
from yolact_temporal.temporal.metrics.box_stability import BoxStability
from yolact_temporal.temporal.metrics.panoptic import (
    PanopticQualityMeter,
    TrackingQualityMeter,
    shared_pixels,
)
from yolact_temporal.temporal.metrics.shape_stability import ShapeStability, shape_contexts
from yolact_temporal.temporal.metrics.trajectory import Trajectory
from yolact_temporal.temporal.metrics.truth_consistency import Dtssd, VideoConsistency

FRAME_S = 0.04


def accumulate(accumulator, present, paired=None, **columns):
    """Feed a track's frames, `present` (T,) and any of an observation's fields a frame each; returns its figures."""
    for t, here in enumerate(present):
        fields = {name: values[t] for name, values in columns.items()} if here else {}
        is_pair = t > 0 if paired is None else paired[t]
        accumulator.add(Observation(bool(here), is_pair, True, FRAME_S if t else None, frame=t, **fields))
    return accumulator.figures()


def accumulate_places(accumulator, values, area=None):
    """Feed a coordinate (T,), NaN where the track is absent, as x of centroid and box; `area` (T,) is 1 if None."""
    values = np.asarray(values, float)
    count = len(values)
    return accumulate(
        accumulator,
        np.isfinite(values),
        centroid=[(value, 0.0) for value in values],
        box=[(value, 0.0, value, 0.0) for value in values],
        area_px=[1] * count if area is None else area,
        score=[0.5] * count,
        class_id=[0] * count,
    )


def box_errors(boxes, truth, **options):
    found = BoxStability(**options)
    for box, true in zip(boxes, truth, strict=True):
        found.add(box, true)
    return found.errors()


def shape_stability(masks, **options):
    found = ShapeStability(**options)
    for mask in masks:
        found.add(shape_contexts(mask))
    return found.figure()


def dtssd_of(frames):
    found = Dtssd()
    for mask, truth in frames:
        found.add(mask, truth)
    return found.figures()["dtssd"]


def video_consistency(frames, window):
    found = VideoConsistency([window])
    for mask, truth in frames:
        found.add(mask, truth)
    return found.figure(window)


def trajectory_figures(errors):
    found = Trajectory()
    for error in errors:
        found.add(error)
    return found.figures()


def tracking_quality(own, true, things):
    found = TrackingQualityMeter(things)
    for one, other in zip(own, true, strict=True):
        found.add(shared_pixels(one, other))
    return found.quality()


def panoptic_quality(own, true, window):
    found = PanopticQualityMeter(window)
    for one, other in zip(own, true, strict=True):
        found.add(shared_pixels(one, other))
    return found.figure()
