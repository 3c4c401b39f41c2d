"""The training loop."""

from __future__ import annotations

import contextlib
import copy
import json
import signal
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from yolact_temporal.data.coco import CocoDataset
from yolact_temporal.errors import UsageError, YolactTemporalError
from yolact_temporal.yolact.device import autocast_dtype, resolve_device
from yolact_temporal.yolact.evaluation import evaluate
from yolact_temporal.yolact.families import segmenter_of, trainee_for
from yolact_temporal.yolact.training.batches import Batch, training_loader
from yolact_temporal.yolact.training.checkpoint import (
    load_backbone,
    load_checkpoint,
    load_weights,
    save_checkpoint,
    save_weights,
    write_whole,
)
from yolact_temporal.yolact.training.log import TrainingLog
from yolact_temporal.yolact.training.options import (
    TrainingOptions,
    TrainingResult,
    first_difference,
    resolve_recipe,
)
from yolact_temporal.yolact.training.schedule import (
    WeightAverage,
    build_optimizer,
    freeze,
    gradient_norm,
    learning_rate,
    set_learning_rate,
    train_mode,
)

#: So many unusable losses in a row end a run.
_PATIENCE = 50


def train(options: TrainingOptions) -> TrainingResult:
    """Train a model, or go on with a run.

    Randomness depends on the seed and the iteration alone: an interrupted and resumed run sees the same images,
    changed in the same way, as an unbroken one.

    Raises:
        UsageError: the output holds another run, or options do not go together.
        InputError: annotations, images or a checkpoint cannot be read.
        WeightsError: the weights to start from do not fit.
    """
    run = _Run(options)
    with _interruptible() as stop:
        return run.go(stop)


class _Run:
    """One session of a run: everything that `train` needs at hand."""

    def __init__(self, options: TrainingOptions) -> None:
        self.options = options
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
        options = self.options
        self.log = TrainingLog(self.output / "log.csv", self.iteration)
        _cut_evaluations(self.output / "evaluations.jsonl", self.iteration)
        self.dataset.fill_cache()
        batches = self._batches()
        limit = self.elapsed + 60 * options.max_minutes if options.max_minutes else float("inf")
        train_mode(self.trainee, self.model, self.recipe)
        self._start_clock()
        bar = tqdm(
            total=self.recipe.iterations,
            initial=self.iteration,
            disable=None if options.progress else True,
            unit="it",
            dynamic_ncols=True,
        )
        saved = self.iteration if options.resume else None
        with bar, contextlib.closing(batches):
            while self.iteration < self.recipe.iterations and not stop.is_set() and self._time() < limit:
                self._step(next(batches))
                bar.update()
                self._report(bar)
                if self.iteration % options.evaluate_every == 0 or self.iteration == self.recipe.iterations:
                    self._evaluate()
                if self.iteration % options.checkpoint_every == 0:
                    self._save()
                    saved = self.iteration
        if saved != self.iteration:
            self._save()
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

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        seed = self.options.seed * 1_000_003 + self.iteration
        with torch.autocast(self.device.type, dtype=self.autocast, enabled=self.autocast is not None):
            return self.trainee.losses(self.model, batch, self.recipe, seed)

    def _report(self, bar: tqdm) -> None:
        if self.iteration % self.options.log_every or not self.summed:
            return
        now = self._time()
        means = {name: value / self.summed for name, value in self.sums.items()}
        done = self.iteration - self.window_start
        speed = done * self.recipe.batch_size / max(now - self.window_time, 1e-9)
        self.log.append(self.iteration, now, self.rate, means, speed)
        bar.set_postfix_str(f"loss {sum(means.values()):.3f}, {speed:.1f} images/s", refresh=False)
        self.sums, self.summed = {}, 0
        self.window_start, self.window_time = self.iteration, now

    def _evaluate(self) -> None:
        options = self.options
        if options.val_annotations is None:
            return
        before = self._time()
        folder = options.val_images or options.images
        segmenter = segmenter_of(self._trained(), score_threshold=0.0, precision=options.precision)
        figures = evaluate(segmenter, options.val_annotations, folder)
        train_mode(self.trainee, self.model, self.recipe)
        line = json.dumps({"iteration": self.iteration, "time_s": round(self._time(), 1), **figures})
        with (self.output / "evaluations.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        kind, figure = options.best_metric
        value = figures[kind][figure]
        if value is not None and (self.best is None or value > self.best):
            self.best = value
            save_weights(self.output / "best.safetensors", self._trained().state_dict(), self._metadata())
        self.window_time += self._time() - before

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
                load_weights(model, name, options.init_weights, optional)
        return model.to(self.device).to(memory_format=torch.channels_last)

    def _batches(self) -> Generator[Batch, None, None]:
        sizes = self.trainee.target_sizes(self.model)
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
    output = Path(options.output)
    taken = (output / "last.pt").exists()
    if taken and not options.resume:
        raise UsageError(
            f"Expected an output folder without a run, but {output} holds one; resume it or name another."
        )
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"Expected to write to {output}, but {error.strerror}; name another folder."
        ) from error
    return output


def _cut_evaluations(path: Path, iteration: int) -> None:
    """Drop the evaluations of a run that went further than its checkpoint."""
    lines = path.read_text(encoding="utf-8").splitlines() if iteration and path.is_file() else []
    kept = [line for line in lines if json.loads(line)["iteration"] <= iteration]
    write_whole(path, lambda temporary: temporary.write_text("".join(f"{line}\n" for line in kept), "utf-8"))


@contextlib.contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Let the first SIGINT or SIGTERM end the iteration and save; a second one interrupts at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(_signal: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
