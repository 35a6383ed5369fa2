"""Making tensors: values, dtypes, shapes, sharing, and what is refused."""

import copy
import pickle

import numpy as np
import pytest

import minitorch as torch


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1, torch.int64),
        (1.5, torch.float32),
        (True, torch.bool),
        ([1, 2], torch.int64),
        ([1, 2.5], torch.float32),
        ([[True], [False]], torch.bool),
        ([], torch.float32),
        ((1.0, (2.0)), torch.float32),
        (np.float64(1.5), torch.float64),
        (np.ones(2, np.float16), torch.float16),
        ([np.float64(1.5)], torch.float64),
        (np.arange(3, dtype=np.int32), torch.int32),
        (range(3), torch.int64),
    ],
)
def test_dtype_of_data(data, dtype):
    t = torch.tensor(data)
    assert t.dtype is dtype
    assert np.array_equal(t.numpy(), np.array(data))


def test_tensor_of_tensors_and_copies():
    a = torch.tensor([1.0, 2.0])
    b = torch.tensor(a)
    b[0] = 9.0
    assert a.tolist() == [1.0, 2.0]
    assert torch.tensor([torch.tensor(1.5), torch.tensor(2.5)]).tolist() == [1.5, 2.5]
    array = np.ones(2)
    t = torch.tensor(array)
    array[0] = 5
    assert t.tolist() == [1.0, 1.0]
    assert torch.tensor([1, 2], dtype=torch.float16, requires_grad=True).requires_grad


@pytest.mark.parametrize(
    ("data", "error"),
    [("text", TypeError), ([[1, 2], [3]], ValueError), ([1j], TypeError), (object(), TypeError), (["a"], TypeError)],
)
def test_data_without_a_dtype_is_refused(data, error):
    with pytest.raises(error):
        torch.tensor(data)


def test_from_numpy_shares_memory():
    array = np.zeros((2, 3), np.float32)[:, ::2]
    t = torch.from_numpy(array)
    t[0, 1] = 7.0
    assert array[0, 1] == 7.0
    array[1, 0] = 3.0
    assert t[1, 0].item() == 3.0
    with pytest.raises(TypeError, match=r"expected np.ndarray"):
        torch.from_numpy([1])
    with pytest.raises(TypeError, match="complex128"):
        torch.from_numpy(np.zeros(1, complex))
    with pytest.raises(ValueError, match="byte order"):
        torch.from_numpy(np.zeros(1, ">f4"))


def test_as_tensor_and_asarray_share_where_they_can():
    array = np.ones(2)
    assert torch.as_tensor(array)._data is array
    t = torch.as_tensor(array)
    assert torch.as_tensor(t) is t
    assert torch.as_tensor(t, dtype=torch.float32).dtype is torch.float32
    assert torch.asarray(array, copy=True)._data is not array
    with pytest.raises(ValueError, match="needs a copy"):
        torch.asarray([1.0], copy=False)
    assert np.asarray(t) is array
    assert np.array(t, dtype=np.float32).dtype == np.float32


def test_dlpack_both_ways():
    t = torch.arange(4.0)
    back = np.from_dlpack(t)
    back_again = torch.from_dlpack(back)
    t[0] = 5.0
    assert back[0] == 5.0 and back_again[0].item() == 5.0
    shared = torch.from_dlpack(t)
    shared[1] = 7.0
    assert t[1].item() == 7.0
    with pytest.raises(BufferError, match="detach"):
        np.from_dlpack(torch.ones(1, requires_grad=True))


def test_dlpack_with_torch():
    reference = pytest.importorskip("torch")
    t = torch.arange(4.0)
    other = reference.from_dlpack(t)
    other[1] = 9.0
    assert t[1].item() == 9.0
    assert torch.from_dlpack(reference.ones(2)).tolist() == [1.0, 1.0]


def test_filled():
    assert torch.zeros(2, 3).shape == (2, 3) == torch.zeros((2, 3)).shape == torch.zeros(torch.Size([2, 3])).shape
    assert torch.ones([2]).tolist() == [1.0, 1.0]
    assert torch.full((2,), 7).dtype is torch.int64
    assert torch.full((2,), 7.0).dtype is torch.float32
    assert torch.full((2,), True).dtype is torch.bool
    assert torch.empty(0).numel() == 0
    assert torch.zeros(()).shape == ()
    like = torch.zeros(2, dtype=torch.int16)
    assert torch.ones_like(like).dtype is torch.int16
    assert torch.full_like(like, 3).tolist() == [3, 3]
    assert torch.zeros_like(like, dtype=torch.float64).dtype is torch.float64
    assert like.new_ones(2, 2).dtype is torch.int16
    assert like.new_zeros((1,)).shape == (1,)
    assert like.new_full((2,), 4).tolist() == [4, 4]
    assert like.new_tensor([1.7]).tolist() == [1]
    with pytest.raises(RuntimeError, match="negative"):
        torch.zeros(-1)
    with pytest.raises(TypeError):
        torch.zeros(1.5)


def test_ranges():
    assert torch.arange(3).dtype is torch.int64
    assert torch.arange(3.0).dtype is torch.float32
    assert torch.arange(5, 0, -2).tolist() == [5, 3, 1]
    assert torch.arange(0, 1, 0.1).numel() == 10
    assert torch.arange(2, dtype=torch.float64).dtype is torch.float64
    assert torch.linspace(0, 1, 5).tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert torch.linspace(3, 4, 1).tolist() == [3.0]
    assert torch.logspace(0, 2, 3).tolist() == [1.0, 10.0, 100.0]
    assert torch.eye(2, 3).tolist() == [[1, 0, 0], [0, 1, 0]]
    for bad in (lambda: torch.arange(1, 0), lambda: torch.arange(0, 1, 0), lambda: torch.linspace(0, 1, -1)):
        with pytest.raises(RuntimeError):
            bad()


def test_legacy_constructors():
    assert torch.Tensor(2, 3).shape == (2, 3)
    assert torch.Tensor([2, 3]).tolist() == [2.0, 3.0]
    assert torch.FloatTensor([1]).dtype is torch.float32
    assert torch.LongTensor([1.7]).tolist() == [1]
    assert torch.ByteTensor(3).shape == (3,)
    assert isinstance(torch.zeros(1), torch.FloatTensor)
    assert not isinstance(torch.zeros(1), torch.DoubleTensor)
    with pytest.raises(TypeError):
        torch.Tensor("text")


def test_default_dtype_rules_new_floats():
    try:
        torch.set_default_dtype(torch.float64)
        assert torch.tensor(1.5).dtype is torch.zeros(1).dtype is torch.randn(1).dtype is torch.float64
        torch.set_default_tensor_type("torch.FloatTensor")
        assert torch.get_default_dtype() is torch.float32
        with pytest.raises(TypeError, match="floating-point"):
            torch.set_default_dtype(torch.int64)
    finally:
        torch.set_default_dtype(torch.float32)


def test_dtypes_print_compare_and_pickle():
    assert repr(torch.float32) == "torch.float32" and torch.float is torch.float32
    assert pickle.loads(pickle.dumps(torch.int8)) is torch.int8
    assert torch.float16.itemsize == 2 and torch.float16.is_floating_point and not torch.bool.is_floating_point
    assert torch.finfo(torch.float32).max == float(np.finfo(np.float32).max)
    assert torch.iinfo(torch.int8).min == -128
    with pytest.raises(TypeError):
        torch.finfo(torch.int8)
    with pytest.raises(TypeError):
        torch.iinfo(torch.float32)


def test_devices():
    assert torch.device("cuda", 1) == torch.device("cuda:1") == torch.device(1) != torch.device("cuda")
    assert str(torch.device("cuda:1")) == "cuda:1"
    assert repr(torch.device("cpu")) == "device(type='cpu')"
    assert torch.zeros(1).device == torch.device("cpu")
    for bad in ("gpu", "cuda:x", "cuda:-1"):
        with pytest.raises(RuntimeError):
            torch.device(bad)
    with pytest.raises(TypeError):
        torch.device(1.5)
    with torch.device("cpu"):
        assert torch.get_default_device().type == "cpu"


def test_missing_gpu_says_why():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert torch.cuda.device_count() == 0
    assert "cuda" in torch.cuda.why_unavailable()
    for make in (lambda: torch.zeros(1, device="cuda"), lambda: torch.ones(1).to("cuda"), lambda: torch.ones(1).cuda()):
        with pytest.raises(RuntimeError, match="'cuda' is not available"):
            make()


def test_size():
    s = torch.zeros(2, 3, 4).shape
    assert repr(s) == "torch.Size([2, 3, 4])" and s == (2, 3, 4) and s.numel() == 24
    assert isinstance(s[1:], torch.Size) and s[-1] == 4 and isinstance(s + (1,), torch.Size)
    assert pickle.loads(pickle.dumps(s)) == s


def test_promotion_table_matches_torch():
    reference = pytest.importorskip("torch")
    names = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
    for a in names:
        for b in names:
            expected = str(reference.promote_types(getattr(reference, a), getattr(reference, b)))
            assert str(torch.promote_types(getattr(torch, a), getattr(torch, b))) == expected
            for make in (
                lambda lib, n: lib.ones(2, dtype=getattr(lib, n)),
                lambda lib, n: lib.tensor(1, dtype=getattr(lib, n)),
            ):
                ours = (torch.ones(2, dtype=getattr(torch, a)) * make(torch, b)).dtype
                theirs = (reference.ones(2, dtype=getattr(reference, a)) * make(reference, b)).dtype
                assert str(ours) == str(theirs), (a, b)
        for number in (True, 2, 2.5):
            ours, theirs = torch.ones(2, dtype=getattr(torch, a)), reference.ones(2, dtype=getattr(reference, a))
            assert str((ours * number).dtype) == str((theirs * number).dtype), (a, number)
            assert str((number * ours).dtype) == str((number * theirs).dtype), (a, number)
            assert str((ours / 2).dtype) == str((theirs / 2).dtype), a


def test_operators_with_numpy_operands():
    t = torch.tensor([1.0, 2.0])
    assert isinstance(np.array([1.0, 2.0], np.float32) * t, torch.Tensor)
    assert (t * np.float64(2)).dtype is torch.float32
    assert (np.float64(2) * t).tolist() == [2.0, 4.0]
    with pytest.raises(TypeError):
        t + "text"


def test_python_protocols():
    t = torch.tensor([[1, 2], [3, 4]])
    assert len(t) == 2 and [r.tolist() for r in t] == [[1, 2], [3, 4]] and 3 in t and 7 not in t
    assert int(torch.tensor(3)) == 3 and float(torch.tensor(2.5)) == 2.5 and bool(torch.tensor(True))
    assert [10, 20, 30][torch.tensor(1)] == 20
    assert f"{torch.tensor(2.5):.2f}" == "2.50"
    for bad, error in (
        (lambda: bool(t), RuntimeError),
        (lambda: t.item(), RuntimeError),
        (lambda: len(torch.tensor(1)), TypeError),
        (lambda: list(torch.tensor(1)), TypeError),
        (lambda: [1][torch.tensor(0.0)], TypeError),
    ):
        with pytest.raises(error):
            bad()
    with pytest.raises(RuntimeError, match="requires grad"):
        torch.ones(1, requires_grad=True).numpy()


def test_copy_and_pickle():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (x * 2).sum().backward()
    for y in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert y is not x and y.requires_grad and y.tolist() == x.tolist() and y.grad.tolist() == [2.0, 2.0]
        y.data[0] = 9.0
        assert x[0].item() == 1.0
    for spoil in (copy.deepcopy, pickle.dumps):
        with pytest.raises(RuntimeError, match="detach"):
            spoil(x * 2)
