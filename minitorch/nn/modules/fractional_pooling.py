"""Fractional max pooling as layers."""

from __future__ import annotations

from typing import Any

from minitorch.core.tensor import Tensor
from minitorch.nn.functional import fractional_pooling as F
from minitorch.nn.functional.conv import ntuple
from minitorch.nn.modules.module import Module


class _FractionalMaxPool(Module):
    """The maxima of windows at random places: see :func:`minitorch.nn.functional.fractional_max_pool2d`.

    Args:
        kernel_size: of the windows.
        output_size: how many windows along each dimension;
        output_ratio: or how many for each element, between 0 and 1.
        return_indices: also where the maxima are.

    Raises:
        ValueError: both or none of size and ratio, or a ratio that is not between 0 and 1.
    """

    dims: int

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        if output_ratio is not None:
            given = isinstance(output_ratio, (int, float))
            output_ratio = (output_ratio,) * self.dims if given else tuple(output_ratio)
            if not all(0 < ratio < 1 for ratio in output_ratio):
                raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")
        else:
            output_size = ntuple(output_size, self.dims, "output_size")
        self.kernel_size = ntuple(kernel_size, self.dims, "kernel_size")
        self.output_size, self.output_ratio, self.return_indices = output_size, output_ratio, return_indices
        self.register_buffer("_random_samples", _random_samples)

    def forward(self, input: Tensor) -> Any:
        pool = getattr(F, f"fractional_max_pool{self.dims}d")
        return pool(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    __doc__ = _FractionalMaxPool.__doc__
    dims = 2


class FractionalMaxPool3d(_FractionalMaxPool):
    __doc__ = _FractionalMaxPool.__doc__
    dims = 3
