"""Random tensors, and the in-place methods that fill tensors with random numbers."""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend.array_module import to_device, to_host
from minitorch.backend.primitives.random import fill_bernoulli, fill_integers, fill_normal, fill_uniform
from minitorch.core import dtype as dtypes
from minitorch.core.dtype import DType, as_dtype, default_dtype
from minitorch.core.grad_mode import state
from minitorch.core.inplace import refuse_write, set_history, write
from minitorch.core.node import bump_version
from minitorch.core.op import Array, op
from minitorch.core.out_argument import into
from minitorch.core.tensor import Tensor, wrap
from minitorch.creation import finish
from minitorch.ops.dims import shape_arguments
from minitorch.random import Generator, generator_or_default
from minitorch.random_arrays import floats, new_numbers, wanted_gpu


def _float_type(dtype: Any, name: str) -> DType:
    kind = default_dtype() if dtype is None else as_dtype(dtype)
    if not kind.is_floating_point:
        raise NotImplementedError(f'"{name}" not implemented for {kind}: expected a floating-point dtype')
    return kind


def _integer_bounds(low: Any, high: Any, name: str) -> tuple[int, int]:
    low, high = index(low), index(high)
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    if low < -(2**63) or high > 2**63 or high - low == 2**64:
        raise ValueError(f"{name}: Overflow when unpacking long long: bounds must fit in 64 bits, got {low} and {high}")
    return low, high


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Uniform numbers in [0, 1) in the shape ``size``."""
    kind = _float_type(dtype, "rand")
    values = floats(fill_uniform, shape_arguments(size), kind, wanted_gpu(device, generator), generator, 0.0, 1.0)
    return finish(values, requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Standard normal numbers in the shape ``size``."""
    kind = _float_type(dtype, "randn")
    values = floats(fill_normal, shape_arguments(size), kind, wanted_gpu(device, generator), generator, 0.0, 1.0)
    return finish(values, requires_grad)


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Integers from ``low`` (default 0) up to but not including ``high``, in the shape ``size``; int64 by default.

    >>> import minitorch as torch
    >>> torch.randint(3, 5, (2, 2)).shape
    torch.Size([2, 2])
    """
    if size is None:  # randint(high, size)
        low, high, size = 0, low, high
    if high is None or size is None:
        raise TypeError("randint(): expected (low, high, size) or (high, size)")
    bounds = _integer_bounds(low, high, "randint")
    kind = dtypes.int64 if dtype is None else as_dtype(dtype)
    ordinal = wanted_gpu(device, generator)
    values = new_numbers(fill_integers, shape_arguments((size,)), np.int64, ordinal, generator, *bounds)
    return finish(values.astype(kind.numpy, copy=False), requires_grad)


def randperm(
    n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """The integers 0 to n - 1 in random order."""
    if n < 0:
        raise RuntimeError(f"n must be non-negative, got {n}")
    kind = dtypes.int64 if dtype is None else as_dtype(dtype)
    values = generator_or_default(generator).numpy_rng.permutation(n).astype(kind.numpy)
    return finish(to_device(values, wanted_gpu(device, generator)), requires_grad)


def _like(function: Any, input: Tensor, dtype: Any, device: Any, **kwargs: Any) -> Tensor:
    return function(
        input._data.shape,
        dtype=input.dtype if dtype is None else dtype,
        device=input.device if device is None else device,
        **kwargs,
    )


def rand_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """``rand`` with the shape, dtype and device of ``input``."""
    return _like(rand, input, dtype, device, requires_grad=requires_grad)


def randn_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """``randn`` with the shape, dtype and device of ``input``."""
    return _like(randn, input, dtype, device, requires_grad=requires_grad)


def randint_like(input: Tensor, low: int, high: int | None = None, *, dtype: Any = None, device: Any = None) -> Tensor:
    """``randint`` with the shape, dtype and device of ``input``."""
    low, high = (0, low) if high is None else (low, high)
    return _like(lambda shape, **kw: randint(low, high, shape, **kw), input, dtype, device)


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    layout: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers with the given mean and standard deviation: numbers with ``size``, or tensors that broadcast.

    Raises:
        RuntimeError: a negative standard deviation.
    """
    for value in (std,):
        if (isinstance(value, Tensor) and bool((value < 0).any())) or (not isinstance(value, Tensor) and value < 0):
            raise RuntimeError(f"normal expects std >= 0.0, but found std {value}")
    if size is not None:
        kind = _float_type(dtype, "normal")
        ordinal = wanted_gpu(device, generator)
        values = floats(fill_normal, shape_arguments((size,)), kind, ordinal, generator, mean, std)
        return finish(values, requires_grad)
    shaped = mean * 0 + std * 0 if isinstance(mean, Tensor) or isinstance(std, Tensor) else None
    if shaped is None:
        raise TypeError("normal(): give size=, or a Tensor as mean or std")
    with_noise = randn(shaped.shape, generator=generator, dtype=shaped.dtype, device=shaped.device)
    return (with_noise * std + mean).detach()


@op("BernoulliBackward0")
def _bernoulli(input: Array, draws):
    return (draws < input).astype(input.dtype)


_bernoulli.rules(input=lambda g: g * 0)


def bernoulli(
    input: Tensor, p: float | None = None, *, generator: Generator | None = None, out: Tensor | None = None
) -> Tensor:
    """1 with the probability that ``input`` (or ``p``) gives, else 0.

    Raises:
        RuntimeError: a probability outside [0, 1].
    """
    if out is not None:
        return into(out, bernoulli(input, p, generator=generator), "bernoulli")
    x = input._data
    if not input.is_floating_point():
        raise RuntimeError(f"bernoulli expects probabilities of floating point, got {input.dtype}")
    limits = x if p is None else np.float64(p)
    if not bool(((limits >= 0) & (limits <= 1)).all()):
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but got false: probabilities are in [0, 1]")
    ordinal = input.device.ordinal
    if p is not None:
        return wrap(new_numbers(fill_bernoulli, x.shape, np.bool_, ordinal, generator, p).astype(x.dtype))
    return _bernoulli(input, new_numbers(fill_uniform, x.shape, np.float64, ordinal, generator))


#: up to so many comparisons are made at once, where each row would be searched
_AT_ONCE = 1 << 18


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Indices drawn with the given weights: (categories) -> (num_samples), (rows, categories) -> (rows, num_samples).

    Without replacement by the order of exponential variates over weights (Efraimidis and Spirakis, 2006).

    Raises:
        RuntimeError: negative, infinite or all-zero weights, or more samples than non-zero weights.
    """
    if out is not None:
        indices = multinomial(input, num_samples, replacement, generator=generator)
        return into(out, indices, "multinomial", same_type=True)
    if not input.is_floating_point():
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {input.dtype}")
    weights = to_host(input._data).astype(np.float64)
    if weights.ndim not in (1, 2):
        raise RuntimeError(f"prob_dist must be 1 or 2 dim, got {weights.ndim}")
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if num_samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    positive = (weights > 0).sum(-1)
    if (positive == 0).any():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    rng = generator_or_default(generator).numpy_rng
    if replacement:
        edges = np.cumsum(weights, axis=-1)
        draws = rng.random((*weights.shape[:-1], num_samples)) * edges[..., -1:]
        rows = np.atleast_2d(edges)
        columns = np.atleast_2d(draws)
        if rows.size * num_samples <= _AT_ONCE:
            found = (rows[:, None, :] <= columns[:, :, None]).sum(-1)
        else:
            found = np.array([np.searchsorted(e, d, side="right") for e, d in zip(rows, columns)])
        last = rows.shape[1] - 1 - np.argmax(np.diff(rows, axis=1, prepend=0)[:, ::-1] > 0, axis=1)
        picked = np.minimum(found, last[:, None]).reshape(draws.shape)
    else:
        if (positive < num_samples).any():
            raise RuntimeError(
                "invalid multinomial distribution (with replacement=False, not enough non-negative category to sample)"
            )
        with np.errstate(divide="ignore"):
            keys = np.where(weights > 0, rng.standard_exponential(weights.shape) / weights, np.inf)
        picked = np.argsort(keys, axis=-1)[..., :num_samples]
    return wrap(to_device(picked.astype(np.int64), input.device.ordinal))


# ---- in place


def _overwrite(self: Tensor, name: str, values: Any, *args: Any) -> Tensor:
    """Writes an array, or what ``values(*args)`` gives or writes into the memory (then it gives ``None``)."""
    refuse_write(self, name)
    array = values(*args)
    if array is not None:
        write(self._data, array, name)
    bump_version(self)
    if state.enabled:
        set_history(self, None)
    return self


def _numbers_for(self: Tensor, fill: Callable, generator: Generator | None, *options: Any) -> Any:
    """Fills the memory of ``self`` if the primitive can, else gives an array for it."""
    memory, kind = self._data, self.dtype
    if fill is fill_integers or fill is fill_bernoulli:
        made = dtypes.int64 if fill is fill_integers else dtypes.bool_
        if kind is not made or not memory.flags.c_contiguous:
            return new_numbers(fill, memory.shape, made.numpy, self.device.ordinal, generator, *options)
    elif not (kind is dtypes.float32 or kind is dtypes.float64) or not memory.flags.c_contiguous:
        return floats(fill, memory.shape, kind, self.device.ordinal, generator, *options)
    fill(memory, generator_or_default(generator).next_key(), *options)
    return None


def _transformed(self: Tensor, generator: Generator | None, function: Callable) -> Any:
    """``function(library, u)`` of uniform numbers from [0, 1) in float64, for the memory of ``self``."""
    u = new_numbers(fill_uniform, self._data.shape, np.float64, self.device.ordinal, generator)
    return function(xp(u), u)


def _fill_type(self: Tensor, name: str) -> DType:
    return self.dtype if self.dtype.is_floating_point else _float_type(self.dtype, name)


def uniform_(
    self: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None, **kwargs: Any
) -> Tensor:
    """Fills the tensor with uniform numbers in [a, b)."""
    a, b = kwargs.pop("from", a), kwargs.pop("to", b)
    if kwargs:
        raise TypeError(f"uniform_() got unexpected keyword arguments {', '.join(kwargs)}")
    if a > b:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={a} > to={b}")
    _fill_type(self, "uniform_")
    return _overwrite(self, "uniform_", _numbers_for, self, fill_uniform, generator, a, b)


def normal_(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fills the tensor with normal numbers."""
    if std < 0:
        raise RuntimeError(f"normal_ expects std >= 0.0, but found std {std}")
    _fill_type(self, "normal_")
    return _overwrite(self, "normal_", _numbers_for, self, fill_normal, generator, mean, std)


def random_(self: Tensor, *bounds: int, generator: Generator | None = None) -> Tensor:
    """Fills the tensor with integers: ``random_()``, ``random_(to)``, ``random_(from, to)``."""
    if len(bounds) > 2:
        raise TypeError("random_() takes at most two bounds")
    if bounds:
        low, high = (0, *bounds) if len(bounds) == 1 else bounds
    elif self.dtype.is_floating_point:
        low, high = 0, round(2 / dtypes.finfo(self.dtype).eps) + 1
    else:
        low, high = 0, 2 if self.dtype is dtypes.bool_ else int(np.iinfo(self._data.dtype).max)
    low, high = _integer_bounds(low, high, "random_")
    return _overwrite(self, "random_", _numbers_for, self, fill_integers, generator, low, high)


def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Fills the tensor with 1 where a draw falls below ``p`` (a number or a tensor that broadcasts), else 0."""
    limits = to_device(p._data, self.device.ordinal) if isinstance(p, Tensor) else np.float64(p)
    if bool(((limits < 0) | (limits > 1)).any()):
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    if isinstance(p, Tensor):
        return _overwrite(self, "bernoulli_", _transformed, self, generator, lambda lib, u: u < limits)
    return _overwrite(self, "bernoulli_", _numbers_for, self, fill_bernoulli, generator, p)


def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fills the tensor with exponential numbers of rate ``lambd``."""
    if lambd <= 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
    _fill_type(self, "exponential_")
    return _overwrite(self, "exponential_", _transformed, self, generator, lambda lib, u: lib.log1p(-u) / -lambd)


def log_normal_(self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) -> Tensor:
    """Fills the tensor with numbers whose logarithms are normal with this mean and standard deviation."""
    if std <= 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
    kind = _fill_type(self, "log_normal_")

    def values() -> Any:
        normal = floats(fill_normal, self._data.shape, kind, self.device.ordinal, generator, mean, std)
        return xp(normal).exp(normal, out=normal)

    return _overwrite(self, "log_normal_", values)


def cauchy_(self: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fills the tensor with numbers of the Cauchy distribution."""
    if sigma <= 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    _fill_type(self, "cauchy_")

    def values(lib: Any, u: Any) -> Any:
        return lib.tan((u - 0.5) * np.pi) * sigma + median

    return _overwrite(self, "cauchy_", _transformed, self, generator, values)


def geometric_(self: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Fills the tensor with numbers of trials up to the first success, each of probability ``p``."""
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")

    def values(lib: Any, u: Any) -> Any:
        return lib.floor(lib.log1p(-u) * (1 / np.log1p(-p))) + 1

    return _overwrite(self, "geometric_", _transformed, self, generator, values)


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Numbers of events at the rates ``input``, in its dtype.

    Raises:
        RuntimeError: a rate is negative.
    """
    rates = to_host(input._data)
    if (rates < 0).any():
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    values = np.asarray(generator_or_default(generator).numpy_rng.poisson(rates))
    return wrap(to_device(values.astype(rates.dtype), input.device.ordinal))
