"""A run's `report.html`: the report with its plots, its worst moments as pictures, and how to do it again."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from yolact_temporal.data.files import open_regular
from yolact_temporal.data.runs.layout import COMPARISON_PICTURE, PLOT_FILES, RunFolder
from yolact_temporal.data.runs.manifest import Manifest
from yolact_temporal.temporal.catalogue import definitions
from yolact_temporal.temporal.documents import Block, Items, Paragraph, Picture, Section, Table
from yolact_temporal.temporal.page.pictures import plot_pictures
from yolact_temporal.temporal.page.render import as_page, folded, page_footer
from yolact_temporal.temporal.reading.moment_pictures import moment_pictures
from yolact_temporal.temporal.reading.moments import Moment

SHOWN_MOMENTS = 8
"""How many of the worst moments have a picture."""

_MOMENTS_NOTE = (
    "Left the frame before, with the object's outline. Right the frame itself: in white the outline that the motion "
    "carries there, in colour the one that the model saw. Where they part, the mask moved and the object did not."
)


def run_page(
    title: str,
    first: Sequence[Block],
    details: Sequence[Block],
    folder: RunFolder,
    manifest: Manifest,
    moments: Sequence[Moment],
    said: Sequence[str],
) -> str:
    """Return a run's page.

    Args:
        title: its heading.
        first: what a reader sees at once.
        details: what stands below, each section folded.
        folder: the run, its tables and plots written.
        manifest: of the run.
        moments: the worst ones, worst first.
        said: how the clip was read, a sentence each.
    """
    shown = list(moments[:SHOWN_MOMENTS])
    plots = [folder.path / COMPARISON_PICTURE, *(folder.plots / name for name in PLOT_FILES)]
    pictures = plot_pictures(folder.path, plots)
    blocks = [
        Paragraph(_what_was_measured(manifest)),
        *first,
        *_moment_blocks(folder, manifest, shown),
        *([Section("Plots", pictures)] if pictures else []),
        *(folded(block) for block in details),
        Section("How it was read", [Items([*said, *_how_measured(manifest)])], folded=True),
        Section("How to do it again", _reproduce(manifest), folded=True),
    ]
    return as_page(Section(title, blocks), definitions(), page_footer(manifest.started))


def _what_was_measured(manifest: Manifest) -> str:
    clip = manifest.clip
    rate = "no time of its own" if clip.fps is None else f"{clip.fps:.4g} frames a second"
    return f"{clip.width} x {clip.height} pixels, {rate}; models: {', '.join(manifest.models)}."


def _moment_blocks(folder: RunFolder, manifest: Manifest, moments: Sequence[Moment]) -> Iterable[Block]:
    pictures = moment_pictures(folder, manifest, moments)
    first_s = _first_time_s(folder, manifest)
    shown: list[Block] = [
        Picture(
            f"{moment.time_s:.2f} s, frame {moment.frame}, {moment.model}: {moment.who} {moment.what}.",
            image=image,
            link=overlay_link(folder, moment.model, moment.time_s - first_s),
            link_text="play it",
            wide=False,
        )
        for moment, image in zip(moments, pictures, strict=True)
        if image
    ]
    if not shown:
        return []
    links = any(isinstance(picture, Picture) and picture.link for picture in shown)
    note = _MOMENTS_NOTE + (" The links open the overlay videos that lie beside this file." if links else "")
    return [Section("The worst moments in pictures", [Paragraph(note), *shown])]


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
    with io.TextIOWrapper(
        open_regular(folder.model(next(iter(manifest.models))).frames), encoding="utf-8", newline=""
    ) as file:
        first = next(csv.DictReader(file), None)
    return 0.0 if first is None else float(first["time_s"])


def _how_measured(manifest: Manifest) -> list[str]:
    options, measured = manifest.options, manifest.frames_measured
    taken = "every frame" if options.stride == 1 else f"one frame in {options.stride}"
    lines = [f"{measured} frames were measured ({taken}).", f"Motion: {manifest.motion}."]
    return [*lines, f"The clip was read by {manifest.clip.decoder}."]


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
