"""Which library owns an array, and how arrays move between host and device.  Nothing else in minitorch names CuPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_cupy: Any = None
_several_gpus = False
#: called when CuPy has been found on a machine with more than one GPU; nobody else pays for keeping them apart
when_several_gpus: list[Callable[[], None]] = []


def cupy() -> Any:
    """The CuPy module, imported at the first use: it costs seconds and most machines have none.

    Raises:
        RuntimeError: CuPy is missing or finds no usable GPU; the message says why and what to install.
    """
    global _cupy, _several_gpus
    if _cupy is None:
        reason = why_no_cupy()
        if reason is not None:
            raise RuntimeError(reason)
        import cupy as module

        _cupy = module
        _several_gpus = module.cuda.runtime.getDeviceCount() > 1
        if _several_gpus:
            for prepare in when_several_gpus:
                prepare()
    return _cupy


def why_no_cupy() -> str | None:
    """Why arrays cannot live on a GPU here, with the remedy; ``None`` if they can."""
    try:
        import cupy as module
    except ImportError as error:
        return (
            f"device 'cuda' is not available: CuPy could not be imported ({error}). Install the build for your driver: "
            'pip install "minitorch-nd[cuda13]" (CUDA 13) or pip install "minitorch-nd[cuda12]" (CUDA 12)'
        )
    except Exception as error:  # a broken driver makes the import itself fail in many ways
        return f"device 'cuda' is not available: importing CuPy failed with {type(error).__name__}: {error}"
    try:
        if module.cuda.runtime.getDeviceCount() > 0:
            return None
        return "device 'cuda' is not available: CuPy found no GPU; check that nvidia-smi lists one"
    except Exception as error:
        return (
            f"device 'cuda' is not available: the CUDA driver answered {type(error).__name__}: {error}; "
            "check that nvidia-smi works and that its CUDA version is at least that of the CuPy package"
        )


def array_module(array: Any) -> Any:
    """``numpy`` or ``cupy``, whichever owns ``array``.

    >>> array_module(np.ones(2)).__name__
    'numpy'
    """
    if type(array) is np.ndarray or isinstance(array, (np.ndarray, np.generic)):
        return np
    return cupy()


def is_array(value: Any) -> bool:
    """Whether ``value`` is an array of a library that tensors can stand on."""
    return isinstance(value, np.ndarray) or (_cupy is not None and isinstance(value, _cupy.ndarray))


def as_array(value: Any) -> Any:
    """NumPy's reductions and 0-d arithmetic give scalars; a tensor always holds an array."""
    return np.asarray(value) if isinstance(value, np.generic) else value


def device_index(array: Any) -> int | None:
    """The ordinal of the GPU that holds ``array``, ``None`` for host memory."""
    return None if isinstance(array, np.ndarray) else int(array.device.id)


class _Anywhere:
    """A context that changes nothing."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        pass


_anywhere = _Anywhere()


def beside(array: Any) -> Any:
    """A context in which the GPU of ``array`` is the current one, as CuPy wants it for whatever takes the array.

    Nothing is changed for arrays in host memory or where there is one GPU.
    """
    if _several_gpus and isinstance(array, _cupy.ndarray):
        return _cupy.cuda.Device(array.device.id)
    return _anywhere


class _OnGpu:
    """CuPy, each function of which works on one GPU."""

    def __init__(self, index: int) -> None:
        self.index = index

    def __getattr__(self, name: str) -> Any:
        found = getattr(_cupy, name)
        if not callable(found) or isinstance(found, type):
            return found

        def function(*args: Any, **kwargs: Any) -> Any:
            with _cupy.cuda.Device(self.index):
                return found(*args, **kwargs)

        return function


def checked_gpu(index: int) -> int:
    """``index``, if there is such a GPU.

    Raises:
        RuntimeError: there is not.
    """
    count = cupy().cuda.runtime.getDeviceCount()
    if not 0 <= index < count:
        raise RuntimeError(
            f"CUDA error: invalid device ordinal: device 'cuda:{index}' was asked for, but this machine has "
            + (f"'cuda:0' to 'cuda:{count - 1}'" if count > 1 else "'cuda:0' alone")
        )
    return index


def module_on_gpu(index: int | None) -> Any:
    """CuPy for making arrays on GPU ``index``."""
    index = checked_gpu(index or 0)
    return _OnGpu(index) if _several_gpus else _cupy


def to_host(array: Any) -> np.ndarray:
    """A NumPy array with the values of ``array``: the array itself if it is one already."""
    if isinstance(array, np.ndarray):
        return array
    from minitorch.backend.index_flags import raise_pending

    raise_pending(array)
    with beside(array):
        return array_module(array).asnumpy(array)


def to_device(array: Any, index: int | None) -> Any:
    """``array`` in host memory (``index`` is ``None``) or on GPU ``index``; no copy if it is there already."""
    if index is None:
        return to_host(array)
    module = cupy()
    if not isinstance(array, np.ndarray) and array.device.id == index:
        return array
    with module.cuda.Device(checked_gpu(index)):
        return module.asarray(array)
