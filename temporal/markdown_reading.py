"""A report of ours, read again: Markdown as `documents.as_markdown` writes it, as the `Section` that it was made of."""

from __future__ import annotations

import re

from yolact_temporal.temporal.documents import Block, Items, Paragraph, Section, Table

_CELL_END = re.compile(r"(?<!\\) \| ")


def read_markdown(text: str) -> Section:
    r"""Return the section that a report shows; numbers come back as text, and pictures are left out.

    Args:
        text: Markdown as `as_markdown` writes it.

    Example:
        >>> section = read_markdown("# clip\n\n2 frames.\n\n## Objects\n\n| who | px |\n|---|---|\n| a | 1.5 |\n")
        >>> section.title, section.blocks[0], section.blocks[1].blocks[0].rows
        ('clip', Paragraph(text='2 frames.', strong=False), [['a', '1.5']])
    """
    root: list[Block] = []
    open_sections: list[tuple[int, str, list[Block]]] = [(0, "", root)]

    def close(level: int) -> None:
        while open_sections[-1][0] >= level:
            _, title, blocks = open_sections.pop()
            open_sections[-1][2].append(Section(title, blocks))

    for part in text.split("\n\n"):
        part = part.strip("\n")
        mark, _, rest = part.partition(" ")
        if mark and not mark.strip("#"):
            close(len(mark))
            open_sections.append((len(mark), rest, []))
        elif (block := _block(part)) is not None:
            open_sections[-1][2].append(block)
    close(1)
    sections = [block for block in root if isinstance(block, Section)]
    return sections[0] if sections else Section("", root)


def _block(part: str) -> Block | None:
    if not part or part.startswith("!["):
        return None
    lines = part.split("\n")
    if part.startswith("| "):
        heads, _, *rows = (_cells(line) for line in lines)
        return Table(heads, [row for row in rows if len(row) == len(heads)])
    if all(line.startswith("- ") for line in lines):
        return Items([line[2:] for line in lines])
    if part.startswith("**") and part.endswith("**"):
        return Paragraph(part[2:-2], strong=True)
    return Paragraph(part)


def _cells(line: str) -> list[str]:
    inner = line.removeprefix("| ").removesuffix(" |")
    return [cell.replace("\\|", "|") for cell in _CELL_END.split(inner)]
