"""A calibration for the terminal: doses and responses, the floor, and what came out of what must."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from yolact_temporal.temporal.calibration.calibrating import Calibration
from yolact_temporal.temporal.calibration.causes import BLAMED, EXPERIMENT
from yolact_temporal.temporal.calibration.gathering import BIAS
from yolact_temporal.temporal.calibration.measurements import Key, Table
from yolact_temporal.temporal.calibration.measuring import EXACT, FLOW, UNMASKED
from yolact_temporal.temporal.calibration.plan import CLASS_SWITCHES
from yolact_temporal.temporal.metrics.causes import FLOOR, MEASURES

_LABEL = 47
_CELL = 9


class Line(NamedTuple):
    """One line of a block: its label, and the experiment, motion and metric it shows."""

    label: str
    experiment: str
    motion: str
    metric: str


_B1 = "boundary_px_mean"
_B2 = "motion_compensated_jitter"
_CAUSE = MEASURES[1]
_B3 = "second_difference_centroid_{}_px"

_DOSE_BLOCKS: tuple[tuple[str, str, str, tuple[Line, ...]], ...] = (
    (
        "boundary noise of so many px",
        "boundary_noise",
        "scenes",
        (
            Line("B1 boundary displacement, px, exact motion", "scenes", EXACT, _B1),
            Line("B1 the same, flow", "scenes", FLOW, _B1),
            Line("B2 motion-compensated jitter, flow", "scenes", FLOW, _B2),
            Line("B3 centroid x, px", "scenes", FLOW, _B3.format("x")),
            Line("B3 log area", "scenes", FLOW, "second_difference_log_area"),
            Line("J against the truth", "all_scenes", FLOW, "truth_j"),
        ),
    ),
    (
        "centroid shake of so many px, 400 frames",
        "centroid_shake",
        "long",
        tuple(Line(f"B3 centroid {axis}, px", "long", FLOW, _B3.format(axis)) for axis in "xy"),
    ),
    (
        "drift of so many px a frame, 400 frames",
        "drift",
        "long",
        (
            Line("B1 boundary displacement, px, flow", "long", FLOW, _B1),
            Line("B3 centroid x, px", "long", FLOW, _B3.format("x")),
            Line("bias of the centre, widths", "long", "", BIAS),
        ),
    ),
    (
        "share of frames dropped, 400 frames",
        "dropped",
        "long",
        (
            Line("injected, as counted", "long", FLOW, "injected"),
            Line("dropout rate", "long", FLOW, "dropout_rate"),
        ),
    ),
    (
        "share of frames dropped",
        "dropped",
        "all_scenes",
        (
            Line("common support |C| / |U|", "all_scenes", FLOW, "common_share"),
            Line("L(1)", "all_scenes", FLOW, "loss_1"),
            Line("B1 on C, above the reference, px", "all_scenes", FLOW, "boundary_px_difference"),
        ),
    ),
    (
        "share of frames dropped in bursts, 400 frames",
        "dropped_in_bursts",
        "long",
        (
            Line("injected, as counted", "long", FLOW, "injected"),
            Line("dropout rate", "long", FLOW, "dropout_rate"),
        ),
    ),
    (
        "class switches per pair, 400 frames",
        CLASS_SWITCHES,
        "long",
        (
            Line("injected, as counted", "long", FLOW, "injected"),
            Line("class flip rate", "long", FLOW, "class_flip_rate"),
        ),
    ),
    *(
        (
            title,
            fault,
            EXPERIMENT,
            (
                *(
                    Line(f"B1 from the {part}, px", EXPERIMENT, EXACT, _CAUSE.name(part))
                    for part in BLAMED.values()
                ),
                Line("B1 from carrying alone (floor), px", EXPERIMENT, EXACT, _CAUSE.name(FLOOR)),
            ),
        )
        for title, fault in (
            ("box of a mask shaken by so many px", "box_shake"),
            ("noise on the coefficients of a mask", "coefficients_noise"),
            ("noise on the prototypes of a mask", "prototypes_noise"),
        )
    ),
)

_FAULTS = (
    ("truth", 0.0, "truth"),
    ("frozen", 0.0, "frozen"),
    ("full_box", 0.0, "full box"),
    ("empty", 0.0, "empty"),
    ("merged", 0.0, "merged"),
    ("low_resolution_box", 28.0, "box 28"),
    ("low_resolution_frame", 138.0, "frame 138"),
    ("varying_noise", 1.0, "varying"),
    ("worst_dropped", 1.0, "best 70%"),
)
_FAULT_LINES = (
    Line("B1 boundary displacement, px, flow", "scenes", FLOW, _B1),
    Line("B2 motion-compensated jitter, flow", "scenes", FLOW, _B2),
    Line("J against the truth", "all_scenes", FLOW, "truth_j"),
    Line("coverage", "all_scenes", FLOW, "coverage"),
    Line("L(1)", "all_scenes", FLOW, "loss_1"),
)
_FLOOR_LINES = (
    ("B1, px, exact motion", EXACT, _B1),
    ("B1, px, exact, hidden pixels not left out", UNMASKED[EXACT], _B1),
    ("B1, px, flow", FLOW, _B1),
    ("B1, px, flow, hidden pixels not left out", UNMASKED[FLOW], _B1),
    ("B2, exact motion", EXACT, _B2),
    ("B2, exact, hidden pixels not left out", UNMASKED[EXACT], _B2),
    ("B2, flow", FLOW, _B2),
    ("B2, flow, hidden pixels not left out", UNMASKED[FLOW], _B2),
    ("share of the objects' pixels left out, exact", EXACT, "hidden_share"),
    ("share of the objects' pixels left out, flow", FLOW, "hidden_share"),
    ("error of the flow on the objects, px", FLOW, "flow_error_px"),
)


def console_calibration(calibration: Calibration) -> str:
    """Return the whole report for the terminal."""
    table, plan = calibration.table, calibration.plan
    frames = sum(scene.frames for scene in (*plan.scenes, *plan.long_scenes))
    parts = [
        f"calibrate, {plan.name} (seed {plan.seed}): stand-ins of known faults on {len(plan.scenes)} scenes and "
        f"{len(plan.long_scenes)} long, {frames} frames; means, a dash where undefined"
    ]
    parts += [_dose_block(table, *block) for block in _DOSE_BLOCKS]
    names = [name for _, _, name in _FAULTS]
    lines = [
        (line.label, [_value(table, line, fault, dose) for fault, dose, _ in _FAULTS])
        for line in _FAULT_LINES
    ]
    parts.append(_block("steady, or wrong, side by side", names, lines))
    for experiment, doses, title in (
        ("speed", plan.speeds, "the floor: the truth by speed, px a frame"),
        ("texture", plan.textures, "the floor: the truth by texture contrast"),
    ):
        floor = [
            (label, [table.mean(Key(experiment, "truth", dose, motion, metric)) for dose in doses])
            for label, motion, metric in _FLOOR_LINES
        ]
        parts.append(_block(title, [f"{dose:g}" for dose in doses], floor))
    parts.append(_outcome(calibration))
    return "\n\n".join(parts)


def _dose_block(table: Table, title: str, fault: str, experiment: str, lines: Sequence[Line]) -> str:
    doses = [dose for dose in table.doses(experiment, fault) if dose]
    steps = [("truth", 0.0), *((fault, dose) for dose in doses)]
    rows = [(line.label, [_value(table, line, *step) for step in steps]) for line in lines]
    return _block(title, [f"{dose:g}" for _, dose in steps], rows)


def _value(table: Table, line: Line, fault: str, dose: float) -> float | None:
    if line.metric != "injected":
        return table.mean(Key(line.experiment, fault, dose, line.motion, line.metric))
    row = next((r for r in table if r.key[:3] == (line.experiment, fault, dose)), None)
    return None if row is None else row.injected


def _block(title: str, heads: Sequence[str], rows: Iterable[tuple[str, Sequence[float | None]]]) -> str:
    lines = [f"{title:<{_LABEL}}" + "".join(f" {head:>{_CELL}}" for head in heads)]
    for label, values in rows:
        lines.append(f"  {label:<{_LABEL - 2}}" + "".join(f" {_cell(value):>{_CELL}}" for value in values))
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}" if abs(value) >= 1e-4 else "0"


def _outcome(calibration: Calibration) -> str:
    lines = ["what must come out"]
    for rule in dict.fromkeys(check.rule for check in calibration.checks):
        own = [check for check in calibration.checks if check.rule == rule]
        held = sum(check.holds for check in own)
        lines.append(f"  {'ok' if held == len(own) else 'FAILED':<7}{held:>3} of {len(own):<3} {rule}")
        lines += [f"{'':<11}{_what(check.key)}: {check.found}" for check in own if not check.holds]
    return "\n".join(lines)


def _what(key: Key) -> str:
    """Name a measurement for a reader."""
    parts = (key.fault.replace("_", " "), f"{key.dose:g}", key.motion, key.metric)
    return " ".join(part for part in parts if part)
