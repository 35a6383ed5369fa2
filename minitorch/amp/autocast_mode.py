"""``autocast``: a region in which products are computed in 16 bits and what would lose too much in float32."""

from __future__ import annotations

import copy
import functools
import warnings
from collections.abc import Callable
from typing import Any

from minitorch.amp.casting import cast, enable, regions
from minitorch.backend.array_module import why_no_cupy
from minitorch.core.device import Device
from minitorch.core.dtype import DType, bfloat16, float16


class autocast:
    """A ``with`` block or decorator for mixed precision: operations choose the dtype that they compute in.

    Matrix products, convolutions, recurrent layers and attention cast their operands to 16 bits; losses, norms, powers
    and other operations that would overflow or lose too much cast 16-bit operands to float32; joins and a few others
    bring all operands to the widest type among them.  All else takes operands as they come.  The lists are PyTorch's
    and differ by device: see :mod:`minitorch.amp.op_lists`.  Weights are cast once a region, and their gradients arrive
    in their own dtype.  Use it with :class:`GradScaler` where the dtype is float16.

    Outside of regions functions are what they were: nothing is asked and nothing is paid.  Where NumPy has no fast
    path, arithmetic on 16 bits is done in float32 and rounded once, so that on a CPU mixed precision saves memory, not
    time.

    Args:
        device_type: "cpu" or "cuda": tensors on other devices are left alone.
        dtype: ``float16`` or ``bfloat16``; by default bfloat16 on "cpu", float16 on "cuda".
        enabled: ``False``: the block runs without casts, whatever is around it.
        cache_enabled: whether weights that were cast are kept until the outermost region ends.

    Raises:
        ValueError: ``device_type`` is no string.
        RuntimeError: there is no such type of device.
        ImportError: for bfloat16, without the package ml_dtypes.

    Source: Micikevicius et al., "Mixed precision training", 2017, arXiv:1710.03740.

    >>> import minitorch as torch
    >>> x, w = torch.ones(2, 3), torch.ones(4, 3, requires_grad=True)
    >>> with torch.autocast("cpu", dtype=torch.float16):
    ...     y = torch.nn.functional.linear(x, w)
    ...     loss = torch.nn.functional.mse_loss(y, torch.zeros(2, 4))
    >>> y.dtype, loss
    (torch.float16, tensor(9., grad_fn=<MseLossBackward0>))
    >>> loss.backward()
    >>> w.grad.dtype
    torch.float32
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        self.device = Device(device_type).type
        self.fast_dtype = get_autocast_dtype(self.device) if dtype is None else dtype
        self._cache_enabled = cache_enabled
        self._enabled = bool(enabled) and self._can_be_enabled()
        self._outer: list[tuple] = []

    def _can_be_enabled(self) -> bool:
        if self.device == "cuda" and why_no_cupy() is not None:
            warnings.warn("CUDA is not available. Disabling autocast.", UserWarning, stacklevel=3)
            return False
        if self.fast_dtype not in (float16, bfloat16):
            warnings.warn(
                f"In {self.device.upper()} autocast, but the target dtype is not supported. Disabling autocast.\n"
                "Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                UserWarning,
                stacklevel=3,
            )
            return False
        return self.fast_dtype.numpy is not None  # which raises where there is no bfloat16

    def __enter__(self) -> autocast:
        device = self.device
        self._outer.append((regions.enabled[device], regions.dtypes[device], regions.caches, regions.busy))
        enable(device, self._enabled)
        if isinstance(self.fast_dtype, DType):
            regions.dtypes[device] = self.fast_dtype
        if self._cache_enabled is not None:
            regions.caches = bool(self._cache_enabled)
        regions.busy = False
        regions.depth += 1
        return self

    def __exit__(self, *exc: object) -> None:
        enabled, regions.dtypes[self.device], regions.caches, regions.busy = self._outer.pop()
        enable(self.device, enabled)
        regions.depth -= 1
        if not regions.depth:
            clear_autocast_cache()

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            region = copy.copy(self)  # calls may overlap in several threads
            region._outer = []
            with region:
                return function(*args, **kwargs)

        return inside


# ---- what holds in this thread


def is_autocast_available(device_type: str) -> bool:
    """Whether :class:`autocast` takes this type of device."""
    return device_type in regions.enabled


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether this thread is inside an enabled :class:`autocast` region for the type of device.

    >>> import minitorch as torch
    >>> torch.is_autocast_enabled("cpu")
    False
    """
    return regions.enabled[Device(device_type).type]


def set_autocast_enabled(device_type: str, enabled: bool) -> None:
    """Switches casting on or off until it is switched again: :class:`autocast` also puts things back."""
    enable(Device(device_type).type, bool(enabled))


def get_autocast_dtype(device_type: str) -> DType:
    """What the current region computes in; outside, what one would by default: bfloat16 on "cpu", float16 on "cuda"."""
    return regions.dtypes[Device(device_type).type]


def set_autocast_dtype(device_type: str, dtype: DType) -> None:
    """Sets what regions without a ``dtype`` compute in."""
    regions.dtypes[Device(device_type).type] = dtype


def is_autocast_cache_enabled() -> bool:
    """Whether weights that were cast are kept until the outermost region ends."""
    return regions.caches


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Has weights that were cast kept, or not."""
    regions.caches = bool(enabled)


def clear_autocast_cache() -> None:
    """Forgets the casts of weights."""
    regions.cache.clear()


# ---- custom functions


def custom_fwd(fwd: Callable | None = None, *, device_type: str, cast_inputs: DType | None = None) -> Any:
    """Decorates ``forward`` of a custom :class:`~minitorch.autograd.Function` for mixed precision.

    Args:
        device_type: "cpu" or "cuda".
        cast_inputs: in a region, tensors of floating point (but not float64) on that device become of this dtype, and
            ``forward`` runs without further casts; by default it runs as the region has it.

    Raises:
        ValueError: ``device_type`` is no string.
    """
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)
    function: Callable = fwd

    @functools.wraps(function)
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        ctx._dtype = get_autocast_dtype(device_type)
        ctx._fwd_used_autocast = is_autocast_enabled(device_type) and cast_inputs is None
        if cast_inputs is None or not is_autocast_enabled(device_type):
            return function(ctx, *args, **kwargs)
        with autocast(device_type, enabled=False):
            return function(ctx, *cast(args, cast_inputs, device_type), **cast(kwargs, cast_inputs, device_type))

    return forward


def custom_bwd(bwd: Callable | None = None, *, device_type: str) -> Any:
    """Decorates ``backward`` of a custom function: it runs in the precision that ``forward`` ran in.

    Raises:
        ValueError: ``device_type`` is no string.
    """
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)
    function: Callable = bwd

    @functools.wraps(function)
    def backward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        with autocast(device_type, ctx._dtype, ctx._fwd_used_autocast):
            return function(ctx, *args, **kwargs)

    return backward
