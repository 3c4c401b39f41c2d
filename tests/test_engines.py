"""Other engines than PyTorch: who may be asked for, and that they see what PyTorch sees."""

import io

import numpy as np
import pytest
import torch
from clips import write_clip

from yolact_temporal.analyzing.agreement import Agreement
from yolact_temporal.analyzing.chosen_models import engine_of
from yolact_temporal.analyzing.models import ModelRequest, load_model
from yolact_temporal.benchmarking import engines as engine_benchmark
from yolact_temporal.cli import main as cli
from yolact_temporal.data.photo_film import PhotoFilm
from yolact_temporal.errors import UsageError
from yolact_temporal.yolact import how_to_run
from yolact_temporal.yolact.engines import _MAKERS
from yolact_temporal.yolact.families import build_model, family_of
from yolact_temporal.yolact.how_to_run import ENGINES, engine_installed, require_engine
from yolact_temporal.yolact.model import YolactOutput
from yolact_temporal.yolact.weights import load_weights


@pytest.fixture(scope="module")
def frames():
    film = PhotoFilm(size=(144, 168))
    return np.stack([frame.rgb for _, frame in zip(range(3), film, strict=False)])


@pytest.fixture(scope="module")
def written():
    """A network, and the same as an ONNX file."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason="needs the extra onnx")
    from yolact_temporal.yolact.onnx_export import onnx_bytes

    network = build_model("yolact_compact")
    load_weights("yolact_compact", network)
    return network, onnx_bytes(network)


def test_every_engine_is_made():
    assert tuple(_MAKERS) == ENGINES


@pytest.mark.parametrize(
    ("engine", "options", "sentence"),
    [
        ("onnxruntme", {}, r"did you mean onnxruntime\?"),
        ("openvino", {}, r"expected openvino to be installed .*\[openvino\]"),
        ("onnxruntime", {}, r"expected onnx to be installed .*\[onnx\]"),
        ("compile", {}, "a C\\+\\+ compiler"),
    ],
)
def test_an_engine_that_is_not_there_is_refused(monkeypatch, engine, options, sentence):
    monkeypatch.setattr(how_to_run, "find_spec", lambda name: None)
    monkeypatch.setattr(how_to_run.shutil, "which", lambda name: None)
    with pytest.raises(UsageError, match=sentence):
        require_engine(engine, **options)
    assert engine == "onnxruntme" or not engine_installed(engine)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"device": "cuda"}, "expected --device cpu"),
        ({"precision": "bfloat16"}, "expected --precision float32"),
    ],
)
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_an_engine_is_asked_only_for_what_it_can(monkeypatch, engine, options, sentence):
    monkeypatch.setattr(how_to_run, "find_spec", lambda name: True)
    with pytest.raises(UsageError, match=sentence):
        require_engine(engine, **options)
    assert require_engine(engine, "cpu") == engine


@pytest.mark.parametrize(
    ("name", "engines"),
    [
        ("yolact_compact", ENGINES),
        ("yolact_darknet53", ENGINES),
        ("yolact_plus_resnet50", ("pytorch", "compile")),
        ("mask_rcnn_compact", ("pytorch",)),
        ("package:factory", ("pytorch",)),
    ],
)
def test_which_engines_run_a_model(name, engines):
    assert tuple(engine for engine in ENGINES if engine_of(name, engine) == engine) == engines


def test_a_model_that_the_engine_cannot_run_is_refused(tmp_path, capsys, frames):
    clip = write_clip(tmp_path / "film.mp4", list(frames), size=(144, 168))
    asked = ["analyze", str(clip), "--out", str(tmp_path / "runs"), "--engine", "compile"]
    if engine_installed("compile"):
        assert cli.main([*asked, "--model", "mask_rcnn_compact"]) == 2
        assert "expected a model that --engine compile can run" in capsys.readouterr().err
    assert cli.main([*asked[:-1], "tensorrt"]) == 2
    assert "out of pytorch, compile, onnxruntime, openvino" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES[1:])
def test_an_engine_sees_what_pytorch_sees(engine, frames):
    if not engine_installed(engine):
        pytest.skip(f"{engine} is not installed")
    plain, other = (
        load_model(ModelRequest("yolact_compact", device="cpu", engine=one)) for one in (ENGINES[0], engine)
    )
    assert other.manifest["engine"] == engine
    for batch in (frames[:1], frames):
        expected, got = plain.segmenter.segment(batch), other.segmenter.segment(batch)
        assert sum(map(len, expected)) > 0
        agreement = Agreement.of(zip(expected, got, strict=True))
        assert agreement.flips == 0
        assert agreement.worst_px < 0.01
        for mine, theirs in zip(expected, got, strict=True):
            assert theirs.boxes == pytest.approx(mine.boxes, abs=0.01)
            assert (theirs.bitmaps() == mine.bitmaps()).mean() > 0.9999
    assert other.segmenter.network() is other.segmenter.network()  # made once


@pytest.mark.slow
def test_an_onnx_file_says_what_the_network_says_for_any_batch(written):
    import onnx
    import onnxruntime

    from yolact_temporal.yolact.onnx_export import OPSET, TOLERANCE

    network, file = written
    proto = onnx.load(io.BytesIO(file))
    assert [(each.domain, each.version) for each in proto.opset_import if not each.domain] == [("", OPSET)]
    told = {each.key: each.value for each in proto.metadata_props}
    assert told["class_names"] == "person,vehicle,animal"
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    assert [own.name for own in session.get_outputs()] == list(YolactOutput._fields)
    for batch in (1, 3):
        generator = torch.Generator().manual_seed(batch)
        images = torch.randn(batch, 3, 384, 384, generator=generator)
        with torch.inference_mode():
            expected = network(images)
        for got, want in zip(session.run(None, {"images": images.numpy()}), expected, strict=True):
            assert got == pytest.approx(want.numpy(), abs=TOLERANCE)


@pytest.mark.slow
def test_the_command_writes_a_file_once(tmp_path, capsys, monkeypatch):
    family = family_of(build_model("yolact_compact").config)
    monkeypatch.setattr(type(family), "onnx", lambda self, network: b"file")
    monkeypatch.setattr(how_to_run, "find_spec", lambda name: True)
    out = tmp_path / "model.onnx"
    arguments = ["export-model", "yolact_compact", "--format", "onnx", "--out", str(out)]
    assert cli.main(arguments) == 0
    assert out.read_bytes() == b"file"
    assert cli.main(arguments) == 2
    assert "--overwrite to replace it" in capsys.readouterr().err
    assert cli.main([*arguments, "--overwrite", "--json"]) == 0
    assert cli.main(["export-model", "yolact_compat"]) == 2
    assert "did you mean yolact_compact?" in capsys.readouterr().err
    assert cli.main(["export-model", "mask_rcnn_compact", "--out", str(tmp_path / "other")]) == 2
    assert "got mask_rcnn_compact" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.slow
def test_engines_are_timed_in_one_run(frames, tmp_path, monkeypatch):
    clip = write_clip(tmp_path / "film.mp4", list(frames), size=(144, 168))
    monkeypatch.setattr(engine_benchmark, "engine_installed", lambda name: name != "openvino")
    figures = engine_benchmark.run_engine_benchmark(
        ["yolact_compact"], frames=1, clip=clip, rounds=2, engines=("pytorch", "openvino")
    )
    assert figures["missing"] == ["openvino"]
    (own,) = figures["models"]["yolact_compact"].values()
    assert min(own["forward_ms"], own["prepared_s"]) > 0
    assert own["ratio"]["wall"]["median"] == 1.0
    assert (own["flips"], own["boundary_px_max"]) == (0, 0.0)
    table = engine_benchmark.format_engine_benchmark(figures)
    assert "not installed: openvino" in table
