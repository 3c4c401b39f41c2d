"""J, F, dtSSD and T as they are published of DAVIS (METRICS D7): one object a frame, and no matching.

Every label of a frame is the one object, and a frame in which mask and truth do not overlap counts as it is. The
figures of matched objects say more where there are several; these can be compared with published ones.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import replace

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.temporal.metrics import region
from yolact_temporal.temporal.metrics.contract import (
    UNDEFINED,
    Figure,
    MetricSpec,
    ShapeMemory,
    TruthObservation,
)
from yolact_temporal.temporal.metrics.region import boundary_f, region_iou, sequence_statistics
from yolact_temporal.temporal.metrics.registry import REGISTRY
from yolact_temporal.temporal.metrics.shape_stability import SHAPE_STABILITY_SPEC, ShapeStability
from yolact_temporal.temporal.metrics.truth_consistency import DTSSD_SPEC, Dtssd
from yolact_temporal.temporal.metrics.truth_contract import TruthFigure, TruthFrame

GROUP = "As published of DAVIS: every label of a frame is one object, and nothing is matched"
_INPUTS = "the union of the masks and that of the true masks in every frame, void left out"
_ORIGINAL = {spec.name: spec for spec in (*region.SPECS, DTSSD_SPEC, SHAPE_STABILITY_SPEC)}


def _published(name: str) -> MetricSpec:
    """Return a figure of matched objects as one of the whole frame."""
    return replace(_ORIGINAL[name], name=f"davis_{name}", inputs=_INPUTS, group=GROUP, matched=False)


_STABILITY = _published(SHAPE_STABILITY_SPEC.name)
_CONSECUTIVE = MetricSpec(
    name="davis_consecutive_iou",
    symbol="D7",
    meaning="IoU of the masks of two consecutive frames, mean over pairs; the object's own motion lowers it.",
    inputs="the union of the masks in every frame, void left out",
    unit="1",
    range=(0.0, 1.0),
    direction="up",
    undefined="there are fewer than two frames (two empty masks give 1, one empty mask 0)",
    source="region IoU of consecutive frames",
    scope="truth",
    label="IoU of consecutive frames",
    group=GROUP,
)

SPECS = (
    *(_published(spec.name) for spec in region.SPECS),
    _published(DTSSD_SPEC.name),
    _STABILITY,
    replace(_STABILITY, name=f"{_STABILITY.name}_of_truth", label="T of the true masks themselves"),
    _CONSECUTIVE,
    replace(
        _CONSECUTIVE,
        name=f"{_CONSECUTIVE.name}_of_truth",
        label="IoU of consecutive frames of the true masks",
    ),
)


class DavisProtocol:
    """Measures one object a frame; what is kept of a frame are its J and F.

    Example:
        >>> import numpy as np
        >>> left, right = (MaskCrop.from_bitmap(np.ones((12, 12), np.bool_), (32, 48), x, 8) for x in (4, 20))
        >>> published = DavisProtocol()
        >>> for _ in range(4):
        ...     published.add(left, truth=right)  # apart, and counted as it is
        >>> figures = published.figures()
        >>> figures["davis_region_iou_mean"].value, figures["davis_consecutive_iou"].value
        (0.0, 1.0)
    """

    note = None

    def __init__(self) -> None:
        self._region, self._boundary = array("d"), array("d")
        self._change = Dtssd()
        self._stability = [ShapeStability(), ShapeStability()]
        self._consecutive = [_Consecutive(), _Consecutive()]

    def add(self, mask: MaskCrop, truth: MaskCrop, shapes: ShapeMemory | None = None) -> None:
        """Take the next frame; every frame makes a pair with the last one.

        Args:
            mask, truth: all masks of the frame as one, and all true masks.
            shapes: remembers outlines; None where nobody else asks for these.
        """
        self._region.append(region_iou(mask, truth))
        self._boundary.append(boundary_f(mask, truth))
        self._change.add(mask, truth)
        for stability, consecutive, part in zip(
            self._stability, self._consecutive, (mask, truth), strict=True
        ):
            stability.observe(TruthObservation(part, truth, shapes=shapes))
            consecutive.add(part)

    def observe(self, frame: TruthFrame) -> None:
        """Take the next frame."""
        self.add(frame.union, frame.true.union, frame.true.shapes)

    def figures(self) -> dict[str, TruthFigure]:
        """Return the figures of the frames so far, by metric name."""
        return {name: TruthFigure(*figure) for name, figure in self._figures().items()}

    def _figures(self) -> dict[str, Figure]:
        names = iter(spec.name for spec in SPECS)
        found: dict[str, Figure] = {}
        for values in (self._region, self._boundary):
            statistics = sequence_statistics(values.tolist())
            for value in statistics[:3]:
                found[next(names)] = Figure(value, statistics.n, statistics.n_undefined)
        found[next(names)] = self._change.figures()[DTSSD_SPEC.name]
        found |= {next(names): part.figure() for part in self._stability}
        return found | {next(names): part.figure() for part in self._consecutive}


class _Consecutive:
    """Averages the IoU of consecutive masks."""

    def __init__(self) -> None:
        self._last: MaskCrop | None = None
        self._values = array("d")

    def add(self, mask: MaskCrop) -> None:
        if self._last is not None:
            self._values.append(region_iou(self._last, mask))
        self._last = mask

    def figure(self) -> Figure:
        count = len(self._values)
        return Figure(math.fsum(self._values) / count, count, 0) if count else UNDEFINED


REGISTRY.register(*SPECS, order=515, clip=lambda setting: DavisProtocol() if setting.davis else None)
