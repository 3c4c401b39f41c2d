"""The register of model families: every model by name, its configuration, network, segmenter and training.

To add a family, make a folder beside this file with a module `family` whose `FAMILY` is a `ModelFamily`, and name the
folder in `_OWN`; code outside the package calls `register`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from yolact_temporal.errors import UsageError, advice_on_name
from yolact_temporal.yolact.families.config import ModelConfig
from yolact_temporal.yolact.families.family import (
    DEFAULT_SCORE_THRESHOLD,
    ModelEntry,
    ModelFamily,
    small_model_note,
)
from yolact_temporal.yolact.families.options import SegmenterOptions, split_name

if TYPE_CHECKING:
    from torch import nn

    from yolact_temporal.yolact.network_segmenter import NetworkSegmenter
    from yolact_temporal.yolact.training.recipe import TrainingRecipe
    from yolact_temporal.yolact.training.trainee import Trainee

_OWN = ("yolact", "mask_rcnn", "fcis")
"""The folders of the families that belong to the package, in the order in which their models are listed."""

_added: list[ModelFamily] = []


@cache
def _own_families() -> tuple[ModelFamily, ...]:
    """Load the package's families at the first question, as training needs the register and they need training."""
    folder = __name__.rpartition(".")[0]
    return tuple(import_module(f"{folder}.{name}.family").FAMILY for name in _OWN)


def register(family: ModelFamily) -> None:
    """Add a family from outside the package; its models are then found by name everywhere.

    Raises:
        UsageError: if one of its models has the name of another.
    """
    taken = set(model_names())
    for entry in family.entries:
        if entry.name in taken:
            raise UsageError(
                f"expected a name that no model has, got {entry.name}: register it under another one"
            )
        taken.add(entry.name)
    _added.append(family)


def families() -> tuple[ModelFamily, ...]:
    """Return every family, the package's own first."""
    return (*_own_families(), *_added)


def model_entries() -> tuple[ModelEntry, ...]:
    """Return every model, YOLACT's first."""
    return tuple(entry for family in families() for entry in family.entries)


def model_names() -> tuple[str, ...]:
    """Return the name of every model, YOLACT's first.

    Example:
        >>> model_names()[0]
        'yolact_base'
    """
    return tuple(entry.name for entry in model_entries())


def find_model(name: str) -> ModelEntry:
    """Return what is known of a model.

    Raises:
        UsageError: if there is no such model.

    Example:
        >>> find_model("yolact_compact").config.class_names
        ('person', 'vehicle', 'animal')
    """
    for entry in model_entries():
        if entry.name == name:
            return entry
    raise no_such_model(name)


class Variant(NamedTuple):
    """A model as it shall run: which it is, and what of it is not as published."""

    entry: ModelEntry
    options: SegmenterOptions

    @property
    def name(self) -> str:
        """What it is called in tables and folders."""
        return self.entry.name + self.options.suffix

    @property
    def note(self) -> str:
        """One sentence that says what kind of model it is."""
        said = ", ".join(f"{option} {value}" for option, value in self.options.given.items())
        return f"{self.name} {self.entry.note}" + (f" It is not run as published: {said}." if said else "")


def told_together(notes: Mapping[str, str]) -> list[str]:
    """Return what the notes of models say, those of small models of this project's own in one sentence.

    Args:
        notes: by name, as `Variant.note` has them.

    Example:
        >>> told_together({name: f"{name} is small." for name in ("yolact_compact", "mask_rcnn_compact")})[0][:66]
        "yolact_compact and mask_rcnn_compact are this project's own small "
    """
    small = {entry.name: entry for entry in model_entries() if entry.published and entry.name in notes}
    classes = {entry.config.class_names for entry in small.values()}
    if len(small) < 2 or len(classes) > 1:
        return list(notes.values())
    first = small[next(name for name in notes if name in small)]
    said = small_model_note(first.config.class_names, first.published, several=True)
    together = f"{' and '.join(name for name in notes if name in small)} {said}"
    return [together, *(note for name, note in notes.items() if name not in small)]


def find_variant(name: str, options: SegmenterOptions | None = None) -> Variant:
    """Return the model of a name that may say options too.

    Args:
        name: a model's, such as "yolact_compact" or "yolact_compact+fine".
        options: further ones; they go before those of the name.

    Raises:
        UsageError: if there is no such model, or it has no such option.

    Example:
        >>> find_variant("yolact_compact+fine").options, find_variant("yolact_compact+fast").name
        (SegmenterOptions(crop='fine', crop_margin=None, nms=None), 'yolact_compact')
    """
    base, own = split_name(name)
    entry = find_model(base)
    chosen = SegmenterOptions(**own.given | ({} if options is None else options.given))  # type: ignore[arg-type]
    return Variant(entry, family_of(entry.config).chosen(base, chosen))


def no_such_model(name: str) -> UsageError:
    """Return the error for a name that no model has."""
    names = model_names()
    return UsageError(
        f"expected a model out of {', '.join(names)}, got {name!r}: {advice_on_name(name, names)}"
    )


def family_of(config: ModelConfig) -> ModelFamily:
    """Return the family that a configuration belongs to.

    Raises:
        UsageError: if it belongs to none.
    """
    for family in families():
        if isinstance(config, family.config_type):
            return family
    raise UsageError(
        f"expected the configuration of a registered family, got a {type(config).__name__}: register its family"
    )


def build_model(name: str) -> nn.Module:
    """Build a network with random weights, in eval mode.

    Raises:
        UsageError: if there is no such model.

    Example:
        >>> network = build_model("yolact_compact")
        >>> network.config.input_size
        384
    """
    config = find_model(name).config
    return family_of(config).build(config)


def segmenter_of(
    network: Any,
    score_threshold: float = DEFAULT_SCORE_THRESHOLD,
    precision: str = "float32",
    options: SegmenterOptions | None = None,
) -> NetworkSegmenter[Any, Any]:
    """Return a network that a family built as a `Segmenter`, as published or with options.

    One that is not as published is named by what differs.

    Raises:
        UsageError: if the model has no such option.

    Example:
        >>> import numpy as np
        >>> segmenter = segmenter_of(build_model("yolact_compact"), score_threshold=0.9)
        >>> [found.size for found in segmenter.segment(np.zeros((2, 90, 120, 3), np.uint8))]
        [(90, 120), (90, 120)]
    """
    family, name = family_of(network.config), network.config.name
    chosen = family.chosen(name, options or SegmenterOptions())
    segmenter = family.segmenter(network, score_threshold, precision, **chosen.given)
    segmenter.name = name + chosen.suffix
    return segmenter


def trainee_for(model: str | ModelConfig, size: int | None = None) -> Trainee:
    """Return a model in training, given by name or configuration, for square input of `size`, its own if None.

    Raises:
        UsageError: if there is no such model, or it cannot be trained.
    """
    config = find_model(model).config if isinstance(model, str) else model
    return family_of(config).trainee(config, size)


def recipe_for(name: str) -> TrainingRecipe:
    """Return how a model is trained.

    Raises:
        UsageError: if there is no such model, or it cannot be trained.

    Example:
        >>> recipe_for("yolact_base").iterations
        800000
    """
    recipe = find_model(name).recipe
    if recipe is None:
        raise UsageError(f"expected a model that can be trained here, got {name}: train another one")
    return recipe
