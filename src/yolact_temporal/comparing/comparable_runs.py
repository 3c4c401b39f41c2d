"""Finished runs put together by clip: which of their models can be compared, and whether they go together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from yolact_temporal.data.runs.layout import MANIFEST, MOST_PAIRS, ModelFolder, RunFolder, comparison_files
from yolact_temporal.data.runs.manifest import FLOW_METHODS, FlowMethod, Manifest
from yolact_temporal.data.runs.reader import FinishedFolder, no_run, open_finished
from yolact_temporal.errors import InputError, UsageError
from yolact_temporal.temporal.flow import flow_kind


@dataclass(frozen=True)
class RunModel:
    """One model of a finished run: what compares it, what its class ids stand for, and where its masks lie.

    Attributes:
        identified: whether its masks came with identities.
        stabilized: the model whose masks these are, stabilised; "" where they are its own.
    """

    name: str
    files: ModelFolder
    score_threshold: float
    class_names: Sequence[str]
    identified: bool = False
    stabilized: str = ""


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

    def moved_by(self, method: FlowMethod) -> ClipRuns:
        """Return this clip with its motion estimated by a method; what was measured by another is made anew."""
        options = self.manifest.options
        if options.motion == method:
            return self
        manifest = replace(self.manifest, options=replace(options, motion=method))
        return replace(self, manifest=manifest, objects=None)

    @property
    def timed(self) -> bool:
        """Whether the clip has a rate of its own."""
        return self.manifest.clip.rate is not None


def run_folders(paths: Sequence[Path]) -> tuple[list[RunFolder], list[str]]:
    """Return the runs that paths name, each a run or a folder of runs, every one once.

    A shell's pattern such as runs/* also names what lies beside the runs: a comparison's own files are passed over in
    silence, anything else is named.

    Returns:
        The runs, and a sentence for each path that holds none.

    Raises:
        UsageError: if a path is not there, or none of them holds a run.
    """
    found: list[RunFolder] = []
    without: list[Path] = []
    for path in paths:
        if (path / MANIFEST).is_file():
            found.append(RunFolder(path))
            continue
        inside = sorted(p.parent for p in path.glob(f"*/{MANIFEST}")) if path.is_dir() else []
        if not inside:
            without.append(path)
        found += [RunFolder(folder) for folder in inside]
    missing = [path for path in without if not path.exists()]
    if missing or not found:
        raise no_run((missing or without)[0])
    ours = comparison_files(MOST_PAIRS)
    return list(dict.fromkeys(found)), [
        left_out_sentence(path, no_run(path)) for path in without if path.is_dir() or path.name not in ours
    ]


def left_out_sentence(what: Path | str, reason: object) -> str:
    """Return what is said of a run or clip that cannot be used."""
    return f"Left out: {what} ({reason})."


def runs_by_clip(folders: Sequence[RunFolder], any_motion: bool = False) -> tuple[list[ClipRuns], list[str]]:
    """Put runs of the same clip together, as far as their figures can be compared.

    Figures in pixels grow with the stride and with the time between frames, and depend on the motion that masks are
    carried by. So of one clip only runs of the same frames, rate and motion go together, and clips go together only
    where their motion was estimated by the same method: those with the most models, or the most clips, stay.

    Args:
        folders: of the runs.
        any_motion: whether runs of different motion go together, because it is estimated anew.

    Returns:
        The clips, and a sentence for each run that is left out: also one that is not complete, cannot be read, or is
        of a single frame.

    Raises:
        UsageError: if two clips have one name, or two runs of a clip one model.
        InputError: if no run is left.
    """
    by_clip: dict[str, list[FinishedFolder]] = {}
    unusable: dict[Path, InputError] = {}
    for folder in folders:
        try:
            run = _usable(folder)
        except InputError as error:
            unusable[folder.path] = error
        else:
            by_clip.setdefault(run.manifest.clip.sha256, []).append(run)
    left_out = [left_out_sentence(path, error) for path, error in unusable.items()]
    if not by_clip:
        raise nothing_left(list(unusable.values()))
    kept = [_measured_alike(runs, any_motion, left_out) for runs in by_clip.values()]
    if not any_motion:
        kept = _moved_alike(kept, left_out)
    clips = [_one_clip(runs) for runs in kept]
    names = [clip.name for clip in clips]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"expected clips of different names, got two different ones named {name}: analyze one of them under "
                f"another file name"
            )
    return clips, left_out


def nothing_left(reasons: Sequence[InputError]) -> InputError:
    """Return the error where nothing can be compared, by the reasons of all that was left out."""
    if len(reasons) == 1:
        return reasons[0]
    told = "; ".join(str(reason) for reason in reasons)
    return InputError(f"expected a run that can be compared, found none among {len(reasons)}: {told}")


def _usable(folder: RunFolder) -> FinishedFolder:
    """Open a run to be compared.

    Raises:
        InputError: if it is not complete, cannot be read, or is of a single frame.
    """
    run = open_finished(folder.path)
    measured = run.manifest.frames_measured
    if measured is not None and measured < 2:
        raise InputError(
            f"expected at least two frames to compare, got {measured} in {folder.path}: a single frame cannot jitter"
        )
    return run


class _Measured(NamedTuple):
    """What must be the same in two runs of a clip for their figures to be comparable."""

    stride: int
    start: float
    end: float
    rate: Fraction | None
    motion: str

    @classmethod
    def of(cls, manifest: Manifest, any_motion: bool) -> _Measured:
        options = manifest.options
        end = math.inf if options.end is None else options.end
        motion = "" if any_motion else f"{_motion(manifest)}, {options.flow_long_side or 'unknown'} px"
        return cls(options.stride, options.start, end, manifest.clip.rate, motion)

    def differences(self, other: _Measured) -> str:
        """Say what is different in the other one, for a reader."""
        pairs = zip(self._fields, other, self, strict=True)
        return " and ".join(
            f"{name} {_told(theirs)} instead of {_told(own)}" for name, theirs, own in pairs if theirs != own
        )


def _told(value: object) -> str:
    if value is None:
        return "unknown"
    return "the clip's end" if value == math.inf else str(value)


def _motion(manifest: Manifest) -> str:
    """Return where a run's motion is from; runs of before it was recorded are by DIS."""
    return manifest.motion or flow_kind(manifest.options.motion)


def _measured_alike(
    runs: Sequence[FinishedFolder], any_motion: bool, left_out: list[str]
) -> list[FinishedFolder]:
    """Return the runs of a clip that go together, the order they are named in playing no part, and name the others."""
    groups: dict[_Measured, list[FinishedFolder]] = {}
    for run in runs:
        groups.setdefault(_Measured.of(run.manifest, any_motion), []).append(run)

    def worth(item: tuple[_Measured, list[FinishedFolder]]) -> tuple[int, int, float, str]:
        kind, own = item
        models = {model for run in own for model in run.manifest.models}
        return -len(models), kind.stride, kind.start - kind.end, str(kind)

    (kind, kept), *others = sorted(groups.items(), key=worth)
    for other, own in others:
        left_out.extend(
            f"Left out: {run.folder.path}, whose figures are not comparable with those of {kept[0].folder.path} "
            f"({kind.differences(other)})."
            for run in own
        )
    return kept


def _moved_alike(clips: list[list[FinishedFolder]], left_out: list[str]) -> list[list[FinishedFolder]]:
    """Return the clips whose motion was estimated by the method of most of them, and name the runs of the others."""
    flows = set(map(flow_kind, FLOW_METHODS))
    kinds = [_motion(runs[0].manifest) for runs in clips]
    estimated = [kind for kind in kinds if kind in flows]
    main = min(set(estimated), key=lambda kind: (-estimated.count(kind), kind), default="")
    kept = []
    for runs, kind in zip(clips, kinds, strict=True):
        if kind in flows and kind != main:
            left_out.extend(
                f"Left out: {run.folder.path}, whose figures are not comparable with those of the other clips "
                f"(motion {kind} instead of {main})."
                for run in runs
            )
        else:
            kept.append(runs)
    return kept


def frame_rates_sentence(clips: Sequence[ClipRuns]) -> str | None:
    """Return what must be said where clips differ in the time between their frames; None where they do not."""
    rates = {
        clip.manifest.clip.rate / clip.manifest.options.stride
        for clip in clips
        if clip.manifest.clip.rate is not None
    }
    if len(rates) < 2:
        return None
    told = ", ".join(f"{float(rate):.4g}" for rate in sorted(rates))
    return (
        f"The clips have several frame rates ({told} measured frames a second), and the higher the rate, the smaller "
        f"are "
        f"figures in pixels: the models are compared clip by clip, and means over the clips are of no single rate."
    )


def _one_clip(runs: Sequence[FinishedFolder]) -> ClipRuns:
    folder, manifest = runs[0].folder, runs[0].manifest
    models: dict[str, RunModel] = {}
    for run in runs:
        for name, own in run.manifest.models.items():
            if name in models:
                raise UsageError(
                    f"expected models of different names for {manifest.name}, got {name} in two runs: leave "
                    f"one out"
                )
            models[name] = RunModel(
                name,
                run.folder.model(name),
                own.score_threshold,
                own.class_names,
                own.identified,
                own.stabilized,
            )
    whole = len(runs) == 1 and runs[0].there(folder.objects)
    return ClipRuns(manifest.name, manifest, models, folder.objects if whole else None)


def clips_of_models(
    clips: Sequence[ClipRuns], models: Sequence[str] | None
) -> tuple[list[ClipRuns], list[str]]:
    """Return the clips that were run with the models to compare, and a sentence for each that is left out.

    Without models named, where no two were run on every clip, they are those of the most clips. Where no clip has
    them, all stay, and `models_to_compare` says what is wrong.

    Args:
        clips: at least one.
        models: those named; None for all that the clips share.
    """
    wanted = set(models or ())
    if models is None:
        shared = set.intersection(*(set(clip.models) for clip in clips))
        choices = [set(clip.models) for clip in clips if len(clip.models) > 1]
        if len(shared) > 1 or not choices:
            return list(clips), []
        wanted = max(choices, key=lambda own: sum(own <= set(clip.models) for clip in clips))
    kept = [clip for clip in clips if wanted <= set(clip.models)]
    if not kept:
        return list(clips), []
    return kept, [
        left_out_sentence(clip.name, f"it has {', '.join(clip.models)}, not {' and '.join(sorted(wanted))}")
        for clip in clips
        if clip not in kept
    ]


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
                f"expected the same score threshold of {name} in all runs, got {', '.join(map(str, sorted(levels)))}: "
                f"analyze the clips again with one threshold"
            )
    return chosen
