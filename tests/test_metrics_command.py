"""`yolact-temporal metrics`: every metric, with all that a reader of its number must know."""

import json
import subprocess
import sys

import pytest

from yolact_temporal.cli import main as cli
from yolact_temporal.temporal.catalogue import SCOPES, catalogue_rows
from yolact_temporal.temporal.metrics import REGISTRY

FIELDS = {
    "name",
    "symbol",
    "label",
    "scope",
    "meaning",
    "depends_on",
    "inputs",
    "unit",
    "range",
    "direction",
    "better",
    "undefined",
    "source",
    "headline",
    "matched_at_iou",
    "also_named",
}


@pytest.fixture(scope="module")
def rows():
    return catalogue_rows()


def test_json_is_the_whole_catalogue(capsys, rows):
    assert cli.main(["metrics", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == rows
    assert all(set(row) == FIELDS for row in printed)


def test_every_metric_is_listed_once(rows):
    names = [row["name"] for row in rows]
    assert len(set(names)) == len(names)
    assert set(names) == set(REGISTRY)


@pytest.mark.parametrize("name", ["hota", "motsa", "idf1"])
def test_identity_is_listed_whether_or_not_it_can_be_computed(rows, monkeypatch, name):
    (row,) = [row for row in rows if row["name"] == name]
    assert (row["scope"], row["direction"], row["better"]) == ("identity", "up", "higher is better")


@pytest.mark.parametrize(
    ("name", "also"),
    [
        ("boundary_px_mean", ["boundary_px", "boundary_px_on_common"]),
        ("boundary_share_mean", ["boundary_share"]),
        ("motion_compensated_jitter", ["jitter"]),
        ("truth_j", ["truth_iou"]),
    ],
)
def test_a_metric_that_other_columns_hold_too_names_them(rows, name, also):
    (row,) = [row for row in rows if row["name"] == name]
    assert row["also_named"] == also
    assert all(REGISTRY.find(other) is REGISTRY[name] for other in also)


@pytest.mark.parametrize(
    "symbol",
    [
        "B1",
        "B2",
        "B3",
        "B4",
        "B5",
        "C1",
        "C2",
        "C3",
        "C4",
        "D2",
        "D3",
        "D5",
        "D6",
        "A2",
        "A3",
        "D1 J",
        "D1 F",
    ],
)
def test_every_symbol_has_a_metric(rows, symbol):
    assert any(row["symbol"] == symbol for row in rows)


@pytest.mark.parametrize("spec", REGISTRY.values(), ids=lambda spec: spec.name)
def test_says_everything_of_itself(spec):
    for text in (spec.symbol, spec.meaning, spec.inputs, spec.unit, spec.undefined, spec.source):
        assert text.strip() == text != ""
    assert spec.meaning.endswith(".")
    assert not spec.undefined.endswith(".")
    assert spec.direction in ("down", "up", "zero")
    assert spec.label.strip() == spec.label != ""
    assert spec.scope in SCOPES
    assert spec.scope in ("pair", "track") or spec.headline is None
    low, high = spec.range
    assert low < high
    assert spec.name == spec.name.lower()


@pytest.mark.parametrize("symbol", ["D4 E_F", "D4 E_C", "D4 E_R", "D7 STQ", "D7 VPQ_1", "A3 L(0)", "A3 L(1)"])
def test_every_part_of_a_symbol_has_a_metric(rows, symbol):
    assert any(row["symbol"] == symbol for row in rows)


def test_for_a_reader(capsys, rows):
    assert cli.main(["metrics"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {row['name']}  [{row['symbol']}]  " in out for row in rows)
    assert "presence_flips_per_s  [C1]  0..inf 1/s, lower is steadier" in out
    assert "trajectory_bias_centre_x  [D5]  -inf..inf, nearer to 0 is better" in out
    assert "region_iou_mean  [D1 J]  0..1, higher is better" in out
    assert "Against ground truth (summary.csv)\n" in out


def test_quiet_prints_nothing(capsys):
    assert cli.main(["metrics", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_loads_no_network():
    code = (
        "import sys; from yolact_temporal.cli import main as cli\n"
        "cli.main(['metrics', '--quiet'])\n"
        "print(sorted({'torch', 'torchvision', 'matplotlib', 'av', 'decord'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
