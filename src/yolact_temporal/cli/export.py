"""`export`: a run's masks in an interchange format."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from yolact_temporal.cli.console import say
from yolact_temporal.cli.options import FORMAT_NAMES, add_output_options, command


def add(commands: Any) -> None:
    """Add `export`."""
    parser = command(
        commands,
        "export",
        "write a run's masks and tracks in an interchange format",
        "Write the instances that count in a finished run, with their tracks as identities, in any format that score "
        "reads. Where a format cannot hold everything, the command says what was changed or left out.",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument("--format", required=True, metavar="F", help=FORMAT_NAMES)
    parser.add_argument("--out", type=Path, required=True, metavar="PATH", help="the file or folder to write")
    parser.add_argument("--model", metavar="NAME", help="whose masks, where the run has several models")
    add_output_options(parser)
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Write a run's masks in an interchange format."""
    from yolact_temporal.exchanging.exporting import export_run

    done = export_run(args.run, args.format, args.out, args.model)
    if args.json:
        result: dict[str, Any] = {
            "path": str(done.path),
            "format": args.format,
            "model": done.model,
            "frames": done.frames,
            "instances": done.instances,
            "tracks": done.tracks,
            "notes": list(done.notes),
        }
        print(json.dumps(result, indent=2, ensure_ascii=False))
        return 0
    say(
        args,
        f"{done.model}: {done.instances} instances in {done.tracks} tracks over {done.frames} frames: {done.path}",
    )
    for note in done.notes:
        say(args, f"  {note}")
    return 0
