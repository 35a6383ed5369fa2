"""Derivatives of functions of tensors: ``jacobian``, ``hessian``, and their products with vectors.

All take ``create_graph`` (results can be differentiated again, by their own inputs too) and ``strict`` (an output that
does not depend on an input is an error instead of zeros).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minitorch.core.engine import grad
from minitorch.core.grad_mode import enable_grad
from minitorch.core.tensor import Tensor
from minitorch.creation import zeros, zeros_like
from minitorch.ops.joining import stack


def _tensors(value: Any, what: str, function: str) -> tuple[tuple[Tensor, ...], bool]:
    """``value`` as a tuple, and whether it was one.

    Raises:
        TypeError: neither a Tensor nor a tuple of Tensors.
    """
    values = value if isinstance(value, tuple) else (value,)
    for index, one in enumerate(values):
        if not isinstance(one, Tensor):
            raise TypeError(
                f"The {what} of {function} must be either a Tensor or a tuple of Tensors, "
                f"but the value at index {index} has type {type(one).__name__}."
            )
    return values, isinstance(value, tuple)


def _independent(inputs: tuple, create_graph: bool) -> tuple[Tensor, ...]:
    """Tensors with the values of ``inputs`` that can be told from all others in a graph."""
    if create_graph:
        return tuple(x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in inputs)
    return tuple(x.detach().requires_grad_() for x in inputs)


def _call(func: Callable, inputs: Any, name: str, create_graph: bool, strict: bool) -> tuple:
    """(inputs as a tuple, whether they were one, outputs as a tuple, whether they were one)."""
    given, many = _tensors(inputs, "inputs", name)
    xs = _independent(given, create_graph)
    ys, several = _tensors(func(*xs), "outputs of the function", name)
    if strict:
        for index, y in enumerate(ys):
            if not y.requires_grad:
                raise RuntimeError(f"{name}: output {index} does not require gradients: it is independent of the input")
    return xs, many, ys, several


def _slopes(ys: Sequence[Tensor], xs: tuple, by: Any, name: str, create_graph: bool, strict: bool) -> tuple:
    """The derivatives of outputs by inputs; zeros where there is none, unless ``strict``."""
    pairs = [(y, g) for y, g in zip(ys, by or [None] * len(ys)) if y.requires_grad]
    found: tuple = (None,) * len(xs)
    if pairs:
        outputs, seeds = zip(*pairs)
        found = grad(outputs, xs, seeds, retain_graph=True, create_graph=create_graph, allow_unused=True)
    for index, g in enumerate(found):
        if strict and g is None:
            raise RuntimeError(
                f"{name}: the output is independent of input {index}. This is not allowed in strict mode."
            )
        if strict and create_graph and not g.requires_grad:
            raise RuntimeError(
                f"{name}: the derivative by input {index} is independent of the inputs. "
                "This is not allowed in strict mode when create_graph=True."
            )
    return tuple(zeros_like(x) if g is None else g for x, g in zip(xs, found))


def _vectors(v: Any, like: tuple, many: bool, name: str) -> tuple[Tensor, ...]:
    """The given vectors, checked; ones for a single element if there are none.

    Raises:
        RuntimeError: missing, or other numbers or shapes than those of ``like``.
    """
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(f"{name}: the vector v can only be None if it would have a single element")
        return tuple(zeros_like(x) + 1 for x in like)
    given, _ = _tensors(v, "v", name)
    if len(given) != len(like):
        raise RuntimeError(f"{name}: v is a tuple of invalid length: should be {len(like)} but got {len(given)}.")
    for index, (one, x) in enumerate(zip(given, like)):
        if one.shape != x.shape:
            raise RuntimeError(
                f"{name}: entry {index} of v has invalid size: should be {list(x.shape)} but got {list(one.shape)}."
            )
    return given


def _finished(values: tuple, several: bool, create_graph: bool) -> Any:
    results = values if create_graph else tuple(value.detach() for value in values)
    return results if several else results[0]


def vjp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """(outputs, ``v``ᵀ · Jacobian), for ``v`` in the shape of the outputs.

    >>> import minitorch as torch
    >>> torch.autograd.functional.vjp(lambda x: x ** 2, torch.tensor([1., 2.]), torch.tensor([1., 10.]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    with enable_grad():
        xs, many, ys, several = _call(func, inputs, "vjp", create_graph, strict)
        products = _slopes(ys, xs, _vectors(v, ys, several, "vjp"), "vjp", create_graph, strict)
    return _finished(ys, several, create_graph), _finished(products, many, create_graph)


def _forward_product(ys: tuple, xs: tuple, vectors: tuple, name: str, create_graph: bool, strict: bool) -> tuple:
    """Jacobian · vectors, by differentiating backwards twice.

    uᵀ·J is linear in u, so its derivative along v, which is J·v, does not depend on what u is.
    """
    seeds = tuple(zeros_like(y).requires_grad_() for y in ys)
    if any(y.requires_grad for y in ys):
        backwards = _slopes(ys, xs, seeds, name, True, strict)
        return _slopes(backwards, seeds, vectors, name, create_graph, False)
    return tuple(zeros_like(y) for y in ys)


def jvp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """(outputs, Jacobian · ``v``), for ``v`` in the shape of the inputs.

    >>> import minitorch as torch
    >>> torch.autograd.functional.jvp(lambda x: x.sum() * x, torch.tensor([1., 2.]), torch.tensor([1., 0.]))
    (tensor([3., 6.]), tensor([4., 2.]))
    """
    with enable_grad():
        xs, many, ys, several = _call(func, inputs, "jvp", create_graph, strict)
        products = _forward_product(ys, xs, _vectors(v, xs, many, "jvp"), "jvp", create_graph, strict)
    return _finished(ys, several, create_graph), _finished(products, several, create_graph)


def jacobian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """All derivatives: of shape (output's + input's); for tuples, ``jacobian[output][input]``.

    Args:
        func: from Tensors to a Tensor or a tuple of Tensors.
        inputs: a Tensor or a tuple of Tensors.
        create_graph, strict: see the module.
        vectorize: without effect: the elements of the outputs are differentiated one after the other.
        strategy: ``"reverse-mode"``: a pass an element of the outputs; ``"forward-mode"``: an element of the inputs.

    >>> import minitorch as torch
    >>> torch.autograd.functional.jacobian(lambda x: x ** 2, torch.tensor([1., 2.]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise AssertionError(f"Expected strategy to be 'forward-mode' or 'reverse-mode', got {strategy!r}")
    if strategy == "forward-mode" and create_graph:
        raise NotImplementedError("jacobian: create_graph=True works with strategy='reverse-mode'")
    with enable_grad():
        xs, many, ys, several = _call(func, inputs, "jacobian", create_graph, strict)
        rows_of = _rows if strategy == "reverse-mode" else _columns
        blocks = rows_of(ys, xs, create_graph, strict)
    results = tuple(_finished(row, many, create_graph) for row in blocks)
    return results if several else results[0]


def _basis(x: Tensor) -> Any:
    """One tensor like ``x`` an element, 1 there and 0 elsewhere."""
    for position in range(x.numel()):
        one = zeros(x.numel(), dtype=x.dtype, device=x.device)
        one[position] = 1
        yield one.reshape(x.shape)


def _rows(ys: tuple, xs: tuple, create_graph: bool, strict: bool) -> list[tuple]:
    blocks = []
    for y in ys:
        passes = [_slopes((y,), xs, (seed,), "jacobian", create_graph, strict) for seed in _basis(y)]
        blocks.append(_stacked(passes, xs, y.shape))
    return blocks


def _stacked(passes: list[tuple], xs: tuple, shape: Any) -> tuple:
    if not passes:
        return tuple(zeros(*shape, *x.shape, dtype=x.dtype, device=x.device) for x in xs)
    return tuple(stack(column).reshape(*shape, *column[0].shape) for column in zip(*passes))


def _columns(ys: tuple, xs: tuple, create_graph: bool, strict: bool) -> list[tuple]:
    blocks: list[list] = [[] for _ in ys]
    for x in xs:
        passes = []
        for seed in _basis(x):
            vectors = tuple(seed if other is x else zeros_like(other) for other in xs)
            passes.append(_forward_product(ys, xs, vectors, "jacobian", create_graph, strict))
        for block, y, column in zip(blocks, ys, _stacked(passes, ys, x.shape)):
            moved = tuple(range(x.ndim, x.ndim + y.ndim)) + tuple(range(x.ndim))
            block.append(column.permute(moved))
    return [tuple(block) for block in blocks]


def _scalar(func: Callable, name: str) -> Callable:
    """``func``, whose result must be a single element."""

    def checked(*inputs: Tensor) -> Tensor:
        result = func(*inputs)
        if not isinstance(result, Tensor):
            raise RuntimeError(f"{name}: the function must return a single Tensor, got {type(result).__name__}")
        if result.numel() != 1:
            raise RuntimeError(
                f"{name}: the function should return a single element, got a tensor of shape {list(result.shape)}"
            )
        return result.squeeze()

    return checked


def hessian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Second derivatives of a function with one element: of shape (input's + input's); for tuples, ``[i][j]``.

    Args: as for :func:`jacobian`.

    >>> import minitorch as torch
    >>> torch.autograd.functional.hessian(lambda x: (x ** 3).sum(), torch.tensor([1., 2.]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    _, many = _tensors(inputs, "inputs", "hessian")
    single = _scalar(func, "hessian")

    def gradient(*xs: Tensor) -> Any:
        found = jacobian(single, xs, create_graph=True, strict=strict)
        return found if many else found[0]

    return jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)


def vhp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """(output, ``v``ᵀ · Hessian), for a function with one element and ``v`` in the shape of the inputs.

    >>> import minitorch as torch
    >>> torch.autograd.functional.vhp(lambda x: (x ** 3).sum(), torch.tensor([1., 2.]), torch.tensor([1., 1.]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    return _hessian_product(func, inputs, v, create_graph, strict, "vhp")


def hvp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """(output, Hessian · ``v``): equal to :func:`vhp`, as second derivatives commute.

    >>> import minitorch as torch
    >>> torch.autograd.functional.hvp(lambda x: x.prod(), torch.tensor([2., 3.]), torch.tensor([1., 0.]))
    (tensor(6.), tensor([0., 1.]))
    """
    return _hessian_product(func, inputs, v, create_graph, strict, "hvp")


def _hessian_product(func: Callable, inputs: Any, v: Any, create_graph: bool, strict: bool, name: str) -> tuple:
    with enable_grad():
        xs, many, ys, _ = _call(_scalar(func, name), inputs, name, create_graph, strict)
        vectors = _vectors(v, xs, many, name)
        first = _slopes(ys, xs, None, name, True, strict)
        products = _slopes(first, xs, vectors, name, create_graph, strict)
    return _finished(ys, False, create_graph), _finished(products, many, create_graph)
