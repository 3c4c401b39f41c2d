"""One figure of a calibration: what was measured against what was injected, a panel for each fault, and the floor."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from yolact_temporal.temporal.calibration.calibrating import Calibration
from yolact_temporal.temporal.calibration.expectations import (
    DRIFT_TOLERANCE,
    RATE_TOLERANCE,
    SHAKE_TOLERANCE,
)
from yolact_temporal.temporal.calibration.gathering import BIAS, named
from yolact_temporal.temporal.calibration.measurements import Key, Measurement, Table
from yolact_temporal.temporal.calibration.measuring import EXACT, FLOW, UNMASKED
from yolact_temporal.temporal.calibration.plan import CLASS_SWITCHES, Subject
from yolact_temporal.temporal.plot_style import (
    FAINT,
    INK,
    model_color,
    model_marker,
    new_figure,
    save_png,
    style_axes,
    write_heading,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_B1 = "boundary_px_mean"
_B2 = "motion_compensated_jitter"
_B3 = "second_difference_centroid_{}_px"
_BAND = "#e9e9e9"
_FEWEST = 4
"""Values of which an interval is drawn."""
_INDEPENDENT = 2 / math.sqrt(math.pi)
"""Mean distance, along the normal, of two outlines with noise of RMS 1 each, drawn apart."""


def plot_calibration(calibration: Calibration, path: str | Path) -> Path:
    """Draw doses against responses and write one PNG; returns its path.

    Bars are Student's 95% intervals of the mean over clips or objects, or their range where they are few. Grey bands
    are what the expectations allow.
    """
    figure = new_figure(14.5, 10.2)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(w_pad=0.1, h_pad=0.08)  # type: ignore[call-arg]
    panels = figure.subplots(3, 4).ravel()
    table = calibration.table
    for axes, draw in zip(panels, _PANELS, strict=True):
        draw(axes, table)
    held = sum(check.holds for check in calibration.checks)
    outcome = f"{held} of {len(calibration.checks)} expectations hold"
    figure.supxlabel(
        f"Bars: 95% interval of the mean over clips (400-frame panels: over objects), of fewer than {_FEWEST} their "
        "range. Grey: what is allowed. Dotted: measured equals injected (B1: as the legend says).",
        fontsize=9, color=INK, x=0.012, ha="left",
    )  # fmt: skip
    plan = calibration.plan
    return save_png(figure, path, f"Dose and response, {plan.name} (seed {plan.seed}): {outcome}")


def _rows(table: Table, experiment: str, fault: str, motion: str, metric: str) -> list[Measurement]:
    """Return a fault's rows in order of dose, the truth's first where it is another fault's zero."""
    steps = [("truth", 0.0)] if experiment not in ("speed", "texture") else []
    steps += [
        (fault, dose) for dose in table.doses(experiment, fault) if dose or experiment in ("speed", "texture")
    ]
    found = [table.get(Key(experiment, name, dose, motion, metric)) for name, dose in steps]
    return [row for row in found if row is not None and row.mean is not None]


def _bar(row: Measurement) -> tuple[float, float]:
    """Return the ends of a bar: the interval, or of a few values, which have next to none, their range."""
    if len(row.defined) < _FEWEST or row.interval is None:
        return min(row.defined), max(row.defined)
    return row.interval


def _draw(
    axes: Axes,
    rows: Sequence[Measurement],
    number: int,
    label: str,
    scale: float = 1.0,
    hollow: bool = False,
    beside: float = 0.0,
) -> None:
    """Draw one line with its intervals, shifted sideways where several would cover each other."""
    color = model_color(number)
    means = np.array([row.mean for row in rows], float) * scale
    spans = [_bar(row) for row in rows]
    low, high = (np.array([span[end] for span in spans]) * scale for end in (0, 1))
    axes.errorbar(
        [row.injected + beside for row in rows],
        means,
        yerr=np.abs([means - low, high - means]) if len(rows) else None,
        color=color,
        marker=model_marker(number),
        markersize=5.5,
        markerfacecolor="white" if hollow else color,
        linestyle=(0, (4, 2)) if hollow else "-",
        linewidth=1.3,
        elinewidth=1.0,
        capsize=2.5,
        label=label,
        zorder=3,
    )


def _finish(axes: Axes, heading: str, y_label: str, x_label: str) -> None:
    style_axes(axes, y_label, x_label, grid="both")
    write_heading(axes, heading)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7.5, frameon=False, loc="best")


def _limit(axes: Axes, room: float = 1.3) -> None:
    """End the axis above the means: the interval of two values is wider than all else."""
    drawn = [
        np.asarray(line.get_ydata(), float) for line in axes.lines if line.get_marker() not in ("_", "None")
    ]
    highest = max((float(values.max()) for values in drawn if values.size), default=0.0)
    axes.set_ylim(0, room * highest or 1.0)


def _identity(axes: Axes, most: float, relative: float = 0.0, absolute: float = 0.0) -> None:
    reach = np.linspace(0, most * 1.05, 30)
    axes.fill_between(
        reach, reach * (1 - relative) - absolute, reach * (1 + relative) + absolute, color=_BAND, linewidth=0
    )
    axes.plot(reach, reach, color=FAINT, linewidth=1, linestyle=(0, (1, 2)), zorder=1)
    axes.set_ylim(-absolute, 1.25 * most + absolute)


def _noise_b1(axes: Axes, table: Table) -> None:
    for number, (motion, label) in enumerate(((EXACT, "exact motion"), (FLOW, "flow"))):
        _draw(axes, _rows(table, "scenes", "boundary_noise", motion, _B1), number, label)
    most = max(table.doses("scenes", "boundary_noise"), default=1.0)
    axes.plot(
        [0, most], [0, most * _INDEPENDENT], color=FAINT, linewidth=1, linestyle=(0, (1, 2)),
        label="mean gap of two such outlines", zorder=1,
    )  # fmt: skip
    axes.set_ylim(bottom=0)
    _finish(axes, "B1, boundary noise", "boundary displacement (px)", "injected RMS (px)")


def _noise_b2(axes: Axes, table: Table) -> None:
    for number, (motion, label) in enumerate(((EXACT, "exact motion"), (FLOW, "flow"))):
        _draw(axes, _rows(table, "scenes", "boundary_noise", motion, _B2), number, label)
    axes.set_ylim(bottom=0)
    _finish(axes, "B2, boundary noise", "1 - IoU of carried masks", "injected RMS (px)")


def _noise_b3(axes: Axes, table: Table) -> None:
    for number, axis in enumerate("xy"):
        rows = _rows(table, "scenes", "boundary_noise", FLOW, _B3.format(axis))
        _draw(axes, rows, number, f"centroid {axis}")
    _limit(axes)
    _finish(axes, "B3, boundary noise", "second difference (px)", "injected RMS (px)")


def _shake(axes: Axes, table: Table) -> None:
    for number, axis in enumerate("xy"):
        _draw(
            axes, _rows(table, "long", "centroid_shake", FLOW, _B3.format(axis)), number, f"centroid {axis}"
        )
    _identity(axes, max(table.doses("long", "centroid_shake"), default=1.0), SHAKE_TOLERANCE)
    _finish(axes, "B3, centroid shake, 400 frames", "second difference (px)", "injected deviation (px)")


def _drift_jitter(axes: Axes, table: Table) -> None:
    for number, (metric, label) in enumerate(
        ((_B1, "B1"), (_B2, "B2"), (_B3.format("x"), "B3 x"), (_B3.format("y"), "B3 y"))
    ):
        rows = _rows(table, "long", "drift", FLOW, metric)
        if rows and rows[0].mean:
            beside = (number - 1.5) * 0.012 * rows[-1].injected
            _draw(axes, rows, number, label, scale=1 / rows[0].mean, beside=beside)
    axes.axhspan(1 - DRIFT_TOLERANCE, 1 + DRIFT_TOLERANCE, color=_BAND, linewidth=0)
    axes.set_ylim(0.4, 1.6)
    _finish(axes, "Jitter under drift, 400 frames", "jitter over the truth's", "injected drift (px/frame)")


def _drift_bias(axes: Axes, table: Table) -> None:
    _draw(axes, _rows(table, "long", "drift", "", BIAS), 0, "")
    _limit(axes)
    style_axes(axes, "mean centre error (box widths)", "injected drift (px/frame)", grid="both")
    write_heading(axes, "Bias under drift, 400 frames")


def _dropout(axes: Axes, table: Table) -> None:
    faults = (("dropped", "each frame by itself"), ("dropped_in_bursts", "in bursts of 5"))
    for number, (fault, label) in enumerate(faults):
        _draw(axes, _rows(table, "long", fault, FLOW, "dropout_rate"), number, label)
    _identity(axes, max(table.doses("long", "dropped"), default=0.5), absolute=RATE_TOLERANCE)
    _finish(axes, "C1, dropped frames, 400 frames", "dropout rate", "injected share, as counted")


def _class_flips(axes: Axes, table: Table) -> None:
    _draw(axes, _rows(table, "long", CLASS_SWITCHES, FLOW, "class_flip_rate"), 0, "")
    _identity(axes, max(table.doses("long", CLASS_SWITCHES), default=0.5), absolute=RATE_TOLERANCE)
    style_axes(axes, "class flip rate", "injected switches per pair, as counted", grid="both")
    write_heading(axes, "C3, class switches, 400 frames")


def _support(axes: Axes, table: Table) -> None:
    for number, (metric, label) in enumerate((("common_share", "|C| / |U|"), ("loss_1", "L(1)"))):
        _draw(axes, _rows(table, "all_scenes", "dropped", FLOW, metric), number, label)
    axes.set_ylim(0, 1.1)
    _finish(axes, "Support and loss, dropped frames", "share", "injected share, as counted")


def _quality(axes: Axes, table: Table) -> None:
    """Draw B1 against J: what is steady but wrong stands at the lower left."""
    shown = (
        Subject("truth"), Subject("boundary_noise", 1.0), Subject("boundary_noise", 2.0), Subject("frozen"),
        Subject("full_box"), Subject("merged"),
    )  # fmt: skip
    for subject in shown:
        jitter, quality = (
            table.get(Key(experiment, subject.fault, subject.dose, FLOW, name))
            for experiment, name in (("scenes", _B1), ("all_scenes", "truth_j"))
        )
        if jitter is None or quality is None or jitter.mean is None or quality.mean is None:
            continue
        steady_but_wrong = subject.fault in ("frozen", "full_box", "merged")
        number = 1 if steady_but_wrong else 0
        axes.plot(
            quality.mean, jitter.mean, marker=model_marker(number), color=model_color(number),
            markersize=6, linestyle="none", zorder=3,
        )  # fmt: skip
        side = -1 if quality.mean > 0.7 else 1
        axes.annotate(
            named(subject),
            (quality.mean, jitter.mean),
            xytext=(7 * side, -9 if subject.fault == "merged" else 0),
            textcoords="offset points",
            ha="right" if side < 0 else "left",
            va="center",
            fontsize=7.5,
            color=INK,
        )
    axes.set_xlim(0, 1.05)
    axes.set_ylim(bottom=0)
    axes.text(
        0.02,
        0.03,
        "empty: J 0, jitter undefined",
        transform=axes.transAxes,
        va="bottom",
        fontsize=7.5,
        color=INK,
    )
    style_axes(axes, "boundary displacement (px)", "J against the truth", grid="both")
    write_heading(axes, "Steady, or wrong (orange)")


def _floor(axes: Axes, table: Table, experiment: str, x_label: str, heading: str) -> None:
    for number, (motion, label) in enumerate(((EXACT, "exact motion"), (FLOW, "flow"))):
        _draw(axes, _rows(table, experiment, "truth", motion, _B1), number, label)
        rows = _rows(table, experiment, "truth", UNMASKED[motion], _B1)
        _draw(axes, rows, number, f"{label}, hidden kept", hollow=True)
    _limit(axes, 1.6)
    _finish(axes, heading, "boundary displacement (px)", x_label)


def _floor_by_speed(axes: Axes, table: Table) -> None:
    _floor(axes, table, "speed", "speed of the objects (px/frame)", "The floor (B1 of the truth) by speed")


def _floor_by_texture(axes: Axes, table: Table) -> None:
    _floor(axes, table, "texture", "contrast of the textures", "The floor by texture, 1 px/frame")


_PANELS: tuple[Callable[[Axes, Table], None], ...] = (
    _noise_b1,
    _noise_b2,
    _noise_b3,
    _shake,
    _drift_jitter,
    _drift_bias,
    _dropout,
    _class_flips,
    _support,
    _quality,
    _floor_by_speed,
    _floor_by_texture,
)
