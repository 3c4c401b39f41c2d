"""A run's `report.html`: the report with its plots, its worst moments as pictures, and how to do it again."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from yolact_temporal.data.lines import open_table
from yolact_temporal.data.runs.layout import COMPARISON_PICTURE, PLOT_FILES, RunFolder
from yolact_temporal.data.runs.manifest import Manifest
from yolact_temporal.temporal.catalogue import definitions
from yolact_temporal.temporal.documents import Block, Items, Paragraph, Picture, Section, Table
from yolact_temporal.temporal.page.pictures import plot_pictures
from yolact_temporal.temporal.page.render import as_page, folded, page_footer
from yolact_temporal.temporal.reading.clip_reading import ClipReading
from yolact_temporal.temporal.reading.first_lines import (
    MOMENTS_TITLE,
    MOST_LISTED,
    first_lines,
    moment_table,
    unlisted,
)
from yolact_temporal.temporal.reading.object_table import object_table

SHOWN_MOMENTS = 8
"""How many of the worst moments have a picture."""

TOLD_PAIRS = 3
"""Of more pairs of models there is a table in place of all their answers."""

_MOMENTS_NOTE = (
    "Left the frame before, with the object's outline. Right the frame itself: in white the outline that the motion "
    "carries there, in colour the one that the model saw. Where the two differ, the mask moved and the object did not."
)


def run_page(
    reading: ClipReading,
    figures: Sequence[Block],
    said: Sequence[str],
    folder: RunFolder,
    manifest: Manifest,
    moments: Sequence[bytes] = (),
) -> str:
    """Return a run's page.

    Args:
        reading: what a reader sees at once.
        figures: every figure, below, in sections that are folded.
        said: how the clip was read, a sentence each.
        folder: the run, its tables and plots written.
        manifest: of the run.
        moments: pictures of the first `SHOWN_MOMENTS` worst moments, empty bytes where there is none.
    """
    many = len(reading.verdicts) > TOLD_PAIRS
    lines = first_lines(replace(reading, verdicts=()) if many else reading)
    plots = [folder.path / COMPARISON_PICTURE, *(folder.plots / name for name in PLOT_FILES)]
    pictures = plot_pictures(folder.path, plots)
    overview = [picture for picture in pictures if many and picture.file == COMPARISON_PICTURE]
    plots_below = [picture for picture in pictures if picture not in overview]
    blocks: list[Block] = [
        Paragraph(_what_was_measured(manifest)),
        *([_each_pair(reading, overview)] if many else []),
        *(block for block in lines.blocks if not isinstance(block, Section)),
        *([_objects(reading)] if reading.objects else []),
        *_moment_blocks(reading, folder, manifest, moments),
        *([Section("Plots", plots_below)] if plots_below else []),
        Section("Every figure", [folded(block) for block in figures], folded=True),
        Section("How it was read", [Items([*said, *_how_measured(manifest)])], folded=True),
        Section("How to reproduce it", _reproduce(manifest), folded=True),
    ]
    return as_page(Section(lines.title, blocks), definitions(), page_footer(manifest.started))


def _objects(reading: ClipReading) -> Section:
    """Return a row an object."""
    table = object_table(reading.objects[:MOST_LISTED], reading.models, reading.from_truth)
    return Section("Objects", [table, *unlisted(reading.objects[MOST_LISTED:])])


def _each_pair(reading: ClipReading, overview: Sequence[Picture]) -> Section:
    """Return all models against each other in one picture, and a row for every two of them."""
    rows = [(*verdict.models, verdict.word, verdict.headline) for verdict in reading.verdicts]
    table = Table(("one model", "another", "in short", "answer"), rows)
    return Section(f"{len(reading.models)} models", [*overview, table])


def _what_was_measured(manifest: Manifest) -> str:
    clip = manifest.clip
    rate = "unknown frame rate" if clip.fps is None else f"{clip.fps:.4g} frames a second"
    return f"{rate[0].upper()}{rate[1:]}; models: {', '.join(manifest.models)}."


def _moment_blocks(
    reading: ClipReading, folder: RunFolder, manifest: Manifest, pictures: Sequence[bytes]
) -> Iterable[Block]:
    """Return the worst moments as pictures, or, where there are none, in words."""
    moments = reading.moments[:SHOWN_MOMENTS]
    first_s = _first_time_s(folder, manifest)
    shown = [
        Picture(
            f"{moment.time_s:.2f} s, frame {moment.frame}, {moment.model}: {moment.who}, {moment.what}.",
            image=image,
            link=overlay_link(folder, moment.model, moment.time_s - first_s),
            link_text="Play it",
            wide=False,
        )
        for moment, image in zip(moments, pictures, strict=False)
        if image
    ]
    if not moments:
        return []
    if not shown:
        return [
            Section(
                MOMENTS_TITLE, [moment_table(moments, len(reading.models) > 1, reading.seconds is not None)]
            )
        ]
    note = _MOMENTS_NOTE
    note += " The links open the overlay videos beside this file." if any(one.link for one in shown) else ""
    return [Section(MOMENTS_TITLE, [Paragraph(note), *shown])]


def overlay_link(folder: RunFolder, model: str, seconds: float) -> str:
    """Return where a model's overlay is at a time, a second of run-up before it; "" where there is no overlay.

    Args:
        seconds: from the overlay's first frame.
    """
    if not folder.model(model).overlay.is_file():
        return ""
    path: Path = folder.model(model).overlay.relative_to(folder.path)
    return f"{path.as_posix()}#t={max(0.0, math.floor((seconds - 0.5) * 100) / 100):.2f}"


def _first_time_s(folder: RunFolder, manifest: Manifest) -> float:
    """Return the time of the first frame measured, which the overlays begin with."""
    with open_table(folder.model(next(iter(manifest.models))).frames) as file:
        first = next(csv.DictReader(file), None)
    return 0.0 if first is None else float(first["time_s"])


def _how_measured(manifest: Manifest) -> list[str]:
    options, measured = manifest.options, manifest.frames_measured
    taken = "every frame" if options.stride == 1 else f"one frame in {options.stride}"
    return [f"{measured} frames were measured ({taken}).", f"Motion: {manifest.motion}."]


def _reproduce(manifest: Manifest) -> list[Block]:
    blocks: list[Block] = []
    if manifest.command:
        blocks.append(Paragraph(f"Command: {manifest.command}"))
    clip = manifest.clip
    rows = [("clip", f"{Path(clip.path).name or 'none was given'}, SHA-256 {clip.sha256 or 'unknown'}")]
    for model in manifest.models.values():
        weights = f"weights {model.weights}" if model.weights else "no weights"
        parts = (
            weights,
            f"counted above a score of {model.score_threshold:g}",
            model.device,
            model.precision,
            model.note,
        )
        rows.append((model.name, "; ".join(part for part in parts if part)))
    rows += [("versions", ", ".join(f"{name} {version}" for name, version in manifest.packages.items()))]
    rows += [("system", manifest.platform)]
    return [*blocks, Table(("", ""), rows)]
