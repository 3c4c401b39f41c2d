"""Reading, checking, importing and loading weights."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import safetensors.torch
import torch

from yolact_temporal.errors import InputError, UsageError, WeightsError
from yolact_temporal.yolact import PRESETS, build_yolact
from yolact_temporal.yolact.families import Completion
from yolact_temporal.yolact.weights import (
    REGISTRY,
    WeightsEntry,
    cache_dir,
    clean_state_dict,
    completed_weights,
    find_weights,
    import_file,
    list_weights,
    load_weights,
    read_state,
    verify,
)
from yolact_temporal.yolact.weights.checkpoint import differences, expected_shapes
from yolact_temporal.yolact.weights.store import add_to_cache, sha256_of

State = dict[str, torch.Tensor]
BUILD = partial(build_yolact, "yolact_compact")
#: The bundled model as if it were not bundled, so that it can be imported, beside a published one.
KNOWN = {"small": WeightsEntry("small", BUILD), "yolact_resnet50": REGISTRY["yolact_resnet50"]}


@pytest.fixture(scope="module")
def state() -> State:
    torch.manual_seed(11)
    return dict(BUILD().state_dict())


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("YOLACT_TEMPORAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def halved(state: State) -> State:
    return {key: tensor.half() if tensor.is_floating_point() else tensor for key, tensor in state.items()}


def as_pth(state: State, path: Path) -> Path:
    torch.save(state, path)
    return path


def as_legacy_pth(state: State, path: Path) -> Path:
    torch.save(state, path, _use_new_zipfile_serialization=False)
    return path


def as_safetensors(state: State, path: Path) -> Path:
    safetensors.torch.save_file(state, path)
    return path


@pytest.mark.parametrize("write", [as_pth, as_legacy_pth, as_safetensors])
def test_every_file_format_loads_whatever_its_suffix(state: State, tmp_path: Path, write: object) -> None:
    path = write(state, tmp_path / "weights.bin")  # type: ignore[operator]
    model = BUILD()
    found = load_weights(path, model)
    assert (found.path, found.source) == (path, "file")
    assert all(torch.equal(tensor, state[key]) for key, tensor in model.state_dict().items())


def test_half_precision_becomes_float32(state: State, tmp_path: Path) -> None:
    path = as_safetensors(halved(state), tmp_path / "half.safetensors")
    model = BUILD()
    load_weights(path, model)
    loaded = model.state_dict()
    assert {t.dtype for t in loaded.values() if t.is_floating_point()} == {torch.float32}
    key = "semantic_seg_conv.weight"
    assert torch.equal(loaded[key], state[key].half().float())
    assert not torch.equal(loaded[key], state[key])


def test_weights_that_do_not_fit_leave_the_model_as_it_was(state: State, tmp_path: Path) -> None:
    path = as_pth(state | {"semantic_seg_conv.bias": torch.zeros(80)}, tmp_path / "x.pth")
    model = BUILD()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with pytest.raises(
        WeightsError, match=r"expected the keys and shapes of yolact_compact in .*x\.pth.*\(80,\)"
    ):
        load_weights(path, model)
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())


def test_clean_up_drops_the_two_kinds_of_old_keys_and_no_other() -> None:
    expected = {"backbone.layers.0.weight", "fpn.downsample_layers.0.bias", "fpn.downsample_layers.1.bias"}
    old = {"backbone.layer1.0.weight", "backbone.layer.weight", "fpn.downsample_layers.2.bias"}
    kept = {
        "backbone.layerless",
        "backbone.other",
        "fpn.downsample_layers_2.bias",
        "head.backbone.layer1.weight",
    }
    kept -= {"backbone.layerless"}
    state = dict.fromkeys(expected | old | kept, torch.zeros(1))
    assert set(clean_state_dict(state, expected)) == expected | kept
    assert set(state) == expected | old | kept, "the argument must stay as it is"


def test_a_model_that_has_such_a_key_keeps_it() -> None:
    state = {"backbone.layer1.weight": 1, "fpn.downsample_layers.3.bias": 2}
    assert clean_state_dict(state, state.keys()) == state


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"a": None}, ["a is missing"]),
        ({"c": (1,)}, ["c is unexpected"]),
        ({"a": (3, 2)}, ["a is (3, 2) where (2, 3) is expected"]),
        ({"bn.num_batches_tracked": None}, []),
        ({"bn.num_batches_tracked": (1,)}, ["bn.num_batches_tracked is (1,) where () is expected"]),
        ({"backbone.layer1.w": (1,), "fpn.downsample_layers.2.w": (1,)}, []),
    ],
)
def test_differences_are_named(change: dict[str, tuple[int, ...] | None], expected: list[str]) -> None:
    model = {"a": (2, 3), "b": (), "bn.num_batches_tracked": ()}
    found = {key: shape for key, shape in (model | change).items() if shape is not None}
    assert differences(found, model) == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_an_entry_whose_shapes_cost_no_memory_and_are_the_models(name: str) -> None:
    shapes = expected_shapes(REGISTRY[name])
    assert shapes["semantic_seg_conv.bias"] == (len(PRESETS[name].class_names),)
    if name in ("yolact_compact", "yolact_plus_resnet50"):
        real = {key: tuple(t.shape) for key, t in build_yolact(name).state_dict().items()}
        assert shapes == real


class Payload:
    """Unpickled by an ordinary reader, this makes a folder."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.target),))


@pytest.mark.parametrize("act", [read_state, import_file, verify, lambda path: load_weights(path, BUILD())])
def test_a_pickle_that_would_run_code_is_refused_unexecuted(tmp_path: Path, act: object) -> None:
    target, path = tmp_path / "made", tmp_path / "evil.pth"
    torch.save({"weight": Payload(target)}, path)
    torch.load(path, weights_only=False)
    assert target.is_dir(), "the payload must be live for this test to mean anything"
    target.rmdir()
    with pytest.raises(WeightsError, match="refused and not executed") as caught:
        act(path)  # type: ignore[operator]
    assert "\n" not in str(caught.value)
    assert not target.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", "is empty"),
        (b"not weights at all", "neither or is damaged"),
        (b"PK\x03\x04 and no more", "neither or is damaged"),
        (b"\x80\x02]q\x00.", "neither or is damaged"),
        (b"\xff\xff\x00\x00\x00\x00\x00\x00{" + b"x" * 100, "is damaged"),
    ],
    ids=["absent", "empty", "text", "zip-head", "plain-pickle", "safetensors-head"],
)
def test_what_is_no_weights_file_is_one_sentence(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "x.pth"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        read_state(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, InputError)
    assert caught.value.exit_code == 3


def test_a_truncated_file_is_damaged(state: State, tmp_path: Path) -> None:
    for write, name in ((as_pth, "a"), (as_legacy_pth, "b"), (as_safetensors, "c")):
        path = write(state, tmp_path / name)
        path.write_bytes(path.read_bytes()[:-1000])
        with pytest.raises(WeightsError, match="damaged"):
            read_state(path)


@pytest.mark.slow
@pytest.mark.smoke
def test_an_imported_file_is_copied_by_content_and_found_by_name(
    state: State, tmp_path: Path, cache: Path
) -> None:
    path = as_safetensors(halved(state), tmp_path / "mine.safetensors")
    found = import_file(path, registry=KNOWN)
    assert found.name == "small"
    assert found.path == cache / "weights" / "blobs" / f"{found.sha256}.safetensors"
    assert found.path.read_bytes() == path.read_bytes()
    assert (found.source, found.origin) == ("cached", str(path))
    path.unlink()
    assert find_weights("small", registry=KNOWN) == found
    assert [row.state for row in list_weights(registry=KNOWN)] == ["cached", "available"]
    assert not list(cache.rglob(".*")), "no temporary file may stay"


def test_importing_again_replaces_the_record(state: State, tmp_path: Path) -> None:
    first = import_file(as_pth(state, tmp_path / "a.pth"), "small", registry=KNOWN)
    second = import_file(as_pth(halved(state), tmp_path / "b.pth"), "small", registry=KNOWN)
    assert first.sha256 != second.sha256
    assert find_weights("small", registry=KNOWN) == second


def test_a_file_is_checked_against_the_named_model(state: State, tmp_path: Path) -> None:
    path = as_pth(state, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=r"keys and shapes of yolact_resnet50.*is missing.*and \d+ more"):
        import_file(path, "yolact_resnet50", registry=KNOWN)
    with pytest.raises(UsageError, match="got 'nope'"):
        import_file(path, "nope", registry=KNOWN)


def test_a_file_that_fits_nothing_names_the_closest_model(state: State, tmp_path: Path) -> None:
    path = as_pth(state | {"extra": torch.zeros(1)}, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=r"no known model \(closest is small: extra is unexpected\)"):
        import_file(path, registry=KNOWN)


@pytest.mark.parametrize(
    ("file_name", "expected"),
    [
        ("other_54_800000.pth", "other"),
        ("small.pth", "small"),
        ("other_big_1.pth", "other_big"),
        ("x.pth", None),
    ],
)
def test_among_models_of_equal_shapes_the_files_name_decides(
    state: State, tmp_path: Path, file_name: str, expected: str | None
) -> None:
    alike = {name: WeightsEntry(name, BUILD) for name in ("small", "other", "other_big")}
    path = as_pth(state, tmp_path / file_name)
    if expected is None:
        with pytest.raises(UsageError, match="fits small, other, other_big alike: say which with --model"):
            import_file(path, registry=alike)
    else:
        assert import_file(path, registry=alike).name == expected


@pytest.mark.slow
def test_bundled_weights_cannot_be_shadowed_by_an_import(state: State, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="yolact_compact, whose weights are part of the package"):
        import_file(as_pth(state, tmp_path / "a.pth"))


def test_verify_reports_a_good_file(state: State, tmp_path: Path) -> None:
    path = as_safetensors(halved(state), tmp_path / "a.safetensors")
    report = verify(path, registry=KNOWN)
    assert report.ok
    assert (report.model, report.fits, report.differences, report.not_finite) == ("small", ("small",), (), ())
    assert (report.format, report.intact) == ("safetensors", None)
    assert set(report.dtypes) == {"float16", "int64"}
    assert report.shapes["semantic_seg_conv.bias"] == (3,)
    assert str(report).endswith("good for small")
    assert "386 tensors" in str(report)
    digest = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=False).stdout[:64]
    assert not digest or digest == report.sha256


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        (
            {"semantic_seg_conv.bias": torch.tensor([1.0, float("nan"), 0])},
            "not_finite",
            ("semantic_seg_conv.bias",),
        ),
        (
            {"semantic_seg_conv.bias": torch.tensor([1.0, float("inf"), 0])},
            "not_finite",
            ("semantic_seg_conv.bias",),
        ),
        ({"extra": torch.zeros(1)}, "differences", ("extra is unexpected",)),
    ],
)
def test_verify_reports_what_is_wrong(
    state: State, tmp_path: Path, change: State, field: str, value: tuple[str, ...]
) -> None:
    report = verify(as_pth(state | change, tmp_path / "a.pth"), registry=KNOWN)
    assert not report.ok
    assert report.model == "small"
    assert getattr(report, field) == value
    assert value[0] in str(report)
    assert str(report).endswith("not usable for small")


@pytest.mark.slow
def test_verify_finds_a_stored_file_that_has_rotted(state: State, tmp_path: Path) -> None:
    found = import_file(as_safetensors(state, tmp_path / "a.safetensors"), registry=KNOWN)
    report = verify("small", registry=KNOWN)
    assert report.ok
    assert report.intact
    rotted = bytearray(found.path.read_bytes())
    rotted[-1] ^= 1
    found.path.write_bytes(bytes(rotted))
    report = verify("small", registry=KNOWN)
    assert report.intact is False
    assert not report.ok


@pytest.mark.slow
def test_a_stored_file_of_another_size_is_not_used(state: State, tmp_path: Path) -> None:
    found = import_file(as_pth(state, tmp_path / "a.pth"), registry=KNOWN)
    with found.path.open("ab") as file:
        file.write(b"x")
    with pytest.raises(WeightsError, match="found none"):
        find_weights("small", registry=KNOWN)
    import_file(tmp_path / "a.pth", registry=KNOWN)
    assert find_weights("small", registry=KNOWN) == found


def test_missing_weights_name_the_one_command_that_brings_them() -> None:
    with pytest.raises(WeightsError) as caught:
        find_weights("yolact_base")
    assert str(caught.value).endswith("get them with `yolact-temporal weights fetch yolact_base`")


def test_bundled_weights_are_found_or_their_absence_explained(tmp_path: Path, state: State) -> None:
    bundled = tmp_path / "small.safetensors"
    known = {"small": WeightsEntry("small", BUILD, bundled=bundled)}
    assert list_weights(registry=known)[0].state == "missing"
    with pytest.raises(
        WeightsError, match=r"inside the package at .*small\.safetensors, found none: install"
    ):
        find_weights("small", registry=known)
    as_safetensors(halved(state), bundled)
    found = find_weights("small", registry=known)
    assert (found.path, found.source) == (bundled, "bundled")
    assert list_weights(registry=known)[0].state == "bundled"
    load_weights("small", BUILD(), registry=known)


def test_an_explicit_file_goes_before_the_models_own(state: State, tmp_path: Path) -> None:
    path = as_pth(state, tmp_path / "mine.pth")
    found = find_weights("yolact_compact", path)
    assert (found.path, found.source, found.name) == (path, "file", "yolact_compact")
    load_weights(found, BUILD())
    with pytest.raises(WeightsError, match=r"gone\.pth"):
        find_weights("yolact_compact", tmp_path / "gone.pth")


def test_a_bare_word_that_is_no_model_and_no_file_is_a_wrong_argument() -> None:
    with pytest.raises(UsageError, match="got 'yolact_bse'"):
        load_weights("yolact_bse", BUILD())
    with pytest.raises(WeightsError, match="check the path"):
        load_weights("yolact_base.pth", BUILD())


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"YOLACT_TEMPORAL_CACHE": "/c"}, "/c"),
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/yolact-temporal"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/h/.cache/yolact-temporal"),
        ("linux", {}, "/h/.cache/yolact-temporal"),
        ("darwin", {"XDG_CACHE_HOME": "/x"}, "/h/Library/Caches/yolact-temporal"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/yolact-temporal"),
    ],
)
def test_the_cache_lies_where_the_platform_has_caches(
    monkeypatch: pytest.MonkeyPatch, platform: str, variables: dict[str, str], expected: str
) -> None:
    for name in ("YOLACT_TEMPORAL_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/h")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_dir().as_posix() == expected


def test_a_cache_that_cannot_be_made_is_a_wrong_argument(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("YOLACT_TEMPORAL_CACHE", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="YOLACT_TEMPORAL_CACHE"):
        import_file(as_pth(state, tmp_path / "a.pth"), "small", registry=KNOWN)


@pytest.mark.parametrize("record", ["", "[]", "{}", '{"blob": 3}', "not json"])
def test_a_broken_record_counts_as_none(cache: Path, record: str) -> None:
    index = cache / "weights" / "index"
    index.mkdir(parents=True)
    (index / "yolact_base.json").write_text(record)
    with pytest.raises(WeightsError, match="weights fetch yolact_base"):
        find_weights("yolact_base")


@pytest.mark.slow
def test_processes_that_store_at_once_leave_one_whole_record(tmp_path: Path, cache: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from yolact_temporal.yolact.weights.store import add_to_cache\n"
        "print('ready', flush=True)\n"
        "for turn in range(50):\n"
        "    add_to_cache('yolact_base', Path(sys.argv[1]), sys.argv[1], suffix='.pth', move=False)\n"
    )
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.write_bytes(os.urandom(100_000))
    ours.write_bytes(os.urandom(100_001))
    origins = set()
    command = [sys.executable, "-c", program, theirs]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        while other.poll() is None:
            add_to_cache("yolact_base", ours, str(ours), suffix=".pth", move=False)
            found = find_weights("yolact_base")
            assert found.path.read_bytes() == Path(found.origin).read_bytes()
            origins.add(found.origin)
    assert other.returncode == 0
    assert str(ours) in origins
    blobs = {f"{sha256_of(file)}.pth" for file in (theirs, ours)}
    assert {path.name for path in cache.rglob("*") if path.is_file()} == {"yolact_base.json", *blobs}


class TestCompletion:
    """Weights that hold one part of a model only, the rest being another's."""

    @pytest.fixture
    def known(self, tmp_path: Path, state: State) -> dict[str, WeightsEntry]:
        part = {key: value for key, value in state.items() if key.startswith("fpn.")}
        whole = as_safetensors(halved(state), tmp_path / "whole.safetensors")
        addition = as_safetensors(
            {key: value + 1 for key, value in part.items()}, tmp_path / "part.safetensors"
        )
        return {
            "whole": WeightsEntry("whole", BUILD, bundled=whole),
            "completed": WeightsEntry(
                "completed", BUILD, bundled=addition, completes=Completion("whole", "fpn.")
            ),
        }

    def test_the_part_and_the_rest_are_loaded_together(
        self, known: dict[str, WeightsEntry], state: State
    ) -> None:
        model = BUILD()
        found = load_weights("completed", model, registry=known)
        base = completed_weights(found, registry=known)
        assert base is not None
        assert (base.name, base.path) == ("whole", known["whole"].bundled)
        for key, value in model.state_dict().items():
            expected = state[key] + 1 if key.startswith("fpn.") else state[key].half().float()
            torch.testing.assert_close(value, expected.to(value.dtype))

    def test_a_whole_model_completes_nothing(self, known: dict[str, WeightsEntry]) -> None:
        assert completed_weights(find_weights("whole", registry=known), registry=known) is None

    def test_the_part_is_verified_as_a_part(self, known: dict[str, WeightsEntry], tmp_path: Path) -> None:
        report = verify("completed", registry=known)
        assert report.ok
        assert report.fits == ("completed",)
        assert not verify(tmp_path / "whole.safetensors", "completed", registry=known).ok

    def test_without_the_rest_it_cannot_be_used(self, known: dict[str, WeightsEntry]) -> None:
        assert known["whole"].bundled is not None
        known["whole"].bundled.unlink()
        with pytest.raises(WeightsError, match="weights of whole inside the package"):
            load_weights("completed", BUILD(), registry=known)


@pytest.mark.slow
def test_the_weights_in_the_package_fit_and_stay_small() -> None:
    report = verify("yolact_compact")
    assert report.ok
    assert report.fits == ("yolact_compact",)
    assert report.path.stat().st_size <= 12_000_000
    assert load_weights("yolact_compact", BUILD()).source == "bundled"
