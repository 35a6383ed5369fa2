"""autocast: which functions compute in which dtype, beside PyTorch's, and what a region is."""

import inspect
import threading
import types
import warnings

import numpy as np
import pytest
from precision_rows import ROWS, leaves

import minitorch
from minitorch.amp import op_lists


def kind():
    """The type of device that tests put tensors on."""
    return minitorch.get_default_device().type


# ---- which dtypes


@pytest.fixture
def bfloat16():
    """The dtype, where there is ml_dtypes."""
    pytest.importorskip("ml_dtypes")
    return minitorch.bfloat16


def under_autocast(library, function, arrays, given, lower, device):
    inputs = [library.tensor(x).to(getattr(library, given)) for x in arrays]
    with library.autocast(device, getattr(library, lower)):
        return leaves(function(library, *inputs))


@pytest.mark.parametrize("given", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ROWS)
@pytest.mark.usefixtures("bfloat16")
def test_types_and_values_are_pytorchs_on_a_cpu(name, given):
    torch = pytest.importorskip("torch")
    function, arrays = ROWS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's about functions that it will change
        theirs = under_autocast(torch, function, arrays, given, "bfloat16", "cpu")
    with minitorch.device("cpu"):
        ours = under_autocast(minitorch, function, arrays, given, "bfloat16", "cpu")
    assert [repr(x.dtype) for x in ours] == [repr(x.dtype) for x in theirs]
    for mine, expected in zip(ours, theirs):
        values = expected.double().numpy()
        np.testing.assert_allclose(mine.double().numpy(), values, rtol=2**-6, atol=2**-7 * np.abs(values).max())


#: a call for each kind of treatment, and its dtype for float32 and for 16-bit inputs on each type of device
X = [[1.0, 2.0], [3.0, 4.0]]
KINDS = {
    "linear": (lambda t, x: t.nn.functional.linear(x, x, x[0]), ("low", "low"), ("low", "low")),
    "matmul": (lambda t, x: x @ x, ("low", "low"), ("low", "low")),
    "conv1d": (lambda t, x: t.nn.functional.conv1d(x[None], x[None]), ("low", "low"), ("low", "low")),
    "layer": (lambda t, x: t.nn.Conv1d(2, 3, 1).to(x.dtype)(x[None]), ("low", "low"), ("low", "low")),
    "mv": (lambda t, x: t.mv(x, x[0]), ("full", "low"), ("low", "low")),
    "rnn": (lambda t, x: t.nn.LSTM(2, 3).to(x.dtype)(x)[0], ("low", "low"), ("low", "low")),
    "cell": (lambda t, x: t.nn.GRUCell(2, 3).to(x.dtype)(x), ("low", "low"), ("low", "low")),
    "mse_loss": (lambda t, x: t.nn.functional.mse_loss(x, x), ("full", "full"), ("full", "full")),
    "softmax": (lambda t, x: t.softmax(x, 1), ("full", "low"), ("full", "full")),
    "sum": (lambda t, x: x.sum(), ("full", "low"), ("full", "full")),
    "sum as float64": (lambda t, x: x.sum(dtype=t.float64), ("double", "double"), ("double", "double")),
    "exp": (lambda t, x: x.exp(), ("full", "low"), ("full", "full")),
    "pow": (lambda t, x: x**2, ("full", "low"), ("full", "full")),
    "1 / x": (lambda t, x: 1 / x, ("full", "low"), ("full", "full")),
    "layer_norm": (lambda t, x: t.nn.LayerNorm(2)(x), ("full", "low"), ("full", "full")),
    "batch_norm": (lambda t, x: t.nn.BatchNorm1d(2)(x), ("full", "low"), ("full", "low")),
    "relu": (lambda t, x: t.relu(x), ("full", "low"), ("full", "low")),
    "sum of two": (lambda t, x: x + x, ("full", "low"), ("full", "low")),
    "cat": (lambda t, x: t.cat([x, x.float()]), ("full", "full"), ("full", "full")),
    "addcmul": (lambda t, x: t.addcmul(x, x, x), ("full", "low"), ("full", "low")),
    "dot": (lambda t, x: t.dot(x[0], x[1].float()), ("full", None), ("full", "full")),
}


@pytest.mark.parametrize("low", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", KINDS)
def test_each_device_has_its_lists(name, low, stand_in):
    if low == "bfloat16":
        pytest.importorskip("ml_dtypes")
    function, *expected = KINDS[name]
    for device, results in zip(("cpu", "cuda"), expected):
        for given, result in zip(("float32", low), results):
            if result is None:
                continue
            dtype = {"low": low, "full": "float32", "double": "float64"}[result]
            with minitorch.device(device):
                x = minitorch.tensor(X, dtype=getattr(minitorch, given))
                with minitorch.autocast(device, getattr(minitorch, low)):
                    assert repr(function(minitorch, x).dtype) == f"torch.{dtype}", (device, given)


def test_the_lists_name_functions():
    found = {name for _, name, _ in op_lists.functions()}
    assert set(op_lists.policies()) <= found


def test_unsafe_losses_are_refused(stand_in):
    with minitorch.device("cuda"), minitorch.autocast("cuda"):
        p = minitorch.full((2,), 0.5)
        with pytest.raises(RuntimeError, match="unsafe to autocast"):
            minitorch.nn.functional.binary_cross_entropy(p, p)


# ---- regions


def product():
    """The dtype of a product."""
    x = minitorch.ones(2, 2)
    return (x @ x).dtype


def test_regions_nest():
    half, full = minitorch.float16, minitorch.float32
    assert product() is full
    with minitorch.autocast(kind(), half):
        assert product() is half and minitorch.is_autocast_enabled(kind())
        with minitorch.autocast(kind(), enabled=False):
            assert product() is full and not minitorch.is_autocast_enabled(kind())
            with minitorch.autocast(kind(), half):
                assert product() is half
            assert product() is full
        assert product() is half
        other = "cuda" if kind() == "cpu" else "cpu"
        assert not minitorch.is_autocast_enabled(other)
    assert product() is full and not minitorch.is_autocast_enabled(kind())
    with pytest.raises(ZeroDivisionError), minitorch.autocast(kind(), half):
        raise ZeroDivisionError
    assert product() is full


def test_decorated_functions_are_regions():
    @minitorch.autocast(kind(), dtype=minitorch.float16)
    def inside(depth):
        """What it says."""
        return [product(), *(inside(depth - 1) if depth else [])]

    assert inside(2) == [minitorch.float16] * 3 and inside.__doc__ == "What it says."
    assert product() is minitorch.float32


def test_names_imported_before_are_cast_too():
    from minitorch import matmul
    from minitorch.nn.functional import linear

    x = minitorch.ones(2, 2)
    with minitorch.autocast(kind(), minitorch.float16):
        for function in (linear, matmul, minitorch.Tensor.mm, minitorch.Tensor.__matmul__):
            assert function(x, x).dtype is minitorch.float16


def test_functions_are_themselves_again_afterwards():
    function = minitorch.nn.functional.linear
    code, signature = function.__code__, inspect.signature(function)
    with minitorch.autocast(kind(), minitorch.float16):
        assert function.__code__ is not code
        assert inspect.signature(function) == signature and function.__name__ == "linear"
        with pytest.raises(TypeError, match=r"^linear\(\) got an unexpected keyword argument 'scale'"):
            function(minitorch.ones(2, 2), minitorch.ones(2, 2), scale=2)
    assert function.__code__ is code


def test_other_threads_are_left_alone():
    seen = []
    with minitorch.autocast(kind(), minitorch.float16):
        thread = threading.Thread(target=lambda: seen.append(product()))
        with minitorch.device(kind()):
            thread.start()
            thread.join()
        assert product() is minitorch.float16
    assert seen == [minitorch.float32]


def test_other_types_and_devices_are_left_alone(stand_in):
    with minitorch.autocast("cpu", minitorch.float16):
        x = minitorch.ones(2, 2, dtype=minitorch.float64, device="cpu")
        assert (x @ x).dtype is minitorch.float64
        x = minitorch.ones(2, 2, device="cuda")
        assert (x @ x).dtype is minitorch.float32
        with minitorch.autocast("cuda", minitorch.float16):
            assert (x @ x).dtype is minitorch.float16
        out = minitorch.empty(2, 2, device="cpu")
        assert minitorch.mm(minitorch.ones(2, 2, device="cpu"), minitorch.ones(2, 2, device="cpu"), out=out) is out


def test_weights_are_cast_once_a_region():
    w, casts = minitorch.ones(2, 2, requires_grad=True), []

    def backward():
        """Uses the weight three times; counts its casts in the graph."""
        out = w @ w + minitorch.ones(2, 2) @ w
        nodes, seen = [out.grad_fn], set()
        while nodes:
            node = nodes.pop()
            if node is not None and node not in seen:
                seen.add(node)
                nodes += [following for following, _ in node.next_functions]
        casts.append(sum(node.name() == "ToCopyBackward0" for node in seen))
        out.sum().backward()

    with minitorch.autocast(kind(), minitorch.float16):
        assert minitorch.is_autocast_cache_enabled()
        backward()
        backward()  # whose graph begins with a new cast: the other one is used up
    expected = w.grad.clone() / 2
    w.grad = None
    with minitorch.autocast(kind(), minitorch.float16, cache_enabled=False):
        backward()
    assert casts == [1, 1, 3]
    assert w.grad.dtype is minitorch.float32 and w.grad.tolist() == expected.tolist() == [[6.0, 6.0], [6.0, 6.0]]


def test_a_weight_that_changes_is_cast_again():
    w, x = minitorch.ones(2, 2, requires_grad=True), minitorch.ones(2, 2)
    with minitorch.autocast(kind(), minitorch.float16):
        with minitorch.no_grad():
            assert (x @ w).tolist() == [[2.0, 2.0]] * 2
        (x @ w).sum().backward()  # not what was cast without a graph
        assert w.grad.tolist() == [[2.0, 2.0]] * 2
        with minitorch.no_grad():
            w.mul_(3)
        assert (x @ w).tolist() == [[6.0, 6.0]] * 2


def test_switches():
    before = minitorch.get_autocast_dtype(kind())
    minitorch.set_autocast_enabled(kind(), True)
    minitorch.set_autocast_dtype(kind(), minitorch.float16)
    minitorch.set_autocast_cache_enabled(False)
    try:
        assert product() is minitorch.float16 and not minitorch.is_autocast_cache_enabled()
    finally:
        minitorch.set_autocast_enabled(kind(), False)
        minitorch.set_autocast_dtype(kind(), before)
        minitorch.set_autocast_cache_enabled(True)
        minitorch.clear_autocast_cache()
    assert product() is minitorch.float32


def test_backward_in_and_out_of_the_region():
    gradients = []
    for inside in (True, False):
        net = minitorch.nn.Sequential(minitorch.nn.Linear(3, 4), minitorch.nn.Tanh(), minitorch.nn.Linear(4, 2))
        with minitorch.no_grad():
            for p in net.parameters():
                p.copy_(minitorch.linspace(-1, 1, p.numel()).reshape(p.shape))
        with minitorch.autocast(kind(), minitorch.float16):
            loss = net(minitorch.ones(5, 3)).softmax(1).square().sum()
            if inside:
                loss.backward()
        if not inside:
            loss.backward()
        gradients.append([p.grad.tolist() for p in net.parameters()])
        assert all(p.grad.dtype is minitorch.float32 for p in net.parameters())
    assert gradients[0] == gradients[1]


def test_a_checkpoint_is_computed_again_as_it_was():
    from minitorch.utils.checkpoint import checkpoint

    gradients = []
    for again in (False, True):
        w, seen = minitorch.linspace(-1, 1, 9).reshape(3, 3).requires_grad_(), []

        def part(x, w=w, seen=seen):
            seen.append((x @ w).dtype)
            return x @ w

        with minitorch.autocast(kind(), minitorch.float16):
            out = checkpoint(part, minitorch.ones(2, 3), use_reentrant=False) if again else part(minitorch.ones(2, 3))
        out.sum().backward()
        assert set(seen) == {minitorch.float16} and len(seen) == 1 + again
        gradients.append(w.grad.tolist())
    assert gradients[0] == gradients[1]


def test_autocast_that_can_do_nothing_is_disabled():
    with pytest.warns(UserWarning, match="target dtype is not supported"):
        region = minitorch.autocast("cpu", dtype=minitorch.float32)
    with region:
        assert not minitorch.is_autocast_enabled("cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        minitorch.autocast("cpu", dtype=minitorch.float32, enabled=False)


@pytest.mark.usefixtures("no_cupy")
def test_autocast_for_a_gpu_that_is_not_there():
    with pytest.warns(UserWarning, match="CUDA is not available. Disabling autocast"):
        region = minitorch.autocast("cuda")
    with region:
        assert not minitorch.is_autocast_enabled()
    with pytest.warns(FutureWarning, match=r"minitorch\.amp\.autocast\('cuda'"), pytest.warns(UserWarning):
        minitorch.cuda.amp.autocast()


def test_dtypes_and_devices():
    torch = pytest.importorskip("torch")
    for device in ("cpu", "cuda"):
        assert repr(minitorch.get_autocast_dtype(device)) == repr(torch.get_autocast_dtype(device))
        assert minitorch.amp.is_autocast_available(device) and torch.amp.is_autocast_available(device)
    for use in (minitorch.autocast, lambda x: minitorch.amp.custom_fwd(device_type=x), lambda x: custom_bwd(x)):
        with pytest.raises(ValueError, match="Expected `device_type` of type `str`"):
            use(3)
    with pytest.raises(RuntimeError, match="Expected one of"):
        minitorch.autocast("tpu")


def custom_bwd(device_type):
    return minitorch.amp.custom_bwd(device_type=device_type)


def test_the_names_of_before():
    with pytest.warns(FutureWarning, match=r"minitorch\.amp\.custom_fwd\(args\.\.\., device_type='cuda'\)"):
        forward = minitorch.cuda.amp.custom_fwd(lambda ctx, x: x + 1)
    with pytest.warns(FutureWarning, match=r"minitorch\.amp\.custom_bwd"):
        backward = minitorch.cuda.amp.custom_bwd(lambda ctx, g: g * 2)
    ctx = types.SimpleNamespace()
    assert forward(ctx, 1) == 2 and not ctx._fwd_used_autocast
    assert backward(ctx, 3) == 6


@pytest.mark.parametrize("cast_inputs", [None, "float32"])
def test_custom_functions(cast_inputs):
    seen = []

    class Product(minitorch.autograd.Function):
        @staticmethod
        @minitorch.amp.custom_fwd(device_type=kind(), cast_inputs=cast_inputs and getattr(minitorch, cast_inputs))
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            seen.append((x.dtype, (x @ w).dtype))
            return x @ w

        @staticmethod
        @minitorch.amp.custom_bwd(device_type=kind())
        def backward(ctx, g):
            x, w = ctx.saved_tensors
            seen.append((g.dtype, (g @ w.mT).dtype))
            return g @ w.mT, x.mT @ g

    half, full = minitorch.float16, minitorch.float32
    w = minitorch.ones(2, 2, requires_grad=True)
    x = minitorch.ones(2, 2, dtype=half if cast_inputs else full)
    with minitorch.autocast(kind(), half):
        out = Product.apply(x, w)
    out.sum().backward()
    assert w.grad.tolist() == [[2.0, 2.0]] * 2
    assert seen == ([(full, full), (full, full)] if cast_inputs else [(full, half), (half, half)])
    seen.clear()
    Product.apply(minitorch.ones(2, 2), w).sum().backward()
    assert seen == [(full, full), (full, full)]
