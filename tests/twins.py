"""The same small program on minitorch and on PyTorch: what it gives, raises and warns of must be the same."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import minitorch


def plain(value: Any) -> Any:
    """``value`` in Python's own types: tensors as dtype, shape and rounded elements, modules as they print."""
    if hasattr(value, "detach") and hasattr(value, "requires_grad"):
        if "Uninitialized" in type(value).__name__:
            return repr(value)
        kind = "Parameter" if type(value).__name__ == "Parameter" else "Tensor"
        return (kind, repr(value.dtype), tuple(value.shape), plain(value.detach().tolist()))
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return [(key, plain(part)) for key, part in value.items()]
    if isinstance(value, (list, tuple)):
        return tuple(plain(part) for part in value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return without_device(value)
    return without_device(repr(value))


def without_device(text: str) -> str:
    """What is printed and said on a GPU as on the CPU, where PyTorch is asked."""
    return text.replace("torch.cuda.", "torch.").replace(" (cuda:0)", "").replace(", device='cuda:0'", "")


def outcome(program: Callable, library: Any) -> tuple:
    """The plain result or the class and message of the exception, and the classes of warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = ("returned", plain(program(library)))
        except Exception as error:
            result = ("raised", error)
    return (*result, [w.category.__name__ for w in caught])


def check_twins(program: Callable, message: bool = False) -> None:
    """Runs ``program(library)`` on both.  ``message``: the text of an exception counts, not only its class."""
    torch = pytest.importorskip("torch")
    ours, expected = outcome(program, minitorch), outcome(program, torch)
    assert ours[0] == expected[0], f"{ours} where PyTorch has {expected}"
    if ours[0] == "raised":
        assert isinstance(ours[1], type(expected[1])), f"{ours[1]!r} where PyTorch has {expected[1]!r}"
        if message:
            assert without_device(str(ours[1])).replace("minitorch", "torch") == str(expected[1])
    else:
        assert ours[1] == expected[1], f"{ours[1]} where PyTorch has {expected[1]}"
    assert ours[2] == expected[2], f"warnings: {ours[2]} where PyTorch has {expected[2]}"
