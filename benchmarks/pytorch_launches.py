"""``python -m benchmarks.pytorch_launches``: how many kernels PyTorch starts on a GPU for LeNet's training step.

No GPU is needed.  The step runs on PyTorch's ``meta`` device, which goes through the same ops as CUDA (``foreach=True``
is what its optimizers choose on CUDA by themselves) and computes nothing.  The profiler lists the ops; each is counted
with the kernels that its CUDA version starts, unless it was called inside one that is counted already.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from .roofline import training_step
from .workloads.models import lenet

#: Kernels of an op, by PyTorch's sources (aten/src/ATen/native/cuda and cudnn, version 2).  cuDNN's choice of an
#: algorithm may add some.  Ops that are not here are views, memory, or made of ops that are.
KERNELS = {
    "aten::convolution": 2,  # cuDNN, then the bias is added
    "aten::relu": 1,
    "aten::max_pool2d_with_indices": 1,
    "aten::addmm": 1,  # the bias is part of cuBLAS's product
    "aten::mm": 1,
    "aten::_log_softmax": 1,
    "aten::nll_loss_forward": 1,
    "aten::ones_like": 1,  # the gradient of the loss
    "aten::nll_loss_backward": 2,  # zeros, then the entries of the targets
    "aten::_log_softmax_backward_data": 1,
    "aten::sum": 1,  # the gradient of a linear layer's bias
    "aten::threshold_backward": 1,
    "aten::max_pool2d_with_indices_backward": 2,  # zeros, then the gather
    "aten::convolution_backward": 3,  # input, weight and bias
    "aten::_foreach_mul_": 1,  # all parameters in one
    "aten::_foreach_add_": 1,
}
#: the images need no gradient
SPARED = {"aten::convolution_backward": 1}


def calls(batch: int = 4) -> Counter[str]:
    """How often the step calls each op of :data:`KERNELS`, by PyTorch's profiler."""
    import torch

    step = training_step(torch, lenet, batch, "meta", foreach=True)
    step()
    step()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        step()
    return Counter(event.name for event in profile.events() if event.name in KERNELS and not _inside(event))


def _inside(event: Any) -> bool:
    """Whether an op was called by one that is counted."""
    parent = event.cpu_parent
    return parent is not None and (parent.name in KERNELS or _inside(parent))


def launches(found: Counter[str]) -> int:
    """Kernels of all the calls."""
    return sum(KERNELS[name] * count for name, count in found.items()) - sum(SPARED[name] for name in SPARED)


def main() -> int:
    found = calls()
    for name, count in found.items():
        print(f"{count:>3} x {KERNELS[name]}  {name}")
    print(f"{launches(found)} kernels; the gradient of the images is not asked for, which spares one")
    return 0


if __name__ == "__main__":
    sys.exit(main())
