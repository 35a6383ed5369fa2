"""Files in the safetensors format: named tensors and nothing else, in the layout that many model hubs use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from minitorch.backend.array_module import to_device, to_host
from minitorch.core.device import Device
from minitorch.core.tensor import Tensor, wrap
from minitorch.utils.optional import require

#: what the format calls the dtypes that tensors here can have
_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "BOOL": "bool",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8", "U8": "uint8",
}  # fmt: skip


def save_safetensors(tensors: Mapping[str, Tensor], path: Any, metadata: Mapping[str, str] | None = None) -> None:
    """Writes named tensors to a ``.safetensors`` file.  A tensor that shares memory with another is written in full.

    Args:
        metadata: strings to keep in the file's header, such as ``{"format": "pt"}``.

    Raises:
        ImportError: the package safetensors is missing; the message says how to install it.
        TypeError: a name is no string or a value no tensor: nested state is for ``minitorch.save``.
    """
    from minitorch.serialization.files import replacing

    numpy = require("safetensors.numpy", extra="safetensors", why="to write safetensors files")
    arrays = {}
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise TypeError(
                f"save_safetensors: the value of {name!r} is a {type(tensor).__name__}; the format holds tensors by "
                "name and nothing else, use minitorch.save for other data"
            )
        array = to_host(tensor._data)
        # the package writes the memory as it lies, so it has to lie in the order of the elements
        arrays[name] = np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(array.shape)
    for name, text in (metadata or {}).items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise TypeError(f"save_safetensors: metadata maps strings to strings, not {name!r} to {text!r}")
    with replacing(path) as file:
        file.write(numpy.save(arrays, metadata=None if metadata is None else dict(metadata)))


def load_safetensors(path: Any, device: Any = "cpu") -> dict[str, Tensor]:
    """Reads the tensors of a ``.safetensors`` file by name.

    bfloat16 tensors become float32 where the package ml_dtypes is missing.

    Raises:
        ImportError: the package safetensors is missing; the message says how to install it.
        FileNotFoundError: there is no such file.
        RuntimeError: the file is damaged or cut short, or holds a dtype that minitorch does not have.
    """
    from minitorch.serialization.storage import native

    package = require("safetensors", extra="safetensors", why="to read safetensors files")
    ordinal = Device(device).ordinal
    with open(path, "rb") as file:
        data = file.read()
    try:
        entries = package.deserialize(data)
    except package.SafetensorError as error:
        raise RuntimeError(f"load_safetensors: {os.fsdecode(path)} is no whole safetensors file ({error})") from error
    out = {}
    for name, entry in entries:
        dtype = _DTYPES.get(entry["dtype"])
        if dtype is None:
            raise RuntimeError(
                f"load_safetensors: {name!r} has the dtype {entry['dtype']}, which minitorch does not have; "
                "convert it first"
            )
        raw = np.frombuffer(entry["data"], "<u2" if dtype == "bfloat16" else np.uint8 if dtype == "bool" else dtype)
        array = native(raw, dtype)
        if not array.flags.writeable:
            array = array.copy()
        out[name] = wrap(to_device(array.reshape(entry["shape"]), ordinal))
    return out
