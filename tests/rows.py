"""The same expression on minitorch and on PyTorch: results, dtypes, sharing of memory, gradients of two orders.

A row is ``(expression, *inputs)``: a function of the library and of tensors, and what the tensors are made of.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import cupy_stand_in
import numpy as np
import pytest

import minitorch
from minitorch.backend.array_module import array_module

SEED = 20240501


def floats(*shape: int) -> np.ndarray:
    """Distinct numbers, so that maxima and sorted orders are unique."""
    rng = np.random.default_rng(SEED + sum(shape))
    size = int(np.prod(shape))
    return (rng.permutation(size) / max(size, 1) + rng.random(size) * 0.2 / max(size, 1) - 0.43).reshape(shape) * 3


def tensors(library: Any, inputs: tuple, requires_grad: bool) -> list:
    made = [library.tensor(x.tolist(), dtype=getattr(library, x.dtype.name)).reshape(x.shape) for x in inputs]
    return [t.requires_grad_() if requires_grad and t.is_floating_point() else t for t in made]


def listed(result: Any) -> list:
    if isinstance(result, (tuple, list)):
        return [leaf for part in result for leaf in listed(part)]
    return [result]


def same(ours: Any, theirs: Any, tolerance: float = 1e-12) -> None:
    """The same value: dtype, shape and elements of a tensor, or equal Python objects."""
    if not hasattr(theirs, "detach"):
        if isinstance(theirs, tuple):
            theirs, ours = tuple(theirs), tuple(ours)
        assert type(ours) is type(theirs), (ours, theirs)
        assert ours == theirs
        return
    assert repr(ours.dtype) == repr(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance)


def shares(result: Any, inputs: list) -> bool:
    if getattr(result, "is_cuda", False):
        return any(array_module(result._data).may_share_memory(result._data, x._data) for x in inputs)
    return any(np.may_share_memory(result.detach().numpy(), x.detach().numpy()) for x in inputs)


def check(function: Callable, *inputs: np.ndarray, second: bool = True, tolerance: float = 1e-12) -> None:
    """Compares everything; ``second=False`` leaves out the gradients of gradients."""
    torch = pytest.importorskip("torch")
    mine, theirs = tensors(minitorch, inputs, False), tensors(torch, inputs, False)
    ours, expected = listed(function(minitorch, *mine)), listed(function(torch, *theirs))
    assert len(ours) == len(expected)
    for a, b in zip(ours, expected):
        same(a, b, tolerance)
        if isinstance(a, minitorch.Tensor) and a.numel():
            assert shares(a, mine) == shares(b, theirs), "one is a view, the other a copy"
    for a, b in zip(mine, theirs):
        same(a, b)  # the inputs are untouched
    check_gradients(torch, function, inputs, second, tolerance)
    if minitorch.get_default_device().type == "cpu":
        check_on_stand_in(function, inputs, ours, tolerance)


def check_on_stand_in(function: Callable, inputs: tuple, expected: list, tolerance: float) -> None:
    """The same results and gradients on ``cuda``, where the stand-in for CuPy refuses what a GPU could not do."""
    gradients = []
    for device in ("cpu", "cuda"):
        with cupy_stand_in.installed(), minitorch.device(device):
            leaves = tensors(minitorch, inputs, True)
            results = listed(function(minitorch, *leaves))
            if device == "cuda":
                assert len(results) == len(expected)
                for a, b in zip(results, expected):
                    same(a.cpu() if isinstance(a, minitorch.Tensor) else a, b, tolerance)
            recorded = [r for r in results if isinstance(r, minitorch.Tensor) and r.requires_grad]
            if recorded:
                sum((r * minitorch.tensor(floats(*r.shape), dtype=r.dtype)).sum() for r in recorded).backward()
            gradients.append([None if x.grad is None else x.grad.cpu() for x in leaves])
    for ours, theirs in zip(*gradients):
        if theirs is None:
            assert ours is None
        else:
            same(theirs, ours, max(tolerance, 1e-10))


def check_gradients(torch: Any, function: Callable, inputs: tuple, second: bool, tolerance: float) -> None:
    gradients = []
    for library in (minitorch, torch):
        leaves = tensors(library, inputs, True)
        results = [r for r in listed(function(library, *leaves)) if hasattr(r, "grad_fn") and r.requires_grad]
        if not results:
            gradients.append([])
            continue
        loss = sum(
            (r * library.tensor(floats(*r.shape).tolist(), dtype=r.dtype).reshape(r.shape)).sum() for r in results
        )
        loss.backward()
        gradients.append([x.grad for x in leaves])
    assert len(gradients[0]) == len(gradients[1])
    for ours, theirs in zip(*gradients):
        if theirs is None:
            assert ours is None or not ours.numpy().any()
        else:
            same(ours, theirs, max(tolerance, 1e-10))
    if second and gradients[0] and minitorch.get_default_device().type != "cpu":
        check_second_derivatives(function, *inputs)  # element by element takes the stand-in too long
    elif second and gradients[0]:
        leaves = tensors(minitorch, inputs, True)
        assert minitorch.autograd.gradgradcheck(lambda *xs: _differentiable(function(minitorch, *xs)), leaves)


def _differentiable(result: Any) -> Any:
    kept = tuple(r for r in listed(result) if hasattr(r, "grad_fn") and r.requires_grad)
    return kept[0] if len(kept) == 1 else kept


def check_numerically(function: Callable, *inputs: np.ndarray) -> None:
    """:func:`check_derivatives`, where there are any: a row of integers has none."""
    results = listed(function(minitorch, *tensors(minitorch, inputs, True)))
    if any(r.requires_grad for r in results if isinstance(r, minitorch.Tensor)):
        check_derivatives(function, *inputs)


def check_refused(function: Callable, *inputs: np.ndarray, match: str | None = None) -> None:
    """Both libraries raise, with the same class (or one derived from it); inputs stay as they were."""
    torch = pytest.importorskip("torch")
    mine, theirs = tensors(minitorch, inputs, False), tensors(torch, inputs, False)
    with pytest.raises(Exception) as expected:
        function(torch, *theirs)
    with pytest.raises(Exception, match=match) as ours:
        function(minitorch, *mine)
    assert isinstance(ours.value, type(expected.value)) or ours.type.__name__ == expected.type.__name__.strip("_"), (
        f"{ours.type.__name__}: {ours.value} where PyTorch has {expected.type.__name__}: {expected.value}"
    )
    for a, b in zip(mine, theirs):
        same(a, b)


def check_derivatives(function: Callable, *inputs: np.ndarray, order: int = 2, tolerance: float = 1e-6) -> None:
    """Gradients against differences along random directions, without PyTorch: of ``function``, then of its gradients.

    A direction has a part of every element, so a single wrong one shows, at the cost of two evaluations an input.
    """
    leaves = tensors(minitorch, inputs, True)
    _check_along_lines(lambda *xs: _recorded(function, xs), leaves, tolerance)
    if order > 1:
        check_second_derivatives(function, *inputs, tolerance=tolerance)


def check_second_derivatives(function: Callable, *inputs: np.ndarray, tolerance: float = 1e-6) -> None:
    """Gradients of gradients against differences of gradients, along random directions too."""
    leaves = tensors(minitorch, inputs, True)
    rng = np.random.default_rng(SEED)
    outputs = _recorded(function, leaves)
    seeds = [minitorch.tensor(rng.standard_normal(tuple(r.shape))).requires_grad_() for r in outputs]

    def gradients(*values: Any) -> list:
        xs = [x for x in values[: len(leaves)] if x.requires_grad]
        results = _recorded(function, values[: len(leaves)])
        found = minitorch.autograd.grad(results, xs, values[len(leaves) :], create_graph=True, allow_unused=True)
        return [g for g in found if g is not None and g.requires_grad]

    if gradients(*leaves, *seeds):
        _check_along_lines(gradients, leaves + seeds, tolerance)


def _recorded(function: Callable, xs: Any) -> list:
    results = listed(function(minitorch, *xs))
    return [r for r in results if isinstance(r, minitorch.Tensor) and r.requires_grad]


def _overwrite(x: Any, values: np.ndarray) -> None:
    x.detach().copy_(minitorch.tensor(values, dtype=x.dtype))


def _check_along_lines(function: Callable, leaves: list, tolerance: float, step: float = 1e-6) -> None:
    rng = np.random.default_rng(SEED)
    outputs = function(*leaves)
    assert outputs, "no result requires grad"
    weights = [minitorch.tensor(rng.standard_normal(tuple(r.shape))) for r in outputs]
    needed = [x for x in leaves if x.requires_grad]
    found = minitorch.autograd.grad(outputs, needed, weights, allow_unused=True)

    def value() -> list:
        return [r.detach().numpy() * w.numpy() for r, w in zip(function(*leaves), weights)]

    for x, gradient in zip(needed, found):
        kept = x.detach().numpy().copy()
        direction = rng.standard_normal(kept.shape)
        slope = 0.0 if gradient is None else float((gradient.numpy() * direction).sum())
        _overwrite(x, kept + step * direction)
        above = value()
        _overwrite(x, kept - step * direction)
        below = value()
        _overwrite(x, kept)
        # each output's difference before summing: no loss of digits to a large total
        numeric = sum(float((a - b).sum()) for a, b in zip(above, below)) / (2 * step)
        size = 1.0 if gradient is None else 1.0 + float(np.abs(gradient.numpy()).max(initial=0.0))
        assert abs(slope - numeric) <= tolerance * size * max(1.0, kept.size**0.5), (slope, numeric)


def check_layer(make: Callable, *inputs: np.ndarray, tolerance: float = 1e-12) -> None:
    """A layer against PyTorch's of the same arguments: ``repr``, ``state_dict``, result, gradients.

    ``make(library)`` gives the layer; its parameters are copied from PyTorch's.
    """
    torch = pytest.importorskip("torch")
    mine, theirs = make(minitorch), make(torch)
    assert repr(mine) == repr(theirs)
    state = {key: minitorch.tensor(value.numpy()) for key, value in theirs.state_dict().items()}
    assert {k: (v.shape, v.dtype) for k, v in mine.state_dict().items()} == {
        k: (v.shape, v.dtype) for k, v in state.items()
    }
    assert list(mine.state_dict()) == list(state)
    mine.load_state_dict(state)
    mine_in, theirs_in = tensors(minitorch, inputs, True), tensors(torch, inputs, True)
    ours, expected = listed(mine(*mine_in)), listed(theirs(*theirs_in))
    assert len(ours) == len(expected)
    for a, b in zip(ours, expected):
        same(a, b, tolerance)
    for library, results in ((minitorch, ours), (torch, expected)):
        weights = [library.tensor(floats(*r.shape).tolist(), dtype=r.dtype).reshape(r.shape) for r in results]
        losses = [(r * w).sum() for r, w in zip(results, weights) if r.requires_grad]
        if losses:
            sum(losses).backward()
    for a, b in zip([*mine_in, *mine.parameters()], [*theirs_in, *theirs.parameters()]):
        assert (a.grad is None) == (b.grad is None)
        if b.grad is not None:
            same(a.grad, b.grad, max(tolerance, 1e-10))


def public_functions(*modules: ModuleType) -> set[str]:
    """The functions that modules define for users: as functions of the library, of ``linalg`` or as methods."""
    places = (minitorch, minitorch.linalg, minitorch.Tensor)
    return {
        name
        for module in modules
        for name, value in vars(module).items()
        if name[0] != "_"
        and getattr(value, "__module__", "") == module.__name__
        and any(hasattr(place, name) for place in places)
    }
