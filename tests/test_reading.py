"""The first lines: what they hold, in which order, in how many lines; and the same as data."""

import json

import pytest

from yolact_temporal.data.runs.answers import Answer, ComparedClip, Verdict
from yolact_temporal.temporal.comparison.answer_text import brief_answer
from yolact_temporal.temporal.comparison.clip_objects import ClipObjects
from yolact_temporal.temporal.comparison.rows import ObjectRow
from yolact_temporal.temporal.documents import Items, Paragraph, Section, Table, as_console, as_markdown
from yolact_temporal.temporal.reading import first_lines as first_lines_module
from yolact_temporal.temporal.reading.clip_reading import ClipReading, reading_data
from yolact_temporal.temporal.reading.first_lines import (
    LINES,
    WIDTH,
    console_lines,
    first_lines,
    movement_sentence,
)
from yolact_temporal.temporal.reading.moments import Moment
from yolact_temporal.temporal.reading.object_rows import ModelOfObject, ObjectReading, object_readings
from yolact_temporal.temporal.reading.several_clips import compared_clips, measured_clips
from yolact_temporal.temporal.reading.sizes import near_floor

MODELS = ("ours", "theirs")


def answer(question="outline", outcome="first", **changes):
    told = {"first": 1.2, "second": 2.0, "effect": -0.4, "low": -0.52, "high": -0.25, "unit": "px"}
    if question != "outline":
        told = {"first": 0.02, "second": 0.05, "effect": -0.03, "low": -0.04, "high": -0.01, "unit": "1"}
    told |= {
        "scope": "this_clip",
        "confidence": 0.95,
        "p_value": None,
        "p_adjusted": None,
        "clips": 1,
        "pairs": 90,
    }
    told |= {"margin": 1.2 if question == "outline" else 0.02, "small": False, "smallest_effect": None}
    told |= {"clips_needed": None, "pairs_needed": None, "sentence": f"The whole sentence of {question}."}
    return Answer(question=question, outcome=outcome, **told | changes)  # fmt: skip


WHY = "Why they move: yolact prototypes 68%, box 6%, coefficients 2% (24% no part's)."


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (answer(), "Outlines (ours / theirs): ours moves less by 40% (1.2 / 2 px a frame, -52% to -25%)."),
        (
            answer(outcome="second", first=2.0, second=1.0, effect=1.0, low=0.6, high=1.5),
            "Outlines (ours / theirs): theirs moves less by 50% (2 / 1 px a frame, +60% to +150%).",
        ),
        (answer(outcome="alike"), "Outlines (ours / theirs): alike (1.2 / 2 px a frame; within a factor of 1.2)."),
        (
            answer(outcome="not_shown", pairs_needed=230),
            "Outlines (ours / theirs): not shown (1.2 / 2 px a frame, -52% to -25%; it takes 230 pairs).",
        ),
        (answer(outcome="too_short", pairs=12), "Outlines (ours / theirs): too short to say (12 pairs)."),
        (answer(outcome="undefined", first=None, second=None), "The whole sentence of outline."),
        (
            answer("presence"),
            "Blinks: ours blinks less (missed in one frame of two 2.0% / 5.0%, -4.0 to -1.0 points).",
        ),
        (
            answer("coverage", "second"),
            "Seen: theirs sees more (2.0% / 5.0% of the pairs, -4.0 to -1.0 points).",
        ),
        (
            answer("truth", "second", first=0.8, second=0.9, low=-0.12, high=-0.08),
            "Truth: theirs is truer (J&F 0.800 / 0.900, -0.120 to -0.080).",
        ),
    ],
)  # fmt: skip
def test_an_answer_in_one_line(told, line):
    assert brief_answer(told, MODELS) == line


CLIP = ComparedClip(
    clip="street", pairs=100, common=80, boundary_px=(1.2, 2.0), jitter=(0.1, 0.2), floor_px=(0.3, 0.5),
    floor_jitter=(0.02, 0.02), misses=(0.01, 0.05), coverage=(0.9, 0.8), truth_j=(None, None), truth_f=(None, None),
    effect=-0.4, low=-0.5, high=-0.25,
)  # fmt: skip


def verdict(clips=(CLIP,), **changes):
    answers = tuple(answer(question) for question in ("outline", "presence", "coverage"))
    told = {
        "models": MODELS,
        "answers": answers,
        "guards": (),
        "steadier": "ours",
        "word": "ours is steadier",
    }
    told |= {
        "headline": "ours is steadier (by 40% on this clip).",
        "unknown": (),
        "rules": "",
        "by_clip": clips,
    }
    return Verdict(**told | changes)  # fmt: skip


def seen(number=1, pairs=80, px=(1.2, 2.0), floor=(0.3, 0.3), name="person", blinks=(0, 2), frames=(90, 85)):
    models = {
        model: ModelOfObject(count, pairs, b1, None if b1 is None else b1 / 100, 0.1, gone, own, 0.02)
        for model, count, b1, gone, own in zip(MODELS, frames, px, blinks, floor, strict=True)
    }
    return ObjectReading(number, name, max(frames), max(frames) / 100, pairs, models)


def bad(k):
    return Moment(
        10 * k, k / 2, "ours", 1, 1, "person", "blink", 0.5 / (k + 1), gone_frames=3, other_track_id=None
    )


def reading(objects=4, moments=8, **changes):
    rows = tuple(seen(k + 1, pairs=80 - k) for k in range(objects))
    told = {"name": "street", "frames": 100, "seconds": 4.0, "size": (480, 854), "models": MODELS}
    told |= {
        "objects": rows,
        "moments": tuple(bad(k) for k in range(moments)),
        "verdicts": (verdict(),),
    }
    return ClipReading(**told | changes)


def test_the_first_lines_come_in_the_order_in_which_a_person_asks():
    text = console_lines(reading(), ["report.md in runs/street", "a browser"])
    wanted = [
        "street: 100 frames, 4.0 s, 854x480",
        "person #1 90%",
        "ours is steadier (by 40% on this clip).",
        "Outlines (ours / theirs): ours moves less by 40%",
        "ours blinks less",
        "at least 0.3 px may be",
        "Objects (ours / theirs)",
        "1.2 / 2     0.3",
        "Worst moments",
        "gone for 3 frames",
        "Look next: report.md in runs/street; a browser",
    ]
    places = [text.index(part) for part in wanted]
    assert places == sorted(places)
    assert text.count("gone for 3 frames") == 5


@pytest.mark.parametrize("objects", [0, 1, 3, 8, 60])
@pytest.mark.parametrize("moments", [0, 2, 20])
@pytest.mark.parametrize(
    "models", [MODELS, ("a_rather_long_name_of_a_model", "another_long_name_of_a_model_x")]
)
def test_they_are_never_more_than_can_be_taken_in(objects, moments, models):
    rows = tuple(
        ObjectReading(
            k + 1,
            "person",
            90,
            0.9,
            80 - k,
            dict(zip(models, seen().models.values(), strict=True)),
        )
        for k in range(objects)
    )
    long = verdict(
        models=models,
        headline=f"The outlines of {models[0]} move 60% less on this clip, but 18% of the instances of {models[0]} are "
        f"of no object, 2% of those of {models[1]}. How true the masks are is not known.",
    )
    told = reading(moments=moments, objects=0, models=models, verdicts=(long,))
    text = console_lines(
        ClipReading(**{**vars(told), "objects": rows, "causes": WHY}),
        ["report.md, x/overlay.mp4, y/overlay.mp4 in runs/street", "b"],
    )
    lines = text.split("\n")
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= WIDTH
    assert sum("frame " in line and " s " in line for line in lines) >= min(moments, 3)
    if objects:
        assert any(line.strip().startswith("person #1 ") and "1.2 / 2" in line for line in lines)
    if objects == 60:
        assert "more objects" in text


@pytest.mark.parametrize(
    ("most", "moments", "causes"), [(30, 5, True), (16, 3, True), (15, 3, False), (13, 1, False)]
)
def test_what_the_movement_comes_from_gives_way_to_three_moments(most, moments, causes):
    told = reading(objects=1, moments=5)
    text = console_lines(ClipReading(**{**vars(told), "causes": WHY}), most=most)
    assert text.count("gone for 3 frames") == moments
    assert ("Why they move" in text) == causes


def test_thousands_of_objects_take_no_more_tries_than_there_are_lines(monkeypatch):
    tries = []
    monkeypatch.setattr(
        first_lines_module, "as_console", lambda *given, **how: tries.append(1) or as_console(*given, **how)
    )
    text = console_lines(reading(objects=3000, moments=20))
    assert len(text.split("\n")) <= LINES
    assert "more objects" in text
    assert len(tries) <= first_lines_module.MOMENTS * LINES


def test_the_report_leaves_nothing_out():
    told = reading(objects=60, moments=20)
    text = as_markdown(first_lines(told))
    assert text.count("| person #") >= 60
    assert text.count("gone for 3 frames") == 20
    assert "The whole sentence of presence." in text


def test_one_model_alone_has_its_own_figures_and_no_comparison():
    alone = {"ours": seen().models["ours"]}
    rows = (ObjectReading(1, "person", 90, 0.9, 80, alone),)
    told = ClipReading("street", 100, None, (480, 854), ("ours",), rows, (bad(1),))
    text = console_lines(told)
    assert "Outlines move 1.2 px a frame (0.012 of the object's size: visible) beyond the motion" in text
    assert " / " not in text
    assert "ours" not in text
    assert text.startswith("street: 100 frames, 854x480\n")


def test_a_clip_in_which_nothing_was_seen_says_so():
    told = ClipReading("dark", 10, 0.4, (480, 854), ("ours",), (), ())
    assert console_lines(told).split("\n")[1] == "  Seen: nothing was recognised."
    json.dumps(reading_data(told), allow_nan=False)


def test_a_true_floor_is_called_so_and_an_unknown_one_too():
    assert "the true masks move 0.3 px." in movement_sentence(reading(from_truth=True))
    rows = (seen(floor=(None, 0.3)),)
    unknown = ClipReading("c", 9, 1.0, (480, 854), MODELS, rows, ())
    assert "error is not known" in movement_sentence(unknown)
    assert movement_sentence(ClipReading("c", 9, 1.0, (480, 854), MODELS, (), ())) == ""


def test_an_object_weighs_by_its_pairs_and_few_are_too_short_to_weigh():
    rows = (seen(1, pairs=90, px=(1.0, 1.0)), seen(2, pairs=9, px=(12.0, 1.0)))
    told = ClipReading("c", 99, 4.0, (480, 854), MODELS, rows, ())
    assert told.movement("ours").boundary_px == pytest.approx((90 * 1.0 + 9 * 12.0) / 99)
    lines = console_lines(told).split("\n")
    (short,) = [
        line for line in lines if line.strip().startswith("person #2") and "too short to weigh" in line
    ]
    assert "12 / 1" in short


def row(frame, number, model, score, **changes):
    figures = {
        "boundary_px": 1.0,
        "boundary_share": 0.01,
        "jitter": 0.1,
        "truth_iou": None,
        "truth_boundary_f": None,
    }
    before = {"pair_status": "counted" if frame else "first", "previous_score": score, "class_name": "person"}
    return ObjectRow(
        frame=frame, time_s=frame / 25, object_id=number, model=model, score=score, area_px=100,
        **before | figures | changes,
    )  # fmt: skip


def test_objects_are_read_from_their_table_on_the_pairs_that_all_see():
    rows = []
    for frame in range(20):
        gone = frame in (5, 6, 12)
        rows.append(row(frame, 1, "ours", 0.9, boundary_px=2.0, round_trip_px=0.2))
        rows.append(row(frame, 1, "theirs", 0.2 if gone else 0.8, boundary_px=3.0, round_trip_px=0.4))
        if frame < 4:
            rows.append(row(frame, 2, "ours", 0.9, class_name="animal"))
            rows.append(row(frame, 2, "theirs", None, class_name=None, boundary_px=None))
    longest, short = object_readings(ClipObjects.from_rows(rows), {"ours": 0.5, "theirs": 0.5}, frames=40)
    assert (longest.who, longest.frames, longest.share) == ("person #1", 20, 0.5)
    assert longest.pairs == 19 - 5  # the pairs into, within and out of both gaps
    assert longest.models["ours"].boundary_px == 2.0
    assert longest.models["theirs"].boundary_px == 3.0
    assert [longest.models[model].floor_px for model in MODELS] == pytest.approx([0.2, 0.4])
    assert (longest.models["ours"].blinks, longest.models["theirs"].blinks) == (0, 2)
    assert (short.who, short.pairs, short.weighs) == ("animal #2", 0, False)
    assert short.models["theirs"] == ModelOfObject(0, 0, None, None, None, None)
    assert object_readings(ClipObjects.from_rows([]), {"ours": 0.5}, 40) == []


def test_data_holds_all_of_it():
    data = json.loads(json.dumps(reading_data(reading(objects=30, moments=20)), allow_nan=False))
    assert len(data["objects"]) == 30
    assert len(data["moments"]) == 20
    assert data["moments"][0]["what"] == "gone for 3 frames"
    assert data["movement"][0]["grade"] == "visible"
    assert data["answers"][0]["headline"] == "ours is steadier (by 40% on this clip)."
    assert [own["floor_px"] for own in data["movement"]] == pytest.approx([0.3, 0.3])


def test_a_floor_of_nothing_is_not_told_as_an_error():
    assert "shows no error of its own" in movement_sentence(
        ClipReading(**{**vars(reading()), "objects": (seen(floor=(0.0, 0.0)),)})
    )


def test_each_model_has_its_own_floor():
    """A model below its own floor is told so, however far above it another one is."""
    told = ClipReading(**{**vars(reading()), "objects": (seen(px=(0.4, 0.9), floor=(0.7, 0.1)),)})
    sentence = movement_sentence(told)
    assert sentence.index("no more than the floor") < sentence.index("in theirs")
    assert sentence.count("the floor") == 1
    assert sentence.endswith("of these at least 0.7 and 0.1 px may be the motion estimate's error.")
    assert "0.7 / 0.1" in console_lines(told)


def test_what_is_near_the_floor_says_so():
    close = reading(objects=0, verdicts=(), moments=0)
    close = ClipReading(**{**vars(close), "objects": (seen(px=(0.4, 0.9), floor=(0.3, 0.3)),)})
    sentence = movement_sentence(close)
    assert sentence.index("hardly more than the floor") < sentence.index("in theirs")
    assert sentence.count("hardly more than the floor") == 1
    assert not near_floor(0.0, 0.0)


def test_several_clips_have_a_row_each_and_one_for_all():
    second = ComparedClip(**{**vars(CLIP), "clip": "dog", "effect": None, "low": None, "high": None})
    (table,) = [block for block in compared_clips(verdict((CLIP, second))).blocks if isinstance(block, Table)]
    assert [cells[0] for cells in table.rows] == ["street", "dog", "all"]
    assert table.rows[0][1:] == [
        "80 of 100",
        "1.2 / 2",
        "-40% (-50 to -25)",
        "0.3 / 0.5",
        "1 / 5%",
        "90 / 80%",
    ]
    assert table.rows[1][3] == "-"
    assert table.rows[2][1:3] == ["160 of 200", "1.2 / 2"]
    (own,) = measured_clips([reading(), reading(name="dog")]).blocks
    assert [cells[0] for cells in own.rows] == ["street", "dog", "all"]
    assert own.rows[0][4] == own.rows[2][4] == "1.2"


def test_text_is_broken_at_the_width_and_tables_are_not():
    words = " ".join(["word"] * 40)
    section = Section(
        "title", [Paragraph(words), Items([words]), Table([""], [["x" * 120]]), Section("in", [])]
    )
    lines = as_console(section, width=60, spaced=False).split("\n")
    assert all(len(line) <= 60 for line in lines if "word" in line)
    assert sum(line.startswith("  - ") for line in lines) == 1
    assert "  " + "x" * 120 in lines
    assert "" not in lines
    assert " ".join(" ".join(lines).replace("- ", "").split()).count("word") == 80


def test_a_figure_of_nothing_is_not_zero():
    rows = [
        row(frame, 1, model, 0.9, boundary_px=None, jitter=None) for frame in range(12) for model in MODELS
    ]
    (only,) = object_readings(ClipObjects.from_rows(rows), dict.fromkeys(MODELS, 0.5), 12)
    told = ClipReading("c", 12, 0.5, (480, 854), MODELS, (only,), ())
    assert told.movement("ours").boundary_px is None
    assert "- / -" in console_lines(told)
    assert "nan" not in console_lines(told)
