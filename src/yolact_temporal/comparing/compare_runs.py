"""The job behind `compare`: finished runs in, tables of objects, differences and a verdict out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from yolact_temporal.comparing.against_truth import ModelFigures, model_figures_data, model_sections
from yolact_temporal.comparing.comparable_runs import (
    ClipRuns,
    clips_of_models,
    frame_rates_sentence,
    left_out_sentence,
    models_to_compare,
    nothing_left,
    run_folders,
    runs_by_clip,
)
from yolact_temporal.comparing.true_masks import (
    TrueFrames,
    TruthOptions,
    coverage_notes,
    open_truth_of_run,
    truth_of_clip,
)
from yolact_temporal.data.files import atomic_write, results_in
from yolact_temporal.data.formats import MaskSequence
from yolact_temporal.data.runs.answers import Verdict
from yolact_temporal.data.runs.claim import claim_files, has_header
from yolact_temporal.data.runs.clip import locate_clip
from yolact_temporal.data.runs.comparison import write_comparison_data
from yolact_temporal.data.runs.guard import require_outside_inputs
from yolact_temporal.data.runs.layout import (
    COMPARISON,
    COMPARISON_PICTURE,
    COMPARISON_TEXT,
    MOST_PAIRS,
    REPORT_PAGE,
    comparison_files,
    comparison_picture,
)
from yolact_temporal.data.runs.manifest import FlowMethod, read_manifest
from yolact_temporal.errors import InputError, UsageError
from yolact_temporal.temporal.comparison.clip_objects import ObjectParts, Objects
from yolact_temporal.temporal.comparison.comparing import ModelComparison, compare_models
from yolact_temporal.temporal.comparison.comparison_csv import COMPARISON_COLUMNS, comparison_rows
from yolact_temporal.temporal.comparison.comparison_data import comparison_data
from yolact_temporal.temporal.comparison.comparison_plot import plot_comparison
from yolact_temporal.temporal.comparison.comparison_text import comparison_section, outside_sentence
from yolact_temporal.temporal.comparison.objects_csv import has_every_column, read_objects
from yolact_temporal.temporal.comparison.overview_plot import plot_overview
from yolact_temporal.temporal.comparison.rows import ObjectRow
from yolact_temporal.temporal.comparison.rules import Rules
from yolact_temporal.temporal.comparison.support_meter import ComparedModel, Outside, SupportMeter
from yolact_temporal.temporal.comparison.verdict import verdict_of
from yolact_temporal.temporal.documents import Block, Items, Section, as_markdown
from yolact_temporal.temporal.reading.several_clips import compared_clips
from yolact_temporal.temporal.replaying import Replay
from yolact_temporal.temporal.report import CsvTable
from yolact_temporal.temporal.truth.truth_meter import TruthMeter
from yolact_temporal.temporal.why.causes_csv import RecordedBoxCauses, with_box_causes


@dataclass(frozen=True)
class ComparedPair:
    """Two models, compared, and what to conclude."""

    comparison: ModelComparison
    verdict: Verdict


@dataclass(frozen=True)
class ComparisonResult:
    """What a comparison of runs found.

    Attributes:
        pairs: every two models, the first named with each other first.
        remarks: what a reader should know of how it was made, a sentence each.
        left_out: a sentence for each run that does not go together with the others; they stand among the remarks.
        against_truth: by clip, what is told of each model by itself; empty without a ground truth.
    """

    pairs: tuple[ComparedPair, ...]
    remarks: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    against_truth: Mapping[str, ModelFigures] = field(default_factory=dict)


def compare_runs(
    paths: Sequence[Path],
    models: Sequence[str] | None = None,
    ground_truth: Path | None = None,
    truth_options: TruthOptions | None = None,
    progress: Callable[[str, int], object] | None = None,
    rules: Rules | None = None,
    motion: FlowMethod | None = None,
) -> ComparisonResult:
    """Compare the models of finished runs.

    Runs that cannot be used (interrupted, damaged, of a single frame, without the models), and those whose figures are
    not comparable with the others' (of other frames, rate or motion), are left out and named.

    Args:
        paths: run folders, or folders of them. Runs of the same clip are put together.
        models: which models; all that every clip has by default.
        ground_truth: true masks of the clip, in any format that `score` reads; for several clips a folder with a folder
            or a file for each, by the clip's name. Objects are then the true ones.
        truth_options: what is known of them.
        progress: called with the clip's name and how many of its frames are done.
        rules: margins and bounds of the verdict; the defaults if None.
        motion: estimate the motion of every clip anew by this method; by default it is the runs' own.

    Raises:
        UsageError: if a path is not there or none holds a run, or there are not two models to compare.
        InputError: if nothing is left that goes together, or the ground truth does not fit.
    """
    folders, without = run_folders(paths)
    clips, unusable = runs_by_clip(folders, any_motion=motion is not None)
    clips, others = clips_of_models(clips, models)
    left_out = [*without, *unusable, *others]
    try:
        chosen = models_to_compare(clips, models)
    except UsageError as error:
        if not left_out:
            raise
        raise InputError(f"{error}. {' '.join(left_out)}") from error
    as_run = frozenset(clip.name for clip in clips if motion in (None, clip.manifest.options.motion))
    clips = [clip if motion is None else clip.moved_by(motion) for clip in clips]
    gathered = _Gathered(list(left_out))
    if (sentence := frame_rates_sentence(clips)) is not None:
        gathered.remarks.append(sentence)
    tables: dict[str, Objects] = {}
    faults: dict[str, InputError] = {}
    for clip in clips:
        truth = None
        if ground_truth is not None:
            where = truth_of_clip(ground_truth, clip.name, len(clips))
            truth = open_truth_of_run(where, truth_options, clip.manifest.clip)
        own = _Gathered()
        try:
            rows = _rows(clip, chosen, truth, own, progress)
            table = ObjectParts(with_box_causes(rows, _box_causes(clip, as_run)))
        except InputError as error:
            faults[clip.name] = error
            continue
        gathered.take(own)
        if table.has_pairs:
            tables[clip.name] = table
        else:
            gathered.remarks.append(
                f"{clip.name}: no object counts for both models, so that nothing can be compared there."
            )
    clips = [clip for clip in clips if clip.name not in faults]
    if not clips:
        raise nothing_left(list(faults.values()))
    for name, fault in faults.items():
        left_out.append(left_out_sentence(name, fault))
        gathered.remarks.append(left_out[-1])
    if not tables:
        raise InputError(
            f"expected an object that counts for two of {', '.join(chosen)}, found none in "
            f"{', '.join(clip.name for clip in clips)}: lower --score-threshold, or take another clip"
        )
    untimed = frozenset(clip.name for clip in clips if not clip.timed)
    thresholds = {name: clips[0].models[name].score_threshold for name in chosen}
    remarks = list(gathered.remarks)
    if told := outside_sentence(gathered.all_outside(chosen) or {}, ground_truth is not None):
        remarks.append(told)
    by_clip = gathered.by_clip([clip.name for clip in clips])
    pairs = compare_objects(tables, thresholds, untimed, rules, by_clip)
    return ComparisonResult(pairs, tuple(remarks), tuple(left_out), gathered.against_truth)


@dataclass
class _Gathered:
    """What there is beside the tables, over all clips: remarks, instances of no object, figures of each model."""

    remarks: list[str] = field(default_factory=list)
    outside: list[Mapping[str, Outside] | None] = field(default_factory=list)
    against_truth: dict[str, ModelFigures] = field(default_factory=dict)

    def add(self, outside: Mapping[str, Outside] | None) -> None:
        """Add the counts of one more clip; None where they are not known."""
        self.outside.append(outside)

    def by_clip(self, clips: Sequence[str]) -> dict[str, Mapping[str, Outside]]:
        """Return the counts of every clip by name; without clips of which none are known."""
        return {name: own for name, own in zip(clips, self.outside, strict=True) if own is not None}

    def take(self, other: _Gathered) -> None:
        """Add what was gathered of one more clip."""
        self.remarks += other.remarks
        self.outside += other.outside
        self.against_truth |= other.against_truth

    def all_outside(self, models: Sequence[str]) -> dict[str, Outside]:
        """Return the counts over all clips by model; empty where they are not known of every clip."""
        known = [clip for clip in self.outside if clip is not None]
        if len(known) < len(self.outside):
            return {}
        return {
            name: Outside(*(sum(counts) for counts in zip(*(clip[name] for clip in known), strict=True)))
            for name in models
            if known
        }


def compare_objects(
    tables: Mapping[str, Objects],
    thresholds: Mapping[str, float],
    untimed: frozenset[str] = frozenset(),
    rules: Rules | None = None,
    outside: Mapping[str, Mapping[str, Outside]] | None = None,
) -> tuple[ComparedPair, ...]:
    """Compare every two models on tables of objects.

    Args:
        tables: by clip name, each with a pair of the universe.
        thresholds: the operating threshold of each model, in the order of comparison.
        untimed: clips that have no time.
        rules: margins and bounds of the verdicts; the defaults if None.
        outside: by clip and model, how many instances repeat another one or are of no object.
    """
    pairs = []
    for first, second in combinations(thresholds, 2):
        levels = (thresholds[first], thresholds[second])
        comparison = compare_models(tables, (first, second), levels, untimed, rules=rules, outside=outside)
        pairs.append(ComparedPair(comparison, verdict_of(comparison)))
    return tuple(pairs)


def claim_comparison(folder: Path, paths: Sequence[Path] = (), ground_truth: Path | None = None) -> None:
    """Make sure that a comparison may be written into a folder, before anything is compared.

    Args:
        folder: takes the tables and pictures, which replace an earlier comparison's.
        paths: the runs that are compared, or folders of them.
        ground_truth: true masks.

    Raises:
        UsageError: if it lies in a run, a clip or the true masks, or holds a file of another program that would be
            written over.
    """
    inputs = [] if ground_truth is None else [ground_truth]
    for run in run_folders(paths)[0] if paths else ():
        with suppress(InputError):  # such a run is left out, and nothing is known of what it was made from
            manifest = read_manifest(run.path)
            inputs += [] if manifest is None else manifest.inputs
    require_outside_inputs(folder, "a folder for a comparison", inputs)
    files = (*comparison_files(MOST_PAIRS), REPORT_PAGE)
    claim_files(folder, files, _holds_comparison, "pass another folder to --out")


def _holds_comparison(folder: Path) -> bool:
    """Say whether a comparison of ours lies in a folder, of this version or an older one."""
    return has_header(folder / COMPARISON, [column.name for column in COMPARISON_COLUMNS[:6]])


def comparison_report(result: ComparisonResult, title: str = "", answered: bool = False) -> Section:
    """Return what a comparison says to a reader; without the answers where `comparison_lines` has told them."""
    blocks: list[Block] = [
        comparison_section(pair.comparison, pair.verdict, answered) for pair in result.pairs
    ]
    blocks += model_sections(result.against_truth)
    blocks += [Items(result.remarks)] if result.remarks else []
    return Section(f"Which model is steadier{f' in {title}' if title else ''}", blocks)


def comparison_lines(result: ComparisonResult, brief: bool = True) -> Section:
    """Return what a reader is told first: for every two models the answers, a row a clip, and one for all."""
    blocks: list[Block] = [compared_clips(pair.verdict, brief) for pair in result.pairs]
    # The whole report, which follows where this is not all, has them.
    blocks += model_sections(result.against_truth) if brief else []
    blocks += [Section("Remarks", [Items(result.remarks)])] if result.remarks else []
    return Section("Which model is steadier", blocks)


def comparison_document(result: ComparisonResult, title: str = "") -> dict[str, Any]:
    """Return a comparison as data, for `comparison.json` and for `--json`."""
    found = [comparison_data(pair.comparison, pair.verdict) for pair in result.pairs]
    document = {"title": title, "comparisons": found, "remarks": list(result.remarks)}
    if result.against_truth:
        document["against_truth"] = model_figures_data(result.against_truth)
    return document


def write_comparison(
    result: ComparisonResult, folder: Path, title: str = "", plots: bool = True, pair_plots: bool = False
) -> None:
    """Write comparison.csv, .md and .json into a folder, and if asked for pictures: one of all, one of each two models.

    Args:
        result: what was found.
        folder: made where it is missing.
        title: the clip's name; "" for several.
        plots: whether there is a picture of all models.
        pair_plots: whether there is, beside it, one of every two of them.
    """
    with results_in(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with CsvTable(folder / COMPARISON, COMPARISON_COLUMNS) as table:
            for pair in result.pairs:
                table.write_all(comparison_rows(pair.comparison, pair.verdict))
        with atomic_write(folder / COMPARISON_TEXT) as file:
            file.write(as_markdown(comparison_report(result, title)))
        write_comparison_data(folder, comparison_document(result, title))
        if plots and len(result.pairs) == 1:
            (pair,) = result.pairs
            plot_comparison(pair.comparison, pair.verdict, folder / COMPARISON_PICTURE, title)
        elif plots and result.pairs:
            plot_overview([pair.verdict for pair in result.pairs], folder / COMPARISON_PICTURE, title)
        pairs = plots and pair_plots and len(result.pairs) > 1
        for number, pair in enumerate(result.pairs if pairs else ()):
            plot_comparison(pair.comparison, pair.verdict, folder / comparison_picture(number), title)


def _rows(
    clip: ClipRuns,
    chosen: Sequence[str],
    truth: MaskSequence | None,
    gathered: _Gathered,
    progress: Callable[[str, int], object] | None,
) -> Iterator[ObjectRow]:
    """Read the clip's table of objects where it is there, else make it from what the models saw."""
    if truth is None and clip.objects is not None and set(chosen) == set(clip.models) and _is_whole(clip):
        # a run of before these were counted says nothing of them, and then nothing is said
        counts = clip.manifest.outside
        gathered.add(None if counts is None else {name: Outside(*own) for name, own in counts.items()})
        return read_objects(clip.objects)
    return _made_rows(clip, chosen, truth, gathered, progress)


def _box_causes(clip: ClipRuns, as_run: Set[str]) -> dict[str, RecordedBoxCauses]:
    """Return by model what comes from its box; nothing of clips whose motion is another than when it was found."""
    if clip.name not in as_run:
        return {}
    return {name: RecordedBoxCauses(model.files.causes) for name, model in clip.models.items()}


def _is_whole(clip: ClipRuns) -> bool:
    """Say whether a clip's table of objects holds all there is to know, or nothing more can be learned anew."""
    table = clip.objects
    return table is not None and (has_every_column(table) or locate_clip(clip.manifest.clip) is None)


def _made_rows(
    clip: ClipRuns,
    chosen: Sequence[str],
    truth: MaskSequence | None,
    gathered: _Gathered,
    progress: Callable[[str, int], object] | None,
) -> Iterator[ObjectRow]:
    manifest = clip.manifest
    compared = {
        name: ComparedModel(clip.models[name].class_names, clip.models[name].score_threshold)
        for name in chosen
    }
    meter = SupportMeter(compared, manifest.clip.fps, manifest.options.stride, truth=truth is not None)
    true_frames = None if truth is None else TrueFrames(truth)
    by_model = TruthMeter(compared, () if truth is None else truth.class_names, in_comparison=True)
    run = Replay(manifest.clip, manifest.options, {name: clip.models[name].files.masks for name in chosen})
    if not run.pictures:
        gathered.remarks.append(
            f"{clip.name}: the clip was not found ({manifest.clip.path or 'none was given'}), so its motion is not "
            f"known: B1, B2 and the losses are undefined, and nothing is decided."
        )
    indices: list[int] = []
    for count, replayed in enumerate(run, start=1):
        if progress is not None:
            progress(clip.name, count)
        seen = {name: record.instances for name, record in replayed.records.items()}
        at = (replayed.index, replayed.time_s, seen, replayed.motion, replayed.cut)
        if true_frames is None:
            yield from meter.update(*at)
            continue
        true = true_frames.at(replayed.index)
        indices.append(replayed.index)
        if true is not None:
            yield from meter.update(*at, truth=true.objects, void=true.void)
            assert meter.judged is not None, "it was given the truth"
            by_model.update(meter.judged, true.classes)
    if truth is not None:
        gathered.against_truth[clip.name] = {name: by_model.figures(name) for name in chosen}
        gathered.remarks += [f"{clip.name}: {note}" for note in coverage_notes(truth, indices)]
    gathered.add(meter.summary().outside)
