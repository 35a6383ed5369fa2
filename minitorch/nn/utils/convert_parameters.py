"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from minitorch.core.tensor import Tensor
from minitorch.ops.joining import cat


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters, one after the other, as one tensor of one dimension (a copy, in the graph).

    >>> import minitorch as torch
    >>> torch.nn.utils.parameters_to_vector(torch.nn.Linear(3, 2).parameters()).shape
    torch.Size([8])
    """
    return cat([p.reshape(-1) for p in _same_device(parameters)])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Makes the elements of ``vec`` the values of the parameters, which then share its memory.

    Raises:
        TypeError: ``vec`` is no tensor.
        RuntimeError: it has fewer elements than the parameters; nothing is changed then.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    listed = _same_device(parameters)
    needed = sum(p.numel() for p in listed)
    if vec.numel() < needed:
        raise RuntimeError(f"vector_to_parameters: the parameters have {needed} elements, the vector {vec.numel()}")
    start = 0
    for parameter in listed:
        end = start + parameter.numel()
        parameter.data = vec[start:end].view_as(parameter).data
        start = end


def _same_device(parameters: Iterable[Tensor]) -> list[Tensor]:
    listed = list(parameters)
    devices = sorted({str(p.device) for p in listed})
    if len(devices) > 1:
        raise TypeError(
            f"Found parameters on different devices ({', '.join(devices)}), this is currently not supported."
        )
    return listed
