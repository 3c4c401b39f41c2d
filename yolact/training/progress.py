"""What a person sees of a training run while it goes on: a bar with the time left, and a line an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import TracebackType
from typing import Any

from tqdm import tqdm

from yolact_temporal.yolact.training.recipe import TrainingRecipe
from yolact_temporal.yolact.training.schedule import training_sizes

#: How much of its newest step the pace takes up.
_NEWEST = 0.05


class TimeLeft:
    """How long a run will still take, by its pace so far in this session and the sizes that are to come.

    An iteration's work is taken as the area of its images. The pace is a mean over the session's first steps and then
    follows the newest ones.

    Args:
        recipe: its iterations and sizes.
        own: side of the training square where the recipe names none.
    """

    def __init__(self, recipe: TrainingRecipe, own: int) -> None:
        sizes = training_sizes(recipe, own)
        ends = [first for first, _ in sizes[1:]] + [recipe.iterations]
        self._parts = [(first, end, side**2) for (first, side), end in zip(sizes, ends, strict=True)]
        self._pace = 0.0
        self._steps = 0

    def step(self, seconds: float, size: int) -> None:
        """Take note of an iteration at a size, and how long it took."""
        self._steps += 1
        newest = max(1 / self._steps, _NEWEST)
        self._pace += newest * (seconds / size**2 - self._pace)

    def after(self, iteration: int) -> float | None:
        """Return the seconds left after so many iterations; None before the first step of the session."""
        if not self._steps:
            return None
        work = sum(
            (end - max(first, iteration)) * area for first, end, area in self._parts if end > iteration
        )
        return work * self._pace


class ProgressBar:
    """A bar over image passes on standard error, where that is a terminal.

    Args:
        recipe: of the run.
        own: side of the training square where the recipe names none.
        iteration: how many iterations are done.
        shown: false for no bar at all.
    """

    def __init__(self, recipe: TrainingRecipe, own: int, iteration: int, shown: bool) -> None:
        self._left = TimeLeft(recipe, own)
        self._batch = recipe.batch_size
        self._note = ""
        self._bar = tqdm(
            total=recipe.iterations * recipe.batch_size,
            initial=iteration * recipe.batch_size,
            disable=None if shown else True,
            dynamic_ncols=True,
            bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt} images [{elapsed}{postfix}]",
        )

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def step(self, iteration: int, seconds: float, size: int) -> None:
        """Show that an iteration, which makes `iteration` of them, took so many seconds."""
        self._left.step(seconds, size)
        left = self._left.after(iteration)
        assert left is not None
        self._bar.set_postfix_str(f"{timedelta(seconds=round(left))} left{self._note}", refresh=False)
        self._bar.update(self._batch)

    def note(self, loss: float, speed: float) -> None:
        """Show the newest mean loss and images a second."""
        self._note = f", loss {loss:.3f}, {speed:.1f} images/s"


def evaluation_line(figures: Mapping[str, Any], images: int, passes: int, best: bool) -> str:
    """Return what an evaluation found, for a person to read.

    Args:
        figures: as `evaluate` returns them.
        images: image passes so far.
        passes: image passes of the whole run.
        best: whether it is the best one yet.
    """
    masks, boxes = figures["segm"], figures["bbox"]
    found = ", ".join(
        f"{name} {'-' if value is None else format(value, '.3f')}"
        for name, value in [
            ("mask AP50", masks["AP50"]),
            ("AP", masks["AP"]),
            ("AP50 of large objects", masks["AP50_large"]),
            ("box AP50", boxes["AP50"]),
        ]
    )
    return f"after {images:,} of {passes:,} images: {found}{' (best yet)' if best else ''}"
