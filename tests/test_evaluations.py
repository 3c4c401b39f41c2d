"""AP at every IoU threshold: what `evaluate` prints, keeps, reads again and draws of several models."""

import csv
import json

import pytest
from shapes import write_shapes

from yolact_temporal.benchmarking.evaluations import (
    Evaluation,
    evaluations_data,
    plot_precision,
    precision_section,
    read_evaluations,
    write_precision_csv,
)
from yolact_temporal.cli import main as cli
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.documents import as_console

IOUS = ("0.50", "0.75", "0.95")


def figures(*values):
    curve = dict(zip(IOUS, values, strict=True))
    return {"AP": values[0], "AP50": values[0], "AP75": values[1], "AP_by_iou": curve}


def evaluation(name, *values, annotations="a"):
    return Evaluation(name, annotations, {"segm": figures(*values), "bbox": figures(*values)})


# The lead shrinks, and turns.
FIRST = evaluation("first", 0.5, 0.3, 0.016)
SECOND = evaluation("second", 0.595, 0.366, 0.013)


def test_a_row_a_threshold_says_by_how_many_points_the_first_leads():
    lines = as_console(precision_section([FIRST, SECOND], "segm")).splitlines()
    assert [line.split() for line in lines[2:]] == [
        ["IoU", "first", "second", "over", "second"],
        ["0.50", "0.5000", "0.5950", "-9.50"],
        ["0.75", "0.3000", "0.3660", "-6.60"],
        ["0.95", "0.0160", "0.0130", "+0.30"],
    ]


def test_one_model_alone_leads_nobody_and_what_is_undefined_reads_so():
    told = as_console(precision_section([evaluation("alone", 0.5, None, 0.1)], "bbox"))
    assert "over" not in told.lower()
    assert told.splitlines()[-2].split() == ["0.75", "undefined"]


def test_the_table_has_a_row_a_model_kind_and_threshold(tmp_path):
    write_precision_csv([FIRST, evaluation("other", 0.2, None, 0.0)], tmp_path / "ap.csv")
    rows = list(csv.DictReader((tmp_path / "ap.csv").read_text().splitlines()))
    assert len(rows) == 2 * 2 * len(IOUS)
    assert rows[0] == {"model": "first", "kind": "mask", "iou": "0.5", "average_precision": "0.5"}
    assert [row["average_precision"] for row in rows if row["model"] == "other"][:3] == ["0.2", "", "0"]


def test_the_picture_holds_all_that_is_drawn_in_either_half(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "yolact_temporal.benchmarking.evaluations.save_png",
        lambda figure, path, title: drawn.append(figure) or path,
    )
    boxes_higher = Evaluation("b", "a", {"segm": figures(0.1, 0.1, None), "bbox": figures(0.9, 0.5, 0.1)})
    plot_precision([FIRST, boxes_higher], tmp_path / "ap.png")
    (figure,) = drawn
    for axes in figure.axes:
        assert [line.get_label() for line in axes.lines] == ["first", "b"]
        assert axes.get_ylim()[0] == 0
        assert axes.get_ylim()[1] >= 90


def test_what_is_printed_is_read_again(tmp_path):
    path = tmp_path / "two.json"
    path.write_text(json.dumps(evaluations_data([FIRST, SECOND])))
    assert read_evaluations([path]) == [FIRST, SECOND]
    assert read_evaluations([path])[0].precision("segm") == {0.5: 0.5, 0.75: 0.3, 0.95: 0.016}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data.pop("model"), "'model' is missing or wrong"),
        (lambda data: data.pop("segm"), "'segm' is missing or wrong"),
        (lambda data: data["bbox"].pop("AP_by_iou"), "'bbox'.AP_by_iou is missing or wrong"),
        (lambda data: data["segm"]["AP_by_iou"].update({"0.50": 50}), "0.50 is missing or wrong"),
        (lambda data: data["segm"]["AP_by_iou"].update({"high": 0.5}), "IoU threshold 'high' is missing"),
        (
            lambda data: data.update(beside=[evaluation("x", 0, 0, 0, annotations="b").as_data()]),
            "same annot",
        ),
        (lambda data: data.update(beside=[FIRST.as_data()]), "got 2 of first"),
        (lambda data: data.update(beside=[7]), "missing or wrong"),
    ],
)
def test_what_is_no_evaluation_or_goes_not_with_the_others_is_refused(tmp_path, damage, message):
    data = json.loads(json.dumps(evaluations_data([FIRST])))
    damage(data)
    path = tmp_path / "damaged.json"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match=message):
        read_evaluations([path])


@pytest.mark.parametrize(
    ("content", "message"), [(None, "nothing there"), ("[", "it is not JSON"), ("[]", "missing")]
)
def test_a_file_that_is_no_object_is_refused(tmp_path, content, message):
    path = tmp_path / "x.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_evaluations([path])


def test_outputs_that_cannot_be_written_are_told_before_anything_is_read(tmp_path, capsys):
    arguments = [
        "evaluate",
        "--annotations",
        "gone.json",
        "--images",
        "x",
        "--csv",
        str(tmp_path / "no" / "ap.csv"),
    ]
    assert cli.main(arguments) == 2
    assert "expected --csv in a folder that is there" in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_lays_a_model_beside_a_baseline_and_an_earlier_one(tmp_path, capsys):
    path = write_shapes(tmp_path, 2)
    shared = ["--annotations", str(path), "--images", str(tmp_path), "--device", "cpu"]
    assert cli.main(["evaluate", "--model", "mask_rcnn_compact", *shared, "--json"]) == 0
    earlier = tmp_path / "earlier.json"
    earlier.write_text(capsys.readouterr().out)
    files = ["--csv", str(tmp_path / "ap.csv"), "--plot", str(tmp_path / "ap.png")]
    more = ["--baseline", "mask_scoring_rcnn_compact", "--beside", str(earlier)]
    assert cli.main(["evaluate", *shared, *more, *files]) == 0
    told = capsys.readouterr().out
    names = ["yolact_compact", "mask_scoring_rcnn_compact", "mask_rcnn_compact"]
    heads = [line for line in told.splitlines() if line.split()[:4] == ["IoU", *names]]
    assert len(heads) == 2
    assert (tmp_path / "ap.png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader((tmp_path / "ap.csv").read_text().splitlines()))
    assert {row["model"] for row in rows} == set(names)
    assert len({row["iou"] for row in rows}) == 10
