"""Checkpoints that hold what no weights do: each is refused in one sentence, and none is unfolded in memory."""

from __future__ import annotations

import json
import os
import struct
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from yolact_temporal.cli import main as cli
from yolact_temporal.errors import WeightsError
from yolact_temporal.yolact import build_yolact
from yolact_temporal.yolact.weights import import_file, load_weights, read_state, verify
from yolact_temporal.yolact.weights.checkpoint import first_few

BUILD = partial(build_yolact, "yolact_compact")
ONES = torch.ones(4, 3)
HUGE = torch.zeros(1).expand(2_000_000_000)
FLOAT8 = getattr(torch, "float8_e4m3fn", torch.complex64)


def itself() -> dict[str, Any]:
    content: dict[str, Any] = {"weight": ONES}
    content["self"] = content
    return content


def model_of_itself() -> dict[str, Any]:
    content: dict[str, Any] = {}
    content["model"] = content
    return content


def nested() -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)])


def quantised() -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.quantize_per_tensor(ONES, 0.1, 0, torch.qint8)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "sparse": (lambda: {"weight": ONES.to_sparse()}, "'weight', a tensor that is sparse"),
    "nested tensor": (lambda: {"weight": nested()}, "sparse, nested or quantised"),
    "quantised": (lambda: {"weight": quantised()}, "sparse, nested or quantised"),
    "expanded": (
        lambda: {"weight": torch.zeros(1).expand(4, 3)},
        "repeats fewer numbers than its shape (4, 3)",
    ),
    "expanded to 8 GB": (lambda: {"weight": HUGE}, "repeats fewer numbers"),
    "all expanded to 8 GB": (lambda: dict.fromkeys("abcdefgh", HUGE), "repeats fewer numbers"),
    "meta": (lambda: {"weight": torch.empty(4, 3, device="meta")}, "without numbers (device meta)"),
    "meta of 8 TB": (lambda: {"weight": torch.empty(1 << 41, device="meta")}, "without numbers"),
    "complex": (lambda: {"weight": ONES.to(torch.complex64)}, "complex64, which no weights here are"),
    "conjugate": (lambda: {"weight": ONES.to(torch.complex64).conj()}, "complex64"),
    "8 bits": (lambda: {"weight": ONES.to(FLOAT8)}, "which no weights here are"),
    "itself": (itself, "'self', which is no named tensor"),
    "model of itself": (model_of_itself, "'model', which is no named tensor"),
    "numbers": (lambda: {"epoch": 3}, "'epoch', which is no named tensor"),
    "number keys": (lambda: {0: ONES}, "0, which is no named tensor"),
    "tuple keys": (lambda: {("a", "b"): ONES}, "('a', 'b'), which is no named tensor"),
    "bytes keys": (lambda: {b"a": ONES}, "b'a', which is no named tensor"),
    "half a letter": (lambda: {"a\udc80": ONES}, "which is no name of a tensor"),
    "lines in keys": (lambda: {"a\nb": ONES}, r"'a\nb', which is no name"),
    "key of a million letters": (lambda: {"a" * 1_000_000: ONES}, "aaa..., which is no name"),
    "list": (lambda: [ONES], "a list"),
    "tensor": (lambda: ONES, "a Tensor"),
    "none": (lambda: None, "a NoneType"),
    "nothing": (dict, "nothing"),
    "list in model": (lambda: {"model": [ONES]}, "'model', which is no named tensor"),
    "size": (lambda: {"a": torch.Size([1])}, "'a', which is no named tensor"),
}


def write(content: Any, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(content, path)
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOLACT_TEMPORAL_CACHE", str(tmp_path / "cache"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_state_dict_is_refused_in_one_sentence(case: str, tmp_path: Path) -> None:
    make, found = REFUSED[case]
    path = write(make(), tmp_path / "weights.pth")
    for use in (read_state, import_file, verify):
        with pytest.raises(WeightsError) as told:
            use(path)
        said = str(told.value)
        assert found in said
        assert "\n" not in said
        assert len(said) < 600


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "case", ["sparse", "all expanded to 8 GB", "meta", "complex", "8 bits", "itself", "list"]
)
def test_the_command_says_so_and_ends_with_3(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(write(REFUSED[case][0](), tmp_path / "weights.pth"))
    clip = tmp_path / "clip"
    for command in (["weights", "import", path], ["weights", "verify", path]):
        assert cli.main(command) == 3, command
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "expected a state dict" in said
    assert not clip.exists()


def strided(tensor: Tensor) -> Tensor:
    wide = torch.zeros(*(2 * side for side in tensor.shape), dtype=tensor.dtype)
    view = wide[tuple(slice(None, None, 2) for _ in tensor.shape)]
    return view.copy_(tensor)


@pytest.mark.parametrize("make", [strided, Tensor.double, Tensor.bfloat16, torch.nn.Parameter])
def test_what_holds_the_right_numbers_in_another_way_is_loaded(
    make: Callable[[Tensor], Tensor], tmp_path: Path
) -> None:
    torch.manual_seed(3)
    state = OrderedDict(BUILD().state_dict())
    key = next(key for key, tensor in state.items() if tensor.dim() == 4)
    state[key] = state[key].bfloat16().float()
    path = write(state | {key: make(state[key])}, tmp_path / "weights.pth")
    model = BUILD()
    load_weights(path, model)
    assert torch.equal(model.state_dict()[key], state[key])


def header(entries: dict[str, Any]) -> bytes:
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text


def entry(dtype: str, shape: list[int], size: int) -> bytes:
    return header({"a": {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}}) + bytes(size)


@pytest.mark.parametrize(
    "content",
    [
        entry("F8_E4M3", [4], 4),
        entry("C64", [1], 8),
        entry("Q9", [1], 8),
        entry("F32", [1 << 40, 1 << 40], 8),
        entry("F32", [-1], 4),
        entry("F4", [2], 1),
        header({}),
        header({"__metadata__": {"a": "b"}}),
        struct.pack("<Q", 1 << 62) + b"{",
    ],
)
def test_safetensors_that_hold_no_weights_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    for use in (read_state, import_file, verify):
        with pytest.raises(WeightsError):
            use(path)


def test_a_compressed_archive_is_not_unfolded(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(1 << 20))
    with pytest.raises(WeightsError, match="a compressed archive"):
        read_state(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no fifos")
def test_fifos_and_devices_are_not_opened(tmp_path: Path) -> None:
    fifo, link = tmp_path / "fifo.pth", tmp_path / "link.pth"
    os.mkfifo(fifo)
    link.symlink_to("/dev/zero")
    for path in (fifo, link):
        for use in (read_state, import_file, verify):
            with pytest.raises(WeightsError, match="never opened"):
                use(path)


def test_a_long_phrase_is_cut() -> None:
    assert len(first_few(["a" * 10_000] * 9)) < 2_000
