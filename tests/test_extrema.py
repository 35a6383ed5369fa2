"""Extrema and order statistics: against PyTorch, against differences, and without either."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import minitorch
from minitorch.ops import extrema, quantiles
from tests.rows import check, check_numerically, check_refused, floats, public_functions

X = floats(2, 3, 4)
M = floats(3, 4)
V = floats(5)
S = np.array(1.5)
INTS = np.array([[3, 1, 3, 2], [0, 5, 5, -1]])
BYTES = np.array([[0, 200, 100], [7, 1, 255]], np.uint8)
BOOLS = np.array([[True, False, True], [False, False, False]])
EMPTY = np.zeros((0, 3))
TIES = np.array([[1.0, 3.0, 3.0, 2.0], [2.0, 2.0, 2.0, 2.0]])
HOLES = np.array([[1.5, np.nan, 3.0, np.nan], [4.0, 0.25, -2.0, 0.5]])
Q = np.array([0.0, 0.3, 0.55, 1.0])


def q(t):
    return t.tensor(Q.tolist(), dtype=t.float64)


ROWS = {
    "max": (lambda t, x: (x.max(), x.max(1), t.max(x, 0, True), x.max(dim=-1, keepdim=True)), X),
    "max names": (lambda t, x: (x.max(1).values, x.max(axis=1, keepdims=True).indices), X),
    "max ties": (lambda t, x: (x.max(), x.max(1), x.max(0), x[0].max()), TIES),
    "max of two": (lambda t, x, y: (t.max(x, y), x.max(y), t.max(x, other=y)), M, floats(4)),
    "max of NaN": (lambda t, x: (t.max(x.detach()), x.detach().max(1), x[1].max(), x.detach().max(0)), HOLES),
    "max of integers": (lambda t, i, b, f: (i.max(), i.max(1), b.max(0), f.max(), f.max(1)), INTS, BYTES, BOOLS),
    "max 0-d": (lambda t, x: (x.max(), x.max(0), x.max(-1, True)), S),
    "max of nothing": (lambda t, x: x.max(1), EMPTY),
    "min": (lambda t, x: (x.min(), x.min(1), t.min(x, 0, True), x.min(dim=-1, keepdim=True)), X),
    "min ties": (lambda t, x: (x.min(), x.min(1), x.min(0)), TIES),
    "min of two": (lambda t, x, y: (t.min(x, y), x.min(y)), M, floats(4)),
    "min of NaN": (lambda t, x: (t.min(x.detach()), x.detach().min(1), x[1].min()), HOLES),
    "min strided": (lambda t, x: (x[:, ::2].min(), x.transpose(0, 2).min(0), x.permute(1, 2, 0).min(-1)), X),
    "amax": (lambda t, x: (x.amax(), x.amax(1), t.amax(x, (0, 2)), x.amax((0, 1), True), x.amax(())), X),
    "amax ties": (lambda t, x: (x.amax(), x.amax(1), x.amax(0), x.amax((0, 1))), TIES),
    "amax of nothing": (lambda t, x: x.amax(1), EMPTY),
    "amax of integers": (lambda t, i, f: (i.amax(1), f.amax(), i.amin(0)), INTS, BOOLS),
    "amin": (lambda t, x: (x.amin(), x.amin(1), t.amin(x, (0, 2)), x.amin((0, 1), True)), X),
    "aminmax": (lambda t, x: (x.aminmax(), t.aminmax(x, dim=1), x.aminmax(dim=0, keepdim=True)), X),
    "argmax": (
        lambda t, x, i: (x.argmax(), x.argmax(1), t.argmax(x, -1, True), x.argmax(keepdim=True), i.argmax(1)),
        X, INTS,
    ),
    "argmax ties": (lambda t, x: (x.argmax(), x.argmax(1), x.argmin(), x.argmin(1)), TIES),
    "argmax of NaN": (lambda t, x: (x.argmax(), x.argmax(1), x.argmin(1)), HOLES),
    "argmax 0-d": (lambda t, x: (x.argmax(), x.argmax(0), x.argmin(-1)), S),
    "argmin": (lambda t, x: (x.argmin(), x.argmin(1), t.argmin(x, 0, keepdim=True), x.transpose(0, 1).argmin(2)), X),
    "median": (lambda t, x: (x.median(), x.median(1), t.median(x, 0, True), x.median(-1).values), X),
    "median odd": (lambda t, x: (x.median(), x.median(0)), V),
    "median ties": (lambda t, x: (x.median(), x[1].median(), x.median(1).values.detach()), TIES),
    "median of NaN": (lambda t, x: (x.detach().median(), x.detach().median(1).values, x[1].median()), HOLES),
    "median of integers": (lambda t, i: (i.median(), i.median(1).values, t.median(i[:, :3], 0)), INTS),
    "median 0-d": (lambda t, x: (x.median(), x.median(0)), S),
    "median of nothing": (lambda t, x: (x.detach().median(), x.median(1), x.nanmedian(1, True)), EMPTY),
    "nanmedian": (lambda t, x: (x.nanmedian(), t.nanmedian(x, 1), x.nanmedian(1, True)), HOLES),
    "nanmedian whole": (lambda t, x: (x.nanmedian(), x.nanmedian(0)), M),
    "kthvalue": (lambda t, x: (x.kthvalue(2), t.kthvalue(x, 1, 0), x.kthvalue(3, 1, True)), X),
    "kthvalue of NaN": (lambda t, x: (x.detach().kthvalue(3, 1).values, x.kthvalue(1, 0)), HOLES),
    "kthvalue 0-d": (lambda t, x: x.kthvalue(1), S),
    "mode": (lambda t, i: (i.mode(), t.mode(i, 0), i.mode(1, True)), INTS),
    "mode of floats": (lambda t, x: (x.mode(), x.mode(0, keepdim=True)), TIES),
    "mode of three dims": (lambda t, x: (x.mode(1), x.mode(2)), X),
    "mode 0-d": (lambda t, x: x.mode(), S),
    "mode of nothing": (lambda t, x: x.mode(1), EMPTY),
    "quantile": (
        lambda t, x: (
            x.quantile(0.3), x.quantile(0.0), x.quantile(1, 1), t.quantile(x, q(t)), x.quantile(q(t), 1),
            x.quantile(0.5, 0, True),
        ),
        M,
    ),
    "quantile kept": (
        lambda t, x: (x.quantile(q(t), keepdim=True), x.quantile(q(t), 1, True), x.quantile(0.1, keepdim=True)),
        X,
    ),
    **{
        f"quantile {how}": (
            lambda t, x, how=how: (
                x.quantile(q(t), 1, interpolation=how), x.quantile(0.4, interpolation=how),
            ),
            X,
        )
        for how in ("lower", "higher", "midpoint", "nearest")
    },
    "quantile of NaN": (lambda t, x: (x.detach().quantile(0.5, 1), x[1].quantile(0.2)), HOLES),
    "quantile 0-d": (lambda t, x: (x.quantile(0.2), x.quantile(0.7, 0)), S),
    "nanquantile": (lambda t, x: (x.nanquantile(0.4), t.nanquantile(x, q(t), 1), x.nanquantile(0.5, 1, True)), HOLES),
}  # fmt: skip

#: where a difference of inputs changes which element is chosen
NOT_SMOOTH = {name for name in ROWS if "ties" in name} | {
    "mode of floats",
    "nanmedian",
    "kthvalue of NaN",
    "nanquantile",
}


@pytest.mark.parametrize("name", ROWS)
def test_as_torch(name):
    function, *inputs = ROWS[name]
    check(function, *inputs, second=False)


@pytest.mark.parametrize("name", [name for name in ROWS if name not in NOT_SMOOTH])
def test_gradients(name):
    function, *inputs = ROWS[name]
    check_numerically(function, *inputs)


def test_every_function_has_a_row():
    assert not public_functions(extrema, quantiles) - {name.split()[0] for name in ROWS}


REFUSED = {
    "max of nothing": (lambda t, x: x.max(), EMPTY),
    "max of nothing along": (lambda t, x: x.max(0), EMPTY),
    "max of several": (lambda t, x: x.max((0, 1)), M),
    "max dim": (lambda t, x: x.max(2), M),
    "max of a number": (lambda t: t.max(3),),
    "min of nothing": (lambda t, x: x.min(), EMPTY),
    "amax of nothing": (lambda t, x: x.amax(), EMPTY),
    "amax of nothing along": (lambda t, x: x.amax(0), EMPTY),
    "amax twice": (lambda t, x: x.amax((0, 0)), M),
    "amin of nothing": (lambda t, x: x.amin((0, 1)), EMPTY),
    "aminmax of nothing": (lambda t, x: x.aminmax(), EMPTY),
    "aminmax position": (lambda t, x: x.aminmax(0), M),
    "argmax of nothing": (lambda t, x: x.argmax(), EMPTY),
    "argmax of nothing along": (lambda t, x: x.argmax(0), EMPTY),
    "argmax of bools": (lambda t, x: x.argmax(), BOOLS),
    "argmin dim": (lambda t, x: x.argmin(-3), M),
    "median of nothing along": (lambda t, x: x.median(0), EMPTY),
    "median dim": (lambda t, x: x.median(2), M),
    "kthvalue 0": (lambda t, x: x.kthvalue(0), M),
    "kthvalue too large": (lambda t, x: x.kthvalue(5), M),
    "mode of nothing along": (lambda t, x: x.mode(0), EMPTY),
    "quantile above": (lambda t, x: x.quantile(1.5), M),
    "quantile vector above": (lambda t, x: x.quantile(q(t) + 1), M),
    "quantile matrix": (lambda t, x: x.quantile(q(t).reshape(2, 2)), M),
    "quantile of integers": (lambda t, x: x.quantile(0.5), INTS),
    "quantile of nothing": (lambda t, x: x.quantile(0.5), EMPTY),
    "quantile interpolation": (lambda t, x: x.quantile(0.5, interpolation="cubic"), M),
    "quantile dtype": (lambda t, x: x.quantile(q(t).float()), M),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_without_torch(name):
    function, *inputs = REFUSED[name]
    tensors = [minitorch.from_numpy(x.copy()) for x in inputs]
    with pytest.raises((TypeError, IndexError, RuntimeError)):
        function(minitorch, *tensors)
    for tensor, x in zip(tensors, inputs):
        np.testing.assert_array_equal(tensor.numpy(), x)


def test_results_are_named_tuples():
    result = minitorch.max(minitorch.tensor([1.0, 3.0]), dim=0)
    assert isinstance(result, tuple)
    assert isinstance(result, minitorch.return_types.max)
    assert repr(result) == f"torch.return_types.max(\nvalues={result[0]!r},\nindices={result[1]!r})"
    assert result.values is result[0]
    again = pickle.loads(pickle.dumps(result))
    assert type(again) is type(result)
    assert again.indices.item() == 1
    with pytest.raises(TypeError, match="sequence of 2"):
        minitorch.return_types.max([1])
    with pytest.raises(AttributeError):
        result.values = 3


def test_named_tuples_print_as_torch():
    torch = pytest.importorskip("torch")
    numbers = [[1.0, 5.0, 2.0], [4.0, 3.0, 9.0]]
    for name, args in {
        "max": (1,),
        "min": (0,),
        "sort": (),
        "topk": (1,),
        "median": (1,),
        "mode": (),
        "cummax": (0,),
    }.items():
        ours, theirs = (getattr(library.tensor(numbers), name)(*args) for library in (minitorch, torch))
        assert repr(type(ours)([x.cpu() for x in ours])) == repr(theirs)


def test_out_takes_both_results():
    values, indices = minitorch.empty(0), minitorch.empty(0, dtype=minitorch.int64)
    result = minitorch.max(minitorch.tensor([[1.0, 5.0], [7.0, 2.0]]), 1, out=(values, indices))
    assert result.values is values
    assert values.tolist() == [5, 7]
    assert indices.tolist() == [1, 0]
    with pytest.raises(TypeError, match="tuple of 2"):
        minitorch.max(minitorch.ones(2, 2), 1, out=values)


def test_gradient_of_nan_goes_to_nan():
    x = minitorch.tensor([float("nan"), 1.0, float("nan")], requires_grad=True)
    x.max().backward()
    assert x.grad.tolist() == [0.5, 0, 0.5]


def test_node_names():
    x = minitorch.tensor([[1.0, 2.0]], requires_grad=True)
    names = {
        "MaxBackward0": x.max(1).values,
        "MaxBackward1": x.max(),
        "MinBackward0": x.min(1).values,
        "MinBackward1": x.min(),
        "AmaxBackward0": x.amax(1),
        "AminBackward0": x.amin(),
        "MedianBackward0": x.median(),
        "KthvalueBackward0": x.kthvalue(1).values,
        "ModeBackward0": x.mode().values,
        "MaximumBackward0": x.max(x + 1),
    }
    for name, result in names.items():
        assert result.grad_fn.name() == name
