"""What there is to read of a run: put together from its tables, once everything is measured and compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from yolact_temporal.analyzing.against_truth import TruthFit
from yolact_temporal.analyzing.clip_stages import AnalyzeResult
from yolact_temporal.analyzing.summary_text import stride_sentence
from yolact_temporal.comparing.compare_runs import ComparisonResult
from yolact_temporal.data.runs.layout import RunFolder
from yolact_temporal.temporal.absences import absence_sentence
from yolact_temporal.temporal.comparison.objects_csv import read_objects
from yolact_temporal.temporal.comparison.rows import ObjectRow
from yolact_temporal.temporal.plots import read_rows
from yolact_temporal.temporal.reading.clip_reading import ClipReading
from yolact_temporal.temporal.reading.moments import Moment, with_shared_ids
from yolact_temporal.temporal.reading.object_rows import ObjectReading, object_readings, track_readings
from yolact_temporal.temporal.reading.shared_ids import MaskKey, objects_of_tracks
from yolact_temporal.temporal.why.causes_text import brief_causes

_KEY_COLUMNS = ("frame", "area_px", "score", "track_id")


def read_run(
    name: str,
    folder: RunFolder,
    result: AnalyzeResult,
    thresholds: Mapping[str, float],
    stride: int,
    comparison: ComparisonResult,
    quality: Sequence[TruthFit],
) -> ClipReading:
    """Return what there is to read of a run.

    Args:
        name: the clip's.
        folder: holds the tables of instances and objects.
        result: what was measured.
        thresholds: by model, the score above which an instance counts.
        stride: of the frames that were measured.
        comparison: every two models.
        quality: each model against the ground truth; empty without one.
    """
    on_truth = result.truth is not None
    path = folder.true_objects if on_truth else folder.objects
    shared = on_truth or len(thresholds) > 1
    rows = list(read_objects(path)) if shared else []
    clip = result.clip
    if shared:
        objects = object_readings(rows, thresholds, result.frames)
    else:
        ((model, own),) = result.stability.items()
        objects = track_readings(model, own.tracks, result.frames)
    numbers = _numbers(folder, rows, thresholds) if shared else None
    return ClipReading(
        name=name,
        frames=result.frames,
        seconds=None if clip.fps is None else result.frames * stride / float(clip.fps),
        size=(clip.height, clip.width),
        models=tuple(thresholds),
        objects=tuple(objects),
        moments=tuple(
            _own(result.moments, objects)
            if numbers is None
            else with_shared_ids(result.moments, numbers, {own.number: own.name for own in objects})
        ),
        numbers=numbers,
        verdicts=tuple(pair.verdict for pair in comparison.pairs),
        from_truth=on_truth,
        causes=brief_causes(result.causes) or "",
        remarks=_remarks(result, stride),
        quality={own.model: (_value(own, "truth_j"), _value(own, "truth_f")) for own in quality},
    )


def _remarks(result: AnalyzeResult, stride: int) -> tuple[str, ...]:
    """Return what must be said beside the figures: what pixels depend on, that there are none, why masks lack."""
    found = [stride_sentence(stride)] if stride > 1 else []
    if not any(own.pictures for own in result.stability.values()):
        found.append("Without the clip the motion between frames is not known, nor how far outlines move.")
    for model, own in list(result.absences.items())[:1]:  # of the others the report's tables tell
        sentence = absence_sentence(own)
        if sentence is not None:
            found.append(sentence if len(result.absences) == 1 else f"{model}: {sentence}")
    return tuple(found)


def _numbers(
    folder: RunFolder, rows: Sequence[ObjectRow], models: Iterable[str]
) -> dict[str, dict[int, int]]:
    """Return the object of the comparison that each track is, by model."""
    found = {}
    for model in models:
        objects = (
            MaskKey(row.frame, row.area_px or 0, row.score, row.object_id)
            for row in rows
            if row.model == model and row.score is not None
        )
        found[model] = objects_of_tracks(_tracks(folder, model), objects)
    return found


def _tracks(folder: RunFolder, model: str) -> Iterator[MaskKey]:
    for row in read_rows(folder.model(model).instances, _KEY_COLUMNS):
        if row["track_id"]:
            yield MaskKey(int(row["frame"]), int(row["area_px"]), float(row["score"]), int(row["track_id"]))


def _own(moments: Sequence[Moment], readings: Sequence[ObjectReading]) -> list[Moment]:
    """Return moments of a model alone, whose tracks are the only numbers there are."""
    names = {own.number: own.name for own in readings}
    return [
        replace(
            one,
            object_id=one.track_id,
            other_object_id=one.other_track_id,
            object_name=names.get(one.track_id, ""),
        )
        for one in moments
    ]


def _value(own: TruthFit, name: str) -> float | None:
    return own.figures[name].value if name in own.figures else None
