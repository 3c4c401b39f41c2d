"""A network as an ONNX file; needs the extra `onnx`."""

from __future__ import annotations

import io
import logging
import warnings
from typing import Any

import torch

from yolact_temporal.yolact.fuse import fused_for_inference
from yolact_temporal.yolact.how_to_run import require_installed
from yolact_temporal.yolact.model import Yolact, YolactOutput

OPSET = 18
"""The version of ONNX's operators that a file is written for."""
TOLERANCE = 1e-4
"""Outputs by ONNX Runtime differ from PyTorch's by less."""


def onnx_bytes(model: Yolact) -> bytes:
    """Return a network as an ONNX file, with normalisations folded and the batch free.

    Its input `images` is float32 (batch, 3, S, S), resized and normalised as `YolactSegmenter.preprocess` does; its
    outputs are those of `YolactOutput`, by the same names.

    Args:
        model: the network, on the CPU, without deformable convolutions.

    Raises:
        UsageError: if the extra `onnx` is not installed.
    """
    for package in ("onnx", "onnxscript"):
        require_installed(package, "onnx", "to write ONNX")
    import onnx

    config = model.config
    network: Any = fused_for_inference(model)
    # Two images, since a batch of one would be taken for a batch that is always one.
    images = torch.zeros(2, 3, config.input_size, config.input_size)
    with torch.no_grad():
        network(images)  # anchors are made at the first pass, and are constants after it
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's own
            program: Any = _exported(network, images)
    held = io.BytesIO()
    onnx.save(_described(program.model_proto, model), held)
    return held.getvalue()


def _exported(network: Any, images: torch.Tensor) -> Any:
    log = logging.getLogger("onnxscript")
    before, log.level = log.level, logging.ERROR
    try:
        return torch.onnx.export(
            network,
            (images,),
            None,
            input_names=["images"],
            output_names=list(YolactOutput._fields),
            opset_version=OPSET,
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
    finally:
        log.level = before


def _described(proto: Any, model: Yolact) -> Any:
    """Add what whoever runs the file must know."""
    from onnx import helper

    config = model.config
    helper.set_model_props(
        proto,
        {
            "name": config.name,
            "class_names": ",".join(config.class_names),
            "input": f"RGB, float32 (batch, 3, {config.input_size}, {config.input_size}), {config.normalization}",
            "outputs": "before suppression; boxes are decoded against the anchors, masks are combined from prototypes",
        },
    )
    return proto
