"""What stabilisers would gain and cost, for a reader."""

from __future__ import annotations

import math
from collections.abc import Sequence

from yolact_temporal.temporal.documents import Block, Cell, Items, Number, Paragraph, Section, Table
from yolact_temporal.temporal.stabilizing.recommending import (
    Clips,
    Judged,
    Recommendation,
    gains_by_both,
    raw_figures,
)
from yolact_temporal.temporal.stabilizing.registry import Candidate
from yolact_temporal.temporal.stabilizing.what_if_figures import CandidateFigures
from yolact_temporal.temporal.stabilizing.what_if_meter import BOUNDARY_EVERY

OWN_CLIP = "Parameters were chosen on this very clip: on another one the gain may be smaller."
OTHER_CLIPS = "On each clip a method is judged with the parameters that were best on the other clips."

SAMPLE = (
    f"B1 of a method is of one frame in {BOUNDARY_EVERY}, with the raw masks' own on these frames beside; that of the "
    f"first row is of all frames. With few frames it says little."
)

_HEADS = (
    "method",
    "L(1)",
    "gain",
    "gain by 2nd flow",
    "missing",
    "B1 px",
    "raw B1 px",
    "deviation",
    "lag",
    "ghost",
    "onset delay",
)
_KEYS = (
    "method",
    "loss_1",
    "loss_1_gain",
    "loss_1_gain_second",
    "absent_share",
    "boundary_px",
    "raw_boundary_px",
    "deviation",
    "lag_frames",
    "ghost_share",
    "onset_delay_frames",
)
_TRUTH_HEADS = ("J", "F", "dtSSD", "bias log area")
_TRUTH_KEYS = ("truth_j", "truth_f", "dtssd", "trajectory_bias_log_area")


def model_what_if(
    model: str, clips: Clips, causal: Recommendation, look_ahead: Recommendation, on_truth: bool
) -> Section:
    """Return what stabilisers would gain and cost of one model's masks.

    Args:
        model: its name.
        clips: the figures of every candidate.
        causal, look_ahead: what is recommended of the two kinds.
        on_truth: whether there is a ground truth.
    """
    blocks: list[Block] = []
    for title, best, wanted in (
        ("Causal: these work live", causal, True),
        ("With a look-ahead: these give each frame later", look_ahead, False),
    ):
        table = _table(clips, wanted, on_truth)
        objections = [
            f"{own.told}: not recommended: {'; '.join(each.text for each in own.objections)}."
            for own in best.judged
            if own.objections
        ]
        said: list[Block] = [Paragraph(recommendation_sentence(best), strong=True), table]
        said += [Items(objections)] if objections else []
        blocks.append(Section(title, said))
    blocks.append(Paragraph(OWN_CLIP if causal.own_clip else OTHER_CLIPS))
    blocks.append(Paragraph(SAMPLE))
    if not on_truth:
        blocks.append(
            Paragraph("Without a ground truth nothing is called better here, only steadier at such a cost.")
        )
    return Section(model, blocks)


def recommendation_sentence(found: Recommendation) -> str:
    """Return what is recommended, in one sentence; "None" is an answer."""
    best = found.best
    if best is None:
        return "None of these is recommended."
    told = f"{best.loss:.4g} instead of {best.raw_loss:.4g}" if _known(best) else "undefined"
    return f"Recommended: {best.final.name}, L(1) {told}."


def _known(best: Judged) -> bool:
    return best.loss is not None and best.raw_loss is not None


def _table(clips: Clips, causal: bool, on_truth: bool) -> Table:
    first = next(iter(clips.values()))
    shown = [
        own.candidate
        for own in first
        if own.candidate.spec.name == "identity" or own.candidate.causal == causal
    ]
    heads, keys = (_HEADS + _TRUTH_HEADS, _KEYS + _TRUTH_KEYS) if on_truth else (_HEADS, _KEYS)
    return Table(heads, [_row(candidate, clips, on_truth) for candidate in shown], keys)


def _row(candidate: Candidate, clips: Clips, on_truth: bool) -> Sequence[Cell]:
    own = [next(one for one in figures if one.candidate == candidate) for figures in clips.values()]
    raw = [raw_figures(figures) for figures in clips.values()]
    loss = mean([one.loss.value(c=1) for one in own])
    raw_loss = mean([one.loss.value(c=1) for one in raw])
    name = "raw (identity)" if candidate.spec.name == "identity" else candidate.name
    cells: list[Cell] = [
        f"{name} (control)" if candidate.spec.name == "freeze" else name,
        Number(loss, ".4f"),
        Number(None if loss is None or raw_loss is None else raw_loss - loss, "+.4f"),
        Number(gains_by_both(own, raw)[1], "+.4f"),
        Number(mean([one.loss.absent for one in own]), ".2%"),
        Number(mean([one.boundary_px for one in own]), ".3f"),
        Number(mean([one.raw_boundary_px for one in own]), ".3f"),
        Number(mean([one.deviation for one in own]), ".4f"),
        Number(float(max(one.lag_frames for one in own)), ".0f"),
        Number(mean([one.ghost for one in own]), ".2%"),
        Number(mean([one.onset_delay_frames for one in own]), ".2f"),
    ]
    if on_truth:
        cells += [
            Number(mean([one.truth_j for one in own]), ".4f"),
            Number(mean([one.truth_f for one in own]), ".4f"),
            Number(mean([one.against_truth.get("dtssd") for one in own]), ".3f"),
            Number(mean([one.against_truth.get("trajectory_bias_log_area") for one in own]), "+.4f"),
        ]
    return cells


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values that are known; None where none is."""
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def figures_of(clips: Clips, candidate: Candidate) -> list[CandidateFigures]:
    """Return a candidate's figures, a clip each."""
    return [next(one for one in figures if one.candidate == candidate) for figures in clips.values()]
