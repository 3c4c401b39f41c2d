"""What there is to read of a run: put together from its tables, once everything is measured and compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from yolact_temporal.analyzing.against_truth import TruthFit
from yolact_temporal.analyzing.clip_stages import AnalyzeResult
from yolact_temporal.analyzing.summary_text import stride_sentence
from yolact_temporal.comparing.compare_runs import ComparisonResult
from yolact_temporal.temporal.absences import absence_sentence
from yolact_temporal.temporal.comparison.clip_objects import Objects
from yolact_temporal.temporal.reading.clip_reading import ClipReading
from yolact_temporal.temporal.reading.moments import Moment, with_shared_ids
from yolact_temporal.temporal.reading.object_rows import ObjectReading, object_readings, track_readings
from yolact_temporal.temporal.why.causes_text import brief_causes


def read_run(
    name: str,
    result: AnalyzeResult,
    table: Objects | None,
    thresholds: Mapping[str, float],
    stride: int,
    comparison: ComparisonResult,
    quality: Sequence[TruthFit],
    said: Sequence[str] = (),
) -> ClipReading:
    """Return what there is to read of a run.

    Args:
        name: the clip's.
        result: what was measured.
        table: the objects of the comparison, or of the ground truth; None where there are none.
        thresholds: by model, the score above which an instance counts.
        stride: of the frames that were measured.
        comparison: every two models.
        quality: each model against the ground truth; empty without one.
        said: what else must be said beside the figures, a sentence each.
    """
    on_truth = result.truth is not None
    clip = result.clip
    if table is not None:
        objects = object_readings(table, thresholds, result.frames)
    else:
        ((model, own),) = result.stability.items()
        objects = track_readings(model, own.tracks, result.frames)
    numbers = result.numbers
    return ClipReading(
        name=name,
        frames=result.frames,
        seconds=_seconds(result, stride),
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
        remarks=(*said, *_remarks(result, stride)),
        quality={own.model: (_value(own, "truth_j"), _value(own, "truth_f")) for own in quality},
    )


def _seconds(result: AnalyzeResult, stride: int) -> float | None:
    """Return how long the measured frames last; of a clip of uneven gaps, such as a live one, from first to last."""
    clip = result.clip
    if clip.fps is None:
        return None
    step = stride / float(clip.fps)
    return result.span_s + step if clip.variable_rate else result.frames * step


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
