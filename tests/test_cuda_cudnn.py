"""Convolution by cuDNN's frontend: the graphs that are built, when they are used and when not."""

from __future__ import annotations

import importlib
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import cudnn_stand_in
import numpy as np
import pytest

import minitorch
from minitorch.backend.primitives import conv_forward, conv_input_grad, conv_weight_grad

ours = importlib.import_module("minitorch.backend.cuda.cudnn")


@pytest.fixture
def cudnn(stand_in: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The frontend's place is taken, and kernels leave all layers to it."""
    monkeypatch.setenv("MINITORCH_CUDA_KERNELS", "1")
    monkeypatch.setattr("minitorch.backend.cuda.conv._LARGEST", 0)
    monkeypatch.setitem(sys.modules, "cudnn", cudnn_stand_in)
    before = minitorch.get_default_device()
    minitorch.set_default_device("cpu")
    forget()
    yield cudnn_stand_in
    forget()
    minitorch.set_default_device(before)


def forget() -> None:
    ours.frontend.cache_clear()
    ours._kept.__dict__.clear()
    ours._kept.__init__()  # type: ignore[misc]
    cudnn_stand_in.planned.clear()
    cudnn_stand_in.failing.clear()


#: image, weight, stride, padding, dilation, groups
LAYERS = {
    "2d": ((2, 3, 7, 8), (4, 3, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    "stride": ((2, 3, 9, 8), (4, 3, 3, 2), (2, 3), ((1, 1), (0, 0)), (1, 1), 1),
    "what the stride leaves out": ((1, 2, 8, 8), (3, 2, 3, 3), (2, 2), ((0, 0), (0, 0)), (1, 1), 1),
    "one-sided padding": ((2, 2, 6, 6), (3, 2, 2, 4), (1, 1), ((0, 1), (1, 2)), (1, 1), 1),
    "dilation": ((1, 2, 9, 9), (3, 2, 3, 3), (1, 1), ((2, 2), (2, 2)), (2, 2), 1),
    "groups": ((2, 6, 5, 5), (4, 3, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 2),
    "depthwise": ((2, 3, 5, 5), (3, 1, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 3),
    "1d": ((2, 3, 11), (5, 3, 4), (2,), ((1, 2),), (1,), 1),
    "3d": ((1, 2, 4, 5, 6), (3, 2, 2, 3, 3), (1, 2, 1), ((0, 0), (1, 1), (1, 1)), (1, 1, 1), 1),
}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", LAYERS)
def test_results(cudnn: Any, stand_in: Any, name: str, dtype: str) -> None:
    image, weight, stride, padding, dilation, groups = LAYERS[name]
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(shape).astype(dtype) for shape in (image, weight))
    bias = rng.standard_normal(weight[0]).astype(dtype)
    layer = stride, padding, dilation, groups
    y = conv_forward.portable(x, w, *layer, bias)
    gy = rng.standard_normal(y.shape).astype(dtype)
    gx = conv_input_grad.portable(gy, w, image[2:], *layer)
    gw = conv_weight_grad.portable(x, gy, weight[2:], *layer)
    dx, dw, dgy, db = (stand_in.asarray(a) for a in (x, w, gy, bias))
    found = (
        conv_forward(dx, dw, *layer, db),
        conv_input_grad(dgy, dw, image[2:], *layer),
        conv_weight_grad(dx, dgy, weight[2:], *layer),
    )
    assert len(cudnn.planned) == 3
    tolerance = {"float16": 1e-2, "float32": 1e-6, "float64": 1e-13}[dtype]
    for mine, expected in zip(found, (y, gx, gw)):
        assert mine.dtype == expected.dtype and mine.shape == expected.shape
        np.testing.assert_allclose(mine.get(), expected, tolerance, tolerance)


def test_operands_with_gaps_and_the_second_gpu(cudnn: Any) -> None:
    layer = minitorch.nn.Conv2d(3, 4, 3)
    x = minitorch.rand(2, 8, 6, 3).permute(0, 3, 1, 2)
    expected = layer(x)
    for device in ("cuda:0", "cuda:1"):
        there = x.to(device).permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
        assert not there.is_contiguous()
        minitorch.testing.assert_close(layer.to(device)(there).cpu(), expected)
    assert len(cudnn.planned) == 2, "a plan for each GPU"


def test_a_plan_is_made_once(cudnn: Any) -> None:
    layer, x = minitorch.nn.Conv2d(2, 3, 3).cuda(), minitorch.rand(1, 2, 5, 5).cuda()
    for _ in range(3):
        layer(x)
    assert len(cudnn.planned) == 1
    layer(x.repeat(2, 1, 1, 1))
    assert len(cudnn.planned) == 2
    thread = threading.Thread(target=layer, args=(x,))
    thread.start()
    thread.join()
    assert len(cudnn.planned) == 3, "handles belong to a thread"


def test_layers_with_a_kernel_keep_it(cudnn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the limit that the fixture set
    monkeypatch.setitem(sys.modules, "cudnn", cudnn_stand_in)
    monkeypatch.setenv("MINITORCH_CUDA_KERNELS", "1")
    minitorch.nn.Conv2d(1, 2, 3).cuda()(minitorch.rand(1, 1, 4, 4).cuda())
    assert not cudnn.planned
    minitorch.nn.Conv3d(1, 2, 3).cuda()(minitorch.rand(1, 1, 4, 4, 4).cuda())
    assert len(cudnn.planned) == 1


def convolve(dtype: Any = None) -> Any:
    layer, x = minitorch.nn.Conv2d(2, 3, 3).cuda(), minitorch.rand(1, 2, 5, 5).cuda()
    return layer.to(dtype)(x.to(dtype)) if dtype else layer(x)


def test_switches(cudnn: Any) -> None:
    switches = minitorch.backends.cudnn
    always = {"NONDETERMINISTIC", "DOWN_CONVERT_INPUTS", "REDUCED_PRECISION_REDUCTION"}
    convolve()
    assert set(cudnn.planned[-1].refused) == always, "TF32 is allowed, as in PyTorch"
    with switches.flags(enabled=True, allow_tf32=False):
        convolve()
        assert set(cudnn.planned[-1].refused) == {*always, "TENSOR_CORE"}
        convolve(minitorch.float16)
        assert set(cudnn.planned[-1].refused) == always
    switches.conv.fp32_precision = "ieee"
    forget()
    convolve()
    assert "TENSOR_CORE" in cudnn.planned[-1].refused
    switches.conv.fp32_precision = "tf32"
    forget()
    with switches.flags(enabled=False):
        convolve()
    assert not cudnn.planned
    assert switches.is_available() and switches.version() == 91300
    assert switches.is_acceptable(minitorch.rand(1).cuda()) and not switches.is_acceptable(minitorch.rand(1))


def test_a_refusal_leaves_the_layer_to_array_calls(cudnn: Any) -> None:
    for error in (cudnn.cudnnGraphNotSupportedError("no engine"), NotImplementedError("declined")):
        forget()
        cudnn.failing.append(error)
        assert convolve().shape == convolve().shape == (1, 3, 3, 3)
        cudnn.failing.clear()
        convolve()  # the answer is kept
        assert not cudnn.planned


def test_a_failure_is_told_once(cudnn: Any) -> None:
    cudnn.failing.append(RuntimeError("CUDNN_STATUS_INTERNAL_ERROR"))
    with pytest.warns(UserWarning, match="cuDNN failed on a convolution.*CUDNN_STATUS_INTERNAL_ERROR"):
        assert convolve().shape == (1, 3, 3, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        convolve()


def test_what_cudnn_is_not_asked_for(cudnn: Any) -> None:
    x = minitorch.rand(1, 2, 5, 5).cuda()
    minitorch.nn.Conv2d(2, 3, 3).cuda()(x[:0])
    crops = ((-1, 0), (0, 0))
    conv_forward(x._data, minitorch.rand(3, 2, 3, 3).cuda()._data, (1, 1), crops, (1, 1), 1)
    assert not cudnn.planned


def test_without_the_frontend(stand_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cudnn", None)
    ours.frontend.cache_clear()
    assert ours.frontend() is None and not minitorch.backends.cudnn.is_available()
    assert minitorch.backends.cudnn.version() is None
    ours.frontend.cache_clear()


@pytest.mark.parametrize("name", LAYERS)
def test_the_real_frontend_takes_the_graphs(name: str) -> None:
    """It builds graphs without a GPU; planning them needs one."""
    real = pytest.importorskip("cudnn")
    image, weight, stride, padding, dilation, _ = LAYERS[name]
    y = conv_forward.portable(np.zeros(image), np.zeros(weight), *LAYERS[name][2:]).shape
    flat = len(stride) == 1
    shapes = [(*s[:2], 1, *s[2:]) if flat else s for s in (image, weight, y)]
    (one, zero) = ((1,), (0,)) if flat else ((), ())
    before, after = (tuple(pads[side] for pads in padding) for side in (0, 1))
    for operation, order in (("forward", (0, 1, 2)), ("input_grad", (2, 1, 0)), ("weight_grad", (0, 2, 1))):
        layer = ours.Layer(
            operation, *(shapes[i] for i in order), (*one, *stride), (*zero, *before), (*zero, *after),
            (*one, *dilation), "float32", False,
        )  # fmt: skip
        graph, tensors = ours.built(real, layer, None)
        assert [tuple(t.get_dim()) for t in tensors] == [shapes[i] for i in order]
        assert len(graph.nodes) == 1
        if operation == "forward":  # its shape follows from the operands: the frontend's own arithmetic
            call = real.pygraph().conv_fprop(
                image=tensors[0], weight=tensors[1], pre_padding=list(layer.before), post_padding=list(layer.after),
                stride=list(layer.stride), dilation=list(layer.dilation),
            )  # fmt: skip
            assert tuple(call.get_dim()) == shapes[2]
    for names, owner in ((ours._REFUSED, real.numerical_note), (("TENSOR_CORE",), real.numerical_note)):
        assert all(hasattr(owner, name) for name in names)
    assert real.heur_mode.A and real.heur_mode.FALLBACK and issubclass(real.cudnnGraphNotSupportedError, Exception)
    steps = (*cudnn_stand_in.ORDER, "execute", "get_workspace_size")
    assert all(callable(getattr(real.pygraph, step)) for step in steps)
    assert all(callable(getattr(real, name)) for name in ("create_handle", "set_stream", "backend_version"))
