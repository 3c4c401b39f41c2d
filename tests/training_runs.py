"""Short training runs on drawn shapes, for the tests of training, and what their logs hold."""

import csv
from dataclasses import replace

from shapes import write_shapes

from yolact_temporal.yolact.families import recipe_for
from yolact_temporal.yolact.training import TrainingOptions
from yolact_temporal.yolact.training.recipe import Schedule


def compact(**changes):
    return replace(recipe_for("yolact_compact"), **changes)


def options(tmp_path, **changes):
    annotations = tmp_path / "annotations.json"
    if not annotations.exists():
        write_shapes(tmp_path, 6)
    recipe = compact(batch_size=2, iterations=8, schedule=Schedule(kind="cosine", warmup=2))
    defaults = {
        "model": "yolact_compact",
        "annotations": annotations,
        "images": tmp_path,
        "output": tmp_path / "run",
        "recipe": recipe,
        "input_size": 64,
        "checkpoint_every": 4,
        "log_every": 1,
        "workers": 0,
        "device": "cpu",
        "progress": False,
    }
    return TrainingOptions(**(defaults | changes))


def losses(folder):
    """The log's rows but for times and speeds."""
    with (folder / "metrics.csv").open(newline="") as file:
        return [
            {k: v for k, v in row.items() if k not in ("time_s", "images_per_s")}
            for row in csv.DictReader(file)
        ]


class CrashError(Exception):
    pass


def crash():
    raise CrashError
