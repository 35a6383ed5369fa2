"""Adagrad and Adadelta: each element has a learning rate of its own, from the squares of its gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minitorch.backend.array_module import array_module
from minitorch.backend.primitives.optim_steps import adadelta_step, adagrad_step
from minitorch.core.tensor import Tensor, wrap
from minitorch.optim.per_parameter import PerParameter, advance, count, refuse_below_zero


class Adagrad(PerParameter):
    """Steps by the gradient over the root of the sum of all its squares: s = s + g², θ = θ - γₜ g / (√s + ε).

    Args:
        params: what to optimize; see :class:`Optimizer`.
        lr: learning rate γ.
        lr_decay: η in γₜ = γ / (1 + (t - 1) η).
        weight_decay: λ; λ θ is added to the gradient (the L2 penalty).
        initial_accumulator_value: s before the first step.
        eps: ε.
        maximize: climb instead of descending.
        foreach, fused: how PyTorch runs it; the results are the same, and so they make no difference here.
        differentiable: not supported.

    Raises:
        ValueError: an option is out of range.
        NotImplementedError: ``differentiable`` is set.

    Source: Duchi, Hazan, Singer, "Adaptive subgradient methods for online learning and stochastic optimization", 2011.

    >>> import minitorch as torch
    >>> w = torch.tensor([1., -2.], requires_grad=True)
    >>> optimizer = torch.optim.Adagrad([w], lr=0.1)
    >>> (w ** 2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.9000, -1.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        refuse_below_zero(
            {
                "learning rate": lr,
                "lr_decay value": lr_decay,
                "weight_decay value": weight_decay,
                "initial_accumulator_value value": initial_accumulator_value,
                "epsilon value": eps,
            }
        )
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:  # PyTorch's has its state from the beginning, and so have its checkpoints
            for param in group["params"]:
                self.state[param] = self._start(param, group)

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("sum",)

    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        total = array_module(param._data).full_like(param._data, float(self.defaults["initial_accumulator_value"]))
        return {"step": count(), "sum": wrap(total)}

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        lr = group["lr"] / (1 + (advance(state) - 1) * group["lr_decay"])
        adagrad_step(param, grad, state["sum"]._data, lr, group["eps"], group["weight_decay"], group["maximize"])


class Adadelta(PerParameter):
    """Steps by the gradient times the ratio of two running root mean squares: of past steps and of gradients.

    v = ρ v + (1 - ρ) g², δ = √(u + ε) / √(v + ε) g, u = ρ u + (1 - ρ) δ², θ = θ - γ δ.

    Args:
        params: what to optimize; see :class:`Optimizer`.
        lr: γ, scales the step.
        rho: ρ, how slowly the means forget.
        eps: ε.
        weight_decay: λ; λ θ is added to the gradient (the L2 penalty).
        maximize: climb instead of descending.
        foreach: how PyTorch runs it; the results are the same, and so it makes no difference here.
        capturable, differentiable: not supported.

    Raises:
        ValueError: an option is out of range.
        NotImplementedError: ``capturable`` or ``differentiable`` is set.

    Source: Zeiler, "ADADELTA: an adaptive learning rate method", 2012, arXiv:1212.5701.

    >>> import minitorch as torch
    >>> w = torch.tensor([1., -2.], requires_grad=True)
    >>> optimizer = torch.optim.Adadelta([w])
    >>> (w ** 2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.9968, -1.9968], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        refuse_below_zero({"learning rate": lr})
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        refuse_below_zero({"epsilon value": eps, "weight_decay value": weight_decay})
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("square_avg", "acc_delta")

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        advance(state)
        adadelta_step(
            param,
            grad,
            state["square_avg"]._data,
            state["acc_delta"]._data,
            group["lr"],
            group["rho"],
            group["eps"],
            group["weight_decay"],
            group["maximize"],
        )
