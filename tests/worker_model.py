"""A model of no network that processes on other machines can import: bright things; and what ends its process."""

import os
import signal
import time
from pathlib import Path

import cv2
import numpy as np

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.instances import Instances


class BrightThings:
    """Sees what is bright. A frame that is all white ends its process; a file named by the environment slows it."""

    name = "bright_things"
    class_names = ("thing",)
    score_threshold = 0.5

    def segment(self, frames):
        """Return the bright parts of each frame."""
        slow = os.environ.get("WORKER_MODEL_SLOW")
        if slow and Path(slow).exists():
            time.sleep(0.2)
        return [self._seen(frame) for frame in frames]

    def _seen(self, frame):
        if frame.mean() > 250:
            os.kill(os.getpid(), signal.SIGKILL)
        bright = (frame.mean(axis=2) > 120).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(bright)
        large = [n for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] >= 20][:5]
        masks = [MaskCrop.from_bitmap(labels == n) for n in large]
        boxes = [(x, y, x + w, y + h) for x, y, w, h, _ in stats[np.array(large, np.int64)].tolist()]
        return Instances(
            np.array(boxes, np.float64).reshape(-1, 4),
            np.full(len(masks), 0.9),
            np.zeros(len(masks), np.int64),
            masks,
            frame.shape[:2],
        )
