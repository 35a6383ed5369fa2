"""Streams (queues of work on a GPU) and events (marks in them)."""

from __future__ import annotations

from typing import Any

from minitorch.backend.array_module import cupy
from minitorch.backend.index_flags import read_all
from minitorch.core.device import Device
from minitorch.cuda.devices import index_of


class Event:
    """A mark in a stream, to wait for or to measure time with.

    Args:
        enable_timing: whether :meth:`elapsed_time` will be asked for.
        blocking: whether a waiting thread sleeps instead of looking again and again.
    """

    def __init__(self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False) -> None:
        self.cuda_event = cupy().cuda.Event(block=blocking, disable_timing=not enable_timing)
        self.enable_timing = enable_timing

    def record(self, stream: Stream | None = None) -> None:
        """Puts the mark behind all that ``stream`` (default: the current one) has been asked for."""
        self.cuda_event.record((current_stream() if stream is None else stream).cuda_stream)

    def query(self) -> bool:
        """Whether all before the mark is done."""
        return bool(self.cuda_event.done)

    def wait(self, stream: Stream | None = None) -> None:
        """Lets ``stream`` (default: the current one) wait for the mark; the program goes on."""
        (current_stream() if stream is None else stream).wait_event(self)

    def synchronize(self) -> None:
        """Waits for the mark."""
        self.cuda_event.synchronize()

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds from this mark to another one.

        Raises:
            RuntimeError: one of them was made without ``enable_timing=True`` or has not been recorded.
        """
        if not (self.enable_timing and end_event.enable_timing):
            raise RuntimeError("Both events must be created with argument 'enable_timing=True'.")
        return float(cupy().cuda.get_elapsed_time(self.cuda_event, end_event.cuda_event))


class Stream:
    """A queue of work on a GPU; work in different streams may overlap.

    Memory that is freed in one stream is used again in the same stream only.
    """

    cuda_stream: Any

    def __init__(self, device: Any = None, priority: int = 0, **given: Any) -> None:
        self.device_index = index_of(device)
        if "cuda_stream" in given:
            self.cuda_stream = given["cuda_stream"]
        else:
            with cupy().cuda.Device(self.device_index):
                self.cuda_stream = cupy().cuda.Stream(non_blocking=True)

    @property
    def device(self) -> Device:
        return Device("cuda", self.device_index)

    def query(self) -> bool:
        """Whether all that was asked for is done."""
        return bool(self.cuda_stream.done)

    def synchronize(self) -> None:
        """Waits until all that was asked for is done."""
        self.cuda_stream.synchronize()
        read_all()

    def record_event(self, event: Event | None = None) -> Event:
        """A mark behind all that was asked for."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """What is asked for from now on waits for a mark in another stream."""
        self.cuda_stream.wait_event(event.cuda_event)

    def wait_stream(self, stream: Stream) -> None:
        """What is asked for from now on waits for what another stream has been asked for so far."""
        self.wait_event(stream.record_event())

    def __enter__(self) -> Stream:
        self.cuda_stream.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self.cuda_stream.__exit__(*exc)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and other.cuda_stream is self.cuda_stream

    def __hash__(self) -> int:
        return hash(id(self.cuda_stream))

    def __repr__(self) -> str:
        return f"<torch.cuda.Stream device={self.device}>"


class stream:
    """Inside the ``with`` block work goes into a stream; ``None`` changes nothing."""

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        if self.stream is not None:
            self.stream.__enter__()

    def __exit__(self, *exc: object) -> None:
        if self.stream is not None:
            self.stream.__exit__(*exc)


def set_stream(stream: Stream) -> None:
    """Work goes into ``stream`` from now on."""
    stream.cuda_stream.use()


def current_stream(device: Any = None) -> Stream:
    """The stream into which work goes now."""
    return Stream(device, cuda_stream=cupy().cuda.get_current_stream())


def default_stream(device: Any = None) -> Stream:
    """The stream into which work goes unless another is chosen."""
    return Stream(device, cuda_stream=cupy().cuda.Stream.null)


def graph(*args: Any, **kwargs: Any) -> Any:
    """Not supported, and neither are ``CUDAGraph``, ``make_graphed_callables`` and ``graph_pool_handle``.

    Raises:
        NotImplementedError: always.  A graph replays kernels with the addresses they had when it was captured, but each
            step takes new memory from CuPy's pool, and learning rates and counts of steps are passed as numbers.
    """
    raise NotImplementedError(
        "CUDA graphs are not supported: a graph replays kernels with the addresses and numbers of the step that was "
        "captured, and every step here takes new memory from CuPy's pool. Leave out graph, CUDAGraph and "
        "make_graphed_callables, and call the model or the step itself; a larger batch makes launches a smaller part "
        "of the time"
    )
