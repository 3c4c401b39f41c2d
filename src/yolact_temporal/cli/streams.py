"""What a process prints, kept from ending it with a traceback where nobody can take it."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable
from typing import TextIO, TypeVar

from yolact_temporal.errors import OutputError

T = TypeVar("T")


class StreamError(OutputError):
    """What is printed cannot be written where it goes."""


class _Stdout(io.TextIOWrapper):
    """Standard output that says in one sentence why it cannot be written; a reader who left stays a broken pipe."""

    def write(self, text: str, /) -> int:
        return self._done(lambda: io.TextIOWrapper.write(self, text))

    def flush(self) -> None:
        self._done(lambda: io.TextIOWrapper.flush(self))

    def _done(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except BrokenPipeError:
            raise
        except OSError as error:
            silence(self)
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            found = "a disk that is full" if full else error.strerror or type(error).__name__
            raise StreamError(
                f"expected to print to standard output, found {found}: "
                f"{'free some space' if full else 'send it elsewhere'}; what a run has written stays as it is"
            ) from error


class _Stderr(io.TextIOWrapper):
    """Standard error that goes silent where it cannot be written: there is nobody left to tell."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError:
            silence(self)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            silence(self)


def silence(stream: TextIO) -> None:
    """Let what is still to be written to a stream of the process go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def guard_streams() -> None:
    """Put guarded streams in the place of the process's standard output and error, where they are open."""
    for name, kind in (("stdout", _Stdout), ("stderr", _Stderr)):
        stream = getattr(sys, name)
        if type(stream) is io.TextIOWrapper:
            buffered = stream.line_buffering
            guarded = kind(
                stream.detach(),
                encoding=stream.encoding,
                errors=stream.errors,
                line_buffering=buffered,
            )
            setattr(sys, name, guarded)
            setattr(sys, f"__{name}__", guarded)
