"""Everything that a GPU is to be asked, in one go and within a time: are the masks the CPU's, and how fast is it?

`python -m yolact_temporal.benchmarking.gpu_check` writes `gpu_report.json` and, for the docs, `gpu_report.md`; both are
written anew after each step, so that what was measured is kept whatever happens after.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from yolact_temporal.analyzing.agreement import same_instances
from yolact_temporal.benchmarking.gpu_table import gpu_table
from yolact_temporal.benchmarking.networks import (
    FRAME_SIZE,
    frames_a_second,
    loaded_or_random,
    run_benchmark,
)
from yolact_temporal.data.crops import mask_iou
from yolact_temporal.data.files import atomic_write
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.photo_film import PhotoFilm
from yolact_temporal.yolact.device import resolve_device
from yolact_temporal.yolact.families import build_model, model_entries, model_names, segmenter_of
from yolact_temporal.yolact.network_segmenter import NetworkSegmenter
from yolact_temporal.yolact.weights import load_weights

BUDGET_S = 460.0
"""Seconds that all steps take together; what does not fit is left out and named."""
BATCHES = (1, 8)
PRECISIONS = ("float32", "float16")
ANALYZED = ("yolact_base", "yolact_resnet50", "yolact_compact", "mask_rcnn_resnet50_fpn")
"""Models whose whole `analyze` is timed, the most wanted first."""
_TURN_S = 0.8
"""Seconds for which one model is timed at one batch and precision."""
_DEVICE_TESTS = ("tests/test_segmenter.py", "tests/test_transfer.py")
"""Files of tests that run on every device at hand."""


class GpuCheck:
    """The steps, each within what is left of the time.

    Args:
        device: as for `analyze`.
        models: to be timed; all where None.
        budget_s: seconds for everything.
        frames: of the film that masks are compared and `analyze` is timed on.
        report: takes the figures; the table is written beside it.
        say: told what is being done.
    """

    def __init__(
        self,
        device: str,
        report: Path,
        models: Sequence[str] | None = None,
        budget_s: float = BUDGET_S,
        frames: int = 48,
        say: Callable[[str], object] = print,
    ) -> None:
        self.device = resolve_device(device)
        self.models = list(models or model_names())
        self.frames = frames
        self.report = report
        self._say = say
        self._ends = time.monotonic() + budget_s
        self.figures: dict[str, Any] = {"machine": machine(self.device), "left_out": []}

    def run(self) -> dict[str, Any]:
        """Take all steps and return the figures, which are also in the report."""
        pictures = film_frames(max(BATCHES))
        self._step("equal_masks", lambda: self._equal_masks(pictures[:4]))
        self._step("speed", lambda: self._speed(pictures))
        self._step("analyze", self._analyze)
        self._step("tests", self._tests)
        return self.figures

    def _step(self, name: str, take: Callable[[], Any]) -> None:
        self._say(f"{name} ...")
        start = time.monotonic()
        try:
            self.figures[name] = take()
        except Exception as error:  # one step that fails must not cost the others
            self.figures[name] = None
            self._leave_out(name, f"{type(error).__name__}: {error}")
        self.figures.setdefault("seconds", {})[name] = time.monotonic() - start
        self._write()

    def _leave_out(self, what: str, why: str) -> None:
        self._say(f"  left out: {what} ({why})")
        self.figures["left_out"].append({"what": what, "why": why})

    def _in_time(self, what: str, needed_s: float) -> bool:
        if self._ends - time.monotonic() >= needed_s:
            return True
        self._leave_out(what, "no time left")
        return False

    def _write(self) -> None:
        with atomic_write(self.report) as file:
            file.write(json.dumps(self.figures, indent=2) + "\n")
        with atomic_write(self.report.with_suffix(".md")) as file:
            file.write(gpu_table(self.figures))

    def _equal_masks(self, pictures: NDArray[np.uint8]) -> dict[str, Any]:
        """Compare what bundled models see on the CPU and on the device."""
        compared = {}
        for name in [entry.name for entry in model_entries() if entry.weights.bundled is not None]:
            if name in self.models and self._in_time(f"masks of {name}", 0):
                network = build_model(name)
                load_weights(name, network)
                there = segmenter_of(network.cpu()).segment(pictures)
                here = segmenter_of(network.to(self.device)).segment(pictures)
                compared[name] = compare_instances(there, here)
        return compared

    def _speed(self, pictures: NDArray[np.uint8]) -> list[dict[str, Any]]:
        rows = []
        for name in self.models:
            for precision in PRECISIONS:
                if not self._in_time(f"speed of {name}, {precision}", 6 * _TURN_S):
                    continue
                try:
                    model, weights = loaded_or_random(name, str(self.device), precision)
                    assert isinstance(model.segmenter, NetworkSegmenter), "the register's models are networks"
                    for batch in BATCHES:
                        row = self._speed_of(model.segmenter, pictures[:batch])
                        said = {"model": name, "precision": precision, "batch": batch, "weights": weights}
                        rows.append(said | row)
                except (RuntimeError, torch.OutOfMemoryError) as error:
                    self._leave_out(f"speed of {name}, {precision}", str(error).splitlines()[0])
        return rows

    def _speed_of(self, segmenter: NetworkSegmenter[Any, Any], pictures: NDArray[np.uint8]) -> dict[str, Any]:
        """Time the network alone, and frames to masks, the next batch launched before the last is waited for."""
        cuda = self.device.type == "cuda"
        if cuda:
            torch.cuda.reset_peak_memory_stats(self.device)
        inputs = segmenter.preprocess(pictures)
        seconds = min(_TURN_S, max(self._ends - time.monotonic(), 0.0))
        forward = frames_a_second(lambda: segmenter.forward(inputs), len(pictures), seconds, self.device)
        waiting: list[Callable[[], list[Instances]]] = [segmenter.launch(pictures)]

        def next_batch() -> None:
            """Launch a batch, then wait for the one before."""
            waiting.append(segmenter.launch(pictures))
            waiting.pop(0)()

        whole = frames_a_second(next_batch, len(pictures), seconds, self.device)
        return {
            "forward_fps": forward,
            "frames_to_masks_fps": whole,
            "instances_a_frame": sum(map(len, waiting[0]())) / len(pictures),
            "peak_memory_mib": torch.cuda.max_memory_allocated(self.device) / 2**20 if cuda else None,
        }

    def _analyze(self) -> dict[str, Any]:
        timed = {}
        for name in ANALYZED:
            if name in self.models and self._in_time(f"analyze of {name}", 30 if self.frames > 8 else 0):
                figures = run_benchmark([name], frames=self.frames, device=str(self.device))
                timed[name] = figures["models"][name]
        return timed

    def _tests(self) -> dict[str, Any] | None:
        """Run the tests that take a device, where they and pytest are at hand."""
        if not all(Path(path).is_file() for path in _DEVICE_TESTS) or not importlib.util.find_spec("pytest"):
            self._leave_out("tests", "no pytest or no tests at hand")
            return None
        if not self._in_time("tests", 30):
            return None
        command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider"]
        left = self._ends - time.monotonic()
        done = subprocess.run(
            [*command, *_DEVICE_TESTS], capture_output=True, text=True, timeout=left, check=False
        )
        lines = done.stdout.strip().splitlines()
        failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
        return {"passed": done.returncode == 0, "summary": lines[-1] if lines else "", "failed": failed}


def machine(device: torch.device) -> dict[str, Any]:
    """Return what the figures were measured on."""
    cuda = device.type == "cuda"
    return {
        "device": str(device),
        "name": torch.cuda.get_device_name(device) if cuda else platform.processor() or platform.machine(),
        "memory_gib": torch.cuda.get_device_properties(device).total_memory / 2**30 if cuda else None,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]  # says no types
        "tf32": torch.backends.cudnn.allow_tf32,
        "threads": torch.get_num_threads(),
        "frame_size": list(FRAME_SIZE),
    }


def film_frames(count: int) -> NDArray[np.uint8]:
    """Return frames of the demo's photographs, uint8 (count, H, W, 3) of `FRAME_SIZE`."""
    height, width = FRAME_SIZE
    return np.stack(
        [np.asarray(cv2.resize(f.rgb, (width, height)), np.uint8) for f in islice(PhotoFilm(), count)]
    )


def compare_instances(expected: Sequence[Instances], got: Sequence[Instances]) -> dict[str, Any]:
    """Compare what was seen in the same frames.

    Returns:
        `instances`, expected and got; of those of one class and rank that overlap by half or more `matched`, the
        share of pixels of their union that are the `same_pixels` (1 where nothing was expected), the least IoU
        `iou_min` and the largest difference of a box's side `box_px_max`, in pixels (None where none is matched).
    """
    same = union = matched = 0
    ious, differences = [], []
    for first, second in zip(expected, got, strict=True):
        union += sum(mask.area for mask in (*first.crops, *second.crops))
        for index, best in same_instances(first, second):
            areas = first.crops[index].area + second.crops[best].area
            iou = mask_iou(first.crops[index], second.crops[best])
            shared = round(iou * areas / (1 + iou))
            matched += 1
            ious.append(iou)
            same += shared
            union -= shared
            differences.append(float(np.abs(first.boxes[index] - second.boxes[best]).max()))
    return {
        "instances": [sum(map(len, expected)), sum(map(len, got))],
        "matched": matched,
        "same_pixels": same / union if union else 1.0,
        "iou_min": min(ious, default=None),
        "box_px_max": max(differences, default=None),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check; 1 where masks differ, a test failed or a step did."""
    parser = argparse.ArgumentParser(prog="gpu_check", description=__doc__)
    parser.add_argument("--device", default="auto", help="auto, cuda, cuda:N or cpu (default: auto)")
    parser.add_argument("--models", nargs="+", metavar="NAME", help="default: all")
    parser.add_argument("--budget", type=float, default=BUDGET_S, metavar="SECONDS")
    parser.add_argument("--frames", type=int, default=48, metavar="N")
    parser.add_argument("--report", type=Path, default=Path("gpu_report.json"))
    args = parser.parse_args(arguments)
    figures = GpuCheck(args.device, args.report, args.models, args.budget, args.frames).run()
    print(gpu_table(figures))
    print(f"written: {args.report} and {args.report.with_suffix('.md')}")
    return int(not sound(figures))


def sound(figures: dict[str, Any]) -> bool:
    """Say whether masks are the CPU's (99.9% of their pixels), no step failed and no test that was run."""
    steps = all(figures.get(name) is not None for name in ("equal_masks", "speed", "analyze"))
    masks = steps and all(own["same_pixels"] > 0.999 for own in figures["equal_masks"].values())
    return masks and (figures["tests"] is None or figures["tests"]["passed"])


if __name__ == "__main__":
    sys.exit(main())
