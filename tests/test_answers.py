"""The answers of a comparison: written to JSON and read back the same, and garbled ones refused."""

import json

import pytest

from yolact_temporal.data.runs.answers import (
    Answer,
    ComparedClip,
    Guard,
    GuardFigure,
    Verdict,
    read_verdict,
    verdict_data,
)
from yolact_temporal.data.runs.documents import FieldError, Fields

OUTLINE = Answer(
    "outline", "first", "clips", 1.5, 1.8, "px", -0.17, -0.2, -0.1, 0.95, 0.01, 0.01, 8, 400, 1.2, False, 0.05, 7,
    None, "a is steadier.", (0.3, 0.4),
)  # fmt: skip
COVERAGE = Answer(
    "coverage", "undefined", "this_clip", None, None, "1", None, None, None, 0.98, None, None, 1, 0, 0.05, False, None,
    None, None, "Nothing is known.",
)  # fmt: skip
GUARDS = (
    Guard("sees_less", ("a",), True, (GuardFigure("coverage", -0.2, 0.05),), "a sees less (0.20)."),
    Guard("duplicates", (), False, (GuardFigure("duplicates", None, 0.05),), "not counted"),
)
CLIP = ComparedClip(
    "walk", 60, 55, (1.5, 1.8), (0.1, 0.2), (0.3, 0.4), (None, None), (0.0, 0.1), (1.0, 0.9), (None, None),
    (None, None), -0.17, -0.2, -0.1,
)  # fmt: skip
VERDICT = Verdict(
    ("a", "b"), (OUTLINE, COVERAGE), GUARDS, None, "undecided", "A headline.", ("how true",), "1.2.", (CLIP,)
)


def test_what_is_written_is_read_back_the_same():
    data = json.loads(json.dumps(verdict_data(VERDICT)))
    assert read_verdict(Fields(data)) == VERDICT


def test_an_older_verdict_has_one_floor_for_both_models():
    data = json.loads(json.dumps(verdict_data(VERDICT)))
    data["by_clip"][0] |= {"floor_px": 0.35, "floor_jitter": None}
    del data["answers"][0]["floor"]
    read = read_verdict(Fields(data))
    assert (read.by_clip[0].floor_px, read.by_clip[0].floor_jitter) == ((0.35, 0.35), (None, None))
    assert read.answers[0].floor == (None, None)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("answers", 0, "question"), "who knows", "question 'who knows'"),
        (("answers", 0, "effect"), "much", "answers.effect"),
        (("answers", 0, "small"), 1, "answers.small"),
        (("guards", 0, "name"), None, "guards.name"),
        (("by_clip", 0, "jitter"), [1.0], "by_clip.jitter"),
        (("models",), ["a"], "verdict.models"),
        (("headline",), None, "'headline'"),
    ],
)
def test_what_is_garbled_is_named(path, value, named):
    data = verdict_data(VERDICT) | {"models": ["a", "b"]}
    data = json.loads(json.dumps(data))
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(FieldError, match=named):
        read_verdict(Fields(data))


def test_an_answers_model_and_the_speaking_guards():
    assert (OUTLINE.place, COVERAGE.place) == (0, None)
    assert VERDICT.answer("outline") is OUTLINE
    assert VERDICT.answer("truth") is None
    assert [guard.name for guard in VERDICT.speaking] == ["sees_less"]
