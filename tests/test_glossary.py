"""The glossary has every symbol of the metrics, in one alphabetical list, and names files and folders that exist."""

import re
from pathlib import Path

import pytest

from yolact_temporal.temporal.metrics import REGISTRY

ROOT = Path(__file__).parent.parent
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ENTRIES = re.findall(r"^- \*\*(.+?)\*\*: .*\.(?: \(`(.+?)`\))?$", GLOSSARY, re.MULTILINE)
TERMS = [term for term, _ in ENTRIES]


def test_every_entry_is_read_and_they_stand_in_alphabetical_order():
    assert len(ENTRIES) == len(re.findall("^- ", GLOSSARY, re.MULTILINE))
    assert sorted(set(TERMS), key=str.casefold) == TERMS


@pytest.mark.parametrize("symbol", sorted({spec.symbol for spec in REGISTRY.values()}))
def test_every_symbol_of_a_metric_is_explained(symbol):
    section, *short = symbol.split()
    assert any(f"({section})" in term for term in TERMS)
    assert all(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", GLOSSARY) for name in short)


def test_every_place_that_it_names_exists():
    for term, place in ENTRIES:
        assert (ROOT / place).exists(), term


def test_the_folders_that_the_architecture_names_are_those_that_there_are():
    package = ROOT / "src" / "yolact_temporal"
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    assert set(re.findall(r"`(\w+)/`", ARCHITECTURE)) == rooms
    tops = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert tops <= set(re.findall(r"`(\w+)`", ARCHITECTURE))
    paths = re.findall(r"`([\w.]+/[\w./]*)`", ARCHITECTURE)
    assert paths
    for path in paths:
        assert (ROOT / path).exists() or (package / path).exists(), path
