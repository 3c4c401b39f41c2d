"""What the README and docs/tables.md say of columns, options and exit codes is what the code does."""

import re
from pathlib import Path

import pytest

from yolact_temporal.analyzing.against_truth import documented
from yolact_temporal.analyzing.demo import CAMERA_MOVE_COLUMNS
from yolact_temporal.cli import main as cli
from yolact_temporal.temporal.calibration.calibration_csv import CALIBRATION_COLUMNS
from yolact_temporal.temporal.comparison.comparison_csv import COMPARISON_COLUMNS
from yolact_temporal.temporal.comparison.objects_csv import OBJECT_COLUMNS
from yolact_temporal.temporal.metrics import METRICS
from yolact_temporal.temporal.report import FRAME_COLUMNS, INSTANCE_COLUMNS, SUMMARY_COLUMNS, TRACK_COLUMNS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TABLES = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")


def row(column):
    return f"| `{column.name}` | {column.unit} | {column.meaning} |"


def section(title):
    """The lines of the table under the bold line that names the file."""
    return TABLES.split(f"**`{title}`**", 1)[1].split("\n**", 1)[0].split("\n## ", 1)[0]


@pytest.mark.parametrize(
    ("title", "columns"),
    [
        ("frames.csv", FRAME_COLUMNS),
        ("instances.csv", INSTANCE_COLUMNS),
        ("tracks.csv", TRACK_COLUMNS),
        ("summary.csv", SUMMARY_COLUMNS),
        ("ground truth", documented()),
        ("objects.csv", OBJECT_COLUMNS),
        ("comparison.csv", COMPARISON_COLUMNS),
        ("camera_moves.csv", CAMERA_MOVE_COLUMNS),
        ("calibration.csv", CALIBRATION_COLUMNS),
    ],
)
def test_every_column_is_documented_in_order(title, columns):
    own = [row(column) for column in columns if column.name not in METRICS]
    assert [line for line in section(title).splitlines() if line.startswith("| `")] == own


def test_every_metric_is_documented():
    written = {column.name: column for columns in (FRAME_COLUMNS, TRACK_COLUMNS) for column in columns}
    expected = [row(written[name]) for name in METRICS]
    assert [line for line in section("metrics").splitlines() if line.startswith("| `")] == expected


def test_the_pair_metrics_are_named_where_they_stand():
    pairs = [column.name for column in INSTANCE_COLUMNS if column.name in METRICS]
    assert pairs == [column.name for column in FRAME_COLUMNS if column.name in METRICS]
    assert pairs == [name for name, spec in METRICS.items() if spec.level == "pair"]


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
