"""The head of FCIS in plain NumPy, written from the paper's description: slow, and one number after the other.

Li et al. 2017, "Fully Convolutional Instance-aware Semantic Segmentation", sections 2 and 3: position-sensitive inside
and outside score maps; of each pixel the larger of the two for what a region is, averaged over the region; the softmax
of the two for its mask; a region refined once; masks voted on by the regions that overlap a kept one.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

PARTS, BINS, STRIDE = 7, 21, 16
DEVIATIONS = (0.2, 0.2, 0.5, 0.5)


def bin_cells(low, high, cells):
    """The cells of each bin of a region along one axis, as (first, one past the last)."""
    low, high = math.floor(low + 0.5), math.floor(high + 0.5)
    start, extent = Fraction(low, STRIDE), max(Fraction(high - low, STRIDE), Fraction(1, 10))
    found = []
    for number in range(BINS):
        first = math.floor(start + number * extent / BINS)
        last = math.ceil(start + (number + 1) * extent / BINS)
        found.append((min(max(first, 0), cells), min(max(last, 0), cells)))
    return found


def pooled(maps, box):
    """Pool every output, (K, BINS, BINS), of maps (K * PARTS * PARTS, h, w) in a box xyxy."""
    outputs = len(maps) // PARTS**2
    found = np.zeros((outputs, BINS, BINS))
    down, across = bin_cells(box[1], box[3], maps.shape[1]), bin_cells(box[0], box[2], maps.shape[2])
    for output in range(outputs):
        for row, (top, bottom) in enumerate(down):
            for column, (left, right) in enumerate(across):
                part = (output * PARTS + row // 3) * PARTS + column // 3
                cells = maps[part, top:bottom, left:right]
                found[output, row, column] = cells.mean() if cells.size else 0.0
    return found


def softmax(values):
    powers = np.exp(values - values.max(axis=0))
    return powers / powers.sum(axis=0)


def read(maps, box, classes):
    """Class probabilities, offsets, and the mask of every class, of one region; maps as the network has them."""
    values = pooled(maps, box)
    pairs = values[: 2 * (classes + 1)].reshape(classes + 1, 2, BINS, BINS)
    probabilities = softmax(pairs.max(axis=1).mean(axis=(1, 2)))
    offsets = values[2 * (classes + 1) :].reshape(2, 4, BINS, BINS).mean(axis=(2, 3))[1]
    masks = [softmax(pair)[1] for pair in pairs]
    return probabilities, offsets, masks


def moved(box, offsets, size):
    """The box that a region is refined to, inside an input of (height, width)."""
    x1, y1, x2, y2 = box
    dx, dy, dw, dh = (value * deviation for value, deviation in zip(offsets, DEVIATIONS, strict=True))
    width, height = x2 - x1, y2 - y1
    x, y = (x1 + x2) / 2 + dx * width, (y1 + y2) / 2 + dy * height
    width, height = width * math.exp(dw), height * math.exp(dh)
    low = np.array([x - width / 2, y - height / 2])
    high = np.array([x + width / 2, y + height / 2])
    rows, columns = size
    return np.concatenate((np.clip(low, 0, [columns - 1, rows - 1]), np.clip(high, 1, [columns, rows])))


def overlap(first, second):
    sides = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    shared = max(sides[0], 0) * max(sides[1], 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return shared / (sum(areas) - shared)


def kept(boxes, scores, threshold, most):
    """What is left of regions once overlapping ones of a class are suppressed: (score, region, class), best first."""
    found = []
    for label in range(scores.shape[1]):
        order = [
            index
            for index in np.argsort(-scores[:, label], kind="stable")
            if scores[index, label] > threshold
        ]
        left = []
        for index in order:
            if all(overlap(boxes[index], boxes[other]) <= 0.3 for other in left):
                left.append(index)
        found += [(scores[index, label], index, label) for index in left]
    return sorted(found, reverse=True)[:most]


def stretched(mask, height, width):
    """A mask resized bilinearly to so many pixels."""
    rows, columns = mask.shape
    y = np.clip((np.arange(height) + 0.5) * rows / height - 0.5, 0, rows - 1)
    x = np.clip((np.arange(width) + 0.5) * columns / width - 0.5, 0, columns - 1)
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    bottom, right = np.minimum(top + 1, rows - 1), np.minimum(left + 1, columns - 1)
    down, across = (y - top)[:, None], x - left
    upper = mask[top][:, left] * (1 - across) + mask[top][:, right] * across
    lower = mask[bottom][:, left] * (1 - across) + mask[bottom][:, right] * across
    return upper * (1 - down) + lower * down


def voted(masks, boxes, scores, region, label, size):
    """The mask that regions vote for in a frame of (height, width), bool; boxes in pixels of the frame."""
    voting = [index for index in range(len(boxes)) if overlap(boxes[index], boxes[region]) >= 0.5]
    weights = scores[voting, label] / scores[voting, label].sum()
    votes = np.zeros(size)
    for index, weight in zip(voting, weights, strict=True):
        x1, y1, x2, y2 = (math.floor(edge + 0.5) for edge in boxes[index])
        x1, y1 = min(max(x1, 0), size[1] - 1), min(max(y1, 0), size[0] - 1)
        x2, y2 = max(min(x2, size[1]), x1 + 1), max(min(y2, size[0]), y1 + 1)
        votes[y1:y2, x1:x2] += weight * (stretched(masks[index], y2 - y1, x2 - x1) >= 0.4)
    return votes >= 0.4 - 1e-9
