"""`metrics`: what every metric is."""

from __future__ import annotations

import argparse
import json
from typing import Any

from yolact_temporal.cli.console import say
from yolact_temporal.cli.options import add_output_options, command

_BETTER = {"down": "lower is steadier", "up": "higher is better", "zero": "nearer to 0 is better"}


_NEEDS = {
    "track": "Of a model's own tracks (summary.csv, tracks.csv)",
    "objects": "Of objects and the tracks they are given",
    "ground truth": "Against ground truth",
    "comparison": "Of several models on one universe of objects (comparison.csv)",
}


def add(commands: Any) -> None:
    """Add `metrics`."""
    parser = command(
        commands,
        "metrics",
        "list every metric: unit, range, which way is better, when it is undefined, source",
    )
    add_output_options(parser)
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """List every metric with its contract."""
    from yolact_temporal.temporal.catalogue import catalogue_rows

    rows = catalogue_rows()
    if args.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return 0
    last = None
    for row in rows:
        if row["needs"] != last:
            say(args, ("" if last is None else "\n") + f"{_NEEDS[row['needs']]}\n")
            last = row["needs"]
        say(args, _entry(row))
    return 0


def _entry(row: dict[str, Any]) -> str:
    low, high = ("inf" if bound is None else f"{bound:.4g}" for bound in row["range"])
    bounds = f"{'-' if row['range'][0] is None else ''}{low}..{high}"
    unit = "" if row["unit"] == "1" else f" {row['unit']}"
    return (
        f"  {row['name']}  [{row['symbol']}]  {bounds}{unit}, {_BETTER[row['direction']]}\n"
        f"      {row['meaning']}\n"
        f"      undefined: {row['undefined']}\n"
        f"      source: {row['source']}"
    )
