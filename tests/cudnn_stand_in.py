"""The part of cuDNN's Python frontend that the package uses, on the memory of the stand-in for CuPy.

It insists on the order of calls, on operands that are what the graph says of them, and on the handle's GPU.  Misuse is
not an ``Exception``, so that no fallback hides it.
"""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
from cupy_stand_in import runtime
from cupy_stand_in.array import addresses

from minitorch.backend.primitives import conv_forward, conv_input_grad, conv_weight_grad

data_type = enum.Enum("data_type", "HALF FLOAT DOUBLE")  # type: ignore[misc]
heur_mode = enum.Enum("heur_mode", "A B FALLBACK")  # type: ignore[misc]
numerical_note = enum.Enum(  # type: ignore[misc]
    "numerical_note", "TENSOR_CORE DOWN_CONVERT_INPUTS REDUCED_PRECISION_REDUCTION FFT NONDETERMINISTIC WINOGRAD"
)
DTYPES = {data_type.HALF: np.float16, data_type.FLOAT: np.float32, data_type.DOUBLE: np.float64}
WORKSPACE = 1000
#: the graphs that were planned, and the errors that the next calls give
planned: list[pygraph] = []
failing: list[Exception] = []


class Misuse(BaseException):
    """A call that cuDNN would refuse, or worse, would not."""


class cudnnGraphNotSupportedError(Exception):
    """No engine takes the graph."""


class Handle:
    def __init__(self) -> None:
        self.device, self.stream = runtime.current(), None


def create_handle() -> Handle:
    return Handle()


def set_stream(handle: Handle, stream: int) -> None:
    handle.stream = stream  # type: ignore[assignment]


def backend_version() -> int:
    return 91300


def check(condition: Any, words: str) -> None:
    if not condition:
        raise Misuse(words)


class Tensor:
    def __init__(self, dim: Any = None, stride: Any = None, data_type: Any = None, name: str = "") -> None:
        self.dim, self.stride, self.data_type, self.name, self.output = dim, stride, data_type, name, False

    def set_output(self, value: bool) -> Tensor:
        self.output = value
        return self

    def set_data_type(self, value: Any) -> Tensor:
        self.data_type = value
        return self

    def set_dim(self, value: list[int]) -> Tensor:
        self.dim = value
        return self

    def set_stride(self, value: list[int]) -> Tensor:
        self.stride = value
        return self

    def memory(self, address: int) -> np.ndarray:
        """The memory at an address, which must be an array of what the tensor is said to be."""
        array = addresses.get(address)
        check(array is not None, f"{self.name}: not the address of a living array")
        assert array is not None
        check(array._device == runtime.current(), f"{self.name} is on another GPU")
        check(array.dtype == DTYPES[self.data_type] and array.flags.c_contiguous, f"{self.name}: {array.dtype}")
        check(array.size == np.prod(self.dim), f"{self.name} has {array.size} elements, not {self.dim}")
        view = array._host.reshape(self.dim)
        check([s // view.itemsize for s in view.strides] == self.stride, f"{self.name}: strides {self.stride}")
        return view


ORDER = [
    "validate", "build_operation_graph", "create_execution_plans", "deselect_numeric_notes", "check_support",
    "build_plans",
]  # fmt: skip


class pygraph:
    def __init__(
        self, *, handle: Any = None, io_data_type: Any, intermediate_data_type: Any, compute_data_type: Any
    ) -> None:  # fmt: skip
        wide = data_type.DOUBLE if io_data_type is data_type.DOUBLE else data_type.FLOAT
        check(compute_data_type is intermediate_data_type is wide, "sums as narrow as the elements")
        self.handle, self.done, self.node, self.refused = handle, 0, ("", {}, Tensor()), []

    def tensor(self, *, name: str, dim: list[int], stride: list[int], data_type: Any) -> Tensor:
        check(type(dim) is type(stride) is list and len(dim) == len(stride) >= 4, f"{name}: {dim} {stride}")
        return Tensor(dim, stride, data_type, name)

    def _operation(self, operation: str, **given: Any) -> Tensor:
        result = Tensor(name="result")
        self.node = operation, given, result
        return result

    def conv_fprop(self, *, image: Tensor, weight: Tensor, **options: list[int]) -> Tensor:
        return self._operation("fprop", first=image, second=weight, **options)

    def conv_dgrad(self, *, loss: Tensor, filter: Tensor, **options: list[int]) -> Tensor:
        return self._operation("dgrad", first=loss, second=filter, **options)

    def conv_wgrad(self, *, image: Tensor, loss: Tensor, **options: list[int]) -> Tensor:
        return self._operation("wgrad", first=image, second=loss, **options)

    def _step(self, name: str) -> None:
        check(ORDER[self.done] == name, f"{name}, but {ORDER[self.done]} is due")
        self.done += 1

    def validate(self) -> None:
        self._step("validate")
        check(self.node[2].output and self.node[2].dim, "a result without a shape")

    def build_operation_graph(self) -> None:
        self._step("build_operation_graph")

    def create_execution_plans(self, heuristics: list) -> None:
        self._step("create_execution_plans")
        check(heuristics[0] is heur_mode.A, "no heuristics")

    def deselect_numeric_notes(self, notes: list) -> None:
        self._step("deselect_numeric_notes")  # before there are plans it would do nothing
        self.refused = [note.name for note in notes]

    def check_support(self) -> None:
        self._step("check_support")
        if failing:
            raise failing[0]

    def build_plans(self) -> None:
        self._step("build_plans")
        planned.append(self)

    def get_workspace_size(self) -> int:
        return WORKSPACE

    def execute(self, pointers: dict[Tensor, int], workspace: int, *, handle: Handle) -> None:
        check(self.done == len(ORDER), "not planned")
        check(handle.device == runtime.current() and handle.stream == runtime.get_current_stream().ptr, "elsewhere")
        room = addresses.get(workspace)
        check(room is not None and room.nbytes >= WORKSPACE, "no workspace")
        operation, given, out = self.node
        first, second = (given[name].memory(pointers[given[name]]) for name in ("first", "second"))
        target = out.memory(pointers[out])
        pads = tuple(zip(given["pre_padding"], given["post_padding"]))
        layer = tuple(given["stride"]), pads, tuple(given["dilation"])
        # Groups are not said: they follow from the channels of the image and of the filter.
        if operation == "fprop":
            result = conv_forward.portable(first, second, *layer, first.shape[1] // second.shape[1])
        elif operation == "dgrad":
            groups = target.shape[1] // second.shape[1]
            result = conv_input_grad.portable(first, second, target.shape[2:], *layer, groups)
        else:
            groups = first.shape[1] // target.shape[1]
            result = conv_weight_grad.portable(first, second, target.shape[2:], *layer, groups)
        check(result.shape == target.shape, f"the result is {result.shape}, not {target.shape}")
        target[...] = result
