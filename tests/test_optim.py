"""Optimizers: their numbers beside PyTorch's, groups, closures, hooks."""

import tracemalloc

import numpy as np
import pytest
from optim_rows import OPTIONS, ROWS, close, leaves, made, run, same_state, stepped

import minitorch as torch
from minitorch.backend.primitives import forget_replacements, optim_parts


def test_every_optimizer_is_in_the_table():
    assert set(OPTIONS) | {"LBFGS", "Optimizer"} == set(torch.optim.__all__)


@pytest.mark.parametrize(("name", "options"), ROWS)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-11), ("float32", 2e-5)])
def test_numbers_and_state_are_pytorchs(name, options, dtype, tolerance):
    reference = pytest.importorskip("torch")
    ours, mine = run(torch, name, options, dtype, 20)
    theirs, other = run(reference, name, options, dtype, 20)
    for a, b in zip(ours, theirs):
        assert a.dtype == b.dtype
        close(a, b, tolerance)
    same_state(mine.state_dict(), other.state_dict(), tolerance)
    assert repr(mine) == repr(other)


@pytest.mark.parametrize(("name", "options"), [("SGD", OPTIONS["SGD"][3]), ("AdamW", OPTIONS["AdamW"][1])])
def test_float16_keeps_its_dtype_and_stays_near_pytorchs(name, options):
    reference = pytest.importorskip("torch")
    # Not from step 0, whose gradient of zeros makes NaN of PyTorch's float16: there ε is rounded to zero.
    ours, _ = run(torch, name, options, "float16", 4, first=1)
    theirs, _ = run(reference, name, options, "float16", 4, first=1)
    for a, b in zip(ours, theirs):
        assert a.dtype == b.dtype == np.float16
        close(a.astype(np.float64), b.astype(np.float64), 1e-2)


@pytest.mark.parametrize("name", OPTIONS)
def test_float16_does_not_divide_by_zero(name):
    w = torch.ones(3, dtype=torch.float16, requires_grad=True)
    optimizer = getattr(torch.optim, name)([w])
    for gradient in ([0.0, 1e-7, 1.0], [0.0, 0.0, 1.0]):
        w.grad = torch.tensor(gradient, dtype=torch.float16)
        optimizer.step()
    assert np.isfinite(w.detach().numpy()).all()


@pytest.fixture
def portable(monkeypatch):
    """Compiled steps take whole arrays, and round in their own way."""
    monkeypatch.setenv("MINITORCH_NUMBA", "0")
    forget_replacements()
    yield
    forget_replacements()


@pytest.mark.usefixtures("portable")
@pytest.mark.parametrize(("name", "options"), ROWS)
def test_large_strided_and_float16_parameters_step_as_their_parts_do(name, options, monkeypatch):
    """An element's step depends on that element alone, however the arrays lie in memory and are cut."""
    rng = np.random.default_rng(1)
    values, gradients = rng.standard_normal((13, 11)), rng.standard_normal((4, 13, 11))

    def trained(layout, dtype):
        data = layout(torch.tensor(values, dtype=dtype))
        data.requires_grad_()
        optimizer = getattr(torch.optim, name)([data], **options)
        for k, gradient in enumerate(gradients):
            g = torch.tensor(gradient, dtype=dtype)
            data.grad = g.t().contiguous().t() if k % 2 else g
            optimizer.step()
        return data.detach().numpy()

    layouts = {
        "contiguous": lambda t: t,
        "columns": lambda t: t.t().contiguous().t().detach(),
        "strided": lambda t: torch.zeros(26, 22, dtype=t.dtype)[::2, ::2].detach().copy_(t),
    }
    for dtype in (torch.float64, torch.float16):
        expected = trained(layouts["contiguous"], dtype)
        with monkeypatch.context() as patch:
            patch.setattr(optim_parts, "_PART", 10)
            for layout in layouts.values():
                np.testing.assert_array_equal(trained(layout, dtype), expected)


@pytest.fixture
def one_thread():
    """No thread beside the test's own that compiles or allocates meanwhile."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("name", "options"), ROWS)
def test_a_step_allocates_nothing_that_grows_with_the_parameters(name, options):
    w = torch.ones(300_000, device="cpu", requires_grad=True)
    w.grad = torch.full((300_000,), 0.5, device="cpu")
    optimizer = getattr(torch.optim, name)([w], **options)
    optimizer.step()
    data, gradient = w._data, w.grad._data
    tracemalloc.start()
    try:
        optimizer.step()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000  # bytes, where a copy of the parameter would have 1,200,000
    assert w._data is data and w.grad._data is gradient
    assert (gradient == 0.5).all()


def test_learning_rate_and_betas_may_be_tensors_and_numpy_numbers():
    for name, options in ROWS:
        if options.get("foreach"):
            continue
        plain = leaves(torch, "float32")
        wrapped = leaves(torch, "float32")
        stepped(torch, plain, getattr(torch.optim, name)(plain, **{**options, "lr": 0.25}), "float32", 3)
        given = {**options, "lr": torch.tensor(0.25)}
        if name.startswith("Adam") and name != "Adamax":
            given["betas"] = tuple(torch.tensor(b, dtype=torch.float64) for b in options.get("betas", (0.9, 0.999)))
        optimizer = getattr(torch.optim, name)(wrapped, **given)
        optimizer.param_groups[0]["maximize"] = np.bool_(optimizer.param_groups[0]["maximize"])
        stepped(torch, wrapped, optimizer, "float32", 2)
        optimizer.param_groups[0]["lr"] = np.float64(0.25)
        stepped(torch, wrapped, optimizer, "float32", 1, first=2)
        for a, b in zip(plain, wrapped):
            np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


def test_groups_have_their_own_options_and_default_to_the_others():
    a, b, c = (torch.ones(1, requires_grad=True) for _ in range(3))
    optimizer = torch.optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1)
    optimizer.add_param_group({"params": (x for x in [c]), "maximize": True})
    for p in (a, b, c):
        p.grad = torch.ones(1)
    optimizer.step()
    assert [round(p.item(), 6) for p in (a, b, c)] == [0.9, 0.5, 1.1]
    assert [len(group["params"]) for group in optimizer.param_groups] == [1, 1, 1]


def test_named_parameters():
    reference = pytest.importorskip("torch")
    reprs = []
    for library in (torch, reference):
        net = library.nn.Linear(2, 1)
        optimizer = library.optim.SGD(net.named_parameters(), lr=0.1)
        assert optimizer.param_groups[0]["params"] == [net.weight, net.bias] or library is torch
        assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]
        with pytest.raises(ValueError, match="with/without names"):
            optimizer.add_param_group({"params": [library.ones(1, requires_grad=True)]})
        with pytest.raises(ValueError, match="Some param names are missing"):
            optimizer.add_param_group({"params": [("a", library.ones(1)), library.ones(1)]})
        reprs.append(repr(optimizer))
    assert reprs[0] == reprs[1]


def test_closure_runs_with_gradients_and_its_loss_is_returned():
    w = torch.tensor([2.0], requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.25)

    def closure():
        assert torch.is_grad_enabled()
        optimizer.zero_grad()
        loss = (w**2).sum()
        loss.backward()
        return loss

    with torch.no_grad():
        assert optimizer.step(closure).item() == 4.0
        assert not torch.is_grad_enabled()
    assert w.item() == 1.0
    assert optimizer.step() is None


def test_zero_grad():
    w = torch.tensor([2.0], requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.25, momentum=0.9)
    (w**2).sum().backward(create_graph=True)
    assert w.grad.requires_grad
    optimizer.zero_grad(set_to_none=False)
    assert w.grad.tolist() == [0.0] and not w.grad.requires_grad
    optimizer.step()
    assert w.item() == 2.0 and list(optimizer.state) == [w]
    optimizer.zero_grad()
    assert w.grad is None
    optimizer.step()
    assert w.item() == 2.0


def test_a_step_is_an_in_place_change():
    """Autograd notices when a graph needs the value from before the step."""
    w = torch.tensor([2.0], requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)
    loss = (w**2).sum()
    version = w._version
    w.grad = torch.ones(1)
    optimizer.step()
    assert w._version == version + 1 and w.is_leaf and w.requires_grad
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_duplicates_are_stepped_twice_and_warned_about():
    w = torch.ones(1, requires_grad=True)
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optimizer = torch.optim.SGD([w, w], lr=0.25)
    w.grad = torch.ones(1)
    optimizer.step()
    assert w.item() == 0.5
    assert optimizer.state_dict()["param_groups"][0]["params"] == [0, 0]


def test_hooks():
    w = torch.ones(1, requires_grad=True)
    seen = []

    class Twice(torch.optim.SGD):
        def step(self, closure=None):
            super().step()
            return super().step(closure)

    optimizer = Twice([w], lr=0.25)
    w.grad = torch.ones(1)
    everywhere = torch.optim.optimizer.register_optimizer_step_post_hook(lambda o, args, kwargs: seen.append("global"))
    before = optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append((o, args, kwargs)))
    after = optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append("after"))
    optimizer.step(closure=None)
    assert seen == [(optimizer, (optimizer,), {"closure": None}), "after", "global"]
    assert w.item() == 0.5
    for handle in (everywhere, before, after):
        handle.remove()
    optimizer.step()
    assert len(seen) == 3

    optimizer.register_step_pre_hook(lambda o, args, kwargs: (args, {"closure": lambda: 7.0}))
    assert optimizer.step() == 7.0
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    before = w.item()
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        optimizer.step()
    assert w.item() == before
    with pytest.raises(TypeError, match="callable"):
        optimizer.register_step_post_hook(None)


def test_an_optimizer_of_ones_own():
    class Descent(torch.optim.Optimizer):
        def __init__(self, params, lr=torch.optim.optimizer.required):
            super().__init__(params, {"lr": lr})

        @torch.no_grad()
        def step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    state = self.state[p]
                    state["step"] = state.get("step", 0) + 1
                    p.add_(p.grad, alpha=-group["lr"])

    w = torch.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="required optimization parameter lr"):
        Descent([w])
    optimizer = Descent([w], lr=0.5)
    w.sum().backward()
    optimizer.step()
    assert w.tolist() == [0.5, 0.5]
    other = Descent([torch.ones(2, requires_grad=True)], lr=1.0)
    other.load_state_dict(optimizer.state_dict())
    assert (
        other.state_dict()
        == optimizer.state_dict()
        == {
            "state": {0: {"step": 1}},
            "param_groups": [{"lr": 0.5, "params": [0]}],
        }
    )
    with pytest.raises(NotImplementedError):
        torch.optim.Optimizer([w], {}).step()


# ---- LBFGS


def rosenbrock(x):
    return ((1 - x[:-1]) ** 2).sum() + (100 * (x[1:] - x[:-1] ** 2) ** 2).sum()


@pytest.mark.parametrize(
    "options",
    [
        {"lr": 0.001},
        {"line_search_fn": "strong_wolfe"},
        {"line_search_fn": "strong_wolfe", "lr": 0.3, "history_size": 3, "max_iter": 7},
        {"lr": 0.05, "max_iter": 5, "history_size": 2},
        {"line_search_fn": "strong_wolfe", "max_iter": 4, "max_eval": 5},
        {"line_search_fn": "strong_wolfe", "lr": 2.0, "max_eval": 2},
    ],
)
def test_lbfgs_is_pytorchs(options):
    reference = pytest.importorskip("torch")
    results = []
    for library in (torch, reference):
        a = made(library, [-1.2, 1.0, 0.5], "float64").requires_grad_()
        b = made(library, [[2.0, -0.3]], "float64").requires_grad_()
        unused = made(library, [1.0], "float64").requires_grad_()
        optimizer = library.optim.LBFGS([a, b, unused], **options)

        def closure(a=a, b=b, optimizer=optimizer, library=library):
            assert library.is_grad_enabled()
            optimizer.zero_grad()
            loss = rosenbrock(library.cat([a, b.reshape(-1)]))
            loss.backward()
            return loss

        losses = [optimizer.step(closure).item() for _ in range(6)]
        results.append((losses, a.tolist() + b.tolist()[0], optimizer.state_dict()))
    (ours, mine, state), (theirs, other, expected) = results
    close(ours, theirs, 1e-9)
    close(mine, other, 1e-9)
    assert ours[-1] <= ours[0]
    state, expected = state["state"][0], expected["state"][0]
    assert set(state) == set(expected)
    assert (state["func_evals"], state["n_iter"]) == (expected["func_evals"], expected["n_iter"])
    for name in ("d", "prev_flat_grad", "H_diag"):
        close(np.asarray(state[name]), np.asarray(expected[name]), 1e-6)
    for name in ("old_dirs", "old_stps", "ro"):
        assert len(state[name]) == len(expected[name])


def test_lbfgs_stops_at_a_minimum_and_refuses():
    w = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.LBFGS([w])
    calls = []

    def closure():
        calls.append(1)
        optimizer.zero_grad()
        loss = (w**2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert len(calls) == 1 and optimizer.state[w] == {"func_evals": 1, "n_iter": 0}
    optimizer.param_groups[0]["line_search_fn"] = "bisection"
    with pytest.raises(RuntimeError, match="strong_wolfe"):
        optimizer.step(closure)
    assert len(calls) == 1
    with pytest.raises(ValueError, match="parameter groups"):
        torch.optim.LBFGS([{"params": [w]}, {"params": [torch.ones(1)]}])
    with pytest.raises(ValueError, match="Invalid learning rate: -1"):
        torch.optim.LBFGS([w], lr=-1)
