"""Padding as function and as layer: against PyTorch, by differences, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from tests.rows import check, check_derivatives, check_layer, check_refused, floats

X1, X2, X3 = floats(2, 3, 5), floats(2, 2, 3, 4), floats(1, 2, 3, 4, 3)
INTS = np.arange(24).reshape(1, 2, 3, 4)
MODES = ("reflect", "replicate", "circular")

ROWS = {
    "constant": (lambda t, x: (f(t).pad(x, (1, 2)), f(t).pad(x, (1, 2), value=3.5), f(t).pad(x, [0, 1, 2, 0])), X1),
    "constant keywords": (lambda t, x: f(t).pad(input=x, pad=(1, 1), mode="constant", value=-1), X1),
    "constant all dimensions": (lambda t, x: f(t).pad(x, (1, 0, 0, 2, 1, 1)), X1),
    "constant nothing": (lambda t, x: f(t).pad(x, (0, 0)), X1),
    "constant no pads": (lambda t, x: f(t).pad(x, ()), X1),
    "constant cuts": (lambda t, x: (f(t).pad(x, (-1, -2)), f(t).pad(x, (-2, 3, 1, -1), value=2.0)), X1),
    "constant cuts all": (lambda t, x: f(t).pad(x, (-2, -3)), X1),
    "constant vector": (lambda t, x: f(t).pad(x[0, 0], (2, 1)), X1),
    "constant integers": (lambda t, i: (f(t).pad(i, (1, 1), value=7), f(t).pad(i.bool(), (1, 1))), INTS),
    "constant of nothing": (lambda t, x: f(t).pad(x[:0], (1, 1, 1, 1)), X1),
    "constant of strided": (lambda t, x: f(t).pad(x.transpose(0, 2)[::2], (1, 1)), X1),
    "reflect 1d": (lambda t, x: (f(t).pad(x, (2, 3), "reflect"), f(t).pad(x[0], (4, 0), mode="reflect")), X1),
    "reflect 2d": (lambda t, x: (f(t).pad(x, (2, 3, 1, 2), "reflect"), f(t).pad(x[0], (1, 1, 1, 1), "reflect")), X2),
    "reflect 3d": (lambda t, x: f(t).pad(x, (2, 1, 0, 2, 1, 1), "reflect"), X3),
    "reflect cuts": (lambda t, x: (f(t).pad(x, (-1, 2), "reflect"), f(t).pad(x, (3, -4), "reflect")), X1),
    "reflect cuts more than there is": (lambda t, x: f(t).pad(x, (-6, 2), "reflect"), X1),
    "replicate cuts": (lambda t, x: (f(t).pad(x, (-6, 7), "replicate"), f(t).pad(x, (2, -3), "replicate")), X1),
    "replicate 1d": (lambda t, x: (f(t).pad(x, (2, 9), "replicate"), f(t).pad(x[0], (4, 0), mode="replicate")), X1),
    "replicate 2d": (lambda t, x: (f(t).pad(x, (2, 0, 1, 2), mode="replicate")), X2),
    "replicate 2d unbatched": (lambda t, x: f(t).pad(x[0], (1, 0, 5, 1), "replicate"), X2),
    "replicate 3d": (lambda t, x: f(t).pad(x, (2, 1, 0, 2, 4, 1), "replicate"), X3),
    "circular 1d": (lambda t, x: (f(t).pad(x, (5, 2), "circular"), f(t).pad(x[0], (1, 0), mode="circular")), X1),
    "circular 2d": (lambda t, x: (f(t).pad(x, (2, 3, 1, 2), "circular"), f(t).pad(x[0], (1, 0, 0, 3), "circular")), X2),
    "circular 3d": (lambda t, x: f(t).pad(x, (2, 1, 0, 2, 3, 1), "circular"), X3),
    "circular cuts": (lambda t, x: f(t).pad(x, (-2, 1), "circular"), X1),
    "circular cuts and wraps": (lambda t, x: f(t).pad(x, (-1, 3, 2, -1), "circular"), X2),
    "circular integers": (lambda t, i: f(t).pad(i, (1, 1, 1, 1), "circular"), INTS),
    "integers": (lambda t, i: (f(t).pad(i, (1, 1, 1, 1), "reflect"), f(t).pad(i, (2, 1, 0, 3), "replicate")), INTS),
    "no images": (lambda t, x: tuple(f(t).pad(x[:0], (1, 1, 1, 1), mode) for mode in MODES), X2),
    "of expanded": (lambda t, x: f(t).pad(x[:, :1].expand(2, 3, 3, 4), (1, 2, 2, 1), "reflect"), X2),
    "of strided": (lambda t, x: tuple(f(t).pad(x.mT[:, ::2], (1, 1, 1, 1), mode) for mode in MODES), X2),
}  # fmt: skip


def f(library):
    return library.nn.functional


@pytest.mark.parametrize("name", ROWS)
def test_as_torch(name):
    function, *inputs = ROWS[name]
    check(function, *inputs, second=False)


@pytest.mark.parametrize("name", [name for name in ROWS if "integers" not in name])
def test_derivatives(name):
    check_derivatives(*ROWS[name])


REFUSED = {
    "odd": (lambda t, x: f(t).pad(x, (1, 2, 3)), X1),
    "too many": (lambda t, x: f(t).pad(x, (1,) * 8), X1),
    "cuts too much": (lambda t, x: f(t).pad(x, (-3, -3)), X1),
    "mode": (lambda t, x: f(t).pad(x, (1, 1), mode="mirror"), X1),
    "value of reflect": (lambda t, x: f(t).pad(x, (1, 1), mode="reflect", value=1.0), X1),
    "reflect too far": (lambda t, x: f(t).pad(x, (5, 0), mode="reflect"), X1),
    "circular too far": (lambda t, x: f(t).pad(x, (6, 0), mode="circular"), X1),
    "reflect dimensions": (lambda t, x: f(t).pad(x, (1, 1, 1, 1, 1, 1), mode="reflect"), X1),
    "reflect vector": (lambda t, x: f(t).pad(x[0, 0], (1, 1), mode="reflect"), X1),
    "replicate of nothing": (lambda t, x: f(t).pad(x[:, :, :0], (1, 1), mode="replicate"), X1),
    "replicate cuts all": (lambda t, x: f(t).pad(x, (-3, -3), mode="replicate"), X1),
    "floats": (lambda t, x: f(t).pad(x, (1.5, 1)), X1),
    **{
        f"CircularPad{dims}d of {ndim}D": (lambda t, x, dims=dims: getattr(t.nn, f"CircularPad{dims}d")(1)(x), x)
        for dims, ndim, x in ((1, 4, X2), (2, 5, X3), (3, 3, X1))
    },
    "a list": (lambda t: f(t).pad([1.0], (1, 1)),),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


LAYERS = {
    **{
        f"{kind}Pad{dims}d {label}": (
            lambda t, kind=kind, dims=dims, pads=pads: getattr(t.nn, f"{kind}Pad{dims}d")(pads),
            x,
        )
        for kind in ("Zero", "Reflection", "Replication", "Circular")
        for dims, x in ((1, X1), (2, X2), (3, X3))
        for label, pads in (("int", 1), ("tuple", (1, 2, 2, 1, 0, 2)[: 2 * dims]))
    },
    "ConstantPad1d": (lambda t: t.nn.ConstantPad1d(2, 3.5), X1),
    "ConstantPad1d tuple": (lambda t: t.nn.ConstantPad1d((3, -1), 3), X1),
    "ConstantPad2d": (lambda t: t.nn.ConstantPad2d((1, 0, 2, 1), -0.5), X2),
    "ConstantPad3d": (lambda t: t.nn.ConstantPad3d(1, 0.0), X3),
    "ReflectionPad2d unbatched": (lambda t: t.nn.ReflectionPad2d(1), X2[0]),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_as_torch(name):
    check_layer(*LAYERS[name])


def test_errors_say_what_was_wrong():
    with pytest.raises(RuntimeError, match=r"padding \(5, 0\) of dimension 2 must be at most 4 .*\(2, 3, 5\)"):
        f(minitorch).pad(minitorch.tensor(X1), (5, 0), "reflect")
