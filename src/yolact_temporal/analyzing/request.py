"""What is asked of one run: where it goes, what of the clip is measured, and against what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.analyzing.frames_in_flight import MeasuredFrame
from yolact_temporal.analyzing.options import AnalyzeOptions
from yolact_temporal.data.formats import MaskSequence
from yolact_temporal.temporal.comparison.rules import Rules
from yolact_temporal.temporal.motion_sources import MotionSource
from yolact_temporal.temporal.reading.moments import Moment

TruthProtocol = Literal["davis"]
"""A published way to measure masks against a ground truth."""


@dataclass(frozen=True)
class Pictures:
    """Which pictures a run has beside its tables; they take most of the time of a short one.

    Attributes:
        overlay: the clip with the masks drawn, one a model.
        plots: of timeline, tracks, displacements and comparison, and of the worst moments.
        pair_plots: of the comparison of every two models, where there are more than two.
        prototypes: the frame of which it is drawn what a mask is assembled from; None for no such picture.
    """

    overlay: bool = True
    plots: bool = True
    pair_plots: bool = False
    prototypes: int | None = None


@dataclass(frozen=True)
class Destination:
    """Where a run goes, what is written there, and what becomes of an earlier one.

    Attributes:
        name: the clip's name in tables and titles.
        folder: the run folder.
        resume: go on with an interrupted run.
        overwrite: replace an earlier run.
        pictures: which pictures are made.
        inputs: what else the run is made from, beside clip, masks and truth; the run keeps apart from it.
        command: what was typed to make it; "" if it is made otherwise.
        drawing: called before plots are drawn, which takes a while.
        going_on: called where a broken run is gone on with, before its first frame: with how many frames it has
            recorded, and the index of the last of them.
    """

    name: str
    folder: Path
    resume: bool = False
    overwrite: bool = False
    pictures: Pictures = field(default_factory=Pictures)
    inputs: tuple[Path, ...] = ()
    command: str = ""
    drawing: Callable[[], object] | None = None
    going_on: Callable[[int, int], object] | None = None


class Watcher(Protocol):
    """Is shown every frame once it is measured, and says what else the manifest holds."""

    def see(
        self, frame: MeasuredFrame, drawn: Mapping[str, NDArray[np.uint8]], moments: Sequence[Moment]
    ) -> None:
        """Take the next frame.

        Args:
            frame: what was measured of it.
            drawn: by model, the frame with its masks, uint8 (H, W, 3).
            moments: the worst so far, of all models.
        """
        ...

    def manifest(self) -> Mapping[str, Any]:
        """Return what `run.json` holds of what was watched; asked before the first frame and after the last."""
        ...


@dataclass(frozen=True)
class RunRequest:
    """One run, as it is asked for.

    Attributes:
        destination: where it goes.
        options: range, stride, batch.
        motion: the motion between frames; None for optical flow.
        truth: true masks with identities, that all are measured against as well.
        protocol: "davis" to measure against the truth as DAVIS publishes it, too; None for matched objects alone.
        sections: (time in seconds, label) marks for the timeline plot.
        rules: margins and bounds by which the models' comparison is decided.
        watcher: is shown every frame; None where nobody looks.
        said: what must be said beside the figures, a sentence each, as of a rate that is assumed.
    """

    destination: Destination
    options: AnalyzeOptions = field(default_factory=AnalyzeOptions)
    motion: MotionSource | None = None
    truth: MaskSequence | None = None
    protocol: TruthProtocol | None = None
    sections: Sequence[tuple[float, str]] = ()
    rules: Rules = field(default_factory=Rules)
    watcher: Watcher | None = None
    said: tuple[str, ...] = ()
