"""A recorded run replayed: the same frames, motion and cuts as when it was measured, by whoever asks."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from yolact_temporal.analyzing.loaded_model import LoadedModel
from yolact_temporal.analyzing.request import Destination, Pictures, RunRequest
from yolact_temporal.analyzing.run_clip import run_clip
from yolact_temporal.comparing.compare_runs import compare_runs
from yolact_temporal.data import photo_film
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.photograph import PHOTOGRAPHS
from yolact_temporal.data.runs.manifest import ClipDescription
from yolact_temporal.data.runs.reader import open_finished
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.comparison.objects_csv import read_objects
from yolact_temporal.temporal.motion_sources import FilmMotion
from yolact_temporal.temporal.replaying import Replay

SIZE = (90, 120)
MODELS = ("calm", "shaky", "lazy")


@pytest.fixture
def film(monkeypatch):
    """A film of two photographs, three frames a move: it has a cut, and is known by its name."""
    short = partial(photo_film.PhotoFilm, size=SIZE, seconds_per_move=3 / 24, photographs=PHOTOGRAPHS[:2])
    monkeypatch.setattr(photo_film, "PhotoFilm", short)
    return short(seed=4)


def stand_in(name):
    """A model that sees two blocks, more or less in place."""
    rng = np.random.default_rng(MODELS.index(name))
    reach = {"calm": 0, "shaky": 2, "lazy": 1}[name]

    def see(pixels):
        found = []
        for _ in pixels:
            masks = np.zeros((2, *SIZE), np.bool_)
            for mask, (x, y) in zip(masks, ((20, 20), (70, 40)), strict=True):
                dx, dy = rng.integers(-reach, reach + 1, 2)
                mask[y + dy : y + dy + 30, x + dx : x + dx + 30] = True
            found.append(Instances.from_bitmaps(np.zeros((2, 4)), [0.9, 0.8], [0, 0], masks))
        return found

    segmenter = SimpleNamespace(name=name, class_names=("block",), segment=see)
    manifest = {"note": f"{name}.", "config": {"class_names": ["block"]}, "score_threshold": 0.5}
    return LoadedModel(segmenter, 0.5, manifest)


def run_of(film, folder, models):
    destination = Destination("film", folder, pictures=Pictures(overlay=False, plots=False))
    run_clip(film, [stand_in(name) for name in models], RunRequest(destination, motion=FilmMotion(film)))
    return folder


def replay_of(folder, models):
    finished = open_finished(folder)
    masks = {name: finished.folder.model(name).masks for name in models}
    return Replay(finished.manifest.clip, finished.manifest.options, masks)


def test_a_films_motion_and_cuts_are_its_own(film, tmp_path):
    run = run_of(film, tmp_path / "film", MODELS[:1])
    replay = replay_of(run, MODELS[:1])
    assert replay.pictures
    cuts = []
    for replayed in replay:
        assert np.array_equal(replayed.frame.rgb, film.render(replayed.index))
        exact = film.motion(replayed.index)
        assert (replayed.motion is None) == (exact is None)
        if exact is not None:
            assert np.array_equal(replayed.motion.backward, exact.backward)
        cuts += [replayed.index] if replayed.cut else []
    assert cuts == [index for index in range(1, len(film)) if film.motion(index) is None]
    assert len(cuts) == 1


@pytest.mark.slow
@pytest.mark.smoke
def test_two_models_of_three_are_compared_as_if_they_had_been_run_alone(film, tmp_path):
    """From the record, cuts and the film's own motion included."""
    three = run_of(film, tmp_path / "three" / "film", MODELS)
    two = run_of(film, tmp_path / "two" / "film", MODELS[:2])
    again = compare_runs([three], MODELS[:2])
    alone = compare_runs([two])
    assert not [remark for remark in again.remarks if "not there" in remark]
    assert again.pairs[0].comparison.differences == alone.pairs[0].comparison.differences
    assert again.pairs[0].comparison.find("boundary_px").difference < 0
    first_frames = {0, next(index for index in range(1, len(film)) if film.is_cut(index))}
    starts = {row.frame for row in read_objects(two / "objects.csv") if row.pair_status == "first"}
    assert first_frames <= starts


def test_without_its_clip_no_motion_is_known(film, tmp_path):
    run = run_of(film, tmp_path / "film", MODELS[:1])
    finished = open_finished(run)
    gone = ClipDescription(str(tmp_path / "gone.mp4"), "0" * 64, SIZE[1], SIZE[0], None, None, "pyav", "")
    replay = Replay(gone, finished.manifest.options, {"calm": finished.folder.model("calm").masks})
    assert not replay.pictures
    replayed = list(replay)
    assert [each.index for each in replayed] == list(range(len(film)))
    assert all(each.frame is None and each.motion is None for each in replayed)
    assert all(len(each.records["calm"].instances) == 2 for each in replayed)


@pytest.mark.slow
def test_records_of_different_frames_are_refused(film, tmp_path):
    run = run_of(film, tmp_path / "film", MODELS[:2])
    masks = run / "shaky" / "masks.jsonl"
    masks.write_text("".join(masks.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(InputError, match=r"records of the same frames, got frames -1, \d+ of calm, shaky"):
        list(replay_of(run, MODELS[:2]))


def test_a_film_that_another_version_made_is_refused(film, tmp_path):
    run = run_of(film, tmp_path / "film", MODELS[:1])
    clip = open_finished(run).manifest.clip
    other = ClipDescription(clip.path, "0" * 64, SIZE[1], SIZE[0], None, None, "", "")
    with pytest.raises(InputError, match="expected the film that was analyzed"):
        Replay(other, open_finished(run).manifest.options, {"calm": run / "calm" / "masks.jsonl"})
