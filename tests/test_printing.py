"""Tensors print as PyTorch's do, to the character."""

import math

import numpy as np
import pytest

import minitorch
from minitorch.core.printing import get_printoptions, printoptions, set_printoptions, tensor_str
from minitorch.core.tensor import wrap

DTYPES = ["float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool"]

LITERAL = [
    ([1.0, 2.0, 3.0], "float32", "tensor([1., 2., 3.])"),
    (3.5, "float32", "tensor(3.5000)"),
    (7, "int64", "tensor(7)"),
    (True, "bool", "tensor(True)"),
    ([True, False], "bool", "tensor([ True, False])"),
    ([1.5, -2.25], "float64", "tensor([ 1.5000, -2.2500], dtype=torch.float64)"),
    ([1, -20], "int32", "tensor([  1, -20], dtype=torch.int32)"),
    ([math.nan, math.inf, -math.inf, 1.0], "float32", "tensor([nan, inf, -inf, 1.])"),
    ([1e-5, 1.0], "float32", "tensor([1.0000e-05, 1.0000e+00])"),
    ([1e9], "float32", "tensor([1.0000e+09])"),
    ([0.0, -0.0], "float32", "tensor([0., -0.])"),
    ([], "float32", "tensor([])"),
    ([], "int64", "tensor([], dtype=torch.int64)"),
    ([[], []], "bool", "tensor([], size=(2, 0), dtype=torch.bool)"),
    ([[1.0, 2.0], [3.0, 4.0]], "float32", "tensor([[1., 2.],\n        [3., 4.]])"),
    ([[[1], [2]], [[3], [4]]], "int64", "tensor([[[1],\n         [2]],\n\n        [[3],\n         [4]]])"),
    (range(1001), "int64", "tensor([   0,    1,    2,  ...,  998,  999, 1000])"),
]


@pytest.fixture(autouse=True)
def _same_options_afterwards():
    with printoptions():
        yield


@pytest.mark.parametrize("values, dtype, expected", LITERAL, ids=[text.split("\n")[0] for *_, text in LITERAL])
def test_literal(values, dtype, expected):
    assert repr(wrap(np.array(values, dtype=dtype))) == expected
    assert str(wrap(np.array(values, dtype=dtype))) == expected


def test_notes_on_gradients_and_devices():
    array = np.array([1.0, 2.0], dtype=np.float32)
    assert tensor_str(array, requires_grad=True) == "tensor([1., 2.], requires_grad=True)"
    assert tensor_str(array, requires_grad=True, grad_fn_name="MulBackward0") == (
        "tensor([1., 2.], grad_fn=<MulBackward0>)"
    )
    assert tensor_str(array, device="cuda:0") == "tensor([1., 2.], device='cuda:0')"
    assert tensor_str(np.zeros((0, 2)), device="cuda:1", requires_grad=True) == (
        "tensor([], device='cuda:1', size=(0, 2), dtype=torch.float64,\n       requires_grad=True)"
    )
    a = minitorch.tensor([1.0, 2.0], requires_grad=True)
    assert repr(a) == "tensor([1., 2.], requires_grad=True)"
    assert repr(a * 2) == "tensor([2., 4.], grad_fn=<MulBackward0>)"


def test_parameter_and_derived_classes():
    nn = pytest.importorskip("minitorch.nn")
    parameter = nn.Parameter(minitorch.tensor([1.0]))
    assert repr(parameter) == "Parameter containing:\ntensor([1.], requires_grad=True)"

    class Scaled(minitorch.Tensor):
        pass

    tensor = object.__new__(Scaled)
    tensor._data, tensor._edge = np.array([1.0, 2.0]), None
    assert repr(tensor) == "Scaled([1., 2.], dtype=torch.float64)"


def test_default_dtype_is_not_named():
    minitorch.set_default_dtype(minitorch.float64)
    try:
        assert repr(wrap(np.ones(1))) == "tensor([1.])"
        assert repr(wrap(np.ones(1, np.float32))) == "tensor([1.], dtype=torch.float32)"
    finally:
        minitorch.set_default_dtype(minitorch.float32)


def test_options():
    assert get_printoptions() == {
        "precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None,
    }  # fmt: skip
    set_printoptions(profile="short")
    assert repr(wrap(np.array([0.12345], np.float32))) == "tensor([0.12])"
    set_printoptions(threshold=5)
    assert repr(wrap(np.arange(8))) == "tensor([0, 1,  ..., 6, 7])"
    set_printoptions(profile="full", sci_mode=True)
    assert get_printoptions()["threshold"] == math.inf
    assert repr(wrap(np.array([1.0], np.float32))) == "tensor([1.0000e+00])"
    set_printoptions()
    assert get_printoptions()["sci_mode"] is None
    with printoptions(precision=1):
        assert repr(wrap(np.array([0.12345], np.float32))) == "tensor([0.1])"
    assert get_printoptions()["precision"] == 4


@pytest.mark.parametrize(
    "bad", [{"profile": "tiny"}, {"precision": -1}, {"edgeitems": 1.5}, {"linewidth": "80"}, {"threshold": math.nan}]
)
def test_bad_options_change_nothing(bad):
    before = get_printoptions()
    with pytest.raises(ValueError, match=next(iter(bad))):
        set_printoptions(**{"edgeitems": 2, **bad})
    assert get_printoptions() == before


def random_array(rng, dtype):
    shape = tuple(rng.choice([0, 1, 2, 3, 5, 7, 11, 30], p=[0.03] + [0.97 / 7] * 7) for _ in range(rng.integers(0, 5)))
    kind = np.dtype(dtype).kind
    if kind == "b":
        return np.asarray(rng.random(shape) > 0.5)
    if kind in "iu":
        limits = np.iinfo(dtype)
        low, high = [(0, 10), (limits.min, limits.max), (max(limits.min, -100), 100)][rng.integers(3)]
        return np.asarray(rng.integers(low, high, shape, dtype=dtype))
    scale = rng.choice([1e-6, 1e-3, 1.0, 50.0, 1e3, 1e5, 1e9])
    values = rng.standard_normal(shape) * scale
    style = rng.integers(5)
    if style == 0:
        values = np.round(values)
    elif style == 1:
        values = np.exp(values.clip(-60, 60))
    elif style == 2:
        values = np.where(rng.random(shape) < 0.2, 0.0, np.abs(values))
    elif style == 3:
        odd = rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0], shape)
        values = np.where(rng.random(shape) < 0.3, odd, values)
    with np.errstate(over="ignore"):
        return np.asarray(values).astype(dtype)


OPTIONS = [
    {},
    {"sci_mode": True},
    {"sci_mode": False, "precision": 2},
    {"threshold": 20, "edgeitems": 2, "linewidth": 60},
    {"threshold": 10, "edgeitems": 0},
    {"threshold": 0, "edgeitems": 1, "linewidth": 20},
    {"profile": "full", "precision": 0},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_same_as_torch(dtype, options):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(DTYPES.index(dtype) * 100 + OPTIONS.index(options))
    before = torch._tensor_str.get_printoptions()
    torch.set_printoptions(**options)
    set_printoptions(**options)
    try:
        for _ in range(12):
            array = random_array(rng, dtype)
            if options.get("profile") == "full" and array.size > 3000:
                continue
            reference = torch.from_numpy(array.copy())
            assert tensor_str(array) == repr(reference)
            if array.dtype.kind == "f":
                reference.requires_grad_()
                assert tensor_str(array, requires_grad=True) == repr(reference)
                name = "MulBackward0"
                assert tensor_str(array, grad_fn_name=name) == repr(reference * torch.ones((), dtype=reference.dtype))
            if array.ndim:
                assert tensor_str(array.T) == repr(torch.from_numpy(array.copy()).permute(*range(array.ndim)[::-1]))
    finally:
        torch.set_printoptions(**before)
