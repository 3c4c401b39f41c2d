"""What was measured on a GPU, as a table for the docs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from yolact_temporal.benchmarking.network_table import told

PUBLISHED_FPS: Mapping[str, float] = MappingProxyType(
    {"yolact_base": 33.5, "yolact_resnet50": 42.5, "yolact_plus_resnet50": 33.5}
)
"""Frames a second that the authors give, on a Titan Xp, one frame at a time (arXiv 1904.02689, 1912.06218)."""
PUBLISHED_RATIO = 3.9
"""Times as fast as Mask R-CNN that the paper gives YOLACT, both on ResNet-101."""
ANALYZE_TARGET = 1.15
"""Times the forward pass that the whole of analyze is to take on a GPU."""


def gpu_table(figures: Mapping[str, Any]) -> str:
    """Return the figures of `gpu_check` as Markdown, with what was left out; of a step that was not taken nothing."""
    where = figures["machine"]
    height, width = where["frame_size"]
    lines = [
        f"On {where['name']} ({where['device']}, PyTorch {where['torch']}), frames of {width}x{height}.",
        "",
        *_speeds(figures.get("speed") or []),
        *_ratio(figures.get("speed") or []),
        *_analyzed(figures.get("analyze") or {}),
        *_masks(figures.get("equal_masks") or {}),
    ]
    if tests := figures.get("tests"):
        lines += [f"- Tests that take a device: {tests['summary']}"]
    lines += [f"- Left out: {one['what']} ({one['why']})." for one in figures["left_out"]]
    return "\n".join(lines) + "\n"


def _speeds(rows: list[dict[str, Any]]) -> Iterator[str]:
    if not rows:
        return
    yield "Frames a second of the network alone, and from frames to masks on the host:"
    yield ""
    yield "| model | precision | batch | network | frames to masks | peak MiB | published |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        published = PUBLISHED_FPS.get(row["model"]) if row["batch"] == 1 else None
        memory = row["peak_memory_mib"]
        cells = (
            row["model"] + (" (random weights)" if row["weights"] == "random" else ""),
            row["precision"],
            str(row["batch"]),
            f"{row['forward_fps']:.1f}",
            f"{row['frames_to_masks_fps']:.1f}",
            "" if memory is None else f"{memory:.0f}",
            "" if published is None else f"{published}",
        )
        yield f"| {' | '.join(cells)} |"
    yield ""


def _ratio(rows: list[dict[str, Any]]) -> Iterator[str]:
    speed = {
        row["model"]: row["forward_fps"] for row in rows if (row["batch"], row["precision"]) == (1, "float32")
    }
    if {"yolact_resnet50", "mask_rcnn_resnet50_fpn"} <= speed.keys():
        ratio = speed["yolact_resnet50"] / speed["mask_rcnn_resnet50_fpn"]
        yield (
            f"- YOLACT on ResNet-50 is {ratio:.2f} times as fast as Mask R-CNN on ResNet-50 (published: "
            f"{PUBLISHED_RATIO}, ResNet-101)."
        )


def _analyzed(timed: dict[str, Any]) -> Iterator[str]:
    for name, own in timed.items():
        yield (
            f"- The whole of analyze with {name}: {own['analyze_ms']:.1f} ms a frame; over its forward pass of "
            f"{own['forward_ms']:.1f} ms: {told(own['ratio']['wall'])} (target: {ANALYZE_TARGET})."
        )


def _masks(compared: dict[str, Any]) -> Iterator[str]:
    for name, own in compared.items():
        box = "" if own["box_px_max"] is None else f", boxes to {own['box_px_max']:.3f} px"
        yield (
            f"- {name}: {own['matched']} of {own['instances'][0]} instances as on the CPU, "
            f"{100 * own['same_pixels']:.4f}% of their pixels{box}."
        )
