"""The examples in docstrings do what they show."""

import doctest
import importlib
import warnings
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
PLACES = {"data": "data", "yolact": "yolact", "temporal": "temporal", "": "src/yolact_temporal"}


def modules_with_examples() -> list[str]:
    found = []
    for room, folder in PLACES.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            if ">>> " in path.read_text(encoding="utf-8"):
                parts = ("yolact_temporal", room, *path.relative_to(ROOT / folder).with_suffix("").parts)
                found.append(".".join(part for part in parts if part).removesuffix(".__init__"))
    return found


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        done = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert done.attempted > 0
    assert done.failed == 0
