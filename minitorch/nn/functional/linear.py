"""Affine maps."""

from __future__ import annotations

from minitorch.backend.primitives.products import matmul
from minitorch.core.dtype import of_numpy
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor
from minitorch.nn.functional.refusals import require_tensor


def _rows(array):
    """All leading dimensions as one: one matrix product instead of a stack of them."""
    return array if array.ndim == 2 else array.reshape(-1, array.shape[-1])


def _affine(input, weight):
    if input.ndim == 2:
        return matmul(input, weight.T)
    return matmul(_rows(input), weight.T).reshape(*input.shape[:-1], weight.shape[0])


@op("MmBackward0")
def _linear(input: Array, weight: Array):
    """``input @ weight.T``: (..., in), (out, in) -> (..., out)."""
    return _affine(input, weight)


@op("MmBackward0")
def _linear_input_grad(g: Array, weight: Array):
    if g.ndim == 2:
        return matmul(g, weight)
    return matmul(_rows(g), weight).reshape(*g.shape[:-1], weight.shape[1])


@op("MmBackward0")
def _linear_weight_grad(g: Array, input: Array):
    return matmul(_rows(g).T, _rows(input))


@op("SumBackward1")
def _sum_rows(g: Array):
    return _rows(g).sum(axis=0)


# The map is linear in each of two operands, so the three products are each other's derivatives.
_linear.rules(input=_linear_input_grad, weight=_linear_weight_grad)
_linear_input_grad.rules(g=_linear, weight=lambda h, g: _linear_weight_grad(g, h))
_linear_weight_grad.rules(g=lambda h, input: _linear(input, h), input=lambda h, g: _linear_input_grad(g, h))
_sum_rows.rules(g=lambda h, g_shape: h.expand(g_shape))


# PyTorch's graph walks meet the bias first.
@op("AddmmBackward0", public="linear")
def _linear_with_bias(bias: Array, input: Array, weight: Array):
    out = _affine(input, weight)
    out += bias
    return out


_linear_with_bias.rules(bias=_sum_rows, input=_linear_input_grad, weight=_linear_weight_grad)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias``.

    Shape: input (\\*, in), weight (out, in) or (in,), bias (out,) or () -> (\\*, out) or (\\*).

    Raises:
        RuntimeError: shapes or dtypes do not fit.

    >>> import minitorch as torch
    >>> torch.nn.functional.linear(torch.tensor([[1., 2.]]), torch.tensor([[3., 4.]]), torch.tensor([5.]))
    tensor([[16.]])
    """
    try:
        x, w = input._data, weight._data
    except AttributeError:
        require_tensor(input, "linear")
        require_tensor(weight, "linear", "weight")
        raise
    if w.ndim != 2:
        return _linear_of_vector(input, weight, bias)
    outputs, inputs = w.shape
    if x.ndim == 0 or x.shape[-1] != inputs:
        raise RuntimeError(
            f"Linear({inputs} -> {outputs}) got input of shape {x.shape}: its last dimension must be {inputs}"
        )
    if x.dtype != w.dtype:
        raise RuntimeError(
            f"Linear({inputs} -> {outputs}) got input of {of_numpy(x.dtype)}: its weight is {of_numpy(w.dtype)}; "
            "convert one of them with .to()"
        )
    if bias is None:
        return _linear(input, weight)
    b = bias._data
    if b.dtype != w.dtype:
        raise RuntimeError(
            f"Linear({inputs} -> {outputs}) got bias of {of_numpy(b.dtype)}: its weight is {of_numpy(w.dtype)}"
        )
    if b.shape != (outputs,):
        if b.size != 1:
            raise RuntimeError(f"Linear({inputs} -> {outputs}) got bias of shape {b.shape}: it must be ({outputs},)")
        bias = bias.expand(outputs)
    return _linear_with_bias(bias, input, weight)


def _linear_of_vector(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A weight without the dimension of the outputs: neither has the result."""
    if weight.ndim != 1 or (bias is not None and bias.ndim != 0):
        raise RuntimeError(
            f"linear() got weight of shape {tuple(weight.shape)}"
            + ("" if bias is None else f" and bias of shape {tuple(bias.shape)}")
            + ": expected (out, in) and (out,), or (in,) and ()"
        )
    return linear(input, weight.unsqueeze(0), None if bias is None else bias.reshape(1)).squeeze(-1)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``out[..., o] = input1[..., i] * weight[o, i, j] * input2[..., j] + bias[o]``, summed over i and j.

    Shape: input1 (\\*, in1), input2 (\\*, in2), weight (out, in1, in2), bias (out,) -> (\\*, out).

    Raises:
        RuntimeError: shapes do not fit.
    """
    for argument, tensor in (("input1", input1), ("input2", input2), ("weight", weight)):
        require_tensor(tensor, "bilinear", argument)
    if weight.ndim != 3:
        raise RuntimeError(f"bilinear: weight must have 3 dimensions (out, in1, in2), got {tuple(weight.shape)}")
    outputs, in1, in2 = weight._data.shape
    name = f"Bilinear({in1}, {in2} -> {outputs})"
    for argument, tensor, size in (("input1", input1, in1), ("input2", input2, in2)):
        if tensor.ndim == 0 or tensor._data.shape[-1] != size:
            raise RuntimeError(
                f"{name} got {argument} of shape {tuple(tensor.shape)}: its last dimension must be {size}"
            )
        if tensor._data.dtype != weight._data.dtype:
            raise RuntimeError(
                f"{name} got {argument} of {tensor.dtype}: its weight is {weight.dtype}; convert one of them with .to()"
            )
    if bias is not None and bias._data.shape != (outputs,):
        raise RuntimeError(f"{name} got bias of shape {tuple(bias.shape)}: it must be ({outputs},)")
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(
            f"{name} got inputs of shapes {tuple(input1.shape)} and {tuple(input2.shape)}: all dimensions but the "
            "last must be equal"
        )
    lead = input1.shape[:-1]
    first, second = input1.reshape(-1, in1), input2.reshape(-1, in2)
    # (n, out·in1) = input2 @ weight^T, then a row-wise product with input1
    partial = _linear(second, weight.reshape(outputs * in1, in2)).reshape(-1, outputs, in1)
    out = (partial * first.unsqueeze(1)).sum(2, dtype=weight.dtype).reshape(*lead, outputs)
    return out if bias is None else out + bias
