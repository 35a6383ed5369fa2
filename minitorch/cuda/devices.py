"""Which GPUs there are and which is the current one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from minitorch.backend.array_module import checked_gpu, choose_gpu, cupy, current_gpu, why_no_cupy
from minitorch.backend.index_flags import read_all
from minitorch.core.device import Device
from minitorch.core.tensor import Tensor
from minitorch.utils.optional import available


def is_available() -> bool:
    """Whether tensors can be put on ``cuda``.  Never raises."""
    return why_no_cupy() is None


def why_unavailable() -> str | None:
    """Why ``is_available()`` is False, with the remedy; ``None`` if it is True.

    >>> import minitorch as torch
    >>> torch.cuda.is_available() == (torch.cuda.why_unavailable() is None)
    True
    """
    return why_no_cupy()


def is_initialized() -> bool:
    """Whether the GPU has been used or can be."""
    return is_available()


def init() -> None:
    """Does nothing that the first use of the GPU would not do.

    Raises:
        RuntimeError: there is no GPU that CuPy can use; the message says why.
    """
    cupy()


def device_count() -> int:
    """Number of usable GPUs."""
    return int(cupy().cuda.runtime.getDeviceCount()) if is_available() else 0


def current_device() -> int:
    """Ordinal of the GPU that ``cuda`` without a number means in this thread."""
    return current_gpu()


def index_of(device: Any, name: str = "device") -> int:
    """The ordinal of a GPU given as a number, a string, a device, or ``None`` for the current one.

    Raises:
        ValueError: it names the CPU.
        RuntimeError: there is no such GPU.
    """
    if device is None:
        return current_device()
    chosen = Device("cuda", device) if isinstance(device, int) else Device(device)
    if chosen.type != "cuda":
        raise ValueError(f"Expected a cuda {name}, but got: {chosen}")
    ordinal = chosen.ordinal
    assert ordinal is not None
    return checked_gpu(ordinal)


def set_device(device: Any) -> None:
    """Makes a GPU the one that ``cuda`` without a number means in this thread; a negative number changes nothing.

    Raises:
        RuntimeError: there is no such GPU.
    """
    if isinstance(device, int) and device < 0:
        return
    choose_gpu(index_of(device))


class device:
    """Inside the ``with`` block ``cuda`` without a number means this GPU; ``None`` or a negative one: no change."""

    def __init__(self, device: Any) -> None:
        self.idx = -1 if device is None or (isinstance(device, int) and device < 0) else index_of(device)
        self.prev_idx = -1

    def __enter__(self) -> None:
        if self.idx >= 0:
            self.prev_idx = current_device()
            set_device(self.idx)

    def __exit__(self, *exc: object) -> None:
        if self.idx >= 0:
            set_device(self.prev_idx)


class device_of(device):
    """Inside the ``with`` block the GPU of a tensor is the current one; a tensor on the CPU changes nothing."""

    def __init__(self, obj: Tensor) -> None:
        super().__init__(obj.device.index if obj.is_cuda else -1)


def get_device_properties(device: Any = None) -> SimpleNamespace:
    """``name``, ``major``, ``minor``, ``total_memory``, ``multi_processor_count`` and ``warp_size`` of a GPU."""
    found = cupy().cuda.runtime.getDeviceProperties(index_of(device))
    name = found["name"]
    return SimpleNamespace(
        name=name.decode() if isinstance(name, bytes) else name,
        major=int(found["major"]),
        minor=int(found["minor"]),
        total_memory=int(found["totalGlobalMem"]),
        multi_processor_count=int(found["multiProcessorCount"]),
        warp_size=int(found["warpSize"]),
    )


def get_device_name(device: Any = None) -> str:
    """The GPU's name."""
    return get_device_properties(device).name


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """The GPU's generation: ``(8, 0)`` for an A100."""
    found = get_device_properties(device)
    return found.major, found.minor


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether tensors on a GPU can be of bfloat16: that takes CuPy 14 and the package ml_dtypes."""
    if why_no_cupy() is not None or not available("ml_dtypes"):
        return False
    return int(cupy().__version__.partition(".")[0]) >= 14


def cuda_version() -> str | None:
    """The version of CUDA that CuPy was built for, such as "13.0"; ``None`` where no GPU can be used."""
    if not is_available():
        return None
    number = int(cupy().cuda.runtime.runtimeGetVersion())  # 13000
    return f"{number // 1000}.{number % 1000 // 10}"


def synchronize(device: Any = None) -> None:
    """Waits until a GPU has done what was asked of it.

    Raises:
        IndexError: an index was out of range in what was asked.
    """
    with cupy().cuda.Device(index_of(device)):
        cupy().cuda.runtime.deviceSynchronize()
    read_all()
