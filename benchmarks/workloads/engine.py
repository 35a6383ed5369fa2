"""What the engine itself costs: long chains of ops on eight elements, where the arithmetic is next to nothing."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from . import Build, Step, add

ELEMENTS = 8
OPS = 1000


def numbers() -> list[np.ndarray]:
    """What a chain begins with, and the two vectors that it goes on with."""
    rng = np.random.default_rng(0)
    return [rng.uniform(0.9, 1.1, ELEMENTS).astype(np.float32) for _ in range(3)]


def vectors(torch: ModuleType, device: str) -> tuple[Any, Any, Any]:
    x, a, b = (torch.from_numpy(array).to(device) for array in numbers())
    return x, a, b


def mixed(torch: ModuleType, y: Any, a: Any, b: Any, ops: int = OPS) -> Any:
    """``ops`` ops: multiply, add, ReLU, tanh, in turn."""
    for _ in range(ops // 4):
        y = torch.tanh(torch.relu(y * a + b))
    return y


def products(torch: ModuleType, y: Any, a: Any, b: Any, ops: int = OPS) -> Any:
    """``ops`` products with a vector of ones: the numbers neither grow nor vanish."""
    one = torch.ones_like(a)
    for _ in range(ops):
        y = y * one
    return y


def scalars(torch: ModuleType, y: Any, a: Any, b: Any, ops: int = OPS) -> Any:
    """``ops`` ops with Python numbers: times 0.999, plus 0.001, in turn."""
    for _ in range(ops // 2):
        y = y * 0.999 + 0.001
    return y


def backward(chain: Callable[..., Any]) -> Build:
    def build(torch: ModuleType, device: str) -> Step:
        x, a, b = vectors(torch, device)
        x.requires_grad_()

        def step() -> Any:
            x.grad = None
            chain(torch, x, a, b).sum().backward()
            return x.grad.sum()

        return step

    return build


def without_gradients(chain: Callable[..., Any]) -> Build:
    def build(torch: ModuleType, device: str) -> Step:
        x, a, b = vectors(torch, device)

        def step() -> Any:
            with torch.no_grad():
                return chain(torch, x, a, b).sum()

        return step

    return build


def selftest(torch: ModuleType, device: str) -> Step:
    """A chain of eight ops, for the test of the harness itself."""
    x, a, b = vectors(torch, device)
    return lambda: mixed(torch, x, a, b, ops=8).sum()


add(
    "engine/mixed/backward",
    "1,000 chained ops (mul, add, relu, tanh), forward and backward",
    backward(mixed),
    headline=True,
)
add("engine/products/backward", "1,000 chained products, forward and backward", backward(products), headline=True)
add("engine/scalars/backward", "1,000 ops with Python numbers, forward and backward", backward(scalars))
add(
    "engine/mixed/no-grad",
    "1,000 chained ops (mul, add, relu, tanh) under no_grad",
    without_gradients(mixed),
    headline=True,
)
add("engine/scalars/no-grad", "1,000 ops with Python numbers under no_grad", without_gradients(scalars))
add("selftest/chain", "a short chain", selftest)


def gemm(torch: ModuleType, device: str) -> Step:
    """A product of square matrices, large enough to run at the machine's peak."""
    rng = np.random.default_rng(0)
    a, b = (torch.from_numpy(rng.standard_normal((GEMM, GEMM), dtype=np.float32)).to(device) for _ in range(2))

    def step() -> Any:
        with torch.no_grad():
            return torch.matmul(a, b)

    return step


#: rows and columns of the matrices whose product stands for the peak of the machine
GEMM = 2048
add("peak/gemm", f"matmul {GEMM}x{GEMM} by {GEMM}x{GEMM}", gemm)
