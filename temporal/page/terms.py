"""Words of a report that have a definition: found in its texts, and led to it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from markupsafe import Markup, escape


class Terms:
    """Marks the words that have a definition, and remembers which ones occurred.

    Args:
        meanings: by word.

    Example:
        >>> terms = Terms({"B1": "how far the outline moves", "C1": "how often it blinks"})
        >>> print(terms.marked("B1 < 2 px, and B1x"))
        <a class="term" href="#term-1" aria-describedby="term-1">B1</a> &lt; 2 px, and B1x
        >>> terms.used
        [('term-1', 'B1', 'how far the outline moves')]
    """

    def __init__(self, meanings: Mapping[str, str]) -> None:
        self._meanings = {word.strip(): meaning for word, meaning in meanings.items()}
        self._ids: dict[str, str] = {}
        longest = sorted(self._meanings, key=len, reverse=True)
        words = "|".join(map(re.escape, longest)) or r"(?!)"
        self._words = re.compile(rf"(?<![\w.]){'(?:' + words + ')'}(?!\w)")

    @property
    def used(self) -> list[tuple[str, str, str]]:
        """The (id, word, definition) of every word marked so far, in the order in which they came."""
        return [(key, word, self._meanings[word]) for word, key in self._ids.items()]

    def marked(self, text: str) -> Markup:
        """Return a text as HTML, each word that has a definition a link to it where it first stands."""
        parts, at, seen = [Markup()], 0, set[str]()
        for found in self._words.finditer(text):
            word = found[0]
            if word in seen:
                continue
            seen.add(word)
            key = self._ids.setdefault(word, f"term-{len(self._ids) + 1}")
            link = Markup('<a class="term" href="#{0}" aria-describedby="{0}">{1}</a>').format(key, word)
            parts += [escape(text[at : found.start()]), link]
            at = found.end()
        return Markup().join([*parts, escape(text[at:])])
