"""What one model's jitter comes from, recorded while a clip is analyzed: `why.csv`, and the picture of a frame."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from yolact_temporal.analyzing.frames_in_flight import SeenFrame
from yolact_temporal.analyzing.mask_sources import ExplainedMasks
from yolact_temporal.analyzing.request import RunRequest
from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.runs.layout import ModelFolder
from yolact_temporal.temporal.report import CsvTable
from yolact_temporal.temporal.stability import FrameStability
from yolact_temporal.temporal.why.causes_csv import CAUSE_COLUMNS, LatestBoxCauses, cause_row
from yolact_temporal.temporal.why.causes_summary import CauseSums, ClipCauses
from yolact_temporal.temporal.why.explaining import Explainer
from yolact_temporal.temporal.why.parts_plot import plot_parts


class CauseRecording:
    """Explains one model's jitter, pair by pair, and writes the table of it.

    Attributes:
        of_boxes: what of the latest frame's pairs comes from the box.
    """

    def __init__(
        self, files: ModelFolder, mask_source: ExplainedMasks, size: tuple[int, int], request: RunRequest
    ) -> None:
        self._files, self._assemble = files, mask_source.assemble
        self._drawn = request.destination.pictures.prototypes
        self._stride, self._every = request.options.stride, max(request.options.why_every, 1)
        self._found = False
        self._score_threshold = mask_source.score_threshold
        self._explainer = Explainer(mask_source.assemble)
        self._grid_px = mask_source.crop_step_px(size)
        self._sums, self._pairs = CauseSums(), 0
        self.of_boxes = LatestBoxCauses()

    def __enter__(self) -> CauseRecording:
        self._table = CsvTable(self._files.causes, CAUSE_COLUMNS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._table.__exit__(kind, error, trace)

    def explain(
        self, name: str, seen: SeenFrame, stability: FrameStability, carried: Mapping[int, MaskCrop]
    ) -> None:
        """Write what each pair of the next frame owes to each part."""
        instances = seen.records[name].instances
        keep, parts = instances.scores > self._score_threshold, seen.parts.get(name)
        counted = None if parts is None else parts.select(keep)
        masks = instances.select(keep).crops
        # By the index in the clip, so that all models and runs are sampled alike.
        index = seen.moved.frame.index
        if not self.wants(index):
            self._explainer.pass_over(stability, counted)
            return
        found = tuple(self._explainer.update(stability, masks, carried, seen.moved.motion, counted))
        self.of_boxes.take(index, found)
        for causes in found:
            self._table.write(cause_row(causes))
            self._sums.add(causes)
        latest = self._explainer.latest
        if latest is not None and latest.frame_index == self._drawn:
            plot_parts(self._files.prototypes, name, seen.moved.frame.rgb, latest, self._assemble)
            self._found = True
        self._pairs += sum(item.pair is not None for item in stability.instances)

    def wants(self, index: int) -> bool:
        """Say whether the pair that a frame ends is explained."""
        return index // self._stride % self._every == 0 or index == self._drawn

    def needs(self, index: int) -> bool:
        """Say whether the parts of a frame are needed: it ends or begins a pair that is explained."""
        return self.wants(index) or self.wants(index + self._stride)

    @property
    def drawn(self) -> bool:
        """Whether the picture that was asked for, if one was, is there."""
        return self._drawn is None or self._found

    def result(self) -> ClipCauses:
        """Return what was found so far."""
        return ClipCauses(self._sums.figures(), self._sums.pairs, self._pairs, self._grid_px, self._every)
