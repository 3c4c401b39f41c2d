"""What stabilisers would gain and cost, for a reader."""

from __future__ import annotations

import math
from collections.abc import Sequence

from yolact_temporal.temporal.comparison.effects import Effect, effect_of
from yolact_temporal.temporal.comparison.rules import CONFIDENCE, LEAST_PAIRS
from yolact_temporal.temporal.documents import Block, Cell, Items, Number, Paragraph, Section, Spread, Table
from yolact_temporal.temporal.stabilizing.recommending import (
    Clips,
    Judged,
    Recommendation,
    gains_by_both,
    raw_figures,
)
from yolact_temporal.temporal.stabilizing.registry import Candidate
from yolact_temporal.temporal.stabilizing.what_if_figures import CandidateFigures
from yolact_temporal.temporal.stabilizing.what_if_meter import BOUNDARY_EVERY, LEAST_BOUNDARY_FRAMES

OWN_CLIP = "Parameters were chosen on this very clip: on another one the gain may be smaller."
OTHER_CLIPS = "On each clip a method is judged with the parameters that were best on the other clips."

SAMPLE = (
    f"B1 of a method is of at least {LEAST_BOUNDARY_FRAMES} frames, of a long clip of one in {BOUNDARY_EVERY}, with "
    "the raw masks' own on these frames beside; that of the first row is of all frames. Changes are a method's figure "
    "less the raw masks', gains the raw masks' less its own. Intervals are 95%, by the rule that `compare` goes by."
)

_HEADS = (
    "method",
    "L(1)",
    "gain",
    "95% interval",
    "gain by 2nd flow",
    "missing",
    "B1 px",
    "raw B1 px",
    "change",
    "deviation",
    "lag",
    "ghost",
    "onset delay",
)
_KEYS = (
    "method",
    "loss_1",
    "loss_1_gain",
    "loss_1_gain_interval",
    "loss_1_gain_second",
    "absent_share",
    "boundary_px",
    "raw_boundary_px",
    "boundary_px_change",
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
        short = [
            own.loss_change.pairs
            for own in found.judged
            if own.loss_change and own.loss_change.is_too_short()
        ]
        why = f": {max(short)} pairs of frames are too short to tell, it takes {LEAST_PAIRS}" if short else ""
        return f"None of these is recommended{why}."
    told = [
        _changed("L(1)", best.loss, best.raw_loss, best.loss_change, ".4g"),
        boundary_words(best.boundary_change),
        *_rest(best),
    ]
    scope = "" if best.loss_change is None else f", {scope_words(best.loss_change)}"
    return f"Recommended: {best.final.name}. {'; '.join(told)}{scope}."


def _changed(what: str, own: float | None, raw: float | None, change: Effect | None, digits: str) -> str:
    """Return a figure, the raw masks' beside it, and the interval of the change."""
    if own is None or raw is None:
        return f"{what} undefined"
    interval = None if change is None else change.interval(CONFIDENCE)
    told = (
        ""
        if interval is None
        else f" (95% interval of the change {interval.low:+.3g} to {interval.high:+.3g})"
    )
    return f"{what} {own:{digits}} instead of {raw:{digits}}{told}"


def boundary_words(change: Effect | None) -> str:
    """Return what a method does to B1, in words: whether outlines move less, more, or it cannot be told."""
    if change is None:
        return "what it does to B1 was not measured"
    numbers = _changed("B1", change.first, change.second, change, ".3g").replace(
        " instead of", " px instead of", 1
    )
    if change.is_too_short():
        return f"too short to tell what it does to B1 ({change.first:.3g} px instead of {change.second:.3g})"
    if not any(change.values):
        return f"B1 as before, {change.first:.3g} px"
    if not change.is_shown():
        return f"whether outlines move less or more is not shown: {numbers}"
    return f"outlines move {'less' if change.estimate < 0 else 'MORE'}: {numbers}"


def scope_words(change: Effect) -> str:
    """Return what an interval speaks of."""
    count = len(change.clips)
    if change.scope == "clips":
        return f"over {count} clips"
    return "on this clip only" if count == 1 else f"on these {count} clips only"


def _rest(best: Judged) -> list[str]:
    """Return what else changes, and what it costs."""
    absent, raw_absent = (mean([one.loss.absent for one in side]) for side in (best.own, best.raw))
    told = (
        [] if absent is None or raw_absent is None else [f"missing {absent:.2%} instead of {raw_absent:.2%}"]
    )
    for name, symbol in (("truth_j", "J"), ("truth_f", "F")):
        own, raw = (mean([getattr(one, name) for one in side]) for side in (best.own, best.raw))
        told += [] if own is None or raw is None else [f"{symbol} {own:.3f} instead of {raw:.3f}"]
    deviation, ghost, delay = (
        mean([getattr(one, name) for one in best.own])
        for name in ("deviation", "ghost", "onset_delay_frames")
    )
    costs = [] if deviation is None else [f"deviation {deviation:.3f}"]
    costs += [f"lag {max(one.lag_frames for one in best.own)}"]
    costs += [] if ghost is None else [f"ghosts {ghost:.2%}"]
    costs += [] if delay is None else [f"onset delay {delay:.2g} frames"]
    return [*told, f"costs: {', '.join(costs)}"]


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
    change = effect_of({clip: one.paired_loss for clip, one in zip(clips, own, strict=True)})
    boundary, raw_boundary = (
        mean([getattr(one, what) for one in own]) for what in ("boundary_px", "raw_boundary_px")
    )
    name = "raw (identity)" if candidate.spec.name == "identity" else candidate.name
    cells: list[Cell] = [
        f"{name} (control)" if candidate.spec.name == "freeze" else name,
        Number(loss, ".4f"),
        Number(None if loss is None or raw_loss is None else raw_loss - loss, "+.4f"),
        gain_interval(change),
        Number(gains_by_both(own, raw)[1], "+.4f"),
        Number(mean([one.loss.absent for one in own]), ".2%"),
        Number(boundary, ".3f"),
        Number(raw_boundary, ".3f"),
        Number(None if boundary is None or raw_boundary is None else boundary - raw_boundary, "+.3f"),
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


def gain_interval(change: Effect | None) -> Spread:
    """Return the interval of a gain, raw less own; nothing where it is too short to tell or nothing changes."""
    if change is None or change.is_too_short() or not any(change.values):
        return Spread(None, None)
    interval = change.turned().interval(CONFIDENCE)
    return Spread(None, None) if interval is None else Spread(interval.low, interval.high, "+.4f")


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values that are known; None where none is."""
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def figures_of(clips: Clips, candidate: Candidate) -> list[CandidateFigures]:
    """Return a candidate's figures, a clip each."""
    return [next(one for one in figures if one.candidate == candidate) for figures in clips.values()]
