"""The page of a report: what `documents.Section` describes, as HTML with its style, its script and its pictures in it.

Every text is escaped by the template engine. The page may load nothing, and run no other script than its own.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from yolact_temporal.temporal.documents import (
    Block,
    Items,
    Links,
    Number,
    Paragraph,
    Picture,
    Section,
    Spread,
    Table,
)
from yolact_temporal.temporal.page.terms import Terms
from yolact_temporal.version import installed_version

_FOLDER = Path(__file__).resolve().parent
_TYPES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}


def as_page(report: Section, meanings: Mapping[str, str], footer: str = "") -> str:
    """Return a report as one HTML document.

    Args:
        report: its title is the page's.
        meanings: what words mean, by word; where one stands, its meaning is a hover, a tap or a tab away.
        footer: the last line.

    Raises:
        ValueError: if a picture is no PNG, JPEG or WebP.

    Example:
        >>> page = as_page(Section("clip <1>", [Paragraph("B1 is 2 px.")]), {"B1": "how far the outline moves"})
        >>> "<h1>clip &lt;1&gt;</h1>" in page, "how far the outline moves" in page
        (True, True)
    """
    style, script = (_read(name) for name in ("report.css", "report.js"))
    terms = Terms(meanings)
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            terms=terms,
            footer=footer,
            style=Markup(style),
            script=Markup(script),
            policy=f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}",
        )
    )


def folded(block: Block) -> Block:
    """Return a section as one that is opened on demand; other blocks as they are."""
    return Section(block.title, block.blocks, folded=True) if isinstance(block, Section) else block


def page_footer(made: str) -> str:
    """Return the last line of a page; `made` is a time in UTC, as ISO 8601, or ""."""
    when = f", {made[:16].replace('T', ' ')} UTC" if made else ""
    return (
        f"yolact-temporal {installed_version()}{when}. This file holds all that it shows and loads nothing."
    )


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests.update(
        {
            "section": lambda block: isinstance(block, Section),
            "paragraph": lambda block: isinstance(block, Paragraph),
            "items": lambda block: isinstance(block, Items),
            "table": lambda block: isinstance(block, Table),
            "picture": lambda block: isinstance(block, Picture),
            "links": lambda block: isinstance(block, Links),
            "text": lambda cell: isinstance(cell, str),
        }
    )
    environment.filters.update({"sort_key": _sort_key, "data_uri": _data_uri, "address": _address})
    return environment


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return what a content security policy calls a style or script that it lets through."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _sort_key(cell: Any) -> str:
    """Return what a column is sorted by: a number, or nothing where it is undefined."""
    value = cell.value if isinstance(cell, Number) else cell.low if isinstance(cell, Spread) else None
    return "" if value is None or not math.isfinite(value) else repr(float(value))


def _data_uri(image: bytes) -> str:
    kind = next((kind for start, kind in _TYPES.items() if image.startswith(start)), None)
    if kind is None:
        raise ValueError(f"expected a picture as PNG, JPEG or WebP, got one that begins with {image[:8]!r}")
    return f"data:{kind};base64,{base64.b64encode(image).decode('ascii')}"


def _address(link: str) -> str:
    """Return a path as an address that can only lead beside the page, whatever the names in it hold."""
    path, mark, place = link.partition("#t=")
    return "./" + quote(path, safe="/") + mark + quote(place, safe=".,")
