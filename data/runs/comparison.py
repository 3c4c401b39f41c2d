"""`comparison.json`: what a comparison of models says, in a run or in a folder that `compare` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolact_temporal.data.runs.documents import (
    ADVICE,
    TOOL,
    FieldError,
    Fields,
    read_whole,
    versioned,
    write_versioned,
)
from yolact_temporal.data.runs.layout import COMPARISON_DATA
from yolact_temporal.errors import InputError

VERSION = 1
_WHAT = "a comparison"


@dataclass(frozen=True)
class ComparedPair:
    """What a comparison says of two models.

    Attributes:
        models: the two names; differences are first minus second.
        steadier: the steadier one; None where it is undecided.
        verdict: the same as in the table: "undecided", or who is steadier.
        sentence: the same in one sentence, with what it rests on or why there is none.
        reasons: why it is undecided, a phrase each.
        scope: what was compared, what was left out, what the intervals speak of, a sentence each.
    """

    models: tuple[str, str]
    steadier: str | None
    verdict: str
    sentence: str
    reasons: tuple[str, ...]
    scope: tuple[str, ...]


@dataclass(frozen=True)
class ComparisonData:
    """A comparison.

    Attributes:
        title: the clip's name; "" for several.
        pairs: every two models.
        remarks: what a reader should know of how it was made, a sentence each.
    """

    title: str
    pairs: tuple[ComparedPair, ...]
    remarks: tuple[str, ...]


def write_comparison_data(folder: Path, document: Mapping[str, Any]) -> None:
    """Write `comparison.json` into a folder, whole or not at all."""
    write_versioned(folder / COMPARISON_DATA, VERSION, document)


def read_comparison_data(folder: Path) -> ComparisonData | None:
    """Return what the `comparison.json` in a folder says; None where there is none, as older versions left it.

    Raises:
        InputError: if it cannot be read, lacks or garbles something, is another program's, or of a newer version.
    """
    path = folder / COMPARISON_DATA
    text = read_whole(path, _WHAT)
    if text is None:
        return None
    data, version = versioned(text, path, _WHAT)
    if version > VERSION:
        raise InputError(
            f"expected a comparison of format version {VERSION} or older in {path}, got {version}: update "
            f"yolact-temporal"
        )
    try:
        top = Fields(data)
        if top.text("tool") != TOOL:
            raise FieldError("'tool', which another program wrote")
        pairs = tuple(_pair(Fields(own, "comparisons")) for own in top.items("comparisons"))
        return ComparisonData(top.text("title", ""), pairs, top.texts("remarks"))
    except FieldError as error:
        raise InputError(
            f"expected {_WHAT} in {path}, got one that lacks or garbles {error}: {ADVICE}"
        ) from error


def _pair(pair: Fields) -> ComparedPair:
    models = pair.texts("models")
    if len(models) != 2:
        raise FieldError("comparisons.models")
    return ComparedPair(
        models=(models[0], models[1]),
        steadier=pair.text("steadier") if pair.has("steadier") else None,
        verdict=pair.text("verdict"),
        sentence=pair.text("sentence"),
        reasons=pair.texts("reasons"),
        scope=pair.texts("scope"),
    )
