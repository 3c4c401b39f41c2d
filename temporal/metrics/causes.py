"""Causes of jitter (METRICS H): what each part of a model's mask contributes to B1 and B2, as figures of a run.

They are measured by `yolact_temporal.temporal.why`, of models that hand out what their masks are assembled from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from yolact_temporal.temporal.metrics.contract import OF_RATE, OF_SIZE_AND_RATE, Compared, MetricSpec
from yolact_temporal.temporal.metrics.registry import REGISTRY


class Measure(NamedTuple):
    """A figure of a pair that is shared out among the parts.

    Attributes:
        stem: what the names of its parts begin with.
        symbol: of the figure itself.
        pair: its name among the figures of a pair.
        unit: as there.
    """

    stem: str
    symbol: str
    pair: str
    unit: str

    def name(self, part: str, share: bool = False) -> str:
        """Return the metric of a part; "floor" and "total" stand for what is no part's, and for all."""
        ending = "_share" if share else "_px" if self.unit == "px" else ""
        return f"{self.stem}_{part}{ending}"


MEASURES = (
    Measure("why_jitter", "B2", "motion_compensated_jitter", "1"),
    Measure("why_boundary", "B1", "boundary_px_mean", "px"),
)

PARTS = {
    "prototypes": "the prototypes",
    "features": "the features",
    "score_maps": "the score maps",
    "coefficients": "the coefficients",
    "box": "the box",
    "box_pooled": "the box that features are pooled from",
    "box_pasted": "the box that the mask is pasted into",
    "class": "the class",
}
"""What a mask may be assembled from, and what a reader is told it is. The two halves of a box add up to it."""

HALVES = ("box_pooled", "box_pasted")


def short_name(part: str) -> str:
    """Return what a picture calls a part, where there is little room.

    Example:
        >>> short_name("box_pooled"), short_name("score_maps")
        ('box, pooled', 'score maps')
    """
    return part.replace("_", ", " if part in HALVES else " ")


FLOOR, TOTAL = "floor", "total"

SWITCH = "why_switch"
SWITCH_SHARE, WITH_SWITCH, WITHOUT_SWITCH = (
    "why_switch_share",
    "why_jitter_with_switch",
    "why_jitter_without_switch",
)

_FROM = "the parts of t-1 carried to t by the flow, the parts of t, and what the model makes of any mixture of them"
_UNDEFINED = (
    "the model does not say what its masks are assembled from, its masks have no such part, or too few pixels of the "
    "carried mask are visible"
)
_SHAPLEY = "Shapley 1953; for the halves of a box Owen 1977"


BOX_CAUSES = tuple(measure.name("box") for measure in MEASURES)
"""What models are compared by: every model has a box."""


def _compared(measure: Measure) -> Compared:
    order = 2 if measure.unit == "px" else 3
    return Compared(measure.name("box"), f"  of {measure.symbol} from the box", "common", order=order)


def _pair_specs(measure: Measure) -> Iterator[MetricSpec]:
    of_pixels = measure.unit == "px"
    common: dict[str, Any] = {
        "symbol": "H3",
        "inputs": _FROM,
        "unit": measure.unit,
        "undefined": _UNDEFINED + (", or a mixture makes an empty mask" if of_pixels else ""),
        "direction": "down",
        "scope": "cause",
        "depends": OF_SIZE_AND_RATE if of_pixels else OF_RATE,
    }
    most = math.inf if of_pixels else 1.0
    yield MetricSpec(
        name=measure.name(TOTAL),
        meaning=f"{measure.symbol} of the pairs that are explained: the floor and all parts add up to it.",
        label=f"{measure.symbol} of explained pairs",
        range=(0.0, most),
        source=f"{measure.symbol} itself",
        **common,
    )
    yield MetricSpec(
        name=measure.name(FLOOR),
        meaning=f"{measure.symbol} of a mask assembled from parts of t-1 alone, carried to t: what carrying costs, "
        f"which no part is blamed for.",
        label=f"{measure.symbol} from carrying alone",
        range=(0.0, most),
        source="the value of no part in Shapley's game",
        **common,
    )
    for part, words in PARTS.items():
        yield MetricSpec(
            name=measure.name(part),
            meaning=f"Added to {measure.symbol} by {words} changing to this frame's, the mean over all orders in which "
            f"the parts may change; below 0 it steadies.",
            label=f"{measure.symbol} from {words}",
            range=(-most, most),
            source=_SHAPLEY,
            compared=_compared(measure) if part == "box" else None,
            **common,
        )


def _share_specs(measure: Measure) -> Iterator[MetricSpec]:
    for part in (FLOOR, *PARTS):
        words = "carrying alone" if part == FLOOR else PARTS[part]
        yield MetricSpec(
            name=measure.name(part, share=True),
            symbol="H4",
            meaning=f"Share of {measure.symbol} that comes from {words}, sums over the same pairs; the shares of the "
            f"floor and of all parts add up to 1.",
            inputs=_FROM,
            unit="1",
            range=(-math.inf, math.inf),
            direction="down",
            undefined=f"{_UNDEFINED}, or {measure.symbol} is 0",
            source=_SHAPLEY,
            scope="cause",
            label=f"share of {measure.symbol} from {words}",
            depends=OF_RATE,
        )


PAIR_SPECS = (
    *(spec for measure in MEASURES for spec in _pair_specs(measure)),
    MetricSpec(
        name=SWITCH,
        symbol="H5",
        meaning="1 where another anchor won than in the frame before: of another level or shape, or more than a "
        "cell from where the flow carries the old one; with Mask R-CNN the anchor of the proposal, or another level.",
        inputs="the anchors that both masks began as, the movement fitted to the flow over the mask",
        unit="1",
        range=(0.0, 1.0),
        direction="down",
        undefined="the model does not say, or too few pixels of the carried mask are visible",
        source="this project's own definition",
        scope="cause",
        label="anchor switched",
        depends=OF_RATE,
    ),
)
"""Of a pair and a track, in `why.csv`; their means stand in `summary.csv`, of the switch its share."""


def _switch_spec(name: str, meaning: str, label: str, undefined: str) -> MetricSpec:
    return MetricSpec(
        name=name,
        symbol="H5",
        meaning=meaning,
        inputs="the anchors that both masks of each explained pair began as, and B2",
        unit="1",
        range=(0.0, 1.0),
        direction="down",
        undefined=undefined,
        source="this project's own definition",
        scope="cause",
        label=label,
        depends=OF_RATE,
    )


def _grid_spec(name: str, axis: str, label: str) -> MetricSpec:
    return MetricSpec(
        name=name,
        symbol="H6",
        meaning=f"{axis} of a cell of the grid that masks are cropped on in whole cells: a cropped edge moves in such "
        f"steps.",
        inputs="the model's grid, the frame's size",
        unit="px",
        range=(0.0, math.inf),
        direction="down",
        undefined="the model's masks are cropped on no such grid, or it is not known",
        source="the model's own assembly",
        scope="cause",
        label=label,
        depends="the clip's size",
    )


GRID_SPECS = (
    _grid_spec("grid_step_x_px", "Width", "step of a cropped edge, across"),
    _grid_spec("grid_step_y_px", "Height", "step of a cropped edge, down"),
)

CLIP_SPECS = (
    *(spec for measure in MEASURES for spec in _share_specs(measure)),
    _switch_spec(
        SWITCH_SHARE,
        "Share of the explained pairs in which another anchor won than in the frame before.",
        "pairs with another anchor",
        "the model does not say which anchor won",
    ),
    _switch_spec(
        WITH_SWITCH,
        "Mean B2 of the explained pairs in which another anchor won.",
        "B2 where the anchor switched",
        "no anchor switched",
    ),
    _switch_spec(
        WITHOUT_SWITCH,
        "Mean B2 of the explained pairs in which the same anchor won.",
        "B2 where the anchor stayed",
        "the anchor always switched",
    ),
)
"""Of a clip, in `summary.csv`."""

REGISTRY.register(*PAIR_SPECS, *CLIP_SPECS, *GRID_SPECS, order=600)
