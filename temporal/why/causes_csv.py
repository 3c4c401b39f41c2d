"""`why.csv`: what each pair of a track owes to each part of its mask."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

from yolact_temporal.data.lines import open_table
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.comparison.rows import ObjectRow
from yolact_temporal.temporal.metrics.causes import BOX_CAUSES, PAIR_SPECS
from yolact_temporal.temporal.reading.shared_ids import mask_key
from yolact_temporal.temporal.report import Column, Row, TableColumns, format_cell
from yolact_temporal.temporal.why.explaining import PairCauses

OfBox: TypeAlias = tuple[float | None, float | None]
"""What of B2 and of B1 of a pair comes from the box."""
MaskTold: TypeAlias = tuple[int, int, str]
"""What tells a mask from others, as of `mask_key`."""

CAUSE_COLUMNS = TableColumns(
    Column("frame", "", "Index of the pair's second frame in the clip, from 0."),
    Column("time_s", "s", "Presentation time from the clip's first frame.", 9),
    Column("track_id", "", "Which object this is, as in `instances.csv`."),
    Column("score", "1", "The model's score of the mask, 0 to 1."),
    Column("area_px", "px", "Pixels of the mask."),
    metrics=lambda: {spec.name: spec for spec in PAIR_SPECS},
)


def cause_row(causes: PairCauses) -> Row:
    """Return the row of a pair, by column name."""
    return {
        "frame": causes.frame_index,
        "time_s": causes.time_s,
        "track_id": causes.track_id,
        "score": causes.score,
        "area_px": causes.area_px,
        **{spec.name: causes.values.get(spec.name) for spec in PAIR_SPECS},
    }


class BoxCauses(Protocol):
    """Tells what of B2 and of B1 of pairs comes from the box."""

    def of(self, frame: int, area_px: int, score: float) -> OfBox:
        """Return what of B2 and of B1 of the pair that a mask ends comes from the box; None where it is not known.

        Args:
            frame: of the mask; not before one that was asked of.
            area_px, score: of the mask.
        """


class LatestBoxCauses:
    """What of the pairs of the latest frame comes from the box, as the table will say it.

    Example:
        >>> causes = LatestBoxCauses()
        >>> causes.take(4, [PairCauses(4, 0.2, 1, 2 / 3, 50, 0.2, dict(zip(BOX_CAUSES, (1 / 3, 2.0))))])
        >>> causes.of(4, 50, 2 / 3), causes.of(5, 50, 2 / 3)
        ((0.333333, 2.0), (None, None))
    """

    def __init__(self) -> None:
        self._frame = -1
        self._found: dict[MaskTold, OfBox] = {}

    def take(self, frame: int, pairs: Iterable[PairCauses]) -> None:
        """Take the pairs that a frame ends."""
        self._frame = frame
        self._found = {
            mask_key(frame, own.area_px, own.score): _of_box([own.values.get(name) for name in BOX_CAUSES])
            for own in pairs
        }

    def of(self, frame: int, area_px: int, score: float) -> OfBox:
        """Return what of a pair comes from the box; as of `BoxCauses`."""
        key = mask_key(frame, area_px, score)
        return self._found.get(key, (None, None)) if frame == self._frame else (None, None)


def _of_box(values: Sequence[float | None]) -> OfBox:
    jitter, px = (format_cell(value) for value in values)
    return float(jitter) if jitter else None, float(px) if px else None


class RecordedBoxCauses:
    """What of B2 and of B1 of each pair comes from the box, read along with something else that is in order of frames.

    Args:
        path: a table of causes; nothing is known where there is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = _box_causes(path)
        self._next = next(self._rows, None)
        self._frame = -1
        self._found: dict[MaskTold, OfBox] = {}

    def of(self, frame: int, area_px: int, score: float) -> OfBox:
        """Return what of a pair comes from the box; as of `BoxCauses`.

        Raises:
            InputError: if the table cannot be read, or is no such table.
        """
        if frame != self._frame:
            self._frame, self._found = frame, {}
            while self._next is not None and self._next[0][0] <= frame:
                key, values = self._next
                if key[0] == frame:
                    self._found[key] = values
                self._next = next(self._rows, None)
        return self._found.get(mask_key(frame, area_px, score), (None, None))


def _box_causes(path: Path) -> Iterator[tuple[MaskTold, OfBox]]:
    if not path.exists():
        return
    try:
        with open_table(path) as file:
            for row in csv.DictReader(file):
                key = mask_key(int(row["frame"]), int(row["area_px"]), float(row["score"]))
                jitter, px = (float(row[name]) if row[name] else None for name in BOX_CAUSES)
                yield key, (jitter, px)
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"expected a table of causes in {path}, which cannot be read ({error}): analyze the clip again"
        ) from error


def with_box_causes(rows: Iterable[ObjectRow], causes: Mapping[str, BoxCauses]) -> Iterator[ObjectRow]:
    """Yield rows of objects with what of each pair comes from the box, where that is known.

    Args:
        rows: of objects, in order of frames.
        causes: by model; read along.
    """
    for row in rows:
        own = causes.get(row.model)
        if own is None or row.score is None or row.area_px is None:
            yield row
            continue
        jitter, px = own.of(row.frame, row.area_px, row.score)
        yield row if jitter is None and px is None else row._replace(box_cause_jitter=jitter, box_cause_px=px)
