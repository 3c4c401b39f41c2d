"""A report described once, and rendered for the terminal, as Markdown and as data for JSON.

A report is a `Section`: a title and blocks, which are paragraphs, lists, tables, pictures and further sections. Whoever
reports describes what is to be said; only the renderers know how it looks: those here, and `page` for HTML.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

UNDEFINED = "undefined"
"""How a value that is not defined reads; as data it is None. Never 0."""


@dataclass(frozen=True)
class Number:
    """A figure in a table: the value itself as data, shortened for a reader.

    Attributes:
        value: None where it is undefined.
        format: how it reads, as for `format`.
        unit: written behind it; "" for none.
    """

    value: float | None
    format: str = ".4g"
    unit: str = ""

    def __str__(self) -> str:
        if self.value is None:
            return UNDEFINED
        return f"{self.value:{self.format}} {self.unit}".rstrip()


@dataclass(frozen=True)
class Spread:
    """An interval in a table; nothing where there is none."""

    low: float | None
    high: float | None
    format: str = ".3g"

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return ""
        return f"{self.low:{self.format}} to {self.high:{self.format}}"


Cell = str | Number | Spread


@dataclass(frozen=True)
class Paragraph:
    """A sentence or more; `strong` for the one that a reader should not miss."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Items:
    """A list of short texts."""

    texts: Sequence[str]


@dataclass(frozen=True)
class Table:
    """A table with a head; its first column says what a row is of.

    Attributes:
        heads: one a column.
        rows: cells, as many a row as there are heads.
        keys: names of the columns as data; the heads if empty.
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    keys: Sequence[str] = ()

    def __post_init__(self) -> None:
        widths = {len(row) for row in self.rows} | {len(self.heads)}
        if len(widths) > 1 or len(self.keys) not in (0, len(self.heads)):
            raise ValueError(
                f"expected rows of {len(self.heads)} cells, as there are heads, got {sorted(widths)}"
            )


@dataclass(frozen=True)
class Picture:
    """A picture with a caption, which the terminal leaves out.

    Attributes:
        caption: what it shows, also for those who do not see it.
        file: its path from the report's folder; "" for a picture that is in no file, which only a page can show.
        image: the picture itself as a WebP, JPEG or PNG; empty to leave it out of a page.
        link: where a click leads, from the report's folder; "" for nowhere.
        link_text: what the link is called.
        wide: whether it takes the whole width, as a plot does; else it stands beside others.
    """

    caption: str
    file: str = ""
    image: bytes = field(default=b"", repr=False)
    link: str = ""
    link_text: str = ""
    wide: bool = True


@dataclass(frozen=True)
class Links:
    """Files that belong to a report, which the terminal leaves out.

    Attributes:
        targets: by what they are called, their paths from the report's folder.
    """

    targets: Mapping[str, str]


@dataclass(frozen=True)
class Section:
    """A title and what stands under it.

    Attributes:
        title: its heading.
        blocks: in order.
        folded: whether a page shows its heading only, until it is opened.
    """

    title: str
    blocks: Sequence[Block] = field(default=())
    folded: bool = False


Block = Paragraph | Items | Table | Picture | Links | Section


def as_console(section: Section, indent: int = 0, width: int | None = None, spaced: bool = True) -> str:
    """Return a section as plain text: titles, indented blocks, columns in line.

    Args:
        section: what to show.
        indent: blanks before every line.
        width: text is broken into lines of at most so many characters; tables are not. None for no break.
        spaced: whether an empty line stands before a section in this one.

    Example:
        >>> print(as_console(Section("clip", [Paragraph("2 frames."), Table(["", "px"], [["B1", Number(1.5)]])])))
        clip
          2 frames.
               px
          B1  1.5
    """
    margin = " " * indent
    lines = [f"{margin}{section.title}"]
    for block in section.blocks:
        if isinstance(block, Section):
            lines += [""] if spaced else []
            lines.append(as_console(block, indent + 2, width, spaced))
        elif not isinstance(block, Picture | Links):
            room = None if width is None else width - indent - 2
            lines += [f"{margin}  {line}" if line else "" for line in _console_lines(block, room)]
    return "\n".join(lines)


def _console_lines(block: Paragraph | Items | Table, width: int | None) -> list[str]:
    if isinstance(block, Paragraph):
        return _broken(block.text, width)
    if isinstance(block, Items):
        return [line for text in block.texts for line in _broken(text, width, "- ")]
    rows = [list(block.heads), *([str(cell) for cell in row] for row in block.rows)]
    if not any(block.heads):
        del rows[0]
    widths = [max(len(row[column]) for row in rows) for column in range(len(block.heads))] if rows else []
    right = [all(not isinstance(row[i], str) for row in block.rows) for i in range(len(block.heads))]
    return ["  ".join(_placed(row, widths, right)).rstrip() for row in rows]


def _broken(text: str, width: int | None, bullet: str = "") -> list[str]:
    """Return text in lines of a width, those after the first under the text of the first; a long word stays whole."""
    if width is None:
        return [f"{bullet}{text}"]
    lines = textwrap.wrap(
        text,
        max(width, 20),
        initial_indent=bullet,
        subsequent_indent=" " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines or [bullet.rstrip()]


def _placed(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> list[str]:
    """Return the cells of one line in columns, numbers to the right."""
    return [
        cell.rjust(width) if number else cell.ljust(width)
        for cell, width, number in zip(row, widths, right, strict=True)
    ]


def as_markdown(section: Section, level: int = 1) -> str:
    """Return a section as Markdown, its title a heading of the given level; ends with a line break.

    Example:
        >>> print(as_markdown(Section("clip", [Table(["figure", "px"], [["B1", Number(None)]])])), end="")
        # clip
        <BLANKLINE>
        | figure | px |
        |---|---|
        | B1 | undefined |
    """
    parts = [f"{'#' * level} {section.title}"]
    for block in section.blocks:
        if isinstance(block, Section):
            parts.append(as_markdown(block, level + 1).rstrip("\n"))
        elif isinstance(block, Paragraph):
            parts.append(f"**{block.text}**" if block.strong else block.text)
        elif isinstance(block, Items):
            parts.append("\n".join(f"- {text}" for text in block.texts))
        elif isinstance(block, Picture):
            parts.append(f"![{block.caption}]({quote(block.file)})" if block.file else "")
        elif isinstance(block, Links):
            parts.append("\n".join(f"- [{text}]({quote(path)})" for text, path in block.targets.items()))
        else:
            parts.append("\n".join(_markdown_rows(block)))
    return "\n\n".join(part for part in parts if part) + "\n"


def _markdown_rows(table: Table) -> list[str]:
    rows = [[str(cell).replace("|", "\\|") for cell in row] for row in (table.heads, *table.rows)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], "|" + "---|" * len(table.heads), *lines[1:]]


def as_data(section: Section) -> dict[str, Any]:
    """Return a section as what JSON can hold: numbers as numbers, undefined ones as None.

    Example:
        >>> as_data(Section("clip", [Table(["figure", "px"], [["B1", Number(1.5)]])]))
        {'title': 'clip', 'blocks': [{'table': [{'figure': 'B1', 'px': 1.5}]}]}
    """
    shown = [block for block in section.blocks if not isinstance(block, Picture) or block.file]
    return {"title": section.title, "blocks": [_block_data(block) for block in shown]}


def _block_data(block: Block) -> dict[str, Any]:
    if isinstance(block, Section):
        return as_data(block)
    if isinstance(block, Paragraph):
        return {"text": block.text}
    if isinstance(block, Items):
        return {"items": list(block.texts)}
    if isinstance(block, Picture):
        return {"picture": block.file, "caption": block.caption}
    if isinstance(block, Links):
        return {"links": dict(block.targets)}
    keys = block.keys or block.heads
    return {"table": [dict(zip(keys, map(_cell_data, row), strict=True)) for row in block.rows]}


def _cell_data(cell: Cell) -> str | float | Mapping[str, float | None] | None:
    if isinstance(cell, Number):
        return cell.value
    if isinstance(cell, Spread):
        return {"low": cell.low, "high": cell.high}
    return cell
