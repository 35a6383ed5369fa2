"""What ops refuse, in words: operands that are no tensors, types, shapes and devices that do not go together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, zip_longest
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from minitorch.core.dtype import of_numpy

if TYPE_CHECKING:
    from minitorch.core.op import Spec

_KINDS = {"b": "bool", "iu": "integers", "f": "floating-point numbers"}


def refuse_operand(spec: Spec, position: int, value: Any) -> NoReturn:
    where = f"element {position} of '{spec.params[0]}'" if spec.takes_list else f"'{spec.params[position]}'"
    raise TypeError(f"{spec.name}(): argument {where} must be Tensor, not {type(value).__name__}")


def check_kinds(spec: Spec, arrays: Sequence[Any]) -> None:
    """
    Raises:
        NotImplementedError: an array is of a kind that the op is not for.
    """
    allowed = spec.kinds or "biuf"
    for array in arrays:
        dtype = getattr(array, "dtype", None)
        if dtype is not None and dtype.kind not in allowed:
            takes = " and ".join(words for kinds, words in _KINDS.items() if kinds[0] in allowed)
            raise NotImplementedError(
                f"{spec.name}() is not implemented for {of_numpy(dtype)}: it takes {takes}. Convert with .to()"
            )


def explain(spec: Spec, error: Exception, arrays: Sequence[Any]) -> None:
    """Raises, in place of the array library's ``error``, one that says what PyTorch's would, if that is known."""
    check_kinds(spec, arrays)
    if spec.promote is None or not isinstance(error, ValueError):
        return
    shapes = [array.shape for array in arrays if hasattr(array, "shape")]
    for first, second in pairwise(shapes):
        sizes = list(zip_longest(reversed(first), reversed(second), fillvalue=1))
        for places, (n, m) in enumerate(sizes, 1):
            if n != m and 1 not in (n, m):
                raise RuntimeError(
                    f"The size of tensor a ({n}) must match the size of tensor b ({m}) at non-singleton dimension "
                    f"{len(sizes) - places} ({spec.name}() of shapes {list(first)} and {list(second)})"
                ) from None


def refuse_mixed(name: str, first: Any, second: Any) -> None:
    """Raises if two arrays that belong to one call are on different devices; 0-d arrays are no exception.

    For functions that hand arrays on themselves: operations on tensors check their own.
    """
    if type(first) is type(second) is np.ndarray:
        return
    from minitorch.core.device import device_of

    here, there = device_of(first), device_of(second)
    if here != there:
        raise _mixed(name, str(here), str(there))


def _mixed(name: str, first: str, second: str) -> RuntimeError:
    return RuntimeError(
        f"{name}(): Expected all tensors to be on the same device, but found at least two devices, "
        f"{first} and {second}! Move one with .to('{first}')"
    )


def same_device(arrays: list[Any], name: str) -> list[Any]:
    """The arrays, 0-d ones moved to where the others are.

    Raises:
        RuntimeError: arrays with dimensions are on different devices; both are named.
    """
    if all(type(a) is np.ndarray or not hasattr(a, "shape") for a in arrays):
        return arrays
    from minitorch.backend.array_module import to_device
    from minitorch.core.device import device_of

    devices = {str(device_of(a)): a for a in arrays if hasattr(a, "shape") and a.ndim}
    if len(devices) > 1:
        raise _mixed(name, *list(devices)[:2])
    target = next((device_of(a) for a in devices.values()), None)
    if target is None:
        target = next(device_of(a) for a in arrays if hasattr(a, "shape") and type(a) is not np.ndarray)
    return [to_device(a, target.ordinal) if hasattr(a, "shape") else a for a in arrays]
