"""The ``out=`` argument of functions."""

from __future__ import annotations

from minitorch.backend.array_module import array_module
from minitorch.backend.strided import shares_memory
from minitorch.core.grad_mode import state
from minitorch.core.refusals import refuse_mixed
from minitorch.core.tensor import Tensor


def into(out: Tensor, result: Tensor, name: str, *apart: Tensor, same_type: bool = False) -> Tensor:
    """Puts ``result`` into ``out``, as the ``out=`` argument of functions asks for.

    Args:
        apart: inputs that must not share memory with ``out``.
        same_type: ``out`` must have the dtype of the result, not only one that it can be cast to.

    Raises:
        TypeError: ``out`` is no Tensor.
        RuntimeError: an operand requires grad, or ``out`` is on another device or has another shape (an empty ``out``
            takes the result's) or a dtype that the result cannot be cast to, or memory of ``apart``.
    """
    from minitorch.core.inplace import assign

    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    refuse_mixed(name, result._data, out._data)
    if state.enabled and (result.requires_grad or out.requires_grad):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    if same_type and out._data.dtype != result._data.dtype:
        raise RuntimeError(f"{name}(): Expected out tensor to have dtype {result.dtype}, but got {out.dtype} instead")
    if any(shares_memory(out._data, x._data) for x in apart):
        raise RuntimeError(
            f"{name}(): unsupported operation: some elements of the input tensor and the written-to tensor refer to a "
            "single memory location. Please clone() the tensor before performing the operation."
        )
    if out._data.size == 0 and out._data.shape != result._data.shape:
        out._data = array_module(out._data).empty_like(result._data, dtype=out._data.dtype)
    return assign(out, result, name)
