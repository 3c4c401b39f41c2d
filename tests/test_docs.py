"""The pages of the documentation hold together: what they name is there, what they show runs, and they read well."""

import ast
import inspect
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from clips import write_clip

import yolact_temporal as yt
from yolact_temporal.cli import main as cli
from yolact_temporal.cli.options import EXIT_CODES
from yolact_temporal.data.formats import FORMATS
from yolact_temporal.data.photo_film import PhotoFilm
from yolact_temporal.metrics_page import metrics_page
from yolact_temporal.tables_page import tables_page
from yolact_temporal.temporal.calibration.calibration_csv import CALIBRATION_COLUMNS
from yolact_temporal.temporal.comparison.comparison_csv import COMPARISON_COLUMNS
from yolact_temporal.temporal.comparison.objects_csv import OBJECT_COLUMNS
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.report import FRAME_COLUMNS, INSTANCE_COLUMNS, SUMMARY_COLUMNS, TRACK_COLUMNS
from yolact_temporal.yolact.weights import REGISTRY as WEIGHTS

ROOT = Path(__file__).parent.parent
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))
}
GENERATED = {"docs/tables.md": tables_page, "docs/metrics.md": metrics_page}
README = PAGES["README.md"]

#: Options of other programs that pages show.
FOREIGN = {"--no-deps", "--directory"}

#: Words that a reader who was not there when this was built does not understand, and what they were used for.
UNPLAIN = (
    "made to fit, and said",
    "what could be had",
    "could not be had",
    "how manieth",
    "parted by",
    "to speak of",
)

#: The same in what the program prints, where they are said to whoever runs it and not to whoever reads the code.
UNPLAIN_PRINTED = (
    *UNPLAIN,
    " anew",
    "lacks or garbles",
    "nobody goes on with",
    "than anybody has",
    "which is none",
    "is no JSON",
    "Where they part",
    "with a reserve",
)


def headings(page: str) -> set[str]:
    """The anchors that GitHub and MkDocs give a page's headings."""
    prose = re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("command", cli.build_parser().commands)
def test_the_help_is_plain(command):
    shown = " ".join(cli.build_parser().commands[command].format_help().split())
    assert [words for words in UNPLAIN if words in shown] == []


def printed(path: Path) -> Iterator[str]:
    """Every text in a module that is not a docstring, with the names in braces of f-strings left out."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    documented = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value for part in node.values if isinstance(part, ast.Constant))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
            yield node.value


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize("room", ["src", "data", "temporal", "yolact", "dashboards"])
def test_what_is_printed_is_plain(room):
    found = [
        (path.name, words, text)
        for path in sorted((ROOT / room).rglob("*.py"))
        for text in printed(path)
        for words in UNPLAIN_PRINTED
        if words in text
    ]
    assert found == []


@pytest.mark.parametrize("page", GENERATED)
def test_generated_pages_are_fresh(page):
    assert GENERATED[page]() == PAGES[page], "run `make tables-page`"


def test_every_column_and_every_metric_is_on_its_page():
    tables, metrics = PAGES["docs/tables.md"], PAGES["docs/metrics.md"]
    of_runs = (FRAME_COLUMNS.fixed, INSTANCE_COLUMNS.fixed, TRACK_COLUMNS.fixed, SUMMARY_COLUMNS)
    for columns in (*of_runs, OBJECT_COLUMNS, COMPARISON_COLUMNS, CALIBRATION_COLUMNS):
        assert all(f"| `{column.name}` | {column.unit} | " in tables for column in columns)
    for name, spec in REGISTRY.items():
        assert re.search(rf"^\| `{name}`(?: †)? \| {spec.unit} \| ", metrics, re.MULTILINE), name
    for name, figure in REGISTRY.compared().items():
        assert f"| `{name}` | {figure.unit} | " in tables


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings_of_the_repository(page):
    prose = re.sub(r"```.*?```", "", PAGES[page], flags=re.DOTALL)
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", prose):
        file = (ROOT / page).parent / target if target else ROOT / page
        assert file.is_file(), target
        if anchor:
            assert anchor in headings(file.resolve().relative_to(ROOT.resolve()).as_posix()), (
                f"{target}#{anchor}"
            )


@pytest.mark.parametrize("page", sorted(PAGES.keys() - GENERATED.keys()))
def test_every_option_that_a_page_names_exists(page):
    commands = cli.build_parser()._subparsers._group_actions[0].choices
    parsers = [*commands.values(), *commands["weights"]._subparsers._group_actions[0].choices.values()]
    known = {option for parser in parsers for action in parser._actions for option in action.option_strings}
    named = set(re.findall(r"(?<![\w<!-])--[a-z][a-z-]+", PAGES[page]))
    assert named <= known | FOREIGN


def test_the_tutorial_has_the_exit_codes():
    told = re.findall(r"^\| (\d+) \| ", PAGES["docs/tutorial.md"], re.MULTILINE)
    assert told == re.findall(r"^  (\d+) ", EXIT_CODES, re.MULTILINE)


def test_every_model_on_board_is_listed():
    assert all(f"`{name}`" in PAGES["docs/choosing-a-model.md"] for name in WEIGHTS)


def test_every_format_is_listed_with_what_it_can_hold():
    def told(holds: bool) -> str:
        return "yes" if holds else "no"

    for name, form in FORMATS.items():
        (row,) = re.findall(rf"^\| `{name}` \|.*$", PAGES["docs/formats.md"], re.MULTILINE)
        identities, overlaps, scores = (cell.strip() for cell in row.split("|")[3:6])
        if name not in ("masks", "coco"):
            assert identities.split(",")[0] == told(form.identified), name
        assert (overlaps, scores) == (told(form.overlaps), told(form.scores)), name


def test_the_readme_is_short_and_has_its_two_commands():
    assert len(README.split()) <= 1200
    assert "```sh\nmake demo " in README
    assert "\nmake test " in README
    assert "```sh\npip install .\nyolact-temporal analyze clip.mp4\n```" in README


@pytest.mark.parametrize("page", sorted(PAGES.keys() - GENERATED.keys()))
def test_pages_are_in_plain_english(page):
    flat = " ".join(PAGES[page].split())
    assert [words for words in UNPLAIN if words in flat] == []


def test_no_place_waits_for_a_figure():
    assert [page for page, text in PAGES.items() if "<!-- fill:" in text] == []


@pytest.mark.slow
def test_the_examples_of_the_page_on_python_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    film = PhotoFilm(size=(72, 96))
    frames = [frame.rgb for _, frame in zip(range(8), film, strict=False)]
    masks = np.zeros((8, 2, 72, 96), np.bool_)
    masks[:, 0, 10:40, 20:50] = masks[:, 1, 30:60, 60:80] = True
    np.save("frames.npy", np.stack(frames))
    np.save("masks.npy", masks)
    write_clip(tmp_path / "clip.mp4", frames, fps=24)
    assert cli.main(["analyze", "clip.mp4", "--no-baseline", "--no-plots", "--no-overlay", "--quiet"]) == 0
    examples = re.findall(r"```python\n(.*?)```", PAGES["docs/from-python.md"], re.DOTALL)
    assert len(examples) == 12
    capsys.readouterr()
    namespace: dict[str, object] = {}
    for example in examples:
        exec(compile(example, "docs/from-python.md", "exec"), namespace)
    printed = capsys.readouterr().out
    assert printed.startswith("Stability of masks in clip\n")
    assert "Which model is steadier\n  mine / other" in printed
    assert "['clip', 'clip'] ['yolact_compact', 'masks']" in printed
    assert "Frame(index=0" in printed
    assert (
        "0.4 0.0" in printed
    )  # 48 of 80 pixels are common to the two masks; all of them once the motion is known


def test_the_examples_with_other_libraries_are_python_and_name_what_is_there():
    examples = re.findall(r"```py\n(.*?)```", PAGES["docs/from-python.md"], re.DOTALL)
    assert len(examples) == 6
    for example in examples:
        called = [node for node in ast.walk(ast.parse(example)) if isinstance(node, ast.Call)]
        (call,) = (node for node in called if ast.unparse(node.func) == "yt.measure")
        inspect.signature(yt.measure).bind(
            *call.args, **{str(keyword.arg): keyword.value for keyword in call.keywords}
        )


class TestSite:
    """The strict build, where MkDocs is installed."""

    def built(self, folder: Path, monkeypatch: pytest.MonkeyPatch, added: str = "") -> Path:
        pytest.importorskip("mkdocs")
        pytest.importorskip("material")
        from mkdocs.commands.build import build
        from mkdocs.config import load_config

        monkeypatch.setenv("NO_MKDOCS_2_WARNING", "1")
        pages = folder / "docs"
        shutil.copytree(ROOT / "docs", pages)
        with (pages / "method.md").open("a", encoding="utf-8") as page:
            page.write(added)
        config = load_config(
            str(ROOT / "mkdocs.yml"), docs_dir=str(pages), site_dir=str(folder / "site"), strict=True
        )
        build(config)
        return folder / "site"

    @pytest.mark.slow
    def test_nothing_is_fetched_from_elsewhere_when_a_page_is_opened(self, tmp_path, monkeypatch):
        site = self.built(tmp_path, monkeypatch)
        pages = sorted(site.glob("*.html"))
        assert len(pages) > len(PAGES)
        for page in pages:
            text = page.read_text(encoding="utf-8")
            fetched = re.findall(r"<(?:script|img|iframe)[^>]*\ssrc=[\"']?([^\"' >]+)", text)
            fetched += re.findall(r"<link[^>]*rel=[\"']?stylesheet[^>]*href=[\"']?([^\"' >]+)", text)
            assert fetched
            assert [url for url in fetched if re.match(r"(?:https?:)?//", url)] == []

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "dead", ["[a](no_such_page.md)", "[a](metrics.md#no-such-heading)", "[a](../tests/clips.md)"]
    )
    def test_a_link_that_leads_nowhere_fails(self, dead, tmp_path, monkeypatch):
        with pytest.raises(BaseException, match=r"(?i)strict"):
            self.built(tmp_path, monkeypatch, f"\n{dead}\n")

    @pytest.mark.parametrize(
        ("link", "source", "turned"),
        [
            ("[a](docs/method.md#proof)", "README.md", "[a](method.md#proof)"),
            ("![a](docs/overlay.jpg)", "README.md", "![a](overlay.jpg)"),
            ("[a](CHANGELOG.md)", "README.md", "[a](changelog.md)"),
            ("[a](../README.md#two)", "docs/method.md", "[a](index.md#two)"),
            ("[a](glossary.md)", "docs/method.md", "[a](glossary.md)"),
            ("[a](https://example.org/docs/b.md)", "README.md", "[a](https://example.org/docs/b.md)"),
        ],
    )
    def test_links_of_the_repository_become_links_of_the_site(self, link, source, turned, monkeypatch):
        pytest.importorskip("mkdocs")
        monkeypatch.syspath_prepend(str(ROOT / "tools"))
        from docs_pages import site_links

        assert site_links(link, source) == turned
