"""Several clips at a glance: one row a clip, and one for all."""

from __future__ import annotations

from collections.abc import Sequence

from yolact_temporal.data.runs.answers import Answer, ComparedClip, Two, Verdict
from yolact_temporal.temporal.comparison.answer_text import brief_answer
from yolact_temporal.temporal.comparison.verdict import clips_of
from yolact_temporal.temporal.documents import Block, Items, Paragraph, Section, Table
from yolact_temporal.temporal.reading.clip_reading import ClipReading
from yolact_temporal.temporal.reading.first_lines import NONE, figure, floor_head

ALL = "all"
"""What the last row is called."""


def compared_clips(verdict: Verdict, brief: bool = True) -> Section:
    """Return what a comparison of two models over clips comes to: the headline, the answers, and a row a clip.

    Args:
        verdict: what it comes to.
        brief: whether answers are in one line each, for a terminal.
    """
    first, second = verdict.models
    truth = verdict.answer("truth") is not None
    heads = ["", "both see", "outline px", "change", floor_head(truth), "missed", "seen"]
    keys = ["clip", "pairs", "boundary_px", "effect", "floor_px", "misses", "coverage"]
    if truth:
        heads, keys = [*heads, "J", "F"], [*keys, "truth_j", "truth_f"]
    rows = [_clip_row(clip, truth) for clip in verdict.by_clip]
    if len(rows) > 1:
        rows.append(_all_row(verdict, truth))
    blocks: list[Block] = [
        Paragraph(verdict.headline, strong=True),
        Items(
            [brief_answer(answer, verdict.models) if brief else answer.sentence for answer in verdict.answers]
        ),
        Table(heads, rows, keys=keys),
        Paragraph(_legend(verdict)),
    ]
    return Section(f"{first} / {second}", blocks)


def _legend(verdict: Verdict) -> str:
    """Return what the columns are, and of which clips the last row is."""
    told = (
        "Both see: pairs of frames of an object in which both models have it, of all. Missed: pairs of which a model "
        "has one frame only. Seen: pairs of which it has both."
    )
    if len(verdict.by_clip) < 2:
        return told
    outline = verdict.answer("outline")
    of = "each clip weighs the same"
    if outline is not None and 0 < outline.clips < len(verdict.by_clip):
        of += f"; outline, change and floor are {clips_of(outline, len(verdict.by_clip))}"
    change = "the change is the mean of the clips' log ratios, not the ratio of means"
    return f"{told} All: means over clips, {of}; {change}."


def _clip_row(clip: ComparedClip, truth: bool) -> list[str]:
    row = [
        clip.clip,
        f"{clip.common} of {clip.pairs}",
        _two(clip.boundary_px),
        _change(clip.effect, clip.low, clip.high),
        _floors(clip.floor_px, truth),
        _two(clip.misses, percent=True),
        _two(clip.coverage, percent=True),
    ]
    return [*row, _two(clip.truth_j), _two(clip.truth_f)] if truth else row


def _all_row(verdict: Verdict, truth: bool) -> list[str]:
    clips = verdict.by_clip
    outline = verdict.answer("outline")
    row = [
        ALL,
        f"{sum(clip.common for clip in clips)} of {sum(clip.pairs for clip in clips)}",
        _of_answer(outline),
        NONE if outline is None else _change(outline.effect, outline.low, outline.high),
        NONE if outline is None else _floors(outline.floor, truth),
        _of_answer(verdict.answer("presence"), percent=True),
        _of_answer(verdict.answer("coverage"), percent=True),
    ]
    means = [_means([clip.truth_j for clip in clips]), _means([clip.truth_f for clip in clips])]
    return [*row, *means] if truth else row


def _floors(floors: Two, truth: bool) -> str:
    """Return each model's floor; of a ground truth's own masks there is one."""
    return figure(floors[0]) if truth or floors == (None, None) else _two(floors)


def _of_answer(answer: Answer | None, percent: bool = False) -> str:
    return NONE if answer is None else _two((answer.first, answer.second), percent)


def _means(pairs: Sequence[tuple[float | None, float | None]]) -> str:
    sides = [[pair[place] for pair in pairs if pair[place] is not None] for place in (0, 1)]
    first, second = (sum(v for v in side if v is not None) / len(side) if side else None for side in sides)
    return _two((first, second))


def _two(values: tuple[float | None, float | None], percent: bool = False) -> str:
    if percent:
        return " / ".join(NONE if value is None else f"{100 * value:.0f}" for value in values) + "%"
    return " / ".join(figure(value) for value in values)


def _change(effect: float | None, low: float | None, high: float | None) -> str:
    if effect is None:
        return NONE
    interval = "" if low is None or high is None else f" ({100 * low:+.0f} to {100 * high:+.0f})"
    return f"{effect:+.0%}{interval}"


def measured_clips(readings: Sequence[ClipReading]) -> Section:
    """Return one row a clip of one model that was measured alone, and one for all: the mean over clips."""
    rows = []
    moved = [reading.movement(reading.models[0]) for reading in readings]
    for reading, own in zip(readings, moved, strict=True):
        rows.append(
            [
                reading.name,
                str(reading.frames),
                str(len(reading.objects)),
                str(own.pairs),
                figure(own.boundary_px),
                figure(own.floor_px),
                figure(own.jitter),
                NONE if own.blinks is None else str(own.blinks),
            ]
        )
    if len(rows) > 1:
        rows.append(
            [
                ALL,
                str(sum(reading.frames for reading in readings)),
                str(sum(len(reading.objects) for reading in readings)),
                str(sum(own.pairs for own in moved)),
                _mean([own.boundary_px for own in moved]),
                _mean([own.floor_px for own in moved]),
                _mean([own.jitter for own in moved]),
                str(sum(own.blinks or 0 for own in moved)),
            ]
        )
    heads = ("", "frames", "objects", "pairs", "outline px", "floor px", "1 - IoU", "blinks")
    keys = (
        "clip",
        "frames",
        "objects",
        "pairs",
        "boundary_px",
        "floor_px",
        "motion_compensated_jitter",
        "blinks",
    )
    model = readings[0].models[0] if readings else ""
    return Section(f"{model} in {len(readings)} clips", [Table(heads, rows, keys=keys)])


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return figure(sum(known) / len(known) if known else None)
