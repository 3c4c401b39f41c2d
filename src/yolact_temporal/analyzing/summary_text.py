"""The figures of a run for a reader: a console table and `report.md`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from yolact_temporal.temporal.catalogue import unit_text
from yolact_temporal.temporal.comparison.statistics import Interval
from yolact_temporal.temporal.metrics import REGISTRY, MetricSpec
from yolact_temporal.temporal.stability import ClipFigure, ClipStability

INTERVAL_NOTE = (
    "Intervals are 95% over the frames of this clip (stationary block bootstrap): they say nothing of "
    "other clips."
)

CAVEAT = (
    "These are one model's own figures, over the instances it saw: a model that drops the hard objects looks steadier "
    "here. They do not rank models."
)


Intervals = Mapping[str, Interval]
_Headline = tuple[str, str, str, str, str]


def headline_rows(stability: ClipStability, intervals: Intervals) -> list[_Headline]:
    """Return (label, value, unit, 95% interval, what it is of) of each headline metric.

    An undefined value reads "undefined"; where there is no interval, its text is empty.
    """
    return [
        _headline(spec, stability.figures[name], intervals.get(name))
        for name, spec in REGISTRY.headlines().items()
    ]


def _headline(spec: MetricSpec, figure: ClipFigure, interval: Interval | None) -> _Headline:
    value = "undefined" if figure.value is None else f"{figure.value:.4g}"
    spread = "" if interval is None else f"{interval.low:.3g} to {interval.high:.3g}"
    of = f"{_counted(figure.n, 'value')} in {_counted(figure.tracks, 'track')}"
    undefined = [(figure.n_undefined, "value"), (figure.tracks_undefined, "track")]
    left_out = ", ".join(_counted(count, what) for count, what in undefined if count)
    of += f" ({left_out} undefined)" if left_out else ""
    return spec.label, value, unit_text(spec.unit), spread, of


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def count_sentences(stability: ClipStability) -> list[str]:
    """Return what was seen and what was left out, a sentence each."""
    pairs = stability.frame_pairs
    if not stability.pictures:
        return _counts_without_pictures(stability)
    lines = [
        f"{stability.frames} frames, {stability.instances} instances in {len(stability.tracks)} tracks; "
        f"{pairs['counted']} pairs of consecutive frames count."
    ]
    for status, what in (
        ("repeated", "pairs of identical frames are left out: a repeated frame flatters every model"),
        ("after_lost_frames", "pairs are left out because frames between them were lost"),
        ("without_motion", "pairs are left out because the motion between them is not known (a cut)"),
    ):
        if pairs[status]:
            lines.append(f"{pairs[status]} {what}.")
    return lines + _empty_masks(stability)


def _empty_masks(stability: ClipStability) -> list[str]:
    if not stability.empty_masks:
        return []
    return [f"{stability.empty_masks} instances have an empty mask and belong to no track."]


def _counts_without_pictures(stability: ClipStability) -> list[str]:
    """Return what was seen in masks that were measured without their clip, and what cannot be said of them."""
    pairs = stability.frame_pairs
    lines = [
        f"{stability.frames} frames, {stability.instances} instances in {len(stability.tracks)} tracks.",
        f"Without the clip the motion between frames is not known: boundary displacement, motion-compensated jitter "
        f"and area blinks are undefined, and a repeated frame cannot be told from another. The other figures are of "
        f"{pairs['without_motion']} pairs of consecutive frames.",
    ]
    if pairs["after_lost_frames"]:
        lines.append(
            f"{pairs['after_lost_frames']} pairs are left out because frames between them are missing."
        )
    return lines + _empty_masks(stability)


def console_report(
    clip: str, stability: Mapping[str, ClipStability], intervals: Mapping[str, Intervals]
) -> str:
    """Return a clip's figures, and their intervals, by model as a table for the terminal."""
    lines = []
    for model, figures in stability.items():
        lines += [f"{clip}: {model}", *(f"  {line}" for line in count_sentences(figures))]
        rows = headline_rows(figures, intervals[model])
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines += [
            f"  {label:<{widths[0]}}  {value:>{widths[1]}} {unit:<{widths[2]}}  {spread:<{widths[3]}}  {of}"
            for label, value, unit, spread, of in rows
        ]
    return "\n".join(lines)


def markdown_report(
    clip: str,
    stability: Mapping[str, ClipStability],
    intervals: Mapping[str, Intervals],
    notes: Mapping[str, str],
    remarks: Sequence[str],
    sections: Sequence[str] = (),
) -> str:
    """Return `report.md`: what each model is (its note), the figures, what was left out, remarks, further sections."""
    lines = [f"# Stability of masks in {clip}", ""]
    for model, figures in stability.items():
        lines += [f"## {model}", "", notes[model], "", *count_sentences(figures), ""]
        lines += ["| figure (lower is steadier) | value | 95% interval | of |", "|---|---|---|---|"]
        lines += [
            f"| {label} | {value} {unit} | {spread} | {of} |"
            for label, value, unit, spread, of in headline_rows(figures, intervals[model])
        ]
        lines.append("")
    lines += [CAVEAT, "", INTERVAL_NOTE, ""]
    if remarks:
        lines += ["## Remarks", "", *(f"- {remark}" for remark in remarks), ""]
    lines += sections
    lines += [
        "All figures, with units and counts, are in `summary.csv`; docs/tables.md explains every column, and "
        "`yolact-temporal metrics` every metric.",
        "",
    ]
    return "\n".join(lines)
