"""Names of runs and models: the one rule of what may name a folder that the tool makes."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path

from yolact_temporal.data.files import PART_SUFFIX
from yolact_temporal.data.runs.layout import RESERVED
from yolact_temporal.errors import UsageError

LONGEST = 255
"""Bytes of a name, as file systems have it."""

_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{port}{number}" for port in ("com", "lpt") for number in "0123456789\N{SUPERSCRIPT ONE}²³"]
)
"""What Windows takes for a device, whatever its ending."""


def is_component(name: str) -> bool:
    """Say whether a name is one plain component of a path: it names something in a folder, and never leads out of it.

    Never empty, "." or "..", without separators and control characters, and of at most 255 bytes.

    Example:
        >>> is_component("yolact_compact"), is_component("../elsewhere")
        (True, False)
    """
    return (
        name not in ("", ".", "..")
        and not any(letter in "/\\" for letter in name)
        and name.isprintable()  # a byte that is no text, which Python keeps as half a surrogate, is not either
        and len(name.encode()) <= LONGEST
    )


def is_free(name: str) -> bool:
    """Say whether a name may be given to a new run or model.

    It is a plain component, is not hidden (a dot first), does not end with a dot or space (which Windows drops), and
    is neither a device's name there nor one that a folder of ours holds already.
    """
    folded = folded_name(name)
    return (
        is_component(name)
        and name[0] not in ". "
        and name[-1] not in ". "
        and folded.partition(".")[0].rstrip() not in _DEVICES
        and folded.removesuffix(PART_SUFFIX) not in RESERVED
    )


def require_free(name: str, option: str) -> str:
    """Return a name, or refuse one that a folder of ours cannot have.

    Args:
        name: made from a file's, or given by a user.
        option: what gives another one, such as "--name".

    Raises:
        UsageError: naming the option.

    Example:
        >>> require_free("holiday", "--name")
        'holiday'
        >>> require_free("plots", "--name")
        Traceback (most recent call last):
        yolact_temporal.errors.UsageError: expected a name that a folder of a run can have, got 'plots': give
        another one with --name
    """
    if not is_free(name):
        raise UsageError(
            f"expected a name that a folder of a run can have, got {name!r}: give another one with {option}"
        )
    return name


def clip_name(clip: str) -> str:
    """Return the name of a clip's run folder: the file's name without its ending, or the folder's name.

    Example:
        >>> clip_name("holiday/beach.mp4")
        'beach'
    """
    path = Path(clip)
    if not path.name or path.name in (".", ".."):
        path = path.resolve()
    return path.name if path.is_dir() else path.stem


def folded_name(name: str) -> str:
    """Return a name as a file system sees it that takes capitals, and kinds of composed letters, for the same."""
    return unicodedata.normalize("NFC", name).casefold()


def twice_named(names: Sequence[str]) -> str | None:
    """Return the first name that stands for one folder with another of the names; None where all are apart.

    Example:
        >>> twice_named(["Dog", "cat", "dog"])
        'Dog'
    """
    folded = [folded_name(name) for name in names]
    return next((name for name, own in zip(names, folded, strict=True) if folded.count(own) > 1), None)
