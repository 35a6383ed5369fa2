"""``vmap``: a function of one example as a function of a batch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from minitorch.core.tensor import Tensor
from minitorch.func import tree
from minitorch.ops.joining import stack
from minitorch.random import default_generator


def vmap(
    func: Callable,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable:
    """The function that calls ``func`` with each example of a batch and stacks the results.

    It is a loop: it saves writing one, but not the time that one takes.

    Args:
        func: a function of tensors, in nested tuples, lists and dicts, to tensors; keyword arguments are passed on.
        in_dims: the dimension of the batch in each argument, ``None`` for what all examples share: a number for all
            arguments, or a structure like theirs.
        out_dims: where the batch's dimension is put in each result.
        randomness: ``"error"`` refuses random numbers, ``"different"`` draws for each example, ``"same"`` gives all
            examples the same numbers.
        chunk_size: without effect.

    Raises:
        ValueError: nothing to go over, or different numbers of examples.
        RuntimeError: random numbers were drawn, and ``randomness`` is ``"error"``.

    >>> import minitorch as torch
    >>> torch.func.vmap(torch.dot)(torch.ones(2, 3), torch.ones(2, 3))
    tensor([3., 3.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        results, place = [], _place()
        for example in _examples(args, in_dims):
            if randomness == "same":
                _go_to(place)
            results.append(func(*example, **kwargs))
        if randomness == "error" and not _same_place(place):
            raise RuntimeError(
                "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
                "'different' randomness flags on vmap or perform the random operation outside of it"
            )
        return _stacked(results, out_dims)

    return wrapper


def _examples(args: tuple, in_dims: Any) -> Iterator[tuple]:
    """The arguments of each call."""
    if not args:
        raise ValueError("vmap: got no inputs. Maybe you forgot to add inputs")
    if not isinstance(in_dims, (int, tuple, list)):
        raise ValueError(
            f"vmap: expected in_dims to be int or a (potentially nested) tuple matching the structure of inputs, "
            f"got {type(in_dims).__name__}"
        )
    flat, dims = tree.leaves(args), tree.spread(tuple(in_dims) if isinstance(in_dims, list) else in_dims, args)
    if dims is None:
        raise ValueError(f"vmap: in_dims={in_dims} is not compatible with the structure of the inputs")
    parts: list[Any] = []
    sizes = []
    for x, dim in zip(flat, dims):
        if dim is None:
            parts.append(x)
            continue
        if not isinstance(x, Tensor):
            raise ValueError(
                f"vmap: got in_dim={dim} for an input of type {type(x).__name__}. "
                "Only Tensors have a dimension to go over: use None as its in_dim"
            )
        if not -x.ndim <= dim < x.ndim:
            raise ValueError(f"vmap: got in_dim={dim} for a Tensor of {x.ndim} dimensions")
        parts.append(x.unbind(dim))
        sizes.append(x.shape[dim])
    if not sizes:
        raise ValueError("vmap: at least one in_dim must not be None")
    if len(set(sizes)) > 1:
        raise ValueError(f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes}")
    if not sizes[0]:
        raise NotImplementedError("vmap: a batch without examples says nothing about the results; give at least one")

    def example(index: int) -> tuple:
        values = [part if dim is None else part[index] for part, dim in zip(parts, dims)]
        return tree.rebuilt(args, values)

    return map(example, range(sizes[0]))


def _stacked(results: list, out_dims: Any) -> Any:
    dims = tree.spread(out_dims, results[0])
    if dims is None:
        raise ValueError(f"vmap: out_dims={out_dims} is not compatible with the structure of the outputs")
    columns = []
    for dim, column in zip(dims, zip(*map(tree.leaves, results))):
        if dim is None:
            columns.append(column[0])
            continue
        for value in column:
            if not isinstance(value, Tensor):
                raise ValueError(f"vmap: the function must only return Tensors, got {type(value).__name__}")
        columns.append(stack(column, dim))
    return tree.rebuilt(results[0], columns)


def _place() -> Any:
    """Where the default stream of random numbers is; looking does not start it."""
    if "numpy_rng" not in default_generator.__dict__:
        return default_generator.initial_seed()
    return default_generator.get_state()


def _go_to(place: Any) -> None:
    if isinstance(place, int):
        default_generator.manual_seed(place)
    else:
        default_generator.set_state(place)


def _same_place(place: Any) -> bool:
    now = _place()
    if isinstance(place, int) or isinstance(now, int):
        return isinstance(now, int) and now == place
    return bool((now == place).all())
