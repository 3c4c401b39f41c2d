"""`what_if.csv`: every method that was tried, with what it gains and costs on each clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from yolact_temporal.temporal.comparison.effects import effect_of
from yolact_temporal.temporal.comparison.figures import Series
from yolact_temporal.temporal.metrics.trajectory import BIAS_SPECS
from yolact_temporal.temporal.report import Column, Row
from yolact_temporal.temporal.stabilizing.recommending import (
    Judged,
    Recommendation,
    gains_by_both,
    raw_figures,
)
from yolact_temporal.temporal.stabilizing.what_if_figures import CandidateFigures
from yolact_temporal.temporal.stabilizing.what_if_text import gain_interval

_SAMPLE = "on the pairs that have a second motion estimate"

WHAT_IF_COLUMNS: tuple[Column, ...] = (
    Column("clip", "", "The clip's name."),
    Column("model", "", "Whose masks are stabilised."),
    Column("method", "", "The method with its parameters, as `stabilize --method` takes it."),
    Column("look_ahead_frames", "", "Frames of the future that it knows; 0 works live."),
    Column("control", "", "Whether it only stands beside the others: identity (the raw masks) and freeze."),
    Column("pairs", "", "Pairs of the universe: those of the raw masks, whatever the method shows."),
    Column("loss_1", "1", "A3 L(1): penalised loss, c = 1, over these pairs."),
    Column("loss_1_gain", "1", "By how much it is lower than that of the raw masks."),
    Column(
        "loss_1_gain_low",
        "1",
        "Lower end of its 95% interval over the clip's frames; empty of fewer than 30 pairs.",
    ),
    Column("loss_1_gain_high", "1", "Upper end."),
    Column("absent_share", "1", "Pairs at which its mask is missing in a frame or both, over these pairs."),
    Column("boundary_px", "px", "B1 on pairs at which its masks and the raw ones are there."),
    Column(
        "boundary_px_gain", "px", "By how much it is lower than B1 of the raw masks on the very same pairs."
    ),
    Column("boundary_px_gain_low", "px", "Lower end of its 95% interval, likewise."),
    Column("boundary_px_gain_high", "px", "Upper end."),
    Column("jitter", "1", "B2 on the same pairs."),
    Column("jitter_gain", "1", "By how much it is lower than B2 of the raw masks."),
    Column("loss_1_gain_sample", "1", f"The gain in L(1) {_SAMPLE}, by the first one."),
    Column("loss_1_gain_second", "1", f"The gain in L(1) {_SAMPLE}, by the second one."),
    Column("deviation", "1", "Mean 1 - IoU of its masks with the raw ones."),
    Column("lag_frames", "", "By how many frames its masks are behind the raw ones, where objects move."),
    Column(
        "ghost_share",
        "1",
        "Its pixels that are in no raw mask of the object within 2 frames, over its pixels.",
    ),
    Column(
        "onset_delay_frames", "", "From the first raw sighting of a track to the first that it shows, mean."
    ),
    Column("truth_j", "1", "J, 0 where it shows nothing of a true object; empty without a ground truth."),
    Column("truth_f", "1", "F, likewise."),
    Column("dtssd", "1", "D3: dtSSD."),
    *(Column(spec.name, spec.unit, f"{spec.symbol}: {spec.meaning}") for spec in BIAS_SPECS),
    Column(
        "objections", "", "Why it is not recommended, over all clips; empty of what may be, and of controls."
    ),
    Column(
        "recommended",
        "",
        "Whether it is recommended, of the methods without a look-ahead or of those with one; the same in all clips.",
    ),
)


def what_if_rows(
    clip: str,
    model: str,
    figures: Sequence[CandidateFigures],
    recommendations: Sequence[Recommendation],
) -> Iterator[Row]:
    """Yield the rows of one model on one clip, by column name, in the order of the candidates."""
    raw = raw_figures(figures)
    for own in figures:
        judged = _judged(own, recommendations)
        loss, raw_loss = own.loss.value(c=1), raw.loss.value(c=1)
        low, high = _ends(own.paired_loss)
        boundary_low, boundary_high = _ends(own.paired_boundary)
        first, second = gains_by_both([own], [raw])
        yield {
            "clip": clip,
            "model": model,
            "method": own.candidate.name,
            "look_ahead_frames": own.candidate.look_ahead,
            "control": own.candidate.spec.control,
            "pairs": own.loss.pairs,
            "loss_1": loss,
            "loss_1_gain": _gain(raw_loss, loss),
            "loss_1_gain_low": low,
            "loss_1_gain_high": high,
            "absent_share": own.loss.absent,
            "boundary_px": own.boundary_px,
            "boundary_px_gain": _gain(own.raw_boundary_px, own.boundary_px),
            "boundary_px_gain_low": boundary_low,
            "boundary_px_gain_high": boundary_high,
            "jitter": own.jitter,
            "jitter_gain": _gain(own.raw_jitter, own.jitter),
            "loss_1_gain_sample": first,
            "loss_1_gain_second": second,
            "deviation": own.deviation,
            "lag_frames": own.lag_frames,
            "ghost_share": own.ghost,
            "onset_delay_frames": own.onset_delay_frames,
            "truth_j": own.truth_j,
            "truth_f": own.truth_f,
            "dtssd": own.against_truth.get("dtssd"),
            **{spec.name: own.against_truth.get(spec.name) for spec in BIAS_SPECS},
            "objections": "; ".join(each.text for each in judged.objections) if judged else "",
            "recommended": judged is not None and any(judged is each.best for each in recommendations),
        }


def _judged(own: CandidateFigures, recommendations: Sequence[Recommendation]) -> Judged | None:
    """Return what is said of a candidate: only of the parameters that were chosen of its method."""
    found = (each for one in recommendations for each in one.judged)
    return next((each for each in found if each.final == own.candidate), None)


def _ends(series: Series) -> tuple[float | None, float | None]:
    """Return the ends of the interval of a gain on one clip; None where it is too short to tell."""
    interval = gain_interval(effect_of({"": series}))
    return interval.low, interval.high


def _gain(raw: float | None, own: float | None) -> float | None:
    return None if raw is None or own is None else raw - own
