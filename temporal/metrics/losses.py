"""Coverage and penalised loss (METRICS A2, A3): what a model misses of a universe of objects, beside how it moves."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.temporal.metrics.contract import OF_RATE, Compared, MetricSpec
from yolact_temporal.temporal.metrics.registry import REGISTRY

_SUPPORT = "which objects of the universe each model sees in every frame"
_MOVED = f"{_SUPPORT}, and B2 where it sees it in both"
_UNMOVED = (
    "the motion between frames is not known, so that misses would be all there is to count, or the universe has no "
    "pair at which every model has a value"
)
_GROUP = "How steady they are over all true pairs"


def _spec(
    name: str,
    symbol: str,
    meaning: str,
    compared: Compared | None = None,
    label: str = "",
    inputs: str = _SUPPORT,
    direction: Literal["down", "up"] = "down",
    undefined: str = "the universe has no pair",
) -> MetricSpec:
    what = "penalised loss" if name.startswith("loss") else "share"
    return MetricSpec(
        name=name,
        symbol=symbol,
        meaning=meaning,
        inputs=inputs,
        unit="1",
        range=(0.0, 1.0),
        direction=direction,
        undefined=undefined,
        source=f"{what} {'over' if name.startswith('loss') else 'of'} a universe of objects",
        scope="comparison",
        label=label or (compared.label.strip() if compared else ""),
        group=_GROUP if label else "",
        matched=bool(label),
        compared=compared,
        depends=OF_RATE if name.startswith("loss") else "",
    )


def _compared(name: str, label: str, order: int, symbol: str = "", headline: bool = False) -> Compared:
    return Compared(name, label, "universe", symbol, headline, order=order)


SPECS = (
    _spec(
        "coverage",
        "A2",
        "Pairs of the universe at which the model sees the object in both frames, over all of them. A model that sees "
        "less easily looks steadier: read every other figure beside it.",
        _compared("coverage", "coverage of the universe", 10, headline=True),
        "pairs (object, t-1, t) with a mask in both frames",
        direction="up",
    ),
    _spec(
        "common_share",
        "A2",
        "Pairs of the universe at which every compared model sees the object in both frames, over all of them.",
        direction="up",
    ),
    _spec(
        "misses_one_sided",
        "J1",
        "Pairs of the universe at which the model sees the object in one frame of the two, over all of them: how often "
        "it blinks. Known without motion, unlike the part of the penalised loss that it is.",
        _compared("misses_one_sided", "one-sided misses per pair", 4, headline=True),
    ),
    *(
        _spec(
            f"loss_{weight}",
            f"A3 L({weight})",
            f"Penalised loss, c = {weight}: misses in one frame of two, {weight} times misses in both, and 1 - IoU of "
            "the carried mask and the present one where seen in both, over all pairs of the universe.",
            _compared(
                f"loss_{weight}", f"penalised loss, c = {weight}", 5 + weight, f"L({weight})", headline=True
            ),
            label,
            _MOVED,
            undefined=_UNMOVED,
        )
        for weight, label in (
            (0, "L(0): one-sided misses and jitter"),
            (1, "L(1): the same, missed in both frames counted as well"),
        )
    ),
    _spec(
        "loss_one_sided",
        "A3",
        "The part of the penalised loss that is misses in one frame of two.",
        _compared("loss_one_sided", "  of it seen in one frame of two", 7),
        undefined=_UNMOVED,
    ),
    _spec(
        "loss_missed",
        "A3",
        "The part of L(1) that is misses in both frames.",
        _compared("loss_missed", "  of it missed in both (c = 1)", 8),
        undefined=_UNMOVED,
    ),
    _spec(
        "loss_moved",
        "A3",
        "The part of the penalised loss that is 1 - IoU where seen in both frames.",
        _compared("loss_moved", "  of it 1 - IoU where seen in both", 9),
        inputs=_MOVED,
        undefined=_UNMOVED,
    ),
)
"""What models are compared by, beside the metrics of tracks on their common support."""

REGISTRY.register(*SPECS, order=520)


class LossTerms(NamedTuple):
    """What each pair adds to the losses of M models, float64 (P, M), and at which pairs one has no value, bool (P,).

    Where the motion is not known, no pair has a value, not even one that is missed: a sum over the misses alone would
    be no loss. A pair at which a model has both masks and no jitter, since nothing of them is visible, can be neither
    rewarded nor punished. What is left out is so for all models.
    """

    by_name: dict[str, NDArray[np.float64]]
    undefined: NDArray[np.bool_]


LOSS_TERMS = ("loss_0", "loss_1", "loss_one_sided", "loss_missed", "loss_moved")
"""The figures that `loss_terms` gives."""


class SeenPairs(NamedTuple):
    """Of M models, bool (M,) each: whether B2 of a pair that one sees is unknown, and whether that of one is known."""

    hidden: NDArray[np.bool_]
    known: NDArray[np.bool_]


def seen_pairs(before: NDArray[np.bool_], now: NDArray[np.bool_], jitter: NDArray[np.float64]) -> SeenPairs:
    """Return what is known of the pairs that models see; arguments as of `loss_terms`.

    A model of which a pair is hidden and none is known has only misses: its losses are undefined throughout.
    """
    both = now & before
    hidden = both & ~np.isfinite(jitter)
    seen = both & ~hidden
    return SeenPairs(np.logical_or.reduce(hidden), np.logical_or.reduce(seen))


def loss_terms(
    before: NDArray[np.bool_],
    now: NDArray[np.bool_],
    jitter: NDArray[np.float64],
    motion_known: NDArray[np.bool_],
    only_misses: bool | None = None,
) -> LossTerms:
    """Return what pairs add to L(0), L(1) and their three parts, by metric name.

    Args:
        before, now: bool (P, M), whether each model sees the object in the two frames.
        jitter: float64 (P, M), B2, NaN where it is not known.
        motion_known: bool (P,), whether the motion from frame to frame is.
        only_misses: whether misses would be all that is known of a model (`seen_pairs`), of pairs that are a part of
            the clip's; None where they are all.

    Example:
        >>> before, now = np.array([[True], [True], [False]]), np.array([[True], [False], [False]])
        >>> terms = loss_terms(before, now, np.array([[0.2], [np.nan], [np.nan]]), np.array([True] * 3))
        >>> terms.by_name["loss_0"].ravel().tolist(), terms.by_name["loss_1"].ravel().tolist()
        ([0.2, 1.0, 0.0], [0.2, 1.0, 1.0])
        >>> loss_terms(before, now, np.full((3, 1), np.nan), np.array([False] * 3)).undefined.tolist()
        [True, True, True]
    """
    both, one = now & before, now ^ before
    missed = ~both & ~one
    moved = np.where(both, np.nan_to_num(jitter, nan=0.0), 0.0)
    terms = {
        "loss_0": one + moved,
        "loss_1": one + missed + moved,
        "loss_one_sided": one.astype(np.float64),
        "loss_missed": missed.astype(np.float64),
        "loss_moved": moved,
    }
    undefined = ~motion_known | (both & ~np.isfinite(jitter)).any(axis=1)
    if only_misses is None:
        own = seen_pairs(before, now, jitter)
        only_misses = bool((own.hidden & ~own.known).any())
    return LossTerms(terms, np.ones_like(undefined) if only_misses else undefined)
