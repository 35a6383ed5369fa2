"""Single ops at the shapes of the networks: ``forward`` under ``no_grad``, ``train`` with the inputs' gradients."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from . import Build, Step, add

Inputs = dict[str, "tuple[int, ...] | np.ndarray"]


def tensors(torch: ModuleType, device: str, inputs: Inputs) -> list[Any]:
    """A shape becomes standard normal float32 numbers scaled to keep results near 1; an array is taken as it is."""
    rng = np.random.default_rng(0)
    made = []
    for name, value in inputs.items():
        if isinstance(value, tuple):
            fan_in = int(np.prod(value[1:])) if name == "weight" else 1
            value = rng.standard_normal(value, dtype=np.float32) / np.float32(fan_in**0.5)
        made.append(torch.from_numpy(value).to(device))
    return made


def forward(op: Callable[..., Any], inputs: Inputs) -> Build:
    def build(torch: ModuleType, device: str) -> Step:
        arguments = tensors(torch, device, inputs)

        def step() -> Any:
            with torch.no_grad():
                return op(torch, *arguments)

        return step

    return build


def train(op: Callable[..., Any], inputs: Inputs) -> Build:
    def build(torch: ModuleType, device: str) -> Step:
        arguments = tensors(torch, device, inputs)
        leaves = [t for t in arguments if t.dtype.is_floating_point]
        for leaf in leaves:
            leaf.requires_grad_()
        with torch.no_grad():
            shape = tuple(op(torch, *arguments).shape)
        # Not ones: the gradient of a softmax or a norm would be nothing but rounding.
        numbers = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
        gradient = torch.from_numpy(np.asarray(numbers)).to(device)

        def step() -> Any:
            for leaf in leaves:
                leaf.grad = None
            op(torch, *arguments).backward(gradient)
            return leaves[0].grad

        return step

    return build


def measured(name: str, title: str, op: Callable[..., Any], inputs: Inputs, modes: str = "forward train") -> None:
    for mode in modes.split():
        build = forward(op, inputs) if mode == "forward" else train(op, inputs)
        add(f"op/{name}/{mode}", f"{title}, {'forward' if mode == 'forward' else 'forward and backward'}", build)


def conv(stride: int = 1, padding: int = 0, groups: int = 1) -> Callable[..., Any]:
    return lambda torch, x, weight, bias: torch.nn.functional.conv2d(x, weight, bias, stride, padding, 1, groups)


# name, batch, channels in, side, channels out, kernel, stride, padding, groups
CONVOLUTIONS = [
    ("lenet-1", 64, 3, 32, 6, 5, 1, 0, 1),
    ("lenet-2", 64, 6, 14, 16, 5, 1, 0, 1),
    ("resnet-1", 32, 16, 32, 16, 3, 1, 1, 1),
    ("resnet-2", 32, 16, 32, 32, 3, 2, 1, 1),
    ("resnet-3", 32, 64, 8, 64, 3, 1, 1, 1),
    ("resnet-shortcut", 32, 16, 32, 32, 1, 2, 0, 1),
    ("vgg-1", 32, 3, 32, 64, 3, 1, 1, 1),
    ("vgg-2", 32, 64, 16, 128, 3, 1, 1, 1),
    ("vgg-3", 32, 128, 8, 256, 3, 1, 1, 1),
    ("vgg-4", 32, 256, 8, 256, 3, 1, 1, 1),
    ("wide", 32, 64, 32, 64, 3, 1, 1, 1),
    ("depthwise", 32, 64, 16, 64, 3, 1, 1, 64),
    ("groups", 32, 64, 16, 64, 3, 1, 1, 4),
]
for _name, _n, _c, _side, _out, _k, _stride, _padding, _groups in CONVOLUTIONS:
    measured(
        f"conv2d/{_name}",
        f"conv2d {_n}x{_c}x{_side}x{_side} -> {_out}, {_k}x{_k}"
        + (f", stride {_stride}" if _stride > 1 else "")
        + (f", groups {_groups}" if _groups > 1 else ""),
        conv(_stride, _padding, _groups),
        {"input": (_n, _c, _side, _side), "weight": (_out, _c // _groups, _k, _k), "bias": (_out,)},
    )
measured(
    "conv-transpose2d/32x64x8x8",
    "conv_transpose2d 32x64x8x8 -> 32, 4x4, stride 2",
    lambda torch, x, weight, bias: torch.nn.functional.conv_transpose2d(x, weight, bias, stride=2, padding=1),
    {"input": (32, 64, 8, 8), "weight": (64, 32, 4, 4), "bias": (32,)},
)

for _size in (64, 512, 1024):
    measured(
        f"matmul/{_size}",
        f"matmul {_size}x{_size} by {_size}x{_size}",
        lambda torch, a, b: torch.matmul(a, b),
        {"input": (_size, _size), "weight": (_size, _size)},
    )
measured(
    "matmul/batched",
    "matmul 32x8 of 64x32 by 32x64",
    lambda torch, a, b: torch.matmul(a, b),
    {"a": (32, 8, 64, 32), "b": (32, 8, 32, 64)},
)
measured(
    "linear/400-120",
    "linear 64x400 -> 120",
    lambda torch, x, weight, bias: torch.nn.functional.linear(x, weight, bias),
    {"input": (64, 400), "weight": (120, 400), "bias": (120,)},
)
measured(
    "softmax/128x1000",
    "softmax 128x1000",
    lambda torch, x: torch.nn.functional.softmax(x, dim=-1),
    {"input": (128, 1000)},
)
measured(
    "cross-entropy/128x10",
    "cross_entropy 128x10",
    lambda torch, x, y: torch.nn.functional.cross_entropy(x, y),
    {"input": (128, 10), "target": np.arange(128) % 10},
)
measured(
    "layer-norm/64x128x256",
    "layer_norm 64x128x256",
    lambda torch, x, weight, bias: torch.nn.functional.layer_norm(x, (256,), weight, bias),
    {"input": (64, 128, 256), "weight": (256,), "bias": (256,)},
)
measured(
    "batch-norm/32x64x16x16",
    "batch_norm 32x64x16x16",
    lambda torch, x, w, b: torch.nn.functional.batch_norm(x, None, None, w, b, training=True),
    {"input": (32, 64, 16, 16), "w": (64,), "b": (64,)},
)
measured(
    "max-pool/64x6x28x28",
    "max_pool2d 64x6x28x28, 2x2",
    lambda torch, x: torch.nn.functional.max_pool2d(x, 2),
    {"input": (64, 6, 28, 28)},
)
measured(
    "max-pool/overlapping",
    "max_pool2d 32x32x16x16, 3x3, stride 2",
    lambda torch, x: torch.nn.functional.max_pool2d(x, 3, stride=2),
    {"input": (32, 32, 16, 16)},
)
measured(
    "avg-pool/64x16x28x28",
    "avg_pool2d 64x16x28x28, 2x2",
    lambda torch, x: torch.nn.functional.avg_pool2d(x, 2),
    {"input": (64, 16, 28, 28)},
)
measured(
    "embedding/10000x64",
    "embedding 32x128 of 10000x64",
    lambda torch, index, weight: torch.nn.functional.embedding(index, weight),
    {"index": np.random.default_rng(3).integers(0, 10000, (32, 128)), "weight": (10000, 64)},
)
for _name, _op in {
    "add": lambda torch, x, y: x + y,
    "mul": lambda torch, x, y: x * y,
    "exp": lambda torch, x, y: torch.exp(x),
    "tanh": lambda torch, x, y: torch.tanh(x),
    "relu": lambda torch, x, y: torch.relu(x),
    "gelu": lambda torch, x, y: torch.nn.functional.gelu(x),
    "sum": lambda torch, x, y: torch.sum(x),
    "mean-rows": lambda torch, x, y: torch.mean(x, dim=1),
}.items():
    measured(f"elementwise/{_name}", f"{_name} of 1000x1000", _op, {"x": (1000, 1000), "y": (1000, 1000)}, "forward")
