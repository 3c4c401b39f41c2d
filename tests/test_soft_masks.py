"""Soft masks: what is kept of them, that it says what the masks say, and what averaging them does and does not."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
from clips import write_images
from scored_masks import one_sentence
from stabilizing import SIZE, measured, motions, scene, seen, stabilized, tracked

from yolact_temporal.cli import main as cli
from yolact_temporal.data.crops import MaskCrop, Region, same_mask
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.masks_jsonl import FrameRecord, read_records
from yolact_temporal.data.photograph import PHOTOGRAPHS
from yolact_temporal.data.runs.soft_record import SoftWriter, format_soft, parse_soft, with_soft
from yolact_temporal.data.soft_masks import SoftMask, quantized
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.stabilizing.live import Stabilizer
from yolact_temporal.temporal.stabilizing.registry import parse_method
from yolact_temporal.yolact.families import SegmenterOptions, build_model, segmenter_of
from yolact_temporal.yolact.weights import load_weights

RNG = np.random.default_rng(0)
FRAME = cv2.resize(PHOTOGRAPHS[0].read(), (200, 260), interpolation=cv2.INTER_AREA)


class TestValues:
    @pytest.mark.parametrize("clip", [None, (2.5, 1.25, 20.0, 14.0)])
    def test_a_part_is_what_the_whole_has_there(self, clip):
        soft = SoftMask(RNG.integers(0, 256, (5, 7), dtype=np.uint8), (3.0, -2.0, 24.0, 18.0), (16, 30), clip)
        whole = soft.within(Region(0, 0, 30, 16))
        part = Region(4, 2, 17, 11)
        np.testing.assert_array_equal(soft.within(part), whole[part.slices])
        own = soft.region
        outside = whole.copy()
        outside[own.slices] = 0
        assert not outside.any()
        if clip is not None:
            assert whole[:, 2].max() <= 0.5
            assert not whole[:, :2].any()
            assert not whole[14:].any()

    def test_a_grid_over_the_whole_frame_is_upsampled_as_pytorch_does(self):
        import torch

        values = RNG.integers(0, 256, (6, 9), dtype=np.uint8)
        given = torch.from_numpy(values).float()[None, None] / 255
        expected = torch.nn.functional.interpolate(given, size=(40, 50), mode="bilinear", align_corners=False)
        soft = SoftMask(values, (0.0, 0.0, 50.0, 40.0), (40, 50))
        np.testing.assert_allclose(soft.within(Region(0, 0, 50, 40)), expected[0, 0].numpy(), atol=1e-5)

    @pytest.mark.parametrize(
        ("values", "box"),
        [
            (np.zeros((0, 3), np.uint8), (0, 0, 4, 4)),
            (np.zeros((2, 3), np.float32), (0, 0, 4, 4)),
            (np.zeros((2, 3), np.uint8), (0, 0, 0, 4)),
            (np.zeros((2, 3), np.uint8), (4, 0, 0, 4)),
            (np.zeros((2, 3), np.uint8), (0, 0, float("nan"), 4)),
        ],
    )
    def test_what_is_no_soft_mask_is_refused(self, values, box):
        with pytest.raises(ValueError, match="expected"):
            SoftMask(values, box, (8, 8))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("yolact_compact", {}),
        ("yolact_compact", {"crop": "fine"}),
        ("yolact_compact", {"crop_margin": 0.1}),
        ("mask_rcnn_compact", {}),
        ("mask_scoring_rcnn_compact", {}),
    ],
)
def test_above_one_half_a_soft_mask_is_the_mask(name, options):
    network = build_model(name)
    load_weights(name, network)
    segmenter = segmenter_of(network, score_threshold=0.1, options=SegmenterOptions(**options))
    ((found, parts),) = segmenter.segment_parts(FRAME[None])
    soft = segmenter.soft_masks(parts)
    assert len(soft) == len(found) > 0
    assert segmenter.soft_masks(parts.select(np.zeros(0, np.intp))) == []
    differing = area = 0
    for own, mask in zip(soft, found.crops, strict=True):
        inside = own.within(Region(0, 0, 200, 260)) > 0.5
        differing += np.count_nonzero(inside != mask.bitmap())
        area += mask.area
    assert differing < 0.005 * area  # eight bits are not all that a model knew


class TestRecord:
    def soft(self, count):
        return tuple(
            SoftMask(RNG.integers(0, 256, (4 + i, 9), dtype=np.uint8), (1.5, 2.0, 30.25, 20.0 + i), (32, 48))
            for i in range(count)
        )

    def record(self, index, count):
        boxes = [[0, 0, 4, 4]] * count
        bitmaps = np.ones((count, 32, 48), np.bool_)
        return FrameRecord(
            index, index / 24, Instances.from_bitmaps(boxes, [0.9] * count, [0] * count, bitmaps)
        )

    @pytest.mark.parametrize("count", [0, 1, 5])
    def test_what_is_written_is_read(self, count, tmp_path):
        path = tmp_path / "soft.jsonl"
        writer = SoftWriter.start(path)
        kept = [self.soft(count), self.soft(0), self.soft(count)]
        for index, own in enumerate(kept):
            writer.write(index, (32, 48), own)
        writer.close()
        records = [self.record(index, len(own)) for index, own in enumerate(kept)]
        for record, own in zip(with_soft(iter(records), path), kept, strict=True):
            assert len(record.soft) == len(own)
            for again, first in zip(record.soft, own, strict=True):
                np.testing.assert_array_equal(again.values, first.values)
                assert (again.box, again.size, again.clip) == (first.box, first.size, first.clip)

    def test_a_broken_run_goes_on_where_the_record_of_masks_ends(self, tmp_path):
        path = tmp_path / "soft.jsonl"
        writer = SoftWriter.start(path)
        for index in range(3):
            writer.write(index, (32, 48), self.soft(1))
        writer.abandon()
        with writer.part.open("ab") as file:
            file.write(b'{"frame":3,"si')
        writer = SoftWriter.resume(path, 2)
        writer.write(2, (32, 48), self.soft(2))
        writer.close()
        read = list(with_soft(iter([self.record(0, 1), self.record(1, 1), self.record(2, 2)]), path))
        assert [len(own.soft) for own in read] == [1, 1, 2]
        path.replace(writer.part)
        with pytest.raises(InputError, match=r"of 4 frames .*, got 3: start over with --overwrite"):
            SoftWriter.resume(path, 4)

    @pytest.mark.parametrize(
        "change",
        [
            lambda line: line[:-9],
            lambda line: "",
            lambda line: "[]",
            lambda line: line.replace('"cells":[4,9]', '"cells":[4,8]'),
            lambda line: line.replace('"cells":[4,9]', '"cells":[4,10]'),
            lambda line: line.replace('"cells":[4,9]', '"cells":[0,9]'),
            lambda line: line.replace('"cells":[4,9]', '"cells":[400000,900000]'),
            lambda line: line.replace('"box":[1.5', '"box":[NaN'),
            lambda line: line.replace('"data":"', '"data":"0'),
            lambda line: line.replace('"frame":0', '"frame":1'),
            lambda line: line.replace("[32,48]", "[32,49]"),
            lambda line: format_soft(0, (32, 48), ()),
        ],
    )
    def test_a_line_that_is_damaged_is_told_in_one_sentence(self, change, tmp_path):
        path = tmp_path / "soft.jsonl"
        path.write_text(change(format_soft(0, (32, 48), self.soft(1))) + "\n")
        with pytest.raises(
            InputError, match=r"(?s)^expected soft masks .* line 1 .*--record-soft and --overwrite$"
        ):
            list(with_soft(iter([self.record(0, 1)]), path))

    def test_a_file_that_is_not_there_is_told_in_one_sentence(self, tmp_path):
        with pytest.raises(InputError, match="found none: analyze the clip with --record-soft"):
            list(with_soft(iter([self.record(0, 1)]), tmp_path / "soft.jsonl"))

    def test_smooth_masks_take_less_than_their_cells(self):
        ramp = np.linspace(0, 255, 64 * 64).reshape(64, 64)
        line = format_soft(0, (64, 64), [SoftMask(quantized(ramp / 255), (0.0, 0.0, 64.0, 64.0), (64, 64))])
        assert len(line) < 64 * 64 / 4


def softened(frames, noise, seed=0):
    """Truth of one object as soft masks on cells of 2 px, each cell disturbed, and the masks above one half."""
    rng = np.random.default_rng(seed)
    height, width = SIZE
    found, softs = [], []
    for own, frame in zip(seen(frames), frames, strict=True):
        bitmap = np.zeros(SIZE, np.float32)
        for mask in own.crops:
            bitmap[mask.region.slices] = np.maximum(bitmap[mask.region.slices], mask.pixels)
        cells = cv2.resize(cv2.GaussianBlur(bitmap, (0, 0), 2.0), (width // 2, height // 2))
        cells = np.clip(cells + noise * rng.normal(size=cells.shape) * (cells * (1 - cells) * 4), 0, 1)
        soft = SoftMask(quantized(cells), (0.0, 0.0, float(width), float(height)), SIZE)
        inside = soft.within(Region(0, 0, width, height)) > 0.5
        mask = MaskCrop.from_bitmap(inside)
        found.append(Instances([list(map(float, mask.region))], [0.9], [0], [mask], SIZE))
        softs.append((soft,))
        assert frame.index == len(softs) - 1
    return found, softs


def given(frames, noise, moved=None):
    found, softs = softened(frames, noise)
    frames_in = tracked(frames, found, moved)
    return [
        replace(frame, seen=tuple(replace(own, soft=soft[0]) for own in frame.seen))
        for frame, soft in zip(frames_in, softs, strict=True)
    ]


class TestMean:
    def test_noise_of_probabilities_becomes_less_without_lag(self):
        frames = scene(30)
        figures = measured(
            frames, given(frames, 0.3), [parse_method(own) for own in ("identity", "soft:0.3")]
        )
        raw, soft = figures["identity"], figures["soft0.3"]
        assert soft.loss.value(c=1) < 0.7 * raw.loss.value(c=1)
        assert soft.boundary_px < 0.7 * soft.raw_boundary_px
        assert soft.lag_frames == 0

    def test_with_alpha_one_every_mask_is_the_raw_one(self):
        frames = given(scene(8), 0.3)
        for raw, shown in zip(frames, stabilized("soft:1", frames), strict=True):
            assert same_mask(raw.counted[1].mask, shown.by_track[1])

    def test_what_is_decided_is_left_alone(self):
        """A square that jumps away keeps nothing behind: there the new frame is sure, and so was the last."""
        size, soft = (32, 64), []
        for left in (8, 8, 40):
            cells = np.zeros(size, np.uint8)
            cells[8:24, left : left + 16] = 255
            soft.append(SoftMask(cells, (0.0, 0.0, 64.0, 32.0), size))
        stabilizer = Stabilizer("soft:0.6")
        still = Motion.from_flow(np.zeros((*size, 2), np.float32))
        for index, own in enumerate(soft):
            inside = own.within(Region(0, 0, 64, 32)) > 0.5
            (shown,) = stabilizer.push(None if index == 0 else still, inside[None], soft=[own])
            assert not (shown.instances.bitmaps()[0] & ~inside).any()

    def test_nothing_is_averaged_where_the_pixel_was_not_visible_or_across_a_cut(self):
        frames = scene(6)
        raw = given(frames, 0.3)
        hidden = [
            None if own is None else replace(own, visible=np.zeros(SIZE, np.bool_)) for own in motions(frames)
        ]
        for frame, shown in zip(raw, stabilized("soft:0.3", given(frames, 0.3, hidden)), strict=True):
            assert same_mask(frame.counted[1].mask, shown.by_track[1])

    def test_without_soft_masks_nothing_is_pushed(self):
        with pytest.raises(ValueError, match=r"expected a soft mask for each of 1 instances, got 0"):
            Stabilizer("soft").push(np.zeros((32, 64, 3), np.uint8), np.ones((1, 32, 64), np.bool_))


FRAMES = 5


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    picture = cv2.resize(PHOTOGRAPHS[0].read(), (120, 150), interpolation=cv2.INTER_AREA)
    shifted = (np.roll(picture, 2 * index, axis=1) for index in range(FRAMES))
    return write_images(tmp_path_factory.mktemp("clip") / "astronaut", shifted)


@pytest.fixture(scope="module")
def recorded(images, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    assert analyze(images, out, "--record-soft", "--stabilize", "soft:0.5") == 0
    return out / "astronaut"


def analyze(images, out, *more):
    common = ("--fps", "24", "--no-plots", "--no-overlay", "--quiet", "--device", "cpu", "--out", str(out))
    return cli.main(["analyze", str(images), *common, *map(str, more)])


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.smoke
def test_a_run_keeps_soft_masks_of_both_families_beside_their_masks(recorded):
    for name in ("yolact_compact", "mask_rcnn_compact"):
        files = recorded / name
        read = list(with_soft(read_records(files / "masks.jsonl"), files / "soft.jsonl"))
        assert len(read) == FRAMES
        assert sum(len(own.soft) for own in read) > 0
    assert not (recorded / "yolact_compact+soft0.5" / "soft.jsonl").exists()
    assert json.loads((recorded / "run.json").read_text())["options"]["record_soft"] is True


@pytest.mark.slow
@pytest.mark.smoke
def test_what_if_and_stabilize_average_them_as_analyze_does(recorded, tmp_path, capsys):
    assert cli.main(["what-if", str(recorded), "--out", str(tmp_path / "w"), "--quiet"]) == 0
    tried = {row["method"] for row in rows(tmp_path / "w" / "what_if.csv")}
    assert {"soft0.3", "soft0.5"} <= tried
    told = ("--model", "yolact_compact", "--method", "soft", "--out", str(tmp_path / "s"), "--quiet")
    assert cli.main(["stabilize", str(recorded), *told, "--no-plots", "--no-overlay"]) == 0
    again = tmp_path / "s" / "astronaut" / "yolact_compact+soft0.5" / "masks.jsonl"
    live = recorded / "yolact_compact+soft0.5" / "masks.jsonl"
    assert list(read_records(again)) == list(read_records(live))


@pytest.mark.slow
@pytest.mark.smoke
def test_a_broken_run_resumes_with_its_soft_masks(recorded, images, tmp_path, capsys):
    folder = tmp_path / "astronaut"
    shutil.copytree(recorded, folder)
    document = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(document | {"completed": False}))
    for name in document["models"]:
        for file in ("masks.jsonl", "soft.jsonl"):
            path = folder / name / file
            if path.exists():
                kept = 2 if file == "masks.jsonl" else 3
                lines = path.read_bytes().splitlines(keepends=True)[:kept]
                path.with_name(file + ".part").write_bytes(b"".join(lines))
                path.unlink()
    again = ("--record-soft", "--stabilize", "soft:0.5", "--resume")
    assert analyze(images, tmp_path, "--resume") == 2
    assert "to go on with it, got record_soft False" in capsys.readouterr().err
    assert analyze(images, tmp_path, *again) == 0
    for name in document["models"]:
        assert (folder / name / "masks.jsonl").read_bytes() == (recorded / name / "masks.jsonl").read_bytes()
    for name in ("yolact_compact", "mask_rcnn_compact"):
        assert (folder / name / "soft.jsonl").read_bytes() == (recorded / name / "soft.jsonl").read_bytes()


@pytest.mark.slow
def test_where_there_are_none_soft_is_undefined_and_it_is_said(recorded, tmp_path, capsys):
    folder = tmp_path / "astronaut"
    shutil.copytree(recorded, folder)
    (folder / "yolact_compact" / "soft.jsonl").unlink()
    model = ("--model", "yolact_compact")
    assert cli.main(["what-if", str(folder), *model, "--out", str(tmp_path / "w")]) == 0
    assert "No soft masks of yolact_compact in astronaut were recorded: soft is undefined" in " ".join(
        capsys.readouterr().out.split()
    )
    assert not any("soft" in row["method"] for row in rows(tmp_path / "w" / "what_if.csv"))
    code = cli.main(["stabilize", str(folder), *model, "--method", "soft", "--out", str(tmp_path / "s")])
    assert code == 3
    assert "expected soft masks of yolact_compact" in one_sentence(capsys.readouterr().err)


def test_damaged_ones_are_told_in_one_sentence_by_what_if_and_stabilize(recorded, tmp_path, capsys):
    folder = tmp_path / "astronaut"
    shutil.copytree(recorded, folder)
    path = folder / "yolact_compact" / "soft.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    for command in (
        ["what-if", folder, "--model", "yolact_compact", "--out", tmp_path / "w"],
        ["stabilize", folder, "--model", "yolact_compact", "--method", "soft", "--out", tmp_path / "s"],
    ):
        assert cli.main([str(part) for part in command]) == 3
        assert f"got something else at line {FRAMES}" in one_sentence(capsys.readouterr().err)


def test_a_stabiliser_that_needs_them_is_refused_without_them(images, tmp_path, capsys):
    assert analyze(images, tmp_path, "--stabilize", "soft") == 2
    assert "expected --record-soft beside --stabilize soft0.5" in one_sentence(capsys.readouterr().err)


def test_a_line_says_its_frame():
    assert parse_soft(format_soft(12, (4, 6), ()))[0] == 12
