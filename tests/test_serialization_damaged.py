"""Checkpoints that were cut short or damaged: every one is refused or loads, cleanly."""

import io
import pickle
import zipfile
from collections import OrderedDict
from pickle import UnpicklingError

import numpy as np
import pytest

import minitorch
from minitorch.core.tensor import wrap
from tests.archives import CHECKPOINTS, ERRORS, archive, load


def whole_file():
    file = io.BytesIO()
    state = OrderedDict(weight=minitorch.arange(6.0), bias=wrap(np.ones((2, 3), np.float16)))
    minitorch.save({"model": state, "epoch": 3, "names": ["a", ("b", None)]}, file)
    return file.getvalue()


@pytest.mark.parametrize("source", ["saved", "tensors.pt", "legacy.pt"])
def test_every_shorter_file_is_refused(source):
    data = whole_file() if source == "saved" else (CHECKPOINTS / source).read_bytes()
    for cut in range(0, len(data), 7):
        with pytest.raises(ERRORS):
            load(data[:cut])
    with pytest.raises(ERRORS):
        load(data[:-1])


@pytest.mark.parametrize("source", ["saved", "training.pt", "legacy.pt"])
def test_damaged_files_fail_cleanly_or_load(source):
    data = whole_file() if source == "saved" else (CHECKPOINTS / source).read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), rng.integers(1, 4)):
            damaged[at] = rng.integers(256)
        try:
            load(bytes(damaged))
        except ERRORS:
            refused += 1
    assert refused > 30


def test_damaged_pickles_fail_cleanly_or_load():
    file = zipfile.ZipFile(CHECKPOINTS / "training.pt")
    records = {name.partition("/")[2]: file.read(name) for name in file.namelist()}
    data = records.pop("data.pkl")
    rng = np.random.default_rng(1)
    for _ in range(300):  # checksums are right here: the damage reaches the pickle
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), rng.integers(1, 4)):
            damaged[at] = rng.integers(256)
        try:
            load(archive(bytes(damaged), records))
        except ERRORS:
            pass


@pytest.mark.parametrize(
    "data, error, message",
    [
        (b"", EOFError, "empty"),
        (b"hello world", UnpicklingError, "no checkpoint"),
        (b"\x89PNG\r\n", UnpicklingError, "no checkpoint"),
        (pickle.dumps([1, 2], 2), UnpicklingError, "not one that torch.save wrote"),
        (pickle.dumps({"a": 1}, 5), UnpicklingError, "not one that torch.save wrote"),
        (b"PK\x03\x04", RuntimeError, "central directory"),
        (b"\x80\x02", UnpicklingError, "cut short"),
        (pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(7, 2), UnpicklingError, "unknown version"),
    ],
    ids=repr,
)
def test_files_that_are_something_else(data, error, message):
    with pytest.raises(error, match=message):
        load(data)
