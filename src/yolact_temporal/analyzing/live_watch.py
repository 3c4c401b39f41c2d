"""What is known of a live run while it goes on: rolling figures, frame rates, the age of what is shown."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.analyzing.frames_in_flight import MeasuredFrame
from yolact_temporal.analyzing.live_recorder import MomentRecorder, jpeg_of
from yolact_temporal.data.files import atomic_write
from yolact_temporal.data.live import LiveSource
from yolact_temporal.data.live.latest import LiveCounts
from yolact_temporal.data.runs.layout import RunFolder
from yolact_temporal.data.runs.live_status import MOST_ROWS, LiveStatus, write_live_status
from yolact_temporal.temporal.reading.moments import Moment
from yolact_temporal.temporal.rolling import FIGURES, FLOORS, SPANS_S, RollingFigures

RATES_OVER_S = 10.0
"""Frame rates and shares are of the last so many seconds."""

_KEPT_AGES = 4096
_WIDEST_PICTURE = 960
_JPEG_QUALITY = 80

Shown = Callable[[NDArray[np.uint8]], object]


class LiveWatch:
    """Watches a live run: a `Watcher` of the main path, and what the read-out, the window and the dashboard show.

    Frames come on one thread and `tick` on another. Memory is bounded: a minute of sums, three minutes of curves, one
    picture.

    Args:
        source: whose frames are watched; each is released when it has been seen.
        folder: where `live.json` and `live.jpg` go.
        models: whose masks are measured, the first is shown.
        recorder: keeps what lies around the worst moments; None for nothing.
        show: is given each drawn frame; None where no window is.
    """

    def __init__(
        self,
        source: LiveSource,
        folder: RunFolder,
        models: Sequence[str],
        recorder: MomentRecorder | None = None,
        show: Shown | None = None,
    ) -> None:
        self._source, self._folder, self._models = source, folder, list(models)
        self._recorder, self._show = recorder, show
        self._lock = threading.Lock()
        self._rolling = {model: RollingFigures() for model in models}
        self._ages: deque[tuple[float, float]] = deque(maxlen=_KEPT_AGES)
        self._all_ages = _Sample(_KEPT_AGES)
        self._began = 0.0
        self._newest: tuple[float, float] | None = None  # time of the newest frame, and when it was shown
        self._picture: NDArray[np.uint8] | None = None
        self._samples: deque[tuple[float, LiveCounts]] = deque(maxlen=64)
        self._rows: deque[tuple[float, dict[str, dict[str, list[float | None]]]]] = deque(maxlen=MOST_ROWS)
        self._done = False

    def see(
        self, frame: MeasuredFrame, drawn: Mapping[str, NDArray[np.uint8]], moments: Sequence[Moment]
    ) -> None:
        """Take the next frame."""
        own = frame.seen.moved.frame
        picture = drawn.get(self._models[0])
        if self._show is not None and picture is not None:
            self._show(picture)
        age = self._source.finished(own.index)
        now = time.monotonic()
        with self._lock:
            if self._newest is None:
                self._began = self._source.began_at
                self._samples.append((self._began, LiveCounts()))
            for model, stability in frame.stability.items():
                self._rolling[model].add(own.time_s, stability.added)
            self._newest = own.time_s, now
            self._ages.append((now, age))
            self._all_ages.add(age)
            self._picture = picture
        if self._recorder is not None:
            self._recorder.add(frame, moments)

    def manifest(self) -> Mapping[str, Any]:
        """Return what `run.json` says of a live run; after the last frame what was recorded is finished first."""
        ended = bool(self._source.ended_by)
        recorded = self._recorder.finish() if self._recorder is not None and ended else []
        if ended and not self._done:
            self.tick()  # so that the last figures are of all frames
            self.write()
            self._done = True
        median, p95 = self._all_ages.percentiles()
        return {
            "live": {
                "source": self._source.address.shown,
                "ended_by": self._source.ended_by,
                **asdict(self._source.standing().counts),
                "age_median_s": median,
                "age_p95_s": p95,
                "recorded": recorded,
            }
        }

    @property
    def begun(self) -> bool:
        """Whether a frame has been seen."""
        return self._newest is not None

    def tick(self) -> None:
        """Note the rolling figures as they are now; about once a second."""
        now = time.monotonic()
        with self._lock:
            self._samples.append((now, self._source.standing().counts))
            while now - self._samples[0][0] > RATES_OVER_S and len(self._samples) > 2:
                self._samples.popleft()
            if self._newest is None:
                return
            until = self._newest[0] + now - self._newest[1]
            row = {
                model: {
                    name: [rolling.figure(name, span, until) for span in SPANS_S]
                    for name in (*FIGURES, *FLOORS.values())
                }
                for model, rolling in self._rolling.items()
            }
            self._rows.append((now - self._began, row))

    def status(self) -> LiveStatus:
        """Return how the run stands, figures as of the last tick."""
        now = time.monotonic()
        standing = self._source.standing()
        with self._lock:
            ages = [age for at, age in self._ages if now - at <= RATES_OVER_S]
            rows = list(self._rows)
            first_at, first = self._samples[0] if self._samples else (now, standing.counts)
            last_at, last = self._samples[-1] if self._samples else (now, standing.counts)
            began = self._began if self._newest is not None else now
        seconds = last_at - first_at
        captured = last.captured - first.captured
        return LiveStatus(
            source=self._source.address.shown,
            state=standing.state,
            problem=standing.problem,
            seconds=now - began,
            captured=standing.counts.captured,
            processed=standing.counts.processed,
            dropped=standing.counts.dropped,
            repeated=standing.counts.repeated,
            captured_per_s=captured / seconds if seconds else 0.0,
            processed_per_s=(last.processed - first.processed) / seconds if seconds else 0.0,
            dropped_share=(last.dropped - first.dropped) / captured if captured else None,
            repeated_share=(last.repeated - first.repeated) / captured if captured else None,
            age_median_s=float(np.median(ages)) if ages else None,
            age_p95_s=float(np.percentile(ages, 95)) if ages else None,
            spans_s=SPANS_S,
            times_s=[at for at, _ in rows],
            figures={
                model: {
                    name: [tuple(row[model][name][place] for _, row in rows) for place in range(len(SPANS_S))]
                    for name in (*FIGURES, *FLOORS.values())
                }
                for model in self._models
            },
        )

    def write(self) -> None:
        """Write how the run stands, and the newest picture, into its folder; what cannot be written now is let be.

        A disk that is full, or a folder that is gone, is told by the run itself, which writes there too.
        """
        if not self.begun or self._done:
            return
        with self._lock:
            picture = self._picture
        with contextlib.suppress(Exception):
            write_live_status(self._folder.path, self.status())
            if picture is not None:
                with atomic_write(self._folder.live_picture, "wb") as file:
                    file.write(_jpeg(picture))


class _Sample:
    """A sample of any number of values, each as likely to be kept: its percentiles are near those of all.

    Args:
        most: values kept; up to so many all are.
    """

    def __init__(self, most: int) -> None:
        self._most, self._count = most, 0
        self._values: list[float] = []
        self._rng = np.random.default_rng(0)

    def add(self, value: float) -> None:
        self._count += 1
        if len(self._values) < self._most:
            self._values.append(value)
        elif (place := int(self._rng.integers(self._count))) < self._most:
            self._values[place] = value

    def percentiles(self) -> tuple[float | None, float | None]:
        """Return median and 95th percentile; None where there is no value."""
        if not self._values:
            return None, None
        return float(np.median(self._values)), float(np.percentile(self._values, 95))


def _jpeg(rgb: NDArray[np.uint8]) -> bytes:
    """Return a picture as a JPEG, made smaller where it is wide."""
    height, width = rgb.shape[:2]
    if width > _WIDEST_PICTURE:
        size = (_WIDEST_PICTURE, max(1, round(height * _WIDEST_PICTURE / width)))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return jpeg_of(rgb, _JPEG_QUALITY)
