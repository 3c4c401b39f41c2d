"""Running YOLACT's network by something else than plain PyTorch: compiled by it, by ONNX Runtime or by OpenVINO.

All of them compute in float32 and give what `Yolact.forward` gives, but for rounding.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from yolact_temporal.yolact.how_to_run import require_installed
from yolact_temporal.yolact.model import Yolact, YolactOutput
from yolact_temporal.yolact.onnx_export import onnx_bytes

EngineNetwork = Callable[[Tensor], YolactOutput]
"""From normalised images, float32 (B, 3, S, S), to what the network says of them."""


def engine_network(engine: str, network: Yolact) -> EngineNetwork:
    """Return a network as an engine runs it.

    Args:
        engine: one of `how_to_run.ENGINES`; all but "compile" run on the CPU alone.
        network: normalisations folded.

    Raises:
        UsageError: if the engine is not installed.
    """
    return _MAKERS[engine](network)


def _plain(network: Yolact) -> EngineNetwork:
    return network


def _compiled(network: Yolact) -> EngineNetwork:
    compiled: EngineNetwork = torch.compile(network)
    made: list[Tensor] = []

    def run(images: Tensor) -> YolactOutput:
        """Run it; anchors are made by the plain network, before a pass can be recorded."""
        if not made:
            made.append(network(images[:1]).anchors)
        return compiled(images)

    return run


def _onnxruntime(network: Yolact) -> EngineNetwork:
    require_installed("onnxruntime", "onnx", "for --engine onnxruntime")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    # Threads that spin while they wait take the cores from decoding, flow and drawing.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(onnx_bytes(network), options, providers=["CPUExecutionProvider"])

    def run(images: Tensor) -> YolactOutput:
        """Run it."""
        found = session.run(list(YolactOutput._fields), {"images": _plain_layout(images)})
        return YolactOutput(*map(torch.from_numpy, found))

    return run


def _openvino(network: Yolact) -> EngineNetwork:
    require_installed("openvino", "openvino", "for --engine openvino")
    import openvino

    size = network.config.input_size
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing
        images = torch.zeros(1, 3, size, size)
        anchors = network(images).anchors
        converted = openvino.convert_model(_WithoutAnchors(network), example_input=images)
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",  # by itself it takes bfloat16 where the processor has it
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    compiled = openvino.compile_model(converted, "CPU", settings)

    def run(images: Tensor) -> YolactOutput:
        """Run it."""
        found = compiled([_plain_layout(images)])
        # Copied, as the next pass writes to the same memory.
        boxes, scores, coefficients, prototypes = (
            torch.from_numpy(np.array(part)) for part in found.values()
        )
        return YolactOutput(boxes, scores, coefficients, prototypes, anchors)

    return run


class _WithoutAnchors(torch.nn.Module):
    """A network whose outputs all come from its input."""

    def __init__(self, network: Yolact) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        said: YolactOutput = self.network(images)
        return said[:-1]


def _plain_layout(images: Tensor) -> Any:
    return images.contiguous(memory_format=torch.contiguous_format).numpy()


_MAKERS: dict[str, Callable[[Yolact], EngineNetwork]] = {
    "pytorch": _plain,
    "compile": _compiled,
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
}
