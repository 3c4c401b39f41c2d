"""A comparison for a reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from yolact_temporal.data.runs.answers import Verdict
from yolact_temporal.temporal.comparison.comparing import RECALLS, Difference, ModelComparison
from yolact_temporal.temporal.comparison.questions import IN_PERCENT
from yolact_temporal.temporal.comparison.rules import LEAST_CLIP_PAIRS, LEAST_CLIPS
from yolact_temporal.temporal.comparison.support_meter import Outside
from yolact_temporal.temporal.documents import (
    UNDEFINED,
    Block,
    Cell,
    Items,
    Number,
    Paragraph,
    Section,
    Spread,
    Table,
)
from yolact_temporal.temporal.metrics import REGISTRY

MANY_CLIPS = 12
"""Under so many clips a BCa interval is too narrow to show anything without its p."""
_NARROW = "With so few clips the intervals are too narrow: a difference is shown only where p is below 0.05 as well."


def scope_sentences(comparison: ModelComparison) -> list[str]:
    """Return what was compared, what was left out, and what the intervals speak of, a sentence each."""
    if not comparison.pairs:
        return ["There is no object that counts for both models: nothing can be compared."]
    coverage = comparison.find("coverage")
    sees = ", ".join(
        f"{model} {_percent(value)}"
        for model, value in zip(comparison.models, (coverage.first, coverage.second), strict=True)
    )
    truth = any(one.metric == "truth_j" for one in comparison.differences)
    lines = [
        f"{comparison.pairs} pairs of {comparison.objects} objects in {_clips(len(comparison.clips))} "
        f"({'ground truth' if truth else 'consensus'}); both models see "
        f"{comparison.common / comparison.pairs:.0%} of the pairs (coverage per clip: {sees})."
    ]
    for reason, what in (
        ("repeated", "pairs of identical frames are left out: they flatter every model"),
        ("after_lost_frames", "pairs across lost frames are left out"),
    ):
        if comparison.left_out.get(reason):
            lines.append(f"{comparison.left_out[reason]} {what}.")
    light = sorted(comparison.find("boundary_px").light)
    if light and len(light) < len(comparison.clips):
        lines.append(
            f"Both models see too little of {', '.join(light)} (under {LEAST_CLIP_PAIRS} pairs, or too few frames): "
            f"what is measured where both see an object is of the other clips."
        )
    if len(comparison.clips) == 1:
        lines.append(
            "The intervals are of this clip only, over its frames (stationary block bootstrap): they say nothing of "
            "other clips."
        )
    elif len(comparison.clips) < LEAST_CLIPS:
        lines.append(
            f"With fewer than {LEAST_CLIPS} clips, answers speak of these clips only: their intervals are over the "
            "frames of each (stationary block bootstrap). The table's are over clips, and too narrow with so few."
        )
    else:
        lines.append(
            "Differences are paired by clip; intervals are 95% BCa bootstrap, p exact sign-flip; the outline is tested "
            "by itself, the other questions are adjusted by Holm among themselves."
            + (f" {_NARROW}" if len(comparison.clips) < MANY_CLIPS else "")
        )
    return lines


def outside_sentence(outside: Mapping[str, Outside], truth: bool = False) -> str:
    """Return what a comparison does not speak of: instances of no object, and duplicates; "" where it leaves none out.

    Args:
        outside: by model.
        truth: whether objects are those of a ground truth.
    """
    sentence = ""
    if any(own.unshared for own in outside.values()):
        alone = _counts({model: (own.unshared, own.of) for model, own in outside.items()})
        what = "the ground truth has no object there" if truth else "no other model sees an object there"
        sentence = f"Not compared, because {what}: {alone} above the operating threshold."
    if any(own.duplicates for own in outside.values()):
        twice = _counts({model: (own.duplicates, own.of) for model, own in outside.items()})
        sentence += (
            f" Not compared, because the model reports the same object again with a higher score: {twice}."
        )
    return sentence.strip()


def _counts(counts: Mapping[str, tuple[int, int]]) -> str:
    return ", ".join(
        f"{model} {number} of {of} instances" + (f" ({number / of:.0%})" if of else "")
        for model, (number, of) in counts.items()
    )


def comparison_section(comparison: ModelComparison, verdict: Verdict, answered: bool = False) -> Section:
    """Return a comparison of two models: the headline, the answers, the guards, what it speaks of, and every figure.

    Args:
        comparison: of them.
        verdict: what it comes to.
        answered: whether the reader has been told the headline and the answers above: they are then left out.
    """
    first, second = comparison.models
    guards = "; ".join(guard.words for guard in verdict.guards)
    answers: list[Block] = [
        Paragraph(verdict.headline, strong=True),
        Items([answer.sentence for answer in verdict.answers]),
    ]
    return Section(
        f"{first} against {second}",
        [
            *([] if answered else answers),
            Paragraph(f"Guards: {guards}."),
            *(Paragraph(line) for line in scope_sentences(comparison)),
            Paragraph(verdict.rules),
            Table(
                ("figure", first, second, f"difference ({first} less {second})", "95% interval", "p"),
                _rows(comparison),
            ),
        ],
    )


def _rows(comparison: ModelComparison) -> list[Sequence[Cell]]:
    """Return the rows of the table: figure, both models, difference, interval, adjusted p."""
    figures = REGISTRY.compared()
    rows = [
        _cells(spec.title, found)
        for name, spec in figures.items()
        for found in comparison.differences
        if found.metric == name and found.support == spec.support
    ]
    for recall in RECALLS:
        for name in ("boundary_px", "motion_compensated_jitter"):
            found = comparison.find(name, f"matched_recall_{recall:g}")
            label = f"{figures[name].symbol} at matched recall {recall:g}"
            rows.append(_cells(label, found))
    loose = [one for one in comparison.differences if one.support.startswith("truth_iou")]
    for found in loose:
        if found.metric in ("boundary_px", "motion_compensated_jitter", "loss_0", "loss_1"):
            rows.append(_cells(f"{figures[found.metric].symbol} with the truth matched at IoU 0.1", found))
    return rows


def _cells(label: str, found: Difference) -> Sequence[Cell]:
    spec = REGISTRY.compared()[found.metric]
    percent = found.metric in IN_PERCENT
    notes = ["%, points"] if percent else [spec.unit] if spec.unit != "1" else []
    notes += [spec.spec.better] if spec.better == "up" else []
    factor, own, change = (100, ".1f", "+.1f") if percent else (1, ".4g", "+.4g")
    interval = found.interval
    return (
        f"{label} ({', '.join(notes)})" if notes else label,
        *(Number(_times(factor, value), own) for value in (found.first, found.second)),
        Number(_times(factor, found.difference), change),
        Spread(None, None)
        if interval is None
        else Spread(factor * interval.low, factor * interval.high, "+.1f" if percent else "+.3g"),
        "" if found.p_holm is None else Number(found.p_holm, ".3g"),
    )


def _times(factor: int, value: float | None) -> float | None:
    return None if value is None else factor * value


def _percent(value: float | None) -> str:
    return UNDEFINED if value is None else f"{value:.0%}"


def _clips(count: int) -> str:
    return "1 clip" if count == 1 else f"{count} clips"
