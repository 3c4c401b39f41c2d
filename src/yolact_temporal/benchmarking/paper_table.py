"""Table 1 of the YOLACT paper on this machine: how many frames a second each published model does, and its mask AP.

The paper (Bolya et al., arXiv 1904.02689) has it of a Titan Xp and COCO's test-dev images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from yolact_temporal.benchmarking.evaluations import Evaluation
from yolact_temporal.errors import UsageError
from yolact_temporal.temporal.documents import (
    Cell,
    Number,
    Paragraph,
    Section,
    Table,
    as_console,
)
from yolact_temporal.yolact.classes import COCO_CLASSES
from yolact_temporal.yolact.config import PRESETS, YolactConfig
from yolact_temporal.yolact.families import find_variant

SPEEDS: Mapping[str, str] = {
    "forward": "the network alone",
    "segment": "a frame in, masks out",
    "analyze": "a video file in, masks, tables and overlay out",
}
"""What is timed, by its name in the figures of `run_benchmark`."""
PRECISIONS = ("AP", "AP50", "AP75")
"""What the paper gives of masks."""


def table_models() -> list[str]:
    """Return the models of the paper's table: every YOLACT preset that was published for COCO.

    Example:
        >>> table_models()[:3]
        ['yolact_base', 'yolact_im400', 'yolact_im700']
    """
    return [name for name, config in PRESETS.items() if config.class_names == COCO_CLASSES]


def paper_table(figures: Mapping[str, Any], evaluations: Sequence[Evaluation] = ()) -> list[dict[str, Any]]:
    """Return the table's rows as data.

    Args:
        figures: as `run_benchmark` returns them.
        evaluations: what is known of AP, of any models.

    Returns:
        One row a model: "model", "backbone" and "input_size" (None where not known), "weights", "forward_fps",
        "segment_fps" and "analyze_fps" in frames a second, and "AP", "AP50" and "AP75" of masks, fractions of 1, None
        where the model was not evaluated.
    """
    known = {one.model: one.figures["segm"] for one in evaluations}
    return [
        {
            "model": name,
            **_network(name),
            "weights": own["weights"],
            **{f"{what}_fps": 1e3 / own[f"{what}_ms"] for what in SPEEDS},
            **{precision: known.get(name, {}).get(precision) for precision in PRECISIONS},
        }
        for name, own in figures["models"].items()
    ]


def _network(name: str) -> dict[str, Any]:
    """Return the backbone and the input of a model of ours; of another nothing is known."""
    try:
        config = find_variant(name).entry.config
    except UsageError:
        return {"backbone": None, "input_size": None}
    backbone = config.backbone.title if isinstance(config, YolactConfig) else None
    return {"backbone": backbone, "input_size": getattr(config, "input_size", None)}


def format_paper_table(
    figures: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], evaluations: Sequence[Evaluation] = ()
) -> str:
    """Return the table for the terminal; AP stands in it where there are evaluations.

    Args:
        figures: as `run_benchmark` returns them.
        rows: as `paper_table` makes them.
        evaluations: those of the rows.
    """
    height, width = figures["frame_size"]
    said = [
        f"Frames a second on {figures['device']} ({figures['threads']} threads), {figures['precision']}, one frame at "
        f"a time, on {width}x{height}; median of rounds of {figures['frames']} frames "
        f"each, {figures['rounds']} in all.",
        *(f"{what}: {words}." for what, words in SPEEDS.items()),
        *_remarks(rows, evaluations),
    ]
    heads = ["model", "backbone", "input", *(f"{what} fps" for what in SPEEDS)]
    heads += [*(f"mask {precision}" for precision in PRECISIONS)] if evaluations else []
    cells: list[list[Cell]] = [
        [
            str(row["model"]),
            row["backbone"] or "",
            str(row["input_size"] or ""),
            *(Number(row[f"{what}_fps"], ".3g") for what in SPEEDS),
            *(_precision(row, precision) for precision in (PRECISIONS if evaluations else ())),
            f"{row['weights']} weights",
        ]
        for row in rows
    ]
    table = Table([*heads, ""], cells)
    return as_console(Section("Table 1 of the YOLACT paper, on this machine", [table, *map(Paragraph, said)]))


def _precision(row: Mapping[str, Any], name: str) -> Cell:
    return "" if row[name] is None else Number(100 * row[name], ".1f")


def _remarks(rows: Sequence[Mapping[str, Any]], evaluations: Sequence[Evaluation]) -> Iterator[str]:
    if any(row["weights"] == "random" for row in rows):
        yield (
            "Random weights, where a model's own are not on this machine: the network takes the same time, but what "
            "follows it has other masks to handle."
        )
    if evaluations:
        yield "AP in hundredths, as evaluated before; nothing where a model was not."
    strange = [one.model for one in evaluations if one.model not in {row["model"] for row in rows}]
    if strange:
        yield f"Evaluated, but not timed: {', '.join(strange)}."
