"""``x[key]`` and ``x[key] = value``: views for basic keys, copies and scattered writes for index tensors and masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend import is_array
from minitorch.backend.primitives.scatter import index_put_add
from minitorch.core.device import device_of
from minitorch.core.grad_mode import state
from minitorch.core.inplace import assign, overwrite, refuse_write
from minitorch.core.node import bump_version
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.index_key import advanced_key, parse_key, result_shape
from minitorch.ops.shape import sum_to

# ---- the basic part


def _basic(name: str) -> Any:
    @op(name, view=True)
    def part(input: Array, key):
        return input[key]

    part.rules(input=lambda g, input_shape, key: _basic_grad(g, input_shape, key))
    return part


@op("SliceBackward0")
def _basic_grad(g: Array, shape, key):
    whole = xp(g).zeros(shape, g.dtype)
    whole[key] = g
    return whole


#: one op, named as PyTorch names the last step of a key
_select, _slice, _insert = _basic("SelectBackward0"), _basic("SliceBackward0"), _basic("UnsqueezeBackward0")
_basic_grad.rules(g=lambda h, key: _slice(h, key))


def _basic_op(key: tuple) -> Any:
    for item in reversed(key):
        if item is not Ellipsis:
            return _slice if isinstance(item, slice) else _insert if item is None else _select
    return _slice


def corner(input: Tensor, shape: tuple) -> Tensor:
    """A view of the first ``shape[d]`` slices along each dimension."""
    if input._data.shape == tuple(shape):
        return input
    return _slice(input, tuple(slice(0, n) for n in shape))


# ---- the advanced part


@op("IndexBackward0")
def _index(input: Array, key):
    return input[key]


@op("IndexPutBackward0")
def _index_grad(g: Array, shape, key):
    whole = xp(g).zeros(shape, g.dtype)
    add_at(whole, key, g)
    return whole


_index.rules(input=lambda g, input_shape, key: _index_grad(g, input_shape, key))
_index_grad.rules(g=lambda h, key: _index(h, key))


def add_at(array: Any, key: tuple, values: Any) -> None:
    """``array[key] += values`` where repeated indices add up."""
    if len(key) == 1 and key[0].dtype.kind == "b":
        array[key] += values
    else:
        index_put_add(array, key, values)


def _kept_key(input: Tensor, key: tuple) -> tuple:
    """A key that a recorded operation may keep: index tensors may be overwritten before backward."""
    if state.enabled and input.requires_grad:
        return tuple(item if type(item) is slice else item.copy() for item in key)
    return key


def getitem(input: Tensor, index: Any) -> Tensor:
    """``input[index]``: a view for ints, slices, ``None`` and ``...``; a copy for index tensors and masks.

    Raises:
        IndexError: an index is out of range or of a wrong type.
        ValueError: a slice has a negative step.
    """
    array = input._data
    kind = type(index)
    if kind is int and array.ndim:
        if not -array.shape[0] <= index < array.shape[0]:
            raise IndexError(f"index {index} is out of bounds for dimension 0 with size {array.shape[0]}")
        return _select(input, (index, Ellipsis))
    if array.ndim == 0 and kind is int:
        raise IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` to convert a 0-dim tensor to a Python number"
        )
    basic, advanced = parse_key(index, array.shape, array)
    if advanced is None:
        return _basic_op(basic)(input, basic)  # type: ignore[arg-type]
    if basic is not None:
        input = _basic_op(basic)(input, basic)
    return _index(input, _kept_key(input, advanced_key(input._data.shape, advanced)))


# ---- assignment


@op("IndexPutBackward0")
def put(input: Array, values: Array, key, accumulate, write):
    out = input if write else input.copy()
    if accumulate:
        add_at(out, key, values)
    else:
        out[key] = values
    return out


@op("IndexPutBackward0")
def _without_key(g: Array, key):
    out = g.copy()
    out[key] = 0
    return out


_without_key.rules(g=lambda h, key: _without_key(h, key))
put.rules(
    input=lambda g, key, accumulate: g if accumulate else _without_key(g, key),
    values=lambda g, values_shape, key: sum_to(_index(g, key), values_shape),
)


def setitem(self: Tensor, index: Any, value: Any) -> None:
    """``self[index] = value``: writes a number or a tensor that broadcasts to the place.

    Raises:
        IndexError: an index is out of range or of a wrong type.
        RuntimeError: the value does not broadcast to the place, or gradients forbid writing.
        TypeError: the value is neither number nor tensor.
    """
    array = self._data
    number = not isinstance(value, Tensor)
    if number and not isinstance(value, (bool, int, float, np.number, np.bool_)):
        if not is_array(value):
            raise TypeError(
                f"can't assign a {type(value).__name__} to a tensor of {self.dtype}; make a tensor of it first"
            )
        value, number = wrap(value), False
    basic, advanced = parse_key(index, array.shape, array)
    refuse_write(self, "__setitem__")
    recording = state.enabled and (self.requires_grad or (not number and value.requires_grad))
    source = value if number else _place_value(value, array)
    region = array if basic is None else array[basic]
    if advanced is None:
        if not number:
            _check_fits(source._data.shape, region.shape)
        if not recording:
            region[...] = source if number else source._data
            bump_version(self)
            return
        from minitorch.ops.conversion import copy_, fill_

        target = _basic_op(basic)(self, basic)  # type: ignore[arg-type]
        if number:
            fill_(target, value)
        else:
            copy_(target, _strip_ones(source, region.ndim))
        return
    key = advanced_key(region.shape, advanced)
    if not number:
        _check_put(source, region, key)
    if not recording:
        region[key] = source if number else source._data
        bump_version(self)
        return
    if number:
        source = wrap(xp(array).asarray(value, array.dtype))
    target = self if basic is None else _basic_op(basic)(self, basic)
    key = tuple(item if type(item) is slice else item.copy() for item in key)
    assign(target, put(target, source, key, False, True), "__setitem__")


def _place_value(value: Tensor, array: Any) -> Tensor:
    """The value on the device of the place: a number may come from another one."""
    if type(value._data) is type(array) is np.ndarray:
        return value
    if value._data.ndim and device_of(value._data) != device_of(array):
        raise RuntimeError(
            f"__setitem__: the tensor is on {device_of(array)}, the value on {device_of(value._data)}; move one "
            "with .to()"
        )
    return value.to(device_of(array))


def _strip_ones(value: Tensor, ndim: int) -> Tensor:
    shape = value._data.shape
    extra = len(shape) - ndim
    return value.reshape(shape[extra:]) if extra > 0 else value


def _check_fits(shape: tuple, place: tuple) -> None:
    extra = len(shape) - len(place)
    fits = all(n == 1 for n in shape[: max(extra, 0)])
    for axis, n in enumerate(shape[max(extra, 0) :], max(-extra, 0)):
        if n not in (1, place[axis]):
            raise RuntimeError(
                f"The expanded size of the tensor ({place[axis]}) must match the existing size ({n}) at non-singleton "
                f"dimension {axis}.  Target sizes: {list(place)}.  Tensor sizes: {list(shape)}"
            )
    if not fits:
        raise RuntimeError(
            f"shape mismatch: a value of shape {list(shape)} cannot be written to a place of {list(place)}"
        )


def _check_put(values: Tensor, region: Any, key: tuple) -> None:
    if values._data.dtype != region.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{region.dtype} for the destination and {values.dtype} for the source."
        )
    shape, place = values._data.shape, result_shape(region.shape, key)
    extra = max(len(shape) - len(place), 0)
    if any(n != 1 for n in shape[:extra]) or any(
        n not in (1, m) for n, m in zip(shape[extra:], place[len(place) - len(shape) + extra :])
    ):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(shape)} cannot be broadcast to indexing result of shape "
            f"{list(place)}"
        )


# ---- as functions


def _put_key(input: Tensor, indices: Sequence[Any], values: Any, name: str) -> tuple:
    """The key of ``index_put``; the values are known to fit."""
    if not isinstance(values, Tensor):
        raise TypeError(f"{name}(): argument 'values' must be Tensor, not {type(values).__name__}")
    array = input._data
    _, advanced = parse_key(tuple(slice(None) if i is None else i for i in indices), array.shape, array)
    if advanced is None:
        raise IndexError(f"{name}(): indices must have at least one index tensor")
    key = tuple(item if type(item) is slice else item.copy() for item in advanced_key(array.shape, advanced))
    _check_put(values, array, key)
    return key


def index_put(input: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False) -> Tensor:
    """``input`` after ``input[indices] = values``, or ``+=`` where repeated places add up (``accumulate``).

    Raises:
        IndexError: an index is out of range or of a wrong type.
        RuntimeError: ``values`` does not broadcast to the places or has another dtype.
    """
    return put(input, values, _put_key(input, indices, values, "index_put"), accumulate, False)


def index_put_(self: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False) -> Tensor:
    """In-place :func:`index_put`."""
    return overwrite(put, "index_put_", self, values, _put_key(self, indices, values, "index_put_"), accumulate)
