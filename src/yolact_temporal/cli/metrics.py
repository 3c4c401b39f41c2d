"""`metrics`: what every metric is."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from yolact_temporal.cli.console import say
from yolact_temporal.cli.options import add_output_options, command

if TYPE_CHECKING:
    from yolact_temporal.temporal.metrics import MetricSpec


def add(commands: Any) -> None:
    """Add `metrics`."""
    parser = command(
        commands,
        "metrics",
        "list every metric: unit, range, which way is better, when it is undefined, source",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="METRIC",
        help="only these, by name or symbol, such as boundary_px_mean or B1 (default: all)",
    )
    add_output_options(parser)
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """List every metric with its contract."""
    from yolact_temporal.temporal.catalogue import SCOPES, by_scope, catalogue_rows

    if args.json:
        print(json.dumps(catalogue_rows(args.names), indent=2, ensure_ascii=False))
        return 0
    blank = ""
    for scope, specs in by_scope(args.names).items():
        if specs:
            say(args, f"{blank}{SCOPES[scope]}\n")
            blank = "\n"
        for spec in specs:
            say(args, _entry(spec))
    return 0


def _entry(spec: MetricSpec) -> str:
    from yolact_temporal.temporal.catalogue import range_text

    return (
        f"  {spec.name}  [{spec.symbol}]  {range_text(spec)}, {spec.better}\n"
        f"      {spec.meaning}\n"
        f"      undefined: {spec.undefined}\n"
        f"      source: {spec.source}"
    )
