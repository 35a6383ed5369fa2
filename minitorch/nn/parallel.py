"""``DataParallel`` on one device: the names that PyTorch's has, without the splitting."""

from __future__ import annotations

from typing import Any

from minitorch import cuda
from minitorch.nn.modules.module import Module


class DataParallel(Module):
    """Wraps ``module`` and calls it, as PyTorch's does where there is no second GPU.

    Parameters appear as ``module.<name>``, so checkpoints of wrapped networks load.

    Args:
        device_ids: the GPU that ``module`` is on; left out of account where there is none.

    Raises:
        NotImplementedError: there are GPUs and several are named.

    >>> import minitorch as torch
    >>> list(torch.nn.DataParallel(torch.nn.Linear(2, 3)).state_dict())
    ['module.weight', 'module.bias']
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        if not cuda.is_available():  # there is nothing to split over, whatever was asked for
            device_ids = []
        elif device_ids is not None and len(device_ids) > 1:
            raise NotImplementedError(
                f"DataParallel: splitting a batch over several devices is not supported, got device_ids={device_ids}; "
                "leave them out or give one"
            )
        self.module = module
        self.device_ids = list(device_ids or [])
        self.output_device = output_device
        self.dim = dim

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)
