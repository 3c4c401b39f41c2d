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
    from collections.abc import Sequence

    from yolact_temporal.temporal.calibration.calibrating import Calibration
    from yolact_temporal.temporal.report import Column

TABLE, PICTURE = "calibration.csv", "calibration.png"
VERDICT_TABLE, VERDICT_PICTURE = "verdicts.csv", "verdicts.png"


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
    parser.add_argument(
        "--verdicts",
        action="store_true",
        help="instead, simulate how often comparisons of 1 to 20 clips find a true difference, and how often they call "
        "one of two equal models steadier; writes verdicts.csv and verdicts.png; ten minutes",
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
    if args.verdicts:
        return _run_verdicts(args)
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


def _run_verdicts(args: argparse.Namespace) -> int:
    """Simulate verdicts, write table and picture, and return 1 unless power and false alarms are as they must."""
    from yolact_temporal.data.files import results_in
    from yolact_temporal.temporal.calibration.verdict_power import (
        full_power_plan,
        quick_power_plan,
        simulate_power,
    )
    from yolact_temporal.temporal.calibration.verdict_power_plot import plot_power
    from yolact_temporal.temporal.calibration.verdict_power_report import (
        VERDICT_COLUMNS,
        verdict_data,
        verdict_rows,
        verdict_section,
    )
    from yolact_temporal.temporal.documents import as_console
    from yolact_temporal.temporal.report import CsvTable

    _claim_table(args.out, VERDICT_TABLE, VERDICT_PICTURE, VERDICT_COLUMNS)
    plan = quick_power_plan(args.seed) if args.quick else full_power_plan(args.seed)
    with progress_bar(args, "calibrate --verdicts", plan.steps) as progress:
        power = simulate_power(plan, progress)
    with results_in(args.out):
        args.out.mkdir(parents=True, exist_ok=True)
        with CsvTable(args.out / VERDICT_TABLE, VERDICT_COLUMNS) as table:
            table.write_all(verdict_rows(power))
        plot_power(power, args.out / VERDICT_PICTURE)
    if args.json:
        print(json.dumps(verdict_data(power), indent=2, ensure_ascii=False, allow_nan=False))
    say(args, f"\n{as_console(verdict_section(power))}")
    say(args, f"\n  Table and picture: {args.out / VERDICT_TABLE}, {args.out / VERDICT_PICTURE}")
    return 0 if power.holds else 1


def _claim(out: Path) -> None:
    from yolact_temporal.temporal.calibration.calibration_csv import CALIBRATION_COLUMNS

    _claim_table(out, TABLE, PICTURE, CALIBRATION_COLUMNS)


def _claim_table(out: Path, table: str, picture: str, columns: Sequence[Column]) -> None:
    """Refuse a file in the folder's place, and files of other programs, before any work is done."""
    from yolact_temporal.data.runs.claim import claim_files, has_header

    names = [column.name for column in columns]
    claim_files(
        out,
        (table, picture),
        lambda folder: has_header(folder / table, names),
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
