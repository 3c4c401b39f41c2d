"""The learning rate, the optimiser, and which weights it moves."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from yolact_temporal.yolact.training.recipe import Optimization, Schedule, TrainingRecipe
from yolact_temporal.yolact.training.trainee import Trainee

_NORMS = (nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)


def learning_rate(schedule: Schedule, base: float, iteration: int, iterations: int) -> float:
    """Return the learning rate of an iteration, counted from 0, of a run of `iterations`."""
    if iteration < schedule.warmup:
        return schedule.warmup_rate + (base - schedule.warmup_rate) * iteration / schedule.warmup
    if schedule.kind == "step":
        return base * schedule.gamma ** sum(iteration >= step for step in schedule.steps)
    progress = min((iteration - schedule.warmup) / max(iterations - schedule.warmup, 1), 1.0)
    return base * (schedule.final + (1 - schedule.final) * (1 + math.cos(math.pi * progress)) / 2)


def training_sizes(recipe: TrainingRecipe, own: int) -> list[tuple[int, int]]:
    """Return the sides of the training square as (iteration from which on, side); `own` if the recipe names none."""
    return [(round(share * recipe.iterations), side) for share, side in recipe.sizes] or [(0, own)]


def build_optimizer(
    model: nn.Module, config: Optimization, device: torch.device, backbone_prefix: str = "backbone."
) -> torch.optim.Optimizer:
    """Return an optimiser of the weights that require gradients.

    Each parameter group carries `rate`, the share of the learning rate that is its own: another one for weights whose
    keys begin with `backbone_prefix`.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    norms = {id(p) for module in model.modules() if isinstance(module, _NORMS) for p in module.parameters()}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            backbone = name.startswith(backbone_prefix)
            decayed = config.decay_norms or not (id(parameter) in norms or name.endswith("bias"))
            groups.setdefault((backbone, decayed), []).append(parameter)
    listed = [
        {
            "params": parameters,
            "rate": config.backbone_rate if backbone else 1.0,
            "weight_decay": config.weight_decay if decayed else 0.0,
        }
        for (backbone, decayed), parameters in groups.items()
    ]
    rate = config.learning_rate
    if config.kind == "sgd":
        return torch.optim.SGD(listed, lr=rate, momentum=config.momentum)
    return torch.optim.AdamW(listed, lr=rate, fused=device.type in ("cpu", "cuda"))


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every group, by its share."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["rate"]


def freeze(trainee: Trainee, model: nn.Module, recipe: TrainingRecipe) -> None:
    """Take out of training what the recipe keeps: normalisation, first stages, or all but one part."""
    for module in frozen_modules(trainee, model, recipe):
        module.requires_grad_(False)


def train_mode(trainee: Trainee, model: nn.Module, recipe: TrainingRecipe) -> None:
    """Put the model in training mode, except for what is frozen."""
    model.train()
    for module in frozen_modules(trainee, model, recipe):
        module.eval()


def frozen_modules(trainee: Trainee, model: nn.Module, recipe: TrainingRecipe) -> list[nn.Module]:
    """Return the modules that the recipe keeps as they are."""
    if recipe.trained_prefix:
        return [
            module
            for name, module in model.named_modules()
            if not next(module.children(), None) and not f"{name}.".startswith(recipe.trained_prefix)
        ]
    part = {"none": None, "backbone": trainee.backbone(model), "all": model}[recipe.freeze_norms]
    frozen = [] if part is None else [m for m in part.modules() if isinstance(m, nn.BatchNorm2d)]
    return frozen + [block for stage in trainee.stages(model)[: recipe.frozen_stages] for block in stage]


class WeightAverage:
    """An exponential moving average of a model's state, kept in a second model.

    The decay rises towards its final value from (1 + n) / (10 + n) at step n, so that the first, random weights
    are forgotten early.
    """

    def __init__(self, model: nn.Module, average: nn.Module, decay: float) -> None:
        self.decay = decay
        self.model = average.eval()
        self._average, self._live, self._copied = [], [], []
        for target, source in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
            if target.is_floating_point():
                self._average.append(target)
                self._live.append(source)
            else:
                self._copied.append((target, source))

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the average towards the model's state after its `step`-th step, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._average, self._live, 1 - decay)
        for target, source in self._copied:
            target.copy_(source)


def gradient_norm(model: nn.Module, clip: float | None) -> Tensor | None:
    """Clip the gradients to a norm; return the norm they had, None where nothing is clipped."""
    if clip is None:
        return None
    return nn.utils.clip_grad_norm_([p for p in model.parameters() if p.grad is not None], clip)
