"""The register of model families: what is registered is found everywhere, and nothing else names a model."""

import ast
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from clips import write_clip
from torch import nn

from yolact_temporal.benchmarking import networks
from yolact_temporal.cli import main as cli
from yolact_temporal.data.photo_film import PhotoFilm
from yolact_temporal.errors import UsageError
from yolact_temporal.yolact import PRESETS
from yolact_temporal.yolact.families import (
    ModelEntry,
    ModelFamily,
    WeightsSource,
    build_model,
    family_of,
    find_model,
    model_entries,
    model_names,
    recipe_for,
    register,
)
from yolact_temporal.yolact.families.fcis import FCIS
from yolact_temporal.yolact.families.mask_rcnn import BASELINES
from yolact_temporal.yolact.network_segmenter import NetworkSegmenter
from yolact_temporal.yolact.training.checkpoint import save_weights
from yolact_temporal.yolact.transfer import Found

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class ToyConfig:
    name: str = "toy_model"
    class_names: tuple[str, ...] = ("thing",)


class ToyNetwork(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, images):
        return images * self.gain > 127


class ToySegmenter(NetworkSegmenter):
    nms = "none"

    def preprocess(self, frames):
        return self._on_device(frames).float().mean(dim=1)

    def _forward(self, inputs):
        return self.model(inputs)

    def found(self, outputs, inputs, size):
        height, width = size
        for mask in outputs:
            box, score, class_id = (
                torch.tensor([[0.0, 0.0, width, height]]),
                torch.tensor([0.9]),
                torch.tensor([0]),
            )
            yield Found(box, score, class_id, mask[None])


class ToyFamily(ModelFamily):
    config_type = ToyConfig

    def __init__(self, weights):
        self.entries = (
            ModelEntry(
                config=ToyConfig(),
                note="is a toy.",
                weights=WeightsSource(bundled=weights),
                score_threshold=0.7,
                timed=True,
            ),
        )

    def build(self, config):
        return ToyNetwork(config).eval()

    def segmenter(self, network, score_threshold, precision):
        return ToySegmenter(network, score_threshold, precision)


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A family from outside, registered for one test."""
    monkeypatch.setattr("yolact_temporal.yolact.families.registry._added", [])
    weights = tmp_path / "toy_model.safetensors"
    save_weights(weights, ToyNetwork(ToyConfig()).state_dict())
    family = ToyFamily(weights)
    register(family)
    return family


@pytest.fixture
def clip(tmp_path):
    frames = [frame.rgb for _, frame in zip(range(3), PhotoFilm(size=(72, 96)), strict=False)]
    return write_clip(tmp_path / "film.mp4", frames, size=(72, 96))


def test_a_family_from_outside_is_listed_run_and_named(toy, clip, tmp_path, capsys):
    assert cli.main(["weights", "list", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)[-1]
    assert (row["name"], row["state"]) == ("toy_model", "bundled")

    assert (
        cli.main(
            ["analyze", str(clip), "--model", "toy_model", "--no-plots", "--out", str(tmp_path / "runs")]
        )
        == 0
    )
    assert capsys.readouterr().out.startswith("toy_model is a toy.")
    manifest = json.loads((tmp_path / "runs" / "film" / "run.json").read_text())
    own = manifest["models"]["toy_model"]
    assert (own["score_threshold"], own["nms"], own["weights"]["source"]) == (0.7, "none", "bundled")
    assert own["config"] == {"name": "toy_model", "class_names": ["thing"]}

    for command in (
        ["analyze", str(clip), "--model", "x"],
        ["weights", "fetch", "x"],
        ["weights", "verify", "x"],
    ):
        assert cli.main(command) == 2
        assert "fcis_compact, toy_model, got 'x'" in capsys.readouterr().err


def test_a_family_from_outside_is_timed_where_no_model_is_named(toy, clip, monkeypatch):
    timed = []
    monkeypatch.setattr(networks._Runner, "time_model", lambda self, name: (timed.append(name) or name, {}))
    monkeypatch.setattr(networks._Runner, "time_pair", lambda self, *pair: {"models": pair})
    figures = networks.run_benchmark(frames=1, clip=clip, device="cpu")
    assert timed == [
        "yolact_resnet50",
        "yolact_compact",
        "mask_rcnn_resnet50_fpn",
        "mask_rcnn_compact",
        "toy_model",
    ]
    pairs = [pair["models"] for pair in figures["pairs"]]
    assert pairs == [("yolact_resnet50", "mask_rcnn_resnet50_fpn"), ("yolact_compact", "mask_rcnn_compact")]


def test_a_family_that_cannot_be_trained_says_so(toy):
    with pytest.raises(UsageError, match="can be trained here, got toy_model: train another"):
        recipe_for("toy_model")
    with pytest.raises(UsageError, match="can be trained here, got toy_model"):
        toy.trainee(ToyConfig(), None)


def test_a_name_is_given_once(toy):
    with pytest.raises(UsageError, match="expected a name that no model has, got toy_model"):
        register(toy)


def test_a_configuration_of_no_family_is_refused():
    with pytest.raises(UsageError, match="got a ToyConfig"):
        family_of(ToyConfig())


def test_every_configuration_is_registered_and_every_counterpart_is_a_model_of_its_classes():
    assert set(model_names()) == {*PRESETS, *BASELINES, *FCIS}
    for entry in model_entries():
        assert find_model(entry.counterpart).name != entry.name
        assert find_model(entry.name) is entry
        assert entry.note.endswith(".")


def test_no_other_module_names_a_model():
    """What runs, trains, lists or times models asks the register."""
    asking = [
        "src/yolact_temporal/analyzing/models.py",
        "src/yolact_temporal/benchmarking/networks.py",
        "dashboards/views/analysis.py",
        "yolact/weights/registry.py",
        *(str(path.relative_to(ROOT)) for path in (ROOT / "yolact" / "training").glob("*.py")),
        *(f"yolact/families/{name}.py" for name in ("config", "family")),
    ]
    assert len(asking) > 12
    strings = {
        path: {
            node.value
            for node in ast.walk(ast.parse((ROOT / path).read_text()))
            if isinstance(node, ast.Constant)
        }
        for path in asking
    }
    assert not {path: found for path, held in strings.items() if (found := held & set(model_names()))}


def test_a_network_is_built_by_name():
    assert build_model("yolact_compact").config is PRESETS["yolact_compact"]
