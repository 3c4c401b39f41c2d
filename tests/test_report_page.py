"""The report as one HTML file: everything in it, everything escaped, and no fault in a browser."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
from watched_browser import CHROMIUM, WatchedBrowser

from yolact_temporal.temporal.catalogue import definitions
from yolact_temporal.temporal.documents import (
    Items,
    Links,
    Number,
    Paragraph,
    Picture,
    Section,
    Spread,
    Table,
    as_console,
    as_data,
    as_markdown,
)
from yolact_temporal.temporal.page.render import as_page

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&{{ 7*7 }}"
WEBP = cv2.imencode(".webp", np.full((40, 60, 3), 90, np.uint8))[1].tobytes()
TABLE = Table(
    ("object", "pairs", "B1 (px)", "95% interval", "what"),
    [
        ("person #1", Number(4), Number(1.5), Spread(1.0, 2.0), "z"),
        (HOSTILE, Number(30), Number(None), Spread(None, None), "a"),
        ("dog #2", Number(12), Number(0.25), Spread(0.1, 0.3), "m"),
    ],
)
REPORT = Section(
    f"Stability of {HOSTILE}",
    [
        Paragraph(f"{HOSTILE} is steadier: B1 is 2 px.", strong=True),
        Items([HOSTILE, "L(0) and L(1)"]),
        TABLE,
        Picture(HOSTILE, "plots/timeline.png", WEBP),
        Picture(
            "A moment.", image=WEBP, link=f"{HOSTILE}/overlay.mp4#t=1.50", link_text="play it", wide=False
        ),
        Links({HOSTILE: "../a b/report.html"}),
        Section("Folded", [Paragraph("Inside.")], folded=True),
    ],
)


class Elements(HTMLParser):
    """Every element of a page with its attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_names_of_clips_models_and_classes_cannot_be_anything_but_text():
    page = as_page(REPORT, definitions())
    elements = Elements(page)
    assert len(elements.of("script")) == 1
    assert len(elements.of("img")) == 2
    assert not [one for _, own in elements.found for one in own if one.startswith("on")]
    assert "49" not in elements.text.replace("{{ 7*7 }}", "")


def test_the_page_names_nothing_outside_it_but_files_beside_it():
    page = as_page(REPORT, definitions())
    elements = Elements(page)
    sources = [own.get("src") or "" for own in elements.of("img")]
    assert all(source.startswith("data:image/webp;base64,") for source in sources)
    links = [own.get("href") or "" for own in elements.of("a")]
    assert {link for link in links if not link.startswith("#")} == {
        "./%3C/script%3E%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E%22%27%26%7B%7B%207%2A7%20%7D%7D/overlay.mp4#t=1.50",
        "./../a%20b/report.html",
    }
    assert "http:" not in page
    assert "https:" not in page
    (policy,) = [own["content"] for own in elements.of("meta") if own.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_words_of_the_registry_lead_to_their_definition():
    elements = Elements(as_page(REPORT, definitions()))
    ids = {own.get("id") for own in elements.of("dd")}
    terms = [own for own in elements.of("a") if own.get("class") == "term"]
    assert len(terms) >= 4
    assert {f"#{key}" for key in ids} == {own["href"] for own in terms}
    assert definitions()["B1"] in elements.text
    assert definitions()["L(0)"] in elements.text


def test_undefined_values_have_no_sort_key():
    cells = [own["data-key"] for own in Elements(as_page(REPORT, {})).of("td")]
    assert cells == ["4.0", "1.5", "1.0", "", "30.0", "", "", "", "12.0", "0.25", "0.1", ""]


def test_a_picture_that_is_none_is_refused():
    with pytest.raises(ValueError, match="expected a picture as PNG, JPEG or WebP"):
        as_page(Section("a", [Picture("b", image=b"<svg>")]), {})


def test_pictures_and_links_have_their_place_in_every_form():
    assert "timeline.png" not in as_console(REPORT)
    assert "(plots/timeline.png)" in as_markdown(REPORT)
    assert "](../a%20b/report.html)" in as_markdown(REPORT)
    blocks = as_data(REPORT)["blocks"]
    assert {"picture": "plots/timeline.png", "caption": HOSTILE} in blocks
    assert not [block for block in blocks if block.get("picture") == ""]
    assert {"links": {HOSTILE: "../a b/report.html"}} in blocks


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    made = WatchedBrowser()
    yield made
    made.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Open the page at a width; returns it and what it complained of or asked for."""
    file = tmp_path / "report.html"
    file.write_text(as_page(REPORT, definitions()), encoding="utf-8")

    def visit(page):
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url))
        page.goto(file.as_uri())
        said.remove(file.as_uri())
        return said

    return lambda width: (browser.page(viewport={"width": width, "height": 800}), visit)


@pytest.mark.slow
@pytest.mark.parametrize("width", [1440, 420])
def test_the_page_opens_without_a_fault_and_is_no_wider_than_the_window(opened, width):
    context, visit = opened(width)
    with context as page:
        said = [text for text in visit(page) if not text.startswith("data:")]
        assert said == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.title() == f"Stability of {HOSTILE}"
        assert page.evaluate("[...document.images].every(image => image.naturalWidth === 60)")


@pytest.mark.slow
def test_columns_are_sorted_and_words_explained_by_keyboard(opened):
    context, visit = opened(1440)
    with context as page:
        visit(page)
        column = "[...document.querySelectorAll('tbody tr')].map(row => row.cells[{}].textContent)"
        button = page.locator("th button").nth(2)
        button.focus()
        page.keyboard.press("Enter")
        assert page.evaluate(column.format(2)) == ["0.25", "1.5", "undefined"]
        page.keyboard.press("Enter")
        assert page.evaluate(column.format(2)) == ["1.5", "0.25", "undefined"]
        assert page.locator("th").nth(2).get_attribute("aria-sort") == "descending"
        page.locator("th button").nth(4).click()
        assert page.evaluate(column.format(4)) == ["a", "m", "z"]
        page.locator("a.term").first.focus()
        tip = page.locator("#tip")
        assert re.match(r"B1: ", tip.inner_text())
        page.keyboard.press("Escape")
        assert tip.is_hidden()
