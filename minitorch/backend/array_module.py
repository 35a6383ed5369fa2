"""Which library owns an array, and how arrays move between host and device.  Nothing else in minitorch names CuPy."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

_cupy: Any = None
_several_gpus = False
#: called with the number of GPUs when CuPy has been found: nobody else pays for keeping GPUs apart
when_found: list[Callable[[int], None]] = []


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
        count = int(module.cuda.runtime.getDeviceCount())
        _several_gpus = count > 1
        for prepare in when_found:
            prepare(count)
    return _cupy


def cupy_if_used() -> Any:
    """The CuPy module once something has asked for it, ``None`` before: no array can lie on a GPU then."""
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
        count = module.cuda.runtime.getDeviceCount()
    except Exception as error:
        return f"device 'cuda' is not available: {_driver_trouble(module, error)}"
    if count <= 0:
        return (
            "device 'cuda' is not available: CuPy found no GPU; check that nvidia-smi lists one and that "
            "CUDA_VISIBLE_DEVICES does not hide it"
        )
    try:
        module.cuda.nvrtc.getVersion()  # without it, not even two arrays can be added
    except Exception as error:
        return (
            "device 'cuda' is not available: CuPy finds no compiler for its kernels, the library NVRTC "
            f"({type(error).__name__}: {str(error).strip()}). Install the CUDA toolkit of CuPy's version, or its parts "
            'as packages: pip install "cupy-cuda13x[ctk]" (CUDA 13) or pip install "cupy-cuda12x[ctk]" (CUDA 12)'
        )
    return None


def _driver_trouble(module: Any, error: Exception) -> str:
    """What the driver's ``error`` means, by the versions of the driver and of the CUDA that CuPy was built for."""
    answer = f"the CUDA driver answered {type(error).__name__}: {error}"
    try:
        driver, wanted = (int(getattr(module.cuda.runtime, f"{who}GetVersion")()) for who in ("driver", "runtime"))
    except Exception:  # then the answer itself has to do
        return f"{answer}; check that nvidia-smi works and that its CUDA version is at least that of the CuPy package"
    theirs, ours = (f"{version // 1000}.{version % 1000 // 10}" for version in (driver, wanted))
    if not driver:
        return (
            f"no NVIDIA driver was found ({answer}). Install a driver for CUDA {wanted // 1000} or later; nvidia-smi "
            "then lists the GPU. In a container, start it with access to GPUs (--gpus all)"
        )
    if driver // 1000 < wanted // 1000:
        return (
            f"CuPy is built for CUDA {ours}, and the driver knows no later one than CUDA {theirs} ({answer}). Update "
            f"the driver, or take the build for it: pip uninstall cupy-cuda{wanted // 1000}x, then "
            f'pip install "minitorch-nd[cuda{driver // 1000}]"'
        )
    return f"{answer}; check that nvidia-smi works (driver for CUDA {theirs}, CuPy for CUDA {ours})"


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


class _Chosen(threading.local):
    index = 0


_chosen = _Chosen()


def current_gpu() -> int:
    """The GPU that ``cuda`` without a number means in this thread.

    CuPy works on a GPU of its own choice, which follows the arrays: see :func:`go_to`.
    """
    return _chosen.index if cupy() and _several_gpus else int(cupy().cuda.runtime.getDevice())


def choose_gpu(index: int) -> None:
    """Makes GPU ``index`` the one that ``cuda`` without a number means in this thread."""
    _chosen.index = checked_gpu(index)
    _cupy.cuda.Device(index).use()


def go_to(index: int) -> None:
    """Has CuPy work on GPU ``index`` until it is told otherwise.

    It takes arrays of its current GPU only.  Each op goes to the GPU of its arrays and stays there: what a layer does
    with arrays between its ops finds the right one.
    """
    if _several_gpus and _cupy.cuda.runtime.getDevice() != index:
        _cupy.cuda.Device(index).use()


def module_on_gpu(index: int | None) -> Any:
    """CuPy for making arrays on GPU ``index``."""
    go_to(checked_gpu(index or 0))
    return _cupy


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
    go_to(checked_gpu(index))
    return module.asarray(array)
