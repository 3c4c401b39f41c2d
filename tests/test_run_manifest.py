"""`run.json`: read with every value checked, an older one as this version's, a newer one refused in one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from yolact_temporal.data.frames import FrameLoss
from yolact_temporal.data.runs.manifest import (
    FORMAT_VERSION,
    RunOptions,
    parse_manifest,
    read_manifest,
    write_manifest,
)
from yolact_temporal.errors import InputError

CLIP = {
    "path": "film.mp4", "sha256": "ab", "width": 8, "height": 6, "fps": "30000/1001", "frame_count": 9,
    "decoder": "pyav", "decoder_reason": "Because.",
}  # fmt: skip
DOCUMENT: dict[str, Any] = {
    "completed": True,
    "name": "film",
    "clip": CLIP,
    "options": {"start": 0, "end": 2.5, "stride": 2, "batch": 1, "flow_long_side": 512},
    "motion": "optical flow",
    "models": {
        "m": {
            "score_threshold": 0.25,
            "config": {"class_names": ["a", "b"]},
            "weights": {"sha256": "f" * 64},
            "mask_cell_px": [6.2, 3.5],
        }
    },
    "frames_measured": 9,
    "losses": [{"at_index": 3, "reason": "torn", "count": None}],
    "warnings": ["slow"],
    "outside": {"m": {"unshared": 2, "duplicates": 1, "of": 5}},
    "seconds": {"decode": 1.5},
    "ground_truth": {"path": "truth", "format": "davis"},
}


def test_what_is_written_is_read(tmp_path):
    write_manifest(tmp_path, DOCUMENT)
    manifest = read_manifest(tmp_path)
    assert manifest is not None
    assert (manifest.name, manifest.completed, manifest.frames_measured) == ("film", True, 9)
    assert (manifest.clip.rate, manifest.clip.width) == (Fraction(30000, 1001), 8)
    assert manifest.options == RunOptions(0, 2.5, 2, 1, 512)
    assert manifest.options.motion == "dis", "all runs were by it before there was another"
    assert (manifest.models["m"].class_names, manifest.models["m"].weights) == (("a", "b"), "f" * 12)
    assert manifest.models["m"].mask_cell_px == (6.2, 3.5)
    assert manifest.losses == (FrameLoss(3, "torn", None),)
    assert manifest.outside == {"m": (2, 1, 5)}
    assert manifest.inputs == [Path("film.mp4"), Path("truth")]
    assert json.loads((tmp_path / "run.json").read_text())["tool"] == "yolact-temporal"
    assert read_manifest(tmp_path / "none") is None


def test_the_motion_of_a_run_is_read_as_one_of_those_there_are(tmp_path):
    options = {"motion": "farneback", "second_motion_every": 4}
    write_manifest(tmp_path, DOCUMENT | {"options": options})
    manifest = read_manifest(tmp_path)
    assert manifest is not None
    assert manifest.options == RunOptions(motion="farneback", second_motion_every=4)
    for wrong in ({"motion": "raft"}, {"motion": 3}, {"second_motion_every": -1}):
        write_manifest(tmp_path, DOCUMENT | {"options": wrong})
        with pytest.raises(InputError, match=next(iter(wrong))):
            read_manifest(tmp_path)


def without_tool(data: dict[str, Any]) -> None:
    data.pop("tool")
    data["format_version"] = 1


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.update(another={"key": 1}),
        lambda data: data["options"].update(another=[]),
        lambda data: data["models"]["m"].update(another=None),
        lambda data: [data.pop(key) for key in ("options", "losses", "outside", "seconds", "motion")],
        without_tool,
    ],
)
def test_more_than_is_known_and_less_than_is_written_today_is_read(change):
    data = json.loads(json.dumps(DOCUMENT)) | {"tool": "yolact-temporal", "format_version": FORMAT_VERSION}
    change(data)
    assert parse_manifest(json.dumps(data).encode(), Path("run.json")).name == "film"


def test_what_an_older_run_counted_without_telling_duplicates_apart_is_not_taken_for_known() -> None:
    older = {
        "outside": {"m": {"instances": 2, "of": 5}},
        "tool": "yolact-temporal",
        "format_version": FORMAT_VERSION,
    }
    assert parse_manifest(json.dumps(DOCUMENT | older).encode(), Path("run.json")).outside is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data.update(format_version=FORMAT_VERSION + 1), "update yolact-temporal"),
        (lambda data: data.update(format_version=0), "got 0: analyze"),
        (lambda data: data.update(format_version="1"), "cannot be read as one"),
        (lambda data: data.update(tool="other"), "another program wrote"),
        (lambda data: data.pop("tool"), "'tool'"),
        (lambda data: data.update(completed="yes"), "'completed'"),
        (lambda data: data.pop("clip"), "'clip'"),
        (lambda data: data["clip"].update(width=0), "'clip'.width"),
        (lambda data: data["clip"].update(height=True), "'clip'.height"),
        (lambda data: data["clip"].update(fps="1/0"), "'clip'.fps"),
        (lambda data: data["clip"].update(fps="-3"), "'clip'.fps"),
        (lambda data: data["clip"].update(frame_count=1.5), "'clip'.frame_count"),
        (lambda data: data.update(models={}), "'models'"),
        (lambda data: data["models"].update({"..": data["models"]["m"]}), "leads out of the run"),
        (lambda data: data["models"].update({"a/b": data["models"]["m"]}), "leads out of the run"),
        (lambda data: data["models"]["m"].update(score_threshold="0.5"), "score_threshold"),
        (lambda data: data["models"]["m"]["config"].update(class_names=[1]), "class_names"),
        (lambda data: data["models"]["m"].update(mask_cell_px=[4]), "'models'.m.mask_cell_px"),
        (lambda data: data["models"]["m"].update(mask_cell_px=[4, 0]), "'models'.m.mask_cell_px"),
        (lambda data: data["options"].update(stride=0), "'options'.stride"),
        (lambda data: data["options"].update(start=-1), "'options'.start"),
        (lambda data: data.update(losses=[{"at_index": 1}]), "losses.reason"),
        (lambda data: data.update(outside={"m": {"unshared": 1, "duplicates": 0}}), "'outside'.m.of"),
        (lambda data: data.update(warnings="one"), "'warnings'"),
    ],
)
def test_what_is_garbled_is_named_in_one_sentence(
    change: Callable[[dict[str, Any]], object], said: str
) -> None:
    data = json.loads(json.dumps(DOCUMENT)) | {"tool": "yolact-temporal", "format_version": FORMAT_VERSION}
    change(data)
    with pytest.raises(InputError) as caught:
        parse_manifest(json.dumps(data).encode(), Path("film/run.json"))
    assert said in str(caught.value)
    assert "film" in str(caught.value)
