"""Parametrizations and the older hooks against PyTorch's: keys, representation, values, gradients."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from rows import floats, same

import minitorch
from minitorch.nn.utils import parametrize


def doubling(library: Any) -> Any:
    class Double(library.nn.Module):
        def forward(self, x: Any) -> Any:
            return x * 2

        def right_inverse(self, x: Any) -> Any:
            return x / 2

    return Double()


def symmetric(library: Any) -> Any:
    class Symmetric(library.nn.Module):
        def forward(self, x: Any) -> Any:
            return x.triu() + x.triu(1).mT

    return Symmetric()


def register(library: Any, layer: Any, *parts: Any, name: str = "weight", **kwargs: Any) -> Any:
    for part in parts:
        library.nn.utils.parametrize.register_parametrization(layer, name, part(library), **kwargs)
    return layer


def twins(make: Any) -> tuple:
    """The same module of both libraries, with PyTorch's state."""
    torch = pytest.importorskip("torch")
    ours, theirs = make(minitorch), make(torch)
    assert repr(ours) == repr(theirs)
    state = {key: minitorch.tensor(value.numpy()) for key, value in theirs.state_dict().items()}
    assert list(ours.state_dict()) == list(state)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    ours.load_state_dict(state)
    return ours, theirs


def follow(ours: Any, theirs: Any, *shape: int, tolerance: float = 1e-9) -> None:
    torch = pytest.importorskip("torch")
    values = floats(*shape).tolist()
    results = []
    for library, module in ((minitorch, ours), (torch, theirs)):
        out = module(library.tensor(values, dtype=library.float64))
        out = out[0] if isinstance(out, tuple) else out
        out.pow(2).sum().backward()
        results.append([out, *(p.grad for p in module.parameters()), *module.state_dict().values()])
    for a, b in zip(*results):
        same(a, b, tolerance)


ROWS = [
    (lambda t: register(t, t.nn.Linear(3, 3).double(), symmetric), (4, 3)),
    (lambda t: register(t, t.nn.Linear(3, 3).double(), doubling, symmetric), (4, 3)),
    (lambda t: register(t, register(t, t.nn.Linear(3, 3).double(), doubling), doubling, name="bias"), (4, 3)),
    (lambda t: t.nn.utils.parametrizations.weight_norm(t.nn.Linear(3, 2).double()), (4, 3)),
    (lambda t: t.nn.utils.parametrizations.weight_norm(t.nn.Conv2d(2, 3, 2).double(), dim=1), (1, 2, 4, 4)),
    (lambda t: t.nn.utils.parametrizations.weight_norm(t.nn.Linear(3, 2).double(), dim=None), (4, 3)),
    (lambda t: t.nn.utils.parametrizations.weight_norm(t.nn.LSTM(3, 2).double(), "weight_hh_l0"), (4, 1, 3)),
    (lambda t: t.nn.utils.parametrizations.spectral_norm(t.nn.Linear(3, 2).double()), (4, 3)),
    (lambda t: t.nn.utils.parametrizations.spectral_norm(t.nn.Linear(3, 2).double(), "bias"), (4, 3)),
    (lambda t: t.nn.utils.parametrizations.spectral_norm(t.nn.ConvTranspose2d(2, 3, 2).double()), (1, 2, 3, 3)),
    (lambda t: t.nn.utils.parametrizations.spectral_norm(t.nn.Conv1d(2, 3, 2).double(), n_power_iterations=3),
     (1, 2, 4)),
    (lambda t: t.nn.utils.parametrizations.orthogonal(t.nn.Linear(3, 3).double()), (4, 3)),
    (lambda t: t.nn.utils.parametrizations.orthogonal(t.nn.Linear(3, 3).double(), orthogonal_map="cayley"), (4, 3)),
    (lambda t: t.nn.utils.parametrizations.orthogonal(t.nn.Linear(3, 2).double(), orthogonal_map="cayley"), (4, 3)),
    (lambda t: t.nn.utils.parametrizations.orthogonal(t.nn.Linear(2, 4).double(), orthogonal_map="matrix_exp"),
     (4, 2)),
    (lambda t: t.nn.utils.weight_norm(t.nn.Linear(3, 2).double()), (4, 3)),
    (lambda t: t.nn.utils.weight_norm(t.nn.Conv2d(2, 3, 2).double(), dim=None), (1, 2, 4, 4)),
    (lambda t: t.nn.utils.spectral_norm(t.nn.Linear(3, 2).double()), (4, 3)),
    (lambda t: t.nn.utils.spectral_norm(t.nn.ConvTranspose1d(2, 3, 2).double(), n_power_iterations=2), (1, 2, 4)),
    (lambda t: t.nn.utils.spectral_norm(t.nn.Linear(3, 2).double()).eval(), (4, 3)),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
@pytest.mark.parametrize("row", ROWS, ids=range(len(ROWS)))
def test_layers(row: tuple) -> None:
    make, shape = row
    follow(*twins(make), *shape)


@pytest.mark.parametrize("shape", [(3, 3), (3, 2), (2, 4)])
@pytest.mark.parametrize("orthogonal_map", ["matrix_exp", "cayley"])
def test_orthogonal_weights(shape: tuple, orthogonal_map: str) -> None:
    layer = minitorch.nn.utils.parametrizations.orthogonal(
        minitorch.nn.Linear(*shape).double(), "weight", orthogonal_map
    )
    for _ in range(2):
        w = layer.weight
        small = w @ w.mT if w.shape[0] <= w.shape[1] else w.mT @ w
        np.testing.assert_allclose(small.detach().numpy(), np.eye(min(shape)), atol=1e-10)
        layer.parametrizations.weight.original = minitorch.nn.Parameter(minitorch.randn(w.shape, dtype=w.dtype))
    wanted = minitorch.nn.init.orthogonal_(minitorch.empty(*layer.weight.shape, dtype=minitorch.float64))
    layer.weight = wanted
    np.testing.assert_allclose(layer.weight.detach().numpy(), wanted.numpy(), atol=1e-10)


def test_a_tensor_is_assigned_to() -> None:
    layer = register(minitorch, minitorch.nn.Linear(2, 2), doubling)
    original = layer.parametrizations.weight.original
    layer.weight = minitorch.ones(2, 2)
    assert layer.parametrizations.weight.original is original and original.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert layer.weight.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    register(minitorch, layer, symmetric, name="weight")
    with pytest.raises(RuntimeError, match="right_inverse"):
        layer.weight = minitorch.ones(2, 2)


@pytest.mark.parametrize("leave", [True, False])
def test_removal(leave: bool) -> None:
    layer = minitorch.nn.Linear(2, 2)
    weight, values = layer.weight, layer.weight.detach().clone()
    register(minitorch, layer, symmetric)
    assert parametrize.type_before_parametrizations(layer) is minitorch.nn.Linear
    assert parametrize.is_parametrized(layer) and parametrize.is_parametrized(layer, "weight")
    assert not parametrize.is_parametrized(layer, "bias")
    expected = layer.weight.detach() if leave else values
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=leave)
    assert type(layer) is minitorch.nn.Linear and repr(layer).startswith("Linear(")
    assert layer.weight is weight and minitorch.equal(weight, expected)
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    assert not parametrize.is_parametrized(layer)


def test_removal_where_there_are_several_originals() -> None:
    layer = minitorch.nn.utils.parametrizations.weight_norm(minitorch.nn.Linear(2, 2))
    value = layer.weight.detach()
    with pytest.raises(ValueError, match="sequence of tensors"):
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    parametrize.remove_parametrizations(layer, "weight")
    assert isinstance(layer.weight, minitorch.nn.Parameter) and minitorch.equal(layer.weight, value)


def test_buffers_and_copies() -> None:
    layer = minitorch.nn.BatchNorm1d(2)
    register(minitorch, layer, doubling, name="running_mean")
    other = copy.deepcopy(layer)
    assert type(other) is type(layer) and other.parametrizations is not layer.parametrizations
    parametrize.remove_parametrizations(layer, "running_mean")
    assert "running_mean" in dict(layer.named_buffers())
    assert parametrize.is_parametrized(other, "running_mean") and other.running_mean.tolist() == [0.0, 0.0]
    with pytest.raises(RuntimeError, match="state_dict"):
        pickle.dumps(other)


def test_values_are_computed_once_where_that_is_asked_for() -> None:
    layer = register(minitorch, minitorch.nn.Linear(2, 2), doubling)
    assert layer.weight is not layer.weight
    with parametrize.cached():
        with parametrize.cached():
            kept = layer.weight
        assert layer.weight is kept
    assert layer.weight is not kept


def test_an_optimizer_goes_on() -> None:
    layer = minitorch.nn.utils.parametrizations.spectral_norm(minitorch.nn.Linear(3, 3))
    optimizer = minitorch.optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        layer(minitorch.ones(2, 3)).square().sum().backward()
        optimizer.step()
    assert abs(minitorch.linalg.matrix_norm(layer.weight, 2).item() - 1) < 0.2


class Narrow(minitorch.nn.Module):
    def forward(self, x: Any) -> Any:
        return x[:1]


class Half(minitorch.nn.Module):
    def forward(self, x: Any) -> Any:
        return x.double()


class Number(minitorch.nn.Module):
    def forward(self, x: Any) -> Any:
        return 3


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: parametrize.register_parametrization(minitorch.nn.Linear(2, 2), "foo", Narrow()), ValueError, "foo"),
        (lambda: parametrize.register_parametrization(minitorch.nn.Linear(2, 2), "weight", Narrow()),
         ValueError, "shape"),
        (lambda: parametrize.register_parametrization(minitorch.nn.Linear(2, 2), "weight", Half()),
         ValueError, "dtype"),
        (lambda: parametrize.register_parametrization(minitorch.nn.Linear(2, 2), "weight", Number()),
         ValueError, "must return a tensor"),
        (lambda: register(minitorch, minitorch.nn.Linear(2, 2), doubling, lambda t: Narrow()), ValueError, "shape"),
        (lambda: parametrize.remove_parametrizations(minitorch.nn.Linear(2, 2), "weight"), ValueError, "weight"),
        (lambda: minitorch.nn.utils.parametrizations.spectral_norm(minitorch.nn.Linear(2, 2), n_power_iterations=0),
         ValueError, "n_power_iterations"),
        (lambda: minitorch.nn.utils.parametrizations.spectral_norm(minitorch.nn.Linear(2, 2), dim=3),
         IndexError, "out of range"),
        (lambda: minitorch.nn.utils.parametrizations.spectral_norm(minitorch.nn.ReLU()), ValueError, "weight"),
        (lambda: minitorch.nn.utils.parametrizations.orthogonal(minitorch.nn.Linear(2, 2), "bias"),
         ValueError, "matrix"),
        (lambda: minitorch.nn.utils.parametrizations.orthogonal(minitorch.nn.Linear(2, 2), orthogonal_map="x"),
         ValueError, "orthogonal_map"),
        (lambda: minitorch.nn.utils.parametrizations.orthogonal(minitorch.nn.ReLU()), ValueError, "weight"),
        (lambda: minitorch.nn.utils.parametrizations.orthogonal(minitorch.nn.Linear(2, 2), "weight", "householder"),
         NotImplementedError, "householder"),
        (lambda: minitorch.nn.utils.remove_weight_norm(minitorch.nn.Linear(2, 2)), ValueError, "not found"),
        (lambda: minitorch.nn.utils.remove_spectral_norm(minitorch.nn.Linear(2, 2)), ValueError, "not found"),
        (lambda: minitorch.nn.utils.spectral_norm(minitorch.nn.utils.spectral_norm(minitorch.nn.Linear(2, 2))),
         RuntimeError, "two"),
        (lambda: minitorch.nn.utils.spectral_norm(minitorch.nn.Linear(2, 2), "foo"), ValueError, "foo"),
        (lambda: minitorch.nn.utils.spectral_norm(minitorch.nn.Linear(2, 2), n_power_iterations=0),
         ValueError, "n_power_iterations"),
    ],
)  # fmt: skip
def test_refused(make: Any, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        make()


def test_a_refused_parametrization_changes_nothing() -> None:
    layer = minitorch.nn.Linear(2, 2)
    weight, values = layer.weight, layer.weight.detach().clone()

    class Grow(minitorch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x.repeat(3, 1)

        def right_inverse(self, x: Any) -> Any:
            return x[:1] * 5

    with pytest.raises(ValueError, match="shape"):
        parametrize.register_parametrization(layer, "weight", Grow())
    assert layer.weight is weight and minitorch.equal(weight, values) and type(layer) is minitorch.nn.Linear


def test_inverses_that_do_not_fit() -> None:
    class Inverse(minitorch.nn.Module):
        def __init__(self, function: Any) -> None:
            super().__init__()
            self.function = function

        def forward(self, *parts: Any) -> Any:
            return parts[0].float()

        def right_inverse(self, x: Any) -> Any:
            return self.function(x)

    def unknown(x: Any) -> Any:
        raise NotImplementedError

    layer = minitorch.nn.Linear(2, 2)
    for function, match in ((lambda x: x.double(), "dtype"), (lambda x: (x, 3), "sequence of Tensors")):
        with pytest.raises(ValueError, match=match):
            parametrize.register_parametrization(layer, "weight", Inverse(function))
    parametrize.register_parametrization(layer, "weight", Inverse(unknown))
    for function, match in ((lambda x: (x, x), "must return a tensor"), (lambda x: x.double(), "dtype")):
        with pytest.raises(ValueError, match=match):
            parametrize.register_parametrization(layer, "weight", Inverse(function))
    with pytest.raises(ValueError, match="must return a tensor"):
        parametrize.register_parametrization(layer, "weight", Number())
    assert len(layer.parametrizations.weight) == 1
    with pytest.raises(ValueError, match="one or more"):
        parametrize.ParametrizationList([], layer.bias)


def test_a_shape_that_changes_is_assigned_to() -> None:
    class Rows(minitorch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x.repeat(2, 1)

        def right_inverse(self, x: Any) -> Any:
            return x[: len(x) // 2].clone()

    layer = minitorch.nn.Linear(3, 4)
    parametrize.register_parametrization(layer, "weight", Rows(), unsafe=True)
    assert layer.parametrizations.weight.original.shape == (2, 3) and layer.weight.shape == (4, 3)
    layer.weight = minitorch.ones(6, 3)
    assert layer.weight.shape == (6, 3)
    with pytest.raises(ValueError, match="float64"):
        layer.weight = minitorch.ones(6, 3, dtype=minitorch.float64)


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_hooks_are_removed() -> None:
    utils, x = minitorch.nn.utils, minitorch.ones(1, 2)
    for add, remove in (
        (utils.weight_norm, utils.remove_weight_norm),
        (utils.spectral_norm, utils.remove_spectral_norm),
    ):
        layer = add(minitorch.nn.Linear(2, 2)).eval()
        before = layer(x)
        assert remove(layer) is layer
        assert [n for n, _ in layer.named_parameters()] == ["bias", "weight"]
        assert minitorch.allclose(layer(x), before) and not layer._forward_pre_hooks


def test_weight_norm_by_hooks_is_deprecated() -> None:
    with pytest.warns(FutureWarning, match="parametrizations"):
        minitorch.nn.utils.weight_norm(minitorch.nn.Linear(2, 2))


def test_functional_call_under_its_former_name() -> None:
    from minitorch.nn.utils.stateless import functional_call

    assert functional_call is minitorch.func.functional_call
