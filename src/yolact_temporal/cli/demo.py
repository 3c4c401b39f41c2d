"""`demo`: photographs filmed by a known camera."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolact_temporal.cli.console import at_least_one, progress_bar, say
from yolact_temporal.cli.options import (
    add_run_options,
    add_why_option,
    command,
    destination,
    motion_options,
    rules,
    why_every,
)
from yolact_temporal.cli.running import (
    conclude,
    load_models,
    print_run,
    require_how_to_run,
    require_models,
)
from yolact_temporal.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from yolact_temporal.analyzing.run_clip import FinishedRun
    from yolact_temporal.data.photo_film import PhotoFilm
    from yolact_temporal.data.photograph import Photograph


def add(commands: Any) -> None:
    """Add `demo`."""
    parser = command(
        commands,
        "demo",
        "measure on photographs filmed by a known camera; needs no file",
        "Film public-domain photographs with a known camera (hold still, pan, zoom, hand shake) and sensor noise, so "
        "that every object is truly stationary or moves exactly as known: any mask change beyond that is jitter.",
    )
    parser.add_argument(
        "--photographs",
        type=Path,
        metavar="FOLDER",
        help="film these photographs instead, two seconds and one run each, and compare the models over all of them",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the noise and the hand shake (default: 0)"
    )
    parser.add_argument(
        "--clip-name",
        metavar="NAME",
        help="name of the run of the photographs that ship with the package (default: demo)",
    )
    add_run_options(parser)
    add_why_option(parser)
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Measure on the photographs that ship with the package, or on a user's own, one run each."""
    require_how_to_run(args)
    from yolact_temporal.data.photo_film import PhotoFilm
    from yolact_temporal.data.photograph import photographs_in
    from yolact_temporal.data.runs.guard import require_apart

    batch = at_least_one("--batch", args.batch)
    require_models(args)
    motion_options(args)
    bounds = rules(args)
    photographs = None if args.photographs is None else photographs_in(args.photographs)
    names = _names(args, photographs)
    for name in names:
        require_apart(args.out / name, [] if args.photographs is None else [args.photographs])

    from yolact_temporal.analyzing.clips_csv import claim_clips
    from yolact_temporal.analyzing.demo import compare_motions, run_film
    from yolact_temporal.analyzing.options import AnalyzeOptions
    from yolact_temporal.cli.several import in_turn, tell_outcomes
    from yolact_temporal.comparing.compare_runs import claim_comparison

    if len(names) > 1:
        claim_comparison(args.out)
        claim_clips(args.out)
    options = AnalyzeOptions(batch=batch, why_every=why_every(args), **motion_options(args))
    models = load_models(args, cache(partial(_first_pictures, args.seed, photographs)))

    def run(film: PhotoFilm, name: str) -> FinishedRun:
        """Measure one film."""
        with progress_bar(args, name, len(film)) as progress:
            return run_film(
                film,
                models,
                destination(
                    args,
                    name,
                    () if args.photographs is None else (args.photographs,),
                    progress.drawing,
                    progress.going_on,
                ),
                options,
                progress,
                bounds,
            )

    if photographs is not None:
        clips = dict(zip([str(own.path) for own in photographs], names, strict=True))
        by_path = {str(own.path): own for own in photographs}

        def measure(clip: str, name: str, told: Callable[[int], object], shown: str = "") -> FinishedRun:
            return _filmed(by_path[clip], args.seed, run)

        if len(clips) > 1:
            return tell_outcomes(
                args,
                clips,
                in_turn(args, clips, measure),
            )
        done = _filmed(photographs[0], args.seed, run)
        print_run(args, done)
        return conclude(args, done)
    film = PhotoFilm(seed=args.seed)
    done = run(film, names[0])
    by_move = compare_motions(film, done, models, destination(args, names[0]).pictures)
    print_run(args, done, spare=2)
    say(args, f"\n{by_move}" if args.verbose else f"By camera move: {done.folder.camera_moves}, or --verbose")
    say(args, "Now your own clip:  yolact-temporal analyze CLIP.mp4")
    return conclude(args, done)


def _names(args: argparse.Namespace, photographs: Sequence[Photograph] | None) -> list[str]:
    """Return what to call the runs."""
    from yolact_temporal.data.runs.names import require_free, twice_named

    if photographs is None:
        return [require_free(args.clip_name or "demo", "--clip-name")]
    if args.clip_name is not None:
        raise UsageError(
            f"expected --clip-name without --photographs, got {args.clip_name}: rename the photograph instead"
        )
    names = [own.name for own in photographs]
    twice = twice_named(names)
    if twice is not None:
        raise UsageError(f"expected photographs of different names, got {twice} more than once: rename one")
    return [require_free(name, "another name of the photograph") for name in names]


def _first_pictures(seed: int, photographs: Sequence[Photograph] | None) -> list[NDArray[np.uint8]]:
    """Return the first frames of the film, or of that of the first photograph."""
    from yolact_temporal.analyzing.checked_precision import CHECKED_FRAMES
    from yolact_temporal.data.photo_film import PhotoFilm, film_of

    film = PhotoFilm(seed=seed) if photographs is None else film_of(photographs[0], seed)
    return [frame.rgb for frame in islice(film, CHECKED_FRAMES)]


def _filmed(photograph: Photograph, seed: int, run: Callable[[PhotoFilm, str], FinishedRun]) -> FinishedRun:
    """Make the film of one photograph, no sooner than its turn, and run it."""
    from yolact_temporal.data.photo_film import film_of

    return run(film_of(photograph, seed), photograph.name)
