"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minitorch.backend.primitives.optim_steps import asgd_step
from minitorch.core.tensor import Tensor
from minitorch.optim.per_parameter import PerParameter, advance, count, refuse_below_zero


class ASGD(PerParameter):
    """Gradient descent that also keeps the average of the parameters from step ``t0`` on, in ``state[p]["ax"]``.

    θ = (1 - λ η) θ - η g with η = γ / (1 + λ γ t)^α; ā = ā + μ (θ - ā) with μ = 1 / max(1, t - t₀).

    Args:
        params: what to optimize; see :class:`Optimizer`.
        lr: learning rate γ.
        lambd: λ, decay.
        alpha: α, the power by which η falls.
        t0: t₀, where averaging begins.
        weight_decay: times θ, added to the gradient (the L2 penalty).
        maximize: climb instead of descending.
        foreach: how PyTorch runs it; the results are the same, and so it makes no difference here.
        capturable, differentiable: not supported.

    Raises:
        ValueError: an option is out of range.
        NotImplementedError: ``capturable`` or ``differentiable`` is set.

    Source: Polyak, Juditsky, "Acceleration of stochastic approximation by averaging", 1992.

    >>> import minitorch as torch
    >>> w = torch.tensor([1., -2.], requires_grad=True)
    >>> optimizer = torch.optim.ASGD([w], lr=0.1)
    >>> (w ** 2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.8000, -1.6000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        refuse_below_zero({"learning rate": lr, "weight_decay value": weight_decay})
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("ax",)

    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state = super()._start(param, group)
        return {"step": state["step"], "eta": count(group["lr"]), "mu": count(1.0), "ax": state["ax"]}

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        step, lr, lambd = advance(state), group["lr"], group["lambd"]
        eta, mu = state["eta"]._data, state["mu"]._data
        asgd_step(
            param,
            grad,
            state["ax"]._data,
            eta.item(),
            mu.item(),
            lambd,
            group["weight_decay"],
            group["maximize"],
        )
        # By way of the default dtype, as PyTorch rounds them, also where loading a checkpoint has made them float64.
        eta[...] = count(lr / (1 + lambd * lr * step) ** group["alpha"])._data.item()
        mu[...] = count(1 / max(1, step - group["t0"]))._data.item()
