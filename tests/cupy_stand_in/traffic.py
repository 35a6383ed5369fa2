"""The bytes a kernel of CUDA C moves, by its own signature: what it takes as ``const`` it reads, the rest it writes.

Arrays whose addresses come in a structure (many parameters in one launch) are read, and written unless they are
gradients.  What a signature cannot tell stands in the tables here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import counting

#: written only when something is wrong
FLAGS = "flags"
#: (kernel, parameter) that is read as well as written
UPDATED = {
    ("add_sorted_rows", "total"),
    ("move_statistics", "running_mean"),
    ("move_statistics", "running_var"),
}
#: fields of a structure whose product is the number of multiplications
_CONVOLUTION = "images", "groups", "outputs", "channels", "kernel_y", "kernel_x"


def note(name: str, takes: list[tuple[str, str]], constants: set[str], real: str, args: tuple) -> None:
    """Notes a launch of kernel ``name``, which ``takes`` (type, name) of each parameter, some of them ``constants``."""
    read: list[Any] = []
    written: list[Any] = []
    operations = None
    for (kind, label), value in zip(takes, args):
        if kind.endswith("*"):
            if label in constants or (name, label) in UPDATED:
                read.append(value)
            if label not in constants and label != FLAGS:
                written.append(value)
        elif isinstance(value, np.ndarray) and value.dtype.fields:
            if any(field.base == np.uint64 for field, *_ in value.dtype.fields.values()):
                _add_table(value, np.dtype(np.float64 if real == "double" else np.float32), read, written)
            elif all(field in value.dtype.fields for field in _CONVOLUTION):
                operations = _multiplications(name, value) * 2
    counting.launch(f"kernel {name}", read, written, operations=operations)


def _add_table(table: np.ndarray, dtype: np.dtype, read: list[Any], written: list[Any]) -> None:
    sizes = table["size"][0]
    for label, (field, *_) in table.dtype.fields.items():  # type: ignore[union-attr]
        if field.base == np.uint64:
            like = np.empty(int(sizes[table[label][0] != 0].sum()), dtype)  # never touched, so it takes no memory
            read.append(like)
            if label != "grad":
                written.append(like)


def _multiplications(name: str, geometry: np.ndarray) -> int:
    positions = ("height", "width") if name == "conv_input_grad" else ("out_height", "out_width")
    return int(np.prod([int(geometry[field][0]) for field in (*_CONVOLUTION, *positions)]))
