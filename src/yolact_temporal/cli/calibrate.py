"""`calibrate`: the proof that what was put in is found."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolact_temporal.cli.console import progress_bar, say
from yolact_temporal.cli.options import add_output_options, command
from yolact_temporal.errors import UsageError

if TYPE_CHECKING:
    from yolact_temporal.temporal.calibration.calibrating import Calibration

TABLE, PICTURE = "calibration.csv", "calibration.png"


def add(commands: Any) -> None:
    """Add `calibrate`."""
    parser = command(
        commands,
        "calibrate",
        "check the measurement itself: simulated models with known faults must be measured as such",
        "Measure stand-in models with faults of known size (boundary noise, shake, drift, dropped frames, class "
        "switches, frozen, empty and full-box masks, and more) on synthetic scenes whose truth is known, through the "
        "same flow, association, meters and comparison as any model; write dose and response as a table and a picture; "
        "exit with 1 if any check fails.",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("calibration"),
        metavar="FOLDER",
        help="folder for calibration.csv and calibration.png (default: calibration)",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="smaller scenes and fewer doses; takes half a minute and makes every check",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of scenes and faults (default: 0)")
    add_output_options(parser)
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Measure stand-ins of known faults, write table and picture, and return 1 unless all came out as it must."""
    from yolact_temporal.temporal.calibration.calibrating import calibrate as run_calibration
    from yolact_temporal.temporal.calibration.calibration_csv import calibration_rows
    from yolact_temporal.temporal.calibration.calibration_text import console_calibration
    from yolact_temporal.temporal.calibration.plan import full_plan, quick_plan

    if args.seed < 0:
        raise UsageError(
            f"expected --seed of 0 or more, got {args.seed}: pass a whole number that is not negative"
        )
    _claim(args.out)
    plan = quick_plan(args.seed) if args.quick else full_plan(args.seed)
    with progress_bar(args, "calibrate", plan.frames) as progress:
        calibration = run_calibration(plan, progress)
    _write(calibration, args.out)
    if args.json:
        result = {
            "plan": plan.name,
            "seed": plan.seed,
            "holds": calibration.holds,
            "failed": [
                {"expectation": check.rule} | check.key._asdict() | {"found": check.found}
                for check in calibration.checks
                if not check.holds
            ],
            "rows": list(calibration_rows(calibration)),
        }
        print(json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False))
    say(args, console_calibration(calibration))
    say(args, f"\n  Table and picture: {args.out / TABLE}, {args.out / PICTURE}")
    return 0 if calibration.holds else 1


def _claim(out: Path) -> None:
    """Refuse a file in the folder's place, and files of other programs, before any work is done."""
    from yolact_temporal.data.runs.claim import claim_files, has_header
    from yolact_temporal.temporal.calibration.calibration_csv import CALIBRATION_COLUMNS

    columns = [column.name for column in CALIBRATION_COLUMNS]
    claim_files(
        out,
        (TABLE, PICTURE),
        lambda folder: has_header(folder / TABLE, columns),
        "pass another one to --out",
    )


def _write(calibration: Calibration, out: Path) -> None:
    from yolact_temporal.data.files import results_in
    from yolact_temporal.temporal.calibration.calibration_csv import CALIBRATION_COLUMNS, calibration_rows
    from yolact_temporal.temporal.calibration.calibration_plot import plot_calibration
    from yolact_temporal.temporal.report import CsvTable

    with results_in(out):
        out.mkdir(parents=True, exist_ok=True)
        with CsvTable(out / TABLE, CALIBRATION_COLUMNS) as table:
            table.write_all(calibration_rows(calibration))
        plot_calibration(calibration, out / PICTURE)
