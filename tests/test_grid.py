"""Sampling at places of a grid: against PyTorch, by differences, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from minitorch.core import bfloat16
from tests.rows import check, check_derivatives, check_refused, floats

X, GRID = floats(2, 3, 4, 5), floats(2, 3, 4, 2) * 1.1
X3, GRID3 = floats(1, 2, 3, 4, 3), floats(1, 2, 3, 2, 3) * 0.9
THETA, THETA3 = floats(2, 2, 3), floats(1, 3, 4)


def f(library):
    return library.nn.functional


def sampled(mode, padding_mode, align_corners):
    return lambda t, x, grid: f(t).grid_sample(x, grid, mode, padding_mode, align_corners)


ROWS = {
    **{
        f"{mode} {padding_mode} {align_corners}": (sampled(mode, padding_mode, align_corners), X, GRID)
        for mode in ("bilinear", "nearest", "bicubic")
        for padding_mode in ("zeros", "border", "reflection")
        for align_corners in (False, True)
    },
    **{
        f"{mode} {padding_mode} of volumes": (sampled(mode, padding_mode, False), X3, GRID3)
        for mode in ("bilinear", "nearest")
        for padding_mode in ("zeros", "border", "reflection")
    },
    "far outside": (sampled("bilinear", "reflection", False), X, GRID * 5),
    "one element": (
        lambda t, x, grid: f(t).grid_sample(x[:, :, :1, :1], grid, "bilinear", "reflection", True),
        X,
        GRID,
    ),
    "of strided": (
        lambda t, x, grid: f(t).grid_sample(x.mT[:, ::2], grid.transpose(1, 2), align_corners=False),
        X,
        GRID,
    ),
    "no places": (lambda t, x, grid: f(t).grid_sample(x, grid[:, :0], align_corners=False), X, GRID),
    "affine_grid": (lambda t, theta: f(t).affine_grid(theta, (2, 1, 3, 4), align_corners=False), THETA),
    "affine_grid corners": (lambda t, theta: f(t).affine_grid(theta, [2, 1, 3, 4], align_corners=True), THETA),
    "affine_grid one": (lambda t, theta: f(t).affine_grid(theta, (2, 1, 1, 4), align_corners=False), THETA),
    "affine_grid of volumes": (lambda t, theta: f(t).affine_grid(theta, (1, 1, 3, 4, 2), align_corners=False), THETA3),
    "both": (
        lambda t, x, theta: f(t).grid_sample(x, f(t).affine_grid(theta, x.shape, False), align_corners=False),
        X,
        THETA,
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_as_torch(name):
    function, *inputs = ROWS[name]
    check(function, *inputs, second=False, tolerance=1e-11)


@pytest.mark.parametrize("name", ROWS)
def test_derivatives(name):
    check_derivatives(*ROWS[name])


def test_identity():
    x = minitorch.tensor(X)
    theta = minitorch.tensor([[[1.0, 0, 0], [0, 1, 0]]], dtype=minitorch.float64).expand(2, 2, 3)
    for align_corners in (False, True):
        grid = f(minitorch).affine_grid(theta, x.shape, align_corners)
        for mode in ("bilinear", "nearest", "bicubic"):
            result = f(minitorch).grid_sample(x, grid, mode, align_corners=align_corners)
            np.testing.assert_allclose(result.numpy(), X, atol=1e-12)


REFUSED = {
    "batches": (lambda t, x, g: f(t).grid_sample(x, g[:1], align_corners=False), X, GRID),
    "places": (lambda t, x, g: f(t).grid_sample(x, g[..., :1], align_corners=False), X, GRID),
    "dimensions": (lambda t, x, g: f(t).grid_sample(x[0], g, align_corners=False), X, GRID),
    "dimensions of grid": (lambda t, x, g: f(t).grid_sample(x, g[:, None], align_corners=False), X, GRID),
    "mode": (lambda t, x, g: f(t).grid_sample(x, g, "cubic", align_corners=False), X, GRID),
    "padding_mode": (lambda t, x, g: f(t).grid_sample(x, g, padding_mode="reflect", align_corners=False), X, GRID),
    "dtype": (lambda t, x, g: f(t).grid_sample(x, g.float(), align_corners=False), X, GRID),
    "empty": (lambda t, x, g: f(t).grid_sample(x[:, :, :0], g, align_corners=False), X, GRID),
    "bicubic volumes": (lambda t, x, g: f(t).grid_sample(x, g, "bicubic", align_corners=False), X3, GRID3),
    "affine size": (lambda t, theta: f(t).affine_grid(theta, (2, 1, 3), align_corners=False), THETA),
    "affine theta": (lambda t, theta: f(t).affine_grid(theta[:, :1], (2, 1, 3, 4), align_corners=False), THETA),
    "affine batches": (lambda t, theta: f(t).affine_grid(theta, (1, 1, 3, 4), align_corners=False), THETA),
    "affine nothing": (lambda t, theta: f(t).affine_grid(theta, (2, 1, 0, 4), align_corners=False), THETA),
    "affine integers": (lambda t, theta: f(t).affine_grid(theta.long(), (2, 1, 3, 4), align_corners=False), THETA),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


def test_a_default_that_is_not_obvious_warns():
    x, grid, theta = minitorch.tensor(X), minitorch.tensor(GRID), minitorch.tensor(THETA)
    with pytest.warns(UserWarning, match="align_corners=False is the default") as seen:
        ours = f(minitorch).grid_sample(x, grid)
    # Where bfloat16 is in use, its detour stands between the caller and the function.
    assert seen[0].filename in (__file__, bfloat16.__file__)
    assert minitorch.equal(ours, f(minitorch).grid_sample(x, grid, align_corners=False))
    with pytest.warns(UserWarning, match="align_corners=False is the default"):
        f(minitorch).affine_grid(theta, (2, 1, 3, 4))


def test_places_that_are_no_numbers_read_nothing_outside():
    grid = minitorch.tensor([[[[np.nan, 0.0], [np.inf, 0.5], [-np.inf, -3e38]]]])
    for padding_mode in ("zeros", "border", "reflection"):
        for mode in ("bilinear", "nearest", "bicubic"):
            result = f(minitorch).grid_sample(minitorch.ones(1, 1, 4, 4), grid, mode, padding_mode, False)
            assert result.shape == (1, 1, 1, 3)
