"""The job behind `compare`: finished runs in, tables of objects, differences and a verdict out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import combinations, zip_longest
from pathlib import Path

from yolact_temporal.analyzing.options import AnalyzeOptions
from yolact_temporal.comparing.comparable_runs import ClipRuns, models_to_compare, run_folders, runs_by_clip
from yolact_temporal.comparing.true_masks import (
    TrueFrames,
    TruthOptions,
    coverage_notes,
    open_truth,
    truth_of_clip,
)
from yolact_temporal.data.files import atomic_write, results_in
from yolact_temporal.data.formats import MaskSequence
from yolact_temporal.data.frames import Frame, FrameSource
from yolact_temporal.data.masks_jsonl import FrameRecord, read_records
from yolact_temporal.data.runs.claim import claim_files, has_header
from yolact_temporal.data.runs.guard import require_outside_inputs
from yolact_temporal.data.runs.layout import (
    COMPARISON,
    COMPARISON_TEXT,
    MOST_PAIRS,
    comparison_files,
    comparison_picture,
)
from yolact_temporal.data.runs.manifest import RunOptions, read_manifest
from yolact_temporal.data.selection import select_frames
from yolact_temporal.data.sources import DECODERS, open_clip
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.comparison.comparing import ModelComparison, compare_models
from yolact_temporal.temporal.comparison.comparison_csv import COMPARISON_COLUMNS, comparison_rows
from yolact_temporal.temporal.comparison.comparison_plot import plot_comparison
from yolact_temporal.temporal.comparison.comparison_text import markdown_comparison, outside_sentence
from yolact_temporal.temporal.comparison.figures import ClipObjects
from yolact_temporal.temporal.comparison.objects_csv import read_objects
from yolact_temporal.temporal.comparison.rows import ObjectRow
from yolact_temporal.temporal.comparison.support import ComparedModel, Outside, SupportMeter
from yolact_temporal.temporal.comparison.verdict import Verdict, verdict_of
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.motion_sources import FlowMotion
from yolact_temporal.temporal.report import CsvTable


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
    """

    pairs: tuple[ComparedPair, ...]
    remarks: tuple[str, ...]


def compare_runs(
    paths: Sequence[Path],
    models: Sequence[str] | None = None,
    ground_truth: Path | None = None,
    truth_options: TruthOptions | None = None,
    progress: Callable[[str, int], object] | None = None,
) -> ComparisonResult:
    """Compare the models of finished runs.

    Args:
        paths: run folders, or folders of them. Runs of the same clip are put together.
        models: which models; all that every clip has by default.
        ground_truth: true masks of the clip, in any format that `score` reads; for several clips a folder with a folder
            or a file for each, by the clip's name. Objects are then the true ones.
        truth_options: what is known of them.
        progress: called with the clip's name and how many of its frames are done.

    Raises:
        UsageError: if a path is no run, or there are not two models to compare.
        InputError: if a run is not complete or cannot be read, or runs of one clip do not go together.
    """
    clips = runs_by_clip(run_folders(paths))
    chosen = models_to_compare(clips, models)
    gathered = _Gathered()
    tables: dict[str, ClipObjects] = {}
    for clip in clips:
        truth = None
        if ground_truth is not None:
            where = truth_of_clip(ground_truth, clip.name, len(clips))
            known = clip.manifest.clip
            size = (known.height, known.width)
            truth = open_truth(where, truth_options or TruthOptions(), size, known.frame_count)
        table = ClipObjects.from_rows(_rows(clip, chosen, truth, gathered, progress))
        if table.pair.any():
            tables[clip.name] = table
        else:
            gathered.remarks.append(
                f"{clip.name}: no object counts for both models, so that nothing can be compared there."
            )
    if not tables:
        raise InputError(
            f"expected an object that counts for two of {', '.join(chosen)}, found none in "
            f"{', '.join(clip.name for clip in clips)}: lower --score-threshold, or take another clip"
        )
    untimed = frozenset(clip.name for clip in clips if not clip.timed)
    thresholds = {name: clips[0].models[name].score_threshold for name in chosen}
    remarks = list(gathered.remarks)
    if outside := gathered.all_outside(chosen):
        remarks.append(outside_sentence(outside, ground_truth is not None))
    return ComparisonResult(compare_objects(tables, thresholds, untimed), tuple(remarks))


@dataclass
class _Gathered:
    """What a reader should know beside the tables: remarks, and instances that are of no object, over all clips."""

    remarks: list[str] = field(default_factory=list)
    outside: list[Mapping[str, Outside] | None] = field(default_factory=list)

    def add(self, outside: Mapping[str, Outside] | None) -> None:
        """Add the counts of one more clip; None where they are not known."""
        self.outside.append(outside)

    def all_outside(self, models: Sequence[str]) -> dict[str, Outside]:
        """Return the counts over all clips by model; empty where they are not known of every clip."""
        known = [clip for clip in self.outside if clip is not None]
        if len(known) < len(self.outside):
            return {}
        return {
            name: Outside(sum(clip[name].instances for clip in known), sum(clip[name].of for clip in known))
            for name in models
        }


def compare_objects(
    tables: Mapping[str, ClipObjects], thresholds: Mapping[str, float], untimed: frozenset[str] = frozenset()
) -> tuple[ComparedPair, ...]:
    """Compare every two models on tables of objects.

    Args:
        tables: by clip name, each with a pair of the universe.
        thresholds: the operating threshold of each model, in the order of comparison.
        untimed: clips that have no time.
    """
    pairs = []
    for first, second in combinations(thresholds, 2):
        levels = (thresholds[first], thresholds[second])
        comparison = compare_models(tables, (first, second), levels, untimed)
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
    for run in run_folders(paths):
        manifest = read_manifest(run.path)
        inputs += [] if manifest is None else manifest.inputs
    require_outside_inputs(folder, "a folder for a comparison", inputs)
    claim_files(folder, comparison_files(MOST_PAIRS), _holds_comparison, "pass another folder to --out")


def _holds_comparison(folder: Path) -> bool:
    """Say whether a comparison of ours lies in a folder, of this version or an older one."""
    return has_header(folder / COMPARISON, [column.name for column in COMPARISON_COLUMNS[:6]])


def write_comparison(result: ComparisonResult, folder: Path, title: str = "") -> None:
    """Write comparison.csv, comparison.md and a picture for each two models into a folder, which is made."""
    with results_in(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with CsvTable(folder / COMPARISON, COMPARISON_COLUMNS) as table:
            for pair in result.pairs:
                table.write_all(comparison_rows(pair.comparison, pair.verdict))
        sections = [markdown_comparison(pair.comparison, pair.verdict) for pair in result.pairs]
        remarks = [f"- {remark}" for remark in result.remarks]
        with atomic_write(folder / COMPARISON_TEXT) as file:
            file.write(
                "\n".join([f"# Which model is steadier{f' in {title}' if title else ''}", "", *sections])
            )
            file.write("\n".join(["", *remarks, ""]) if remarks else "")
        for number, pair in enumerate(result.pairs):
            plot_comparison(pair.comparison, pair.verdict, folder / comparison_picture(number), title)


def _rows(
    clip: ClipRuns,
    chosen: Sequence[str],
    truth: MaskSequence | None,
    gathered: _Gathered,
    progress: Callable[[str, int], object] | None,
) -> Iterator[ObjectRow]:
    """Read the clip's table of objects where it is there, else make it from what the models saw."""
    if truth is None and clip.objects is not None and set(chosen) == set(clip.models):
        # a run of before these were counted says nothing of them, and then nothing is said
        counts = clip.manifest.outside
        gathered.add(None if counts is None else {name: Outside(*own) for name, own in counts.items()})
        return read_objects(clip.objects)
    return _made_rows(clip, chosen, truth, gathered, progress)


def _made_rows(
    clip: ClipRuns,
    chosen: Sequence[str],
    truth: MaskSequence | None,
    gathered: _Gathered,
    progress: Callable[[str, int], object] | None,
) -> Iterator[ObjectRow]:
    options = _options(clip.manifest.options)
    rate = clip.manifest.clip.fps
    compared = {
        name: ComparedModel(clip.models[name].class_names, clip.models[name].score_threshold)
        for name in chosen
    }
    meter = SupportMeter(compared, rate, options.stride, truth=truth is not None)
    true_frames = None if truth is None else TrueFrames(truth)
    motion_to = _motions_again(clip, options, gathered.remarks)
    records = (read_records(clip.models[name].files.masks) for name in chosen)
    indices: list[int] = []
    for count, group in enumerate(zip_longest(*records), start=1):
        head = _same_frame(group, clip)
        motion = motion_to(head.index)
        if progress is not None:
            progress(clip.name, count)
        seen = {name: record.instances for name, record in zip(chosen, group, strict=True)}
        if true_frames is None:
            yield from meter.update(head.index, head.time_s, seen, motion)
            continue
        true = true_frames.at(head.index)
        indices.append(head.index)
        if true is not None:
            yield from meter.update(head.index, head.time_s, seen, motion, truth=true.objects, void=true.void)
    if truth is not None:
        gathered.remarks += [f"{clip.name}: {note}" for note in coverage_notes(truth, indices)]
    gathered.add(meter.summary().outside)


def _options(measured: RunOptions) -> AnalyzeOptions:
    """Return what was measured of a clip; what an older run does not say is as it was then."""
    return AnalyzeOptions(
        start=measured.start,
        end=measured.end,
        stride=measured.stride,
        batch=measured.batch,
        flow_long_side=measured.flow_long_side or AnalyzeOptions.flow_long_side,
    )


def _same_frame(group: Sequence[FrameRecord | None], clip: ClipRuns) -> FrameRecord:
    head = group[0]
    if head is None or any(one is None or one.index != head.index for one in group):
        at = sorted({-1 if one is None else one.index for one in group})
        raise InputError(
            f"expected runs of the same frames of {clip.name}, got frames {', '.join(map(str, at))} side by side (-1: "
            f"none left): analyze the clip with both models in one run"
        )
    return head


def _motions_again(
    clip: ClipRuns, options: AnalyzeOptions, remarks: list[str]
) -> Callable[[int], Motion | None]:
    """Return what gives the motion to the next recorded frame: estimated anew where the clip is there, else None."""
    described = clip.manifest.clip
    path = described.path
    if not path or not Path(path).exists():
        remarks.append(
            f"{clip.name}: the clip is not there ({path or 'none was given'}), so that its motion is not known: B1, B2 "
            f"and the losses are undefined, and nothing is decided."
        )
        return lambda _index: None
    decoder = described.decoder if described.decoder in DECODERS else "auto"
    rate = described.rate if decoder == "auto" else None
    source = open_clip(path, decoder=decoder, fps=rate if Path(path).is_dir() else None)
    if source.info.sha256 != described.sha256:
        source.close()
        raise InputError(
            f"expected the clip that was analyzed in {path}, got another one (its SHA-256 differs): bring the old one "
            f"back, or analyze the new one"
        )
    return _estimated(source, options)


def _estimated(source: FrameSource, options: AnalyzeOptions) -> Callable[[int], Motion | None]:
    motions = FlowMotion(options.flow_long_side)

    def frames() -> Iterator[Frame]:
        with closing(source):
            yield from select_frames(source, options.start, options.end, options.stride)

    selected = frames()

    def motion_to(index: int) -> Motion | None:
        # frames that were not recorded, as where masks are missing, are passed over as they were then
        for frame in selected:
            if frame.index >= index:
                return motions.update(frame)
        return None

    return motion_to
