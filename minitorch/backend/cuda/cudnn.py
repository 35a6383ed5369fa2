"""Convolution by cuDNN, through its Python frontend, for the layers that have no kernel here.

The frontend is optional: without it, or where cuDNN refuses a layer, array calls and cuBLAS do the work as before.  A
layer is a graph of one operation, planned once for each set of shapes and kept.  Plans whose results vary from run to
run, or that sum float16 in float16, are not taken; those that round float32 to TF32 only while the switches of
``minitorch.backends.cudnn`` allow it.

Source: NVIDIA, "cuDNN frontend" documentation, convolutions and execution plans.
"""

from __future__ import annotations

import functools
import importlib
import sys
import threading
import warnings
from typing import Any, NamedTuple

import numpy as np

from minitorch.backend.array_module import beside, cupy
from minitorch.backend.cuda import conv as kernels
from minitorch.backend.cuda.launching import LIMIT, contiguous
from minitorch.backend.primitives.conv_geometry import Ints, Pads, geometry

#: elements, and what their products are summed in, by the frontend's names
_TYPES = {"float16": ("HALF", "FLOAT"), "float32": ("FLOAT", "FLOAT"), "float64": ("DOUBLE", "DOUBLE")}
#: the frontend's function and its names of the two operands
_CALLS = {
    "forward": ("conv_fprop", "image", "weight"),
    "input_grad": ("conv_dgrad", "loss", "filter"),
    "weight_grad": ("conv_wgrad", "image", "loss"),
}
#: plans that are never taken
_REFUSED = ("NONDETERMINISTIC", "DOWN_CONVERT_INPUTS", "REDUCED_PRECISION_REDUCTION")
_MOST_PLANS = 256


class Layer(NamedTuple):
    """All that a plan depends on."""

    operation: str
    first: tuple[int, ...]
    second: tuple[int, ...]
    result: tuple[int, ...]
    stride: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    dilation: tuple[int, ...]
    dtype: str
    tf32: bool


class Plan(NamedTuple):
    graph: Any
    tensors: tuple[Any, Any, Any]
    workspace: int


class _Kept(threading.local):
    """cuDNN's handles belong to one thread and one GPU, and so do plans here."""

    def __init__(self) -> None:
        self.handles: dict[int, Any] = {}
        self.plans: dict[tuple[int, Layer], Plan | None] = {}


_kept = _Kept()


@functools.cache
def frontend() -> Any:
    """The package ``cudnn``, if it and cuDNN itself can be loaded; else ``None``."""
    try:
        cudnn = importlib.import_module("cudnn")
        cudnn.backend_version()
    except Exception:  # the loader's answers differ from version to version
        return None
    return cudnn


def _switch(name: str, default: bool) -> bool:
    """What scripts have set in ``minitorch.backends.cudnn``; nothing, where they never asked for it."""
    return bool(getattr(sys.modules.get("minitorch.backends.cudnn"), name, default))


def _tf32() -> bool:
    precision = getattr(sys.modules.get("minitorch.backends.cudnn"), "conv", None)
    return _switch("allow_tf32", True) and (precision is None or precision.fp32_precision != "ieee")


# ---- the primitives


def conv_forward(x: Any, w: Any, stride: Ints, padding: Pads, dilation: Ints, groups: int = 1, bias: Any = None) -> Any:
    y = kernels.conv_forward(x, w, stride, padding, dilation, groups, bias)
    if y is not NotImplemented or frontend() is None:
        return y
    out = geometry(x.shape[2:], w.shape[2:], tuple(stride), tuple(padding), tuple(dilation)).out
    y = _run("forward", x, w, (x.shape[0], w.shape[0], *out), stride, padding, dilation)
    if y is not NotImplemented and bias is not None:
        y += bias.reshape(-1, *[1] * len(out))
    return y


def conv_input_grad(
    gy: Any, w: Any, input_spatial_shape: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int = 1
) -> Any:  # fmt: skip
    gx = kernels.conv_input_grad(gy, w, input_spatial_shape, stride, padding, dilation, groups)
    if gx is not NotImplemented or frontend() is None:
        return gx
    shape = (gy.shape[0], w.shape[1] * groups, *input_spatial_shape)
    return _run("input_grad", gy, w, shape, stride, padding, dilation)


def conv_weight_grad(
    x: Any, gy: Any, kernel_shape: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int = 1
) -> Any:  # fmt: skip
    gw = kernels.conv_weight_grad(x, gy, kernel_shape, stride, padding, dilation, groups)
    if gw is not NotImplemented or frontend() is None:
        return gw
    shape = (gy.shape[1], x.shape[1] // groups, *kernel_shape)
    return _run("weight_grad", x, gy, shape, stride, padding, dilation)


# ---- graphs


def _run(
    operation: str, first: Any, second: Any, shape: tuple[int, ...], stride: Ints, padding: Pads, dilation: Ints
) -> Any:  # fmt: skip
    name = first.dtype.name
    if not _switch("enabled", True) or name not in _TYPES or second.dtype != first.dtype:
        return NotImplemented
    if not all(shape) or not first.size or not second.size or any(min(pads) < 0 for pads in padding):
        return NotImplemented
    out = cupy().empty(shape, first.dtype)
    if max(first.size, second.size, out.size) >= LIMIT:
        return NotImplemented
    flat = len(stride) == 1  # cuDNN wants two spatial dimensions at least: a height of one
    of_first, of_second, of_result = (
        (*s[:2], 1, *s[2:]) if flat else tuple(s) for s in (first.shape, second.shape, shape)
    )
    (unit, zero) = ((1,), (0,)) if flat else ((), ())
    before, after = (tuple(pads[side] for pads in padding) for side in (0, 1))
    layer = Layer(
        operation, of_first, of_second, of_result, (*unit, *stride), (*zero, *before), (*zero, *after),
        (*unit, *dilation), name, name == "float32" and _tf32(),
    )  # fmt: skip
    with beside(first):
        return _execute(layer, contiguous(first), contiguous(second), out)


def _execute(layer: Layer, first: Any, second: Any, out: Any) -> Any:
    cudnn, gpu = frontend(), int(first.device.id)
    key = gpu, layer
    if key in _kept.plans and _kept.plans[key] is None:
        return NotImplemented
    try:
        handle = _kept.handles.get(gpu)
        if handle is None:
            handle = _kept.handles[gpu] = cudnn.create_handle()
        cudnn.set_stream(handle=handle, stream=cupy().cuda.get_current_stream().ptr)
        plan = _kept.plans.get(key)
        if plan is None:
            plan = _planned(cudnn, layer, handle)
            if len(_kept.plans) >= _MOST_PLANS:
                _kept.plans.clear()
            _kept.plans[key] = plan
        workspace = cupy().empty(max(plan.workspace, 1), np.uint8)
        pointers = dict(zip(plan.tensors, (first.data.ptr, second.data.ptr, out.data.ptr)))
        plan.graph.execute(pointers, workspace.data.ptr, handle=handle)
    except Exception as error:
        _kept.plans[key] = None
        if not isinstance(error, (NotImplementedError, cudnn.cudnnGraphNotSupportedError)):
            warnings.warn(f"cuDNN failed on a convolution, which is left to cuBLAS from now on: {error}", stacklevel=2)
        return NotImplemented
    return out


def built(cudnn: Any, layer: Layer, handle: Any) -> tuple[Any, tuple[Any, Any, Any]]:
    """The graph of a layer, and the operands and the result in it."""
    elements, sums = (getattr(cudnn.data_type, name) for name in _TYPES[layer.dtype])
    graph = cudnn.pygraph(
        handle=handle, io_data_type=elements, intermediate_data_type=sums, compute_data_type=sums
    )  # fmt: skip
    call, *names = _CALLS[layer.operation]
    operands = {
        name: graph.tensor(name=name, dim=list(shape), stride=_strides(shape), data_type=elements)
        for name, shape in zip(names, (layer.first, layer.second))
    }
    result = getattr(graph, call)(
        **operands, pre_padding=list(layer.before), post_padding=list(layer.after), stride=list(layer.stride),
        dilation=list(layer.dilation),
    )  # fmt: skip
    # A gradient's shape does not follow from those of the operands.
    result.set_output(True).set_data_type(elements).set_dim(list(layer.result)).set_stride(_strides(layer.result))
    return graph, (*operands.values(), result)  # type: ignore[return-value]


def _planned(cudnn: Any, layer: Layer, handle: Any) -> Plan:
    graph, tensors = built(cudnn, layer, handle)
    graph.validate()
    graph.build_operation_graph()
    graph.create_execution_plans([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
    refused = _REFUSED if layer.tf32 or layer.dtype != "float32" else (*_REFUSED, "TENSOR_CORE")
    graph.deselect_numeric_notes([getattr(cudnn.numerical_note, name) for name in refused])
    graph.check_support()
    graph.build_plans()
    return Plan(graph, tensors, int(graph.get_workspace_size()))


def _strides(shape: tuple[int, ...]) -> list[int]:
    """Of a contiguous array, in elements."""
    steps = [1]
    for n in reversed(shape[1:]):
        steps.append(steps[-1] * n)
    return steps[::-1]
