"""Random tensors, and the in-place methods that fill tensors with random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.array_module import to_device, to_host
from minitorch.core import dtype as dtypes
from minitorch.core.device import as_device
from minitorch.core.dtype import DType, as_dtype, default_dtype
from minitorch.core.grad_mode import state
from minitorch.core.inplace import refuse_leaf, set_history, write
from minitorch.core.node import bump_version
from minitorch.core.op import Array, op
from minitorch.core.out_argument import into
from minitorch.core.tensor import Tensor, wrap
from minitorch.creation import finish
from minitorch.ops.dims import shape_arguments
from minitorch.random import Generator, generator_or_default


def _target(device: Any, generator: Generator | None) -> int | None:
    if device is None and generator is not None and generator.device.type != "cpu":
        return generator.device.ordinal
    return as_device(device).ordinal


def _float_type(dtype: Any, name: str) -> DType:
    kind = default_dtype() if dtype is None else as_dtype(dtype)
    if not kind.is_floating_point:
        raise NotImplementedError(f'"{name}" not implemented for {kind}: expected a floating-point dtype')
    return kind


def _draw(name: str, shape: tuple, dtype: DType, generator: Generator | None) -> np.ndarray:
    """Uniform in [0, 1) or standard normal numbers, drawn in single precision where that is enough."""
    if min(shape, default=0) < 0:
        raise RuntimeError(f"{name}: sizes must not be negative, got {list(shape)}")
    rng = generator_or_default(generator).numpy_rng
    single = dtype is not dtypes.float64
    draw = rng.random if name == "rand" else rng.standard_normal
    values: np.ndarray = np.asarray(draw(shape, np.float32 if single else np.float64))
    if dtype is dtypes.float16:
        values = values.astype(np.float16)
        if name == "rand":  # rounding may have reached 1
            values[values == 1] = np.float16(1 - 2**-11)
    return values


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Uniform numbers in [0, 1) in the shape ``size``."""
    values = _draw("rand", shape_arguments(size), _float_type(dtype, "rand"), generator)
    return finish(to_device(values, _target(device, generator)), requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Standard normal numbers in the shape ``size``."""
    values = _draw("randn", shape_arguments(size), _float_type(dtype, "randn"), generator)
    return finish(to_device(values, _target(device, generator)), requires_grad)


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
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    kind = dtypes.int64 if dtype is None else as_dtype(dtype)
    values = generator_or_default(generator).numpy_rng.integers(low, high, shape_arguments((size,)))
    return finish(to_device(np.asarray(values).astype(kind.numpy), _target(device, generator)), requires_grad)


def randperm(
    n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """The integers 0 to n - 1 in random order."""
    if n < 0:
        raise RuntimeError(f"n must be non-negative, got {n}")
    kind = dtypes.int64 if dtype is None else as_dtype(dtype)
    values = generator_or_default(generator).numpy_rng.permutation(n).astype(kind.numpy)
    return finish(to_device(values, _target(device, generator)), requires_grad)


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
        numbers = randn(size, generator=generator, dtype=dtype, device=device) * std + mean
        return numbers.requires_grad_() if requires_grad else numbers
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
    if p is not None:
        input = input.detach() * 0 + p
    host = to_host(input._data)
    if input._data.dtype.kind != "f":
        raise RuntimeError(f"bernoulli expects probabilities of floating point, got {input.dtype}")
    if host.size and not ((host >= 0) & (host <= 1)).all():
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but got false: probabilities are in [0, 1]")
    draws = _draw("rand", host.shape, dtypes.float64, generator)
    return _bernoulli(input, to_device(draws, input.device.ordinal))


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


def _fill(self: Tensor, values: np.ndarray, name: str) -> Tensor:
    if state.enabled:
        refuse_leaf(self)
    write(self._data, to_device(values, self.device.ordinal), name)
    bump_version(self)
    if state.enabled:
        set_history(self, None)
    return self


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
    values = _draw("rand", self._data.shape, _fill_type(self, "uniform_"), generator)
    return _fill(self, values * (b - a) + a, "uniform_")


def normal_(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fills the tensor with normal numbers."""
    if std < 0:
        raise RuntimeError(f"normal_ expects std >= 0.0, but found std {std}")
    values = _draw("randn", self._data.shape, _fill_type(self, "normal_"), generator)
    return _fill(self, values * std + mean, "normal_")


def random_(self: Tensor, *bounds: int, generator: Generator | None = None) -> Tensor:
    """Fills the tensor with integers: ``random_()``, ``random_(to)``, ``random_(from, to)``."""
    if len(bounds) > 2:
        raise TypeError("random_() takes at most two bounds")
    if bounds:
        low, high = (0, *bounds) if len(bounds) == 1 else bounds
    elif self.dtype.is_floating_point:
        low, high = 0, 2 ** (np.finfo(self._data.dtype).nmant + 1) + 1
    else:
        low, high = 0, 2 if self.dtype is dtypes.bool_ else int(np.iinfo(self._data.dtype).max)
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    values = generator_or_default(generator).numpy_rng.integers(low, high, self._data.shape)
    return _fill(self, np.asarray(values), "random_")


def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Fills the tensor with 1 where a draw falls below ``p`` (a number or a tensor that broadcasts), else 0."""
    probabilities = to_host(p._data) if isinstance(p, Tensor) else p
    if np.any(np.less(probabilities, 0)) or np.any(np.greater(probabilities, 1)):
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    draws = _draw("rand", self._data.shape, dtypes.float64, generator)
    return _fill(self, draws < probabilities, "bernoulli_")


def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fills the tensor with exponential numbers of rate ``lambd``."""
    if lambd <= 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
    _fill_type(self, "exponential_")
    values = generator_or_default(generator).numpy_rng.standard_exponential(self._data.shape)
    return _fill(self, np.asarray(values) / lambd, "exponential_")


def log_normal_(self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) -> Tensor:
    """Fills the tensor with numbers whose logarithms are normal with this mean and standard deviation."""
    if std <= 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
    values = _draw("randn", self._data.shape, _fill_type(self, "log_normal_"), generator)
    return _fill(self, np.exp(values * std + mean), "log_normal_")


def cauchy_(self: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fills the tensor with numbers of the Cauchy distribution."""
    if sigma <= 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    _fill_type(self, "cauchy_")
    values = np.asarray(generator_or_default(generator).numpy_rng.standard_cauchy(self._data.shape))
    return _fill(self, values * sigma + median, "cauchy_")


def geometric_(self: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Fills the tensor with numbers of trials up to the first success, each of probability ``p``."""
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    values = np.asarray(generator_or_default(generator).numpy_rng.geometric(p, self._data.shape))
    return _fill(self, values, "geometric_")


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
