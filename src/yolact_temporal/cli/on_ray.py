"""Clips measured by the machines of a Ray cluster: rows and figures travel between them, never frames."""

from __future__ import annotations

import argparse
import copy
import shutil
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolact_temporal.analyzing.clips_csv import ClipRow
from yolact_temporal.analyzing.workers import cores
from yolact_temporal.cli.console import progress_bar
from yolact_temporal.cli.runners import load_ray
from yolact_temporal.cli.several import FinishedBefore, Measure, Outcome, outcome_of, set_up
from yolact_temporal.data.remote import fetch, fetch_manifest, is_remote, joined, put_run
from yolact_temporal.errors import UsageError

if TYPE_CHECKING:
    from yolact_temporal.analyzing.run_clip import FinishedRun

RETRIES = 2
"""So often a clip is tried again whose process or machine was lost; then it is given up."""


def on_ray(
    args: argparse.Namespace,
    clips: Mapping[str, str],
    ready: Callable[[argparse.Namespace], Measure],
) -> Iterator[Outcome]:
    """Measure clips on a Ray cluster, in the order in which they come to their ends.

    Each actor loads the models once. What goes wrong with a clip comes back as its row; in place of an actor that is
    lost, with its machine or by itself, another one is started, and its clip tried again.

    Args:
        args: of the command.
        clips: the names of their runs, by path or address.
        ready: a function of a module that loads what it takes to measure clips, called once by each actor.
    """
    ray = load_ray()
    if not is_remote(args.out):
        args.out = args.out.absolute()  # actors work in folders of their own
    started = not ray.is_initialized()
    if started:
        try:
            ray.init(address=args.ray_address, log_to_driver=False, include_dashboard=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            sentence = " ".join(str(error).split())
            raise UsageError(
                f"expected a Ray cluster, but Ray says: {sentence}: check --ray-address"
            ) from error
    try:
        yield from _measured(ray, args, clips, ready)
    finally:
        if started:
            ray.shutdown()


def _measured(
    ray: Any,
    args: argparse.Namespace,
    clips: Mapping[str, str],
    ready: Callable[[argparse.Namespace], Measure],
) -> Iterator[Outcome]:
    threads, count = _shares(ray, args)
    gpus = 1 if args.device != "cpu" and ray.cluster_resources().get("GPU", 0) else 0
    # Of an actor that is lost Ray would try the clip again at the same actor, and give up while that is still being
    # started anew: so none is, and the clip goes to whichever actor is free next.
    make = ray.remote(
        num_cpus=threads,
        num_gpus=gpus,
        max_restarts=0,
        max_task_retries=0,
        runtime_env={"env_vars": {"OMP_NUM_THREADS": str(threads)}},
    )(_Measurer)
    waiting = deque(clips.items())
    tries: Counter[str] = Counter()
    actors = min(count, len(clips))
    idle: list[Any] = []
    at_work: dict[Any, tuple[Any, tuple[str, str]]] = {}
    with progress_bar(args, "clips", len(clips), unit="clip") as progress:
        while waiting or at_work:
            while waiting and (idle or len(at_work) < actors):
                actor, item = idle.pop() if idle else make.remote(args, ready), waiting.popleft()
                at_work[actor.run.remote(*item, _absolute(item[0]))] = (actor, item)
            while idle:  # where machines were lost, another actor may wait for its cores
                ray.kill(idle.pop())
            done, _ = ray.wait(list(at_work))
            for each in done:
                actor, (clip, name) = at_work.pop(each)
                try:
                    outcome = ray.get(each)
                    idle.append(actor)
                except ray.exceptions.RayError as error:
                    ray.kill(actor)
                    tries[clip] += 1
                    if tries[clip] <= RETRIES:
                        waiting.append((clip, name))
                        continue
                    reason = _lost(error)
                    row = ClipRow(clip, name, "failed", 1, reason=reason)
                    outcome = Outcome(row, told=f"yolact-temporal: {clip}: {reason}\n")
                progress.advance()
                yield outcome


def _shares(ray: Any, args: argparse.Namespace) -> tuple[int, int]:
    """Return the cores of each actor, and how many actors there are."""
    resources = ray.cluster_resources()
    in_all = int(resources.get("CPU", cores()))
    if args.jobs > 1:
        return max(1, in_all // args.jobs), args.jobs
    machines = [int(node["Resources"].get("CPU", 1)) for node in ray.nodes() if node["Alive"]]
    each = max(1, min(machines, default=1))
    return each, max(1, in_all // each)


def _absolute(clip: str) -> str:
    """Return where a clip lies, whatever folder an actor works in."""
    return clip if is_remote(clip) else str(Path(clip).absolute())


def _lost(error: Exception) -> str:
    sentence = " ".join(str(error).split())
    return f"the process that measured it was lost {RETRIES + 1} times ({type(error).__name__}: {sentence[:300]})"


class _Measurer:
    """An actor: measures one clip after another, with models that are loaded once."""

    def __init__(self, args: argparse.Namespace, ready: Callable[[argparse.Namespace], Measure]) -> None:
        self._out = args.out
        self._scratch = Path(tempfile.mkdtemp(prefix="yolact-temporal-"))
        self._args = copy.copy(args)
        if is_remote(args.out):
            self._args.out = self._scratch / "runs"
        _, self._measure = set_up(self._args, ready)

    def run(self, clip: str, name: str, place: str) -> Outcome:
        """Measure one clip that lies at a place; the same clip again finds it done."""
        try:
            outcome = outcome_of(self._args, clip, name, partial(self._fetched, place, name))
        finally:
            for left in (self._scratch / "clip", self._scratch / "runs"):
                with suppress(FileNotFoundError):
                    shutil.rmtree(left)
        return replace(outcome, folder=None, reading=None) if is_remote(self._out) else outcome

    def _fetched(self, clip: str, name: str) -> FinishedRun | FinishedBefore:
        run = self._args.out / name
        there = joined(str(self._out), name)
        if is_remote(self._out) and not self._args.overwrite:
            fetch_manifest(there, run)
        path = str(fetch(clip, self._scratch / "clip")) if is_remote(clip) else clip
        done = self._measure(path, name, lambda _done: None, shown=clip if is_remote(clip) else "")
        if is_remote(self._out) and not isinstance(done, FinishedBefore):
            put_run(done.folder.path, there)
        return done
