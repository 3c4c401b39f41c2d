"""What `import yolact_temporal` offers: quick to load, all there, documented, and seen by a checker of types."""

import ast
import inspect
import os
import pydoc
import subprocess
import sys
from pathlib import Path

import pytest

import yolact_temporal as yt

ROOT = Path(__file__).resolve().parent.parent


def test_every_name_is_there_and_documented():
    for name in yt.__all__:
        assert name in dir(yt)
        if name != "__version__":
            assert inspect.getdoc(getattr(yt, name)), name
    with pytest.raises(AttributeError, match="has no attribute 'measur'"):
        yt.measur  # noqa: B018


def test_each_name_is_at_home_where_a_checker_of_types_looks_for_it():
    tree = ast.parse(Path(inspect.getfile(yt)).read_text(encoding="utf-8"))
    imported = {
        alias.name: str(node.module).removeprefix("yolact_temporal.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("yolact_temporal.")
        for alias in node.names
    }
    del imported["installed_version"]
    assert imported == yt._HOMES
    assert set(yt.__all__) == {*yt._HOMES, "__version__"}


def test_help_reads_as_a_page():
    page = pydoc.plain(pydoc.render_doc(yt))
    offered = page[page.index("What there is:") : page.index("All but `Stabilizer`")]
    named = [line.split()[0] for line in offered.splitlines() if line.startswith("        ")]
    assert {"measure", "Meter", "analyze", "score", "load", "compare", "what_if", "Stabilizer"} == set(named)
    assert "result.save(" in page[: page.index("What there is:")]


@pytest.mark.slow
@pytest.mark.smoke
def test_importing_loads_nothing_and_measuring_loads_no_network():
    program = (
        "import sys, yolact_temporal as yt\n"
        "first = set(sys.modules)\n"
        "assert not {'numpy', 'pandas', 'torch', 'cv2', 'importlib.metadata'} & first, first\n"
        "yt.measure, yt.Meter, yt.score, yt.load, yt.compare, yt.what_if, yt.analyze, yt.Stabilizer\n"
        "print(*sorted({'torch', 'torchvision', 'streamlit', 'matplotlib', 'supervision'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd="/"
    )
    assert done.stdout.split() == []


@pytest.mark.slow
def test_a_checker_of_types_sees_what_a_user_calls(tmp_path):
    pytest.importorskip("mypy")
    package = tmp_path / "linked" / "yolact_temporal"  # mypy cannot follow an editable install
    package.mkdir(parents=True)
    for source in (
        *(ROOT / "src" / "yolact_temporal").iterdir(),
        *map(ROOT.joinpath, ("data", "yolact", "temporal", "dashboards")),
    ):
        (package / source.name).symlink_to(source)
    (tmp_path / "mine.py").write_text(
        "import yolact_temporal as yt\n"
        "result = yt.measure([], [], fps=25)\n"
        "reveal_type(result)\n"
        "reveal_type(yt.Meter(fps=25).result().folder)\n"
        "reveal_type(yt.compare([result]).answers)\n"
        "reveal_type(result.figure('boundary_px_mean'))\n"
        "yt.measure([])\n"
        "yt.Meter(speed=25)\n"
        "yt.mesure\n"
    )
    settings = ["--config-file", ROOT / "pyproject.toml", "--cache-dir", tmp_path / "cache"]
    command = [
        sys.executable,
        "-m",
        "mypy",
        *settings,
        "--follow-imports",
        "silent",
        "--no-color-output",
        "mine.py",
    ]
    environment = os.environ | {"MYPYPATH": str(package.parent)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    told = [line.split(": ", 1)[1] for line in done.stdout.splitlines() if line.startswith("mine.py")]
    assert [line.split(" is ")[1] for line in told if "Revealed type" in line] == [
        '"yolact_temporal.interface.results.Result"',
        '"pathlib.Path"',
        '"list[str]"',
        '"float | None"',
    ], done.stdout
    assert [line.rpartition("[")[2] for line in told if line.startswith("error")] == [
        "call-arg]",
        "call-arg]",
        "attr-defined]",
    ], done.stdout
