"""Convolution on arrays: against loops that spell the sum out, PyTorch, and replacements against portable versions."""

import itertools
import threading

import numpy as np
import pytest

from minitorch.backend.cpu import threads
from minitorch.backend.primitives import conv_plan
from minitorch.backend.primitives.conv import (
    conv_bias_grad,
    conv_forward,
    conv_input_grad,
    conv_output_shape,
    conv_weight_grad,
)
from minitorch.backend.primitives.conv_geometry import geometry
from minitorch.backend.primitives.conv_plan import images_last, images_last_back

# images, input channels, output channels, spatial, kernel, stride, padding, dilation, groups
CASES = {
    "lenet1": (4, 3, 6, (32, 32), (5, 5), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "lenet2": (4, 6, 16, (14, 14), (5, 5), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "same": (2, 8, 8, (9, 7), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    "same-even": (2, 3, 4, (9, 7), (4, 2), (1, 1), ((1, 2), (0, 1)), (1, 1), 1),
    "stride": (3, 4, 6, (11, 10), (3, 2), (2, 3), ((1, 1), (0, 2)), (1, 1), 1),
    "stride-unread-tail": (1, 2, 3, (10, 12), (3, 3), (3, 5), ((0, 0), (0, 0)), (1, 1), 1),
    "stride-one-way": (2, 3, 4, (9, 9), (3, 3), (2, 1), ((1, 1), (1, 1)), (1, 1), 1),
    "dilation": (2, 3, 4, (12, 13), (3, 2), (1, 1), ((2, 2), (1, 0)), (2, 3), 1),
    "dilation-stride": (2, 3, 4, (12, 13), (3, 2), (2, 2), ((2, 2), (1, 0)), (2, 3), 1),
    "groups": (3, 6, 9, (8, 8), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 3),
    "groups-stride": (3, 6, 9, (8, 8), (3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), 3),
    "depthwise": (2, 5, 5, (8, 9), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 5),
    "depthwise-twice": (2, 5, 10, (8, 9), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 5),
    "pointwise": (3, 5, 7, (6, 4), (1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "pointwise-stride": (3, 5, 7, (6, 5), (1, 1), (2, 2), ((0, 0), (0, 0)), (1, 1), 1),
    "pointwise-padding": (3, 5, 7, (6, 5), (1, 1), (1, 1), ((1, 0), (1, 1)), (1, 1), 1),
    "pointwise-groups": (3, 6, 4, (6, 5), (1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 2),
    "padding-beyond-kernel": (2, 3, 4, (5, 5), (2, 2), (1, 1), ((3, 3), (2, 4)), (1, 1), 1),
    "whole-image": (2, 3, 4, (5, 5), (5, 5), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "many-channels": (3, 40, 36, (10, 10), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    "many-tiles": (70, 8, 4, (20, 20), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    "rows-in-parts": (2, 16, 4, (70, 60), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    "rows-in-parts-stride": (2, 16, 4, (150, 120), (3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), 1),
    "1d": (3, 4, 6, (17,), (4,), (1,), ((2, 1),), (1,), 2),
    "1d-long": (2, 3, 4, (9000,), (7,), (1,), ((3, 3),), (1,), 1),
    "1d-too-long-for-a-tile": (1, 2, 60, (20000,), (3,), (1,), ((1, 1),), (1,), 1),
    "1d-stride-dilation": (3, 4, 6, (17,), (3,), (3,), ((1, 1),), (2,), 1),
    "3d": (2, 3, 4, (5, 6, 7), (3, 2, 3), (1, 1, 1), ((1, 1), (0, 1), (1, 0)), (1, 1, 1), 1),
    "3d-stride": (2, 4, 4, (5, 6, 7), (3, 2, 3), (2, 1, 2), ((1, 1), (0, 1), (1, 0)), (1, 2, 1), 2),
    "no-images": (0, 3, 4, (5, 5), (3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "no-channels": (2, 0, 4, (5, 5), (3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "no-outputs": (2, 3, 0, (5, 5), (3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
}
# Shapes that the compiled versions compute by Winograd's algorithm: tiles that end inside the image, and several
# groups.
WINOGRAD = {
    "winograd": (3, 16, 24, (16, 16), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    "winograd-odd-size": (5, 16, 32, (13, 7), (3, 3), (1, 1), ((0, 2), (2, 1)), (1, 1), 1),
    "winograd-no-padding": (2, 24, 16, (6, 34), (3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "winograd-padding-beyond-kernel": (2, 32, 16, (5, 6), (3, 3), (1, 1), ((4, 3), (0, 5)), (1, 1), 1),
    "winograd-groups-of-images": (40, 32, 32, (8, 8), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    "winograd-many-channels": (3, 128, 132, (6, 6), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
}
CASES |= WINOGRAD
# Shapes whose gradients have kernels of their own: outputs that fill vectors, and taps that are spread over the image.
GRADIENTS = {
    "vectors-of-outputs": (3, 4, 30, (9, 8), (3, 2), (2, 1), ((1, 2), (0, 1)), (1, 2), 2),
    "vectors-of-outputs-one-way": (3, 2, 29, (8, 8), (2, 3), (1, 2), ((0, 0), (0, 0)), (2, 1), 1),
    "vectors-of-outputs-3d": (2, 3, 13, (5, 6, 7), (2, 3, 2), (1, 2, 1), ((1, 0), (0, 2), (1, 1)), (1, 1, 1), 1),
    "spread": (3, 4, 6, (10, 9), (4, 3), (1, 1), ((0, 0), (0, 0)), (1, 2), 2),
    "spread-padding": (2, 7, 3, (12, 10), (6, 5), (1, 1), ((1, 0), (0, 1)), (1, 1), 1),
    "spread-1d": (3, 2, 5, (20,), (9,), (1,), ((0, 1),), (1,), 1),
    "spread-3d": (2, 7, 14, (6, 5, 7), (3, 3, 2), (1, 1, 1), ((0, 1), (0, 0), (1, 0)), (1, 1, 2), 1),
}
CASES |= GRADIENTS
# Shapes that the portable version computes with the images of a tile innermost, the input gradient's too but the last.
IMAGES_LAST = {
    "images-last": (17, 6, 16, (14, 14), (5, 5), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "images-last-bands": (9, 3, 4, (12, 8), (5, 4), (1, 1), ((0, 2), (1, 3)), (1, 1), 1),
    "images-last-odd-rows": (8, 3, 5, (9, 7), (3, 6), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    "images-last-rows-in-parts": (8, 24, 16, (40, 9), (6, 5), (1, 1), ((2, 3), (1, 0)), (1, 1), 1),
    "images-last-padding-beyond-kernel": (8, 2, 4, (3, 4), (2, 3), (1, 1), ((5, 4), (3, 3)), (1, 1), 1),
    "images-last-dilation": (33, 4, 6, (12, 13), (3, 3), (1, 1), ((2, 2), (1, 0)), (2, 3), 1),
    "images-last-flat-kernel": (8, 4, 3, (6, 8), (1, 3), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "images-last-3d": (8, 3, 4, (5, 6, 7), (3, 2, 3), (1, 1, 1), ((1, 1), (0, 1), (1, 0)), (1, 1, 1), 1),
    "images-last-narrow": (8, 3, 6, (30, 28), (5, 5), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
}
CASES |= IMAGES_LAST
TOLERANCE = {"float16": 2e-2, "float32": 4e-5, "float64": 1e-12}


def arrays(case, dtype="float64"):
    images, channels, outputs, spatial, kernel, stride, padding, dilation, groups = CASES[case]
    rng = np.random.default_rng(0)
    out = conv_output_shape(spatial, kernel, stride, padding, dilation)
    x = rng.standard_normal((images, channels, *spatial)).astype(dtype)
    w = rng.standard_normal((outputs, channels // groups, *kernel)).astype(dtype)
    gy = rng.standard_normal((images, outputs, *out)).astype(dtype)
    return x, w, rng.standard_normal(outputs).astype(dtype), gy, (stride, padding, dilation, groups)


def close(actual, expected, dtype):
    assert actual.dtype == np.dtype(dtype)
    assert actual.shape == expected.shape
    assert actual.flags.c_contiguous
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


def by_loops(x, w, gy, stride, padding, dilation, groups):
    """The three results in float64, one output element's window at a time."""
    padded = np.pad(x, ((0, 0), (0, 0), *padding))
    g_padded, gw = np.zeros_like(padded), np.zeros_like(w)
    y, t = np.zeros_like(gy), "xyz"[: gy.ndim - 2]
    c, o = w.shape[1], w.shape[0] // groups
    for group in range(groups):
        inputs, outputs = slice(group * c, group * c + c), slice(group * o, group * o + o)
        for at in itertools.product(*map(range, gy.shape[2:])):
            taps = [slice(i * s, i * s + (k - 1) * d + 1, d) for i, s, k, d in zip(at, stride, w.shape[2:], dilation)]
            window = (slice(None), inputs, *taps)
            g = gy[(slice(None), outputs, *at)]
            y[(slice(None), outputs, *at)] = np.einsum(f"nc{t},oc{t}->no", padded[window], w[outputs])
            g_padded[window] += np.einsum(f"no,oc{t}->nc{t}", g, w[outputs])
            gw[outputs] += np.einsum(f"no,nc{t}->oc{t}", g, padded[window])
    inside = tuple(slice(lo, lo + n) for n, (lo, _) in zip(x.shape[2:], padding))
    return y, g_padded[(slice(None), slice(None), *inside)], gw


@pytest.mark.parametrize("case", [name for name in CASES if not name.startswith(("many", "rows", "1d-long", "1d-too"))])
def test_spelt_out(case):
    x, w, bias, gy, how = arrays(case)
    y, gx, gw = by_loops(x, w, gy, *how)
    close(conv_forward(x, w, *how), y, "float64")
    close(conv_forward(x, w, *how, bias=bias), y + bias.reshape(-1, *[1] * (y.ndim - 2)), "float64")
    close(conv_input_grad(gy, w, x.shape[2:], *how), gx, "float64")
    close(conv_weight_grad(x, gy, w.shape[2:], *how), gw, "float64")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", [name for name in CASES if not name.startswith("no-")])
def test_against_pytorch(case, dtype):
    torch = pytest.importorskip("torch")
    x, w, bias, gy, (stride, padding, dilation, groups) = arrays(case, dtype)
    tx, tw = torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)
    padded = torch.nn.functional.pad(tx, [side for pair in reversed(padding) for side in pair])
    conv = getattr(torch.nn.functional, f"conv{x.ndim - 2}d")
    ty = conv(padded, tw, torch.tensor(bias), stride, 0, dilation, groups)
    ty.backward(torch.tensor(gy))
    how = (stride, padding, dilation, groups)
    close(conv_forward(x, w, *how, bias=bias), ty.detach().numpy(), dtype)
    close(conv_input_grad(gy, w, x.shape[2:], *how), tx.grad.numpy(), dtype)
    close(conv_weight_grad(x, gy, w.shape[2:], *how), tw.grad.numpy(), dtype)


@pytest.mark.parametrize("case", IMAGES_LAST)
def test_images_last_are_chosen(case):
    images, channels, outputs, spatial, kernel, *how, groups = CASES[case]
    g = geometry(spatial, kernel, *how)
    tile = images_last(np, g, images, groups, channels, outputs, 4)
    assert tile.rows < g.out[0] if case.endswith("parts") else tile.rows >= g.out[0]
    assert tile.band == (2 if case.endswith(("last", "bands", "parts", "narrow")) else 1)
    back = images_last_back(np, g, images, groups, channels, outputs, 4)
    assert (back is None) == case.endswith("narrow")


@pytest.mark.parametrize("case", ["lenet1", "stride", "groups", "depthwise", "pointwise", "images-last-bands"])
def test_float16_is_summed_in_float32(case):
    x, w, bias, gy, how = arrays(case, "float16")
    wide = [a.astype("float32") for a in (x, w, bias, gy)]
    close(conv_forward(x, w, *how, bias=bias), conv_forward(*wide[:2], *how, bias=wide[2]), "float16")
    close(conv_input_grad(gy, w, x.shape[2:], *how), conv_input_grad(wide[3], wide[1], x.shape[2:], *how), "float16")
    close(conv_weight_grad(x, gy, w.shape[2:], *how), conv_weight_grad(wide[0], wide[3], w.shape[2:], *how), "float16")


@pytest.mark.parametrize(
    "case", ["lenet2", "same", "stride", "groups", "depthwise", "pointwise", "1d", "3d", *IMAGES_LAST]
)
def test_strided_and_read_only_arrays(case):
    x, w, bias, gy, how = arrays(case, "float32")

    def awkward(a):
        roomy = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype).swapaxes(0, 1).copy().swapaxes(0, 1)
        view = roomy[..., ::2]
        view[...] = a
        view.flags.writeable = False
        return view

    ax, aw, agy = awkward(x), awkward(w), awkward(gy)
    close(conv_forward(ax, aw, *how, bias=bias), conv_forward(x, w, *how, bias=bias), "float32")
    close(conv_input_grad(agy, aw, x.shape[2:], *how), conv_input_grad(gy, w, x.shape[2:], *how), "float32")
    close(conv_weight_grad(ax, agy, w.shape[2:], *how), conv_weight_grad(x, gy, w.shape[2:], *how), "float32")


@pytest.mark.parametrize("case", ["same", "images-last"])
def test_results_are_not_scratch_memory(case):
    x, w, _, gy, how = arrays(case, "float32")
    results = [
        conv_forward(x, w, *how),
        conv_input_grad(gy, w, x.shape[2:], *how),
        conv_weight_grad(x, gy, w.shape[2:], *how),
    ]
    copies = [a.copy() for a in results]
    conv_forward(x + 1, w, *how)
    conv_input_grad(gy + 1, w, x.shape[2:], *how)
    conv_weight_grad(x + 1, gy, w.shape[2:], *how)
    for result, copy in zip(results, copies):
        np.testing.assert_array_equal(result, copy)


def test_infinite_and_nan_inputs_reach_their_windows_only():
    x = np.zeros((1, 1, 6, 6), "float32")
    x[0, 0, 2, 3] = np.inf
    x[0, 0, 5, 5] = np.nan
    y = conv_forward(x, np.ones((1, 1, 2, 2), "float32"), (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    expected = np.zeros((5, 5), "float32")
    expected[1:3, 2:4] = np.inf
    expected[4, 4] = np.nan
    np.testing.assert_array_equal(y[0, 0], expected)


@pytest.mark.parametrize("case", ["many-tiles", "stride", "groups", "depthwise", "images-last", "images-last-3d", "1d"])
def test_portable_versions_share_images(case, monkeypatch):
    """On three threads as on one, also while another Python thread has the helpers, and the same bits each time."""
    x, w, bias, gy, how = arrays(case)
    monkeypatch.setattr(conv_plan, "_WORTH_A_THREAD", 1)

    def results():
        return [
            conv_forward.portable(x, w, *how, bias=bias),
            conv_input_grad.portable(gy, w, x.shape[2:], *how),
            conv_weight_grad.portable(x, gy, w.shape[2:], *how),
        ]

    before = threads.get_num_threads()
    try:
        threads.set_num_threads(1)
        alone = results()
        threads.set_num_threads(3)
        shared = results()
        others = []
        callers = [threading.Thread(target=lambda: others.append(results())) for _ in range(3)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    finally:
        threads.set_num_threads(before)
    assert len(others) == 3
    for a, b in zip(alone, shared):
        close(b, a, "float64")
    for other in others:
        for a, b in zip(other, shared):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_compiled_replacement(case, dtype):
    """The Numba versions, on one thread and on several, against the portable ones."""
    pytest.importorskip("numba")
    from minitorch.backend.cpu import conv as compiled

    x, w, bias, gy, how = arrays(case, dtype)
    spatial, kernel = x.shape[2:], w.shape[2:]
    calls = [
        (compiled.conv_forward, conv_forward, (x, w, *how)),
        (compiled.conv_forward, conv_forward, (x, w, *how, bias)),
        (compiled.conv_input_grad, conv_input_grad, (gy, w, spatial, *how)),
        (compiled.conv_weight_grad, conv_weight_grad, (x, gy, kernel, *how)),
    ]
    before = threads.get_num_threads()
    for replacement, primitive, arguments in calls:
        expected = primitive.portable(*arguments)
        try:
            for number in (1, 3):
                threads.set_num_threads(number)
                result = replacement(*arguments)
                if min(x.size, w.size, gy.size):
                    close(result, expected, dtype)
                else:
                    assert result is NotImplemented
        finally:
            threads.set_num_threads(before)


@pytest.mark.parametrize("case", GRADIENTS)
def test_kernels_of_gradients(case):
    pytest.importorskip("numba")
    from minitorch.backend.cpu.conv_runs import Layer

    _, channels, outputs, spatial, kernel, *how, groups = CASES[case]
    layer = Layer((channels, *spatial), (outputs, channels // groups, *kernel), *how, groups)
    assert layer.way == "direct"
    assert layer.spreads if case.startswith("spread") else layer.weights_by_outputs


def test_compiled_replacement_leaves_other_dtypes_alone():
    pytest.importorskip("numba")
    from minitorch.backend.cpu import conv as compiled

    x, w, bias, gy, how = arrays("same", "float16")
    assert compiled.conv_forward(x, w, *how, bias=bias) is NotImplemented
    assert compiled.conv_input_grad(gy, w, x.shape[2:], *how) is NotImplemented
    assert compiled.conv_weight_grad(x, gy, w.shape[2:], *how) is NotImplemented
    assert compiled.conv_forward(x.astype("float32"), w.astype("float64"), *how) is NotImplemented


def test_output_shape():
    assert conv_output_shape((32, 32), (5, 5), (1, 1), ((0, 0), (0, 0)), (1, 1)) == (28, 28)
    assert conv_output_shape((7,), (3,), (2,), ((1, 2),), (2,)) == (3,)
    assert conv_output_shape((2,), (5,), (1,), ((0, 0),), (1,))[0] < 1


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_bias_gradient(case, dtype):
    gy = arrays(case, dtype)[3]
    wide = gy.astype("float64")
    expected, size = wide.sum(axis=(0, *range(2, gy.ndim))), max(1, abs(wide).sum())
    for function in (conv_bias_grad, conv_bias_grad.portable):
        result = function(gy)
        assert result.dtype == gy.dtype
        np.testing.assert_allclose(result, expected, rtol=0, atol=TOLERANCE[dtype] * size)


@pytest.mark.parametrize("case", ["pointwise", "pointwise-stride", "winograd", "winograd-many-channels"])
def test_without_a_product_for_compiled_code(case, monkeypatch):
    pytest.importorskip("numba")
    from minitorch.backend.cpu import conv_pointwise, winograd

    x, w, bias, gy, how = arrays(case, "float32")
    with monkeypatch.context() as patch:
        for module in (conv_pointwise, winograd):
            patch.setattr(module, "gemm_address", lambda letter: 0)
        results = [
            conv_forward(x, w, *how, bias=bias),
            conv_input_grad(gy, w, x.shape[2:], *how),
            conv_weight_grad(x, gy, w.shape[2:], *how),
        ]
    close(results[0], conv_forward.portable(x, w, *how, bias=bias), "float32")
    close(results[1], conv_input_grad.portable(gy, w, x.shape[2:], *how), "float32")
    close(results[2], conv_weight_grad.portable(x, gy, w.shape[2:], *how), "float32")
