"""Wheel, source distribution and editable install hold the whole tree and no generic top-level name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("data", "yolact", "temporal", "dashboards")
#: Where each folder of the tree goes in the package.
PLACES = {"src/yolact_temporal": "yolact_temporal"} | {room: f"yolact_temporal/{room}" for room in ROOMS}
GENERIC = (*ROOMS, "src", "setup", "weights")
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", "build", "dist", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis", "*.part"
)


def left_out(folder: str, names: list[str]) -> set[str]:
    """What is no part of the project, and the runs folder at its top."""
    return set(_LEFT_OUT(folder, names)) | ({"runs"} if Path(folder) == ROOT else set())


BUILD_EDITABLE = "import sys; from setuptools import build_meta; build_meta.build_editable(sys.argv[1])"

pytestmark = pytest.mark.slow


def expected_files(root: Path) -> set[str]:
    """Every file of the mapped folders, at its place in the package."""
    return {
        f"{place}/{path.relative_to(root / folder).as_posix()}"
        for folder, place in PLACES.items()
        for path in (root / folder).rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".part") and ".egg-info" not in str(path)
    }


def run(*command: str | Path, cwd: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build(tree: Path, out: Path, *options: str) -> None:
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, *options, cwd=tree)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean copy, with a weights file and a subpackage that nobody has listed anywhere."""
    copy = tmp_path_factory.mktemp("tree") / "copy"
    shutil.copytree(ROOT, copy, ignore=left_out)
    (copy / "yolact" / "weights" / "not_listed.safetensors").write_bytes(b"weights")
    (copy / "temporal" / "newroom" / "inner").mkdir(parents=True)
    for folder in ("newroom", "newroom/inner"):
        (copy / "temporal" / folder / "__init__.py").write_text('"""New."""\n')
    return copy


@pytest.fixture(scope="module")
def built(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel from the tree, the source distribution, the wheel made from that, and the editable one, by name."""
    direct, through = tmp_path_factory.mktemp("direct"), tmp_path_factory.mktemp("through")
    build(tree, through)
    shutil.rmtree(tree / "build", ignore_errors=True)
    build(tree, direct, "--wheel")
    shutil.rmtree(tree / "build", ignore_errors=True)
    (wheel,) = direct.glob("*.whl")
    # The very hook that `pip install --editable` calls; pip itself would need setuptools in each environment.
    editable = tmp_path_factory.mktemp("editable")
    run(sys.executable, "-c", BUILD_EDITABLE, editable, cwd=tree)
    (editable_wheel,) = editable.glob("*.whl")
    (sdist,) = through.glob("*.tar.gz")
    (sdist_wheel,) = through.glob("*.whl")
    return {"wheel": wheel, "sdist": sdist, "sdist-wheel": sdist_wheel, "editable": editable_wheel}


@pytest.mark.parametrize("kind", ["wheel", "sdist-wheel"])
def test_a_wheel_holds_every_file_of_the_tree_at_its_place(
    tree: Path, built: dict[str, Path], kind: str
) -> None:
    with zipfile.ZipFile(built[kind]) as archive:
        names = set(archive.namelist())
        metadata = next(name for name in names if name.endswith(".dist-info/METADATA"))
        text = archive.read(metadata).decode()
    expected = expected_files(tree)
    assert "yolact_temporal/yolact/weights/not_listed.safetensors" in expected
    assert "yolact_temporal/temporal/newroom/inner/__init__.py" in expected
    assert "yolact_temporal/py.typed" in expected
    held = {name for name in names if ".dist-info/" not in name}
    assert held == expected
    assert f"Version: {SETTINGS['project']['version']}\n" in text
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_the_source_distribution_holds_the_tree_and_the_means_to_build_it(
    tree: Path, built: dict[str, Path]
) -> None:
    with tarfile.open(built["sdist"]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    sources = {
        path.relative_to(tree).as_posix()
        for folder in (*PLACES, "tests", "tools")
        for path in (tree / folder).rglob("*")
        if path.is_file() and ".egg-info" not in str(path) and path.suffix != ".pyc"
    }
    assert sources <= names
    assert {"pyproject.toml", "setup.py", "LICENSE", "Makefile", "mkdocs.yml", "docs/method.md"} <= names


@pytest.fixture
def strange_folder(tmp_path: Path) -> Path:
    """A user's folder whose own files are named as our rooms are."""
    folder = tmp_path / "user"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "__init__.py").write_text("OWNER = 'user'\n")
    (folder / "yolact.py").write_text("OWNER = 'user'\n")
    (folder / "temporal.py").write_text("raise RuntimeError('the file of the user was imported')\n")
    return folder


def install(wheel: Path, where: Path) -> Path:
    """Install into a fresh environment that sees this one's dependencies; returns its interpreter."""
    venv.create(where, with_pip=False)
    python = where / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    site = Path(
        run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=where).strip()
    )
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=where)
    # A path line brings the dependencies in without running their own .pth files, so that the editable
    # install of the tree under test in this environment stays out.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


PROBE = """
import importlib.util, json, sys
import data, yolact
import yolact_temporal, yolact_temporal.data.rle

def find(name):
    # As the import system does it, but without running the parents: some of them bring in torch.
    parent = name.rpartition(".")[0]
    if not parent:
        return importlib.util.find_spec(name)
    above = find(parent)
    where = above.submodule_search_locations if above else []
    return next(filter(None, (finder.find_spec(name, where) for finder in sys.meta_path)), None)

modules = {name: getattr(find(name), "origin", None) for name in sys.argv[1].split(",")}
print(json.dumps({
    "modules": modules,
    "owners": [data.OWNER, yolact.OWNER],
    "version": yolact_temporal.__version__,
}))
"""
GENERIC_PROBE = (
    "import importlib.util, sys; print([n for n in sys.argv[1].split(',') if importlib.util.find_spec(n)])"
)


@pytest.mark.parametrize("kind", ["wheel", "sdist-wheel", "editable"])
def test_an_install_finds_every_module_and_leaves_the_users_names_alone(
    kind: str, tree: Path, built: dict[str, Path], tmp_path: Path, strange_folder: Path
) -> None:
    python = install(built[kind], tmp_path / "venv")
    modules = {
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in expected_files(tree)
        if name.endswith(".py")
    }
    found = json.loads(run(python, "-c", PROBE, ",".join(sorted(modules)), cwd=strange_folder))
    assert found["owners"] == ["user", "user"]
    assert found["version"] == SETTINGS["project"]["version"]
    home = tree if kind == "editable" else tmp_path / "venv"
    elsewhere = {n: o for n, o in found["modules"].items() if o is None or home not in Path(o).parents}
    assert not elsewhere

    empty = tmp_path / "empty"
    empty.mkdir()
    assert run(python, "-c", GENERIC_PROBE, ",".join(GENERIC), cwd=empty).strip() == "[]"


def test_the_command_runs_from_a_folder_with_the_rooms_names(
    built: dict[str, Path], tmp_path: Path, strange_folder: Path
) -> None:
    python = install(built["wheel"], tmp_path / "venv")
    version = SETTINGS["project"]["version"]
    for command in ([python.parent / "yolact-temporal"], [python, "-m", "yolact_temporal"]):
        assert version in run(*command, "--version", cwd=strange_folder)
    assert "yolact_base" in run(*command, "weights", "list", cwd=strange_folder)
