"""bfloat16: values, gradients and types beside PyTorch's, and what is said where ml_dtypes is missing."""

import copy
import pickle
import sys
import warnings

import cupy_stand_in
import numpy as np
import pytest
from cupy_stand_in import ufuncs
from precision_rows import ROWS, leaves

import minitorch

pytest.importorskip("ml_dtypes")

BF16 = minitorch.bfloat16


def of(library, *values):
    return library.tensor(list(values)).bfloat16()


def same(ours, theirs, rtol=0.0, share=0.0, atol=0.0):
    """Equal types and shapes, and values within ``rtol`` or the ``share`` of the largest."""
    assert repr(ours.dtype) == repr(theirs.dtype) and tuple(ours.shape) == tuple(theirs.shape)
    values = theirs.detach().double().numpy()
    largest = np.abs(values[np.isfinite(values)]).max(initial=0)
    np.testing.assert_allclose(ours.detach().double().numpy(), values, rtol=rtol, atol=atol + share * largest)


# ---- every kind of function


def weighted(library, results):
    """A number to differentiate: all results, each element with another weight."""
    return sum(
        (x.float() * (library.arange(x.numel()).reshape(tuple(x.shape)) % 3 + 1)).sum()
        for x in results
        if x.requires_grad
    )


#: what PyTorch has in 16 bits under autocast alone
FLOAT32_IN_TORCH = {
    *("quantile", "nanquantile", "avg_pool3d", "local_response_norm", "multi_margin_loss", "multilabel_margin_loss"),
    *(name for name in ROWS if name.startswith("float32 ") and name != "float32 + x"),
}


@pytest.mark.parametrize("name", sorted(ROWS.keys() - FLOAT32_IN_TORCH))
def test_values_and_gradients_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    function, arrays = ROWS[name]
    both = []
    for library in (minitorch, torch):
        inputs = [library.tensor(x).bfloat16().requires_grad_() for x in arrays]
        if name == "soft_margin_loss":
            inputs[1].requires_grad_(False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's about functions that it will change
            both.append((inputs, leaves(function(library, *inputs))))
    (ours, results), (theirs, expected) = both
    assert len(results) == len(expected)
    for mine, its in zip(results, expected):
        assert mine.requires_grad == its.requires_grad
        same(mine, its, rtol=2**-5, share=2**-8)  # PyTorch rounds in the middle of some functions
    if any(x.requires_grad for x in expected):
        weighted(torch, expected).backward()
        weighted(minitorch, results).backward()
        for mine, its in zip(ours, theirs):
            assert (mine.grad is None) == (its.grad is None)
            if its.grad is not None:
                assert mine.grad.dtype is BF16
                same(mine.grad, its.grad, rtol=2**-6, share=2**-7, atol=1e-3)


INPLACE = {
    "add_": lambda t, x: x.add_(1.5),
    "add_ float32": lambda t, x: x.add_(t.ones(2, 3) * 0.3),
    "mul_ itself": lambda t, x: x.mul_(x),
    "sub_ alpha": lambda t, x: x.sub_(x, alpha=0.5),
    "div_": lambda t, x: x.div_(3),
    "+=": lambda t, x: x.__iadd__(t.ones(3)),
    "zero_": lambda t, x: x.zero_(),
    "fill_": lambda t, x: x.fill_(2.3),
    "copy_": lambda t, x: x.copy_(t.ones(3) * 1.003),
    "clamp_": lambda t, x: x.clamp_(0),
    "relu_": lambda t, x: t.nn.functional.relu(x, inplace=True),
    "exp_": lambda t, x: x.exp_(),
    "lerp_": lambda t, x: x.lerp_(t.zeros_like(x), 0.5),
    "addcmul_": lambda t, x: x.addcmul_(x, x, value=0.5),
    "cumsum_": lambda t, x: x.cumsum_(1),
    "tril_": lambda t, x: x.tril_(),
    "masked_fill_": lambda t, x: x.masked_fill_(x > 0, 7.0),
    "index_add_": lambda t, x: x.index_add_(0, t.tensor([0, 0]), x.clone()),
    "index_fill_": lambda t, x: x.index_fill_(0, t.tensor([1]), 3.0),
    "scatter_": lambda t, x: x.scatter_(1, t.tensor([[0], [1]]), 9.0),
    "index_put_": lambda t, x: x.index_put_((t.tensor([0, 0]), t.tensor([1, 1])), of(t, 1.0, 2.0), accumulate=True),
    "x[i, j] = ": lambda t, x: x.__setitem__((0, 1), 5.5),
    "x[i] = float32": lambda t, x: x.__setitem__(0, t.tensor([1.0, 2.0, 3.01])),
    "x[mask] = ": lambda t, x: x.__setitem__(x < 0, 0),
    "through a view": lambda t, x: x.view(-1)[1:3].mul_(2) is None or None,
}


@pytest.mark.parametrize("name", INPLACE)
def test_in_place(name):
    torch = pytest.importorskip("torch")
    seen = []
    for library in (minitorch, torch):
        x = library.tensor([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]]).bfloat16()
        view = x[0]
        result = INPLACE[name](library, x)
        assert result is None or result is x
        seen.append((x, view))
    for mine, its in zip(*seen):
        same(mine, its)


def test_gradients_of_what_is_changed_in_place():
    torch = pytest.importorskip("torch")
    seen = []
    for library in (minitorch, torch):
        w = of(library, 1.0, 2.0, 3.0, 4.0).requires_grad_()
        y = w * 2
        y.mul_(3)
        y[0] = 5.0
        part = y[1:3]
        part.add_(w[1:3])
        (y * y).sum().backward()
        seen.append((y, part, w.grad))
        with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
            w.add_(1)
        assert w.tolist() == [1.0, 2.0, 3.0, 4.0]
    for mine, its in zip(*seen):
        same(mine, its)


def test_running_statistics_in_bfloat16():
    norm = minitorch.nn.BatchNorm1d(2).bfloat16()
    norm(minitorch.tensor([[1.0, 2.0], [3.0, 6.0]]).bfloat16())
    assert norm.running_mean.dtype is BF16 and norm.running_mean.tolist() == [0.2001953125, 0.400390625]
    assert norm.num_batches_tracked.item() == 1


# ---- making, naming, converting

SAME_AS_TORCH = {
    "zeros": lambda t: t.zeros(2, dtype=t.bfloat16),
    "full": lambda t: t.full((2,), 1.003, dtype=t.bfloat16),
    "ones that require grad": lambda t: t.ones(2, dtype=t.bfloat16, requires_grad=True),
    "arange": lambda t: t.arange(0, 5, 0.3, dtype=t.bfloat16),
    "linspace": lambda t: t.linspace(0, 1, 5, dtype=t.bfloat16),
    "eye": lambda t: t.eye(2, dtype=t.bfloat16),
    "zeros_like": lambda t: t.zeros_like(of(t, 1.0, 2.0)),
    "zeros_like float32": lambda t: t.zeros_like(of(t, 1.0, 2.0), dtype=t.float32),
    "new": lambda t: (of(t, 1.0).new_zeros(2), of(t, 1.0).new_tensor([1.5])),
    "tensor": lambda t: t.tensor([[1.1, 2]], dtype=t.bfloat16),
    "as_tensor": lambda t: t.as_tensor([1.2], dtype=t.bfloat16),
    "from float64": lambda t: t.tensor([1.00390625, 1.01171875, 3.4e38, -0.0], dtype=t.float64).bfloat16(),
    "to integers": lambda t: of(t, 300.0, -1.9).to(t.int32),
    "promotion": lambda t: [
        repr(t.promote_types(t.bfloat16, other))
        for other in (t.float16, t.float32, t.float64, t.int64, t.bool, t.bfloat16)
    ],
    "result_type": lambda t: repr(t.result_type(of(t, 1.0), t.ones(2).half())),
    "finfo": lambda t: repr(t.finfo(t.bfloat16)),
    "finfo.bits": lambda t: (t.finfo(t.bfloat16).bits, t.finfo(t.bfloat16).max, t.finfo(t.bfloat16).tiny),
    "type": lambda t: (
        of(t, 1.0).type() if t is not minitorch or not minitorch.ones(1).is_cuda else "torch.BFloat16Tensor"
    ),
    "questions": lambda t: (
        of(t, 1.0).is_floating_point(),
        of(t, 1.0).is_signed(),
        of(t, 1.0).element_size(),
        of(t, 1.0, 2.0).nbytes,
        t.bfloat16.itemsize,
        t.bfloat16.is_floating_point,
        repr(t.bfloat16),
    ),
    "numbers": lambda t: (float(of(t, 1.1)[0]), int(of(t, 2.0)[0]), bool(of(t, 0.0)[0]), 1.0 in of(t, 1.0, 2.0)),
    "equal": lambda t: (
        t.equal(of(t, 1.0), of(t, 1.0)),
        t.allclose(of(t, 1.0), of(t, 1.0)),
        (of(t, 1.1) == 1.1).tolist(),
    ),
    "out": lambda t: t.add(of(t, 1.0), of(t, 2.0), out=t.empty(0, dtype=t.bfloat16)),
    "out of float32": lambda t: t.add(t.ones(1), t.ones(1) * 1.1, out=t.empty(1, dtype=t.bfloat16)),
    "copies": lambda t: (copy.deepcopy(of(t, 1.0)), pickle.loads(pickle.dumps(of(t, 1.0)))),
    "second derivative": lambda t: (
        lambda w: t.autograd.grad(t.autograd.grad((w**3).sum(), w, create_graph=True)[0].sum(), w)
    )(of(t, 1.0, 2.0).requires_grad_()),
    "two backward passes": lambda t: (lambda w: ((w * 2).sum().backward(), (w * 3).sum().backward(), w.grad)[2])(
        of(t, 1.0, 2.0).requires_grad_()
    ),
    "clipped": lambda t: (lambda w: ((w * 200).sum().backward(), t.nn.utils.clip_grad_norm_([w], 1.0), w.grad)[1:])(
        of(t, 1.0, 2.0).requires_grad_()
    ),
    "default": lambda t: (t.set_default_dtype(t.bfloat16), t.ones(1), t.tensor([1.5]), t.set_default_dtype(t.float32))[
        1:3
    ],
}


def comparable(value):
    if hasattr(value, "detach"):
        return repr(value.dtype), tuple(value.shape), value.requires_grad, value.detach().double().tolist()
    return [comparable(x) for x in value] if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize("name", SAME_AS_TORCH)
def test_as_torch(name):
    torch = pytest.importorskip("torch")
    assert comparable(SAME_AS_TORCH[name](minitorch)) == comparable(SAME_AS_TORCH[name](torch))


def test_printing():
    torch = pytest.importorskip("torch")
    with minitorch.device("cpu"):
        for values in ([1.5, -2.25, 1e10], [1.0, 2.0], [0.1, 100.0], [], [float("nan"), float("inf")]):
            assert repr(of(minitorch, *values)) == repr(of(torch, *values))
        assert repr(of(minitorch, 1.0).requires_grad_()) == repr(of(torch, 1.0).requires_grad_())
        assert f"{of(minitorch, 3.14)[0]:.2f}" == "3.14"


def test_random_numbers_have_the_type_and_stay_below_one():
    x = minitorch.rand(100_000, dtype=BF16)
    assert x.dtype is BF16 and x.max().item() < 1 and x.min().item() >= 0
    assert minitorch.rand_like(x).max().item() < 1
    for made in (minitorch.randn(3, dtype=BF16), minitorch.empty(3, dtype=BF16).normal_(), minitorch.randn_like(x)):
        assert made.dtype is BF16 and made.float().abs().sum() > 0
    for fill in (minitorch.nn.init.kaiming_uniform_, minitorch.nn.init.xavier_normal_, minitorch.nn.init.trunc_normal_):
        weight = minitorch.zeros(3, 4, dtype=BF16)
        assert fill(weight) is weight and weight.dtype is BF16 and bool((weight != 0).any())


def test_views_share_memory():
    x = of(minitorch, 1.0, 2.0, 3.0, 4.0)
    for view in (x[1:], x.view(2, 2), x.reshape(2, 2).T, x.unsqueeze(0), x.split(2)[1], x.detach(), x.expand(2, 4)):
        assert view.dtype is BF16
    x.view(2, 2)[1, 1] = 9.0
    assert x.tolist() == [1.0, 2.0, 3.0, 9.0]
    assert minitorch.nn.functional.dropout(x, training=False) is x
    assert x.to(BF16) is x and x.bfloat16() is x


# ---- what is refused


def test_numpy_has_no_such_numbers():
    x = of(minitorch, 1.0)
    for use in (x.cpu().numpy, lambda: np.asarray(x.cpu()), lambda: x.numpy(force=True)):
        with pytest.raises(TypeError, match="Got unsupported ScalarType BFloat16"):
            use()
    with pytest.raises(BufferError, match=r"tensors of bfloat16.*use \.float\(\) first"):
        x.__dlpack__()


def test_products_take_one_dtype():
    x, w = of(minitorch, 1.0, 2.0), minitorch.ones(3, 2)
    for use in (lambda: minitorch.nn.functional.linear(x, w), lambda: w @ x, lambda: minitorch.nn.Linear(2, 3)(x)):
        with pytest.raises(
            RuntimeError, match=r"operands of the same dtype, but got torch\.bfloat16 and torch\.float32"
        ):
            use()


def test_without_ml_dtypes(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    monkeypatch.setattr(BF16, "_found", None)
    for use in (
        lambda: minitorch.zeros(2, dtype=BF16),
        lambda: minitorch.ones(2).bfloat16(),
        lambda: minitorch.nn.Linear(2, 2).to(BF16),
        lambda: minitorch.autocast("cpu"),
    ):
        with pytest.raises(ImportError, match=r'pip install "minitorch-nd\[bfloat16\]"'):
            use()
    assert BF16.is_floating_point and BF16.itemsize == 2 and minitorch.finfo(BF16).eps == 2**-7
    assert minitorch.promote_types(BF16, minitorch.float16) is minitorch.float32


# ---- files


def test_files_keep_the_type(tmp_path):
    torch = pytest.importorskip("torch")
    x = of(minitorch, 1.0, 2.5, -3.0, 4.0).reshape(2, 2)
    for source, target in ((minitorch, minitorch), (minitorch, torch), (torch, minitorch)):
        tensor = of(source, 1.0, 2.5, -3.0, 4.0).reshape(2, 2)
        source.save({"x": tensor, "t": tensor.T, "dtype": source.bfloat16}, tmp_path / "x.pt")
        back = target.load(tmp_path / "x.pt", map_location="cpu")
        assert back["dtype"] is target.bfloat16
        assert back["x"].dtype is back["t"].dtype is target.bfloat16
        assert back["x"].tolist() == back["t"].T.tolist() == x.tolist()
        back["x"][0, 1] = 7.0
        assert back["t"][1, 0].item() == 7.0


def test_safetensors_keep_the_type(tmp_path):
    safetensors = pytest.importorskip("safetensors")
    from minitorch.serialization import load_safetensors, save_safetensors

    save_safetensors({"x": of(minitorch, 1.0, 2.5)}, tmp_path / "x.safetensors")
    back = load_safetensors(tmp_path / "x.safetensors")["x"]
    assert back.dtype is BF16 and back.tolist() == [1.0, 2.5]
    with safetensors.safe_open(tmp_path / "x.safetensors", framework="np") as file:
        assert file.get_slice("x").get_dtype() == "BF16"


def test_files_read_without_ml_dtypes(tmp_path, monkeypatch):
    minitorch.save([of(minitorch, 1.0, 2.5), BF16], tmp_path / "x.pt")
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    back, dtype = minitorch.load(tmp_path / "x.pt")
    assert back.dtype is dtype is minitorch.float32 and back.tolist() == [1.0, 2.5]


def test_the_stand_in_has_the_loops_of_cupy():
    if cupy_stand_in.is_installed():
        pytest.skip("it takes CuPy's place here")
    cupy = pytest.importorskip("cupy")
    for name, ours in ufuncs.ufuncs.items():
        theirs = getattr(cupy, name).types
        for wanted, results in ours.types:
            if wanted == "e" * ours.nin:
                there = f"{'E' * ours.nin}->{results.replace('e', 'E')}" in theirs
                assert there == (name not in ufuncs._NO_BFLOAT16), name
