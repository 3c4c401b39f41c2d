"""The command line as a whole: its commands, exit codes, and what must be set before anything heavy is loaded."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from yolact_temporal.cli import (
    analyze,
    benchmark,
    calibrate,
    compare,
    dashboard,
    demo,
    evaluate,
    explain,
    export,
    export_model,
    live,
    metrics,
    score,
    stabilize,
    train,
    weights,
    what_if,
)
from yolact_temporal.cli.interrupts import INTERRUPTED, Interrupts, leave
from yolact_temporal.cli.options import EXIT_CODES
from yolact_temporal.cli.parsing import CommandParser
from yolact_temporal.cli.streams import StreamError, guard_streams, silence
from yolact_temporal.data.addresses import without_credentials, without_passwords
from yolact_temporal.errors import YolactTemporalError, error_sentence

COMMANDS = (
    analyze,
    live,
    demo,
    compare,
    what_if,
    stabilize,
    explain,
    score,
    export,
    export_model,
    metrics,
    dashboard,
    weights,
    train,
    evaluate,
    benchmark,
    calibrate,
)
"""As `--help` lists them; each has `add`, which adds its arguments, and `run`, which takes them."""


def build_parser() -> CommandParser:
    """Return the parser of the whole command line; nothing heavy is imported for it."""
    parser = CommandParser(
        prog="yolact-temporal",
        description="Measure how steady instance masks are in video.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for each in COMMANDS:
        each.add(commands)
    return parser


def run_process() -> NoReturn:
    """Run the command line as a process of its own, to the end of the process, whatever signals come."""
    interrupts = Interrupts()
    interrupts.listen()
    guard_streams()
    try:
        code = main(interrupts=interrupts)
    except KeyboardInterrupt:  # while the command line itself was at work, before the command or after it
        print("yolact-temporal: interrupted", file=sys.stderr)
        code = INTERRUPTED
    interrupts.deafen()
    if code == INTERRUPTED:
        leave(code)  # a thread inside a library may still run, and Python would end under it
    sys.exit(code)


def main(arguments: Sequence[str] | None = None, interrupts: Interrupts | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: those of the process, unless given.
        interrupts: what may have asked for an end, if the process listens to signals.
    """
    _open_streams()
    parser = build_parser()
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        args = _read(parser, given)
    except YolactTemporalError as error:
        flags = argparse.Namespace(command=None, debug="--debug" in given, json="--json" in given)
        return _fail(flags, error, error.exit_code)
    args.command_line = shlex.join(["yolact-temporal", *given])
    # Idle OpenMP threads that spin for long take the cores from decoding and drawing, and threads that sleep at once
    # wake too late for a small network: measured, a spin of some 20,000 rounds loses least. Read when torch loads.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    _limit_memory_arenas()
    try:
        code = _told(args, parser)
        sys.stdout.flush()  # so that what cannot be written is said, and not found at the process's end
        return code
    except YolactTemporalError as error:
        return _fail(args, error, error.exit_code)
    except KeyboardInterrupt as error:
        return _fail(args, error, INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has left; there is nobody to tell.
        silence(sys.stdout)
        return 1
    except Exception as error:
        if interrupts is not None and interrupts.asked:  # a library made another error of it
            return _fail(args, KeyboardInterrupt(), INTERRUPTED)
        return _fail(args, error, 1)


def _read(parser: CommandParser, given: Sequence[str]) -> argparse.Namespace:
    try:
        return parser.read(given)
    except SystemExit:  # after --help
        sys.stdout.flush()
        raise


def _told(args: argparse.Namespace, parser: CommandParser) -> int:
    """Do what the command line says, and return the exit code."""
    if args.version:
        from yolact_temporal import __version__

        print(f"yolact-temporal {__version__}")
        return 0
    if args.command is None:
        parser.print_help()
        return 2
    handler: Callable[[argparse.Namespace], int] = args.handler
    return handler(args)


def _open_streams() -> None:
    """Let what is printed go nowhere where stdout or stderr is closed, and show bytes that they cannot encode."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - open to the process's end
        elif isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _limit_memory_arenas() -> None:
    """Let all threads allocate from two arenas.

    By default glibc gives each thread one of its own, and frames and flow fields that pass from stage to stage leave
    holes in all of them: measured, a third more memory, and growth with the clip.
    """
    if sys.platform == "linux":
        import ctypes

        arena_max = -8  # M_ARENA_MAX of malloc.h
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc has it, musl has not
        if mallopt is not None:
            mallopt(arena_max, 2)


def _how_to_go_on(args: argparse.Namespace) -> str:
    """Return what to say of a command that was interrupted; "" of one that would begin anew."""
    if args.command not in ("analyze", "demo", "score", "train"):
        return ""
    anew = getattr(args, "overwrite", False)
    if getattr(args, "several", False):
        return f": run the same command again{', without --overwrite,' if anew else ''} to go on"
    return f": run the same command with --resume{' in place of --overwrite' if anew else ''} to go on"


def _fail(args: argparse.Namespace, error: BaseException, code: int) -> int:
    """Print an error as one sentence and return its exit code."""
    if getattr(args, "debug", False):
        import traceback

        traceback.print_exception(error)
    interrupted = isinstance(error, KeyboardInterrupt)
    # A stream's address is told without what may be a key in it; any other may be part of the advice.
    live = getattr(args, "command", None) in ("live", None)
    hide = without_credentials if live else without_passwords
    message = f"interrupted{_how_to_go_on(args)}" if interrupted else hide(error_sentence(error))
    print(f"yolact-temporal: {message}", file=sys.stderr)
    if getattr(args, "json", False):
        with contextlib.suppress(StreamError):  # the exit code tells it, and standard error did
            print(json.dumps({"error": message, "exit_code": code}, ensure_ascii=False), flush=True)
    return code
