"""What the README says of columns, options and exit codes is what the code does."""

import re
from pathlib import Path

import pytest

from yolact_temporal import cli
from yolact_temporal.demo import CAMERA_MOVE_COLUMNS
from yolact_temporal.quality import documented
from yolact_temporal.temporal.calibration.calibration_csv import CALIBRATION_COLUMNS
from yolact_temporal.temporal.comparison.comparison_csv import COMPARISON_COLUMNS
from yolact_temporal.temporal.comparison.objects_csv import OBJECT_COLUMNS
from yolact_temporal.temporal.metrics import METRICS
from yolact_temporal.temporal.report import FRAME_COLUMNS, INSTANCE_COLUMNS, SUMMARY_COLUMNS, TRACK_COLUMNS

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def row(column):
    return f"| `{column.name}` | {column.unit} | {column.meaning} |"


def section(title):
    """The lines of the README's table under the bold line that names the file."""
    return README.split(f"**`{title}`**", 1)[1].split("\n**", 1)[0].split("\n## ", 1)[0]


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
    root = Path(__file__).parent.parent
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (root / target).is_file(), target
