"""`report.html` of a comparison of runs: the answers, a row a clip, and the way to each clip's own report."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from yolact_temporal.data.files import atomic_write, results_in
from yolact_temporal.data.runs.layout import COMPARISON_PICTURE, REPORT_PAGE, RunFolder
from yolact_temporal.data.runs.manifest import read_manifest
from yolact_temporal.temporal.catalogue import definitions
from yolact_temporal.temporal.documents import Block, Links, Paragraph, Section
from yolact_temporal.temporal.page.pictures import plot_pictures
from yolact_temporal.temporal.page.render import as_page, folded, page_footer

TOLD_PAIRS = 4
"""Of more sections each is opened on demand."""


def write_comparison_page(
    folder: Path, first: Section, details: Section, runs: Sequence[RunFolder], command: str = ""
) -> None:
    """Write the page of a comparison into its folder, in which its picture lies already.

    Args:
        folder: the comparison's.
        first: what a reader sees at once; its title is the page's.
        details: every figure, below, folded.
        runs: the run folders that were compared.
        command: what was typed to compare them; "" where it was done otherwise.
    """
    pictures = plot_pictures(folder, [folder / COMPARISON_PICTURE])
    there = [run for run in runs if run.page.is_file()]
    links = {_clip_name(run): os.path.relpath(run.page, folder) for run in there}
    # Of many pairs of models one picture tells more than all answers one after the other.
    many = sum(isinstance(block, Section) for block in first.blocks) > TOLD_PAIRS
    picture = [Section("Picture", pictures)] if pictures else []
    blocks: list[Block] = [
        *(picture if many else []),
        *(folded(block) if many else block for block in first.blocks),
        *([] if many else picture),
        *([Section("Each clip's own report", [Links(links)])] if links else []),
        folded(details),
        *(
            [Section("How to reproduce it", [Paragraph(f"Command: {command}")], folded=True)]
            if command
            else []
        ),
    ]
    made = datetime.now(UTC).isoformat(timespec="seconds")
    with results_in(folder), atomic_write(folder / REPORT_PAGE) as file:
        file.write(as_page(Section(first.title, blocks), definitions(), page_footer(made)))


def _clip_name(run: RunFolder) -> str:
    manifest = read_manifest(run.path)
    return run.path.name if manifest is None else manifest.name
