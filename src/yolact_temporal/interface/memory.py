"""Clips whose frames lie in memory: pulled from a sequence, or pushed one by one."""

from __future__ import annotations

import hashlib
import itertools
import queue
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from fractions import Fraction
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.analyzing.mask_sources import MaskSource, below_remarks, tracks_note
from yolact_temporal.analyzing.request import RunRequest
from yolact_temporal.analyzing.run_clip import FinishedRun, run_clip
from yolact_temporal.data.frames import ClipInfo, Frame, FrameLoss
from yolact_temporal.data.masks_jsonl import FrameRecord
from yolact_temporal.data.other_libraries import rgb_picture
from yolact_temporal.data.runs.claim import discard_unfinished
from yolact_temporal.data.sources.image_folder import ASSUMED_FPS
from yolact_temporal.errors import UsageError

_WAITING = 2
"""Frames that may wait to be measured; whoever pushes another one waits."""

_PATIENCE_S = 0.1
"""How long is waited before it is looked whether the other side is still there."""


DEFAULT_FPS = float(ASSUMED_FPS)
"""Frames a second of what does not say so; this very object, as a default, stands for nobody having said it."""


_WITHOUT_RATE = ("images", "none")
"""Decoders of clips that have no rate of their own."""


def assumed_rate(fps: float | None, clip: ClipInfo) -> tuple[str, ...]:
    """Return what must be said where the rate is assumed, a sentence; nothing where somebody or the clip said it.

    Args:
        fps: as it was given.
        clip: what is measured.
    """
    if fps is not DEFAULT_FPS or clip.decoder not in _WITHOUT_RATE:
        return ()
    return (f"{DEFAULT_FPS:g} frames a second are assumed: pass fps=, or fps=None where there is no time.",)


def rate_of(fps: float | None) -> Fraction | None:
    """Return frames a second as a fraction; None where the clip has no time.

    Raises:
        UsageError: if it is no rate.

    Example:
        >>> rate_of(29.97)
        Fraction(2997, 100)
    """
    if fps is None:
        return None
    if not isinstance(fps, Real) or not 1e-3 <= fps <= 1e6:
        raise UsageError(
            f"expected fps above 0, or None where there is no time, got {fps!r}: pass frames a second"
        )
    return Fraction(float(fps)).limit_denominator(100_000)


def clip_in_memory(
    size: tuple[int, int], rate: Fraction | None, frame_count: int | None, sha256: str = "", seen: bool = True
) -> ClipInfo:
    """Return what is known of a clip that lies in no file.

    Args:
        size: (height, width).
        rate: frames a second; None where there is no time.
        frame_count: None where it is not known.
        sha256: of its pixels; where they are not known yet one of its own, so that no two clips are taken for the same.
        seen: whether there are pictures.
    """
    reason = (
        "The frames were given from Python and lie in no file."
        if seen
        else "No frames were given: the masks were measured by themselves."
    )
    return ClipInfo(
        path="",
        sha256=sha256 or secrets.token_hex(32),
        width=size[1],
        height=size[0],
        fps=rate,
        frame_count=frame_count,
        rotation=0,
        variable_rate=False,
        decoder="none",
        decoder_reason=reason,
    )


def time_of(index: int, rate: Fraction | None) -> float:
    """Return the time of a frame in seconds; without a rate 30 frames a second are assumed."""
    return float(index / (rate or ASSUMED_FPS))


def pixels_sha256(frames: NDArray[np.uint8]) -> str:
    """Return the SHA-256 of the frames' shape and pixels."""
    digest = hashlib.sha256(repr(frames.shape).encode())
    for frame in frames:
        digest.update(np.ascontiguousarray(frame).data)
    return digest.hexdigest()


class FramesInMemory:
    """A `FrameSource` of an array (T, H, W, 3), or of any iterable of frames, RGB in uint8.

    Raises:
        UsageError: if there is no frame, or the first one is none.

    Example:
        >>> source = FramesInMemory(np.zeros((2, 48, 64, 3), np.uint8), 24.0)
        >>> [(frame.index, frame.time_s) for frame in source], source.info.frame_count
        ([(0, 0.0), (1, 0.041666666666666664)], 2)
    """

    def __init__(self, frames: Iterable[Any], fps: float | None) -> None:
        self._rate = rate_of(fps)
        self.losses: list[FrameLoss] = []
        self.warnings: list[str] = []
        shape = getattr(frames, "shape", None)
        if shape is not None and len(shape) != 4:
            one = len(shape) == 3 and shape[2] in (3, 4)
            advice = (
                "stack the frames along a first axis"
                if one or len(shape) != 3
                else (
                    "if these are grey frames repeat the channel, as in np.repeat(frames[..., None], 3, axis=3)"
                )
            )
            raise UsageError(
                f"expected frames (T, H, W, 3), uint8 in RGB, got an array {tuple(shape)}: {advice}"
            )
        count = len(frames) if isinstance(frames, Sized) else None
        self._lasting = shape is not None or isinstance(frames, Sequence)
        pictures = iter(frames)
        first = next(pictures, None)
        if first is None:
            raise UsageError("expected frames, got none: pass at least two")
        size = rgb_picture(first, "frame 0").shape[:2]
        digest = pixels_sha256(frames) if isinstance(frames, np.ndarray) else ""
        self._pictures = itertools.chain([first], pictures)
        self.info = clip_in_memory((size[0], size[1]), self._rate, count, digest)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames.

        Raises:
            UsageError: at the first that is none, or of another size.
        """
        size = (self.info.height, self.info.width)
        for index, picture in enumerate(self._pictures):
            rgb = rgb_picture(picture, f"frame {index}", size)
            # Whoever hands frames out one by one may write the next one into the same memory.
            yield Frame(index, time_of(index, self._rate), rgb if self._lasting else rgb.copy())

    def close(self) -> None:
        """Do nothing: nothing is open."""


class _AbandonedError(Exception):
    """Nobody will push the rest of a clip."""


class _PushedFrames:
    """A `FrameSource` of frames that another thread pushes, and what every model saw in them."""

    def __init__(self, info: ClipInfo, losses: list[FrameLoss], warnings: list[str]) -> None:
        self.info, self.losses, self.warnings = info, losses, warnings
        self.waiting: queue.Queue[tuple[Frame, Mapping[str, FrameRecord]] | None] = queue.Queue(_WAITING)
        self.seen: dict[int, Mapping[str, FrameRecord]] = {}
        self.abandoned = threading.Event()
        self.begun = False

    def __iter__(self) -> Iterator[Frame]:
        self.begun = True
        while True:
            try:
                item = self.waiting.get(timeout=_PATIENCE_S)
            except queue.Empty:
                if self.abandoned.is_set():
                    raise _AbandonedError from None
                continue
            if item is None:
                return
            frame, records = item
            self.seen[frame.index] = records
            yield frame

    def close(self) -> None:
        """Do nothing: nothing is open."""


class _PushedMasks:
    """A `MaskSource` of masks that were pushed with their frames."""

    path = None

    def __init__(
        self, frames: _PushedFrames, name: str, class_names: list[str], threshold: float, identified: bool
    ) -> None:
        self.name, self.class_names = name, class_names
        self.score_threshold, self.identified = threshold, identified
        self.manifest: dict[str, Any] = {
            "note": f"{name}: masks given from Python; {tracks_note(identified)}.",
            "identities": "given" if identified else "by association",
            "config": {"class_names": class_names},  # the list itself, which has all names by the end
            "score_threshold": threshold,
            "record_threshold": 0.0,
        }
        self._frames = frames
        self.notes: list[str] = []
        self.last = False
        self._below = 0

    def mask_cell_px(self, size: tuple[int, int]) -> tuple[float, float] | None:
        """Return None: of masks that were given nobody knows."""
        return None

    def see(self, frames: Any) -> list[FrameRecord]:
        """Return the masks of the frames."""
        found = [self._frames.seen[frame.index][self.name] for frame in frames]
        if self.last:  # of the models, which see a frame one after the other
            for frame in frames:
                del self._frames.seen[frame.index]
        for record in found:
            self._below += int(np.count_nonzero(record.instances.scores <= self.score_threshold))
        return found

    def remarks(self) -> list[str]:
        """Say how masks were taken, and how many instances did not count."""
        return [
            *(f"{self.name}: {note}" for note in self.notes),
            *below_remarks(self.name, self._below, self.score_threshold),
        ]


class PushedRun:
    """A run that is measured in a thread of its own while its frames are pushed, by the `run_clip` of the commands.

    Args:
        info: the clip.
        classes: by model, the names of its classes, a list that may grow until the end.
        threshold: the score above which an instance counts.
        identified: by model, whether every instance comes with its identity.
        notes: by model, what is to be said of how masks were taken, a list that may grow.
        request: where the run goes, and what is measured.
        losses, warnings: of the clip; lists that may grow.
    """

    def __init__(
        self,
        info: ClipInfo,
        classes: Mapping[str, list[str]],
        threshold: float,
        identified: Mapping[str, bool],
        notes: Mapping[str, list[str]],
        request: RunRequest,
        losses: list[FrameLoss],
        warnings: list[str],
    ) -> None:
        self._frames = _PushedFrames(info, losses, warnings)
        masks = []
        for name, names in classes.items():
            own = _PushedMasks(self._frames, name, names, threshold, identified[name])
            own.notes = notes[name]
            masks.append(own)
        masks[-1].last = True
        self._outcome = _Outcome()
        self._folder = request.destination.folder
        self._thread = threading.Thread(
            target=_measure, args=(self._frames, masks, request, self._outcome), name="measure", daemon=True
        )
        self._thread.start()

    def push(self, frame: Frame, records: Mapping[str, FrameRecord]) -> None:
        """Take the next frame; waits where measuring is behind.

        Raises:
            Exception: whatever ended the measurement.
        """
        self._put((frame, records))

    def finish(self) -> FinishedRun:
        """Measure what is left and return the run.

        Raises:
            Exception: whatever ended the measurement.
        """
        self._put(None)
        self._thread.join()
        return self._outcome.get()

    def abandon(self) -> None:
        """End the measurement; nothing stays of it."""
        self._frames.abandoned.set()
        self._thread.join()
        if self._frames.begun and self._outcome.done is None:  # else the folder is not ours
            discard_unfinished(self._folder)

    def _put(self, item: tuple[Frame, Mapping[str, FrameRecord]] | None) -> None:
        while self._thread.is_alive():
            try:
                self._frames.waiting.put(item, timeout=_PATIENCE_S)
            except queue.Full:
                continue
            return
        self._outcome.get()


class _Outcome:
    """What became of a run: it, or what ended it."""

    def __init__(self) -> None:
        self.done: FinishedRun | None = None
        self.error: BaseException | None = None

    def get(self) -> FinishedRun:
        if self.error is not None:
            raise self.error
        assert self.done is not None, "the thread has ended"
        return self.done


def _measure(
    frames: _PushedFrames, masks: Sequence[MaskSource], request: RunRequest, outcome: _Outcome
) -> None:
    try:
        outcome.done = run_clip(frames, masks, request)
    except BaseException as error:
        outcome.error = error
