"""What commands print and ask of their arguments alike."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from yolact_temporal.errors import UsageError

DRAWING = "drawing plots ..."


def at_least_one(option: str, value: int) -> int:
    """Return the value of an option that counts something.

    Raises:
        UsageError: if it is below 1.
    """
    if value < 1:
        raise UsageError(f"expected {option} of 1 or more, got {value}: pass a positive whole number")
    return value


class Progress:
    """How far a command has come, on stderr where a person watches.

    Args:
        args: of the command.
        bar: shows it.
        notes: closed when the command has come to its end.
        label: of the bar.
    """

    def __init__(self, args: argparse.Namespace, bar: Any, notes: ExitStack, label: str) -> None:
        self._args, self._bar, self._notes, self._label = args, bar, notes, label

    def __call__(self, done: int) -> None:
        """Move the bar to so many done."""
        self._bar.update(done - self._bar.n)

    def advance(self) -> None:
        """Move the bar on by one."""
        self._bar.update()

    def note(self, text: str) -> None:
        """Say something beside the bar."""
        self._bar.set_postfix_str(text)

    def say(self, line: str) -> None:
        """Say something above the bar, on stderr."""
        if not self._args.quiet:
            self._bar.write(line, file=sys.stderr)

    def going_on(self, kept: int, last: int) -> None:
        """Say that a run that broke off is gone on with, and from where."""
        self.say(
            f"yolact-temporal: {self._label}: going on with the run that broke off after frame {last}; the {kept} "
            "frames that it recorded are taken as they are"
        )

    def drawing(self) -> None:
        """Say that plots are drawn, which takes a while after the bar has come to its end."""
        self._bar.close()
        self._notes.enter_context(passing_note(self._args, DRAWING))


@contextmanager
def progress_bar(
    args: argparse.Namespace, label: str, total: int | None, unit: str = "frame"
) -> Iterator[Progress]:
    """Show a bar on stderr, unless that is no terminal or quiet was asked for; yields what is told the count done."""
    from tqdm import tqdm  # not for --help

    shown = True if args.quiet else None
    with (
        ExitStack() as notes,
        tqdm(desc=label, total=total, unit=unit, disable=shown, dynamic_ncols=True) as bar,
    ):
        yield Progress(args, bar, notes, label)


@contextmanager
def passing_note(args: argparse.Namespace, text: str) -> Iterator[None]:
    """Say on stderr what takes a while, and wipe it away after; only where a person watches and wants to be told."""
    watched = sys.stderr.isatty() and not (args.quiet or args.json)
    if watched:
        print(text, end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if watched:
            print(f"\r{' ' * len(text)}\r", end="", file=sys.stderr, flush=True)


def say(args: argparse.Namespace, text: str) -> None:
    """Print for a person, unless quiet was asked for or stdout is for machines."""
    if not (args.quiet or args.json):
        print(text)


def announce(args: argparse.Namespace, note: str) -> None:
    """Say first what kind of model measures; on stderr where stdout is for machines."""
    if not args.quiet:
        print(note, file=sys.stderr if args.json else sys.stdout, flush=True)
