"""`live.json`: how a live run stands, written about once a second while it goes on, for whoever looks at it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from yolact_temporal.data.runs.documents import (
    ADVICE,
    FieldError,
    Fields,
    read_whole,
    versioned,
    write_versioned,
)
from yolact_temporal.data.runs.layout import RunFolder
from yolact_temporal.errors import InputError

FORMAT_VERSION = 1

MOST_ROWS = 180
"""Seconds of the curves that are kept."""

_WHAT = "how a live run stands"

Curve = tuple[float | None, ...]


@dataclass(frozen=True)
class LiveStatus:
    """How a live run stands.

    Attributes:
        source: what is watched, without user, password and query.
        state: "connecting", "playing", "lost" or "ended".
        problem: why the stream was lost; "" where it was not.
        seconds: since measuring began.
        captured, processed, dropped, repeated: frames so far.
        captured_per_s, processed_per_s: over the last seconds.
        dropped_share, repeated_share: of the frames captured in the last seconds; None where there were none.
        age_median_s, age_p95_s: how old frames were when they were shown; None before the first.
        spans_s: how far back each figure looks.
        times_s: since measuring began, one a row.
        figures: by model and metric name, a curve for each span, one value a row, None where undefined.
    """

    source: str
    state: str
    problem: str
    seconds: float
    captured: int
    processed: int
    dropped: int
    repeated: int
    captured_per_s: float
    processed_per_s: float
    dropped_share: float | None
    repeated_share: float | None
    age_median_s: float | None
    age_p95_s: float | None
    spans_s: Sequence[float]
    times_s: Sequence[float]
    figures: Mapping[str, Mapping[str, Sequence[Curve]]]

    def newest(self, model: str, name: str) -> list[float | None]:
        """Return a figure's newest values, one a span."""
        return [curve[-1] if curve else None for curve in self.figures[model][name]]


def write_live_status(folder: Path, status: LiveStatus) -> None:
    """Write `live.json` whole or not at all."""
    write_versioned(RunFolder(folder).live, FORMAT_VERSION, asdict(status))


def read_live_status(folder: Path) -> LiveStatus | None:
    """Return what the `live.json` in a folder says; None where there is none.

    Raises:
        InputError: if it cannot be read, or holds what it should not.
    """
    path = RunFolder(folder).live
    text = read_whole(path, _WHAT)
    if text is None:
        return None
    data, version = versioned(text, path, _WHAT)
    try:
        if version != FORMAT_VERSION:
            raise FieldError(f"the format version {version}")
        return _status(Fields(data))
    except FieldError as error:
        raise InputError(
            f"expected {_WHAT} in {path}, got one with a missing or invalid value ({error}): {ADVICE}"
        ) from error


def _status(top: Fields) -> LiveStatus:
    spans, times = _numbers(top, "spans_s", 8), _numbers(top, "times_s", MOST_ROWS)
    models = top.fields("figures")
    figures = {
        model: {name: _curves(models.fields(model), name, len(spans), len(times)) for name in own}
        for model, own in ((model, models.fields(model)) for model in models)
    }
    return LiveStatus(
        source=top.text("source"),
        state=top.text("state"),
        problem=top.text("problem", ""),
        seconds=top.number("seconds", 0.0),
        captured=top.whole("captured", 0),
        processed=top.whole("processed", 0),
        dropped=top.whole("dropped", 0),
        repeated=top.whole("repeated", 0),
        captured_per_s=top.number("captured_per_s", 0.0),
        processed_per_s=top.number("processed_per_s", 0.0),
        dropped_share=top.number_or_none("dropped_share"),
        repeated_share=top.number_or_none("repeated_share"),
        age_median_s=top.number_or_none("age_median_s"),
        age_p95_s=top.number_or_none("age_p95_s"),
        spans_s=spans,
        times_s=times,
        figures=figures,
    )


def _numbers(top: Fields, key: str, most: int) -> list[float]:
    values = top.items(key)
    if len(values) > most or not all(_is_number(value) for value in values):
        raise FieldError(f"'{key}'")
    return [float(value) for value in values]  # type: ignore[arg-type]


def _curves(own: Fields, name: str, spans: int, rows: int) -> list[Curve]:
    found: list[Curve] = []
    for curve in own.items(name):
        whole = isinstance(curve, list) and len(curve) == rows
        if not whole or not all(value is None or _is_number(value) for value in curve):  # type: ignore[attr-defined]
            raise FieldError(f"'{name}'")
        found.append(tuple(curve))  # type: ignore[arg-type]
    if len(found) != spans:
        raise FieldError(f"'{name}'")
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
