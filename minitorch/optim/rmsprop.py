"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minitorch.backend.primitives.optim_steps import rmsprop_step
from minitorch.core.tensor import Tensor
from minitorch.optim.per_parameter import PerParameter, advance, refuse_below_zero


class RMSprop(PerParameter):
    """Steps by the gradient over the root of the running mean of its square.

    v = α v + (1 - α) g², θ = θ - γ g / (√v + ε); with momentum b = μ b + g / (√v + ε), θ = θ - γ b.

    Args:
        params: what to optimize; see :class:`Optimizer`.
        lr: learning rate γ.
        alpha: α, how slowly the mean forgets.
        eps: ε.
        weight_decay: λ; λ θ is added to the gradient (the L2 penalty).
        momentum: μ.
        centered: divide by the root of the variance, v less the square of the mean gradient.
        maximize: climb instead of descending.
        foreach: how PyTorch runs it; the results are the same, and so it makes no difference here.
        capturable, differentiable: not supported.

    Raises:
        ValueError: an option is out of range.
        NotImplementedError: ``capturable`` or ``differentiable`` is set.

    Source: Hinton, "Neural networks for machine learning", lecture 6e, 2012; ``centered``: Graves, "Generating
    sequences with recurrent neural networks", 2013, arXiv:1308.0850.

    >>> import minitorch as torch
    >>> w = torch.tensor([1., -2.], requires_grad=True)
    >>> optimizer = torch.optim.RMSprop([w], lr=0.01)
    >>> (w ** 2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.9000, -1.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        refuse_below_zero(
            {
                "learning rate": lr,
                "epsilon value": eps,
                "momentum value": momentum,
                "weight_decay value": weight_decay,
                "alpha value": alpha,
            }
        )
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        names = ["square_avg"]
        if group["momentum"] > 0:
            names.append("momentum_buffer")
        if group["centered"]:
            names.append("grad_avg")
        return tuple(names)

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        advance(state)
        rmsprop_step(
            param,
            grad,
            state["square_avg"]._data,
            state["grad_avg"]._data if group["centered"] else None,
            state["momentum_buffer"]._data if group["momentum"] > 0 else None,
            group["lr"],
            group["alpha"],
            group["eps"],
            group["weight_decay"],
            group["momentum"],
            group["maximize"],
        )
