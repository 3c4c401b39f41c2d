"""A section as a piece of HTML, to stand in a page that is not ours, as a notebook's."""

from __future__ import annotations

from html import escape

from yolact_temporal.temporal.documents import Block, Items, Paragraph, Section, Table


def as_fragment(section: Section) -> str:
    """Return a section as HTML without a style of its own but for the columns of tables; pictures are left out.

    Example:
        >>> as_fragment(Section("a < b", [Paragraph("2 frames.", strong=True)]))
        '<div><p><strong>a &lt; b</strong></p><p><strong>2 frames.</strong></p></div>'
    """
    body = "".join(map(_html, section.blocks))
    return f"<div><p><strong>{escape(section.title)}</strong></p>{body}</div>"


def _html(block: Block) -> str:
    if isinstance(block, Section):
        return as_fragment(block)
    if isinstance(block, Paragraph):
        text = escape(block.text)
        return f"<p>{f'<strong>{text}</strong>' if block.strong else text}</p>"
    if isinstance(block, Items):
        return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in block.texts)}</ul>"
    if isinstance(block, Table):
        rows = "".join(
            f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in block.rows
        )
        heads = "".join(f"<th>{escape(head)}</th>" for head in block.heads)
        head = f"<thead><tr>{heads}</tr></thead>" if any(block.heads) else ""
        return f"<table>{head}<tbody>{rows}</tbody></table>"
    return ""
