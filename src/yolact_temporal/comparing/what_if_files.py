"""What `what-if` says of finished runs: for a reader, as data, and as files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from yolact_temporal.comparing.comparable_runs import run_folders
from yolact_temporal.comparing.what_if import WhatIfResult
from yolact_temporal.data.files import atomic_write, results_in
from yolact_temporal.data.runs.claim import claim_files, has_header
from yolact_temporal.data.runs.guard import require_outside_inputs
from yolact_temporal.data.runs.layout import (
    WHAT_IF,
    WHAT_IF_FILES,
    WHAT_IF_PICTURE,
    WHAT_IF_TEXT,
)
from yolact_temporal.data.runs.manifest import read_manifest
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.documents import Block, Items, Section, as_data, as_markdown
from yolact_temporal.temporal.report import CsvTable, Row
from yolact_temporal.temporal.stabilizing.what_if_csv import WHAT_IF_COLUMNS, what_if_rows
from yolact_temporal.temporal.stabilizing.what_if_plot import plot_what_if
from yolact_temporal.temporal.stabilizing.what_if_text import model_what_if


def claim_what_if(folder: Path, paths: Sequence[Path], ground_truth: Path | None = None) -> None:
    """Make sure that the tables may be written into a folder, before anything is measured.

    Raises:
        UsageError: if it lies in a run, a clip or the true masks, or holds a file of another program.
    """
    inputs = [] if ground_truth is None else [ground_truth]
    for run in run_folders(paths)[0]:
        with suppress(InputError):  # such a run is left out, and nothing is known of what it was made from
            manifest = read_manifest(run.path)
            inputs += [] if manifest is None else manifest.inputs
    require_outside_inputs(folder, "a folder for tables", inputs)
    head = [column.name for column in WHAT_IF_COLUMNS[:6]]
    claim_files(
        folder, WHAT_IF_FILES, lambda own: has_header(own / WHAT_IF, head), "pass another folder to --out"
    )


def what_if_report(result: WhatIfResult) -> Section:
    """Return what stabilisers would gain and cost, for a reader."""
    blocks: list[Block] = [
        model_what_if(model, own.clips, own.causal, own.look_ahead, result.on_truth)
        for model, own in result.models.items()
    ]
    blocks += [Items(result.remarks)] if result.remarks else []
    return Section("What would steady these masks", blocks)


def what_if_document(result: WhatIfResult) -> dict[str, Any]:
    """Return the same as data, for `--json`."""
    recommended = {
        model: {
            kind: None if own.best is None else own.best.final.name
            for kind, own in (("causal", each.causal), ("look_ahead", each.look_ahead))
        }
        for model, each in result.models.items()
    }
    return {"recommended": recommended, "report": as_data(what_if_report(result))}


def write_what_if(result: WhatIfResult, folder: Path, plot: bool = True) -> None:
    """Write what_if.csv, what_if.md and, if asked for, what_if.png into a folder."""
    with results_in(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with CsvTable(folder / WHAT_IF, WHAT_IF_COLUMNS) as table:
            for rows in _rows(result):
                table.write_all(rows)
        with atomic_write(folder / WHAT_IF_TEXT) as file:
            file.write(as_markdown(what_if_report(result)))
        if plot:
            shown = {model: (own.clips, (own.causal, own.look_ahead)) for model, own in result.models.items()}
            plot_what_if(shown, result.bounds, folder / WHAT_IF_PICTURE, "What would steady these masks")


def _rows(result: WhatIfResult) -> Iterator[Iterator[Row]]:
    for model, own in result.models.items():
        for clip, figures in own.clips.items():
            yield what_if_rows(clip, model, figures, (own.causal, own.look_ahead))
