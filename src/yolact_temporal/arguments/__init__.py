"""The command line's arguments; nothing heavy is imported for them."""

from __future__ import annotations

import argparse

from yolact_temporal.arguments.looking import (
    add_calibrate,
    add_dashboard,
    add_metrics,
)
from yolact_temporal.arguments.measuring import (
    add_analyze,
    add_compare,
    add_demo,
    add_export,
    add_score,
)
from yolact_temporal.arguments.modelling import (
    add_benchmark,
    add_evaluate,
    add_train,
    add_weights,
)
from yolact_temporal.arguments.shared import EXIT_CODES

__all__ = ["build_parser"]


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; nothing heavy is imported for it."""
    parser = argparse.ArgumentParser(
        prog="yolact-temporal",
        description="Measure how steady instance masks are in video.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    add_analyze(commands)
    add_demo(commands)
    add_compare(commands)
    add_score(commands)
    add_export(commands)
    add_metrics(commands)
    add_dashboard(commands)
    add_weights(commands)
    add_train(commands)
    add_evaluate(commands)
    add_benchmark(commands)
    add_calibrate(commands)
    return parser
