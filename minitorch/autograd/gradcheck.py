"""Gradients against differences: the test that every rule has to pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minitorch.backend.array_module import to_device, to_host
from minitorch.core.engine import grad
from minitorch.core.inplace import refuse_shared_elements
from minitorch.core.tensor import Tensor, wrap


class GradcheckError(RuntimeError):
    """A gradient is not the derivative."""


def _differentiable(values: Any) -> list[Tensor]:
    if isinstance(values, Tensor):
        values = (values,)
    return [v for v in values if isinstance(v, Tensor) and v.requires_grad]


def _numerical(function: Callable, inputs: Sequence[Any], x: Tensor, weights: list, eps: float) -> np.ndarray:
    """Central differences of sum(outputs * weights) by every element of ``x``."""
    result = np.zeros(x._data.shape, np.float64)
    array = x._data
    for position in np.ndindex(array.shape):
        kept = array[position].copy()
        values = []
        for step in (eps, -eps):
            array[position] = kept + step
            outputs = _outputs(function, inputs)
            # each output against its weight before summing: no loss of digits to a large total
            values.append([np.array(to_host(o._data), np.float64) for o in outputs])
        array[position] = kept
        result[position] = sum(float(((a - b) * w).sum()) for a, b, w in zip(*values, weights)) / (2 * eps)
    return result


def _outputs(function: Callable, inputs: Sequence[Any]) -> list[Tensor]:
    out = function(*inputs)
    return [o for o in (out if isinstance(out, (tuple, list)) else (out,)) if isinstance(o, Tensor) and o.requires_grad]


def _beside(output: Tensor, values: np.ndarray) -> Tensor:
    """``values`` as a tensor on the device of ``output``."""
    return wrap(to_device(np.asarray(values), output.device.ordinal))


def gradcheck(
    func: Callable,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    fast_mode: bool = False,
    **unsupported: Any,
) -> bool:
    """Whether the gradients of ``func`` are what central differences give, for float64 inputs that require grad.

    The outputs are weighted with fixed random numbers, so a wrong gradient of one cannot hide behind another's.

    Args:
        func: takes ``inputs``, returns a Tensor or a tuple of them.
        eps: step of the differences.
        atol, rtol: allowed difference.
        nondet_tol: allowed difference between two runs of the backward pass.
        check_undefined_grad, fast_mode: accepted for PyTorch's sake; nothing else happens.

    Raises:
        GradcheckError: they differ (or ``False`` is returned with ``raise_exception=False``).
        ValueError: no input requires grad, or one of them is not float64.

    >>> import minitorch as torch
    >>> x = torch.rand(3, dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(torch.exp, (x,))
    True
    """
    if unsupported:
        raise TypeError(f"gradcheck does not support {', '.join(unsupported)}")
    given = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
    checked = _differentiable(given)
    if not checked:
        raise ValueError("gradcheck expects at least one input tensor to require gradient, but none of them have it.")
    for x in checked:
        if x._data.dtype != np.float64:
            raise ValueError(f"gradcheck needs float64 inputs for its differences to mean anything, got {x.dtype}")
        refuse_shared_elements(x._data, "gradcheck changes its inputs element by element")
    try:
        return _compare(func, given, checked, eps, atol, rtol, nondet_tol, check_grad_dtypes)
    except GradcheckError:
        if raise_exception:
            raise
        return False


def _compare(
    func: Callable,
    inputs: Sequence[Any],
    checked: list[Tensor],
    eps: float,
    atol: float,
    rtol: float,
    nondet_tol: float,
    check_dtypes: bool,
) -> bool:
    outputs = _outputs(func, inputs)
    if not outputs:
        raise ValueError("gradcheck: no output of the function requires grad")
    rng = np.random.default_rng(0)
    weights = [rng.uniform(0.5, 1.5, o._data.shape) * rng.choice((-1, 1), o._data.shape) for o in outputs]
    seeds = [_beside(o, w.astype(o._data.dtype)) for w, o in zip(weights, outputs)]
    analytic = grad(outputs, checked, seeds, retain_graph=True, allow_unused=True)
    again = grad(outputs, checked, seeds, allow_unused=True)
    for index, (x, found, repeated) in enumerate(zip(checked, analytic, again)):
        if found is not None and check_dtypes and found.dtype is not x.dtype:
            raise GradcheckError(f"gradient {index} has dtype {found.dtype}, its input {x.dtype}")
        got = np.zeros(x._data.shape) if found is None else to_host(found._data)
        if got.shape != x._data.shape:
            raise GradcheckError(f"gradient {index} has shape {list(got.shape)}, its input {list(x._data.shape)}")
        if repeated is not None and not np.allclose(
            got, to_host(repeated._data), rtol=0, atol=nondet_tol, equal_nan=True
        ):
            raise GradcheckError(f"Backward is not reentrant: gradient {index} differs between two runs")
        want = _numerical(func, inputs, x, weights, eps)
        if not np.allclose(got, want, rtol=rtol, atol=atol, equal_nan=True):
            worst = np.unravel_index(np.argmax(np.abs(got - want)), got.shape) if got.size else ()
            raise GradcheckError(
                f"Jacobian mismatch for input {index}, largest at {tuple(map(int, worst))}: "
                f"numerical {want[worst]:.8g}, analytical {got[worst]:.8g}\n"
                f"numerical: {want}\nanalytical: {got}"
            )
    return True


def gradgradcheck(
    func: Callable,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    **options: Any,
) -> bool:
    """:func:`gradcheck` of the gradients of ``func``, by its inputs and by the gradients that come in.

    >>> import minitorch as torch
    >>> x = torch.rand(3, dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradgradcheck(torch.sin, (x,))
    True
    """
    given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    outputs = _outputs(func, given)
    if grad_outputs is None:
        rng = np.random.default_rng(1)
        grad_outputs = [_beside(o, rng.standard_normal(o._data.shape)).requires_grad_() for o in outputs]
    seeds = tuple(grad_outputs) if isinstance(grad_outputs, (tuple, list)) else (grad_outputs,)
    count = len(given)

    def first_gradients(*values: Any) -> tuple:
        inputs_now, seeds_now = values[:count], values[count:]
        results = _outputs(func, inputs_now)
        found = grad(results, _differentiable(inputs_now), seeds_now, create_graph=True, allow_unused=True)
        return tuple(f for f in found if f is not None and f.requires_grad)

    if not first_gradients(*given, *seeds):
        return True  # linear in nothing: the gradients are constants
    return gradcheck(
        first_gradients, (*given, *seeds), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception, **options
    )
