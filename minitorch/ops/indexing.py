"""``x[key]`` and ``x[key] = value``.

A key is taken apart into a basic part (ints, slices, ``None``, ``...``), which makes a view, and an advanced part (index
tensors and masks) that is applied to that view and copies.  NumPy counts ints as index arrays once there is another one,
PyTorch does not: taking the key apart settles where the new dimensions go.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend import is_array, to_device
from minitorch.backend.primitives.scatter import index_put_add
from minitorch.core.device import device_of
from minitorch.core.grad_mode import state
from minitorch.core.inplace import assign, refuse_write
from minitorch.core.node import bump_version
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.shape import sum_to

_ALL = slice(None)


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


# ---- reading a key


def parse_key(key: Any, shape: tuple, device_array: Any) -> tuple[tuple | None, tuple | None]:
    """The basic part of ``key`` (``None``: the tensor as it is) and the advanced part (``None``: none).

    Raises:
        IndexError: too many indices, an int or mask that does not fit, an index of a wrong type.
        ValueError: a slice with a step that is not positive.
    """
    items = key if type(key) is tuple else _as_items(key)
    basic: list[Any] = []
    advanced: list[Any] = []
    used, ellipsis = 0, None
    any_advanced = False
    for item in items:
        kind = type(item)
        if kind is int:
            basic.append(item)
            used += 1
        elif kind is slice:
            basic.append(_checked_slice(item))
            advanced.append(_ALL)
            used += 1
        elif item is None:
            basic.append(None)
            advanced.append(_ALL)
        elif item is Ellipsis:
            if ellipsis is not None:  # PyTorch takes further ones for ":"
                basic.append(_ALL)
                advanced.append(_ALL)
                used += 1
                continue
            ellipsis = len(basic), len(advanced)
            basic.append(Ellipsis)
        else:
            found = _index_array(item, device_array)
            if type(found) is int:
                basic.append(found)
                used += 1
            elif found.ndim == 0:  # a lone bool: a new dimension of size 1 or 0
                basic.append(None)
                advanced.append(found.reshape(1))
                any_advanced = True
            else:
                count = found.ndim if found.dtype.kind == "b" else 1
                basic.extend([_ALL] * count)
                advanced.append(found)
                used += count
                any_advanced = True
    ndim = len(shape)
    if used > ndim:
        raise IndexError(f"too many indices for tensor of dimension {ndim} (shape {list(shape)}): got {used}")
    if ellipsis is None:
        ellipsis = len(basic), len(advanced)
        basic.append(Ellipsis)
    _check_ints(basic, ellipsis[0], shape)
    if not any_advanced:
        return tuple(basic), None
    advanced[ellipsis[1] : ellipsis[1]] = [_ALL] * (ndim - used)
    plain = all(item is Ellipsis or (type(item) is slice and item == _ALL) for item in basic)
    return (None if plain else tuple(basic)), tuple(advanced)


def _as_items(key: Any) -> tuple:
    if type(key) is list and len(key) < 32 and any(item is None or isinstance(item, (slice, type(...))) for item in key):
        return tuple(key)
    return (key,)


def _checked_slice(item: slice) -> slice:
    start, stop, step = (n if n is None or type(n) is int else _as_int(n) for n in (item.start, item.stop, item.step))
    if step is not None and step <= 0:
        raise ValueError(f"step must be greater than zero, got {step} (use flip() to reverse)")
    return slice(start, stop, step)


def _as_int(value: Any) -> int:
    try:
        return value.__index__()
    except (AttributeError, TypeError):
        raise TypeError(
            f"slice indices must be integers or None or have an __index__ method, not {type(value).__name__}"
        ) from None


def _index_array(item: Any, device_array: Any) -> Any:
    """An int or an array of integers or bools for one item of a key."""
    if isinstance(item, Tensor):
        array = item._data
    elif isinstance(item, (bool, np.bool_)):
        return np.asarray(item)
    elif isinstance(item, np.integer):
        return int(item)
    elif is_array(item):
        array = item
    elif isinstance(item, (list, tuple, range)):
        array = _array_of_list(item)
    elif hasattr(item, "__index__"):
        return item.__index__()
    else:
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
            f"(got {type(item).__name__})"
        )
    if array.dtype.kind not in "iub":
        raise IndexError(f"tensors used as indices must be long, int, byte or bool tensors, got {array.dtype}")
    if array.dtype.kind == "u" and array.dtype.itemsize == 1:
        warnings.warn("indexing with dtype uint8 is deprecated, please use a dtype bool instead", stacklevel=5)
        array = array.astype(bool)
    if array.ndim == 0 and array.dtype.kind != "b":
        return int(array)
    if type(array) is not type(device_array) or not isinstance(array, np.ndarray):
        array = to_device(array, device_of(device_array).ordinal)
    return array


def _array_of_list(items: Any) -> np.ndarray:
    if any(isinstance(x, Tensor) for x in items):
        return np.array([x.tolist() if isinstance(x, Tensor) else x for x in items])
    array = np.array(items)
    return array if array.size else array.astype(np.int64)


def _check_ints(basic: Sequence[Any], ellipsis: int, shape: tuple) -> None:
    """NumPy would name axes of the whole array too, but wraps no error around CuPy's silence."""
    axis = 0
    skipped = len(shape) - sum(1 for item in basic if item is not None and item is not Ellipsis)
    for position, item in enumerate(basic):
        if position == ellipsis:
            axis += skipped
        elif item is not None:
            if type(item) is int and not -shape[axis] <= item < shape[axis]:
                raise IndexError(f"index {item} is out of bounds for dimension {axis} with size {shape[axis]}")
            axis += 1


def check_advanced(shape: tuple, key: tuple) -> tuple:
    """The advanced key with masks as integer arrays; every index is inside its dimension.

    Raises:
        IndexError: an index is out of range, a mask has another shape, arrays do not broadcast.
    """
    checked: list[Any] = []
    axis = 0
    for item in key:
        if type(item) is slice:
            checked.append(item)
            axis += 1
        elif item.dtype.kind == "b":
            for offset, (n, m) in enumerate(zip(item.shape, shape[axis:])):
                if n != m:
                    raise IndexError(
                        f"The shape of the mask {list(item.shape)} at index {offset} does not match the shape of the "
                        f"indexed tensor {list(shape)} at index {axis + offset}"
                    )
            checked.extend(item.nonzero())
            axis += item.ndim
        else:
            check_range(item, shape[axis], axis)
            checked.append(item)
            axis += 1
    arrays = [item for item in checked if type(item) is not slice]
    if len(arrays) > 1:
        try:
            np.broadcast_shapes(*(a.shape for a in arrays))
        except ValueError:
            raise IndexError(
                "shape mismatch: indexing tensors could not be broadcast together with shapes "
                + ", ".join(str(list(a.shape)) for a in arrays)
            ) from None
    return tuple(checked)


def check_range(index: Any, size: int, dim: int, lowest: int | None = None, name: str = "") -> None:
    """Every element of ``index`` is at least ``lowest`` (default: ``-size``) and below ``size``.

    Raises:
        IndexError: the first element that is not, the dimension and its size are named.
    """
    if not index.size:
        return
    lowest = -size if lowest is None else lowest
    if int(index.min()) < lowest or int(index.max()) >= size:
        wrong = index[(index < lowest) | (index >= size)].ravel()
        raise IndexError(f"{name}index {int(wrong[0])} is out of bounds for dimension {dim} with size {size}")


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


def _single_mask(key: tuple, shape: tuple) -> bool:
    first = key[0]
    return type(first) is not slice and first.dtype.kind == "b" and first.shape == shape[: first.ndim]


def _advanced_key(shape: tuple, key: tuple) -> tuple:
    """The key for NumPy: a mask in front stays one, for reading and writing with it is quick."""
    if _single_mask(key, shape) and all(type(item) is slice for item in key[1:]):
        return key[:1]
    return check_advanced(shape, key)


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
    return _index(input, _kept_key(input, _advanced_key(input._data.shape, advanced)))


# ---- assignment


@op("IndexPutBackward0")
def _index_put(input: Array, values: Array, key, accumulate, write):
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
_index_put.rules(
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
            raise TypeError(f"can't assign a {type(value).__name__} to a tensor of {self.dtype}; make a tensor of it first")
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
    key = _advanced_key(region.shape, advanced)
    if not number:
        if source._data.dtype != array.dtype:
            raise RuntimeError(
                "Index put requires the source and destination dtypes match, got "
                f"{self.dtype} for the destination and {source.dtype} for the source."
            )
        _check_put(source._data.shape, region, key)
    if not recording:
        region[key] = source if number else source._data
        bump_version(self)
        return
    if number:
        source = wrap(xp(array).asarray(value, array.dtype))
    target = self if basic is None else _basic_op(basic)(self, basic)
    key = tuple(item if type(item) is slice else item.copy() for item in key)
    assign(target, _index_put(target, source, key, False, True), "__setitem__")


def _place_value(value: Tensor, array: Any) -> Tensor:
    """The value on the device of the place: a number may come from another one."""
    if type(value._data) is type(array) is np.ndarray:
        return value
    if value._data.ndim and device_of(value._data) != device_of(array):
        raise RuntimeError(
            f"__setitem__: the tensor is on {device_of(array)}, the value on {device_of(value._data)}; move one with .to()"
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
        raise RuntimeError(f"shape mismatch: a value of shape {list(shape)} cannot be written to a place of {list(place)}")


def _check_put(shape: tuple, region: Any, key: tuple) -> None:
    place = result_shape(region.shape, key)
    extra = max(len(shape) - len(place), 0)
    if any(n != 1 for n in shape[:extra]) or any(
        n not in (1, m) for n, m in zip(shape[extra:], place[len(place) - len(shape) + extra :])
    ):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(shape)} cannot be broadcast to indexing result of shape "
            f"{list(place)}"
        )


def result_shape(shape: tuple, key: tuple) -> tuple:
    """The shape of ``array[key]`` for an advanced key."""
    if type(key[0]) is not slice and key[0].dtype.kind == "b":
        return (int(key[0].sum()), *shape[key[0].ndim :])
    positions = [i for i, item in enumerate(key) if type(item) is not slice]
    common = np.broadcast_shapes(*(key[i].shape for i in positions))
    rest = [n for i, n in enumerate(shape) if i not in positions]
    first = positions[0] if positions[-1] - positions[0] + 1 == len(positions) else 0
    return (*rest[:first], *common, *rest[first:])
