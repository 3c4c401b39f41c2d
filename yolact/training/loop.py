"""The training loop."""

from __future__ import annotations

import contextlib
import copy
import json
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

from yolact_temporal.data.coco import CocoDataset
from yolact_temporal.data.runs.claim import claim_files, has_header
from yolact_temporal.errors import UsageError, YolactTemporalError
from yolact_temporal.yolact.device import autocast_dtype, resolve_device
from yolact_temporal.yolact.evaluation import evaluate
from yolact_temporal.yolact.families import segmenter_of, trainee_for
from yolact_temporal.yolact.training.batches import Batch, training_loader
from yolact_temporal.yolact.training.checkpoint import (
    load_backbone,
    load_checkpoint,
    remove_unfinished,
    save_checkpoint,
    save_weights,
    start_from_weights,
    write_whole,
)
from yolact_temporal.yolact.training.curve import draw_curve, read_evaluations
from yolact_temporal.yolact.training.log import COLUMNS, TrainingLog
from yolact_temporal.yolact.training.options import (
    TrainingOptions,
    TrainingResult,
    first_difference,
    resolve_recipe,
)
from yolact_temporal.yolact.training.progress import ProgressBar, evaluation_line
from yolact_temporal.yolact.training.schedule import (
    WeightAverage,
    build_optimizer,
    freeze,
    gradient_norm,
    learning_rate,
    set_learning_rate,
    train_mode,
    training_sizes,
)

LOG = "metrics.csv"
OUTPUTS = ("last.pt", "best.safetensors", "final.safetensors", LOG, "evaluations.jsonl", "curve.png")
"""What a run writes into its folder."""

#: So many unusable losses in a row end a run.
_PATIENCE = 50

#: Signals that come so soon after the first ask for nothing more than it did.
_SAME_WISH_S = 1.0


def train(options: TrainingOptions, report: Callable[[str], None] | None = None) -> TrainingResult:
    """Train a model, or go on with a run.

    Randomness depends on the seed and the iteration alone: an interrupted and resumed run sees the same images,
    changed in the same way, as an unbroken one.

    Args:
        options: what to train, on what, and where.
        report: told each evaluation's figures, in a line for a person to read.

    Raises:
        UsageError: the output holds another run, or options do not go together.
        InputError: annotations, images or a checkpoint cannot be read.
        WeightsError: the weights to start from do not fit.
    """
    run = _Run(options, report)
    with _interruptible() as stop:
        return run.go(stop)


class _Run:
    """One session of a run: everything that `train` needs at hand."""

    def __init__(self, options: TrainingOptions, report: Callable[[str], None] | None = None) -> None:
        self.options = options
        self.report = report
        self.recipe = resolve_recipe(options)
        self.device = resolve_device(options.device)
        self.output = _prepare_output(options)
        self.trainee = trainee_for(options.model, options.input_size)
        self.model = self._build()
        self.settings = self._settings()
        self.dataset = CocoDataset(
            options.annotations,
            options.images,
            self.trainee.config.class_names,
            unknown=self.recipe.sampling.weak_negatives,
            cache=options.cache,
        )
        freeze(self.trainee, self.model, self.recipe)
        self.optimizer = build_optimizer(
            self.model, self.recipe.optimization, self.device, self.trainee.backbone_prefix
        )
        decay = self.recipe.optimization.ema
        self.average = WeightAverage(self.model, copy.deepcopy(self.model), decay) if decay else None
        self.size = self.trainee.size
        self.autocast = autocast_dtype(options.precision)
        scaled = self.autocast is torch.float16
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=scaled)
        self.iteration, self.elapsed = 0, 0.0
        self.sums: dict[str, float] = {}
        self.summed = self.unusable = 0
        self.window_start, self.window_time = 0, 0.0
        self.best: float | None = None
        if options.resume:
            self._restore(load_checkpoint(self.output / "last.pt"))

    def go(self, stop: threading.Event) -> TrainingResult:
        """Train until the recipe is done, the time is over, or a stop is asked for."""
        options = self.options
        self.log = TrainingLog(self.output / LOG, self.iteration)
        _cut_evaluations(self.output / "evaluations.jsonl", self.iteration)
        self.dataset.fill_cache()
        batches = self._batches()
        limit = self.elapsed + 60 * options.max_minutes if options.max_minutes else float("inf")
        train_mode(self.trainee, self.model, self.recipe)
        self._start_clock()
        bar = ProgressBar(self.recipe, self.trainee.size, self.iteration, options.progress)
        saved = self.iteration if options.resume else None
        with bar, contextlib.closing(batches):
            while self.iteration < self.recipe.iterations and not stop.is_set() and self._time() < limit:
                before = self._time()
                self._step(next(batches))
                bar.step(self.iteration, self._time() - before, self.size)
                self._log(bar)
                if self.iteration % options.evaluate_every == 0 or self.iteration == self.recipe.iterations:
                    self._evaluate()
                if self.iteration % options.checkpoint_every == 0:
                    self._save()
                    saved = self.iteration
        if saved != self.iteration:
            self._save()
        self._draw()
        finished = self.iteration >= self.recipe.iterations
        if finished:
            save_weights(self.output / "final.safetensors", self._trained().state_dict(), self._metadata())
        return TrainingResult(self.iteration, finished, stop.is_set() and not finished, self.best)

    def _step(self, batch: Batch) -> None:
        recipe = self.recipe
        rate = learning_rate(
            recipe.schedule, recipe.optimization.learning_rate, self.iteration, recipe.iterations
        )
        set_learning_rate(self.optimizer, rate)
        self.rate = rate
        self._take_size(batch.images.shape[1])
        losses = self._losses(batch.to(self.device))
        total = torch.stack(list(losses.values())).sum()
        if bool(torch.isfinite(total)):
            self.unusable = 0
            self.optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(self.scaler.scale(total))
            self.scaler.unscale_(self.optimizer)
            norm = gradient_norm(self.model, recipe.optimization.clip)
            if norm is None or self.scaler.is_enabled() or bool(torch.isfinite(norm)):
                self.scaler.step(self.optimizer)
            self.scaler.update()
            for name, value in losses.items():
                self.sums[name] = self.sums.get(name, 0.0) + value.item()
            self.summed += 1
        else:
            self.unusable += 1
            if self.unusable >= _PATIENCE:
                raise YolactTemporalError(
                    f"Expected finite losses, got none in the last {_PATIENCE} iterations up to {self.iteration}; "
                    "resume with a lower learning rate or in float32."
                )
        if self.average is not None:
            self.average.update(self.iteration)
        self.iteration += 1

    def _take_size(self, size: int) -> None:
        if size != self.size:
            self.trainee.resize(self.model, size)
            self.size = size

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        seed = self.options.seed * 1_000_003 + self.iteration
        with torch.autocast(self.device.type, dtype=self.autocast, enabled=self.autocast is not None):
            return self.trainee.losses(self.model, batch, self.recipe, seed)

    def _log(self, bar: ProgressBar) -> None:
        if self.iteration % self.options.log_every or not self.summed:
            return
        now = self._time()
        means = {name: value / self.summed for name, value in self.sums.items()}
        done = self.iteration - self.window_start
        speed = done * self.recipe.batch_size / max(now - self.window_time, 1e-9)
        images = self.iteration * self.recipe.batch_size
        self.log.append(self.iteration, images, now, self.size, self.rate, means, speed)
        bar.note(sum(means.values()), speed)
        self.sums, self.summed = {}, 0
        self.window_start, self.window_time = self.iteration, now

    def _evaluate(self) -> None:
        options = self.options
        if options.val_annotations is None:
            return
        before = self._time()
        folder = options.val_images or options.images
        self._take_size(self.trainee.size)
        segmenter = segmenter_of(self._trained(), score_threshold=0.0, precision=options.precision)
        figures = evaluate(segmenter, options.val_annotations, folder)
        train_mode(self.trainee, self.model, self.recipe)
        line = json.dumps({"iteration": self.iteration, "time_s": round(self._time(), 1), **figures})
        with (self.output / "evaluations.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        kind, figure = options.best_metric
        value = figures[kind][figure]
        better = value is not None and (self.best is None or value > self.best)
        if better:
            self.best = value
            save_weights(self.output / "best.safetensors", self._trained().state_dict(), self._metadata())
        if self.report is not None:
            batch = self.recipe.batch_size
            done, whole = self.iteration * batch, self.recipe.iterations * batch
            self.report(evaluation_line(figures, done, whole, better))
        self._draw()
        self.window_time += self._time() - before

    def _draw(self) -> None:
        output = self.output
        draw_curve(output / LOG, output / "evaluations.jsonl", output / "curve.png")

    def _trained(self) -> nn.Module:
        """The network whose weights are evaluated and kept."""
        return self.average.model if self.average is not None else self.model

    def _build(self) -> nn.Module:
        options = self.options
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            model = self.trainee.build()
        if not options.resume:
            if options.init_backbone is not None:
                load_backbone(self.trainee.backbone(model), options.init_backbone)
            if options.init_weights is not None:
                name, optional = self.trainee.config.name, self.recipe.trained_prefix
                start_from_weights(model, name, options.init_weights, optional)
        return model.to(self.device).to(memory_format=torch.channels_last)

    def _batches(self) -> Generator[Batch, None, None]:
        sizes = [
            (iteration, self.trainee.target_sizes(self.model, size))
            for iteration, size in training_sizes(self.recipe, self.trainee.size)
        ]
        loader = training_loader(
            self.dataset,
            self.recipe,
            sizes,
            seed=self.options.seed,
            start=self.iteration * self.recipe.batch_size,
            workers=self.options.workers,
        )
        yield from loader

    def _settings(self) -> str:
        """What must be the same for a run to be resumed."""
        settings = {
            "model": asdict(self.trainee.config),
            "recipe": asdict(self.recipe),
            "seed": self.options.seed,
            "input_size": self.trainee.size,
        }
        return json.dumps(settings, sort_keys=True)

    def _metadata(self) -> dict[str, str]:
        return {
            "model": self.trainee.config.name,
            "iteration": str(self.iteration),
            "settings": self.settings,
        }

    def _save(self) -> None:
        state = {
            "settings": self.settings,
            "iteration": self.iteration,
            "elapsed": self._time(),
            "best": self.best,
            "sums": self.sums,
            "summed": self.summed,
            "model": self.model.state_dict(),
            "average": self.average.model.state_dict() if self.average is not None else None,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }
        save_checkpoint(self.output / "last.pt", state)

    def _restore(self, state: dict[str, Any]) -> None:
        if state["settings"] != self.settings:
            raise UsageError(
                f"Expected the model, recipe, seed and size of the run in {self.output}, got others "
                f"({first_difference(state['settings'], self.settings)}); resume with the same options."
            )
        self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.model.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.iteration, self.elapsed, self.best = state["iteration"], state["elapsed"], state["best"]
        self.sums, self.summed = state["sums"], state["summed"]

    def _start_clock(self) -> None:
        self.started = time.monotonic() - self.elapsed
        self.window_start, self.window_time = self.iteration, self.elapsed

    def _time(self) -> float:
        """Seconds of training, of all sessions."""
        return time.monotonic() - self.started


def _prepare_output(options: TrainingOptions) -> Path:
    """Make the folder that takes a run, or refuse one in which another's files would be written over."""
    output = Path(options.output)
    taken = (output / "last.pt").exists()
    if taken and not options.resume:
        raise UsageError(
            f"Expected an output folder without a run, but {output} holds one; resume it or name another."
        )
    for images in (options.images, options.val_images):
        if images is not None and output.exists() and Path(images).exists() and output.samefile(images):
            raise UsageError(
                f"Expected an output folder of its own, got the folder of images {images}; name another folder."
            )
    claim_files(
        output,
        OUTPUTS,
        lambda folder: has_header(folder / LOG, COLUMNS) or (taken and not (folder / LOG).exists()),
        "name another folder",
    )
    try:
        output.mkdir(parents=True, exist_ok=True)
        for name in OUTPUTS:  # of a run that was killed while it wrote
            remove_unfinished(output / name)
    except OSError as error:
        raise UsageError(
            f"Expected to write to {output}, but {error.strerror}; name another folder."
        ) from error
    return output


def _cut_evaluations(path: Path, iteration: int) -> None:
    """Drop the evaluations of a run that went further than its checkpoint."""
    lines = read_evaluations(path) if iteration else []
    kept = [json.dumps(line) + "\n" for line in lines if line["iteration"] <= iteration]
    write_whole(path, lambda temporary: temporary.write_text("".join(kept), "utf-8"))


@contextlib.contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Let the first SIGINT or SIGTERM end the iteration and save; one that comes later is answered as before.

    One that comes soon after the first is the same wish: a key held down, or a signal to the process and its group.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    asked_s = 0.0

    def handle(number: int, frame: FrameType | None) -> None:
        """Ask for a stop at the first signal; at a later one that is a wish of its own, interrupt at once."""
        nonlocal asked_s
        if not stop.is_set():
            asked_s = time.monotonic()
            stop.set()
        elif time.monotonic() - asked_s >= _SAME_WISH_S:
            answer = previous[number]
            (answer if callable(answer) else signal.default_int_handler)(number, frame)

    previous: dict[int, Any] = {
        number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
