"""Tensors as text, in PyTorch's layout.

``tensor_repr`` knows tensors; everything else here knows arrays alone.  What is left out of a long tensor never leaves
its device: the array is first cut down to the elements that are shown.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module, to_host
from minitorch.core import dtype as dtypes


@dataclass
class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": _Options(),
    "short": _Options(precision=2, edgeitems=2),
    "full": _Options(threshold=math.inf),
}
_options = _Options()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Sets how tensors are printed.  ``None`` leaves a setting as it is, but ``sci_mode``, which it makes automatic.

    Args:
        precision: digits after the point.
        threshold: tensors with more elements are shortened.
        edgeitems: how many elements (rows, blocks ...) of a shortened dimension are shown at either end.
        linewidth: where lines are broken.
        profile: ``"default"``, ``"short"`` or ``"full"``: start from these settings.
        sci_mode: always (``True``), never (``False``) or where it helps (``None``) write ``1.0000e+10``.

    Raises:
        ValueError: an unknown profile or a negative number.

    >>> import minitorch as torch
    >>> torch.set_printoptions(precision=2)
    >>> torch.tensor([0.12345])
    tensor([0.12])
    >>> torch.set_printoptions(profile="default")
    """
    global _options
    if profile is not None and profile not in _PROFILES:
        raise ValueError(f"set_printoptions: profile must be one of {', '.join(_PROFILES)}, not {profile!r}")
    chosen = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    for name, value in chosen.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise ValueError(f"set_printoptions: {name} must be a number that is not negative, not {value!r}")
        if name != "threshold" and not isinstance(value, int):
            raise ValueError(f"set_printoptions: {name} must be an integer, not {value!r}")
    start = _options if profile is None else _PROFILES[profile]
    _options = replace(start, sci_mode=sci_mode, **chosen)  # type: ignore[arg-type]


def get_printoptions() -> dict[str, Any]:
    """The settings, as a dict that ``set_printoptions(**options)`` takes back."""
    return asdict(_options)


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """``set_printoptions(**options)`` for the length of a ``with`` block.

    >>> import minitorch as torch
    >>> with printoptions(sci_mode=True):
    ...     print(torch.tensor([1.5]))
    tensor([1.5000e+00])
    """
    global _options
    before = _options
    try:
        set_printoptions(**options)
        yield
    finally:
        _options = before


class _Formatter:
    """How one element is written, decided by all elements shown: every element gets the same width and notation."""

    def __init__(self, shown: np.ndarray) -> None:
        if shown.dtype.kind != "f":
            self.spec, self.suffix = "", ""
            self.width = max((len(str(value)) for value in shown.ravel().tolist()), default=1)
            return
        # Zeros, infinities and nan have no say.  float64, so that nothing below overflows.
        values = shown[np.isfinite(shown) & (shown != 0)].astype(np.float64)
        self.spec, self.suffix, self.width = ".0f", ".", 1
        if values.size == 0:
            return
        whole = bool((values == np.trunc(values)).all())
        scientific = _options.sci_mode
        if scientific is None:
            size = np.abs(values)
            low, high = float(size.min()), float(size.max())
            scientific = high / low > 1000.0 or high > 1.0e8 or low < 1.0e-4
        if scientific:
            self.spec, self.suffix = f".{_options.precision}e", ""
        elif not whole:
            self.spec, self.suffix = f".{_options.precision}f", ""
        self.width = max(len(format(value, self.spec)) for value in values.tolist()) + len(self.suffix)

    def __call__(self, value: Any) -> str:
        text = format(value, self.spec) if self.spec else str(value)
        if self.suffix and math.isfinite(value):
            text += self.suffix
        return text.rjust(self.width)


def _shown_part(array: Any, edge: int) -> Any:
    """``array`` without the middle of each dimension that is longer than its two edges."""
    for axis, length in enumerate(array.shape):
        if length > 2 * edge:
            at = (slice(None),) * axis
            ends = (array[(*at, slice(edge))], array[(*at, slice(length - edge, None))])
            array = array_module(array).concatenate(ends, axis=axis)
    return array


def _row(values: list, cut: bool, indent: int, formatter: _Formatter) -> str:
    texts = [formatter(value) for value in values]
    if cut:
        edge = _options.edgeitems
        # without edges the dots stand alone, and no blank goes before them
        texts[edge:edge] = [" ..." if edge else "..."]
    per_line = max(1, (_options.linewidth - indent) // (formatter.width + 2))
    lines = [", ".join(texts[i : i + per_line]) for i in range(0, len(texts), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _block(values: Any, cut: list[bool], indent: int, formatter: _Formatter) -> str:
    """Nested lists as nested brackets; ``cut`` says for each dimension whether its middle was left out."""
    if not cut:
        return formatter(values)
    if len(cut) == 1:
        return _row(values, cut[0], indent, formatter)
    blocks = [_block(inner, cut[1:], indent + 1, formatter) for inner in values]
    if cut[0]:
        blocks[_options.edgeitems : _options.edgeitems] = ["..."]
    return "[" + ("," + "\n" * (len(cut) - 1) + " " * (indent + 1)).join(blocks) + "]"


def _values_str(array: Any, indent: int) -> str:
    if array.size == 0:
        return "[]"
    edge = _options.edgeitems
    cut = [array.size > _options.threshold and length > 2 * edge for length in array.shape]
    shown = to_host(_shown_part(array, edge) if any(cut) else array)
    if shown.dtype.kind == "V":  # bfloat16, with which NumPy's functions do not always work
        shown = shown.astype(np.float32)
    return _block(shown.tolist(), cut, indent, _Formatter(shown))


def tensor_str(
    array: Any,
    *,
    requires_grad: bool = False,
    grad_fn_name: str | None = None,
    device: Any = None,
    prefix: str = "tensor(",
) -> str:
    """What PyTorch prints for a tensor with the elements of ``array``.

    Args:
        array: NumPy or CuPy array of a dtype that tensors have.
        grad_fn_name: the node that computed it, printed in place of ``requires_grad=True``.
        device: printed unless ``None``.
        prefix: what stands before the elements and sets their indentation.

    >>> print(tensor_str(np.array([[1, 2], [3, 4]], dtype=np.int32), requires_grad=True))
    tensor([[1, 2],
            [3, 4]], dtype=torch.int32, requires_grad=True)
    """
    dtype = dtypes.of_numpy(array.dtype)
    default = dtypes.get_default_dtype()
    notes = []
    if device is not None:
        notes.append(f"device='{device}'")
    if (array.size == 0 and array.ndim != 1) or (array.size and not _options.edgeitems):
        notes.append(f"size={tuple(array.shape)}")
    # elements show that they are integers or booleans; an empty tensor shows nothing
    if dtype is not default and (array.size == 0 or dtype not in (dtypes.int64, dtypes.bool_)):
        notes.append(f"dtype={dtype}")
    if grad_fn_name is not None:
        notes.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        notes.append("requires_grad=True")

    text = prefix + _values_str(array, len(prefix))
    line = len(text) - text.rfind("\n") + 1
    for note in notes:
        if line + len(note) + 2 > _options.linewidth:
            text += ",\n" + " " * len(prefix) + note
            line = len(prefix) + len(note)
        else:
            text += ", " + note
            line += len(note) + 2
    return text + ")"


def tensor_repr(tensor: Any) -> str:
    """``repr`` of a tensor.  A class derived from Tensor shows its own name, ``Parameter`` the word tensor."""
    from minitorch.core.tensor import Tensor

    cls = type(tensor)
    plain = cls is Tensor or (cls.__name__ == "Parameter" and cls.__module__.startswith("minitorch."))
    grad_fn = tensor.grad_fn
    return tensor_str(
        tensor._data,
        requires_grad=tensor.requires_grad,
        grad_fn_name=None if grad_fn is None else grad_fn.name(),
        device=tensor.device if tensor.is_cuda else None,
        prefix="tensor(" if plain else f"{cls.__name__}(",
    )
