"""What looks steady without being so is not called steadier: masks made of DAVIS truth, through the commands.

Each is compared with the true masks displaced by 1 px of noise, anew in every frame, over clips of 20 frames.
"""

import json

import davis_attacks as attacks
import numpy as np
import pytest
from clips import write_images
from mask_clips import frame, sequence
from thorough import thorough_but

from yolact_temporal.cli import main as cli
from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.formats import FORMATS
from yolact_temporal.data.photo_film import PhotoFilm
from yolact_temporal.data.synthetic import SceneOptions, SyntheticScene
from yolact_temporal.temporal import flow
from yolact_temporal.temporal.comparison.clip_objects import ClipObjects
from yolact_temporal.temporal.comparison.comparing import compare_models
from yolact_temporal.temporal.comparison.support_meter import ComparedModel, SupportMeter
from yolact_temporal.temporal.comparison.verdict import verdict_of
from yolact_temporal.temporal.motion_sources import exact_motion

pytestmark = pytest.mark.slow
ATTACK, HONEST = "attack", "honest"


@pytest.fixture(scope="module", autouse=True)
def shared_flow():
    """The flow of a pair of frames is the same whatever masks it carries: search it once."""
    known, search = {}, flow._search

    def remembering(method):
        own = search(method)

        def find(start, end):
            key = (method, hash(start.tobytes()), hash(end.tobytes()))
            if key not in known:
                known[key] = own(start, end)
            return known[key].copy()

        return find

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, "_search", remembering)
        yield


class Clips:
    """Clips on disk: pictures, true masks, and what is compared on them."""

    def __init__(self, folder, clips):
        self.folder, self.clips, self.known = folder, clips, {}
        self.written = self.compared = 0
        for clip in clips:
            write_images(folder / "clips" / clip.name, clip.pictures)
            true = [frame(i, [mask] if mask.any() else [], mask.shape, [1] if mask.any() else []) for i, mask in
                    enumerate(clip.truth)]  # fmt: skip
            FORMATS["davis"].write(sequence(true), folder / "truth" / clip.name)

    def masks(self, clip, made):
        """Write one model's masks of a clip; returns the path."""
        frames = []
        for index, pairs in enumerate(made):
            seen = [(mask, score) for mask, score in pairs if mask.any()]
            bitmaps, scores = [mask for mask, _ in seen], [score for _, score in seen]
            frames.append(frame(index, bitmaps, clip.truth.shape[1:], scores=scores))
        self.written += 1
        path = self.folder / "masks" / f"{clip.name} {self.written}.jsonl"
        path.parent.mkdir(exist_ok=True)
        FORMATS["masks"].write(sequence(frames), path)
        return path

    def scored(self, make, name, count=None):
        """Score what one model gives for every clip, once whatever it is compared with; the folders of its runs."""
        key = (make, name, count)
        if key not in self.known:
            runs = self.folder / f"runs {len(self.known)}"
            self.known[key] = [runs / clip.name for clip in self.clips[:count]]
            for number, clip in enumerate(self.clips[:count]):
                code = cli.main(
                    ["score", str(self.masks(clip, make(clip, 100 * number))), "--name", name,
                     "--score-threshold", "0.5", "--fps", "24", "--clip", str(self.folder / "clips" / clip.name),
                     "--out", str(runs), "--no-overlay", "--no-plots", "--quiet"]
                )  # fmt: skip
                assert code == 0
        return self.known[key]

    def compare(self, capsys, make, honest, truth, count=None):
        """Compare what `make` and `honest` give for every clip; the exit code and what is said."""
        runs = self.scored(make, ATTACK, count) + self.scored(honest, HONEST)[:count]
        given = ["--ground-truth", str(self.folder / "truth")] if truth else []
        capsys.readouterr()
        out = self.folder / "comparisons" / str(self.compared)
        self.compared += 1
        code = cli.main(
            ["compare", *map(str, runs), "--out", str(out), "--no-plots", "--quiet", "--json", *given]
        )
        printed = capsys.readouterr().out
        return code, json.loads(printed)["comparisons"][0] if code == 0 else None


SHOWN = ("propagated", "lazy core", "twice")
"""A few of them; the others are for `make test-thorough`."""


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return Clips(tmp_path_factory.mktemp("davis"), [attacks.davis_clip(name) for name in attacks.CLIPS])


def honest(clip, seed):
    return attacks.noisy(clip.truth, 1.0, seed)


def true(clip, _seed):
    return attacks.true_masks(clip.truth)


def slightly_noisy(clip, seed):
    return attacks.noisy(clip.truth, 0.3, seed + 5)


def still(clip, _seed):
    return attacks.frozen(clip.truth)


def varying(clip, seed):
    return [[(mask, 0.9)] for mask in attacks.varying(clip.truth, seed)[0]]


# By name: what is compared with what, and the guards that must speak, by consensus and with the truth.
ATTACKS = {
    "propagated": (attacks.propagated, honest, ("propagated", "different_things"), ("propagated", "less_true")),
    "lazy core": (lambda clip, _: attacks.lazy_core(clip.truth), honest, ("different_things",), ("less_true",)),
    "frozen": (still, honest, ("different_things",), ("less_true", "sees_less")),
    "lagging": (lambda clip, _: attacks.lagging(clip.truth, 3), honest, (), ("less_true",)),
    "dilated": (lambda clip, _: attacks.dilated(clip.truth, 15 / attacks.HALF), honest, ("different_things",),
                ("less_true",)),
    "shrunk to 60%": (lambda clip, _: attacks.shrunk(clip.truth, 0.6), honest, ("different_things",), ("less_true",)),
    "shrunk to 20%": (lambda clip, _: attacks.shrunk(clip.truth, 0.2), honest, None, ("less_true", "sees_less")),
    "worst dropped": (lambda clip, seed: attacks.dropping_worst(clip.truth, seed), varying, ("sees_less",),
                      ("sees_less", "less_true")),
    "gated by score": (lambda clip, seed: attacks.score_gated(clip.truth, seed), varying, ("sees_less",),
                       ("sees_less", "less_true")),
    "twice": (lambda clip, seed: attacks.duplicated(clip.truth, 2, seed), honest, ("duplicates",), ("duplicates",)),
    "ten times": (lambda clip, seed: attacks.duplicated(clip.truth, 10, seed), honest, ("duplicates",),
                  ("duplicates",)),
    "halves": (lambda clip, _: attacks.halved(clip.truth), honest, ("different_things",), ("less_true",)),
    "40 specks": (lambda clip, seed: attacks.specks(clip.truth, 40, seed), honest, ("unshared",), ("unshared",)),
    "empty": (lambda clip, _: [[]] * len(clip.truth), honest, None, ("less_true", "sees_less")),
}  # fmt: skip


@pytest.mark.parametrize("truth", [False, True], ids=["consensus", "truth"])
@pytest.mark.parametrize("name", thorough_but(ATTACKS, SHOWN))
def test_what_only_looks_steady_is_not_called_steadier(clips, capsys, name, truth):
    make, other, by_consensus, by_truth = ATTACKS[name]
    wanted = by_truth if truth else by_consensus
    code, found = clips.compare(capsys, make, other, truth)
    if wanted is None:  # they share no object: nothing can be compared
        assert code == 3
        return
    answers = found["answers"]
    assert found["steadier"] != ATTACK, found["sentence"]
    speaking = {guard["name"]: guard["words"] for guard in answers["guards"] if ATTACK in guard["against"]}
    assert set(wanted) <= set(speaking), answers["headline"]
    if answers["answers"][0]["outcome"] == "first":
        assert all(speaking[name] in answers["headline"] for name in wanted)
    if not truth:
        assert answers["headline"].endswith("How true the masks are is not known.")


@pytest.mark.thorough
def test_three_hundred_specks_are_told(clips, capsys):
    code, found = clips.compare(
        capsys, lambda clip, seed: attacks.specks(clip.truth, 300, seed), honest, truth=True, count=1
    )
    assert code == 0
    assert found["steadier"] != ATTACK
    assert "are of no object" in found["sentence"]


@pytest.mark.parametrize("truth", [False, True], ids=["consensus", "truth"])
def test_copies_of_the_other_are_alike(clips, capsys, truth):
    _, found = clips.compare(capsys, honest, honest, truth)
    assert [answer["outcome"] for answer in found["answers"]["answers"]] == ["alike"] * (4 if truth else 3)


@pytest.mark.parametrize("truth", [False, True], ids=["consensus", "truth"])
@pytest.mark.parametrize("steady", [true, slightly_noisy])
def test_what_is_truly_steadier_is_called_so(clips, capsys, steady, truth):
    _, found = clips.compare(capsys, steady, honest, truth)
    assert found["steadier"] == ATTACK, found["sentence"]
    assert not [guard for guard in found["answers"]["guards"] if ATTACK in guard["against"]]


def test_one_clip_is_answered_by_itself(clips, capsys):
    _, found = clips.compare(capsys, true, honest, False, count=1)
    outline = found["answers"]["answers"][0]
    assert (outline["scope"], outline["p_value"]) == ("this_clip", None)
    assert "too short" in found["sentence"].lower()  # 19 pairs, where it takes 30


@pytest.mark.thorough
def test_unmoving_masks_on_a_still_scene_keep_the_word(tmp_path, capsys):
    scenes = []
    for seed in range(7):
        frames = list(
            SyntheticScene(SceneOptions(seed=seed, size=(96, 128), frames=20, speed=0.0, objects=1))
        )
        truth = np.stack([each.masks[1] for each in frames])
        scenes.append(attacks.DavisClip(f"still {seed}", np.stack([each.rgb for each in frames]), truth))
    clips = Clips(tmp_path, scenes)
    for truth in (False, True):
        _, found = clips.compare(capsys, still, honest, truth)
        assert found["steadier"] == ATTACK, found["sentence"]


@pytest.mark.parametrize("by_truth", [False, True], ids=["consensus", "truth"])
def test_masks_that_follow_the_demos_exact_motion_keep_the_word(by_truth):
    film = PhotoFilm(size=(160, 240), seconds_per_move=0.5)
    frames = [index for index in range(len(film)) if not any(film.is_cut(cut) for cut in range(1, index + 1))]
    columns, rows = np.meshgrid(np.arange(240.0), np.arange(160.0))
    pixels = np.stack([columns, rows, np.ones_like(rows)], axis=-1)
    centre, edge = (film.pose(0) @ (x, 80.0, 1.0) for x in (120.0, 155.0))
    truth = []
    for index in frames:
        places = pixels @ film.pose(index).T
        away = places[..., :2] / places[..., 2:] - centre[:2] / centre[2]
        truth.append(
            np.hypot(*np.moveaxis(away, -1, 0)) < np.hypot(*(edge[:2] / edge[2] - centre[:2] / centre[2]))
        )
    masks = np.stack(truth)
    model = ComparedModel(("thing",), 0.5)
    meter = SupportMeter({ATTACK: model, HONEST: model}, 24.0, truth=by_truth)
    table = []
    for index, steady, noisy in zip(
        frames, attacks.true_masks(masks), attacks.noisy(masks, 1.0, 0), strict=True
    ):
        seen = {
            name: frame(index, [made[0][0]], (160, 240), scores=[0.9]).instances
            for name, made in ((ATTACK, steady), (HONEST, noisy))
        }
        known = {"truth": {1: MaskCrop.from_bitmap(masks[index])}} if by_truth else {}
        table += meter.update(index, index / 24, seen, exact_motion(film, index), **known)
    objects = {"film": ClipObjects.from_rows(table)}
    outside = {"film": meter.summary().outside}
    verdict = verdict_of(compare_models(objects, (ATTACK, HONEST), (0.5, 0.5), outside=outside))
    assert verdict.steadier == ATTACK, verdict.headline
    assert verdict.answers[0].scope == "this_clip"
