"""A single frame of a clip is the very frame that a forward reading gives, in whatever order frames are asked for."""

from pathlib import Path

import numpy as np
import pytest
from clips import read_barcode
from PIL import Image

from yolact_temporal.data.photo_film import PhotoFilm
from yolact_temporal.data.runs.manifest import ClipDescription
from yolact_temporal.data.sources import open_clip
from yolact_temporal.data.viewing import view_clip
from yolact_temporal.errors import InputError


def view(path, sha256):
    """The clip as a run's manifest describes it; only where it lies and what it held matter for looking at it."""
    return view_clip(ClipDescription(path, sha256, 64, 48, None, None, "pyav", ""))


KINDS = (
    "plain.mp4",
    "b_frames.mp4",
    "late_start.mkv",
    "edit_list.mp4",
    "edit_list_b_frames.mp4",
    "rotated_90.mp4",
    "variable_rate_b_frames.mkv",
    "open_gop.mkv",
    "h264_b_frames.avi",
    "h264.ts",
    "vp9.webm",
    "animation.gif",
)


@pytest.mark.parametrize("kind", KINDS)
def test_any_order_gives_the_frames_of_a_forward_reading(clip, kind):
    source = open_clip(clip(kind), decoder="pyav")
    frames = {frame.index: frame.rgb for frame in source}
    source.close()
    viewer = view(str(clip(kind)), source.info.sha256)
    order = [max(frames), 0, len(frames) // 2, len(frames) // 2 - 1, 1, max(frames) - 1, *frames]
    for index in order:
        assert np.array_equal(viewer.frame(index), frames[index]), index
    assert viewer.frame(len(frames) + 5) is None
    assert viewer.frame(-1) is None
    viewer.close()


def test_a_frame_far_from_a_key_frame_and_back_again(clip, tmp_path):
    from clips import write_clip

    path = tmp_path / "long.mp4"
    write_clip(path, frames=300, options={"g": "120", "bf": "2", "preset": "ultrafast"})
    info = open_clip(path, decoder="pyav").info
    viewer = view(str(path), info.sha256)
    for index in (299, 5, 118, 119, 120, 121, 180, 30, 179, 299):
        assert read_barcode(viewer.frame(index)) == index
    viewer.close()


def test_a_folder_of_images_and_the_film_are_clips_too(tmp_path):
    for number in (2, 10, 1):
        Image.fromarray(np.full((8, 9, 3), number, np.uint8)).save(tmp_path / f"{number}.png")
    viewer = view(str(tmp_path), open_clip(tmp_path).info.sha256)
    assert [int(viewer.frame(index).max()) for index in (2, 0, 1)] == [10, 1, 2]
    film = PhotoFilm(seed=4)
    viewer = view(film.info.path, film.info.sha256)
    assert viewer.film is not None
    assert np.array_equal(viewer.frame(30), film.render(30))
    assert viewer.frame(10_000) is None


@pytest.mark.parametrize("path", ["/nowhere/clip.mp4", "a\0b", "photo-film-x", ""])
def test_a_clip_that_is_gone_is_told(path):
    with pytest.raises(InputError, match="expected"):
        view(path, "0" * 64)


def test_another_clip_under_the_same_name_is_told(clip):
    with pytest.raises(InputError, match="another one"):
        view(str(Path(clip("plain.mp4"))), "0" * 64)
    with pytest.raises(InputError, match="another one"):
        view("photo-film-1", "0" * 64)
