"""Arguments of the commands that show what is measured: metrics, calibrate, dashboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yolact_temporal.arguments.shared import (
    add_output_options,
    command,
)


def add_metrics(commands: Any) -> None:
    """Add `metrics`."""
    parser = command(
        commands,
        "metrics",
        "list every metric: unit, range, which way is better, when it is undefined, source",
    )
    add_output_options(parser)


def add_calibrate(commands: Any) -> None:
    """Add `calibrate`."""
    parser = command(
        commands,
        "calibrate",
        "measure made-up models of known faults, and check that what was put in is found",
        "Measure stand-in models whose faults are known to a dose (boundary noise, shake, drift, dropped frames, class "
        "switches, frozen, empty and full-box masks, and more) on synthetic scenes whose truth is known, through the "
        "same flow, association, meters and comparison as any model; write dose and response as a table and a picture; "
        "exit with 1 if anything does not come out as it must.",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("calibration"),
        metavar="FOLDER",
        help="takes calibration.csv and calibration.png (default: calibration)",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="smaller scenes and fewer doses: half a minute, every expectation",
    )
    parser.add_argument("--seed", type=int, default=0, help="of scenes and faults (default: 0)")
    add_output_options(parser)


def add_dashboard(commands: Any) -> None:
    """Add `dashboard`."""
    parser = command(
        commands,
        "dashboard",
        "look at finished runs in the browser, and start new ones",
        "Serve a page over finished runs: who is steadier and why, when and where masks jitter and flicker, frames and "
        "videos side by side, clips compared, and new analyses. Only this machine can open it, unless --address says "
        "otherwise.",
    )
    parser.add_argument(
        "runs",
        nargs="?",
        type=Path,
        default=Path("runs"),
        metavar="RUNS",
        help="the folder of run folders, made if it is not there (default: runs)",
    )
    parser.add_argument(
        "--port",
        type=int,
        metavar="N",
        help="port to serve at, 0 for any (default: 8501 or the next free one)",
    )
    parser.add_argument(
        "--address",
        default="127.0.0.1",
        metavar="HOST",
        help="address to serve at (default: 127.0.0.1, this machine only); the page asks for no password",
    )
