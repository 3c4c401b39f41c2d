"""What the product imports is declared in pyproject.toml, with the lower bounds that `make test-lowest` installs."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("src", "data", "yolact", "temporal", "dashboards")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OPTIONAL = PROJECT["optional-dependencies"]
#: What developers install; the other extras are a user's.
DEVELOPERS = ("dev", "dev-extras", "docs")

sys.path.insert(0, str(ROOT / "tools"))
from lowest import constraints  # noqa: E402


@cache
def distributions_of() -> Mapping[str, list[str]]:
    return packages_distributions()


def names_in(requirements: Sequence[str]) -> set[str]:
    """The distributions that requirements name for this machine."""
    parsed = [Requirement(text) for text in requirements]
    return {canonicalize_name(each.name) for each in parsed if each.marker is None or each.marker.evaluate()}


@cache
def imported_below(*folders: str) -> Mapping[Path, tuple[frozenset[str], frozenset[str]]]:
    """Of every module of folders the names that it imports anywhere, and those at its top; read once for all tests."""
    found = {}
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        at_top = [each for each in tree.body if isinstance(each, ast.Import | ast.ImportFrom)]
        found[path] = (frozenset(imported_by(tree)), frozenset(imported_by(ast.Module(at_top, []))))
    return found


def imported_by(tree: ast.AST) -> Iterator[str]:
    """Top-level names of absolute imports, wherever they stand."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def undeclared(names: set[str], declared: set[str]) -> dict[str, list[str]]:
    """Of imported names those of other people that no declared distribution brings, with what brings them.

    Of a name that is not installed here, as an extra's may be, the distribution is taken to have the same one.
    """
    others = names - sys.stdlib_module_names - {"yolact_temporal"}
    brought = {name: [canonicalize_name(d) for d in distributions_of().get(name, [name])] for name in others}
    return {name: by for name, by in brought.items() if not declared.intersection(by)}


def imports_below(*folders: str) -> set[str]:
    found = imported_below(*folders)
    assert found
    return {name for anywhere, _ in found.values() for name in anywhere}


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import numpy.linalg", {}),
        ("from PIL import Image", {"PIL": ["pillow"]}),
        ("def late():\n    import packaging.version as v", {"packaging": ["packaging"]}),
        ("import nobody_has_this", {"nobody_has_this": ["nobody-has-this"]}),
        ("import json, yolact_temporal.data\nfrom . import sibling", {}),
    ],
)
def test_the_check_sees_what_is_not_declared(source: str, found: dict[str, list[str]]) -> None:
    assert undeclared(set(imported_by(ast.parse(source))), {"numpy"}) == found


@pytest.mark.slow
@pytest.mark.smoke
def test_all_that_the_product_imports_is_declared() -> None:
    users = [text for extra, texts in OPTIONAL.items() if extra not in DEVELOPERS for text in texts]
    assert undeclared(imports_below(*PRODUCT), names_in([*PROJECT["dependencies"], *users])) == {}


def test_what_extras_bring_is_imported_only_where_it_may_be_absent() -> None:
    """Each import of an extra's package stands inside a function, so that the module loads without it."""
    extras = {
        name for extra, texts in OPTIONAL.items() if extra not in DEVELOPERS for name in names_in(texts)
    }
    at_top = [
        (path.name, name)
        for path, (_, names) in imported_below(*PRODUCT).items()
        for name in names
        if extras.intersection(distributions_of().get(name, [name]))
    ]
    assert extras
    assert at_top == []


def test_all_that_is_declared_is_imported() -> None:
    brought = {
        canonicalize_name(d) for name in imports_below(*PRODUCT) for d in distributions_of().get(name, ())
    }
    assert names_in(PROJECT["dependencies"]) - brought == set()


@pytest.mark.slow
@pytest.mark.smoke
def test_all_that_the_tests_import_is_declared_for_developers() -> None:
    own = {path.stem for folder in ("tests", "tools") for path in (ROOT / folder).glob("*.py")}
    own |= {"tests", "reference_weights"}  # the folder itself, and a file beside the real data
    own |= {"gi"}  # GStreamer's bindings, of a program that the system's own Python runs where it has them
    extras = [text for extra in (*DEVELOPERS, "identity", "onnx", "ray") for text in OPTIONAL[extra]]
    declared = names_in([*PROJECT["dependencies"], *extras])
    assert undeclared(imports_below("tests", "tools") - own, declared) == {}


class TestConstraints:
    """The constraints are pyproject's own bounds."""

    def project(self, *dependencies: str) -> dict[str, Any]:
        return {"dependencies": dependencies, "optional-dependencies": {"speed": ["numba>=0.61"]}}

    def test_each_bound_is_pinned_with_its_marker_and_torch_is_left_out(self) -> None:
        project = self.project("torch>=2.6", "Pillow>=10.4,<99", "av>=17.0; python_version < '4'")
        assert constraints(project) == ["Pillow==10.4", 'av==17.0; python_version < "4"', "numba==0.61"]

    @pytest.mark.parametrize("text", ["numpy", "numpy<3", "numpy==2.0", "numpy>=2,>=2.1"])
    def test_a_dependency_without_one_lower_bound_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="one lower bound"):
            constraints(self.project(text))

    def test_all_of_ours_have_one(self) -> None:
        pinned = {Requirement(line).name for line in constraints(PROJECT)}
        assert {"numpy", "av", "streamlit", "numba"} <= pinned
        assert not pinned & {"torch", "torchvision"}
