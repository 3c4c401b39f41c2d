"""How a run's masks fit a ground truth, for a reader."""

from __future__ import annotations

from collections.abc import Sequence

from yolact_temporal.analyzing import identity
from yolact_temporal.analyzing.against_truth import TruthFit
from yolact_temporal.temporal.documents import Block, Cell, Items, Number, Paragraph, Section, Table
from yolact_temporal.temporal.metrics import REGISTRY, MetricSpec
from yolact_temporal.temporal.metrics.contract import MATCH_IOUS, at_iou

NO_LOSS = (
    "The losses L are undefined: without the clip the motion is not known, so the masks of two frames cannot be laid "
    "over each other, and misses alone are not a loss. Pass the clip with --clip."
)


def truth_section(quality: Sequence[TruthFit]) -> Section:
    """Return every model's figures against the ground truth, side by side, in groups."""
    strict, loose = MATCH_IOUS
    objects = max((own.objects for own in quality), default=0)
    blocks: list[Block] = [
        Paragraph(
            f"{objects} objects. Masks are matched with the true objects at an IoU of {strict:g}, and of {loose:g}: "
            f"the strict figure hides what overlaps less. T decides nothing: it is blind to where a mask is."
        )
    ]
    groups = (group_section(title, quality) for title in REGISTRY.truth_groups())
    blocks += [group for group in groups if group is not None]
    notes = [f"{own.model}: {note}" for own in quality for note in own.notes]
    if any(
        (loss := own.figures.get("loss_1")) and loss.value is None and loss.n_undefined for own in quality
    ):
        notes.append(NO_LOSS)
    if not identity.available():
        notes.append(f"HOTA, MOTSA and IDF1 need one more package: {identity.INSTALL}")
    return Section("Against the ground truth", [*blocks, *([Items(notes)] if notes else [])])


def group_section(title: str, quality: Sequence[TruthFit]) -> Section | None:
    """Return every model's figures of one group of metrics, by the group's title; None where there are none."""
    specs = REGISTRY.truth_groups()[title]
    rows = [_row(spec, quality) for spec in specs if any(spec.name in own.figures for own in quality)]
    return Section(title, [Table(_heads(quality), rows)]) if rows else None


def _heads(quality: Sequence[TruthFit]) -> list[str]:
    return ["figure", *(f"{own.model} at {iou:g}" for own in quality for iou in MATCH_IOUS), "left out"]


def _row(spec: MetricSpec, quality: Sequence[TruthFit]) -> Sequence[Cell]:
    values = [_shown(own, name) for own in quality for name in (spec.name, at_iou(spec.name, MATCH_IOUS[1]))]
    return f"{spec.label} ({spec.better})", *values, _left_out(spec.name, quality)


def _shown(own: TruthFit, name: str) -> Cell:
    return Number(own.figures[name].value) if name in own.figures else ""


def _left_out(name: str, quality: Sequence[TruthFit]) -> str:
    """Return how many objects have no value, by model."""
    counts = [own.figures[name].objects_undefined if name in own.figures else 0 for own in quality]
    return f"{', '.join(map(str, counts))} objects undefined" if any(counts) else ""
