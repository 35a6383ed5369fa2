"""Layouts, storages, types that NumPy lacks, functions of elements, switches: as in PyTorch where it has them."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest

import minitorch
from tests.rows import check, check_refused, floats

X = floats(2, 3)
INTS = np.arange(6).reshape(2, 3)

ROWS = {
    "apply_": (lambda t, x: x.clone().detach().apply_(lambda v: v * v + 1), X),
    "apply_ integers": (lambda t, i: i.clone().apply_(lambda v: v // 2), INTS),
    "apply_ of a view": (lambda t, x: _changed_row(x.clone().detach()), X),
    "map_": (lambda t, x, i: x.clone().detach().map_(i.double(), lambda a, b: a * b), X, INTS),
    "map_ broadcast": (lambda t, x: x.clone().detach().map_(x.detach()[:1], max), X),
    "result_type": (
        lambda t, x, i: [
            repr(t.result_type(*pair)) for pair in ((x, i), (i, 2.5), (i[0, 0], x.float()), (True, i), (1, 2.0))
        ],
        X,
        INTS,
    ),
    "can_cast": (
        lambda t: (t.can_cast(t.float64, t.float16), t.can_cast(t.float32, t.int64), t.can_cast(t.bool, t.uint8)),
    ),
    "questions": (
        lambda t, x, i: (t.is_signed(x), t.is_signed(i.byte()), x.is_cpu, x.real is x, t.conj(i) is i),
        X,
        INTS,
    ),
    "typename": (lambda t: (t.typename(t.ones(1, device="cpu")), t.typename(3), t.typename(np.int8)),),
    "scalar_tensor": (lambda t: (t.scalar_tensor(3), t.scalar_tensor(2, dtype=t.int32)),),
    "storage": (lambda t, x: (len(x.t().storage()), x[1].storage()[0], x.storage().nbytes(), list(x.storage())), X),
    "storage printed": (lambda t, x: (str(x.float().round().storage()), str(x.to(t.int16).untyped_storage())), X),
    "memory format": (
        lambda t, x: (
            x.contiguous(memory_format=t.contiguous_format),
            x.clone(memory_format=t.preserve_format),
            x.reshape(1, 1, 2, 3).to(memory_format=t.channels_last) * 2,
            x.reshape(1, 2, 3, 1).is_contiguous(memory_format=t.channels_last),
            x.reshape(1, 1, 2, 3).permute(0, 3, 1, 2).is_contiguous(memory_format=t.channels_last),
            x.is_contiguous(memory_format=t.contiguous_format),
        ),
        X,
    ),
    "names": (
        lambda t, x: tuple(
            map(repr, (x.layout, t.strided, t.channels_last, t.preserve_format, t.bfloat16, t.complex64))
        ),
        X,
    ),
    "constants": (lambda t: (t.pi, t.e, t.inf, t.nan != t.nan, t.newaxis is None),),
    "precision": (lambda t: _precisions(t),),
    "deterministic": (lambda t: t.use_deterministic_algorithms(False) or t.are_deterministic_algorithms_enabled(),),
}


def _precisions(t):
    seen = [t.get_float32_matmul_precision()]
    for precision in ("high", "medium", "highest"):  # and so it was before
        t.set_float32_matmul_precision(precision)
        seen.append(t.get_float32_matmul_precision())
    return tuple(seen)


def _changed_row(x):
    x[1].apply_(lambda v: -v)
    return x


@pytest.mark.parametrize("name", ROWS)
def test_as_torch(name):
    function, *inputs = ROWS[name]
    if name.startswith(("apply_", "map_", "questions", "storage")):  # of the CPU
        torch = pytest.importorskip("torch")
        with minitorch.device("cpu"), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "TypedStorage is deprecated")
            ours = function(minitorch, *map(minitorch.tensor, inputs))
            theirs = function(torch, *map(torch.tensor, inputs))
            assert ours == theirs if isinstance(ours, tuple) else ours.tolist() == theirs.tolist()
        return
    check(function, *inputs)


REFUSED = {
    "imag": (lambda t, x: x.imag, X),
    "apply_ in the graph": (lambda t, x: x.requires_grad_().apply_(abs), X),
    "set_num_threads": (lambda t: t.set_num_threads(0),),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


def test_values_of_a_kind_are_one_object():
    for value in (minitorch.strided, minitorch.channels_last, minitorch.preserve_format, minitorch.float16):
        assert pickle.loads(pickle.dumps(value)) is value
        assert copy.deepcopy(value) is value
    assert isinstance(minitorch.strided, minitorch.layout)
    assert isinstance(minitorch.channels_last, minitorch.memory_format)


def test_missing_types_may_be_named_but_not_used():
    for use in (
        lambda: minitorch.zeros(2, dtype=minitorch.complex64),
        lambda: minitorch.ones(2).to(minitorch.complex64),
        lambda: minitorch.tensor([1.0], dtype=minitorch.complex64),
    ):
        with pytest.raises(TypeError, match=r"torch\.complex64 is not supported"):
            use()
    assert minitorch.complex64.is_complex


def test_storage_is_the_memory_itself():
    x = minitorch.arange(6.0).reshape(2, 3)
    row = x[1]
    assert row.storage().data_ptr() == x.storage().data_ptr() == x.data_ptr()
    row.storage()[0] = 7.0
    assert x[0, 0].item() == 7
    assert row.storage_offset() == 3
    assert x.storage().dtype is minitorch.float32
    assert x.untyped_storage().nbytes() == 24
    assert x.storage().size() == 6
    assert x.storage().element_size() == 4
    assert x.storage().device == x.device


def test_threads_and_precision():
    before = minitorch.get_num_threads()
    try:
        minitorch.set_num_threads(1)
        assert minitorch.get_num_threads() == 1
    finally:
        minitorch.set_num_threads(before)
    with pytest.raises(ValueError, match="expected one of"):
        minitorch.set_float32_matmul_precision("low")


def test_default_tensor_type():
    try:
        minitorch.set_default_tensor_type(minitorch.DoubleTensor)
        assert minitorch.ones(1).dtype is minitorch.float64
        with pytest.raises(TypeError, match="NoSuchTensor"):
            minitorch.set_default_tensor_type("torch.NoSuchTensor")
        if not minitorch.cuda.is_available():
            with pytest.raises(RuntimeError, match="cuda"):
                minitorch.set_default_tensor_type("torch.cuda.FloatTensor")
            assert minitorch.ones(1).dtype is minitorch.float64
    finally:
        minitorch.set_default_tensor_type("torch.FloatTensor")
    assert minitorch.ones(1).dtype is minitorch.float32


def test_more_distributions():
    minitorch.manual_seed(0)
    x = minitorch.empty(20000, dtype=minitorch.float64)
    assert x.log_normal_(0.5, 0.25).log().mean().item() == pytest.approx(0.5, abs=0.01)
    assert x.geometric_(0.25).mean().item() == pytest.approx(4, rel=0.05)
    assert x.min().item() == 1
    assert x.cauchy_(2.0, 3.0).median().item() == pytest.approx(2, abs=0.15)
    rates = minitorch.full((20000,), 3.0)
    counts = minitorch.poisson(rates)
    assert counts.dtype is minitorch.float32
    assert counts.mean().item() == pytest.approx(3, rel=0.05)
    for call in (
        lambda: x.log_normal_(0, 0),
        lambda: x.cauchy_(0, -1),
        lambda: x.geometric_(1.5),
        lambda: minitorch.poisson(-rates),
    ):
        with pytest.raises(RuntimeError):
            call()
    assert minitorch.ones(3, dtype=minitorch.int64).geometric_(0.9).dtype is minitorch.int64


def test_copies_keep_what_users_hang_on_tensors():
    x = minitorch.ones(2, requires_grad=True)
    x.tag = ["a"]
    again = copy.deepcopy(x)
    assert again.tag == ["a"]
    assert again.tag is not x.tag
    assert again.requires_grad
