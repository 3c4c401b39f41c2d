"""What a mask is assembled from, asked of the command line for one mask at a time.

The networks run in a process of their own, which ends with the answer or when its time is up; nothing of them is loaded
here, and nothing is stored but the last few answers.
"""

from __future__ import annotations

import json
import subprocess
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock, Thread
from typing import Literal, NamedTuple

from yolact_temporal.dashboards.command_line import own_sentence, program
from yolact_temporal.dashboards.loader import Run
from yolact_temporal.errors import InputError

LIMIT_S = 180.0
"""Seconds that an answer may take."""

_KEPT = 8


class Question(NamedTuple):
    """Which mask.

    Attributes:
        folder, finished: which run, and as of when.
        model, frame, track: which of its masks.
    """

    folder: Path
    finished: str
    model: str
    frame: int
    track: int

    def command(self, picture: Path) -> list[str]:
        """Return the command of the command line that answers it, from its subcommand on."""
        what = [f"--frame={self.frame}", f"--model={self.model}", f"--track={self.track}"]
        return ["explain", str(self.folder), *what, "--out", str(picture), "--json"]


@dataclass
class Answer:
    """What is known of a question so far.

    Attributes:
        state: "running", "done" or "failed".
        picture: a PNG.
        sentences: what the mask's jitter comes from.
        message: why it failed, one sentence.
    """

    state: Literal["running", "done", "failed"] = "running"
    picture: bytes = field(default=b"", repr=False)
    sentences: tuple[str, ...] = ()
    message: str = ""


_LOCK = Lock()
_ANSWERS: OrderedDict[Question, Answer] = OrderedDict()
_ONE_AT_A_TIME = Lock()
"""A network takes hundreds of megabytes: of several who ask, each waits for the one before."""


def question(run: Run, model: str, frame: int, track: int) -> Question:
    """Return the question of one mask of a run."""
    return Question(run.path.absolute(), run.manifest.finished, model, frame, track)


def answer_to(asked: Question) -> Answer | None:
    """Return what is known of a question; None where it was not asked, or so long ago that it is forgotten."""
    with _LOCK:
        return _ANSWERS.get(asked)


def ask(asked: Question) -> Answer:
    """Have a question answered in a process of its own; one that is being answered, or was, is not asked again.

    Raises:
        InputError: if too many others wait for theirs.
    """
    with _LOCK:
        known = _ANSWERS.get(asked)
        if known is not None and known.state != "failed":
            return known
        if sum(each.state == "running" for each in _ANSWERS.values()) >= _KEPT:
            raise InputError(
                f"expected fewer than {_KEPT} masks to be explained at once: wait for those before"
            )
        answer = _ANSWERS[asked] = Answer()
        _ANSWERS.move_to_end(asked)
        _forget_the_oldest()
    # A daemon: the server's end does not wait for it, and the process ends by itself.
    Thread(target=_answer, args=(asked, answer), name="explain", daemon=True).start()
    return answer


def _forget_the_oldest() -> None:
    for each in [each for each, answer in _ANSWERS.items() if answer.state != "running"]:
        if len(_ANSWERS) <= _KEPT:
            return
        del _ANSWERS[each]


def _answer(asked: Question, answer: Answer) -> None:
    with _ONE_AT_A_TIME, TemporaryDirectory() as folder:
        picture = Path(folder) / "explained.png"
        try:
            told = _run(asked.command(picture))
            answer.sentences = tuple(str(line) for line in told["sentences"])
            answer.picture = picture.read_bytes()
            answer.state = "done"
        except InputError as error:
            answer.message = str(error)
        except (OSError, ValueError, KeyError, TypeError) as error:
            answer.message = f"expected a picture from the command explain, got none ({error})"
        if answer.state != "done":
            answer.state = "failed"


def _run(command: list[str]) -> Mapping[str, list[str]]:
    """Run a command of the command line to its end and return what it says with `--json`.

    Raises:
        InputError: with its own sentence if it fails, or if its time is up.
    """
    try:
        done = subprocess.run([*program(), *command], capture_output=True, check=False, timeout=LIMIT_S)
    except subprocess.TimeoutExpired as error:
        raise InputError(
            f"expected the parts of one mask within {LIMIT_S:.0f} s, got nothing: ask again when the machine is less "
            f"busy, or run the command explain"
        ) from error
    if done.returncode != 0:
        raise InputError((own_sentence(done.stderr.decode("utf-8", "replace")) or "it said nothing")[:500])
    told: Mapping[str, list[str]] = json.loads(done.stdout)
    return told
