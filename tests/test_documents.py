"""One description of a report, rendered three ways: the same is said in each."""

import json

import pytest

from yolact_temporal.temporal.documents import (
    Items,
    Number,
    Paragraph,
    Section,
    Spread,
    Table,
    as_console,
    as_data,
    as_markdown,
)

REPORT = Section(
    "clip",
    [
        Paragraph("10 frames."),
        Paragraph("A is steadier.", strong=True),
        Table(
            ["figure", "value", "95%"],
            [
                ["B1 | mean", Number(1.23456, unit="px"), Spread(1.0, 2.0)],
                ["B2", Number(None), Spread(None, None)],
            ],
            keys=["figure", "value", "interval"],
        ),
        Items(["decoder: pyav", "2 frames lost"]),
        Section("inside", [Paragraph("Deeper.")]),
    ],
)


def test_console_puts_columns_in_line_and_numbers_to_the_right():
    assert as_console(REPORT).split("\n") == [
        "clip",
        "  10 frames.",
        "  A is steadier.",
        "  figure         value     95%",
        "  B1 | mean   1.235 px  1 to 2",
        "  B2         undefined",
        "  - decoder: pyav",
        "  - 2 frames lost",
        "",
        "  inside",
        "    Deeper.",
    ]


def test_markdown():
    assert as_markdown(REPORT) == (
        "# clip\n\n10 frames.\n\n**A is steadier.**\n\n"
        "| figure | value | 95% |\n|---|---|---|\n| B1 \\| mean | 1.235 px | 1 to 2 |\n| B2 | undefined |  |\n\n"
        "- decoder: pyav\n- 2 frames lost\n\n## inside\n\nDeeper.\n"
    )


def test_data_keeps_numbers_whole_and_undefined_apart_from_0():
    data = json.loads(json.dumps(as_data(REPORT), allow_nan=False))
    rows = data["blocks"][2]["table"]
    assert rows[0] == {"figure": "B1 | mean", "value": 1.23456, "interval": {"low": 1.0, "high": 2.0}}
    assert rows[1]["value"] is None


def test_every_text_is_in_each_rendering():
    for text in ("10 frames.", "A is steadier.", "decoder: pyav", "inside", "Deeper.", "B2"):
        for rendered in (as_console(REPORT), as_markdown(REPORT), json.dumps(as_data(REPORT))):
            assert text in rendered


def test_ragged_rows_are_refused():
    with pytest.raises(ValueError, match="expected rows of 2 cells"):
        Table(["a", "b"], [["only one"]])
