"""What the jitter of models comes from, for a reader."""

from __future__ import annotations

from collections.abc import Mapping

from yolact_temporal.temporal.documents import Block, Paragraph, Section
from yolact_temporal.temporal.metrics.causes import (
    FLOOR,
    HALVES,
    MEASURES,
    PARTS,
    SWITCH,
    SWITCH_SHARE,
    TOTAL,
    WITH_SWITCH,
    WITHOUT_SWITCH,
)
from yolact_temporal.temporal.why.causes_summary import CauseFigure, CauseSums, ClipCauses
from yolact_temporal.temporal.why.explaining import PairCauses

_LEAST = 0.005
"""Shares that would be printed as 0% are not named."""

_ANCHOR = "starting box of the network (anchor)"
"""What a reader is told of an anchor: both kinds of network have them, Mask R-CNN's in its proposals."""

LEAST_PAIRS = 10
"""Of fewer the first lines say nothing."""

_BOUNDARY = MEASURES[1]

FLOOR_WORDS = (
    "No part's is what carrying costs: so much moves where nothing but the last frame's parts, carried along by the "
    "flow, makes the mask. It is the floor of these shares, and another figure than the floor of B1, for which whole "
    "masks are carried there and back. A share below 0 steadies."
)


def brief_causes(causes: Mapping[str, ClipCauses]) -> str | None:
    """Return in one sentence what share of each model's boundary displacement comes from which part.

    Args:
        causes: by model; one with fewer than `LEAST_PAIRS` explained pairs is left out.

    Returns:
        None where nothing is to be said of any.

    Example:
        >>> names = [_BOUNDARY.name(part) for part in ("box", "prototypes", FLOOR, TOTAL)]
        >>> sums = CauseSums()
        >>> for frame in range(LEAST_PAIRS):
        ...     sums.add(PairCauses(frame, 0.1, 1, 0.9, 50, 0.2, dict(zip(names, (1.0, 0.5, 0.5, 2.0)))))
        >>> brief_causes({"yolact": ClipCauses(sums.figures(), 10, 10)})
        "Why they move: box 50%, prototypes 25% (25% no part's)."
    """
    told = {model: brief for model, own in causes.items() if (brief := _brief(own.figures))}
    if not told:
        return None
    several = len(causes) > 1
    parts = [f"{model} {brief}" if several else brief for model, brief in told.items()]
    return f"Why they move: {'; '.join(parts)}."


def _brief(figures: Mapping[str, CauseFigure]) -> str:
    floor = figures[_BOUNDARY.name(FLOOR, share=True)]
    if floor.value is None or floor.n < LEAST_PAIRS:
        return ""
    named = [f"{part} {share:.0%}" for share, part in _shares(figures)]
    return f"{', '.join(named) or 'no part'} ({floor.value:.0%} no part's)"


def _shares(figures: Mapping[str, CauseFigure]) -> list[tuple[float, str]]:
    """Return the share of each whole part that is worth naming, largest first."""
    shares = {part: figures[_BOUNDARY.name(part, share=True)].value for part in PARTS if "_" not in part}
    known = [(share, part) for part, share in shares.items() if share is not None and abs(share) >= _LEAST]
    return sorted(known, reverse=True)


def causes_section(
    causes: Mapping[str, ClipCauses],
    near_box_px: Mapping[str, float | None],
    seconds: float,
    total_s: float,
) -> Section | None:
    """Return what the jitter of each model comes from; None where nothing is known of any.

    Args:
        causes: by model.
        near_box_px: by model, mean B1 near the predicted box; None where there is none.
        seconds: what finding them took.
        total_s: what the whole run took.
    """
    lines = [
        line
        for model, own in causes.items()
        for line in (*cause_sentences(model, own), *_grid_sentences(model, own, near_box_px.get(model)))
    ]
    if not lines:
        return None
    every = max(own.every for own in causes.values())
    sample = "" if every == 1 else f" They are of a sample, one of {every} pairs of frames; --why takes all."
    cost = f"Finding the causes took {seconds:.1f} s beside the other stages, in a run of {total_s:.1f} s.{sample}"
    blocks: list[Block] = [Paragraph(line) for line in (*lines, FLOOR_WORDS, cost)]
    return Section("Why the outlines move", blocks)


def cause_sentences(model: str, causes: ClipCauses) -> list[str]:
    """Return what one model's boundary displacement comes from, a sentence each; none where nothing is known.

    Example:
        >>> from yolact_temporal.temporal.why.causes_summary import CauseSums
        >>> from yolact_temporal.temporal.why.explaining import PairCauses
        >>> names = (_BOUNDARY.name(part) for part in ("box", "prototypes", FLOOR, TOTAL))
        >>> sums = CauseSums()
        >>> sums.add(PairCauses(1, 0.1, 1, 0.9, 50, 0.2, dict(zip(names, (1.5, -0.5, 1.0, 2.0)))))
        >>> print(*cause_sentences("yolact", ClipCauses(sums.figures(), 1, 1)))
        Of yolact's 2.0 px of outline movement here 75% comes from the box, -25% from the prototypes; 50% is no part's.
    """
    lines = _part_sentences(model, causes.figures)
    if not lines:
        return []
    lines += _switches(causes)
    if causes.told < causes.pairs:
        lines.append(
            f"These are {causes.told} of {causes.pairs} pairs: an interrupted run saw the others, and the parts of "
            f"their masks are not recorded."
        )
    return lines


def pair_sentences(model: str, causes: PairCauses) -> list[str]:
    """Return what the boundary displacement of one pair of masks comes from, a sentence each; none where undefined."""
    sums = CauseSums()
    sums.add(causes)
    lines = _part_sentences(model, sums.figures())
    switched = causes.values.get(SWITCH)
    if switched is not None:
        lines.append(
            f"It grew from {'another' if switched else 'the same'} {_ANCHOR} {'than' if switched else 'as'} in the "
            f"frame before."
        )
    return lines


def _part_sentences(model: str, figures: Mapping[str, CauseFigure]) -> list[str]:
    total = figures[_BOUNDARY.name(TOTAL)].value
    floor = figures[_BOUNDARY.name(FLOOR, share=True)].value
    if total is None or floor is None:
        return []
    named = [f"{share:.0%} from {PARTS[part]}" for share, part in _shares(figures)]
    told = ", ".join(named).replace(" from", " comes from", 1) if named else "nothing comes from any part"
    lines = [f"Of {model}'s {total:.1f} px of outline movement here {told}; {floor:.0%} is no part's."]
    halves = [figures[_BOUNDARY.name(half, share=True)].value for half in HALVES]
    if halves[0] is not None and halves[1] is not None:
        lines.append(
            f"Of the box, {halves[0]:.0%} is where features are pooled from and {halves[1]:.0%} where the mask is "
            f"pasted into."
        )
    return lines


def _grid_sentences(model: str, causes: ClipCauses, near_box_px: float | None) -> list[str]:
    if causes.grid_px is None:
        return []
    x, y = causes.grid_px
    near = "" if near_box_px is None else f" Near the box its outline moves by {near_box_px:.1f} px."
    return [f"{model} crops by its box in steps of {x:.1f} px across and {y:.1f} px down.{near}"]


def _switches(causes: ClipCauses) -> list[str]:
    switched, there, elsewhere = (
        causes.figures[name].value for name in (SWITCH_SHARE, WITH_SWITCH, WITHOUT_SWITCH)
    )
    if not switched:
        return []
    line = f"In {switched:.0%} of the pairs the mask grew from another {_ANCHOR} than in the frame before"
    if there is not None and elsewhere is not None:
        line += f": motion-compensated jitter is {there:.3f} there and {elsewhere:.3f} in the others"
    return [f"{line}."]
