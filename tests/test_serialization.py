"""Objects and tensors come back as they were saved; what cannot be saved is refused."""

import io
from collections import Counter, OrderedDict, defaultdict, namedtuple
from pickle import PicklingError

import numpy as np
import pytest

import minitorch
from minitorch import nn
from minitorch.core.dtype import ALL_DTYPES
from minitorch.core.tensor import wrap
from minitorch.serialization import pickling


def saved(obj):
    file = io.BytesIO()
    minitorch.save(obj, file)
    return file.getvalue()


def round_trip(obj, **options):
    return minitorch.load(io.BytesIO(saved(obj)), **options)


def share_memory(a, b):
    return np.shares_memory(a._data, b._data)


# ---- round trips


PLAIN = [
    None, True, False, 0, 255, 256, 65535, 65536, -1, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 10**100, -(10**100),
    0.0, 1.5, float("inf"), 1e-320, 2 - 3j, "", "naïve ☃ \ud800", "x" * 300, b"", b"\x00\xff\n", bytearray(b"ab"),
    [], [1, [2, []]], (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((), ((),)), {}, {"a": {1: (2.5, None)}}, set(),
    {1, "a"},
    OrderedDict([("b", 1), ("a", 2)]), Counter("hello"), minitorch.Size([2, 3]), minitorch.Size([]), minitorch.float16,
    minitorch.bool, minitorch.device("cpu"), minitorch.device("cuda:3"), {(1, "a"): 2, None: 3, b"k": 4, 1.5: 5},
]  # fmt: skip


# The order of a set's elements differs from process to process; the names of tests must not.
@pytest.mark.parametrize("value", PLAIN, ids=lambda value: "set" if isinstance(value, set) else ascii(value)[:40])
def test_plain_values(value):
    back = round_trip(value)
    assert back == value
    assert type(back) is type(value)


def test_nan_and_the_order_of_keys():
    assert np.isnan(round_trip(float("nan")))
    assert list(round_trip({"z": 1, "a": 2, "m": 3})) == ["z", "a", "m"]
    assert list(round_trip(OrderedDict.fromkeys("zam"))) == ["z", "a", "m"]


def test_numpy_scalars_become_python_numbers():
    values = [np.float32(1.5), np.float64(2.5), np.int16(3), np.bool_(True), np.uint64(2**63)]
    back = round_trip(values)
    assert back == [1.5, 2.5, 3, True, 2**63]
    assert [type(v) for v in back] == [float, float, int, bool, int]


def test_objects_met_twice_stay_one_object():
    inner = [1]
    tensor = minitorch.tensor([1.0])
    back = round_trip({"a": inner, "b": inner, "t": tensor, "u": (tensor, tensor)})
    assert back["a"] is back["b"]
    assert back["t"] is back["u"][0] is back["u"][1]


def test_structures_that_hold_themselves():
    cyclic = [1]
    cyclic.append(cyclic)
    back = round_trip(cyclic)
    assert back[1] is back
    for n in (1, 3, 4):
        holder = []
        looped = (holder,) * n
        holder.append(looped)
        back = round_trip(looped)
        assert back[0][0] is back
        assert len(back) == n


def test_attributes_of_ordered_dicts():
    state = OrderedDict(weight=minitorch.ones(2))
    state._metadata = OrderedDict({"": {"version": 2}})
    assert round_trip(state)._metadata == {"": {"version": 2}}


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=repr)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)], ids=str)
def test_dtypes_and_shapes(dtype, shape):
    array = np.random.default_rng(0).integers(0, 2, shape).astype(dtype.numpy)
    tensor = round_trip(wrap(np.asarray(array)))
    assert tensor.dtype is dtype
    assert tensor.shape == shape
    assert np.array_equal(tensor._data, array)
    assert tensor._data.flags.writeable


def test_requires_grad_and_parameters():
    leaf = minitorch.tensor([1.0, 2.0], requires_grad=True)
    frozen = nn.Parameter(minitorch.tensor([2.0]), requires_grad=False)
    back = round_trip({"leaf": leaf, "result": leaf * 2, "w": nn.Parameter(minitorch.ones(2)), "frozen": frozen})
    assert back["leaf"].requires_grad and back["leaf"].is_leaf
    assert back["result"].requires_grad and back["result"].is_leaf
    assert type(back["w"]) is nn.Parameter and back["w"].requires_grad
    assert type(back["frozen"]) is nn.Parameter and not back["frozen"].requires_grad


def test_views_share_memory_again():
    base = minitorch.arange(12.0)
    obj = {
        "base": base,
        "rows": base.reshape(3, 4),
        "t": base.reshape(3, 4).transpose(0, 1),
        "part": wrap(base._data[2:9:3]),
    }
    back = round_trip(obj)
    back["base"]._data[5] = 50
    for name, tensor in obj.items():
        expected = np.where(tensor._data == 5, 50, tensor._data)
        assert np.array_equal(back[name]._data, expected)
        assert share_memory(back[name], back["base"])
    assert back["t"]._data.strides == obj["t"]._data.strides


def test_views_without_their_base_share_memory_too():
    memory = np.arange(1000.0)
    back = round_trip([wrap(memory[100:200]), wrap(memory[150:300:2])])
    back[0]._data[50] = -1
    assert back[1]._data[0] == -1
    assert len(saved([wrap(memory[100:200]), wrap(memory[150:300:2])])) < 4000


def test_a_slice_does_not_bring_its_base():
    big = np.zeros((1000, 100))
    assert len(saved(wrap(big[:10]))) < 10_000
    column = saved(wrap(big[:, 3]))
    assert len(column) < 10_000
    assert minitorch.load(io.BytesIO(column)).shape == (1000,)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.arange(10.0)[::-1],
        np.arange(24.0).reshape(4, 6)[::2, ::-3],
        np.broadcast_to(np.arange(3.0), (4, 3)),
        np.arange(4, dtype=">f4"),
        np.frombuffer(b"\x00" + np.arange(3.0).tobytes(), np.float64, 3, 1),
        np.zeros((3, 0, 2)).transpose(2, 0, 1),
        np.array(5.0).reshape(1, 1, 1),
    ],
    ids=["permuted", "fortran", "reversed", "reversed steps", "expanded", "big endian", "unaligned", "empty", "ones"],
)
def test_unusual_layouts(array):
    first, second = round_trip([wrap(array), wrap(array)])
    assert np.array_equal(first._data, array)
    assert first._data.dtype.isnative
    assert first.shape == array.shape
    if array.size and array.dtype.isnative:
        assert share_memory(first, second)
    if 0 in array.strides:
        assert first._data.strides == array.strides


def test_equal_contents_make_equal_files():
    obj = {"w": minitorch.arange(5.0), "b": [1, "x"]}
    assert saved(obj) == saved({"w": minitorch.arange(5.0), "b": [1, "x"]})


def test_models_and_their_states():
    state = OrderedDict(weight=minitorch.ones(3, 2), bias=minitorch.zeros(3))
    checkpoint = {
        "model": state,
        "epoch": 3,
        "optimizer": {"state": {0: {"step": minitorch.tensor(2.0)}}, "param_groups": []},
    }
    back = round_trip(checkpoint)
    assert list(back["model"]) == ["weight", "bias"]
    assert back["optimizer"]["state"][0]["step"].item() == 2.0


# ---- what cannot be saved


class Model:
    def state_dict(self):
        return {}


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    "obj, message",
    [
        ({"model": Model()}, r"obj\['model'\] is a .*Model.*state_dict\(\)"),
        ([1, (2, {"f": print})], r"obj\[1\]\[1\]\['f'\] is a builtin_function_or_method"),
        ({"a": np.ones(2)}, r"obj\['a'\] is a numpy.ndarray: save minitorch.as_tensor"),
        (Point(1, 2), r"obj is a .*Point: save tuple\(value\)"),
        ([defaultdict(list)], r"obj\[0\] is a collections.defaultdict, derived from dict: save dict\(value\)"),
        ({"k": {frozenset(): 1}}, r"obj\['k'\]\[frozenset\(\)\] is a frozenset"),
        (OrderedDict(a=[lambda: 1]), r"obj\['a'\]\[0\] is a function"),
        (int, "obj is a type"),
        (1 << 3000, "integer of 376 bytes"),
        ({1, Point(1, 2)}, "Point"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refused_objects(obj, message):
    with pytest.raises(PicklingError, match=message):
        saved(obj)


def test_modules_are_refused_with_the_remedy():
    with pytest.raises(PicklingError, match=r"obj\['net'\] is a .*Linear.*state_dict\(\)"):
        saved({"net": nn.Linear(2, 3)})


def test_too_deep_nesting_is_refused():
    nested = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(PicklingError, match="nested too deeply"):
        saved(nested)
    while nested:  # taken apart here: freeing it at once would use the C stack
        nested = nested.pop()


def test_one_memory_as_two_dtypes_is_refused():
    memory = np.arange(4.0)
    with pytest.raises(RuntimeError, match="same memory as torch"):
        saved([wrap(memory), wrap(memory.view(np.int64))])
    back = round_trip([wrap(memory[:2]), wrap(memory[2:].view(np.int64))])  # two halves are no conflict
    assert back[1].dtype is minitorch.int64


def test_storage_names_cover_all_dtypes():
    assert set(pickling.STORAGE_NAMES) == {dtype.name for dtype in ALL_DTYPES} | {"bfloat16"}
