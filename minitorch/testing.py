"""Comparisons for tests: results are about equal, or an AssertionError says where and by how much they are not."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from minitorch.backend.array_module import to_host
from minitorch.core.dtype import DType, of_numpy
from minitorch.core.size import Size
from minitorch.core.tensor import Tensor

__all__ = ["assert_allclose", "assert_close"]

#: rtol and atol where they are not given; other dtypes have to be equal
_TOLERANCES = {"float16": (1e-3, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raises unless |actual - expected| ≤ atol + rtol |expected| for every element.

    Args:
        actual, expected: tensors, arrays, numbers, ``None``, or sequences and mappings of them, of the same kind.
        allow_subclasses: whether a tensor and one of a derived class are of the same kind.
        rtol, atol: by default 1e-3 and 1e-5 for float16, 1.3e-6 and 1e-5 for float32, 1e-7 and 1e-7 for float64, 0 for
            all others; give both or none.
        equal_nan: NaN is close to NaN.
        check_device, check_dtype, check_layout, check_stride: whether these have to be equal.
        msg: what the error says instead, or a function of what it would say.

    Raises:
        AssertionError: they are not close.
        TypeError: they are of different kinds, or of one that cannot be compared.
        ValueError: only one of ``rtol`` and ``atol`` is given.

    >>> import minitorch as torch
    >>> torch.testing.assert_close(torch.tensor([1., 2.]), torch.tensor([1., 2.000001]))
    >>> torch.testing.assert_close(torch.tensor([1., 2.]), torch.tensor([1., 4.]))
    Traceback (most recent call last):
    AssertionError: Tensor-likes are not close!
    <BLANKLINE>
    Mismatched elements: 1 / 2 (50.0%)
    Greatest absolute difference: 2.0 at index (1,) (up to 1e-05 allowed)
    Greatest relative difference: 0.5 at index (1,) (up to 1.3e-06 allowed)
    """
    __tracebackhide__ = True
    if (rtol is None) != (atol is None):
        missing = "rtol" if rtol is None else "atol"
        raise ValueError(f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}.")
    checks = {"device": check_device, "dtype": check_dtype, "layout": check_layout, "stride": check_stride}
    complaint = _Comparison(rtol, atol, equal_nan, allow_subclasses, checks).complaint(actual, expected, ())
    if complaint is not None:
        raise AssertionError(complaint if msg is None else msg(complaint) if callable(msg) else msg)


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """:func:`assert_close` by its old name: dtypes may differ and NaN is close to NaN."""
    __tracebackhide__ = True
    warnings.warn(
        "`minitorch.testing.assert_allclose()` is deprecated. Please use `minitorch.testing.assert_close()` instead.",
        FutureWarning,
        stacklevel=2,
    )
    as_tensors = [x if isinstance(x, Tensor) else Tensor(x) if isinstance(x, list) else x for x in (actual, expected)]
    assert_close(*as_tensors, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None)


class _Comparison:
    def __init__(self, rtol: Any, atol: Any, equal_nan: bool, subclasses: bool, checks: dict[str, bool]) -> None:
        self.rtol, self.atol, self.equal_nan = rtol, atol, equal_nan
        self.subclasses, self.checks = subclasses, checks

    def complaint(self, actual: Any, expected: Any, path: tuple) -> str | None:
        """What is wrong, ``None`` if nothing is; inside of containers with the place of the first that is wrong."""
        said = self._complaint(actual, expected, path)
        if said is None or not path or "\n\nThe failure occurred for item" in said:
            return said
        return f"{said}\n\nThe failure occurred for item {''.join(f'[{key!r}]' for key in path)}"

    def _complaint(self, actual: Any, expected: Any, path: tuple) -> str | None:
        if self._are_tensors(actual, expected):
            return self._tensors(actual, expected)
        if _both(actual, expected, Sequence) and not isinstance(actual, str) and not isinstance(expected, str):
            if len(actual) != len(expected):
                return f"The length of the sequences mismatch: {len(actual)} != {len(expected)}"
            return self._first(((i, a, e) for i, (a, e) in enumerate(zip(actual, expected))), path)
        if _both(actual, expected, Mapping):
            return self._mappings(actual, expected, path)
        if actual is None or expected is None:
            return None if actual is expected else f"None mismatch: {actual} is not {expected}"
        if _both(actual, expected, (bool, np.bool_)):
            return None if bool(actual) is bool(expected) else f"Booleans mismatch: {actual} is not {expected}"
        if _both(actual, expected, (int, float, np.number)):
            return self._numbers(actual, expected)
        where = f"\n\nThe failure occurred for item {''.join(f'[{key!r}]' for key in path)}" if path else ""
        raise TypeError(
            f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}.{where}"
        )

    def _are_tensors(self, actual: Any, expected: Any) -> bool:
        if not self.subclasses and type(actual) is not type(expected):
            return False
        return _both(actual, expected, Tensor) or _both(actual, expected, np.ndarray)

    def _first(self, items: Any, path: tuple) -> str | None:
        for key, a, e in items:
            said = self.complaint(a, e, (*path, key))
            if said is not None:
                return said
        return None

    def _mappings(self, actual: Any, expected: Any, path: tuple) -> str | None:
        missing = sorted(set(expected) - set(actual), key=str)
        additional = sorted(set(actual) - set(expected), key=str)
        if missing or additional:
            return (
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {missing}\n"
                f"Additional keys in the actual mapping: {additional}"
            )
        return self._first(((key, actual[key], expected[key]) for key in expected), path)

    def _tolerances(self, *dtypes: DType) -> tuple[float, float]:
        if self.rtol is not None:
            return self.rtol, self.atol
        each = [_TOLERANCES.get(dtype.name, (0.0, 0.0)) for dtype in dtypes]
        return max(rtol for rtol, _ in each), max(atol for _, atol in each)

    def _numbers(self, actual: Any, expected: Any) -> str | None:
        if self.checks["dtype"] and type(actual) is not type(expected):
            return f"The (d)types do not match: {type(actual)} != {type(expected)}."
        kinds = [of_numpy(np.asarray(x).dtype) for x in (actual, expected)]
        rtol, atol = self._tolerances(*kinds)
        return self._scalars(actual, expected, rtol, atol)

    def _scalars(self, actual: Any, expected: Any, rtol: float, atol: float) -> str | None:
        difference = abs(actual - expected)
        nan = self.equal_nan and actual != actual and expected != expected
        if actual == expected or nan or (np.isfinite(difference) and difference <= atol + rtol * abs(expected)):
            return None
        relative = difference / abs(expected) if expected != 0 else float("inf")
        exact = rtol == 0 and atol == 0
        return (
            f"Scalars are not {'equal' if exact else 'close'}!\n\nExpected {expected} but got {actual}.\n"
            f"Absolute difference: {difference}{'' if exact else f' (up to {atol} allowed)'}\n"
            f"Relative difference: {relative}{'' if exact else f' (up to {rtol} allowed)'}"
        )

    def _tensors(self, actual: Any, expected: Any) -> str | None:
        for name, values in _attributes(actual, expected):
            if self.checks.get(name.removesuffix("()"), True) and values[0] != values[1]:
                return f"The values for attribute '{name}' do not match: {values[0]} != {values[1]}."
        a, e = (to_host(x._data) if isinstance(x, Tensor) else x for x in (actual, expected))
        rtol, atol = self._tolerances(of_numpy(a.dtype), of_numpy(e.dtype))
        dtype = np.result_type(a, e)
        if dtype.kind != "f":
            dtype = np.dtype(np.int64)
        a, e = a.astype(dtype), e.astype(dtype)
        if a.ndim == 0:
            return self._scalars(a.item(), e.item(), rtol, atol)
        with np.errstate(all="ignore"):
            difference = np.abs(a - e)
            close = a == e
            if rtol or atol:
                close |= np.isfinite(difference) & (difference <= atol + np.abs(rtol * e))
            if self.equal_nan:
                close |= np.isnan(a) & np.isnan(e)
            if close.all():
                return None
            relative = difference.astype(np.float32 if dtype.kind != "f" else dtype) / np.abs(e).astype(
                np.float32 if dtype.kind != "f" else dtype
            )
        difference[close], relative[close] = 0, 0
        exact = rtol == 0 and atol == 0
        wrong, total = int((~close).sum()), close.size
        return (
            f"Tensor-likes are not {'equal' if exact else 'close'}!\n\n"
            f"Mismatched elements: {wrong} / {total} ({wrong / total:.1%})\n"
            f"Greatest absolute difference: {_greatest(difference)}{'' if exact else f' (up to {atol} allowed)'}\n"
            f"Greatest relative difference: {_greatest(relative)}{'' if exact else f' (up to {rtol} allowed)'}"
        )


def _both(actual: Any, expected: Any, kind: Any) -> bool:
    return isinstance(actual, kind) and isinstance(expected, kind)


def _attributes(actual: Any, expected: Any) -> list[tuple[str, tuple]]:
    pair = (actual, expected)
    if isinstance(actual, np.ndarray):
        shown = {"shape": lambda x: Size(x.shape), "dtype": lambda x: of_numpy(x.dtype)}
    else:
        shown = {
            "shape": lambda x: x.shape,
            "layout": lambda x: x.layout,
            "device": lambda x: x.device,
            "dtype": lambda x: x.dtype,
            "stride()": lambda x: x.stride(),
        }
    return [(name, tuple(get(x) for x in pair)) for name, get in shown.items()]


def _greatest(values: np.ndarray) -> str:
    where = np.unravel_index(int(np.argmax(values)), values.shape)
    return f"{values[where].item()} at index {tuple(int(i) for i in where)}"
