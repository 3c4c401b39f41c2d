"""Which models have weights, as the register of model families says it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from torch import nn

from yolact_temporal.errors import UsageError, advice_on_name
from yolact_temporal.yolact.families import WeightsSource, build_model, find_model, model_names


@dataclass(frozen=True)
class WeightsEntry(WeightsSource):
    """What is known of one model's weights: where they come from, and what they are to fit.

    Attributes:
        name: the model's name, as in `--model`.
        build: makes the model with random weights; its state dict says which keys and shapes are expected.

    Example:
        >>> REGISTRY["yolact_compact"].bundled is None, REGISTRY["yolact_base"].url is None
        (False, False)
    """

    name: str
    build: Callable[[], nn.Module]


Registry = Mapping[str, WeightsEntry]


class _Registered(Registry):
    """The weights of every registered model, by name; a family that is added later is there at once."""

    def __getitem__(self, name: str) -> WeightsEntry:
        if name not in model_names():
            raise KeyError(name)
        return WeightsEntry(name, partial(build_model, name), **vars(find_model(name).weights))

    def __iter__(self) -> Iterator[str]:
        return iter(model_names())

    def __len__(self) -> int:
        return len(model_names())


#: Every model that can have weights, by name.
REGISTRY: Registry = _Registered()


def find_entry(name: str, registry: Registry = REGISTRY) -> WeightsEntry:
    """Return what is known of a model's weights.

    Raises:
        UsageError: if there is no such model.
    """
    if name not in registry:
        raise UsageError(
            f"expected a model out of {', '.join(registry)}, got {name!r}: {advice_on_name(name, registry)}"
        )
    return registry[name]
