"""One run: a frame source analyzed into a run folder, from an empty folder to the finished manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from yolact_temporal.analyzing.against_truth import TruthFit, measure_truth_fit, truth_fit_rows
from yolact_temporal.analyzing.beside import Beside
from yolact_temporal.analyzing.clip_stages import AnalyzeResult, analyze_clip
from yolact_temporal.analyzing.loaded_model import LoadedModel
from yolact_temporal.analyzing.mask_sources import MaskSource, as_mask_source
from yolact_temporal.analyzing.options import AnalyzeOptions
from yolact_temporal.analyzing.reading_run import read_run
from yolact_temporal.analyzing.request import RunRequest
from yolact_temporal.analyzing.run_manifest import manifest_of_run, outcome_of_run, require_same_run
from yolact_temporal.analyzing.run_page import TOLD_PAIRS, run_page
from yolact_temporal.analyzing.run_pictures import RunPictures, ahead_of_drawing
from yolact_temporal.analyzing.summary_text import (
    CAVEAT,
    FLOOR_NOTE,
    INTERVAL_NOTE,
    has_floor,
    model_section,
)
from yolact_temporal.analyzing.truth_text import truth_section
from yolact_temporal.comparing.compare_runs import (
    ComparisonResult,
    compare_objects,
    write_comparison,
)
from yolact_temporal.data.files import atomic_write, results_in
from yolact_temporal.data.frames import ClipInfo, FrameSource, loss_sentence
from yolact_temporal.data.runs.claim import ClaimedRun, claimed_run
from yolact_temporal.data.runs.layout import RunFolder
from yolact_temporal.data.runs.manifest import Manifest, manifest_of, read_manifest, write_manifest
from yolact_temporal.temporal.absences import absence_rows
from yolact_temporal.temporal.comparison.clip_objects import Objects
from yolact_temporal.temporal.comparison.comparison_text import comparison_section, outside_sentence
from yolact_temporal.temporal.comparison.rules import Rules
from yolact_temporal.temporal.comparison.statistics import Interval
from yolact_temporal.temporal.documents import Block, Items, Paragraph, Section, as_markdown
from yolact_temporal.temporal.flow import flow_options
from yolact_temporal.temporal.intervals import own_intervals
from yolact_temporal.temporal.motion_sources import FlowMotion, MotionSource
from yolact_temporal.temporal.reading.clip_reading import ClipReading
from yolact_temporal.temporal.reading.first_lines import first_lines
from yolact_temporal.temporal.reading.moments_csv import write_moments
from yolact_temporal.temporal.report import SUMMARY_COLUMNS, CsvTable, summary_rows
from yolact_temporal.temporal.why.causes_summary import cause_rows
from yolact_temporal.temporal.why.causes_text import causes_section


@dataclass(frozen=True)
class FinishedRun:
    """A run that came to its end: where it lies, what was measured, and how its models compare.

    Attributes:
        name: the clip's.
        folder: where it lies.
        result: what was measured of each model by itself.
        intervals: of each model's own figures, by model and metric name.
        comparison: every two of its models.
        reading: what a person reads first.
        notes: what each model is, in a sentence.
        quality: each model against the ground truth; empty where there is none.
        left: what lies in the folder of a run that was replaced, and is not this tool's.
        stride: every so many frames one was taken.
    """

    name: str
    folder: RunFolder
    result: AnalyzeResult
    intervals: Mapping[str, Mapping[str, Interval]]
    comparison: ComparisonResult
    reading: ClipReading
    notes: Mapping[str, str]
    quality: tuple[TruthFit, ...] = ()
    left: tuple[Path, ...] = ()
    stride: int = 1


def run_clip(
    source: FrameSource,
    models: Sequence[LoadedModel | MaskSource],
    request: RunRequest,
    progress: Callable[[int], object] | None = None,
) -> FinishedRun:
    """Analyze a clip into a run folder and write everything a run holds.

    Args:
        source: the clip.
        models: what to run, or somebody's masks.
        request: where the run goes, and what is measured.
        progress: called with the number of frames done.

    Raises:
        UsageError: if the folder is taken, cannot be written, or holds a run with other settings.
        InputError: if the clip cannot be read.
        OutOfSpaceError: if the disk is full.
        OutputError: if the folder is removed or moved meanwhile.
    """
    destination = request.destination
    options = request.options
    mask_sources = _mask_sources(models, options)
    with claimed_run(
        destination.folder,
        [mask_source.name for mask_source in mask_sources],
        _inputs(source.info, mask_sources, request),
        destination.resume,
        destination.overwrite,
    ) as claimed:
        return _run(source, mask_sources, request, claimed, progress)


def finished_before(
    source: FrameSource, models: Sequence[LoadedModel | MaskSource], request: RunRequest
) -> Manifest | None:
    """Return what a run says that is finished already, just as it is asked for; None where there is none.

    Raises:
        UsageError: if it was made with other settings, or of another clip.
        InputError: if what the folder says of its run cannot be read.
    """
    destination, options = request.destination, request.options
    earlier = read_manifest(destination.folder)
    if earlier is None or not earlier.completed:
        return None
    mask_sources = _mask_sources(models, options)
    motion = _motion(request)
    asked = manifest_of_run(source.info, destination.name, mask_sources, options, motion.kind)
    require_same_run(RunFolder(destination.folder), earlier.document, asked)
    return earlier


def _mask_sources(models: Sequence[LoadedModel | MaskSource], options: AnalyzeOptions) -> list[MaskSource]:
    return [as_mask_source(model, options.why_every > 0, options.record_soft) for model in models]


def _motion(request: RunRequest) -> MotionSource:
    return request.motion or FlowMotion(flow_options(request.options))


def _inputs(clip: ClipInfo, mask_sources: Sequence[MaskSource], request: RunRequest) -> list[Path]:
    """Return the files and folders that a run is made from."""
    found = [Path(clip.path)] if clip.path else []
    found += [path for mask_source in mask_sources if (path := mask_source.path) is not None]
    found += [] if request.truth is None else [request.truth.path]
    return [*found, *request.destination.inputs]


def _run(
    source: FrameSource,
    mask_sources: Sequence[MaskSource],
    request: RunRequest,
    claimed: ClaimedRun,
    progress: Callable[[int], object] | None,
) -> FinishedRun:
    """Analyze a clip into a run folder that is ours to write."""
    destination, options, truth = request.destination, request.options, request.truth
    name, folder = destination.name, claimed.folder
    motion = _motion(request)
    manifest = manifest_of_run(source.info, name, mask_sources, options, motion.kind)
    manifest["command"] = destination.command
    if truth is not None:
        manifest["ground_truth"] = {"path": str(truth.path), "format": truth.format, "frames": truth.matching}
        if request.protocol is not None:
            manifest["ground_truth"]["protocol"] = request.protocol
    if request.watcher is not None:
        manifest |= request.watcher.manifest()
    if claimed.earlier is not None:
        require_same_run(folder, claimed.earlier.document, manifest)
    with results_in(folder.path):
        write_manifest(folder.path, manifest)
    with Beside() as beside:
        told = ahead_of_drawing(beside, progress) if destination.pictures.plots else progress
        result = analyze_clip(source, mask_sources, folder, request, motion, told)
        if destination.drawing is not None and destination.pictures.plots:
            destination.drawing()
        with results_in(folder.path):
            return _concluded(result, mask_sources, request, claimed, manifest, beside)


def _concluded(
    result: AnalyzeResult,
    mask_sources: Sequence[MaskSource],
    request: RunRequest,
    claimed: ClaimedRun,
    manifest: dict[str, Any],
    beside: Beside,
) -> FinishedRun:
    """Compare, and write all that is told of a run whose frames are measured; the manifest last."""
    destination, options, truth = request.destination, request.options, request.truth
    name, folder = destination.name, claimed.folder
    table = result.objects
    intervals = {
        model: beside.later(partial(own_intervals, own.sums)) for model, own in result.stability.items()
    }
    comparison = _compare(table, name, mask_sources, result, truth is not None, request.rules)
    quality: Sequence[TruthFit] = ()
    if truth is not None and result.truth is not None and table is not None:
        tracks = {model: len(own.tracks) for model, own in result.stability.items()}
        quality = measure_truth_fit(folder, mask_sources, result.clip, truth, result.truth, table, tracks)
    thresholds = {own.name: own.score_threshold for own in mask_sources}
    reading = read_run(name, result, table, thresholds, options.stride, comparison, quality, request.said)
    manifest |= outcome_of_run(result)
    if request.watcher is not None:
        manifest |= request.watcher.manifest()
    finished, drawn = manifest_of(folder.path, manifest), None
    if destination.pictures.plots:
        drawn = RunPictures.begin(folder, reading, finished, request.sections, beside)
    if comparison.pairs:
        pictures = destination.pictures
        write_comparison(comparison, folder.path, name, pictures.plots, pictures.pair_plots)
    done = FinishedRun(
        name,
        folder,
        replace(result, objects=None),  # all is told of them
        {model: own.result() for model, own in intervals.items()},
        comparison,
        reading,
        {own.name: str(own.manifest.get("note", own.name)) for own in mask_sources},
        tuple(quality),
        claimed.left,
        options.stride,
    )
    _write_reports(done, finished, drawn)
    write_manifest(folder.path, manifest)
    return done


def _compare(
    table: Objects | None,
    name: str,
    mask_sources: Sequence[MaskSource],
    result: AnalyzeResult,
    on_truth: bool,
    rules: Rules,
) -> ComparisonResult:
    """Compare every two models of the run; with a single one, or no object that counts, there is nothing to compare."""
    told = outside_sentence(result.outside, on_truth)
    outside = (told,) if told else ()
    if len(mask_sources) < 2 or table is None:
        return ComparisonResult((), outside)
    if not table.has_pairs:
        return ComparisonResult(
            (), ("No object counts for two models, so they cannot be compared here.", *outside)
        )
    untimed = frozenset() if result.clip.fps is not None else frozenset({name})
    thresholds = {source.name: source.score_threshold for source in mask_sources}
    counts = {name: result.outside} if result.outside else None
    return ComparisonResult(compare_objects({name: table}, thresholds, untimed, rules, counts), outside)


def _write_reports(done: FinishedRun, manifest: Manifest, drawn: RunPictures | None) -> None:
    """Write what is made from the tables: summary, report, and the pictures that are being drawn."""
    folder, result = done.folder, done.result
    with CsvTable(folder.summary, SUMMARY_COLUMNS) as summary:
        for model, stability in result.stability.items():
            summary.write_all(summary_rows(done.name, model, stability, done.intervals[model]))
            summary.write_all(absence_rows(done.name, model, result.absences[model]))
        for own in done.quality:
            summary.write_all(truth_fit_rows(done.name, own))
        for model, causes in result.causes.items():
            summary.write_all(cause_rows(done.name, model, causes))
    write_moments(folder.moments, done.reading.moments)
    with atomic_write(folder.report) as file:
        file.write(as_markdown(run_report(done)))
    write_page(done, manifest, () if drawn is None else drawn.finished())


def write_page(done: FinishedRun, manifest: Manifest, moments: Sequence[bytes] = ()) -> None:
    """Write a run's `report.html`, from what lies in its folder by then, with the pictures of moments given."""
    said = [*done.comparison.remarks, *remarks(done.result)]
    answered = len(done.reading.verdicts) <= TOLD_PAIRS
    page = run_page(done.reading, _figures(done, answered=answered), said, done.folder, manifest, moments)
    with atomic_write(done.folder.page) as file:
        file.write(page)


def run_report(done: FinishedRun, reading: bool = True, notes: bool = True) -> Section:
    """Return what a finished run says to a reader: in the terminal, in `report.md` and with `--json`.

    Args:
        done: the run.
        reading: whether it says how the clip was read too, which the terminal has been told by then.
        notes: whether it says what each model is.
    """
    blocks: list[Block] = [*first_lines(done.reading).blocks, *_figures(done, notes)]
    said = [*done.comparison.remarks, *(remarks(done.result) if reading else [])]
    blocks += [Section("Remarks", [Items(said)])] if said else []
    blocks.append(
        Paragraph(
            "All figures, with units and counts, are in `summary.csv`; docs/tables.md explains every column, and "
            "`yolact-temporal metrics` every metric."
        )
    )
    return Section(f"Stability of masks in {done.name}", blocks)


def _figures(done: FinishedRun, notes: bool = True, answered: bool = True) -> list[Block]:
    """Return every figure: of every two models, against the truth, of each model by itself.

    Args:
        done: the run.
        notes: whether it says what each model is.
        answered: whether the comparisons' answers have been told above.
    """
    blocks: list[Block] = [
        comparison_section(pair.comparison, pair.verdict, answered) for pair in done.comparison.pairs
    ]
    if done.quality:
        blocks.append(truth_section(done.quality))
    blocks += [
        model_section(model, stability, done.intervals[model], done.notes[model] if notes else None)
        for model, stability in done.result.stability.items()
    ]
    blocks += [Paragraph(CAVEAT), Paragraph(INTERVAL_NOTE)]
    blocks += [Paragraph(FLOOR_NOTE)] if any(map(has_floor, done.result.stability.values())) else []
    why = _causes(done.result)
    return blocks if why is None else [*blocks, why]


def _causes(result: AnalyzeResult) -> Section | None:
    near = {model: own.figures["boundary_near_box_px_mean"].value for model, own in result.stability.items()}
    seconds = result.seconds
    return causes_section(result.causes, near, seconds.get("why", 0.0), seconds["total"])


def remarks(result: AnalyzeResult) -> list[str]:
    """Return what a reader should know of how the clip was read, a sentence each."""
    lines = [loss_sentence(loss) for loss in result.losses]
    lines += list(result.warnings)
    lines.append(f"Decoder: {result.clip.decoder_reason}")
    lines += [f"Motion between frames: {result.motion}."] if result.motion else []
    return lines
