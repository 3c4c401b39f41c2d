"""`SupportMeter`: what every compared model made of every object of the universe, frame by frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from yolact_temporal.data.instances import Instances
from yolact_temporal.temporal.comparison.rows import ObjectRow
from yolact_temporal.temporal.comparison.universe import (
    ConsensusUniverse,
    Seen,
    Sighting,
    TruthUniverse,
    Universe,
    UniverseOptions,
)
from yolact_temporal.temporal.crops import MaskCrop, crop_masks
from yolact_temporal.temporal.metrics import pair_figures
from yolact_temporal.temporal.metrics.region import boundary_f, region_iou
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.pairing import pair_status
from yolact_temporal.temporal.stability import PairStatus


@dataclass(frozen=True)
class ComparedModel:
    """What must be known of a model that is compared.

    Attributes:
        class_names: what its class ids index into.
        score_threshold: its operating threshold.
    """

    class_names: Sequence[str]
    score_threshold: float


class SupportMeter:
    """Measures models on the objects of their universe, one frame at a time; memory does not grow with the clip.

    Args:
        models: by name, in the order of the rows.
        rate: the clip's frames a second; None where it has no time.
        stride: every how manieth frame is selected: frames so far apart are consecutive.
        truth: whether the objects are those of a ground truth, given with every frame; else the models' consensus.
        options: how objects are found.

    Raises:
        ValueError: with fewer than two models and no ground truth.
    """

    def __init__(
        self,
        models: Mapping[str, ComparedModel],
        rate: float | None,
        stride: int = 1,
        truth: bool = False,
        options: UniverseOptions | None = None,
    ) -> None:
        self.options = options or UniverseOptions()
        self._models = dict(models)
        self._stride = stride
        thresholds = {name: model.score_threshold for name, model in models.items()}
        step = None if rate is None else rate / stride
        self._universe: Universe = (
            TruthUniverse(thresholds, self.options)
            if truth
            else ConsensusUniverse(thresholds, step, self.options)
        )
        self._last_index: int | None = None
        self._last_scores: dict[int, dict[str, float]] = {}
        self.outside: Counter[str] = Counter()

    def update(
        self,
        frame_index: int,
        time_s: float,
        instances: Mapping[str, Instances],
        motion: Motion | None,
        cut: bool = False,
        truth: Mapping[int, MaskCrop] | None = None,
    ) -> list[ObjectRow]:
        """Take the next frame.

        Args:
            frame_index: its place in the clip; above the last one given.
            time_s: its time in seconds.
            instances: by model, all it saw down to the low threshold, not only what is above its operating one.
            motion: from the last frame to this one; None at the first, and where it is not known.
            cut: another scene begins with this frame.
            truth: by object id, the true masks.

        Returns:
            One row a model for every object that counts in this frame.
        """
        if self._last_index is not None and frame_index <= self._last_index:
            raise ValueError(f"expected a frame index above {self._last_index}, got {frame_index}")
        if cut:
            self._universe.forget()
            self._last_scores = {}
        status = pair_status(self._last_index, frame_index, self._stride, motion)
        kept = {name: self._kept(instances[name]) for name in self._models}
        seen = {name: Seen(crop_masks(own), own.scores) for name, own in kept.items()}
        sightings = self._universe.update(seen, motion, truth)
        rows: list[ObjectRow] = []
        scores: dict[int, dict[str, float]] = {}
        for sighting in sightings:
            if not sighting.counts:
                continue
            scores[sighting.object_id] = {
                name: float(seen[name].scores[index]) for name, index in sighting.matches.items()
            }
            for name in self._models:
                rows.append(
                    self._row(name, frame_index, time_s, sighting, seen[name], kept[name], status, motion)
                )
        for name in self._models:
            used = {s.matches[name] for s in sightings if s.counts and name in s.matches}
            above = kept[name].scores > self._models[name].score_threshold
            self.outside[name] += sum(1 for index in above.nonzero()[0] if int(index) not in used)
        self._last_index, self._last_scores = frame_index, scores
        return rows

    def _kept(self, instances: Instances) -> Instances:
        low = instances.scores > self.options.low_threshold
        return instances if bool(low.all()) else instances.select(low)

    def _row(
        self,
        name: str,
        frame_index: int,
        time_s: float,
        sighting: Sighting,
        seen: Seen,
        instances: Instances,
        status: PairStatus,
        motion: Motion | None,
    ) -> ObjectRow:
        if sighting.object_id not in self._last_scores:
            status = "first"
        before = self._last_scores.get(sighting.object_id, {}).get(name) if status != "first" else None
        index = sighting.matches.get(name)
        if index is None:
            return ObjectRow(
                frame_index, time_s, sighting.object_id, name, status, None, None, None, before, *[None] * 5
            )
        mask = seen.masks[index]
        figures: Mapping[str, float | None] = {}
        if status == "counted" and before is not None and motion is not None:
            figures = pair_figures(sighting.carried[name], mask, motion)
        true = sighting.truth
        return ObjectRow(
            frame=frame_index,
            time_s=time_s,
            object_id=sighting.object_id,
            model=name,
            pair_status=status,
            score=float(seen.scores[index]),
            area_px=mask.area,
            class_name=self._models[name].class_names[int(instances.class_ids[index])],
            previous_score=before,
            boundary_px=figures.get("boundary_px_mean"),
            boundary_share=figures.get("boundary_share_mean"),
            jitter=figures.get("motion_compensated_jitter"),
            truth_iou=None if true is None else region_iou(mask, true),
            truth_boundary_f=None if true is None else boundary_f(mask, true),
        )
