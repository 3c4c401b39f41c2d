"""The demo: photographs filmed by a known camera, so that every mask change beyond its motion is jitter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from yolact_temporal.analyzing.loaded_model import LoadedModel
from yolact_temporal.analyzing.options import AnalyzeOptions
from yolact_temporal.analyzing.request import Destination, Pictures, RunRequest
from yolact_temporal.analyzing.run_clip import FinishedRun, run_clip, write_page
from yolact_temporal.analyzing.run_pictures import shown_moments
from yolact_temporal.data.files import results_in
from yolact_temporal.data.photo_film import PhotoFilm
from yolact_temporal.data.runs.layout import CAMERA_MOVES_PLOT, RunFolder
from yolact_temporal.data.runs.lock import run_lock
from yolact_temporal.data.runs.reader import open_finished
from yolact_temporal.temporal.comparison.rules import Rules
from yolact_temporal.temporal.flow import flow_options
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.motion_sources import CutFlow, FilmMotion, MotionSource
from yolact_temporal.temporal.plots import plot_camera_moves
from yolact_temporal.temporal.replaying import Replay
from yolact_temporal.temporal.report import Column, CsvTable, Row
from yolact_temporal.temporal.stability import FrameStability

CAMERA_MOVE_COLUMNS = (
    Column("segment", "", "The photograph and the camera move, as in chelsea/pan."),
    Column("model", "", "The model's name."),
    Column(
        "motion",
        "",
        "What carried the last mask to this frame: exact (the camera's own) or flow (estimated).",
    ),
    Column("frame", "", "Index of the frame in the film, from 0."),
    Column("track_id", "", "Which object this is, from 1."),
    Column("boundary_px_mean", "px", "B1: mean boundary displacement of the pair (t-1, t)."),
    Column("motion_compensated_jitter", "1", "B2: 1 - IoU of the carried and the new mask of the pair."),
)
"""Columns of `camera_moves.csv`, a row for each instance, pair and kind of motion."""


def run_film(
    film: PhotoFilm,
    models: Sequence[LoadedModel],
    destination: Destination,
    options: AnalyzeOptions | None = None,
    progress: Callable[[int], object] | None = None,
    rules: Rules | None = None,
) -> FinishedRun:
    """Measure models on a film, by the camera's exact motion, into a run folder; errors as of `run_clip`."""
    options = options or AnalyzeOptions()
    return run_clip(
        film,
        models,
        RunRequest(
            destination,
            options,
            motion=FilmMotion(film, flow_options(options)),
            sections=[(segment.start / float(film.info.fps or 1), segment.move) for segment in film.segments],
            rules=rules or Rules(),
        ),
        progress,
    )


def compare_motions(
    film: PhotoFilm, done: FinishedRun, models: Sequence[LoadedModel], pictures: Pictures
) -> str:
    """Measure a film's finished run again by exact motion and by optical flow: what flow adds is its floor.

    Writes `camera_moves.csv` and, where plots are drawn, its plot into the run and its page.

    Returns:
        A table of jitter by camera move for the terminal.

    Raises:
        UsageError: if another process has begun to write the run.
    """
    with run_lock(done.folder.path), results_in(done.folder.path):
        rows = {model.name: _camera_moves(film, done.folder, model) for model in models}
        with CsvTable(done.folder.camera_moves, CAMERA_MOVE_COLUMNS) as table:
            for own in rows.values():
                table.write_all(own)
        if pictures.plots:
            plot_camera_moves(rows, done.folder.plots / CAMERA_MOVES_PLOT, done.name)
            manifest = open_finished(done.folder.path).manifest
            # Again, with this plot.
            write_page(done, manifest, shown_moments(done.folder, done.reading, manifest))
    return "\n\n".join(_table(film, name, own) for name, own in rows.items())


def _camera_moves(film: PhotoFilm, folder: RunFolder, model: LoadedModel) -> list[Row]:
    """Measure the recorded masks again, once by each kind of motion."""
    rows: list[Row] = []
    manifest = open_finished(folder.path).manifest
    own = {model.name: folder.model(model.name).masks}
    sources: dict[str, MotionSource] = {
        "exact": FilmMotion(film),
        "flow": CutFlow(film.is_cut, flow_options(manifest.options)),
    }
    for kind, source in sources.items():
        meter = StabilityMeter(model.segmenter.class_names, float(film.info.fps or 1))
        for replayed in Replay(manifest.clip, manifest.options, own, source):
            counted = replayed.records[model.name].above(model.score_threshold).instances
            stability = meter.update(replayed.index, replayed.time_s, counted, replayed.motion, replayed.cut)
            rows += _pair_rows(film.segment(replayed.index), model.name, kind, stability)
    return rows


def _pair_rows(segment: str, model: str, kind: str, stability: FrameStability) -> Iterable[Row]:
    for item in stability.instances:
        if item.pair is not None:
            yield {
                "segment": segment,
                "model": model,
                "motion": kind,
                "frame": stability.frame_index,
                "track_id": item.track_id,
                "boundary_px_mean": item.pair["boundary_px_mean"],
                "motion_compensated_jitter": item.pair["motion_compensated_jitter"],
            }


def _table(film: PhotoFilm, model: str, rows: Iterable[Row]) -> str:
    """Return mean boundary displacement by segment and kind of motion, for the terminal."""
    values: dict[tuple[object, object], list[float]] = defaultdict(list)
    for row in rows:
        if isinstance(row["boundary_px_mean"], float):
            values[row["segment"], row["motion"]].append(row["boundary_px_mean"])

    def cell(segment: str, kind: str) -> str:
        own = values[segment, kind]
        return f"{sum(own) / len(own):.3f} px" if own else "undefined"

    lines = [
        f"{model}: boundary displacement by camera move; the objects are photographs and do not move by themselves:",
        f"  {'':<22} {'exact motion':>14} {'optical flow':>14}  pairs",
    ]
    for segment in film.segments:
        count = len(values[segment.name, "exact"])
        lines.append(
            f"  {segment.name:<22} {cell(segment.name, 'exact'):>14} {cell(segment.name, 'flow'):>14}  {count:>5}"
        )
    return "\n".join(lines)
