"""`comparison.json`: what a comparison of models says, in a run or in a folder that `compare` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolact_temporal.data.runs.answers import Verdict, read_verdict
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

VERSION = 2
"""1: which model is steadier, or why that was undecided; 2: the answers to each question, and guards."""
_WHAT = "a comparison"


@dataclass(frozen=True)
class ComparedPair:
    """What a comparison says of two models.

    Attributes:
        models: the two names; differences are first minus second.
        steadier: the model that may be called steadier without reserve; None where there is none.
        verdict: the same in a few words, as in the table.
        sentence: the headline, with what speaks against it and what is not known.
        scope: what was compared, what was left out, what the intervals speak of, a sentence each.
        answers: each question's answer, the guards and the rules they were made by; None of an older version, which
            had a verdict and a sentence only.
    """

    models: tuple[str, str]
    steadier: str | None
    verdict: str
    sentence: str
    scope: tuple[str, ...]
    answers: Verdict | None = None


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
            f"expected {_WHAT} in {path}, got one with a missing or invalid value ({error}): {ADVICE}"
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
        scope=pair.texts("scope"),
        answers=read_verdict(pair.fields("answers")) if pair.has("answers") else None,
    )
