"""What every metric says of itself, what every metric is given, and what every metric returns.

To add a metric: write its pure functions and its `MetricSpec` in a module of `yolact_temporal.temporal.metrics`, and
register both (`yolact_temporal.temporal.metrics.registry`). Nothing else need be touched: the tables, the reports, the
command `metrics`, the dashboard and docs/tables.md are made from what is registered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from yolact_temporal.data.crops import MaskCrop
    from yolact_temporal.temporal.motion import RoundTrip

Scope = Literal["pair", "track", "absence", "cause", "truth", "identity", "comparison", "calibration"]
"""What a figure is of: a pair (t-1, t) of a track, and its mean over the track; a whole track; absences inside tracks'
lives; causes of a model's jitter; masks against a ground truth; their identities against it; models on one universe of
objects; the tool's own calibration."""

Number = TypeVar("Number", float, NDArray[np.float64])


OF_SIZE_AND_RATE = "the clip's size, its frame rate and the stride"
OF_RATE = "the clip's frame rate and the stride, not on its size"
"""What a figure may depend on: an outline moves further between frames that are further apart, and in more pixels
where there are more."""


@dataclass(frozen=True)
class Compared:
    """How a figure stands in a comparison of models.

    Attributes:
        name: in `comparison.csv`.
        label: what a reader is told it is; indented where it is a part of the figure above it.
        support: the pairs it is taken over: those that both models see, or the whole universe.
        symbol: what stands before the label.
        headline: whether an answer rests on it, or must be read beside it.
        needs_truth: whether it is defined against a ground truth only.
        order: its place among the compared figures; of equal ones, those registered first stand first.
    """

    name: str
    label: str
    support: Literal["common", "universe"]
    symbol: str = ""
    headline: bool = False
    needs_truth: bool = False
    order: int = 0


@dataclass(frozen=True)
class MetricSpec:
    """The contract of one figure.

    Attributes:
        name: column and row name in the tables, the unit at its end where it has one.
        symbol: where it is defined, such as "B1".
        meaning: one sentence.
        inputs: what it is computed from.
        unit: "px", "1/s", "1" for a pure number.
        range: least and greatest possible value.
        direction: "down" where lower is steadier, "up" where higher is, "zero" where nearer to 0 is.
        undefined: when it has no value; the cell is then empty and counted.
        source: the paper or definition it is from.
        scope: what it is of.
        label: what a reader is told it is; the name in words if empty.
        headline: its rank among the figures of a model's own tracks that a reader is shown first, of equal ones by
            name; None if it is not. Their intervals are computed.
        group: the heading under which it stands among the figures against a ground truth; "" if it does not.
        matched: whether it is of masks matched with true objects, and so given for every overlap of `MATCH_IOUS`.
        over_tracks: how a clip's value comes from its tracks'.
        compared: how it stands in a comparison of models; None if it does not.
        aliases: names of other columns that hold the same figure.
        depends: what of the clip and of how it was read it depends on, so that it is comparable only where these are
            the same: `OF_SIZE_AND_RATE`, `OF_RATE`, or "" where it is on nothing of the kind.
    """

    name: str
    symbol: str
    meaning: str
    inputs: str
    unit: str
    range: tuple[float, float]
    direction: Literal["down", "up", "zero"]
    undefined: str
    source: str
    scope: Scope = "track"
    label: str = ""
    headline: int | None = None
    group: str = ""
    matched: bool = False
    over_tracks: Literal["mean", "sum"] = "mean"
    compared: Compared | None = None
    aliases: tuple[str, ...] = ()
    depends: str = ""

    def __post_init__(self) -> None:
        if not self.label:
            object.__setattr__(self, "label", self.name.replace("_", " "))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all columns and rows that hold it, its own first."""
        compared = () if self.compared is None else (self.compared.name,)
        return tuple(dict.fromkeys((self.name, *compared, *self.aliases)))

    @property
    def title(self) -> str:
        """The symbol and the label, what both begin with said once."""
        section, _, short = self.symbol.partition(" ")
        return f"{section if short and self.label.startswith(short) else self.symbol} {self.label}"

    @property
    def dependence(self) -> str:
        """What it depends on as a sentence; "" where there is nothing to be said."""
        return f"Depends on {self.depends}: compare it only where these are the same." if self.depends else ""

    @property
    def better(self) -> str:
        """Which way is better, in words: steadier where it measures steadiness by itself."""
        if self.direction == "zero":
            return "nearer to 0 is better"
        steady = self.scope in ("pair", "track", "cause") or (
            self.scope == "comparison" and self.direction == "down"
        )
        return f"{'lower' if self.direction == 'down' else 'higher'} is {'steadier' if steady else 'better'}"


MATCH_IOUS = (0.5, 0.1)
"""A mask is taken for an object's where it overlaps it by so much; each figure of matched masks is given for both.

The strict one is that of a comparison of models; the loose one shows what it hides.
"""
_AT_IOU = "_at_iou_"


def at_iou(name: str, iou: float) -> str:
    """Return the name of a figure of masks matched at an overlap: its own at the strict one."""
    return name if iou == MATCH_IOUS[0] else f"{name}{_AT_IOU}{iou:g}"


def without_iou(name: str) -> tuple[str, str]:
    """Return a figure's own name, and the overlap that its name ends in; "" for none."""
    own, _, iou = name.partition(_AT_IOU)
    return own, iou


class Figure(NamedTuple):
    """A measured value.

    Attributes:
        value: None where undefined; never NaN.
        n: how many pairs, frames or differences it is of.
        n_undefined: how many of them had no value and were left out.
    """

    value: float | None
    n: int
    n_undefined: int


UNDEFINED = Figure(None, 0, 0)


@dataclass(frozen=True)
class Observation:
    """One frame of a track's life, as the accumulators see it.

    Attributes:
        present: whether the track has a mask in this frame.
        paired: whether the pair (t-1, t) counts: consecutive selected frames, not a repeated frame, motion known.
        counts: whether the frame counts by itself; false for a repeat of the last frame.
        seconds: time from t-1 to t; None at the first frame or where the clip has no time.
        class_id, score, area_px, centroid, box: of the instance; None where it is absent. Centroid (x, y) and box
            (x1, y1, x2, y2) in pixels, a pixel's centre at its index + 0.5.
        pair: the pair's figures by name; None unless `paired` and present in both frames.
        frame: its place among the frames that are measured, from 0.
        instances, duplicates: of the track in this frame, and how many of them only repeat another.
    """

    present: bool
    paired: bool
    counts: bool
    seconds: float | None
    class_id: int | None = None
    score: float | None = None
    area_px: int | None = None
    centroid: tuple[float, float] | None = None
    box: tuple[float, float, float, float] | None = None
    pair: Mapping[str, float | None] | None = None
    frame: int = 0
    instances: int = 1
    duplicates: int = 0


class MaskPair(NamedTuple):
    """A track's masks in two consecutive frames, cut to the rectangle that holds both and one pixel around them.

    Attributes:
        previous: uint8 (h, w) of 0 and 1, the mask of t-1 carried to t.
        current: the same of the mask of t.
        visible: the same of the pixels that count.
        area: pixels of the mask of t, the hidden ones too.
        origin: column and row of the rectangle's first pixel in the frame.
        sources: float (h, w) each, column and row in frame t-1 that each pixel comes from.
        boxes: the predicted boxes (x1, y1, x2, y2) at t-1 and t; None where they are not known.
        round_trip: the mask of t-1 and what comes back of it, carried to t and back; None where that is not known.
        cell: width and height in pixels of a cell of the grid on which the boxes cut masks; None where not known.
    """

    previous: NDArray[np.uint8]
    current: NDArray[np.uint8]
    visible: NDArray[np.uint8]
    area: int
    origin: tuple[int, int]
    sources: Sequence[NDArray[np.floating]]
    boxes: tuple[Sequence[float], Sequence[float]] | None
    round_trip: RoundTrip | None = None
    cell: tuple[float, float] | None = None


PairMeasure = Callable[[MaskPair], Mapping[str, float | None]]
"""Gives one or more figures of a pair by name, None where undefined."""


class Term(NamedTuple):
    """What one frame adds to the sums of a figure; a denominator of 0 says that there is no value, which is counted."""

    numerator: float
    denominator: float = 1.0


NO_VALUE = Term(0.0, 0.0)

Update = Callable[[Observation | None, Observation], Term | None]
"""Gives what a frame adds to a figure, from the last frame of the track and this one; None where nothing is asked."""


class Compute(Protocol):
    """Gives a figure from its ratio of sums, of a number and of many at once alike."""

    def __call__(self, ratio: Number, /) -> Number:
        """Return the figure."""
        ...


def plain_ratio(ratio: Number) -> Number:
    """Return the ratio itself, as of a mean, a share and a rate."""
    return ratio


class FrameSums:
    """A figure of one track as sums over frames: compute(sum of numerators / sum of denominators).

    Its memory is fixed as long as somebody takes what was added (`taken`), who then can sum it over all tracks.

    Attributes:
        numerator, denominator: the sums so far.
        compute: makes the figure of their ratio.
        n, n_undefined: frames that have a value, and that have none.

    Example:
        >>> sums = FrameSums()
        >>> sums.add(0, Term(1.0)), sums.add(1, Term(2.0)), sums.add(2, NO_VALUE)
        (None, None, None)
        >>> sums.figure(), sums.taken(), sums.taken()
        (Figure(value=1.5, n=2, n_undefined=1), [(0, 1.0, 1.0), (1, 2.0, 1.0)], [])
    """

    __slots__ = ("_added", "compute", "denominator", "n", "n_undefined", "numerator")

    def __init__(self, compute: Compute = plain_ratio) -> None:
        self.compute = compute
        self.numerator = self.denominator = 0.0
        self.n = self.n_undefined = 0
        self._added: list[tuple[int, float, float]] = []

    def add(self, frame: int, term: Term) -> None:
        """Add what a frame adds."""
        numerator, denominator = term
        if not denominator:
            self.n_undefined += 1
            return
        self.n += 1
        self.numerator += numerator
        self.denominator += denominator
        self._added.append((frame, numerator, denominator))

    def taken(self) -> list[tuple[int, float, float]]:
        """Return frame, numerator and denominator of what was added since this was last asked, and forget them."""
        added, self._added = self._added, []
        return added

    def value(self) -> float | None:
        """Return the figure so far; None without a denominator."""
        return float(self.compute(self.numerator / self.denominator)) if self.denominator else None

    def figure(self) -> Figure:
        """Return the figure so far, with its counts."""
        return Figure(self.value(), self.n, self.n_undefined)


class Accumulator(Protocol):
    """Takes one track's observations in order; its memory is fixed."""

    def add(self, observation: Observation) -> None:
        """Take the next frame."""
        ...

    def figures(self) -> dict[str, Figure]:
        """Return the figures of the frames so far, by metric name; may be called at any time."""
        ...

    def sums(self) -> dict[str, FrameSums]:
        """Return the sums that figures are made of, by metric name; only of those that are sums over frames.

        Of a figure that is not defined yet nothing is returned, and so nothing of it taken.
        """
        ...


class RatioOverFrames:
    """Accumulates one figure whose sums every frame adds to by itself, from its pure functions.

    Args:
        spec: of the figure.
        update: what a frame adds.
        compute: makes the figure of the ratio of sums.
    """

    def __init__(self, spec: MetricSpec, update: Update, compute: Compute = plain_ratio) -> None:
        self._name = spec.name
        self._update = update
        self._sums = FrameSums(compute)
        self._last: Observation | None = None

    def add(self, observation: Observation) -> None:
        """Take the next frame."""
        term = self._update(self._last, observation)
        if term is not None:
            self._sums.add(observation.frame, term)
        self._last = observation

    def figures(self) -> dict[str, Figure]:
        """Return the figure by its name."""
        return {self._name: self._sums.figure()}

    def sums(self) -> dict[str, FrameSums]:
        """Return what it is made of by its name."""
        return {self._name: self._sums}


class ShapeMemory(Protocol):
    """Gives shapes of outlines and T of two of them, each computed once however many ask."""

    def of(self, mask: MaskCrop, /) -> NDArray[np.float64] | None:
        """Return the shape of a mask's outline; None where it has none."""
        ...

    def distance(self, first: NDArray[np.float64], second: NDArray[np.float64], /) -> float:
        """Return T of two outlines."""
        ...


class TruthObservation(NamedTuple):
    """One frame of a true object, as the accumulators against a ground truth see it.

    Attributes:
        mask: the model's mask of the object; empty where it has none.
        truth: the true mask; empty where the object is absent.
        paired: whether the pair (t-1, t) counts: consecutive frames that differ, as far as anybody knows.
        begins_anew: whether frames are missing before this one, so that nothing goes on across.
        repeated: whether the frame repeats the last one.
        shapes: of outlines, for who needs them; None to compute them anew.
    """

    mask: MaskCrop
    truth: MaskCrop
    paired: bool = True
    begins_anew: bool = False
    repeated: bool = False
    shapes: ShapeMemory | None = None


class ObjectAccumulator(Protocol):
    """Takes every frame of the clip, of one true object and one model's masks of it; its memory is fixed."""

    def observe(self, observation: TruthObservation) -> None:
        """Take the next frame."""
        ...

    def figures(self) -> dict[str, Figure]:
        """Return the figures of the frames so far, by metric name; may be called at any time."""
        ...


def mean_figure(values: Iterable[float | None]) -> Figure:
    """Average the values that are defined and count the rest; none defined gives no value.

    Example:
        >>> mean_figure([1.0, None, 2.0]), mean_figure([])
        (Figure(value=1.5, n=2, n_undefined=1), Figure(value=None, n=0, n_undefined=0))
    """
    defined, undefined = [], 0
    for value in values:
        if value is None:
            undefined += 1
        else:
            defined.append(value)
    return Figure(math.fsum(defined) / len(defined) if defined else None, len(defined), undefined)
