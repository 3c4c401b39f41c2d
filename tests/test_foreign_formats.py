"""Weights files of other frameworks: what they hold is read, and what is damaged or no weights is refused, safely."""

import io
import struct
import zipfile

import numpy as np
import pytest
import torch
from foreign_weights import DEVICE, MAGIC, array_bytes, list_bytes, name_bytes

from yolact_temporal.errors import WeightsError
from yolact_temporal.yolact.weights import foreign_formats, read_state, verify
from yolact_temporal.yolact.weights.checkpoint import file_format

ARRAYS = {
    "arg:conv1_weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "aux:bn_moving_mean": np.array([1.5, -2.0], np.float16),
    "arg:steps": np.array([[7]], np.int64),
}
ONE = {"w": np.ones(3, np.float32)}


def same(state, arrays):
    assert list(state) == list(arrays)
    for name, array in arrays.items():
        assert state[name].dtype == torch.from_numpy(array).dtype
        np.testing.assert_array_equal(state[name].numpy(), array)


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_arrays_of_every_version_of_mxnet(tmp_path, version):
    path = tmp_path / "weights.params"
    path.write_bytes(list_bytes(ARRAYS, version))
    assert file_format(path) == "mxnet"
    same(read_state(path), ARRAYS)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_of_numpy_packed_or_not(tmp_path, save):
    path = tmp_path / "weights.bin"
    arrays = {key.replace(":", "/"): value for key, value in ARRAYS.items()} | {
        "by/columns": np.asfortranarray(np.eye(3)[:2])
    }
    with path.open("wb") as file:
        save(file, **arrays)
    assert file_format(path) == "numpy"
    same(read_state(path), arrays)
    assert verify(path, "yolact_compact").format == "numpy"


def test_numbers_of_the_other_byte_order_are_turned(tmp_path):
    np.savez(tmp_path / "big.npz", w=np.arange(3, dtype=">f4"))
    assert read_state(tmp_path / "big.npz")["w"].tolist() == [0, 1, 2]


def list_of(array, names=("w",), count=1):
    return MAGIC + struct.pack("<Q", count) + array + name_bytes(names)


def header(sides, kind=0, storage=0, magic=0xF993FAC9):
    shape = b"".join(struct.pack("<q", side) for side in sides)
    return struct.pack("<IiI", magic, storage, len(sides)) + shape + DEVICE + struct.pack("<i", kind)


GOOD = array_bytes(ONE["w"])
MXNET = {
    "no arrays told": (MAGIC, "0 bytes where 8 are told"),
    "another reserved number": (struct.pack("<QQ", 0x112, 1 << 40) + b"x" * 64, "another beginning"),
    "more arrays than there can be": (MAGIC + struct.pack("<Q", 1 << 60), "a count of"),
    "more arrays than there are": (list_of(GOOD, count=2), ""),
    "fewer names": (list_of(GOOD, names=()), "1 arrays and 0 names"),
    "a name twice": (list_of(GOOD * 2, ("w", "w"), 2), "2 arrays and 1 names"),
    "an endless name": (list_of(GOOD, ())[:-8] + struct.pack("<QQ", 1, 1 << 50), "a count of"),
    "a name that is no text": (list_of(GOOD, (b"\xff\xfe",)), "ascii"),
    "a name of lines": (list_of(GOOD, ("a\nb",)), "no name of a tensor"),
    "terabytes": (list_of(header([1 << 40])), "are told"),
    "a product beyond 64 bits": (list_of(header([1 << 40, 1 << 40])), "are told"),
    "sides below 0": (list_of(header([-1, -3])), "shape (-1, -3)"),
    "no sides": (list_of(header([])), "an array of 0 sides"),
    "more sides than any array": (list_of(header([1] * 9)), "an array of 9 sides"),
    "an unknown type": (list_of(header([3], kind=12) + b"x" * 12), "of type 12"),
    "a sparse array": (list_of(header([3], storage=2) + b"x" * 12), "a sparse array (storage 2)"),
}


@pytest.mark.parametrize("case", MXNET)
def test_a_damaged_list_is_refused_in_one_sentence(tmp_path, case):
    content, found = MXNET[case]
    refused(tmp_path / "weights.params", content, found)


@pytest.mark.parametrize("length", range(len(MAGIC), len(list_bytes(ONE)), 5))
def test_a_list_that_ends_early_is_refused(tmp_path, length):
    refused(tmp_path / "weights.params", list_bytes(ONE)[:length], "told")


def refused(path, content, found):
    path.write_bytes(content)
    with pytest.raises(WeightsError) as told:
        read_state(path)
    said = str(told.value)
    assert found in said
    assert "\n" not in said
    assert len(said) < 600


def npy(array=None, **changes):
    """The bytes of one array, its header told otherwise."""
    buffer = io.BytesIO()
    fields = {"descr": "<f4", "fortran_order": False, "shape": (3,)} | changes
    np.lib.format.write_array_header_1_0(buffer, fields)
    return buffer.getvalue() + (ONE["w"].tobytes() if array is None else array)


def archive(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def of_objects():
    buffer = io.BytesIO()
    np.savez(buffer, w=np.array([{"a": 1}], object))
    return buffer.getvalue()


NUMPY = {
    "objects, which would be unpickled": (of_objects, "which holds object"),
    "text": (lambda: archive(w=npy(descr="<U1")), "which holds <U1"),
    "complex numbers": (lambda: archive(w=npy(descr="<c8", shape=(1,))), "which holds complex64"),
    "unsigned numbers": (lambda: archive(w=npy(descr="<u4")), "numbers of type uint32"),
    "terabytes": (lambda: archive(w=npy(shape=(1 << 40,))), "shorter than its shape"),
    "a side below 0": (lambda: archive(w=npy(shape=(-1, -3))), "shorter than its shape"),
    "more sides than any array": (lambda: archive(w=npy(shape=(1,) * 9)), "of 9 sides"),
    "an end in the numbers": (lambda: archive(w=npy(b"1234")), "which ends early"),
    "no array": (lambda: archive(w=b"nothing of the kind"), "damaged"),
    "half an archive": (lambda: archive(w=npy())[:70], "neither or is damaged"),
    "numbers that were changed": (lambda: archive(w=npy()).replace(ONE["w"].tobytes(), b"x" * 12, 1), "CRC"),
    "a name that is none": (lambda: archive(**{"a\nb": npy()}), "no name of a tensor"),
}


@pytest.mark.parametrize("case", NUMPY)
def test_a_damaged_archive_is_refused_in_one_sentence(tmp_path, case):
    make, found = NUMPY[case]
    refused(tmp_path / "weights.npz", make(), found)


def test_an_archive_is_not_unfolded_beyond_any_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(foreign_formats, "_MOST_BYTES", 1000)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{f"w{i}": np.zeros(50, np.float32) for i in range(8)})
    refused(tmp_path / "weights.npz", buffer.getvalue(), "more than 1000 bytes")
