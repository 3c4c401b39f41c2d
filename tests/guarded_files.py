"""A folder of a person's files with clips, masks and runs of ours among them, and what is there before and after."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mask_clips import frame, sequence
from PIL import Image

from yolact_temporal.analyzing import run_pictures
from yolact_temporal.cli import main as cli
from yolact_temporal.comparing import compare_runs
from yolact_temporal.data.files import atomic_write
from yolact_temporal.data.formats import FORMATS
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.rle import encode_masks, mask_boxes
from yolact_temporal.data.runs.layout import PLOT_FILES

SIZE, FRAMES = (24, 32), 3


@pytest.fixture(autouse=True, scope="module")
def without_plots() -> Iterator[None]:
    """For test files that import it: files of pictures stand for pictures, which take nine tenths of a run's time.

    They are written where pictures would be, which `--no-plots` would leave out: what lies there must be spared too.
    """

    def drawn(*arguments: Any, **_: Any) -> None:
        for path in (each for each in arguments if isinstance(each, Path)):
            for picture in [path / name for name in PLOT_FILES[:3]] if path.is_dir() else [path]:
                with atomic_write(picture, "wb") as file:
                    file.write(b"a picture")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_pictures, "plots_to_draw", lambda *given: [partial(drawn, *given)])
        patch.setattr(compare_runs, "plot_comparison", drawn)
        patch.setattr(compare_runs, "plot_overview", drawn)
        yield


class StandIn:
    """A segmenter that sees one square, in place of a network."""

    class_names = ("thing",)

    def __init__(self, name: str = "stand_in") -> None:
        self.name = name

    def segment(self, pixels: np.ndarray) -> list[Instances]:
        bitmap = np.zeros((1, *pixels.shape[1:3]), np.bool_)
        bitmap[0, 6:18, 8:24] = True
        masks = encode_masks(bitmap)
        return [Instances(mask_boxes(masks), [0.9], [0], masks, bitmap.shape[1:]) for _ in pixels]


def stand_ins(*names: str) -> list[Any]:
    """Models as the command line loads them."""
    from yolact_temporal.analyzing.loaded_model import LoadedModel

    manifest = {
        "note": "a stand-in",
        "weights": {"sha256": "0" * 64},
        "config": {"class_names": ["thing"]},
        "score_threshold": 0.5,
    }
    return [LoadedModel(StandIn(name), 0.5, dict(manifest)) for name in names]  # type: ignore[arg-type]


def write_masks(path: Path, shift: int = 0) -> Path:
    """Write COCO results of one object that stands still."""
    bitmap = np.zeros(SIZE, np.bool_)
    bitmap[6:18, 8 + shift : 24 + shift] = True
    path.parent.mkdir(parents=True, exist_ok=True)
    FORMATS["coco"].write(sequence([frame(index, [bitmap], SIZE, [1]) for index in range(FRAMES)]), path)
    return path


def write_images(folder: Path) -> Path:
    """Write a clip as numbered images."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(FRAMES):
        pixels = np.full((*SIZE, 3), 40, np.uint8)
        pixels[6:18, 8 + index : 24 + index] = 200
        Image.fromarray(pixels).save(folder / f"{index:05d}.png")
    return folder


def write_run(folder: Path, names: tuple[str, ...] = ("a", "b"), *options: str) -> Path:
    """Write a finished run of ours by `score`, of masks that are gone afterwards; options are the command's."""
    masks = [write_masks(folder.parent / ".made" / f"{name}.json", at) for at, name in enumerate(names)]
    arguments = [
        *map(str, masks),
        "--clip-name",
        folder.name,
        "--out",
        str(folder.parent),
        "--quiet",
        *options,
    ]
    assert cli.main(["score", *arguments]) == 0
    shutil.rmtree(folder.parent / ".made")
    return folder


def interrupt(run: Path) -> Path:
    """Make a finished run one that was broken off."""
    path = run / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"completed": False}))
    return run


def snapshot(root: Path) -> dict[str, tuple[str, Any]]:
    """Return what lies in a folder: kind and content of everything, by its path; links are not followed."""
    found: dict[str, tuple[str, Any]] = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder) / name
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                own: tuple[str, Any] = ("link", str(path.readlink()))
            elif stat.S_ISREG(mode):
                own = ("file", path.read_bytes())
            else:
                own = ("folder" if stat.S_ISDIR(mode) else "device", None)
            found[str(path.relative_to(root))] = own
    return found


def lost(before: dict[str, tuple[str, Any]], root: Path, ours: set[str] = frozenset()) -> list[str]:  # type: ignore[assignment]
    """Return what of a person's was there before and is gone or changed: all but the files of ours."""
    after = snapshot(root)
    return [path for path, own in before.items() if path not in ours and after.get(path) != own]


def files_of(run: Path, root: Path) -> set[str]:
    """Return the files and folders of a run of ours, as paths in `root`."""
    return {str(path.relative_to(root)) for path in run.rglob("*")}
