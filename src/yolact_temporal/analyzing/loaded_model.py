"""A model that is ready to run; what takes one needs neither PyTorch nor the models by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from yolact_temporal.yolact.segmenter import Segmenter


@dataclass(frozen=True)
class LoadedModel:
    """A segmenter ready to run, and what the manifest says of it.

    Attributes:
        segmenter: keeps every instance whose score is above the record threshold.
        score_threshold: the operating threshold: instances above it count.
        manifest: what `run.json` holds of the model.
    """

    segmenter: Segmenter
    score_threshold: float
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        """The model's name, as in tables and folders."""
        return self.segmenter.name

    @property
    def note(self) -> str:
        """One sentence that says what kind of model this is; it heads every report."""
        return str(self.manifest["note"])
