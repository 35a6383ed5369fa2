"""Modules called with parameters and buffers from outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from minitorch.core.tensor import Tensor
from minitorch.ops.joining import stack


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """What ``module(*args, **kwargs)`` gives with other tensors in place of its parameters and buffers.

    Args:
        module: stays as it is.
        parameter_and_buffer_dicts: from dotted names to tensors, or a tuple or list of such dicts.
        args: the positional arguments; what is no tuple is the only one.
        kwargs: the keyword arguments.
        tie_weights: a tensor that the module has under several names is replaced under all of them.
        strict: the names must be exactly those of the module.

    Raises:
        ValueError: two dicts have the same name, or tied names are given different tensors.
        TypeError: a value is no Tensor.
        RuntimeError: ``strict``, and names are missing or unknown.

    >>> import minitorch as torch
    >>> layer = torch.nn.Linear(2, 1)
    >>> torch.func.functional_call(layer, {"weight": torch.ones(1, 2), "bias": torch.zeros(1)}, torch.ones(2))
    tensor([2.])
    """
    tensors = _merged(parameter_and_buffer_dicts)
    for value in tensors.values():
        if not isinstance(value, Tensor):
            raise TypeError(f"{value!r:.80} is not an instance of torch.Tensor")
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(module, tensors, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def _merged(dicts: Any) -> dict[str, Any]:
    if isinstance(dicts, dict):
        return dict(dicts)
    if not isinstance(dicts, (tuple, list)) or not all(isinstance(d, dict) for d in dicts):
        raise ValueError("functional_call: expected a dict of tensors, or a tuple or list of such dicts")
    merged: dict[str, Any] = {}
    for one in dicts:
        twice = sorted(set(merged) & set(one))
        if twice:
            raise ValueError(f"{twice} appeared in multiple dictionaries; behavior of functional call is ambiguous")
        merged.update(one)
    return merged


def _named_slots(module: Any) -> Iterator[tuple[str, dict, str]]:
    """(dotted name, dict of a module, key) of each parameter and buffer, under all its names."""
    for path, part in module.named_modules(remove_duplicate=False):
        for slots in (part._parameters, part._buffers):
            for key, value in slots.items():
                if value is not None:
                    yield (f"{path}.{key}" if path else key), slots, key


@contextmanager
def _replaced(module: Any, tensors: dict[str, Tensor], tie_weights: bool, strict: bool) -> Iterator[None]:
    slots = {name: (where, key) for name, where, key in _named_slots(module)}
    new = {name: tensors[name] for name in slots if name in tensors}
    if tie_weights:
        new.update(_tied(slots, new))
    if strict:
        missing, unknown = sorted(set(slots) - set(new)), sorted(set(tensors) - set(slots))
        if missing or unknown:
            raise RuntimeError(
                f"Error(s) in reparametrizing for {type(module).__name__}: missing keys {missing}, unexpected {unknown}"
            )
    kept = [(where, key, where[key]) for where, key in (slots[name] for name in new)]
    try:
        for name, value in new.items():
            where, key = slots[name]
            where[key] = value
        yield
    finally:
        for where, key, value in reversed(kept):
            where[key] = value


def _tied(slots: dict, new: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors for other names of what is replaced."""
    by_tensor: dict[int, tuple[str, Tensor]] = {}
    for name, value in new.items():
        where, key = slots[name]
        other, given = by_tensor.setdefault(id(where[key]), (name, value))
        if given is not value:
            raise ValueError(f"functional_call got different values for {other!r} and {name!r}, which are tied")
    found = {}
    for name, (where, key) in slots.items():
        if name not in new and id(where[key]) in by_tensor:
            found[name] = by_tensor[id(where[key])][1]
    return found


def stack_module_state(models: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and the buffers of equal modules, stacked: two dicts of new tensors.

    Raises:
        RuntimeError: no modules, of different classes, or some training and some not.

    >>> import minitorch as torch
    >>> params, buffers = torch.func.stack_module_state([torch.nn.Linear(2, 1) for _ in range(3)])
    >>> params["weight"].shape
    torch.Size([3, 1, 2])
    """
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: expected at least one model, got 0.")
    if len({model.training for model in models}) > 1:
        raise RuntimeError("stack_module_state: expected all models to have the same training/eval mode.")
    if len({type(model) for model in models}) > 1:
        raise RuntimeError("stack_module_state: expected all models to be of the same class.")

    def stacked(named: list[dict]) -> dict[str, Tensor]:
        result = {}
        for name, first in named[0].items():
            values = stack([one[name] for one in named])
            result[name] = values.detach().requires_grad_(first.requires_grad)
        return result

    return (
        stacked([dict(model.named_parameters()) for model in models]),
        stacked([dict(model.named_buffers()) for model in models]),
    )
