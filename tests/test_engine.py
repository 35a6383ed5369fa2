"""The graph and the backward pass: accumulation, hooks, freeing, anomaly mode, threads."""

import gc
import threading
import weakref

import numpy as np
import pytest

import minitorch as torch


@pytest.fixture
def no_gc():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_gradients_accumulate_and_shared_inputs_sum():
    x = leaf(1.0, 2.0)
    y = x * x + x
    y.sum().backward()
    y2 = (x * 3).sum()
    y2.backward()
    assert x.grad.tolist() == [2 * 1 + 1 + 3, 2 * 2 + 1 + 3]


def test_grads_of_two_leaves_never_share_memory():
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (a + b).sum().backward()
    a.grad.zero_()
    assert b.grad.tolist() == [1.0, 1.0]
    g = torch.ones(2, dtype=torch.float64)
    a.grad = None
    (a * 1.0 + 0).backward(g)
    a.grad.add_(5.0)
    assert g.tolist() == [1.0, 1.0]


def test_backward_needs_a_scalar_or_a_gradient():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"scalar outputs.*reduce it first"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        (x * 2).backward(torch.ones(3))
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.ones(1).backward()
    assert x.grad is None
    (x * 2).backward(torch.tensor([1.0, 10.0]))
    assert x.grad.tolist() == [2.0, 20.0]


def test_second_backward_is_refused_unless_retained():
    x = leaf(2.0)
    y = x.exp()
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(RuntimeError, match=r"second time.*ExpBackward0.*retain_graph=True"):
        y.backward()


def test_saved_memory_goes_as_backward_passes(no_gc):
    x = torch.ones(100, requires_grad=True)
    y = x.exp()
    saved = weakref.ref(y._data)
    top = y.tanh().sum()
    del y
    assert saved() is not None
    freed_before_the_end = []
    x.register_hook(lambda g: freed_before_the_end.append(saved() is None))
    top.backward()
    assert freed_before_the_end == [True]


def test_inputs_limits_what_is_filled():
    a, b = leaf(1.0), leaf(2.0)
    y = (a * b).exp()
    y.backward(inputs=[a])
    assert b.grad is None and a.grad is not None
    with pytest.raises(RuntimeError, match="cannot be empty"):
        (a * b).backward(inputs=[])


def test_grad_of_intermediate_and_unused():
    a, b = leaf(1.0, 2.0), leaf(5.0, 5.0)
    mid = a * a
    out = (mid * 3).sum()
    g_mid, g_a = torch.autograd.grad(out, [mid, a], retain_graph=True)
    assert g_mid.tolist() == [3.0, 3.0] and g_a.tolist() == [6.0, 12.0]
    with pytest.raises(RuntimeError, match="not have been used"):
        torch.autograd.grad(out, [b], retain_graph=True)
    assert torch.autograd.grad(out, [b], retain_graph=True, allow_unused=True) == (None,)
    (zeros,) = torch.autograd.grad(out, [b], materialize_grads=True)
    assert zeros.tolist() == [0.0, 0.0]
    assert a.grad is None


def test_grad_of_root_itself():
    x = leaf(1.0, 2.0)
    y = x * 2
    (g,) = torch.autograd.grad(y, y, torch.ones(2, dtype=torch.float64))
    assert g.tolist() == [1.0, 1.0]


def test_higher_orders():
    x = leaf(2.0)
    g = x**4
    for expected in (4 * 8.0, 12 * 4.0, 24 * 2.0, 24.0):
        (g,) = torch.autograd.grad(g, x, create_graph=True)
        assert g.item() == pytest.approx(expected)
    x = leaf(2.0)
    (x**3).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    (g,) = torch.autograd.grad(x.grad, x)
    assert g.item() == pytest.approx(12.0)


def test_long_chains_need_no_recursion(no_gc):
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + x
    last = weakref.ref(y.grad_fn)
    y.backward()
    assert x.grad.item() == 100_001
    del y
    assert last() is None


@pytest.mark.parametrize(
    "program",
    [
        lambda x: (x * x).exp(),
        lambda x: x.tanh() * x.relu(),
        lambda x: (x * 1.0).exp_().mul_(2),
        lambda x: x.reshape(2, 1).expand(2, 3) * 2,
        lambda x: torch.autograd.grad((x**2).sum(), x, create_graph=True)[0],
    ],
)
def test_dropped_graph_is_freed_at_once(no_gc, program):
    x = leaf(1.0, 2.0)
    y = program(x)
    node = weakref.ref(y.grad_fn)
    tensor = weakref.ref(y)
    del y
    assert node() is None and tensor() is None


def test_tensor_hooks():
    x = leaf(1.0, 2.0)
    y = x * 3
    seen = []
    handle = y.register_hook(lambda g: seen.append(g.tolist()))
    y.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    y.sum().backward()
    assert seen == [[1.0, 1.0]] and x.grad.tolist() == [31.0, 31.0]
    handle.remove()
    x.grad = None
    (x * 2).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0] and len(seen) == 1
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        torch.ones(1).register_hook(print)
    x.register_hook(lambda g: "wrong")
    with pytest.raises(RuntimeError, match="hook must return"):
        (x * 2).sum().backward()


def test_leaf_hook_sees_the_whole_sum_once():
    x = leaf(1.0)
    seen = []
    x.register_hook(lambda g: seen.append(g.item()))
    x.register_post_accumulate_grad_hook(lambda t: seen.append(("grad", t.grad.item())))
    (x * 2 + x * 3).backward()
    assert seen == [5.0, ("grad", 5.0)]


def test_node_hooks_and_retain_grad():
    x = leaf(1.0, 2.0)
    y = x * 3
    y.retain_grad()
    z = y.sum()
    calls = []
    z.grad_fn.register_hook(lambda gin, gout: calls.append((gin[0].tolist(), gout[0].item())))
    z.backward()
    assert calls == [([1.0, 1.0], 1.0)] and y.grad.tolist() == [1.0, 1.0] and y.retains_grad
    with pytest.raises(RuntimeError, match="requires_grad=False"):
        torch.ones(1).retain_grad()


def test_graph_is_walked_by_next_functions():
    x, w = leaf(1.0), leaf(2.0)
    y = (x * w).exp()
    assert repr(y.grad_fn).startswith("<ExpBackward0 object at 0x")
    assert y.grad_fn.name() == "ExpBackward0"
    ((mul, index),) = y.grad_fn.next_functions
    assert mul.name() == "MulBackward0" and index == 0
    assert [n.name() for n, _ in mul.next_functions] == ["AccumulateGrad"] * 2
    assert mul.next_functions[1][0].variable is w
    assert x.grad_fn is None and x.is_leaf and not y.is_leaf


def test_saved_tensor_changed_in_place_raises():
    x = leaf(1.0, 2.0)
    y = x * 1.0
    z = y * y
    y.add_(1.0)
    with pytest.raises(RuntimeError, match=r"modified by an inplace operation.*is at version 1; expected version 0"):
        z.sum().backward()
    out = x.exp()
    out.mul_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        out.sum().backward()
    x.grad = None
    y = x * 1.0  # add saves nothing, so changing its input is harmless
    z = y + 2
    y.mul_(5.0)
    z.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_anomaly_mode_names_the_lines():
    x = leaf(1.0, 2.0)
    with torch.autograd.detect_anomaly():
        y = x * 1.0
        z = y * y  # saved here
        y.add_(1.0)  # changed here
        with pytest.raises(RuntimeError) as caught:
            z.sum().backward()
    message = str(caught.value)
    assert "z = y * y  # saved here" in message and "y.add_(1.0)  # changed here" in message


def test_anomaly_mode_finds_nan_and_its_forward_line():
    x = leaf(0.0)
    with torch.autograd.detect_anomaly():
        y = (x * 0) / x  # this line makes the NaN
        with pytest.raises(RuntimeError, match=r"DivBackward0' returned nan[\s\S]*this line makes the NaN"):
            y.sum().backward()
    assert not torch.autograd.is_anomaly_enabled()


def test_requires_grad_rules():
    with pytest.raises(RuntimeError, match="floating point"):
        torch.tensor([1]).requires_grad_()
    x = leaf(1.0)
    y = x * 2
    with pytest.raises(RuntimeError, match="leaf variables"):
        y.requires_grad_(False)
    assert not x.detach().requires_grad
    x.requires_grad = False
    assert not (x * 2).requires_grad
    with pytest.raises(RuntimeError, match="assigned grad has shape"):
        x.grad = torch.ones(3)
    with pytest.raises(TypeError, match="must be a Tensor"):
        x.grad = 1.0


def test_grad_modes():
    x = leaf(1.0)
    with torch.no_grad():
        assert not (x * 2).requires_grad
        with torch.enable_grad():
            assert (x * 2).requires_grad
    with torch.inference_mode():
        assert torch.is_inference_mode_enabled() and not (x * 2).requires_grad
    with torch.set_grad_enabled(False):
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()
    torch.set_grad_enabled(False)
    assert not torch.is_grad_enabled()
    torch.set_grad_enabled(True)

    @torch.no_grad()
    def bracketed():
        return torch.is_grad_enabled()

    @torch.no_grad
    def bare():
        return torch.is_grad_enabled()

    @torch.set_grad_enabled(False)
    def switched():
        return torch.is_grad_enabled()

    @torch.inference_mode
    def inference():
        return torch.is_grad_enabled()

    @torch.no_grad()
    def generator():
        yield torch.is_grad_enabled()
        yield torch.is_grad_enabled()

    assert not any(f() for f in (bracketed, bare, switched, inference))
    assert torch.is_grad_enabled()
    for inside in generator():
        assert not inside and torch.is_grad_enabled()
    with pytest.raises(ZeroDivisionError), torch.no_grad():
        1 / 0
    assert torch.is_grad_enabled()


def test_grad_mode_is_per_thread_and_backward_runs_in_several_threads():
    x = leaf(*np.linspace(0.1, 1.0, 20))
    results = [None] * 4

    def work(i):
        assert torch.is_grad_enabled()
        w = leaf(*np.linspace(0.1, 1.0, 20))
        y = w
        for _ in range(50):
            y = (y * x.detach()).tanh() + w
        y.sum().backward()
        results[i] = w.grad.tolist()

    with torch.no_grad():
        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    assert results[0] is not None and all(r == results[0] for r in results)


def test_backward_inside_backward():
    class Inner(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            with torch.enable_grad():
                again = x.detach().requires_grad_()
                (again**2).sum().backward()
            return g * again.grad

    x = leaf(3.0)
    (Inner.apply(x) * 2).backward()
    assert x.grad.item() == 12.0


def test_data_and_detach_share_memory():
    x = leaf(1.0, 2.0)
    version = x._version
    x.data[0] = 5.0
    assert x.tolist() == [5.0, 2.0] and x._version == version
    x.detach()[1] = 7.0
    assert x.tolist() == [5.0, 7.0] and x._version == version + 1
    x.data = torch.zeros(2, dtype=torch.float64)
    assert x.tolist() == [0.0, 0.0]


def test_grad_in_mixed_types_is_cast_back():
    a = torch.ones(2, requires_grad=True)
    b = torch.ones(2, 2, dtype=torch.float64, requires_grad=True)
    (a * b).sum().backward()
    assert a.grad.dtype is torch.float32 and a.grad.tolist() == [2.0, 2.0]
    assert b.grad.dtype is torch.float64
