"""The results of a run while they come in: each model's record, tables and overlay, and the objects of all models."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.analyzing.cause_recording import CauseRecording
from yolact_temporal.analyzing.frames_in_flight import MeasuredFrame, SeenFrame
from yolact_temporal.analyzing.mask_sources import ExplainedMasks, MaskSource, NetworkMasks
from yolact_temporal.analyzing.options import AnalyzeOptions
from yolact_temporal.analyzing.request import RunRequest
from yolact_temporal.comparing.true_masks import TrueFrames
from yolact_temporal.data.files import make_folder, part_path
from yolact_temporal.data.formats import MaskSequence
from yolact_temporal.data.frames import ClipInfo
from yolact_temporal.data.masks_jsonl import FrameRecord, RecordWriter, read_records
from yolact_temporal.data.overlay import OverlayPainter, draw_banner
from yolact_temporal.data.runs.layout import RunFolder
from yolact_temporal.data.runs.soft_record import SoftWriter, with_soft
from yolact_temporal.data.video_writer import VideoWriter
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.absences import ABSENCE_COLUMNS, AbsenceCounts, AbsenceFinder
from yolact_temporal.temporal.association import AssociationOptions
from yolact_temporal.temporal.comparison.clip_objects import ObjectParts
from yolact_temporal.temporal.comparison.objects_csv import OBJECT_COLUMNS, as_written, object_row_cells
from yolact_temporal.temporal.comparison.rows import ObjectRow
from yolact_temporal.temporal.comparison.support_meter import ComparedModel, Outside, SupportMeter
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.metrics.truth_contract import TruthFigure
from yolact_temporal.temporal.reading.moments import Moment, MomentFinder
from yolact_temporal.temporal.report import (
    FRAME_COLUMNS,
    INSTANCE_COLUMNS,
    TRACK_COLUMNS,
    CsvTable,
    frame_row,
    instance_rows,
    track_row,
)
from yolact_temporal.temporal.stability import ClipStability, FrameStability
from yolact_temporal.temporal.truth.truth_meter import TruthMeter
from yolact_temporal.temporal.why.causes_csv import BoxCauses, with_box_causes

ASSUMED_FPS = Fraction(30)
"""The rate at which the overlay of a clip without time is played."""


class ModelRecording:
    """Records, measures and draws what one model sees, frame by frame.

    As a context manager it leaves whole files: on success each takes its name; on failure only the record of what was
    seen stays, as a part file, and everything else is made again from it by a resumed run.
    """

    def __init__(
        self,
        folder: RunFolder,
        mask_source: MaskSource,
        clip: ClipInfo,
        request: RunRequest,
        pictures: bool = True,
    ) -> None:
        self.name = mask_source.name
        self.mask_source = mask_source
        self._class_names = mask_source.class_names
        self._files = folder.model(mask_source.name)
        self._clip = clip
        options = self._options = request.options
        self._resume = request.destination.resume
        rate = None if clip.fps is None else float(clip.fps)
        self._meter = StabilityMeter(
            self._class_names,
            rate,
            options.stride,
            identified=mask_source.identified,
            pictures=pictures,
            mask_cell_px=mask_source.mask_cell_px((clip.height, clip.width)),
        )
        step_rate = None if rate is None else rate / options.stride
        memory = AssociationOptions.for_rate(step_rate).max_gap_frames
        self._absences = AbsenceFinder(mask_source.score_threshold, memory, mask_source.identified)
        self.explained = mask_source if isinstance(mask_source, ExplainedMasks) else None
        self.causes: CauseRecording | None = None
        self._soft: SoftWriter | None = None
        self._request, self._drawn = request, request.destination.pictures.prototypes
        self._moments = MomentFinder(self.name, timed=rate is not None)
        self._overlay_rate = Fraction(clip.fps or ASSUMED_FPS) / options.stride
        self._filmed = pictures and request.destination.pictures.overlay
        drawn = self._filmed or (pictures and request.watcher is not None)
        self._painter = OverlayPainter(float(self._overlay_rate)) if drawn else None
        self._undrawn = True
        self._kept = 0
        self._written = 0
        self._past: Iterator[FrameRecord] = iter(())

    def __enter__(self) -> ModelRecording:
        make_folder(self._files.path)
        with ExitStack() as stack:
            self._record = self._open_record()
            stack.callback(self._record.abandon)
            if isinstance(self.mask_source, NetworkMasks) and self.mask_source.records_soft:
                self._soft = self._open_soft()
                stack.callback(self._soft.abandon)
                self._past = with_soft(self._past, self._soft.part)
            self._frames = stack.enter_context(CsvTable(self._files.frames, FRAME_COLUMNS))
            self._instances = stack.enter_context(CsvTable(self._files.instances, INSTANCE_COLUMNS))
            self._absent = stack.enter_context(CsvTable(self._files.absences, ABSENCE_COLUMNS))
            if self.explained is not None:
                size = (self._clip.height, self._clip.width)
                table = CauseRecording(self._files, self.explained, size, self._request)
                self.causes = stack.enter_context(table)
            if self._filmed:
                size = (self._clip.height, self._clip.width)
                self._overlay = stack.enter_context(
                    VideoWriter(self._files.overlay, size=size, fps=self._overlay_rate)
                )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.__exit__(*exception)  # type: ignore[arg-type]

    def _open_record(self) -> RecordWriter:
        if not self._resume:
            return RecordWriter.start(self._files.masks, self._class_names)
        if self._files.masks.exists():  # this model was done when another one broke off
            self._files.masks.replace(part_path(self._files.masks))
        writer, self._kept = RecordWriter.resume(self._files.masks, self._class_names, self._options.batch)
        self._past = islice(read_records(writer.part), self._kept)
        return writer

    def _open_soft(self) -> SoftWriter:
        if not self._resume:
            return SoftWriter.start(self._files.soft)
        if self._files.soft.exists():
            self._files.soft.replace(part_path(self._files.soft))
        return SoftWriter.resume(self._files.soft, self._kept)

    @property
    def kept(self) -> tuple[int, int]:
        """How many frames a broken run has recorded, and the index of the last of them; (0, -1) where there is none."""
        return self._kept, -1 if self._record.last_kept is None else self._record.last_kept

    def recorded(self, first_index: int, count: int) -> list[FrameRecord] | None:
        """Return what a broken run saw in the next `count` frames; None once its record is used up.

        Raises:
            InputError: if the record is of other frames.
        """
        records = list(islice(self._past, count))
        if not records:
            return None
        if records[0].index != first_index or len(records) != count:
            raise InputError(
                f"expected frame {first_index} next in the record of the interrupted run, got frame "
                f"{records[0].index}: the clip reads differently now, start over with --overwrite"
            )
        return records

    def counted(self, seen: FrameRecord) -> FrameRecord:
        """Return the record with the instances whose score is above the operating threshold."""
        return seen.above(self.mask_source.score_threshold, self.mask_source.identified)

    def measure(self, seen: SeenFrame, counted: FrameRecord) -> FrameStability:
        """Record all that was seen in the next frame, and measure what counts; at a cut all tracks end."""
        if self._written >= self._kept:
            record = seen.records[self.name]
            # Before the record, so that none of its frames lacks them when a run breaks.
            if self._soft is not None:
                self._soft.write(record.index, record.instances.size, record.soft or ())
            self._record.write(record)
        self._written += 1
        frame, motion, cut = seen.moved.frame, seen.moved.motion, seen.moved.cut
        stability = self._meter.update(
            frame.index, frame.time_s, counted.instances, motion, cut, counted.identities
        )
        self._moments.update(stability, counted.instances.crops, motion, cut)
        self._frames.write(frame_row(stability))
        self._instances.write_all(instance_rows(stability))
        found = self._absences.update(
            frame.index,
            frame.time_s,
            seen.records[self.name].instances,
            stability.track_ids.tolist(),
            motion,
            stability.status,
            cut,
            seen.records[self.name].identities,
        )
        self._absent.write_all(absence.row() for absence in found)
        return stability

    def explains(self, index: int) -> bool:
        """Say whether the parts of a frame are needed."""
        return self.causes is not None and self.causes.needs(index)

    def explain(self, seen: SeenFrame, stability: FrameStability) -> None:
        """Find what the pairs of the frame that was measured last owe to each part, where the model tells its parts."""
        if self.causes is not None:
            self.causes.explain(self.name, seen, stability, self._meter.carried)

    def remarks(self) -> list[str]:
        """Return what a reader should know of what was not drawn, a sentence each."""
        if self._drawn is None or (self.causes is not None and self.causes.drawn):
            return []
        why = (
            "no instance of that frame has a pair that can be explained"
            if self.causes is not None
            else "it does not say what its masks are assembled from"
        )
        return [f"{self.name}: no prototypes of frame {self._drawn} were drawn: {why}."]

    def draw(self, measured: MeasuredFrame) -> NDArray[np.uint8] | None:
        """Draw what counts of the next frame and append it to the overlay video, if there is one; returns the drawing.

        None where nobody wants one.
        """
        if self._painter is None:
            return None
        if measured.seen.moved.cut:
            self._painter.forget()
        begins = measured.seen.moved.cut or self._undrawn
        self._undrawn = False
        frame = measured.seen.moved.frame
        instances, stability = measured.counted[self.name], measured.stability[self.name]
        names = [item.class_name for item in stability.instances]
        # What is there when a scene begins has been there before, as far as anybody knows.
        events = [
            [one for one in item.events if not (begins and one == "new")] for item in stability.instances
        ]
        numbers = None if measured.numbers is None else measured.numbers[self.name]
        drawn = self._painter.draw(
            frame.rgb, instances, stability.track_ids, names, numbers=numbers, events=events
        )
        seconds = "" if self._clip.fps is None else f"   {frame.time_s:.2f} s"
        draw_banner(drawn, self.name, f"frame {frame.index}{seconds}")
        if self._filmed:
            self._overlay.write(drawn, frame.time_s)
        return drawn

    def absences(self) -> AbsenceCounts:
        """Return how many absences ended so far, by cause."""
        return self._absences.counts()

    def moments(self) -> list[Moment]:
        """Return the worst moments so far, worst first."""
        return self._moments.found()

    def finish(self) -> ClipStability:
        """Put the files in their places and return the clip's stability."""
        stability = self._meter.finish()
        with CsvTable(self._files.tracks, TRACK_COLUMNS) as tracks:
            tracks.write_all(track_row(track) for track in stability.tracks)
        self._frames.close()
        self._instances.close()
        self._absent.close()
        if self._filmed:
            self._overlay.close()
        if self._soft is not None:
            self._soft.close()
        self._record.close()
        return stability


@dataclass(frozen=True)
class MeasuredTruth:
    """What was measured against a ground truth, beside the table of its objects.

    Attributes:
        frames: those of which the truth is known, ascending.
        figures: by model and name.
        notes: by model, how it was measured, a sentence each.
    """

    frames: Sequence[int]
    figures: Mapping[str, Mapping[str, TruthFigure]]
    notes: Mapping[str, tuple[str, ...]]


class ObjectsRecording:
    """A table of objects, written frame by frame: those of the models' consensus, or of a ground truth.

    As a context manager it leaves the whole table, or on failure none: a resumed run makes it again from the records.
    """

    def __init__(
        self,
        path: Path,
        mask_sources: Sequence[MaskSource],
        clip: ClipInfo,
        options: AnalyzeOptions,
        truth: MaskSequence | None = None,
        davis: bool = False,
    ) -> None:
        compared = {
            mask_source.name: ComparedModel(mask_source.class_names, mask_source.score_threshold)
            for mask_source in mask_sources
        }
        rate = None if clip.fps is None else float(clip.fps)
        self._path = path
        self._meter = SupportMeter(compared, rate, options.stride, truth=truth is not None)
        self._models = list(compared)
        self._truth = None if truth is None else TrueFrames(truth)
        self._measured = None if truth is None else TruthMeter(compared, truth.class_names, davis)
        self._known = array("q")
        self._grown: ObjectParts | None = None
        self._causes: Mapping[str, BoxCauses] = {}

    def keep(self, folder: Path, causes: Mapping[str, BoxCauses]) -> None:
        """Keep the table as it grows, for `table`, so that nobody need read it back.

        Args:
            folder: takes what of it does not stay in memory.
            causes: what of each model's pairs comes from the box, of the frame that is measured.
        """
        self._grown, self._causes = ObjectParts.growing(folder), causes

    def table(self) -> ObjectParts | None:
        """Return the table as it stands in its file, now that all frames are measured; None unless it was kept."""
        return None if self._grown is None else self._grown.finish()

    def __enter__(self) -> ObjectsRecording:
        self._table = CsvTable(self._path, OBJECT_COLUMNS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._table.__exit__(kind, error, trace)

    def outside(self) -> Mapping[str, Outside]:
        """Return by model how many instances so far are of no object that counts."""
        return self._meter.summary().outside

    def measure(
        self,
        seen: SeenFrame,
        stability: Mapping[str, FrameStability],
    ) -> list[ObjectRow]:
        """Write and return what every model made of each object of the next frame; nothing where truth is unknown."""
        found = {name: record.instances for name, record in seen.records.items()}
        frame, motion, cut = seen.moved.frame, seen.moved.motion, seen.moved.cut
        if self._truth is None or self._measured is None:
            rows = self._meter.update(frame.index, frame.time_s, found, motion, cut)
            self._write(rows)
            return rows
        true = self._truth.at(frame.index)
        if true is None:
            return []
        rows = self._meter.update(
            frame.index, frame.time_s, found, motion, cut, truth=true.objects, void=true.void
        )
        self._write(rows)
        self._known.append(frame.index)
        if self._meter.judged is not None:
            tracks = {name: each.owner_ids for name, each in stability.items()}
            self._measured.update(self._meter.judged, true.classes, tracks)
        return rows

    def _write(self, rows: Sequence[ObjectRow]) -> None:
        self._table.write_all(object_row_cells(row) for row in rows)
        if self._grown is not None:
            self._grown.add(with_box_causes(map(as_written, rows), self._causes))

    def measured(self) -> MeasuredTruth | None:
        """Return what was measured against the ground truth so far; None of a consensus."""
        if self._measured is None:
            return None
        return MeasuredTruth(
            self._known,
            {name: self._measured.figures(name) for name in self._models},
            {name: self._measured.notes(name) for name in self._models},
        )


def object_tables(
    folder: RunFolder, recordings: Sequence[ModelRecording], clip: ClipInfo, request: RunRequest
) -> list[ObjectsRecording]:
    """Return the tables of objects that a run has: the consensus of several models, and the ground truth's."""
    options, truth = request.options, request.truth
    mask_sources = [recording.mask_source for recording in recordings]
    tables = []
    if len(mask_sources) > 1:
        tables.append(ObjectsRecording(folder.objects, mask_sources, clip, options))
    if truth is not None:
        davis = request.protocol == "davis"
        tables.append(ObjectsRecording(folder.true_objects, mask_sources, clip, options, truth, davis))
    if tables:  # all is told of the last one
        causes = {own.name: own.causes.of_boxes for own in recordings if own.causes is not None}
        tables[-1].keep(folder.path, causes)
    return tables
