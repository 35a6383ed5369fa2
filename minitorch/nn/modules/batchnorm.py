"""Batch and instance normalisation."""

from __future__ import annotations

import warnings
from typing import Any

from minitorch import creation
from minitorch.core.dtype import int64
from minitorch.core.grad_mode import no_grad
from minitorch.core.tensor import Tensor
from minitorch.nn import functional as F
from minitorch.nn import init
from minitorch.nn.modules.lazy import LazyModuleMixin
from minitorch.nn.modules.module import Module
from minitorch.nn.parameter import Parameter, UninitializedBuffer, UninitializedParameter


class _NormBase(Module):
    """Weight, bias and running statistics of one value per channel.  Subclasses fix the input's ``ranks``."""

    #: of the state dict: num_batches_tracked is there from version 2 on
    _version = 2
    ranks: tuple[int, ...]
    weight: Tensor | None
    bias: Tensor | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            value = Parameter(creation.empty(num_features, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, value)
        if track_running_stats:
            self.register_buffer("running_mean", creation.zeros(num_features, device=device, dtype=dtype))
            self.register_buffer("running_var", creation.ones(num_features, device=device, dtype=dtype))
            self.register_buffer("num_batches_tracked", creation.tensor(0, dtype=int64, device=device))
        else:
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name, None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Running statistics as before the first batch."""
        if self.track_running_stats:
            self.running_mean.zero_()  # type: ignore[union-attr]
            self.running_var.fill_(1)  # type: ignore[union-attr]
            self.num_batches_tracked.zero_()  # type: ignore[union-attr]

    def reset_parameters(self) -> None:
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: dict, *args: Any) -> None:
        """Checkpoints from before ``num_batches_tracked`` was counted leave it as it is."""
        key = prefix + "num_batches_tracked"
        if (local_metadata.get("version") or 1) < 2 and self.num_batches_tracked is not None and key not in state_dict:
            state_dict[key] = self.num_batches_tracked
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    def _check_input_dim(self, input: Tensor) -> None:
        shape = input._data.shape
        if len(shape) not in self.ranks:
            wanted = " or ".join(f"{rank}D" for rank in self.ranks)
            raise ValueError(f"{type(self).__name__}: expected {wanted} input (got {len(shape)}D input, shape {shape})")
        channels = shape[1 if self._batched_first or len(shape) == self.ranks[-1] else 0]
        if channels != self.num_features:
            self._refuse_channels(
                f"{type(self).__name__}({self.num_features}) got input of shape {shape}: its channels must be "
                f"{self.num_features}, got {channels}"
            )

    def _refuse_channels(self, message: str) -> None:
        if self.affine or self.track_running_stats:
            raise RuntimeError(message)

    #: whether dimension 1 has the channels at every rank
    _batched_first = True

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_NormBase):
    """Every channel with mean 0 and variance 1 over batch and space, times ``weight``, plus ``bias``.

    Ioffe and Szegedy 2015, "Batch normalization".

    Args:
        num_features: number of channels.
        eps: added to the variance.
        momentum: how far running statistics move to those of a batch; ``None``: they are plain averages.
        affine: whether there are weight (ones at first) and bias (zeros).
        track_running_stats: without, the batch's own statistics count in evaluation too.
        bias: ``False`` leaves the bias out.
    """

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        counter = self.num_batches_tracked if self.training and self.track_running_stats else None
        factor = self.momentum
        if factor is None:
            factor = 0.0 if counter is None else 1.0 / (int(counter) + 1)
        by_batch = self.training or (self.running_mean is None and self.running_var is None)
        keep = not self.training or self.track_running_stats
        out = F.batch_norm(
            input,
            self.running_mean if keep else None,
            self.running_var if keep else None,
            self.weight,
            self.bias,
            by_batch,
            factor,
            self.eps,
        )
        if counter is not None:  # last: a batch that is refused does not count
            counter._data += 1
        return out


class BatchNorm1d(_BatchNorm):
    __doc__ = f"{_BatchNorm.__doc__}\n    Shape: (N, C) or (N, C, L).\n    "
    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    __doc__ = f"""{_BatchNorm.__doc__}
    Shape: (N, C, H, W).

    >>> import minitorch as torch
    >>> layer = torch.nn.BatchNorm2d(3)
    >>> layer(torch.randn(8, 3, 4, 4)).mean().abs() < 1e-5
    tensor(True)
    """
    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    __doc__ = f"{_BatchNorm.__doc__}\n    Shape: (N, C, D, H, W).\n    "
    ranks = (5,)


class _InstanceNorm(_NormBase):
    """Every channel of every example with mean 0 and variance 1 over space (Ulyanov et al. 2016, arXiv:1607.08022).

    Args: as for batch normalisation, but by default without weight, bias and running statistics.
    """

    _batched_first = False

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _refuse_channels(self, message: str) -> None:
        if self.affine:
            raise ValueError(message)
        warnings.warn(message + "; without weights it does not matter", stacklevel=4)

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        single = input.ndim == self.ranks[0]
        out = F.instance_norm(
            input.unsqueeze(0) if single else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum if self.momentum is not None else 0.0,
            self.eps,
        )
        return out.squeeze(0) if single else out


class InstanceNorm1d(_InstanceNorm):
    __doc__ = f"{_InstanceNorm.__doc__}\n    Shape: (N, C, L) or (C, L).\n    "
    ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    __doc__ = f"{_InstanceNorm.__doc__}\n    Shape: (N, C, H, W) or (C, H, W).\n    "
    ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    __doc__ = f"{_InstanceNorm.__doc__}\n    Shape: (N, C, D, H, W) or (C, D, H, W).\n    "
    ranks = (4, 5)


class _LazyNorm(LazyModuleMixin):
    """The lazy half of a normalisation that takes its number of channels from the first input."""

    num_features: int

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        # neither weights nor statistics yet: they come with the first input
        super().__init__(0, eps, momentum, False, False, device, dtype)  # type: ignore[call-arg]
        self.affine = affine
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = UninitializedParameter(device=device, dtype=dtype)
            if bias:
                self.bias = UninitializedParameter(device=device, dtype=dtype)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(device=device, dtype=dtype)
            self.running_var = UninitializedBuffer(device=device, dtype=dtype)
            self.num_batches_tracked = creation.tensor(0, dtype=int64, device=device)

    def reset_parameters(self) -> None:
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self, input: Tensor) -> None:
        if input.ndim not in self.ranks:
            wanted = " or ".join(f"{rank}D" for rank in self.ranks)
            raise ValueError(f"{type(self).__name__}: expected {wanted} input (got {input.ndim}D input)")
        if self.num_features == 0:
            single = not self._batched_first and input.ndim == self.ranks[0]
            self.num_features = input.shape[0 if single else 1]
        if not self.has_uninitialized_params():  # a checkpoint was loaded, or there are none
            return
        with no_grad():
            shape = (self.num_features,)
            if self.affine:
                self.weight.materialize(shape)
                if self.bias is not None:
                    self.bias.materialize(shape)
            if self.track_running_stats:
                self.running_mean.materialize(shape)
                self.running_var.materialize(shape)
            self.reset_parameters()


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):  # type: ignore[misc]
    """:class:`BatchNorm1d` that takes ``num_features`` from its first input."""

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):  # type: ignore[misc]
    """:class:`BatchNorm2d` that takes ``num_features`` from its first input."""

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):  # type: ignore[misc]
    """:class:`BatchNorm3d` that takes ``num_features`` from its first input."""

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):  # type: ignore[misc]
    """:class:`InstanceNorm1d` that takes ``num_features`` from its first input."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):  # type: ignore[misc]
    """:class:`InstanceNorm2d` that takes ``num_features`` from its first input."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):  # type: ignore[misc]
    """:class:`InstanceNorm3d` that takes ``num_features`` from its first input."""

    cls_to_become = InstanceNorm3d
