"""The house's rule of who may know whom, kept by every module."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("data", "yolact", "temporal", "dashboards")
TOP = "src/yolact_temporal"

NETWORKS = ("torch", "torchvision", "safetensors")
SCREENS = ("streamlit", "altair")
#: What each room may not import: packages of others, and other rooms.
FORBIDDEN = {
    "data": (*NETWORKS, *SCREENS, "yolact", "temporal", "dashboards"),
    "yolact": (*SCREENS, "temporal", "dashboards"),
    "temporal": (*NETWORKS, *SCREENS, "yolact", "dashboards"),
    "dashboards": (*NETWORKS, "yolact"),
}


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@cache
def imports(source: str) -> tuple[tuple[int, str], ...]:
    """Every import of a module, read once for all tests."""
    return tuple(imported(ast.parse(source)))


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every import, wherever it stands, as (line, full name); a relative one starts with a dot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            # `from yolact_temporal import temporal` names a room only in its second half.
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in ("import_module", "__import__"):
                yield node.lineno, str(node.args[0].value)


def faults(source: str, room: str) -> list[str]:
    """What breaks the rule in a module of this room."""
    found = []
    for line, name in imports(source):
        parts = name.split(".")
        if name.startswith("."):
            found.append(f"line {line}: relative import {name}")
        elif parts[0] == "yolact_temporal" and len(parts) > 1:
            if parts[1] in FORBIDDEN[room]:
                found.append(f"line {line}: {room} may not know {parts[1]}")
            elif parts[1] not in (*ROOMS, "errors", "version"):
                found.append(f"line {line}: {room} may not know the package's top ({name})")
        elif parts[0] in FORBIDDEN[room] and parts[0] not in ROOMS:
            found.append(f"line {line}: {room} may not import {parts[0]}")
        elif parts[0] in ROOMS:
            found.append(f"line {line}: {name} must be imported as yolact_temporal.{name}")
    return found


@pytest.mark.parametrize(
    ("source", "room", "fault"),
    [
        ("import torch", "data", "may not import torch"),
        ("def f():\n    from torch.nn import functional", "temporal", "may not import torch"),
        ("import torchvision.ops as o", "temporal", "may not import torchvision"),
        ("from yolact_temporal.temporal.motion import x", "yolact", "may not know temporal"),
        ("from yolact_temporal import temporal", "yolact", "may not know temporal"),
        ("import yolact_temporal.yolact.model", "temporal", "may not know yolact"),
        ("from yolact_temporal.yolact import PRESETS", "dashboards", "may not know yolact"),
        ("if TYPE_CHECKING:\n    from yolact_temporal.yolact import Yolact", "data", "may not know yolact"),
        ("import importlib\nimportlib.import_module('torch')", "data", "may not import torch"),
        ("from . import rle", "data", "relative import"),
        ("from data.rle import area", "temporal", "must be imported as yolact_temporal.data.rle"),
        ("from yolact_temporal.cli.main import main", "yolact", "package's top"),
        ("import streamlit", "temporal", "may not import streamlit"),
    ],
)
def test_the_check_sees_each_kind_of_fault(source: str, room: str, fault: str) -> None:
    (found,) = faults(source, room)
    assert fault in found


@pytest.mark.parametrize(
    ("source", "room"),
    [
        ("import torch\nfrom yolact_temporal.data.rle import x", "yolact"),
        ("from yolact_temporal.data.rle import x\nimport numpy", "temporal"),
        ("from yolact_temporal.version import x\nfrom yolact_temporal.errors import UsageError", "data"),
        ("import streamlit\nfrom yolact_temporal.temporal.report import x", "dashboards"),
    ],
)
def test_the_check_lets_good_imports_be(source: str, room: str) -> None:
    assert faults(source, room) == []


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize("room", ROOMS)
def test_no_room_knows_what_it_may_not(room: str) -> None:
    assert modules(room), f"{room} holds no module"
    found = {
        str(path.relative_to(ROOT)): broken
        for path in modules(room)
        if (broken := faults(path.read_text(encoding="utf-8"), room))
    }
    assert not found


@pytest.mark.slow
@pytest.mark.smoke
def test_imports_are_absolute_everywhere() -> None:
    relative = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in (*modules(TOP), *modules("tests"))
        for line, name in imports(path.read_text(encoding="utf-8"))
        if name.startswith(".")
    ]
    assert not relative


def loaded_after(*names: str) -> set[str]:
    """Top-level names of all modules that a fresh interpreter holds after importing these."""
    program = (
        f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd="/"
    )
    return set(done.stdout.split())


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize("room", ["data", "temporal"])
def test_importing_every_module_of_a_room_without_networks_loads_no_torch(room: str) -> None:
    names = [
        ".".join(("yolact_temporal", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
        for path in modules(room)
    ]
    loaded = loaded_after(*names)
    assert "yolact_temporal" in loaded
    assert not loaded & {*NETWORKS, *SCREENS}


def test_the_command_line_starts_with_nothing_heavy() -> None:
    heavy = {
        *NETWORKS,
        *SCREENS,
        "numpy",
        "scipy",
        "cv2",
        "av",
        "decord",
        "matplotlib",
        "pandas",
        "pycocotools",
    }
    loaded = loaded_after("yolact_temporal.cli.main", "yolact_temporal.errors")
    assert "yolact_temporal" in loaded
    assert not loaded & heavy


@pytest.mark.slow
def test_nothing_touches_an_accelerator_on_import() -> None:
    program = (
        "import torch, yolact_temporal.yolact, yolact_temporal.yolact.weights\n"
        "assert not torch.cuda.is_initialized()"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd="/")


#: The folders of the package's top, each of which may import those after it.
TOP_FOLDERS = ("cli", "interface", "benchmarking", "exchanging", "analyzing", "comparing")


def module_names() -> dict[str, Path]:
    """Every module of the package by its full name."""
    places = {"": ROOT / TOP} | {room: ROOT / room for room in ROOMS}
    return {
        ".".join(part for part in ("yolact_temporal", room, *path.relative_to(place).with_suffix("").parts) if part)
        .removesuffix(".__init__"): path
        for room, place in places.items()
        for path in place.rglob("*.py")
    }  # fmt: skip


def import_graph(sources: dict[str, str]) -> dict[str, set[str]]:
    """By module, the modules that it imports, wherever the import stands, in functions and for types too."""
    graph: dict[str, set[str]] = {}
    for module, source in sources.items():
        graph[module] = set()
        for _, name in imports(source):
            found = name if name in sources else name.rpartition(".")[0]
            if found in sources and found != module:
                graph[module].add(found)
    return graph


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle, the first one twice; empty if there is no circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_the_check_sees_a_circle() -> None:
    sources = {
        "yolact_temporal.a": "from yolact_temporal.b import x",
        "yolact_temporal.b": "def f():\n    from yolact_temporal import c",
        "yolact_temporal.c": "if TYPE_CHECKING:\n    import yolact_temporal.a",
        "yolact_temporal.d": "from yolact_temporal.a import x",
    }
    assert set(circle(import_graph(sources))) == {f"yolact_temporal.{name}" for name in "abc"}
    assert circle(import_graph(sources | {"yolact_temporal.c": ""})) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    sources = {name: path.read_text(encoding="utf-8") for name, path in module_names().items()}
    graph = import_graph(sources)
    assert sum(map(len, graph.values())) > 500
    assert not circle(graph)


def test_the_folders_of_the_top_know_each_other_in_one_direction() -> None:
    sources = {name: path.read_text(encoding="utf-8") for name, path in module_names().items()}
    place = {folder: number for number, folder in enumerate(TOP_FOLDERS)}
    graph = import_graph(sources)
    folders = {module: place.get((*module.split("."), "")[1], -1) for module in graph}
    wrong = [
        f"{module} imports {target}"
        for module, targets in graph.items()
        for target in targets
        if folders[target] >= 0 and folders[module] > folders[target]
    ]
    assert len({folder for folder in folders.values() if folder >= 0}) == len(TOP_FOLDERS)
    assert not wrong
