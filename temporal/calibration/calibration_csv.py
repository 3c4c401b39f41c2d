"""`calibration.csv`: every measurement as a row, and what was expected of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from yolact_temporal.temporal.calibration.calibrating import Calibration
from yolact_temporal.temporal.calibration.expectations import Check
from yolact_temporal.temporal.calibration.measurements import Key
from yolact_temporal.temporal.calibration.plan import DOSE_UNITS
from yolact_temporal.temporal.report import Column, Row

CALIBRATION_COLUMNS: tuple[Column, ...] = (
    Column(
        "experiment",
        "",
        "scenes (stand-ins on scenes whose objects stay in sight), crossing (on those whose objects hide each other "
        "wholly), all_scenes (compared, on both), long (on 400 frames), speed or texture (the floor: what the motion "
        "adds to the truth).",
    ),
    Column("fault", "", "What is wrong with the stand-in; truth for none."),
    Column("dose", "", "How much of it; of the floor, the objects' speed or the textures' contrast."),
    Column("dose_unit", "", "The dose's unit; 1 for a share, empty for a fault that has no dose."),
    Column("injected", "", "The dose that was put in; of a rate, as counted frame by frame."),
    Column(
        "motion",
        "",
        "What carried the masks: exact or flow; with _unmasked, hidden pixels were not left out. Empty where it plays "
        "no part.",
    ),
    Column("metric", "", "What was measured."),
    Column("unit", "", "Unit of the values; 1 for a pure number."),
    Column("mean", "", "Mean over clips or objects; empty where undefined."),
    Column("sd", "", "Their sample standard deviation; empty for fewer than two."),
    Column("ci_low", "", "Lower end of Student's 95% interval of the mean."),
    Column("ci_high", "", "Upper end of it."),
    Column("n", "", "Clips or objects that have a value."),
    Column("n_undefined", "", "Clips or objects that have none."),
    Column("n_of", "", "What is counted: clips, objects or comparisons."),
    Column(
        "expectation", "", "What must come out, separated by semicolons; empty where nothing is expected."
    ),
    Column("found", "", "What came out, in the same order; of a verdict, its words."),
    Column("holds", "", "true where all of it came out, false where not; empty without an expectation."),
)
"""Columns of `calibration.csv`."""

_FLOOR_UNITS = {"speed": "px/frame", "texture": "1"}


def calibration_rows(calibration: Calibration) -> Iterator[Row]:
    """Yield the rows of `calibration.csv`, by column name; last those of expectations of which nothing was measured."""
    checks: defaultdict[Key, list[Check]] = defaultdict(list)
    for check in calibration.checks:
        checks[check.key].append(check)
    for row in calibration.table:
        own = checks.pop(row.key, [])
        low, high = row.interval or (None, None)
        yield _judged(row.key, own) | {
            "injected": row.injected,
            "unit": row.unit,
            "mean": row.mean,
            "sd": row.sd,
            "ci_low": low,
            "ci_high": high,
            "n": len(row.defined),
            "n_undefined": len(row.values) - len(row.defined),
            "n_of": row.of,
            "found": "; ".join(check.found for check in own) or row.note,
        }
    for key, own in checks.items():
        yield _judged(key, own)


def _judged(key: Key, checks: list[Check]) -> Row:
    blank: Row = {column.name: None for column in CALIBRATION_COLUMNS}
    return blank | {
        "experiment": key.experiment,
        "fault": key.fault,
        "dose": key.dose,
        "dose_unit": _FLOOR_UNITS.get(key.experiment, DOSE_UNITS.get(key.fault, "")),
        "motion": key.motion,
        "metric": key.metric,
        "n": 0,
        "expectation": "; ".join(check.rule for check in checks),
        "found": "; ".join(check.found for check in checks),
        "holds": all(check.holds for check in checks) if checks else None,
    }
