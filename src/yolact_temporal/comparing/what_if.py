"""The job behind `what-if`: finished runs in, what every stabiliser would gain and cost out; no model is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from yolact_temporal.comparing.comparable_runs import ClipRuns, run_folders, runs_by_clip
from yolact_temporal.comparing.true_masks import (
    TrueFrame,
    TrueFrames,
    TruthOptions,
    coverage_notes,
    open_truth_of_run,
    truth_of_clip,
)
from yolact_temporal.data.formats import MaskSequence
from yolact_temporal.data.masks_jsonl import FrameRecord
from yolact_temporal.data.runs.layout import (
    ModelFolder,
)
from yolact_temporal.data.runs.manifest import Manifest, RunOptions
from yolact_temporal.data.runs.reader import plain_file
from yolact_temporal.data.runs.tracked_masks import read_tracks
from yolact_temporal.errors import InputError, UsageError
from yolact_temporal.temporal.association import NO_TRACK, AssociationOptions
from yolact_temporal.temporal.comparison.consensus import ConsensusUniverse
from yolact_temporal.temporal.comparison.truth import TruthUniverse
from yolact_temporal.temporal.comparison.universe import SeenMasks, Universe, UniverseOptions
from yolact_temporal.temporal.flow import FlowOptions
from yolact_temporal.temporal.pairing import pair_status
from yolact_temporal.temporal.replaying import Replay, ReplayedFrame
from yolact_temporal.temporal.stability import PairStatus
from yolact_temporal.temporal.stabilizing.bounds import CostBounds
from yolact_temporal.temporal.stabilizing.contract import TrackedFrame
from yolact_temporal.temporal.stabilizing.linking import TrackLinker
from yolact_temporal.temporal.stabilizing.raw_objects import (
    BoundTracks,
    RawObject,
    TrackLives,
    kept_for_universe,
)
from yolact_temporal.temporal.stabilizing.recommending import Recommendation, recommend
from yolact_temporal.temporal.stabilizing.registry import METHODS, Candidate, candidates_of
from yolact_temporal.temporal.stabilizing.steps import Step
from yolact_temporal.temporal.stabilizing.what_if_figures import CandidateFigures
from yolact_temporal.temporal.stabilizing.what_if_meter import WhatIfMeter


@dataclass(frozen=True)
class ModelWhatIf:
    """One model's masks, stabilised by every method.

    Attributes:
        clips: by clip, the figures of every candidate.
        causal, look_ahead: what is recommended of the methods that work live, and of those that do not.
    """

    clips: Mapping[str, Sequence[CandidateFigures]]
    causal: Recommendation
    look_ahead: Recommendation


@dataclass(frozen=True)
class WhatIfResult:
    """What stabilisers would gain and cost.

    Attributes:
        models: by name.
        bounds: what a method may cost.
        on_truth: whether the objects are those of a ground truth.
        remarks: what a reader should know, a sentence each.
        left_out: of these, one for each run that does not go together with the others.
    """

    models: Mapping[str, ModelWhatIf]
    bounds: CostBounds
    on_truth: bool
    remarks: tuple[str, ...]
    left_out: tuple[str, ...]


def what_if(
    paths: Sequence[Path],
    models: Sequence[str] | None = None,
    candidates: Sequence[Candidate] | None = None,
    bounds: CostBounds | None = None,
    ground_truth: Path | None = None,
    truth_options: TruthOptions | None = None,
    progress: Callable[[str, int], object] | None = None,
) -> WhatIfResult:
    """Replay finished runs through stabilisers, in one pass over each clip.

    The objects and pairs are those of the raw masks: a ground truth's, the consensus of a run's models, or, of one
    model, its own tracks' lives, which all candidates share.

    Args:
        paths: run folders, or folders of them. Runs of the same clip are put together.
        models: whose masks; all that every clip has by default.
        candidates: the methods to try; by default every one with every choice of parameters that is registered.
        bounds: what a method may cost.
        ground_truth, truth_options: as of `compare_runs`.
        progress: called with the clip's name and how many of its frames are done.

    Raises:
        UsageError: if a path is no run, or a model is in none.
        InputError: if a run is not complete or cannot be read.
    """
    folders, without_run = run_folders(paths)
    clips, unusable = runs_by_clip(folders)
    left_out = [*without_run, *unusable]
    chosen = _models(clips, models)
    bounds, remarks = bounds or CostBounds(), list(left_out)
    tried = _with_identity(candidates if candidates is not None else candidates_of(list(METHODS.values())))
    unsure = [f"{name} in {clip.name}" for clip in clips for name in chosen if not _has_soft(clip, name)]
    if unsure and any(each.spec.needs_soft for each in tried):
        remarks.append(
            f"No soft masks of {', '.join(unsure)} were recorded: soft is undefined, and is left out (`analyze "
            f"--record-soft` keeps them)."
        )
        tried = [each for each in tried if not each.spec.needs_soft]
    replays = [
        _ClipReplay(
            clip,
            chosen,
            ground_truth,
            truth_options,
            len(clips),
            soft=any(each.spec.needs_soft for each in tried),
        )
        for clip in clips
    ]
    unseen = [replay.clip.name for replay in replays if not replay.run.pictures]
    if unseen:
        names = dict.fromkeys(each.spec.name for each in tried if each.spec.needs_motion)
        tried = [each for each in tried if not each.spec.needs_motion]
        remarks.append(
            f"The clip of {', '.join(unseen)} was not found, so its motion is not known: {', '.join(names)} are "
            f"left out, B1, B2 and L are undefined, and nothing is recommended."
        )
    found: dict[str, dict[str, list[CandidateFigures]]] = {model: {} for model in chosen}
    faint = False
    for replay in replays:
        for model, figures in replay.measure(tried, progress).items():
            found[model][replay.clip.name] = figures
        faint |= replay.faint
        remarks += replay.remarks
    if not faint and any(each.spec.needs_faint for each in tried):
        remarks.append("No instance below the operating threshold was recorded, so hysteresis is left out.")
        found = {
            model: {
                name: [own for own in figures if not own.candidate.spec.needs_faint]
                for name, figures in of_clips.items()
            }
            for model, of_clips in found.items()
        }
    return WhatIfResult(
        {model: _judged(of_clips, bounds) for model, of_clips in found.items()},
        bounds,
        ground_truth is not None,
        tuple(remarks),
        tuple(left_out),
    )


def _judged(clips: Mapping[str, Sequence[CandidateFigures]], bounds: CostBounds) -> ModelWhatIf:
    causal = recommend(clips, bounds, lambda candidate: candidate.causal)
    return ModelWhatIf(clips, causal, recommend(clips, bounds, lambda candidate: not candidate.causal))


def _with_identity(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates with the controls first, each once."""
    controls = [Candidate(spec) for spec in METHODS.values() if spec.control]
    return list(dict.fromkeys([*controls, *candidates]))


def _models(clips: Sequence[ClipRuns], models: Sequence[str] | None) -> list[str]:
    shared = [name for name in clips[0].models if all(name in clip.models for clip in clips)]
    raw = [name for name in shared if name in raw_models(clips[0])]
    for name in models or ():
        if name not in shared:
            raise UsageError(
                f"expected a model that every clip was run with, which are {', '.join(shared) or 'none'}, got "
                f"{name!r}: name one of them"
            )
    if not shared:
        raise UsageError(
            "expected a model that every clip was run with, got none: pass runs of the same models"
        )
    return list(models or raw or shared)


def raw_models(clip: ClipRuns) -> list[str]:
    """Return the models of a clip whose masks are no stabiliser's."""
    return [name for name, own in clip.models.items() if not own.stabilized]


def _has_soft(clip: ClipRuns, model: str) -> bool:
    files = clip.models[model].files
    return plain_file(files.path.parent, files.soft)


LEAST_CHECKED_PAIRS = 20
"""Pairs that shall have a second motion estimate, of a short clip more than the run had."""


def _checked_often(manifest: Manifest) -> RunOptions:
    """Return what of a clip is replayed, the second motion estimate made often enough to check gains by it."""
    frames = manifest.frames_measured or 0
    every = manifest.options.second_motion_every or FlowOptions.second_every
    return replace(manifest.options, second_motion_every=min(every, max(frames // LEAST_CHECKED_PAIRS, 1)))


@dataclass
class _ClipReplay:
    """One clip: its models' records, replayed once through every candidate."""

    clip: ClipRuns
    chosen: Sequence[str]
    ground_truth: Path | None
    truth_options: TruthOptions | None
    clips: int
    soft: bool = False
    remarks: list[str] = field(default_factory=list)
    faint: bool = False

    def __post_init__(self) -> None:
        manifest = self.clip.manifest
        known = manifest.clip
        self._truth: MaskSequence | None = None
        if self.ground_truth is not None:
            where = truth_of_clip(self.ground_truth, self.clip.name, self.clips)
            self._truth = open_truth_of_run(where, self.truth_options, known)
        # All models of the run are witnesses of its objects, also where only one of them is asked for; but masks that
        # a stabiliser made of another one's are not.
        witnesses = self.chosen if self._truth is not None else [*raw_models(self.clip), *self.chosen]
        self._witnesses = list(dict.fromkeys(witnesses))
        self._stride = manifest.options.stride
        self._rate = None if known.fps is None else known.fps / self._stride
        self._options = UniverseOptions()
        masks = {name: self.clip.models[name].files.masks for name in self._witnesses}
        soft = {name: self.clip.models[name].files.soft for name in self.chosen} if self.soft else {}
        self.run = Replay(known, _checked_often(manifest), masks, soft=soft)

    def measure(
        self, candidates: Sequence[Candidate], progress: Callable[[str, int], object] | None
    ) -> dict[str, list[CandidateFigures]]:
        """Return the figures of every candidate, by model."""
        universe = self._universe()
        models = {
            name: _ModelReplay(self.clip, name, self._rate, universe is not None) for name in self.chosen
        }
        meters = {name: WhatIfMeter(candidates, self.clip.manifest.frames_measured) for name in self.chosen}
        true_frames = None if self._truth is None else TrueFrames(self._truth)
        last: tuple[int, float] | None = None
        indices: list[int] = []
        for count, at in enumerate(self.run, start=1):
            if progress is not None:
                progress(self.clip.name, count)
            true = None
            if true_frames is not None:
                indices.append(at.index)
                true = true_frames.at(at.index)
            status = pair_status(None if last is None else last[0], at.index, self._stride, at.motion)
            seconds = None if last is None or self._rate is None else at.time_s - last[1]
            step = Step(at.motion, at.cut)
            frames = {name: own.frame(at.records[name], step, seconds) for name, own in models.items()}
            objects = self._objects(universe, models, frames, at, status, true, last)
            for name, meter in meters.items():
                meter.push(frames[name], objects[name], status, None if true is None else true.void)
            last = (at.index, at.time_s)
        if self._truth is not None:
            self.remarks += [f"{self.clip.name}: {note}" for note in coverage_notes(self._truth, indices)]
        self.faint = any(own.faint for own in models.values())
        return {name: meter.finish() for name, meter in meters.items()}

    def _universe(self) -> Universe | None:
        thresholds = {name: self.clip.models[name].score_threshold for name in self._witnesses}
        if self._truth is not None:
            return TruthUniverse(thresholds, self._options)
        return ConsensusUniverse(thresholds, self._rate, self._options) if len(thresholds) > 1 else None

    def _objects(
        self,
        universe: Universe | None,
        models: Mapping[str, _ModelReplay],
        frames: Mapping[str, TrackedFrame],
        at: ReplayedFrame,
        status: PairStatus,
        true: TrueFrame | None,
        last: tuple[int, float] | None,
    ) -> dict[str, list[RawObject]]:
        """Return the objects of a frame as each model has them; none where the truth is not known."""
        if universe is None:
            return {name: own.lives.at(frames[name], status) for name, own in models.items()}
        if self._truth is not None and true is None:
            return {name: [] for name in models}
        if at.cut:
            universe.forget()
            for own in models.values():
                own.bound.forget()
        kept = {
            name: kept_for_universe(
                at.records[name].instances,
                self._options.low_threshold,
                self.clip.models[name].score_threshold,
            )
            for name in self._witnesses
        }
        seen = {name: SeenMasks(own.crops, own.scores) for name, own in kept.items()}
        elapsed = 1 if last is None else max((at.index - last[0]) // self._stride, 1)
        truth, void = (None, None) if true is None else (true.objects, true.void)
        sightings = universe.update(seen, at.motion, truth, void, elapsed)
        return {
            name: own.bound.at(sightings, kept[name], frames[name], status) for name, own in models.items()
        }


class _ModelReplay:
    """One model's record, its tracks beside it."""

    def __init__(self, clip: ClipRuns, name: str, rate: float | None, bound: bool) -> None:
        model = clip.models[name]
        self._files = model.files
        self._threshold = model.score_threshold
        self._tracks = read_tracks(model.files)
        memory = AssociationOptions.for_rate(rate).max_gap_frames
        self._linker = TrackLinker(model.score_threshold, memory, model.identified)
        self.lives = TrackLives({} if bound else self._tracks)
        self.bound = BoundTracks(name)
        self.faint = False

    def frame(self, record: FrameRecord, step: Step, seconds: float | None) -> TrackedFrame:
        """Return the next frame with its tracks.

        Raises:
            InputError: if the record and the table of instances do not go together.
        """
        self.faint |= bool(np.any(record.instances.scores <= self._threshold))
        tracks = [NO_TRACK if key is None else key for key in self._tracks.get(record.index, [])]
        return tracked_frame(self._linker, record, tracks, step, seconds, self._files)


def tracked_frame(
    linker: TrackLinker,
    record: FrameRecord,
    tracks: Sequence[int],
    step: Step,
    seconds: float | None,
    files: ModelFolder,
) -> TrackedFrame:
    """Return a recorded frame with its tracks.

    Raises:
        InputError: if the record and the table of instances do not go together.
    """
    try:
        return linker.update(
            record.index, record.instances, tracks, step, seconds, record.identities, record.soft
        )
    except ValueError as error:
        raise InputError(
            f"expected {files.instances} to have the instances of {files.masks.name}, got others at frame "
            f"{record.index} ({error}): analyze the clip again with --overwrite"
        ) from error
