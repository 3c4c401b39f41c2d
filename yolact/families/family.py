"""What a model family is: everything that the rest of the program asks of a kind of model.

A family is a folder of this package whose module `family` makes one `ModelFamily`. Its models are `ModelEntry`s, each
with all that is known of one model; nothing else in the program names a model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolact_temporal.errors import UsageError, advice_on_name
from yolact_temporal.yolact.families.config import ModelConfig
from yolact_temporal.yolact.families.options import CROPS, MOST_MARGIN, SegmenterOptions
from yolact_temporal.yolact.how_to_run import ENGINES

if TYPE_CHECKING:  # training looks families up, so they may not load it before they are registered
    from torch import Tensor, nn

    from yolact_temporal.yolact.network_segmenter import NetworkSegmenter
    from yolact_temporal.yolact.training.recipe import TrainingRecipe
    from yolact_temporal.yolact.training.trainee import Trainee

DEFAULT_SCORE_THRESHOLD = 0.3
"""Above it an instance counts, for models of which nothing else is known."""


@dataclass(frozen=True)
class Completion:
    """Weights that complete another model's: only what begins with `prefix` is in their file.

    Attributes:
        name: the model whose bundled weights hold the rest.
        prefix: what the keys of the file begin with.
    """

    name: str
    prefix: str


@dataclass(frozen=True, kw_only=True)
class WeightsSource:
    """Where a model's weights come from.

    Attributes:
        url: where the published file lies; None if it has no address.
        bundled: where the file lies inside the package; None if it is not shipped.
        sha256_prefix: what the published file's SHA-256 begins with; empty if that is not published.
        completes: what the file is an addition to; None if it is whole.
    """

    url: str | None = None
    bundled: Path | None = None
    sha256_prefix: str = ""
    completes: Completion | None = None


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """One model, and all that is known of it.

    Attributes:
        config: what determines its network.
        note: what kind of model it is, as the rest of a sentence that its name begins; it heads every report.
        weights: where its weights come from.
        recipe: how it is trained; None for a model that cannot be trained here.
        score_threshold: the operating threshold: instances whose score is above it count.
        counterpart: the model it is measured beside where none is named, trained on the same classes; None to be
            measured alone.
        timed: whether `benchmark` times it where no model is named.
        published: of a small model of this project's own, the model to take for the published kind; "" of the others.
    """

    config: ModelConfig
    note: str
    weights: WeightsSource = field(default_factory=WeightsSource)
    recipe: TrainingRecipe | None = None
    score_threshold: float = DEFAULT_SCORE_THRESHOLD
    counterpart: str | None = None
    timed: bool = False
    published: str = ""

    @property
    def name(self) -> str:
        """The model's name, as in `--model`."""
        return self.config.name


class ModelFamily(ABC):
    """Models that differ in configuration and weights alone.

    Attributes:
        entries: its models, in the order in which they are listed.
        config_type: the class of its configurations; no other family has the same.
        published: what its segmenters do where nothing is chosen; None of what cannot be chosen.
        suppressions: how its boxes may be suppressed.
    """

    entries: Sequence[ModelEntry]
    config_type: type
    published: SegmenterOptions = SegmenterOptions()
    suppressions: Sequence[str] = ()

    @abstractmethod
    def build(self, config: Any) -> nn.Module:
        """Build a network with random weights, in eval mode; `network.config` is its configuration."""

    @abstractmethod
    def segmenter(
        self, network: Any, score_threshold: float, precision: str, **options: Any
    ) -> NetworkSegmenter[Any, Any]:
        """Return a network that `build` made as a `Segmenter`.

        Args:
            network: the network.
            score_threshold, precision: as of `NetworkSegmenter`.
            options: those of `SegmenterOptions` that are chosen, by name; a family that has none is given none.
        """

    def chosen(self, name: str, options: SegmenterOptions) -> SegmenterOptions:
        """Return what of options differs from the published way.

        Args:
            name: the model's, for messages.
            options: as they were given.

        Raises:
            UsageError: if the family has no such option, or no such choice.
        """
        allowed = {"crop": CROPS, "nms": self.suppressions}
        differing: dict[str, Any] = {}
        for option, value in options.given.items():
            flag = f"--{option.replace('_', '-')}"
            own = getattr(self.published, option)
            if own is None:
                raise UsageError(f"expected a model that has {flag}, got {name}, which has not: drop {flag}")
            choices = allowed.get(option)
            if choices is not None and value not in choices:
                raise UsageError(
                    f"expected {flag} of {', '.join(choices)} for {name}, got {value!r}: "
                    f"{advice_on_name(str(value), choices)}"
                )
            if choices is None and not 0 <= float(value) <= MOST_MARGIN:
                raise UsageError(
                    f"expected {flag} from 0 to {MOST_MARGIN:g}, got {value}: pass a share of the box"
                )
            if value != own:
                differing[option] = value
        return SegmenterOptions(**differing)

    def engines(self, config: Any) -> Sequence[str]:
        """Return what can run the network of a configuration, of `how_to_run.ENGINES`."""
        return ENGINES[:1]

    def onnx(self, network: Any) -> bytes:
        """Return a network that `build` made as an ONNX file.

        Raises:
            UsageError: if the family cannot write it.
        """
        raise UsageError(
            f"expected a model that can be written as ONNX, got {network.config.name}: name one of YOLACT's without "
            f"deformable convolutions"
        )

    def trainee(self, config: Any, size: int | None) -> Trainee:
        """Return a model in training, for square input of `size`, its own if None.

        Raises:
            UsageError: if the family cannot be trained.
        """
        raise UsageError(f"expected a model that can be trained here, got {config.name}: train another one")

    def renamed(self, state: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
        """Return a state dict of the models' authors under the names used here; None where it is not one."""
        return None

    def keep_busy(self, network: Any) -> None:  # noqa: B027 (most have nothing to change)
        """Change random weights so that the network has as much to do as with trained ones, to be timed."""


def bundled_weights(name: str) -> Path:
    """Return where the weights that ship with the package lie, by the model's name."""
    return Path(__file__).parents[1] / "weights" / f"{name}.safetensors"


def small_model_note(class_names: Sequence[str], published: str, several: bool = False) -> str:
    """Return the note of a small model of this project's own, or of several of the same classes.

    Args:
        class_names: what it knows.
        published: the model to take for the published kind.
        several: whether it is of several.
    """
    what, none = (
        ("are this project's own small models", "published ones")
        if several
        else ("is this project's own small model", "a published one")
    )
    return f"{what} (classes {', '.join(class_names)}), not {none}: for the published kind pass --model {published}."


def small_model(config: ModelConfig, published: str, **more: Any) -> ModelEntry:
    """Return the entry of a small model of this project's own.

    Args:
        config: what it is built from.
        published: the model to take for the published kind.
        more: what else is said of it, as of `ModelEntry`.
    """
    return ModelEntry(
        config=config, note=small_model_note(config.class_names, published), published=published, **more
    )
