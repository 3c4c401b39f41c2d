"""The table of objects of one clip as columns: whole, or in parts, so that memory does not grow with the clip."""

from __future__ import annotations

import pickle
import tempfile
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.files import space_for
from yolact_temporal.temporal.comparison.rows import ObjectRow

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_PAIRS = ("counted", "without_motion")
"""Statuses of what is a pair of the universe; a repeated frame or one across a loss is not."""

_LEFT_OUT = ("repeated", "after_lost_frames")

PART_APPEARANCES = 1 << 14
"""Appearances of objects in a part of a clip: a part ends with the frame in which it reaches them."""

_FIGURES = (
    "score",
    "area_px",
    "boundary_px",
    "boundary_share",
    "jitter",
    "truth_iou",
    "truth_boundary_f",
    "round_trip_px",
    "round_trip_jitter",
    "second_boundary_px",
    "box_cause_px",
    "box_cause_jitter",
)
"""What every model has a value of in every appearance."""

_OF_TRUTH = ("true_boundary_px", "true_jitter", "true_second_boundary_px")
"""What is of the object itself, the same in every model's row."""


@dataclass(frozen=True, eq=False)
class ClipObjects:
    """The table of objects of one clip as columns: P appearances (an object in a frame), M models.

    Attributes:
        models: names, in the order of the columns.
        frame, object_id: int64 (P,), in order of frames.
        time_s: float (P,).
        pair: bool (P,), whether the object's pair with the last frame is of the universe.
        motion_known: bool (P,), whether the motion from the last frame to this one is known.
        last: int64 (P,), index of the object's last appearance in this table, -1 where there is none.
        last_time_s: float (P,), time of the object's last appearance in the clip; its own time at its first one.
        last_score, last_truth_iou: float (P, M), score and IoU with the truth there; NaN where there is none.
        score, area_px, boundary_px, boundary_share, jitter, truth_iou, truth_boundary_f, round_trip_px,
            round_trip_jitter, second_boundary_px, box_cause_px, box_cause_jitter: float (P, M), as of `ObjectRow`; NaN
            where there is none.
        true_boundary_px, true_jitter, true_second_boundary_px: float (P,), of the true masks; NaN where there is none.
        iou_between: float (P, M, M), IoU of two models' masks of the object; NaN where one has none.
        classes: by object, how many of its masks are of which class, in all models together.
        left_out: how many pairs of an object are not of the universe, by status.
    """

    models: tuple[str, ...]
    frame: NDArray[np.int64]
    object_id: NDArray[np.int64]
    time_s: Floats
    pair: Bools
    motion_known: Bools
    last: NDArray[np.int64]
    last_time_s: Floats
    last_score: Floats
    last_truth_iou: Floats
    score: Floats
    area_px: Floats
    boundary_px: Floats
    boundary_share: Floats
    jitter: Floats
    truth_iou: Floats
    truth_boundary_f: Floats
    round_trip_px: Floats
    round_trip_jitter: Floats
    second_boundary_px: Floats
    box_cause_px: Floats
    box_cause_jitter: Floats
    true_boundary_px: Floats
    true_jitter: Floats
    true_second_boundary_px: Floats
    iou_between: Floats
    classes: Mapping[int, Mapping[str, int]]
    left_out: dict[str, int]

    @classmethod
    def from_rows(cls, rows: Iterable[ObjectRow]) -> ClipObjects:
        """Gather rows, which come frame by frame, every appearance with one row a model in the same order.

        Raises:
            ValueError: if an appearance lacks a model.
        """
        ordered = list(rows)
        return _columns(ordered, tuple(dict.fromkeys(row.model for row in ordered)), {})

    def parts(self) -> Iterator[ClipObjects]:
        """Yield the table itself, as its only part."""
        yield self

    @property
    def frames(self) -> int:
        """In how many frames there is an object."""
        return len(np.unique(self.frame))

    @property
    def object_ids(self) -> NDArray[np.int64]:
        """The objects, each once, in order: int64 (O,)."""
        return np.unique(self.object_id)

    @property
    def has_pairs(self) -> bool:
        """Whether there is a pair of the universe."""
        return bool(self.pair.any())

    def before(self, values: Floats) -> Floats:
        """Return a column, (P, M), at each object's last appearance in this table; NaN where there is none."""
        found: Floats = np.where((self.last >= 0)[:, None], values[self.last], np.nan)
        return found

    @property
    def has_truth(self) -> bool:
        """Whether the objects are those of a ground truth that a model's masks were compared with."""
        return bool(np.isfinite(self.truth_iou).any())

    def columns(self, *models: str) -> list[int]:
        """Return the columns of models."""
        return [self.models.index(name) for name in models]


def rows_by_object(object_id: NDArray[np.int64], where: Bools) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Yield every object that has a chosen appearance, in order, and the places of those, ascending.

    Args:
        object_id: int64 (P,).
        where: bool (P,), the chosen ones.

    Example:
        >>> [(key, own.tolist()) for key, own in rows_by_object(np.array([4, 2, 4]), np.ones(3, bool))]
        [(2, [1]), (4, [0, 2])]
    """
    chosen = np.flatnonzero(where)
    chosen = chosen[np.argsort(object_id[chosen], kind="stable")]
    keys, starts = np.unique(object_id[chosen], return_index=True)
    yield from zip(keys.tolist(), np.split(chosen, starts[1:]), strict=True) if len(keys) else ()


class Objects(Protocol):
    """A clip's table of objects, whole or in parts.

    Attributes:
        models: names, in the order of the columns.
        frames: in how many frames there is an object.
        object_ids: int64 (O,), the objects, each once, in order.
        has_pairs: whether there is a pair of the universe.
        has_truth: whether the objects are those of a ground truth that a model's masks were compared with.
        left_out: how many pairs of an object are not of the universe, by status.
    """

    @property
    def models(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def frames(self) -> int: ...  # noqa: D102

    @property
    def object_ids(self) -> NDArray[np.int64]: ...  # noqa: D102

    @property
    def has_pairs(self) -> bool: ...  # noqa: D102

    @property
    def has_truth(self) -> bool: ...  # noqa: D102

    @property
    def left_out(self) -> Mapping[str, int]: ...  # noqa: D102

    def parts(self) -> Iterator[ClipObjects]:
        """Yield the table in parts of whole frames, in their order; as often as wanted."""
        ...


class _Last(NamedTuple):
    """An object's last appearance."""

    time_s: float
    score: Floats
    truth_iou: Floats


class ObjectParts:
    """A clip's table of objects in parts, all but the first on disk: memory grows with the objects, not with the clip.

    The file is nobody else's and goes with this object.

    Attributes:
        models, frames, object_ids, has_pairs, has_truth, left_out: as of `Objects`.

    Args:
        rows: frame by frame, every appearance with one row a model in the same order.
        folder: takes the file where there is more than one part; the system's own for such files if None.
        appearances: of objects in a part.

    Raises:
        ValueError: if an appearance lacks a model.
        OutOfSpaceError: if the disk is full.
    """

    def __init__(
        self, rows: Iterable[ObjectRow], folder: Path | None = None, appearances: int = PART_APPEARANCES
    ) -> None:
        self._begin(folder, appearances)
        self.add(rows)
        self.finish()

    @classmethod
    def growing(cls, folder: Path | None = None, appearances: int = PART_APPEARANCES) -> ObjectParts:
        """Return a table that rows are added to as they come, by `add`; it is one once `finish` was called."""
        table = cls.__new__(cls)
        table._begin(folder, appearances)
        return table

    def _begin(self, folder: Path | None, appearances: int) -> None:
        self.models: tuple[str, ...] = ()
        self.frames = 0
        self.has_pairs = self.has_truth = False
        self._left_out: Counter[str] = Counter(dict.fromkeys(_LEFT_OUT, 0))
        self._folder = folder
        self._first: ClipObjects | None = None
        self._others = 0
        self._file: IO[bytes] | None = None
        self._last: dict[int, _Last] = {}
        self._appearances = appearances
        self._held: list[ObjectRow] = []
        self._first_model, self._count = "", 0
        self.object_ids: NDArray[np.int64] = np.zeros(0, np.int64)

    def add(self, rows: Iterable[ObjectRow]) -> None:
        """Add the rows that come next; a part ends where it has appearances enough and another frame begins.

        Raises:
            ValueError: if an appearance lacks a model.
            OutOfSpaceError: if the disk is full.
        """
        for row in rows:
            if self._count >= self._appearances and row.frame != self._held[-1].frame:
                self._take()
            self._first_model = self._first_model or row.model
            self._count += row.model == self._first_model
            self._held.append(row)

    def finish(self) -> ObjectParts:
        """Return the table, now that all rows were added.

        Raises:
            ValueError: if an appearance lacks a model.
            OutOfSpaceError: if the disk is full.
        """
        if self._held:
            self._take()
        if self._first is None:
            self._first = _columns([], (), {})
        self.object_ids = np.array(sorted(self._last), np.int64)
        self._last = {}
        return self

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many pairs of an object are not of the universe, by status."""
        return self._left_out

    def parts(self) -> Iterator[ClipObjects]:
        """Yield the table in parts of whole frames, in their order; as often as wanted, one iterator at a time."""
        assert self._first is not None, "there is one from the beginning"
        yield self._first
        if self._file is not None:
            self._file.seek(0)
            for _ in range(self._others):
                yield pickle.load(self._file)

    def _take(self) -> None:
        rows, self._held, self._count = self._held, [], 0
        self.models = self.models or tuple(dict.fromkeys(row.model for row in rows))
        part = _columns(rows, self.models, self._last)
        self.frames += part.frames
        self.has_pairs |= part.has_pairs
        self.has_truth |= part.has_truth
        self._left_out.update(part.left_out)
        if self._first is None:
            self._first = part
            return
        folder = Path(tempfile.gettempdir()) if self._folder is None else self._folder
        with space_for(folder):
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - it is kept open
                weakref.finalize(self, self._file.close)
            pickle.dump(part, self._file, pickle.HIGHEST_PROTOCOL)
            self._file.flush()
        self._others += 1


def _columns(rows: Sequence[ObjectRow], models: tuple[str, ...], latest: dict[int, _Last]) -> ClipObjects:
    """Return rows as columns; `latest` holds each object's last appearance before them, and after them its last."""
    count = max(len(models), 1)
    heads = rows[::count]
    if len(rows) % count or any(row.model != models[i % count] for i, row in enumerate(rows)):
        raise ValueError(f"expected one row for each of {', '.join(models)} in every appearance, got others")

    def column(name: str) -> Floats:
        values = [getattr(row, name) for row in rows]
        numbers = [np.nan if value is None else value for value in values]
        return np.array(numbers, np.float64).reshape(len(heads), count)

    figures = {name: column(name) for name in _FIGURES}
    time_s = np.array([row.time_s for row in heads], np.float64)
    object_id = np.array([row.object_id for row in heads], np.int64)
    last = np.full(len(heads), -1, np.int64)
    last_time_s = time_s.copy()
    last_score, last_truth_iou = np.full((2, len(heads), count), np.nan)
    here: dict[int, int] = {}
    for index, key in enumerate(object_id.tolist()):
        last[index] = here.get(key, -1)
        if last[index] < 0 and key in latest:
            last_time_s[index], last_score[index], last_truth_iou[index] = latest[key]
        here[key] = index
    known = last >= 0
    last_time_s[known] = time_s[last[known]]
    last_score[known] = figures["score"][last[known]]
    last_truth_iou[known] = figures["truth_iou"][last[known]]
    for key, index in here.items():
        latest[key] = _Last(
            float(time_s[index]), figures["score"][index].copy(), figures["truth_iou"][index].copy()
        )
    statuses: list[str] = [row.pair_status for row in heads]
    return ClipObjects(
        models=models,
        frame=np.array([row.frame for row in heads], np.int64),
        object_id=object_id,
        time_s=time_s,
        pair=np.array([status in _PAIRS for status in statuses], bool),
        motion_known=np.array([status != "without_motion" for status in statuses], bool),
        last=last,
        last_time_s=last_time_s,
        last_score=last_score,
        last_truth_iou=last_truth_iou,
        **figures,
        **{name: column(name)[:, 0] for name in _OF_TRUTH},
        iou_between=_between(rows, count),
        classes=_class_counts(rows),
        left_out={name: statuses.count(name) for name in _LEFT_OUT},
    )


def _class_counts(rows: Iterable[ObjectRow]) -> dict[int, Counter[str]]:
    """Return how many masks of each object are of which class, in all models together."""
    counts: dict[int, Counter[str]] = {}
    for row in rows:
        if row.class_name is not None:
            counts.setdefault(row.object_id, Counter())[row.class_name] += 1
    return counts


def _between(rows: Sequence[ObjectRow], models: int) -> Floats:
    """Return the IoUs of every two models' masks, float (P, M, M); all NaN of tables that do not hold them."""
    unknown = (None,) * models
    ious = [[np.nan if iou is None else iou for iou in (row.iou_between or unknown)] for row in rows]
    return np.array(ious, np.float64).reshape(-1, models, models)
