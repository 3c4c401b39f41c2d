"""A clip that changes while it is measured is noticed at the end, and said."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import worker_model
from clips import write_images

from yolact_temporal.cli import main as cli
from yolact_temporal.data.sources import open_clip
from yolact_temporal.data.sources.changes import change_sentence, stamp_of

PICTURES = [np.full((48, 64, 3), value, np.uint8) for value in (40, 60, 80)]


@pytest.fixture
def folder(tmp_path):
    return write_images(tmp_path / "images", PICTURES)


CHANGES = {
    "nothing": (lambda folder: None, None),
    "touched": (lambda folder: os.utime(sorted(folder.iterdir())[0], (1, 1)), None),
    "a picture": (lambda folder: sorted(folder.iterdir())[0].write_bytes(b"other"), "changed while"),
    "one more": (lambda folder: (folder / "99999.png").write_bytes(b"new"), "changed while"),
    "one less": (lambda folder: sorted(folder.iterdir())[0].unlink(), "changed while"),
    "all": (lambda folder: [each.unlink() for each in folder.iterdir()], "is gone"),
    "the folder": (lambda folder: folder.rename(folder.with_name("moved")), "is gone"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_a_folder_is_said(folder, change):
    make, said = CHANGES[change]
    source = open_clip(str(folder))
    source.close()
    before = stamp_of(source.info)
    make(folder)
    sentence = change_sentence(source.info, before)
    assert (sentence is None) == (said is None)
    assert said is None or said in sentence


def test_a_file_that_grows_is_said(tmp_path):
    source = open_clip(str(write_images(tmp_path / "images", PICTURES)))
    source.close()
    clip = tmp_path / "clip.bin"
    clip.write_bytes(b"one")
    info = type(source.info)(**{**vars(source.info), "path": str(clip)})
    before = stamp_of(info)
    with clip.open("ab") as file:
        file.write(b"two")
    assert "clip.bin changed while it was measured" in change_sentence(info, before)


def test_a_run_warns(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    segment = worker_model.BrightThings.segment

    def changing(self, frames):
        (folder / "00009.png").write_bytes(b"later")
        return segment(self, frames)

    monkeypatch.setattr(worker_model.BrightThings, "segment", changing)
    given = ["analyze", str(folder), "--model", "worker_model:BrightThings", "--no-overlay", "--no-plots"]
    assert cli.main([*given, "--out", str(tmp_path / "runs"), "--fps", "10"]) == 0
    assert "images changed while it was measured" in capsys.readouterr().err
    manifest = json.loads((tmp_path / "runs" / "images" / "run.json").read_text())
    assert any("changed while" in warning for warning in manifest["warnings"])
