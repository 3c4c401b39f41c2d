"""The film's camera is known exactly: its motion, its segments, its noise."""

import cv2
import numpy as np
import pytest
from PIL import Image

from yolact_temporal.data.photo_film import MOVES, PhotoFilm, film_of, film_of_name
from yolact_temporal.data.photograph import PHOTOGRAPHS, own_photograph, photographs_in
from yolact_temporal.errors import InputError, UsageError

SIZES = [(384, 448), (360, 480), (240, 240), (320, 180), (64, 48)]


@pytest.fixture(scope="module")
def film() -> PhotoFilm:
    return PhotoFilm(seed=3, size=(192, 224), fps=12)


@pytest.fixture(scope="module")
def clean_film() -> PhotoFilm:
    return PhotoFilm(seed=3, size=(192, 224), fps=12, noise=0)


def carried(previous: np.ndarray, backward: np.ndarray) -> np.ndarray:
    height, width = backward.shape[:2]
    x = backward[..., 0] + np.arange(width, dtype=np.float32)
    y = backward[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return cv2.remap(previous, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def sharpest_error(reference: np.ndarray, moved: np.ndarray, visible: np.ndarray) -> float:
    inner = cv2.erode(visible.astype(np.uint8), np.ones((9, 9)), borderValue=0) > 0
    return float(np.abs(reference.astype(float) - moved)[inner].mean())


def test_default_film_is_within_twelve_seconds_and_announces_itself() -> None:
    film = PhotoFilm()
    assert film.info.frame_count == len(film)
    assert len(film) / film.info.fps <= 12
    assert (film.info.height, film.info.width) == film.render(0).shape[:2]
    assert film.render(0).dtype == np.uint8
    assert not film.info.variable_rate


def test_iterating_gives_every_frame_once_in_order_with_its_time(film: PhotoFilm) -> None:
    frames = list(film)
    assert [frame.index for frame in frames] == list(range(len(film)))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(len(film)) / 12)
    np.testing.assert_array_equal(frames[5].rgb, film.render(5))
    assert film.losses == []
    assert film.warnings == []
    film.close()


def test_same_seed_gives_the_same_bytes_and_another_seed_another_film(film: PhotoFilm) -> None:
    again = PhotoFilm(seed=3, size=(192, 224), fps=12)
    other = PhotoFilm(seed=4, size=(192, 224), fps=12)
    assert again.info == film.info
    assert other.info.sha256 != film.info.sha256
    for index in (0, 20, 47, len(film) - 1):
        np.testing.assert_array_equal(again.render(index), film.render(index))
        assert not np.array_equal(other.render(index), film.render(index))
    shake = film.segments[3].stop - 1
    assert not np.allclose(other.pose(shake), film.pose(shake))


def test_segments_cover_the_film_photograph_by_photograph_and_move_by_move(film: PhotoFilm) -> None:
    names = [film.segment(index) for index in range(len(film))]
    expected = [f"{photograph.name}/{move}" for photograph in PHOTOGRAPHS for move in MOVES]
    assert list(dict.fromkeys(names)) == expected
    for segment in film.segments:
        assert names[segment.start : segment.stop] == [segment.name] * 12


def test_there_is_no_motion_at_the_start_and_across_cuts_only(film: PhotoFilm) -> None:
    without = [index for index in range(len(film)) if film.motion(index) is None]
    assert without == [0, 48, 96]


@pytest.mark.slow
def test_each_move_moves_as_it_promises(film: PhotoFilm) -> None:
    for segment in film.segments:
        motions = [film.motion(index) for index in range(segment.start, segment.stop)]
        flows = np.stack([motion.backward for motion in motions if motion is not None])
        spread = np.ptp(flows, axis=(1, 2)).max()
        if segment.move == "still":
            assert not flows.any()
            assert all(motion.visible.all() for motion in motions if motion is not None)
        elif segment.move == "pan":
            assert spread < 1e-4
            assert np.linalg.norm(flows.mean(axis=(1, 2)), axis=1).min() > 0.05
        elif segment.move == "zoom":
            stretch = (flows[:, 0, -1] - flows[:, 0, 0])[:, 0]
            assert (stretch < 0).all(), "zooming in, the frame's ends come from closer together"
        else:
            steps = flows.mean(axis=(1, 2))
            assert np.linalg.norm(steps, axis=1).mean() > 0.3
            assert (np.diff(np.sign(steps[:, 0])) != 0).any(), "a hand comes back"
            assert np.abs(steps.sum(axis=0)).max() < 6, "and stays about where it was"


@pytest.mark.slow
def test_exact_motion_carries_each_frame_onto_the_next(clean_film: PhotoFilm) -> None:
    for index in range(len(clean_film)):
        motion = clean_film.motion(index)
        if motion is None:
            continue
        previous, current = clean_film.render(index - 1), clean_film.render(index)
        back = sharpest_error(current, carried(previous, motion.backward), motion.visible)
        forth = sharpest_error(previous, carried(current, motion.forward), motion.visible)
        assert max(back, forth) < 1.5, clean_film.segment(index)
        if clean_film.segment(index).endswith("still"):
            assert back == 0
        elif np.abs(motion.backward).mean() > 0.5:
            unmoved = sharpest_error(current, previous, motion.visible)
            assert back < 0.4 * unmoved, clean_film.segment(index)


def test_what_noise_leaves_of_a_pair_is_the_noise_and_nothing_else(film: PhotoFilm) -> None:
    deviations = []
    for index in range(1, 12):
        difference = film.render(index).astype(float) - film.render(index - 1)
        deviations.append(difference.std() / np.sqrt(2))
        assert abs(difference.mean()) < 0.1
    assert 2.0 < np.mean(deviations) < 3.0


def test_noise_is_stronger_in_the_light_than_in_the_dark(film: PhotoFilm, clean_film: PhotoFilm) -> None:
    clean = clean_film.render(0)
    noise = np.stack([film.render(index).astype(float) - clean for index in range(12)])
    dark = noise[:, (clean > 15) & (clean < 50)].std()
    light = noise[:, (clean > 200) & (clean < 240)].std()
    assert light > 1.15 * dark


def test_noise_of_two_frames_is_unrelated(film: PhotoFilm, clean_film: PhotoFilm) -> None:
    first, second = (film.render(index).astype(float) - clean_film.render(index) for index in (3, 4))
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("size", SIZES)
def test_every_view_lies_inside_its_photograph(size: tuple[int, int]) -> None:
    film = PhotoFilm(seed=1, size=size, fps=24)
    height, width = size
    corners = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1]]).T
    extents = {photograph.name: photograph.read().shape for photograph in PHOTOGRAPHS}
    for segment in film.segments:
        photo_height, photo_width = extents[segment.photograph][:2]
        for index in range(segment.start, segment.stop):
            x, y, weight = film.pose(index) @ corners
            assert (x / weight).min() >= 0
            assert (x / weight).max() <= photo_width - 1
            assert (y / weight).min() >= 0
            assert (y / weight).max() <= photo_height - 1


def test_frames_show_the_photograph_at_the_pose_that_is_told(clean_film: PhotoFilm) -> None:
    photograph = PHOTOGRAPHS[1].read()
    segment = clean_film.segments[7]
    index = segment.stop - 1
    rendered = clean_film.render(index)
    direct = cv2.warpPerspective(
        cv2.GaussianBlur(photograph, (0, 0), 0.9),
        clean_film.pose(index),
        (224, 192),
        flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP,
    )
    assert np.abs(rendered.astype(float) - direct).mean() < 3


def test_visible_is_false_exactly_where_the_scene_comes_from_outside(film: PhotoFilm) -> None:
    motion = film.motion(18)
    assert motion is not None
    dx, dy = motion.backward[0, 0]
    assert not motion.visible.all()
    assert motion.visible.mean() > 0.9
    x = np.arange(224) + dx
    y = np.arange(192)[:, None] + dy
    expected = (np.round(x) >= 0) & (np.round(x) < 224) & (np.round(y) >= 0) & (np.round(y) < 192)
    assert (expected == motion.visible).mean() > 0.999


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"size": (8, 200)},
        {"fps": 0},
        {"seconds_per_move": 0.0},
        {"noise": -1.0},
        {"photographs": ()},
    ],
)
def test_wrong_arguments_are_refused_with_what_was_expected(wrong: dict) -> None:
    with pytest.raises(UsageError, match=r"expected .*, got"):
        PhotoFilm(**wrong)


@pytest.mark.parametrize("index", [-1, 10_000])
def test_frames_that_do_not_exist_are_refused(film: PhotoFilm, index: int) -> None:
    for ask in (film.render, film.motion, film.segment, film.pose):
        with pytest.raises(IndexError, match="expected a frame index"):
            ask(index)


@pytest.fixture
def folder(tmp_path):
    """Photographs of a user: PHOTOGRAPHS' first, upright and across, under names that sort by their numbers."""
    pixels = PHOTOGRAPHS[0].read()[:300, :200]
    for name, shown in (("shot_10.png", pixels), ("shot_9.jpg", pixels.transpose(1, 0, 2))):
        Image.fromarray(np.ascontiguousarray(shown)).save(tmp_path / name)
    return tmp_path


def test_a_users_photographs_are_filmed_one_by_one_in_their_own_shape(folder):
    found = photographs_in(folder)
    assert [photograph.name for photograph in found] == ["shot_9", "shot_10"]
    for photograph, size in zip(found, [(320, 480), (480, 320)], strict=True):
        film = film_of(photograph)
        assert (film.info.height, film.info.width) == size
        assert len(film) == 4 * 12
        assert [segment.move for segment in film.segments] == list(MOVES)
        assert film.render(0).shape == (*size, 3)


def test_a_film_is_found_again_by_its_name(folder):
    film = film_of(photographs_in(folder)[0], seed=5)
    assert film_of_name(film.info.path).info == film.info
    assert film_of_name("photo-film-5").info == PhotoFilm(seed=5).info
    for other in ("clip.mp4", "photo-film-", "photo-film-x", str(folder)):
        assert film_of_name(other) is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "small.png",
            np.zeros((40, 400, 3), np.uint8),
            "at least 64 pixels a side, got .*small.png of 400x40",
        ),
        (
            "broken.jpg",
            b"\xff\xd8 no picture",
            "expected a photograph in .*broken.jpg, got a file that cannot be",
        ),
    ],
)
def test_what_is_no_photograph_is_told(tmp_path, name, content, message):
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    else:
        Image.fromarray(content).save(tmp_path / name)
    with pytest.raises(InputError, match=message):
        film_of(own_photograph(tmp_path / name))
