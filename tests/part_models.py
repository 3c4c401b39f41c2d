"""A toy of YOLACT whose parts are known functions, and what disturbs each of them."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import torch

from yolact_temporal.data.instances import Instances
from yolact_temporal.data.mask_parts import MaskParts, Origins, PartMap
from yolact_temporal.data.photograph import PHOTOGRAPHS
from yolact_temporal.data.video_writer import VideoWriter
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.yolact.families import segmenter_of
from yolact_temporal.yolact.families.fcis import build_fcis
from yolact_temporal.yolact.families.fcis.network import prepare
from yolact_temporal.yolact.mask_parts import assembled
from yolact_temporal.yolact.segmenter import SeenParts

SIZE = (96, 128)
GRID = (48, 64)
CELL = (2.0, 2.0)


def assemble(parts):
    return assembled(parts, torch.device("cpu"))


def toy_parts(x=64.0, y=48.0, radius=20.0, box=None, coefficients=(1.0, 0.5)):
    """One disk: a prototype of distances, and one of a slope across it; the box cuts off nothing unless told."""
    rows, columns = (np.mgrid[: GRID[0], : GRID[1]] + 0.5) * 2
    away = radius - np.hypot(columns - x, rows - y)
    slope = (columns - x) / 10
    values = np.stack((away, slope), axis=-1).astype(np.float32)
    box = (x - radius - 8, y - radius - 8, x + radius + 8, y + radius + 8) if box is None else box
    return MaskParts(
        SIZE,
        "prototypes",
        (PartMap(values, CELL),),
        np.array([box], np.float64),
        coefficients=np.array([coefficients], np.float32),
    )


def disturbed(parts, part, dose, rng):
    """Shake one part: a map by smooth noise, coefficients by noise, a box by so many pixels."""
    if part == parts.maps_name:
        maps = tuple(
            replace(
                each, values=each.values + dose * rng.standard_normal(each.values.shape).astype(np.float32)
            )
            for each in parts.maps
        )
        return replace(parts, maps=maps)
    field = {"box": "boxes", "box_pooled": "boxes", "box_pasted": "pasted"}.get(part, part)
    rows = getattr(parts, field)
    shifts = dose * rng.standard_normal(rows.shape)
    voters = parts.voters
    if voters is not None and field == "boxes":
        voters = tuple(replace(own, boxes=own.boxes + by) for own, by in zip(voters, shifts, strict=True))
    return replace(parts, voters=voters, **{field: (rows + shifts).astype(rows.dtype)})


def random_fcis(name="fcis_compact", most=8):
    """FCIS with random weights that finds something all the same."""
    torch.manual_seed(0)
    model = build_fcis(name)
    # untrained maps are too even to tell classes, boxes and masks apart
    for layer in (model.score_maps, model.box_maps):
        layer.weight.data.mul_(15)
    for module in model.backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0  # what it sees first is what it normalises by
    frame = torch.from_numpy(cv2.resize(PHOTOGRAPHS[0].read(), (160, 200))).permute(2, 0, 1)[None]
    with torch.no_grad():
        model.backbone.train()
        model(prepare(model, frame).tensors)
    model.eval()
    model.rpn._post_nms_top_n["testing"] = 60
    model.most = most
    return segmenter_of(model, score_threshold=0.0)


def seen(parts, make=assemble, class_id=0):
    """The instances that parts make, each with its box."""
    masks = list(make(parts))
    ids = np.full(len(masks), class_id) if parts.class_ids is None else parts.class_ids
    return SeenParts(Instances(parts.boxes, np.full(len(masks), 0.9), ids, masks, parts.size), parts)


def moved_right(size, pixels):
    """Exact motion of everything by so many pixels to the right."""
    back = np.zeros((*size, 2), np.float32)
    back[..., 0] = -pixels
    return Motion.from_flow(back, -back)


class ToySegmenter:
    """A disk in every frame, whose parts shake; it offers them."""

    name = "toy_parts"
    class_names = ("disk",)
    score_threshold = 0.5

    def __init__(self, part="box", dose=4.0):
        self._part, self._dose = part, dose
        self._rng = np.random.default_rng(5)

    def segment(self, frames):
        return [own.instances for own in self.segment_parts(frames)]

    def segment_parts(self, frames):
        base = replace(
            toy_parts(box=(48.0, 32.0, 80.0, 64.0)),
            origins=Origins(
                np.zeros((1, 2), np.int64), np.full((1, 2), 50, np.float32), np.full((1, 2), 8, np.float32)
            ),
        )
        return [seen(disturbed(base, self._part, self._dose, self._rng)) for _ in frames]

    def assemble(self, parts):
        return assemble(parts)


class SteadyToy(ToySegmenter):
    """The same, shaking less."""

    name = "steady_toy"

    def __init__(self):
        super().__init__(dose=1.0)


def write_still_clip(path, frames=14):
    """A clip of one texture whose frames differ by a little noise, so that none repeats the last."""
    rng = np.random.default_rng(0)
    base = cv2.GaussianBlur(rng.integers(0, 256, (*SIZE, 3)).astype(np.float32), (0, 0), 2) * 2 - 128
    with VideoWriter(path, SIZE, 24) as writer:
        for index in range(frames):
            noisy = base + rng.integers(-12, 13, base.shape)
            writer.write(np.clip(noisy, 0, 255).astype(np.uint8), index / 24)
    return path
