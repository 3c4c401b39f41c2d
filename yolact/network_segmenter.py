"""What all segmenters of this package share: a network, a threshold, a precision, and frames checked at the door."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from yolact_temporal.data.instances import Instances
from yolact_temporal.yolact.device import autocast_dtype
from yolact_temporal.yolact.fuse import fused_for_inference, weights_fingerprint
from yolact_temporal.yolact.how_to_run import ENGINES
from yolact_temporal.yolact.transfer import Found, leaving, to_device

Inputs = TypeVar("Inputs")
Outputs = TypeVar("Outputs")


class NetworkSegmenter(ABC, Generic[Inputs, Outputs]):
    """A network as a `Segmenter`: each frame is seen by itself.

    Args:
        model: the network, with its configuration as `model.config`; used in eval mode, on the device on which its
            weights lie.
        score_threshold: instances whose score is not above it are dropped; 0 keeps up to 100 a frame.
        precision: "float32", "float16" or "bfloat16" (by autocast).

    Attributes:
        engine: what runs the network, one of `how_to_run.ENGINES`.

    Raises:
        ValueError: if the threshold is not in 0..1.
        UsageError: if there is no such precision.
    """

    nms: str
    engine = ENGINES[0]

    def __init__(self, model: Any, score_threshold: float = 0.3, precision: str = "float32") -> None:
        if not 0 <= score_threshold <= 1:
            raise ValueError(f"expected a score threshold in 0..1, got {score_threshold}")
        self.model = model.eval()
        self.name: str = model.config.name
        self.class_names: tuple[str, ...] = model.config.class_names
        self.score_threshold = score_threshold
        self._autocast = autocast_dtype(precision)
        self._network: Any = None
        self._fingerprint: tuple[object, ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        """What may be chosen of it, by name, as it is: how boxes are suppressed, and what a family of models adds."""
        return {"nms": self.nms}

    def mask_cell_px(self, size: tuple[int, int]) -> tuple[float, float] | None:
        """Return a cell of the grid of frames of (height, width) on which boxes cut masks; None where there is none."""
        return None

    @property
    def device(self) -> torch.device:
        """The device on which the model's weights lie."""
        weight: Tensor = next(self.model.parameters())
        return weight.device

    @property
    def looks_ahead(self) -> bool:
        """Whether the device works by itself, so that it is worth while to `launch` the next frames before waiting."""
        return self.device.type == "cuda"

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """Segment frames, uint8 RGB (B, H, W, 3); see `Segmenter.segment`.

        Raises:
            ValueError: if the frames have another shape or dtype.
        """
        return self.launch(frames)()

    @torch.inference_mode()
    def launch(self, frames: NDArray[np.uint8]) -> Callable[[], list[Instances]]:
        """Begin to segment frames, as `segment` does, and return what waits for their instances.

        On a GPU the host goes on meanwhile: frames go up in one transfer, packed masks come down in one.

        Raises:
            ValueError: if the frames have another shape or dtype.
        """
        inputs, outputs = self._seen(frames)
        size = (frames.shape[1], frames.shape[2])
        found = self.found(outputs, inputs, size)
        if self.device.type == "cuda":
            return leaving(found, size)
        instances = [own.instances() for own in found]
        return lambda: instances

    def _seen(self, frames: NDArray[np.uint8]) -> tuple[Inputs, Outputs]:
        """Return what the network was given of frames, and what it said of them."""
        if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
            raise ValueError(f"expected uint8 frames (B, H, W, 3), got {frames.dtype} {frames.shape}")
        inputs = self.preprocess(frames)
        return inputs, self.forward(inputs)

    @abstractmethod
    def preprocess(self, frames: NDArray[np.uint8]) -> Inputs:
        """Bring frames, uint8 RGB (B, H, W, 3), to the device, the size and the range that the network wants."""

    @torch.inference_mode()
    def forward(self, inputs: Inputs) -> Outputs:
        """Run the network alone, in the segmenter's precision."""
        with self._in_precision():
            return self._forward(inputs)

    def _in_precision(self) -> AbstractContextManager[Any]:
        """Compute in the segmenter's precision."""
        if self._autocast is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self._autocast)

    @abstractmethod
    def _forward(self, inputs: Inputs) -> Outputs: ...

    @abstractmethod
    def found(self, outputs: Outputs, inputs: Inputs, size: tuple[int, int]) -> Iterator[Found]:
        """Turn what the network said of `inputs` into what is in each of the frames of (height, width)."""

    def _on_device(self, frames: NDArray[np.uint8]) -> Tensor:
        """Return frames as (B, 3, H, W), still uint8."""
        return to_device(frames, self.device).permute(0, 3, 1, 2)

    def network(self) -> Any:
        """Return the model as it runs: normalisations folded; made anew when the model's weights have changed."""
        fingerprint = weights_fingerprint(self.model)
        if self._network is None or fingerprint != self._fingerprint:
            self._network, self._fingerprint = self._prepared(fused_for_inference(self.model)), fingerprint
        return self._network

    def use_engine(self, name: str) -> None:
        """Let the network be run by another engine, which its family must offer; it is prepared at the next frame."""
        self.engine = name
        self._network = None

    def _prepared(self, network: Any) -> Any:
        """Return the network, normalisations folded, as the segmenter's engine runs it."""
        assert self.engine == ENGINES[0], "only the engines of a model's family are asked for"
        return network
