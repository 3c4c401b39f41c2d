"""A ring of the last seconds of a live run in memory, of which what lies around the worst moments is kept on disk."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.analyzing.frames_in_flight import MeasuredFrame
from yolact_temporal.analyzing.recording import ASSUMED_FPS
from yolact_temporal.data.files import make_folder
from yolact_temporal.data.frames import ClipInfo
from yolact_temporal.data.masks_jsonl import FrameRecord, RecordWriter
from yolact_temporal.data.runs.layout import FRAMES, INSTANCES, MASKS, MOST_RECORDED, RunFolder
from yolact_temporal.data.video_writer import VideoWriter
from yolact_temporal.errors import UsageError
from yolact_temporal.temporal.reading.moments import Moment
from yolact_temporal.temporal.report import (
    FRAME_COLUMNS,
    INSTANCE_COLUMNS,
    CsvTable,
    frame_row,
    instance_rows,
)
from yolact_temporal.temporal.stability import FrameStability

MOST_SECONDS = 120.0
"""The longest ring."""

_MOST_BYTES = 256 << 20
"""Of the pictures in the ring: where they are large it is shorter."""

_JPEG_QUALITY = 92
_LOOK_S = 0.5


def require_seconds(seconds: float) -> float:
    """Return how many seconds a ring holds.

    Raises:
        UsageError: if it is not above 0, or too many.
    """
    if not 0 < seconds <= MOST_SECONDS:
        raise UsageError(
            f"expected --record of up to {MOST_SECONDS:g} seconds, got {seconds:g}: pass such as 10"
        )
    return seconds


def jpeg_of(rgb: NDArray[np.uint8], quality: int) -> bytes:
    """Return a picture, uint8 (H, W, 3), as a JPEG of a quality of 0 to 100."""
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


@dataclass(frozen=True)
class _Kept:
    """A frame in the ring: its picture as a JPEG, and by model what was seen and measured."""

    index: int
    time_s: float
    picture: bytes
    records: Mapping[str, FrameRecord]
    stability: Mapping[str, FrameStability]


@dataclass(frozen=True)
class _Recorded:
    """What was kept of a moment."""

    number: int
    moment: Moment
    first: _Kept
    last: _Kept


class MomentRecorder:
    """Keeps the frames around the worst moments of a live run: a video, the masks, and the tables' rows.

    Memory is bounded by the ring, the disk by `MOST_RECORDED` moments: a worse one takes the place of the least bad.
    Files are written on a thread of their own, one moment after the other, so that nobody waits for them.

    Args:
        folder: of the run.
        clip: what is recorded.
        class_names: by model.
        seconds: length of the ring; so much is kept around a moment, half of it before.
    """

    def __init__(
        self, folder: RunFolder, clip: ClipInfo, class_names: Mapping[str, Sequence[str]], seconds: float
    ) -> None:
        self._folder, self._clip, self._class_names, self._seconds = folder, clip, class_names, seconds
        self._ring: deque[_Kept] = deque()
        self._bytes = 0
        self._looked_at = 0.0
        self._moments: Sequence[Moment] = ()
        self._recorded: dict[int, _Recorded] = {}
        self._writing: threading.Thread | None = None
        self._error: BaseException | None = None

    def add(self, frame: MeasuredFrame, moments: Sequence[Moment]) -> None:
        """Take the next frame, and the worst moments so far, worst first.

        Raises:
            Exception: whatever kept an earlier moment from being written.
        """
        own = frame.seen.moved.frame
        picture = jpeg_of(own.rgb, _JPEG_QUALITY)
        self._ring.append(_Kept(own.index, own.time_s, picture, frame.seen.records, frame.stability))
        self._bytes += len(picture)
        while self._ring[0].time_s < own.time_s - self._seconds or (
            self._bytes > _MOST_BYTES and len(self._ring) > 1
        ):
            self._bytes -= len(self._ring.popleft().picture)
        self._moments = moments
        if own.time_s - self._looked_at >= _LOOK_S:
            self._looked_at = own.time_s
            self._look(own.time_s - self._seconds / 2)

    def finish(self) -> list[dict[str, Any]]:
        """Write what is left and return what was recorded, as the manifest has it.

        Raises:
            Exception: whatever kept a moment from being written.
        """
        while True:
            if self._writing is not None:
                self._writing.join()
                self._writing = None
            if not self._look(float("inf")):
                break
        if self._error is not None:
            raise self._error
        return [
            {
                "number": own.number,
                "clip": self._folder.recorded_clip(own.number).relative_to(self._folder.path).as_posix(),
                "frame": own.moment.frame,
                "time_s": own.moment.time_s,
                "model": own.moment.model,
                "track_id": own.moment.track_id,
                "kind": own.moment.kind,
                "first_frame": own.first.index,
                "last_frame": own.last.index,
            }
            for own in sorted(self._recorded.values(), key=lambda each: each.moment.frame)
        ]

    def _look(self, until_s: float) -> bool:
        """Begin to write the worst moment up to a time that is not written yet; says whether there is one."""
        if self._error is not None:
            raise self._error
        if self._writing is not None and self._writing.is_alive():
            return False
        worst = self._worst()
        for moment in worst:
            covered = any(
                own.first.index <= moment.frame <= own.last.index for own in self._recorded.values()
            )
            if covered or moment.time_s > until_s or not self._ring or moment.frame < self._ring[0].index:
                continue
            number = self._place(worst)
            if number is None:
                return False
            frames = list(self._ring)
            self._recorded[number] = _Recorded(number, moment, frames[0], frames[-1])
            self._writing = threading.Thread(target=self._write, args=(number, frames), name="record")
            self._writing.start()
            return True
        return False

    def _worst(self) -> list[Moment]:
        """Return the worst moments that are so far apart that what is kept of them hardly overlaps."""
        found: list[Moment] = []
        for moment in self._moments:
            if len(found) == MOST_RECORDED:
                break
            if all(abs(moment.time_s - other.time_s) > self._seconds / 2 for other in found):
                found.append(moment)
        return found

    def _place(self, worst: Sequence[Moment]) -> int | None:
        """Return a free number, or that of the least bad moment that is none of the worst any more."""
        for number in range(1, MOST_RECORDED + 1):
            if number not in self._recorded:
                return number
        spans = [
            own
            for own in self._recorded.values()
            if not any(own.first.index <= moment.frame <= own.last.index for moment in worst)
        ]
        return min(spans, key=lambda own: own.moment.weight).number if spans else None

    def _write(self, number: int, frames: Sequence[_Kept]) -> None:
        try:
            make_folder(self._folder.recorded)
            size, rate = (self._clip.height, self._clip.width), self._clip.fps or ASSUMED_FPS
            with VideoWriter(self._folder.recorded_clip(number), size, rate) as video:
                for kept in frames:
                    bgr = np.asarray(cv2.imdecode(np.frombuffer(kept.picture, np.uint8), cv2.IMREAD_COLOR))
                    video.write(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8), kept.time_s)
            for model, names in self._class_names.items():
                self._write_tables(number, model, names, frames)
        except BaseException as error:  # told by whoever adds the next frame
            self._error = error

    def _write_tables(self, number: int, model: str, names: Sequence[str], frames: Sequence[_Kept]) -> None:
        def path(name: str) -> Any:
            return self._folder.recorded_table(number, model, name)

        record = RecordWriter.start(path(MASKS), names)
        try:
            for kept in frames:
                record.write(kept.records[model])
        except BaseException:
            record.abandon()
            raise
        record.close()
        with CsvTable(path(FRAMES), FRAME_COLUMNS) as table:
            table.write_all(frame_row(kept.stability[model]) for kept in frames)
        with CsvTable(path(INSTANCES), INSTANCE_COLUMNS) as table:
            for kept in frames:
                table.write_all(instance_rows(kept.stability[model]))
