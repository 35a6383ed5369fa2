"""What only a GPU can show: ``python -m pytest -m gpu tests``.  Skipped, with the reason, where there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_cuda_budget import step_of
from test_cuda_kernels import CONVOLUTIONS, POOLINGS

import minitorch
from minitorch.backend import cupy, primitives

pytestmark = pytest.mark.gpu


def agree(function: Callable, *args: Any, tolerance: float = 1e-4) -> Any:
    """The kernel on the GPU and the portable version on the host give the same, twice the same bits."""
    expected = function.portable(*args)
    given = [cupy().asarray(a) if isinstance(a, np.ndarray) else a for a in args]
    found, again = function(*given), function(*given)
    for a, b, c in zip(*(x if isinstance(x, tuple) else (x,) for x in (found, again, expected))):
        if c is not None:
            np.testing.assert_array_equal(a.get(), b.get())
            np.testing.assert_allclose(a.get(), c, rtol=tolerance, atol=tolerance)
    return found


@pytest.mark.parametrize("row", CONVOLUTIONS, ids=range(len(CONVOLUTIONS)))
def test_convolution(row: tuple) -> None:
    images, channels, spatial, outputs, kernel, *how, groups = row
    rng = np.random.default_rng(0)
    x = rng.standard_normal((images, channels, *spatial)).astype(np.float32)
    w = rng.standard_normal((outputs, channels // groups, *kernel)).astype(np.float32)
    y = agree(primitives.conv_forward, x, w, *how, groups, rng.standard_normal(outputs).astype(np.float32))
    gy = rng.standard_normal(y.shape).astype(np.float32)
    agree(primitives.conv_input_grad, gy, w, spatial, *how, groups)
    agree(primitives.conv_weight_grad, x, gy, kernel, *how, groups)


@pytest.mark.parametrize("row", [r for r in POOLINGS if 0 not in r[0]], ids=str)
def test_max_pooling(row: tuple) -> None:
    shape, *windows = row
    rng = np.random.default_rng(1)
    y, where = agree(primitives.max_pool_forward, rng.integers(-3, 4, shape).astype(np.float32), *windows, "compact")
    kernel, stride, padding, dilation, _ = windows
    gy, codes = rng.standard_normal(y.shape).astype(np.float32), where.get()
    agree(primitives.max_pool_backward, gy, codes, shape[-len(kernel) :], kernel, stride, padding, dilation)


def test_cross_entropy() -> None:
    rng = np.random.default_rng(2)
    for shape in ((64, 10), (7, 1000), (2, 4, 3, 5)):
        scores = minitorch.tensor(rng.standard_normal(shape).astype(np.float32) * 9)
        classes = minitorch.tensor(rng.integers(0, shape[1], (shape[0], *shape[2:])))
        results = []
        for device in ("cpu", "cuda"):
            x = scores.detach().to(device).requires_grad_()
            loss = minitorch.nn.functional.cross_entropy(x, classes.to(device))
            loss.backward()
            results.append((loss.item(), x.grad.cpu().numpy()))
        np.testing.assert_allclose(results[1][0], results[0][0], rtol=1e-5)
        np.testing.assert_allclose(results[1][1], results[0][1], rtol=1e-3, atol=1e-6)


def test_lenet_follows_the_cpu() -> None:
    on_gpu, on_cpu = step_of(minitorch, "cuda"), step_of(minitorch, "cpu")
    losses = [(on_gpu().item(), on_cpu().item()) for _ in range(100)]
    np.testing.assert_allclose(*zip(*losses), rtol=2e-2, atol=1e-3)


def test_memory_does_not_grow() -> None:
    step = step_of(minitorch, "cuda")
    step()
    before = minitorch.cuda.memory_allocated()
    for _ in range(20):
        step()
    assert minitorch.cuda.memory_allocated() == before
