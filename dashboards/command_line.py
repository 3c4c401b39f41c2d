"""The command line as a process of its own: how it is started, and what it says where it fails."""

from __future__ import annotations

import sys

_SAID = "yolact-temporal: "


def program() -> list[str]:
    """Return what starts the command line, up to its subcommand."""
    return [sys.executable, "-m", __name__.partition(".")[0]]


def own_sentence(text: str) -> str | None:
    r"""Return the last sentence that the command line itself says in what a process printed; None where it says none.

    Example:
        >>> own_sentence("10%\nyolact-temporal: expected a clip, got none\n"), own_sentence("Killed")
        ('expected a clip, got none', None)
    """
    said = [line for line in text.splitlines() if line.startswith(_SAID)]
    return said[-1].removeprefix(_SAID) if said else None
