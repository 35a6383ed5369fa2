"""Kernels in CUDA C, run as host C++, against the portable primitives.

The stand-in runs each kernel on copies of its arrays between guards, with new memory full of NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cupy_stand_in import counted, raw

import minitorch
from minitorch.backend import primitives
from minitorch.backend.cuda import _REPLACEMENTS
from minitorch.backend.primitives import normalization, optim_steps

needs_compiler = pytest.mark.skipif(raw.compiler() is None, reason="no C++ compiler to run kernels with")


def on_device(cupy: Any, value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.fields is None:
        return cupy.asarray(value)
    return value


def on_host(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(on_host, value))
    return value.get() if hasattr(value, "get") else value


def compare(cupy: Any, function: Callable, *args: Any, tolerance: float = 1e-6, launches: int = 1) -> Any:
    """The replacement on device arrays gives what the portable version gives on NumPy's, in so many launches."""
    expected = function.portable(*args)
    given = [on_device(cupy, a) for a in args]
    with counted() as counts:
        found = function(*given)
    assert counts.syncs == counts.uploads == 0, counts
    assert counts.launches <= launches, counts
    assert any(name.startswith("kernel ") for name in counts.by_name), "the replacement did not accept its arguments"
    for a, b in zip(on_host(found) if isinstance(found, tuple) else (on_host(found),), _as_tuple(expected)):
        assert (a is None) == (b is None)
        if b is not None:
            assert a.dtype == b.dtype
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
    return found


def _as_tuple(value: Any) -> tuple:
    return value if isinstance(value, tuple) else (value,)


def test_every_replacement_has_its_primitive() -> None:
    for name in _REPLACEMENTS:
        homes = [home for home in (primitives, optim_steps, normalization) if hasattr(home, name)]
        assert hasattr(getattr(homes[0], name), "portable"), name


# ---- pooling

POOLINGS = [
    # shape, kernel, stride, padding, dilation, ceil_mode
    ((2, 3, 8, 9), (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1), False),
    ((2, 3, 8, 9), (3, 2), (1, 2), ((1, 1), (0, 1)), (1, 1), False),
    ((1, 2, 7, 7), (3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), True),
    ((2, 1, 9, 8), (2, 3), (2, 1), ((0, 0), (1, 1)), (3, 2), False),
    ((2, 1, 9, 8), (2, 3), (3, 2), ((1, 1), (1, 1)), (2, 3), True),
    ((3, 4, 11), (3,), (2,), ((1, 1),), (1,), True),
    ((3, 4, 11), (4,), (1,), ((0, 2),), (2,), False),
    ((5, 6, 6), (6, 6), (6, 6), ((0, 0), (0, 0)), (1, 1), False),
    ((0, 2, 4, 4), (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1), False),
]


@needs_compiler
@pytest.mark.parametrize("row", POOLINGS, ids=range(len(POOLINGS)))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_max_pooling(stand_in: Any, row: tuple, dtype: str) -> None:
    shape, *windows = row
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 4, shape).astype(dtype)  # equal elements are many
    x.reshape(-1)[::7] = -np.inf
    x.reshape(-1)[3::31] = np.nan
    if not x.size:
        assert primitives.max_pool_forward(stand_in.asarray(x), *windows)[0].shape == (0, 2, 2, 2)
        return
    for indices in ("flat", "compact", None):
        y, where = compare(stand_in, primitives.max_pool_forward, x, *windows, indices)
        if indices == "compact":
            kernel, stride, padding, dilation, _ = windows
            gy = rng.standard_normal(y.shape).astype(dtype)
            codes, spatial = where.get(), shape[-len(kernel) :]
            compare(stand_in, primitives.max_pool_backward, gy, codes, spatial, kernel, stride, padding, dilation)


@needs_compiler
@pytest.mark.parametrize("row", [r for r in POOLINGS if max(r[4]) == 1 and 0 not in r[0]], ids=str)
@pytest.mark.parametrize("counting", [(True, None), (False, None), (True, 7)])
def test_average_pooling(stand_in: Any, row: tuple, counting: tuple) -> None:
    shape, kernel, stride, padding, _, ceil_mode = row
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape).astype("float32")
    y = compare(stand_in, primitives.avg_pool_forward, x, kernel, stride, padding, ceil_mode, *counting)
    gy = rng.standard_normal(y.shape).astype("float32")
    spatial = shape[-len(kernel) :]
    compare(stand_in, primitives.avg_pool_backward, gy, spatial, kernel, stride, padding, ceil_mode, *counting)


def test_what_kernels_do_not_take_runs_in_array_calls(stand_in: Any) -> None:
    x = np.random.default_rng(2).standard_normal((1, 1, 4, 4, 4))
    windows = (2, 2, 2), (2, 2, 2), ((0, 0),) * 3, (1, 1, 1), False
    for dtype in ("float32", "float16", "int64"):
        given = (x * 9).astype(dtype)
        y, _ = primitives.max_pool_forward(stand_in.asarray(given), *windows)
        np.testing.assert_array_equal(y.get(), primitives.max_pool_forward(given, *windows)[0])


# ---- indices


@needs_compiler
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_flags_of_indices_out_of_range(stand_in: Any, dtype: str) -> None:
    flags = stand_in.zeros((4, 2), np.int64)
    for wrong in (None, -4, 5, 2**31 - 1, -(2**31)):
        index = np.tile(np.arange(-3, 5), 100).astype(dtype)
        if wrong is not None:
            index[123] = wrong
        flags.fill(0)
        with counted() as counts:
            primitives.flag_outside(stand_in.asarray(index), -3, 5, flags, 2)
        assert counts.launches == 1
        assert flags.get().tolist() == [[0, 0], [0, 0], [0, 0] if wrong is None else [1, wrong], [0, 0]]
        flags.fill(0)
        primitives.flag_outside.portable(stand_in.asarray(index), -3, 5, flags, 2)
        assert flags.get().tolist() == [[0, 0], [0, 0], [0, 0] if wrong is None else [1, wrong], [0, 0]]


# ---- cross-entropy


@needs_compiler
@pytest.mark.parametrize("shape", [(5, 3), (1, 1), (64, 10), (7, 100), (2, 9001), (2, 4, 3, 5), (3, 70, 40)])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropy(stand_in: Any, shape: tuple, reduction: str, dtype: str) -> None:
    rng = np.random.default_rng(3)
    scores = (rng.standard_normal(shape) * 20).astype(dtype)
    classes = rng.integers(0, shape[1], (shape[0], *shape[2:]))
    classes.reshape(-1)[1::4] = -100
    flags = np.zeros((4, 2), np.int64)
    args = scores, classes, -100, reduction, flags, 1
    loss, log_sums, weight = compare(stand_in, primitives.class_loss_forward, *args, launches=3)
    assert not flags.any()
    g = rng.standard_normal(loss.shape).astype(dtype)
    arrays = g, scores, classes, log_sums.get(), weight.get()
    compare(stand_in, primitives.class_loss_backward, *arrays, -100, tolerance=1e-5)


@needs_compiler
def test_classes_out_of_range_set_a_flag(stand_in: Any) -> None:
    scores, classes = np.zeros((3, 4), np.float32), np.array([0, 4, 3])
    for function in (primitives.class_loss_forward, primitives.class_loss_forward.portable):
        flags = stand_in.zeros((2, 2), np.int64)
        loss, _, _ = function(stand_in.asarray(scores), stand_in.asarray(classes), -100, "mean", flags, 1)
        assert flags.get().tolist() == [[0, 0], [1, 4]]
        assert abs(loss.item() - np.log(4)) < 1e-6


# ---- steps of optimizers


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "options",
    [
        # first, lr, momentum, dampening, weight_decay, nesterov, maximize; None: no momentum buffer
        (None, 0.1, 0.0, 0.0, 0.0, False, False),
        (None, 0.1, 0.0, 0.0, 0.3, False, True),
        (True, 0.1, 0.9, 0.0, 0.0, False, False),
        (False, 0.1, 0.9, 0.0, 0.0, False, False),
        (False, 0.1, 0.9, 0.5, 0.2, False, True),
        (False, 0.1, 0.9, 0.0, 0.2, True, False),
    ],
    ids=str,
)
def test_sgd_step(stand_in: Any, options: tuple, dtype: str) -> None:
    rng = np.random.default_rng(4)
    first, *rest = options
    _compare_step(stand_in, optim_steps.sgd_step, rng, 1 if first is None else 2, dtype, (bool(first), *rest))


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("peaked", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        # step, lr, beta1, beta2, eps, weight_decay, decoupled, maximize
        (1.0, 0.1, 0.9, 0.999, 1e-8, 0.0, False, False),
        (7.0, 0.1, 0.4, 0.9, 1e-3, 0.2, False, True),
        (2.0, 0.1, 0.9, 0.99, 1e-8, 0.2, True, False),
    ],
    ids=str,
)
def test_adam_step(stand_in: Any, options: tuple, peaked: bool, dtype: str) -> None:
    _compare_step(stand_in, optim_steps.adam_step, np.random.default_rng(5), 4 if peaked else 3, dtype, options, 5)


def _compare_step(
    cupy: Any, function: Callable, rng: Any, given: int, dtype: str, options: tuple, arrays: int = 3
) -> None:
    """A step on parameter, gradient and states: ``given`` beside the gradient, ``None`` in the place of the others."""
    for shape in ((3,), (40, 50), (), (0, 2)):
        host = [np.asarray(np.abs(rng.standard_normal(shape)) + 0.1, dtype) for _ in range(given + 1)]
        device = [cupy.asarray(a) for a in host]
        absent = [None] * (arrays - given - 1)
        function.portable(*host, *absent, *options)
        with counted() as counts:
            function(*device, *absent, *options)
        assert counts.launches == (host[0].size > 0)
        for a, b in zip(device, host):
            np.testing.assert_allclose(a.get(), b, *((1e-5, 1e-6) if dtype == "float32" else (1e-12, 1e-14)))


@needs_compiler
def test_many_parameters_in_one_launch(stand_in: Any) -> None:
    rng = np.random.default_rng(6)
    host = [rng.standard_normal((n + 1, 3)).astype(np.float32) for n in range(40)]
    params = [minitorch.tensor(a).cuda().requires_grad_() for a in host]
    on_cpu = [minitorch.tensor(a).requires_grad_() for a in host]
    for make in (
        lambda ps: minitorch.optim.SGD(ps, lr=0.1, momentum=0.9),
        lambda ps: minitorch.optim.AdamW(ps, lr=0.1, amsgrad=True),
    ):
        ours, theirs = make(params), make(on_cpu)
        for _ in range(3):
            for p in params + on_cpu:
                p.grad = p.detach() * 2 + 1
            theirs.step()
            with counted() as counts:
                ours.step()
            kernels = {name: n for name, n in counts.by_name.items() if name.startswith("kernel")}
            assert sum(kernels.values()) == 2  # 32 and 8 parameters
        assert counts.launches == 2
        for p, q in zip(params, on_cpu):
            np.testing.assert_allclose(p.detach().cpu().numpy(), q.detach().numpy(), rtol=1e-4, atol=1e-5)


# ---- convolution

CONVOLUTIONS = [
    # images, channels, spatial, outputs, kernel, stride, padding, dilation, groups
    (2, 1, (9, 8), 6, (5, 5), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    (3, 6, (8, 9), 16, (3, 2), (1, 1), ((1, 1), (0, 2)), (1, 1), 1),
    (2, 4, (9, 9), 6, (3, 3), (2, 3), ((1, 0), (2, 2)), (1, 2), 2),
    (2, 5, (7, 6), 5, (3, 3), (1, 2), ((1, 1), (1, 1)), (1, 1), 5),
    (1, 3, (6, 6), 40, (1, 1), (2, 1), ((0, 0), (0, 0)), (1, 1), 1),
    (4, 3, (11,), 7, (4,), (2,), ((1, 3),), (2,), 1),
    (2, 40, (5, 5), 3, (2, 2), (3, 2), ((0, 0), (0, 0)), (2, 1), 1),
    (30, 2, (12, 12), 3, (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
]


@needs_compiler
@pytest.mark.parametrize("row", CONVOLUTIONS, ids=range(len(CONVOLUTIONS)))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_convolution(stand_in: Any, row: tuple, dtype: str) -> None:
    images, channels, spatial, outputs, kernel, *how, groups = row
    rng = np.random.default_rng(7)
    x = rng.standard_normal((images, channels, *spatial)).astype(dtype)
    w = rng.standard_normal((outputs, channels // groups, *kernel)).astype(dtype)
    bias = rng.standard_normal(outputs).astype(dtype)
    tolerance = 2e-4 if dtype == "float32" else 1e-10
    compare(stand_in, primitives.conv_forward, x, w, *how, groups, tolerance=tolerance)
    y = compare(stand_in, primitives.conv_forward, x, w, *how, groups, bias, tolerance=tolerance)
    gy = rng.standard_normal(y.shape).astype(dtype)
    compare(stand_in, primitives.conv_input_grad, gy, w, spatial, *how, groups, tolerance=tolerance)
    compare(stand_in, primitives.conv_weight_grad, x, gy, kernel, *how, groups, tolerance=tolerance, launches=2)


def test_large_convolutions_are_left_to_cublas(stand_in: Any) -> None:
    with counted() as counts:
        primitives.conv_forward(
            stand_in.ones((1, 256, 4, 4)), stand_in.ones((256, 256, 3, 3)), (1, 1), ((1, 1), (1, 1)), (1, 1)
        )
    assert any("gemm" in name for name in counts.by_name), counts.by_name
    assert not any(name.startswith("kernel") for name in counts.by_name)


# ---- rows added at places


@needs_compiler
@pytest.mark.parametrize("rows, size, length", [(1, 1, 1), (300, 7, 5), (40, 100, 3), (500, 2, 1), (64, 64, 130)])
def test_rows_added_in_order(stand_in: Any, rows: int, size: int, length: int) -> None:
    rng = np.random.default_rng(9)
    total, values = rng.standard_normal((size, length)), rng.standard_normal((rows, length))
    index = rng.integers(0, size, rows)
    for dtype, tolerance in (("float32", 1e-4), ("float64", 1e-12)):
        expected, found = total.astype(dtype), stand_in.asarray(total.astype(dtype))
        np.add.at(expected, index, values.astype(dtype))
        with counted() as counts:
            primitives.add_rows_in_order(found, stand_in.asarray(index), stand_in.asarray(values.astype(dtype)))
        assert counts.syncs == 0
        assert counts.by_name["kernel add_sorted_rows"] == 1
        np.testing.assert_allclose(found.get(), expected, rtol=tolerance, atol=tolerance)


@needs_compiler
def test_the_gradient_of_an_embedding_waits_for_nothing(stand_in: Any) -> None:
    table = minitorch.rand(50, 8, device="cuda").requires_grad_()
    words = minitorch.tensor(np.random.default_rng(0).integers(0, 50, (6, 20)), device="cuda")
    with counted() as counts:
        minitorch.nn.functional.embedding(words, table).sum().backward()
    assert counts.syncs == 0, counts
    assert counts.launches <= 12, counts


# ---- element by element


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradient_through_relu(stand_in: Any, dtype: str) -> None:
    rng = np.random.default_rng(8)
    y = rng.integers(-1, 2, (5, 70)).astype(dtype)
    y[0, ::5] = np.nan
    g = rng.standard_normal((70, 5)).astype(dtype)
    compare(stand_in, primitives.where_nonzero, np.ascontiguousarray(g.T), y)
    turned = primitives.where_nonzero(stand_in.asarray(g).T, stand_in.asarray(y))
    np.testing.assert_array_equal(turned.get(), primitives.where_nonzero(g.T, y))
