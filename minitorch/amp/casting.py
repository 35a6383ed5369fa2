"""What happens to the arguments of a listed function inside a region of :class:`autocast`."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minitorch.amp import op_lists
from minitorch.core.detours import free, put_around
from minitorch.core.dtype import FLOATING, DType, bfloat16, float16, float32
from minitorch.core.grad_mode import state as grad_state
from minitorch.core.promotion import promote_types
from minitorch.core.tensor import LEAF, Tensor


class _Regions(threading.local):
    """What the regions around the current call of this thread say."""

    def __init__(self) -> None:
        self.enabled = {"cpu": False, "cuda": False}
        self.dtypes: dict[str, DType] = {"cpu": bfloat16, "cuda": float16}
        self.depth = 0
        self.caches = True
        #: weights by id: the weight, the version that was cast, whether the graph was recorded, the cast
        self.cache: dict[tuple[int, DType], tuple[Tensor, int, bool, Tensor]] = {}
        #: inside of a listed function nothing more is cast
        self.busy = False


regions = _Regions()

_lock = threading.Lock()
_switched_on = 0  # by all threads together


def enable(device: str, value: bool) -> None:
    """Switches casting on or off for this thread and type of device; functions make a detour while it is on for one."""
    global _switched_on
    if regions.enabled[device] == value:
        return
    with _lock:
        _switched_on += 1 if value else -1
        if value and _switched_on == 1:
            put_around("autocast", _detours())
        elif not value and not _switched_on:
            free("autocast", [function for function, _ in _detours()])
    regions.enabled[device] = value


class SameRegions:
    """A context, for any time and thread, with the regions that there are now: for calling a function again."""

    def __init__(self) -> None:
        self._now = self._state()
        self._outer: list[tuple] = []

    def _state(self) -> tuple:
        return dict(regions.enabled), dict(regions.dtypes), regions.caches, regions.busy

    def _set(self, enabled: dict[str, bool], dtypes: dict[str, DType], caches: bool, busy: bool) -> None:
        for device, value in enabled.items():
            enable(device, value)
        regions.dtypes, regions.caches, regions.busy = dict(dtypes), caches, busy

    def __enter__(self) -> None:
        self._outer.append(self._state())
        self._set(*self._now)

    def __exit__(self, *exc: object) -> None:
        self._set(*self._outer.pop())


@functools.cache
def _detours() -> list[tuple[Any, Callable]]:
    return [(function, functools.partial(_around, name, by)) for function, name, by in op_lists.functions()]


def _around(name: str, by_device: dict[str, str], function: Callable) -> Callable:
    def call(*args: Any, **kwargs: Any) -> Any:
        here = regions
        if here.busy:
            return function(*args, **kwargs)
        device = next((_device(x) for x in _tensors((args, kwargs))), "cpu")
        policy = by_device.get(device)
        if policy is None or not here.enabled[device] or kwargs.get("out") is not None:
            return function(*args, **kwargs)
        here.busy = True
        try:
            return _POLICIES[policy](name, function, args, kwargs, device)
        finally:
            here.busy = False

    return call


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)
    elif type(value) is dict:
        yield from _tensors(tuple(value.values()))


def _device(tensor: Tensor) -> str:
    return "cpu" if type(tensor._data) is np.ndarray else "cuda"


def _is_cast(value: Tensor, device: str) -> bool:
    dtype = value._data.dtype
    return dtype.kind in FLOATING and dtype.itemsize < 8 and _device(value) == device


def cast(value: Any, dtype: DType, device: str) -> Any:
    """``value`` with its float32 and 16-bit tensors on ``device`` as ``dtype``, in whatever lists they are."""
    if isinstance(value, Tensor):
        if not _is_cast(value, device) or value.dtype is dtype:
            return value
        return _of_weight(value, dtype) if regions.caches and _is_weight(value) else value.to(dtype)
    if type(value) in (list, tuple):
        return type(value)([cast(x, dtype, device) for x in value])
    if type(value) is dict:
        return {key: cast(x, dtype, device) for key, x in value.items()}
    return value


def _is_weight(value: Tensor) -> bool:
    return value._edge is LEAF and value._base is None and value.dtype is float32


def _of_weight(weight: Tensor, dtype: DType) -> Tensor:
    """A weight is cast once a region, however often it is used."""
    key, recorded = (id(weight), dtype), grad_state.enabled
    known = regions.cache.get(key)
    if known is None or known[0] is not weight or known[1:3] != (weight._version, recorded):
        known = regions.cache[key] = (weight, weight._version, recorded, weight.to(dtype))
    return known[3]


# ---- policies


def _lower(name: str, function: Callable, args: tuple, kwargs: dict, device: str) -> Any:
    dtype = regions.dtypes[device]
    return function(*cast(args, dtype, device), **cast(kwargs, dtype, device))


def _float32(name: str, function: Callable, args: tuple, kwargs: dict, device: str) -> Any:
    if _is_spared(name, args, kwargs):
        return function(*args, **kwargs)
    return function(*cast(args, float32, device), **cast(kwargs, float32, device))


def _is_spared(name: str, args: tuple, kwargs: dict) -> bool:
    """Whether the call names a dtype, or a case of the function that keeps 16 bits."""
    if name in op_lists.IN_3D["cpu"]:
        return args[0] != 3
    if name == "pad":
        pad = args[1] if len(args) > 1 else kwargs.get("pad", ())
        mode = args[2] if len(args) > 2 else kwargs.get("mode", "constant")
        return not (mode == "replicate" or (mode == "reflect" and len(pad) < 6))
    return any(isinstance(x, DType) for x in (*args, *kwargs.values()))


def _widest(name: str, function: Callable, args: tuple, kwargs: dict, device: str) -> Any:
    found = [x.dtype for x in _tensors((args, kwargs)) if _is_cast(x, device)]
    if not found:
        return function(*args, **kwargs)
    dtype = functools.reduce(promote_types, found)
    return function(*cast(args, dtype, device), **cast(kwargs, dtype, device))


def _mixed(name: str, function: Callable, args: tuple, kwargs: dict, device: str) -> Any:
    """Computes in float32 where types differ; the result has the type of the first tensor."""
    found = [x.dtype for x in _tensors((args, kwargs)) if _is_cast(x, device)]
    if len(set(found)) < 2 or found[0] is float32:
        return function(*args, **kwargs)
    return function(*cast(args, float32, device), **cast(kwargs, float32, device)).to(found[0])


def _refused(name: str, function: Callable, args: tuple, kwargs: dict, device: str) -> Any:
    raise RuntimeError(
        f"torch.nn.functional.{name} and torch.nn.BCELoss are unsafe to autocast: 16 bits do not hold its gradients. "
        "Leave out the sigmoid and use binary_cross_entropy_with_logits (BCEWithLogitsLoss), or call it inside "
        "autocast(enabled=False) with float32 inputs."
    )


def _off(name: str, function: Callable, args: tuple, kwargs: dict, device: str) -> Any:
    try:
        return function(*args, **kwargs)
    finally:
        regions.cache.clear()  # the graph of the casts may be used up


_POLICIES: dict[str, Callable] = {
    op_lists.LOWER: _lower,
    op_lists.FLOAT32: _float32,
    op_lists.WIDEST: _widest,
    op_lists.MIXED: _mixed,
    op_lists.REFUSED: _refused,
    op_lists.OFF: _off,
}
