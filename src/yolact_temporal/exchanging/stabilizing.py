"""The job behind `stabilize`: a finished run in, a run of the raw masks and the stabilised ones out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from yolact_temporal.analyzing.mask_sources import MaskSource
from yolact_temporal.analyzing.options import AnalyzeOptions
from yolact_temporal.analyzing.request import Destination, RunRequest
from yolact_temporal.analyzing.run_clip import FinishedRun, run_clip
from yolact_temporal.analyzing.stabilized_masks import (
    RecordedMasks,
    stabilized_manifest,
    stabilized_name,
    stabilized_record,
)
from yolact_temporal.comparing.true_masks import TruthOptions, open_truth_of_run
from yolact_temporal.data.frames import ClipInfo, FrameSource
from yolact_temporal.data.masks_jsonl import RecordWriter
from yolact_temporal.data.runs.clip import reopen_clip
from yolact_temporal.data.runs.guard import require_apart
from yolact_temporal.data.runs.manifest import Manifest
from yolact_temporal.data.runs.names import require_free, twice_named
from yolact_temporal.data.runs.reader import FinishedFolder, open_finished
from yolact_temporal.errors import InputError, UsageError
from yolact_temporal.exchanging.scoring import UnseenFrames, WantedFrames
from yolact_temporal.temporal.motion_sources import NoMotion
from yolact_temporal.temporal.replaying import Replay, motion_of
from yolact_temporal.temporal.stabilizing.contract import Method, TrackedFrame
from yolact_temporal.temporal.stabilizing.live import FrameTracker
from yolact_temporal.temporal.stabilizing.registry import Candidate


@dataclass(frozen=True)
class StabilizeRequest:
    """A run to stabilise, as it is asked for.

    Attributes:
        run: the finished run's folder.
        candidates: the methods, each of which makes a model of its own.
        destination: where the new run goes.
        model: whose masks; None where the run has one model.
        truth, truth_options: true masks of the clip.
    """

    run: Path
    candidates: Sequence[Candidate]
    destination: Destination
    model: str | None = None
    truth: Path | None = None
    truth_options: TruthOptions | None = None


def stabilize_run(request: StabilizeRequest, progress: Callable[[int], object] | None = None) -> FinishedRun:
    """Write a run of a model's recorded masks and of the same stabilised, measured and compared like any two models.

    No model is run: the masks come from the record, the motion from the clip. The finished run stays as it is.

    Args:
        request: the run, the methods, and where the new one goes.
        progress: called with the number of frames done.

    Raises:
        UsageError: if there is no such model, a method is named twice, or the new folder is taken.
        InputError: if the run is not finished or cannot be read, or lacks what a method lives on: the clip,
            instances below the operating threshold, or soft masks.
    """
    finished = open_finished(request.run)
    manifest = finished.manifest
    name = finished.model_name(request.model)
    names = [require_free(stabilized_name(name, each), "--method") for each in request.candidates]
    if (twice := twice_named(names)) is not None:
        raise UsageError(f"expected every method once, got {twice} twice: name it once")
    require_apart(request.destination.folder, [request.run])
    raw = _Raw(finished, name)
    with TemporaryDirectory() as folder, ExitStack() as stack:
        records = {own: Path(folder) / f"{place}.jsonl" for place, own in enumerate(names)}
        indices, times = raw.write(request.candidates, list(records.values()))
        source = reopen_clip(manifest.clip)
        if source is not None:
            stack.enter_context(closing(source))
        frames = _frames(source, manifest, indices, times)
        truth = None
        if request.truth is not None:
            truth = open_truth_of_run(request.truth, request.truth_options, manifest.clip)
        models: list[MaskSource] = [raw.source()]
        for own, candidate in zip(names, request.candidates, strict=True):
            told = stabilized_manifest(name, candidate, raw.class_names) | raw.identities
            models.append(
                RecordedMasks(
                    own,
                    records[own],
                    raw.class_names,
                    float(told["score_threshold"]),
                    raw.identified,
                    told,
                    raw.cell_px,
                )
            )
        destination = replace(request.destination, inputs=(*request.destination.inputs, request.run))
        motion = NoMotion() if source is None else motion_of(source, manifest.options)
        return run_clip(
            frames,
            models,
            RunRequest(destination, _options(manifest), motion=motion, truth=truth),
            progress,
        )


def _options(manifest: Manifest) -> AnalyzeOptions:
    """Return what was measured, as it was; what an older run does not say by default."""
    known = {key: value for key, value in asdict(manifest.options).items() if value is not None}
    return AnalyzeOptions(**known)


def _frames(
    source: FrameSource | None, manifest: Manifest, indices: Sequence[int], times: dict[int, float]
) -> FrameSource:
    if source is not None:
        return WantedFrames(source, indices)
    clip = manifest.clip
    info = ClipInfo(
        path="",
        sha256=clip.sha256,
        width=clip.width,
        height=clip.height,
        fps=clip.rate,
        frame_count=clip.frame_count,
        rotation=0,
        variable_rate=False,
        decoder="none",
        decoder_reason="The clip is not there: the masks were measured by themselves.",
    )
    return UnseenFrames(info, indices, times, clip.rate)


class _Raw:
    """The raw masks of one model of a run."""

    def __init__(self, finished: FinishedFolder, name: str) -> None:
        own = finished.manifest.models[name]
        self._finished, self._name = finished, name
        self._document = dict(finished.manifest.document["models"][name])
        self._threshold = own.score_threshold
        self._masks = finished.folder.model(name).masks
        self._soft = finished.folder.model(name).soft
        if not finished.there(self._masks):
            raise InputError(
                f"expected the record of {name} in {self._masks}, found none: analyze the clip again with --overwrite"
            )
        self.class_names = own.class_names
        self.cell_px = own.mask_cell_px
        self.identified = own.identified
        self.identities = {"identities": "given" if self.identified else "by association"}

    def source(self) -> RecordedMasks:
        """Return them as what is measured."""
        return RecordedMasks(
            self._name,
            self._masks,
            self.class_names,
            self._threshold,
            self.identified,
            self._document,
            self.cell_px,
        )

    def write(
        self, candidates: Sequence[Candidate], paths: Sequence[Path]
    ) -> tuple[list[int], dict[int, float]]:
        """Write the masks that each method shows, in one pass; return the frames' indices and times.

        Raises:
            InputError: if a method needs what the run has not.
        """
        manifest = self._finished.manifest
        replay = Replay(
            manifest.clip, manifest.options, {self._name: self._masks}, soft=self._needed_soft(candidates)
        )
        lacking = [each.name for each in candidates if each.spec.needs_motion and not replay.pictures]
        if lacking:
            raise InputError(
                f"expected the clip at {manifest.clip.path or '(none was given)'} for {', '.join(lacking)}, found "
                f"none: bring it back to its place, or take a method that needs no motion"
            )
        with ExitStack() as stack:
            writers = [RecordWriter.start(path, self.class_names) for path in paths]
            for writer in writers:
                stack.callback(writer.abandon)
            times = self._written(candidates, writers, replay)
        return list(times), times

    def _written(
        self, candidates: Sequence[Candidate], writers: Sequence[RecordWriter], replay: Replay
    ) -> dict[int, float]:
        """Write what each method shows, close the records, and return the frames' times."""
        manifest = self._finished.manifest
        rate = None if manifest.clip.fps is None else manifest.clip.fps / manifest.options.stride
        tracker = FrameTracker(self._threshold, rate, self.identified)
        methods = [each.make() for each in candidates]
        times: dict[int, float] = {}
        faint = False
        for at in replay:
            record = at.records[self._name]
            times[at.index] = at.time_s
            faint |= bool((record.instances.scores <= self._threshold).any())
            frame = tracker.update(
                at.index, record.instances, at.motion, at.cut, record.identities, record.soft
            )
            for method, writer in zip(methods, writers, strict=True):
                self._write(method, writer, times, frame)
        for method, writer in zip(methods, writers, strict=True):
            for shown in method.finish():
                writer.write(stabilized_record(shown, times[shown.index], self.identified))
            writer.close()
        lacking = [each.name for each in candidates if each.spec.needs_faint]
        if lacking and not faint:
            raise InputError(
                f"expected instances below the operating threshold in {self._masks} for {', '.join(lacking)}, found "
                f"none: record them, or take another method"
            )
        return times

    def _needed_soft(self, candidates: Sequence[Candidate]) -> dict[str, Path]:
        """Return the record of soft masks by the model's name, where a method lives on them."""
        needing = [each.name for each in candidates if each.spec.needs_soft]
        if not needing:
            return {}
        if not self._finished.there(self._soft):
            raise InputError(
                f"expected soft masks of {self._name} in {self._soft} for {', '.join(needing)}, found none: analyze "
                f"the clip again with --record-soft, or take another method"
            )
        return {self._name: self._soft}

    def _write(
        self, method: Method, writer: RecordWriter, times: dict[int, float], frame: TrackedFrame
    ) -> None:
        for shown in method.push(frame):
            writer.write(stabilized_record(shown, times[shown.index], self.identified))
