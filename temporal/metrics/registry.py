"""The register of metrics: every figure that the product knows, and what measures it.

The modules of this package register what they define when they are imported; they are found by walking the package at
the first question, so that a new module is known without being named anywhere. Everything that is said of a metric
(tables, texts, plots, the dashboard, docs/tables.md) is asked for here.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import RLock
from typing import Literal, NamedTuple

from yolact_temporal.temporal.metrics.contract import (
    Accumulator,
    MetricSpec,
    ObjectAccumulator,
    PairMeasure,
    Scope,
    without_iou,
)
from yolact_temporal.temporal.metrics.truth_contract import (
    ClipAccumulator,
    ClipAccumulators,
    TruthSetting,
)

_PACKAGE = "yolact_temporal.temporal.metrics"
_FROM_OUTSIDE = 1000


class ComparedFigure(NamedTuple):
    """A figure as two models are compared by it: `Compared`, with the unit and direction of its metric."""

    name: str
    symbol: str
    label: str
    unit: str
    support: Literal["common", "universe"]
    better: Literal["down", "up", "zero"]
    headline: bool
    needs_truth: bool
    spec: MetricSpec

    @property
    def title(self) -> str:
        """Symbol, where it has one, and label."""
        return f"{self.symbol} {self.label}" if self.symbol else self.label


class _Entry(NamedTuple):
    """What was registered at once: specs and what measures them, and where they stand among the others."""

    order: float
    specs: tuple[MetricSpec, ...]
    accumulator: Callable[[], Accumulator] | None
    pair: PairMeasure | None
    truth: Callable[[], ObjectAccumulator] | None
    clip: ClipAccumulators | None
    in_comparison: bool


class MetricRegistry(Mapping[str, MetricSpec]):
    """Metrics by name, in the order of the tables.

    Args:
        discover: called once, before the first question, to import what registers metrics.

    Example:
        >>> REGISTRY["boundary_px_mean"].symbol, REGISTRY["boundary_px_mean"].unit
        ('B1', 'px')
        >>> REGISTRY.find("dtssd_at_iou_0.1").name, REGISTRY.find("no_such_column")
        ('dtssd', None)
    """

    def __init__(self, discover: Callable[[], object] = lambda: None) -> None:
        self._discover: Callable[[], object] | None = discover
        self._complete = False
        self._lock = RLock()
        self._entries: list[_Entry] = []

    def register(
        self,
        *specs: MetricSpec,
        order: float = _FROM_OUTSIDE,
        accumulator: Callable[[], Accumulator] | None = None,
        pair: PairMeasure | None = None,
        truth: Callable[[], ObjectAccumulator] | None = None,
        clip: ClipAccumulators | None = None,
        in_comparison: bool = False,
    ) -> tuple[MetricSpec, ...]:
        """Add metrics.

        Args:
            specs: their contracts.
            order: where they stand among the others in tables; by default after all of them.
            accumulator: makes what measures them over one track.
            pair: measures them on a pair of masks; the mean over a track's pairs is then taken by itself.
            truth: makes what measures them over one true object and one model's masks of it; the mean over objects is
                then taken by itself, at every overlap of `MATCH_IOUS`.
            clip: makes what measures them over all masks of one model against all true objects.
            in_comparison: whether a comparison against a ground truth tells what `clip` measures of each model, beside
                the differences; it must not ask for tracks then.

        Returns:
            The specs.

        Raises:
            ValueError: if a name is taken.
        """
        taken = {name for entry in self._entries for spec in entry.specs for name in spec.names}
        for name in (name for spec in specs for name in spec.names):
            if name in taken:
                raise ValueError(f"expected a name that no metric has yet, got {name}")
        self._entries.append(_Entry(order, specs, accumulator, pair, truth, clip, in_comparison))
        self._entries.sort(key=lambda entry: entry.order)
        return specs

    @contextmanager
    def borrowed(self) -> Iterator[MetricRegistry]:
        """Forget on leaving what is registered meanwhile."""
        kept = list(self._known())
        try:
            yield self
        finally:
            self._entries = kept

    def _known(self) -> list[_Entry]:
        if not self._complete:
            with self._lock:  # models are measured in threads of their own
                self._find_all()
        return self._entries

    def _find_all(self) -> None:
        # What asks while it is being imported, in this very thread, gets what is registered so far.
        discover, self._discover = self._discover, None
        if discover is None:
            return
        try:
            discover()
        except BaseException:
            self._discover = discover
            raise
        self._complete = True

    def __iter__(self) -> Iterator[str]:
        """Yield the names in the order of the tables."""
        return (spec.name for entry in self._known() for spec in entry.specs)

    def __len__(self) -> int:
        return sum(len(entry.specs) for entry in self._known())

    def __getitem__(self, name: str) -> MetricSpec:
        return {spec.name: spec for spec in self._specs()}[name]

    def _specs(self) -> Iterator[MetricSpec]:
        return (spec for entry in self._known() for spec in entry.specs)

    def find(self, name: str) -> MetricSpec | None:
        """Return the metric that a column or row holds, by any of its names, with or without its overlap's ending."""
        own, iou = without_iou(name)
        return next((spec for spec in self._specs() if own in spec.names and (spec.matched or not iou)), None)

    def known(self, name: str) -> MetricSpec:
        """Return the metric of a column or row that is sure to hold one; as `find`.

        Raises:
            KeyError: if no metric has that name.
        """
        spec = self.find(name)
        if spec is None:
            raise KeyError(name)
        return spec

    def of(self, *scopes: Scope) -> dict[str, MetricSpec]:
        """Return the metrics of some scopes, by name."""
        return {spec.name: spec for spec in self._specs() if spec.scope in scopes}

    def own(self) -> dict[str, MetricSpec]:
        """Return the metrics of a model's own tracks, by name: what each track, and each clip, is measured by."""
        return self.of("pair", "track")

    def pairs(self) -> dict[str, MetricSpec]:
        """Return the metrics that have a value for each pair of frames, by name."""
        return self.of("pair")

    def headlines(self) -> dict[str, MetricSpec]:
        """Return a model's own figures that a reader is shown first, by name, in that order."""
        ranked = sorted(
            (spec.headline, spec.name, spec) for spec in self._specs() if spec.headline is not None
        )
        return {name: spec for _, name, spec in ranked}

    def against_truth(self) -> dict[str, MetricSpec]:
        """Return the figures that stand among those against a ground truth, by name."""
        return {spec.name: spec for spec in self._specs() if spec.group}

    def truth_groups(self) -> dict[str, tuple[MetricSpec, ...]]:
        """Return the figures against a ground truth by the heading under which a reader is shown them."""
        groups: dict[str, tuple[MetricSpec, ...]] = {}
        for spec in self.against_truth().values():
            groups[spec.group] = (*groups.get(spec.group, ()), spec)
        return groups

    def compared(self) -> dict[str, ComparedFigure]:
        """Return what two models are compared by, by name in `comparison.csv`, in the order of its tables."""
        found = [spec for spec in self._specs() if spec.compared is not None]
        figures = {}
        for spec in sorted(found, key=lambda spec: spec.compared.order if spec.compared else 0):
            told = spec.compared
            assert told is not None
            figures[told.name] = ComparedFigure(
                told.name,
                told.symbol,
                told.label,
                spec.unit,
                told.support,
                spec.direction,
                told.headline,
                told.needs_truth,
                spec,
            )
        return figures

    def accumulators(self) -> list[Accumulator]:
        """Return what one track is measured by, beside the means of its pairs."""
        return [entry.accumulator() for entry in self._known() if entry.accumulator is not None]

    def object_accumulators(self) -> list[ObjectAccumulator]:
        """Return what one true object and one model's masks of it are measured by."""
        return [entry.truth() for entry in self._known() if entry.truth is not None]

    def clip_accumulators(self, setting: TruthSetting, in_comparison: bool = False) -> list[ClipAccumulator]:
        """Return what all masks of a model against all true objects are measured by.

        Args:
            setting: what is known beforehand.
            in_comparison: only what a comparison tells of each model.
        """
        made = [
            entry.clip(setting)
            for entry in self._known()
            if entry.clip is not None and (entry.in_comparison or not in_comparison)
        ]
        return [accumulator for accumulator in made if accumulator is not None]

    def pair_measures(self) -> list[PairMeasure]:
        """Return what a pair of masks is measured by; together they give every metric of a pair."""
        return [entry.pair for entry in self._known() if entry.pair is not None]


def _import_all() -> None:
    package = importlib.import_module(_PACKAGE)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{_PACKAGE}.{module.name}")


REGISTRY = MetricRegistry(_import_all)
"""The product's own metrics."""
