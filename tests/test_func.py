"""``minitorch.func`` against PyTorch's: derivatives, nested ones, batches, modules with parameters from outside."""

from __future__ import annotations

from typing import Any

import pytest
from rows import same

import minitorch

#: PyTorch warns about its own forward mode
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")

X = [[0.3, -0.7, 1.1], [0.5, 2.0, -1.3]]
Y = [0.4, 0.9, -0.2]


def leaves(result: Any) -> list:
    if isinstance(result, dict):
        return [(key, *leaves(part)) for key, part in result.items()]
    return [leaf for part in result for leaf in leaves(part)] if isinstance(result, (tuple, list)) else [result]


def compare(function: Any, *values: Any) -> None:
    torch = pytest.importorskip("torch")
    results = []
    for library in (minitorch, torch):
        results.append(function(library.func, library, *(library.tensor(v, dtype=library.float64) for v in values)))
    compared(*results)


def compared(ours: Any, theirs: Any) -> None:
    assert type(ours).__name__ == type(theirs).__name__
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        ours, theirs = tuple(ours.values()), tuple(theirs.values())
    if isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            compared(a, b)
    else:
        same(ours, theirs)
        if hasattr(theirs, "requires_grad"):
            assert ours.requires_grad == theirs.requires_grad


def smooth(x: Any) -> Any:
    return (x.exp() * x.sum()).sum()


def with_aux(x: Any) -> Any:
    return smooth(x), {"input": x * 2}


DERIVATIVES = [
    (lambda f, t, x: f.grad(smooth)(x), (X,)),
    (lambda f, t, x: f.grad(lambda p: (p["w"] * p["b"][0]).sum())({"w": x, "b": [x.sum()]}), (X,)),
    (lambda f, t, x, y: f.grad(lambda x, y: x.mv(y).exp().sum(), argnums=1)(x, y), (X, Y)),
    (lambda f, t, x, y: f.grad(lambda x, y: x.mv(y).exp().sum(), argnums=(1, -2))(x, y), (X, Y)),
    (lambda f, t, x: f.grad(with_aux, has_aux=True)(x), (X,)),
    (lambda f, t, x: f.grad_and_value(smooth)(x), (X,)),
    (lambda f, t, x: f.grad_and_value(with_aux, has_aux=True)(x), (X,)),
    (lambda f, t, x: f.grad(lambda x: t.ones((), dtype=x.dtype))(x), (X,)),
    (lambda f, t, x: f.grad(lambda x: f.grad(smooth)(x).pow(2).sum())(x), (Y,)),
    (lambda f, t, x: f.grad(f.grad(f.grad(lambda x: x**4)))(x.sum()), (Y,)),
    (lambda f, t, x, y: f.grad(lambda y: (f.grad(lambda x: (x**2).sum() * y.sum())(x) * y).sum())(y), (Y, Y)),
    (lambda f, t, x: f.grad(lambda x, scale=1.0: (x * scale).sum())(x, scale=3.0), (X,)),
    (lambda f, t, x, y: f.vjp(lambda x, y: x * y, x, y)[1](x), (X, Y)),
    (lambda f, t, x: f.vjp(lambda x: {"a": x.exp(), "b": x.sum()}, x)[1]({"a": x, "b": x.sum()}), (X,)),
    (lambda f, t, x: f.vjp(with_aux, x, has_aux=True)[2], (X,)),
    (lambda f, t, x, y: f.jvp(lambda x, y: (x * y, x.sum()), (x, y), (x + 1, y)), (X, Y)),
    (lambda f, t, x: f.jvp(with_aux, (x,), (x,), has_aux=True), (X,)),
    (lambda f, t, x: f.jacrev(lambda x: x.exp().sum(0))(x), (X,)),
    (lambda f, t, x: f.jacfwd(lambda x: x.exp().sum(0))(x), (X,)),
    (lambda f, t, x, y: f.jacrev(lambda x, y: (x.mv(y), x.sum()), argnums=(0, 1))(x, y), (X, Y)),
    (lambda f, t, x, y: f.jacfwd(lambda x, y: (x.mv(y), x.sum()), argnums=(0, 1))(x, y), (X, Y)),
    (lambda f, t, x: f.jacrev(lambda x: (x.sin(), x), has_aux=True)(x), (Y,)),
    (lambda f, t, x: f.jacfwd(lambda x: (x.sin(), x), has_aux=True)(x), (Y,)),
    (lambda f, t, x: f.jacfwd(f.jacrev(lambda x: x.exp() * x.sum()))(x), (Y,)),
    (lambda f, t, x: f.jacrev(f.jacfwd(lambda x: x.exp() * x.sum()))(x), (Y,)),
    (lambda f, t, x: f.hessian(smooth)(x), (X,)),
    (lambda f, t, x, y: f.hessian(lambda x, y: x.mv(y).exp().sum(), argnums=(0, 1))(x, y), (X, Y)),
    (lambda f, t, x: f.jvp(f.grad(smooth), (x,), (x,)), (X,)),
    (lambda f, t, x: f.vmap(f.grad(smooth))(x), (X,)),
    (lambda f, t, x: f.grad(lambda x: f.vmap(lambda row: row.prod())(x).sum())(x), (X,)),
    (lambda f, t, x: f.vmap(f.jacrev(lambda x: x.exp() * x.sum()))(x), (X,)),
]


@pytest.mark.parametrize("row", DERIVATIVES, ids=range(len(DERIVATIVES)))
def test_derivatives(row: tuple) -> None:
    compare(row[0], *row[1])


def outside(library: Any) -> tuple:
    f = library.func
    x = library.tensor(Y, dtype=library.float64, requires_grad=True)
    w = library.tensor(Y, dtype=library.float64, requires_grad=True)
    loss = f.grad(lambda v: (v**3 * w).sum())(x).sum()
    loss = loss + f.jacrev(lambda v: v.exp() * w)(x).sum()
    loss = loss + f.vjp(lambda v: v**2 * w, x)[1](w)[0].sum()
    loss = loss + f.jvp(lambda v: v**2 * w, (x,), (w,))[1].sum()
    loss.backward()
    with library.no_grad():
        inside = f.grad(lambda v: (v**3 * w).sum())(x)
    assert not inside.requires_grad
    return x.grad, w.grad, inside


def test_derivatives_go_on_in_the_graph_outside() -> None:
    torch = pytest.importorskip("torch")
    found = [outside(library) for library in (minitorch, torch)]
    for a, b in zip(*found):
        same(a, b)


BATCHES = [
    (lambda f, t, x: f.vmap(lambda row: row.sum())(x), (X,)),
    (lambda f, t, x: f.vmap(lambda column: column.sum(), in_dims=1)(x), (X,)),
    (lambda f, t, x: f.vmap(lambda column: column.exp(), in_dims=-1, out_dims=1)(x), (X,)),
    (lambda f, t, x, y: f.vmap(lambda row, y: (row * y, row.dot(y)), in_dims=(0, None))(x, y), (X, Y)),
    (lambda f, t, x, y: f.vmap(lambda row, y: (row * y, row.dot(y)), (0, None), (1, 0))(x, y), (X, Y)),
    (lambda f, t, x: f.vmap(lambda d: {"s": d["a"] + d["b"][0]})({"a": x, "b": (x,)}), (X,)),
    (lambda f, t, x: f.vmap(lambda d: d["a"] + d["b"], in_dims=({"a": 0, "b": None},))({"a": x, "b": x[0]}), (X,)),
    (lambda f, t, x: f.vmap(f.vmap(lambda value: value * 2))(x), (X,)),
    (lambda f, t, x: f.vmap(lambda row, scale: row * scale)(x, scale=x[0]), (X,)),
    (lambda f, t, x: f.vmap(lambda row: row.sum(), chunk_size=1)(x), (X,)),
    (lambda f, t, x: f.vmap(lambda row: (row, 3), out_dims=(0, None))(x), (X,)),
]


@pytest.mark.parametrize("row", BATCHES, ids=range(len(BATCHES)))
def test_batches(row: tuple) -> None:
    compare(row[0], *row[1])


REFUSED = [
    (lambda f, t: f.vmap(smooth)(1), "Tensor"),
    (lambda f, t: f.vmap(smooth)(), "no inputs"),
    (lambda f, t: f.vmap(smooth, in_dims=None)(t.ones(2)), "in_dims"),
    (lambda f, t: f.vmap(lambda x, y: x, in_dims=(None, None))(t.ones(2), t.ones(2)), "in_dim"),
    (lambda f, t: f.vmap(lambda x, y: x)(t.ones(2), t.ones(3)), "same size"),
    (lambda f, t: f.vmap(lambda x, y: x, in_dims=(0, 0, 0))(t.ones(2), t.ones(3)), "structure"),
    (lambda f, t: f.vmap(smooth, in_dims=2)(t.ones(2)), "in_dim=2"),
    (lambda f, t: f.vmap(lambda x: 1)(t.ones(2)), "only return Tensors"),
    (lambda f, t: f.vmap(lambda x: x, out_dims=(0, 0))(t.ones(2)), "out_dims"),
    (lambda f, t: f.vmap(smooth, out_dims=2)(t.ones(2)), "out of range"),
    (lambda f, t: f.vmap(smooth, chunk_size=0)(t.ones(2)), "chunk_size"),
    (lambda f, t: f.vmap(smooth, randomness="x")(t.ones(2)), "randomness"),
    (lambda f, t: f.vmap(lambda x: t.rand(2))(t.ones(2)), "random"),
    (lambda f, t: f.grad(lambda x: x * 2)(t.ones(2)), "scalar"),
    (lambda f, t: f.grad(lambda x: 2)(t.ones(2)), "Tensor"),
    (lambda f, t: f.grad(lambda x: x, argnums=1)(t.ones(2)), "argnum=1"),
    (lambda f, t: f.grad(lambda x, y: x, argnums=(0, 0))(t.ones(2), t.ones(2)), "unique"),
    (lambda f, t: f.grad(smooth)(t.ones(2, dtype=t.int64)), "floating"),
    (lambda f, t: f.grad(lambda x: (x.sum(), 1))(t.ones(2)), "Tensor"),
    (lambda f, t: f.grad(lambda x: x.sum(), has_aux=True)(t.ones(2)), "aux"),
    (lambda f, t: f.grad(smooth)(3.0), "Tensor"),
    (lambda f, t: f.jvp(smooth, (t.ones(2),), (t.ones(3),)), "shape"),
    (lambda f, t: f.jvp(smooth, t.ones(2), t.ones(2)), "tuple"),
    (lambda f, t: f.jacrev(lambda x: 2)(t.ones(2)), "Tensor"),
    (lambda f, t: f.jacrev(smooth, chunk_size=-1)(t.ones(2)), "chunk_size"),
    (lambda f, t: f.vjp(smooth, t.ones(2))[1](t.ones(2)), "shape"),
]


@pytest.mark.parametrize("row", REFUSED, ids=range(len(REFUSED)))
def test_refused(row: tuple) -> None:
    call, match = row
    with pytest.raises(Exception, match=match) as ours:
        call(minitorch.func, minitorch)
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as theirs:
        call(torch.func, torch)
    assert ours.type is theirs.type


def test_random_numbers_in_batches() -> None:
    x = minitorch.zeros(3)
    minitorch.manual_seed(1)
    first = minitorch.func.vmap(lambda v: v + minitorch.rand(()), randomness="same")(x)
    assert first.unique().numel() == 1
    assert minitorch.func.vmap(lambda v: v + minitorch.rand(()), randomness="different")(x).unique().numel() == 3
    minitorch.rand(1)
    assert minitorch.func.vmap(lambda v: v + minitorch.rand(()), randomness="same")(x).unique().numel() == 1
    assert minitorch.func.vmap(lambda v: v + 1)(x).tolist() == [1.0] * 3


def test_a_batch_without_examples_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="at least one"):
        minitorch.func.vmap(smooth)(minitorch.ones(0, 2))


# ---- modules


class Tied(minitorch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = minitorch.nn.Linear(2, 2, bias=False)
        self.b = minitorch.nn.Linear(2, 2, bias=False)
        self.b.weight = self.a.weight

    def forward(self, x: Any) -> Any:
        return self.b(self.a(x))


def test_a_module_is_called_with_other_tensors() -> None:
    net = minitorch.nn.Sequential(minitorch.nn.Linear(2, 3), minitorch.nn.BatchNorm1d(3))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    own = dict(net.named_parameters())
    given = {name: (value.detach() + 1).requires_grad_() for name, value in own.items()}
    stats = {name: value.clone() for name, value in net.named_buffers()}
    x = minitorch.randn(4, 2)
    minitorch.func.functional_call(net, (given, stats), x).pow(2).sum().backward()
    assert all(value.grad is not None for value in given.values())
    assert all(value.grad is None for value in own.values())
    assert stats["1.num_batches_tracked"].item() == 1
    for name, value in net.state_dict().items():
        assert minitorch.equal(value, before[name])
    assert dict(net.named_parameters())["0.weight"] is own["0.weight"]
    with pytest.raises(RuntimeError, match="must be 5"):
        minitorch.func.functional_call(net, {"0.weight": minitorch.ones(3, 5)}, (x,))
    assert dict(net.named_parameters())["0.weight"] is own["0.weight"]


def test_tied_parameters_are_replaced_together() -> None:
    net, eye, x = Tied(), minitorch.eye(2), minitorch.ones(1, 2)
    assert minitorch.func.functional_call(net, {"a.weight": 2 * eye}, x).tolist() == [[4.0, 4.0]]
    alone = minitorch.func.functional_call(net, {"a.weight": 2 * eye}, x, tie_weights=False)
    assert minitorch.allclose(alone, net.b(2 * x))
    with pytest.raises(ValueError, match="tied"):
        minitorch.func.functional_call(net, {"a.weight": eye, "b.weight": 2 * eye}, x)
    assert net.a.weight is net.b.weight


def test_names_and_types_of_replacements() -> None:
    layer, x = minitorch.nn.Linear(2, 1), minitorch.ones(2)
    call = minitorch.func.functional_call
    with pytest.raises(RuntimeError, match=r"missing keys .'bias'.*'foo'"):
        call(layer, {"weight": minitorch.ones(1, 2), "foo": x}, x, strict=True)
    with pytest.raises(TypeError, match="not an instance"):
        call(layer, {"weight": 3}, x)
    with pytest.raises(ValueError, match="multiple"):
        call(layer, [{"weight": minitorch.ones(1, 2)}] * 2, x)
    with pytest.raises(ValueError, match="expected a dict"):
        call(layer, 3, x)
    assert call(layer, {}, kwargs={"input": x}).shape == (1,)


def test_ensembles() -> None:
    models = [minitorch.nn.Linear(3, 2) for _ in range(4)]
    params, buffers = minitorch.func.stack_module_state(models)
    assert params["bias"].is_leaf and params["bias"].requires_grad and buffers == {}
    x = minitorch.randn(5, 3)
    all_at_once = minitorch.func.vmap(
        lambda p, b, x: minitorch.func.functional_call(models[0], (p, b), (x,)), in_dims=(0, 0, None)
    )(params, buffers, x)
    for one, model in zip(all_at_once, models):
        assert minitorch.allclose(one, model(x), atol=1e-6)
    for wrong in ([], [models[0], minitorch.nn.Linear(3, 2).eval()], [models[0], minitorch.nn.ReLU()]):
        with pytest.raises(RuntimeError, match="expected"):
            minitorch.func.stack_module_state(wrong)


def test_gradients_of_each_example() -> None:
    """The per-sample gradients that func is mostly used for."""
    net = minitorch.nn.Linear(3, 1).double()
    params = {name: value.detach() for name, value in net.named_parameters()}
    x, y = minitorch.randn(4, 3, dtype=minitorch.float64), minitorch.randn(4, 1, dtype=minitorch.float64)

    def loss(params: dict, x: Any, y: Any) -> Any:
        return (minitorch.func.functional_call(net, params, (x,)) - y).square().sum()

    each = minitorch.func.vmap(minitorch.func.grad(loss), in_dims=(None, 0, 0))(params, x, y)
    (net(x) - y).square().sum().backward()
    for name, value in net.named_parameters():
        assert each[name].shape == (4, *value.shape)
        assert minitorch.allclose(each[name].sum(0), value.grad)
