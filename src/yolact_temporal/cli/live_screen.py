"""What a live run shows in the terminal: a few lines that are written over, or a line from time to time."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING

from yolact_temporal.data.runs.live_status import LiveStatus
from yolact_temporal.temporal.documents import UNDEFINED
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.reading.live_words import age_words, share_words, state_words
from yolact_temporal.temporal.rolling import FIGURES, FLOORS, label_of

if TYPE_CHECKING:
    from yolact_temporal.analyzing.live_watch import LiveWatch

TICK_S = 1.0
"""How often figures are noted, written for the dashboard, and shown on a terminal."""

LINE_EVERY = 5
"""Ticks between two lines where nobody watches a terminal."""


class LiveScreen:
    """Notes how a live run stands once a second, writes it for the dashboard, and shows it, until it ends.

    Args:
        args: of the command.
        watch: knows how it stands.
        key: whether q is listened to.
    """

    def __init__(self, args: argparse.Namespace, watch: LiveWatch, key: bool) -> None:
        self._watch, self._key = watch, key
        self._told = not (args.quiet or args.json)
        self._over = self._told and sys.stdout.isatty()
        self._lines = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="screen", daemon=True)

    def __enter__(self) -> LiveScreen:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Show nothing any more; a second call does nothing."""
        self._ended.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        count = 0
        while not self._ended.wait(TICK_S):
            self._watch.tick()
            self._watch.write()
            count += 1
            # Whoever closed the terminal is told nothing, and the run goes on.
            with contextlib.suppress(OSError, ValueError):
                self._show(count)

    def _show(self, count: int) -> None:
        if not self._told:
            return
        if self._over:
            lines = screen_lines(self._watch.status(), self._key, shutil.get_terminal_size().columns)
            up = f"\x1b[{self._lines}A" if self._lines else ""
            print(up + "".join(f"\x1b[2K{line}\n" for line in lines), end="", flush=True)
            self._lines = len(lines)
        elif count % LINE_EVERY == 0 and self._watch.begun:
            print(one_line(self._watch.status()), flush=True)


def screen_lines(status: LiveStatus, key: bool, width: int = 100) -> list[str]:
    """Return what a terminal shows of a live run.

    Args:
        status: how it stands.
        key: whether q ends it.
        width: of the terminal; longer lines are cut.
    """
    ends = "q or Ctrl-C ends it" if key else "Ctrl-C ends it"
    lines = [f"{status.source}, {state_words(status)}, {status.seconds:.0f} s; {ends}", frames_text(status)]
    spans = "".join(f"{f'{span:g} s':>12}" for span in status.spans_s)
    for model, figures in status.figures.items():
        lines.append(f"{model[:44]:<44}{spans}")
        for name in FIGURES:
            lines.append(_row(label_of(name), status.newest(model, name)))
            if name in FLOORS and FLOORS[name] in figures:
                lines.append(_row("  its floor, at least", status.newest(model, FLOORS[name])))
    return [line[: max(20, width - 1)] for line in lines]


def one_line(status: LiveStatus) -> str:
    """Return how a live run stands in one line: figures over 2, 10 and 60 s, floors behind them."""
    parts = []
    for model, figures in status.figures.items():
        told = []
        for name in FIGURES:
            spec = REGISTRY[name]
            unit = "" if spec.unit == "1" else f" {spec.unit}"
            floor = ""
            if name in FLOORS and FLOORS[name] in figures:
                floor = f" (floor {_numbers(status.newest(model, FLOORS[name]))})"
            told.append(f"{spec.symbol} {_numbers(status.newest(model, name))}{unit}{floor}")
        parts.append(f"{model}: {', '.join(told)}")
    return f"{status.seconds:.0f} s, {state_words(status)}: {'; '.join(parts)}; {frames_text(status)}"


def frames_text(status: LiveStatus) -> str:
    """Return frame rates, shares and ages of the last seconds."""
    shares = [
        f"{share_words(share)} {what}"
        for share, what in ((status.dropped_share, "dropped"), (status.repeated_share, "repeated"))
    ]
    age = f"age {age_words(status.age_median_s)}, 95% below {age_words(status.age_p95_s)}"
    rates = f"captured {status.captured_per_s:.1f}/s, processed {status.processed_per_s:.1f}/s"
    return f"{rates}, {', '.join(shares)}; {age}"


def _row(label: str, values: list[float | None]) -> str:
    return f"  {label:<42}" + "".join(f"{_number(value):>12}" for value in values)


def _number(value: float | None) -> str:
    return UNDEFINED if value is None else f"{value:.3g}"


def _numbers(values: list[float | None]) -> str:
    """Return a figure's values over all spans; that none is defined is said once."""
    return "/".join(map(_number, values)) if any(value is not None for value in values) else UNDEFINED
