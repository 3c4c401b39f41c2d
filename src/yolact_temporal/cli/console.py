"""What commands print and ask of their arguments alike."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from yolact_temporal.errors import UsageError


def at_least_one(option: str, value: int) -> int:
    """Return the value of an option that counts something.

    Raises:
        UsageError: if it is below 1.
    """
    if value < 1:
        raise UsageError(f"expected {option} of 1 or more, got {value}: pass a positive whole number")
    return value


@contextmanager
def progress_bar(
    args: argparse.Namespace, label: str, total: int | None, unit: str = "frame"
) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr, unless that is no terminal or quiet was asked for; yields what is told the count done."""
    from tqdm import tqdm  # not for --help

    with tqdm(
        desc=label, total=total, unit=unit, disable=True if args.quiet else None, dynamic_ncols=True
    ) as bar:

        def show(done: int) -> None:
            """Move the bar to so many done."""
            bar.update(done - bar.n)

        yield show


def say(args: argparse.Namespace, text: str) -> None:
    """Print for a person, unless quiet was asked for or stdout is for machines."""
    if not (args.quiet or args.json):
        print(text)


def announce(args: argparse.Namespace, note: str) -> None:
    """Say first what kind of model measures; on stderr where stdout is for machines."""
    if not args.quiet:
        print(note, file=sys.stderr if args.json else sys.stdout, flush=True)
