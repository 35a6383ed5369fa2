"""What all functions of matrices check, and how a failure of the linear algebra library becomes PyTorch's error."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.primitives.solvers import Unsolvable, attempt
from minitorch.core.tensor import Tensor


class LinAlgError(RuntimeError):
    """A matrix has no inverse, is not positive definite, or an iteration did not converge."""


def check_matrices(name: str, *tensors: Any, square: bool = False, integers: bool = False) -> None:
    """Raises unless all are matrices, or batches of them, of float32 or float64."""
    for x in tensors:
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}(): argument must be Tensor, not {type(x).__name__}")
        dtype, shape = x._data.dtype, x._data.shape
        if dtype.kind != "f" and not integers:
            raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {x.dtype}")
        if dtype == np.float16:
            raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {x.dtype}; convert with .float()")
        if len(shape) < 2:
            raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions, got shape {list(shape)}.")
        if square and shape[-1] != shape[-2]:
            raise RuntimeError(
                f"{name}: A must be batches of square matrices, but they are {shape[-2]} by {shape[-1]} matrices"
            )
        if x.dtype is not tensors[0].dtype:
            raise RuntimeError(
                f"{name}: Expected A and B to have the same dtype, but found A of type {tensors[0].dtype} and B of "
                f"type {x.dtype} instead"
            )


def computed(name: str, problem: str, function: str, stack: Any, *args: Any, **kwargs: Any) -> Any:
    """The function of the array library's ``linalg``, for a stack of matrices.

    Raises:
        LinAlgError: it could not be done; the message has ``problem`` and says for which matrix.
    """
    try:
        return attempt(function, stack, *args, **kwargs)
    except Unsolvable as failure:
        where = "" if failure.element is None else f"(Batch element {failure.element}): "
        raise LinAlgError(f"{name}: {where}{problem}") from None
