"""The results of a run while they come in: each model's record, tables and overlay, and the objects of all models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING

from yolact_temporal.data.files import part_path
from yolact_temporal.data.frames import ClipInfo, Frame
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.masks_jsonl import FrameRecord, RecordWriter, read_records
from yolact_temporal.data.overlay import OverlayPainter, draw_banner
from yolact_temporal.data.video_writer import VideoWriter
from yolact_temporal.errors import InputError
from yolact_temporal.models import LoadedModel
from yolact_temporal.runs import RunFolder
from yolact_temporal.temporal.comparison.objects_csv import OBJECT_COLUMNS, object_row_cells
from yolact_temporal.temporal.comparison.support import ComparedModel, SupportMeter
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.motion import Motion
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

if TYPE_CHECKING:
    from yolact_temporal.analyze import AnalyzeOptions

ASSUMED_FPS = Fraction(30)
"""The rate at which the overlay of a clip without time is played."""


class ModelRecording:
    """Records, measures and draws what one model sees, frame by frame.

    As a context manager it leaves whole files: on success each takes its name; on failure only the record of what was
    seen stays, as a part file, and everything else is made again from it by a resumed run.
    """

    def __init__(
        self, folder: RunFolder, model: LoadedModel, clip: ClipInfo, options: AnalyzeOptions, resume: bool
    ) -> None:
        self.name = model.name
        self.segmenter = model.segmenter
        self.score_threshold = model.score_threshold
        self._class_names = model.segmenter.class_names
        self._files = folder.model(model.name)
        self._clip = clip
        self._options = options
        self._resume = resume
        rate = None if clip.fps is None else float(clip.fps)
        self._meter = StabilityMeter(self._class_names, rate, options.stride)
        self._painter = OverlayPainter()
        self._kept = 0
        self._written = 0
        self._past: Iterator[FrameRecord] = iter(())

    def __enter__(self) -> ModelRecording:
        self._files.path.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            self._record = self._open_record()
            stack.callback(self._record.abandon)
            self._frames = stack.enter_context(CsvTable(self._files.frames, FRAME_COLUMNS))
            self._instances = stack.enter_context(CsvTable(self._files.instances, INSTANCE_COLUMNS))
            rate = self._clip.fps or ASSUMED_FPS
            self._overlay = stack.enter_context(
                VideoWriter(
                    self._files.overlay,
                    size=(self._clip.height, self._clip.width),
                    fps=Fraction(rate) / self._options.stride,
                )
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

    def recorded(self, first_index: int, count: int) -> list[Instances] | None:
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
        return [record.instances for record in records]

    def counted(self, seen: Instances) -> Instances:
        """Return the instances whose score is above the operating threshold."""
        return seen.select(seen.scores > self.score_threshold)

    def measure(self, frame: Frame, seen: Instances, motion: Motion | None, cut: bool) -> FrameStability:
        """Record all that was seen in the next frame, and measure what counts; at a cut all tracks end."""
        if self._written >= self._kept:
            self._record.write(FrameRecord(frame.index, frame.time_s, seen))
        self._written += 1
        stability = self._meter.update(frame.index, frame.time_s, self.counted(seen), motion, cut)
        self._frames.write(frame_row(stability))
        self._instances.write_all(instance_rows(stability))
        return stability

    def draw(self, frame: Frame, seen: Instances, stability: FrameStability, cut: bool) -> None:
        """Draw what counts of the next frame and append it to the overlay video."""
        if cut:
            self._painter.forget()
        instances = self.counted(seen)
        names = [item.class_name for item in stability.instances]
        events = [item.events for item in stability.instances]
        drawn = self._painter.draw(frame.rgb, instances, stability.track_ids, names, events=events)
        draw_banner(drawn, self.name, f"frame {frame.index}   {frame.time_s:.2f} s")
        self._overlay.write(drawn, frame.time_s)

    def finish(self) -> ClipStability:
        """Put the files in their places and return the clip's stability."""
        stability = self._meter.finish()
        with CsvTable(self._files.tracks, TRACK_COLUMNS) as tracks:
            tracks.write_all(track_row(track) for track in stability.tracks)
        self._frames.close()
        self._instances.close()
        self._overlay.close()
        self._record.close()
        return stability


class ObjectsRecording:
    """The table of objects of a run with several models, written frame by frame; of a single model there is none.

    As a context manager it leaves the whole table, or on failure none: a resumed run makes it again from the records.
    """

    def __init__(
        self, folder: RunFolder, models: Sequence[LoadedModel], clip: ClipInfo, options: AnalyzeOptions
    ) -> None:
        self._path = folder.objects
        compared = {m.name: ComparedModel(m.segmenter.class_names, m.score_threshold) for m in models}
        rate = None if clip.fps is None else float(clip.fps)
        self._meter = SupportMeter(compared, rate, options.stride) if len(compared) > 1 else None

    def __enter__(self) -> ObjectsRecording:
        with ExitStack() as stack:
            if self._meter is not None:
                self._table = stack.enter_context(CsvTable(self._path, OBJECT_COLUMNS))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.__exit__(*exception)  # type: ignore[arg-type]

    def measure(self, frame: Frame, seen: Mapping[str, Instances], motion: Motion | None, cut: bool) -> None:
        """Write what every model made of each object of the next frame."""
        if self._meter is None:
            return
        rows = self._meter.update(frame.index, frame.time_s, seen, motion, cut)
        self._table.write_all(object_row_cells(row) for row in rows)
