"""Named tensors in the safetensors format."""

import sys

import numpy as np
import pytest

import minitorch
from minitorch.core.dtype import ALL_DTYPES
from minitorch.core.tensor import wrap
from minitorch.serialization import load_safetensors, save_safetensors


def test_safetensors_round_trip(tmp_path):
    safetensors = pytest.importorskip("safetensors")
    path = tmp_path / "m.safetensors"
    tensors = {str(d): wrap(np.arange(6).reshape(2, 3).astype(d.numpy)) for d in ALL_DTYPES}
    tensors["t"] = wrap(np.arange(6.0).reshape(2, 3).T)
    tensors["scalar"], tensors["empty"] = minitorch.tensor(2.5), minitorch.zeros(0, 3)
    tensors["swapped"] = wrap(np.arange(3, dtype=">i4"))
    save_safetensors(tensors, path, metadata={"format": "pt"})
    back = load_safetensors(path)
    assert set(back) == set(tensors)
    for name, tensor in tensors.items():
        assert back[name].dtype is tensor.dtype
        assert back[name].shape == tensor.shape
        assert np.array_equal(back[name]._data, tensor._data)
    back["t"]._data[0] = 9  # may be changed
    with safetensors.safe_open(path, framework="np") as file:
        assert file.metadata() == {"format": "pt"}
    whole = path.read_bytes()
    for cut in (0, 4, 100, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(RuntimeError, match="no whole safetensors file"):
            load_safetensors(path)
    with pytest.raises(FileNotFoundError):
        load_safetensors(tmp_path / "missing.safetensors")


def test_safetensors_dtypes_from_elsewhere(tmp_path):
    pytest.importorskip("safetensors")

    def write(dtype, data):
        header = f'{{"w":{{"dtype":"{dtype}","shape":[2],"data_offsets":[0,{len(data)}]}}}}'.encode()
        (tmp_path / "x").write_bytes(len(header).to_bytes(8, "little") + header + data)

    write("BF16", bytes.fromhex("803f00c0"))
    assert load_safetensors(tmp_path / "x")["w"].tolist() == [1.0, -2.0]
    write("BOOL", b"\x00\x02")
    assert load_safetensors(tmp_path / "x")["w"].tolist() == [False, True]
    write("U32", bytes(8))
    with pytest.raises(RuntimeError, match="U32"):
        load_safetensors(tmp_path / "x")


def test_safetensors_refuses_other_data_and_keeps_the_file(tmp_path):
    pytest.importorskip("safetensors")
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"old")
    for tensors, metadata in [({"a": 1}, None), ({1: minitorch.ones(1)}, None), ({}, {"epoch": 3})]:
        with pytest.raises(TypeError):
            save_safetensors(tensors, path, metadata)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["m.safetensors"]


def test_safetensors_names_its_extra_when_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match=r"minitorch-nd\[safetensors\]"):
        save_safetensors({}, tmp_path / "x")
    with pytest.raises(ImportError, match=r"minitorch-nd\[safetensors\]"):
        load_safetensors(tmp_path / "x")
