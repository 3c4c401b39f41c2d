"""What may be chosen of a segmenter: how boxes crop masks and suppress each other, and how a model's name says so."""

import json

import cv2
import numpy as np
import pytest
import torch
from clips import write_clip
from devices import devices
from model_names import small_ones_first
from test_mask_parts import require_the_same_masks, small_yolact

from yolact_temporal.analyzing.chosen_models import chosen_models
from yolact_temporal.cli import main as cli
from yolact_temporal.data.photograph import PHOTOGRAPHS
from yolact_temporal.errors import UsageError
from yolact_temporal.yolact import YolactSegmenter
from yolact_temporal.yolact.config import PRESETS
from yolact_temporal.yolact.cropping import Cropping
from yolact_temporal.yolact.detect import cropped_by_cells, frame_masks
from yolact_temporal.yolact.families import (
    SegmenterOptions,
    build_model,
    families,
    find_variant,
    model_entries,
    segmenter_of,
)
from yolact_temporal.yolact.families.mask_rcnn.suppression import kept_regions
from yolact_temporal.yolact.nms import NMS
from yolact_temporal.yolact.weights import load_weights

FRAME = cv2.resize(PHOTOGRAPHS[0].read(), (130, 170), interpolation=cv2.INTER_AREA)
device = pytest.mark.parametrize("device", devices())


def compact(name="yolact_compact", **options):
    network = build_model(name)
    load_weights(name, network)
    return segmenter_of(network, score_threshold=0.1, options=SegmenterOptions(**options))


@device
@pytest.mark.parametrize("shift_px", [0.0, 0.6, 1.0, 3.0, 7.4])
def test_a_fine_crop_follows_its_box_and_one_by_cells_goes_in_steps(device, shift_px):
    masks = torch.ones(1, 8, 8, device=device)  # cells of 8 px in a frame of 64

    def edges(**crop):
        found = np.flatnonzero(frame_masks(masks, 64, 64, **crop)[0, 32].cpu().numpy())
        return int(found[0]), int(found[-1]) + 1

    low, high = 24.0 + shift_px, 40.0 + shift_px
    box = torch.tensor([[low / 64, 0.0, high / 64, 1.0]], device=device)
    # A pixel counts where at least half of it lies inside; boxes are widened by a cell, as those by cells are.
    assert edges(crops=box) == (round(low - 8), round(high + 8))


def test_fine_crops_move_less_than_crops_by_cells_when_a_box_shakes():
    generator = torch.Generator().manual_seed(0)
    masks = torch.ones(40, 8, 8)
    boxes = torch.tensor([[0.4, 0.4, 0.6, 0.6]]) + 0.02 * torch.randn(40, 4, generator=generator)

    def spread(of):
        edges = [np.flatnonzero(mask.numpy().any(axis=0))[0] for mask in of]
        return float(np.std(edges))

    fine = spread(frame_masks(masks, 64, 64, boxes))
    by_cells = spread(frame_masks(cropped_by_cells(masks, boxes), 64, 64))
    assert fine == pytest.approx(0.02 * 64, rel=0.3)
    assert by_cells > 2 * fine


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"crop": "fine"}, {"crop_margin": 0.2}, {"nms": "cross-class"}])
def test_every_option_keeps_scores_of_what_both_find_and_changes_what_it_should(options):
    published, other = compact(), compact(**options)
    (before,), (after,) = (own.segment(FRAME[None]) for own in (published, other))
    assert len(before)
    if "nms" in options:
        assert set(after.scores.tolist()) <= set(before.scores.tolist())
        return
    np.testing.assert_array_equal(before.scores, after.scores)
    np.testing.assert_array_equal(before.boxes, after.boxes)
    assert before != after
    if "crop_margin" in options:  # a wider crop only ever adds
        for first, second in zip(before.bitmaps(), after.bitmaps(), strict=True):
            assert not np.any(first & ~second)


@pytest.mark.slow
def test_nothing_chosen_is_the_published_model_to_the_bit():
    network = build_model("yolact_compact")
    load_weights("yolact_compact", network)
    plain = YolactSegmenter(network, score_threshold=0.1)
    assert plain.segment(FRAME[None]) == compact(crop="cells", crop_margin=0, nms="fast").segment(FRAME[None])


@pytest.mark.slow
@pytest.mark.parametrize("name", small_ones_first(PRESETS))
def test_masks_assembled_from_parts_are_cropped_alike(name):
    model = small_yolact(name).model
    for options in ({"crop": "fine"}, {"crop": "fine", "crop_margin": 0.1}, {"crop_margin": 0.1}):
        segmenter = segmenter_of(model, score_threshold=0.0, options=SegmenterOptions(**options))
        assert require_the_same_masks(segmenter, FRAME[None]) > 5, options


@pytest.mark.slow
def test_cross_class_masks_of_mask_rcnn_are_assembled_from_their_parts():
    segmenter = compact("mask_rcnn_compact", nms="cross-class")
    assert require_the_same_masks(segmenter, FRAME[None]) > 0


class Heads:
    """As much of torchvision's `RoIHeads` as suppression asks for; boxes are the proposals themselves."""

    score_thresh, nms_thresh, detections_per_img = 0.05, 0.5, 3

    class box_coder:  # noqa: N801 (torchvision's name)
        @staticmethod
        def decode(regression, proposals):
            return torch.cat(proposals)[:, None].expand(-1, 3, -1)


def test_across_classes_the_better_scored_of_two_regions_stays():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0.0, 0, 10, 9], [20.0, 20, 30, 30], [5.0, 5, 5, 9]])
    logits = torch.log(torch.tensor([[0.1, 0.7, 0.2], [0.1, 0.1, 0.8], [0.4, 0.56, 0.04], [0.1, 0.8, 0.1]]))
    kept = kept_regions(Heads, logits, torch.zeros(4, 12), [boxes], [(40, 40)], "cross-class")
    assert kept.labels[0].tolist() == [2, 1]  # the first two overlap; the last has no extent
    assert kept.scores[0].tolist() == pytest.approx([0.8, 0.56])
    assert kept.boxes[0].tolist() == boxes[[1, 2]].tolist()


@pytest.mark.slow
def test_no_instance_repeats_another_after_cross_class_suppression():
    published, other = (compact("mask_rcnn_compact", **options) for options in ({}, {"nms": "cross-class"}))
    (before,), (after,) = (own.segment(FRAME[None]) for own in (published, other))
    assert 0 < len(after) <= len(before)
    assert set(map(tuple, after.boxes)) <= set(map(tuple, before.boxes))


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("yolact_compact", {}, "yolact_compact"),
        ("yolact_compact", {"crop": "fine"}, "yolact_compact+fine"),
        ("yolact_compact", {"crop": "cells", "crop_margin": 0.0, "nms": "fast"}, "yolact_compact"),
        ("yolact_compact+fine", {"crop_margin": 0.05}, "yolact_compact+fine+margin0.05"),
        ("yolact_base+cross-class+fine", {}, "yolact_base+fine+cross-class"),
        ("mask_rcnn_compact", {"nms": "cross-class"}, "mask_rcnn_compact+cross-class"),
        ("mask_rcnn_compact+standard", {}, "mask_rcnn_compact"),
    ],
)
def test_a_name_says_what_is_not_as_published(name, options, expected):
    assert find_variant(name, SegmenterOptions(**options)).name == expected
    assert chosen_models(name, None, True, SegmenterOptions(**options)) == [expected]


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("mask_rcnn_compact", {"crop": "fine"}, "has not: drop --crop"),
        ("mask_rcnn_compact+margin0.1", {}, "has not: drop --crop-margin"),
        ("mask_rcnn_compact", {"nms": "fast"}, "of standard, cross-class for mask_rcnn_compact"),
        ("yolact_compact", {"crop": "finer"}, "did you mean fine"),
        ("yolact_compact", {"crop_margin": 1.5}, "from 0 to 1, got 1.5"),
        ("yolact_compact", {"crop_margin": float("nan")}, "from 0 to 1, got nan"),
        ("yolact_compact+fne", {}, "did you mean fine"),
        ("yolact_compact+marginal", {}, "expected options out of"),
        ("yolact_compact+fine+cells", {}, "got it twice"),
        ("a.module:factory", {"nms": "fast"}, "your own: drop --nms"),
    ],
)
def test_an_option_that_a_model_has_not_is_refused(name, options, said):
    with pytest.raises(UsageError, match=said):
        chosen_models(name, None, True, SegmenterOptions(**options))


def test_only_what_is_published_may_be_chosen_and_every_suppression_is_one():
    by_name = {type(family).__name__: family for family in families()}
    assert set(by_name["YolactFamily"].suppressions) == set(NMS)
    for entry in model_entries():
        assert find_variant(entry.name).options == SegmenterOptions()


@pytest.mark.parametrize("wrong", [{"edges": "round"}, {"margin": -0.1}, {"margin": float("nan")}])
def test_a_crop_that_there_is_not_is_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        Cropping(**wrong)


def test_the_step_of_a_crop_is_a_cell_and_of_a_fine_one_none():
    assert compact().crop_step_px((480, 960)) == (10.0, 5.0)
    assert compact(crop="fine").crop_step_px((480, 960)) is None
    assert compact(crop="fine").mask_cell_px((480, 960)) == (10.0, 5.0)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("film") / "film.mp4", 3)


def run(*arguments):
    return cli.main(["analyze", *map(str, arguments), "--no-plots", "--no-overlay", "--device", "cpu"])


@pytest.mark.slow
def test_a_run_says_what_was_chosen_and_resumes_with_nothing_else(film, tmp_path, capsys):
    told = (
        film,
        "--out",
        tmp_path,
        "--baseline",
        "yolact_compact",
        "--crop",
        "fine",
        "--crop-margin",
        "0.05",
    )
    assert run(*told) == 0
    path = tmp_path / "film" / "run.json"
    document = json.loads(path.read_text())
    fine, plain = document["models"].values()
    assert list(document["models"]) == ["yolact_compact+fine+margin0.05", "yolact_compact"]
    assert (fine["crop"], fine["crop_margin"], fine["nms"]) == ("fine", 0.05, "fast")
    assert (plain["crop"], plain["crop_margin"], plain["nms"]) == ("cells", 0.0, "fast")
    assert "not run as published: crop fine, crop_margin 0.05" in capsys.readouterr().out

    path.write_text(json.dumps(document | {"completed": False}))
    assert run(*told[:-1], "0.1", "--resume") == 2
    assert "to go on with it, got models" in capsys.readouterr().err
    fine["crop"] = "cells"  # as a hand might have changed it
    path.write_text(json.dumps(document | {"completed": False}))
    assert run(*told, "--resume") == 2
    assert "margin0.05's crop fine where it had cells" in capsys.readouterr().err
    fine["crop"] = "fine"
    del plain["crop"], plain["crop_margin"]  # as an older version wrote it
    path.write_text(json.dumps(document | {"completed": False}))
    assert run(*told, "--resume") == 0


@pytest.mark.parametrize(
    "arguments",
    [("--model", "mask_rcnn_compact", "--crop", "fine"), ("--nms", "slow"), ("--crop-margin", "-1")],
)
@pytest.mark.parametrize("command", ["analyze", "evaluate"])
def test_the_command_line_refuses_in_one_sentence(command, arguments, film, capsys):
    needed = {"analyze": [str(film)], "evaluate": ["--annotations", "x.json", "--images", "x"]}
    assert cli.main([command, *needed[command], *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("yolact-temporal: expected ")
    assert said.count("\n") == 1
