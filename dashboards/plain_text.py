"""Text from files, shown as it is: Streamlit reads labels and texts as Markdown, and a clip may be called anything."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~$:&^=-])")
_LINE = re.compile(r"^(\s*\d+)([.)])")


def plain(text: object) -> str:
    """Return text with everything that Markdown, HTML, LaTeX or an emoji code could read into it made harmless.

    Line breaks and other control characters become spaces; None becomes "".
    """
    if text is None:
        return ""
    one_line = "".join(letter if letter.isprintable() else " " for letter in str(text))
    return _LINE.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", one_line))
