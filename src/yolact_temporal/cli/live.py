"""`live`: a camera, stream, pipe, or a file at its own speed, measured while it plays."""

from __future__ import annotations

import argparse
import shlex
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolact_temporal.cli.console import passing_note
from yolact_temporal.cli.options import (
    add_model_options,
    add_motion_options,
    add_plot_option,
    add_reading_options,
    command,
    motion_options,
)
from yolact_temporal.cli.running import (
    conclude,
    load_models,
    print_run,
    require_how_to_run,
    require_models,
)

if TYPE_CHECKING:
    from yolact_temporal.analyzing.loaded_model import LoadedModel
    from yolact_temporal.analyzing.mask_sources import MaskSource
    from yolact_temporal.analyzing.options import AnalyzeOptions
    from yolact_temporal.analyzing.run_clip import FinishedRun
    from yolact_temporal.cli.live_window import LiveWindow
    from yolact_temporal.data.live import LiveAddress, LiveSettings, LiveSource
    from yolact_temporal.temporal.stabilizing.registry import Candidate


def add(commands: Any) -> None:
    """Add `live`."""
    parser = command(
        commands,
        "live",
        "measure how steady a model's masks are on a camera or stream, while it plays",
        "Run a model on a camera, a stream, a pipe or a file that plays at its own speed: the newest frame first; "
        "frames that come too fast are dropped and counted. Rolling figures are shown while it runs; q, Ctrl-C or "
        "--duration end it with a whole run folder.",
    )
    _add_source(parser)
    _add_looking(parser)
    add_model_options(parser, auto=True)
    parser.add_argument(
        "--engine",
        default="pytorch",
        metavar="E",
        help="what runs the network, as of `analyze` (default: pytorch)",
    )
    parser.add_argument(
        "--score-threshold",
        type=float,
        metavar="S",
        help="count instances whose score is above S, 0 to 1 (default: each model's own)",
    )
    parser.add_argument(
        "--baseline",
        action="append",
        metavar="NAME",
        help="compare with this model on the same frames, of which there are then fewer; may be repeated (default: "
        "none)",
    )
    parser.add_argument(
        "--stabilize",
        action="append",
        default=[],
        metavar="NAME[:PARAMETERS]",
        help="stabilise the masks of --model while it runs, as a further model, such as vote:3; may be repeated. Only "
        "methods that need no frame of the future",
    )
    add_motion_options(parser)
    _add_destination(parser)
    parser.set_defaults(handler=run, batch=1)


def _add_source(parser: argparse.ArgumentParser) -> None:
    """Add what is watched, and how long it is waited for."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a camera's number such as 0, an address of rtsp://, http(s)://, udp:// or tcp://, - for a pipe, or a "
        "file beside --real-time. User, password and query of an address are never shown nor written",
    )
    parser.add_argument("--real-time", action="store_true", help="play a file at its own speed")
    parser.add_argument(
        "--fps", type=float, help="frames a second that come (default: what the source says, or as measured)"
    )
    parser.add_argument(
        "--duration", type=float, metavar="SECONDS", help="end after so long (default: until q or Ctrl-C)"
    )
    parser.add_argument(
        "--stall",
        type=float,
        default=5.0,
        metavar="SECONDS",
        help="a stream that gives nothing for so long is lost, and opened again (default: 5)",
    )
    parser.add_argument(
        "--wait",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="how long to try to open a stream that is not there, at first or after it was lost, with pauses of 0.5 s "
        "that double up to 8 s (default: 30)",
    )


def _add_looking(parser: argparse.ArgumentParser) -> None:
    """Add how it is watched."""
    parser.add_argument("--window", action="store_true", help="show the masks in a window")
    parser.add_argument(
        "--record",
        type=float,
        metavar="SECONDS",
        help="keep the last SECONDS in memory, and save video, masks and tables around the five worst moments",
    )


def _add_destination(parser: argparse.ArgumentParser) -> None:
    """Add where the run goes."""
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs"),
        metavar="FOLDER",
        help="folder in which the run folder is made (default: runs)",
    )
    parser.add_argument(
        "--clip-name",
        metavar="NAME",
        help="name of the run folder (default: the source's, with date and time)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier run")
    parser.add_argument("--no-overlay", action="store_true", help="write no overlay video")
    add_plot_option(parser)
    add_reading_options(parser)


def run(args: argparse.Namespace) -> int:
    """Measure a live source until it ends or is ended."""
    from yolact_temporal.data.live.address import live_address

    # All that is told or written has the source without user, password and query from here on.
    args.no_baseline, args.resume = not args.baseline, False
    address = live_address(args.source, args.real_time)
    args.command_line = _told_command(args.command_line, args.source, address.shown)
    require_how_to_run(args)
    require_models(args)
    motion_options(args)
    settings = _settings(args)
    methods = _methods(args)
    name = _name(args, address)
    with ExitStack() as stack:
        window = stack.enter_context(_window(address)) if args.window else None
        with passing_note(args, f"opening {address.shown} ..."):
            source = stack.enter_context(_opened(address, settings))
        models = load_models(args, source.preview)
        done = _watched(args, name, source, models, methods, window)
    print_run(args, done)
    return conclude(args, done)


def _told_command(line: str, source: str, shown: str) -> str:
    return shlex.join(shown if part == source else part for part in shlex.split(line))


def _settings(args: argparse.Namespace) -> LiveSettings:
    """Return how the source is read; what is wrong is told before anything is opened."""
    from yolact_temporal.data.live import LiveSettings
    from yolact_temporal.data.live.reader import Patience

    if args.record is not None:
        from yolact_temporal.analyzing.live_recorder import require_seconds

        require_seconds(args.record)
    return LiveSettings(args.fps, args.duration, Patience(args.wait, args.stall))


def _methods(args: argparse.Namespace) -> list[Candidate]:
    """Read stabilisers, of which those that need frames of the future, or soft masks, are refused."""
    if not args.stabilize:
        return []
    from yolact_temporal.errors import UsageError
    from yolact_temporal.temporal.stabilizing.registry import parse_method, require_causal

    methods = [require_causal(parse_method(text)) for text in args.stabilize]
    needing = [own.name for own in methods if own.spec.needs_soft]
    if needing:
        raise UsageError(
            f"expected a method that needs no soft masks beside --stabilize, got {needing[0]}: take another one, or "
            f"`analyze --record-soft` on a recording"
        )
    return methods


def _name(args: argparse.Namespace, address: LiveAddress) -> str:
    """Return what to call the run: as told, else the source's name with date and time."""
    from yolact_temporal.data.runs.claim import require_claimable
    from yolact_temporal.data.runs.guard import require_apart
    from yolact_temporal.data.runs.names import require_free

    name = args.clip_name or f"{address.name}_{time.strftime('%Y%m%d_%H%M%S')}"
    require_free(name, "--clip-name")
    require_apart(args.out / name, [Path(address.place)] if address.kind == "file" else [])
    require_claimable(args.out / name, [], args.overwrite)
    return name


def _window(address: LiveAddress) -> LiveWindow:
    from yolact_temporal.cli.live_window import LiveWindow

    return LiveWindow(f"yolact-temporal: {address.shown}")


def _opened(address: LiveAddress, settings: LiveSettings) -> closing[LiveSource]:
    from yolact_temporal.data.live import LiveSource

    return closing(LiveSource(address, settings))


def _watched(
    args: argparse.Namespace,
    name: str,
    source: LiveSource,
    models: Sequence[LoadedModel],
    methods: Sequence[Candidate],
    window: LiveWindow | None,
) -> FinishedRun:
    """Measure the source's frames, and show meanwhile how it goes."""
    from yolact_temporal.analyzing.live_recorder import MomentRecorder
    from yolact_temporal.analyzing.live_run import run_live
    from yolact_temporal.analyzing.live_watch import LiveWatch
    from yolact_temporal.analyzing.mask_sources import as_mask_source
    from yolact_temporal.analyzing.options import AnalyzeOptions
    from yolact_temporal.analyzing.request import RunRequest
    from yolact_temporal.analyzing.stabilized_masks import with_followers
    from yolact_temporal.cli.interrupts import ended_in_order
    from yolact_temporal.cli.live_keys import quit_key
    from yolact_temporal.cli.live_screen import LiveScreen
    from yolact_temporal.cli.options import destination
    from yolact_temporal.data.runs.layout import RunFolder

    options: AnalyzeOptions = AnalyzeOptions(**motion_options(args))
    sources: list[MaskSource] = [
        as_mask_source(own) for own in with_followers(models, methods, source.info.fps, options)
    ]
    folder = RunFolder(args.out / name)
    names = {own.name: own.class_names for own in sources}
    recorder = None if args.record is None else MomentRecorder(folder, source.info, names, args.record)
    show = None if window is None else window.shown_until(lambda: source.stop("q"))
    watch = LiveWatch(source, folder, list(names), recorder, show)
    args.pair_plots = getattr(args, "pair_plots", False)
    with (
        ended_in_order(lambda: source.stop("a signal")),
        quit_key(args.source != "-", lambda: source.stop("q")) as key,
        LiveScreen(args, watch, key) as screen,
    ):
        goes_to = destination(args, name, drawing=screen.end)
        return run_live(source, sources, RunRequest(goes_to, options), watch)
