"""Hostile checkpoints: a clear error, nothing run, nothing huge allocated."""

import io
import os
import pickle
import struct
import tracemalloc
import zipfile
from pickle import UnpicklingError

import numpy as np
import pytest

from tests.archives import ERRORS, archive, load


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value):
    data = value.to_bytes(40, "little", signed=True)
    return b"\x8a" + bytes((len(data),)) + data


def call(name, *arguments):
    module, _, function = name.rpartition(".")
    return f"c{module}\n{function}\n".encode() + b"(" + b"".join(arguments) + b"tR"


def tensor(offset=0, size=(4,), stride=(1,), *, key="0", numel=4, kind="FloatStorage", location="cpu", grad=b"\x89"):
    storage = b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text(location) + number(numel) + b"tQ"
    shapes = (b"(" + b"".join(map(number, values)) + b"t" for values in (size, stride))
    hooks = call("collections.OrderedDict")
    return call("torch._utils._rebuild_tensor_v2", storage, number(offset), *shapes, grad, hooks)


def load_pickle(body, records=None):
    return load(archive(b"\x80\x02" + body + b".", records))


STORAGE = {"data/0": np.arange(4, dtype=np.float32)}


def test_the_builders_of_this_file_build_valid_files():
    assert load_pickle(tensor(), STORAGE).tolist() == [0, 1, 2, 3]
    assert load_pickle(tensor(1, (2, 2), (1, 1)), STORAGE).tolist() == [[1, 2], [2, 3]]
    assert load_pickle(tensor(grad=b"\x88"), STORAGE).requires_grad
    assert load_pickle(tensor(0, (), ()), STORAGE).item() == 0
    assert load_pickle(tensor(4, (0, 7), (7, 1)), STORAGE).shape == (0, 7)


# ---- code


def exists(path):
    return os.path.exists(path)


class Runs:
    def __init__(self, function, *arguments):
        self.what = function, arguments

    def __reduce__(self):
        return self.what


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_no_function_is_called(tmp_path, protocol):
    witness = tmp_path / "witness"
    payloads = [
        (Runs(os.system, f"touch {witness}"), "system"),
        (Runs(eval, f"open({str(witness)!r}, 'w')"), "eval"),
        (Runs(getattr, "x", "upper"), "getattr"),
        (Runs(os.makedirs, str(witness)), "makedirs"),
    ]
    for payload, name in payloads:
        data = pickle.dumps({"a": payload}, protocol)
        refusal = name if protocol >= 2 else f"{name}|opcode|no checkpoint"  # older protocols are not read
        for content in (archive(data), data):
            with pytest.raises(UnpicklingError, match=refusal):
                load(content)
    assert not witness.exists()


@pytest.mark.parametrize(
    "name",
    [
        "os.system", "posix.system", "builtins.exec", "__builtin__.eval", "builtins.getattr", "subprocess.Popen",
        "torch.load", "torch.hub.load", "torch.nn.Linear", "torch._utils.__dict__", "torch.Size.__new__",
        "collections.defaultdict", "numpy.core.multiarray.scalar", "numpy.load", "minitorch.load", "_codecs.decode",
        "operator.attrgetter", "functools.partial", "torch.storage._load_from_bytes", "codecs.encode",
    ],
)  # fmt: skip
def test_globals_are_refused_by_name(name):
    shown = name.replace("__builtin__", "builtins")
    with pytest.raises(UnpicklingError, match=rf"'{shown}'.*nothing was run"):
        load_pickle(call(name, text("x")))
    with pytest.raises(UnpicklingError, match=rf"'{shown}'"):  # named, not even called
        module, _, function = name.rpartition(".")
        load_pickle(f"c{module}\n{function}\n".encode())


@pytest.mark.parametrize(
    "body, message",
    [
        (text("x") + b")R", "call of 'x'"),
        (b"ctorch\nfloat32\n)R", "call of torch.float32"),
        (b"ctorch\nFloatStorage\n)R", "call of"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n}" + text("__code__") + b"NsbN", "items are put into"),
        (b"ctorch\nSize\n)\x81", "NEWOBJ"),
        (b"(ios\nsystem\n", "INST"),
        (b"(cos\nsystem\no", "'os.system'"),
        (b"\x82\x01", "extension|EXT1"),
        (b"P0\n", "PERSID"),
        (call("collections.OrderedDict") + b"}" + text("__class__") + b"Nsb", "__class__"),
        (call("collections.OrderedDict") + b"}" + text("items") + b"Nsb", "'items'"),
        (call("collections.OrderedDict") + b"Nb", "not a dict"),
        (b"N" + text("a") + b"Ns", "items are put into a NoneType"),
        (tensor(), "no record for the storage"),
        (tensor() + b"Na", "no record|items are put"),
    ],
)
def test_other_ways_to_reach_code(body, message):
    with pytest.raises(UnpicklingError, match=message):
        load_pickle(body)


def test_items_are_not_put_into_tensors():
    for poke in (text("grad") + b"Ns", b"Na", b"(Ne", b"}" + text("_steps") + b"Nsb"):
        with pytest.raises(UnpicklingError, match="items are put into a Tensor"):
            load_pickle(tensor() + poke, STORAGE)


# ---- impossible tensors


@pytest.mark.parametrize(
    "body, message",
    [
        (tensor(1), "reaches element 4 of a storage that has 4"),
        (tensor(0, (5,), (1,)), "reaches element 4"),
        (tensor(0, (2, 2), (3, 1)), "reaches element 4"),
        (tensor(0, (2,), (2**62,)), "reaches element"),
        (tensor(2**70), "reaches element"),
        (tensor(-1), "may be negative"),
        (tensor(3, (4,), (-1,)), "may be negative"),
        (tensor(0, (-1,), (1,)), "may be negative"),
        (tensor(0, (2**40, 2**40), (0, 0)), "damaged|reaches|too"),
        (tensor(0, (0, 2**70), (1, 1)), "damaged"),
        (tensor(0, (2,), (1, 1)), "same length"),
        (tensor(0, (1,) * 65, (1,) * 65), "same length"),
        (tensor(numel=5), "should have 20 bytes and has 16"),
        (tensor(numel=3), "should have 12 bytes and has 16"),
        (tensor(numel=2**80), "bytes and has 16"),
        (tensor(numel=-4), "-4 elements"),
        (tensor(kind="DoubleStorage"), "should have 32 bytes"),
        (tensor(kind="ComplexFloatStorage"), "complex64"),
        (tensor(kind="QInt8Storage"), "qint8"),
        (tensor(kind="IntStorage", grad=b"\x88"), "cannot require grad"),
        (tensor(key="1"), "no record for the storage '1'"),
        (tensor(key="../../../etc/passwd"), "no record"),
        (tensor(key="/etc/passwd"), "no record"),
        (tensor(key="../version"), "no record|bytes"),
        (call("torch._utils._rebuild_tensor_v2", b"N", b"K\x00", b")", b")", b"\x89", b"N"), "no storage"),
        (call("torch._utils._rebuild_tensor_v2"), "damaged"),
        (call("torch._utils._rebuild_parameter", b"N", b"\x88", b"N"), "no tensor"),
        (b"(" + text("module") + b"NNNNtQ", "whole module"),
        (b"(" + text("storage") + b"NNNNtQ", "no description of a storage"),
        (b"NQ", "no description of a storage"),
        (b"(" + tensor() + b"NNNNtQ", "no description of a storage"),
        (b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\x04tQ", "bare storage"),
        (call("torch._utils._rebuild_tensor_v3", b"ctorch\nuint16\n"), "torch.uint16, a dtype"),
        (call("torch.Size", b"(" + text("a") + b"t"), "not made of integers"),
        (call("torch.device", text("tpu")), "tpu"),
    ],
)  # fmt: skip
def test_impossible_tensors(body, message):
    with pytest.raises(UnpicklingError, match=message):
        load_pickle(body, STORAGE)


def test_bytes_that_are_no_booleans():
    values = load_pickle(tensor(kind="BoolStorage"), {"data/0": b"\x00\x01\x02\xff"})
    assert values.tolist() == [False, True, True, True]
    assert values._data.view(np.uint8).max() == 1


# ---- files that would eat time or memory


def nested_tuples(depth):
    return b")" + b"\x86".join([b"q\x00h\x00"] * depth) + b"\x86"


def test_small_files_do_not_take_much_memory():
    zeros = call("builtins.bytearray", number(2**40))
    bombs = [
        zeros,
        call("builtins.set", number(2**40)),
        call("collections.Counter", number(2**40)),
        b"\x8b\xff\xff\xff\x7f",
        b"\x96" + struct.pack("<Q", 2**62),
        b"\x8e" + struct.pack("<Q", 2**40) + b"x",
        b"X\xff\xff\xff\xff",
    ]
    tracemalloc.start()
    for bomb in bombs:
        with pytest.raises(UnpicklingError):
            load_pickle(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


def test_keys_whose_hash_would_take_forever():
    body = b"}" + nested_tuples(100) + b"Ns"
    with pytest.raises(UnpicklingError, match="more than 1000 parts"):
        load_pickle(body)
    with pytest.raises(UnpicklingError, match="more than 1000 parts"):
        load_pickle(call("builtins.set", b"]" + nested_tuples(100) + b"a"))
    with pytest.raises(UnpicklingError, match="more than 1000 parts"):  # so deep that comparing it would overflow
        load_pickle(b"})" + b"\x85" * 100_000 + b"Ns")
    with pytest.raises(UnpicklingError, match="a list is the key"):
        load_pickle(b"}]Ns")


def test_deep_nesting_is_read_without_recursion():
    depth = 100_000
    nested = load_pickle(b"]" * depth + b"a" * (depth - 1))
    count = 1
    while nested:
        nested = nested.pop()
        count += 1
    assert count == depth


def test_compressed_records_are_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("archive/data.pkl", b"\x80\x02N.")
        bomb.writestr("archive/data/0", bytes(10**7))
    with pytest.raises(RuntimeError, match="compressed"):
        load(file.getvalue())


def test_records_that_share_bytes_are_refused():
    good = archive(b"\x80\x02" + tensor() + b".", {**STORAGE, "big": bytes(1000), "other": bytes(1000)})
    # the directory says that every record is as big as the file
    entry = good.rindex(b"PK\x01\x02")
    size = struct.pack("<I", len(good) - 500)
    forged = good[: entry + 20] + size + size + good[entry + 28 :]
    with pytest.raises(RuntimeError, match=r"claim more than|cut short"):
        load(forged)


def test_two_records_of_one_name_are_refused():
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(file := io.BytesIO(), "w") as twice:
        twice.writestr("archive/data.pkl", b"\x80\x02N.")
        twice.writestr("archive/data.pkl", b"\x80\x02N.")
    with pytest.raises(RuntimeError, match="same name"):
        load(file.getvalue())


@pytest.mark.parametrize(
    "records, message",
    [
        ({"constants.pkl": b""}, "TorchScript"),
        ({"version": b"99"}, "version '99'"),
        ({"version": b"two"}, "version 'two'"),
        ({"byteorder": b"middle"}, "byte order 'middle'"),
    ],
)
def test_archives_of_other_kinds(records, message):
    with pytest.raises(RuntimeError, match=message):
        load_pickle(b"N", records)


def test_zip_files_that_are_no_checkpoints():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as other:
        other.writestr("readme.txt", b"hello")
    with pytest.raises(RuntimeError, match="no checkpoint"):
        load(file.getvalue())


def test_files_of_other_byte_orders_and_without_checksums():
    swapped = {"data/0": np.arange(4, dtype=">f4"), "byteorder": b"big"}
    assert load_pickle(tensor(), swapped).tolist() == [0, 1, 2, 3]
    data = archive(b"\x80\x02" + tensor() + b".", STORAGE)
    damaged = data.replace(np.arange(4, dtype=np.float32).tobytes(), np.arange(1, 5, dtype=np.float32).tobytes())
    with pytest.raises(RuntimeError, match="checksum"):
        load(damaged)
    entry = data.rindex(b"PK\x01\x02")  # the storage is the last record; PyTorch writes 0 for "no checksum"
    unchecked = damaged[: entry + 16] + bytes(4) + damaged[entry + 20 :]
    assert load(unchecked).tolist() == [1, 2, 3, 4]


# ---- the old format


def legacy(body, keys, storages=b""):
    head = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    return b"".join(head) + b"\x80\x02" + body + b"." + pickle.dumps(keys, 2) + storages


def test_hostile_files_of_the_old_format():
    content = np.arange(4, dtype="<f4").tobytes()
    good = struct.pack("<q", 4) + content
    assert load(legacy(tensor(), ["0"], good)).tolist() == [0, 1, 2, 3]
    cases = [
        (legacy(tensor(numel=2**60), ["0"], struct.pack("<q", 2**60) + content), "cut short"),
        (legacy(tensor(), ["0"], struct.pack("<q", 3) + content), "damaged"),
        (legacy(tensor(), [], good), "does not hold the storages"),
        (legacy(tensor(), ["1"], good), "does not hold the storages"),
        (legacy(tensor(), ["0", "0"], good), "does not hold the storages"),
        (legacy(tensor(), [["0"]], good), "does not hold the storages"),
        (legacy(tensor(2), ["0"], good), "reaches element 5"),
        (legacy(b"(" + tensor() + tensor(numel=5, size=(5,)) + b"t", ["0"], good), "described in two ways"),
        (legacy(call("os.system", text("true")), []), "'os.system'"),
    ]
    for data, message in cases:
        with pytest.raises(ERRORS, match=message):
            load(data)
    tracemalloc.start()
    with pytest.raises(RuntimeError):
        load(cases[0][0])
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()
