"""What MkDocs adds to the pages of docs/: those that live elsewhere in the repository, beside what they describe.

README.md is the home page. Links are written as they work in the repository, so that a page reads right there too,
and are turned to the site's own here. Where a page still waits for a measured figure, the build names the place.
"""

from __future__ import annotations

import logging
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "index.md": "README.md",
        "changelog.md": "CHANGELOG.md",
        "model-card.md": "yolact/weights/compact_models.md",
        "photograph-credits.md": "data/photographs/CREDITS.md",
    }
)
"""Pages of the site by the file of the repository that each is made from."""

_ROOT = Path(__file__).resolve().parent.parent
_LINK = re.compile(r"(\]\()([^)#\s]+\.(?:md|png|jpg))((?:#[^)\s]*)?\))")
_UNFILLED = re.compile(r"<!-- fill: (.+?) -->")
_log = logging.getLogger("mkdocs.plugins.docs_pages")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that live elsewhere."""
    for page, source in ELSEWHERE.items():
        files.append(File.generated(config, page, abs_src_path=str(_ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn the repository's links to the site's."""
    uri = page.file.src_uri
    for what in _UNFILLED.findall(markdown):
        _log.info("%s still waits for: %s", uri, what)
    return site_links(markdown, ELSEWHERE.get(uri, f"docs/{uri}"))


def site_links(markdown: str, source: str) -> str:
    """Return a page with its links to files of the repository as links between pages of the site.

    A link to a file that is no page of the site is left as it is, and the strict build refuses it.

    Args:
        markdown: the page's text.
        source: the file it is from, such as "docs/method.md".

    Example:
        >>> site_links("[a](docs/method.md#proof), [b](CHANGELOG.md)", "README.md")
        '[a](method.md#proof), [b](changelog.md)'
        >>> site_links("[c](../README.md), [d](glossary.md), [e](https://example.org/a.md)", "docs/method.md")
        '[c](index.md), [d](glossary.md), [e](https://example.org/a.md)'
    """
    pages = {file: page for page, file in ELSEWHERE.items()}

    def turned(link: re.Match[str]) -> str:
        before, target, after = link.groups()
        if "://" in target:
            return link[0]
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        return before + pages.get(file, file.removeprefix("docs/")) + after

    return _LINK.sub(turned, markdown)
