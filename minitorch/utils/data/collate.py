"""``default_collate``: from a list of samples to one batch of tensors."""

from __future__ import annotations

import collections
import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from minitorch.core.tensor import Tensor, wrap
from minitorch.utils.data.dataset import Columns


def default_convert(data: Any) -> Any:
    """NumPy arrays and scalars become tensors, at any depth of mappings and sequences; all else stays what it is."""
    if isinstance(data, Tensor | str | bytes):
        return data
    if isinstance(data, np.ndarray | np.generic):
        return data if data.dtype.kind in "SUOMmV" else wrap(np.asarray(data))
    if isinstance(data, Mapping):
        return _rebuild_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(value) for value in data))
    if isinstance(data, tuple):
        return [default_convert(value) for value in data]  # as in a batch, fields are in a list
    if isinstance(data, Sequence):
        return _rebuild_sequence(data, [default_convert(value) for value in data])
    return data


def default_collate(batch: Sequence[Any]) -> Any:
    """Puts the samples of a batch together, field by field.

    Tensors and NumPy arrays of equal shape are stacked along a new first dimension; numbers become a tensor (ints
    int64, floats float64, bools bool, NumPy scalars keep their dtype); strings and bytes stay a list; mappings, named
    tuples and sequences are collated element by element.

    Args:
        batch: the samples, all of one kind.

    Raises:
        TypeError: samples of a kind that has no batch (an image, None ...).
        RuntimeError: shapes or lengths differ; the message says which sample differs from the first, and where.

    >>> from minitorch.utils.data import default_collate
    >>> default_collate([{"x": 1, "name": "a"}, {"x": 2, "name": "b"}])
    {'x': tensor([1, 2]), 'name': ['a', 'b']}
    """
    return _collate(batch, "")


def _collate(batch: Sequence[Any], where: str) -> Any:
    if isinstance(batch, Columns):
        return [
            _collate(field, f"{where}[{i}]") if isinstance(field, list) else field
            for i, field in enumerate(batch.fields)
        ]
    first = batch[0]
    if isinstance(first, Tensor):
        return _stack_tensors(batch, where)
    if isinstance(first, np.ndarray):
        if first.dtype.kind in "SUOMmV":
            raise TypeError(f"default_collate: {_at(where)}arrays of dtype {first.dtype} cannot become a tensor")
        return wrap(_stack(batch, where))
    if isinstance(first, np.generic) and first.dtype.kind not in "SUOMmV":
        return wrap(np.array(batch))
    if isinstance(first, bool | int | float) and not isinstance(first, np.generic):
        return _numbers(batch, first, where)
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        return _collate_mappings(batch, first, where)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        columns = zip(*_equally_long(batch, where))
        return type(first)(*(_collate(c, f"{where}.{name}") for c, name in zip(columns, first._fields)))
    if isinstance(first, Sequence):
        columns = zip(*_equally_long(batch, where))
        parts = [_collate(column, f"{where}[{i}]") for i, column in enumerate(columns)]
        return parts if isinstance(first, tuple) else _rebuild_sequence(first, parts)
    raise TypeError(_no_batch(first, where))


def _at(where: str) -> str:
    return f"at sample{where}: " if where else ""


def _no_batch(value: Any, where: str) -> str:
    kind = type(value)
    message = (
        f"default_collate: batch must contain tensors, numpy arrays, numbers, strings, dicts or lists; "
        f"{_at(where)}found {kind.__module__}.{kind.__qualname__}"
    )
    if kind.__module__.startswith("PIL."):
        return message + "; give the data set transform=transforms.ToTensor(), or the loader a collate_fn of your own"
    return message + "; give the loader a collate_fn of your own"


def _stack_tensors(batch: Sequence[Tensor], where: str) -> Tensor:
    plain = all(isinstance(t, Tensor) and isinstance(t._data, np.ndarray) and not t.requires_grad for t in batch)
    if plain:
        return wrap(_stack([t._data for t in batch], where))
    from minitorch import stack

    for i, tensor in enumerate(batch):
        if not isinstance(tensor, Tensor) or tensor.shape != batch[0].shape:
            raise _differs(batch, i, where)
    return stack(list(batch))


def _stack(arrays: Sequence[np.ndarray], where: str) -> np.ndarray:
    shape, dtype = arrays[0].shape, arrays[0].dtype
    for i, array in enumerate(arrays):
        if not isinstance(array, np.ndarray) or array.shape != shape:
            raise _differs(arrays, i, where)
    # dtypes may differ between samples (a uint8 mask here, an int64 one there): the batch has the common one
    if any(array.dtype != dtype for array in arrays):
        dtype = np.result_type(*(array.dtype for array in arrays))
    out = np.empty((len(arrays), *shape), dtype)
    for i, array in enumerate(arrays):
        out[i] = array
    return out


def _differs(batch: Sequence[Any], i: int, where: str) -> RuntimeError:
    def what(value: Any) -> str:
        return f"shape {list(value.shape)}" if hasattr(value, "shape") else f"a {type(value).__name__}"

    return RuntimeError(
        f"stack expects each tensor to be equal size, but {_at(where)}sample 0 of the batch has {what(batch[0])} and "
        f"sample {i} has {what(batch[i])}; bring them to one size (transforms.Resize, CenterCrop, padding) or give the "
        "loader a collate_fn of your own"
    )


def _numbers(batch: Sequence[Any], first: Any, where: str) -> Tensor:
    try:
        array = np.array(batch)
    except ValueError:  # a list among the numbers
        array = np.empty(0, object)
    if array.dtype.kind not in "bif" or array.ndim != 1:
        i = next((i for i, value in enumerate(batch) if not isinstance(value, bool | int | float | np.number)), 0)
        raise TypeError(
            f"default_collate: {_at(where)}sample 0 is {first!r} and sample {i} is {batch[i]!r}: "
            "together they are no tensor of numbers"
        )
    if array.dtype.kind == "f" and not isinstance(first, float):
        from minitorch.creation import tensor

        return tensor(list(batch))  # ints and floats together have the default dtype
    return wrap(array)


def _collate_mappings(batch: Sequence[Mapping], first: Mapping, where: str) -> Any:
    keys = set(first)
    for i, sample in enumerate(batch):
        if not isinstance(sample, Mapping) or set(sample) != keys:
            got = sorted(map(repr, sample)) if isinstance(sample, Mapping) else type(sample).__name__
            raise RuntimeError(
                f"default_collate: {_at(where)}sample 0 has the keys {sorted(map(repr, keys))}, sample {i} has {got}"
            )
    return _rebuild_mapping(first, {key: _collate([s[key] for s in batch], f"{where}[{key!r}]") for key in first})


def _equally_long(batch: Sequence[Any], where: str) -> Sequence[Sequence[Any]]:
    for i, sample in enumerate(batch):
        if not isinstance(sample, Sequence) or len(sample) != len(batch[0]):
            got = f"{len(sample)} elements" if isinstance(sample, Sequence) else f"a {type(sample).__name__}"
            raise RuntimeError(
                "each element in list of batch should be of equal size, but "
                f"{_at(where)}sample 0 has {len(batch[0])} elements and sample {i} has {got}"
            )
    return batch


def _rebuild_mapping(like: Mapping, values: dict) -> Any:
    """``values`` in a mapping of the class of ``like``; a plain dict if it cannot be made that way."""
    try:
        if isinstance(like, MutableMapping) and not isinstance(like, collections.defaultdict):
            out = copy.copy(like)
            out.update(values)
            return out
        return values if isinstance(like, collections.defaultdict) else type(like)(values)  # type: ignore[call-arg]
    except TypeError:
        return values


def _rebuild_sequence(like: Sequence, values: list) -> Any:
    if type(like) in (list, range):
        return values
    try:
        if isinstance(like, MutableSequence):
            out = copy.copy(like)
            for i, value in enumerate(values):
                out[i] = value
            return out
        return type(like)(values)  # type: ignore[call-arg]
    except TypeError:
        return values


def pinned(batch: Any) -> Any:
    """A batch in page-locked memory: what has a method ``pin_memory``, at any depth, is replaced by its result."""
    if hasattr(batch, "pin_memory"):
        return batch.pin_memory()
    if isinstance(batch, str | bytes):
        return batch
    if isinstance(batch, Mapping):
        return _rebuild_mapping(batch, {key: pinned(value) for key, value in batch.items()})
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(pinned(value) for value in batch))
    if isinstance(batch, Sequence):
        return _rebuild_sequence(batch, [pinned(value) for value in batch])
    return batch
