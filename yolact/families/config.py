"""What every model's configuration has."""

from __future__ import annotations

from dataclasses import Field
from typing import Any, ClassVar, Protocol


class ModelConfig(Protocol):
    """Everything that determines a network: a frozen dataclass, each family's own.

    Attributes:
        name: the model's name, as in `--model`.
        class_names: the classes, background excluded.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def class_names(self) -> tuple[str, ...]: ...  # noqa: D102
