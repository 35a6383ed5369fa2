"""Losses that compare a prediction with a target element by element."""

from __future__ import annotations

from minitorch.backend import array_module as xp
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor
from minitorch.nn.functional.reduce import matched, per_element, reduced, reduction_of


@op("MseLossBackward0")
def _mse_loss(input: Array, target: Array, reduction):
    difference = input - target
    if reduction == "none":
        return xp(input).square(difference, out=difference)
    flat = difference.reshape(-1)
    if flat.dtype.itemsize == 2:  # float16 squares overflow their sum
        total = xp(input).square(flat, dtype="f4").sum()
        return (total / flat.size if reduction == "mean" else total).astype(input.dtype)
    total = xp(input).dot(flat, flat)
    return total / flat.size if reduction == "mean" else total


@op("MseLossBackwardBackward0")
def _mse_grad(g: Array, input: Array, target: Array, scale):
    out = input - target
    out *= g * scale
    return out


def _mse_rule(sign):
    def rule(g, input, target, reduction):
        size = input._data.size
        return _mse_grad(g, input, target, sign * 2 / size if reduction == "mean" and size else sign * 2)

    return rule


def _like_loss(product: Tensor, g_shape: tuple) -> Tensor:
    """A derivative by the gradient of the loss: summed if that is a single number."""
    return product if product._data.shape == g_shape else product.sum()


_mse_loss.rules(input=_mse_rule(1), target=_mse_rule(-1))
_mse_grad.rules(
    g=lambda h, input, target, scale, g_shape: _like_loss(h * (input - target) * scale, g_shape),
    input=lambda h, g, scale: h * g * scale,
    target=lambda h, g, scale: h * g * -scale,
)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The mean of ``(input - target)²``.

    Shape: input (\\*), target the same -> (), or (\\*) for ``reduction="none"``.

    Raises:
        ValueError: broadcasting with the target would enlarge the result.

    >>> import minitorch as torch
    >>> torch.nn.functional.mse_loss(torch.tensor([1., 2.]), torch.tensor([1., 4.]))
    tensor(2.)
    """
    if size_average is not None or reduce is not None or reduction not in ("mean", "sum", "none"):
        reduction = reduction_of(size_average, reduce, reduction)
    input, target = matched("mse_loss", input, target)
    if weight is not None:
        return weighted_mean("mse_loss", _mse_loss(input, target, "none"), weight, reduction)
    return _mse_loss(input, target, reduction)
