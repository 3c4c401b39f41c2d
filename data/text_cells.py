"""Text in the cells of a CSV table, which a spreadsheet must show and not compute.

A spreadsheet takes a cell that begins with = + - @ (or a tab or line break) for a formula, which may run a program or
send what lies beside it elsewhere: names of clips, models and classes come from anywhere. Such text is written with an
apostrophe before it, as one types it into a spreadsheet, and read without it.
"""

from __future__ import annotations

import re

_COMPUTED = re.compile(r"'*[=+\-@\t\r\n]")
"""What would be computed; with apostrophes before it, what would not come back as it was."""


def text_cell(text: str) -> str:
    """Return text as it is written into a cell."""
    return f"'{text}" if _COMPUTED.match(text) else text


def text_of_cell(cell: str) -> str:
    """Return what a cell says, as it was before `text_cell`; a number is never changed."""
    return cell[1:] if cell[:1] == "'" and _COMPUTED.match(cell[1:]) else cell
