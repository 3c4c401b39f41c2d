"""`weights`: list, fetch, import, verify."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from yolact_temporal.cli.options import command
from yolact_temporal.errors import InputError


def add(commands: Any) -> None:
    """Add `weights`."""
    parser = command(commands, "weights", "list, fetch, import or verify model weights")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list all models and where their weights are")
    listing.add_argument("--json", action="store_true", help="print one machine-readable result on stdout")
    fetch = actions.add_parser("fetch", help="download a published model's weights")
    fetch.add_argument("name", metavar="NAME")
    fetch.add_argument("--quiet", action="store_true", help="print nothing but errors")
    importing = actions.add_parser("import", help="copy a checkpoint file into the cache")
    importing.add_argument("file", type=Path, metavar="FILE")
    importing.add_argument(
        "--model", metavar="NAME", help="whose weights they are (default: found by their shapes)"
    )
    verify = actions.add_parser("verify", help="check a file, or a model's weights, key by key")
    verify.add_argument("file", metavar="FILE", help="a file, or a model's name")
    verify.add_argument("--model", metavar="NAME", help="whose weights they should be")
    for action in (listing, fetch, importing, verify):
        action.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """List, fetch, import or verify weights."""
    _require_known(args)

    from yolact_temporal.yolact import weights as store

    if args.action == "list":
        rows = store.list_weights()
        if args.json:
            print(json.dumps([asdict(row) for row in rows], indent=2))
            return 0
        for row in rows:
            size = "" if row.size is None else f"{row.size / 1e6:.1f} MB"
            print(
                f"{row.name:<24} {row.state:<11} {size:>9}  {(row.sha256 or '')[:12]:<12}  {row.origin}".rstrip()
            )
        return 0
    if args.action == "fetch":
        with store.progress_bar(args.name, quiet=args.quiet) as progress:
            found = store.fetch(args.name, progress=progress)
        if not args.quiet:
            print(f"{args.name}: sha256 {found.sha256}, in {found.path}")
        return 0
    if args.action == "import":
        found = store.import_file(args.file, args.model)
        print(f"{found.name}: sha256 {found.sha256}, in {found.path}")
        return 0
    report = store.verify(args.file, args.model)
    print(report)
    return 0 if report.ok else InputError.exit_code


def _require_known(args: argparse.Namespace) -> None:
    """Refuse names that no model has, before PyTorch is loaded."""
    from yolact_temporal.yolact.families import find_model, model_names
    from yolact_temporal.yolact.weights.given import require_file_or_model

    if args.action == "fetch":
        find_model(args.name)
    elif args.action in ("import", "verify") and args.model is not None:
        find_model(args.model)
    if args.action == "verify":
        require_file_or_model(args.file, model_names())
