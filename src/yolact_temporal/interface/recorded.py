"""`score`, `load`, `compare` and `what_if`: what the commands of these names do, called from Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from yolact_temporal.analyzing.chosen_models import require_threshold
from yolact_temporal.analyzing.options import AnalyzeOptions
from yolact_temporal.comparing.comparable_runs import run_folders
from yolact_temporal.comparing.compare_runs import compare_runs
from yolact_temporal.comparing.true_masks import TruthOptions
from yolact_temporal.comparing.what_if import what_if as replayed
from yolact_temporal.data.runs import names as run_names
from yolact_temporal.data.runs.manifest import FlowMethod, Manifest
from yolact_temporal.data.runs.reader import open_finished
from yolact_temporal.errors import UsageError
from yolact_temporal.exchanging.scoring import ScoreOptions, ScoreRequest, run_name, score_masks
from yolact_temporal.interface.comparisons import Comparison, WhatIf
from yolact_temporal.interface.memory import rate_of
from yolact_temporal.interface.places import Place, require_motion
from yolact_temporal.interface.results import Result
from yolact_temporal.interface.words import in_python_words
from yolact_temporal.temporal.comparison.rules import Rules
from yolact_temporal.temporal.motion_sources import NoMotion
from yolact_temporal.temporal.stabilizing.bounds import CostBounds
from yolact_temporal.temporal.stabilizing.registry import parse_method

Folder = str | Path
Runs = Folder | Result


@in_python_words
def score(
    masks: Folder | Sequence[Folder] | Mapping[str, Folder],
    clip: Folder | None = None,
    truth: Folder | None = None,
    *,
    format: str | None = None,
    class_names: Sequence[str] | None = None,
    score_threshold: float = 0.0,
    fps: float | None = None,
    frames: int | None = None,
    first_frame: int | None = None,
    clip_name: str | None = None,
    folder: Folder | None = None,
    overwrite: bool = False,
    motion: FlowMethod = AnalyzeOptions.motion,
) -> Result:
    """Measure masks that lie in files, as `yolact-temporal score` does; for masks in memory use `measure`.

    Args:
        masks: a file or folder in any of the formats; several of one clip, in a list or by name, are compared.
        clip: what they are of; without it, what needs motion is undefined.
        truth: true masks with identities.
        format: of the masks; recognised by default.
        class_names: names of the classes, in order.
        score_threshold: instances whose score is above it count.
        fps, frames: frames a second, and how many there are, where neither clip nor masks say so.
        first_frame: the number by which the masks count the clip's first frame.
        clip_name: what to call the clip; by default as the clip, or the masks, are called.
        folder: keep the run there, with overlay videos and plots; by default it is temporary, until `save`.
        overwrite: replace a run that is there.
        motion: the optical flow that motion is estimated by: "dis", "dis-quick", "dis-fine" or "farneback".

    Raises:
        UsageError: if an argument is wrong.
        InputError: if masks, clip or truth cannot be read, or do not go together.

    Example:
        >>> import yolact_temporal as yt
        >>> yt.score("no_such_masks.json")
        Traceback (most recent call last):
        yolact_temporal.errors.GivenInputError: expected masks in no_such_masks.json, which cannot be read
        (No such file or directory): check the path and its permissions
    """
    named = masks if isinstance(masks, Mapping) else None
    given = (
        list(masks.values())
        if isinstance(masks, Mapping)
        else [masks]
        if isinstance(masks, str | Path)
        else list(masks)
    )
    paths = [Path(path) for path in given]
    if not paths:
        raise UsageError("expected masks, got none: pass a file or folder of masks")
    require_threshold(score_threshold)
    require_motion(motion)
    name = clip_name or (run_name(paths) if clip is None else run_names.clip_name(str(clip)))
    place = Place(folder, overwrite, name)
    request = ScoreRequest(
        paths,
        place.destination,
        ScoreOptions(
            format=format,
            names=tuple(named or ()),
            class_names=None if class_names is None else tuple(class_names),
            score_threshold=score_threshold,
            fps=rate_of(fps),
            frames=frames,
            first_frame=first_frame,
            motion=motion,
        ),
        None if clip is None else Path(clip),
        None if truth is None else Path(truth),
    )
    return place.result(score_masks(request))


@in_python_words
def load(folder: Folder | Iterable[Folder]) -> Result:
    """Open finished runs.

    Args:
        folder: a run, a folder of runs, or several of these.

    Raises:
        UsageError: if there is no run.
        InputError: if one is not finished, or cannot be read.

    Example:
        >>> import yolact_temporal as yt
        >>> yt.load("no_such_folder")
        Traceback (most recent call last):
        yolact_temporal.errors.UsageError: expected a run folder, or a folder of them, got no_such_folder,
        which holds no run.json: pass a folder that analyze or score has written
    """
    return Result(_run_paths(folder if isinstance(folder, str | Path) else list(folder))[0])


@in_python_words
def compare(
    runs: Runs | Sequence[Runs],
    models: Sequence[str] | None = None,
    truth: Folder | None = None,
    *,
    bounds: Mapping[str, float] | None = None,
    motion: FlowMethod | None = None,
) -> Comparison:
    """Say which model is steadier, who blinks less and who sees more, as `yolact-temporal compare` does.

    Args:
        runs: results, run folders, or folders of them; runs of the same clip are put together.
        models: which models; by default all that every clip was run with.
        truth: true masks; for several clips a folder with a folder or file for each, named after the clip.
        bounds: margins and bounds of the verdict, by name.
        motion: estimate the motion again, by one of `measure`'s; by default it is the runs' own.

    Raises:
        UsageError: if there are not two models to compare, or a path is no run.
        InputError: if nothing is left that goes together.

    Example:
        >>> import numpy as np
        >>> import yolact_temporal as yt
        >>> frames = np.random.default_rng(0).integers(0, 255, (4, 96, 128, 3), np.uint8)
        >>> masks = np.zeros((4, 1, 96, 128), np.bool_)
        >>> masks[:, :, 20:60, 30:80] = True
        >>> both = yt.measure(frames, {"mine": masks, "other": np.roll(masks, 2, axis=3)}, fps=25)
        >>> yt.compare(both).answers[0]
        'Which of mine and other is steadier cannot be said: too few objects are seen by both. How true the masks
        are is not known.'
    """
    paths, kept = _run_paths(runs)
    if motion is not None:
        require_motion(motion)
    _require_frames(paths)
    rules = Rules().with_bounds([f"{name}={value}" for name, value in (bounds or {}).items()])
    found = compare_runs(paths, models, None if truth is None else Path(truth), rules=rules, motion=motion)
    return Comparison(found, paths, kept)


@in_python_words
def what_if(
    runs: Runs | Sequence[Runs],
    models: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    truth: Folder | None = None,
    *,
    bounds: Mapping[str, float] | None = None,
) -> WhatIf:
    """Say which way of stabilising masks gains most, and what it costs, as `yolact-temporal what-if` does.

    Args:
        runs: results, run folders, or folders of them. The clip is read again: masks that were measured on frames in
            memory have none.
        models: whose masks; by default every model's.
        methods: the methods to try, such as "median:5"; by default all, with several parameters.
        truth: true masks; for several clips a folder with a folder or file for each, named after the clip.
        bounds: the most that a recommended method may cost, by name.

    Raises:
        UsageError: if a path is no run, or a model or method there is not.
        InputError: if a run cannot be read.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> import yolact_temporal as yt
        >>> frames = np.random.default_rng(0).integers(0, 255, (4, 96, 128, 3), np.uint8)
        >>> masks = np.zeros((4, 1, 96, 128), np.bool_)
        >>> masks[:, :, 20:60, 30:80] = True
        >>> with TemporaryDirectory() as folder:
        ...     result = yt.measure(frames, masks, fps=25, frames_folder=Path(folder) / "frames")
        ...     steadied = yt.what_if(result, methods=["vote:3"])
        >>> steadied.methods["method"].tolist()
        ['identity', 'freeze', 'vote3']
    """
    paths, kept = _run_paths(runs)
    lost = _without_frames(paths)
    if lost:
        raise UsageError(
            f"expected runs whose clip can be read again, got {lost[0].name}, whose frames were in memory: pass "
            f"frames_folder to measure, so that they are kept"
        )
    limits = CostBounds().with_set([f"{name}={value}" for name, value in (bounds or {}).items()])
    named = [methods] if isinstance(methods, str) else methods
    candidates = None if named is None else [parse_method(text) for text in named]
    found = replayed(
        paths, models, candidates, limits, None if truth is None else Path(truth), TruthOptions()
    )
    return WhatIf(found, paths, kept)


def _run_paths(runs: Runs | Sequence[Runs]) -> tuple[list[Path], list[Result]]:
    """Return the folders of runs, each once, and the results among them, whose folders must stay."""
    if not isinstance(runs, str | Path | Result | Iterable):
        raise UsageError(f"expected results or run folders, got a {type(runs).__name__}: pass what they are")
    given = [runs] if isinstance(runs, str | Path | Result) else list(runs)
    if not given:
        raise UsageError("expected runs, got none: pass results or run folders")
    paths: list[Path] = []
    for each in given:
        paths += each.folders if isinstance(each, Result) else [Path(each)]
    found, without = run_folders(paths)
    if without:
        raise UsageError(f"expected runs alone, got something else: {without[0]}")
    return [run.path for run in found], [each for each in given if isinstance(each, Result)]


def _require_frames(paths: Sequence[Path]) -> None:
    """Refuse to put runs together whose frames were in memory: they cannot be read again to lay masks over each other.

    Raises:
        UsageError: saying how to compare them.
    """
    lost = _without_frames(paths)
    clips = [own.clip.sha256 for own in lost]
    if len(set(clips)) < len(clips) or any(len(own.models) < 2 for own in lost):
        raise UsageError(
            "expected runs of a clip that can be read again, or one run of all models, got some whose frames were in "
            "memory: measure the models together, as in measure(frames, {'mine': masks, 'other': others}), or pass "
            "frames_folder to measure"
        )


def _without_frames(paths: Sequence[Path]) -> list[Manifest]:
    """Return what is said of runs whose frames were seen once and lie in no file."""
    manifests = [open_finished(path).manifest for path in paths]
    return [own for own in manifests if not own.clip.path and own.motion != NoMotion.kind]
