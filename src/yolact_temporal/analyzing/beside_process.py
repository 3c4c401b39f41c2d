"""The process that `analyzing.beside` starts: it takes pickled tasks from standard input until that ends."""

from __future__ import annotations

import os
import signal
import sys

from yolact_temporal.analyzing.beside import receive, send


def main() -> None:
    """Do what is asked, one thing after another; each answer is (True, result), or (False, None) if it failed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; who started this one ends it
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not come among them
    _load()
    while True:
        try:
            task = receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = (True, task())
        except Exception:  # whoever asked does it again, and then it is told
            answer = (False, None)
        try:
            send(answers, answer)
        except BrokenPipeError:
            return


def _load() -> None:
    """Load what will be needed, while there is time."""
    import cv2

    from yolact_temporal.temporal import plots
    from yolact_temporal.temporal.plot_style import load_drawing
    from yolact_temporal.temporal.reading import moment_pictures

    assert plots
    assert moment_pictures
    load_drawing()
    cv2.setNumThreads(1)


if __name__ == "__main__":
    main()
