"""Sums of products over named dimensions: ``einsum`` and ``tensordot``, each pair of operands as one matrix product.

Everything is put together from operations that have gradients, so there is no gradient rule here.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

from minitorch.core.tensor import Tensor
from minitorch.ops.axes import _permute
from minitorch.ops.diagonals import diagonal
from minitorch.ops.dims import wrap_dim
from minitorch.ops.linalg import check_types, matmul
from minitorch.ops.shape import _expand, _reshape

#: a label is a letter or, for a dimension that an ellipsis stands for, its negative number counted from the last
Labels = tuple[Any, ...]


# ---- two operands


def contract(a: Tensor, a_labels: Labels, b: Tensor, b_labels: Labels, kept: set) -> tuple[Tensor, Labels]:
    """The sum of products over the labels that are not in ``kept``, and the labels of what is left.

    Labels that only one operand has and nobody keeps are summed before the product, which makes it smaller.
    """
    a, a_labels = _summed(a, a_labels, kept | set(b_labels))
    b, b_labels = _summed(b, b_labels, kept | set(a_labels))
    batch = [label for label in a_labels if label in b_labels and label in kept]
    summed = [label for label in a_labels if label in b_labels and label not in kept]
    rows = [label for label in a_labels if label not in b_labels]
    columns = [label for label in b_labels if label not in a_labels]
    labels = (*batch, *rows, *columns)
    if not summed or not (rows or columns or not batch):
        # no matrices here: products element by element, perhaps summed
        product = _spread(a, a_labels, [*labels, *summed]) * _spread(b, b_labels, [*labels, *summed])
        return (product.sum(tuple(range(len(labels), product._data.ndim))) if summed else product), labels
    a, b = _order(a, a_labels, [*batch, *rows, *summed]), _order(b, b_labels, [*batch, *summed, *columns])
    a_shape, b_shape = a._data.shape, b._data.shape
    lead, row_sizes, column_sizes = len(batch), a_shape[len(batch) : -len(summed)], b_shape[len(batch) + len(summed) :]
    terms = tuple(map(max, a_shape[-len(summed) :], b_shape[lead : lead + len(summed)]))
    if a_shape[-len(summed) :] != terms:
        a = _expand(a, (*a_shape[: -len(summed)], *terms))
    if b_shape[lead : lead + len(summed)] != terms:
        b = _expand(b, (*b_shape[:lead], *terms, *column_sizes))
    a = _reshape(a, (*a_shape[:lead], math.prod(row_sizes), math.prod(terms)))
    b = _reshape(b, (*b_shape[:lead], math.prod(terms), math.prod(column_sizes)))
    out = matmul(a, b)
    return _reshape(out, (*out._data.shape[:lead], *row_sizes, *column_sizes)), labels


def _spread(x: Tensor, labels: Labels, order: Sequence[Any]) -> Tensor:
    """``x`` with its dimensions in the order of the labels, and 1 for those that it has not."""
    x = _order(x, labels, [label for label in order if label in labels])
    sizes = iter(x._data.shape)
    return _reshape(x, tuple(next(sizes) if label in labels else 1 for label in order))


def _summed(x: Tensor, labels: Labels, wanted: set) -> tuple[Tensor, Labels]:
    lost = tuple(i for i, label in enumerate(labels) if label not in wanted)
    if not lost:
        return x, labels
    return x.sum(lost), tuple(label for label in labels if label in wanted)


def _order(x: Tensor, labels: Labels, order: Sequence[Any]) -> Tensor:
    axes = tuple(labels.index(label) for label in order)
    return x if axes == tuple(range(len(axes))) else _permute(x, axes)


# ---- tensordot


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """The sum of products over dimensions of ``a`` and ``b`` that are paired.

    Args:
        dims: how many of the last of ``a`` and the first of ``b``, or two lists: the dimensions of ``a`` and their
            partners in ``b``.

    Raises:
        RuntimeError: the numbers or sizes of the paired dimensions differ.

    >>> import minitorch as torch
    >>> torch.tensordot(torch.ones(2, 3, 4), torch.ones(3, 4, 5), dims=2).shape
    torch.Size([2, 5])
    """
    check_types("tensordot", a, b)
    a_shape, b_shape = a._data.shape, b._data.shape
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(len(a_shape), len(b_shape)):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        firsts: list[int] = list(range(len(a_shape) - dims, len(a_shape)))
        seconds: list[int] = list(range(dims))
    else:
        one, other = ([d] if isinstance(d, int) else list(d) for d in dims)
        if len(one) != len(other):
            raise RuntimeError(f"tensordot: both dimension lists should have same length, got {one} and {other}")
        firsts, seconds = [wrap_dim(d, len(a_shape)) for d in one], [wrap_dim(d, len(b_shape)) for d in other]
    for i, j in zip(firsts, seconds):
        if a_shape[i] != b_shape[j] and 1 not in (a_shape[i], b_shape[j]):
            raise RuntimeError(
                f"tensordot: contracted dimensions need to match, but first has size {a_shape[i]} in dim {i} and "
                f"second has size {b_shape[j]} in dim {j}"
            )
    a_labels = tuple(range(len(a_shape)))
    partner = dict(zip(seconds, firsts))
    b_labels = tuple(partner.get(j, len(a_shape) + j) for j in range(len(b_shape)))
    return contract(a, a_labels, b, b_labels, set(a_labels) ^ set(b_labels))[0]


# ---- einsum


def einsum(equation: Any, *operands: Any) -> Tensor:
    """The sum of products that ``equation`` writes down, as ``"ij,jk->ik"`` does for the matrix product.

    A letter names a dimension of an operand.  Letters behind ``->`` are the dimensions of the result; without ``->``
    they are those that occur once, in alphabetical order.  ``...`` stands for dimensions that broadcast; a letter twice
    in one operand takes its diagonal.  Also ``einsum(a, [0, 1], b, [1, 2], [0, 2])``.

    Raises:
        RuntimeError: the equation does not fit the operands; operands have several dtypes.
        ValueError: a number in a list is not in [0, 52).

    >>> import minitorch as torch
    >>> torch.einsum("bij,bjk->bik", torch.ones(5, 2, 3), torch.ones(5, 3, 4)).shape
    torch.Size([5, 2, 4])
    """
    if isinstance(equation, Tensor):
        equation, operands = _from_lists((equation, *operands))
    elif not isinstance(equation, str):
        raise TypeError(f"einsum(): argument 'equation' (position 1) must be str, not {type(equation).__name__}")
    if len(operands) == 1 and not isinstance(operands[0], Tensor):
        operands = tuple(operands[0])
    for position, x in enumerate(operands):
        if not isinstance(x, Tensor):
            raise TypeError(f"einsum(): operand {position} must be Tensor, not {type(x).__name__}")
        if x.dtype is not operands[0].dtype:
            raise RuntimeError(f"einsum(): operands have dtypes {operands[0].dtype} and {x.dtype}; cast one with .to()")
    inputs, output = _parse(equation, tuple(x._data.ndim for x in operands))
    terms = [_distinct(x, labels, position) for position, (x, labels) in enumerate(zip(operands, inputs))]
    _check_sizes(terms)
    while len(terms) > 1:
        i, j = _cheapest(terms, output) if len(terms) > 2 else (0, 1)
        second, first = terms.pop(j), terms.pop(i)
        kept = set(output).union(*(labels for _, labels in terms))
        terms.append(contract(*first, *second, kept))
    result, labels = _summed(*terms[0], set(output))
    return _order(result, labels, output)


def _from_lists(arguments: tuple) -> tuple[str, tuple]:
    """The equation for operands that alternate with lists of numbers."""

    def written(numbers: Sequence[Any]) -> str:
        for n in numbers:
            if n is not Ellipsis and not 0 <= n < 52:
                raise ValueError(f"einsum(): subscript {n} is not within the valid range [0, 52)")
        return "".join("..." if n is Ellipsis else chr((65 if n < 26 else 71) + n) for n in numbers)

    operands, lists = arguments[0::2], arguments[1::2]
    arrow = ""
    if len(operands) > len(lists):
        operands, arrow = operands[:-1], "->" + written(operands[-1])
    return ",".join(map(written, lists)) + arrow, tuple(operands)


@functools.lru_cache(maxsize=256)
def _parse(equation: str, ndims: tuple[int, ...]) -> tuple[list[Labels], Labels]:
    """The labels of each operand and of the result."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(ndims):
        which = "fewer" if len(parts) > len(ndims) else "more"
        raise RuntimeError(f"einsum(): {which} operands were provided than specified in the equation {equation!r}")
    inputs = []
    for position, (part, ndim) in enumerate(zip(parts, ndims)):
        count = len(_letters(part, f"operand {position}", equation))
        if "..." in part:
            if count > ndim:
                raise RuntimeError(
                    f"einsum(): the number of subscripts in the equation ({count}) is more than the number of "
                    f"dimensions ({ndim}) for operand {position} of {equation!r}"
                )
        elif count != ndim:
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({count}) does not match the number of "
                f"dimensions ({ndim}) for operand {position} of {equation!r} and no ellipsis was given"
            )
        inputs.append(_labels(part, ndim - count))
    hidden = max((-min((n for n in labels if isinstance(n, int)), default=0) for labels in inputs), default=0)
    if arrow:
        letters = _letters(right, "the output", equation)
        for letter in letters:
            if letters.count(letter) > 1:
                raise RuntimeError(f"einsum(): output subscript {letter} appears more than once in {equation!r}")
            if not any(letter in labels for labels in inputs):
                raise RuntimeError(
                    f"einsum(): output subscript {letter} does not appear for any operand of {equation!r}"
                )
        return inputs, _labels(right, hidden)
    counts = [label for labels in inputs for label in labels if isinstance(label, str)]
    once = sorted(label for label in set(counts) if counts.count(label) == 1)
    return inputs, (*range(-hidden, 0), *once)


def _letters(part: str, where: str, equation: str) -> str:
    letters = part.replace("...", "", 1)
    for letter in letters:
        if not (letter.isascii() and letter.isalpha()):
            raise RuntimeError(
                f"einsum(): found {letter!r} for {where} in {equation!r}: subscripts must be in [a-zA-Z] or an ellipsis"
            )
    return letters


def _labels(part: str, hidden: int) -> Labels:
    before, dots, after = part.partition("...")
    return (*before, *range(-hidden, 0), *after) if dots else tuple(before)


def _distinct(x: Tensor, labels: Labels, position: int) -> tuple[Tensor, Labels]:
    """The diagonal where a label occurs twice."""
    for label in set(labels):
        while labels.count(label) > 1:
            i = labels.index(label)
            j = labels.index(label, i + 1)
            sizes = x._data.shape[i], x._data.shape[j]
            if sizes[0] != sizes[1]:
                raise RuntimeError(
                    f"einsum(): subscript {label} is repeated for operand {position} but the sizes don't match, "
                    f"{sizes[1]} != {sizes[0]}"
                )
            x = diagonal(x, 0, i, j)
            labels = (*labels[:i], *labels[i + 1 : j], *labels[j + 1 :], label)
    return x, labels


def _check_sizes(terms: Sequence[tuple[Tensor, Labels]]) -> None:
    seen: dict[Any, int] = {}
    for position, (x, labels) in enumerate(terms):
        for label, size in zip(labels, x._data.shape):
            if seen.setdefault(label, size) == 1:
                seen[label] = size
            elif size not in (1, seen[label]):
                what = f"subscript {label}" if isinstance(label, str) else f"dimension {label} of the ellipsis"
                raise RuntimeError(
                    f"einsum(): {what} has size {size} for operand {position} which does not broadcast with previously "
                    f"seen size {seen[label]}"
                )


def _cheapest(terms: Sequence[tuple[Tensor, Labels]], output: Labels) -> tuple[int, int]:
    """The pair whose product saves most memory: contracting it first is rarely far from the best order."""

    def growth(pair: tuple[int, int]) -> int:
        i, j = pair
        others = set(output).union(*(labels for k, (_, labels) in enumerate(terms) if k not in pair))
        sizes: dict[Any, int] = {}
        for x, labels in (terms[i], terms[j]):
            for label, size in zip(labels, x._data.shape):
                sizes[label] = max(size, sizes.get(label, 1))
        result = math.prod(size for label, size in sizes.items() if label in others)
        return result - terms[i][0]._data.size - terms[j][0]._data.size

    pairs = [(i, j) for i in range(len(terms)) for j in range(i + 1, len(terms))]
    return min(pairs, key=growth)
