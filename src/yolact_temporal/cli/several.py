"""Several clips by one command: one after another or shared out to processes, each failing alone, told at the end."""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

from yolact_temporal.analyzing.clips_csv import ClipRow, clips_table, count_sentence, read_clips, write_clips
from yolact_temporal.cli.console import progress_bar, say
from yolact_temporal.cli.running import (
    IN_PART,
    compare_all,
    dashboard_command,
    nothing_to_measure,
    print_run,
    run_json,
)
from yolact_temporal.data.frames import loss_sentence
from yolact_temporal.data.remote import is_remote, joined, put_file
from yolact_temporal.errors import (
    InputError,
    OutOfSpaceError,
    UsageError,
    YolactTemporalError,
    error_sentence,
)

if TYPE_CHECKING:
    from yolact_temporal.analyzing.run_clip import FinishedRun
    from yolact_temporal.analyzing.workers import Setup, Tell, Work
    from yolact_temporal.data.runs.manifest import Manifest
    from yolact_temporal.temporal.reading.clip_reading import ClipReading


class Measure(Protocol):
    """Measures one clip."""

    def __call__(
        self, clip: str, name: str, told: Callable[[int], object], shown: str = ""
    ) -> FinishedRun | FinishedBefore:
        """Measure a clip, unless that was done before.

        Args:
            clip: its path.
            name: of its run.
            told: called with the number of frames done.
            shown: what the run says of where the clip lies, if it is no path here.
        """


_TOLD_EVERY_S = 0.5


@dataclass(frozen=True)
class FinishedBefore:
    """A run that an earlier call of the same command has finished."""

    folder: Path
    manifest: Manifest


@dataclass(frozen=True)
class Outcome:
    """What came of one clip, small enough to be sent between processes and kept for thousands of clips.

    Attributes:
        row: of the table of clips.
        folder: of its run; None where there is none to compare.
        models: how many the run has.
        reading: what there is to read of a model that was measured alone; None of others.
        data: for --json; None unless asked for.
        printed, told: what is to be said of it on stdout and stderr.
        hopeless: whether the others cannot be done either: there is no room on the disk.
        refused: whether nothing was begun, as where a run of other settings is there: that stays what it is.
    """

    row: ClipRow
    folder: Path | None = None
    models: int = 0
    reading: ClipReading | None = None
    data: dict[str, Any] | None = None
    printed: str = ""
    told: str = ""
    hopeless: bool = False
    refused: bool = False


def outcome_of(
    args: argparse.Namespace, clip: str, name: str, measure: Callable[[], FinishedRun | FinishedBefore]
) -> Outcome:
    """Measure one clip and return what came of it, whatever goes wrong."""
    start = time.monotonic()
    try:
        done = measure()
    except Exception as error:
        return _failed(args, clip, name, error)
    if isinstance(done, FinishedBefore):
        lost = " ".join(map(loss_sentence, done.manifest.losses))
        code = IN_PART if lost else 0
        row = ClipRow(clip, name, "there already", code, done.manifest.frames_measured, reason=lost)
        return Outcome(row, done.folder, len(done.manifest.models))
    printed, told = io.StringIO(), io.StringIO()
    with redirect_stdout(printed), redirect_stderr(told):
        print_run(args, done, alone=False)
    result, nothing = done.result, nothing_to_measure(done)
    seconds = time.monotonic() - start
    if nothing is not None:
        row = ClipRow(clip, name, "failed", nothing.exit_code, result.frames, seconds, str(nothing))
        return Outcome(row, told=told.getvalue())
    lost = " ".join(map(loss_sentence, result.losses))
    row = ClipRow(
        clip,
        name,
        "done in part" if lost else "done",
        IN_PART if lost else 0,
        result.frames,
        seconds,
        lost,
    )
    return Outcome(
        row,
        done.folder.path,
        len(result.stability),
        done.reading if len(result.stability) == 1 else None,
        run_json(done) if args.json else None,
        printed.getvalue(),
        told.getvalue(),
    )


def _failed(args: argparse.Namespace, clip: str, name: str, error: Exception) -> Outcome:
    code = error.exit_code if isinstance(error, YolactTemporalError) else 1
    sentence = error_sentence(error)
    told = "".join(traceback.format_exception(error)) if args.debug else ""
    row = ClipRow(clip, name, "failed", code, reason=sentence)
    return Outcome(
        row,
        told=f"{told}yolact-temporal: {clip}: {sentence}\n",
        hopeless=isinstance(error, OutOfSpaceError),
        refused=isinstance(error, UsageError),
    )


def in_turn(args: argparse.Namespace, clips: Mapping[str, str], measure: Measure) -> Iterator[Outcome]:
    """Measure clips one after another.

    Args:
        args: of the command.
        clips: the names of their runs, by path.
        measure: measures one.
    """
    for clip, name in clips.items():
        yield outcome_of(args, clip, name, partial(measure, clip, name, lambda _done: None))


def in_workers(
    args: argparse.Namespace,
    clips: Mapping[str, str],
    ready: Callable[[argparse.Namespace], Measure],
    count: int,
) -> Iterator[Outcome]:
    """Measure clips in several processes, in the order in which they come to their ends.

    Args:
        args: of the command.
        clips: the names of their runs, by path.
        ready: a function of a module that loads what it takes to measure clips, called once in each process.
        count: of processes.
    """
    from yolact_temporal.analyzing.workers import Done, Lost, Ready, Told, share_out

    setup: Setup = partial(_serve, args, ready)
    frames: dict[str, int] = {}
    said = False
    with progress_bar(args, "clips", len(clips), unit="clip") as progress:
        for event in share_out(setup, list(clips.items()), count):
            if isinstance(event, Ready):
                if not said:
                    print(event.told, end="", file=sys.stderr if args.json else sys.stdout, flush=True)
                said = True
                continue
            clip, name = event.item
            if isinstance(event, Told) and isinstance(event.told, str):
                progress.say(event.told)
            elif isinstance(event, Told):
                frames[clip] = event.told
            elif isinstance(event, Done):
                progress.advance()
                yield event.result
            elif isinstance(event, Lost):
                progress.advance()
                reason = f"the process that measured it {event.reason}"
                row = ClipRow(clip, name, "failed", 1, reason=reason)
                yield Outcome(row, told=f"yolact-temporal: {clip}: {reason}\n")
            progress.note(f"{sum(frames.values())} frames")


def set_up(args: argparse.Namespace, ready: Callable[[argparse.Namespace], Measure]) -> tuple[str, Measure]:
    """Make a process ready, and return what there is to say of the models, and what measures."""
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed if args.json else io.StringIO()):
        measure = ready(args)
    return printed.getvalue(), measure


def _serve(args: argparse.Namespace, ready: Callable[[argparse.Namespace], Measure]) -> tuple[str, Work]:
    said, measure = set_up(args, ready)
    return said, partial(_work, args, measure)


def _work(args: argparse.Namespace, measure: Measure, item: tuple[str, str], tell: Tell) -> Outcome:
    last = 0.0

    def progress(done: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _TOLD_EVERY_S:
            last = time.monotonic()
            tell(done)

    with redirect_stderr(_Lines(tell)):  # no bars of several processes through each other
        return outcome_of(args, *item, partial(measure, *item, progress))


class _Lines(io.StringIO):
    """Standard error of a process among several: what this tool says there is told, all else goes nowhere."""

    def __init__(self, tell: Tell) -> None:
        super().__init__()
        self._tell = tell

    def write(self, text: str, /) -> int:
        for line in text.splitlines():
            if line.startswith("yolact-temporal: "):
                self._tell(line)
        return len(text)


def tell_outcomes(
    args: argparse.Namespace,
    clips: Mapping[str, str],
    outcomes: Iterator[Outcome],
    shard: tuple[int, int] | None = None,
) -> int:
    """Tell what comes of clips as it comes, write the table of clips, compare the models over all; the exit code.

    Args:
        args: of the command.
        clips: the names of their runs, by path.
        outcomes: of the clips, in any order.
        shard: which share of all clips they are; None for all.
    """
    rows = {clip: ClipRow(clip, name, "not done") for clip, name in clips.items()}
    ended: list[Outcome] = []
    try:
        for outcome in outcomes:
            rows[outcome.row.clip] = outcome.row
            ended.append(outcome)
            if outcome.printed:
                say(args, outcome.printed.rstrip("\n"))
            print(outcome.told, end="", file=sys.stderr)
            _tell_end(args, outcome.row, len(ended), len(clips))
            if outcome.hopeless:
                break
    finally:
        refused = {own.row.run for own in ended if own.refused}
        table = _written(args, list(rows.values()), refused, shard)
    measured = [own for own in ended if own.folder is not None and (own.row.frames or 0) > 1]
    if is_remote(args.out):
        say(args, f"\n  Fetch the runs from {args.out} to compare them: yolact-temporal compare RUNS")
    elif shard is not None:
        say(args, f"\n  Join the shares when all are done: yolact-temporal compare {args.out}")
    else:
        _compare(args, measured)
    all_rows = list(rows.values())
    if not args.quiet and any(row.state != "done" for row in all_rows):
        print(f"yolact-temporal: {count_sentence(all_rows)} {table}", file=sys.stderr)
    code = _exit_code(all_rows)
    if args.json:
        document = {
            "exit_code": code,
            "runs": [own.data for own in ended if own.data is not None],
            "errors": [row.reason for row in all_rows if row.state == "failed"],
            "clips": [asdict(row) for row in all_rows],
        }
        print(json.dumps(document, indent=2, ensure_ascii=False))
    return code


def _tell_end(args: argparse.Namespace, row: ClipRow, count: int, of: int) -> None:
    """Say that a clip has come to its end, where no bar does; why one failed has been said."""
    if args.quiet or sys.stderr.isatty() or row.state == "failed":
        return
    frames = "" if row.frames is None else f", {row.frames} frames"
    took = "" if row.seconds is None else f" in {row.seconds:.1f} s"
    print(
        f"yolact-temporal: {row.run}: {row.state}{frames}{took} ({count} of {of})",
        file=sys.stderr,
        flush=True,
    )


def _written(
    args: argparse.Namespace, rows: Sequence[ClipRow], refused: Set[str], shard: tuple[int, int] | None
) -> str:
    """Write the table of clips where the runs go, and say what it holds.

    Of clips that were refused, or whose turn did not come, it keeps what it said: their runs are what they were.
    """
    if is_remote(args.out):
        with TemporaryDirectory() as folder:
            table = write_clips(rows, Path(folder), shard)
            put_file(table, args.out, [table.name])
        return f"{joined(args.out, clips_table(shard))} names them."
    earlier = read_clips(args.out, shard)
    untouched = refused | {row.run for row in rows if row.state == "not done" and not args.overwrite}
    kept = untouched & earlier.keys()
    if kept and all(row.run in kept for row in rows):
        return f"{args.out / clips_table(shard)} stays as it was."
    path = write_clips([earlier[row.run] if row.run in kept else row for row in rows], args.out, shard)
    return (
        f"{path} names them{', and keeps what it said of those that were refused' if kept & refused else ''}."
    )


def _exit_code(rows: Sequence[ClipRow]) -> int:
    """Return the worst of the clips' codes where none came out, "done in part" where some did, else 0."""
    failed = [row.exit_code or 0 for row in rows if row.state == "failed"]
    came_out = any(row.state in ("done", "done in part", "there already") for row in rows)
    if failed and not came_out:
        return max(failed)
    return IN_PART if any(row.exit_code != 0 for row in rows) else 0


def _compare(args: argparse.Namespace, measured: Sequence[Outcome]) -> None:
    if len(measured) > 1 and measured[0].models > 1:
        try:
            compare_all(args, [own.folder for own in measured if own.folder is not None], args.out)
        except (InputError, UsageError) as error:  # the runs stand, whether they can be compared or not
            print(f"yolact-temporal: {error}", file=sys.stderr)
        return
    readings = [own.reading for own in measured if own.reading is not None]
    if readings:
        from yolact_temporal.temporal.documents import as_console
        from yolact_temporal.temporal.reading.several_clips import measured_clips

        say(args, f"\n{as_console(measured_clips(readings))}")
        say(
            args,
            f"\n  Each clip's report: {args.out}/CLIP/report.html. Look at it: {dashboard_command(args.out)}",
        )
