"""What each figure is, in the words of its own contract: looked up in the register of metrics."""

from __future__ import annotations

from yolact_temporal.temporal.catalogue import SUPPORTS, contract_sentence
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.metrics.contract import without_iou

TRUE_OBJECTS = "true_objects"
"""The row of `summary.csv` after which a model's figures against the ground truth stand."""


def headlines() -> dict[str, str]:
    """Return one model's own figures that are shown first, by name, with what the report calls them."""
    return {name: spec.label for name, spec in REGISTRY.headlines().items()}


def compared_headlines() -> list[str]:
    """Return the compared figures that the verdict rests on, or that it must be read beside; no truth is needed."""
    return [name for name, one in REGISTRY.compared().items() if one.headline and not one.needs_truth]


def quality_figures() -> list[str]:
    """Return the compared figures that need a ground truth."""
    return [
        name for name, one in REGISTRY.compared().items() if one.needs_truth and one.support == "universe"
    ]


def compared_label(name: str) -> str:
    """Return a compared figure's name for a reader, its symbol first; the name itself if it is unknown."""
    figure = REGISTRY.compared().get(name)
    return name if figure is None else figure.title.strip()


def label(name: str) -> str:
    """Return the name of a figure of `summary.csv` for a reader: its symbol first, at which IoU it was matched last.

    A figure that is shown first has the name that the report gives it; one that no contract knows its own, in words.
    """
    base, iou = without_iou(name)
    spec = REGISTRY.find(base)
    ending = f", matched at IoU {iou}" if iou else ""
    if spec is None:
        return base.replace("_", " ") + ending
    return (spec.title if spec.headline is None else spec.label) + ending


def definition(name: str) -> str:
    """Return what a figure of any table is, from its contract: meaning, unit, range, direction, undefined, source.

    "" for a name that no contract knows.
    """
    spec = REGISTRY.find(without_iou(name)[0])
    return "" if spec is None else contract_sentence(spec)


def compared_definition(name: str) -> str:
    """Return what a compared figure is and over which pairs it is taken; "" for a name that no contract knows."""
    figure = REGISTRY.compared().get(name)
    return "" if figure is None else f"{contract_sentence(figure.spec)} {SUPPORTS[figure.support]}"


def direction(name: str) -> str:
    """Return which way a figure of any table is better; "" for a name that no contract knows."""
    spec = REGISTRY.find(without_iou(name)[0])
    return "" if spec is None else spec.better
