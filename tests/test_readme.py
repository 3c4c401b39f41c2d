"""What the README and docs/tables.md say of columns, options and exit codes is what the code does."""

import re
from pathlib import Path

import pytest

from yolact_temporal.analyzing.demo import CAMERA_MOVE_COLUMNS
from yolact_temporal.cli import main as cli
from yolact_temporal.tables_page import tables_page
from yolact_temporal.temporal.calibration.calibration_csv import CALIBRATION_COLUMNS
from yolact_temporal.temporal.comparison.comparison_csv import COMPARISON_COLUMNS
from yolact_temporal.temporal.comparison.objects_csv import OBJECT_COLUMNS
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.report import FRAME_COLUMNS, INSTANCE_COLUMNS, SUMMARY_COLUMNS, TRACK_COLUMNS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TABLES = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")


def test_the_page_of_tables_is_fresh():
    page = tables_page()
    assert page == TABLES, "run `make tables-page`"
    for columns in (FRAME_COLUMNS, TRACK_COLUMNS, SUMMARY_COLUMNS, OBJECT_COLUMNS, COMPARISON_COLUMNS):
        assert all(f"| `{column.name}` | {column.unit} | " in page for column in columns)
    assert all(
        f"| `{name}` | {spec.unit} | " in page for name, spec in REGISTRY.items() if name != "common_share"
    )


def test_every_option_that_the_readme_names_exists():
    parser = cli.build_parser()
    commands = parser._subparsers._group_actions[0].choices
    known = {
        option
        for command in commands.values()
        for action in command._actions
        for option in action.option_strings
    }
    weights = commands["weights"]._subparsers._group_actions[0].choices
    known |= {
        option
        for command in weights.values()
        for action in command._actions
        for option in action.option_strings
    }
    ours = re.sub(r"^pip install .*", "", README, flags=re.MULTILINE)
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", ours)) <= known


def test_pictures_and_linked_files_exist():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).is_file(), target


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("summary.csv", SUMMARY_COLUMNS),
        ("MODEL/frames.csv", FRAME_COLUMNS),
        ("MODEL/instances.csv", INSTANCE_COLUMNS),
        ("MODEL/tracks.csv", TRACK_COLUMNS),
        ("objects.csv", OBJECT_COLUMNS),
        ("comparison.csv", COMPARISON_COLUMNS),
        ("camera_moves.csv", CAMERA_MOVE_COLUMNS),
        ("calibration.csv", CALIBRATION_COLUMNS),
    ],
)
def test_the_main_columns_that_the_readme_names_are_there_in_that_order(table, columns):
    rows = README.split("## The tables", 1)[1].split("\n## ", 1)[0].splitlines()
    (line,) = [line for line in rows if line.startswith(f"| `{table}`")]
    named = re.findall(r"\w[\w*]*", re.findall(r"`([^`]*)`", line.split("|")[3])[0])
    places = [
        min(i for i, column in enumerate(columns) if re.fullmatch(name.replace("*", r"\w+"), column.name))
        for name in named
    ]
    assert places == sorted(places)
