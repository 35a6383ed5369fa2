"""A pytest plugin: what a replacement of a primitive is called with comes once more, as no kernel can take it.

``python -m pytest -p awkward_arguments`` with ``tests`` in ``PYTHONPATH``.  Some of the calls that tests make of each
replacement are repeated with other dtypes and layouts, through the primitive; that must do what its portable version
does with equal arguments: the same results, the same changes in place, or the same class of exception.
``MINITORCH_AWKWARD_REPORT`` names a file for what has been tried with which primitive.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

CALLS = 8  # of each replacement, all with other shapes or dtypes
LARGEST = 250_000  # elements of the arrays of a call


def _strided(a: np.ndarray) -> np.ndarray:
    if a.ndim == 0:
        return a.copy()
    roomy = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    roomy[..., ::2] = a
    return roomy[..., ::2]


def _reversed(a: np.ndarray) -> np.ndarray:
    every = (slice(None, None, -1),) * a.ndim
    return a[every].copy()[every]


def _read_only(a: np.ndarray) -> np.ndarray:
    a = a.copy()
    a.flags.writeable = False
    return a


def _cast(dtype: str) -> Callable[[np.ndarray], np.ndarray]:
    def cast(a: np.ndarray) -> np.ndarray:
        # Values that all types have: an overflow in a cast is another matter.
        return np.nan_to_num(a.clip(-50, 50), nan=1).astype(dtype) if a.dtype.kind == "f" else a.copy()

    return cast


#: name -> the array of equal values (or of equal shape) that a kernel does not take
VARIANTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "float16": _cast("float16"),
    "int32": _cast("int32"),
    "complex64": _cast("complex64"),
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "strided": _strided,
    "fortran": lambda a: np.array(a, order="F"),
    "negative-strides": _reversed,
    "read-only": _read_only,
}
#: and those that change shapes or some of the arrays
SPECIAL = ("no-elements", "mixed-dtypes")


def _arrays(values: Any) -> list[np.ndarray]:
    """The arrays among the values, those in lists too."""
    listed = [[v] if isinstance(v, np.ndarray) else _arrays(v) if isinstance(v, list) else [] for v in values]
    return [array for arrays in listed for array in arrays]


def _altered(args: Any, variant: str, first: Any = None) -> list[Any]:
    """A copy of the arguments in the awkward form."""
    first = _arrays(args)[0] if first is None else first
    altered = []
    for a in args:
        if isinstance(a, list):
            altered.append(_altered(a, variant, first))
        elif not isinstance(a, np.ndarray):
            altered.append(a)
        elif variant in VARIANTS:
            altered.append(VARIANTS[variant](a))
        elif variant == "no-elements":
            altered.append(a[:0].copy() if a.ndim and a.shape[:1] == first.shape[:1] else a.copy())
        else:  # the first in double, or in half if it is double already
            other = "float64" if a.dtype == np.float32 else "float32"
            with np.errstate(all="ignore"):
                altered.append(a.astype(other) if a is first and a.dtype.kind == "f" else a.copy())
    return altered


def _outcome(function: Callable[..., Any], args: list[Any]) -> tuple[str, list[Any]]:
    """The class of the exception, or results and what has become of the arrays that were given."""
    given = _arrays(args)
    try:
        with np.errstate(all="ignore"):
            result = function(*args)
    except Exception as error:
        return type(error).__name__, []
    return "result", [*(result if isinstance(result, tuple) else (result,)), *given]


def _compare(name: str, variant: str, ours: tuple[str, list[Any]], theirs: tuple[str, list[Any]]) -> None:
    where = f"{name} with {variant} arrays"
    assert ours[0] == theirs[0], f"{where}: {ours[0]}, and {theirs[0]} of the portable version"
    for a, b in zip(ours[1], theirs[1], strict=True):
        if not isinstance(b, np.ndarray):
            assert a is b or a == b, where
            continue
        assert a.shape == b.shape, where
        assert a.dtype.newbyteorder("=") == b.dtype.newbyteorder("="), where
        half = b.dtype.itemsize < 4 or b.dtype.kind == "c"
        double = b.dtype.itemsize == 8 and b.dtype.kind == "f" and variant != "mixed-dtypes"
        scale = float(np.abs(b[np.isfinite(b)]).max(initial=1.0))
        tolerance = scale * (1e-2 if half else 1e-11 if double else 5e-5)
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance, err_msg=where)


_seen: dict[str, set[Any]] = {}
_tried: dict[str, list[str]] = {}
_busy = False


def _primitives() -> dict[str, Any]:
    """All primitives under their names."""
    from minitorch.backend import primitives

    found = {}
    for info in pkgutil.iter_modules(primitives.__path__):
        module = importlib.import_module(f"{primitives.__name__}.{info.name}")
        found.update({v.portable.__name__: v for v in vars(module).values() if hasattr(v, "portable")})
    return found


def _repeat(name: str, primitive: Any, args: tuple) -> None:
    global _busy
    key = tuple((a.shape, a.dtype.str) for a in _arrays(args)), len(args)
    seen = _seen.setdefault(name, set())
    if len(seen) >= CALLS or key in seen or not 0 < sum(a.size for a in _arrays(args)) <= LARGEST:
        return
    seen.add(key)
    _busy = True
    try:
        for variant in (*VARIANTS, *SPECIAL):
            ours = _outcome(primitive, _altered(args, variant))
            _compare(name, variant, ours, _outcome(primitive.portable, _altered(args, variant)))
            if variant not in _tried.setdefault(name, []):
                _tried[name].append(variant)
    finally:
        _busy = False


def pytest_configure(config: pytest.Config) -> None:
    from minitorch.backend import cpu

    primitives = _primitives()

    def repeated(name: str, function: Any) -> Any:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if not _busy and not kwargs:
                _repeat(name, primitives[name], args)
            return function(*args, **kwargs)

        return call

    for name, module_name in cpu._REPLACEMENTS.items():
        module = importlib.import_module(module_name)
        setattr(module, name, repeated(name, getattr(module, name)))


def pytest_sessionfinish() -> None:
    if os.environ.get("MINITORCH_AWKWARD_REPORT"):
        Path(os.environ["MINITORCH_AWKWARD_REPORT"]).write_text(json.dumps(_tried))
