"""Finished runs put together by clip: which of their models can be compared, and whether they go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from yolact_temporal.data.runs.layout import MANIFEST, ModelFolder, RunFolder
from yolact_temporal.data.runs.manifest import Manifest
from yolact_temporal.data.runs.reader import FinishedFolder, no_run, open_finished
from yolact_temporal.errors import InputError, UsageError


@dataclass(frozen=True)
class RunModel:
    """One model of a finished run: what compares it, what its class ids stand for, and where its masks lie."""

    name: str
    files: ModelFolder
    score_threshold: float
    class_names: Sequence[str]


@dataclass(frozen=True)
class ClipRuns:
    """All runs of one clip that are compared together.

    Attributes:
        name: the clip's name.
        manifest: of the first of its runs; clip, frame range and flow are the same in all.
        models: from all its runs, by name.
        objects: a table of objects that speaks of exactly these models; None if it must be made.
    """

    name: str
    manifest: Manifest
    models: Mapping[str, RunModel]
    objects: Path | None

    @property
    def timed(self) -> bool:
        """Whether the clip has a rate of its own."""
        return self.manifest.clip.rate is not None


def run_folders(paths: Sequence[Path]) -> list[RunFolder]:
    """Return the runs that paths name, each a run or a folder of runs, every one once.

    Raises:
        UsageError: if a path is neither.
    """
    found: list[RunFolder] = []
    for path in paths:
        if (path / MANIFEST).is_file():
            found.append(RunFolder(path))
            continue
        inside = sorted(p.parent for p in path.glob(f"*/{MANIFEST}")) if path.is_dir() else []
        if not inside:
            raise no_run(path)
        found += [RunFolder(folder) for folder in inside]
    return list(dict.fromkeys(found))


def runs_by_clip(folders: Sequence[RunFolder]) -> list[ClipRuns]:
    """Put runs of the same clip together.

    Raises:
        UsageError: if two clips have one name, or two runs of a clip one model.
        InputError: if a run is not complete or cannot be read, is of a single frame, or runs of one clip are of
            different frames.
    """
    by_clip: dict[str, list[FinishedFolder]] = {}
    for folder in folders:
        run = open_finished(folder.path)
        by_clip.setdefault(run.manifest.clip.sha256, []).append(run)
    clips = [_one_clip(runs) for runs in by_clip.values()]
    names = [clip.name for clip in clips]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"expected clips of different names, got two different ones named {name}: analyze one of them under "
                f"another file name"
            )
    return clips


def _one_clip(runs: Sequence[FinishedFolder]) -> ClipRuns:
    folder, manifest = runs[0].folder, runs[0].manifest
    for other in runs[1:]:
        for what in ("start", "end", "stride"):
            mine, yours = getattr(manifest.options, what), getattr(other.manifest.options, what)
            if mine != yours:
                raise InputError(
                    f"expected runs of the same frames of {manifest.name}, got {what} {mine} in {folder.path} and "
                    f"{yours} in {other.folder.path}: analyze both with the same range and stride"
                )
    if manifest.frames_measured is not None and manifest.frames_measured < 2:
        raise InputError(
            f"expected at least two frames to compare, got {manifest.frames_measured} in {folder.path}: a single "
            f"frame cannot jitter"
        )
    models: dict[str, RunModel] = {}
    for run in runs:
        for name, own in run.manifest.models.items():
            if name in models:
                raise UsageError(
                    f"expected models of different names for {manifest.name}, got {name} in two runs: leave "
                    f"one out"
                )
            models[name] = RunModel(name, run.folder.model(name), own.score_threshold, own.class_names)
    whole = len(runs) == 1 and runs[0].there(folder.objects)
    return ClipRuns(manifest.name, manifest, models, folder.objects if whole else None)


def models_to_compare(clips: Sequence[ClipRuns], models: Sequence[str] | None) -> list[str]:
    """Return the models to compare: those named, or all that every clip was run with.

    Raises:
        UsageError: if one was not run on every clip, or there are not two different ones.
        InputError: if one has different score thresholds in two runs.
    """
    shared = [name for name in clips[0].models if all(name in clip.models for clip in clips)]
    for name in models or ():
        if name not in shared:
            lacking = next(clip for clip in clips if name not in clip.models)
            raise UsageError(
                f"expected runs of {name} for every clip, found none for {lacking.name} (it has "
                f"{', '.join(lacking.models)}): analyze it with --baseline {name}, or leave it out"
            )
    chosen = list(models or shared)
    if len(set(chosen)) < 2 or len(set(chosen)) < len(chosen):
        raise UsageError(
            f"expected at least two different models that were run on every clip, got "
            f"{', '.join(chosen) or 'none'}: analyze with a --baseline, or give the other model's runs too"
        )
    for name in chosen:
        levels = {clip.models[name].score_threshold for clip in clips}
        if len(levels) > 1:
            raise InputError(
                f"expected one score threshold of {name} in all runs, got {', '.join(map(str, sorted(levels)))}: "
                f"analyze the clips with the same one"
            )
    return chosen
