"""One model's own figures on a clip, for a reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from yolact_temporal.temporal.catalogue import unit_text
from yolact_temporal.temporal.comparison.statistics import Interval
from yolact_temporal.temporal.documents import Cell, Number, Paragraph, Section, Spread, Table
from yolact_temporal.temporal.metrics import REGISTRY, MetricSpec
from yolact_temporal.temporal.metrics.floor import AT_LEAST
from yolact_temporal.temporal.stability import ClipFigure, ClipStability

INTERVAL_NOTE = (
    "Intervals are 95% over the frames of this clip (stationary block bootstrap): they say nothing of "
    "other clips."
)

FLOOR_NOTE = (
    f"The floor is what the motion estimate itself costs: each mask carried to the next frame and back, against "
    f"itself. For B1 and B2 it is {AT_LEAST}."
)


def stride_sentence(stride: int) -> str:
    """Return what must be said of figures of every second or further frame.

    Example:
        >>> stride_sentence(4)[:49]
        'Only every 4th frame was measured: figures in pix'
    """
    ending = {2: "nd", 3: "rd"}.get(stride % 10 if stride % 100 // 10 != 1 else 0, "th")
    ending = "st" if stride % 10 == 1 and stride % 100 != 11 else ending
    return (
        f"Only every {stride}{ending} frame was measured: figures in pixels, and all of pairs of frames, grow with the "
        f"stride and are not comparable with those of another one."
    )


def has_floor(stability: ClipStability) -> bool:
    """Say whether the floor of B1 is known of a clip."""
    return stability.figures["round_trip_px"].value is not None


CAVEAT = (
    "These are one model's own figures, over the instances it saw: a model that drops the hard objects looks steadier "
    "here. They do not rank models."
)


def model_section(
    model: str, stability: ClipStability, intervals: Mapping[str, Interval], note: str | None
) -> Section:
    """Return one model's own figures on a clip.

    Args:
        model: its name.
        stability: as measured.
        intervals: of the figures that have one, by name.
        note: what the model is, in a sentence; None where the reader has been told.
    """
    rows = [
        _headline(spec, stability.figures[name], intervals.get(name))
        for name, spec in REGISTRY.headlines().items()
    ]
    return Section(
        model,
        [
            *([] if note is None else [Paragraph(note)]),
            *(Paragraph(line) for line in count_sentences(stability)),
            Table(
                ("figure (lower is steadier)", "value", "95% interval", "of"),
                rows,
                keys=("figure", "value", "interval", "of"),
            ),
        ],
    )


def _headline(spec: MetricSpec, figure: ClipFigure, interval: Interval | None) -> Sequence[Cell]:
    spread = Spread(None, None) if interval is None else Spread(interval.low, interval.high)
    of = f"{_counted(figure.n, 'value')} in {_counted(figure.tracks, 'track')}"
    undefined = [(figure.n_undefined, "value"), (figure.tracks_undefined, "track")]
    left_out = ", ".join(_counted(count, what) for count, what in undefined if count)
    of += f" ({left_out} undefined)" if left_out else ""
    return spec.label, Number(figure.value, unit=unit_text(spec.unit)), spread, of


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
        f"Without the clip the motion between frames is not known: boundary displacement, motion-compensated jitter, "
        f"area blinks and penalised losses are undefined, and a repeated frame cannot be told from another. The other "
        f"figures are of {pairs['without_motion']} pairs of consecutive frames.",
    ]
    if pairs["after_lost_frames"]:
        lines.append(
            f"{pairs['after_lost_frames']} pairs are left out because frames between them are missing."
        )
    return lines + _empty_masks(stability)
