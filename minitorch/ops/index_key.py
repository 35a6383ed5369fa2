"""Reading the key of ``x[key]``.

A key is taken apart into a basic part (ints, slices, ``None``, ``...``), which makes a view, and an advanced one (index
tensors and masks) that is applied to that view and copies.  NumPy counts ints as index arrays once there is another
one, PyTorch does not: taking the key apart settles where the new dimensions go.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.backend import is_array, to_device
from minitorch.backend.index_flags import require_range
from minitorch.core.device import device_of
from minitorch.core.tensor import Tensor

_ALL = slice(None)


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
            if ellipsis is not None:  # a further one has nothing left to stand for
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
    """A key that is no tuple: one index, or a list that PyTorch reads as if it were a tuple."""
    if type(key) is list and any(
        item is None or item is Ellipsis or isinstance(item, (slice, list, tuple, range, Tensor)) for item in key
    ):
        warnings.warn(
            "indexing with a list of sequences means x[tuple(list)] today and x[tensor(list)] in the future; write one "
            "of the two",
            stacklevel=4,
        )
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
        place = device_of(device_array)
        if not isinstance(array, np.ndarray) and device_of(array) != place:
            raise RuntimeError(
                f"indices should be either on cpu or on the same device as the indexed tensor ({place}), got indices "
                f"on {device_of(array)}; move them with .to('{place}')"
            )
        array = to_device(array, place.ordinal)
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


def check_range(
    index: Any, size: int, dim: int, lowest: int | None = None, name: str = "", error: type[Exception] = IndexError
) -> None:
    """Raises ``error`` unless every element of ``index`` is at least ``lowest`` (default: ``-size``), below ``size``.

    The message names the first element that is not, the dimension and its size.
    """
    if not index.size:
        return
    lowest = -size if lowest is None else lowest
    if type(index) is not np.ndarray:
        require_range(
            index, lowest, size, (name, dim, error),
            lambda wrong: error(f"{name}index {wrong} is out of bounds for dimension {dim} with size {size}"),
        )  # fmt: skip
        return
    if int(index.min()) < lowest or int(index.max()) >= size:
        wrong = index[(index < lowest) | (index >= size)].ravel()
        raise error(f"{name}index {int(wrong[0])} is out of bounds for dimension {dim} with size {size}")


def _single_mask(key: tuple, shape: tuple) -> bool:
    first = key[0]
    return type(first) is not slice and first.dtype.kind == "b" and first.shape == shape[: first.ndim]


def advanced_key(shape: tuple, key: tuple) -> tuple:
    """The key for NumPy: a mask in front stays one, for reading and writing with it is quick."""
    if _single_mask(key, shape) and all(type(item) is slice for item in key[1:]):
        return key[:1]
    return check_advanced(shape, key)


def result_shape(shape: tuple, key: tuple) -> tuple:
    """The shape of ``array[key]`` for an advanced key."""
    if type(key[0]) is not slice and key[0].dtype.kind == "b":
        return (int(key[0].sum()), *shape[key[0].ndim :])
    positions = [i for i, item in enumerate(key) if type(item) is not slice]
    common = np.broadcast_shapes(*(key[i].shape for i in positions))
    rest = [n for i, n in enumerate(shape) if i not in positions]
    first = positions[0] if positions[-1] - positions[0] + 1 == len(positions) else 0
    return (*rest[:first], *common, *rest[first:])
