"""Convolutions with kernels of a single tap: the weight as a matrix times each image, nothing is laid out."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.cpu.arrays import summed
from minitorch.backend.cpu.blas import gemm_address
from minitorch.backend.cpu.conv_runs import Layer
from minitorch.backend.cpu.products_kernels import matrix_times_images, products_of_images
from minitorch.backend.cpu.threads import parts
from minitorch.backend.primitives.conv_geometry import Ints


def _every(stride: Ints) -> Any:
    """An index of the places that the kernel meets."""
    return (..., *[slice(None, None, s) for s in stride])


def _met(images: np.ndarray, stride: Ints) -> np.ndarray:
    """The places of ``images`` that the kernel meets: (N, C, places), contiguous."""
    if max(stride) > 1:
        images = images[_every(stride)]
    if not images.flags.carray:
        images = images.copy(order="C")
    return images.reshape(*images.shape[:2], -1)


def forward(x: np.ndarray, w: np.ndarray, stride: Ints, bias: Any, shapes: Layer) -> Any:
    address = gemm_address(x.dtype.char)
    if not address:
        return NotImplemented
    y = np.empty((len(x), shapes.outputs, *shapes.out), x.dtype)
    start = np.empty(0, x.dtype) if bias is None else np.array(bias, order="C")
    _multiply(w, False, _met(x, stride), start, y.reshape(*y.shape[:2], -1), address, shapes)
    return y


def input_grad(gy: np.ndarray, w: np.ndarray, spatial: Ints, stride: Ints, shapes: Layer) -> Any:
    address = gemm_address(gy.dtype.char)
    if not address:
        return NotImplemented
    met = np.empty((len(gy), shapes.channels, *shapes.out), gy.dtype)
    _multiply(w, True, _met(gy, (1,)), np.empty(0, gy.dtype), met.reshape(*met.shape[:2], -1), address, shapes)
    if max(stride) == 1:
        return met
    gx = np.zeros((len(gy), shapes.channels, *spatial), gy.dtype)
    gx[_every(stride)] = met
    return gx


def _multiply(
    w: np.ndarray, turned: bool, x: np.ndarray, bias: np.ndarray, y: np.ndarray, address: int, shapes: Layer
) -> None:
    matrix = w.reshape(w.shape[:2])
    if not matrix.flags.carray:
        matrix = matrix.copy(order="C")
    matrix_times_images(len(x), parts(len(x), shapes.least), matrix, x, bias, y, address, turned)


def weight_grad(x: np.ndarray, gy: np.ndarray, stride: Ints, shapes: Layer) -> Any:
    address = gemm_address(x.dtype.char)
    if not address:
        return NotImplemented
    number = parts(len(x), shapes.least)
    totals = np.empty((number, shapes.outputs, shapes.channels), x.dtype)
    products_of_images(len(x), number, _met(gy, (1,)), _met(x, stride), totals, address)
    return summed(totals).reshape(shapes.outputs, shapes.channels, *[1] * len(shapes.out))
